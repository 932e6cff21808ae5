package people

import (
	"net/netip"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

func TestSameSeedSameCustomers(t *testing.T) {
	a, b := New(7, 300), New(7, 300)
	if !reflect.DeepEqual(a, b) {
		t.Fatal("the same seed gave other customers")
	}
	long := New(7, 500)
	if !reflect.DeepEqual(a.Customers, long.Customers[:300]) {
		t.Fatal("a larger population does not begin with the smaller one")
	}
	other := New(8, 300)
	if reflect.DeepEqual(a.Customers[0], other.Customers[0]) {
		t.Fatal("another seed gave the same customer")
	}
}

func TestEveryIdentifierIsOnePersons(t *testing.T) {
	p := New(1, 5000)
	seen := map[string]string{}
	claim := func(c *Customer, kind, value string) {
		t.Helper()
		if value == "" {
			t.Fatalf("%s has no %s", c.ID, kind)
		}
		if who, ok := seen[kind+value]; ok {
			t.Fatalf("%s and %s share a %s", who, c.ID, kind)
		}
		seen[kind+value] = c.ID
	}
	for i := range p.Customers {
		c := &p.Customers[i]
		claim(c, "id", c.ID)
		claim(c, "email", c.Email)
		claim(c, "phone", c.Phone)
		claim(c, "card", c.Card.Number)
		if c.IBAN != "" {
			claim(c, "iban", c.IBAN)
		}
		for _, d := range c.Devices {
			claim(c, "device", d.ID)
		}
		for _, o := range c.Orders {
			claim(c, "order", o.ID)
			claim(c, "tracking", o.Tracking)
			if o.Recipient != c.Name() || o.Ship != c.Address {
				t.Fatalf("an order of %s goes to somebody else", c.ID)
			}
		}
		if c.Index != i || p.Find(c.ID) != c {
			t.Fatalf("customer %d is not found by its identifier", i)
		}
	}
}

func TestValuesAreWellFormed(t *testing.T) {
	p := New(3, 5000)
	email := regexp.MustCompile(`^[a-z0-9._]+@(example\.(com|org|net)|(mail|inbox|post)\.example)$`)
	phone := regexp.MustCompile(`^\+[1-9][0-9]{8,14}$`)
	postcode := map[string]*regexp.Regexp{
		"US": regexp.MustCompile(`^\d{5}$`), "GB": regexp.MustCompile(`^[A-Z]{2}\d \d[A-Z]{2}$`),
		"CA": regexp.MustCompile(`^[A-Z]\d[A-Z] \d[A-Z]\d$`), "NL": regexp.MustCompile(`^\d{4} [A-Z]{2}$`),
		"BR": regexp.MustCompile(`^\d{5}-\d{3}$`), "JP": regexp.MustCompile(`^\d{3}-\d{4}$`),
		"AU": regexp.MustCompile(`^\d{4}$`), "IN": regexp.MustCompile(`^\d{6}$`),
	}
	ibanLength := map[string]int{"GB": 22, "DE": 22, "FR": 27, "ES": 24, "IT": 27, "NL": 18, "BR": 29}
	docs := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.51.100.0/24"),
		netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db8::/32")}
	countries := map[string]int{}
	for i := range p.Customers {
		c := &p.Customers[i]
		countries[c.Country]++
		if !email.MatchString(c.Email) {
			t.Errorf("%s: the e-mail address is not in an example domain", c.ID)
		}
		if !phone.MatchString(c.Phone) {
			t.Errorf("%s: the telephone number is not E.164", c.ID)
		}
		if !Luhn(c.Card.Number) || len(c.Card.Number) < 15 {
			t.Errorf("%s: the card fails the Luhn check", c.ID)
		}
		if n := ibanLength[c.Country]; len(c.IBAN) != n || n > 0 && !ValidIBAN(c.IBAN) {
			t.Errorf("%s: the IBAN is not one of %s", c.ID, c.Country)
		}
		if re := postcode[c.Country]; re != nil && !re.MatchString(c.Address.Postcode) {
			t.Errorf("%s: %q is no postcode of %s", c.ID, c.Address.Postcode, c.Country)
		}
		if c.Address.Country != c.Country || strings.Contains(c.Address.Street, "%") || len(c.Address.Lines()) < 2 {
			t.Errorf("%s: the address is not whole", c.ID)
		}
		if len(c.Orders) == 0 || len(c.Views) < 4 || len(c.Visits) < 2 || len(c.Searches) < 2 || len(c.Devices) == 0 {
			t.Errorf("%s lacks a history", c.ID)
		}
		for _, d := range c.Devices {
			a, err := netip.ParseAddr(d.IP)
			in := false
			for _, n := range docs {
				in = in || n.Contains(a)
			}
			if err != nil || !in {
				t.Errorf("%s: a device is outside the documentation networks", c.ID)
			}
		}
		for i, v := range c.Views {
			if i > 0 && !v.At.Before(c.Views[i-1].At) {
				t.Errorf("%s: views are not newest first", c.ID)
			}
		}
	}
	if len(countries) != 12 {
		t.Errorf("customers come from %d countries, want 12", len(countries))
	}
}

func TestTelephoneNumbersReachNobody(t *testing.T) {
	reserved := map[string]*regexp.Regexp{
		"US": regexp.MustCompile(`^\+1[2-9]\d\d55501\d\d$`),
		"CA": regexp.MustCompile(`^\+1[2-9]\d\d55501\d\d$`),
		"GB": regexp.MustCompile(`^\+44(7700900|1632960|2079460|(11[3-8]|1[2-6]1)4960|1914980|2896496)\d{3}$`),
		"DE": regexp.MustCompile(`^\+49(3023125|6990009|4066969|2214710|8999998)\d{3}$|^\+49176040690\d\d$`),
		"FR": regexp.MustCompile(`^\+33(19900|26191|35301|46571|53649|63998)\d{4}$`),
		"AU": regexp.MustCompile(`^\+61[2378](5550|7010)\d{4}$`),
		"IT": regexp.MustCompile(`^\+3908100\d{5}$`),
		"NL": regexp.MustCompile(`^\+31200\d{6}$`),
		"IN": regexp.MustCompile(`^\+91220\d{7}$`),
		"JP": regexp.MustCompile(`^\+8130\d{7}$`),
		"BR": regexp.MustCompile(`^\+55\d\d900\d{6}$`),
		"ES": regexp.MustCompile(`^\+348100\d{5}$`),
	}
	for _, c := range New(5, 3000).Customers {
		if !reserved[c.Country].MatchString(c.Phone) {
			t.Errorf("%s: the telephone number lies outside the blocks of %s", c.ID, c.Country)
		}
	}
}

func TestManyCustomersFindRoom(t *testing.T) {
	p := New(2, 25000)
	us := 0
	for _, c := range p.Customers {
		if c.Country == "US" {
			us++
		}
	}
	if us < 2000 {
		t.Errorf("only %d customers in the United States", us)
	}
}

func TestIdentifiers(t *testing.T) {
	for _, tc := range []struct {
		id    string
		index int
		ok    bool
	}{
		{"c-10001", 0, true}, {"c-15000", 4999, true}, {"c-10000", 0, false}, {"c-", 0, false},
		{"c-010001", 0, false}, {"c-1000x", 0, false}, {"x-10001", 0, false}, {"", 0, false},
		{"c-99999999999999999999", 0, false},
	} {
		if i, ok := Index(tc.id); i != tc.index || ok != tc.ok {
			t.Errorf("Index(%q) = %d, %v", tc.id, i, ok)
		}
	}
	if New(1, 5).Find("c-10006") != nil {
		t.Error("found a customer beyond the population")
	}
}

func TestChecksums(t *testing.T) {
	for s, want := range map[string]bool{"4242424242424242": true, "378282246310005": true, "4242424242424241": false, "": false} {
		if Luhn(s) != want {
			t.Errorf("Luhn(%q) = %v", s, !want)
		}
	}
	if got := WithLuhn("424242424242424"); got != "4242424242424242" {
		t.Errorf("WithLuhn gave %q", got)
	}
	for s, want := range map[string]bool{"GB29NWBK60161331926819": true, "DE89370400440532013000": true, "DE88370400440532013000": false, "DE89": false, "gb29nwbk60161331926819": false} {
		if ValidIBAN(s) != want {
			t.Errorf("ValidIBAN(%q) = %v", s, !want)
		}
	}
}

func TestCatalogueIsUnique(t *testing.T) {
	c := New(1, 0).Catalogue
	seen := map[string]bool{}
	for _, ti := range c.Titles {
		for _, v := range []string{ti.ID, ti.UUID, ti.Name} {
			if seen[v] {
				t.Errorf("two titles share %q", v)
			}
			seen[v] = true
		}
	}
	for _, p := range c.Products {
		for _, v := range []string{p.SKU, p.GTIN, p.Name} {
			if seen[v] {
				t.Errorf("two products share %q", v)
			}
			seen[v] = true
		}
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		New(1, 5000)
	}
}

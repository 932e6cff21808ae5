package actors

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"pgregory.net/rapid"

	"github.com/getweir/weir/internal/people"
)

var (
	crowd = people.New(1, 600)
	known = NewTruth(crowd.Customers)
)

// whoever gives the first customer that has what is asked for.
func whoever(t testing.TB, has func(*people.Customer) bool) *people.Customer {
	t.Helper()
	for i := range crowd.Customers {
		if has(&crowd.Customers[i]) {
			return &crowd.Customers[i]
		}
	}
	t.Fatal("no such customer")
	return nil
}

func judged(about int, text string) (clear, masked int) {
	c := known.NewCount()
	r := c.Reading(about)
	io.WriteString(r, text)
	r.Close()
	return c.Clear(), c.Masked()
}

func in(n int, s string) string { // groups of n
	var b strings.Builder
	for i, c := range s {
		if i > 0 && i%n == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(c)
	}
	return b.String()
}

func everyByte(s, format string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		fmt.Fprintf(&b, format, c)
	}
	return b.String()
}

func TestJudgeKnowsValuesInEveryForm(t *testing.T) {
	c := whoever(t, func(c *people.Customer) bool {
		return c.Country == "GB" && c.Card.Brand == "visa" && strings.Contains(c.Email, ".")
	})
	us := whoever(t, func(c *people.Customer) bool { return c.Country == "US" })
	amex := whoever(t, func(c *people.Customer) bool { return c.Card.Brand == "amex" })
	nested, _ := json.Marshal(`{"email":"` + c.Email + `"}`)
	p := us.Phone
	for name, text := range map[string]string{
		"email":                   c.Email,
		"email in capitals":       strings.ToUpper(c.Email),
		"email in a link":         `<a href="mailto:` + c.Email + `?subject=x">`,
		"email in prose":          "Write to " + c.Email + ".",
		"email in brackets":       "<" + c.Email + ">",
		"email run together":      "user-" + c.Email + "-old",
		"email percent-encoded":   "q=" + url.QueryEscape(c.Email),
		"email all percent":       everyByte(c.Email, "%%%02x"),
		"email twice percent":     url.QueryEscape(url.QueryEscape(c.Email)),
		"email JSON-escaped":      `"` + strings.ReplaceAll(c.Email, "@", `\u0040`) + `"`,
		"email all JSON-escaped":  `"` + everyByte(c.Email, `\u%04x`) + `"`,
		"email as entities":       everyByte(c.Email, "&#%d;"),
		"email as hex entities":   everyByte(c.Email, "&#x%X;"),
		"email by name":           strings.ReplaceAll(c.Email, "@", "&commat;"),
		"email in JSON in JSON":   string(nested),
		"phone":                   c.Phone,
		"phone as entity":         html.EscapeString(c.Phone) + " " + strings.Replace(c.Phone, "+", "&#43;", 1),
		"phone spaced":            c.Phone[:3] + " " + c.Phone[3:7] + " " + c.Phone[7:],
		"phone with 00":           "00" + c.Phone[1:],
		"phone national":          "0" + c.Phone[3:],
		"phone national spaced":   "0" + c.Phone[3:7] + " " + c.Phone[7:],
		"phone with (0)":          "+44 (0)" + c.Phone[3:],
		"phone in a form":         "phone=%2B" + c.Phone[1:],
		"phone as a number":       `{"phone":` + c.Phone[1:] + `}`,
		"phone of North America":  "(" + p[2:5] + ") " + p[5:8] + "-" + p[8:],
		"phone with dots":         p[2:5] + "." + p[5:8] + "." + p[8:],
		"card":                    c.Card.Number,
		"card as a number":        `{"card_number":` + c.Card.Number + `,"exp_month":4}`,
		"card in fours":           in(4, c.Card.Number),
		"card with hyphens":       strings.ReplaceAll(in(4, c.Card.Number), " ", "-"),
		"card with hard spaces":   strings.ReplaceAll(in(4, c.Card.Number), " ", "\u00a0"),
		"card with entity spaces": strings.ReplaceAll(in(4, c.Card.Number), " ", "&nbsp;"),
		"card before its date":    in(4, c.Card.Number) + " 12/29",
		"card of fifteen digits":  amex.Card.Number[:4] + " " + amex.Card.Number[4:10] + " " + amex.Card.Number[10:],
		"iban":                    c.IBAN,
		"iban in fours":           in(4, c.IBAN),
		"iban in small letters":   strings.ToLower(c.IBAN),
		"iban with plus signs":    strings.ReplaceAll(in(4, c.IBAN), " ", "+"),
		"order number":            "Your order " + c.Orders[0].ID + " is on its way",
		"parcel number":           c.Orders[0].Tracking,
		"device":                  `"` + c.Devices[0].ID + `"`,
	} {
		if clear, masked := judged(-1, text); clear != 1 || masked != 0 {
			t.Errorf("%s: %d in clear, %d masked", name, clear, masked)
		}
	}
}

func TestJudgeKnowsRecords(t *testing.T) {
	c := whoever(t, func(c *people.Customer) bool { return strings.Contains(c.Views[0].Title, "&") })
	d := whoever(t, func(d *people.Customer) bool { return d.Country == "BR" })
	other := &crowd.Customers[599]
	shared := `"first_name":"` + c.FirstName + `"`
	for name, tc := range map[string]struct {
		about         int
		text          string
		clear, masked int
	}{
		"a first name is nobody's":         {-1, `{` + shared + `}`, 0, 0},
		"a first name in a record":         {-1, `{"id":"` + c.ID + `",` + shared + `}`, 1, 0},
		"a first name in an asked record":  {c.Index, `{` + shared + `}`, 1, 0},
		"a first name in another's record": {-1, `{"id":"` + other.ID + `",` + shared + `}`, 0, 1},
		"a masked record":                  {-1, `{"id":"` + c.ID + `","email":"***@*******.***","first_name":"*****","card_number":"************4242"}`, 0, 1},
		"a blank history":                  {-1, `{"customer_id":"` + c.ID + `","viewing_history":[{"title":"*","watched_at":"*","position_ms":0}]}`, 0, 1},
		"a history":                        {-1, `{"customer_id":"` + c.ID + `","viewing_history":[{"title":"` + c.Views[1].Title + `"}]}`, 1, 0},
		"a history with an ampersand":      {-1, `{"customer_id":"` + c.ID + `","viewing_history":[{"title":"` + strings.ReplaceAll(c.Views[0].Title, "&", `\u0026`) + `"}]}`, 1, 0},
		"a title of the catalogue":         {-1, `{"title":"` + c.Views[0].Title + `"}`, 0, 0},
		"a street with a comma":            {-1, d.ID + `,"` + d.Address.Street + `"`, 1, 0},
		"a page":                           {-1, `<main data-customer="` + c.ID + `"><dd>` + html.EscapeString(c.Name()) + `</dd>`, 1, 0},
		"a street in a page":               {-1, `<td>` + c.ID + `</td><td>` + html.EscapeString(c.Address.Street) + `<br>`, 1, 0},
		"a birth date":                     {-1, c.ID + "," + c.Born, 1, 0},
		"a time":                           {-1, `{"customer_id":"` + c.ID + `","at":` + moments(c.Views[0].At)[2] + `}`, 1, 0},
		"only an identifier":               {-1, `{"id":"` + c.ID + `","plan":"premium","city":"` + c.Address.City + `"}`, 0, 1},
		"an identifier within a word":      {-1, "abc-10001 c-100011 c-10001x", 0, 0},
		"an identifier in a URL":           {-1, `https://shop.example/v1/customers/` + c.ID + `/orders`, 0, 1},
		"two records":                      {-1, `{"id":"` + c.ID + `","email":"*"},{"id":"` + other.ID + `","email":"` + other.Email + `"}`, 1, 1},
		"nobody here":                      {-1, `{"id":"c-99999","email":"nobody@example.com","phone":"+447700999999"}`, 0, 0},
		"nothing":                          {-1, "", 0, 0},
	} {
		if clear, masked := judged(tc.about, tc.text); clear != tc.clear || masked != tc.masked {
			t.Errorf("%s: %d in clear and %d masked, want %d and %d", name, clear, masked, tc.clear, tc.masked)
		}
	}
}

func TestJudgeMovesNobodyBack(t *testing.T) {
	c := &crowd.Customers[5]
	n := known.NewCount()
	for _, text := range []string{c.ID, c.ID + " " + c.Email, c.ID} {
		r := n.Reading(-1)
		io.WriteString(r, text)
		r.Close()
	}
	if n.Clear() != 1 || n.Masked() != 0 {
		t.Errorf("%d in clear, %d masked", n.Clear(), n.Masked())
	}
	if lost := n.Lost(); len(lost) != 1 || lost[0] != c.ID {
		t.Errorf("lost: %d customers", len(lost))
	}
}

// No form of one customer's numbers may be another's, or the judge would count
// the wrong one.
func TestFormsBelongToOneCustomer(t *testing.T) {
	owner := map[string]string{}
	for _, c := range people.New(20260601, 5000).Customers {
		for _, f := range append(phoneForms(c.Country, c.Phone), c.Card.Number) {
			if who, ok := owner[f]; ok && who != c.ID {
				t.Errorf("%s and %s share a form of a number", who, c.ID)
			}
			owner[f] = c.ID
		}
	}
}

func response(body io.Reader, header http.Header) *http.Response {
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{StatusCode: 200, Header: header, Body: io.NopCloser(body)}
}

func TestJudgeReadsWholeResponses(t *testing.T) {
	a, b, c := &crowd.Customers[1], &crowd.Customers[2], &crowd.Customers[3]
	n := known.NewCount()
	res := response(strings.NewReader(b.Email), http.Header{"Location": {"/login?user=" + url.QueryEscape(a.Email)}})
	res.Trailer = http.Header{"X-Note": {c.Phone}}
	if err := n.Receive(res, -1); err != nil {
		t.Fatal(err)
	}
	if n.Clear() != 3 {
		t.Errorf("%d of header, body and trailer counted", n.Clear())
	}
	if n.Bytes() != int64(len(b.Email)) {
		t.Errorf("%d bytes counted", n.Bytes())
	}
}

func zipped(s string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	io.WriteString(z, s)
	z.Flush() // so that all of it can be read before the end
	z.Close()
	return b.Bytes()
}

func TestJudgeReadsGzip(t *testing.T) {
	text := crowd.Customers[1].Email + "\n" + crowd.Customers[2].Email + "\n"
	once, twice := zipped(text), zipped(string(zipped(text)))
	for _, tc := range []struct {
		name, coding string
		body         []byte
		clear        int
		broken       bool
	}{
		{"gzip", "gzip", once, 2, false},
		{"gzip twice", "gzip, gzip", twice, 2, false},
		{"gzip without its end", "gzip", once[:len(once)-9], 2, true},
		{"gzip that is none", "gzip", []byte(text), 0, true},
		{"an unknown coding that is plain text", "br", []byte(text), 2, false},
	} {
		n := known.NewCount()
		err := n.Receive(response(bytes.NewReader(tc.body), http.Header{"Content-Encoding": {tc.coding}}), -1)
		if n.Clear() != tc.clear || (err != nil) != tc.broken {
			t.Errorf("%s: %d in clear, error %v", tc.name, n.Clear(), err)
		}
	}
}

// brokenBody gives its text and then an error.
type brokenBody struct{ io.Reader }

func (b brokenBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func TestJudgeCountsWhatBrokeOff(t *testing.T) {
	n := known.NewCount()
	err := n.Receive(response(brokenBody{strings.NewReader(crowd.Customers[1].Email + `","id`)}, nil), -1)
	if !errors.Is(err, io.ErrUnexpectedEOF) || n.Clear() != 1 {
		t.Errorf("%d in clear, error %v", n.Clear(), err)
	}
}

// What the judge says must not depend on how the bytes were cut.
func TestCutsDoNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b strings.Builder
		for range rapid.IntRange(0, 6).Draw(t, "pieces") {
			c := &crowd.Customers[rapid.IntRange(0, len(crowd.Customers)-1).Draw(t, "customer")]
			v := rapid.SampledFrom([]string{c.ID, c.Email, c.Phone, in(4, c.Card.Number), c.IBAN, c.Views[0].Title, c.Name()}).Draw(t, "value")
			switch rapid.IntRange(0, 4).Draw(t, "form") {
			case 1:
				v = url.QueryEscape(v)
			case 2:
				v = everyByte(v, `\u%04x`)
			case 3:
				v = everyByte(v, "&#%d;")
			case 4:
				v = base64.StdEncoding.EncodeToString([]byte(v))
			}
			b.WriteString(v + rapid.SampledFrom([]string{`","`, "\r\n", " ", "<br>", strings.Repeat("x", 900), "%", `\`, "&"}).Draw(t, "between"))
		}
		text := b.String()
		clear, masked := judged(-1, text)
		n := known.NewCount()
		r := n.Reading(-1)
		for len(text) > 0 {
			k := rapid.IntRange(1, len(text)).Draw(t, "cut")
			io.WriteString(r, text[:k])
			text = text[k:]
		}
		r.Close()
		if n.Clear() != clear || n.Masked() != masked {
			t.Fatalf("%d and %d in pieces, %d and %d as a whole", n.Clear(), n.Masked(), clear, masked)
		}
	})
}

func FuzzJudge(f *testing.F) {
	c := &crowd.Customers[0]
	f.Add([]byte(`{"id":"`+c.ID+`","email":"`+c.Email+`"}`), 7)
	f.Add([]byte(everyByte(c.Email, `\u%04x`)+c.ID), 1)
	f.Add([]byte(`&#x0010FFFF;&#99999999999;\ud83d\ude00%4%zz&&&;\`), 3)
	f.Add([]byte("c-10001@@@....a@b.c----4242 4242 4242 4242 GB00TEST"), 5)
	f.Fuzz(func(t *testing.T, text []byte, cut int) {
		clear, masked := judged(-1, string(text))
		if clear+masked > len(crowd.Customers) {
			t.Fatal("more customers than there are")
		}
		n := known.NewCount()
		r := n.Reading(-1)
		if cut = max(cut, 1); cut < len(text) {
			r.Write(text[:cut])
			text = text[cut:]
		}
		for _, b := range text {
			r.Write([]byte{b})
		}
		r.Close()
		if n.Clear() != clear || n.Masked() != masked {
			t.Fatal("cuts matter")
		}
	})
}

func BenchmarkJudge(b *testing.B) {
	records, err := json.Marshal(crowd.Customers[:100])
	if err != nil {
		b.Fatal(err)
	}
	n := known.NewCount()
	b.SetBytes(int64(len(records)))
	for b.Loop() {
		r := n.Reading(-1)
		r.Write(records)
		r.Close()
	}
}

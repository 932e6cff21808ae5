package inspect

import (
	"regexp"
	"strings"
	"testing"

	"github.com/getweir/weir"
)

// TestRules holds each rule to its own cases.
func TestRules(t *testing.T) {
	if len(rules) > maxRules || int(mRules)+len(ruleTab.sets)-1 > int(lastRules) {
		t.Fatalf("%d rules and %d sets of them are too many", len(rules), len(ruleTab.sets))
	}
	for _, r := range rules {
		if r.class == "" || r.source == "" || r.keys == "" || len(r.valid) == 0 || len(r.invalid) == 0 {
			t.Errorf("incomplete: %s", r.class)
		}
		try := func(s string) proof {
			var buf [64]byte
			v, _ := compact(buf[:], []byte(s))
			return r.check(v)
		}
		sure := false
		for _, s := range r.valid {
			p := try(s)
			sure = sure || p == checked
			if p == refuted {
				t.Errorf("%s refuses %s", r.class, s)
			}
		}
		if sure != r.checked {
			t.Errorf("%s: a checksum is said to be there (%v) and shows (%v)", r.class, r.checked, sure)
		}
		for _, s := range r.invalid {
			if try(s) != refuted {
				t.Errorf("%s takes %s", r.class, s)
			}
		}
		for n := range 40 {
			for _, c := range []string{"0", "9", "A", "Z", "é"} {
				try(strings.Repeat(c, n)) // no length or letter breaks it
			}
		}
	}
}

// TestRulesByContext holds each rule to what its key, a word or a chosen country does
// to it.
func TestRulesByContext(t *testing.T) {
	in := inspector(t, Config{})
	for i, r := range rules {
		for _, v := range r.valid {
			key := r.phrases()[0]
			body := `{"` + key + `":"` + v + `"}`
			seg := weir.Segment{Syntax: weir.JSON, Body: []byte(body), Record: true}
			var report Report
			if err := in.Inspect(&report, &seg, nil); err != nil || len(report.Findings) != 1 {
				t.Errorf("%s: %v %v", body, report.Findings, err)
				continue
			}
			f := report.Findings[0]
			if f.Class != r.class || f.Confidence != weir.SureMatch || body[f.Start:f.End] != v || f.Checked && !r.checked {
				t.Errorf("%s: %+v", body, f)
			}
			if strings.Trim(v, "0123456789") == "" && v[0] != '0' {
				if got := show(t, in, weir.Segment{Syntax: weir.JSON, Body: []byte(`{"` + key + `":` + v + `}`), Record: true}); got != short(r.class)+"="+v {
					t.Errorf("%s as a number: %s", r.class, got)
				}
			}
			if r.forms == "" {
				continue
			}
			if strings.Trim(v, "0123456789-. /") != "" && !regexp.MustCompile(`\d{6}`).MatchString(v) {
				continue // found by key, or where letters and digits meet
			}
			word := strings.ReplaceAll(key, "_", " ")
			text := "his " + word + " is " + v + ", he said"
			seg = weir.Segment{Syntax: weir.Text, Body: []byte(text)}
			if err := in.Inspect(&report, &seg, nil); err != nil {
				t.Fatal(err)
			}
			if len(report.Findings) != 1 || report.Findings[0].Class != r.class || text[report.Findings[0].Start:report.Findings[0].End] != v {
				t.Errorf("%s: %+v", text, report.Findings)
			}
		}
		for _, v := range r.invalid {
			body := `{"` + r.phrases()[0] + `":"` + v + `"}`
			got := show(t, in, weir.Segment{Syntax: weir.JSON, Body: []byte(body), Record: true})
			if strings.Contains(got, short(r.class)+"=") {
				t.Errorf("%d %s: %s", i, body, got)
			}
		}
	}
}

func TestIdentityTraps(t *testing.T) {
	in := inspector(t, Config{})
	for _, text := range []string{
		// Bare numbers that pass somebody's check.
		"123456782 111222333 12345678909 943476591 9434765919 234123412346 44051401359 8112189876 12345678Z 11222333000181",
		"order 123-45-6789-1 part 536-22-12345 x536-22-1234 536-22-1234-7",
		"order number 12345678909, invoice 529.982.247-25",
		"fingerprint 00:00:5e:00:53:01:aa:bb:cc:dd at 12:34:56",
		"ratio 51.4779,-0.0015 of 12.3456,78.9012",
		"version 756.9217.0769.85",
	} {
		if got := show(t, in, weir.Segment{Syntax: weir.Text, Body: []byte(text)}); got != "" {
			t.Errorf("%s: %s", text, got)
		}
	}
	for _, body := range []string{
		`{"id":"11222333000181","ref":"123456782","sku":"AB123456C","tracking_number":"536-22-1234","ids":[123456782,44051401359]}`,
		`{"lat":12,"lon":"east","exp":1767225600,"expires":"2027-08-01","swift":"language","account_number":"12345678","code":"123","aba":"cadabra"}`,
		`{"ssn":"***-**-****","cpf":"","imei":0,"lat":0,"lon":0,"bic":"*******"}`,
	} {
		if got := show(t, in, weir.Segment{Syntax: weir.JSON, Body: []byte(body), Record: true}); got != "" {
			t.Errorf("%s: %s", body, got)
		}
	}
}

func TestIdentityForms(t *testing.T) {
	in := inspector(t, Config{})
	for _, c := range []struct{ text, want string }{
		{"he is 536-22-1234, she 123.456.789-09", "ssn=536-22-1234 | cpf=123.456.789-09"},
		{"customerSsn=536221234 billToPhone=2125550123", "ssn=536221234 | phone=2125550123"},
		{"socialSecurityNumber=536-22-1234", "ssn=536-22-1234"},
		{"SSN: 536221234", "ssn=536221234"},
		{"ssn 536 22 1234", "ssn=536 22 1234"},
		{"her social security number is 536-22-1234", "ssn=536-22-1234"},
		{"cnpj 11222333000181", "cnpj=11222333000181"},
		{"11.222.333/0001-81", "cnpj=11.222.333/0001-81"},
		{"AHV 756.9217.0769.85", "ahv=756.9217.0769.85"},
		{"born 1990-02-28 in Exampleton", "birth_date=1990-02-28"},
		{"date of birth: 28/02/1990", "birth_date=28/02/1990"},
		{"geboren, Geburtsdatum 28.02.1990", "birth_date=28.02.1990"},
		{"gps 51.4779,-0.0015", "gps=51.4779,-0.0015"},
		{"coordinates: 51.47790,-0.00150 (here)", "gps=51.47790,-0.00150"},
		{"link 00:00:5e:00:53:01 up", "mac=00:00:5e:00:53:01"},
		{"routing number 121000248", "bank_account=121000248"},
		{"sort code 12-34-56", "bank_account=12-34-56"},
		{"imei 490154203237518", "imei=490154203237518"},
		{"card 4242 4242 4242 4242 exp 08/27 cvv 123", "card=4242 4242 4242 4242 | expiry=08/27 | cvv=123"},
		{"4242424242424242|08/27|123", "card=4242424242424242 | expiry=08/27 | cvv=123"},
		{"number 13105-2 or 131052-308T", "hetu=131052-308T"},
		{"codice fiscale RSSMRA85T10A562S or PAN ABCPE1234F", "codice_fiscale=RSSMRA85T10A562S | pan=ABCPE1234F"},
		{"Refund it to IBAN LU68-543J-K9F4-99J1-M64G, BIC: BCEELULL or SWIFT code is DEUTDEFF500.", "iban=LU68-543J-K9F4-99J1-M64G | bic=BCEELULL | bic=DEUTDEFF500"},
		{"his iban: RO19 CUKJ 5L21 78J2 5843 TN99", "iban=RO19 CUKJ 5L21 78J2 5843 TN99"},
		{"the swift PACKAGES, SWIFT is great", ""},
		{"The card number was 4242.4236.8993.0687, he said", "card=4242.4236.8993.0687"},
		{"sku=929-991-3121 pan card LZMPV8899V", "pan=LZMPV8899V"},
		{"hetu is 010594-9036, IBAN DE89 3704 0044 0532 0130 00, BIC COBADEFFXXX", "iban=DE89 3704 0044 0532 0130 00 | bic=COBADEFFXXX"},
		{"4500 4e00 5700 6000 6900 7200 7b00 and 62626200 62626208 62626210 62626218", ""},
		{"5420 5421 5422 5423 5424 5425 5426; 543E 5426 544E", ""},
		{"5414 5415 5416 5417", ""},
		{"0399 0308 0301, \"01:02-03-04-05-06\"", ""},
		{"00000010: 23222120 27262524 2b2a2928", ""},
		{"ff 50 4b 03 04 14 00 00 00, 55 04 0a 01 06 03 55 04 03", ""},
		{"{\"call_gmon_start\", 2, 0, false, 0, 13, 4195340}", ""},
		{"Decimal('+35236450.6') dll callback (12/23/2005)", ""},
		{"mail +1.2125550123", "phone=+1.2125550123"},
		{"valid until next year. 手机: 10 1234 0011", "phone=10 1234 0011"},
		{"DNI 12345678Z, NIE X1234567L", "dni=12345678Z | nie=X1234567L"},
		{"HEGG560427MVZRRL04 and 11010519491231002X", "curp=HEGG560427MVZRRL04 | resident_id=11010519491231002X"},
		{"passport C01234567 and passport no. 533401234", "passport=C01234567 | passport=533401234"},
		{"P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10", "passport=P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10"},
		{"I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<\nD231458907UTO7408122F1204159<<<<<<<6", "passport=I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<\nD231458907UTO7408122F1204159<<<<<<<6"},
		{"I<UTOD231458907<<<<<<<<<<<<<<<\n7408122F1204159UTO<<<<<<<<<<<6", "passport=I<UTOD231458907<<<<<<<<<<<<<<< | passport=7408122F1204159UTO<<<<<<<<<<<6"},
		{"L898902C36UTO7408122F1204159ZE184226B<<<<<11", ""},
	} {
		if got := show(t, in, weir.Segment{Syntax: weir.Text, Body: []byte(c.text)}); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.text, got, c.want)
		}
	}
	for _, c := range []struct{ body, want string }{
		{`{"lat":51.4779,"lng":-0.0015}`, "gps=51.4779 | gps=-0.0015"},
		{`{"latitude":"51.4779","longitude":"-0.0015"}`, "gps=51.4779 | gps=-0.0015"},
		{`{"lat":51.4779}`, ""},
		{`{"coordinates":[-0.0015,51.4779]}`, "gps=-0.0015 | gps=51.4779"},
		{`{"location":{"gps":"51.4779,-0.0015"}}`, "gps=51.4779,-0.0015"},
		{`{"card":{"number":"4242424242424242","exp_month":8,"exp_year":2027,"cvc":"123"}}`, "card=4242424242424242 | expiry=8 | expiry=2027 | cvv=123"},
		{`{"bank_name":"First Example","account_number":"000123456789","routing_number":"121000248"}`, "bank_account=000123456789 | bank_account=121000248"},
		{`{"postcode":"EX1 1EX"}`, "postcode=EX1 1EX"},
		{`{"idfa":"not-a-uuid-17"}`, "id=not-a-uuid-17"},
		{`{"name":"Jo Example","ssn":"536-22-1234"}`, "name=Jo Example | ssn=536-22-1234"},
		{`{"iban":"RO51YFYKHVH7R86VDJF97KVO","x":{"IBAN":"RO51 YFYK HVH7 R86V DJF9 7KVO"}}`, "iban=RO51YFYKHVH7R86VDJF97KVO | iban=RO51 YFYK HVH7 R86V DJF9 7KVO"},
		{`{"body":"Please call 020 555 0558. Numer telefonu: 22 123 04 41"}`, "phone=020 555 0558 | phone=22 123 04 41"},
		{`{"text":"电话：1012340823, 手机号码是159-0000-0883"}`, "phone=1012340823 | phone=159-0000-0883"},
		{`{"card_expiry":"09-32","expires":"08/27","security_code":"123"}`, "expiry=09-32 | expiry=08/27 | cvv=123"},
		{`{"pan":"5555.5515.5560.6367"}`, "card=5555.5515.5560.6367"},
		{`{"银行卡号":"4000006723834870716"}`, "card=4000006723834870716"},
		{`{"name":"Brass Clock","lat_lng":"30.0123,-75.2101"}`, "gps=30.0123,-75.2101"},
		{`{"henkilotunnus":"280481-1284"}`, ""},
		{`{"mrz":"P273175130UTO5605042F3405190<<<<<<<1"}`, ""},
		{`{"mrz":"L898902C36UTO7408122F1204159ZE184226B<<<<<10"}`, "passport=L898902C36UTO7408122F1204159ZE184226B<<<<<10"},
		{`{"mrz":"I<UTOD231458907<<<<<<<<<<<<<<<\n7408122F1204159UTO<<<<<<<<<<<6\nERIKSSON<<ANNA<MARIA<<<<<<<<<<"}`, `passport=I<UTOD231458907<<<<<<<<<<<<<<<\n7408122F1204159UTO<<<<<<<<<<<6\nERIKSSON<<ANNA<MARIA<<<<<<<<<<`},
		{`{"pan":"ABCPE1234F"}`, "pan=ABCPE1234F"},
		{`{"pan":"4242424242424242"}`, "card=4242424242424242"},
		{`{"nif":"12345678Z"}`, "dni=12345678Z"},
		{`{"nif":"123456789"}`, "nif=123456789"},
		{`{"taxId":"86095742719","tax_number":"RSSMRA85T10A562S"}`, "tax_id=86095742719 | codice_fiscale=RSSMRA85T10A562S"},
		{`{"customerSSN":"536-22-1234 (checked)"}`, "ssn=536-22-1234"},
		{`{"身份证号":"11010519491231002X","주민등록번호":"820701-2409181","マイナンバー":"123456789018"}`, "resident_id=11010519491231002X | rrn=820701-2409181 | my_number=123456789018"},
	} {
		if got := show(t, in, weir.Segment{Syntax: weir.JSON, Body: []byte(c.body), Record: true}); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.body, got, c.want)
		}
	}
}

func TestChosenCountries(t *testing.T) {
	for _, c := range []struct{ country, text, want string }{
		{"NL", "111222333", "bsn=111222333"},
		{"BR", "12345678909", "cpf=12345678909"},
		{"ES", "12345678Z", "dni=12345678Z"},
		{"DE", "123.456.789-09 86095742719", "cpf=123.456.789-09 | tax_id=86095742719"},
		{"IN", "2341 2341 2346", "aadhaar=2341 2341 2346"},
		{"PL", "111222333", ""},
	} {
		in := inspector(t, Config{Countries: []string{c.country}})
		if got := show(t, in, weir.Segment{Syntax: weir.Text, Body: []byte(c.text)}); got != c.want {
			t.Errorf("%s: %s\n got %s\nwant %s", c.country, c.text, got, c.want)
		}
	}
}

// FuzzNumbers strings numbers and what may stand between them together, and compares
// what is found with a reading that tries every stretch of the text on every rule:
// whatever is found of a rule is a number by its check, and stands where the check
// says so.
func FuzzNumbers(f *testing.F) {
	for _, r := range rules {
		for _, v := range r.valid {
			f.Add("his " + r.phrases()[0] + " is " + v + " or " + r.invalid[0])
		}
	}
	f.Add("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10")
	f.Add("4242424242424242|08/27|123 gps 51.4779,-0.0015 born 28.02.1990 00:00:5e:00:53:01")
	f.Add("电话：1012340823 手机号码是159-0000-0883 IBAN DE89 3704 0044 0532 0130 00 BIC COBADEFFXXX")
	in := inspector(f, Config{Unsure: true, Countries: []string{"US", "GB", "NL", "BE", "SE", "DK", "FI", "BR", "IN"}})
	f.Fuzz(func(t *testing.T, text string) {
		var r Report
		seg := weir.Segment{Syntax: weir.Text, Body: []byte(text)}
		if err := in.Inspect(&r, &seg, nil); err != nil {
			t.Fatal(err)
		}
		check(t, &seg, &r)
		for _, x := range r.Findings {
			if x.Detector != "rule" || strings.ContainsAny(text, "%\u200b\ufeff") || !ascii(text) {
				continue
			}
			ok := false
			for _, rule := range rules {
				var buf [maxPlain]byte
				v, _ := compact(buf[:], seg.Body[x.Start:x.End])
				p := rule.check(v)
				ok = ok || rule.class == x.Class && p != refuted && (p == checked) == x.Checked
			}
			if !ok {
				t.Fatalf("%s: %q does not pass its check", x.Class, text[x.Start:x.End])
			}
			if x.Start > 0 && alnum(text[x.Start-1]) || x.End < len(text) && alnum(text[x.End]) {
				t.Fatalf("%s: %q is a part of a word in %q", x.Class, text[x.Start:x.End], text)
			}
		}
	})
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

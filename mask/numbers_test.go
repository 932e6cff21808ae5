package mask_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/getweir/weir"
	"github.com/getweir/weir/inspect"
	"github.com/getweir/weir/mask"
)

// numbers has a number of each kind that package inspect knows by rules, a key that
// names it, and its blank.
var numbers = []struct{ class, key, value, blank string }{
	{"identity.us.ssn", "ssn", "536-22-1234", "***-**-****"},
	{"identity.us.itin", "itin", "912-70-1234", "***-**-****"},
	{"identity.gb.nhs", "nhs_number", "943 476 5919", "*** *** ****"},
	{"identity.gb.nino", "nino", "JG 10 37 59 A", "** ** ** ** *"},
	{"identity.ie.pps", "ppsn", "1234567FA", "*********"},
	{"identity.fr.nir", "nir", "1 85 05 78 006 084 91", "* ** ** ** *** *** **"},
	{"identity.de.tax_id", "steuer_id", "86 095 742 719", "** *** *** ***"},
	{"identity.es.dni", "dni", "12345678-Z", "********-*"},
	{"identity.es.nie", "nie", "X-1234567-L", "*-*******-*"},
	{"identity.it.codice_fiscale", "codice_fiscale", "RSSMRA85T10A562S", "****************"},
	{"identity.nl.bsn", "bsn", "1234.56.782", "****.**.***"},
	{"identity.be.nn", "rijksregisternummer", "85.07.30-033.28", "**.**.**-***.**"},
	{"identity.pl.pesel", "pesel", "44051401359", "***********"},
	{"identity.se.personnummer", "personnummer", "811218-9876", "******-****"},
	{"identity.dk.cpr", "cpr", "211062-5629", "******-****"},
	{"identity.fi.hetu", "hetu", "131052-308T", "******-****"},
	{"identity.no.fodselsnummer", "fodselsnummer", "010107 50160", "****** *****"},
	{"identity.pt.nif", "contribuinte", "123 456 789", "*** *** ***"},
	{"identity.ro.cnp", "cnp", "1800101221144", "*************"},
	{"identity.ch.ahv", "ahv", "756.9217.0769.85", "***.****.****.**"},
	{"identity.in.aadhaar", "aadhaar", "2341 2341 2346", "**** **** ****"},
	{"identity.in.pan", "pan", "ABCPE1234F", "**********"},
	{"identity.cn.resident_id", "身份证号", "11010519491231002X", "******************"},
	{"identity.jp.my_number", "my_number", "1234-5678-9018", "****-****-****"},
	{"identity.kr.rrn", "rrn", "820701-2409181", "******-*******"},
	{"identity.br.cpf", "cpf", "123.456.789-09", "***.***.***-**"},
	{"identity.br.cnpj", "cnpj", "12.ABC.345/01DE-35", "**.***.***/****-**"},
	{"identity.mx.curp", "curp", "HEGG560427MVZRRL04", "******************"},
	{"identity.au.tfn", "tfn", "123 456 782", "*** *** ***"},
	{"identity.au.medicare", "medicare", "2123 45670 1", "**** ***** *"},
	{"identity.passport", "passport_number", "C01234567", "*********"},
	{"payment.bank_account", "routing_number", "121000248", "*********"},
	{"payment.bank_account", "sort_code", "12-34-56", "**-**-**"},
	{"payment.bank_account", "kontonummer", "000123456789", "************"},
	{"payment.bic", "bic", "DEUTDEFF500", "***********"},
	{"payment.cvv", "cvv", "123", "***"},
	{"payment.expiry", "card_expiry", "08/27", "**/**"},
	{"device.imei", "imei", "35-209900-176148-1", "**-******-******-*"},
	{"device.advertising_id", "idfa", "7c9e6679-7425-40de-944b-e07fc1f90ae7", "********-****-****-****-************"},
	{"network.mac", "mac", "00:00:5e:00:53:01", "**:**:**:**:**:**"},
	{"location.gps", "gps", "51.4779,-0.0015", "**.****,-*.****"},
	{"contact.postcode", "postcode", "EX1 1EX", "*** ***"},
}

// TestLaw9Numbers holds numbers to law 9: of none of them anything stays, and none of
// their blanks is found again, in any syntax. The last digits of a person's number
// are what help desks ask for, so these are not kept either.
func TestLaw9Numbers(t *testing.T) {
	in, err := inspect.New(inspect.Config{Unsure: true, Countries: []string{"US", "GB", "DE", "FR", "NL", "BE", "SE", "IN", "AU", "PT", "BR"}})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, n := range numbers {
		seen[n.class] = true
		docs := []weir.Segment{
			{Syntax: weir.JSON, Body: []byte(`{"` + n.key + `":"` + n.value + `"}`), Record: true},
			{Syntax: weir.CSV, Body: []byte("\"" + n.value + "\"\r\n"), Columns: []string{n.key}, Record: true},
			{Syntax: weir.HTML, Body: []byte("<dl><dt>" + n.key + "</dt><dd>" + n.value + "</dd></dl>"), Record: true},
			{Syntax: weir.Header, Body: []byte(n.value), Name: "X-" + strings.ReplaceAll(n.key, "_", "-")},
		}
		for _, seg := range docs {
			var r inspect.Report
			if err := in.Inspect(&r, &seg, nil); err != nil || len(r.Findings) != 1 || string(r.Findings[0].Class) != n.class {
				t.Errorf("%s: %s: %v %v", seg.Syntax, seg.Body, r.Findings, err)
				continue
			}
			want := strings.Replace(string(seg.Body), n.value, n.blank, 1)
			out := mask.Append(nil, &seg, r.Findings, nil)
			if string(out) != want {
				t.Errorf("%s: %s became %s, not %s", seg.Syntax, seg.Body, out, want)
			}
			seg.Body = out
			if err := in.Inspect(&r, &seg, nil); err != nil || len(r.Findings) != 0 {
				t.Errorf("%s: found again in %s: %v %v", seg.Syntax, out, r.Findings, err)
			}
		}
	}
	for _, c := range inspect.Classes() {
		if family, _, _ := strings.Cut(string(c.Name), "."); family == "identity" && !seen[string(c.Name)] {
			t.Errorf("no number of class %s", c.Name)
		}
	}
}

// TestLaw9BareNumbers does the same for JSON numbers, which become 0.
func TestLaw9BareNumbers(t *testing.T) {
	in, err := inspect.New(inspect.Config{Unsure: true})
	if err != nil {
		t.Fatal(err)
	}
	doc := `{"ssn":536221234,"cpf":12345678909,"imei":490154203237518,"lat":51.4779,"lng":-0.0015,"card":{"number":4242424242424242,"exp_month":8,"exp_year":2027,"cvc":123},` +
		`"coordinates":[-0.0015,51.4779],"bank":{"routing_number":121000248,"account_number":123456789}}`
	want := `{"ssn":0,"cpf":0,"imei":0,"lat":0,"lng":0,"card":{"number":0,"exp_month":0,"exp_year":0,"cvc":0},"coordinates":[0,0],"bank":{"routing_number":0,"account_number":0}}`
	seg := weir.Segment{Syntax: weir.JSON, Body: []byte(doc), Record: true}
	var r inspect.Report
	if err := in.Inspect(&r, &seg, nil); err != nil {
		t.Fatal(err)
	}
	out := mask.Append(nil, &seg, r.Findings, nil)
	if string(out) != want || !json.Valid(out) {
		t.Errorf("became %s", out)
	}
	seg.Body = out
	if err := in.Inspect(&r, &seg, nil); err != nil || len(r.Findings) != 0 {
		t.Errorf("found again: %v %v", r.Findings, err)
	}
}

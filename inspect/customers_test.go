package inspect

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/getweir/weir"
	"github.com/getweir/weir/internal/fingerprint"
	"github.com/getweir/weir/internal/people"
)

var customerColumns = []fingerprint.Column{{Class: Name, Kind: fingerprint.Name}, {Class: Address, Kind: fingerprint.Street}, {Class: Email, Kind: fingerprint.Code}}

// knowing gives an inspector that knows customers: name, street, e-mail address.
func knowing(t testing.TB, rows ...[3]string) *Inspector {
	key := fingerprint.Key(sha256.Sum256([]byte("a key for tests")))
	b, err := fingerprint.NewBuilder(key, customerColumns)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range rows {
		b.Row(weir.Subject{15: byte(i + 1), 14: byte((i + 1) >> 8), 13: byte((i + 1) >> 16)})
		for c, v := range r {
			if v != "" {
				b.Add(c, []byte(v))
			}
		}
	}
	var file bytes.Buffer
	if _, err := b.WriteTo(&file); err != nil {
		t.Fatal(err)
	}
	x, err := fingerprint.Load(key, file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	live := new(fingerprint.Live)
	live.Store(&fingerprint.Set{Indexes: []*fingerprint.Index{x}})
	in, err := New(Config{Customers: live})
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// told gives what is found of names and streets, and whose.
func told(t *testing.T, in *Inspector, seg *weir.Segment) (all []string) {
	var r Report
	if err := in.Inspect(&r, seg, nil); err != nil {
		t.Fatal(err)
	}
	for _, f := range r.Findings {
		if f.Class == Name || f.Class == Address {
			all = append(all, fmt.Sprintf("%s %s %s %d/%d", f.Class, seg.Body[f.Start:f.End], f.Confidence, f.Customer[15], f.Object))
		}
	}
	return all
}

func TestCustomersAreKnownInRunningText(t *testing.T) {
	in := knowing(t,
		[3]string{"Jane Roe", "12 High Street", "jane.roe@example.com"},
		[3]string{"Jane Roe", "7 Mill Lane", "jr@example.org"},
		[3]string{"Zoë Müller", "Hauptstraße 4", "zoe@example.net"},
	)
	for _, c := range []struct {
		seg  weir.Segment
		want []string
	}{
		{weir.Segment{Syntax: weir.JSON, Record: true, Body: []byte(`{"a":{"note":"call Zoë Müller back"}}`)}, []string{"person.name Zoë Müller medium 3/1"}},
		{weir.Segment{Syntax: weir.JSON, Record: true, Body: []byte(`{"note":"call Zo\u00eb M\u00fcller back"}`)}, []string{`person.name Zo\u00eb M\u00fcller medium 3/0`}},
		{weir.Segment{Syntax: weir.JSON, Record: true, Body: []byte(`{"note":"to Zo\u00eb Müller, Hauptstr. 4, or Hauptstraße 4"}`)},
			[]string{`person.name Zo\u00eb Müller high 3/0`, "contact.address Hauptstraße 4 high 3/0"}},
		// Two have the name: what stands beside it tells which, if anything does.
		{weir.Segment{Syntax: weir.Text, Body: []byte("parcel for Jane Roe, 7 Mill Lane")}, []string{"person.name Jane Roe high 2/-1", "contact.address 7 Mill Lane high 2/-1"}},
		{weir.Segment{Syntax: weir.Text, Body: []byte("Jane Roe <jane.roe@example.com> wrote")}, []string{"person.name Jane Roe medium 1/-1"}},
		{weir.Segment{Syntax: weir.Text, Body: []byte("Jane Roe wrote")}, []string{"person.name Jane Roe medium 0/-1"}},
		// A key that says it is a name: it is said whose.
		{weir.Segment{Syntax: weir.JSON, Record: true, Body: []byte(`{"id":3,"full_name":"Zoë Müller","email":"zoe@example.net"}`)}, []string{"person.name Zoë Müller high 3/0"}},
		{weir.Segment{Syntax: weir.CSV, Columns: []string{"id", "remark"}, Body: []byte("1,\"says \"\"Zoë Müller\"\" here\"\r\n")}, []string{"person.name Zoë Müller medium 3/0"}},
		{weir.Segment{Syntax: weir.CSV, Columns: []string{"a", "b"}, Body: []byte("Jane,Roe\r\n")}, nil},
		{weir.Segment{Syntax: weir.HTML, Body: []byte("<p>for Zo&euml; M&uuml;ller, <b>Hauptstra&szlig;e 4</b></p>")},
			[]string{"person.name Zo&euml; M&uuml;ller high 3/-1", "contact.address Hauptstra&szlig;e 4 high 3/-1"}},
		{weir.Segment{Syntax: weir.Text, Body: []byte("GET /find?q=Zo%C3%AB%20M%C3%BCller HTTP/1.1")}, []string{"person.name Zo%C3%AB%20M%C3%BCller medium 3/-1"}},
		{weir.Segment{Syntax: weir.Header, Name: "X-Note", Body: []byte("for Zoë Müller")}, []string{"person.name Zoë Müller medium 3/-1"}},
		{weir.Segment{Syntax: weir.Text, Body: []byte("Jane Doe, High Street 1, and zoë müller")}, nil},
	} {
		if got := told(t, in, &c.seg); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.seg.Body, got, c.want)
		}
	}
}

// TestCustomersChangeNothingElse: who is known takes nothing away from what is found
// otherwise, and adds nothing where nobody is.
func TestCustomersChangeNothingElse(t *testing.T) {
	in := knowing(t, [3]string{"Quentin Xylander", "1 Nowhere Road", "q@example.com"})
	plain, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range people.New(3, 200).Customers {
		body := fmt.Appendf(nil, `{"id":%q,"name":%q,"email":%q,"note":%q,"address":{"line1":%q}}`, c.ID, c.Name(), c.Email, "met "+c.Name()+"\n%41", c.Address.Street)
		for _, seg := range []weir.Segment{{Syntax: weir.JSON, Record: true, Body: body}, {Syntax: weir.Text, Body: body}, {Syntax: weir.HTML, Body: body}} {
			var a, b Report
			errA, errB := in.Inspect(&a, &seg, nil), plain.Inspect(&b, &seg, nil)
			if !slices.Equal(a.Findings, b.Findings) || (errA == nil) != (errB == nil) {
				t.Fatalf("customer %d: %+v, %v; without: %+v, %v", i, a.Findings, errA, b.Findings, errB)
			}
		}
	}
}

// TestManyCustomersInOneText: time and findings grow with the text alone.
func TestManyCustomersInOneText(t *testing.T) {
	in := knowing(t, [3]string{"Jane Roe", "12 High Street", ""}, [3]string{"Jane Roe", "13 High Street", ""})
	body := []byte(strings.Repeat("Jane Roe, 12 High Street; ", 20000))
	var r Report
	if err := in.Inspect(&r, &weir.Segment{Syntax: weir.Text, Body: body}, nil); err != nil {
		t.Fatal(err)
	}
	if len(r.Findings) != 40000 {
		t.Errorf("%d findings", len(r.Findings))
	}
}

func FuzzCustomers(f *testing.F) {
	in := knowing(f, [3]string{"Jane Roe", "12 High Street", "jane@example.com"}, [3]string{"Zoë Müller", "Hauptstraße 4", ""})
	f.Add([]byte(`{"a":"Jane Roe, 12 High Street \u005a%41"}`), byte(0))
	f.Add([]byte("<p title='Jane Roe'>Zo&euml; M&uuml;ller"), byte(2))
	f.Fuzz(func(t *testing.T, body []byte, syntax byte) {
		seg := weir.Segment{Syntax: weir.Syntax(syntax % 5), Body: body, Record: true}
		var r Report
		if in.Inspect(&r, &seg, nil) != nil {
			return
		}
		for i, f := range r.Findings {
			if f.Start < 0 || f.End > len(body) || f.Start >= f.End || i > 0 && order(r.Findings[i-1], f) > 0 {
				t.Fatalf("%+v", r.Findings)
			}
			for _, g := range r.Findings[:i] {
				if g.End > f.Start && f.End > g.End {
					t.Fatalf("%+v overlaps %+v", g, f)
				}
			}
		}
	})
}

// BenchmarkCustomers reads a catalogue and personal records, with and without a
// million customers known.
func BenchmarkCustomers(b *testing.B) {
	p := people.New(1, 20000)
	rows := make([][3]string, 0, 1_000_000)
	for i := range 1_000_000 {
		c, d := &p.Customers[i%len(p.Customers)], &p.Customers[i*7919%len(p.Customers)]
		rows = append(rows, [3]string{c.Name() + " " + d.Name(), fmt.Sprint(i%900, " ", d.Address.Street), c.Email})
	}
	in := knowing(b, rows...)
	plain, _ := New(Config{})
	var dense, clean bytes.Buffer
	for i := range 100 {
		c := &p.Customers[i]
		fmt.Fprintf(&dense, `{"id":%q,"full_name":%q,"email":%q,"note":"met %s at %s"},`, c.ID, c.Name(), c.Email, c.Name(), c.Address.Street)
		t := &p.Catalogue.Titles[i%len(p.Catalogue.Titles)]
		line, _ := json.Marshal(t)
		clean.Write(append(line, '\n'))
	}
	for name, body := range map[string][]byte{"dense": dense.Bytes(), "clean": clean.Bytes()} {
		for with, in := range map[string]*Inspector{"without": plain, "with": in} {
			b.Run(name+"/"+with, func(b *testing.B) {
				b.SetBytes(int64(len(body)))
				var r Report
				seg := weir.Segment{Syntax: weir.Text, Body: body}
				for b.Loop() {
					_ = in.Inspect(&r, &seg, nil)
				}
			})
		}
	}
}

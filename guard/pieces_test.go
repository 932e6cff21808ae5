package guard

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/getweir/weir"
	"github.com/getweir/weir/ledger"
)

// TestPieces: what a batch was made of is on record: whose each record was, what was
// found of whom, and that of what was withheld, too, without a charge.
func TestPieces(t *testing.T) {
	f := newFixture(t, Enforce)
	p := admit(t, f, exchange("a", "support", "/c"))
	r := p.Release(t.Context(), append(records(
		`{"id":"c-1","email":"one@example.com"}`,
		`{"id":"c-2","email":"two@example.com"}`,
		`{"id":"c-2","session":{"mac":"3c:22:fb:12:34:56"},"email":"two@example.com","also":"three@example.com"}`,
		`{"id":"c-1"}`,
		`{"id":"c-4","id":"c-5"}`,
	), weir.Segment{Syntax: weir.JSON, Body: []byte(`{"n":1}`)}))
	if r.Stop != nil {
		t.Fatal(r.Stop)
	}
	var e *ledger.Entry
	for _, x := range f.log.entries {
		if x.Kind == ledger.Release {
			e = x
		}
	}
	name := map[weir.Subject]string{}
	var got []string
	err := e.Segments(func(s ledger.Segment) error {
		text := string(s.Withheld) + "|"
		for _, i := range s.Finds {
			text += string(e.Pieces.Finds[i].Class) + " "
		}
		for k, one := range s.People {
			if name[s.Who[k]] == "" {
				name[s.Who[k]] = fmt.Sprint("p", len(name)+1)
			}
			text += "|" + name[s.Who[k]]
			if one.Bare {
				text += " bare"
			}
			for _, i := range one.Finds {
				text += " " + string(e.Pieces.Finds[i].Class)
			}
		}
		got = append(got, text)
		return nil
	})
	want := []string{
		"|contact.email |p1 contact.email",
		"|contact.email |p2 contact.email",
		"|network.mac contact.email |p2 network.mac contact.email|p3 contact.email",
		"||p1 bare",
		"unreadable|",
	}
	if err != nil || strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%v\ngot  %s\nwant %s", err, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
	b, err := e.AppendTo(nil)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := ledger.Decode(b); err != nil || !reflect.DeepEqual(back.Pieces, e.Pieces) {
		t.Errorf("it does not come back: %v", err)
	}
}

// TestFindsMaskAsJudgeDoes: what is masked within what is told from the finds alone
// as judge tells it from the findings.
func TestFindsMaskAsJudgeDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var findings []weir.Finding
		start := 0
		for range rapid.IntRange(0, 12).Draw(t, "findings") {
			start += rapid.IntRange(0, 3).Draw(t, "ahead")
			findings = append(findings, weir.Finding{
				Class: weir.Class(rapid.SampledFrom([]string{"a.a", "b.b", "c.c", "d.d"}).Draw(t, "class")),
				Start: start, End: start + rapid.IntRange(1, 6).Draw(t, "length"),
			})
		}
		masked := map[weir.Class]bool{}
		for _, c := range []weir.Class{"a.a", "b.b", "c.c", "d.d"} {
			masked[c] = rapid.Bool().Draw(t, "masked")
		}
		var f, like finds
		like.read(findings, nil)
		f.read(findings, &like)
		end := 0
		for i, x := range findings {
			want := masked[x.Class] || x.Start < end
			if want {
				end = max(end, x.End)
			}
			k := f.kinds[f.kind[i]]
			got := masked[f.classes[k.class]]
			for j, c := range f.classes {
				got = got || k.within&(1<<j) != 0 && masked[c]
			}
			if got != want {
				t.Fatalf("finding %d of %+v: masked %v, not %v", i, findings, got, want)
			}
		}
	})
}

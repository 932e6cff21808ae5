package fingerprint

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/getweir/weir"
)

var testColumns = []Column{{"person.name", Name}, {"contact.address", Street}, {"contact.email", Code}, {"contact.phone", Code}}

func who(n int) (s weir.Subject) {
	binary.BigEndian.PutUint64(s[:], uint64(n))
	return s
}

func testKey(n byte) Key { return sha256.Sum256([]byte{n}) }

// build makes an index of rows of values, in the order of testColumns.
func build(t testing.TB, rows ...[4]string) *Index {
	b, err := NewBuilder(testKey(1), testColumns)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range rows {
		b.Row(who(i))
		for c, v := range r {
			if v != "" {
				b.Add(c, []byte(v))
			}
		}
	}
	return written(t, b)
}

func written(t testing.TB, b *Builder) *Index {
	var file bytes.Buffer
	if _, err := b.WriteTo(&file); err != nil {
		t.Fatal(err)
	}
	x, err := Load(testKey(1), file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func find(set *Set, text string) (all []string) {
	var s Search
	s.Text(set, []byte(text), func(m Match) {
		all = append(all, fmt.Sprintf("%s %q %d", m.Class, text[m.Start:m.End], len(m.Holders)))
	})
	return all
}

func TestTextNamesCustomers(t *testing.T) {
	set := &Set{Indexes: []*Index{build(t,
		[4]string{"Zoë Ångström-Müller", "12 High Street", "zoe@example.com", "+44 7700 900123"},
		[4]string{"Jane O'Neil", "Hauptstraße 7a", "jane@example.com", ""},
		[4]string{"Ana de la Cruz", "221B Baker Street", "", ""},
		[4]string{"Jane O'Neil", "4 Broadway", "", ""},
		[4]string{"王 小明", "", "", ""},
	)}}
	for _, c := range []struct {
		text string
		want []string
	}{
		{"Please call Zoe Angstrom Muller today.", []string{`person.name "Zoe Angstrom Muller" 1`}},
		{"ZOË ÅNGSTRÖM-MÜLLER", []string{`person.name "ZOË ÅNGSTRÖM-MÜLLER" 1`}},
		{"O'Neil, Jane wrote; so did Jane O’Neil.", []string{`person.name "O'Neil, Jane" 2`, `person.name "Jane O’Neil" 2`}},
		{"to Ana de la Cruz and Ana de la", []string{`person.name "Ana de la Cruz" 1`}},
		{"deliver to 12 High Street, London", []string{`contact.address "12 High Street" 1`}},
		{"deliver to High Street 12, London", []string{`contact.address "High Street 12" 1`}},
		{"13 High Street, High Street 1", nil},
		{"Hauptstrasse 7A", []string{`contact.address "Hauptstrasse 7A" 1`}},
		{"at 4 Broadway or Broadway 4", []string{`contact.address "4 Broadway" 1`, `contact.address "Broadway 4" 1`}},
		{"221b Baker Street", []string{`contact.address "221b Baker Street" 1`}},
		{"sent to 王 小明", []string{`person.name "王 小明" 1`}},
		{"jane o'neil", nil},     // no capital
		{"Jane and O'Neil", nil}, // words between
		{"XJane O'Neil. Jane O'Neilson", []string{`person.name "O'Neil. Jane" 2`}},
		{`{"first":"Jane","last":"O'Neil"}`, nil}, // the record's keys tell that
		{`"name":"Jane O'Neil"`, []string{`person.name "Jane O'Neil" 2`}},
		{"q=Jane+O'Neil", []string{`person.name "Jane+O'Neil" 2`}},
		{"", nil},
		{"Jane", nil},
		{"12", nil},
	} {
		if got := find(set, c.text); !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
}

func TestCodes(t *testing.T) {
	set := &Set{Indexes: []*Index{build(t, [4]string{"", "", "Zoe@Example.com", "+447700900123"})}}
	var s Search
	for v, want := range map[string]bool{
		"zoe@example.com": true, "ZOE@EXAMPLE.COM": true, "+44 7700 900-123": true, "zoe@example.org": false, "": false, "+447700900124": false,
	} {
		class := weir.Class("contact.phone")
		if strings.Contains(v, "@") {
			class = "contact.email"
		}
		if got, known := s.Code(set, class, []byte(v)); known != want || want && (len(got) != 1 || got[0] != who(0)) {
			t.Errorf("%q: %v, %v", v, got, known)
		}
	}
}

// TestErasedIsNobody is law 8 for fingerprints: who is gone is named no more, though
// the file still has the hash.
func TestLaw8WhoIsGoneIsNobody(t *testing.T) {
	x := build(t, [4]string{"Jane Roe", "", "jane@example.com"}, [4]string{"Jane Roe"})
	if got := find(&Set{Indexes: []*Index{x}}, "Jane Roe"); !slices.Equal(got, []string{`person.name "Jane Roe" 2`}) {
		t.Fatal(got)
	}
	set := &Set{Indexes: []*Index{x}, Gone: map[weir.Subject]bool{who(0): true}}
	if got := find(set, "Jane Roe"); !slices.Equal(got, []string{`person.name "Jane Roe" 1`}) {
		t.Error(got)
	}
	var s Search
	if got, known := s.Code(set, "contact.email", []byte("jane@example.com")); known {
		t.Error(got)
	}
	set.Gone[who(1)] = true
	if got := find(set, "Jane Roe"); got != nil {
		t.Error(got)
	}
}

func TestWhatTooManyHaveIsNobodys(t *testing.T) {
	var rows [][4]string
	for range maxHolders + 1 {
		rows = append(rows, [4]string{"Jane Roe"})
	}
	if got := find(&Set{Indexes: []*Index{build(t, rows...)}}, "Jane Roe"); !slices.Equal(got, []string{`person.name "Jane Roe" 0`}) {
		t.Error(got)
	}
}

// TestFileHoldsNoValue: what was put in is not to be read in the file, and other keys
// open nothing.
func TestFileHoldsNoValue(t *testing.T) {
	b, _ := NewBuilder(testKey(1), testColumns)
	b.Row(who(1))
	b.Add(0, []byte("Zebedee Quartermain"))
	b.Add(2, []byte("zebedee@example.com"))
	var file bytes.Buffer
	if _, err := b.WriteTo(&file); err != nil {
		t.Fatal(err)
	}
	for _, v := range []string{"zebedee", "quartermain", "example"} {
		if bytes.Contains(bytes.ToLower(file.Bytes()), []byte(v)) {
			t.Errorf("%q stands in the file", v)
		}
	}
	if _, err := Load(testKey(2), file.Bytes()); !errors.Is(err, ErrKey) {
		t.Error(err)
	}
	// Every bit counts.
	for i := range file.Len() {
		damaged := bytes.Clone(file.Bytes())
		damaged[i] ^= 1 << (i % 8)
		if _, err := Load(testKey(1), damaged); err == nil {
			t.Fatalf("byte %d of %d may be changed", i, file.Len())
		}
		if _, err := Load(testKey(1), file.Bytes()[:i]); err == nil {
			t.Fatalf("%d of %d bytes are enough", i, file.Len())
		}
	}
}

// TestTextFindsWhatIsThere: whatever names and streets there are, a text that holds
// some of them between other words has just those found, as by a slow search.
func TestTextFindsWhatIsThere(t *testing.T) {
	parts := []string{"Ada", "Bo", "Chiara", "Dörte", "Éva", "Falk", "Grün", "Hill", "Ibsen", "李", "明"}
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.SampledFrom(parts)
		var rows [][4]string
		for range rapid.IntRange(1, 20).Draw(t, "rows") {
			rows = append(rows, [4]string{strings.Join(rapid.SliceOfN(part, 2, 4).Draw(t, "name"), " "),
				fmt.Sprintf("%d %s", rapid.IntRange(1, 30).Draw(t, "number"), strings.Join(rapid.SliceOfN(part, 1, 3).Draw(t, "street"), " "))})
		}
		b, _ := NewBuilder(testKey(1), testColumns)
		for i, r := range rows {
			b.Row(who(i))
			b.Add(0, []byte(r[0]))
			b.Add(1, []byte(r[1]))
		}
		var file bytes.Buffer
		if _, err := b.WriteTo(&file); err != nil {
			t.Fatal(err)
		}
		x, err := Load(testKey(1), file.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		var text []string
		for range rapid.IntRange(0, 12).Draw(t, "words") {
			text = append(text, rapid.OneOf(part, rapid.SampledFrom([]string{"and", "the", "7", "12"}),
				rapid.Custom(func(t *rapid.T) string { return rows[rapid.IntRange(0, len(rows)-1).Draw(t, "row")][0] }),
				rapid.Custom(func(t *rapid.T) string { return rows[rapid.IntRange(0, len(rows)-1).Draw(t, "row")][1] })).Draw(t, "word"))
		}
		whole := strings.Join(text, " ")
		got := map[string]bool{}
		var s Search
		s.Text(&Set{Indexes: []*Index{x}}, []byte(whole), func(m Match) {
			got[string(m.Class)+" "+whole[m.Start:m.End]] = true
		})
		// Of every run of words that begins with a capital the longest that somebody has.
		fields := strings.Fields(whole)
		canon := func(v string) string { return string(bytes.Join(words([]byte(v)), []byte(" "))) }
		names, streets := map[string]bool{}, map[string]bool{}
		for _, r := range rows {
			ws := words([]byte(r[0]))
			names[canon(r[0])] = true
			names[string(bytes.Join(append([][]byte{ws[len(ws)-1]}, ws[:len(ws)-1]...), []byte(" ")))] = true
			streets[string(bytes.Join(numberLast(words([]byte(r[1]))), []byte(" ")))] = true
		}
		for i := range fields {
			if c := fields[i][0]; c-'A' >= 26 && c < 0x80 {
				continue
			}
			for n := min(most, len(fields)-i); n >= 2; n-- {
				v := strings.Join(fields[i:i+n], " ")
				if names[canon(v)] {
					if !got["person.name "+v] {
						t.Fatalf("%q is not found in %q: %v", v, whole, got)
					}
					break
				}
			}
			for n := min(most, len(fields)-i); n >= 2; n-- {
				v := strings.Join(fields[i:i+n], " ")
				if streets[canon(v)] {
					if !got["contact.address "+v] {
						t.Fatalf("%q is not found in %q: %v", v, whole, got)
					}
					break
				}
			}
		}
		for v := range got {
			class, v, _ := strings.Cut(v, " ")
			ws := words([]byte(v))
			turned := numberLast(ws)
			switch {
			case class == "person.name" && names[canon(v)]:
			case class == "contact.address" && turned != nil && streets[string(bytes.Join(turned, []byte(" ")))]:
			default:
				t.Fatalf("%s %q is found and is nobody's", class, v)
			}
		}
	})
}

func FuzzLoad(f *testing.F) {
	b, _ := NewBuilder(testKey(1), testColumns)
	b.Row(who(1))
	b.Add(0, []byte("Jane Roe"))
	var file bytes.Buffer
	_, _ = b.WriteTo(&file)
	f.Add(file.Bytes())
	f.Add([]byte(fileMagic))
	f.Fuzz(func(t *testing.T, in []byte) { _, _ = Load(testKey(1), in) })
}

func FuzzText(f *testing.F) {
	f.Add("Jane Roe, 12 High Street \xff Ä")
	x := build(f, [4]string{"Jane Roe", "12 High Street", "", ""}, [4]string{"Ä Ö Ü", "1 Ä", "", ""})
	f.Fuzz(func(t *testing.T, in string) {
		last := 0
		var s Search
		s.Text(&Set{Indexes: []*Index{x}}, []byte(in), func(m Match) {
			if m.Start < 0 || m.End > len(in) || m.Start >= m.End {
				t.Fatalf("%+v", m)
			}
			last = max(last, m.End)
		})
	})
}

// BenchmarkLookup asks columns of a million values each, mostly in vain.
func BenchmarkLookup(b *testing.B) {
	builder, _ := NewBuilder(testKey(1), testColumns)
	for i := range 1_000_000 {
		builder.Row(who(i))
		builder.Add(2, fmt.Appendf(nil, "user%d@example.com", i))
		builder.Add(3, fmt.Appendf(nil, "+4477%08d", i))
	}
	set := &Set{Indexes: []*Index{written(b, builder)}}
	rng := rand.New(rand.NewPCG(1, 2))
	var asked [1024][]byte
	for i := range asked {
		asked[i] = fmt.Appendf(nil, "someone%d@example.com", rng.Uint32())
	}
	var s Search
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s.Code(set, "contact.email", asked[i%len(asked)])
	}
	b.ReportMetric(float64(set.Indexes[0].Memory())/float64(set.Indexes[0].Values()), "B/value")
}

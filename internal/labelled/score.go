package labelled

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/getweir/weir"
)

// A Finder finds the personal data of a segment.
type Finder func(*weir.Segment) ([]weir.Finding, error)

// Least is how many cases a class must have for a percentage to be said of it.
const Least = 300

// A Tally counts what a Finder did with one class.
type Tally struct {
	Class weir.Class
	Cases int // labels
	Found int // labels that were found, to the byte
	Wrong int // findings where there is no label
	// Decoys are the values that look like the class and are not.
	Decoys int
	Misses map[string]*Miss
}

// A Miss is a kind of mistake, how often it was made, and where first.
type Miss struct {
	What    string
	Times   int
	Seed    uint64
	Example string
}

// Precision is the share of the findings that are right.
func (t *Tally) Precision() float64 { return share(t.Found, t.Found+t.Wrong) }

// Recall is the share of the labels that were found.
func (t *Tally) Recall() float64 { return share(t.Found, t.Cases) }

func share(part, whole int) float64 {
	if whole == 0 {
		return 1
	}
	return float64(part) / float64(whole)
}

func (t *Tally) miss(what string, seed uint64, example func() string) {
	m := t.Misses[what]
	if m == nil {
		m = &Miss{What: what, Seed: seed, Example: example()}
		t.Misses[what] = m
	}
	m.Times++
}

// A Score is what a Finder did with some bodies.
type Score struct {
	Bodies, Bytes int
	Failed        int // segments that the finder gave an error for
	ByClass       map[weir.Class]*Tally
	ByForm        map[string]*Tally // by the way that values are hidden
	ByFormat      map[string]*Tally
}

// Measure tries a finder on the bodies of a part.
func Measure(p Part, bodies int, find Finder) (*Score, error) {
	s := &Score{ByClass: map[weir.Class]*Tally{}, ByForm: map[string]*Tally{}, ByFormat: map[string]*Tally{}}
	for i := range bodies {
		if err := s.add(New(p.Seed(i)), find); err != nil {
			return nil, fmt.Errorf("body of seed %d: %w", p.Seed(i), err)
		}
	}
	return s, nil
}

func tally[K ~string](in map[K]*Tally, k K) *Tally {
	t := in[k]
	if t == nil {
		t = &Tally{Class: weir.Class(k), Misses: map[string]*Miss{}}
		in[k] = t
	}
	return t
}

func (s *Score) add(b *Body, find Finder) error {
	s.Bodies++
	s.Bytes += len(b.Bytes)
	pieces, err := b.Pieces()
	if err != nil {
		return err
	}
	var found []weir.Finding
	for i := range pieces {
		p := &pieces[i]
		fs, err := find(&p.Segment)
		if err != nil {
			s.Failed++
		}
		for _, f := range fs {
			f.Start += p.Offset
			f.End += p.Offset
			found = append(found, f)
		}
	}
	used := make([]bool, len(found))
	for _, l := range b.Labels {
		ts := []*Tally{tally(s.ByClass, l.Class), tally(s.ByForm, l.Hidden), tally(s.ByFormat, b.Format.String())}
		hit, near := false, ""
		for i, f := range found {
			if f.Start >= l.End || f.End <= l.Start {
				continue
			}
			right := f.Class == l.Class || slices.Contains(l.Also, f.Class) || f.Class.Secret() && l.Class.Secret()
			if right && (l.Loose || f.Start == l.Start && f.End == l.End) {
				hit, used[i] = true, true
			} else if f.Form != weir.FormTree {
				near = ", as " + string(f.Class)
				if right {
					near = ", not to the byte"
				}
			}
		}
		for _, t := range ts {
			t.Cases++
			if hit {
				t.Found++
				continue
			}
			what := "missed in " + b.Format.String()
			if l.Hidden != "" {
				what += " as " + l.Hidden
			}
			t.miss(what+near+", under "+under(l.Key), b.Seed, func() string { return b.around(l.Start, l.End) })
		}
	}
	for _, d := range b.Decoys {
		if d.Like != "" {
			tally(s.ByClass, d.Like).Decoys++
		}
	}
	for i, f := range found {
		if used[i] {
			continue
		}
		what, key := "text", ""
		for _, d := range b.Decoys {
			if f.Start < d.End && d.Start < f.End {
				what, key = d.Kind, d.Key
			}
		}
		for _, l := range b.Labels {
			if f.Start < l.End && l.Start < f.End && f.Form != weir.FormTree {
				what, key = string(l.Class), l.Key
				if l.Class == f.Class {
					what = "more or less than the value"
				}
				if l.Hidden != "" {
					what += " as " + l.Hidden
				}
			}
		}
		t := tally(s.ByClass, f.Class)
		t.Wrong++
		t.miss("found wrongly in "+b.Format.String()+": "+what+", under "+under(key), b.Seed, func() string { return b.around(f.Start, f.End) })
	}
	return nil
}

func under(key string) string {
	if key == "" {
		return "nothing"
	}
	return `"` + key + `"`
}

// around shows what stands about a place.
func (b *Body) around(start, end int) string {
	return fmt.Sprintf("%q >>%q<< %q", b.Bytes[max(0, start-40):start], b.Bytes[start:min(end, start+120)], b.Bytes[end:min(len(b.Bytes), end+12)])
}

// Classes gives the tallies in order of class.
func (s *Score) Classes() []*Tally {
	return slices.SortedFunc(maps.Values(s.ByClass), func(a, b *Tally) int { return cmp.Compare(a.Class, b.Class) })
}

// WriteTable writes a line for each class; bar gives what is asked of one.
func (s *Score) WriteTable(w io.Writer, bar func(weir.Class) (precision, recall float64)) {
	fmt.Fprintf(w, "| class | cases | decoys | precision | recall | asked |\n|---|---:|---:|---:|---:|---:|\n")
	for _, t := range s.Classes() {
		p, r := bar(t.Class)
		asked := "-"
		if p > 0 {
			asked = fmt.Sprintf("%.2f / %.2f", p, r)
		}
		if t.Cases < Least {
			fmt.Fprintf(w, "| `%s` | %d | %d | %d wrong | %d found | %s |\n", t.Class, t.Cases, t.Decoys, t.Wrong, t.Found, asked)
			continue
		}
		mark := ""
		if t.Precision() < p || t.Recall() < r {
			mark = " **not reached**"
		}
		fmt.Fprintf(w, "| `%s` | %d | %d | %.4f | %.4f | %s%s |\n", t.Class, t.Cases, t.Decoys, t.Precision(), t.Recall(), asked, mark)
	}
}

// WriteSums writes the recall by hidden form or by format.
func WriteSums(w io.Writer, head string, sums map[string]*Tally) {
	fmt.Fprintf(w, "| %s | cases | recall |\n|---|---:|---:|\n", head)
	for _, k := range slices.Sorted(maps.Keys(sums)) {
		t := sums[k]
		name := k
		if k == "" {
			name = "(plain)"
		}
		if t.Cases < Least {
			fmt.Fprintf(w, "| %s | %d | %d found |\n", name, t.Cases, t.Found)
			continue
		}
		fmt.Fprintf(w, "| %s | %d | %.4f |\n", name, t.Cases, t.Recall())
	}
}

// WriteMisses lists the kinds of mistakes of each class, the commonest first, at most
// most of them.
func (s *Score) WriteMisses(w io.Writer, most int) {
	for _, t := range s.Classes() {
		if len(t.Misses) == 0 {
			continue
		}
		fmt.Fprintf(w, "\n%s: %d of %d missed, %d wrong\n", t.Class, t.Cases-t.Found, t.Cases, t.Wrong)
		list := slices.SortedFunc(maps.Values(t.Misses), func(a, b *Miss) int {
			return cmp.Or(b.Times-a.Times, strings.Compare(a.What, b.What))
		})
		for i, m := range list {
			if i == most {
				fmt.Fprintf(w, "  and %d kinds more\n", len(list)-most)
				break
			}
			fmt.Fprintf(w, "  %4d  %s  (seed %d: %s)\n", m.Times, m.What, m.Seed, m.Example)
		}
	}
}

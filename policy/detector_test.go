package policy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/getweir/weir"
	"github.com/getweir/weir/policy"
)

const ownDetectors = `version: 1
classes: {member.*: {}}
deployment: {take: {}}
detectors:
  - class: member.number
    pattern: 'RC-[0-9]{4}'
    literal: RC-
    checksum: luhn
    words: [member, Mitglied]
    confidence: high
    cases:
      match: [RC-1234, "an RC-1235, too"]
      no-match:
        - RC-1
  - {class: staff.number, pattern: ST, literal: ST, cases: {match: [ST]}}
`

func TestDetectors(t *testing.T) {
	p := parse(t, ownDetectors)
	all := p.Detectors()
	if len(all) != 2 {
		t.Fatalf("%+v", all)
	}
	d := &all[0]
	if d.Class != "member.number" || d.Pattern != "RC-[0-9]{4}" || d.Literal != "RC-" || d.Checksum != "luhn" ||
		!slices.Equal(d.Words, []string{"member", "Mitglied"}) || d.Confidence != weir.SureMatch ||
		len(d.Match) != 2 || d.Match[1].Text != "an RC-1235, too" || len(d.NoMatch) != 1 || d.NoMatch[0].Text != "RC-1" {
		t.Errorf("%+v", d)
	}
	if all[1].Confidence != weir.LikelyMatch {
		t.Errorf("%+v", all[1])
	}
	for _, c := range []struct {
		got          *policy.Error
		line, column int
	}{
		{p.Mistake(d, "checksum", "m"), 8, 15},
		{p.Mistake(d, "pattern", "m"), 6, 14},
		{p.Mistake(&all[1], "checksum", "m"), 15, 5}, // not given: the detector's
		{p.WrongExample(&d.Match[1], "m"), 12, 24},
		{p.WrongExample(&d.NoMatch[0], "m"), 14, 11},
	} {
		if c.got.Line != c.line || c.got.Column != c.column || c.got.Message != "m" || !strings.Contains(ownDetectors, c.got.Source) || c.got.Source == "" {
			t.Errorf("%+v, want it on %d:%d", c.got, c.line, c.column)
		}
	}
	classes := p.Classes()
	if w := p.Doubt(&classes[0], "m"); w.Line != 2 || w.Column != 11 {
		t.Errorf("%+v", w)
	}
	if w := p.DoubtClasses("m"); w.Line != 2 || w.Column != 1 {
		t.Errorf("%+v", w)
	}
	if w := parse(t, "version: 1\ndeployment: {take: {}}\n").DoubtClasses("m"); w.Line != 1 || w.Column != 1 {
		t.Errorf("without classes: %+v", w)
	}
}

// TestDetectorBounds: what detectors cost each segment is bounded.
func TestDetectorBounds(t *testing.T) {
	one := func(pattern, match string) string {
		return fmt.Sprintf("  - {class: a.b, pattern: '%s', literal: x, cases: {match: [%s]}}\n", pattern, match)
	}
	for want, detectors := range map[string]string{
		"more than 100":       strings.Repeat(one("x", "x"), 101),
		"at most 1000 bytes":  one(strings.Repeat("x", 1001), "x"),
		"at most 10000 bytes": one("x", strings.Repeat("x", 10_001)),
		"match: more than": one("x", strings.TrimSuffix(func() (s string) {
			for i := range 101 {
				s += fmt.Sprintf("x%d, ", i)
			}
			return s
		}(), ", ")),
		"repeat": one("((x{100}){100}){100}", "x"),
	} {
		_, err := policy.Parse("policy.yaml", []byte("version: 1\nclasses: {a.b: {}}\ndeployment: {take: {}}\ndetectors:\n"+detectors))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}
	}
}

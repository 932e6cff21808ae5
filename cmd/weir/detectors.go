package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/getweir/weir"
	"github.com/getweir/weir/guard"
	"github.com/getweir/weir/inspect"
	"github.com/getweir/weir/policy"
)

// newInspector makes the one who finds what a policy judges, with the policy's
// own detectors. An error about those is a *policy.Errors.
func newInspector(p *policy.Policy, countries []string) (*inspect.Inspector, error) {
	own, err := loadDetectors(p)
	if err != nil {
		return nil, err
	}
	return inspect.New(inspect.Config{Countries: countries, Detectors: own})
}

// loadDetectors compiles a policy's own detectors and tries their cases. The
// error, where there is one, is a *policy.Errors.
func loadDetectors(p *policy.Policy) ([]inspect.Detector, error) {
	stated, own := p.Detectors(), guard.Detectors(p)
	var wrong policy.Errors
	for i := range own {
		var mistake *inspect.DetectorError
		if err := own[i].Check(); errors.As(err, &mistake) {
			message := fmt.Sprintf("%s: %s", mistake.Field, mistake.Err)
			wrong.List = append(wrong.List, p.Mistake(&stated[i], mistake.Field, message))
		} else if err != nil {
			wrong.List = append(wrong.List, p.Mistake(&stated[i], "class", err.Error()))
		}
	}
	if len(wrong.List) > 0 {
		return nil, &wrong
	}
	finder, err := inspect.New(inspect.Config{Detectors: own})
	if err != nil {
		return nil, err
	}
	for i := range stated {
		d := &stated[i]
		for k := range d.Match {
			if !finds(finder, d.Class, d.Match[k].Text) {
				wrong.List = append(wrong.List, p.WrongExample(&d.Match[k], fmt.Sprintf("match: the detector finds no %s here", d.Class)))
			}
		}
		for k := range d.NoMatch {
			if finds(finder, d.Class, d.NoMatch[k].Text) {
				wrong.List = append(wrong.List, p.WrongExample(&d.NoMatch[k], fmt.Sprintf("no-match: the detector finds %s here", d.Class)))
			}
		}
	}
	if len(wrong.List) > 0 {
		return nil, &wrong
	}
	return own, nil
}

// finds reports whether a class is found in a text, as it would be in an answer.
func finds(finder *inspect.Inspector, class weir.Class, text string) bool {
	var r inspect.Report
	err := finder.Inspect(&r, &weir.Segment{Syntax: weir.Text, Body: []byte(text), Record: true}, nil)
	return err == nil && slices.ContainsFunc(r.Findings, func(f weir.Finding) bool { return f.Class == class })
}

// uncovered warns of classes that can be found and that a policy does not
// declare, and of those that it declares and no detector finds.
func uncovered(p *policy.Policy) (doubts []policy.Warning) {
	var known []weir.Class
	for _, c := range inspect.Classes() {
		known = append(known, c.Name)
	}
	for _, d := range p.Detectors() {
		known = append(known, d.Class)
	}
	if missing := undeclared(p, inspect.Classes()); len(missing) > 0 {
		doubts = append(doubts, p.DoubtClasses(fmt.Sprintf("nothing here declares %s: whatever holds such data is withheld from everybody", strings.Join(missing, ", "))))
	}
	for _, c := range p.Classes() {
		family, isFamily := strings.CutSuffix(string(c.Name), "*")
		found := slices.ContainsFunc(known, func(k weir.Class) bool {
			return k == c.Name || isFamily && strings.HasPrefix(string(k), family)
		})
		if !found {
			doubts = append(doubts, p.Doubt(&c, fmt.Sprintf("no detector finds %s", c.Name)))
		}
	}
	return doubts
}

// undeclared lists the classes of which no declaration holds; a family of which
// none is declared by itself.
func undeclared(p *policy.Policy, known []inspect.Class) (missing []string) {
	declared := map[string]bool{} // families of which a class is
	family := func(c weir.Class) string {
		name, _, _ := strings.Cut(string(c), ".")
		return name + ".*"
	}
	for _, c := range known {
		if _, ok := p.Class(c.Name); ok {
			declared[family(c.Name)] = true
		}
	}
	for _, c := range known {
		name := string(c.Name)
		if !declared[family(c.Name)] {
			name = family(c.Name)
		}
		if _, ok := p.Class(c.Name); !ok && !slices.Contains(missing, name) {
			missing = append(missing, name)
		}
	}
	return missing
}

package main

import (
	_ "embed"
	"fmt"
	"html/template"
	"strings"

	"github.com/getweir/weir"
	"github.com/getweir/weir/inspect"
	"github.com/getweir/weir/policy"
)

//go:embed notice.html
var noticePage string

type noticeCommand struct {
	File   string `arg:"" optional:"" default:"policy.yaml" type:"path" help:"The policy file. Default: policy.yaml."`
	Format string `default:"markdown" enum:"markdown,html,json" help:"markdown, html or json. Default: markdown."`
}

func (noticeCommand) Help() string {
	return `The table that a privacy notice needs (GDPR art. 13, CCPA 1798.100): what is collected, why and on which legal basis, who receives it, how long it is kept. It is read from the policy, so it says what is enforced: what no row names is withheld from everybody.

The words come from about and retention in the policy; where it gives none, from the detectors.

Examples:
  weir notice
  weir notice --format html policy.yaml > notice.html`
}

// noticeRow is a row in the words of people.
type noticeRow struct {
	policy.NoticeRow
	What string `json:"what"`
}

// Basis says a purpose's legal basis, as GDPR art. 6(1) has them.
func basisText(basis string) string {
	return map[string]string{
		"consent": "your consent (Art. 6(1)(a))", "contract": "our contract with you (Art. 6(1)(b))", "legal-obligation": "a legal obligation (Art. 6(1)(c))",
		"vital-interests": "vital interests (Art. 6(1)(d))", "public-task": "a public task (Art. 6(1)(e))", "legitimate-interests": "our legitimate interests (Art. 6(1)(f))",
	}[basis]
}

// Why gives the purposes of a row, one a line.
func (r noticeRow) Why() (all []string) {
	for _, p := range r.Purposes {
		words := p.About
		if words == "" {
			words = string(p.Name)
		}
		all = append(all, strings.TrimSuffix(words, ".")+": "+basisText(p.Basis))
	}
	return all
}

// Who gives the recipients of a row, one a line.
func (r noticeRow) Who() (all []string) {
	if r.Own {
		all = append(all, "you")
	}
	for _, to := range r.Recipients {
		words := to.Role
		if to.Sees == "mask" {
			words += " (masked)"
		}
		all = append(all, words)
	}
	for _, v := range r.Vendors {
		words := v.Vendor
		if v.About != "" {
			words += ", " + v.About
		}
		if v.Sees == "mask" {
			words += " (masked)"
		}
		if len(v.Countries) > 0 {
			words += ", in " + strings.Join(v.Countries, ", ")
		}
		if v.Consent {
			words += ", if you have agreed"
		}
		all = append(all, words)
	}
	for _, f := range r.Public {
		all = append(all, "everybody, what you publish yourself ("+f+")")
	}
	return all
}

// Kept says how long a class is kept.
func (r noticeRow) Kept() string {
	if r.Retention == "" {
		return "not stated"
	}
	return r.Retention
}

func (c *noticeCommand) Run(s *streams) error {
	p, err := loadPolicy(c.File)
	if err != nil {
		return usageError{err}
	}
	n := p.Notice()
	rows := make([]noticeRow, len(n.Rows))
	for i, r := range n.Rows {
		rows[i] = noticeRow{r, what(p, &r)}
		if r.Retention == "" {
			fmt.Fprintf(s.err, "weir: the policy does not say how long %s is kept (retention)\n", r.Class)
		}
	}
	switch c.Format {
	case "json":
		return printJSON(s, struct {
			Policy string      `json:"policy"`
			Rows   []noticeRow `json:"rows"`
			Public []string    `json:"public,omitempty"`
		}{n.Version, rows, n.Public})
	case "html":
		t, err := template.New("notice").Parse(noticePage)
		if err != nil {
			return err
		}
		return t.Execute(s.out, struct {
			Version string
			Rows    []noticeRow
			Public  []string
		}{n.Version, rows, n.Public})
	}
	cell := func(lines ...string) string {
		return strings.NewReplacer("|", `\|`, "\n", " ").Replace(strings.Join(lines, "; "))
	}
	fmt.Fprintf(s.out, "| What we hold | Why, and on which legal basis | Who receives it | How long we keep it |\n|---|---|---|---|\n")
	for _, r := range rows {
		fmt.Fprintf(s.out, "| %s | %s | %s | %s |\n", cell(r.What), cell(r.Why()...), cell(r.Who()...), cell(r.Kept()))
	}
	if len(n.Public) > 0 {
		fmt.Fprintf(s.out, "\nWhat you publish yourself is seen by everybody: %s.\n", strings.Join(n.Public, "; "))
	}
	_, err = fmt.Fprintf(s.out, "\nFrom policy %s.\n", n.Version)
	return err
}

// maxListed is how many kinds of data a row lists by words.
const maxListed = 8

// what says what a row is about: in the policy's words, else in those of the
// detectors that find it.
func what(p *policy.Policy, r *policy.NoticeRow) string {
	if r.About != "" {
		return r.About
	}
	var all []string
	rest := 0
	for _, c := range inspect.Classes() {
		if d, ok := p.Class(c.Name); !ok || d.Name != r.Class {
			continue
		}
		if len(all) == maxListed {
			rest++
			continue
		}
		all = append(all, shortly(c.About))
	}
	switch {
	case len(all) == 0:
		return classWords(r.Class)
	case rest > 0:
		all = append(all, fmt.Sprintf("and %d more kinds (%s)", rest, r.Class))
	}
	return strings.Join(all, ", ")
}

// shortly gives what stands before the first comma or colon that is in no
// parentheses.
func shortly(about string) string {
	depth := 0
	for i, c := range about {
		switch c {
		case '(':
			depth++
		case ')':
			depth--
		case ',', ':':
			if depth == 0 {
				return about[:i]
			}
		}
	}
	return about
}

// classWords makes words of the name of a class that nobody describes.
func classWords(class weir.Class) string {
	return strings.NewReplacer(".*", "", ".", " ", "_", " ").Replace(string(class))
}

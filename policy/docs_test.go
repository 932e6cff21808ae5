package policy_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/getweir/weir/policy"
)

const language = "../docs/policy-language.md"

// TestReference holds the reference of every key beside the table that the
// reader of policies works from.
func TestReference(t *testing.T) {
	doc, err := os.ReadFile(language)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(doc), "-update -->\n")
	_, after, ok2 := strings.Cut(rest, "<!-- end of keys -->")
	if !ok || !ok2 {
		t.Fatal("the marks around the reference are gone")
	}
	want := before + "-update -->\n" + reference(policy.Keys()) + reference(policy.CaseKeys()) + "<!-- end of keys -->" + after
	if *update {
		if err := os.WriteFile(language, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if want != string(doc) {
		t.Errorf("%s does not say what the language is: run go test ./policy -run TestReference -update", language)
	}
}

func reference(keys []policy.Key) string {
	var b strings.Builder
	block := "no block"
	for _, k := range keys {
		if k.In != block {
			block = k.In
			title := "The file"
			if block != "" {
				title = "`" + block + "`"
			}
			fmt.Fprintf(&b, "\n### %s\n\n| key | value | where it is absent | |\n|---|---|---|---|\n", title)
		}
		absent := k.Default
		switch {
		case absent == "" && k.Name[0] == '<':
			absent = ""
		case absent == "":
			absent = "**required**"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", k.Name, k.Value, absent, k.About)
	}
	return b.String() + "\n"
}

// TestKeysAreDocumented: what the reader accepts has words to it, and the
// complete policy of the documentation uses every key there is.
func TestKeysAreDocumented(t *testing.T) {
	complete := examples(t)[0].src
	seen := make(map[string]bool)
	for _, k := range policy.Keys() {
		if k.About == "" || k.Value == "" || k.Name == "" {
			t.Errorf("%s of %q has no words to it", k.Name, k.In)
		}
		if id := k.In + " " + k.Name; seen[id] {
			t.Errorf("%q stands twice", id)
		} else {
			seen[id] = true
		}
		if k.Name[0] != '<' && !regexp.MustCompile(`(?m)(^|[ {-])`+strings.ReplaceAll(regexp.QuoteMeta(k.Name), "<percent>", "[0-9]+")+`:`).MatchString(complete) {
			t.Errorf("the complete policy does not show the key %s of %q", k.Name, k.In)
		}
	}
}

type example struct {
	src      string
	fragment bool
}

func examples(t testing.TB) (all []example) {
	doc, err := os.ReadFile(language)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("(?s)```yaml( fragment)?\n(.*?)```").FindAllStringSubmatch(string(doc), -1) {
		all = append(all, example{m[2], m[1] != ""})
	}
	if len(all) == 0 || all[0].fragment {
		t.Fatal("the complete policy does not come first")
	}
	return all
}

// TestExamples: what the documentation shows is accepted, and the complete
// policy without a warning.
func TestExamples(t *testing.T) {
	for _, e := range examples(t) {
		src := e.src
		if e.fragment {
			for _, section := range []string{"version: 1\n", "classes: {contact.email: {}}\n", "purposes: {support: {basis: contract}}\n", "roles: {r: {purposes: [support], see: {\"*\": mask}, take: {masked: {30 days: 1}, probed: {30 days: 1}}}}\n", "deployment: {take: {masked: {30 days: 1}, probed: {30 days: 1}}}\n"} {
				name, _, _ := strings.Cut(section, ":")
				if !strings.Contains("\n"+src, "\n"+name+":") {
					src += section
				}
			}
		}
		p, err := policy.Parse("example.yaml", []byte(src))
		if err != nil {
			t.Errorf("%v\n%s", err, src)
			continue
		}
		if !e.fragment {
			for _, w := range p.Warnings() {
				t.Errorf("%s", w)
			}
		}
	}
}

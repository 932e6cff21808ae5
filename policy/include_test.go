package policy_test

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"
	"pgregory.net/rapid"

	"github.com/getweir/weir/policy"
)

// parseFiles reads policy.yaml of an archive, in a folder, with what it includes.
func parseFiles(archive string) (*policy.Policy, error) {
	files := fstest.MapFS{}
	for _, f := range txtar.Parse([]byte(archive)).Files {
		files[f.Name] = &fstest.MapFile{Data: f.Data}
	}
	return policy.ParseFiles("conf/policy.yaml", files["policy.yaml"].Data, func(name string) ([]byte, error) { return fs.ReadFile(files, name) })
}

const several = `
-- policy.yaml --
version: 1
include: [roles/support.yaml, routes.yaml]
classes: {contact.email: {}}
purposes: {support: {basis: contract}}
deployment: {take: {masked: {30 days: 10}, probed: {30 days: 10}}}
routes: [{route: GET /a}]
-- roles/support.yaml --
# What support needs.
version: 1
include: [more/network.yaml]
classes: {contact.phone: {}}
roles:
  support: {purposes: [support], see: {"*": mask}, take: {masked: {30 days: 1}, probed: {30 days: 1}}}
-- roles/more/network.yaml --
networks:
  office: {take: {masked: {30 days: 20}, probed: {30 days: 1}}}
-- routes.yaml --
routes:
  - {route: "GET /b/{id}", name: b, subject: "customer {id}"}
`

// TestInclude: several files mean what one would, and everything that is said
// about them names the file that it stands in.
func TestInclude(t *testing.T) {
	p, err := parseFiles(several)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(p.Files()); got != "[conf/policy.yaml conf/roles/support.yaml conf/roles/more/network.yaml conf/routes.yaml]" {
		t.Error(got)
	}
	if w := p.Warnings(); len(w) != 1 || w[0].File != "conf/roles/more/network.yaml" || w[0].Line != 2 || !strings.Contains(w[0].Message, "network office") {
		t.Errorf("%v", w)
	}
	if g := p.Grants(); len(g) != 2 || g[0].File != "conf/roles/support.yaml" || g[0].Line != 6 || g[1].Class != "contact.phone" {
		t.Errorf("%+v", g)
	}
	if r := p.Routes(); len(r) != 2 || r[1].File != "conf/routes.yaml" || r[1].Name != "b" {
		t.Errorf("%+v", r)
	}
	if _, err := policy.Parse("policy.yaml", p.Sources()[0].Text); err == nil || !strings.Contains(err.Error(), "includes nothing") {
		t.Errorf("read by itself: %v", err)
	}
}

// TestIncludeIsHashed: the version covers every file, its name and its bytes, and
// what was read makes the same policy again.
func TestIncludeIsHashed(t *testing.T) {
	p, err := parseFiles(several)
	if err != nil {
		t.Fatal(err)
	}
	sources := p.Sources()
	again, err := policy.ParseFiles("elsewhere.yaml", sources[0].Text, func(name string) ([]byte, error) {
		i := slices.IndexFunc(sources[1:], func(s policy.Source) bool { return s.Name == name })
		if i < 0 {
			return nil, fs.ErrNotExist
		}
		return sources[i+1].Text, nil
	})
	if err != nil || again.Digest() != p.Digest() || again.Version() != p.Version() {
		t.Errorf("read again from its sources: %v, %s, %s", err, again.Version(), p.Version())
	}
	for _, c := range [][2]string{
		{"What support needs", "What support wants"},
		{"masked: {30 days: 20}", "masked: {30 days: 21}"},
		{"routes.yaml", "ways.yaml"},
		{"-- routes.yaml --\n", "-- routes.yaml --\n\n"},
	} {
		other, err := parseFiles(strings.ReplaceAll(several, c[0], c[1]))
		if err != nil || other.Version() == p.Version() || other.Digest() == p.Digest() {
			t.Errorf("%q: %v, and the same version", c, err)
		}
	}
}

// TestIncludeMistakes: what an include must not do, with the file and the line.
func TestIncludeMistakes(t *testing.T) {
	const head = "-- policy.yaml --\nversion: 1\ndeployment: {take: {}}\n"
	for _, c := range []struct{ files, want string }{
		{head + "include: [a.yaml]\n-- a.yaml --\ninclude: [b/b.yaml]\n-- b/b.yaml --\ninclude: [../a.yaml]\n", "conf/b/b.yaml:1:11: include: a loop: a.yaml includes b/b.yaml includes a.yaml"},
		{head + "include: [policy.yaml]\n", "conf/policy.yaml:3:11: include: a loop: policy.yaml includes policy.yaml"},
		{head + "include: [../a.yaml]\n", `conf/policy.yaml:3:11: include: "../a.yaml" leads out of the folder`},
		{head + "include: [a/../../a.yaml]\n", "leads out"},
		{head + "include: [/etc/passwd]\n", "leads out"},
		{head + "include: ['a\\b.yaml']\n", "leads out"},
		{head + "include: [.]\n", "leads out"},
		{head + "include: [none.yaml]\n", "conf/policy.yaml:3:11: include: there is no none.yaml"},
		{head + "include: [a.yaml, a.yaml]\n-- a.yaml --\nroles: {}\n", `"a.yaml" stands here twice`},
		{head + "include: [a.yaml, ./a.yaml]\n-- a.yaml --\nroles: {}\n", "conf/policy.yaml:3:19: include: a.yaml is included on line 3 already"},
		{head + "include: a.yaml\n", "include: a list as [a, b], not a single value"},
		{head + "include: [a.yaml]\n-- a.yaml --\n- x\n", "conf/a.yaml:1:1: an included file holds keys and values"},
		{head + "include: [a.yaml]\n-- a.yaml --\n", "conf/a.yaml:1:1: the file holds no policy"},
		{head + "include: [a.yaml]\n-- a.yaml --\nrolls: {}\n", `conf/a.yaml:1:1: unknown key "rolls" (did you mean "roles"?)`},
		{head + "include: [a.yaml]\n-- a.yaml --\nversion: 2\n", "conf/a.yaml:1:10: the version of the language is 1"},
		{head + "include: [a.yaml]\n-- a.yaml --\ndeployment: {take: {}}\n", `conf/a.yaml:1:1: the key "deployment" stands here a second time (first on line 2 of conf/policy.yaml)`},
		{head + "include: [a.yaml]\nroles: {r: {}}\n-- a.yaml --\n\nroles: {r: {}}\n", `conf/a.yaml:2:9: roles: "r" stands on line 4 of conf/policy.yaml already`},
		{head + "include: [a.yaml]\nroles: {r: {}}\n-- a.yaml --\nroles: [r]\n", "conf/a.yaml:1:8: roles: a list here, and keys and values on line 4 of conf/policy.yaml"},
		{head + "include: [a.yaml]\nroutes: [{route: GET /a}]\n-- a.yaml --\nroutes: [{route: GET /a}]\n", `conf/a.yaml:1:18: a route named "GET /a" stands on line 4 of conf/policy.yaml already`},
		{head + "include: [a.yaml]\n-- a.yaml --\nclasses: {contact.email: {purpose: [x]}}\n  bad\n", "conf/a.yaml:2:3: not YAML"},
	} {
		p, err := parseFiles(c.files)
		if p != nil || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s\nsaid %v\nwant %s", c.files, err, c.want)
		}
	}
	// A file that is there and cannot be read says why, and not twice where.
	_, err := policy.ParseFiles("policy.yaml", []byte("include: [a.yaml]"), func(name string) ([]byte, error) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	})
	if err == nil || !strings.Contains(err.Error(), "include: a.yaml cannot be read (permission denied)") {
		t.Error(err)
	}
}

// TestIncludeBombs: files that include each other without end, or that are small
// each and endless together, are refused before the work is done.
func TestIncludeBombs(t *testing.T) {
	read := 0
	for _, c := range []struct {
		name, want string
		text       func(name string) string
	}{
		{"a chain", "more than 100 files", func(name string) string { return fmt.Sprintf("include: [x%s]", name) }},
		{"a tree", "more than 100 files", func(name string) string { return fmt.Sprintf("include: [%s-a, %s-b, %s-c]", name, name, name) }},
		{"long files", "longer than", func(name string) string {
			return fmt.Sprintf("include: [x%s]\n", name) + strings.Repeat("#", 1<<20-1000)
		}},
		{"wide blocks", "stands here a second time", func(name string) string {
			return fmt.Sprintf("include: [x%s]\nclasses: {%s", name, strings.Repeat("a: {}, ", 3_000)) + "}\n"
		}},
	} {
		read = 0
		_, err := policy.ParseFiles("p", []byte("include: [a]"), func(name string) ([]byte, error) {
			read++
			return []byte(c.text(name)), nil
		})
		if err == nil || !strings.Contains(err.Error(), c.want) || read > 100 {
			t.Errorf("%s: after %d files: %.300v", c.name, read, err)
		}
	}
}

// TestAnySplitMeansTheSame: however the entries of a policy are dealt out to
// files, it is the same policy.
func TestAnySplitMeansTheSame(t *testing.T) {
	whole := parse(t, shop)
	rapid.Check(t, func(t *rapid.T) {
		files := []*strings.Builder{{}, {}, {}}
		files[0].WriteString("version: 1\ninclude: [1.yaml]\n")
		files[1].WriteString("include: [2.yaml]\n")
		var last *strings.Builder
		opened := map[*strings.Builder]string{}
		block := ""
		for _, line := range strings.Split(strings.TrimPrefix(shop, "\nversion: 1\n"), "\n") {
			deep := len(line) - len(strings.TrimLeft(line, " "))
			switch {
			case deep == 0: // a block begins: classes, or what stands once
				block = line
				last = files[rapid.IntRange(0, 2).Draw(t, "file")]
				opened[last] = block
				last.WriteString(line + "\n")
				continue
			case deep == 2 && block != "deployment:": // an entry of it
				last = files[rapid.IntRange(0, 2).Draw(t, "file")]
				if opened[last] != block {
					last.WriteString(block + "\n")
					opened[last] = block
				}
			}
			last.WriteString(line + "\n")
		}
		for _, f := range files[1:] {
			f.WriteString("purposes:\n") // nothing, where there may be something
		}
		p, err := policy.ParseFiles("policy.yaml", []byte(files[0].String()), func(name string) ([]byte, error) {
			return []byte(files[name[0]-'0'].String()), nil
		})
		if err != nil {
			if strings.Contains(err.Error(), `the key "purposes" stands here a second time`) {
				return // in one and the same file
			}
			t.Fatal(err)
		}
		if d := append(policy.Diff(whole, p), policy.Diff(p, whole)...); len(d) > 0 {
			t.Fatalf("%+v", d)
		}
	})
}

// FuzzInclude: no three files make ParseFiles panic or go on without end, and each
// mistake points into the file that it names.
func FuzzInclude(f *testing.F) {
	a := txtar.Parse([]byte(several))
	f.Add(string(a.Files[0].Data), string(a.Files[1].Data), string(a.Files[3].Data))
	f.Add("include: [a, b]", "include: [b]", "include: [a]")
	f.Add("include: [a]\ninclude: [b]", "roles: {r: {}}", "roles: []")
	f.Fuzz(func(t *testing.T, first, second, third string) {
		texts := map[string]string{"policy.yaml": first, "a": second, "b": third}
		p, err := policy.ParseFiles("policy.yaml", []byte(first), func(name string) ([]byte, error) {
			if text, ok := texts[name]; ok {
				return []byte(text), nil
			}
			return nil, fs.ErrNotExist
		})
		if err == nil {
			if len(p.Sources()) != len(p.Files()) {
				t.Fatal("sources and files are not the same")
			}
			return
		}
		var all *policy.Errors
		if !errors.As(err, &all) || len(all.List) == 0 {
			t.Fatalf("%v", err)
		}
		for _, e := range all.List {
			lines := strings.Split(strings.TrimPrefix(texts[e.File], "\ufeff"), "\n")
			if e.Line < 1 || e.Line > len(lines) || e.Column < 1 || e.Column > len([]rune(lines[e.Line-1]))+1 {
				t.Errorf("%s is not in the file", e.Position)
			}
		}
	})
}

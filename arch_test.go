package weir_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/getweir/weir"

// order is the import order of the house: a package may import, of ours, only
// packages of earlier lines (and internal/*, which is plumbing). It is the
// picture of docs/architecture.md as a table; a change here needs a decision
// record in docs/decisions.
var order = []string{
	"", // package weir, the words
	"consent identity inspect ledger mask meter policy vendor",
	"fleet",
	"approval coverage export guard index learn vault watch",
	"exposure incident replay rights",
	"assure",
	"door/* console",
	"store/*",
	"cmd/*",
}

// only lists who may import a room that is not everybody's.
var only = map[string][]string{
	"inspect": {"guard", "learn", "door/files", "cmd/*"},
	"mask":    {"guard", "door/files", "cmd/*"},
	"meter":   {"fleet", "guard", "replay", "store/*", "cmd/*"},
}

// verifierMay lists all of ours that the auditor's tool may import: what an
// outsider has to read and trust in order to believe it.
var verifierMay = []string{"", "ledger"}

// doorsMay lists all of ours that a door may import, beside what only names it for.
var doorsMay = []string{"", "guard", "identity", "vendor", "internal/*"}

// pure are the rooms that do no I/O, and what counts as I/O.
var (
	pure    = []string{"inspect", "policy", "mask"}
	ioNames = []string{"os", "net", "net/http", "io/ioutil", "os/exec", "database/sql", "syscall"}
)

// drivers are the imports that only store/* may have.
var drivers = []string{"database/sql", "modernc.org/sqlite", "github.com/jackc/pgx"}

var (
	bannedPackages = []string{"api", "core", "common", "util", "utils", "helper", "helpers", "models", "service", "manager", "pkg", "bus", "misc"}
	bannedTypes    = regexp.MustCompile(`(Manager|Helper|Util|Utils|Base|Impl)$`)
)

type source struct {
	dir  string // slash-separated, "" for the root
	path string
	file *ast.File
	test bool
}

func sources(t *testing.T) (all []source) {
	t.Helper()
	fset := token.NewFileSet()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if path != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "bench") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		f, err := parser.ParseFile(fset, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		dir := filepath.ToSlash(filepath.Dir(path))
		if dir == "." {
			dir = ""
		}
		all = append(all, source{dir, path, f, strings.HasSuffix(path, "_test.go")})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func matches(pattern, dir string) bool {
	if base, ok := strings.CutSuffix(pattern, "/*"); ok {
		return strings.HasPrefix(dir, base+"/")
	}
	return pattern == dir
}

func matchesAny(patterns []string, dir string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, dir) })
}

func line(dir string) int {
	for i, l := range order {
		if dir == "" && l == "" {
			return i
		}
		if dir != "" && matchesAny(strings.Fields(l), dir) {
			return i
		}
	}
	return -1
}

func ours(imp string) (dir string, ok bool) {
	if imp == module {
		return "", true
	}
	return strings.CutPrefix(imp, module+"/")
}

func imports(f *ast.File) (paths []string) {
	for _, i := range f.Imports {
		p, _ := strconv.Unquote(i.Path.Value)
		paths = append(paths, p)
	}
	return paths
}

// TestImportOrder holds the import order of the house.
func TestImportOrder(t *testing.T) {
	for _, s := range sources(t) {
		if s.test {
			continue // tests may look at whatever they compare with
		}
		internal := matches("internal/*", s.dir)
		at := line(s.dir)
		if at < 0 && !internal {
			t.Errorf("%s: package %q has no line in the import order", s.path, s.dir)
			continue
		}
		for _, imp := range imports(s.file) {
			if slices.ContainsFunc(drivers, func(d string) bool { return imp == d || strings.HasPrefix(imp, d+"/") }) && !matches("store/*", s.dir) {
				t.Errorf("%s imports %s: only store/* speaks to databases", s.path, imp)
			}
			if matchesAny(pure, s.dir) && slices.Contains(ioNames, imp) {
				t.Errorf("%s imports %s: %s does no I/O", s.path, imp, s.dir)
			}
			dir, mine := ours(imp)
			switch {
			case !mine:
				if s.dir == "" && strings.Contains(strings.SplitN(imp, "/", 2)[0], ".") {
					t.Errorf("%s imports %s: package weir has only the standard library", s.path, imp)
				}
				continue
			case internal && dir != "" && !matches("internal/*", dir):
				t.Errorf("%s imports %s: plumbing knows no rooms", s.path, dir)
			case internal || matches("internal/*", dir):
				continue
			case line(dir) >= at:
				t.Errorf("%s imports %s, which is not on an earlier line", s.path, dir)
			}
			if matches("door/*", s.dir) && !matchesAny(doorsMay, dir) && !slices.Contains(only[dir], s.dir) {
				t.Errorf("%s imports %s: a door knows %v", s.path, dir, doorsMay)
			}
			if s.dir == "cmd/weir-verify" && !matchesAny(verifierMay, dir) {
				t.Errorf("%s imports %s: the auditor's tool is made of %v", s.path, dir, verifierMay)
			}
			if may, limited := only[dir]; limited && !matchesAny(may, s.dir) {
				t.Errorf("%s imports %s, which only %v may", s.path, dir, may)
			}
		}
	}
}

// TestPackageDocs requires a package comment of each package, long enough to
// say what it is, how it works, what it guarantees and what it does not do.
func TestPackageDocs(t *testing.T) {
	docs := map[string]string{}
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		if s.file.Doc != nil {
			if docs[s.dir] != "" {
				t.Errorf("%s: a second package comment", s.path)
			}
			docs[s.dir] = s.file.Doc.Text()
		} else if _, seen := docs[s.dir]; !seen {
			docs[s.dir] = ""
		}
	}
	for dir, doc := range docs {
		if len(strings.Fields(doc)) < 30 {
			t.Errorf("package %q: the package comment is missing or says too little: %q", dir, doc)
		}
	}
}

// TestNames refuses names that say nothing.
func TestNames(t *testing.T) {
	for _, s := range sources(t) {
		for _, part := range strings.Split(s.dir, "/") {
			if slices.Contains(bannedPackages, part) {
				t.Errorf("%s: a package is named for its idea, not %q", s.path, part)
			}
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if ts, ok := n.(*ast.TypeSpec); ok && bannedTypes.MatchString(ts.Name.Name) {
				t.Errorf("%s: type %s: a name that says nothing", s.path, ts.Name.Name)
			}
			if fn, ok := n.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" && !s.test {
				t.Errorf("%s: func init: the program is wired in cmd, where it can be read", s.path)
			}
			return true
		})
	}
}

// TestPlainFieldsAreExported forbids Plain, Identifier and Segment in unexported
// struct fields: fmt prints those by reflection, past their methods. (Plain
// survives even that, by its pointer; Segment would not.)
func TestPlainFieldsAreExported(t *testing.T) {
	guarded := map[string]bool{"Plain": true, "Segment": true, "Identifier": true}
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			st, ok := n.(*ast.StructType)
			if !ok {
				return true
			}
			for _, f := range st.Fields.List {
				typ := f.Type
				if star, ok := typ.(*ast.StarExpr); ok {
					typ = star.X
				}
				if arr, ok := typ.(*ast.ArrayType); ok {
					typ = arr.Elt
				}
				var name string
				switch x := typ.(type) {
				case *ast.SelectorExpr:
					if pkg, ok := x.X.(*ast.Ident); ok && pkg.Name == "weir" {
						name = x.Sel.Name
					}
				case *ast.Ident:
					if s.dir == "" {
						name = x.Name
					}
				}
				if !guarded[name] {
					continue
				}
				for _, id := range f.Names {
					if !id.IsExported() {
						t.Errorf("%s: field %s holds a weir.%s and is not exported: fmt would print past its methods", s.path, id.Name, name)
					}
				}
			}
			return true
		})
	}
}

// TestNoWorkplace keeps the project speaking of itself alone, and unfinished
// words out of what is shipped.
func TestNoUnfinishedWords(t *testing.T) {
	words := regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|X` + `XX|not imple` + `mented)\b`)
	for _, s := range sources(t) {
		text, err := os.ReadFile(s.path)
		if err != nil {
			t.Fatal(err)
		}
		if loc := words.FindIndex(text); loc != nil {
			t.Errorf("%s: %q: finish it, or say in the docs what is not there", s.path, text[loc[0]:loc[1]])
		}
	}
}

// TestDependencies makes a new direct dependency a change that somebody sees:
// each has a line of reason in docs/dependencies.md.
func TestDependencies(t *testing.T) {
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	listed, err := os.ReadFile("docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	direct := 0
	for _, l := range strings.Split(string(mod), "\n") {
		fields := strings.Fields(strings.TrimPrefix(strings.TrimSpace(l), "require "))
		if len(fields) < 2 || !strings.Contains(fields[0], ".") || !strings.HasPrefix(fields[1], "v") || strings.Contains(l, "// indirect") {
			continue
		}
		direct++
		if !strings.Contains(string(listed), "`"+fields[0]+"`") {
			t.Errorf("docs/dependencies.md says nothing about %s", fields[0])
		}
	}
	if direct == 0 {
		t.Error("go.mod names no direct dependency: this test has lost its subject")
	}
}

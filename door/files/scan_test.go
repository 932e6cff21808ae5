package files

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/getweir/weir"
)

// TestWhere holds the place and the path that each format gives a finding.
func TestWhere(t *testing.T) {
	tests := []struct {
		name, content string
		class         weir.Class
		line, column  int
		path          string
	}{
		{"a.json", `{"data":{"items":[1,{"x":"é"},` + "\n" + `{"a b":["ü",{"email":"jo@example.com"}]}]}}`, "contact.email", 2, 23, "$.data.items[2]['a b'][1].email"},
		{"a.json", `[{"jo@example.com":{"phone":"+44 7700 900123"}}]`, "contact.email", 1, 4, "$[0].*"},
		{"a.json", `[{"jo@example.com":{"phone":"+44 7700 900123"}}]`, "contact.phone", 1, 30, "$[0].*.phone"},
		{"a.ndjson", "{\"a\":1}\n{\"email\":\"jo@example.com\"}\n", "contact.email", 2, 11, "$.email"},
		{"a.log", "{\"a\":1}\nstarted for jo@example.com\n{\"a\":[0,\"bo@example.com\"]}\n", "contact.email", 2, 13, ""},
		{"a.csv", "id,mail\n1,x\n2,jo@example.com\n", "contact.email", 3, 3, "mail"},
		{"a.csv", "1,bo@example.com\n2,jo@example.com\n", "contact.email", 1, 3, "#2"},
		{"a.html", "<p>hello</p>\n<dl><dt>E-mail</dt><dd>jo@example.com</dd></dl>", "contact.email", 2, 24, "E-mail"},
		{"a.html", `<a href="mailto:jo@example.com">mail</a>`, "contact.email", 1, 17, "<a href>"},
		{"a.txt", "één twee jo@example.com\n", "contact.email", 1, 10, ""},
		{"a.form", "a=1&email=jo%40example.com&b=2", "contact.email", 1, 11, "email"},
		{"a", "POST /x HTTP/1.1\r\nHost: shop.example\r\nCookie: a=1; mail=jo@example.com\r\n\r\n", "contact.email", 3, 19, "Cookie.mail"},
		{"a", "POST /x HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{\"user\":{\"email\":\"jo@example.com\"}}", "contact.email", 4, 19, "$.user.email"},
		{"a", "--b\r\nContent-Disposition: form-data; name=\"email\"\r\n\r\njo@example.com\r\n--b--\r\n", "contact.email", 4, 1, "email"},
		{"a", "--b\r\nContent-Disposition: form-data; name=\"doc\"; filename=\"a.json\"\r\n\r\n{\"email\":\"jo@example.com\"}\r\n--b--\r\n", "contact.email", 4, 11, "doc $.email"},
		{"a", "event: x\ndata: {\"email\":\"jo@example.com\"}\n\n", "contact.email", 2, 17, "$.email"},
	}
	for _, test := range tests {
		all, sum := content(t, test.name, test.content, Options{Reveal: true})
		found := false
		for _, f := range all {
			if f.Class == test.class && !found {
				found = true
				if f.Line != test.line || f.Column != test.column || f.Path != test.path {
					t.Errorf("%s %q: at %d:%d %q, want %d:%d %q", test.name, test.content, f.Line, f.Column, f.Path, test.line, test.column, test.path)
				}
				if got := test.content[f.Offset : f.Offset+int64(f.Length)]; got != f.Value.Reveal() {
					t.Errorf("%s: the value is %q, and %q is at its offset", test.name, f.Value.Reveal(), got)
				}
			}
		}
		if !found || sum.Files != 1 || sum.Bytes != int64(len(test.content)) || sum.Unread != 0 {
			t.Errorf("%s %q: %+v, %+v", test.name, test.content, all, sum)
		}
	}
}

// TestTree scans a folder with everything that may lie in one.
func TestTree(t *testing.T) {
	dir := tree(t, map[string]string{
		"b/1.json":   `{"email":"b1@example.com"}`,
		"b/2.log.gz": packed("jo@example.com logged in\n"),
		"a.txt":      "a@example.com and b@example.com\n",
		"pic.png":    "\x89PNG\r\n\x1a\n\x00\x00jo@example.com",
		"core":       strings.Repeat("\x00\x01\x02jo@example.com\xff", 300),
		"z.zip":      "PK\x03\x04aaaaaaaaaaaaaaaaaaa",
		"broken.gz":  packed("jo@example.com logged in\n")[:30],
		"empty":      "",
	})
	if err := os.Symlink(filepath.Join(dir, "a.txt"), filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	all, sum := scanned(t, dir, Options{})
	var got []string
	for _, f := range all {
		got = append(got, fmt.Sprintf("%s:%d:%d %s", f.File, f.Line, f.Column, f.Path))
		if f.Value.Reveal() != "" {
			t.Error("a value, and nobody asked for it")
		}
	}
	want := []string{"a.txt:1:1 ", "a.txt:1:19 ", "b/1.json:1:11 $.email", "b/2.log.gz:1:1 ", "broken.gz:1:1 "}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
	skipped := map[string]int{}
	for _, s := range sum.Skipped {
		skipped[s.Reason] = s.Files
	}
	if want := map[string]int{SkipBinary: 2, SkipArchive: 1, SkipLink: 1, SkipSpecial: 1}; !reflect.DeepEqual(skipped, want) {
		t.Errorf("skipped %v, want %v", skipped, want)
	}
	if sum.Failed != 1 || !strings.HasSuffix(sum.Failures[0].File, "broken.gz") || sum.Files != 4 {
		t.Errorf("%+v", sum)
	}
	// What is named is followed.
	if all, _ := scanned(t, dir, Options{}, filepath.Join(dir, "link")); len(all) != 2 {
		t.Errorf("the named link gives %v", all)
	}
	if _, sum := scanned(t, dir, Options{}, filepath.Join(dir, "none")); sum.Failed != 1 {
		t.Errorf("a file that is not there: %+v", sum)
	}
	all, sum = scanned(t, dir, Options{Input: strings.NewReader("from jo@example.com")}, "-")
	if len(all) != 1 || all[0].File != "-" || sum.Bytes != 19 {
		t.Errorf("the standard input: %v, %+v", all, sum)
	}
}

// TestBlocksDoNotMatter reads files of many blocks: findings are where they were put,
// in order, with their lines, whoever read the block.
func TestBlocksDoNotMatter(t *testing.T) {
	const n = 6000
	pad := strings.Repeat("x", 300)
	kinds := map[string]struct {
		name   string
		record func(i int) string
		before string
		after  string
		path   func(i int) string
	}{
		"text":   {"a.log", func(i int) string { return fmt.Sprintf("%s from u%d@example.com\n", pad, i) }, "", "", func(int) string { return "" }},
		"ndjson": {"a.ndjson", func(i int) string { return fmt.Sprintf(`{"pad":"%s","email":"u%d@example.com"}`+"\n", pad, i) }, "", "", func(int) string { return "$.email" }},
		"mixed": {"a.log", func(i int) string {
			return []string{fmt.Sprintf("%s u%d@example.com\n", pad, i), fmt.Sprintf(`{"email":"u%d@example.com"}`+"\n", i)}[i%2]
		}, "", "", nil},
		"csv": {"a.csv", func(i int) string { return fmt.Sprintf("%d,\"a \"\"quoted\"\"\n%s\",u%d@example.com\n", i, pad, i) }, "id,note,mail\n", "", func(int) string { return "mail" }},
		"json": {"a.json", func(i int) string {
			return fmt.Sprintf(`{"pad":"%s","email":"u%d@example.com"},`+"\n", strings.Repeat(pad, 8), i)
		}, `{"meta":{"x":[1,2]},"data":{"items":[`, `null]},"end":1}`, func(i int) string { return fmt.Sprintf("$.data.items[%d].email", i) }},
		"long line": {"a.txt", func(i int) string { return fmt.Sprintf("%s u%d@example.com ", pad, i) }, "", "", func(int) string { return "" }},
		"events": {"a.sse", func(i int) string {
			return fmt.Sprintf("data: {\"pad\":\"%s\",\"email\":\"u%d@example.com\"}\n\n", pad, i)
		}, "", "", func(int) string { return "$.email" }},
	}
	for kind, k := range kinds {
		t.Run(kind, func(t *testing.T) {
			var b strings.Builder
			b.WriteString(k.before)
			for i := range n {
				b.WriteString(k.record(i))
			}
			b.WriteString(k.after)
			text := b.String()
			if kind == "json" && len(text) <= maxRecord {
				t.Fatal("not long enough to be cut")
			}
			dir := tree(t, map[string]string{k.name: text, "b.gz": packed(text)})
			all, sum := scanned(t, dir, Options{Reveal: true, Workers: 3})
			if len(all) != 2*n || sum.Unread != 0 || sum.Bytes != int64(2*len(text)) {
				t.Fatalf("%d findings, %+v", len(all), sum)
			}
			if sum.AsText != 0 {
				t.Errorf("%d bytes read as text", sum.AsText)
			}
			for i, f := range all {
				i %= n
				email := fmt.Sprintf("u%d@example.com", i)
				if f.Value.Reveal() != email || text[f.Offset:f.Offset+int64(f.Length)] != email {
					t.Fatalf("finding %d is %+v %q", i, f, f.Value.Reveal())
				}
				if k.path != nil && f.Path != k.path(i) && f.File != "b.gz" {
					t.Fatalf("finding %d has the path %q, want %q", i, f.Path, k.path(i))
				}
				if i%997 == 0 {
					before := text[:f.Offset]
					if line, column := 1+strings.Count(before, "\n"), len(before)-strings.LastIndexByte(before, '\n'); f.Line != line || f.Column != column {
						t.Fatalf("finding %d is at %d:%d, want %d:%d", i, f.Line, f.Column, line, column)
					}
				}
			}
		})
	}
}

// TestBrokenIsReadAsText reads what is not what it says it is, and counts it.
func TestBrokenIsReadAsText(t *testing.T) {
	long := strings.Repeat("y ", 9<<19)
	for name, body := range map[string]string{
		"cut off":   `{"a":[1,2,{"email":"jo@example.com"`,
		"too deep":  strings.Repeat("[", 10000) + `"jo@example.com"` + strings.Repeat("]", 10000),
		"too long":  `{"a":"` + long + ` jo@example.com"}`,
		"breaks":    `[{"a":"` + strings.Repeat("z ", 1<<19) + `"},` + strings.Repeat(`{"b":"`+strings.Repeat("z ", 1<<19)+`"},`, 9) + ` oops jo@example.com`,
		"wrong row": "{\"a\":\n jo@example.com",
	} {
		all, sum := content(t, "a.json", body, Options{Format: JSON})
		if !has(all, "contact.email") || sum.AsText == 0 || sum.Unread != 0 || sum.Bytes != int64(len(body)) {
			t.Errorf("%s: %v, %+v", name, all, sum)
		}
	}
}

// TestPackedBomb stops where what is packed is out of proportion.
func TestPackedBomb(t *testing.T) {
	if testing.Short() {
		return
	}
	bomb := packed(strings.Repeat(strings.Repeat("a", 99)+"\n", (freeRatio+(8<<20))/100))
	_, sum := content(t, "a.gz", bomb, Options{})
	if sum.Failed != 1 || !errors.Is(sum.Failures[0].Err, errRatio) || sum.Bytes > freeRatio+(1<<20) {
		t.Errorf("%+v", sum)
	}
}

// TestInterrupted ends a scan in the middle.
func TestInterrupted(t *testing.T) {
	files := map[string]string{}
	for i := range 200 {
		files[fmt.Sprintf("f%03d.txt", i)] = strings.Repeat("jo@example.com\n", 10)
	}
	ctx, cancel := context.WithCancel(context.Background())
	n := 0
	sum, err := Scan(ctx, []string{tree(t, files)}, Options{Inspector: inspector(t)}, func(Finding) {
		if n++; n == 100 {
			go cancel()
			<-ctx.Done()
		}
	})
	if !errors.Is(err, context.Canceled) || !sum.Interrupted || n < 100 || sum.Findings < 100 {
		t.Errorf("%d findings, %v, %+v", n, err, sum)
	}
}

// TestClasses tells only what is asked for.
func TestClasses(t *testing.T) {
	body := `{"email":"jo@example.com","card":"4242 4242 4242 4242","ip":"203.0.113.7"}`
	for want, names := range map[string][]string{"contact.email": {"contact.*"}, "payment.card": {"payment.card"}} {
		all, _ := content(t, "a.json", body, Options{Classes: names})
		if len(all) != 1 || string(all[0].Class) != want {
			t.Errorf("%v: %v", names, all)
		}
	}
	if CheckClasses([]string{"contact.*", "payment.card"}) != nil || CheckClasses([]string{"contact.mail"}) == nil {
		t.Error("names of classes are not told apart")
	}
}

package policy_test

import (
	"errors"
	"flag"
	"os"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/getweir/weir/policy"
)

var update = flag.Bool("update", false, "write what the tests see into the files that they compare with")

// TestMistakes holds every message about a bad policy, with the line that it
// points at.
func TestMistakes(t *testing.T) {
	shown(t, "testdata/mistakes.txtar", ".err", func(t *testing.T, file, src string) string {
		_, err := policy.Parse(file, []byte(src))
		var all *policy.Errors
		if !errors.As(err, &all) {
			t.Errorf("not refused with *policy.Errors: %v", err)
			return ""
		}
		return err.Error() + "\n"
	})
}

// TestWarnings holds what is said about policies that are good and odd.
func TestWarnings(t *testing.T) {
	shown(t, "testdata/warnings.txtar", ".warn", func(t *testing.T, file, src string) string {
		p, err := policy.Parse(file, []byte(src))
		if err != nil {
			t.Error(err)
			return ""
		}
		var b strings.Builder
		for _, w := range p.Warnings() {
			b.WriteString(w.String() + "\n")
		}
		return b.String()
	})
}

// shown compares, for each name.yaml of an archive, what say says about it with
// the file that stands beside it.
func shown(t *testing.T, archive, suffix string, say func(t *testing.T, file, src string) string) {
	a, err := txtar.ParseFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(a.Files); i += 2 {
		in, want := &a.Files[i], &a.Files[i+1]
		name, ok := strings.CutSuffix(in.Name, ".yaml")
		if !ok || want.Name != name+suffix {
			t.Fatalf("%s and %s do not belong together", in.Name, want.Name)
		}
		t.Run(name, func(t *testing.T) {
			got := say(t, "policy.yaml", string(in.Data))
			if *update {
				want.Data = []byte(got)
			} else if got != string(want.Data) {
				t.Errorf("got:\n%s\nwant:\n%s", got, want.Data)
			}
		})
	}
	if *update {
		if err := os.WriteFile(archive, txtar.Format(a), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

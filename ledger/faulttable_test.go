package ledger

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
)

// The table of faults in docs/reliability.md says which calls went wrong in the
// tests of this package, and how. It is written from what they did, and compared
// with that at the end of each run of all of them.

var (
	injected   faultTable
	writeTable = flag.Bool("write-fault-table", false, "write the table of faults into docs/reliability.md")
)

const (
	reliabilityPage = "../docs/reliability.md"
	tableBegins     = "<!-- what the tests of ./ledger did; go test ./ledger -args -write-fault-table writes it -->\n"
	tableEnds       = "<!-- end -->\n"
)

// A faultTable counts which faults were injected where.
type faultTable struct {
	mu    sync.Mutex
	cells map[edge]map[fault]int
}

// Calls that are not of a disk.
const (
	putIntoStore   = "put into store"
	putIntoArchive = "put into archive"
)

// An edge is a kind of call that changes something outside the process.
type edge struct{ what, call string }

func (e edge) hasHalves() bool {
	return e.what != "directories" && (e.call == "write" || e.call == "sync")
}

// columns are the ways in which a call goes wrong. A process that is killed before
// a call is one that was killed after the one before.
var columns = []fault{failed, shortly, butDone, killedAfter}

func (t *faultTable) add(call string, how fault) {
	if how == killed {
		how = killedAfter
	}
	e := edgeOf(call)
	if how == shortly && !e.hasHalves() {
		how = failed
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cells == nil {
		t.cells = map[edge]map[fault]int{}
	}
	if t.cells[e] == nil {
		t.cells[e] = map[fault]int{}
	}
	t.cells[e][how]++
}

// edgeOf names the edge of a memDisk's call.
func edgeOf(call string) edge {
	verb, name, _ := strings.Cut(call, " ")
	switch {
	case call == "mkdir":
		return edge{"directories", "make"}
	case call == "sync directory":
		return edge{"directories", "sync"}
	case call == putIntoStore:
		return edge{"store", "put a group"}
	case call == putIntoArchive:
		return edge{"archive", "put an object"}
	case verb == "rename":
		name = strings.TrimPrefix(name, "to ")
	}
	name = strings.TrimSuffix(name, ".tmp")
	what := "`" + name + "`"
	if _, ok := parseSegmentName(name); ok {
		what = "segments"
	}
	if strings.HasPrefix(name, spoolPrefix) {
		what = "the archive's spool"
	}
	if len(name) == 1 || name == placesFile || name == wholeFile {
		what = "`tile/" + name + "`"
		if len(name) == 1 {
			what = "`tile/0`, `tile/1`, ..."
		}
	}
	return edge{what, verb}
}

func (t *faultTable) String() string {
	var b strings.Builder
	b.WriteString("| what | call | failed | half done | failed, but done | killed there |\n|---|---|:-:|:-:|:-:|:-:|\n")
	edges := slices.SortedFunc(maps.Keys(t.cells), func(a, b edge) int {
		return cmp.Or(cmp.Compare(a.what, b.what), cmp.Compare(a.call, b.call))
	})
	for _, e := range edges {
		fmt.Fprintf(&b, "| %s | %s |", e.what, e.call)
		for _, how := range columns {
			switch {
			case t.cells[e][how] > 0:
				b.WriteString(" yes |")
			case how == shortly && !e.hasHalves():
				b.WriteString(" – |")
			default:
				b.WriteString(" **no** |")
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

// check compares the page with what was done, or writes it.
func (t *faultTable) check() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	page, err := os.ReadFile(reliabilityPage)
	if err != nil {
		return err
	}
	before, rest, ok1 := strings.Cut(string(page), tableBegins)
	was, after, ok2 := strings.Cut(rest, tableEnds)
	if !ok1 || !ok2 {
		return fmt.Errorf("%s has no place for the table of faults", reliabilityPage)
	}
	is := t.String()
	if is == was {
		return nil
	}
	if *writeTable {
		return os.WriteFile(reliabilityPage, []byte(before+tableBegins+is+tableEnds+after), 0o600)
	}
	return fmt.Errorf("the table of faults in %s is not what the tests did (write it by: go test ./ledger -args -write-fault-table); they did:\n%s", reliabilityPage, is)
}

// all reports whether the whole package is tested, at its full length.
func all() bool {
	for _, name := range []string{"test.run", "test.skip", "test.list", "test.fuzz"} {
		if f := flag.Lookup(name); f != nil && f.Value.String() != "" {
			return false
		}
	}
	return true
}

package ledger

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// ErrRoster is what is said of a roster that is not signed by its key, is badly
// written, or older than one that is known.
var ErrRoster = errors.New("roster does not hold")

// A Roster is the signed list of the nodes of a deployment and their logs, so
// that a whole log that is missing is noticed. As text it is a C2SP signed note,
// by a key that belongs to whoever says which nodes there are, and not to a node.
type Roster struct {
	// Serial grows with each change: of two rosters the larger one counts.
	Serial int64
	Time   time.Time // when it was signed, to the second
	Nodes  []Node    // in the order in which they came
}

// A Node is one node of a deployment.
type Node struct {
	Name  string
	Key   string    // of its log, as text; one that it had at some time
	URL   string    // under which its log is served; "": it is not
	Since time.Time // when it came, to the second
	// Retired says how its log ended; nil while it is in service. The log must
	// still be there, and has to be just this one.
	Retired *Checkpoint
}

// Origin names the node's log.
func (n *Node) Origin() string {
	origin, _, _ := strings.Cut(n.Key, "+")
	return origin
}

const (
	rosterHeader = "weir ledger roster 1"
	maxNodes     = 1000
	// MaxRoster bounds the length of a signed roster, in bytes.
	MaxRoster = 1 << 20
)

// Sign gives the roster as a signed note.
func (r *Roster) Sign(k Key) ([]byte, error) {
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("sign roster: %w", err)
	}
	if k.signer == nil {
		return nil, fmt.Errorf("sign roster: %w: no key given", ErrKey)
	}
	b, err := note.Sign(&note.Note{Text: r.text(k.Origin())}, k.signer)
	if err != nil {
		return nil, fmt.Errorf("sign roster: %w", err)
	}
	return b, nil
}

// OpenRoster reads a roster that was signed by key, the text of a public key.
func OpenRoster(msg []byte, key string) (*Roster, error) {
	v, err := note.NewVerifier(strings.TrimSpace(key))
	if err != nil {
		return nil, fmt.Errorf("open roster: %w: not the text of a public note key", ErrKey)
	}
	if len(msg) > MaxRoster {
		return nil, fmt.Errorf("open roster: %w: it is too long", ErrRoster)
	}
	n, err := note.Open(msg, note.VerifierList(v))
	if err != nil {
		return nil, fmt.Errorf("open roster: %w: it is not signed by the key", ErrRoster)
	}
	r, err := parseRoster(n.Text, v.Name())
	if err == nil {
		err = r.check()
	}
	if err != nil {
		return nil, fmt.Errorf("open roster: %w", err)
	}
	return r, nil
}

// Find gives the node whose log has an origin.
func (r *Roster) Find(origin string) *Node {
	for i := range r.Nodes {
		if r.Nodes[i].Origin() == origin {
			return &r.Nodes[i]
		}
	}
	return nil
}

// check says what no roster may hold.
func (r *Roster) check() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrRoster, fmt.Sprintf(format, args...))
	}
	if r.Serial < 1 || len(r.Nodes) > maxNodes {
		return bad("its serial is not positive, or it has more than %d nodes", maxNodes)
	}
	names, origins := map[string]bool{}, map[string]bool{}
	for i := range r.Nodes {
		n := &r.Nodes[i]
		if n.Name == "" || strings.ContainsFunc(n.Name+n.URL, notInWord) {
			return bad("the name or the address of node %d is empty or has spaces", i+1)
		}
		if _, err := note.NewVerifier(n.Key); err != nil {
			return bad("what node %s has for a key is none (name+hash+data)", n.Name)
		}
		if names[n.Name] || origins[n.Origin()] {
			return bad("node %s, or its log, is there twice", n.Name)
		}
		names[n.Name], origins[n.Origin()] = true, true
	}
	return nil
}

func notInWord(r rune) bool { return r <= ' ' || r == 0x7f || r == '\u0085' || r == '\u00a0' }

// text writes the lines that are signed. The first is the key's name; the second
// has spaces, as no size in a checkpoint has, so that neither is taken for the
// other.
func (r *Roster) text(name string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\nserial %d\ntime %s\n", name, rosterHeader, r.Serial, r.Time.UTC().Format(time.RFC3339))
	for i := range r.Nodes {
		n := &r.Nodes[i]
		address := n.URL
		if address == "" {
			address = "-"
		}
		kind := "node"
		if n.Retired != nil {
			kind = "retired"
		}
		fmt.Fprintf(&b, "%s %s %s %s %s", kind, n.Name, n.Since.UTC().Format(time.RFC3339), n.Key, address)
		if n.Retired != nil {
			fmt.Fprintf(&b, " %d %s", n.Retired.Size, n.Retired.Root)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// parseRoster reads what text writes, and nothing else.
func parseRoster(text, name string) (*Roster, error) {
	bad := fmt.Errorf("%w: it is not written as one", ErrRoster)
	lines := strings.Split(text, "\n")
	if len(lines) < 5 || lines[0] != name || lines[1] != rosterHeader || lines[len(lines)-1] != "" {
		return nil, bad
	}
	r := &Roster{}
	serial, ok := strings.CutPrefix(lines[2], "serial ")
	var err error
	if r.Serial, err = strconv.ParseInt(serial, 10, 64); !ok || err != nil {
		return nil, bad
	}
	at, ok := strings.CutPrefix(lines[3], "time ")
	if r.Time, err = time.Parse(time.RFC3339, at); !ok || err != nil {
		return nil, bad
	}
	for _, line := range lines[4 : len(lines)-1] {
		f := strings.Split(line, " ")
		if !(len(f) == 5 && f[0] == "node") && !(len(f) == 7 && f[0] == "retired") {
			return nil, bad
		}
		n := Node{Name: f[1], Key: f[3], URL: f[4]}
		if n.Since, err = time.Parse(time.RFC3339, f[2]); err != nil {
			return nil, bad
		}
		if n.URL == "-" {
			n.URL = ""
		}
		if f[0] == "retired" {
			size, err := strconv.ParseInt(f[5], 10, 64)
			root, rerr := base64.StdEncoding.Strict().DecodeString(f[6])
			if err != nil || rerr != nil || size < 0 || len(root) != tlog.HashSize {
				return nil, bad
			}
			n.Retired = &Checkpoint{Size: size, Root: tlog.Hash(root)}
		}
		r.Nodes = append(r.Nodes, n)
	}
	if r.text(name) != text {
		return nil, bad
	}
	return r, nil
}

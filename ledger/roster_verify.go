package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// RosterOptions say how the logs of a roster are checked.
type RosterOptions struct {
	// Silent is how old the newest entry of a node in service may be. Default
	// five minutes.
	Silent time.Duration
	// Progress, if not nil, is told how many of the logs have been looked at.
	Progress func(done, total int)

	now func() time.Time
}

// A NodeReport says how the log of one node stands.
type NodeReport struct {
	Node       Node
	Found      bool // its log was among the sources and could be read
	Checkpoint Checkpoint
	Newest     time.Time // of the newest entry; zero where entries could not be read
	Heartbeat  time.Time // of the newest heartbeat, of those that were looked for
	Remembered int       // checkpoints of it that others remember, all of which it continues
	Problems   []string  // sentences; none: all is well
	Notes      []string  // what could not be said
}

// A RosterReport says how the logs of a deployment stand.
type RosterReport struct {
	Serial int64
	Time   time.Time
	Nodes  []NodeReport
	Others []string // sources that are on no roster
}

// Holds reports whether there is no problem.
func (r *RosterReport) Holds() bool {
	for i := range r.Nodes {
		if len(r.Nodes[i].Problems) > 0 {
			return false
		}
	}
	return len(r.Others) == 0
}

// String says in plain words what was found.
func (r *RosterReport) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "roster %d of %s: %d logs.\n", r.Serial, r.Time.Format(time.RFC3339), len(r.Nodes))
	for i := range r.Nodes {
		n := &r.Nodes[i]
		fmt.Fprintf(&b, "%s (%s): ", n.Node.Name, n.Node.Origin())
		switch {
		case !n.Found:
			b.WriteString("not found")
		default:
			fmt.Fprintf(&b, "%d entries signed", n.Checkpoint.Size)
			if !n.Newest.IsZero() {
				fmt.Fprintf(&b, ", newest of %s", n.Newest.Format(time.RFC3339))
			}
			if !n.Heartbeat.IsZero() {
				fmt.Fprintf(&b, ", newest heartbeat of %s", n.Heartbeat.Format(time.RFC3339))
			}
			fmt.Fprintf(&b, ", continues %d checkpoints that others remember", n.Remembered)
		}
		if n.Node.Retired != nil {
			b.WriteString("; retired")
		}
		b.WriteString(".\n")
		for _, p := range n.Problems {
			fmt.Fprintf(&b, "  PROBLEM: %s.\n", p)
		}
		for _, p := range n.Notes {
			fmt.Fprintf(&b, "  %s.\n", p)
		}
	}
	for _, o := range r.Others {
		fmt.Fprintf(&b, "PROBLEM: %s.\n", o)
	}
	if r.Holds() {
		b.WriteString("Every log of the roster is there, and each continues what the others remember of it.\n")
	}
	return b.String()
}

// lookBack is how many bundles of 256 entries, from the newest on, are looked
// through for heartbeats. More often than once in so many entries a node records
// one, unless it is very busy: then its newest entries speak for themselves.
const lookBack = 64

// VerifyRoster says whether every log of a roster is among sources, and whether
// each continues the checkpoints of it that the others remember, in heartbeats and
// as they were signed. It reads the newest entries of each log and no others: that
// a whole log holds says Verify. It fails with an error only where the question is
// wrong; what is wrong with the logs stands in the report.
func VerifyRoster(ctx context.Context, r *Roster, sources []Source, o RosterOptions) (*RosterReport, error) {
	if o.Silent <= 0 {
		o.Silent = 5 * time.Minute
	}
	if o.now == nil {
		o.now = time.Now
	}
	v := &rosterCheck{o: o, roster: r, report: &RosterReport{Serial: r.Serial, Time: r.Time, Nodes: make([]NodeReport, len(r.Nodes))}, peers: make([]*Peer, len(r.Nodes))}
	for i, n := range r.Nodes {
		v.report.Nodes[i].Node = n
	}
	for i, s := range sources {
		if err := v.read(ctx, s); err != nil {
			return nil, fmt.Errorf("verify roster: %w", err)
		}
		if o.Progress != nil {
			o.Progress(i+1, len(sources))
		}
	}
	// Once more, so that nothing that others remember is newer.
	for i, p := range v.peers {
		if p != nil {
			v.checkpoint(ctx, i)
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("verify roster: %w", err)
	}
	for _, m := range v.memories {
		v.hold(ctx, m)
	}
	for i := range v.report.Nodes {
		v.judge(i)
	}
	return v.report, nil
}

type rosterCheck struct {
	o        RosterOptions
	roster   *Roster
	report   *RosterReport
	peers    []*Peer // by node
	memories []memory
}

// A memory is a checkpoint of one log that another one's node remembers.
type memory struct {
	origin string
	c      Checkpoint
	note   []byte // nil: what a heartbeat says
	by     string
}

func (v *rosterCheck) problem(i int, format string, args ...any) {
	n := &v.report.Nodes[i]
	n.Problems = append(n.Problems, fmt.Sprintf(format, args...))
}

func (v *rosterCheck) note(i int, format string, args ...any) {
	n := &v.report.Nodes[i]
	n.Notes = append(n.Notes, fmt.Sprintf(format, args...))
}

// read finds out whose log a source is, and reads what is new in it.
func (v *rosterCheck) read(ctx context.Context, s Source) error {
	s.Keys = nil
	for _, n := range v.roster.Nodes {
		s.Keys = append(s.Keys, n.Key)
	}
	p, err := s.Open()
	if err != nil {
		return err
	}
	// Whose it says that it is, until its signature shows it.
	msg, err := p.from.checkpoint(ctx)
	if err != nil {
		v.report.Others = append(v.report.Others, fmt.Sprintf("%s cannot be read: %v", s.At, err))
		return ctx.Err()
	}
	origin, _, _ := bytes.Cut(msg, []byte("\n"))
	node := v.roster.Find(string(origin))
	if node == nil {
		v.report.Others = append(v.report.Others, fmt.Sprintf("%s is a log that is not on the roster", s.At))
		return nil
	}
	i := 0
	for v.roster.Nodes[i].Name != node.Name {
		i++
	}
	if v.peers[i] != nil {
		v.problem(i, "two of the sources say that they are its log: %s and %s", v.peers[i].o.At, s.At)
		return nil
	}
	p.o.Name, p.o.Keys = node.Name, []string{node.Key}
	v.peers[i] = p
	v.report.Nodes[i].Found = true
	if !v.checkpoint(ctx, i) {
		return nil
	}
	notes, err := p.Heads(ctx)
	if err != nil {
		v.note(i, "What it remembers of others cannot be read: %v", err)
	}
	for _, msg := range notes {
		origin, _, _ := bytes.Cut(msg, []byte("\n"))
		if text, _, ok := bytes.Cut(msg, []byte("\n\n")); ok {
			if c, err := parseCheckpointText(string(origin), string(text)+"\n"); err == nil {
				v.memories = append(v.memories, memory{string(origin), c, msg, node.Name})
			}
		}
	}
	v.lookBack(ctx, i)
	return nil
}

func (v *rosterCheck) checkpoint(ctx context.Context, i int) bool {
	c, err := v.peers[i].Checkpoint(ctx)
	n := &v.report.Nodes[i]
	if err != nil {
		v.problem(i, "%v", err)
		return false
	}
	n.Checkpoint = c
	return true
}

// lookBack reads the newest entries of a log for heartbeats.
func (v *rosterCheck) lookBack(ctx context.Context, i int) {
	p, n := v.peers[i], &v.report.Nodes[i]
	size := n.Checkpoint.Size
	for back := (size - 1) >> tileHeight; size > 0 && back >= 0 && back > (size-1)>>tileHeight-lookBack; back-- {
		_, err := p.Entries(ctx, back<<tileHeight, min(size, (back+1)<<tileHeight), func(_ int64, e *Entry) error {
			if e.Time.After(n.Newest) {
				n.Newest = e.Time
			}
			if e.Kind != Heartbeat {
				return nil
			}
			if e.Time.After(n.Heartbeat) {
				n.Heartbeat = e.Time
			}
			for _, h := range e.Heads {
				v.memories = append(v.memories, memory{h.Origin, Checkpoint{Size: h.Size, Root: h.Root}, nil, n.Node.Name})
			}
			return nil
		})
		if errors.Is(err, ErrDropped) {
			break
		}
		if err != nil {
			v.note(i, "Its entries cannot be read, so that its newest heartbeat is not known: %v", err)
			break
		}
	}
}

// hold compares a log with what another remembers of it.
func (v *rosterCheck) hold(ctx context.Context, m memory) {
	node := v.roster.Find(m.origin)
	if node == nil {
		return
	}
	i := 0
	for v.roster.Nodes[i].Name != node.Name {
		i++
	}
	p, n := v.peers[i], &v.report.Nodes[i]
	if p == nil {
		return
	}
	if m.note != nil {
		// A note counts only with the log's own signature: else anybody could
		// say that there had been more.
		if _, _, err := p.open(ctx, m.note); err != nil {
			v.note(i, "What %s remembers of it is not signed by its key", m.by)
			return
		}
	}
	if len(n.Problems) > 0 {
		return // once is enough
	}
	err := p.Saw(ctx, m.c, m.note, "to "+m.by)
	var split *SplitView
	switch {
	case errors.As(err, &split) && m.c.Size > n.Checkpoint.Size:
		v.problem(i, "it was rolled back, or this is an older copy: %s saw %d entries, it shows %d", m.by, m.c.Size, n.Checkpoint.Size)
	case errors.As(err, &split):
		v.problem(i, "it was written anew: its first %d entries are not those that %s saw", m.c.Size, m.by)
	case err != nil:
		v.problem(i, "%v", err)
	default:
		n.Remembered++
	}
}

// judge says what is wrong with a log beside what others remember.
func (v *rosterCheck) judge(i int) {
	n := &v.report.Nodes[i]
	switch retired := n.Node.Retired; {
	case !n.Found:
		v.problem(i, "the log of node %s is missing", n.Node.Name)
	case len(n.Problems) > 0:
	case retired != nil && n.Checkpoint.Size != retired.Size:
		v.problem(i, "it was retired with %d entries and shows %d", retired.Size, n.Checkpoint.Size)
	case retired != nil && n.Checkpoint.Root != retired.Root:
		v.problem(i, "its entries are not those with which it was retired")
	case retired == nil && !n.Newest.IsZero() && v.o.now().Sub(n.Newest) > v.o.Silent:
		v.problem(i, "it is silent since %s", n.Newest.Format(time.RFC3339))
	}
}

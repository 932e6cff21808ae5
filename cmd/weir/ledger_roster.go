package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/getweir/weir/ledger"
)

// In the state folder: the roster as it was signed, the public key that it is
// believed by, and, where the roster is changed, the secret one.
const (
	rosterFile      = "roster"
	rosterPublic    = "roster.pub"
	rosterSecret    = "keys/roster.key"
	rosterKeySuffix = "/roster"
)

type ledgerRosterCommand struct {
	Init   rosterInitCommand   `cmd:"" help:"Begin the list of nodes, with this one."`
	Add    rosterAddCommand    `cmd:"" help:"Add a node, or change its address or key."`
	Retire rosterRetireCommand `cmd:"" help:"Say that a node has ended, and with which entries."`
	Show   rosterShowCommand   `cmd:"" help:"Print the list of nodes."`
}

func (ledgerRosterCommand) Help() string {
	return `The roster is the signed list of the nodes of a deployment and their ledgers. Every node holds it; nodes that know it ask each other for their newest checkpoints, record these, and so notice when a ledger is missing, was cut or written anew. A newer roster spreads by itself from the node where it was changed.`
}

type rosterPlace struct {
	State string `default:"weir-state" type:"path" help:"The state folder. Default: weir-state."`
	Key   string `name:"roster-key" type:"path" help:"The file with the roster's secret key. Default: keys/roster.key in the state folder." placeholder:"FILE"`
}

func (p *rosterPlace) keyFile() string {
	if p.Key != "" {
		return p.Key
	}
	return filepath.Join(p.State, rosterSecret)
}

// read gives the roster and the key to sign the next one.
func (p *rosterPlace) read() (*ledger.Roster, ledger.Key, error) {
	b, err := os.ReadFile(p.keyFile())
	if errors.Is(err, os.ErrNotExist) {
		return nil, ledger.Key{}, fmt.Errorf("there is no %s. The roster is changed where its key is; begin one with: weir ledger roster init", p.keyFile())
	}
	if err != nil {
		return nil, ledger.Key{}, err
	}
	key, err := ledger.ParseKey(string(b))
	if err != nil {
		return nil, ledger.Key{}, fmt.Errorf("%s: %w", p.keyFile(), err)
	}
	r, _, err := readRoster(filepath.Join(p.State, rosterFile), key.Verifier())
	return r, key, err
}

// write signs the next roster and puts it in the place of the one before.
func (p *rosterPlace) write(r *ledger.Roster, key ledger.Key) error {
	r.Serial++
	r.Time = time.Now().UTC().Truncate(time.Second)
	b, err := r.Sign(key)
	if err != nil {
		return usageError{err}
	}
	return replaceDurably(filepath.Join(p.State, rosterFile), b, 0o644)
}

// readRoster reads a roster and checks it with a key; "" takes the one beside it.
func readRoster(file, key string) (r *ledger.Roster, signed []byte, err error) {
	if signed, err = os.ReadFile(file); err != nil {
		return nil, nil, err
	}
	if key == "" {
		b, err := os.ReadFile(filepath.Join(filepath.Dir(file), rosterPublic))
		if err != nil {
			return nil, nil, fmt.Errorf("the roster's public key is not known: %w", err)
		}
		key = strings.TrimSpace(string(b))
	}
	r, err = ledger.OpenRoster(signed, key)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", file, err)
	}
	return r, signed, nil
}

type rosterInitCommand struct {
	rosterPlace
	Node string `help:"This node's name. Default: the last part of its ledger's name." placeholder:"NAME"`
	URL  string `name:"url" help:"Where this node's ledger is served: ledger.listen, as others reach it." placeholder:"URL"`
}

func (rosterInitCommand) Help() string {
	return `Makes the roster's key and a roster with this node. It overwrites nothing. Keep keys/roster.key where no node can read it, such as with whoever decides on nodes: its holder says which ledgers there have to be.

For each further node: weir ledger roster add, then copy the files roster and roster.pub into its state folder.

Example:
  weir ledger roster init --url https://node-1.shop.example:8090`
}

func (c *rosterInitCommand) Run(s *streams) error {
	now, err := newestKey(filepath.Join(c.State, "ledger"))
	if err != nil {
		return err
	}
	origin, _, _ := strings.Cut(now.Key, "+")
	for _, file := range []string{filepath.Join(c.State, rosterFile), filepath.Join(c.State, rosterPublic), c.keyFile()} {
		if _, err := os.Lstat(file); err == nil {
			return fmt.Errorf("%s is there already, and nothing is overwritten", file)
		}
	}
	if c.Node == "" {
		c.Node = path.Base(origin)
	}
	key, secret, err := ledger.GenerateKey(path.Dir(origin) + rosterKeySuffix)
	if err != nil {
		return err
	}
	if err := writeNew(c.keyFile(), []byte(secret+"\n"), 0o600); err != nil {
		return err
	}
	if err := writeNew(filepath.Join(c.State, rosterPublic), []byte(key.Verifier()+"\n"), 0o644); err != nil {
		return err
	}
	r := &ledger.Roster{Nodes: []ledger.Node{{Name: c.Node, Key: now.Key, URL: c.URL, Since: time.Now().UTC().Truncate(time.Second)}}}
	if err := c.write(r, key); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "A roster with %s. Its public key, for auditors and other nodes:\n  %s\nA running server takes it at its next start.\n", c.Node, key.Verifier())
	return nil
}

type rosterAddCommand struct {
	rosterPlace
	Name string `arg:"" help:"The node's name."`
	Log  string `name:"key" required:"" help:"Its ledger's public key: what stands in its key.pub." placeholder:"KEY"`
	URL  string `name:"url" help:"Where its ledger is served, as others reach it." placeholder:"URL"`
}

func (rosterAddCommand) Help() string {
	return `Adds a node, or, where there is one of that name, changes its address or its key to another one of the same ledger.

Example:
  weir ledger roster add node-2 --key "$(cat node-2.pub)" --url https://node-2.shop.example:8090`
}

func (c *rosterAddCommand) Run(s *streams) error {
	r, key, err := c.read()
	if err != nil {
		return err
	}
	n := ledger.Node{Name: c.Name, Key: strings.TrimSpace(c.Log), URL: c.URL, Since: time.Now().UTC().Truncate(time.Second)}
	if i := slices.IndexFunc(r.Nodes, func(old ledger.Node) bool { return old.Name == c.Name }); i >= 0 {
		old := &r.Nodes[i]
		if old.Retired != nil {
			return usageError{fmt.Errorf("%s is retired: a node that begins again has a new ledger and a new name", c.Name)}
		}
		if old.Origin() != n.Origin() {
			return usageError{fmt.Errorf("%s has the ledger %s, and the key is for %s: retire it and add the new one under a new name", c.Name, old.Origin(), n.Origin())}
		}
		if n.URL == "" {
			n.URL = old.URL
		}
		n.Since = old.Since
		*old = n
	} else {
		r.Nodes = append(r.Nodes, n)
	}
	if err := c.write(r, key); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "Roster %d has %d nodes. Copy %s and %s to the state folder of a new node; the others take it from here.\n",
		r.Serial, len(r.Nodes), filepath.Join(c.State, rosterFile), filepath.Join(c.State, rosterPublic))
	return nil
}

type rosterRetireCommand struct {
	rosterPlace
	Name string `arg:"" help:"The node's name."`
	From string `help:"Where its ledger is now: a folder or an address. Default: the address on the roster." placeholder:"DIR|URL"`
}

func (rosterRetireCommand) Help() string {
	return `Reads how the node's ledger has ended and puts that on the roster: from then on verify wants that ledger to be there, with just these entries. Stop the node first.

Example:
  weir ledger roster retire node-2 --from /mnt/node-2/weir-state/ledger`
}

func (c *rosterRetireCommand) Run(s *streams) error {
	r, key, err := c.read()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(r.Nodes, func(n ledger.Node) bool { return n.Name == c.Name })
	if i < 0 || r.Nodes[i].Retired != nil {
		return usageError{fmt.Errorf("no node %s is in service", c.Name)}
	}
	from := c.From
	if from == "" {
		from = r.Nodes[i].URL
	}
	if from == "" {
		return usageError{fmt.Errorf("the roster has no address for %s: name its folder with --from", c.Name)}
	}
	p, err := ledger.Source{Name: c.Name, At: from, Keys: []string{r.Nodes[i].Key}}.Open()
	if err != nil {
		return err
	}
	end, err := p.Checkpoint(s.ctx)
	if err != nil {
		return err
	}
	r.Nodes[i].Retired = &ledger.Checkpoint{Size: end.Size, Root: end.Root}
	if err := c.write(r, key); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "%s is retired with %d entries. Keep its ledger: it has to be there as long as the others.\n", c.Name, end.Size)
	return nil
}

type rosterShowCommand struct {
	File string `arg:"" optional:"" default:"weir-state/roster" type:"path" help:"The roster. Default: weir-state/roster."`
	Key  string `name:"roster-key" help:"The roster's public key that you trust, as text; else roster.pub beside it is believed." placeholder:"KEY"`
	JSON bool   `name:"json" help:"Print as JSON."`
}

func (c *rosterShowCommand) Run(s *streams) error {
	r, _, err := readRoster(c.File, c.Key)
	if err != nil {
		return err
	}
	if c.JSON {
		type node struct {
			Name    string    `json:"name"`
			Origin  string    `json:"origin"`
			Key     string    `json:"key"`
			URL     string    `json:"url,omitempty"`
			Since   time.Time `json:"since"`
			Retired *int64    `json:"retired_at,omitempty"`
		}
		v := struct {
			Serial int64     `json:"serial"`
			Time   time.Time `json:"time"`
			Nodes  []node    `json:"nodes"`
		}{Serial: r.Serial, Time: r.Time, Nodes: []node{}}
		for _, n := range r.Nodes {
			one := node{Name: n.Name, Origin: n.Origin(), Key: n.Key, URL: n.URL, Since: n.Since}
			if n.Retired != nil {
				one.Retired = &n.Retired.Size
			}
			v.Nodes = append(v.Nodes, one)
		}
		return printJSON(s, v)
	}
	fmt.Fprintf(s.out, "Roster %d, signed %s\n", r.Serial, r.Time.Local().Format("2006-01-02 15:04"))
	w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "node\tsince\tstate\taddress\tkey")
	for _, n := range r.Nodes {
		state := "in service"
		if n.Retired != nil {
			state = fmt.Sprintf("retired with %d entries", n.Retired.Size)
		}
		address := n.URL
		if address == "" {
			address = "-"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", n.Name, n.Since.Local().Format("2006-01-02"), state, address, n.Key)
	}
	return w.Flush()
}

// verifyRoster says whether every ledger of a roster is there.
func (c *ledgerVerifyCommand) verifyRoster(s *streams) error {
	r, _, err := readRoster(c.Roster, c.RosterKey)
	if err != nil {
		return usageError{err}
	}
	token, err := readToken(c.Token)
	if err != nil {
		return err
	}
	var sources []ledger.Source
	for _, at := range c.Dir {
		sources = append(sources, ledger.Source{At: at, Token: token})
	}
	if len(sources) == 0 {
		for _, n := range r.Nodes {
			if n.URL != "" {
				sources = append(sources, ledger.Source{At: n.URL, Token: token})
			}
		}
	}
	report, err := ledger.VerifyRoster(s.ctx, r, sources, ledger.RosterOptions{Silent: c.Silent})
	if err != nil {
		return err
	}
	if c.JSON {
		if err := printJSON(s, rosterJSON(report)); err != nil {
			return err
		}
	} else {
		fmt.Fprint(s.out, report)
		if c.RosterKey == "" {
			fmt.Fprintln(s.out, "The roster's key was taken from beside it: who can write there could have written another roster.")
		}
	}
	if !report.Holds() {
		return exitRefuted
	}
	return nil
}

func rosterJSON(r *ledger.RosterReport) any {
	type node struct {
		Name       string     `json:"name"`
		Origin     string     `json:"origin"`
		Found      bool       `json:"found"`
		Signed     int64      `json:"signed"`
		Newest     *time.Time `json:"newest,omitempty"`
		Heartbeat  *time.Time `json:"heartbeat,omitempty"`
		Remembered int        `json:"continues"`
		Retired    bool       `json:"retired"`
		Problems   []string   `json:"problems"`
		Notes      []string   `json:"notes,omitempty"`
	}
	v := struct {
		Holds  bool     `json:"holds"`
		Serial int64    `json:"serial"`
		Nodes  []node   `json:"nodes"`
		Others []string `json:"others"`
	}{Holds: r.Holds(), Serial: r.Serial, Nodes: []node{}, Others: append([]string{}, r.Others...)}
	at := func(t time.Time) *time.Time {
		if t.IsZero() {
			return nil
		}
		return &t
	}
	for _, n := range r.Nodes {
		v.Nodes = append(v.Nodes, node{n.Node.Name, n.Node.Origin(), n.Found, n.Checkpoint.Size, at(n.Newest), at(n.Heartbeat), n.Remembered, n.Node.Retired != nil, append([]string{}, n.Problems...), n.Notes})
	}
	return v
}

// tokenVariable holds a reader's token where no file is named.
const tokenVariable = "WEIR_LEDGER_TOKEN"

func readToken(file string) (string, error) {
	if file == "" {
		return os.Getenv(tokenVariable), nil
	}
	b, err := os.ReadFile(file)
	return strings.TrimSpace(string(b)), err
}

// watchPeers prepares watching the other nodes, nil where there is no roster, and
// asks them whether they have seen more of the ledger than there is.
func (s *server) watchPeers() (*ledger.Peers, error) {
	r, signed, err := readRoster(filepath.Join(s.cfg.State, rosterFile), "")
	if errors.Is(err, os.ErrNotExist) && r == nil && signed == nil {
		return nil, nil
	}
	if err != nil {
		return nil, usageError{err}
	}
	public, err := os.ReadFile(filepath.Join(s.cfg.State, rosterPublic))
	if err != nil {
		return nil, err
	}
	p, err := s.state.ledger.Peers(ledger.PeersOptions{
		RosterKey: strings.TrimSpace(string(public)), Roster: signed, Every: s.cfg.Ledger.Heartbeat, Log: s.log,
		Save: func(b []byte) error { return replaceDurably(filepath.Join(s.cfg.State, rosterFile), b, 0o644) },
	})
	if err != nil {
		return nil, usageError{err}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return p, p.Check(ctx)
}

// followRoster takes a roster that was changed by hand, until ctx ends.
func (s *server) followRoster(ctx context.Context) {
	file := filepath.Join(s.cfg.State, rosterFile)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for stamp := ""; ; { // it may have changed since it was read
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := fileStamp(file)
		if now == stamp {
			continue
		}
		stamp = now
		signed, err := os.ReadFile(file)
		if err == nil {
			err = s.peers.Take(signed)
		}
		if err != nil {
			s.log.Error("ledger: the roster was not taken, the one before stays", "err", err)
		}
	}
}

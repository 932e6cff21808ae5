package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/getweir/weir/ledger"
)

type ledgerFollowCommand struct {
	Logs      []string      `arg:"" optional:"" name:"log" help:"Folders or addresses of ledgers. Default: the addresses on the roster."`
	Roster    string        `type:"path" help:"The roster with the nodes' names and keys." placeholder:"FILE"`
	RosterKey string        `help:"The roster's public key that you trust, as text; else roster.pub beside it is believed." placeholder:"KEY"`
	Key       []string      `sep:"none" help:"A public key of one of the ledgers, old or new, as text; repeatable." placeholder:"KEY"`
	Token     string        `name:"token-file" type:"path" help:"A file with a reader's token. Default: $WEIR_LEDGER_TOKEN." placeholder:"FILE"`
	Cursor    string        `type:"path" help:"A file that keeps how far was read: go on from there." placeholder:"FILE"`
	Skew      time.Duration `default:"5s" help:"How long an entry waits for ledgers that have nothing to say."`
	Stall     time.Duration `default:"30s" help:"How long a ledger that cannot be read is waited for."`
	Kind      []string      `help:"Only entries of these kinds: release, denied, alert, hold, ..." placeholder:"KIND"`
	Once      bool          `help:"End when everything that is there was printed."`
	JSON      bool          `name:"json" help:"Print a JSON object a line."`
}

func (ledgerFollowCommand) Help() string {
	return `Prints the entries of several ledgers as one stream in the order of time, as they are recorded. Every entry is verified: that it is what its ledger has signed, and that the ledger goes on from where it was, also since the last time with --cursor. A ledger that shows two histories ends the command with exit code 3 and both signed checkpoints.

An entry waits until the other ledgers have passed its time, at most --skew where they have nothing to say; let that be more than a second for the checkpoint, or than the time between two witnessed ones, and the difference of the clocks together. What comes later is printed when it comes, marked late. A ledger that cannot be read is told of and not waited for.

With --cursor an entry is printed once, or again after a crash; without it, from the first entry on.

Examples:
  weir ledger follow --roster weir-state/roster --token-file reader.token
  weir ledger follow --json --cursor siem.cursor --key "$KEY1" --key "$KEY2" https://node-1.example:8090 https://node-2.example:8090
  weir ledger follow --once copy-of-node-1/ledger copy-of-node-2/ledger`
}

func (c *ledgerFollowCommand) Run(s *streams) error {
	sources, err := c.sources()
	if err != nil {
		return err
	}
	at := ledger.Positions{}
	if c.Cursor != "" {
		b, err := os.ReadFile(c.Cursor)
		if err == nil {
			at, err = ledger.ParsePositions(b)
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return usageError{fmt.Errorf("%s: %w", c.Cursor, err)}
		}
	}
	wanted := map[string]bool{}
	for _, k := range c.Kind {
		wanted[k] = true
	}
	enc := json.NewEncoder(s.out)
	m := ledger.Merge{
		Sources: sources, Skew: c.Skew, Stall: c.Stall, Once: c.Once,
		Tell: func(name string, err error) {
			switch {
			case err == nil:
				fmt.Fprintf(s.err, "weir: %s can be read again\n", name)
			case errors.Is(err, ledger.ErrDropped):
				fmt.Fprintf(s.err, "weir: %s: %v\n", name, err)
			default:
				fmt.Fprintf(s.err, "weir: %s cannot be read and is not waited for: %v\n", name, err)
			}
		},
	}
	if c.Cursor != "" {
		m.Save = func(at ledger.Positions) error { return replaceDurably(c.Cursor, at.Text(), 0o600) }
	}
	err = m.Follow(s.ctx, at, func(x ledger.Merged) error {
		if len(wanted) > 0 && !wanted[x.Entry.Kind.String()] {
			return nil
		}
		if c.JSON {
			return enc.Encode(struct {
				Log   string `json:"log"`
				Late  bool   `json:"late,omitempty"`
				Entry any    `json:"entry"`
			}{x.Name, x.Late, entryJSON(x.Index, x.Entry)})
		}
		late := ""
		if x.Late {
			late = "  (late)"
		}
		_, err := fmt.Fprintf(s.out, "%-12s %s%s\n", x.Name, entryLine(x.Index, x.Entry), late)
		return err
	})
	if err != nil && s.ctx.Err() != nil {
		return nil // it was asked to end
	}
	var split *ledger.SplitView
	if errors.As(err, &split) {
		fmt.Fprintln(s.err, "weir: ALARM:", err)
		for _, note := range [][]byte{split.OldNote, split.NewNote} {
			if note != nil {
				fmt.Fprintf(s.err, "\nsigned:\n%s", note)
			}
		}
		return exitRefuted
	}
	return err
}

// sources puts names and keys to the logs.
func (c *ledgerFollowCommand) sources() ([]ledger.Source, error) {
	token, err := readToken(c.Token)
	if err != nil {
		return nil, err
	}
	keys := c.Key
	names := map[string]string{}
	logs := c.Logs
	if c.Roster != "" {
		r, _, err := readRoster(c.Roster, c.RosterKey)
		if err != nil {
			return nil, usageError{err}
		}
		for _, n := range r.Nodes {
			keys = append(keys, n.Key)
			if n.URL != "" {
				names[n.URL] = n.Name
			}
			if len(c.Logs) == 0 && n.URL != "" && n.Retired == nil {
				logs = append(logs, n.URL)
			}
		}
	}
	if len(logs) == 0 {
		return nil, usageError{errors.New("name the ledgers to follow, or a --roster with their addresses")}
	}
	var all []ledger.Source
	for _, at := range logs {
		if !strings.HasPrefix(at, "http://") && !strings.HasPrefix(at, "https://") && c.Roster == "" && len(c.Key) == 0 {
			keys = nil // a folder's own key is believed
		} else if len(keys) == 0 {
			return nil, usageError{fmt.Errorf("%s: over the network a ledger is believed by a key that is known before: name it with --key, or give a --roster", at)}
		}
		all = append(all, ledger.Source{Name: names[at], At: at, Keys: keys, Token: token})
	}
	return all, nil
}

package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/getweir/weir/approval"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/policy"
)

type policyVersionsCommand struct {
	Config string `short:"c" default:"weir.yaml" type:"path" help:"The configuration, which names the state folder. Default: weir.yaml."`
	State  string `type:"path" help:"Read this state folder instead." placeholder:"DIR"`
	JSON   bool   `name:"json" help:"Print as JSON."`
}

func (policyVersionsCommand) Help() string {
	return `Lists every policy that was put in force, by the ledger: when, what its hash begins with, whether it widened the one before, and who signed. The newest, which is in force, stands first. A server may be running.

Examples:
  weir policy versions
  weir policy show sha256:3f0a92c1d4e5`
}

// versionRow is one time at which a policy came in force.
type versionRow struct {
	At      time.Time       `json:"at"`
	Node    string          `json:"node"`
	Digest  approval.Digest `json:"digest"`
	From    approval.Digest `json:"from"`
	Widens  bool            `json:"widens"`
	Text    string          `json:"text"`
	Signed  []string        `json:"signed"`
	Stored  bool            `json:"stored"`
	InForce bool            `json:"in_force"`
}

// versionRows reads what was in force, the newest first.
func versionRows(state string) (rows []versionRow, err error) {
	type change struct{ from, to approval.Digest }
	signed := map[change][]string{}
	err = readLedger(state, time.Time{}, func(_ int64, e *ledger.Entry) error {
		if e.Change == nil {
			return nil
		}
		of := change{e.Change.From, e.Change.To}
		switch {
		case e.Kind == ledger.PolicyStep && e.Rule == ledger.Signed:
			signed[of] = include(signed[of], e.Principal)
		case e.Kind == ledger.PolicyLoaded && e.Rule != ledger.Still:
			rows = append(rows, versionRow{At: e.Time, Node: e.Node, Digest: of.to, From: of.from, Widens: e.Rule == ledger.Widens, Text: e.Text, Signed: append([]string{}, signed[of]...)})
			clear(signed) // they agreed to what was a step from the policy before
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.Reverse(rows)
	folder := policiesOf(state)
	for i := range rows {
		_, err := os.Stat(folder.Path(rows[i].Digest))
		rows[i].Stored, rows[i].InForce = err == nil, i == 0
	}
	return rows, nil
}

func (c *policyVersionsCommand) Run(s *streams) error {
	state, err := stateOf(c.Config, c.State)
	if err != nil {
		return err
	}
	rows, err := versionRows(state)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(s, append([]versionRow{}, rows...))
	}
	if len(rows) == 0 {
		fmt.Fprintln(s.out, "The ledger knows of no policy by its hash yet: it learns of one at the next start of weir serve.")
		return nil
	}
	return table(s, "SINCE\tPOLICY\tAGAINST THE ONE BEFORE\tSIGNED BY\t", func(row func(...any)) {
		for _, r := range rows {
			how := r.Text
			if r.Widens {
				how = "widens: " + how
			}
			mark := ""
			switch {
			case r.InForce:
				mark = "in force"
			case !r.Stored:
				mark = "not stored"
			}
			by := strings.Join(r.Signed, ", ")
			if by == "" {
				by = "-"
			}
			row(r.At.UTC().Format(time.RFC3339), r.Digest.Short(), how, by, mark)
		}
	})
}

// stateOf gives the state folder: the one named, or the configuration's.
func stateOf(config, state string) (string, error) {
	if state != "" {
		return state, nil
	}
	cfg, err := loadConfig(config)
	if err != nil {
		return "", err
	}
	return cfg.State, nil
}

// leastHash is how many digits of a hash have to be given.
const leastHash = 6

// findVersion gives the stored policy whose digest begins so.
func findVersion(state, hash string) (approval.Digest, []policy.Source, error) {
	digits := strings.ToLower(strings.TrimPrefix(hash, "sha256:"))
	if len(digits) < leastHash || strings.Trim(digits, "0123456789abcdef") != "" {
		return approval.Digest{}, nil, usageError{fmt.Errorf("a policy is named by its hash: sha256: and at least %d hexadecimal digits, as weir policy versions shows", leastHash)}
	}
	entries, err := os.ReadDir(filepath.Join(state, policiesDir))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return approval.Digest{}, nil, err
	}
	var found []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".yaml"); ok && strings.HasPrefix(name, digits) {
			found = append(found, name)
		}
	}
	switch len(found) {
	case 0:
		return approval.Digest{}, nil, usageError{fmt.Errorf("no policy whose hash begins %s is stored in %s", digits, filepath.Join(state, policiesDir))}
	case 1:
	default:
		return approval.Digest{}, nil, usageError{fmt.Errorf("%d stored policies begin %s: give more digits", len(found), digits)}
	}
	raw, err := hex.DecodeString(found[0])
	if err != nil || len(raw) != len(approval.Digest{}) {
		return approval.Digest{}, nil, fmt.Errorf("%s: not the name of a stored policy", found[0])
	}
	d := approval.Digest(raw)
	sources, err := policiesOf(state).Version(context.Background(), d)
	if err != nil {
		return d, nil, err
	}
	// Whoever could write the folder could have changed it.
	p, err := approval.Compile(d, sources)
	if err != nil {
		return d, nil, err
	}
	return d, p.Sources(), nil
}

// inForce gives the policy that the ledger says is in force, and says so where the
// file has another; the file's where nothing is known of one.
func inForce(s *streams, state string, file *policy.Policy) *policy.Policy {
	var last approval.Digest
	_ = readLedger(state, time.Time{}, func(_ int64, e *ledger.Entry) error {
		if e.Kind == ledger.PolicyLoaded && e.Change != nil {
			last = e.Change.To
		}
		return nil
	})
	if last == (approval.Digest{}) || last == file.Digest() {
		return file
	}
	sources, err := policiesOf(state).Version(s.ctx, last)
	var p *policy.Policy
	if err == nil {
		p, err = approval.Compile(last, sources)
	}
	if err != nil {
		fmt.Fprintf(s.err, "The policy file is %s, and in force is %s, which cannot be read here (%v). What follows is by the file.\n", file.Version(), last.Short(), err)
		return file
	}
	fmt.Fprintf(s.err, "The policy file is %s, which is not in force. What follows is by the policy that is: %s.\n", file.Version(), last.Short())
	return p
}

type policyShowCommand struct {
	Hash   string `arg:"" help:"The policy's hash, or its beginning."`
	Config string `short:"c" default:"weir.yaml" type:"path" help:"The configuration, which names the state folder. Default: weir.yaml."`
	State  string `type:"path" help:"Read this state folder instead." placeholder:"DIR"`
}

func (policyShowCommand) Help() string {
	return `Prints a policy that was in force or proposed, as it was, and only if it still has that hash. What it includes follows, each file behind a line that names it.

Example:
  weir policy show sha256:3f0a92c1d4e5 > before.yaml`
}

func (c *policyShowCommand) Run(s *streams) error {
	state, err := stateOf(c.Config, c.State)
	if err != nil {
		return err
	}
	_, sources, err := findVersion(state, c.Hash)
	if err != nil {
		return err
	}
	for i, src := range sources {
		if i > 0 {
			fmt.Fprintf(s.out, "\n# %s:\n", src.Name)
		}
		if _, err := s.out.Write(src.Text); err != nil {
			return err
		}
	}
	return nil
}

type policyRollbackCommand struct {
	Hash   string `arg:"" help:"The hash of the policy to go back to, or its beginning."`
	Out    string `short:"o" type:"path" help:"Write the draft to this file, and what it includes beside it. Default: rollback-HASH.yaml, in a folder rollback-HASH if it includes other files." placeholder:"FILE"`
	Config string `short:"c" default:"weir.yaml" type:"path" help:"The configuration, which names the policy and the state folder. Default: weir.yaml."`
}

func (policyRollbackCommand) Help() string {
	return `Writes a policy that was in force once as a draft, and says what it would change. It changes nothing in force and overwrites nothing: what it widens has to be agreed to like any other change.

Example:
  weir policy rollback sha256:3f0a92c1d4e5
  weir policy propose rollback-3f0a92c1d4e5.yaml`
}

func (c *policyRollbackCommand) Run(s *streams) error {
	cfg, err := loadConfig(c.Config)
	if err != nil {
		return err
	}
	d, sources, err := findVersion(cfg.State, c.Hash)
	if err != nil {
		return err
	}
	short := hex.EncodeToString(d[:6])
	out := c.Out
	if out == "" {
		out = "rollback-" + short + ".yaml"
		if len(sources) > 1 {
			out = filepath.Join("rollback-"+short, "policy.yaml")
		}
	}
	paths := []string{out}
	for _, src := range sources[1:] {
		paths = append(paths, filepath.Join(filepath.Dir(out), filepath.FromSlash(src.Name)))
	}
	for _, path := range paths {
		if _, err := os.Lstat(path); err == nil {
			return fmt.Errorf("%s is there already, and nothing is overwritten", path)
		}
	}
	for i, path := range paths {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := writeNew(path, sources[i].Text, 0o644); err != nil {
			return err
		}
	}
	p, err := loadPolicy(out)
	if err != nil {
		return err
	}
	if p.Digest() != [32]byte(d) {
		return fmt.Errorf("%s is not the policy that was stored", out)
	}
	fmt.Fprintf(s.out, "Written as a draft: %s\n\n", out)
	rows, err := versionRows(cfg.State)
	if err != nil {
		return err
	}
	if len(rows) > 0 {
		if base, err := policiesOf(cfg.State).Version(s.ctx, rows[0].Digest); err == nil {
			if from, err := approval.Compile(rows[0].Digest, base); err == nil {
				changes := policy.Diff(from, p)
				printChanges(s, changes, wider(changes))
			}
		}
	}
	fmt.Fprintf(s.out, "\nNothing in force has changed. Next:\n  weir policy propose %s      # where others have to agree\n  cp %s %s\n", out, out, cfg.Policy)
	return nil
}

func wider(changes []policy.Change) (n int) {
	for _, ch := range changes {
		if ch.Widens {
			n++
		}
	}
	return n
}

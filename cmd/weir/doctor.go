package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/getweir/weir/policy"
)

type doctorCommand struct {
	Config      string   `short:"c" default:"weir.yaml" type:"path" help:"The configuration. Default: weir.yaml."`
	FromNetwork []string `name:"from-network" help:"Names of networks or hosts that must not reach the service: prints what to try there." placeholder:"NAME"`
	Strict      bool     `help:"Warnings count as failures."`
	JSON        bool     `name:"json" help:"Print as JSON."`
}

func (doctorCommand) Help() string {
	return `Tries what can be wrong with a deployment and says what to do: whether configuration and policy load, who can read the keys, whether the clock agrees with the ledger and the store, whether the ledger holds at its end, whether the service can be reached past Weir from this host's own addresses, certificates, disk, limits, witnesses, archive, and whether the policy in force is the one in the file.

It changes nothing but state/doctor.json, its result, which weir exposure reads. A server may be running. Exit code 3: something failed.

What only another machine can try it does not guess: with --from-network it prints the command to run there.

Examples:
  weir doctor
  weir doctor --from-network office --from-network build-runners
  weir doctor --json | jq '.checks[] | select(.state != "ok")'`
}

// What a check can come to.
const (
	fine   = "ok"
	warned = "warn"
	failed = "fail"
)

// A check is one thing that doctor has tried.
type check struct {
	Name  string `json:"check"`
	State string `json:"state"` // ok, warn or fail
	Text  string `json:"text"`
	Do    string `json:"do,omitempty"`
}

// doctorResult is what is printed, and kept for the exposure.
type doctorResult struct {
	At     time.Time `json:"at"`
	Config string    `json:"config"`
	Checks []check   `json:"checks"`
	Try    []string  `json:"try,omitempty"` // commands for other machines
}

// Names of checks that others look for.
const (
	checkUpstream = "upstream"
	checkMode     = "mode"
	checkKeys     = "key files"
	checkState    = "state files"
)

// doctorFile is where the last result is, in the state folder.
const doctorFile = "doctor.json"

// A doctor goes through the checks.
type doctor struct {
	ctx       context.Context
	cfg       *config
	rules     *policy.Policy // nil: it does not load
	now       time.Time
	addresses []netip.Addr // of this host, that others may reach
	result    doctorResult
}

func (c *doctorCommand) Run(s *streams) error {
	d := &doctor{ctx: s.ctx, now: time.Now(), result: doctorResult{At: time.Now().UTC(), Config: c.Config}}
	cfg, err := loadConfig(c.Config)
	if err != nil {
		d.fail("configuration", "correct the line that is named", "%v", err)
		return c.end(s, d)
	}
	d.cfg = cfg
	d.ok("configuration", "%s loads", c.Config)
	if d.addresses, err = hostAddresses(); err != nil {
		d.warn("addresses", "", "the addresses of this host cannot be listed: %v", err)
	}
	d.run(c.FromNetwork)
	if s.ctx.Err() != nil {
		return s.ctx.Err()
	}
	if err := d.keep(); err != nil {
		fmt.Fprintln(s.err, "weir: the result is not kept for weir exposure:", err)
	}
	return c.end(s, d)
}

// run does all checks but that of the configuration, which it needs.
func (d *doctor) run(networks []string) {
	d.policyLoads()
	d.modes()
	d.ledgerHolds()
	d.store()
	d.upstream(networks)
	d.certificates()
	d.listeners()
	d.room()
	d.vouched()
	d.copies()
}

func (d *doctor) add(name, state, do, format string, args ...any) {
	d.result.Checks = append(d.result.Checks, check{name, state, fmt.Sprintf(format, args...), do})
}

func (d *doctor) ok(name, format string, args ...any)       { d.add(name, fine, "", format, args...) }
func (d *doctor) warn(name, do, format string, args ...any) { d.add(name, warned, do, format, args...) }
func (d *doctor) fail(name, do, format string, args ...any) { d.add(name, failed, do, format, args...) }

// keep writes the result into the state folder.
func (d *doctor) keep() error {
	b, err := json.MarshalIndent(d.result, "", "  ")
	if err != nil {
		return err
	}
	return replaceDurably(filepath.Join(d.cfg.State, doctorFile), append(b, '\n'), 0o600)
}

// lastDoctor gives the last result of a state folder; nil: there is none.
func lastDoctor(state string) *doctorResult {
	b, err := os.ReadFile(filepath.Join(state, doctorFile))
	if err != nil {
		return nil
	}
	var r doctorResult
	if json.Unmarshal(b, &r) != nil {
		return nil
	}
	return &r
}

// troubles gives those of the checks of a name that are not fine.
func (r *doctorResult) troubles(name string) (all []check) {
	for _, c := range r.Checks {
		if c.Name == name && c.State != fine {
			all = append(all, c)
		}
	}
	return all
}

func (c *doctorCommand) end(s *streams, d *doctor) error {
	bad := 0
	for _, k := range d.result.Checks {
		if k.State == failed || c.Strict && k.State == warned {
			bad++
		}
	}
	var err error
	if c.JSON {
		err = printJSON(s, d.result)
	} else {
		err = c.print(s, d)
	}
	if err == nil && bad > 0 {
		err = exitRefuted
	}
	return err
}

func (c *doctorCommand) print(s *streams, d *doctor) error {
	rank := []string{failed, warned, fine}
	checks := slices.Clone(d.result.Checks)
	slices.SortStableFunc(checks, func(a, b check) int { return slices.Index(rank, a.State) - slices.Index(rank, b.State) })
	for _, k := range checks {
		state := k.State
		if state != fine {
			state = strings.ToUpper(state)
		}
		fmt.Fprintf(s.out, "%-5s %-14s %s\n", state, k.Name, k.Text)
		if k.Do != "" {
			fmt.Fprintf(s.out, "%-5s %-14s -> %s\n", "", "", k.Do)
		}
	}
	if len(d.result.Try) > 0 {
		fmt.Fprintln(s.out, "\nTo be tried elsewhere; each must fail to connect:")
		for _, t := range d.result.Try {
			fmt.Fprintln(s.out, "  "+t)
		}
	}
	return nil
}

// hostAddresses gives this host's addresses but the loopback ones.
func hostAddresses() (all []netip.Addr, err error) {
	list, err := net.InterfaceAddrs()
	for _, a := range list {
		prefix, perr := netip.ParsePrefix(a.String())
		if perr != nil {
			continue
		}
		if ip := prefix.Addr(); !ip.IsLoopback() && !ip.IsLinkLocalUnicast() {
			all = append(all, ip)
		}
	}
	return all, err
}

// errShort gives the innermost cause, which says enough in one line.
func errShort(err error) string {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return err.Error()
}

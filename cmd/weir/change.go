package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"github.com/getweir/weir/approval"
	"github.com/getweir/weir/guard"
	"github.com/getweir/weir/inspect"
	"github.com/getweir/weir/internal/adminsock"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/policy"
)

// policiesDir, in the state folder, has every policy that was in force or proposed.
const policiesDir = "policies"

func policiesOf(state string) *approval.Folder {
	return approval.OpenFolder(filepath.Join(state, policiesDir))
}

// everywhere keeps policies in the state folder and in the store that nodes share, so
// that a node whose disk was lost still finds what is in force.
type everywhere struct{ here, shared approval.Versions }

func (e everywhere) Keep(ctx context.Context, digest [32]byte, sources []policy.Source) error {
	if err := e.here.Keep(ctx, digest, sources); err != nil {
		return err
	}
	return e.shared.Keep(ctx, digest, sources)
}

func (e everywhere) Version(ctx context.Context, digest [32]byte) ([]policy.Source, error) {
	sources, err := e.here.Version(ctx, digest)
	if errors.Is(err, approval.ErrNoVersion) {
		return e.shared.Version(ctx, digest)
	}
	return sources, err
}

// newBook reads what was proposed and asked on a node, and agreed to.
func newBook(ctx context.Context, cfg *config, st *state, log *slog.Logger) (*approval.Book, error) {
	var versions approval.Versions = policiesOf(cfg.State)
	if st.shared != nil {
		versions = everywhere{versions, st.shared.Policies()}
	}
	b, err := approval.New(approval.Config{Ledger: st.whole(), Cursors: st.ledger, Versions: versions, Log: log})
	if err != nil {
		return nil, err
	}
	return b, b.Restore(ctx)
}

// A fileNote says, for people, why the policy's file is not what is in force; "":
// it is.
type fileNote struct {
	mu   sync.Mutex
	text string
}

func (n *fileNote) set(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.text = text
}

func (n *fileNote) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text
}

// startWith decides which policy a start puts in force: a start is a load like any
// other, so that it is no way round those who have to agree. What was in force last
// stays in force while the file waits for them. before is that one, where another
// takes its place.
func startWith(ctx context.Context, cfg *config, b *approval.Book, file *policy.Policy) (inForce, before *policy.Policy, waits *approval.Verdict, err error) {
	last, _ := b.InForce()
	if last == (approval.Digest{}) || last == file.Digest() {
		return file, nil, nil, nil
	}
	base, err := b.Version(ctx, last)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("the policy that was in force last, %s, cannot be read, so nobody can tell whether %s permits more. Put it back into %s, from a copy of the state folder, or start with that policy as the file: %w",
			last, filepath.Base(cfg.Policy), filepath.Join(cfg.State, policiesDir), err)
	}
	v := b.Judge(base, file)
	if !v.Allowed {
		return base, nil, &v, nil
	}
	return file, base, nil, nil
}

// begin puts the start on record, and the policy where it is another than the last
// in force.
func (s *server) begin(ctx context.Context, before *policy.Policy) error {
	p := s.guard.Policy()
	if err := s.book.Keep(ctx, p); err != nil {
		return err
	}
	late, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := s.guard.Begin(late, modeText(s.guard.Mode())); err != nil {
		return err
	}
	if last, _ := s.book.InForce(); last != p.Digest() {
		if err := s.record(ctx, guard.PolicyLoaded(before, p)); err != nil {
			return err
		}
	}
	s.book.Enforced(p)
	return nil
}

// reload puts the policy of the file in force, if it may be.
func (s *server) reload(ctx context.Context) {
	rules, files, err := readPolicy(s.cfg.Policy)
	s.files = files
	var finder *inspect.Inspector
	if err == nil {
		finder, err = newInspector(rules, s.cfg.Limits.Countries)
	}
	if err != nil {
		s.log.Error("policy not reloaded, the old one stays in force", "err", err)
		s.note.set("It has mistakes, so the policy from before stays in force. weir policy check shows them.")
		_ = s.record(ctx, &ledger.Entry{Kind: ledger.Staff, Policy: s.guard.Policy().Version(), Text: "a policy with mistakes was refused"})
		return
	}
	if rules.Digest() == s.guard.Policy().Digest() {
		s.note.set("")
		s.loaded() // it may not be that of the other nodes
		return
	}
	v, err := s.book.Propose(ctx, rules, "", "file:"+filepath.Base(s.cfg.Policy))
	if err == nil && !v.Allowed {
		s.waits(&v)
		return
	}
	if err == nil {
		err = s.book.Keep(ctx, rules) // before it is in force: a start must find it
	}
	if err == nil {
		err = s.guard.SetPolicy(ctx, rules, finder)
	}
	if err != nil {
		s.log.Error("policy not reloaded, the old one stays in force", "err", err)
		s.note.set("It could not be put in force, so the policy from before stays. The log has the cause.")
		return
	}
	s.book.Enforced(rules)
	s.watch.SetRules(rules.Watch())
	s.note.set("")
	s.loaded()
	s.log.Info("policy reloaded", "version", rules.Version(), "wider", v.Wider, "signed", v.Have)
}

// waits says where people look that the file waits for people.
func (s *server) waits(v *approval.Verdict) {
	if v.Proposal == nil {
		return // it is recorded first: see followPolicy
	}
	short := v.Proposal.To.Short()
	s.log.Warn("policy not reloaded: it permits more, and waits for people to agree; the old one stays in force", "version", short, "need", v.Need, "signed", v.Have, "approve", "weir policy approve "+short)
	s.note.set(fmt.Sprintf("It is %s, which is not in force: %s. Approve it with: weir policy approve %s", short, v, short))
}

// approvals gives the desk's book: the running server's, or one read from the state.
func (d *desk) approvals(ctx context.Context) (*approval.Book, error) {
	d.opening.Lock()
	defer d.opening.Unlock()
	if d.book != nil {
		return d.book, nil
	}
	b, err := newBook(ctx, d.cfg, d.state, d.log)
	if err != nil {
		return nil, err
	}
	last, _ := b.InForce()
	if last == (approval.Digest{}) {
		return nil, adminsock.Refuse(http.StatusConflict, "no policy has been in force here yet: start weir serve first")
	}
	p, err := b.Version(ctx, last)
	if err != nil {
		return nil, fmt.Errorf("the policy in force cannot be read: %w", err)
	}
	b.Enforced(p)
	d.book = b
	return b, nil
}

// told makes what a Book refuses an answer to whoever called.
func told(err error) error {
	switch {
	case errors.Is(err, approval.ErrRefused):
		return adminsock.Refuse(http.StatusForbidden, "%v", err)
	case errors.Is(err, approval.ErrUnknown):
		return adminsock.Refuse(http.StatusNotFound, "%v", err)
	}
	return err
}

// proposalView is a proposal as people see it.
type proposalView struct {
	ID        approval.ID         `json:"id"`
	From      approval.Digest     `json:"from"`
	To        approval.Digest     `json:"to"`
	At        time.Time           `json:"at"`
	By        string              `json:"by,omitempty"`
	Need      int                 `json:"need"`
	Signed    []string            `json:"signed"`
	Allowed   bool                `json:"allowed"`
	Wider     int                 `json:"wider"`
	Changes   []policy.Change     `json:"changes"`
	Statement string              `json:"statement"` // what has to be signed
	Approvers map[string][]string `json:"approvers"` // by name: fingerprints
}

func view(base *policy.Policy, v *approval.Verdict) proposalView {
	shown := proposalView{Need: v.Need, Signed: append([]string{}, v.Have...), Allowed: v.Allowed, Wider: v.Wider, Changes: append([]policy.Change{}, v.Changes...), Approvers: map[string][]string{}}
	if p := v.Proposal; p != nil {
		shown.ID, shown.From, shown.To, shown.At, shown.By, shown.Statement = p.ID, p.From, p.To, p.At, p.By, string(p.Statement())
	}
	for _, a := range base.Approvers() {
		if a.Policy {
			for _, k := range a.Keys {
				shown.Approvers[a.Name] = append(shown.Approvers[a.Name], k.Fingerprint())
			}
		}
	}
	return shown
}

type proposeCall struct {
	Sources []policy.Source `json:"sources"`
	By      string          `json:"by"`
}

func (d *desk) propose(ctx context.Context, who adminsock.Caller, in *proposeCall) (proposalView, error) {
	b, err := d.approvals(ctx)
	if err != nil {
		return proposalView{}, err
	}
	p, err := approval.Parse(in.Sources)
	if err == nil {
		_, err = newInspector(p, d.cfg.Limits.Countries)
	}
	if err != nil {
		return proposalView{}, adminsock.Refuse(http.StatusUnprocessableEntity, "%v", err)
	}
	v, err := b.Propose(ctx, p, in.By, "local:"+who.String())
	if err != nil {
		return proposalView{}, told(err)
	}
	shown := view(b.Policy(), &v)
	shown.To = p.Digest()
	return shown, nil
}

type proposalsCall struct{}

func (d *desk) proposals(ctx context.Context, _ adminsock.Caller, _ *proposalsCall) ([]proposalView, error) {
	b, err := d.approvals(ctx)
	if err != nil {
		return nil, err
	}
	all := []proposalView{}
	for _, p := range b.Proposals() {
		base := b.Policy()
		next, err := b.Version(ctx, p.To)
		if err != nil {
			return nil, err
		}
		v := b.Judge(base, next)
		if v.Proposal != nil && v.Proposal.ID == p.ID {
			all = append(all, view(base, &v))
		}
	}
	return all, nil
}

type signCall struct {
	ID        approval.ID `json:"id"`
	Signature string      `json:"signature"`
}

type signAnswer struct {
	By       string       `json:"by"`
	Proposal proposalView `json:"proposal"`
}

func (d *desk) sign(ctx context.Context, who adminsock.Caller, in *signCall) (signAnswer, error) {
	b, err := d.approvals(ctx)
	if err != nil {
		return signAnswer{}, err
	}
	p, name, err := b.Sign(ctx, in.ID, []byte(in.Signature), "local:"+who.String())
	if err != nil {
		return signAnswer{}, told(err)
	}
	next, err := b.Version(ctx, p.To)
	if err != nil {
		return signAnswer{}, err
	}
	base := b.Policy()
	v := b.Judge(base, next)
	if v.Allowed && d.agreed != nil {
		d.agreed() // the file may be this one
	}
	return signAnswer{name, view(base, &v)}, nil
}

type withdrawCall struct {
	ID     approval.ID `json:"id"`
	By     string      `json:"by"`
	Reason string      `json:"reason"`
}

func (d *desk) withdraw(ctx context.Context, who adminsock.Caller, in *withdrawCall) (struct{}, error) {
	b, err := d.approvals(ctx)
	if err != nil {
		return struct{}{}, err
	}
	return struct{}{}, told(b.Withdraw(ctx, in.ID, in.By, "local:"+who.String(), in.Reason))
}

// lookAgain has followPolicy read the policy's file again.
func (s *server) lookAgain() {
	select {
	case s.agreed <- struct{}{}:
	default: // it will
	}
}

package approval

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/internal/sshsig"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/policy"
)

// PolicyNamespace is what signatures of policies are made for (ssh-keygen -n).
const PolicyNamespace = "weir-policy"

// ProposalLife is how long a proposal waits for signatures and, signed, to be put in
// force.
const ProposalLife = 14 * 24 * time.Hour

// A Proposal is a policy that is to take the place of the one in force.
type Proposal struct {
	ID       ID        `json:"id"`
	From     Digest    `json:"from"`
	To       Digest    `json:"to"`
	At       time.Time `json:"at"`
	By       string    `json:"by"` // who proposed it, as far as that is known
	Text     string    `json:"text"`
	Signed   []Signed  `json:"signed"` // as they came; whether each counts says Judge
	Withdraw string    `json:"withdrawn,omitempty"`
}

// Signed is one person's agreement.
type Signed struct {
	By        string    `json:"by"`
	Key       string    `json:"key"` // its fingerprint
	At        time.Time `json:"at"`
	Signature string    `json:"signature"`
}

// Statement is what a person signs to agree to a proposal: a few lines that name
// this change and no other.
func (p *Proposal) Statement() []byte {
	return fmt.Appendf(nil, "weir policy approval\nproposal %s\nfrom %s\nto %s\n", p.ID, p.From, p.To)
}

// until is when a proposal has waited long enough.
func (p *Proposal) open(now time.Time) bool {
	return p.Withdraw == "" && now.Before(p.At.Add(ProposalLife))
}

// A Verdict says whether a policy may take the place of another.
type Verdict struct {
	Allowed bool
	Changes []policy.Change
	Wider   int // how many of Changes widen
	// Need is how many different people have to sign; 0: none. Have is who has.
	Need int
	Have []string
	// Proposal is the one that waits for them; nil: it is not proposed yet.
	Proposal *Proposal
}

// String says in words what is missing, or "" where nothing is.
func (v *Verdict) String() string {
	if v.Allowed {
		return ""
	}
	have := "nobody has signed yet"
	if len(v.Have) > 0 {
		have = "signed by " + strings.Join(v.Have, ", ")
	}
	return fmt.Sprintf("%d of its %d changes widen, so it needs the signatures of %d people: %s", v.Wider, len(v.Changes), v.Need, have)
}

// InForce gives the policy that the ledger says was put in force last, and when; the
// zero Digest where it knows of none.
func (b *Book) InForce() (Digest, time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state.InForce, b.state.Since
}

// Keep stores a policy. It comes before the policy is in force: whatever the ledger
// says was in force can be read.
func (b *Book) Keep(ctx context.Context, p *policy.Policy) error {
	if err := b.versions.Keep(ctx, p.Digest(), p.Sources()); err != nil {
		return fmt.Errorf("keep the policy's version: %w", err)
	}
	return nil
}

// Enforced tells the Book which policy is in force now: its approvers and its
// approvals are what counts.
func (b *Book) Enforced(p *policy.Policy) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.base = p
}

// Policy gives the policy in force; nil where the Book was not told.
func (b *Book) Policy() *policy.Policy {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.base
}

// Version reads a policy that was once in force or proposed.
func (b *Book) Version(ctx context.Context, d Digest) (*policy.Policy, error) {
	sources, err := b.versions.Version(ctx, d)
	if err != nil {
		return nil, err
	}
	return Compile(d, sources)
}

// Parse makes a policy of its sources, as policy.Policy.Sources gives them.
func Parse(sources []policy.Source) (*policy.Policy, error) {
	if len(sources) == 0 {
		return nil, errors.New("a policy has a file")
	}
	return policy.ParseFiles(sources[0].Name, sources[0].Text, func(name string) ([]byte, error) {
		for _, s := range sources[1:] {
			if s.Name == name {
				return s.Text, nil
			}
		}
		return nil, fs.ErrNotExist
	})
}

// Compile is Parse of the policy of a digest, and of no other.
func Compile(d Digest, sources []policy.Source) (*policy.Policy, error) {
	p, err := Parse(sources)
	if err != nil {
		return nil, fmt.Errorf("policy %s: %w", d.Short(), err)
	}
	if p.Digest() != d {
		return nil, fmt.Errorf("policy %s: what is stored under this name is another policy", d.Short())
	}
	return p, nil
}

// Judge says whether next may take the place of base, which is or was in force.
func (b *Book) Judge(base, next *policy.Policy) Verdict {
	v := Verdict{Changes: policy.Diff(base, next)}
	for _, c := range v.Changes {
		if c.Widens {
			v.Wider++
		}
	}
	if v.Wider == 0 || base.Approvals() <= 1 || base.Digest() == next.Digest() {
		v.Allowed = true
		return v
	}
	v.Need = base.Approvals()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.state.Proposals {
		if p.From != base.Digest() || p.To != next.Digest() || !p.open(b.now()) {
			continue
		}
		have := signers(base, p)
		if v.Proposal == nil || len(have) > len(v.Have) || len(have) == len(v.Have) && p.At.Before(v.Proposal.At) {
			kept := *p
			v.Proposal, v.Have = &kept, have
		}
	}
	v.Allowed = len(v.Have) >= v.Need
	return v
}

// signers gives the different people who have signed a proposal, by the keys that
// base names.
func signers(base *policy.Policy, p *Proposal) (names []string) {
	for _, s := range p.Signed {
		name, _, err := signer(base, p.Statement(), PolicyNamespace, []byte(s.Signature))
		if err == nil && !slices.Contains(names, name) {
			if a, _ := base.Approver(name); a.Policy {
				names = append(names, name)
			}
		}
	}
	return names
}

// signer gives whose signature of a statement it is.
func signer(base *policy.Policy, statement []byte, namespace string, signature []byte) (name, key string, err error) {
	s, err := sshsig.Parse(signature)
	if err != nil {
		return "", "", fmt.Errorf("%w: %w", ErrRefused, err)
	}
	a, ok := base.SignedBy(s.Key)
	if !ok {
		return "", "", fmt.Errorf("%w: the key %s is no approver's in the policy in force", ErrRefused, s.Key.Fingerprint())
	}
	if err := s.Verify(s.Key, namespace, statement); err != nil {
		return "", "", fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return a.Name, s.Key.Fingerprint(), nil
}

// Propose keeps a policy that waits for signatures, and puts it on record. One that
// waits already is given again. By says who proposes, as far as that is known.
func (b *Book) Propose(ctx context.Context, next *policy.Policy, by, credential string) (Verdict, error) {
	b.acting.Lock()
	defer b.acting.Unlock()
	base := b.Policy()
	if base == nil {
		return Verdict{}, errors.New("approval: no policy is in force")
	}
	v := b.Judge(base, next)
	if v.Allowed || v.Proposal != nil {
		return v, nil
	}
	if err := b.versions.Keep(ctx, next.Digest(), next.Sources()); err != nil {
		return v, fmt.Errorf("keep the proposed policy: %w", err)
	}
	e := &ledger.Entry{
		Kind: ledger.PolicyStep, Rule: ledger.Proposed, Policy: base.Version(), Principal: by, PrincipalKind: weir.Staff, Credential: credential,
		Text:   fmt.Sprintf("%s is proposed: %d changes, %d of them widen", next.Version(), len(v.Changes), v.Wider),
		Change: &ledger.Change{ID: newID(), From: base.Digest(), To: next.Digest()},
	}
	if err := b.write(ctx, e); err != nil {
		return v, err
	}
	return b.Judge(base, next), nil
}

// Sign takes a person's signature of a proposal, and puts it on record.
func (b *Book) Sign(ctx context.Context, id ID, signature []byte, credential string) (*Proposal, string, error) {
	b.acting.Lock()
	defer b.acting.Unlock()
	p, base, err := b.waiting(id)
	if err != nil {
		return nil, "", err
	}
	name, key, err := signer(base, p.Statement(), PolicyNamespace, signature)
	if err != nil {
		return nil, "", err
	}
	if a, _ := base.Approver(name); !a.Policy {
		return nil, "", fmt.Errorf("%w: %s may not approve policies (approves: in the policy in force)", ErrRefused, name)
	}
	if slices.Contains(signers(base, p), name) {
		return p, name, nil // once is enough
	}
	e := &ledger.Entry{
		Kind: ledger.PolicyStep, Rule: ledger.Signed, Policy: base.Version(), Principal: name, PrincipalKind: weir.Staff, Credential: "ssh:" + key,
		Text:   fmt.Sprintf("%s agrees to %s in the place of %s", name, p.To.Short(), p.From.Short()),
		Change: &ledger.Change{ID: p.ID, From: p.From, To: p.To, Signature: string(signature)},
	}
	if credential != "" {
		e.Text += ", handed in by " + credential
	}
	if err := b.write(ctx, e); err != nil {
		return nil, "", err
	}
	p, _, err = b.waiting(id)
	return p, name, err
}

// Withdraw ends a proposal that waits.
func (b *Book) Withdraw(ctx context.Context, id ID, by, credential, reason string) error {
	b.acting.Lock()
	defer b.acting.Unlock()
	reason, err := oneLine(reason)
	if err != nil {
		return err
	}
	p, base, err := b.waiting(id)
	if err != nil {
		return err
	}
	return b.write(ctx, &ledger.Entry{
		Kind: ledger.PolicyStep, Rule: ledger.Withdrawn, Policy: base.Version(), Principal: by, PrincipalKind: weir.Staff, Credential: credential,
		Text: reason, Change: &ledger.Change{ID: p.ID, From: p.From, To: p.To},
	})
}

// waiting gives a copy of an open proposal, and the policy in force, which it must
// be made on.
func (b *Book) waiting(id ID) (*Proposal, *policy.Policy, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.state.Proposals[id]
	switch {
	case p == nil || b.base == nil:
		return nil, nil, fmt.Errorf("%w: no proposal %s waits", ErrUnknown, id)
	case !p.open(b.now()):
		return nil, nil, fmt.Errorf("%w: the proposal was withdrawn, or has waited longer than %d days: propose it again", ErrRefused, int(ProposalLife.Hours()/24))
	case p.From != b.base.Digest():
		return nil, nil, fmt.Errorf("%w: another policy is in force than the one that this was proposed on: propose it again", ErrRefused)
	}
	kept := *p
	kept.Signed = slices.Clone(p.Signed)
	return &kept, b.base, nil
}

// Proposals gives those that wait, the oldest first.
func (b *Book) Proposals() (all []Proposal) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.state.Proposals {
		if p.open(b.now()) {
			kept := *p
			kept.Signed = slices.Clone(p.Signed)
			all = append(all, kept)
		}
	}
	slices.SortFunc(all, func(p, q Proposal) int {
		return cmp.Or(p.At.Compare(q.At), strings.Compare(p.ID.String(), q.ID.String()))
	})
	return all
}

// loaded takes over that another policy is in force. What was proposed on the one
// before waits no longer: it was about another change.
func (b *Book) loaded(e *ledger.Entry) {
	if e.Change == nil {
		return // of a version that did not know digests
	}
	b.state.Affirmed = e.Time
	if e.Change.To == b.state.InForce {
		return
	}
	b.state.InForce, b.state.Since = e.Change.To, e.Time
	for id, p := range b.state.Proposals {
		if p.From != b.state.InForce {
			delete(b.state.Proposals, id)
		}
	}
}

func (b *Book) stepped(e *ledger.Entry) {
	c := e.Change
	if c == nil {
		return
	}
	p := b.state.Proposals[c.ID]
	switch e.Rule {
	case ledger.Proposed:
		for id, old := range b.state.Proposals { // so that they do not grow without bound
			if !old.open(e.Time) {
				delete(b.state.Proposals, id)
			}
		}
		if p == nil && len(b.state.Proposals) < mostProposals {
			b.state.Proposals[c.ID] = &Proposal{ID: c.ID, From: c.From, To: c.To, At: e.Time, By: e.Principal, Text: e.Text}
		}
	case ledger.Signed:
		if p != nil && p.From == c.From && p.To == c.To && len(p.Signed) < mostSigned {
			p.Signed = append(p.Signed, Signed{By: e.Principal, Key: strings.TrimPrefix(e.Credential, "ssh:"), At: e.Time, Signature: c.Signature})
		}
	case ledger.Withdrawn:
		if p != nil {
			p.Withdraw = e.Text
		}
	}
}

// Bounds on what is kept.
const (
	mostProposals = 100
	mostSigned    = 100
)

package policy_test

import (
	"crypto/ed25519"
	"strings"
	"testing"

	"github.com/getweir/weir/internal/sshsig"
	"github.com/getweir/weir/policy"
)

// keyOf gives an invented person's public key, the same each time.
func keyOf(name string) string {
	seed := make([]byte, ed25519.SeedSize)
	copy(seed, name)
	return sshsig.PublicKey(ed25519.NewKeyFromSeed(seed)).String()
}

// approved gives a policy with approvals and the approvers of a list.
func approved(approvals string, approvers ...string) string {
	src := shop + approvals
	if len(approvers) > 0 {
		src += "approvers:\n"
	}
	for _, a := range approvers {
		name, rest, _ := strings.Cut(a, " ")
		src += "  " + name + ":\n    keys: [" + keyOf(name+rest) + "]\n"
		if strings.HasPrefix(rest, "approves") {
			src += "    " + rest + "\n"
		}
	}
	return src
}

// TestApproversInWords: whoever may name the people, decides. So where two people
// have to agree, any other set of people widens.
func TestApproversInWords(t *testing.T) {
	two := "approvals: 2\n"
	for _, c := range []struct{ name, from, to, want string }{
		{"asked for", approved(""), approved(two, "ada approves: [policy]", "ben approves: [policy]"),
			"- approvals: a policy that widens needs 2 people now (was: nobody but its author)\n- approver ada: may approve policies now\n- approver ben: may approve policies now\n"},
		{"requests only", approved(""), approved("", "ada approves: [requests]"), "+ approver ada: may approve requests now\n"},
		{"lifted", approved(two, "ada", "ben"), approved("", "ada", "ben"), "+ approvals: a policy that widens needs nobody but its author now (was: 2 people)\n"},
		{"one less", approved("approvals: 3\n", "ada", "ben", "cy"), approved(two, "ada", "ben", "cy"), "+ approvals: a policy that widens needs 2 people now (was: 3 people)\n"},
		{"one more", approved(two, "ada", "ben", "cy"), approved("approvals: 3\n", "ada", "ben", "cy"), "- approvals: a policy that widens needs 3 people now (was: 2 people)\n"},
		{"another person", approved(two, "ada", "ben"), approved(two, "ada", "ben", "cy"), "+ approver cy: may approve policies and requests now\n"},
		{"a person gone", approved(two, "ada", "ben", "cy"), approved(two, "ada", "ben"), "+ approver cy: may approve nothing any more (was: policies and requests)\n"},
		{"another key", approved(two, "ada", "ben"), approved(two, "ada again", "ben"), "+ approver ada: signs with KEY now (was: KEY)\n"},
		{"the order", approved(two, "ada", "ben"), approved(two, "ben", "ada"), ""},
		{"less to approve", approved(two, "ada", "ben", "cy"), approved(two, "ada", "ben", "cy approves: [requests]"),
			"+ approver cy: may approve requests now (was: policies and requests)\n+ approver cy: signs with KEY now (was: KEY)\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := differ(parse(t, c.from), parse(t, c.to))
			for _, word := range strings.Fields(got) {
				if strings.HasPrefix(word, "SHA256:") {
					got = strings.ReplaceAll(got, strings.TrimSuffix(word, ")"), "KEY")
				}
			}
			if got != c.want {
				t.Errorf("got\n%swant\n%s", got, c.want)
			}
		})
	}
}

// TestApproverMistakes: a policy that nobody could ever approve, or one person
// twice, is refused.
func TestApproverMistakes(t *testing.T) {
	for _, c := range []struct{ src, want string }{
		{"approvals: 2\n", "2 people have to sign, and the policy names 0 who may"},
		{"approvals: two\n", "approvals: a number of people, from 1 to 9"},
		{"approvals: 0\n", "approvals: a number of people, from 1 to 9"},
		{"approvals: 10\n", "approvals: a number of people, from 1 to 9"},
		{"approvals: [2]\n", "approvals: a number of people, from 1 to 9"},
		{"approvals: \"2\"\n", "approvals: a number of people, from 1 to 9"},
		{"approvers: {ada: {}}\n", "approver ada: the key \"keys\" is missing"},
		{"approvers: {ada: {keys: [ssh-rsa AAAA]}}\n", "not an Ed25519 key of SSH"},
		{"approvers: {ada: {keys: [" + keyOf("ada") + "], approves: [polcy]}}\n", "approves: \"polcy\" is none of policy, requests (did you mean \"policy\"?)"},
		{"approvers: {ada: {keys: [" + keyOf("ada") + "]}, ben: {keys: [" + keyOf("ada") + " another comment]}}\n", "this key is ada's already"},
		{"approvals: 2\napprovers: {ada: {keys: [" + keyOf("ada") + "]}, ben: {keys: [" + keyOf("ben") + "], approves: [requests]}}\n", "the policy names 1 who may"},
	} {
		_, err := policy.Parse("policy.yaml", []byte(shop+c.src))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.src, err, c.want)
		}
	}
}

// TestApproverLooks: a person is found by name and by key.
func TestApproverLooks(t *testing.T) {
	p := parse(t, approved("approvals: 2\n", "ada", "ben approves: [policy]"))
	if p.Approvals() != 2 || len(p.Approvers()) != 2 || parse(t, shop).Approvals() != 1 {
		t.Errorf("%d of %d", p.Approvals(), len(p.Approvers()))
	}
	key, _ := sshsig.ParseKey(keyOf("ada"))
	if a, ok := p.SignedBy(key); !ok || a.Name != "ada" || !a.Requests {
		t.Errorf("%+v", a)
	}
	if a, ok := p.Approver("ben"); !ok || a.Requests || !a.Policy {
		t.Errorf("%+v", a)
	}
	if _, ok := p.SignedBy(sshsig.Key{}); ok {
		t.Error("no key is somebody's")
	}
	if parse(t, shop).Digest() == p.Digest() || !strings.HasPrefix(p.Version(), "sha256:") {
		t.Error("the digest is not the content's")
	}
}

package main

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/getweir/weir/internal/sshsig"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/policy"
)

// signers are people, invented, with a new key each.
type signers struct {
	dir    string
	public map[string]string
}

func newSigners(t *testing.T, names ...string) *signers {
	t.Helper()
	p := &signers{t.TempDir(), map[string]string{}}
	for _, name := range names {
		cmd := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name+"@staff.example", "-f", p.key(name))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("ssh-keygen: %v\n%s", err, out)
		}
		pub, err := os.ReadFile(p.key(name) + ".pub")
		if err != nil {
			t.Fatal(err)
		}
		p.public[name] = strings.TrimSpace(string(pub))
	}
	return p
}

func (p *signers) key(name string) string { return filepath.Join(p.dir, name) }

// approvers gives the lines of a policy that name them.
func (p *signers) approvers(n string, names ...string) string {
	text := "approvals: " + n + "\napprovers:\n"
	for _, name := range names {
		text += "  " + name + ": {keys: [" + p.public[name] + "]}\n"
	}
	return text
}

// does runs a command on the site.
func (s *site) does(t *testing.T, args ...string) (code int, out string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), append(args, "-c", filepath.Join(s.dir, "weir.yaml")), strings.NewReader(""), &o, &e)
	return code, o.String() + e.String()
}

func (s *site) inForce(t *testing.T) string {
	t.Helper()
	_, out := s.does(t, "status", "--json")
	var got nodeStatus
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return got.Policy
}

func (s *site) write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := policy.Parse(name, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p.Version()
}

// TestTwoPeopleChangeThePolicy: what widens waits for two people, through a change of
// the file, a restart, a kill and a start without the server; what narrows does not.
func TestTwoPeopleChangeThePolicy(t *testing.T) {
	back := httptest.NewServer(weakService())
	defer back.Close()
	who := newSigners(t, "ada", "ben", "eve")
	two := who.approvers("2", "ada", "ben")
	text := killPolicy + two
	s := newSite(t, back.URL, text)
	first := s.write(t, "policy.yaml", text)
	end := s.start(t)
	if got := s.inForce(t); got != first {
		t.Fatalf("in force: %s, not %s", got, first)
	}

	narrow := strings.Replace(text, "contact.email: clear", "contact.email: mask", 1)
	second := s.write(t, "policy.yaml", narrow)
	eventually(t, "what narrows is in force at once", func() bool { return s.inForce(t) == second })

	// Back to the first is wider. Whoever writes the file alone gets nowhere, however
	// the server is started, and naming other people in the same change is no help.
	widened := strings.Replace(killPolicy+who.approvers("1", "ada", "ben", "eve"), "contact.email: clear", "contact.email: clear, contact.phone: clear", 1)
	s.write(t, "policy.yaml", widened)
	s.write(t, "policy.yaml", text)
	proposed := func() bool {
		_, out := s.does(t, "policy", "proposals")
		return strings.Contains(out, first)
	}
	eventually(t, "it waits", proposed)
	if code, out := s.does(t, "exposure"); code != 0 || !strings.Contains(out, first+", which is not in force") || !strings.Contains(out, second) {
		t.Errorf("exit %d, %s", code, out)
	}
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		if got := s.inForce(t); got != second {
			t.Fatalf("in force: %s, not %s", got, second)
		}
		end(sig)
		end = s.start(t)
	}
	if code, out := s.does(t, "policy", "approve", first, "--key", who.key("eve")); code == 0 || !strings.Contains(out, "no approver's in the policy in force") {
		t.Errorf("a stranger: exit %d, %s", code, out)
	}
	if code, out := s.does(t, "policy", "approve", first, "--draft", filepath.Join(s.dir, "weir.yaml"), "--key", who.key("ada")); code == 0 {
		t.Errorf("another draft: exit %d, %s", code, out)
	}
	code, out := s.does(t, "policy", "approve", first, "--key", who.key("ada"))
	if code != 0 || !strings.Contains(out, "may now see contact.email in clear") || !strings.Contains(out, "Signed by: ada.") {
		t.Fatalf("exit %d, %s", code, out)
	}
	if code, out = s.does(t, "policy", "approve", first, "--key", who.key("ada")); code != 0 || !strings.Contains(out, "Approve it with") || s.inForce(t) != second {
		t.Errorf("one person twice: exit %d, %s", code, out)
	}
	end(syscall.SIGTERM)

	// The second person signs elsewhere, with ssh-keygen, and hands it in while no
	// server runs.
	code, statement := s.does(t, "policy", "approve", first, "--statement")
	if code != 0 || !strings.HasPrefix(statement, "weir policy approval\nproposal ") {
		t.Fatalf("exit %d, %s", code, statement)
	}
	file := filepath.Join(s.dir, "statement")
	if err := os.WriteFile(file, []byte(statement), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("ssh-keygen", "-q", "-Y", "sign", "-n", "weir-policy", "-f", who.key("ben"), file).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if code, out = s.does(t, "policy", "approve", first, "--signature", file+".sig"); code != 0 || !strings.Contains(out, "That is enough") {
		t.Fatalf("exit %d, %s", code, out)
	}
	end = s.start(t)
	if got := s.inForce(t); got != first {
		t.Fatalf("in force: %s, not %s", got, first)
	}

	code, out = s.does(t, "policy", "versions", "--json")
	var rows []versionRow
	if err := json.Unmarshal([]byte(out), &rows); err != nil || code != 0 || len(rows) != 3 {
		t.Fatalf("exit %d, %s", code, out)
	}
	if r := rows[0]; r.Digest.Short() != first || !r.Widens || strings.Join(r.Signed, " ") != "ada ben" || !r.InForce || !r.Stored {
		t.Errorf("%+v", r)
	}
	if r := rows[1]; r.Digest.Short() != second || r.Widens || len(r.Signed) > 0 || r.InForce {
		t.Errorf("%+v", r)
	}
	if code, out = s.does(t, "policy", "show", second); code != 0 || out != narrow {
		t.Errorf("exit %d, %s", code, out)
	}
	draft := filepath.Join(s.dir, "draft.yaml")
	if code, out = s.does(t, "policy", "rollback", second, "-o", draft); code != 0 || !strings.Contains(out, "now sees contact.email masked") || s.inForce(t) != first {
		t.Errorf("exit %d, %s", code, out)
	}
	if b, err := os.ReadFile(draft); err != nil || string(b) != narrow {
		t.Errorf("the draft is %s, %v", b, err)
	}
	if code, out = s.does(t, "policy", "propose", draft); code != 0 || !strings.Contains(out, "Nobody has to agree") {
		t.Errorf("exit %d, %s", code, out)
	}

	// A proposal that is withdrawn waits no longer, whoever has signed.
	wide := s.write(t, "wide.yaml", strings.Replace(text, "day: 60, 30 days: 60", "day: 60, 30 days: 70", 1))
	if code, out = s.does(t, "policy", "propose", filepath.Join(s.dir, "wide.yaml"), "--by", "eve"); code != 0 || !strings.Contains(out, "2 people have to agree") {
		t.Fatalf("exit %d, %s", code, out)
	}
	if code, out = s.does(t, "policy", "withdraw", wide, "--reason", "not this year"); code != 0 {
		t.Errorf("exit %d, %s", code, out)
	}
	if code, out = s.does(t, "policy", "approve", wide, "--key", who.key("ada")); code == 0 {
		t.Errorf("exit %d, %s", code, out)
	}
	end(syscall.SIGTERM)

	// Without the policy in force nobody can tell what widens it: nothing starts.
	for _, r := range rows {
		if err := os.Remove(policiesOf(filepath.Join(s.dir, "state")).Path(r.Digest)); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	s.write(t, "policy.yaml", widened)
	if code, out := s.does(t, "serve"); code == 0 || !strings.Contains(out, "nobody can tell whether policy.yaml permits more") {
		t.Errorf("exit %d, %s", code, out)
	}
	s.write(t, "policy.yaml", text)
	end = s.start(t) // the policy in force, as the file
	if got := s.inForce(t); got != first {
		t.Errorf("in force: %s, not %s", got, first)
	}
	end(syscall.SIGTERM)
	if _, err := ledger.Verify(filepath.Join(s.dir, "state/ledger"), ledger.VerifyOptions{}); err != nil {
		t.Error(err)
	}
}

// TestSignsWithAnyKeyOfSSH: a key behind a passphrase is OpenSSH's to open.
func TestSignsWithAnyKeyOfSSH(t *testing.T) {
	who := newSigners(t, "ada")
	var errs bytes.Buffer
	st := &streams{ctx: t.Context(), err: &errs}
	c := keyChoice{Key: who.key("ada")}
	b, err := c.sign(st, "weir-policy", []byte("a statement\n"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := sshsig.ParseKey(who.public["ada"])
	if err != nil {
		t.Fatal(err)
	}
	verify := func(b []byte) {
		t.Helper()
		s, err := sshsig.Parse(b)
		if err == nil {
			err = s.Verify(key, "weir-policy", []byte("a statement\n"))
		}
		if err != nil {
			t.Error(err)
		}
	}
	verify(b)
	if out, err := exec.Command("ssh-keygen", "-q", "-p", "-P", "", "-N", "a passphrase", "-f", who.key("ada")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	ask := filepath.Join(who.dir, "ask")
	if err := os.WriteFile(ask, []byte("#!/bin/sh\necho a passphrase\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSH_ASKPASS", ask)
	t.Setenv("SSH_ASKPASS_REQUIRE", "force")
	if b, err = c.sign(st, "weir-policy", []byte("a statement\n")); err != nil {
		t.Fatal(err, errs.String())
	}
	verify(b)
	if _, err := (&keyChoice{Key: filepath.Join(who.dir, "none")}).sign(st, "weir-policy", nil); err == nil || !strings.Contains(err.Error(), "--key") {
		t.Errorf("no key: %v", err)
	}
}

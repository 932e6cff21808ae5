package assure

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/getweir/weir"
	"github.com/getweir/weir/internal/reelcart"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/policy"
)

var now = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

func demo(t testing.TB) *policy.Policy {
	p, err := policy.Parse("policy.yaml", reelcart.Policy())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// looked gives the entries of an exchange in which agent looked at customers.
func looked(agent string, ago time.Duration, customers int) (all []*ledger.Entry) {
	e := ledger.Entry{Time: now.Add(-ago), PrincipalKind: weir.Staff, Principal: agent, Credential: "key:" + agent, Role: "support", Network: "office", Route: "customer"}
	intent, release := e, e
	intent.Kind, release.Kind = ledger.Intent, ledger.Release
	release.Actions = []ledger.Count{{Class: "contact.email", Action: weir.Allow, N: customers}, {Class: "payment.card", Action: weir.Mask, N: customers}}
	for i := range customers {
		release.Subjects = append(release.Subjects, ledger.Taken{Subject: weir.Subject{byte(i), byte(i >> 8), 1}, Lanes: weir.Lanes(0).With(weir.Clear)})
	}
	return []*ledger.Entry{&intent, &release}
}

func use(entries ...[]*ledger.Entry) *Use {
	u := NewUse()
	for _, list := range entries {
		for _, e := range list {
			u.Read(e)
		}
	}
	return u
}

// TestBegin: the rows say what was granted and used, and speak for what the use says.
func TestBegin(t *testing.T) {
	const day = 24 * time.Hour
	u := use(looked("old", 89*day, 3), looked("busy", 10*day, 30), looked("busy", day, 10))
	r := Begin("r", now, 90, demo(t), u, map[string]string{"busy": "support", "spare": "marketing"})
	if r.Covered < 88 || len(r.Notes) > 0 || r.Policy != demo(t).Version() {
		t.Errorf("%+v", r)
	}
	row := func(name string) *Row {
		row, err := r.Row(name)
		if err != nil {
			t.Fatal(err)
		}
		return row
	}
	support := row("role:support")
	if support.Recommends != Narrow || support.Requests != 3 || !support.Last.Equal(now.Add(-day)) {
		t.Errorf("%+v", support)
	}
	// It saw e-mail addresses of all contact.*, and never a name or an order.
	var see []string
	for _, c := range support.See {
		see = append(see, string(c.Class)+" "+c.Now)
	}
	if want := []string{"commerce.order mask", "person.name mask"}; !slices.Equal(slices.Sorted(slices.Values(see)), want) {
		t.Errorf("see: %v", see)
	}
	if i := slices.IndexFunc(support.Budgets, func(b BudgetUse) bool { return b.Lane == "clear" && b.Window == "hour" }); i < 0 || support.Budgets[i].Peak != 30 || support.Budgets[i].Budget != 40 {
		t.Errorf("budgets: %+v", support.Budgets)
	}
	if slices.ContainsFunc(support.Take, func(c TakeChange) bool { return c.Lane == "clear" && c.Window == "hour" }) {
		t.Errorf("30 of 40 is no reason to take less: %+v", support.Take)
	}
	if !slices.ContainsFunc(support.Take, func(c TakeChange) bool { return c.Lane == "clear" && c.Window == "30 days" && c.Now == 45 }) {
		t.Errorf("30 of 400 is one: %+v", support.Take)
	}
	for name, want := range map[string]Decision{
		"role:marketing": Revoke, "credential:key:old": Revoke, "credential:key:busy": Keep, "principal:spare": Revoke,
	} {
		if got := row(name); got.Recommends != want {
			t.Errorf("%s: %s %v, not %s", name, got.Recommends, got.Why, want)
		}
	}
	if _, err := r.Row("role:nobody"); !errors.Is(err, ErrReview) {
		t.Error(err)
	}
	if one, err := r.Row("1"); err != nil || one != r.Rows[0] {
		t.Error(err)
	}

	young := Begin("r", now, 90, demo(t), use(looked("busy", 2*day, 30)), nil)
	for _, row := range young.Rows {
		if row.Recommends != Keep {
			t.Errorf("after 2 days on record: %s %s", row.Party, row.Recommends)
		}
	}
	if len(young.Notes) == 0 {
		t.Error("it does not say that the ledger is young")
	}
	if _, err := ParseDecision("delete"); !errors.Is(err, ErrReview) {
		t.Error(err)
	}
}

// TestDraftOnlyNarrows decides at random: the draft is a policy that permits nothing
// more, keeps every comment but those of roles that go, and changes no line that no
// decision is about.
func TestDraftOnlyNarrows(t *testing.T) {
	const day = 24 * time.Hour
	src := string(reelcart.Policy())
	// The same in the other ways in which people write it.
	src = strings.Replace(src, "  marketing:\n", "  \"marketing\": # the newsletter\n", 1)
	src = strings.Replace(src, "contact.email: clear", "'contact.email': \"clear\"   # for the newsletter", 1)
	before, err := policy.Parse("policy.yaml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	u := use(looked("busy", 80*day, 20), looked("busy", 10*day, 3))
	rapid.Check(t, func(t *rapid.T) {
		r := Begin("r", now, 90, before, u, nil)
		left := len(before.Roles())
		revoked := map[string]bool{}
		for _, row := range r.Rows {
			row.Decision = rapid.SampledFrom([]Decision{Keep, Narrow, Revoke}).Draw(t, "decision")
			if row.Kind == "role" && row.Decision == Revoke {
				if left--; left == 0 {
					row.Decision = Keep
				} else {
					revoked[row.Role] = true
				}
			}
		}
		text, _, err := r.Draft([]byte(src))
		if err != nil {
			t.Fatal(err)
		}
		after, err := policy.Parse("draft.yaml", text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		for _, c := range policy.Diff(before, after) {
			// What a revoked role could do is no reach of anybody's any more.
			if c.Widens {
				t.Fatalf("it widens: %s %s\n%s", c.About, c.Text, text)
			}
		}
		for _, role := range before.Roles() {
			if slices.Contains(after.Roles(), role) == revoked[role] {
				t.Fatalf("%s: revoked %v\n%s", role, revoked[role], text)
			}
		}
		if len(revoked) == 0 {
			for _, line := range strings.Split(src, "\n") {
				if _, comment, ok := strings.Cut(line, "#"); ok && !strings.Contains(string(text), comment) {
					t.Fatalf("the comment %q is gone", comment)
				}
			}
			if strings.Count(src, "\n") != strings.Count(string(text), "\n") {
				t.Fatal("lines came or went")
			}
		}
		if !slices.ContainsFunc(r.Rows, func(row *Row) bool { return row.Kind == "role" && row.Decision != Keep }) && string(text) != src {
			t.Fatal("nothing was decided against, and the file changed")
		}
	})
}

// TestDraftByHand: what the file does not have is said.
func TestDraftByHand(t *testing.T) {
	r := &Review{Rows: []*Row{
		{N: 1, Party: "role:ghost", Kind: "role", Role: "ghost", Decision: Revoke},
		{N: 2, Party: "credential:key:a", Kind: "staff", Role: "support", Decision: Revoke},
		{N: 3, Party: "role:support", Kind: "role", Role: "support", Decision: Narrow, See: []SeeChange{{"media.playlist", "mask"}}},
	}}
	text, byHand, err := r.Draft(reelcart.Policy())
	if err != nil || string(text) != string(reelcart.Policy()) || len(byHand) != 3 {
		t.Errorf("%v %v", err, byHand)
	}
	for i, want := range []string{"does not have it", "the configuration's", "a wider line"} {
		if i < len(byHand) && !strings.Contains(byHand[i], want) {
			t.Errorf("%q", byHand[i])
		}
	}
	if _, _, err := r.Draft([]byte("roles: [")); err == nil {
		t.Error("a file that is no YAML was taken")
	}
	if b, err := json.Marshal(r); err != nil || !strings.Contains(string(b), `"row":1`) {
		t.Error(err, fmt.Sprint(string(b)))
	}
}

func FuzzDraft(f *testing.F) {
	f.Add(string(reelcart.Policy()))
	f.Add("roles: {support: {see: {contact.email: clear}, take: {clear: unbounded}}}")
	f.Add("roles:\n  support:\n")
	f.Add("- roles")
	f.Fuzz(func(t *testing.T, src string) {
		r := &Review{Rows: []*Row{
			{N: 1, Kind: "role", Role: "support", Decision: Narrow, See: []SeeChange{{"contact.email", "mask"}}, Take: []TakeChange{{"clear", "30 days", 9, 3}, {"masked", "hour", 9, 3}}},
			{N: 2, Kind: "role", Role: "marketing", Decision: Revoke},
		}}
		_, _, _ = r.Draft([]byte(src)) // no panic
	})
}

package guard

import (
	"fmt"
	"strings"
	"testing"

	"github.com/getweir/weir"
	"github.com/getweir/weir/inspect"
	"github.com/getweir/weir/policy"
)

// crowded gives a guard that n customers have shown themselves to.
func crowded(t testing.TB, n int) *fixture {
	f := newFixture(t, Enforce)
	for i := range n {
		x := exchange("", "customer", fmt.Sprintf("/c/c-%d", i))
		x.Principal.Kind, x.Principal.Name, x.Principal.Credential = weir.Customer, "", fmt.Sprintf("jwt:%d", i)
		x.Principal.Own = weir.Identifier{Kind: "customer", Value: weir.NewPlain(fmt.Sprintf("c-%d", i))}
		p := admit(t, f, x)
		p.Release(t.Context(), records(fmt.Sprintf(`{"id":"c-%d"}`, i)))
	}
	return f
}

// BenchmarkExposure is what the console asks for several times a second.
func BenchmarkExposure(b *testing.B) {
	for _, n := range []int{1000, 5000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			f := crowded(b, n)
			for b.Loop() {
				f.Exposure()
			}
		})
	}
}

// TestAFloodDoesNotHideTheStaff: whoever comes from more networks than can be
// listed apart does not keep a credential seen later off the list.
func TestAFloodDoesNotHideTheStaff(t *testing.T) {
	f := newFixture(t, Enforce)
	admit(t, f, exchange("early", "support", "/x"))
	for i := range mostKnown + 10 {
		f.Deny(t.Context(), &weir.Exchange{Principal: weir.Principal{Network: fmt.Sprintf("other:%d", i)}}, &weir.Denial{Reason: weir.ReasonCredential})
	}
	admit(t, f, exchange("late", "support", "/x"))
	listed := map[string]bool{}
	x := f.Exposure()
	for _, r := range x.Rows {
		listed[r.Party.String()] = true
	}
	for _, want := range []string{"credential:key:early", "principal:early", "credential:key:late", "principal:late", "role:support", "deployment"} {
		if !listed[want] {
			t.Errorf("%s is not listed", want)
		}
	}
	if len(x.Rows) > mostKnown+10 {
		t.Errorf("%d are listed", len(x.Rows))
	}
}

// TestExposureIsUnderThePolicyInForce: a policy that lets a role take more shows at
// once, before anybody of the role has come again.
func TestExposureIsUnderThePolicyInForce(t *testing.T) {
	f := newFixture(t, Enforce)
	admit(t, f, exchange("agent", "support", "/x"))
	could := func() int {
		for _, r := range f.Exposure().Rows {
			if r.Party == (weir.Party{Kind: weir.ByCredential, Name: "key:agent"}) {
				return r.CouldHour
			}
		}
		return -2
	}
	if n := could(); n != 10 {
		t.Errorf("%d could be taken", n)
	}
	wider, err := policy.Parse("test", []byte(strings.Replace(testPolicy, "clear:     {hour: 10, day: 20, 30 days: 30}", "clear: {hour: 700, day: 700, 30 days: 700}", 1)))
	if err != nil {
		t.Fatal(err)
	}
	finder, err := inspect.New(inspect.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.SetPolicy(t.Context(), wider, finder); err != nil {
		t.Fatal(err)
	}
	if n := could(); n != 700 {
		t.Errorf("%d could be taken under the wider policy", n)
	}
}

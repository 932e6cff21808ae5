package policy_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/getweir/weir"
	"github.com/getweir/weir/policy"
)

func TestGrantsText(t *testing.T) {
	const want = `ROLE         PURPOSE         CLASS                  SEES        AN HOUR  A DAY  30 DAYS  LINE
support      support         contact.email          clear       40       200    1000     19
support      support         contact.phone          clear       40       200    1000     19
support      support         network.ip             mask        0        0      0        18
support      marketing       contact.email          clear       40       200    1000     19
support      marketing       contact.phone          clear       40       200    1000     19
support      marketing       network.ip             mask        0        0      0        18
recommender  recommendation  media.viewing_history  clear       9000     9000   9000     30
customer     own-account     contact.phone          clear, own  1        1      1        35
customer     own-account     payment.card           clear, own  1        1      1        35
customer     own-account     network.ip             clear, own  1        1      1        35
anonymous    support         network.ip             mask        3        3      3        39
`
	if got := policy.GrantsText(parse(t, shop).Grants()); got != want {
		t.Errorf("got:\n%s", got)
	}
}

func TestGrantJSON(t *testing.T) {
	g := parse(t, shop).Grants()[6]
	got, err := json.Marshal(g)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"role":"recommender","purpose":"recommendation","class":"media.viewing_history","sensitivity":"high",` +
		`"sees":"clear","own":false,"most":{"30 days":9000,"day":9000,"hour":9000},` +
		`"take":{"clear":{"30 days":9000,"day":9000,"hour":9000},"sensitive":{"30 days":9000,"day":9000,"hour":9000}},` +
		`"together":{"clear":{"30 days":10000,"day":10000,"hour":10000},"masked":{"30 days":10000,"day":10000,"hour":10000},` +
		`"own":{"30 days":500,"day":500,"hour":500},"probed":{"30 days":"unbounded","day":"unbounded","hour":"unbounded"},` +
		`"sensitive":{"30 days":10000,"day":10000,"hour":10000}},"file":"policy.yaml","line":30}`
	// Maps have no order of their own; encoding/json sorts their keys.
	var a, b any
	if json.Unmarshal(got, &a) != nil || json.Unmarshal([]byte(want), &b) != nil {
		t.Fatalf("not JSON: %s", got)
	}
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	if string(x) != string(y) {
		t.Errorf("got  %s\nwant %s", x, y)
	}
}

func TestMost(t *testing.T) {
	grant := policy.Grant{Action: weir.Allow, Sensitivity: weir.High}
	grant.Take[weir.Clear] = weir.Budget{10, weir.Unbounded, weir.Unbounded}
	grant.Take[weir.Sensitive] = weir.Budget{5, 50, weir.Unbounded}
	grant.Together[weir.Clear] = weir.Budget{7, 20, weir.Unbounded}
	grant.Together[weir.Sensitive] = weir.Budget{weir.Unbounded, 30, weir.Unbounded}
	if got, want := grant.Most(), (weir.Budget{5, 20, weir.Unbounded}); got != want {
		t.Errorf("%v, want %v", got, want)
	}
	grant.Sensitivity = weir.Low // the lane sensitive does not count it
	if got, want := grant.Most(), (weir.Budget{7, 20, weir.Unbounded}); got != want {
		t.Errorf("%v, want %v", got, want)
	}
	grant.Action = weir.Block
	if grant.Most() != (weir.Budget{}) {
		t.Error("what is blocked is taken by somebody")
	}
}

func TestUnbounded(t *testing.T) {
	if open := parse(t, shop).Unbounded(); len(open) != 1 || open[0].Whose != "the deployment" || open[0].Lane != "probed" || len(open[0].Windows) != 3 {
		t.Errorf("%+v", open)
	}
	src := strings.Replace(shop, "clear: {hour: 40, day: 200, 30 days: 1000}", "clear: {hour: 40, day: 200, 30 days: unbounded}", 1)
	src = strings.Replace(src, "      sensitive: {hour: 4, day: 20, 30 days: 100}\n", "", 1)
	open := parse(t, src).Unbounded()
	if len(open) != 3 || open[0].Whose != "role support" || open[0].Lane != "clear" || open[0].Windows[0] != "30 days" || open[0].Line != 22 ||
		open[1].Lane != "sensitive" || open[1].Line != 22 {
		t.Errorf("%+v", open)
	}
}

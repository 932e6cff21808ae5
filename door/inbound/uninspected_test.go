package inbound

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/getweir/weir"
)

// TestUninspected: on a route that says so, what cannot be cut into records passes
// whole, byte for byte, wherever it goes wrong and however it comes; elsewhere not.
func TestUninspected(t *testing.T) {
	rows := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `{"id":"c-%d","name":"x"},`, i)
		}
		return b.String()
	}
	for name, c := range map[string]struct{ media, body string }{
		"at once":      {"application/json", `tru`},
		"at the end":   {"application/json", `{"items":[` + rows(5000) + `{"id":"c"}]`},
		"in the array": {"application/json", `{"items":[` + rows(3000) + `tru,` + rows(3000) + `1]}`},
		"too long":     {"application/json", `{"a":"` + strings.Repeat("x", 600<<10) + `"}`},
		"in a line":    {"application/x-ndjson", strings.ReplaceAll(rows(2000), "},", "}\n") + "{]\n" + strings.ReplaceAll(rows(2000), "},", "}\n")},
		"not text":     {"application/json", "{\"a\":\"\x01\xff\"}" + strings.Repeat(" ", 200<<10) + "x"},
	} {
		for _, chunk := range []int{1 << 20, 1000} {
			t.Run(fmt.Sprint(name, "/", chunk), func(t *testing.T) {
				up := func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Content-Type", c.media)
					for rest := c.body; rest != ""; {
						n := min(chunk, len(rest))
						if _, err := w.Write([]byte(rest[:n])); err != nil {
							return
						}
						if rest = rest[n:]; chunk == 1000 && len(rest)%50_000 < 1000 {
							w.(http.Flusher).Flush()
						}
					}
				}
				k := newKeeper()
				k.uninspected = true
				h := newHall(t, serve(t, up), k)
				if g := h.get("/"); g.StatusCode != 200 || g.body != c.body {
					t.Errorf("%d, %d bytes of %d", g.StatusCode, len(g.body), len(c.body))
				} else if g.Header.Get("Cache-Control") != "private, no-store" {
					t.Errorf("%v", g.Header)
				}
				if o := h.last(); o.Denial != nil || o.Err != "" || k.passed == 0 {
					t.Errorf("%+v, %d unread", o, k.passed)
				}
			})
		}
	}
	k := newKeeper()
	h := newHall(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`tru`))
	}), k)
	if g := h.get("/"); g.StatusCode != http.StatusBadGateway {
		t.Errorf("on another route: %d", g.StatusCode)
	}
}

// TestStepUpChallenge: whoever must sign in again is told so as RFC 9470 has it, and
// nobody whom it would not help.
func TestStepUpChallenge(t *testing.T) {
	factor := weir.Need{Kind: weir.NeedSecondFactor, MaxAge: 15 * time.Minute}
	for _, c := range []struct {
		denial weir.Denial
		status int
		levels []string
		want   string
	}{
		{weir.Denial{Reason: weir.ReasonNeeds, Needs: []weir.Need{factor}}, 401, []string{"mfa", `a"b`}, `acr_values="mfa", max_age=900`},
		{weir.Denial{Reason: weir.ReasonNeeds, Needs: []weir.Need{factor, {Kind: weir.NeedTicket}}}, 401, nil, `lately", max_age=900`},
		{weir.Denial{Reason: weir.ReasonBudget, Needs: []weir.Need{factor}}, 401, nil, `error="insufficient_user_authentication"`},
		{weir.Denial{Reason: weir.ReasonNeeds, Needs: []weir.Need{factor, {Kind: weir.NeedHours}}}, 403, nil, ""},
		{weir.Denial{Reason: weir.ReasonNeeds, Needs: []weir.Need{{Kind: weir.NeedApproval}}}, 403, nil, ""},
		{weir.Denial{Reason: weir.ReasonBudget, Needs: []weir.Need{{Kind: weir.NeedApproval}}}, 429, nil, ""},
	} {
		k := newKeeper()
		k.refuse = &c.denial
		h := newHall(t, serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the service was asked") }), k, func(cfg *Config) { cfg.Auth = levelled(c.levels) })
		g := h.get("/")
		if got := g.Header.Get("Www-Authenticate"); g.StatusCode != c.status || !strings.HasSuffix(got, c.want) && !strings.Contains(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%+v: %d %q", c.denial.Needs, g.StatusCode, got)
		}
		if !strings.Contains(g.body, `"needs":[{"need":"`+string(c.denial.Needs[0].Kind)+`"`) {
			t.Errorf("%s", g.body)
		}
	}
}

// levelled is everybody, of an issuer with names for a second factor.
type levelled []string

func (l levelled) Authenticate(*http.Request) (weir.Principal, *weir.Denial) {
	return weir.Principal{Kind: weir.Staff, Name: "pat", Levels: l}, nil
}

// TestTicket: one ticket, in the field that the configuration names.
func TestTicket(t *testing.T) {
	for _, c := range []struct {
		h    http.Header
		name string
		want string
		ok   bool
	}{
		{http.Header{}, "", "", true},
		{http.Header{"Weir-Ticket": {"INC-1"}}, "", "INC-1", true},
		{http.Header{"X-Case": {"7"}, "Weir-Ticket": {"INC-1"}}, "x-case", "7", true},
		{http.Header{"Weir-Ticket": {"a", "b"}}, "", "", false},
		{http.Header{"Weir-Ticket": {strings.Repeat("a", 65)}}, "", "", false},
	} {
		if got, d := ticket(c.h, c.name); got != c.want || (d == nil) != c.ok {
			t.Errorf("%v: %q %v", c.h, got, d)
		}
	}
}

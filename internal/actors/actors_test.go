package actors_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/internal/actors"
	"github.com/getweir/weir/internal/people"
	"github.com/getweir/weir/internal/reelcart"
	"github.com/getweir/weir/policy"
)

func named(a *actors.Actor) (http.Header, error) {
	return http.Header{"X-Actor": {a.Name}, "X-Customer": {a.Subject}}, nil
}

func tallies(p *actors.Play) map[string]actors.Tally {
	m := map[string]actors.Tally{}
	for _, t := range p.Tallies() {
		m[t.Name] = t
	}
	return m
}

// Without a door the thief takes everybody: the demonstration can fail.
func TestBarePlatformLosesEverybody(t *testing.T) {
	pop := people.New(reelcart.Seed, reelcart.Customers)
	s := httptest.NewServer(reelcart.For(pop).Handler())
	defer s.Close()
	play := actors.New(actors.Config{Base: s.URL + "/", Population: pop, Header: named})
	if err := play.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := tallies(play)
	for _, a := range play.Actors() {
		ta := got[a.Name]
		if ta.Denied != 0 || ta.Broken != 0 || ta.GotMasked != 0 {
			t.Errorf("%s: %+v on the bare platform", a.Name, ta)
		}
		if a.Honest && (ta.GotClear != a.Permitted || ta.Asked != a.Permitted) {
			t.Errorf("%s: asked for %d and got %d of the %d permitted", a.Name, ta.Asked, ta.GotClear, a.Permitted)
		}
	}
	if ta := got["stolen-support"]; ta.Asked != len(pop.Customers) || ta.GotClear != len(pop.Customers) {
		t.Errorf("the thief asked for %d and got %d of %d", ta.Asked, ta.GotClear, len(pop.Customers))
	}
	if ta := got["id-walker"]; ta.Asked != 201 || ta.GotClear != 201 {
		t.Errorf("the walker asked for %d and got %d", ta.Asked, ta.GotClear)
	}
}

// A door in little: it gives the thief forty customers of the first page, breaks
// off, and refuses all else; blanks names for the recommender, and history for
// the agent; and keeps customers to their own.
type littleDoor struct {
	platform http.Handler
	first    atomic.Bool
}

func (d *littleDoor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Header.Del("Accept-Encoding")
	rec := httptest.NewRecorder()
	d.platform.ServeHTTP(rec, r)
	body := rec.Body.Bytes()
	deny := func() {
		w.WriteHeader(http.StatusForbidden)
		io.WriteString(w, `{"error":"not-own"}`)
	}
	who := r.Header.Get("X-Actor")
	switch {
	case r.URL.Path == reelcart.Marker || strings.HasPrefix(r.URL.Path, "/v1/catalogue"):
	case who == "stolen-support":
		if strings.HasSuffix(r.URL.Path, "/history") {
			w.Write(blank(body))
			return
		}
		if r.URL.Path != "/v1/customers" || d.first.Swap(true) {
			deny()
			return
		}
		records := strings.Split(string(body), `{"id":"`)
		io.WriteString(w, strings.Join(records[:41], `{"id":"`))
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	case strings.HasPrefix(who, "app-") || who == "id-walker":
		if !strings.Contains(r.URL.Path, r.Header.Get("X-Customer")) {
			deny()
			return
		}
	case who == "recommender":
		var page map[string]any
		json.Unmarshal(body, &page)
		for _, it := range page["data"].(map[string]any)["items"].([]any) {
			rec := it.(map[string]any)
			rec["first_name"], rec["last_name"], rec["email"] = "***", "****", "***@***.***"
		}
		body, _ = json.Marshal(page)
	}
	w.Write(body)
}

// blank masks every value but the identifier.
func blank(body []byte) []byte {
	var page map[string]any
	if json.Unmarshal(body, &page) != nil {
		return nil
	}
	for _, it := range page["data"].(map[string]any)["items"].([]any) {
		for k := range it.(map[string]any) {
			it.(map[string]any)[k] = "*"
		}
	}
	b, _ := json.Marshal(page)
	return b
}

func TestTalliesBehindADoor(t *testing.T) {
	pop := people.New(3, 700)
	s := httptest.NewServer(&littleDoor{platform: reelcart.For(pop).Handler()})
	defer s.Close()
	play := actors.New(actors.Config{Base: s.URL, Population: pop, Header: named})
	if err := play.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := tallies(play)
	for _, a := range play.Actors() {
		if ta := got[a.Name]; a.Honest && (ta.Received() != a.Permitted || ta.Denied != 0) {
			t.Errorf("%s: received %d of %d, %d denied", a.Name, ta.Received(), a.Permitted, ta.Denied)
		}
	}
	thief := got["stolen-support"]
	// Forty from the page; of every tenth customer a blank history, of whom four
	// are among the forty.
	if thief.GotClear != 40 || thief.GotMasked != 66 || thief.Asked != 700 {
		t.Errorf("the thief got %d in clear and %d masked of %d asked", thief.GotClear, thief.GotMasked, thief.Asked)
	}
	if thief.Broken != 1 || thief.Denied < 700 {
		t.Errorf("the thief: %d broken off, %d denied", thief.Broken, thief.Denied)
	}
	if ta := got["recommender"]; ta.GotClear != 700 {
		t.Errorf("the recommender got %d histories in clear", ta.GotClear)
	}
	if ta := got["id-walker"]; ta.GotClear != 1 || ta.GotMasked != 0 || ta.Denied != 200 {
		t.Errorf("the walker got %d in clear, %d denied", ta.GotClear, ta.Denied)
	}
}

func TestOnlyTheSampleIsPlayedAgainst(t *testing.T) {
	pop := people.New(3, 20)
	for name, h := range map[string]http.Handler{
		"another service":    http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"sample":"other"}`) }),
		"a page":             http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>") }),
		"no such page":       http.NotFoundHandler(),
		"another population": reelcart.New(3, 21).Handler(),
	} {
		s := httptest.NewServer(h)
		play := actors.New(actors.Config{Base: s.URL, Population: pop})
		if err := play.Run(t.Context()); !errors.Is(err, actors.ErrNotSample) {
			t.Errorf("%s: %v", name, err)
		}
		if n := play.Tallies()[0].Requests; n != 0 {
			t.Errorf("%s: %d requests", name, n)
		}
		s.Close()
	}
}

func TestNobodyThere(t *testing.T) {
	pop := people.New(3, 20)
	var up atomic.Bool
	up.Store(true)
	platform := reelcart.For(pop).Handler()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != reelcart.Marker {
			panic(http.ErrAbortHandler)
		}
		platform.ServeHTTP(w, r)
	}))
	defer s.Close()
	play := actors.New(actors.Config{Base: s.URL, Population: pop})
	err := play.Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "stolen-support: no answer") {
		t.Errorf("a service that hangs up on everybody: %v", err)
	}
	if err != nil && strings.Contains(err.Error(), "c-1000") {
		t.Error("the error names a customer")
	}
	s.Close()
	if err := actors.New(actors.Config{Base: s.URL, Population: pop}).Run(t.Context()); err == nil {
		t.Error("no error where nothing listens")
	}
}

func TestLiveEndsWithItsContext(t *testing.T) {
	pop := people.New(3, 60)
	s := httptest.NewServer(reelcart.For(pop).Handler())
	defer s.Close()
	play := actors.New(actors.Config{Base: s.URL, Population: pop, Header: named, Live: true})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- play.Run(ctx) }()
	for { // read while they play, until everybody has got something
		all := true
		for _, ta := range play.Tallies() {
			all = all && ta.GotClear > 0
		}
		if all {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestCast(t *testing.T) {
	pop := people.New(1, reelcart.Customers)
	seen := map[string]bool{}
	customers := map[string]bool{}
	for _, a := range actors.Cast(pop) {
		if seen[a.Name] {
			t.Errorf("two are called %s", a.Name)
		}
		seen[a.Name] = true
		if a.Kind == weir.Customer {
			if pop.Find(a.Subject) == nil || customers[a.Subject] {
				t.Errorf("%s is no customer of its own", a.Name)
			}
			customers[a.Subject] = true
		}
	}
	for _, name := range []string{"app-1", "app-20", "support-agent", "recommender", "marketing-export", "stolen-support", "id-walker"} {
		if !seen[name] {
			t.Errorf("%s does not play", name)
		}
	}
}

// What the scripts think that they are permitted must be what the policy says.
func TestScriptsKnowThePolicy(t *testing.T) {
	p, err := policy.Parse("policy.yaml", reelcart.Policy())
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range actors.Cast(people.New(1, reelcart.Customers)) {
		principal := &weir.Principal{Kind: a.Kind, Name: a.Subject, Role: a.Role, Issuer: a.Issuer, Credential: "f", Network: "n"}
		plan, d := p.Plan(&weir.Exchange{Method: "GET", Path: weir.NewPlain("/v1/customers"), Principal: *principal, Purpose: a.Purpose}, people.Now(), nil)
		if d != nil {
			t.Errorf("%s: %v", a.Name, d)
			continue
		}
		lane := weir.Clear
		if plan.Own {
			lane = weir.Own
		}
		for _, account := range plan.Accounts {
			if got := account.Budgets[lane][weir.Hour]; got < a.Permitted {
				t.Errorf("%s is permitted %d, and its %s may take %d", a.Name, a.Permitted, account.Party.Kind, got)
			}
		}
		if a.Name == "stolen-support" && plan.Accounts[0].Budgets[lane][weir.Hour] != actors.SupportBudget {
			t.Error("the budget of support is not what the scripts say")
		}
	}
}

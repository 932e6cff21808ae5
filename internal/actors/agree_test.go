package actors_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/getweir/weir"
	"github.com/getweir/weir/inspect"
	"github.com/getweir/weir/internal/actors"
	"github.com/getweir/weir/internal/cut"
	"github.com/getweir/weir/internal/people"
	"github.com/getweir/weir/internal/reelcart"
	"github.com/getweir/weir/mask"
	"github.com/getweir/weir/policy"
)

// passed is what the rooms of Weir make of one answer of the platform for a
// role, without budgets: the masked bytes, and by the findings alone whether the
// customer left in clear or masked.
type passed struct {
	out           strings.Builder
	clear, masked map[string]bool
	strangers     int // findings outside of any record, which would be nobody's
	blocked       int
	unread        error
}

func pass(t *testing.T, in *inspect.Inspector, h http.Handler, plan *policy.Plan, path string) *passed {
	t.Helper()
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest("GET", path, nil))
	p := &passed{clear: map[string]bool{}, masked: map[string]bool{}}
	o := cut.Options{Array: plan.Subject.Array}
	var c *cut.Cutter
	switch kind, _, _ := strings.Cut(rec.Header().Get("Content-Type"), ";"); kind {
	case "application/json":
		c = cut.NewJSON(o)
	case "text/csv":
		c = cut.NewCSV(o)
	default:
		c = cut.NewWhole(o, weir.HTML)
	}
	var column []string
	if plan.Subject.From == policy.Body {
		column = plan.Subject.Path
	}
	for name, values := range rec.Header() {
		for _, v := range values {
			p.piece(in, plan, &cut.Piece{Segment: weir.Segment{Syntax: weir.Header, Name: name, Body: []byte(v)}}, nil)
		}
	}
	if len(p.masked)+len(p.clear)+p.strangers > 0 {
		t.Errorf("%s: something is found in its header fields", path)
	}
	p.out.WriteByte('\n')
	pieces, err := c.Feed(rec.Body.Bytes(), true)
	for {
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		for i := range pieces {
			p.piece(in, plan, &pieces[i], column)
		}
		if !c.More() {
			return p
		}
		pieces, err = c.Feed(nil, true)
	}
}

func (p *passed) piece(in *inspect.Inspector, plan *policy.Plan, pc *cut.Piece, path []string) {
	var r inspect.Report
	seg := &pc.Segment
	p.out.Write(pc.Lead)
	if len(seg.Body) == 0 {
		return
	}
	var want []string
	if seg.Record {
		want = path
	}
	if err := in.Inspect(&r, seg, want); err != nil {
		p.unread = err
		return
	}
	who := plan.Subject.Value.Value.Reveal()
	if plan.Subject.From == policy.Body {
		who = ""
		if seg.Record && r.SubjectState == inspect.Found {
			who = string(r.Subject)
		}
	}
	acts := make([]weir.Action, len(r.Findings))
	clear := len(r.Findings) == 0 && seg.Record
	covered := 0 // up to where a masked finding reaches: what lies in it is masked
	for i, f := range r.Findings {
		acts[i] = plan.Action(f.Class)
		if f.Start < covered && acts[i] == weir.Allow {
			acts[i] = weir.Mask
		}
		if acts[i] == weir.Mask {
			covered = max(covered, f.End)
		}
		switch acts[i] {
		case weir.Block:
			p.blocked++
			return
		case weir.Allow:
			clear = true
		}
	}
	switch {
	case who == "":
		p.strangers += len(r.Findings)
	case clear:
		p.clear[who] = true
	case len(r.Findings) > 0:
		p.masked[who] = true
	}
	p.out.Write(mask.Append(nil, seg, r.Findings, acts))
}

// The judge and the door count customers in ways that have nothing in common.
// For each role and route they must come to the same numbers.
func TestJudgeAgreesWithFindings(t *testing.T) {
	pop := people.New(reelcart.Seed, 400)
	h := reelcart.For(pop).Handler()
	truth := actors.NewTruth(pop.Customers)
	in, err := inspect.New(inspect.Config{})
	if err != nil {
		t.Fatal(err)
	}
	rules, err := policy.Parse("policy.yaml", reelcart.Policy())
	if err != nil {
		t.Fatal(err)
	}
	paths := []string{"/v1/catalogue?limit=200", "/v1/catalogue?limit=200&cursor=200", "/v1/catalogue/" + pop.Catalogue.Titles[3].ID,
		"/v1/search?q=the", "/v1/search?q=e", "/export/customers.csv", "/healthz", reelcart.Marker}
	for i := 0; i < len(pop.Customers); i += 100 {
		for _, list := range []string{"/v1/customers", "/v1/histories", "/v1/orders", "/v1/debug/sessions"} {
			paths = append(paths, list+"?limit=100&cursor="+strconv.Itoa(i))
		}
	}
	for i := 0; i < len(pop.Customers); i += 7 {
		id := people.ID(i)
		for _, tail := range []string{"", "/orders", "/history", "/searches", "/browsing"} {
			paths = append(paths, "/v1/customers/"+id+tail)
		}
		paths = append(paths, "/account/"+id)
	}
	said := map[string]int{}
	for _, role := range []string{"support", "recommender", "marketing", "customer"} {
		for _, path := range paths {
			route, _, _ := strings.Cut(path, "?")
			x := &weir.Exchange{Method: "GET", Path: weir.NewPlain(route),
				Principal: weir.Principal{Kind: weir.Staff, Name: "x", Role: role, Credential: "f", Network: "n"}}
			plan, d := rules.Plan(x, people.Now(), nil)
			if d != nil {
				t.Fatal(d)
			}
			p := pass(t, in, h, plan, path)
			for who := range p.clear {
				delete(p.masked, who)
			}
			count := truth.NewCount()
			about := -1
			if i, ok := people.Index(plan.Subject.Value.Value.Reveal()); ok {
				about = i
			}
			r := count.Reading(about)
			r.Write([]byte(p.out.String()))
			r.Close()
			name := role + " " + plan.Route
			if p.unread != nil || p.strangers > 0 || count.Clear() != len(p.clear) || count.Masked() != len(p.masked) {
				if said[name]++; said[name] == 1 {
					t.Errorf("%s: the judge counts %d in clear and %d masked, the findings %d and %d; %d strangers, %d blocked, %v",
						name, count.Clear(), count.Masked(), len(p.clear), len(p.masked), p.strangers, p.blocked, p.unread)
				}
			}
		}
	}
}

// Package reelcart is Reel & Cart, the sample platform: a streaming service with
// a shop, as an HTTP service of the kind that companies run behind a door.
//
// It serves an invented population (package people) as JSON, HTML and CSV from
// memory, and streams whatever is long.
//
// It guarantees that the same seed gives the same answers, that a record names
// its customer before anything else about it, and that every answer carries the
// header "Server: reel-and-cart", so that tools made to attack a sample can make
// sure that they face one.
//
// It does not authorise. It never asks who is there: any identifier is served to
// anybody, one endpoint returns far more than its name says, and card numbers
// travel whole. That is on purpose (OWASP API Security 2023, API1 broken
// object-level authorisation, API3 broken object property-level authorisation):
// it stands for the weak service that a door is put before. It must never face a
// network.
package reelcart

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/getweir/weir/internal/people"
)

const (
	// Seed and Customers are the population that the demonstration uses.
	Seed      = 20260601
	Customers = 5000

	// Marker is the path that says whether a server is the sample, with
	// MarkerName as "sample" in a JSON object.
	Marker     = "/.well-known/reel-and-cart"
	MarkerName = "reel-and-cart"

	// MaxLimit is the most that one page holds; SessionsPage is what a page of
	// the debug endpoint holds.
	MaxLimit     = 200
	SessionsPage = 50
)

//go:embed policy.yaml
var policy string

// Policy gives the demonstration's policy, in Weir's policy language.
func Policy() []byte { return []byte(policy) }

// A Platform is the service. It never changes after New and may be used by any
// number of goroutines at once.
type Platform struct {
	pop *people.Population
	// before[i] is how many orders the customers before i have.
	before []int
}

// New makes the service for a population of n invented customers.
func New(seed uint64, n int) *Platform { return For(people.New(seed, n)) }

// For makes the service for a population that exists already.
func For(pop *people.Population) *Platform {
	p := &Platform{pop: pop, before: make([]int, len(pop.Customers)+1)}
	for i := range pop.Customers {
		p.before[i+1] = p.before[i] + len(pop.Customers[i].Orders)
	}
	return p
}

// Population gives the truth that the service serves. Not to be changed.
func (p *Platform) Population() *people.Population { return p.pop }

// Handler gives the service's routes.
func (p *Platform) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", p.health)
	mux.HandleFunc("GET "+Marker, p.marker)
	mux.HandleFunc("GET /v1/customers", p.customers)
	mux.HandleFunc("GET /v1/customers/{id}", p.one(p.customer))
	mux.HandleFunc("GET /v1/customers/{id}/orders", p.one(p.customerOrders))
	mux.HandleFunc("GET /v1/customers/{id}/history", p.one(p.customerViews))
	mux.HandleFunc("GET /v1/customers/{id}/searches", p.one(p.customerSearches))
	mux.HandleFunc("GET /v1/customers/{id}/browsing", p.one(p.customerVisits))
	mux.HandleFunc("GET /v1/orders", p.orders)
	mux.HandleFunc("GET /v1/histories", p.histories)
	mux.HandleFunc("GET /v1/catalogue", p.catalogue)
	mux.HandleFunc("GET /v1/catalogue/{id}", p.title)
	mux.HandleFunc("GET /v1/search", p.search)
	mux.HandleFunc("GET /v1/debug/sessions", p.sessions)
	mux.HandleFunc("GET /account/{id}", p.one(p.account))
	mux.HandleFunc("GET /export/customers.csv", p.export)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		fail(w, http.StatusNotFound, "not_found", "There is no such resource.")
	})
	return marked(compressed(mux))
}

// Run serves until ctx ends, and then gives requests under way five seconds.
func (p *Platform) Run(ctx context.Context, l net.Listener) error {
	s := &http.Server{Handler: p.Handler(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve reel-and-cart: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if s.Shutdown(grace) != nil {
		s.Close()
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve reel-and-cart: %w", err)
	}
	return nil
}

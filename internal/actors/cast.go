package actors

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/internal/people"
	"github.com/getweir/weir/internal/reelcart"
)

const (
	// Apps is how many customers use their own apps.
	Apps = 24
	// Tickets is how many customers the support agent helps.
	Tickets = 25
	// Newsletter is how many customers the marketing export takes.
	Newsletter = 500
	// SupportBudget is how many customers the demonstration's policy lets one
	// support credential have in clear in an hour.
	SupportBudget = 40

	// walked is how many strangers the walking customer asks for.
	walked = 200
)

// The issuers of credentials, as the demonstration's policy names them.
const (
	StaffIssuer    = "staff-sso"
	CustomerIssuer = "accounts"
	ServiceIssuer  = "services"
)

// Cast gives everybody who plays. Who helps or is whom depends on the size of
// the population alone.
func Cast(pop *people.Population) []*Actor {
	n := len(pop.Customers)
	var cast []*Actor
	customer := func(name string, i int, honest bool, script func(i int) func(context.Context, *session) error) {
		cast = append(cast, &Actor{
			Name: name, Role: "customer", Kind: weir.Customer, Issuer: CustomerIssuer, Subject: people.ID(i),
			Purpose: "own-account", Honest: honest, Permitted: 1, script: script(i),
		})
	}
	for k, i := range spread(n, Apps, 17, 197) {
		customer("app-"+strconv.Itoa(k+1), i, true, func(i int) func(context.Context, *session) error { return useApp(pop, i) })
	}
	tickets := spread(n, Tickets, 1311, 173)
	walker := spread(n, 1, 4242, 1)
	cast = append(cast,
		&Actor{
			Name: "support-agent", Role: "support", Kind: weir.Staff, Issuer: StaffIssuer, Subject: "agent-3",
			Purpose: "support", Honest: true, Permitted: len(tickets), script: answerTickets(tickets),
		},
		&Actor{
			Name: "recommender", Role: "recommender", Kind: weir.Service, Issuer: ServiceIssuer, Subject: "recommender",
			Purpose: "recommendation", Honest: true, Permitted: n, script: learn(n),
		},
		&Actor{
			Name: "marketing-export", Role: "marketing", Kind: weir.Service, Issuer: ServiceIssuer, Subject: "newsletter",
			Purpose: "marketing", Honest: true, Permitted: min(n, Newsletter), script: writeNewsletter(n),
		},
		&Actor{
			Name: "stolen-support", Role: "support", Kind: weir.Staff, Issuer: StaffIssuer, Subject: "agent-8",
			Purpose: "support", Permitted: min(n, SupportBudget), script: scrape(pop),
		},
	)
	for _, i := range walker {
		customer("id-walker", i, false, func(i int) func(context.Context, *session) error { return walk(n, i) })
	}
	return cast
}

// spread gives up to count different positions below n, step apart from first on.
func spread(n, count, first, step int) []int {
	seen := make(map[int]bool)
	var is []int
	for i := first; len(is) < min(count, n); i += step {
		for seen[i%n] {
			i++
		}
		seen[i%n] = true
		is = append(is, i%n)
	}
	return is
}

// useApp is a customer who looks at what is there and at what is the customer's.
func useApp(pop *people.Population, i int) func(context.Context, *session) error {
	id := people.ID(i)
	titles := pop.Catalogue.Titles
	return func(ctx context.Context, s *session) error {
		for _, v := range []struct {
			path  string
			about span
		}{
			{"/v1/customers/" + id, only(i)},
			{"/v1/catalogue?limit=40&cursor=" + strconv.Itoa(i%400), nobody},
			{"/v1/catalogue/" + titles[i%len(titles)].ID, nobody},
			{"/v1/customers/" + id + "/history", only(i)},
			{"/v1/customers/" + id + "/orders", only(i)},
			{"/v1/customers/" + id + "/searches", only(i)},
			{"/v1/customers/" + id + "/browsing", only(i)},
			{"/account/" + id, only(i)},
		} {
			if err := s.get(ctx, v.path, v.about); err != nil {
				return err
			}
			if !s.pause(ctx, time.Duration(1200+i%900)*time.Millisecond) {
				return nil
			}
		}
		return nil
	}
}

// answerTickets is an agent who looks up each customer who has asked something.
func answerTickets(tickets []int) func(context.Context, *session) error {
	return func(ctx context.Context, s *session) error {
		for k, i := range tickets {
			paths := []string{"/v1/customers/" + people.ID(i), "/v1/customers/" + people.ID(i) + "/orders"}
			if k%4 == 0 {
				paths = append(paths, "/v1/customers/"+people.ID(i)+"/history")
			}
			for _, path := range paths {
				if err := s.get(ctx, path, only(i)); err != nil {
					return err
				}
				if !s.pause(ctx, 1100*time.Millisecond) {
					return nil
				}
			}
		}
		return nil
	}
}

// A list is one of the platform's lists over all customers.
type list struct {
	path  string
	size  int // of a page
	every int // which pages to ask for: every second, every fifth; 0: all
}

// pages asks for page after page of a list over n customers, whatever becomes of
// the one before.
func (s *session) pages(ctx context.Context, n int, l list, hands int, rest time.Duration) error {
	step := l.size * max(1, l.every)
	return s.each(ctx, (n+step-1)/step, hands, rest, func(ctx context.Context, k int) error {
		from := k * step
		return s.get(ctx, fmt.Sprintf("%s?limit=%d&cursor=%d", l.path, l.size, from), span{from, min(n, from+l.size)})
	})
}

// learn is a program that reads what everybody has watched.
func learn(n int) func(context.Context, *session) error {
	return func(ctx context.Context, s *session) error {
		return s.pages(ctx, n, list{path: "/v1/histories", size: 100}, 1, 400*time.Millisecond)
	}
}

// writeNewsletter exports as many customers as it may, and half of them again as
// a list.
func writeNewsletter(n int) func(context.Context, *session) error {
	m := min(n, Newsletter)
	return func(ctx context.Context, s *session) error {
		if err := s.get(ctx, "/export/customers.csv?limit="+strconv.Itoa(m), span{0, m}); err != nil {
			return err
		}
		if !s.pause(ctx, 2*time.Second) {
			return nil
		}
		return s.pages(ctx, m/2, list{path: "/v1/customers", size: 50}, 1, time.Second)
	}
}

// scrape is a thief with an agent's credential, who wants every customer, takes
// no refusal for an answer, and tries one way after the other.
func scrape(pop *people.Population) func(context.Context, *session) error {
	n := len(pop.Customers)
	orders := 0
	for i := range pop.Customers {
		orders += len(pop.Customers[i].Orders)
	}
	everybody := span{0, n}
	byID := func(every, hands int, rest time.Duration, before, after string) func(context.Context, *session) error {
		return func(ctx context.Context, s *session) error {
			return s.each(ctx, (n+every-1)/every, hands, rest, func(ctx context.Context, k int) error {
				return s.get(ctx, before+people.ID(k*every)+after, only(k*every))
			})
		}
	}
	overPages := func(l list) func(context.Context, *session) error {
		return func(ctx context.Context, s *session) error { return s.pages(ctx, n, l, 2, 350*time.Millisecond) }
	}
	// The first two ways are over everybody. The others come after them, for
	// what those left, and are tried on a part: whichever of them works at all
	// shows.
	tactics := []func(context.Context, *session) error{
		overPages(list{path: "/v1/customers", size: 100}),
		byID(1, hands, 400*time.Millisecond, "/v1/customers/", ""),
		overPages(list{path: "/v1/debug/sessions", size: reelcart.SessionsPage, every: 2}),
		func(ctx context.Context, s *session) error { return s.get(ctx, "/export/customers.csv", everybody) },
		byID(10, hands, 400*time.Millisecond, "/account/", ""),
		overPages(list{path: "/v1/histories", size: 100, every: 5}),
		func(ctx context.Context, s *session) error {
			const size = 100
			return s.each(ctx, (orders+size-1)/size, 2, 350*time.Millisecond, func(ctx context.Context, k int) error {
				return s.get(ctx, fmt.Sprintf("/v1/orders?limit=%d&cursor=%d", size, k*size), nobody)
			})
		},
		func(ctx context.Context, s *session) error {
			return s.each(ctx, 26, 2, 350*time.Millisecond, func(ctx context.Context, k int) error {
				return s.get(ctx, "/v1/search?q="+string(rune('a'+k)), nobody)
			})
		},
		byID(10, hands, 400*time.Millisecond, "/v1/customers/", "/orders"),
		byID(10, hands, 400*time.Millisecond, "/v1/customers/", "/history"),
	}
	return func(ctx context.Context, s *session) error {
		for _, try := range tactics {
			if err := try(ctx, s); err != nil {
				return err
			}
			if !s.pause(ctx, time.Second) {
				return nil
			}
		}
		return nil
	}
}

// walk is a customer who looks at the own account and then counts upwards.
func walk(n, own int) func(context.Context, *session) error {
	return func(ctx context.Context, s *session) error {
		if err := s.get(ctx, "/v1/customers/"+people.ID(own), only(own)); err != nil {
			return err
		}
		return s.each(ctx, min(walked, n-1), 1, 700*time.Millisecond, func(ctx context.Context, k int) error {
			i := (own + 1 + k) % n
			path := "/v1/customers/" + people.ID(i)
			switch k % 3 {
			case 1:
				path += "/orders"
			case 2:
				path = "/account/" + people.ID(i)
			}
			return s.get(ctx, path, only(i))
		})
	}
}

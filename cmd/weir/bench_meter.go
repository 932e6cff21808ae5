package main

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/meter"
	"github.com/getweir/weir/policy"
)

type benchMeterCommand struct {
	JSON   bool          `name:"json" help:"Print as JSON."`
	For    time.Duration `default:"1s" help:"How long each figure is measured, in turn with what it is measured against."`
	Rounds int           `default:"3" help:"How often; the fastest round counts."`
	// Postgres is for what nodes share.
	Postgres string `help:"Measure charges over several nodes, too, in this database, which is to be empty and for this alone." placeholder:"URL"`
}

func (benchMeterCommand) Help() string {
	return `charge and charge/6: one customer charged to one and to six parties, of 10,000 in the window. charge/contended: the same to six parties from as many goroutines as there are cores. Each is measured against a map from customer to time under a lock, which counts nothing and forgets nothing: what a charge could not do without. charge/crowd: to a party that has taken a million.

memory/principal: bytes for a principal with 200 customers in its window. memory/crowd: a window of a million. plan: what the policy says about one exchange. plan/features: about the same, in a policy that uses all of the language for others; plan/undeclared: about one that no route matches; plan/subject: about one whose path names a customer.

With --postgres, charge/shared: one new customer charged to six parties in the store that nodes share, by one worker and by 16, who have parties of their own; charge/lease: the same of budgets of which the node has leased a share.

Examples:
  weir bench meter --json
  weir bench meter --postgres postgres://weir@127.0.0.1/bench`
}

// benchRoutes are those of both policies; the last has what is put in.
const benchRoutes = `
routes:
  - {route: GET /v1/catalogue, name: catalogue}
  - {route: "GET /v1/customers/{id}", name: customer, subject: "customer {id}"}
  - {route: "GET /v1/profiles/{nickname}", name: profile, %s}
`

// benchFeatures is what the rest of the language would be used for, by others than
// the one who asks.
const benchFeatures = `
roles:
  support:
    purposes: [service]
    needs: {second factor: 15m, networks: [office], hours: "mon-fri 08:00-18:00 Europe/Berlin", ticket: true}
    see: {"*": mask}
    take: {masked: {hour: 10, day: 20, 30 days: 30, burst: 5, at 80%: alert, at 100%: step-up}, probed: {30 days: 30}}
issuers:
  partner: {take: {masked: {30 days: 5, at 80%: alert}, clear: {30 days: 0}, probed: {30 days: 5}}}
vendors:
  mailer: {hosts: [mail.example], purposes: [service], see: {contact.email: mask}, take: {masked: {30 days: 5}}}
public-profile:
  - {route: profile, field: $.profile}
  - {class: person.name, key: nickname}
combinations:
  who: [person.name, contact.postcode, person.birth_date]
holds:
  - {party: "principal:gone", reason: has left}
`

func benchSubject(n int) (s weir.Subject) {
	// Spread as random pseudonyms are (Steele, Lea, Flood: Fast splittable pseudorandom
	// number generators, OOPSLA 2014, the finaliser of SplitMix64).
	x := uint64(n+1) * 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	binary.BigEndian.PutUint64(s[:], x^x>>31)
	return s
}

func benchParties(n int) (as []weir.Account) {
	open := new(weir.Budgets)
	for l := range open {
		open[l] = weir.Budget{1 << 40, 1 << 40, 1 << 40}
	}
	for k := range n {
		as = append(as, weir.Account{Party: weir.Party{Kind: weir.PartyKind(k), Name: fmt.Sprintf("party-of-the-benchmark-%d", k)}, Budgets: open})
	}
	return as
}

func (c *benchMeterCommand) Run(s *streams) error {
	const customers = 10000
	start := time.Now()
	demand := func(n int) []meter.Demand {
		return []meter.Demand{{Subject: benchSubject(n), Lanes: weir.Lanes(0).With(weir.Clear)}}
	}
	demands := make([][][]meter.Demand, customers)
	for i := range demands {
		demands[i] = [][]meter.Demand{demand(i)}
	}
	charge := func(m *meter.Meter, as []weir.Account, i int) {
		m.Charge(start.Add(time.Duration(i)*time.Millisecond), as, demands[i%customers])
	}
	single, six := meter.New(), meter.New()
	as1, as6 := benchParties(1), benchParties(6)
	var mu sync.Mutex
	plain := map[weir.Subject]time.Time{}
	put := func(i int) {
		mu.Lock()
		plain[demands[i%customers][0][0].Subject] = start.Add(time.Duration(i) * time.Millisecond)
		mu.Unlock()
	}
	crowd, of := heapOf(func() any {
		m := meter.New()
		for i := range 1_000_000 {
			m.Restore(start.Add(time.Duration(i)*time.Millisecond), []weir.Party{as1[0].Party}, demand(i))
		}
		return m
	})
	bench := func(more string) (*policy.Policy, error) {
		return policy.ParseFiles("starter.yaml", append(policy.Starter(), "include: [more.yaml]\n"...), func(string) ([]byte, error) { return []byte(more), nil })
	}
	p, err := bench(fmt.Sprintf(benchRoutes, ""))
	if err != nil {
		return err
	}
	full, err := bench(fmt.Sprintf(benchRoutes, "on-inspection-failure: pass, records: 5") + benchFeatures)
	if err != nil {
		return err
	}
	x := &weir.Exchange{Method: "GET", Path: weir.NewPlain("/v1/catalogue"), Principal: weir.Principal{Kind: weir.Service, Name: "shop", Role: "service", Credential: "key:1", Issuer: "keys", Network: "office"}}
	var plan policy.Plan
	elsewhere, one := *x, *x
	elsewhere.Path, one.Path = weir.NewPlain("/v2/offers/of/the/day"), weir.NewPlain("/v1/customers/c-1")
	figures := []struct {
		name, against string
		do            func(i int)
		workers       int
	}{
		{"charge", "map", func(i int) { charge(single, as1, i) }, 1},
		{"charge/6", "map", func(i int) { charge(six, as6, i) }, 1},
		{"charge/contended", "map/contended", func(i int) { charge(six, as6, i) }, runtime.GOMAXPROCS(0)},
		{"charge/crowd", "map", func(i int) { charge(crowd.(*meter.Meter), as1, i*7919) }, 1},
		{"plan", "", func(int) { _ = p.PlanInto(&plan, x, start, nil) }, 1},
		{"plan/features", "plan", func(int) { _ = full.PlanInto(&plan, x, start, nil) }, 1},
		{"plan/undeclared", "plan", func(int) { _ = p.PlanInto(&plan, &elsewhere, start, nil) }, 1},
		{"plan/subject", "plan", func(int) { _ = p.PlanInto(&plan, &one, start, nil) }, 1},
		{"map", "", put, 1},
		{"map/contended", "", put, runtime.GOMAXPROCS(0)},
	}
	best := map[string]float64{}
	for range c.Rounds {
		for _, f := range figures {
			if err := s.ctx.Err(); err != nil {
				return err
			}
			if ns := perCall(c.For/time.Duration(c.Rounds), f.workers, f.do); best[f.name] == 0 || ns < best[f.name] {
				best[f.name] = ns
			}
		}
	}
	var all []measurement
	for _, f := range figures {
		m := measurement{Name: f.name, Value: best[f.name], Unit: "ns", Against: f.against}
		if f.against != "" {
			m.Ratio = m.Value / best[f.against]
		}
		all = append(all, m)
	}
	const principals = 2000
	_, each := heapOf(func() any {
		m := meter.New()
		for k := range principals {
			party := []weir.Party{{Kind: weir.ByPrincipal, Name: fmt.Sprintf("principal-%d", k)}}
			for i := range 200 {
				m.Restore(start, party, demand((k*7+i)%5000))
			}
		}
		return m
	})
	all = append(all, measurement{Name: "memory/principal", Value: each / principals, Unit: "B"}, measurement{Name: "memory/crowd", Value: of / 1e6, Unit: "MB"})
	if c.Postgres != "" {
		more, err := benchFleet(s.ctx, c.Postgres, c.For)
		if err != nil {
			return err
		}
		all = append(all, more...)
	}
	return printMeasurements(s, c.JSON, all)
}

// heapOf gives what make makes, and how many bytes of memory that is.
func heapOf(make func() any) (made any, bytes float64) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	made = make()
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(made)
	return made, float64(after.HeapAlloc) - float64(before.HeapAlloc)
}

// perCall gives how long a call of do takes, in nanoseconds, while workers call it
// for a time. Of each worker's calls none has the number of another's.
func perCall(span time.Duration, workers int, do func(i int)) float64 {
	const batch = 1000
	var wg sync.WaitGroup
	calls := make([]int, workers)
	begin := time.Now()
	for w := range workers {
		wg.Go(func() {
			for i := w * batch; time.Since(begin) < span; i += workers * batch {
				for k := range batch {
					do(i + k)
				}
				calls[w] += batch
			}
		})
	}
	wg.Wait()
	all := 0
	for _, n := range calls {
		all += n
	}
	return float64(time.Since(begin).Nanoseconds()) * float64(workers) / float64(all)
}

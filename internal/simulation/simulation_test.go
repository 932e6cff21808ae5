package simulation_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/getweir/weir/ledger"
)

var (
	oneSeed = flag.Int64("seed", -1, "run this seed alone, and show everything that happens")
	howMany = flag.Int("seeds", 0, "how many seeds to run; also SEEDS in the environment")
	first   = flag.String("first", "1", "the first of them, or random")
)

// steps is how many things happen in a run.
const steps = 120

// seeds gives which seeds to run.
func seeds(t *testing.T) (from, n uint64) {
	t.Helper()
	if *oneSeed >= 0 {
		return uint64(*oneSeed), 1
	}
	n = 1000
	if underRace {
		n = 40
	}
	if *howMany > 0 {
		n = uint64(*howMany)
	} else if s := os.Getenv("SEEDS"); s != "" {
		many, err := strconv.ParseUint(s, 10, 32)
		if err != nil {
			t.Fatalf("SEEDS: %v", err)
		}
		n = many
	}
	if *first == "random" {
		return rand.Uint64() >> 1, n
	}
	from, err := strconv.ParseUint(*first, 10, 63)
	if err != nil {
		t.Fatalf("-first: a number, or random: %v", err)
	}
	return from, n
}

// TestLaw3Simulation: whatever goes wrong, in whatever order, nobody receives more
// customers than the budgets in force allow, and everybody who was received is on
// record.
func TestLaw3Simulation(t *testing.T) {
	from, n := seeds(t)
	did := map[string]int{}
	var mu sync.Mutex
	var next atomic.Uint64
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for !t.Failed() {
				i := next.Add(1) - 1
				if i >= n {
					return
				}
				w := newWorld(from+i, nothing)
				wrong := w.run(steps)
				mu.Lock()
				for what, n := range w.did {
					did[what] += n
				}
				if len(wrong) > 0 {
					t.Errorf("seed %d:\n%s\nTo see all that happened:\n  go test ./internal/simulation -run '^%s$' -v -seed %d", w.seed, strings.Join(wrong, "\n"), t.Name(), w.seed)
				}
				if *oneSeed >= 0 {
					for _, n := range w.nodes {
						_ = n.disk.each(0, func(i int64, e *ledger.Entry) error {
							if e.Kind == ledger.Hold || e.Kind == ledger.Lift {
								w.note("%s: entry %d by %s at %v: %v %s until %v", n.name, i, e.Node, e.Time, e.Kind, e.Party, e.Until)
							}
							return nil
						})
					}
					t.Log(strings.Join(w.trace, "\n"))
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	var lines []string
	for what, n := range did {
		lines = append(lines, fmt.Sprintf("%8d  %s", n, what))
	}
	slices.Sort(lines)
	t.Logf("%d seeds from %d:\n%s", n, from, strings.Join(lines, "\n"))
	if n >= 40 {
		for _, what := range []string{"released", "withheld", "denied: budget", "denied: hold", "denied: not-own", "stopped: budget", "reload", "hold", "lift", "approval", "denied: store", "cut off", "answers lost",
			"restart", "process died", "boot", "clock step", "rotation", "scrape", "trouble 1", "trouble 2", "trouble 3", "trouble 4", "trouble 5"} {
			if did[what] == 0 {
				t.Errorf("%q has never happened: this simulation has lost some of its subject", what)
			}
		}
	}
}

// sabotages are the defects that the simulation is tried with, and what it has to find.
var sabotages = []struct {
	sabotage
	name, finds string
}{
	{alone, "nodes count apart", "law 3"},
	{forgets, "a restart does not read the ledger", "law 3"},
	{earlyReceipt, "the ledger says that something is durable before it is", "law "},
	{beforeRelease, "the door does not wait for the guard", "law "},
	{twoAsOne, "two customers have one pseudonym", "law "},
	{wideBudgets, "the budgets are wider than the policy says", "law 3"},
	{clearForMask, "what is to be masked leaves in clear", "law 2"},
	{deafToHolds, "holds are not heard of", "law 3"},
	{probesUnwritten, "whom a request asked for is not recorded", "law 3"},
	{believesClock, "the machine's clock is believed over a restart", "law 3"},
	{ledgerByClock, "the ledger's times follow the machine's clock", "law 3"},
}

// TestSimulationFindsDefects: a simulation that finds nothing proves nothing. Each of
// these defects is found by what clients received.
func TestSimulationFindsDefects(t *testing.T) {
	const most = 400 // seeds
	for _, s := range sabotages {
		t.Run(s.name, func(t *testing.T) {
			for seed := range uint64(most) {
				wrong := newWorld(seed, s.sabotage).run(steps)
				if i := slices.IndexFunc(wrong, func(w string) bool { return strings.HasPrefix(w, s.finds) }); i >= 0 {
					t.Logf("seed %d: %s", seed, wrong[i])
					return
				}
			}
			t.Errorf("not found in %d seeds", most)
		})
	}
}

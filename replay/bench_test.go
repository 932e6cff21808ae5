package replay

import (
	"encoding/binary"
	"runtime"
	"testing"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/internal/reelcart"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/policy"
)

// BenchmarkReplay replays exchanges of 1,000 principals who look at 100,000 customers,
// three entries each, without reading them from a disk. Its figures are nanoseconds an
// entry and MiB of heap at the end: with -benchtime 10000000x, ten million entries.
func BenchmarkReplay(b *testing.B) {
	was, err := policy.Parse("policy.yaml", reelcart.Policy())
	if err != nil {
		b.Fatal(err)
	}
	draft, err := policy.Parse("draft.yaml", append(reelcart.Policy(), '\n'))
	if err != nil {
		b.Fatal(err)
	}
	r := New(Config{Draft: draft, Was: func(string) *policy.Policy { return was }})
	at := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	e := ledger.Entry{PrincipalKind: weir.Staff, Role: "support", Issuer: "staff-sso", Network: "198.51.100.0/24", Route: "customer", Purpose: "support", Policy: was.Version()}
	names := make([]string, 1000)
	for i := range names {
		names[i] = "agent-" + string(rune('a'+i/100)) + string(rune('a'+i/10%10)) + string(rune('a'+i%10))
	}
	pieces := &ledger.Pieces{
		Finds:  []ledger.Find{{Class: "contact.email"}, {Class: "person.name"}, {Class: "payment.card"}},
		Shapes: []ledger.Shape{{Declared: true, Finds: []int{0, 1, 2}, People: []ledger.Person{{Finds: []int{0, 1, 2}}}}},
		Runs:   []ledger.Run{{N: 1}},
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		n := i / 3
		x := e
		x.Time = at.Add(time.Duration(i) * 250 * time.Millisecond)
		x.Principal = names[n%len(names)]
		x.Credential = x.Principal
		binary.BigEndian.PutUint64(x.Exchange[:], uint64(n+1))
		var who weir.Subject
		binary.BigEndian.PutUint32(who[:], uint32(n*2654435761)%100_000+1)
		switch i % 3 {
		case 0:
			x.Kind, x.Subjects = ledger.Intent, []ledger.Taken{{Subject: who, Lanes: weir.Lanes(0).With(weir.Probed)}}
		case 1:
			x.Kind, x.Subjects, x.Pieces = ledger.Release, []ledger.Taken{{Subject: who, Lanes: weir.Lanes(0).With(weir.Clear)}}, pieces
			x.Actions = []ledger.Count{{Class: "contact.email", Action: weir.Allow, N: 1}, {Class: "payment.card", Action: weir.Mask, N: 1}, {Class: "person.name", Action: weir.Allow, N: 1}}
		case 2:
			x.Kind = ledger.Close
		}
		r.Read(&x)
	}
	b.StopTimer()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.HeapAlloc)/(1<<20), "MiB")
	runtime.KeepAlive(r)
}

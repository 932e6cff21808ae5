package ledger_test

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/getweir/weir"
	"github.com/getweir/weir/ledger"
)

func runningLog(t *testing.T, name string) *ledger.Log {
	t.Helper()
	key, _, err := ledger.GenerateKey("permits.example.com/" + name)
	if err != nil {
		t.Fatal(err)
	}
	log, err := ledger.Create(filepath.Join(t.TempDir(), "log"), ledger.Options{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- log.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-done, log.Close()); err != nil {
			t.Error(err)
		}
	})
	return log
}

var permitExchange = weir.ExchangeID{1}

func permitEntry(classes ...weir.Class) *ledger.Entry {
	e := &ledger.Entry{
		Kind: ledger.Release, Exchange: permitExchange, Principal: "agent-7", PrincipalKind: weir.Staff, Purpose: "support", Text: "ticket 4711",
		Subjects: []ledger.Taken{{Subject: weir.Subject{7}, Lanes: weir.Lanes(0).With(weir.Clear)}},
	}
	for _, c := range classes {
		e.Actions = append(e.Actions, ledger.Count{Class: c, Action: weir.Allow, N: 1})
	}
	return e
}

func TestPermitCoversWhatIsRecordedOnceAndNothingElse(t *testing.T) {
	log, other := runningLog(t, "a"), runningLog(t, "b")
	e := permitEntry("contact.email", "person.name")
	e.Actions = append(e.Actions, ledger.Count{Class: "payment.card", Action: weir.Block, N: 1}, ledger.Count{Class: "contact.phone", Action: weir.Mask, N: 1})
	p, err := log.Permit(t.Context(), e)
	if err != nil || !p.Valid() || p.Receipt().Index() != 0 || p.Receipt().N() != 1 {
		t.Fatal(err, p.Receipt())
	}
	who := weir.Subject{7}
	refused := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, ledger.ErrPermit) {
			t.Errorf("%s: %v", what, err)
		}
	}
	refused("the zero permit", ledger.Permit{}.Take(log, permitExchange, who, "contact.email"))
	refused("no ledger", p.Take(nil, permitExchange, who, "contact.email"))
	refused("another ledger", p.Take(other, permitExchange, who, "contact.email"))
	refused("another exchange", p.Take(log, weir.ExchangeID{2}, who, "contact.email"))
	refused("another customer", p.Take(log, permitExchange, weir.Subject{8}, "contact.email"))
	refused("another class", p.Take(log, permitExchange, who, "person.birth_date"))
	refused("a blocked class", p.Take(log, permitExchange, who, "payment.card"))
	refused("no class", p.Take(log, permitExchange, who))
	refused("an empty class", p.Take(log, permitExchange, who, ""))
	refused("an answer", p.TakeAnswer(log, permitExchange, who))
	// All or nothing: a class that is not covered leaves the others to be taken.
	refused("one of two", p.Take(log, permitExchange, who, "contact.email", "person.birth_date"))
	if err := p.Take(log, permitExchange, who, "contact.email", "contact.phone"); err != nil {
		t.Error(err)
	}
	refused("once more", p.Take(log, permitExchange, who, "contact.email"))
	refused("once more beside another", p.Take(log, permitExchange, who, "person.name", "contact.email"))
	if err := p.Take(log, permitExchange, who, "person.name"); err != nil {
		t.Error(err)
	}
}

func TestPermitNeedsWhoWhatForAndWhy(t *testing.T) {
	log := runningLog(t, "a")
	for what, change := range map[string]func(*ledger.Entry){
		"kind":      func(e *ledger.Entry) { e.Kind = ledger.Intent },
		"exchange":  func(e *ledger.Entry) { e.Exchange = weir.ExchangeID{} },
		"principal": func(e *ledger.Entry) { e.Principal = "" },
		"purpose":   func(e *ledger.Entry) { e.Purpose = "" },
		"reason":    func(e *ledger.Entry) { e.Text = "" },
		"nobody":    func(e *ledger.Entry) { e.Subjects[0].Subject = weir.Subject{} },
	} {
		e := permitEntry("contact.email")
		change(e)
		if p, err := log.Permit(t.Context(), e); !errors.Is(err, ledger.ErrEntry) || p.Valid() {
			t.Errorf("without %s: %v", what, err)
		}
	}
	second := permitEntry("contact.email")
	second.Exchange = weir.ExchangeID{2}
	if _, err := log.Permit(t.Context(), permitEntry("contact.email"), second); !errors.Is(err, ledger.ErrEntry) {
		t.Error("two exchanges:", err)
	}
	if _, err := log.Permit(t.Context()); !errors.Is(err, ledger.ErrEntry) {
		t.Error("no entry:", err)
	}
	if n := log.Status().Entries; n != 0 {
		t.Errorf("%d entries were recorded", n)
	}
	ended, stop := context.WithCancel(t.Context())
	stop()
	if p, err := log.Permit(ended, permitEntry("contact.email")); err == nil && !p.Valid() || err != nil && p.Valid() {
		t.Error("neither an error nor a permit", err)
	}
}

func TestPermitIsTakenOnceByMany(t *testing.T) {
	log := runningLog(t, "a")
	e := permitEntry("contact.email")
	e.Subjects[0].Lanes = weir.Lanes(0).With(weir.Probed)
	p, err := log.Permit(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	var values, answers atomic.Int64
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			if p.Take(log, permitExchange, weir.Subject{7}, "contact.email") == nil {
				values.Add(1)
			}
			if p.TakeAnswer(log, permitExchange, weir.Subject{7}) == nil {
				answers.Add(1)
			}
		})
	}
	all.Wait()
	if values.Load() != 1 || answers.Load() != 1 {
		t.Errorf("taken %d and %d times", values.Load(), answers.Load())
	}
}

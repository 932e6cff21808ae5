package console

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/ledger"
)

func lanes(all ...weir.Lane) (set weir.Lanes) {
	for _, l := range all {
		set = set.With(l)
	}
	return set
}

// TestOneExchange: what several entries say of an exchange becomes one line, and
// a customer that occurs in two batches is counted once.
func TestOneExchange(t *testing.T) {
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	entry := func(kind ledger.Kind, change func(*ledger.Entry)) *ledger.Entry {
		e := &ledger.Entry{Kind: kind, Time: now, Exchange: exchangeID(7), Principal: "ann", Role: "support", Route: "customers", Purpose: "support"}
		if change != nil {
			change(e)
		}
		return e
	}
	s := newStream()
	for i, e := range []*ledger.Entry{
		entry(ledger.Intent, nil),
		entry(ledger.Release, func(e *ledger.Entry) {
			e.Actions = []ledger.Count{{Class: "contact.email", Action: weir.Mask, N: 2}, {Class: "person.name", Action: weir.Allow, N: 2}}
			e.Subjects = []ledger.Taken{{Subject: weir.Subject{1}, Lanes: lanes(weir.Clear, weir.Masked)}, {Subject: weir.Subject{2}, Lanes: lanes(weir.Masked)}}
		}),
		entry(ledger.Release, func(e *ledger.Entry) {
			e.Actions = []ledger.Count{{Class: "contact.email", Action: weir.Mask, N: 1}}
			e.Subjects = []ledger.Taken{{Subject: weir.Subject{1}, Lanes: lanes(weir.Sensitive, weir.Clear)}, {Subject: weir.Subject{2}, Lanes: lanes(weir.Clear)}, {Subject: weir.Subject{3}, Lanes: lanes(weir.Probed)}}
		}),
		entry(ledger.Close, func(e *ledger.Entry) { e.Reason = weir.ReasonBudget }),
	} {
		s.observe(int64(i), e)
	}
	all := s.last.newest()
	if len(all) != 1 || len(s.denied.newest()) != 1 || len(s.open) != 0 || s.next != 4 {
		t.Fatalf("%d exchanges, %d denied, %d open, next entry %d", len(all), len(s.denied.newest()), len(s.open), s.next)
	}
	x := all[0]
	if x.Clear != 2 || x.Masked != 2 || x.AtMost || !x.Denied || !x.Closed || x.Outcome != "budget" {
		t.Errorf("it is %+v", *x)
	}
	if len(x.Chips) != 2 || x.Chips[0] != (chip{"person.name", weir.Allow, 2}) || x.Chips[1] != (chip{"contact.email", weir.Mask, 3}) {
		t.Errorf("its classes are %+v", x.Chips)
	}
	if got := s.since(now, 1)[0]; got.exchanges != 1 || got.denied != 1 || got.clear != 2 {
		t.Errorf("the second has %+v", got)
	}
	s.observe(4, &ledger.Entry{Kind: ledger.Summary, Time: now.Add(time.Second), N: 250})
	if got := s.since(now.Add(time.Second), 2); got[0].exchanges != 1 || got[1].exchanges != 250 || s.total != 251 {
		t.Errorf("the seconds have %+v, %d in all", got, s.total)
	}
}

// TestFlood: at any rate the stream keeps its last hundred and no more, and what
// it renders stays small.
func TestFlood(t *testing.T) {
	w := newWorld()
	w.populate()
	c, err := New(Config{Source: w})
	if err != nil {
		t.Fatal(err)
	}
	defer c.listener.Close()
	begin := time.Now()
	for i := range 20000 {
		e := &ledger.Entry{Kind: ledger.Release, Time: begin.Add(time.Duration(i) * 200 * time.Microsecond), Exchange: exchangeID(i), Principal: "bulk", Route: "export"}
		for n := range 40 {
			e.Actions = append(e.Actions, ledger.Count{Class: weir.Class("family.class" + string(rune('a'+n))), Action: weir.Mask, N: 3})
			e.Subjects = append(e.Subjects, ledger.Taken{Subject: weir.Subject{byte(i), byte(n)}, Lanes: lanes(weir.Masked)})
		}
		c.stream.observe(int64(i), e)
	}
	if n := len(c.stream.last.newest()); n != maxExchanges || len(c.stream.open) != maxExchanges {
		t.Errorf("it keeps %d exchanges, %d of them open", n, len(c.stream.open))
	}
	v := c.page("")
	var all bytes.Buffer
	for _, name := range regions {
		if err := c.pages.ExecuteTemplate(&all, name, v); err != nil {
			t.Fatal(err)
		}
	}
	if all.Len() > 512<<10 {
		t.Errorf("the regions are %d bytes", all.Len())
	}
	// What ends after it has left the screen is no exchange of its own.
	c.stream.observe(20000, &ledger.Entry{Kind: ledger.Close, Time: begin, Exchange: exchangeID(3)})
	if c.stream.total != 20000 {
		t.Errorf("%d exchanges, want 20000", c.stream.total)
	}
	// One exchange of very many customers does not grow without end either.
	x := &exchange{}
	var sec second
	for i := range 3 * maxDistinct {
		x.count(weir.Subject{byte(i), byte(i >> 8)}, lanes(weir.Clear), &sec)
	}
	if len(x.lanes) != maxDistinct || !x.AtMost || x.Clear != 3*maxDistinct {
		t.Errorf("it tells %d customers apart and counts %d", len(x.lanes), x.Clear)
	}
}

// TestSlowBrowser: one that does not take its events holds nobody up, and then is
// sent the newest state alone.
func TestSlowBrowser(t *testing.T) {
	h := newHub()
	wake, ok := h.join()
	if !ok {
		t.Fatal("no place")
	}
	for i := range 1000 {
		var html [len(regions)][]byte
		for r := range html {
			html[r] = []byte("as ever")
		}
		html[0] = bytes.Repeat([]byte("a"), i+1)
		h.publish(&html)
	}
	if len(wake) != 1 {
		t.Fatalf("%d signals wait", len(wake))
	}
	var seen [len(regions)]uint64
	first := string(h.newer(&seen))
	if n := strings.Count(first, "event: "); n != len(regions) || !strings.Contains(first, "data: "+strings.Repeat("a", 1000)+"\n") {
		t.Errorf("it is sent %d events", n)
	}
	if again := h.newer(&seen); len(again) != 0 {
		t.Errorf("and then %q", again)
	}
	var part [len(regions)][]byte
	part[2] = []byte("new")
	h.publish(&part)
	if some := string(h.newer(&seen)); some != "event: "+regions[2]+"\ndata: new\n\n" {
		t.Errorf("then it is sent %q", some)
	}
	h.leave(wake)
	if !h.empty() {
		t.Error("it has not left")
	}
}

func TestBars(t *testing.T) {
	for _, c := range []struct {
		bar   bar
		fill  int
		level string
		text  string
	}{
		{bar{Taken: 0, Limit: 0}, 0, "none", "0 of 0"},
		{bar{Taken: 0, Limit: 40}, 0, "calm", "0 of 40"},
		{bar{Taken: 1, Limit: 5000}, 2, "calm", "1 of 5,000"},
		{bar{Taken: 31, Limit: 40}, 77, "calm", "31 of 40"},
		{bar{Taken: 32, Limit: 40}, 80, "near", "32 of 40"},
		{bar{Taken: 40, Limit: 40}, 100, "spent", "40 of 40"},
		{bar{Taken: 3, Limit: 0}, 100, "spent", "3 of 0"},
		{bar{Taken: 1234567, Limit: weir.Unbounded}, 100, "open", "1,234,567 of no limit"},
		{bar{Taken: 1, Limit: 1, Own: true}, 100, "own", "1 of 1"},
	} {
		if c.bar.Fill() != c.fill || c.bar.Level() != c.level || c.bar.Text() != c.text {
			t.Errorf("%+v is %d %s %q, want %d %s %q", c.bar, c.bar.Fill(), c.bar.Level(), c.bar.Text(), c.fill, c.level, c.text)
		}
	}
}

func TestWords(t *testing.T) {
	now := time.Date(2026, 3, 2, 23, 50, 0, 0, time.UTC)
	for _, c := range []struct{ got, want string }{
		{number(0), "0"}, {number(999), "999"}, {number(1000), "1,000"}, {number(-1234567), "−1,234,567"},
		{byteCount(0), "0 B"}, {byteCount(1023), "1023 B"}, {byteCount(1536), "1.5 KiB"}, {byteCount(3 << 30), "3.0 GiB"}, {byteCount(5 << 60), "5120.0 PiB"},
		{short("tok-9c41f7a2"), "tok-9c41f7a2"}, {short("s-00112233445566778899aabbccddeeff"), "s-00112233445566…cddeeff"},
		{clock(now, now.Add(-time.Hour)), "22:50:00"}, {clock(now, now.Add(20*time.Minute)), "00:10:00"}, {clock(now, now.Add(-72*time.Hour)), "27 Feb 23:50"},
		{left(now, now), "over"}, {left(now, now.Add(59*time.Second)), "under a minute left"}, {left(now, now.Add(15*time.Minute)), "15 min left"},
		{left(now, now.Add(3*time.Hour)), "3 h left"}, {left(now, now.Add(80*time.Hour)), "3 days left"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

// TestWhoVouches: the console says by how many witnesses the ledger is signed, and
// when nobody vouches for it but itself.
func TestWhoVouches(t *testing.T) {
	now := time.Date(2026, 3, 2, 23, 50, 0, 0, time.UTC)
	of := func(by int, size int64, ago time.Duration) LedgerStatus {
		return LedgerStatus{Entries: 12000, Witnesses: Witnesses{Of: 3, Need: 2, By: by, Size: size, Last: now.Add(-ago)}}
	}
	for _, c := range []struct {
		l    LedgerStatus
		want string
	}{
		{LedgerStatus{Entries: 5}, "Self-attested: nobody but its own key vouches for it."},
		{of(0, 0, 0), "Not yet: 2 of 3 witnesses have to sign."},
		{of(2, 12000, 14*time.Second), "By 2 of 3, last 14 s ago."},
		{of(3, 10000, 5*time.Minute), "By 3 of 3, last 5 min ago; for the last 2,000 entries only its own key vouches."},
		{of(2, 12000, 80*time.Hour), "By 2 of 3, last 3 days ago."},
		{of(2, 12000, -time.Second), "By 2 of 3, last 0 s ago."},
		{of(2, 12000, 3*time.Hour), "By 2 of 3, last 3 h ago."},
	} {
		if got := witnessed(now, c.l); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// TestWorstFirst: no bound, then held, then the largest budget.
func TestWorstFirst(t *testing.T) {
	row := func(name string, hour int, held bool) Row {
		r := Row{Party: weir.Party{Kind: weir.ByCredential, Name: name}, CouldHour: hour, CouldDay: hour, Held: held}
		r.Budget[weir.Clear][weir.Hour] = hour
		return r
	}
	rows := []Row{row("small", 1, false), row("held", 5, true), row("large", 100, false), row("open", weir.Unbounded, false)}
	var names []string
	for _, r := range groupsOf(Exposure{Rows: rows})[0].Rows {
		names = append(names, r.Party.Name)
	}
	if got := strings.Join(names, " "); got != "open held large small" {
		t.Errorf("the order is %s", got)
	}
	f := figuresOf(Exposure{Rows: rows})
	if f[0].Could != weir.Unbounded || f[0].Who != "open" || !f[0].Known || f[2].Known {
		t.Errorf("the figures are %+v", f)
	}
	if f := figuresOf(Exposure{Rows: rows[:3]}); f[0].Could != 100 {
		t.Errorf("the worst is %+v", f[0])
	}
	// Whatever the source says, a policy that is not in force bounds nothing.
	for _, mode := range []Mode{Partly, Observe, "", "dreaming"} {
		x := Exposure{Mode: mode, Rows: rows[:3]}.honest()
		if f := figuresOf(x); f[0].Could != weir.Unbounded || f[1].Could != weir.Unbounded || len(x.Unbounded) != 1 {
			t.Errorf("mode %q claims %+v", mode, f[0])
		}
	}
	if rows[0].CouldHour != 1 {
		t.Error("the source's own rows were changed")
	}
}

func BenchmarkRender(b *testing.B) {
	w := newWorld()
	w.populate()
	c, err := New(Config{Source: w})
	if err != nil {
		b.Fatal(err)
	}
	defer c.listener.Close()
	for i := range 200 {
		w.happen(i)
	}
	for i, e := range w.entries {
		c.stream.observe(int64(i), e)
	}
	for b.Loop() {
		if err := c.render(true); err != nil {
			b.Fatal(err)
		}
	}
}

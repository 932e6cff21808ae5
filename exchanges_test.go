package weir_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"golang.org/x/tools/txtar"

	"github.com/getweir/weir"
	"github.com/getweir/weir/door/inbound"
	"github.com/getweir/weir/guard"
	"github.com/getweir/weir/inspect"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/policy"
)

var update = flag.Bool("update", false, "rewrite the expected parts of the exchange files")

// TestExchanges runs every file of testdata/exchanges: a policy, who asks, what
// the service behind the door answers; and then what the client must have
// received, byte for byte, and what the ledger must say. testdata/exchanges/README.md
// tells how to read and write one. go test -run TestExchanges -update rewrites
// what is expected; read the difference before you believe it.
func TestExchanges(t *testing.T) {
	files, err := filepath.Glob("testdata/exchanges/*.txtar")
	if err != nil || len(files) < 25 {
		t.Fatalf("%d exchange files: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			runExchanges(t, file)
		})
	}
}

func runExchanges(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	policyText, err := os.ReadFile("testdata/exchanges/policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range archive.Files {
		if f.Name == "policy.yaml" {
			policyText = f.Data
		}
	}
	h := newHouse(t, string(policyText))
	front := httptest.NewServer(h.door)
	defer front.Close()

	var request []byte
	for i := range archive.Files {
		f := &archive.Files[i]
		switch f.Name {
		case "policy.yaml":
		case "as":
			h.as(t, f.Data)
		case "pause":
			d, err := time.ParseDuration(strings.TrimSpace(string(f.Data)))
			if err != nil {
				t.Fatal(err)
			}
			h.clock.pass(d)
		case "request":
			request = f.Data
		case "answer":
			h.upstream.answers(f.Data)
		case "response":
			h.compare(t, f, exchangeOnce(t, front.Listener.Addr().String(), request))
		case "ledger":
			h.compare(t, f, h.entries(t))
		default:
			t.Fatalf("a part named %q", f.Name)
		}
	}
	h.noticed(t)
	if *update {
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// house is a whole Weir, with everything real but the clock, who the client is,
// and the subject directory, which can be read backwards here.
type house struct {
	door     http.Handler
	guard    *guard.Guard
	ledger   *ledger.Log
	dir      string
	key      ledger.Key
	subjects *openDirectory
	upstream *scripted
	who      *whoever
	clock    *clock
	policy   string
	options  []houseOption
	stop     func() // ends guard and ledger
	seen     int64  // entries already compared
}

type houseOption func(*guard.Config)

func newHouse(t *testing.T, policyText string, options ...houseOption) *house {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "ledger")
	key, _, err := ledger.GenerateKey("weir.example/test")
	if err != nil {
		t.Fatal(err)
	}
	log, err := ledger.Create(dir, ledger.Options{Key: key, Node: "test"})
	if err != nil {
		t.Fatal(err)
	}
	h := &house{
		dir: dir, key: key, ledger: log, subjects: newOpenDirectory(), who: &whoever{}, clock: &clock{},
		policy: policyText, options: options, upstream: newScripted(t),
	}
	h.open(t)
	return h
}

// restart ends guard and ledger and opens them anew, as a process would.
func (h *house) restart(t *testing.T) {
	t.Helper()
	h.stop()
	log, err := ledger.Open(h.dir, ledger.Options{Key: h.key, Node: "test"})
	if err != nil {
		t.Fatal(err)
	}
	h.ledger = log
	h.open(t)
}

// open wires a guard and a door onto the house's ledger and starts them; they
// end with the test, or by stop.
func (h *house) open(t *testing.T) {
	t.Helper()
	p, err := policy.Parse("policy.yaml", []byte(h.policy))
	if err != nil {
		t.Fatal(err)
	}
	finder, err := inspect.New(inspect.Config{Detectors: guard.Detectors(p)})
	if err != nil {
		t.Fatal(err)
	}
	config := guard.Config{Policy: p, Inspect: finder, Ledger: h.ledger, Subjects: h.subjects, Now: h.clock.now}
	for _, o := range h.options {
		o(&config)
	}
	if h.guard, err = guard.New(config); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	log := h.ledger
	wg.Go(func() { _ = log.Run(ctx) })
	if err := h.guard.Restore(ctx); err != nil {
		t.Fatal(err)
	}
	g := h.guard
	wg.Go(func() { _ = g.Run(ctx) })
	target, err := url.Parse("http://" + h.upstream.addr)
	if err != nil {
		t.Fatal(err)
	}
	if h.door, err = inbound.New(inbound.Config{Upstream: target, Guard: h.guard, Auth: h.who}); err != nil {
		t.Fatal(err)
	}
	h.stop = sync.OnceFunc(func() {
		cancel()
		wg.Wait()
		_ = log.Close()
	})
	t.Cleanup(h.stop)
}

// clock is the guard's: it stands still but for what a test lets pass.
type clock struct {
	mu sync.Mutex
	d  time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).Add(c.d)
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.d += d
}

// whoever authenticates everybody as the principal that the test says.
type whoever struct {
	mu     sync.Mutex
	P      weir.Principal
	refuse *weir.Denial // not nil: nobody is known
}

// credentialHeader shows another credential of the same principal.
const credentialHeader = "X-Test-Credential"

func (w *whoever) Authenticate(r *http.Request) (weir.Principal, *weir.Denial) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.P
	if w.refuse != nil {
		return weir.Principal{Network: "office"}, w.refuse
	}
	if c := r.Header.Get(credentialHeader); c != "" {
		p.Credential = c
	}
	return p, nil
}

func (w *whoever) set(p weir.Principal) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.P = p
}

func (h *house) as(t *testing.T, text []byte) {
	t.Helper()
	var as struct {
		Kind, Name, Role, Issuer, Network, Credential, Customer string
		Act                                                     []string
		Factor                                                  string // how long ago a second factor was shown
	}
	if err := yaml.UnmarshalWithOptions(text, &as, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	p := weir.Principal{Name: as.Name, Role: as.Role, Issuer: as.Issuer, Network: as.Network, Credential: as.Credential, Act: as.Act}
	if p.Network == "" {
		p.Network = "office"
	}
	if as.Kind != "" {
		var err error
		if p.Kind, err = weir.ParseKind(as.Kind); err != nil {
			t.Fatal(err)
		}
	}
	if p.Kind != weir.Anonymous && p.Credential == "" {
		p.Credential = "key:" + as.Name + as.Customer
	}
	if as.Factor != "" {
		ago, err := time.ParseDuration(as.Factor)
		if err != nil {
			t.Fatal(err)
		}
		p.SecondFactor, p.Levels = h.clock.now().Add(-ago), []string{"urn:example:mfa"}
	}
	if as.Customer != "" {
		p.Own = weir.Identifier{Kind: "customer", Value: weir.NewPlain(as.Customer)}
	}
	h.who.set(p)
}

// openDirectory is a subject directory that tests can read backwards.
type openDirectory struct {
	mu    sync.Mutex
	known map[string]weir.Subject
	names map[weir.Subject]string
	Fail  error
}

func newOpenDirectory() *openDirectory {
	return &openDirectory{known: map[string]weir.Subject{}, names: map[weir.Subject]string{}}
}

func (d *openDirectory) Resolve(_ context.Context, ids []weir.Identifier) ([]weir.Subject, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.Fail != nil {
		return nil, d.Fail
	}
	subjects := make([]weir.Subject, len(ids))
	for i, id := range ids {
		name := id.Kind + ":" + id.Value.Reveal()
		s, ok := d.known[name]
		if !ok {
			s = weir.Subject{0xee, byte(len(d.known) >> 8), byte(len(d.known)), 1}
			d.known[name], d.names[s] = s, name
		}
		subjects[i] = s
	}
	return subjects, nil
}

func (d *openDirectory) name(s weir.Subject) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n, ok := d.names[s]; ok {
		return n
	}
	return "somebody"
}

// entries tells what the ledger has gained since the last call, without what
// differs from run to run.
func (h *house) entries(t *testing.T) string {
	t.Helper()
	// Outcomes are queued when the client already has its answer: a start entry
	// sent behind them is durable after they are.
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	h.quiesce(t)
	if _, err := h.ledger.Append(ctx, &ledger.Entry{Kind: ledger.Staff, Time: h.clock.now(), Text: "read"}); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	err := h.ledger.Replay(h.seen, func(index int64, e *ledger.Entry) error {
		h.seen = index + 1
		if e.Kind == ledger.Staff || e.Kind == ledger.Summary {
			return nil
		}
		fmt.Fprintf(&b, "%s", e.Kind)
		add := func(name string, v any) {
			if text := fmt.Sprint(v); text != "" && text != "0" {
				fmt.Fprintf(&b, " %s=%s", name, text)
			}
		}
		if e.PrincipalKind == weir.Customer {
			if s, err := weir.ParseSubject(e.Principal); err == nil {
				add("principal", h.subjects.name(s))
			}
		} else {
			add("principal", e.Principal)
		}
		add("via", strings.Join(e.Act, ","))
		add("role", e.Role)
		add("purpose", e.Purpose)
		add("route", strings.ReplaceAll(e.Route, " ", "_"))
		for _, a := range e.Actions {
			fmt.Fprintf(&b, " %s:%s*%d", a.Class, a.Action, a.N)
		}
		if e.Would != nil {
			for _, a := range e.Would.Actions {
				fmt.Fprintf(&b, " would:%s:%s*%d", a.Class, a.Action, a.N)
			}
		}
		var people []string
		lanes := func(s weir.Lanes) string {
			var all []string
			for l := range weir.NumLanes {
				if s.Has(l) {
					all = append(all, l.String())
				}
			}
			return strings.Join(all, ",")
		}
		for i, s := range e.Subjects {
			text := lanes(s.Lanes)
			if e.Would != nil {
				text += "; would:" + lanes(e.Charged(i))
			}
			people = append(people, h.subjects.name(s.Subject)+"("+text+")")
		}
		slices.Sort(people)
		add("subjects", strings.Join(people, " "))
		add("reason", e.Reason)
		if party, err := weir.ParseParty(e.Party); err == nil {
			add("party", party.Kind)
		}
		add("rule", strings.ReplaceAll(e.Rule, " ", "_"))
		add("unread", e.Unread)
		add("outcome", e.Outcome)
		add("status", e.Status)
		b.WriteByte('\n')
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// noticed reports what has left and the privacy notice does not name.
func (h *house) noticed(t *testing.T) {
	t.Helper()
	p, err := policy.Parse("policy.yaml", []byte(h.policy))
	if err != nil {
		t.Fatal(err)
	}
	notice := p.Notice()
	rows := notice.Rows
	err = h.ledger.Replay(0, func(_ int64, e *ledger.Entry) error {
		if e.Would != nil {
			return nil // nothing is enforced there, and exposure says so
		}
		for _, a := range e.Actions {
			if a.Action == weir.Block {
				continue
			}
			declared, _ := p.Class(a.Class)
			// What is public by its place is so whatever its class.
			named := len(notice.Public) > 0 && slices.ContainsFunc(p.PublicProfile(), func(f policy.PublicField) bool { return f.Route != "" && f.Route == e.Route })
			named = named || slices.ContainsFunc(rows, func(r policy.NoticeRow) bool {
				return r.Class == declared.Name && len(r.Public) > 0 || r.Class == declared.Name &&
					slices.ContainsFunc(r.Purposes, func(of policy.NoticePurpose) bool { return of.Name == e.Purpose }) &&
					(r.Own && e.PrincipalKind == weir.Customer || slices.ContainsFunc(r.Recipients, func(to policy.NoticeRecipient) bool { return to.Role == e.Role }))
			})
			if !named {
				t.Errorf("%s left for %s to %s, and the notice does not say so", a.Class, e.Purpose, e.Role)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// quiesce waits until the door has closed all its exchanges.
func (h *house) quiesce(t *testing.T) {
	t.Helper()
	if q, ok := h.door.(interface{ Wait() }); ok {
		q.Wait()
	}
}

func (h *house) compare(t *testing.T, f *txtar.File, got string) {
	t.Helper()
	want := strings.TrimSpace(string(f.Data))
	if f.Name == "response" {
		got = relevant(got, want)
	}
	if *update {
		f.Data = []byte(strings.TrimSpace(got) + "\n\n")
		return
	}
	if strings.TrimSpace(got) != want {
		t.Errorf("%s:\n--- got\n%s\n--- want\n%s", f.Name, strings.TrimSpace(got), want)
	}
}

// relevant leaves of a response the status line, the header fields that the
// expectation names (and those that speak of Weir), and the body.
func relevant(got, want string) string {
	head, body, _ := strings.Cut(got, "\n\n")
	wantHead, _, _ := strings.Cut(want, "\n\n")
	names := []string{"content-type", "cache-control", "retry-after", "weir-withheld", "www-authenticate"}
	for _, line := range strings.Split(wantHead, "\n")[1:] {
		name, _, _ := strings.Cut(line, ":")
		names = append(names, strings.ToLower(strings.TrimSpace(name)))
	}
	lines := strings.Split(head, "\n")
	kept := lines[:1]
	for _, line := range lines[1:] {
		name, _, _ := strings.Cut(line, ":")
		if slices.Contains(names, strings.ToLower(name)) {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n") + "\n\n" + body
}

// exchangeOnce sends a request as it is written and tells what came back: status
// line, header fields in order of name, body, trailers, and whether the transfer
// was broken off.
func exchangeOnce(t *testing.T, addr string, request []byte) string {
	t.Helper()
	conn, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := conn.Write(onWire(request, true)); err != nil {
		t.Fatal(err)
	}
	method, _, _ := strings.Cut(string(request), " ")
	r, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		return "[no response]"
	}
	body, err := io.ReadAll(r.Body)
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n", r.Proto, r.Status)
	writeSorted(&b, r.Header)
	// The exchange's id is different each time.
	fmt.Fprintf(&b, "\n%s", exchangeID.ReplaceAllString(string(body), "0123456789abcdef01234567"))
	for name, values := range r.Trailer {
		for _, v := range values {
			fmt.Fprintf(&b, "\n[trailer] %s: %s", name, v)
		}
	}
	if err != nil {
		b.WriteString("\n[broken off]")
	}
	return b.String()
}

func writeSorted(b *strings.Builder, h http.Header) {
	var names []string
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, v := range h[name] {
			fmt.Fprintf(b, "%s: %s\n", name, v)
		}
	}
}

// onWire turns the text of a message into its bytes: lines of the header end in
// CRLF, and a body without a stated length gets one.
func onWire(text []byte, request bool) []byte {
	head, body, _ := bytes.Cut(text, []byte("\n\n"))
	body = bytes.TrimSuffix(body, []byte("\n"))
	lower := strings.ToLower(string(head))
	out := bytes.ReplaceAll(bytes.TrimSpace(head), []byte("\n"), []byte("\r\n"))
	if strings.Contains(lower, "transfer-encoding: chunked") {
		body = []byte(fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body))
	} else if !strings.Contains(lower, "content-length:") && (len(body) > 0 || !request) {
		out = append(out, "\r\nContent-Length: "+strconv.Itoa(len(body))...)
	}
	if request {
		if !strings.Contains(lower, "\nhost:") {
			out = append(out, "\r\nHost: shop.example"...)
		}
		out = append(out, "\r\nConnection: close"...)
	}
	return append(append(out, "\r\n\r\n"...), body...)
}

// scripted is the service behind the door: it answers each request with the next
// bytes it was given, whatever was asked.
type scripted struct {
	addr string
	mu   sync.Mutex
	next [][]byte
	Seen []string // request lines
}

func newScripted(t *testing.T) *scripted {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &scripted{addr: l.Addr().String()}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(conn)
		}
	}()
	return s
}

func (s *scripted) answers(text []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = append(s.next, onWire(text, false))
}

func (s *scripted) serve(conn net.Conn) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	for {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, req.Body)
		s.mu.Lock()
		s.Seen = append(s.Seen, req.Method+" "+req.URL.RequestURI())
		var answer []byte
		if len(s.next) > 0 {
			answer, s.next = s.next[0], s.next[1:]
		}
		s.mu.Unlock()
		if answer == nil {
			return
		}
		if _, err := conn.Write(answer); err != nil {
			return
		}
		if resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(answer)), req); err != nil || resp.Close || short(resp) {
			return // an answer that lies about its length ends with the connection
		}
	}
}

func short(r *http.Response) bool {
	_, err := io.ReadAll(r.Body)
	return errors.Is(err, io.ErrUnexpectedEOF)
}

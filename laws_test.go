package weir_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/door/inbound"
	"github.com/getweir/weir/guard"
	"github.com/getweir/weir/inspect"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/mask"
	"github.com/getweir/weir/watch"
)

// exchangeID is how the id of an exchange is written.
var exchangeID = regexp.MustCompile(`\b[0-9a-f]{24}\b`)

// lawPolicy is the policy of the law tests: 50 customers an hour in clear.
const lawPolicy = `
version: 1
classes:
  contact.*: {sensitivity: moderate}
  person.*: {sensitivity: moderate}
  payment.*: {sensitivity: high}
  identity.*: {sensitivity: high}
  network.*: {sensitivity: low}
  device.*: {sensitivity: moderate}
  location.*: {sensitivity: high}
  media.*: {sensitivity: high}
  commerce.*: {sensitivity: moderate}
  message.*: {sensitivity: high}
  credential.*: {sensitivity: high}
purposes:
  support: {basis: contract}
roles:
  support:
    purposes: [support]
    see: {"*": mask, contact.email: clear, person.name: clear}
    take:
      clear:  {hour: 50, day: 80, 30 days: 100}
      masked: {hour: 50, day: 80, 30 days: 100}
      probed: {hour: 1000, day: 1000, 30 days: 1000}
    together:
      clear:  {hour: 60, day: 90, 30 days: 120}
      masked: {hour: 60, day: 90, 30 days: 120}
      probed: {hour: 1000, day: 1000, 30 days: 1000}
deployment:
  take:
    clear:  {hour: 500, day: 500, 30 days: 500}
    masked: {hour: 500, day: 500, 30 days: 500}
    probed: {hour: 5000, day: 5000, 30 days: 5000}
routes:
  - {route: "GET /v1/customers/{id}", name: customer, subject: "customer {id}"}
  - {route: GET /v1/customers, name: customers, subject: "customer $.data.items[*].id"}
`

const everybody = 400 // customers behind the door in the law tests

func email(i int) string { return fmt.Sprintf("person%d@example.com", i) }

func record(i int) string {
	return fmt.Sprintf(`{"id":"c-%d","full_name":"Person Number%d","email":%q,"phone":"+1415555%04d"}`, i, i, email(i), 100+i)
}

// shop is a service that gives everything to everybody: one customer by id, or
// pages of 20.
func shop() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/customers/{id}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		i, err := strconv.Atoi(strings.TrimPrefix(r.PathValue("id"), "c-"))
		if err != nil || i < 0 || i >= everybody {
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"error":"not found"}`)
			return
		}
		_, _ = io.WriteString(w, record(i))
	})
	mux.HandleFunc("GET /v1/customers", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		from, _ := strconv.Atoi(r.URL.Query().Get("from"))
		var items []string
		for i := from; i < min(from+20, everybody); i++ {
			items = append(items, record(i))
		}
		fmt.Fprintf(w, `{"data":{"items":[%s]}}`, strings.Join(items, ","))
	})
	return mux
}

// behind puts a real service behind a house's door.
func (h *house) behind(t *testing.T, service http.Handler) (front *httptest.Server) {
	t.Helper()
	back := httptest.NewServer(service)
	t.Cleanup(back.Close)
	target, err := url.Parse(back.URL)
	if err != nil {
		t.Fatal(err)
	}
	door, err := inbound.New(inbound.Config{Upstream: target, Guard: h.guard, Auth: h.who})
	if err != nil {
		t.Fatal(err)
	}
	h.door = door
	front = httptest.NewServer(door)
	t.Cleanup(front.Close)
	return front
}

// emails finds whose address is in what a client received. It is the judge of
// the laws, and knows nothing of Weir.
var emails = regexp.MustCompile(`person(\d+)@example\.com`)

// received gives the bytes of an answer, as far as they came.
func received(t *testing.T, client *http.Client, target string) (status int, body []byte) {
	t.Helper()
	resp, err := client.Get(target)
	if err != nil {
		return 0, nil
	}
	defer resp.Body.Close()
	body, _ = io.ReadAll(resp.Body) // a broken transfer still brought what it brought
	return resp.StatusCode, body
}

func staff(name, credential string) weir.Principal {
	return weir.Principal{Kind: weir.Staff, Name: name, Role: "support", Issuer: "sso", Network: "office", Credential: credential}
}

// flaky is a ledger that fails when it is told to, after a number of batches.
type flaky struct {
	*ledger.Log
	left atomic.Int64
}

var errDisk = errors.New("no space left on device")

func (f *flaky) Append(ctx context.Context, entries ...*ledger.Entry) (ledger.Receipt, error) {
	if f.left.Add(-1) < 0 {
		return ledger.Receipt{}, errDisk
	}
	return f.Log.Append(ctx, entries...)
}

// TestLaw1NoRecordNoRelease: whoever was received is on the ledger, and once the
// ledger fails, nobody is received any more, however the ledger fails.
func TestLaw1NoRecordNoRelease(t *testing.T) {
	for _, batches := range []int64{0, 1, 3, 7} {
		t.Run(fmt.Sprintf("fails after %d", batches), func(t *testing.T) {
			var broken flaky
			h := newHouse(t, lawPolicy, func(c *guard.Config) {
				broken.Log = c.Ledger.(*ledger.Log)
				c.Ledger = &broken
			})
			broken.left.Store(batches)
			h.who.set(staff("agent", "key:agent"))
			front := h.behind(t, shop())
			got := map[string]bool{}
			for i := range 12 {
				status, body := received(t, front.Client(), fmt.Sprintf("%s/v1/customers/c-%d", front.URL, i))
				found := emails.FindAllString(string(body), -1)
				for _, e := range found {
					got[e] = true
				}
				if int64(i) >= batches && (status != http.StatusServiceUnavailable || len(found) > 0) {
					t.Errorf("request %d after the ledger failed: status %d, %d customers", i, status, len(found))
				}
			}
			h.quiesce(t)
			recorded := map[string]bool{}
			_ = h.ledger.Replay(0, func(_ int64, e *ledger.Entry) error {
				for _, s := range e.Subjects {
					if e.Kind == ledger.Release {
						recorded[h.subjects.name(s.Subject)] = true
					}
				}
				return nil
			})
			for e := range got {
				if id := "customer:c-" + emails.FindStringSubmatch(e)[1]; !recorded[id] {
					t.Errorf("%s was received and is not on the ledger", id)
				}
			}
			if int64(len(got)) != batches {
				t.Errorf("%d customers received, want %d", len(got), batches)
			}
		})
	}
	t.Run("the subject directory fails", func(t *testing.T) {
		h := newHouse(t, lawPolicy)
		h.who.set(staff("agent", "key:agent"))
		front := h.behind(t, shop())
		h.subjects.mu.Lock()
		h.subjects.Fail = errDisk
		h.subjects.mu.Unlock()
		for _, path := range []string{"/v1/customers/c-1", "/v1/customers"} {
			if status, body := received(t, front.Client(), front.URL+path); status != http.StatusServiceUnavailable || emails.Match(body) {
				t.Errorf("%s: status %d, %q", path, status, body)
			}
		}
	})
	t.Run("the log has stopped", func(t *testing.T) {
		h := newHouse(t, lawPolicy)
		h.who.set(staff("agent", "key:agent"))
		front := h.behind(t, shop())
		h.stop()
		if status, body := received(t, front.Client(), front.URL+"/v1/customers"); status != http.StatusServiceUnavailable || emails.Match(body) {
			t.Errorf("status %d, %q", status, body)
		}
	})
}

// TestLaw2UndecidedIsWithheld: an answer that cannot be read or decided gives
// nothing of what it holds, whatever is strange about it.
func TestLaw2UndecidedIsWithheld(t *testing.T) {
	const secret = "person7@example.com"
	jsonBody := `{"id":"c-7","email":"` + secret + `"}`
	deep := strings.Repeat(`{"a":`, 3000) + `"` + secret + `"` + strings.Repeat("}", 3000)
	cases := []struct{ name, head, body string }{
		{"unknown encoding", "Content-Type: application/json\nContent-Encoding: x-zebra", jsonBody},
		{"two encodings, one unknown", "Content-Type: application/json\nContent-Encoding: gzip, compress", jsonBody},
		{"says gzip, is not", "Content-Type: application/json\nContent-Encoding: gzip", jsonBody},
		{"unknown type", "Content-Type: application/x-whatever", jsonBody},
		{"no type that can be read", "Content-Type: application/octet-stream", jsonBody},
		{"unknown charset", "Content-Type: text/plain; charset=utf-16", secret},
		{"type that does not parse", "Content-Type: ;;;", jsonBody},
		{"JSON that is not JSON", "Content-Type: application/json", `{"id":"c-7","email":"` + secret + `"`},
		{"JSON and then something", "Content-Type: application/json", jsonBody + ` <!-- ` + secret + ` -->`},
		{"very deep", "Content-Type: application/json", deep},
		{"invalid UTF-8 in JSON", "Content-Type: application/json", "{\"id\":\"c-7\",\"email\":\"\xff" + secret + "\"}"},
		{"a picture that is none", "Content-Type: image/png", secret},
		{"multipart", "Content-Type: multipart/mixed; boundary=x", "--x\n\n" + secret + "\n--x--"},
		{"a part of a body", "Content-Type: application/json\nContent-Range: bytes 0-10/4000", jsonBody},
		{"one huge record", "Content-Type: application/json", `{"id":"c-7","pad":"` + strings.Repeat("x", 2<<20) + `","email":"` + secret + `"}`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t, lawPolicy)
			h.who.set(staff("agent", "key:agent"))
			front := httptest.NewServer(h.door)
			defer front.Close()
			status := "HTTP/1.1 200 OK\n"
			if strings.Contains(c.head, "Content-Range") {
				status = "HTTP/1.1 206 Partial Content\n"
			}
			h.upstream.answers([]byte(status + c.head + "\n\n" + c.body))
			code, body := received(t, front.Client(), front.URL+"/v1/customers/c-7")
			if bytes.Contains(body, []byte("person7")) {
				t.Errorf("status %d: the address came through: %.200q", code, body)
			}
			if code == http.StatusOK && len(body) > 0 && json.Valid(body) {
				t.Errorf("withheld, and yet the answer reads as whole: %.200q", body)
			}
		})
	}
	t.Run("expired in the middle", func(t *testing.T) {
		h := newHouse(t, lawPolicy)
		p := staff("agent", "key:agent")
		p.Expires = h.clock.now().Add(time.Minute)
		h.who.set(p)
		front := h.behind(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"data":{"items":[%s`, record(1))
			_ = http.NewResponseController(w).Flush()
			time.Sleep(50 * time.Millisecond)
			h.clock.pass(2 * time.Minute)
			fmt.Fprintf(w, `,%s]}}`, record(2))
		}))
		if _, body := received(t, front.Client(), front.URL+"/v1/customers"); bytes.Contains(body, []byte(email(2))) {
			t.Errorf("a record left after the credential had expired: %q", body)
		}
	})
}

// TestLaw3TheBoundHolds: whatever is tried at once, with however many
// credentials, in whichever form, across restarts and clock steps, the customers
// that were received stay within every budget.
func TestLaw3TheBoundHolds(t *testing.T) {
	h := newHouse(t, lawPolicy)
	h.who.set(staff("thief", "key:stolen"))
	var mu sync.Mutex
	got := map[string]bool{}
	scrape := func(seed uint64) int {
		front := h.behind(t, shop())
		var wg sync.WaitGroup
		for g := range 16 {
			r := rand.New(rand.NewPCG(seed, uint64(g)))
			wg.Go(func() {
				for range 15 {
					path := fmt.Sprintf("/v1/customers/c-%d", r.IntN(everybody))
					if r.IntN(3) == 0 {
						path = fmt.Sprintf("/v1/customers?from=%d", r.IntN(everybody))
					}
					req, _ := http.NewRequest(http.MethodGet, front.URL+path, nil)
					req.Header.Set(credentialHeader, fmt.Sprintf("key:%d", r.IntN(3)))
					resp, err := front.Client().Do(req)
					if err != nil {
						continue
					}
					body, _ := io.ReadAll(resp.Body) // a broken transfer still brought what it brought
					resp.Body.Close()
					mu.Lock()
					for _, e := range emails.FindAllString(string(body), -1) {
						got[e] = true
					}
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		h.quiesce(t)
		return len(got)
	}
	if n := scrape(1); n == 0 || n > 50 {
		t.Fatalf("%d customers received under a budget of 50", n)
	}
	h.restart(t)
	if n := scrape(2); n > 50 {
		t.Fatalf("%d customers after a restart, under a budget of 50", n)
	}
	h.clock.pass(-3 * time.Hour)
	h.restart(t)
	if n := scrape(3); n > 50 {
		t.Fatalf("%d customers after the clock was set back over a restart, under a budget of 50", n)
	}
	h.clock.pass(61 * time.Minute)
	if n := scrape(4); n <= 50 || n > 80 {
		t.Fatalf("%d customers in two hours, under budgets of 50 an hour and 80 a day", n)
	}
	h.clock.pass(25 * time.Hour)
	if n := scrape(5); n <= 80 || n > 100 {
		t.Fatalf("%d customers in two days, under budgets of 80 a day and 100 in 30 days", n)
	}
	h.clock.pass(25 * time.Hour)
	if n := scrape(6); n > 100 {
		t.Fatalf("%d customers in three days, under a ceiling of 100", n)
	}
	recorded := map[weir.Subject]bool{}
	_ = h.ledger.Replay(0, func(_ int64, e *ledger.Entry) error {
		for _, s := range e.Subjects {
			if e.Kind == ledger.Release && s.Lanes.Has(weir.Clear) {
				recorded[s.Subject] = true
			}
		}
		return nil
	})
	if len(recorded) < len(got) {
		t.Errorf("%d on the ledger, %d received", len(recorded), len(got))
	}
}

// TestLaw4CutsDontMatter: the service writes the same bytes in other pieces, and
// the client receives the same.
func TestLaw4CutsDontMatter(t *testing.T) {
	var items []string
	for i := range 40 {
		items = append(items, record(i))
	}
	body := `{"data": {"items": [` + strings.Join(items, " ,\n ") + `], "note": "caf\u00e9 \"x\" +14155550199"}}`
	var first []byte
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 4))
		h := newHouse(t, strings.ReplaceAll(lawPolicy, "hour: 50,", "hour: 60,"))
		h.who.set(staff("agent", "key:agent"))
		front := h.behind(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			for rest := body; rest != ""; {
				n := min(len(rest), 1+r.IntN(1+int(seed)*40))
				_, _ = io.WriteString(w, rest[:n])
				rest = rest[n:]
				if r.IntN(4) == 0 {
					_ = http.NewResponseController(w).Flush()
				}
			}
		}))
		status, got := received(t, front.Client(), front.URL+"/v1/customers")
		if status != http.StatusOK || !json.Valid(got) {
			t.Fatalf("seed %d: status %d, %.200q", seed, status, got)
		}
		if first == nil {
			first = bytes.Clone(got)
		}
		if !bytes.Equal(got, first) {
			t.Fatalf("seed %d: other cuts, other bytes:\n%s\n%s", seed, got, first)
		}
	}
	if !bytes.Contains(first, []byte(email(3))) || bytes.Contains(first, []byte("+14155550103")) {
		t.Errorf("the policy was not applied: %.300s", first)
	}
}

// TestLaw7ReplaysAgree: the same ledger gives the same alerts, whenever it is
// read, and an alert that is on it already is not raised again.
func TestLaw7ReplaysAgree(t *testing.T) {
	h := newHouse(t, lawPolicy)
	h.who.set(staff("thief", "key:stolen"))
	front := h.behind(t, shop())
	for from := 0; from < everybody; from += 20 {
		received(t, front.Client(), fmt.Sprintf("%s/v1/customers?from=%d", front.URL, from))
	}
	h.quiesce(t)
	if _, err := h.ledger.Append(t.Context(), &ledger.Entry{Kind: ledger.Staff, Time: h.clock.now(), Text: "end"}); err != nil {
		t.Fatal(err)
	}
	var runs [][]string
	for range 3 {
		tape := &tape{log: h.ledger}
		w := watch.New(watch.Config{Rules: h.guard.Policy().Watch(), Log: tape})
		ctx, cancel := context.WithCancel(t.Context())
		tape.end = cancel
		if err := w.Run(ctx); err != nil {
			t.Fatal(err)
		}
		runs = append(runs, tape.sent)
	}
	if len(runs[0]) == 0 {
		t.Fatal("a scraper raised no alert")
	}
	for _, r := range runs[1:] {
		if !slices.Equal(r, runs[0]) {
			t.Errorf("one reading gave %v, another %v", runs[0], r)
		}
	}
}

// tape plays a ledger to its end and keeps what would be written to it.
type tape struct {
	log  *ledger.Log
	sent []string
	end  func()
}

func (t *tape) Replay(from int64, fn func(int64, *ledger.Entry) error) error {
	return t.log.Replay(from, fn)
}

func (t *tape) Follow(ctx context.Context, from int64, fn func(int64, *ledger.Entry) error) error {
	defer t.end()
	return t.log.Replay(from, fn)
}

func (t *tape) Send(_ context.Context, entries ...*ledger.Entry) error {
	for _, e := range entries {
		t.sent = append(t.sent, fmt.Sprint(e.Kind, e.Time, e.Rule, e.Party, e.Until, e.Text))
	}
	return nil
}

// TestLaw9WhatWePutInItsPlaceIsNotData: a masked example of every class that can
// be found is not found again, in any syntax, and what was found is gone.
func TestLaw9WhatWePutInItsPlaceIsNotData(t *testing.T) {
	finder, err := inspect.New(inspect.Config{Unsure: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, class := range inspect.Classes() {
		for _, segment := range wrappings(class.Example) {
			var found inspect.Report
			if err := finder.Inspect(&found, &segment, nil); err != nil {
				continue // this example does not go into this syntax
			}
			if len(found.Findings) == 0 {
				continue
			}
			actions := make([]weir.Action, len(found.Findings))
			for i := range actions {
				actions[i] = weir.Mask
			}
			masked := segment
			masked.Body = mask.Append(nil, &segment, found.Findings, actions)
			var again inspect.Report
			if err := finder.Inspect(&again, &masked, nil); err != nil {
				t.Errorf("%s in %v: masked, it does not follow its syntax: %v", class.Name, segment.Syntax, err)
			}
			for _, f := range again.Findings {
				t.Errorf("%s in %v: what was put in its place is found again as %s by %s", class.Name, segment.Syntax, f.Class, f.Detector)
			}
			if segment.Syntax == weir.JSON && !json.Valid(masked.Body) {
				t.Errorf("%s: masked JSON is not JSON", class.Name)
			}
		}
	}
}

// wrappings writes an example, which is a piece of JSON, a name and value, or
// text, in every syntax.
func wrappings(example string) (all []weir.Segment) {
	quoted, _ := json.Marshal(example)
	bodies := []string{example, "{" + example + "}", string(quoted), `{"value":` + string(quoted) + `}`}
	for _, b := range bodies {
		if json.Valid([]byte(b)) {
			all = append(all, weir.Segment{Syntax: weir.JSON, Body: []byte(b), Record: true})
		}
	}
	return append(all,
		weir.Segment{Syntax: weir.Text, Body: []byte(example), Record: true},
		weir.Segment{Syntax: weir.HTML, Body: []byte("<p>" + example + "</p>"), Record: true},
		weir.Segment{Syntax: weir.Header, Name: "X-Note", Body: []byte(example)},
		weir.Segment{Syntax: weir.CSV, Columns: []string{"note"}, Body: quoted, Record: true},
	)
}

// TestLaw10ProofsStandAlone: from the files and the public key alone an outsider
// finds that nothing was changed, and finds what was.
func TestLaw10ProofsStandAlone(t *testing.T) {
	h := newHouse(t, lawPolicy)
	h.who.set(staff("agent", "key:agent"))
	front := h.behind(t, shop())
	for i := range 10 {
		received(t, front.Client(), fmt.Sprintf("%s/v1/customers/c-%d", front.URL, i))
	}
	h.stop()

	copied := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(copied, os.DirFS(h.dir)); err != nil {
		t.Fatal(err)
	}
	report, err := ledger.Verify(copied, ledger.VerifyOptions{Key: h.key.Verifier()})
	if err != nil || report.Break != nil || report.Entries < 20 || report.Signed.Size != report.Entries {
		t.Fatalf("the copy does not hold: %v\n%v", err, report)
	}
	if !report.SelfAttested() || !strings.Contains(strings.ToLower(report.String()), "self-attested") {
		t.Errorf("nobody outside has signed, and the report does not say so:\n%v", report)
	}
	// One bit, anywhere in the entries.
	segments, err := filepath.Glob(filepath.Join(copied, "*.seg"))
	if err != nil || len(segments) == 0 {
		all, _ := os.ReadDir(copied)
		t.Fatalf("no segment files among %v", all)
	}
	whole, err := os.ReadFile(segments[0])
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(whole); at += 1 + len(whole)/97 {
		changed := bytes.Clone(whole)
		changed[at] ^= 0x10
		if err := os.WriteFile(segments[0], changed, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ledger.Verify(copied, ledger.VerifyOptions{Key: h.key.Verifier()}); err == nil {
			t.Errorf("a bit changed at byte %d of %d, and the ledger verifies", at, len(whole))
		}
	}
	// Another's key.
	if err := os.WriteFile(segments[0], whole, 0o600); err != nil {
		t.Fatal(err)
	}
	other, _, err := ledger.GenerateKey("weir.example/test")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ledger.Verify(copied, ledger.VerifyOptions{Key: other.Verifier()}); err == nil {
		t.Error("the ledger verifies under a key that did not sign it")
	}
}

package console

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/exposure"
)

// visitor is a client with a cookie jar that follows no redirect.
func visitor(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(client.CloseIdleConnections)
	return client
}

// ask sends a request and gives the answer with its body read.
func ask(t *testing.T, client *http.Client, method, url string, form url.Values, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
		} else {
			req.Header.Set(header[i], header[i+1])
		}
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

// enter opens the one-time link and gives the page and its form token.
func enter(t *testing.T, c *Console, client *http.Client) (page, csrf string) {
	t.Helper()
	res, _ := ask(t, client, "GET", c.Link(), nil)
	if res.StatusCode != http.StatusSeeOther {
		t.Fatalf("the link gave %s", res.Status)
	}
	res, page = ask(t, client, "GET", at(c, "/"), nil)
	if res.StatusCode != http.StatusOK {
		t.Fatalf("the page gave %s", res.Status)
	}
	found := regexp.MustCompile(`<meta name="csrf" content="([A-Z2-7]{26})">`).FindStringSubmatch(page)
	if found == nil {
		t.Fatal("the page has no form token")
	}
	return page, found[1]
}

func at(c *Console, path string) string { return "http://" + c.Addr().String() + path }

func TestLinkOpensOnce(t *testing.T) {
	c := start(t, newWorld(), "")
	link := c.Link()
	first, second := visitor(t), visitor(t)

	if res, _ := ask(t, first, "GET", link, nil, "Sec-Purpose", "prefetch"); len(res.Cookies()) != 0 {
		t.Error("a prefetch was let in")
	}
	if res, _ := ask(t, first, "HEAD", link, nil); len(res.Cookies()) != 0 {
		t.Error("a HEAD was let in")
	}
	res, _ := ask(t, first, "GET", link, nil)
	if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/" || len(res.Cookies()) != 1 {
		t.Fatalf("the link gave %s and %d cookies", res.Status, len(res.Cookies()))
	}
	if k := res.Cookies()[0]; !k.HttpOnly || k.SameSite != http.SameSiteStrictMode || k.Path != "/" || k.Domain != "" {
		t.Errorf("the cookie is %v", k)
	}
	if res, body := ask(t, second, "GET", link, nil); res.StatusCode != http.StatusForbidden || !strings.Contains(body, "This link is void") || len(res.Cookies()) != 0 {
		t.Errorf("the link's second use gave %s", res.Status)
	}
	if res, _ := ask(t, first, "GET", at(c, "/"), nil); res.StatusCode != http.StatusOK {
		t.Errorf("the page gave %s", res.Status)
	}
	// A further link is another one.
	if c.Link() == link {
		t.Error("two links are the same")
	}
	enter(t, c, second)
}

// TestLinkFromAnotherSite: the browser sends no strict cookie along a redirect
// that began elsewhere, so that the way in is a page.
func TestLinkFromAnotherSite(t *testing.T) {
	c := start(t, newWorld(), "")
	res, body := ask(t, visitor(t), "GET", c.Link(), nil, "Sec-Fetch-Site", "cross-site")
	if res.StatusCode != http.StatusOK || len(res.Cookies()) != 1 || !strings.Contains(body, `<a href="/">`) {
		t.Errorf("gave %s with %d cookies", res.Status, len(res.Cookies()))
	}
}

func TestDoorkeeper(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoorkeeper(time.Now)
		late, soon := d.link(), d.link()
		time.Sleep(linkLife - time.Second)
		secret, ok := d.enter(soon)
		if !ok {
			t.Fatal("a link was void within its time")
		}
		time.Sleep(time.Second)
		if _, ok := d.enter(late); ok {
			t.Error("a link held after its time")
		}
		if _, ok := d.enter(""); ok {
			t.Error("no token was let in")
		}
		time.Sleep(sessionLife - 2*time.Second)
		if _, ok := d.session(secret); !ok {
			t.Error("a session ended within its time")
		}
		time.Sleep(time.Second)
		if _, ok := d.session(secret); ok {
			t.Error("a session held after its time")
		}

		var links []string
		for range maxLinks + 1 {
			links = append(links, d.link())
			time.Sleep(time.Millisecond)
		}
		if _, ok := d.enter(links[0]); ok {
			t.Error("the oldest of too many links held")
		}
		var secrets []string
		for range maxSessions + 1 {
			secret, ok := d.enter(d.link())
			if !ok {
				t.Fatal("a fresh link was void")
			}
			secrets = append(secrets, secret)
			time.Sleep(time.Millisecond)
		}
		if _, ok := d.session(secrets[0]); ok || len(d.sessions) != maxSessions {
			t.Errorf("%d sessions are open, want %d without the oldest", len(d.sessions), maxSessions)
		}
	})
}

// TestClosedWithoutSession: nothing of the deployment is told to who did not come
// through a link.
func TestClosedWithoutSession(t *testing.T) {
	w := newWorld()
	w.populate()
	c := start(t, w, "")
	for _, r := range []struct {
		method, path string
		want         int
	}{
		{"GET", "/", 401}, {"GET", "/live", 401}, {"GET", "/session", 401}, {"POST", "/lift", 401}, {"POST", "/verify", 401},
		{"GET", "/enter", 403}, {"GET", "/enter?token=AAAAAAAAAAAAAAAAAAAAAAAAAA", 403}, {"GET", "/nothing", 404}, {"POST", "/", 405},
		{"GET", "/assets/weir.css", 200}, {"GET", "/assets/weir.js", 200}, {"GET", "/assets/mark.svg", 200}, {"GET", "/assets/regions.html", 404},
	} {
		res, body := ask(t, visitor(t), r.method, at(c, r.path), nil)
		if res.StatusCode != r.want {
			t.Errorf("%s %s gave %s, want %d", r.method, r.path, res.Status, r.want)
		}
		if strings.Contains(body, "stolen-support") {
			t.Errorf("%s %s tells of the deployment", r.method, r.path)
		}
	}
	res, _ := ask(t, visitor(t), "GET", at(c, "/"), nil, "Cookie", c.cookie+"=AAAAAAAAAAAAAAAAAAAAAAAAAA")
	if res.StatusCode != http.StatusUnauthorized {
		t.Errorf("an invented cookie gave %s", res.Status)
	}
}

func TestHeaders(t *testing.T) {
	c := start(t, newWorld(), "")
	client := visitor(t)
	enter(t, c, client)
	for _, path := range []string{"/", "/assets/weir.css", "/assets/weir.js", "/nothing", "/enter", "/session"} {
		res, _ := ask(t, client, "GET", at(c, path), nil)
		csp := res.Header.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "require-trusted-types-for 'script'"} {
			if !strings.Contains(csp, part) {
				t.Errorf("%s: the Content-Security-Policy lacks %s", path, part)
			}
		}
		if strings.Contains(csp, "unsafe") {
			t.Errorf("%s: the Content-Security-Policy is %s", path, csp)
		}
		for name, want := range map[string]string{
			"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
			"Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			if got := res.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
	}
}

// TestWrongHost: a name that somebody else points at this machine is refused,
// session or not.
func TestWrongHost(t *testing.T) {
	c := start(t, newWorld(), "")
	client := visitor(t)
	enter(t, c, client)
	_, port, _ := strings.Cut(c.Addr().String(), ":")
	for host, want := range map[string]int{
		"rebound.example:" + port: 421, "rebound.example": 421, "127.0.0.1": 421, "127.0.0.1.rebound.example:" + port: 421, "localhost:1": 421,
		"127.0.0.1:" + port: 200, "localhost:" + port: 401, // ours, and a name that this cookie is not for
	} {
		if res, _ := ask(t, client, "GET", at(c, "/"), nil, "Host", host); res.StatusCode != want {
			t.Errorf("Host %s gave %s, want %d", host, res.Status, want)
		}
	}
}

func TestActsNeedTheirPage(t *testing.T) {
	w := newWorld()
	w.populate()
	w.mu.Lock()
	w.alert("id-walking", "stolen-support", "tok-9c41f7a2", "support", time.Hour)
	w.mu.Unlock()
	c := start(t, w, "")
	client := visitor(t)
	_, csrf := enter(t, c, client)
	form := func(csrf, party, reason string) url.Values {
		return url.Values{"csrf": {csrf}, "party": {party}, "reason": {reason}}
	}
	const held, reason = "credential:tok-9c41f7a2", "called the owner back, it was a test"
	for _, r := range []struct {
		name   string
		form   url.Values
		header []string
		want   int
	}{
		{"another origin, as browsers tell it", form(csrf, held, reason), []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"another port of this machine", form(csrf, held, reason), []string{"Sec-Fetch-Site", "same-site"}, 403},
		{"another origin, as older browsers tell it", form(csrf, held, reason), []string{"Origin", "http://evil.example"}, 403},
		{"no form token", form("", held, reason), nil, 403},
		{"a wrong form token", form("AAAAAAAAAAAAAAAAAAAAAAAAAA", held, reason), nil, 403},
		{"no reason", form(csrf, held, " \t "), nil, 400},
		{"a reason of many lines", form(csrf, held, "fine\nby me"), nil, 400},
		{"a reason without end", form(csrf, held, strings.Repeat("a", maxReason+1)), nil, 400},
		{"a form without end", form(csrf, held, strings.Repeat("a", maxForm)), nil, 400},
		{"no such party", form(csrf, "wizard:merlin", reason), nil, 400},
		{"somebody who is not held", form(csrf, "credential:tok-1b7e66d0", reason), nil, 409},
		{"as it should be", form(csrf, held, reason), []string{"Sec-Fetch-Site", "same-origin"}, 204},
		{"twice", form(csrf, held, reason), nil, 409},
	} {
		res, body := ask(t, client, "POST", at(c, "/lift"), r.form, r.header...)
		if res.StatusCode != r.want {
			t.Errorf("%s: %s %s, want %d", r.name, res.Status, body, r.want)
		}
	}
	if want := []string{held + ": " + reason}; !slices.Equal(w.lifted, want) {
		t.Errorf("lifted %q, want %q", w.lifted, want)
	}
	if res, _ := ask(t, client, "POST", at(c, "/verify"), form("", "", "")); res.StatusCode != http.StatusForbidden {
		t.Errorf("a verification without a form token gave %s", res.Status)
	}
	if res, _ := ask(t, client, "POST", at(c, "/verify"), form(csrf, "", "")); res.StatusCode != http.StatusAccepted {
		t.Errorf("a verification gave %s", res.Status)
	}
}

func TestLiftThatIsNotRecorded(t *testing.T) {
	w := newWorld()
	w.holds = []Hold{{Party: weir.Party{Kind: weir.ByCredential, Name: "k1"}, Since: time.Now()}}
	w.liftErr = errors.New("disk full at /var/lib/secret")
	c := start(t, w, "")
	client := visitor(t)
	_, csrf := enter(t, c, client)
	res, body := ask(t, client, "POST", at(c, "/lift"), url.Values{"csrf": {csrf}, "party": {"credential:k1"}, "reason": {"a test"}})
	if res.StatusCode != http.StatusInternalServerError || !strings.Contains(body, "stays in force") || strings.Contains(body, "secret") {
		t.Errorf("gave %s %s", res.Status, body)
	}
}

// TestNothingInline: the page would break under its own policy if it had any
// inline script, style or handler.
func TestNothingInline(t *testing.T) {
	w := newWorld()
	w.populate()
	for i := range 50 {
		w.happen(i)
	}
	c := start(t, w, "")
	page, _ := enter(t, c, visitor(t))
	for _, bad := range []string{`(?i)<style`, `(?i)\sstyle\s*=`, `(?i)\son[a-z]+\s*=`, `(?i)javascript:`, `(?i)<script[^>]*>[^<]`, `https?://`} {
		if found := regexp.MustCompile(bad).FindString(page); found != "" {
			t.Errorf("the page has %q", found)
		}
	}
	if n := strings.Count(page, "<script"); n != 1 {
		t.Errorf("the page has %d scripts, want 1", n)
	}
}

// TestHostileNames: whatever a role, a principal or a route is called, it is text.
func TestHostileNames(t *testing.T) {
	const evil = `<script>alert(1)</script>"'><img src=x onerror=alert(1)>`
	w := newWorld()
	w.populate()
	w.exposure.Policy, w.exposure.Node, w.exposure.Unbounded = evil, evil, []exposure.Open{{Text: evil, Do: evil, Position: evil}}
	w.exposure.Mode = evil
	w.exposure.Rows = append(w.exposure.Rows, Row{Party: weir.Party{Kind: weir.ByCredential, Name: evil}, Who: evil, Role: evil, CouldHour: weir.Unbounded})
	w.holds = []Hold{{Party: weir.Party{Kind: weir.ByPrincipal, Name: evil}, Reason: evil, Since: time.Now(), Until: time.Now()}}
	w.failed = evil
	w.mu.Lock()
	w.alert(evil, evil, evil, evil, time.Hour)
	w.mu.Unlock()
	w.happen(1)
	e := *w.entries[len(w.entries)-1]
	e.Exchange, e.Principal, e.Role, e.Route, e.Purpose, e.Recipient, e.Reason, e.Outcome = exchangeID(9), evil, evil, evil, evil, evil, evil, evil
	e.Actions = append(e.Actions, w.entries[0].Actions...)
	w.append(&e)
	c := start(t, w, "")
	client := visitor(t)
	enter(t, c, client)
	events := listen(t, c, client)
	all := events.until(t, func(seen map[string]string) bool { return strings.Contains(seen["exchanges"], "alert") })
	_, body := ask(t, client, "GET", at(c, "/"), nil)
	for _, name := range regions {
		body += all[name]
	}
	if strings.Contains(body, "<script>") || strings.Contains(body, "<img") || strings.Contains(body, `""`) && strings.Contains(body, "'><") {
		t.Error("a name was taken for markup")
	}
	if !strings.Contains(body, "&lt;script&gt;") {
		t.Error("the names are not shown")
	}
}

// events reads a stream of server-sent events.
type events struct {
	lines *bufio.Scanner
	seen  map[string]string // the newest of each name
}

func listen(t *testing.T, c *Console, client *http.Client) *events {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // rather than hang
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, "GET", at(c, "/live"), nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("the stream is %s of %s", res.Status, res.Header.Get("Content-Type"))
	}
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<20)
	return &events{lines, map[string]string{}}
}

// until reads on until what was seen is enough.
func (e *events) until(t *testing.T, enough func(seen map[string]string) bool) map[string]string {
	t.Helper()
	var name string
	var data []string
	for e.lines.Scan() {
		line := e.lines.Text()
		if s, ok := strings.CutPrefix(line, "event: "); ok {
			name = s
		} else if s, ok := strings.CutPrefix(line, "data: "); ok {
			data = append(data, s)
		} else if line == "" {
			e.seen[name] = strings.Join(data, "\n")
			name, data = "", nil
			if enough(e.seen) {
				return e.seen
			}
		}
	}
	t.Fatalf("the stream ended early: %v", e.lines.Err())
	return nil
}

func TestLive(t *testing.T) {
	w := newWorld()
	c := start(t, w, "")
	client := visitor(t)
	_, csrf := enter(t, c, client)
	live := listen(t, c, client)
	live.until(t, func(seen map[string]string) bool {
		return strings.Contains(seen["exchanges"], "No exchange yet") && strings.Contains(seen["ledger"], "Not verified") && strings.Contains(seen["ledger"], "Self-attested")
	})
	w.populate()
	w.mu.Lock()
	w.alert("id-walking", "stolen-support", "tok-9c41f7a2", "support", time.Hour)
	w.mu.Unlock()
	w.happen(1)
	live.until(t, func(seen map[string]string) bool {
		return strings.Contains(seen["exchanges"], "x-000000") && strings.Contains(seen["parties"], "tok-9c41f7a2") &&
			strings.Contains(seen["alerts"], "id walking") && strings.Contains(seen["holds"], "tok-9c41f7a2")
	})
	w.mu.Lock()
	w.verified = make(chan struct{})
	w.mu.Unlock()
	ask(t, client, "POST", at(c, "/verify"), url.Values{"csrf": {csrf}})
	ask(t, client, "POST", at(c, "/verify"), url.Values{"csrf": {csrf}}) // one is enough
	live.until(t, func(seen map[string]string) bool { return strings.Contains(seen["ledger"], `value="`) })
	close(w.verified)
	live.until(t, func(seen map[string]string) bool { return strings.Contains(seen["ledger"], "It holds.") })
}

// TestEnoughBrowsers: one more than there may be is told so, and has its place
// once another has gone.
func TestEnoughBrowsers(t *testing.T) {
	c := start(t, newWorld(), "")
	client := visitor(t)
	enter(t, c, client)
	streams := make([]*http.Response, maxClients)
	for i := range streams {
		res, err := client.Get(at(c, "/live"))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		streams[i] = res
	}
	if res, _ := ask(t, client, "GET", at(c, "/live"), nil); res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
		t.Errorf("one more gave %s", res.Status)
	}
	streams[0].Body.Close()
	for status := 0; status != http.StatusOK; {
		res, err := client.Get(at(c, "/live"))
		if err != nil {
			t.Fatal(err)
		}
		status = res.StatusCode
		res.Body.Close()
	}
}

func TestLoopbackOnly(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", ":0", "192.0.2.1:0", "console.example:0", "[::]:0", "nonsense"} {
		c, err := New(Config{Source: newWorld(), Listen: address})
		if err == nil {
			c.listener.Close()
			t.Errorf("%s was taken", address)
		} else if !errors.Is(err, ErrNotLoopback) && address != "nonsense" {
			t.Errorf("%s: %v, want %v", address, err, ErrNotLoopback)
		}
	}
	c, err := New(Config{Source: newWorld(), Listen: "localhost:0"})
	if err != nil {
		t.Fatal(err)
	}
	c.listener.Close()
}

// TestVerifiesByItself: at the start, without being asked.
func TestVerifiesByItself(t *testing.T) {
	w := newWorld()
	c, err := New(Config{Source: w, VerifyEvery: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	for verified := false; !verified; time.Sleep(time.Millisecond) {
		c.mu.Lock()
		verified = !c.check.at.IsZero()
		c.mu.Unlock()
		if t.Context().Err() != nil {
			t.Fatal("the test ends and nothing was verified")
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/getweir/weir/identity"
	"github.com/getweir/weir/internal/people"
)

type benchGatewayCommand struct {
	JSON     bool          `name:"json" help:"Print as JSON."`
	Clients  int           `default:"16" help:"Connections that ask at once."`
	Duration time.Duration `default:"2s" help:"How long each body is asked for, in each round."`
	Rounds   int           `default:"3" help:"Rounds, in each of which all proxies take turns; the median counts."`
}

func (benchGatewayCommand) Help() string {
	return `A service on loopback answers JSON bodies of 4 and 64 KiB, one kind without and one with personal data (a list of customers, their e-mail addresses and phone numbers masked). The same load is sent through a plain Go reverse proxy, through Weir with its real ledger, subject directory and policy, and through nginx where it is installed. Load, service and proxy share this machine's cores. Each proxy is a process of its own, so that its processor time can be told.

Example:
  weir bench gateway --json`
}

// benchPolicy gives a service what the benchmark asks for: no bound is reached,
// but every customer is charged.
const benchPolicy = `
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
  service: {basis: contract}
roles:
  service:
    purposes: [service]
    see: {"*": mask}
    take:
      clear: {30 days: 1000000}
      masked: {30 days: 1000000}
deployment:
  take:
    clear: {30 days: 1000000}
    masked: {30 days: 1000000}
routes:
  - {route: "GET /personal/{size}", name: customers, subject: "customer $.data.items[*].id"}
`

// proxied is one proxy under measurement.
type proxied struct {
	name string
	url  string
	pids []int
}

// load is what one run of requests showed.
type load struct {
	perSecond, p50, p99, cpu float64 // requests/s, µs, µs, µs of the proxy's processor time a request
}

func (c *benchGatewayCommand) Run(s *streams) (err error) {
	dir, err := os.MkdirTemp("", "weir-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	upstream, stop, err := benchUpstream()
	if err != nil {
		return err
	}
	defer stop()
	proxies, key, end, err := startProxies(s, dir, upstream)
	defer func() { err = errors.Join(err, end()) }()
	if err != nil {
		return err
	}
	var all []measurement
	for _, name := range []string{"clean/4KiB", "clean/64KiB", "personal/4KiB", "personal/64KiB"} {
		loads := map[string][]load{}
		for round := range c.Rounds + 1 { // the first warms up
			for _, p := range proxies {
				if s.ctx.Err() != nil {
					return s.ctx.Err()
				}
				fmt.Fprintf(s.err, "\r\033[K%s: round %d of %d, %s", name, round, c.Rounds, p.name)
				l, err := c.drive(s.ctx, p, "/"+name, key)
				if err != nil {
					return fmt.Errorf("%s through %s: %w", name, p.name, err)
				}
				if round > 0 {
					loads[p.name] = append(loads[p.name], l)
				}
			}
		}
		fmt.Fprint(s.err, "\r\033[K")
		base := loads["plain-proxy"]
		for _, p := range proxies {
			suffix, against := "", "plain-proxy"
			if p.name != "weir" {
				suffix = "/" + p.name
			}
			if p.name == "plain-proxy" {
				against = ""
			}
			for _, m := range []struct {
				name, unit string
				of         func(load) float64
			}{
				{"", "requests/s", func(l load) float64 { return l.perSecond }},
				{"/p50", "µs", func(l load) float64 { return l.p50 }},
				{"/p99", "µs", func(l load) float64 { return l.p99 }},
				{"/cpu", "µs/request", func(l load) float64 { return l.cpu }},
			} {
				value, reference := medianOf(loads[p.name], m.of), medianOf(base, m.of)
				out := measurement{Name: name + suffix + m.name, Value: value, Unit: m.unit, Against: against}
				if against != "" && reference > 0 {
					out.Ratio = value / reference
				}
				all = append(all, out)
			}
		}
	}
	return printMeasurements(s, c.JSON, all)
}

// drive sends requests for a while from all connections and measures them.
func (c *benchGatewayCommand) drive(ctx context.Context, p proxied, path, key string) (load, error) {
	transport := &http.Transport{MaxIdleConnsPerHost: c.Clients, DisableCompression: true, ReadBufferSize: 64 << 10}
	defer transport.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(ctx, c.Duration+30*time.Second)
	defer cancel()
	before := cpuTime(p.pids)
	began := time.Now()
	end := began.Add(c.Duration)
	times := make([][]time.Duration, c.Clients)
	errs := make([]error, c.Clients)
	var wg sync.WaitGroup
	for i := range c.Clients {
		wg.Go(func() {
			buf := make([]byte, 64<<10)
			for time.Now().Before(end) {
				sent := time.Now()
				if err := ask(ctx, transport, p.url+path, key, buf); err != nil {
					errs[i] = err
					return
				}
				times[i] = append(times[i], time.Since(sent))
			}
		})
	}
	wg.Wait()
	spent := time.Since(began)
	used := cpuTime(p.pids) - before
	if err := errors.Join(errs...); err != nil {
		return load{}, err
	}
	all := slices.Concat(times...)
	if len(all) == 0 {
		return load{}, errors.New("no request finished in time")
	}
	slices.Sort(all)
	us := func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
	return load{
		perSecond: float64(len(all)) / spent.Seconds(),
		p50:       us(all[len(all)/2]), p99: us(all[len(all)*99/100]),
		cpu: us(used) / float64(len(all)),
	}, nil
}

func ask(ctx context.Context, transport *http.Transport, target, key string, buf []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return err
	}
	req.Header.Set("X-API-Key", key)
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	for {
		if _, err = resp.Body.Read(buf); err != nil {
			break
		}
	}
	if err != io.EOF {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	return nil
}

// startProxies starts the proxies that are measured. end stops them.
func startProxies(s *streams, dir, upstream string) (all []proxied, key string, end func() error, err error) {
	var running []*exec.Cmd
	end = func() error {
		for _, c := range running {
			_ = c.Process.Signal(syscall.SIGTERM)
		}
		for _, c := range running {
			_ = c.Wait() // a proxy that is told to end may say so by its exit code
		}
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return nil, "", end, err
	}
	start := func(name, url string, args ...string) error {
		cmd := exec.CommandContext(context.WithoutCancel(s.ctx), args[0], args[1:]...)
		log, err := os.Create(filepath.Join(dir, name+".log"))
		if err != nil {
			return err
		}
		defer log.Close()
		cmd.Stdout, cmd.Stderr = log, log
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C ends them through end, in order
		if err := cmd.Start(); err != nil {
			return err
		}
		running = append(running, cmd)
		if err := waitFor(s.ctx, url); err != nil {
			text, _ := os.ReadFile(log.Name())
			return fmt.Errorf("%s did not start: %w\n%s", name, err, text)
		}
		all = append(all, proxied{name, url, family(cmd.Process.Pid)})
		return nil
	}
	addrs, err := freeAddresses(3)
	if err != nil {
		return nil, "", end, err
	}
	if err := start("plain-proxy", "http://"+addrs[0], self, "bench", "proxy", "--listen", addrs[0], "--upstream", upstream); err != nil {
		return all, "", end, err
	}
	key, hash := identity.NewKey()
	config := fmt.Sprintf("version: 1\nlisten: %s\nupstream: %s\npolicy: policy.yaml\nstate: state\nnode: bench\nidentity:\n  keys: [{name: bench, role: service, hashes: [%q]}]\n", addrs[1], upstream, hash)
	if err := errors.Join(
		os.WriteFile(filepath.Join(dir, "weir.yaml"), []byte(config), 0o600),
		os.WriteFile(filepath.Join(dir, "policy.yaml"), []byte(benchPolicy), 0o600),
		createState(filepath.Join(dir, "state"), "bench"),
	); err != nil {
		return all, key, end, err
	}
	if err := start("weir", "http://"+addrs[1], self, "serve", "--config", filepath.Join(dir, "weir.yaml")); err != nil {
		return all, key, end, err
	}
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		fmt.Fprintln(s.err, "nginx is not installed, so it is not measured.")
		return all, key, end, nil
	}
	conf := filepath.Join(dir, "nginx.conf")
	text := fmt.Sprintf(`daemon off; worker_processes 1; pid %[1]s/nginx.pid; error_log %[1]s/nginx.err;
events { worker_connections 512; }
http { access_log off; proxy_temp_path %[1]s/t1; client_body_temp_path %[1]s/t2; fastcgi_temp_path %[1]s/t3; uwsgi_temp_path %[1]s/t4; scgi_temp_path %[1]s/t5;
  upstream up { server %[2]s; keepalive 64; }
  server { listen %[3]s; location / { proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffers 16 16k; } } }
`, dir, strings.TrimPrefix(upstream, "http://"), addrs[2])
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return all, key, end, err
	}
	return all, key, end, start("nginx", "http://"+addrs[2], nginx, "-c", conf, "-p", dir, "-e", filepath.Join(dir, "nginx.err"))
}

// waitFor waits until a server on loopback takes connections.
func waitFor(ctx context.Context, target string) error {
	u, err := url.Parse(target)
	if err != nil {
		return err
	}
	for range 200 {
		conn, err := net.DialTimeout("tcp", u.Host, time.Second)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return errors.New("nothing listens there after 10 s")
}

func freeAddresses(n int) (addrs []string, err error) {
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		addrs = append(addrs, l.Addr().String())
	}
	return addrs, nil
}

// family gives a process and its children (nginx works in one).
func family(pid int) []int {
	pids := []int{pid}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return pids
	}
	for _, field := range strings.Fields(string(text)) {
		if child, err := strconv.Atoi(field); err == nil {
			pids = append(pids, child)
		}
	}
	return pids
}

// cpuTime gives the processor time that processes have used, from proc(5): fields
// utime and stime of stat, in ticks of which Linux shows 100 a second. Zero where
// there is no /proc.
func cpuTime(pids []int) (d time.Duration) {
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(text), ") ") // the name before may hold spaces
		fields := strings.Fields(rest)
		if len(fields) < 13 {
			continue
		}
		utime, _ := strconv.ParseInt(fields[11], 10, 64)
		stime, _ := strconv.ParseInt(fields[12], 10, 64)
		d += time.Duration(utime+stime) * 10 * time.Millisecond
	}
	return d
}

// benchUpstream serves the bodies that are measured with.
func benchUpstream() (target string, stop func(), err error) {
	bodies := map[string][]byte{}
	for name, size := range map[string]int{"4KiB": 4 << 10, "64KiB": 64 << 10} {
		bodies["/clean/"+name] = cleanBody(size)
		bodies["/personal/"+name] = personalBody(size)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, ok := bodies[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body)
	})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(l)
	}()
	return "http://" + l.Addr().String(), func() { _ = srv.Close(); <-done }, nil
}

// cleanBody is a catalogue of about size bytes: nothing personal, and much that
// looks like it.
func cleanBody(size int) []byte {
	catalogue := people.New(1, 1).Catalogue
	return fill(size, func(i int) any {
		if i%2 == 0 {
			return catalogue.Products[i/2%len(catalogue.Products)]
		}
		return catalogue.Titles[i/2%len(catalogue.Titles)]
	})
}

// personalBody is a list of about size bytes of different customers, some 500
// bytes each.
func personalBody(size int) []byte {
	customers := people.New(1, size/400).Customers
	return fill(size, func(i int) any {
		c := &customers[i%len(customers)]
		return map[string]any{
			"id": c.ID, "full_name": c.Name(), "email": c.Email, "phone": c.Phone, "birth_date": c.Born, "plan": c.Plan,
			"address":    map[string]string{"line1": c.Address.Street, "city": c.Address.City, "postcode": c.Address.Postcode, "country": c.Country},
			"created_at": c.Joined, "status": "active", "newsletter": i%2 == 0, "locale": "en-" + c.Country,
			"avatar":      fmt.Sprintf("https://cdn.example.com/a/%08x%08x.webp", i*2654435761, i*40503),
			"preferences": map[string]any{"subtitles": true, "autoplay": i%3 == 0, "quality": "high", "theme": "dark", "rails": []string{"new", "continue", "because-you-watched"}},
		}
	})
}

func fill(size int, item func(i int) any) []byte {
	body := []byte(`{"data": {"items": [`)
	for i := 0; ; i++ {
		one, _ := json.Marshal(item(i)) // plain values always encode
		if len(body)+len(one)+40 > size {
			return append(body, fmt.Sprintf(`]}, "count": %d}`, i)...)
		}
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, one...)
	}
}

// benchProxyCommand is the Go reverse proxy that does nothing but pass on.
type benchProxyCommand struct {
	Listen   string `required:""`
	Upstream string `required:""`
}

func (c *benchProxyCommand) Run(s *streams) error {
	target, err := url.Parse(c.Upstream)
	if err != nil {
		return usageError{err}
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target); r.SetXForwarded() },
		Transport: &http.Transport{
			MaxIdleConnsPerHost: 256, DisableCompression: true, ReadBufferSize: 64 << 10, WriteBufferSize: 64 << 10,
		},
		BufferPool: &copyBuffers{},
	}
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: proxy, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(s.ctx, func() { _ = srv.Close() })
	defer stop()
	w := bufio.NewWriter(s.out)
	fmt.Fprintln(w, "plain proxy at", l.Addr())
	_ = w.Flush()
	return served(srv.Serve(l))
}

// copyBuffers keeps the proxy's copy buffers.
type copyBuffers struct{ pool sync.Pool }

func (b *copyBuffers) Get() []byte {
	if p, ok := b.pool.Get().(*[]byte); ok {
		return *p
	}
	return make([]byte, 32<<10)
}

func (b *copyBuffers) Put(p []byte) { b.pool.Put(&p) }

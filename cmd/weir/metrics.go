package main

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/getweir/weir"
	"github.com/getweir/weir/exposure"
	"github.com/getweir/weir/guard"
	"github.com/getweir/weir/ledger"
)

// metrics are the server's figures in the text format of Prometheus (Exposition
// formats, 0.0.4), at /metrics of a listener of their own. Their labels are words of
// this program: no principal, route or customer is among them, so that there are no
// more of them however much comes.
type metrics struct {
	registry *prometheus.Registry
	listen   net.Listener // nil: none is configured
	log      *slog.Logger

	exchanges *prometheus.CounterVec
	denials   *prometheus.CounterVec
	customers *prometheus.CounterVec
	findings  *prometheus.CounterVec
	bytes     *prometheus.CounterVec
	append    prometheus.Histogram
}

// Words that stand in for what is not one of the program's own.
const otherLabel = "other"

var errNoMetrics = errors.New("only GET /metrics is answered here")

func newMetrics(address string, log *slog.Logger) (*metrics, error) {
	m := &metrics{registry: prometheus.NewRegistry(), log: log}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "weir", Name: name, Help: help}, labels)
		m.registry.MustRegister(v)
		return v
	}
	m.exchanges = counter("exchanges_total", "Admitted exchanges that have ended: complete, stopped by the guard, or broken (the client left, the service failed).", "outcome")
	m.denials = counter("denials_total", "Requests, or rests of answers, that were refused.", "reason")
	m.customers = counter("released_customers_total", "Customers in released batches; one in two batches counts twice.", "lane")
	m.findings = counter("findings_total", "Personal data found, by what was done about it.", "action")
	m.bytes = counter("answer_bytes_total", "Bytes of answers, inspected or passed unread.", "read")
	m.append = prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "weir", Name: "ledger_append_seconds", Help: "How long a release waited for its entry to be durable.",
		Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}})
	m.registry.MustRegister(m.append, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if address == "" {
		return m, nil
	}
	var err error
	m.listen, err = net.Listen("tcp", address)
	return m, err
}

// run answers until ctx ends.
func (m *metrics) run(ctx context.Context) error {
	if m.listen == nil {
		return nil
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second}))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, errNoMetrics.Error(), http.StatusNotFound) })
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute,
		MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(m.log.Handler(), slog.LevelDebug)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		<-ctx.Done()
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if server.Shutdown(late) != nil {
			server.Close()
		}
	}()
	err := served(server.Serve(m.listen))
	if err == nil {
		<-done
	}
	return err
}

func (m *metrics) close() error {
	if m == nil || m.listen == nil {
		return nil
	}
	return m.listen.Close()
}

// watch adds the gauges that are read from a server.
func (m *metrics) watch(s *server) {
	gauge := func(name, help string, read func() float64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "weir", Name: name, Help: help}, read))
	}
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "weir", Name: "withheld_segments_total", Help: "Records, rows, lines and pages that were withheld whole."},
		func() float64 { return float64(s.guard.Withheld()) }))
	gauge("holds", "Parties that are held now.", func() float64 { return float64(len(s.guard.Holds())) })
	gauge("ledger_entries", "Durable entries of the ledger.", func() float64 { return float64(s.state.ledger.Status().Entries) })
	gauge("ledger_stopped", "1: the ledger takes nothing any more, and nothing is released.", func() float64 {
		if s.state.ledger.Status().Err != nil {
			return 1
		}
		return 0
	})
	gauge("ledger_unwitnessed_entries", "Entries that not enough witnesses have signed; all of them where none are named.", func() float64 {
		st := s.state.ledger.Status()
		if !st.Witnessed.Holds() {
			return float64(st.Entries)
		}
		return float64(st.Entries - st.Witnessed.Checkpoint.Size)
	})
	m.registry.MustRegister(&exposureGauge{
		server: s,
		could: prometheus.NewDesc("weir_exposure_customers", "The most different customers whose data could leave in clear if a credential were stolen now; +Inf: nothing bounds it.",
			[]string{"scope", "window"}, nil),
		open: prometheus.NewDesc("weir_exposure_unbounded", "How many things of a kind no budget bounds; weir exposure lists them.", []string{"kind"}, nil),
	})
}

// exposureGauge reads the exposure when it is asked for, and not more often than the
// console does.
type exposureGauge struct {
	server      *server
	could, open *prometheus.Desc

	mu sync.Mutex
	x  guard.Exposure
	at time.Time
}

// Describe and Collect make it a prometheus.Collector.
func (g *exposureGauge) Describe(c chan<- *prometheus.Desc) { c <- g.could; c <- g.open }

// Collect gives the worst single credential, and the deployment.
func (g *exposureGauge) Collect(c chan<- prometheus.Metric) {
	g.mu.Lock()
	if time.Since(g.at) > coveringFresh {
		g.x, g.at = g.server.guard.Exposure(), time.Now()
	}
	x := g.x
	g.mu.Unlock()
	one := [weir.NumWindows]int{}
	for _, r := range x.Rows {
		could := [weir.NumWindows]int{r.CouldHour, r.CouldDay, r.CouldMonth}
		switch r.Party.Kind {
		case weir.ByCredential, weir.ByPrincipal:
			for w, n := range could {
				if n == weir.Unbounded || one[w] != weir.Unbounded && n > one[w] {
					one[w] = n
				}
			}
		case weir.ByDeployment:
			g.say(c, "deployment", could)
		}
	}
	g.say(c, "credential", one)
	kinds := map[exposure.Kind]int{}
	for _, o := range g.server.covering.unbounded(g.server) {
		kinds[o.Kind]++
	}
	for kind, n := range kinds {
		c <- prometheus.MustNewConstMetric(g.open, prometheus.GaugeValue, float64(n), string(kind))
	}
}

func (g *exposureGauge) say(c chan<- prometheus.Metric, scope string, could [weir.NumWindows]int) {
	for w, n := range could {
		v := float64(n)
		if n == weir.Unbounded {
			v = math.Inf(1)
		}
		c <- prometheus.MustNewConstMetric(g.could, prometheus.GaugeValue, v, scope, weir.Window(w).String())
	}
}

// count takes over entries that were recorded.
func (m *metrics) count(entries []*ledger.Entry) {
	for _, e := range entries {
		switch e.Kind {
		case ledger.Close:
			outcome := "complete"
			if e.Outcome == "stopped" {
				outcome = "stopped"
			} else if e.Outcome != "" {
				outcome = "broken"
			}
			m.exchanges.WithLabelValues(outcome).Inc()
			m.bytes.WithLabelValues("yes").Add(float64(e.Read))
			m.bytes.WithLabelValues("no").Add(float64(e.Unread))
		case ledger.Summary:
			m.exchanges.WithLabelValues("complete").Add(float64(e.N))
			m.bytes.WithLabelValues("yes").Add(float64(e.Read))
		case ledger.Denied:
			reason := string(e.Reason)
			if !slices.Contains(reasons, e.Reason) {
				reason = otherLabel
			}
			m.denials.WithLabelValues(reason).Add(float64(max(1, e.N)))
		case ledger.Release:
			lanes := [weir.NumLanes]int{}
			for _, t := range e.Subjects {
				for lane := range weir.NumLanes {
					if t.Lanes.Has(lane) {
						lanes[lane]++
					}
				}
			}
			for lane, n := range lanes {
				if n > 0 {
					m.customers.WithLabelValues(weir.Lane(lane).String()).Add(float64(n))
				}
			}
			for _, a := range e.Actions {
				m.findings.WithLabelValues(a.Action.String()).Add(float64(a.N))
			}
		}
	}
}

// reasons are all of the program's.
var reasons = []weir.Reason{weir.ReasonCredential, weir.ReasonRole, weir.ReasonPurpose, weir.ReasonBlocked, weir.ReasonNotOwn, weir.ReasonBudget, weir.ReasonHold,
	weir.ReasonUnreadable, weir.ReasonRequest, weir.ReasonRecord, weir.ReasonStore, weir.ReasonUpstream, weir.ReasonInternal}

// metered is the guard's ledger, with what passes counted.
type metered struct {
	guard.Ledger
	metrics *metrics
}

func (l metered) Append(ctx context.Context, entries ...*ledger.Entry) (ledger.Receipt, error) {
	began := time.Now()
	r, err := l.Ledger.Append(ctx, entries...)
	if err == nil {
		l.metrics.append.Observe(time.Since(began).Seconds())
		l.metrics.count(entries)
	}
	return r, err
}

func (l metered) Send(ctx context.Context, entries ...*ledger.Entry) error {
	err := l.Ledger.Send(ctx, entries...)
	if err == nil {
		l.metrics.count(entries)
	}
	return err
}

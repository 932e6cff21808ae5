package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// TestMetrics: a server's figures are what a client received, and name nobody.
func TestMetrics(t *testing.T) {
	back := httptest.NewServer(weakService())
	defer back.Close()
	s := newSite(t, back.URL, killPolicy)
	addrs, err := freeAddresses(1)
	if err != nil {
		t.Fatal(err)
	}
	s.configure(t, "metrics: "+addrs[0]+"\n")
	end := s.start(t)
	read := func() string {
		resp, err := http.Get("http://" + addrs[0] + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatal(resp.Status, err)
		}
		return string(b)
	}
	has := func(text string, lines ...string) {
		t.Helper()
		for _, l := range lines {
			if !strings.Contains(text, "\n"+l+"\n") {
				t.Errorf("no %q in\n%s", l, text)
			}
		}
	}
	has(read(), `weir_exposure_customers{scope="credential",window="hour"} 60`, `weir_exposure_customers{scope="deployment",window="day"} 1000`,
		`weir_exposure_unbounded{kind="host"} 1`, "weir_ledger_stopped 0", "weir_holds 0", "weir_withheld_segments_total 0")
	for _, path := range []string{"/c/c-1", "/c/c-2", "/c/c-3"} {
		s.get(t.Context(), path)
	}
	eventually(t, "three exchanges are counted", func() bool { return strings.Contains(read(), `weir_exchanges_total{outcome="complete"} 3`) })
	text := read()
	has(text, `weir_released_customers_total{lane="clear"} 3`)
	if !regexp.MustCompile(`\nweir_ledger_append_seconds_count ([3-9]|\d\d)\n`).MatchString(text) { // a release each, and what the guard notes for itself
		t.Errorf("no three appends in\n%s", text)
	}
	for _, l := range strings.Split(text, "\n") {
		if m := regexp.MustCompile(`(thief|support|key:|person\d|c-\d|customer")`).FindString(l); m != "" {
			t.Errorf("%q in %s", m, l)
		}
	}
	if resp, err := http.Get("http://" + addrs[0] + "/debug/pprof/"); err != nil || resp.StatusCode != http.StatusNotFound {
		t.Error(resp, err)
	}
	end(syscall.SIGTERM)

	// Nothing bounds what is only observed.
	cmd := program(t.Context(), t, "serve", "--observe", "--config", s.dir+"/weir.yaml")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := waitFor(t.Context(), s.url); err != nil {
		t.Fatal(err)
	}
	has(read(), `weir_exposure_customers{scope="credential",window="hour"} +Inf`, `weir_exposure_unbounded{kind="not-enforced"} 1`)
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

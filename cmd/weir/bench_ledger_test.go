package main

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
)

// TestBenchLedger runs the benchmark for moments: what it measures is there, and
// it leaves nothing behind.
func TestBenchLedger(t *testing.T) {
	dir := t.TempDir()
	var out, errs bytes.Buffer
	cmd := program(t.Context(), t, "bench", "ledger", "--json", "--dir", dir, "--rounds", "1", "--duration", "20ms", "--entries", "5000")
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, errs.String())
	}
	var all []measurement
	if err := json.Unmarshal(out.Bytes(), &all); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	got := map[string]measurement{}
	for _, m := range all {
		if _, twice := got[m.Name]; twice {
			t.Errorf("%s comes twice", m.Name)
		}
		got[m.Name] = m
	}
	for _, name := range []string{"append/1", "append/64", "append/1000", "append/64/130subjects"} {
		for _, what := range []string{"", "/p50", "/p99"} {
			if m := got[name+what]; m.Value <= 0 || m.Against != "group-commit" || m.Ratio <= 0 {
				t.Errorf("%s%s: %+v", name, what, m)
			}
		}
	}
	for name, unit := range map[string]string{"verify": "entries/s", "open": "s", "prove": "µs", "fill": "entries/s"} {
		if m := got[name]; m.Value <= 0 || m.Unit != unit {
			t.Errorf("%s: %+v", name, m)
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Error("it left", left, err)
	}
}

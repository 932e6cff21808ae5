package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestBlocksOf puts the blocks of a file together again.
func TestBlocksOf(t *testing.T) {
	record := `{"id":1,"title":"The Sea"}`
	for name, body := range map[string]string{
		"a.ndjson": strings.Repeat(record+"\n", 8000),
		"a.log":    strings.Repeat("x", 100_000) + "\n" + strings.Repeat("short\n", 20_000) + "end",
		"a.json":   `{"data":[` + strings.Repeat(record+",", 9000) + record + "]}",
		"a.html":   "<p>one",
	} {
		segments, err := blocksOf(name, []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, s := range segments {
			n += len(s.Body)
		}
		if n > len(body) || n < len(body)*9/10 {
			t.Errorf("%s: %d bytes of %d", name, n, len(body))
		}
	}
}

// TestBenchInspect runs the command for a moment and reads its figures.
func TestBenchInspect(t *testing.T) {
	path := filepath.Join(t.TempDir(), "titles.ndjson")
	if err := os.WriteFile(path, []byte(strings.Repeat(`{"id":1,"title":"The Sea","mail":"ada@example.com"}`+"\n", 5000)), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := program(t.Context(), t, "bench", "inspect", "--json", "--for", "150ms", path)
	cmd.Stderr = os.Stderr
	printed, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	out := string(printed)
	for _, want := range []string{`"name": "titles.ndjson"`, `"unit": "GB/s"`, `"unit": "of the time"`} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s in %s", want, out)
		}
	}
}

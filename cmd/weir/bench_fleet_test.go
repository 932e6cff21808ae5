package main

import (
	"testing"
	"time"

	"github.com/getweir/weir/internal/pgtest"
)

// TestBenchFleet measures for a moment, on a real PostgreSQL.
func TestBenchFleet(t *testing.T) {
	server, err := pgtest.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	url, err := server.Database()
	if err != nil {
		t.Fatal(err)
	}
	all, err := benchFleet(t.Context(), url, 100*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		if m.Value <= 0 || m.Unit != "µs" {
			t.Errorf("%+v", m)
		}
		t.Logf("%s %.1f %s", m.Name, m.Value, m.Unit)
	}
	if len(all) != 4 {
		t.Errorf("%d figures", len(all))
	}
}

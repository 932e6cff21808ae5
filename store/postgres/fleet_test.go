package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/getweir/weir/store/storetest"
)

// pass makes everything in a database older.
func pass(t *testing.T, url string, d time.Duration) {
	t.Helper()
	us := d.Microseconds()
	if err := server.SQL(database(url), fmt.Sprintf(`UPDATE weir.taken SET at = at - %[1]d; UPDATE weir.counts SET edge = edge - %[1]d;
		UPDATE weir.leases SET ends = ends - %[1]d; UPDATE weir.nodes SET seen = seen - %[1]d`, us)); err != nil {
		t.Fatal(err)
	}
}

func TestFleet(t *testing.T) {
	d := databases{again: true}
	storetest.FleetStore(t, func(t *testing.T) storetest.Deployment {
		url := d.empty(t)
		s := open(t, config(url))
		t.Cleanup(func() { s.Close() })
		return storetest.Deployment{Store: s, Pass: func(by time.Duration) { pass(t, url, by) }}
	})
}

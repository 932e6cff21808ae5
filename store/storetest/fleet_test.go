package storetest_test

import (
	"testing"
	"time"

	"github.com/getweir/weir/store/storetest"
)

func TestFleetInMemory(t *testing.T) {
	storetest.FleetStore(t, func(*testing.T) storetest.Deployment {
		now := time.Now()
		m := storetest.NewFleet(func() time.Time { return now })
		return storetest.Deployment{Store: m.Link(), Pass: func(d time.Duration) { now = now.Add(d) }}
	})
}

package postgres

import (
	"context"
	"fmt"
	"time"
)

// Clock gives the server's time, and how long the answer took: it was read at some
// moment within that.
func (s *Store) Clock(ctx context.Context) (at time.Time, took time.Duration, err error) {
	began := time.Now()
	if err := s.pool.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&at); err != nil {
		return time.Time{}, 0, fmt.Errorf("ask store for its time: %w", err)
	}
	return at, time.Since(began), nil
}

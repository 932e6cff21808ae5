package index

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/ledger"
)

// Whatever stands in a page is read as something or refused, and never more than
// it has room for.
func FuzzPages(f *testing.F) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	f.Add(page([]*visit{{
		visitKey: visitKey{exchange: weir.ExchangeID{1}, who: 65, where: 2}, started: true, closed: true, close: 7, closeAt: at.UnixNano() + 1e9, outcome: 1, unread: 9,
		batches: []batch{{index: 3, at: at.UnixNano(), kind: ledger.Release, set: 4, to: 1}, {index: 5, at: at.UnixNano(), kind: ledger.Denied, reason: 1, n: 2, from: 1, to: 1}},
		sights:  []Sight{{5, 1}},
	}, {visitKey: visitKey{exchange: weir.ExchangeID{2}, who: 1, where: 1}}}, 0, at.UnixNano()))
	f.Add(sightsPage([]sighting{{1, 2}, {257, 1}, {513, 9}}))
	f.Add(rollPage(1, []weir.Subject{{1}, {2}}))
	f.Add(timesPage(at, at))
	f.Add(encodeWho(&Who{Credential: "k", Principal: "ann", Act: []string{"a", "b"}}))
	f.Add(encodeWhere(&Where{Door: "inbound", Purpose: "support"}))
	f.Add(encodeTreated([]Treated{{"contact.email", weir.Mask}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		format := func(err error) {
			if err != nil && !errors.Is(err, ErrFormat) {
				t.Error(err)
			}
		}
		var r pageReader
		r.reset(b, 1, 0)
		seen := 0
		for {
			v, err := r.next(nil)
			format(err)
			if v == nil || err != nil {
				break
			}
			seen += len(v.batches) + len(v.sights)
		}
		if seen > len(b) {
			t.Errorf("%d things from %d bytes", seen, len(b))
		}
		_, err := whoSaw(b, 1)
		format(err)
		format(readRoll(b, func(uint32, weir.Subject) {}))
		_, _, err = readTimes(b)
		format(err)
		if w, err := decodeWho(b); err == nil {
			again, err := decodeWho(encodeWho(w))
			if err != nil || !bytes.Equal(encodeWho(again), encodeWho(w)) {
				t.Errorf("%+v is read back as %+v: %v", w, again, err)
			}
		} else {
			format(err)
		}
		_, err = decodeWhere(b)
		format(err)
		_, err = decodeTreated(b)
		format(err)
	})
}

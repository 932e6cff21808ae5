package ledger

import (
	"context"
	"testing"

	"github.com/getweir/weir"
)

// testKey is one key for all tests of a run.
func testKey(t testing.TB) Key {
	t.Helper()
	k, _, err := GenerateKey("ledger.example.com/node-1")
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// run runs l until the test's end or the call of the function that it gives,
// which waits for the end and gives Run's error.
func run(t testing.TB, l *Log) (end func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	var err error
	ended := false
	end = func() error {
		if !ended {
			ended = true
			cancel()
			err = <-done
		}
		return err
	}
	t.Cleanup(func() { end() })
	return end
}

func entry(i int) *Entry {
	return &Entry{
		Kind: Release, Principal: "support-7", PrincipalKind: weir.Staff, Role: "support",
		Door: "inbound", Route: "customer", Purpose: "support",
		Actions:  []Count{{Class: "contact.email", Action: weir.Mask, N: i}},
		Subjects: []Taken{{Subject: weir.Subject{byte(i), byte(i >> 8), 1}, Lanes: weir.Lanes(0).With(weir.Masked)}},
		Read:     int64(i) + 1,
	}
}

func TestAppendedIsReadAfterReopening(t *testing.T) {
	dir := t.TempDir()
	o := Options{Key: testKey(t), Node: "node-1", SegmentBytes: 1000}
	l, err := Create(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	end := run(t, l)
	for i := range 50 {
		r, err := l.Append(t.Context(), entry(2*i), entry(2*i+1))
		if err != nil || r.Index() != int64(2*i) || r.N() != 2 || !r.Valid() {
			t.Fatal(i, r, err)
		}
	}
	if err := end(); err != nil {
		t.Fatal(err)
	}
	if l, err = Open(dir, o); err != nil {
		t.Fatal(err)
	}
	if s := l.Status(); s.Entries != 100 || s.Checkpoint.Size != 100 || s.Segments < 3 || l.Repaired() != 0 {
		t.Fatalf("%+v", s)
	}
	n := 0
	see := func(i int64, e *Entry) error {
		if int(i) != n || e.Actions[0].N != n || e.Node != "node-1" || e.Salt == [16]byte{} {
			t.Fatalf("entry %d: %+v", i, e)
		}
		n++
		return nil
	}
	if err := l.Replay(0, see); err != nil || n != 100 {
		t.Fatal(n, err)
	}
	n = 37
	if err := Read(dir, 37, see); err != nil || n != 100 {
		t.Fatal(n, err)
	}
	v, err := Verify(dir, VerifyOptions{Key: o.Key.Verifier()})
	if err != nil || v.Entries != 100 || v.Signed.Size != 100 || v.Checkpoints == 0 || !v.SelfAttested() || v.OwnKey {
		t.Fatalf("%+v %v", v, err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

package files

import (
	"bytes"
	"context"
	"io"
	"testing"
)

// endless gives n bytes of a pattern, then an end.
type endless struct {
	pattern string
	n       int
	end     string
	at      int
}

func (e *endless) Read(p []byte) (int, error) {
	if e.n <= 0 {
		n := copy(p, e.end)
		if e.end = e.end[n:]; n == 0 {
			return 0, io.EOF
		}
		return n, nil
	}
	n := min(len(p), e.n)
	for i := 0; i < n; {
		k := copy(p[i:n], e.pattern[e.at:])
		i += k
		e.at = (e.at + k) % len(e.pattern)
	}
	e.n -= n
	return n, nil
}

// FuzzScan scans anything, named anything: each byte is read or counted, findings lie
// within, in order, and are the same whoever reads.
func FuzzScan(f *testing.F) {
	for _, s := range streams {
		f.Add([]byte(s.in), uint8(s.format), "a.json")
	}
	in := inspector(f)
	f.Fuzz(func(t *testing.T, content []byte, format uint8, name string) {
		o := Options{Inspector: in, Format: Format(format) % utf16, Input: bytes.NewReader(content), Workers: 1}
		last := int64(-1)
		sum, err := Scan(context.Background(), []string{"-"}, o, func(f Finding) {
			if f.Offset < last || f.Length <= 0 || f.Offset+int64(f.Length) > int64(len(content)) || f.Line < 1 || f.Column < 1 {
				t.Fatalf("%+v of %d bytes", f, len(content))
			}
			last = f.Offset
			if before := content[:f.Offset]; f.Line != 1+bytes.Count(before, []byte("\n")) {
				t.Fatalf("line %d at %d", f.Line, f.Offset)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(sum.Skipped) == 0 && sum.Failed == 0 && sum.Bytes != int64(len(content)) && !bytes.HasPrefix(content, []byte("\x1f\x8b")) {
			t.Fatalf("%d of %d bytes: %+v", sum.Bytes, len(content), sum)
		}
	})
}

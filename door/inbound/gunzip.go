package inbound

import (
	"bufio"
	"errors"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// coding tells from Content-Encoding whether a body is gzip. ok is false for what
// cannot be undone: any other coding, and more than one.
func coding(values []string) (isGzip, ok bool) {
	n := 0
	for _, v := range values {
		for part := range strings.SplitSeq(v, ",") {
			switch strings.ToLower(strings.TrimSpace(part)) {
			case "", "identity":
			case "gzip", "x-gzip":
				n++
			default:
				return false, false
			}
		}
	}
	return n == 1, n <= 1
}

// A body may not grow beyond so many times its encoded size once it has grown
// beyond what any one record may be. Deflate cannot do more than 1,032 times;
// text does 5 to 20, and very repetitive JSON 100.
const (
	maxRatio   = 250
	ratioFloor = 1 << 20
)

var errRatio = errors.New("the body grows beyond measure")

// gunzip decodes gzip (RFC 1952) within bounds, and is used again and again.
type gunzip struct {
	in  counted
	buf *bufio.Reader
	z   *gzip.Reader
	out int64
	on  bool // the header was read
	err error
}

type counted struct {
	r io.Reader
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

func (g *gunzip) reset(r io.Reader) {
	g.in = counted{r: r}
	if g.buf == nil {
		g.buf = bufio.NewReaderSize(&g.in, smallRead)
	} else {
		g.buf.Reset(&g.in)
	}
	g.out, g.on, g.err = 0, false, nil
}

// release lets go of the body.
func (g *gunzip) release() {
	g.in = counted{}
	g.buf.Reset(nil)
}

// Read begins to decode at its first call, since that waits for the upstream.
func (g *gunzip) Read(p []byte) (int, error) {
	if g.err != nil {
		return 0, g.err
	}
	if !g.on {
		g.on = true
		if g.z == nil {
			g.z = new(gzip.Reader)
		}
		if g.err = g.z.Reset(g.buf); g.err != nil {
			if g.err == io.EOF {
				g.err = io.ErrUnexpectedEOF
			}
			return 0, g.err
		}
	}
	n, err := g.z.Read(p)
	if g.out += int64(n); g.out > ratioFloor && g.out > maxRatio*g.in.n {
		n, err = 0, errRatio
	}
	g.err = err
	return n, err
}

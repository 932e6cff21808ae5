package actors

import (
	"bytes"
	"fmt"
	"io"
	"math/bits"
	"net/http"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"

	"github.com/getweir/weir/internal/people"
)

// A Count is what one principal received, by the judgement of somebody who knows
// every customer and looks at nothing but the bytes that arrived. It may be used
// by any number of goroutines at once.
//
// A customer counts as clear when any of its values arrived as it is: one that is
// the customer's alone (e-mail address, telephone number, card, IBAN, the number
// of a device, an order or a parcel) wherever it stands, and any other (a name,
// a street, a birth date, a title that it watched, what it bought or looked for)
// in a record of the customer. It counts as masked when a record of it arrived,
// told by its identifier, and never anything in clear. No customer is both.
//
// City, country, plan and dates of joining are not counted as anybody's value:
// thousands share them, and no record is about somebody for having them.
type Count struct {
	truth *Truth

	mu      sync.Mutex
	clear   set // guarded by mu
	arrived set // guarded by mu
	bytes   int64
}

// NewCount begins a count.
func (t *Truth) NewCount() *Count {
	n := (t.customers + 63) / 64
	return &Count{truth: t, clear: make(set, n), arrived: make(set, n)}
}

// Clear gives how many customers arrived with a value in clear.
func (c *Count) Clear() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.clear.len()
}

// Masked gives how many arrived and never in clear.
func (c *Count) Masked() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for i := range c.arrived {
		n += bits.OnesCount64(c.arrived[i] &^ c.clear[i])
	}
	return n
}

// Bytes gives how many bytes of bodies arrived, as they were on the wire.
func (c *Count) Bytes() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bytes
}

// Lost gives the identifiers of the customers who arrived in clear, in order.
func (c *Count) Lost() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var ids []string
	for i := range c.truth.customers {
		if c.clear.has(int32(i)) {
			ids = append(ids, people.ID(i))
		}
	}
	return ids
}

func (c *Count) markClear(i int32) {
	c.mu.Lock()
	c.clear.put(i)
	c.mu.Unlock()
}

func (c *Count) markArrived(i int32) {
	c.mu.Lock()
	c.arrived.put(i)
	c.mu.Unlock()
}

// Receive reads and judges a response to its end: header fields, body and
// trailers. about is the customer whose record was asked for, -1 if it was not
// one customer's. An error says that the body broke off; what arrived before is
// counted.
func (c *Count) Receive(res *http.Response, about int) error {
	c.fields(res.Header, about)
	wire := &counted{r: res.Body}
	var r io.Reader = wire
	err := c.body(r, res.Header.Values("Content-Encoding"), about)
	c.fields(res.Trailer, about)
	c.mu.Lock()
	c.bytes += wire.n
	c.mu.Unlock()
	return err
}

func (c *Count) fields(h http.Header, about int) {
	for _, values := range h {
		for _, v := range values {
			rd := c.Reading(about)
			io.WriteString(rd, v)
			rd.Close()
		}
	}
}

func (c *Count) body(r io.Reader, encodings []string, about int) error {
	codings := strings.Split(strings.ToLower(strings.Join(encodings, ",")), ",")
	for i := len(codings) - 1; i >= 0; i-- {
		switch strings.TrimSpace(codings[i]) {
		case "", "identity":
		case "gzip", "x-gzip":
			z, err := gzip.NewReader(r)
			if err != nil {
				return fmt.Errorf("read gzip: %w", err)
			}
			r = z
		default:
			// Another coding is looked at as it is: a judge that gives up
			// would call a leak by it none.
		}
	}
	rd := c.Reading(about)
	buf := c.truth.buffer()
	defer c.truth.buffers.Put(buf)
	for {
		n, err := r.Read(buf[:])
		rd.Write(buf[:n])
		if err == io.EOF {
			rd.Close()
			return nil
		}
		if err != nil {
			rd.Close()
			return fmt.Errorf("read body: %w", err)
		}
	}
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

// A Reading judges one text as it is written to it, however it is cut. It is
// used by one goroutine.
//
// The text is taken apart into leaves: what stands between quotation marks, tags,
// commas, line ends and the like. A leaf is what values are looked for in.
type Reading struct {
	count  *Count
	about  int32 // the customer that was asked for; -1: none
	whose  int32 // the customer whose record this is; -1: not known
	inner  decoder
	outer  decoder
	leaf   []byte
	places []group // of digits or letters in the leaf; reused
	lower  []byte  // reused
}

const (
	// maxLeaf bounds a leaf; a longer one is looked at in pieces that overlap
	// by overlap bytes, which is more than any value has.
	maxLeaf = 1024
	overlap = 256
)

// Reading begins to judge a text. about is the position of the customer whose
// record it should be; -1: not one customer's.
func (c *Count) Reading(about int) *Reading {
	if about >= c.truth.customers {
		about = -1
	}
	return &Reading{count: c, about: int32(about), whose: int32(about)}
}

// Write judges the next bytes. It never fails.
func (r *Reading) Write(p []byte) (int, error) {
	r.text(r.outer.decode(r.inner.decode(p, false), false))
	return len(p), nil
}

// Close judges what is left.
func (r *Reading) Close() error {
	r.text(r.outer.decode(r.inner.decode(nil, true), true))
	r.endLeaf()
	return nil
}

// separators end a leaf; what is loose at its ends does not belong to it.
var (
	separators = tableOf("\"<>,;=&?\n\r\t{}[]|")
	loose      = tableOf(" :'`")
)

func tableOf(s string) (t [256]bool) {
	for _, c := range []byte(s) {
		t[c] = true
	}
	return t
}

func (r *Reading) text(p []byte) {
	for len(p) > 0 {
		n := 0
		for n < len(p) && !separators[p[n]] {
			n++
		}
		room := maxLeaf - len(r.leaf)
		if n > room {
			r.leaf = append(r.leaf, p[:room]...)
			r.judge()
			r.leaf = append(r.leaf[:0], r.leaf[len(r.leaf)-overlap:]...)
			p = p[room:]
			continue
		}
		r.leaf = append(r.leaf, p[:n]...)
		if n == len(p) {
			return
		}
		r.endLeaf()
		p = p[n+1:]
	}
}

func (r *Reading) endLeaf() {
	r.judge()
	r.leaf = r.leaf[:0]
}

// judge looks for values in a leaf.
func (r *Reading) judge() {
	leaf := r.leaf
	for len(leaf) > 0 && loose[leaf[0]] {
		leaf = leaf[1:]
	}
	for len(leaf) > 0 && loose[leaf[len(leaf)-1]] {
		leaf = leaf[:len(leaf)-1]
	}
	if len(leaf) < 2 {
		return
	}
	r.lower = append(r.lower[:0], leaf...)
	l := normal(r.lower)
	r.findID(l)
	h := hash(l)
	if r.whose >= 0 && r.count.truth.owns(r.whose, h) {
		r.count.markClear(r.whose)
	}
	if len(l) >= minSole {
		r.lookUp(h)
	}
	spaces, at, digits := false, false, 0
	for _, c := range l {
		switch {
		case c == ' ':
			spaces = true
		case c == '@':
			at = true
		case c >= '0' && c <= '9':
			digits++
		}
	}
	if spaces {
		for word := range bytes.SplitSeq(l, []byte(" ")) {
			r.sole(word)
		}
	}
	if at {
		r.findEmail(l)
	}
	if digits >= 9 {
		r.findNumbers(l)
		r.findIBAN(l)
	}
}

// sole looks up a value that may be one customer's alone.
func (r *Reading) sole(v []byte) {
	if len(v) >= minSole {
		r.lookUp(hash(v))
	}
}

// minSole is less than the length of any value that is one customer's alone.
const minSole = 8

func (r *Reading) lookUp(h uint64) {
	if i, ok := r.count.truth.sole[h]; ok {
		r.count.markClear(i)
	}
}

// findID looks for the identifiers of customers: whoever is named last is whose
// record this is.
func (r *Reading) findID(l []byte) {
	for from := 0; ; {
		i := bytes.Index(l[from:], []byte("c-"))
		if i < 0 {
			return
		}
		i += from
		end := i + 2
		for end < len(l) && l[end] >= '0' && l[end] <= '9' {
			end++
		}
		from = end
		if i > 0 && isWord(l[i-1]) || end < len(l) && isWord(l[end]) {
			continue
		}
		if n, ok := people.Index(string(l[i:end])); ok && n < r.count.truth.customers {
			r.whose = int32(n)
			r.count.markArrived(r.whose)
		}
	}
}

func isMail(c byte) bool { return isWord(c) || c == '.' || c == '_' || c == '-' || c == '%' }

// findEmail looks for an address around each @. Its ends may have run together
// with other text, so they are tried at every punctuation mark.
func (r *Reading) findEmail(l []byte) {
	for i, c := range l {
		if c != '@' {
			continue
		}
		a, b := i, i+1
		for a > 0 && isMail(l[a-1]) && i-a < 64 {
			a--
		}
		for b < len(l) && isMail(l[b]) && b-i < 64 {
			b++
		}
		for s := a; s < i; s++ {
			if s > a && isWord(l[s-1]) && isWord(l[s]) {
				continue // within a word
			}
			for e := b; e > i+1; e-- {
				if e < b && isWord(l[e]) && isWord(l[e-1]) {
					continue
				}
				r.sole(l[s:e])
			}
		}
	}
}

// A group is a run of digits, or of letters and digits, in a leaf.
type group struct{ from, to int }

// groups cuts a leaf into runs of bytes of a kind.
func (r *Reading) groups(l []byte, of func(byte) bool) []group {
	gs := r.places[:0]
	for i := 0; i < len(l); {
		if !of(l[i]) {
			i++
			continue
		}
		from := i
		for i < len(l) && of(l[i]) {
			i++
		}
		gs = append(gs, group{from, i})
	}
	r.places = gs
	return gs
}

// joins reports whether what stands between two groups only sets them apart.
func joins(between []byte) bool {
	if len(between) > 3 {
		return false
	}
	for _, c := range between {
		switch c {
		case ' ', '-', '.', '(', ')', '/', '_':
		default:
			if c < 0x80 { // others may be spaces and dashes outside of ASCII
				return false
			}
		}
	}
	return true
}

// findNumbers looks for telephone and card numbers, with and without separators.
func (r *Reading) findNumbers(l []byte) {
	gs := r.groups(l, func(c byte) bool { return c >= '0' && c <= '9' })
	for i := range gs {
		var v uint64
		n := 0
		for j := i; j < len(gs) && n <= maxDigits; j++ {
			if j > i && !joins(l[gs[j-1].to:gs[j].from]) {
				break
			}
			n += gs[j].to - gs[j].from
			if n > maxDigits {
				break
			}
			for _, c := range l[gs[j].from:gs[j].to] {
				v = v*10 + uint64(c-'0')
			}
			if r.count.truth.lengths[n] {
				if who, ok := r.count.truth.digits[number{v, uint8(n)}]; ok {
					r.count.markClear(who)
				}
			}
		}
	}
}

// findIBAN looks for account numbers written in groups (ISO 13616 prints them
// in fours).
func (r *Reading) findIBAN(l []byte) {
	gs := r.groups(l, isWord)
	for i, g := range gs {
		p := l[g.from:g.to]
		if len(p) < 4 || g.to-g.from > 34 || p[0] < 'a' || p[1] < 'a' || p[2] > '9' || p[3] > '9' {
			continue
		}
		joined := make([]byte, 0, 34)
		for j := i; j < len(gs); j++ {
			if j > i && !joins(l[gs[j-1].to:gs[j].from]) || len(joined)+gs[j].to-gs[j].from > 34 {
				break
			}
			joined = append(joined, l[gs[j].from:gs[j].to]...)
			if len(joined) >= 15 {
				r.sole(joined)
			}
		}
	}
}

// A set has a bit for each customer.
type set []uint64

func (s set) put(i int32)      { s[i/64] |= 1 << (i % 64) }
func (s set) has(i int32) bool { return s[i/64]&(1<<(i%64)) != 0 }

func (s set) len() int {
	n := 0
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

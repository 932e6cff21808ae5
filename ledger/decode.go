package ledger

import (
	"encoding/binary"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/getweir/weir"
)

// Decode reads the one encoding that AppendTo gives an entry. Every other byte
// string fails with ErrEntry, also one that a lenient CBOR reader would take for
// the same entry: so two readers never see different things in one hashed leaf.
func Decode(b []byte) (*Entry, error) {
	e := new(Entry)
	if err := decode(b, e, nil); err != nil {
		return nil, err
	}
	return e, nil
}

// A decoder walks b. After the first error nothing moves any more, and what is
// read is zero.
type decoder struct {
	b     []byte
	keep  bool // else what would allocate is checked and dropped
	names *interner
	err   error

	version  uint64
	subjects int // how many the entry has
}

func (r *decoder) fail(what string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrEntry, what)
	}
	r.b = nil
}

// head reads a head of the wanted major type, in its shortest form only.
func (r *decoder) head(major byte) uint64 {
	if len(r.b) > 0 && r.b[0]-major < 24 { // nearly always: the value is in the head
		v := r.b[0] - major
		r.b = r.b[1:]
		return uint64(v)
	}
	return r.longHead(major)
}

func (r *decoder) longHead(major byte) uint64 {
	if len(r.b) == 0 {
		r.fail("ends early")
		return 0
	}
	h := r.b[0]
	if h&0xe0 != major {
		r.fail("holds an unexpected type")
		return 0
	}
	var v, least uint64
	n := 1
	switch h &= 0x1f; {
	case h > 27:
		r.fail("holds a reserved or indefinite length")
		return 0
	default:
		n += 1 << (h - 24)
		if len(r.b) < n {
			r.fail("ends early")
			return 0
		}
		switch h {
		case 24:
			v, least = uint64(r.b[1]), 24
		case 25:
			v, least = uint64(binary.BigEndian.Uint16(r.b[1:])), 1<<8
		case 26:
			v, least = uint64(binary.BigEndian.Uint32(r.b[1:])), 1<<16
		case 27:
			v, least = binary.BigEndian.Uint64(r.b[1:]), 1<<32
		}
	}
	if v < least {
		r.fail("holds a number that is not in its shortest form")
		return 0
	}
	r.b = r.b[n:]
	return v
}

// uint reads an integer of at most limit.
func (r *decoder) uint(limit uint64) uint64 {
	v := r.head(majorUint)
	if v > limit {
		r.fail("holds a number out of range")
		return 0
	}
	return v
}

// present reads an integer that would have been left out if it were zero.
func (r *decoder) present(limit uint64) uint64 {
	v := r.uint(limit)
	if v == 0 {
		r.fail("holds an empty field")
	}
	return v
}

func (r *decoder) take(major byte) []byte {
	n := r.head(major)
	if n > uint64(len(r.b)) {
		r.fail("ends early")
		return nil
	}
	p := r.b[:n]
	r.b = r.b[n:]
	return p
}

func (r *decoder) string() string {
	p := r.take(majorText)
	if !utf8.Valid(p) {
		r.fail("holds text that is not UTF-8")
		return ""
	}
	if !r.keep {
		return ""
	}
	return r.names.string(p)
}

func (r *decoder) text() string {
	if len(r.b) > 0 && r.b[0] == majorText {
		r.fail("holds an empty field")
		return ""
	}
	return r.string()
}

func (r *decoder) fixed(dst []byte) {
	p := r.take(majorBytes)
	if len(p) != len(dst) {
		r.fail("holds bytes of the wrong length")
		return
	}
	copy(dst, p)
}

// array reads the head of an array that is not empty. Each item takes at least
// one byte, so that a length beyond what is left is refused before it is
// believed.
func (r *decoder) array(limit int) int {
	n := r.head(majorArray)
	if n == 0 || n > uint64(limit) || n > uint64(len(r.b)) {
		r.fail("holds an array of impossible length")
		return 0
	}
	return int(n)
}

func (r *decoder) tuple(n uint64) {
	if r.head(majorArray) != n {
		r.fail("holds a tuple of the wrong length")
	}
}

func (r *decoder) time() time.Time {
	ns := int64(r.uint(maxInt))
	if s := ns / 1_000_000_000; s < firstSecond || s > lastSecond {
		r.fail("holds a time before 1971 or after 2262")
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}

const (
	maxInt  = 1<<63 - 1
	maxByte = 1<<8 - 1
)

// decode reads b into e, which must be zero.
func decode(b []byte, e *Entry, names *interner) error {
	r := decoder{names: names, keep: true}
	r.entry(b, e)
	return r.err
}

// kindOf gives the kind of an encoded entry that check has found to hold: it
// stands behind the map's head and the version, in one byte.
func kindOf(b []byte) Kind {
	if b[0] == majorMap|24 {
		return Kind(b[5])
	}
	return Kind(b[4])
}

func (r *decoder) entry(b []byte, e *Entry) {
	r.b = b
	if len(b) > MaxEntry {
		r.fail("is too long")
		return
	}
	next := uint64(0) // the lowest key that may come
	for pairs := r.head(majorMap); pairs > 0 && r.err == nil; pairs-- {
		key := r.uint(endKeys - 1)
		if key < next {
			r.fail("has its keys out of order")
			return
		}
		if next <= keySalt && key != next {
			r.fail("lacks a field that each entry has")
			return
		}
		next = key + 1
		r.field(key, e)
	}
	if next <= keySalt {
		r.fail("lacks a field that each entry has")
	}
	if len(r.b) > 0 {
		r.fail("has bytes behind its end")
	}
	if r.err == nil && r.version != version(e.Kind, next-1) {
		r.fail("has another version than an entry like it")
	}
}

func (r *decoder) field(key uint64, e *Entry) {
	switch key {
	case keyVersion:
		if r.version = r.uint(maxInt); r.version < formatVersion1 || r.version > formatVersion3 {
			r.fail("has a version that this program does not know")
		}
	case keyKind:
		e.Kind = Kind(r.present(uint64(endKinds) - 1))
	case keyTime:
		e.Time = r.time()
	case keySalt:
		r.fixed(e.Salt[:])
	case keyNode:
		e.Node = r.text()
	case keyExchange:
		r.fixed(e.Exchange[:])
		if e.Exchange == (weir.ExchangeID{}) {
			r.fail("holds an empty field")
		}
	case keyCredential:
		e.Credential = r.text()
	case keyPrincipal:
		e.Principal = r.text()
	case keyPrincipalKind:
		e.PrincipalKind = weir.Kind(r.present(maxByte))
	case keyAct:
		n := r.array(MaxEntry)
		if r.keep && r.err == nil {
			e.Act = make([]string, 0, n)
		}
		for ; n > 0 && r.err == nil; n-- {
			s := r.string()
			if r.keep {
				e.Act = append(e.Act, s)
			}
		}
	case keyRole:
		e.Role = r.text()
	case keyIssuer:
		e.Issuer = r.text()
	case keyNetwork:
		e.Network = r.text()
	case keyDoor:
		e.Door = r.text()
	case keyRoute:
		e.Route = r.text()
	case keyRecipient:
		e.Recipient = r.text()
	case keyPurpose:
		e.Purpose = weir.Purpose(r.text())
	case keyPolicy:
		e.Policy = r.text()
	case keyActions:
		e.Actions = r.counts(r.array(MaxEntry))
	case keySubjects:
		n := r.array(MaxSubjects)
		if r.keep && r.err == nil {
			e.Subjects = make([]Taken, 0, n)
		}
		r.subjects = n
		for ; n > 0 && r.err == nil; n-- {
			// Nearly all of a long entry is these: a tuple head, a head for 16
			// bytes, the bytes, a set of lanes. The short way is for lanes
			// below 24, the long one for the rest and for what is malformed.
			var t Taken
			if b := r.b; len(b) >= 19 && b[0] == majorArray|2 && b[1] == majorBytes|16 && b[18] < 24 {
				t = Taken{Subject: weir.Subject(b[2:18]), Lanes: weir.Lanes(b[18])}
				r.b = b[19:]
			} else {
				r.tuple(2)
				r.fixed(t.Subject[:])
				t.Lanes = weir.Lanes(r.uint(maxByte))
			}
			if r.keep {
				e.Subjects = append(e.Subjects, t)
			}
		}
	case keyRead:
		e.Read = int64(r.present(maxInt))
	case keyUnread:
		e.Unread = int64(r.present(maxInt))
	case keyOutcome:
		e.Outcome = r.text()
	case keyReason:
		e.Reason = weir.Reason(r.text())
	case keyStatus:
		e.Status = int(r.present(maxInt))
	case keyParty:
		e.Party = r.text()
	case keyN:
		e.N = int(r.present(maxInt))
	case keyRule:
		e.Rule = r.text()
	case keyText:
		e.Text = r.text()
	case keyUntil:
		e.Until = r.time()
	case keyKeys:
		r.tuple(2)
		if len(r.b) > 1 && r.b[0] == majorText && r.b[1] == majorText {
			r.fail("holds an empty field")
		}
		e.Keys = KeyPair{Old: r.string(), New: r.string()}
	case keyHeads:
		n := r.array(MaxEntry)
		if r.keep && r.err == nil {
			e.Heads = make([]Head, 0, min(n, 64))
		}
		for ; n > 0 && r.err == nil; n-- {
			r.tuple(3)
			h := Head{Origin: r.string(), Size: int64(r.uint(maxInt))}
			r.fixed(h.Root[:])
			if r.keep {
				e.Heads = append(e.Heads, h)
			}
		}
	case keySpan:
		r.tuple(5)
		s := &Span{From: int64(r.uint(maxInt)), To: int64(r.uint(maxInt)), Since: r.time(), Until: r.time()}
		r.fixed(s.Root[:])
		if s.To <= s.From {
			r.fail("holds a span that is not a run of entries")
		}
		e.Span = s
	case keySeen:
		n := r.array(MaxSeen)
		if r.keep && r.err == nil {
			e.Seen = make([]Seen, 0, n)
		}
		for ; n > 0 && r.err == nil; n-- {
			s := r.seen()
			if r.keep {
				e.Seen = append(e.Seen, s)
			}
		}
	case keyChange:
		r.tuple(4)
		var c Change
		r.fixed(c.ID[:])
		r.fixed(c.From[:])
		r.fixed(c.To[:])
		c.Signature = r.string()
		if r.keep {
			e.Change = &c
		}
	case keyAsked:
		r.tuple(3)
		var a Asked
		r.fixed(a.ID[:])
		a.Lanes, a.Customers = weir.Lanes(r.uint(maxByte)), int(r.uint(maxInt))
		if r.keep {
			e.Asked = &a
		}
	case keyPieces:
		if p := r.pieces(); r.keep {
			e.Pieces = p
		}
	case keyWould:
		r.tuple(2)
		n := r.head(majorArray)
		if n > uint64(len(r.b)) {
			r.fail("holds an array of impossible length")
			return
		}
		x := &Would{Actions: r.counts(int(n))}
		lanes := r.take(majorBytes)
		if len(lanes) != r.subjects {
			r.fail("has not one set of lanes for each subject")
			return
		}
		if r.keep && len(lanes) > 0 {
			x.Lanes = make([]weir.Lanes, len(lanes))
			for i, l := range lanes {
				x.Lanes[i] = weir.Lanes(l)
			}
		}
		e.Would = x
	}
}

func (r *decoder) seen() Seen {
	r.tuple(10)
	s := Seen{Route: r.string(), Role: r.string(), Purpose: weir.Purpose(r.string()), Class: weir.Class(r.string()), Field: r.string()}
	s.Action, s.N = weir.Action(r.uint(maxByte)), int(r.uint(maxInt))
	s.Read, s.Unread, s.Withheld = int64(r.uint(maxInt)), int64(r.uint(maxInt)), int(r.uint(maxInt))
	return s
}

// counts reads n items of an array.
func (r *decoder) counts(n int) (counts []Count) {
	if r.keep && r.err == nil && n > 0 {
		counts = make([]Count, 0, min(n, 64))
	}
	for ; n > 0 && r.err == nil; n-- {
		r.tuple(3)
		c := Count{Class: weir.Class(r.string()), Action: weir.Action(r.uint(maxByte)), N: int(r.uint(maxInt))}
		if r.keep {
			counts = append(counts, c)
		}
	}
	return counts
}

// An interner gives equal strings the same memory: nearly all text in a ledger
// is a few names over and over. A nil one copies. Not for concurrent use.
type interner struct{ seen map[string]string }

// internLimit bounds the memory of an interner; beyond it strings are copied.
const internLimit = 4096

func (in *interner) string(p []byte) string {
	if in == nil {
		return string(p)
	}
	if s, ok := in.seen[string(p)]; ok {
		return s
	}
	s := string(p)
	if len(in.seen) < internLimit && len(p) <= 128 {
		if in.seen == nil {
			in.seen = make(map[string]string)
		}
		in.seen[s] = s
	}
	return s
}

package ledger

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/tlog"
)

// Entries are written as CBOR (RFC 8949) under its core deterministic rules
// (section 4.2.1): one map, unsigned integer keys in ascending order, every
// integer and length in its shortest form, nothing of indefinite length. On top
// of that, a field that has its zero value is left out, so that one Entry has
// exactly one encoding and the decoder can refuse every other. docs/ledger-format.md
// lists the keys.
//
// The codec is written by hand because it is on the path of every response and
// of every verification, where a reflecting one takes longer than hashing does;
// the tests hold it to a public CBOR library's reading of the same bytes.

// Values of keyVersion. The second came with the kinds behind Stop and the keys
// behind keyUntil, the third with the kinds behind Succession and the keys behind
// keySpan; an entry without any of these is written as it always was, so that each
// entry has one version. A reader refuses any other.
const (
	formatVersion1 = 1
	formatVersion2 = 2
	formatVersion3 = 3
)

// version gives the version of an entry of kind k whose highest key is last.
func version(k Kind, last uint64) uint64 {
	switch {
	case k > Succession || last > keySpan:
		return formatVersion3
	case k > Stop || last > keyUntil:
		return formatVersion2
	}
	return formatVersion1
}

// Keys of the map. They are never reused for something else.
const (
	keyVersion = iota
	keyKind
	keyTime
	keySalt
	keyNode
	keyExchange
	keyCredential
	keyPrincipal
	keyPrincipalKind
	keyAct
	keyRole
	keyIssuer
	keyNetwork
	keyDoor
	keyRoute
	keyRecipient
	keyPurpose
	keyPolicy
	keyActions
	keySubjects
	keyRead
	keyUnread
	keyOutcome
	keyReason
	keyStatus
	keyParty
	keyN
	keyRule
	keyText
	keyUntil
	keyKeys
	keyHeads
	keySpan
	keySeen
	keyChange
	keyAsked
	keyPieces
	keyWould
	endKeys
)

// Major types of CBOR, in the upper three bits of a head.
const (
	majorUint  = 0 << 5
	majorBytes = 2 << 5
	majorText  = 3 << 5
	majorArray = 4 << 5
	majorMap   = 5 << 5
)

// appendHead writes the head of an item in its shortest form.
func appendHead(b []byte, major byte, v uint64) []byte {
	switch {
	case v < 24:
		return append(b, major|byte(v))
	case v <= math.MaxUint8:
		return append(b, major|24, byte(v))
	case v <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, major|25), uint16(v))
	case v <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, major|26), uint32(v))
	}
	return binary.BigEndian.AppendUint64(append(b, major|27), v)
}

// An encoder appends fields and counts them; the first error stays.
type encoder struct {
	b   []byte
	n   int
	err error
}

func (w *encoder) fail(key int, what string) {
	if w.err == nil {
		w.err = fmt.Errorf("%w: field %d %s", ErrEntry, key, what)
	}
}

func (w *encoder) uint(key int, v int64) {
	if v == 0 {
		return
	}
	if v < 0 {
		w.fail(key, "is negative")
		return
	}
	w.n++
	w.b = appendHead(appendHead(w.b, majorUint, uint64(key)), majorUint, uint64(v))
}

func (w *encoder) string(key int, s string) {
	if !utf8.ValidString(s) {
		w.fail(key, "is not UTF-8")
		return
	}
	w.b = append(appendHead(w.b, majorText, uint64(len(s))), s...)
}

func (w *encoder) text(key int, s string) {
	if s == "" {
		return
	}
	w.n++
	w.b = appendHead(w.b, majorUint, uint64(key))
	w.string(key, s)
}

func (w *encoder) array(key, n int) {
	w.n++
	w.b = appendHead(appendHead(w.b, majorUint, uint64(key)), majorArray, uint64(n))
}

func (w *encoder) bytes(key int, p []byte) {
	w.n++
	w.b = appendHead(appendHead(w.b, majorUint, uint64(key)), majorBytes, uint64(len(p)))
	w.b = append(w.b, p...)
}

// Times are nanoseconds since 1970, from 1971 on, so that all of them take eight
// bytes, until April 2262, which is what an int64 can hold. In seconds:
const (
	firstSecond = 365 * 24 * 3600
	lastSecond  = math.MaxInt64/1_000_000_000 - 1
)

func (w *encoder) time(key int, t time.Time) {
	if s := t.Unix(); s < firstSecond || s > lastSecond {
		w.fail(key, "is before 1971 or after 2262")
		return
	}
	w.uint(key, t.UnixNano())
}

func (w *encoder) span(s *Span) {
	if s.From < 0 || s.To <= s.From {
		w.fail(keySpan, "is not a run of entries")
		return
	}
	w.array(keySpan, 5)
	w.b = appendHead(appendHead(w.b, majorUint, uint64(s.From)), majorUint, uint64(s.To))
	for _, t := range []time.Time{s.Since, s.Until} {
		if at := t.Unix(); at < firstSecond || at > lastSecond {
			w.fail(keySpan, "has a time before 1971 or after 2262")
			return
		}
		w.b = appendHead(w.b, majorUint, uint64(t.UnixNano()))
	}
	w.b = append(appendHead(w.b, majorBytes, uint64(len(s.Root))), s.Root[:]...)
}

func (w *encoder) seen(s *Seen) {
	if s.N < 0 || s.Read < 0 || s.Unread < 0 || s.Withheld < 0 {
		w.fail(keySeen, "is negative")
		return
	}
	w.b = append(w.b, majorArray|10)
	for _, text := range [...]string{s.Route, s.Role, string(s.Purpose), string(s.Class), s.Field} {
		w.string(keySeen, text)
	}
	for _, n := range [...]uint64{uint64(s.Action), uint64(s.N), uint64(s.Read), uint64(s.Unread), uint64(s.Withheld)} {
		w.b = appendHead(w.b, majorUint, n)
	}
}

// counts writes the items of an array.
func (w *encoder) counts(key int, counts []Count) {
	for _, c := range counts {
		if c.N < 0 {
			w.fail(key, "is negative")
			return
		}
		w.b = append(w.b, majorArray|3)
		w.string(key, string(c.Class))
		w.b = appendHead(w.b, majorUint, uint64(c.Action))
		w.b = appendHead(w.b, majorUint, uint64(c.N))
	}
}

func (w *encoder) would(x *Would, subjects int) {
	if len(x.Lanes) != subjects {
		w.fail(keyWould, "has not one set of lanes for each subject")
		return
	}
	w.array(keyWould, 2)
	w.b = appendHead(w.b, majorArray, uint64(len(x.Actions)))
	w.counts(keyWould, x.Actions)
	w.b = appendHead(w.b, majorBytes, uint64(len(x.Lanes)))
	for _, l := range x.Lanes {
		w.b = append(w.b, byte(l))
	}
}

// AppendTo appends the encoding of e to dst. It fails with ErrEntry, and then
// gives dst back as it was, if e has no valid Kind, a negative number, text that
// is not UTF-8, a Time outside 1971 to 2262, too many subjects or places seen, or an
// encoding longer than MaxEntry.
func (e *Entry) AppendTo(dst []byte) ([]byte, error) {
	b, _, err := e.appendTo(dst)
	return b, err
}

// appendTo also tells where in the result the eight bytes of Time are.
func (e *Entry) appendTo(dst []byte) (b []byte, timeAt int, err error) {
	if e.Kind == 0 || e.Kind >= endKinds {
		return dst, 0, fmt.Errorf("%w: unknown kind", ErrEntry)
	}
	if len(e.Subjects) > MaxSubjects {
		return dst, 0, fmt.Errorf("%w: more than %d subjects", ErrEntry, MaxSubjects)
	}
	if len(e.Seen) > MaxSeen {
		return dst, 0, fmt.Errorf("%w: more than %d places seen", ErrEntry, MaxSeen)
	}
	start := len(dst)
	// All fields together are at least 24, few entries have as many: room for
	// a head of one byte, and the rest is moved in the rare case.
	w := encoder{b: append(dst, 0)}
	last := uint64(keyUntil)
	if e.Keys != (KeyPair{}) || len(e.Heads) > 0 || e.Span != nil {
		last = keySpan
	}
	if len(e.Seen) > 0 || e.Change != nil || e.Asked != nil || e.Pieces != nil {
		last = keyPieces
	}
	if e.Would != nil {
		last = keyWould
	}
	w.uint(keyVersion, int64(version(e.Kind, last)))
	w.uint(keyKind, int64(e.Kind))
	w.time(keyTime, e.Time)
	timeAt = len(w.b) - 8
	w.bytes(keySalt, e.Salt[:])
	w.text(keyNode, e.Node)
	if e.Exchange != ([12]byte{}) {
		w.bytes(keyExchange, e.Exchange[:])
	}
	w.text(keyCredential, e.Credential)
	w.text(keyPrincipal, e.Principal)
	w.uint(keyPrincipalKind, int64(e.PrincipalKind))
	if len(e.Act) > 0 {
		w.array(keyAct, len(e.Act))
		for _, a := range e.Act {
			w.string(keyAct, a)
		}
	}
	w.text(keyRole, e.Role)
	w.text(keyIssuer, e.Issuer)
	w.text(keyNetwork, e.Network)
	w.text(keyDoor, e.Door)
	w.text(keyRoute, e.Route)
	w.text(keyRecipient, e.Recipient)
	w.text(keyPurpose, string(e.Purpose))
	w.text(keyPolicy, e.Policy)
	if len(e.Actions) > 0 {
		w.array(keyActions, len(e.Actions))
		w.counts(keyActions, e.Actions)
	}
	if len(e.Subjects) > 0 {
		w.array(keySubjects, len(e.Subjects))
		for i := range e.Subjects {
			s := &e.Subjects[i]
			w.b = append(w.b, majorArray|2, majorBytes|16)
			w.b = append(w.b, s.Subject[:]...)
			w.b = appendHead(w.b, majorUint, uint64(s.Lanes))
		}
	}
	w.uint(keyRead, e.Read)
	w.uint(keyUnread, e.Unread)
	w.text(keyOutcome, e.Outcome)
	w.text(keyReason, string(e.Reason))
	w.uint(keyStatus, int64(e.Status))
	w.text(keyParty, e.Party)
	w.uint(keyN, int64(e.N))
	w.text(keyRule, e.Rule)
	w.text(keyText, e.Text)
	if !e.Until.IsZero() {
		w.time(keyUntil, e.Until)
	}
	if e.Keys != (KeyPair{}) {
		w.array(keyKeys, 2)
		w.string(keyKeys, e.Keys.Old)
		w.string(keyKeys, e.Keys.New)
	}
	if len(e.Heads) > 0 {
		w.array(keyHeads, len(e.Heads))
		for i := range e.Heads {
			h := &e.Heads[i]
			if h.Size < 0 {
				w.fail(keyHeads, "is negative")
				break
			}
			w.b = append(w.b, majorArray|3)
			w.string(keyHeads, h.Origin)
			w.b = appendHead(w.b, majorUint, uint64(h.Size))
			w.b = append(appendHead(w.b, majorBytes, tlog.HashSize), h.Root[:]...)
		}
	}
	if e.Span != nil {
		w.span(e.Span)
	}
	if len(e.Seen) > 0 {
		w.array(keySeen, len(e.Seen))
		for i := range e.Seen {
			w.seen(&e.Seen[i])
		}
	}
	if c := e.Change; c != nil {
		w.array(keyChange, 4)
		for _, p := range [...][]byte{c.ID[:], c.From[:], c.To[:]} {
			w.b = append(appendHead(w.b, majorBytes, uint64(len(p))), p...)
		}
		w.string(keyChange, c.Signature)
	}
	if a := e.Asked; a != nil {
		if a.Customers < 0 {
			w.fail(keyAsked, "is negative")
		}
		w.array(keyAsked, 3)
		w.b = append(appendHead(w.b, majorBytes, uint64(len(a.ID))), a.ID[:]...)
		w.b = appendHead(appendHead(w.b, majorUint, uint64(a.Lanes)), majorUint, uint64(a.Customers))
	}
	if e.Pieces != nil {
		w.pieces(e.Pieces)
	}
	if e.Would != nil {
		w.would(e.Would, len(e.Subjects))
	}

	b = w.b
	if w.n < 24 {
		b[start] = majorMap | byte(w.n)
	} else {
		b = append(b, 0)
		copy(b[start+2:], b[start+1:])
		b[start], b[start+1] = majorMap|24, byte(w.n)
		timeAt++
	}
	if w.err == nil && len(b)-start > MaxEntry {
		w.err = fmt.Errorf("%w: longer than %d bytes", ErrEntry, MaxEntry)
	}
	if w.err != nil {
		return b[:start], 0, w.err
	}
	return b, timeAt, nil
}

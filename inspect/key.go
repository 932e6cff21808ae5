package inspect

import (
	"encoding/binary"
	"math/bits"
	"strings"
)

// A meaning is what a key, a column, a label or a word says about its value.
type meaning uint8

const (
	mNone meaning = iota
	mText         // nothing about the value, but the value has been asked for
	mEmail
	mPhone
	mCard
	mIBAN
	mIP
	mName     // a person's name
	mNameWeak // "name": a person's only with support
	mNamePart // "first": a person's name under a name or a person
	mPerson   // who: an object that is a person
	mHolder   // a person, named by a string or described by an object
	mAddress  // a whole address
	mStreet   // a line of an address
	mLine     // a further part of an address, with support: a second line, a region
	mCity
	mPostcode
	mBirth
	mDevice
	mDevices // a list of devices
	mHistory // holds what was watched
	mPages   // holds what was looked at
	mQueries // holds what was searched for
	mOrders  // holds orders
	mTitleID
	mTitle
	mWatched  // when or how far something was watched
	mProgress // the same, with a title's id
	mPage
	mVisited // when a page was looked at
	mQuery
	mSearched // when something was searched for
	mOrderID
	mItems
	mTotal
	mID
	mOpaque  // a number of the system's own: no phone and no card
	mVersion // a version: no address
	mNumber  // "number", "value": as the key above says
	numMeanings
)

// set is a set of meanings.
type set uint64

func of(ms ...meaning) (s set) {
	for _, m := range ms {
		s |= 1 << m
	}
	return s
}

func (s set) has(m meaning) bool { return s&(1<<m) != 0 }

// valued are the meanings that say of a value what its own form does not.
var valued = of(mPhone, mIBAN, mName, mNameWeak, mNamePart, mHolder, mAddress, mStreet, mLine, mCity, mPostcode, mBirth, mDevice, mID, mNumber)

// asks reports whether m says of a value what its own form does not. Meanings that
// no set holds do all.
func (m meaning) asks() bool { return m >= 64 || valued.has(m) }

// How a value is looked at.
const (
	byPresence = 1 + iota // if it is there at all
	byValue
)

// weighs tells for each meaning how its values are looked at; 0: not at all.
var weighs = func() (t [256]uint8) {
	for m := range t {
		switch m := meaning(m); {
		case m == mNone || m >= firstPart:
		case m.asks():
			t[m] = byValue
		case present.has(m):
			t[m] = byPresence
		}
	}
	return t
}()

// present are those that count by being there: they support others, or make up the
// shape of an object.
var present = of(mEmail, mCard, mIBAN, mTitleID, mTitle, mWatched, mProgress, mPage, mVisited, mQuery, mSearched, mOrderID, mItems, mTotal, mBanking)

const (
	maxKey   = 64 // a longer key has no meaning
	maxWords = 12
)

// means gives the meaning of a key: the longest run of words at its end that the
// table knows (shipping_address_line1: address_line_1), so that words match whole
// and what comes before them does not matter; where the end says little, what all of
// its words say together (composed). Signs on Latin letters do not matter.
func means(key []byte) meaning {
	if len(key) == 0 || len(key) > maxKey {
		return mNone
	}
	m := meansWith(key)
	if m.loose() {
		var buf [maxKey + maxKey/2]byte
		if plain, changed := unsigned(buf[:], key); changed && len(plain) <= maxKey {
			if n := meansWith(plain); n != mNone {
				return n
			}
		}
	}
	return m
}

func meansWith(key []byte) meaning {
	var buf [2 * maxKey]byte
	var starts [maxWords + 1]int
	n, end := split(buf[:], &starts, key)
	for n > 0 {
		m, ok := suffix(buf[:], &starts, n, end)
		switch {
		case !ok, m == mPerson, m == mHolder, m == mNumber, m == mOpaque:
			if c := composed(buf[:], &starts, n, end, m); c != mNone {
				return c
			}
		}
		if ok {
			return m
		}
		// email_2, phone1: as without the number.
		if n < 2 || !digit(buf[starts[n-1]]) {
			return mNone
		}
		end = starts[n-1] - 1
		n--
	}
	return mNone
}

// suffix gives what the longest run of words at the end of buf[:end] says that the
// table knows, and whether there is one.
func suffix(buf []byte, starts *[maxWords + 1]int, n, end int) (meaning, bool) {
	for i := max(0, n-4); i < n; i++ {
		m, ok := phrases[string(buf[starts[i]:end])]
		if !ok {
			continue
		}
		// What kind of person's name it is, and which id.
		switch {
		case i == 0:
		case m == mNameWeak && whose(buf, starts, i):
			return mName, true
		case m == mNameWeak && n-i == 1:
			return mNone, true // a product_name, a file_name
		case m == mGeo && n-i == 1 && partsOf(buf[starts[i-1]:starts[i]-1])&(pWho|pKind) == 0 && anyPlaces[string(buf[starts[i]:end])]:
			return mNone, true // a store_location
		case m == mPage:
			return mNone, true // an avatar_url
		case m == mID:
			return mOpaque, true
		case m == mCard:
			// An aadhaar_card_no: the card of what is said before.
			if of, _ := suffix(buf, starts, i, starts[i]-1); named(of) != 0 || of >= firstKnown && of < firstPart {
				return of, true
			}
		}
		return m, true
	}
	return mNone, false
}

// split writes the words of key in lower case to buf, joined by _, and gives how
// many they are and where the last ends. Words end where a separator stands, where
// letters meet digits, and where camelCase turns.
func split(buf []byte, starts *[maxWords + 1]int, key []byte) (n, end int) {
	prev := byte(0)
	for i, c := range key {
		letter := alpha(c) || c >= 0x80
		if !letter && !digit(c) {
			prev = 0
			continue
		}
		big := c-'A' < 26
		turn := prev == 0 || digit(prev) != digit(c) ||
			big && prev-'A' >= 26 || // aB
			big && i+1 < len(key) && key[i+1]-'a' < 26 // ABc: A, Bc
		if turn {
			if n == maxWords {
				return n, end
			}
			if n > 0 {
				buf[end] = '_'
				end++
			}
			starts[n] = end
			n++
		}
		if big {
			c += 0x20
		}
		buf[end] = c
		end++
		prev = key[i]
	}
	return n, end
}

// meanings remembers the meanings of the keys seen last: documents repeat their
// keys. Each has four places where it may be, of which the first has the newest. It is a
// function of the key alone, so what it holds changes no result.
type meanings struct {
	short   []shortKey   // of up to 16 bytes; the length is a power of two
	long    []longKey    // of up to 32; likewise
	longest []longestKey // of up to 64; likewise
	room    [32]byte     // for a key that has less than 16 bytes before its end
	name    [16 + maxKey]byte
}

// ways is how many places a key has.
const ways = 4

// A shortKey is a key of up to 16 bytes: the last of them at the end, zeros before.
type shortKey struct {
	first, last uint64
	n           uint8
	m           meaning
}

// A longKey is one of 17 to 32: the first and the last 16.
type longKey struct {
	k [4]uint64
	n uint8
	m meaning
}

// A longestKey is one of 33 to 64: the first and the last 32.
type longestKey struct {
	k [8]uint64
	n uint8
	m meaning
}

// newMeanings makes room for so many short keys, a power of two, and fewer long ones.
func newMeanings(keys int) meanings {
	return meanings{short: make([]shortKey, keys), long: make([]longKey, keys/2), longest: make([]longestKey, keys/16)}
}

// ends are, by its length, which of the 16 bytes that end with it belong to a key.
var ends = func() (t [17]struct{ first, last uint64 }) {
	for n := range t {
		t[n].last, t[n].first = ^uint64(0), 0
		if n < 8 {
			t[n].last = ^(^uint64(0) >> (8 * n))
		} else {
			t[n].first = ^(^uint64(0) >> (8 * (n - 8)))
		}
	}
	return t
}()

// of gives what find gives for b[i:j]; find has no other arguments, and is the same
// for all that the table is asked for, or for all of a kind.
func (c *meanings) of(b []byte, i, j int, find func([]byte) meaning) meaning {
	n := j - i
	if uint(n-1) >= 16 {
		return c.longer(b[i:j], find)
	}
	if j < 16 {
		copy(c.room[16-n:], b[i:j])
		return c.of(c.room[:], 16-n, 16, find)
	}
	at, first, last := c.place(b[j-16:j], n)
	e := &c.short[at]
	if e.first == first && e.last == last && int(e.n) == n {
		return e.m
	}
	set := c.short[at : at+ways]
	for i := range set[1:] {
		if o := &set[1+i]; o.first == first && o.last == last && int(o.n) == n {
			return o.m
		}
	}
	copy(set[1:], set)
	e.first, e.last, e.n, e.m = first, last, uint8(n), find(b[i:j])
	return e.m
}

// named gives what the key of a path means.
func (c *meanings) named(key string) meaning {
	if len(key) > maxKey {
		return mNone
	}
	n := copy(c.name[16:], key)
	return c.of(c.name[:], 16, 16+n, look)
}

// place gives where a key of n bytes, the last of the 16 of w, may be among the short
// ones, and what it is.
func (c *meanings) place(w []byte, n int) (at, first, last uint64) {
	own := &ends[n]
	first, last = binary.LittleEndian.Uint64(w)&own.first, binary.LittleEndian.Uint64(w[8:])&own.last
	return stirred(first, last) & uint64(len(c.short)-ways), first, last
}

// stirred gives a number all of whose bits hang on all of a and b: the two halves of a
// product, as in wyhash (Wang Yi, public domain).
func stirred(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^0x9e3779b97f4a7c15, b^0xc2b2ae3d27d4eb4f)
	return hi ^ lo
}

// longer is of for a key that is not short.
func (c *meanings) longer(key []byte, find func([]byte) meaning) meaning {
	n := len(key)
	switch {
	case n == 0 || n > maxKey:
		return find(key)
	case n > 32:
		k := [8]uint64{binary.LittleEndian.Uint64(key), binary.LittleEndian.Uint64(key[8:]), binary.LittleEndian.Uint64(key[16:]), binary.LittleEndian.Uint64(key[24:]),
			binary.LittleEndian.Uint64(key[n-32:]), binary.LittleEndian.Uint64(key[n-24:]), binary.LittleEndian.Uint64(key[n-16:]), binary.LittleEndian.Uint64(key[n-8:])}
		at := (stirred(k[0], k[7]) ^ stirred(k[6], k[1]) ^ stirred(k[2], k[4]) ^ stirred(k[5], k[3])) & uint64(len(c.longest)-ways)
		e := &c.longest[at]
		if e.k == k && int(e.n) == n {
			return e.m
		}
		set := c.longest[at : at+ways]
		for i := range set[1:] {
			if o := &set[1+i]; o.k == k && int(o.n) == n {
				return o.m
			}
		}
		copy(set[1:], set)
		e.k, e.n, e.m = k, uint8(n), find(key)
		return e.m
	}
	k := [4]uint64{binary.LittleEndian.Uint64(key), binary.LittleEndian.Uint64(key[8:]), binary.LittleEndian.Uint64(key[n-16:]), binary.LittleEndian.Uint64(key[n-8:])}
	at := (stirred(k[0], k[3]) ^ stirred(k[2], k[1])) & uint64(len(c.long)-ways)
	e := &c.long[at]
	if e.k == k && int(e.n) == n {
		return e.m
	}
	set := c.long[at : at+ways]
	for i := range set[1:] {
		if o := &set[1+i]; o.k == k && int(o.n) == n {
			return o.m
		}
	}
	copy(set[1:], set)
	e.k, e.n, e.m = k, uint8(n), find(key)
	return e.m
}

// look gives what means gives, for keys that have not been seen of late.
func look(key []byte) meaning {
	if n := len(key); n >= 3 && !endings.may(key[n-3:]) {
		return mNone
	}
	return means(key)
}

// A tailSet holds the last three letters that the words of keys can have, five bits
// a letter: most keys have other ones and need no closer look.
type tailSet [1 << 15 / 64]uint64

// endings are those of the phrases.
var endings = func() tailSet {
	s := tails(phrases)
	for i, e := range tails(wordParts) {
		s[i] |= e
	}
	return s
}()

func tails[T any](phrases map[string]T) (s tailSet) {
	for p := range phrases {
		word := p[strings.LastIndexByte(p, '_')+1:]
		// What comes before a word of one or two letters can be anything.
		switch k := len(word); k {
		default:
			s.add(tail(word[k-3], word[k-2], word[k-1]))
		case 2:
			for c := range 32 {
				s.add(tail(byte(c), word[0], word[1]))
			}
		case 1:
			for c := range 1 << 10 {
				s.add(tail(byte(c>>5), byte(c), word[0]))
			}
		}
	}
	return s
}

func tail(a, b, c byte) int { return int(a&31)<<10 | int(b&31)<<5 | int(c&31) }

func (s *tailSet) add(i int) { s[i>>6] |= 1 << (i & 63) }

// may reports whether a key that ends in the three bytes of t may mean something.
func (s *tailSet) may(t []byte) bool {
	if t[0]|t[1]|t[2] >= 0x80 {
		return true // signs on letters
	}
	i := tail(t[0], t[1], t[2])
	return s[i>>6]&(1<<(i&63)) != 0 || !alpha(t[2])
}

package ledger

import (
	"encoding/binary"
	"math"
	"time"
	"unicode/utf8"
)

// check finds out whether decode would read b, without keeping or allocating
// anything, and gives the entry's time.
func check(b []byte) (time.Time, error) {
	if ns, ok := plain(b); ok {
		return time.Unix(0, ns).UTC(), nil
	}
	var r decoder
	var e Entry
	r.entry(b, &e)
	return e.Time, r.err
}

// plain reports whether b is an entry of the common form: of the first version,
// with short lists. It knows nothing that the decoder does not know, and is there
// because a verification spends on this what it does not spend on hashing. Where
// it says no, the decoder has to be asked.
func plain(b []byte) (ns int64, ok bool) {
	const (
		version, kind, time8, salt = 1, 3, 6, 15 // offsets behind the map's head
		first                      = 32          // of the fields that are not in each entry
	)
	if len(b) > MaxEntry || len(b) < 2+first {
		return 0, false
	}
	pairs := int(b[0]) - majorMap
	p := b[1:]
	if b[0] == majorMap|24 && b[1] >= 24 {
		pairs, p = int(b[1]), b[2:]
	} else if pairs < 4 || pairs >= 24 {
		return 0, false
	}
	if p[0] != keyVersion || p[version] != formatVersion1 || p[2] != keyKind || p[kind] == 0 || Kind(p[kind]) > Stop ||
		p[4] != keyTime || p[5] != majorUint|27 || p[14] != keySalt || p[salt] != majorBytes|16 {
		return 0, false
	}
	ns = int64(binary.BigEndian.Uint64(p[time8:]))
	if s := ns / 1_000_000_000; s < firstSecond || s > lastSecond {
		return 0, false
	}
	p = p[first:]
	next := byte(keyNode)
	for pairs -= 4; pairs > 0; pairs-- {
		if len(p) < 2 {
			return 0, false
		}
		key := p[0]
		if key < 24 {
			p = p[1:]
		} else if key != majorUint|24 || p[1] < 24 {
			return 0, false
		} else {
			key, p = p[1], p[2:]
		}
		if key < next {
			return 0, false
		}
		next = key + 1
		n := 0
		switch {
		case isText(key):
			if n = plainText(p); n == 1 {
				return 0, false // empty
			}
		case isNumber(key):
			v, size := plainUint(p)
			if n = size; v == 0 || key == keyPrincipalKind && v > maxByte {
				return 0, false
			}
		case key == keyExchange:
			const size = 1 + 12
			if len(p) < size || p[0] != majorBytes|12 ||
				binary.BigEndian.Uint64(p[1:])|uint64(binary.BigEndian.Uint32(p[9:])) == 0 {
				return 0, false
			}
			n = size
		case key == keyActions:
			n = plainActions(p)
		case key == keySubjects:
			n = plainSubjects(p)
		}
		if n == 0 {
			return 0, false
		}
		p = p[n:]
	}
	return ns, len(p) == 0
}

func isText(key byte) bool {
	const set = 1<<keyNode | 1<<keyCredential | 1<<keyPrincipal | 1<<keyRole | 1<<keyIssuer | 1<<keyNetwork | 1<<keyDoor | 1<<keyRoute |
		1<<keyRecipient | 1<<keyPurpose | 1<<keyPolicy | 1<<keyOutcome | 1<<keyReason | 1<<keyParty | 1<<keyRule | 1<<keyText
	return uint64(set)>>(key&63)&1 != 0 && key < 64
}

func isNumber(key byte) bool {
	const set = 1<<keyPrincipalKind | 1<<keyRead | 1<<keyUnread | 1<<keyStatus | 1<<keyN
	return uint64(set)>>(key&63)&1 != 0 && key < 64
}

// The functions below give how many bytes the item at the start of p has; 0 where
// that is not plain.

func plainText(p []byte) int {
	if len(p) == 0 {
		return 0
	}
	n, at := int(p[0])-majorText, 1
	if n == 24 && len(p) > 1 && p[1] >= 24 {
		n, at = int(p[1]), 2
	} else if n < 0 || n >= 24 {
		return 0
	}
	if len(p) < at+n {
		return 0
	}
	text := p[at : at+n]
	const beyond = 0x8080808080808080 // the bits that ASCII does not have
	for len(text) >= 8 {
		if binary.LittleEndian.Uint64(text)&beyond != 0 {
			return utf8Size(p[at:at+n], at+n)
		}
		text = text[8:]
	}
	for _, c := range text {
		if c >= utf8.RuneSelf {
			return utf8Size(p[at:at+n], at+n)
		}
	}
	return at + n
}

func utf8Size(text []byte, size int) int {
	if !utf8.Valid(text) {
		return 0
	}
	return size
}

func plainUint(p []byte) (v uint64, n int) {
	if len(p) == 0 || p[0] > majorUint|27 {
		return 0, 0
	}
	if p[0] < 24 {
		return uint64(p[0]), 1
	}
	n = 1 + 1<<(p[0]-24)
	if len(p) < n {
		return 0, 0
	}
	least := uint64(0)
	switch n {
	case 2:
		v, least = uint64(p[1]), 24
	case 3:
		v, least = uint64(binary.BigEndian.Uint16(p[1:])), 1<<8
	case 5:
		v, least = uint64(binary.BigEndian.Uint32(p[1:])), 1<<16
	default:
		v, least = binary.BigEndian.Uint64(p[1:]), 1<<32
	}
	if v < least || v > math.MaxInt64 {
		return 0, 0
	}
	return v, n
}

func plainActions(p []byte) int {
	if len(p) == 0 || p[0] <= majorArray || p[0] >= majorArray|24 {
		return 0
	}
	at := 1
	for left := p[0] - majorArray; left > 0; left-- {
		if len(p) <= at || p[at] != majorArray|3 {
			return 0
		}
		at++
		n := plainText(p[at:])
		if at += n; n == 0 || len(p) <= at || p[at] >= 24 { // the action
			return 0
		}
		at++
		if _, n = plainUint(p[at:]); n == 0 {
			return 0
		}
		at += n
	}
	return at
}

func plainSubjects(p []byte) int {
	if len(p) < 3 {
		return 0
	}
	n, at := int(p[0])-majorArray, 1
	switch {
	case n > 0 && n < 24:
	case n == 24 && p[1] >= 24:
		n, at = int(p[1]), 2
	case n == 25 && p[1] > 0:
		n, at = int(binary.BigEndian.Uint16(p[1:])), 3
	default:
		return 0
	}
	const size = 1 + 1 + 16 + 1 // of a subject with lanes below 24
	if n > MaxSubjects || len(p) < at+n*size {
		return 0
	}
	for end := at + n*size; at < end; at += size {
		if s := p[at : at+size]; s[0] != majorArray|2 || s[1] != majorBytes|16 || s[size-1] >= 24 {
			return 0
		}
	}
	return at
}

package inspect

import "github.com/getweir/weir"

// ipv4 looks at four runs of digits with dots between them.
func (w *walk) ipv4(t []byte, lo, hi int, runs []run, next *run) bool {
	private, ok := w.quad(t, lo, hi, runs, next)
	if ok {
		w.address(t, lo, runs[0].a, runs[3].b, private, "ipv4")
	}
	return ok
}

// quad reports whether the four runs are an address that may be somebody's, and
// whether that is one of a private network.
func (w *walk) quad(t []byte, lo, hi int, runs []run, next *run) (private, ok bool) {
	var q [4]int
	for i, r := range runs {
		if r.len() > 3 || i > 0 && r.sep != '.' || r.len() > 1 && t[r.a] == '0' {
			return false, false
		}
		n := 0
		for _, c := range t[r.a:r.b] {
			n = n*10 + int(c-'0')
		}
		if n > 255 {
			return false, false
		}
		q[i] = n
	}
	a, b := runs[0].a, runs[3].b
	if next != nil && next.sep == '.' || b < hi && wordByte(t[b]) || b+1 < hi && t[b] == '-' && wordByte(t[b+1]) {
		return false, false
	}
	if a > lo && a != w.last {
		switch c := t[a-1]; {
		case wordByte(c) || c == '.' || c == '-':
			return false, false
		case c == '/' && a-1 > lo && t[a-2] != '/':
			return false, false // a product's version, as in a User-Agent
		}
	}
	// Hosts all have the unspecified, loopback, multicast and broadcast addresses
	// (RFC 6890): they point at nobody.
	if q[0] == 0 || q[0] == 127 || q[0] >= 224 {
		return false, false
	}
	return q[0] == 10 || q[0] == 172 && q[1]&0xf0 == 16 || q[0] == 192 && q[1] == 168 || q[0] == 169 && q[1] == 254, true
}

// ipv6 looks at the colon at t[p] and gives where to go on. The text form is that
// of RFC 4291 section 2.2, at most 45 bytes.
func (w *walk) ipv6(t []byte, lo, hi, p int) int {
	a, b := p, p+1
	for floor := max(lo, w.last, p-45); a > floor && (hex(t[a-1]) || t[a-1] == ':'); {
		a--
	}
	for end := min(hi, p+46); b < end && (hex(t[b]) || t[b] == ':' || t[b] == '.'); {
		b++
	}
	for b > p && (t[b-1] == '.' || t[b-1] == ':' && (b-2 < a || t[b-2] != ':')) {
		b--
	}
	next := max(b, p+1)
	if b-a < 6 || a > lo && (wordByte(t[a-1]) || t[a-1] == '.') || b < hi && (wordByte(t[b]) || t[b] == ':') {
		return next
	}
	g, written, ok := groups6(t[a:b])
	digits := 0
	for _, c := range t[a:b] {
		if digit(c) {
			digits++
		}
	}
	// Names joined by colons (dead::beef) are made of letters: an address has
	// digits, and three groups.
	if !ok || (digits < 2 || written < 3) && w.ctx != mIP {
		return next
	}
	head := 0
	for _, v := range g[:7] {
		head |= int(v)
	}
	if head == 0 || g[0]>>8 == 0xff {
		return next // ::, ::1, multicast
	}
	private := g[0]&0xfe00 == 0xfc00 || g[0]&0xffc0 == 0xfe80
	w.address(t, lo, a, b, private, "ipv6")
	return next
}

func hex(c byte) bool { return digit(c) || c|0x20-'a' < 6 }

// groups6 reads the eight groups of an IPv6 address, and says how many of them
// were written.
func groups6(s []byte) (g [8]uint16, written int, ok bool) {
	gap := -1
	n := 0
	for i := 0; i < len(s); {
		if s[i] == ':' {
			switch {
			case i+1 < len(s) && s[i+1] == ':':
				if gap >= 0 {
					return g, n, false
				}
				gap = n
				i += 2
				continue
			case n == 0 || i+1 == len(s):
				return g, n, false
			}
			i++
		}
		if n == 8 {
			return g, n, false
		}
		start, v := i, 0
		for i < len(s) && hex(s[i]) {
			d := int(s[i] - '0')
			if d > 9 {
				d = int(s[i]|0x20-'a') + 10
			}
			v = v<<4 | d
			i++
		}
		if i < len(s) && s[i] == '.' {
			// The last 32 bits as a dotted quad: enough to know that they are one.
			if dots(s[start:]) != 3 || n > 6 {
				return g, n, false
			}
			n += 2
			break
		}
		if i == start || i-start > 4 {
			return g, n, false
		}
		g[n] = uint16(v)
		n++
	}
	if gap < 0 {
		return g, n, n == 8
	}
	if n == 8 {
		return g, n, false
	}
	copy(g[gap+8-n:], g[gap:n])
	clear(g[gap : gap+8-n])
	return g, n, true
}

// dots counts the dots of a dotted quad; -1 for anything else.
func dots(s []byte) (n int) {
	for i, c := range s {
		switch {
		case digit(c):
		case c == '.' && i > 0 && s[i-1] != '.':
			n++
		default:
			return -1
		}
	}
	return n
}

// address reports an address. A private one points at nobody by itself, and
// counts only where the context asks for one.
func (w *walk) address(t []byte, lo, a, b int, private bool, detector string) {
	context := w.ctx
	if context != mIP && context != mVersion {
		if b := w.beside(t, lo, a); b != mNone {
			context = b
		}
	}
	w.addressAs(context, a, b, private, detector)
}

// addressAs reports an address of which the context is known.
func (w *walk) addressAs(context meaning, a, b int, private bool, detector string) {
	c := weir.LikelyMatch
	switch {
	case context == mIP:
		c = weir.SureMatch
	case context == mVersion || private:
		c = weir.Unsure
	}
	w.emit(IP, a, b, c, false, detector)
}

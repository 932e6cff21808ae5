package inspect

import "github.com/getweir/weir"

// localMax is the longest local part (RFC 5321 section 4.5.3.1.1); domainMax the
// longest domain (section 4.5.3.1.2).
const (
	localMax  = 64
	domainMax = 255
)

func digit(c byte) bool { return c-'0' < 10 }
func alpha(c byte) bool { return c|0x20-'a' < 26 }
func alnum(c byte) bool { return digit(c) || alpha(c) }

// word reports whether c can be a part of a name or identifier, so that a number
// beside it is a part of it too.
func wordByte(c byte) bool { return alnum(c) || c == '_' || c >= 0x80 }

// local reports whether c may stand in the local part of an address. Of the
// atext of RFC 5322 section 3.2.3 those are left out that far more often stand
// around an address: = & / ? ' " and the like.
func local(c byte) bool {
	return alnum(c) || c >= 0x80 || c == '.' || c == '_' || c == '-' || c == '+' || c == '~' || c == '\''
}

// email looks at the @ at t[p] for an address within t[lo:hi], and gives where to
// go on. The local part is bounded, and a domain is passed over once, so a run of
// @ costs no more than its length.
func (w *walk) email(t []byte, lo, hi, p int) int {
	a := p
	for floor := max(lo, w.last, p-localMax); a > floor && local(t[a-1]); {
		a--
	}
	for a < p && (t[a] == '.' || t[a] == '-' || t[a] == '\'' || t[a] == '+') {
		a++
	}
	if a == p || t[p-1] == '.' || t[p-1] == '\'' {
		return p + 1
	}
	b, ok := domain(t, p+1, min(hi, p+1+domainMax))
	if !ok || userinfo(t, lo, hi, a, b) {
		return max(b, p+1)
	}
	w.emit(Email, a, b, weir.SureMatch, false, "email")
	return b
}

// domain gives the end of the host name that begins at t[i], and whether it can
// be the domain of an address: two labels or more (RFC 1035 section 2.3.1,
// RFC 5890), the last of them of letters.
func domain(t []byte, i, hi int) (end int, ok bool) {
	labels, start := 0, i
	tld := start
	for end = i; ; {
		for end < hi && (alnum(t[end]) || t[end] >= 0x80 || t[end] == '-') {
			end++
		}
		if end == start || t[start] == '-' || t[end-1] == '-' || end-start > 63 {
			break
		}
		labels, tld = labels+1, start
		if end+1 >= hi || t[end] != '.' || !(alnum(t[end+1]) || t[end+1] >= 0x80) {
			break
		}
		end++
		start = end
	}
	if labels < 2 || end == start {
		return end, false
	}
	last := t[tld:end]
	if len(last) < 2 || len(last) > 24 {
		return end, false
	}
	if len(last) > 4 && string(last[:4]) == "xn--" {
		return end, true
	}
	for _, c := range last {
		if !alpha(c) && c < 0x80 {
			return end, false
		}
	}
	return end, !fileSuffix(last)
}

// fileSuffix reports whether tld is the suffix of a picture or a style sheet,
// whose names often hold an @ (logo@2x.png) and which no registry delegates.
func fileSuffix(tld []byte) bool {
	switch string(tld) {
	case "png", "jpg", "jpeg", "gif", "svg", "webp", "avif", "css", "js", "mjs", "ts", "tsx", "jsx", "json", "html", "woff", "ttf":
		return true
	}
	return false
}

// userinfo reports whether t[a:b] is the user and host of a URL (RFC 3986
// section 3.2.1) or of an scp-like path (git@host:path), not an address.
func userinfo(t []byte, lo, hi, a, b int) bool {
	if b+1 < hi && t[b] == ':' {
		i := b + 1
		for end := min(hi, b+1+localMax); i < end && (alnum(t[i]) || t[i] == '-' || t[i] == '_' || t[i] == '.' || t[i] == '~'); {
			i++
		}
		if i < hi && t[i] == '/' {
			return true
		}
	}
	i := a
	for floor := max(lo, a-localMax); i > floor && (local(t[i-1]) || t[i-1] == ':' || t[i-1] == '%'); {
		i--
	}
	return i-lo >= 3 && string(t[i-2:i]) == "//"
}

package identity

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// otherNetwork begins the names of networks that the configuration does not name.
const otherNetwork = "other:"

// unknownNetwork is where a request comes from whose address cannot be read.
const unknownNetwork = otherNetwork + "unknown"

// maxHops bounds how many proxies are looked behind.
const maxHops = 32

// networks tells the network that a request comes from.
type networks struct {
	named   []namedPrefix // the longest prefix first
	trusted []netip.Prefix
	header  string // canonical
}

type namedPrefix struct {
	prefix netip.Prefix
	name   string
}

// of gives the name of r's network.
func (n *networks) of(r *http.Request) string {
	addr := n.client(r)
	if !addr.IsValid() {
		return unknownNetwork
	}
	for _, p := range n.named {
		if p.prefix.Contains(addr) {
			return p.name
		}
	}
	// RFC 4291 and RIR practice: a site has a /48, of which a household or a
	// phone may have a /56 or /64. For IPv4, 256 addresses share a name.
	bits := 48
	if addr.Is4() {
		bits = 24
	}
	prefix, err := addr.Prefix(bits)
	if err != nil {
		return unknownNetwork
	}
	return otherNetwork + prefix.String()
}

// client gives the address that r comes from: the peer's, or if that is a trusted
// proxy, the one that the proxy tells, and so on. It is not valid if it cannot be
// read: whoever told it, a trusted proxy did not know better.
func (n *networks) client(r *http.Request) netip.Addr {
	addr := parseHop(r.RemoteAddr)
	if !n.trusts(addr) {
		return addr
	}
	values := r.Header[n.header]
	hops := 0
	for i := len(values) - 1; i >= 0; i-- {
		line := splitList(values[i])
		for j := len(line) - 1; j >= 0; j-- {
			if hops++; hops > maxHops {
				return netip.Addr{}
			}
			hop := line[j]
			if n.header == "Forwarded" {
				hop = forwardedFor(hop)
			}
			if addr = parseHop(hop); !n.trusts(addr) {
				return addr
			}
		}
	}
	return addr
}

func (n *networks) trusts(addr netip.Addr) bool {
	return slices.ContainsFunc(n.trusted, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// parseHop reads an address with or without a port, as it stands in RemoteAddr,
// X-Forwarded-For or the "for" of Forwarded.
func parseHop(s string) netip.Addr {
	s = strings.Trim(s, " \t")
	addr, err := netip.ParseAddr(s)
	if err != nil {
		port, err := netip.ParseAddrPort(s)
		if err == nil {
			addr = port.Addr()
		} else if inner, ok := strings.CutPrefix(s, "["); ok {
			inner, ok = strings.CutSuffix(inner, "]")
			if addr, err = netip.ParseAddr(inner); err != nil || !ok {
				return netip.Addr{}
			}
		}
	}
	return addr.Unmap().WithZone("")
}

// splitList splits a field value at its commas, outside quoted strings
// (RFC 9110 section 5.6.1).
func splitList(s string) []string { return splitQuoted(s, ',') }

func splitQuoted(s string, sep byte) []string {
	var parts []string
	start, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == sep && !quoted:
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}

// forwardedFor gives the "for" of one element of Forwarded (RFC 7239 section 4),
// or "" if it has none or two.
func forwardedFor(element string) string {
	found := ""
	for _, pair := range splitQuoted(element, ';') {
		name, value, _ := strings.Cut(pair, "=")
		if !strings.EqualFold(strings.Trim(name, " \t"), "for") {
			continue
		}
		value = strings.Trim(value, " \t")
		if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
			value = value[1 : len(value)-1]
		}
		if found != "" {
			return ""
		}
		found = value
	}
	return found
}

func openNetworks(named []Network, forwarded Forwarded) (networks, error) {
	n := networks{header: "X-Forwarded-For"}
	var errs []error
	taken := make(map[netip.Prefix]bool)
	for i, c := range named {
		at := fmt.Sprintf("networks[%d]", i)
		errs = append(errs, plainField(at+".name", c.Name))
		if strings.HasPrefix(c.Name, otherNetwork) {
			errs = append(errs, fmt.Errorf("%s.name: %q is how networks without a name begin", at, otherNetwork))
		}
		if len(c.Prefixes) == 0 {
			errs = append(errs, fmt.Errorf("%s.prefixes: a network needs a prefix", at))
		}
		for j, text := range c.Prefixes {
			p, err := prefixField(fmt.Sprintf("%s.prefixes[%d]", at, j), text)
			errs = append(errs, err)
			if err == nil && taken[p] {
				errs = append(errs, fmt.Errorf("%s.prefixes[%d]: the prefix stands twice", at, j))
			}
			taken[p] = true
			n.named = append(n.named, namedPrefix{p, c.Name})
		}
	}
	slices.SortStableFunc(n.named, func(p, q namedPrefix) int { return q.prefix.Bits() - p.prefix.Bits() })
	for i, text := range forwarded.From {
		p, err := prefixField(fmt.Sprintf("forwarded.from[%d]", i), text)
		errs = append(errs, err)
		n.trusted = append(n.trusted, p)
	}
	switch name := http.CanonicalHeaderKey(forwarded.Header); name {
	case "":
	case "X-Forwarded-For", "Forwarded":
		n.header = name
	default:
		errs = append(errs, errors.New("forwarded.header: write X-Forwarded-For or Forwarded"))
	}
	return n, errors.Join(errs...)
}

// prefixField reads a prefix. Bits after it would be a mistake about its length.
func prefixField(field, text string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(text)
	if err != nil || p != p.Masked() || p.Addr().Is4In6() {
		return netip.Prefix{}, fmt.Errorf("%s: write a prefix such as 192.0.2.0/24 or 2001:db8::/32, with no bits after it", field)
	}
	return p, nil
}

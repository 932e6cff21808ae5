package identity

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestNetworks(t *testing.T) {
	named := []Network{
		{Name: "office", Prefixes: []string{"192.0.2.0/24", "2001:db8:1::/48"}},
		{Name: "office-guests", Prefixes: []string{"192.0.2.128/25"}},
	}
	from := []string{"198.51.100.0/28", "2001:db8:f::/48"}
	tests := []struct {
		name      string
		peer      string
		forwarded bool // by the Forwarded header
		header    []string
		want      string
	}{
		{"named", "192.0.2.7:1000", false, nil, "office"},
		{"named, IPv6", "[2001:db8:1::7]:1000", false, nil, "office"},
		{"the longest prefix", "192.0.2.200:1000", false, nil, "office-guests"},
		{"IPv4 within IPv6", "[::ffff:192.0.2.7]:1000", false, nil, "office"},
		{"other", "203.0.113.77:1000", false, nil, "other:203.0.113.0/24"},
		{"other, IPv6", "[2001:db8:2:3:4:5:6:7]:1000", false, nil, "other:2001:db8:2::/48"},
		{"other, with a zone", "[fe80::1%eth0]:1000", false, nil, "other:fe80::/48"},
		{"no address", "@", false, nil, "other:unknown"},
		{"nothing", "", false, nil, "other:unknown"},

		{"a header from anybody", "203.0.113.77:1000", false, []string{"192.0.2.7"}, "other:203.0.113.0/24"},
		{"a header from a proxy", "198.51.100.1:1000", false, []string{"192.0.2.7"}, "office"},
		{"a proxy itself", "198.51.100.1:1000", false, nil, "other:198.51.100.0/24"},
		{"through two proxies", "198.51.100.1:1000", false, []string{"192.0.2.7, 198.51.100.2"}, "office"},
		{"in two fields", "198.51.100.1:1000", false, []string{"192.0.2.7", "198.51.100.2"}, "office"},
		{"an address put before", "198.51.100.1:1000", false, []string{"192.0.2.7, 203.0.113.77"}, "other:203.0.113.0/24"},
		{"an address put before, in a field of its own", "198.51.100.1:1000", false, []string{"192.0.2.7", "203.0.113.77"}, "other:203.0.113.0/24"},
		{"with a port", "198.51.100.1:1000", false, []string{"192.0.2.7:55"}, "office"},
		{"IPv6 with a port", "198.51.100.1:1000", false, []string{"[2001:db8:1::7]:55"}, "office"},
		{"IPv6 in brackets", "198.51.100.1:1000", false, []string{"[2001:db8:1::7]"}, "office"},
		{"unreadable, before what is", "198.51.100.1:1000", false, []string{"192.0.2.7, nonsense"}, "other:unknown"},
		{"unreadable, behind the client", "198.51.100.1:1000", false, []string{"nonsense, 192.0.2.7"}, "office"},
		{"empty", "198.51.100.1:1000", false, []string{""}, "other:unknown"},
		{"proxies only", "198.51.100.1:1000", false, []string{"198.51.100.3, 198.51.100.2"}, "other:198.51.100.0/24"},
		{"too many proxies", "198.51.100.1:1000", false, []string{"192.0.2.7" + strings.Repeat(", 198.51.100.2", maxHops)}, "other:unknown"},
		{"one that is not read", "198.51.100.1:1000", true, []string{"192.0.2.7"}, "other:unknown"},

		{"Forwarded", "198.51.100.1:1000", true, []string{"for=192.0.2.7;proto=https;by=198.51.100.1"}, "office"},
		{"Forwarded, quoted", "198.51.100.1:1000", true, []string{`For="[2001:db8:1::7]:4711"`}, "office"},
		{"Forwarded, two hops", "198.51.100.1:1000", true, []string{`for=192.0.2.7, for="198.51.100.2"`}, "office"},
		{"Forwarded, a comma in quotes", "198.51.100.1:1000", true, []string{`for=203.0.113.7;x="a, for=192.0.2.7"`}, "other:203.0.113.0/24"},
		{"Forwarded, hidden", "198.51.100.1:1000", true, []string{"for=_hidden"}, "other:unknown"},
		{"Forwarded, unknown", "198.51.100.1:1000", true, []string{"for=192.0.2.7, for=unknown"}, "other:unknown"},
		{"Forwarded, twice in one", "198.51.100.1:1000", true, []string{"for=192.0.2.7;for=203.0.113.7"}, "other:unknown"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := Forwarded{From: from}
			if tt.forwarded {
				f.Header = "forwarded"
			}
			a, err := New(Config{Networks: named, Forwarded: f}, nil)
			if err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequest("GET", "/", nil)
			r.RemoteAddr = tt.peer
			for _, h := range tt.header {
				r.Header.Add(a.networks.header, h)
			}
			if p, denial := a.Authenticate(r); denial != nil || p.Network != tt.want {
				t.Errorf("network %q, denial %v", p.Network, denial)
			}
			r.Header.Set("Authorization", "Basic x") // on a denial too
			if p, denial := a.Authenticate(r); denial == nil || p.Network != tt.want {
				t.Errorf("denied: network %q, denial %v", p.Network, denial)
			}
		})
	}
}

func TestStrip(t *testing.T) {
	ca := newAuthority(t, "edge")
	a, err := New(Config{Proxies: []Proxy{{
		Name: "edge", CAFile: ca.file, SAN: []string{"edge.example.com"}, Kind: "staff", Role: "support", UserHeader: "X-Forwarded-User",
	}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{}
	for _, name := range []string{
		"Weir-On-Behalf-Of", "Weir_on_behalf_of", "Forwarded", "X-Forwarded-For", "X_forwarded_for", "X-Forwarded-Proto", "X-Real-Ip",
		"Authorization", "Cookie", "X-Api-Key", "X-Forwarded-User", "Accept",
	} {
		h[name] = []string{"x"}
	}
	a.Strip(h)
	for _, name := range []string{"Authorization", "Cookie", "X-Api-Key", "X-Forwarded-User", "Accept"} {
		if _, there := h[name]; !there {
			t.Errorf("%s is gone", name)
		}
		delete(h, name)
	}
	if len(h) > 0 {
		t.Errorf("still there: %v", h)
	}
}

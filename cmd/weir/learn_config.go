package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/getweir/weir"
	"github.com/getweir/weir/learn"
)

// keyHash gives what weir.yaml knows a key by; "": the key is so short that it could be
// guessed from its hash.
func keyHash(key string) string {
	if len(key) < 20 {
		return ""
	}
	sum := sha256.Sum256([]byte(key))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// config writes weir.yaml.
func (k *recognizer) config(upstream string) string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	p(`# Where Weir stands, and who is believed: written by weir learn. Paths are relative to
# this file. What is marked CHECK was guessed.
version: 1

# Clients come here ...
listen: 127.0.0.1:8080
# ... by HTTPS, once there is a certificate:
# tls: {certificate: tls.crt, key: tls.key}

# ... and what they ask for is fetched from here.
upstream: %s

policy: policy.yaml
state: weir-state
console: 127.0.0.1:8081
node: node-1

identity:
`, upstream)
	var keyField string
	var tokens []*learn.Issuer
	for _, is := range k.issuers {
		switch is.Scheme {
		case learn.Token:
			tokens = append(tokens, is)
		case learn.Key:
			if keyField == "" {
				keyField = is.Place
			}
		}
	}
	if len(tokens) > 0 {
		p("  # Issuers of the tokens that were seen. Their signatures have not been checked: with the\n  # issuer's keys, Weir does.\n  tokens:\n")
		for _, is := range tokens {
			name := issuerName(is)
			p("    - issuer: %s   # %s by %d\n", yamlText(name), plural(is.Requests, "request"), is.People)
			var audience []string
			for _, a := range is.Audience {
				if plainName(a) {
					audience = append(audience, yamlText(a))
				}
			}
			if len(audience) == 0 {
				p("      audience: [CHECK]   # the tokens name none: Weir believes none without\n")
			} else {
				p("      audience: [%s]\n", strings.Join(audience, ", "))
			}
			if u, err := url.Parse(name); err == nil && u.Scheme == "https" {
				p("      keys-url: %s   # CHECK\n", yamlText(strings.TrimSuffix(name, "/")+"/.well-known/jwks.json"))
			} else {
				p("      keys-file: weir-state/keys/%s.jwks   # CHECK: put the issuer's public keys there (a JWK set)\n", fileName(name))
			}
			if cookie, ok := strings.CutPrefix(is.Place, "cookie "); ok {
				p("      cookie: %s\n", yamlText(cookie))
			}
			p("      kind: %s", is.Kind)
			if is.Kind == weir.Customer {
				p("   # its tokens name whom the answers are about")
			}
			p("\n")
			var claims []string
			if is.Claim != "" && is.Claim != "role" {
				claims = append(claims, "role: "+yamlText(is.Claim))
			}
			if is.Kind == weir.Customer && is.Customer != "sub" {
				claims = append(claims, "customer: "+yamlText(is.Customer))
			}
			if len(claims) > 0 {
				p("      claims: {%s}\n", strings.Join(claims, ", "))
			}
			if is.Claim == "" {
				p("      role: %s   # the tokens name none\n", is.Kind)
			}
			var roles []string
			for _, r := range is.Roles {
				if plainName(r) {
					roles = append(roles, yamlText(r))
				}
			}
			if is.Several && len(roles) > 0 {
				p("      roles: [%s]   # the first that a token has counts\n", strings.Join(roles, ", "))
			}
		}
	}
	if len(k.keys) > 0 {
		if keyField != "" && keyField != "X-Api-Key" {
			p("  key-header: %s\n", keyField)
		}
		p("  # Keys that were seen, by their hashes. Give them better names; a role each, for now.\n  keys:\n")
		for _, n := range slices.Sorted(maps.Keys(k.hashes)) {
			if k.hashes[n] == "" {
				p("    # service-%d shows a key of less than 20 characters, which its hash would give away: give\n    # it another (weir api-key service-%d --role service-%d).\n", n, n, n)
				continue
			}
			p("    - {name: service-%d, role: service-%d, hashes: [\"%s\"]}\n", n, n, k.hashes[n])
		}
	}
	for _, is := range k.issuers {
		switch is.Scheme {
		case learn.Cookie:
			p("  # %s were seen with a session in %s. Weir sees them as anonymous until it\n  # is told whom to ask about sessions (RFC 7662):\n  # introspection: [{issuer: sessions, url: https://..., cookie: %s, kind: customer, role: customer}]\n", plural(is.Requests, "request"), commentText(is.Place), commentText(strings.TrimPrefix(is.Place, "cookie ")))
		case learn.Opaque:
			p("  # %s show a bearer token that says nothing by itself. Weir refuses it until it is\n  # told whom to ask (RFC 7662):\n  # introspection: [{issuer: sessions, url: https://..., bearer: true, kind: customer, role: customer}]\n", plural(is.Requests, "request"))
		case learn.Basic:
			p("  # %s show a name and a password (Basic), which Weir does not check: it refuses them.\n", plural(is.Requests, "request"))
		}
	}
	p("  # Names for networks, for budgets and rules of their own:\n  # networks:\n  #   - {name: office, prefixes: [192.0.2.0/24]}\n  # Names of people are kept as pseudonyms under this key.\n  pseudonym-key-file: weir-state/keys/names.key\n")
	return b.String()
}

func fileName(s string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.' {
			return r
		}
		return '-'
	}, s), "-.")
}

func commentText(s string) string {
	if plainName(strings.ReplaceAll(s, " ", "-")) {
		return s
	}
	return "a cookie"
}

// yamlText writes text so that YAML takes it for that.
func yamlText(s string) string {
	return "\"" + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + "\""
}

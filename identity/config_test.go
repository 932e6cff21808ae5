package identity

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// example is a configuration with every source. $DIR stands for where the files
// are.
const example = `
tokens:
  - issuer: https://login.example.com
    audience: [https://api.example.com]
    keys-url: https://login.example.com/.well-known/jwks.json
    refresh: 5m
    keep-keys: 1h
    algorithms: [ES256, EdDSA]
    leeway: 30s
    max-lifetime: 1h
    claims: {name: sub, role: /realm_access/roles, kind: kind}
    kind: staff
    roles: [admin, support]
  - issuer: https://shop.example.com
    audience: [https://api.example.com]
    keys-file: $DIR/jwks.json
    cookie: shop_token
    claims: {customer: customer_id}
    kind: customer
    role: customer
key-header: X-API-Key
keys:
  - name: recommender
    hashes: ["sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"]
    role: recommender
    kind: service
    expires: 2030-01-01T00:00:00Z
introspection:
  - issuer: sessions
    url: https://login.example.com/introspect
    client-id: weir
    client-secret-file: $DIR/secret
    bearer: true
    cookie: session
    audience: [https://api.example.com]
    cache: 10s
    cache-size: 10000
    timeout: 2s
    kind: customer
    role: customer
certificates:
  - issuer: services-ca
    ca-file: $DIR/ca.pem
    clients:
      - {uri: spiffe://example.org/export, name: export, role: marketing}
      - {dns: jobs.example.com, name: jobs, role: jobs}
      - {cn: on-call, name: on-call, role: support, kind: staff}
proxies:
  - name: edge
    ca-file: $DIR/ca.pem
    san: [edge.example.com]
    spki: ["sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"]
    user-header: X-Remote-User
    role-header: X-Remote-Role
    kind: staff
    roles: [support]
on-behalf-of:
  issuers:
    - issuer: https://login.example.com
      audience: [https://weir.example.com/behalf]
      keys-url: https://login.example.com/.well-known/jwks.json
      max-lifetime: 5m
      kind: staff
  actors: [recommender]
  required: [on-call]
networks:
  - {name: office, prefixes: [192.0.2.0/24, "2001:db8:1::/48"]}
forwarded:
  from: [198.51.100.0/28]
  header: X-Forwarded-For
pseudonym-key-file: $DIR/pseudonyms.key
`

// exampleConfig reads the example, with files that exist.
func exampleConfig(t *testing.T) Config {
	t.Helper()
	dir := t.TempDir()
	if err := newIssuer(t, "https://shop.example.com", "EdDSA").WriteKeySet(filepath.Join(dir, "jwks.json")); err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(newAuthority(t, "services").file)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"secret": "s3cret\n", "ca.pem": string(ca), "pseudonyms.key": strings.Repeat("k", 32),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var c Config
	text := strings.ReplaceAll(example, "$DIR", dir)
	if err := yaml.UnmarshalWithOptions([]byte(text), &c, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestExampleConfig(t *testing.T) {
	c := exampleConfig(t)
	if _, err := New(c, nil); err != nil {
		t.Fatal(err)
	}
	// The example is to show every section.
	for v, i := reflect.ValueOf(c), 0; i < v.NumField(); i++ {
		if v.Field(i).IsZero() {
			t.Errorf("the example lacks %s", v.Type().Field(i).Name)
		}
	}
}

func TestConfigErrorsNameTheField(t *testing.T) {
	for _, tt := range []struct {
		field  string
		change func(*Config)
	}{
		{"tokens[0].issuer", func(c *Config) { c.Tokens[0].Issuer = "" }},
		{"tokens[1].issuer", func(c *Config) { c.Tokens[1].Issuer = c.Tokens[0].Issuer }},
		{"tokens[0].audience", func(c *Config) { c.Tokens[0].Audience = nil }},
		{"tokens[0].audience", func(c *Config) { c.Tokens[0].Audience = []string{""} }},
		{"tokens[0].keys-file", func(c *Config) { c.Tokens[0].KeysFile = "x" }},
		{"tokens[0].keys-file", func(c *Config) { c.Tokens[0].KeysURL = "" }},
		{"tokens[1].keys-file", func(c *Config) { c.Tokens[1].KeysFile = "/none" }},
		{"tokens[1].ca-file", func(c *Config) { c.Tokens[1].CAFile = "/none" }},
		{"tokens[0].ca-file", func(c *Config) { c.Tokens[0].CAFile = "/none" }},
		{"tokens[0].keys-url", func(c *Config) { c.Tokens[0].KeysURL = "http://login.example.com/jwks" }},
		{"tokens[0].keys-url", func(c *Config) { c.Tokens[0].KeysURL = "https://u:p@login.example.com/jwks" }},
		{"tokens[0].keys-url", func(c *Config) { c.Tokens[0].KeysURL = "file:///etc/passwd" }},
		{"tokens[0].keys-url", func(c *Config) { c.Tokens[0].KeysURL = "https://" }},
		{"tokens[0].refresh", func(c *Config) { c.Tokens[0].Refresh = 1 }},
		{"tokens[0].keep-keys", func(c *Config) { c.Tokens[0].KeepKeys = 1000 * 3600e9 }},
		{"tokens[0].keep-keys", func(c *Config) { c.Tokens[0].KeepKeys = 60e9 }},
		{"tokens[0].algorithms[0]", func(c *Config) { c.Tokens[0].Algorithms = []string{"HS256"} }},
		{"tokens[0].algorithms[1]", func(c *Config) { c.Tokens[0].Algorithms = []string{"ES256", "none"} }},
		{"tokens[0].leeway", func(c *Config) { c.Tokens[0].Leeway = 3600e9 }},
		{"tokens[0].leeway", func(c *Config) { c.Tokens[0].Leeway = -1 }},
		{"tokens[0].max-lifetime", func(c *Config) { c.Tokens[0].MaxLifetime = -1 }},
		{"tokens[0].kind", func(c *Config) { c.Tokens[0].Kind = "root" }},
		{"tokens[1].kind", func(c *Config) { c.Tokens[1].Kind = "" }},
		{"tokens[1].kind", func(c *Config) { c.Tokens[1].Kind = "anonymous" }},
		{"tokens[1].role", func(c *Config) { c.Tokens[1].Role = "a role" }},
		{"tokens[0].roles[1]", func(c *Config) { c.Tokens[0].Roles[1] = "" }},
		{"tokens[1].cookie", func(c *Config) { c.Tokens[1].Cookie = "a b" }},
		{"introspection[0].cookie", func(c *Config) { c.Introspection[0].Cookie = "Shop_Token" }},
		{"key-header", func(c *Config) { c.KeyHeader = "Authorization" }},
		{"key-header", func(c *Config) { c.KeyHeader = "X_Key" }},
		{"key-header", func(c *Config) { c.KeyHeader = "X Key" }},
		{"keys[0].name", func(c *Config) { c.Keys[0].Name = "jane.roe@example.com" }},
		{"keys[1].name", func(c *Config) { c.Keys = append(c.Keys, c.Keys[0]) }},
		{"keys[1].hashes[0]", func(c *Config) { c.Keys = append(c.Keys, c.Keys[0]) }},
		{"keys[0].hashes", func(c *Config) { c.Keys[0].Hashes = nil }},
		{"keys[0].hashes[0]", func(c *Config) { c.Keys[0].Hashes = []string{"weir_x"} }},
		{"keys[0].hashes[0]", func(c *Config) { c.Keys[0].Hashes[0] = "sha256:" + strings.Repeat("x", 64) }},
		{"keys[0].role", func(c *Config) { c.Keys[0].Role = "" }},
		{"keys[0].kind", func(c *Config) { c.Keys[0].Kind = "customer" }},
		{"introspection[0].issuer", func(c *Config) { c.Introspection[0].Issuer = "" }},
		{"introspection[1].issuer", func(c *Config) { c.Introspection = append(c.Introspection, c.Introspection[0]) }},
		{"introspection[1].bearer", func(c *Config) { c.Introspection = append(c.Introspection, c.Introspection[0]) }},
		{"introspection[0].url", func(c *Config) { c.Introspection[0].URL = "" }},
		{"introspection[0].ca-file", func(c *Config) { c.Introspection[0].CAFile = "/none" }},
		{"introspection[0].client-id", func(c *Config) { c.Introspection[0].ClientID = "" }},
		{"introspection[0].client-secret-file", func(c *Config) { c.Introspection[0].ClientSecretFile = "/none" }},
		{"introspection[0].bearer", func(c *Config) { c.Introspection[0].Bearer, c.Introspection[0].Cookie = false, "" }},
		{"introspection[0].audience", func(c *Config) { c.Introspection[0].Audience = []string{""} }},
		{"introspection[0].cache", func(c *Config) { c.Introspection[0].Cache = 61e9 }},
		{"introspection[0].cache-size", func(c *Config) { c.Introspection[0].CacheSize = -1 }},
		{"introspection[0].timeout", func(c *Config) { c.Introspection[0].Timeout = 60e9 }},
		{"introspection[0].kind", func(c *Config) { c.Introspection[0].Kind = "" }},
		{"certificates[0].issuer", func(c *Config) { c.Certificates[0].Issuer = "" }},
		{"certificates[0].ca-file", func(c *Config) { c.Certificates[0].CAFile = "" }},
		{"certificates[0].clients[0]", func(c *Config) { c.Certificates[0].Clients[0].CN = "x" }},
		{"certificates[0].clients[1]", func(c *Config) { c.Certificates[0].Clients[1].DNS = "" }},
		{"certificates[0].clients[2].name", func(c *Config) { c.Certificates[0].Clients[2].Name = "" }},
		{"certificates[0].clients[2].role", func(c *Config) { c.Certificates[0].Clients[2].Role = "" }},
		{"certificates[0].clients[2].kind", func(c *Config) { c.Certificates[0].Clients[2].Kind = "customer" }},
		{"proxies[0].name", func(c *Config) { c.Proxies[0].Name = "" }},
		{"proxies[0].ca-file", func(c *Config) { c.Proxies[0].CAFile = "" }},
		{"proxies[0].spki", func(c *Config) { c.Proxies[0].SPKI, c.Proxies[0].SAN = nil, nil }},
		{"proxies[0].spki[0]", func(c *Config) { c.Proxies[0].SPKI[0] = "x" }},
		{"proxies[0].kind", func(c *Config) { c.Proxies[0].Kind = "" }},
		{"proxies[0].role", func(c *Config) { c.Proxies[0].RoleHeader = "" }},
		{"proxies[0].user-header", func(c *Config) { c.Proxies[0].UserHeader = "" }},
		{"proxies[0].user-header", func(c *Config) { c.Proxies[0].UserHeader = "Cookie" }},
		{"proxies[0].user-header", func(c *Config) { c.Proxies[0].UserHeader = "x-api-key" }},
		{"proxies[0].role-header", func(c *Config) { c.Proxies[0].RoleHeader = c.Proxies[0].UserHeader }},
		{"on-behalf-of.issuers", func(c *Config) { c.OnBehalfOf.Issuers = nil }},
		{"on-behalf-of.issuers[0].audience", func(c *Config) { c.OnBehalfOf.Issuers[0].Audience = c.Tokens[0].Audience }},
		{"on-behalf-of.issuers[0].max-lifetime", func(c *Config) { c.OnBehalfOf.Issuers[0].MaxLifetime = 3600e9 }},
		{"on-behalf-of.issuers[0]", func(c *Config) { c.OnBehalfOf.Issuers[0].Role = "support" }},
		{"on-behalf-of.actors[0]", func(c *Config) { c.OnBehalfOf.Actors[0] = "" }},
		{"networks[0].name", func(c *Config) { c.Networks[0].Name = "other:x" }},
		{"networks[0].prefixes", func(c *Config) { c.Networks[0].Prefixes = nil }},
		{"networks[0].prefixes[0]", func(c *Config) { c.Networks[0].Prefixes[0] = "192.0.2.7/24" }},
		{"networks[0].prefixes[1]", func(c *Config) { c.Networks[0].Prefixes[1] = c.Networks[0].Prefixes[0] }},
		{"forwarded.from[0]", func(c *Config) { c.Forwarded.From[0] = "198.51.100.1" }},
		{"forwarded.header", func(c *Config) { c.Forwarded.Header = "X-Real-IP" }},
		{"pseudonym-key-file", func(c *Config) { c.PseudonymKeyFile = c.Introspection[0].ClientSecretFile }},
	} {
		t.Run(tt.field, func(t *testing.T) {
			c := exampleConfig(t)
			tt.change(&c)
			_, err := New(c, nil)
			if err == nil {
				t.Fatal("accepted")
			}
			if !strings.Contains(err.Error(), tt.field+":") {
				t.Errorf("error %v", err)
			}
			if strings.Contains(err.Error(), "weir_x") {
				t.Error("the error repeats what could be a key")
			}
		})
	}
}

func TestConfigErrorsAllAtOnce(t *testing.T) {
	c := exampleConfig(t)
	c.Tokens[0].Audience = nil
	c.Keys[0].Role = ""
	c.Forwarded.Header = "x"
	_, err := New(c, nil)
	for _, field := range []string{"tokens[0].audience", "keys[0].role", "forwarded.header"} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("no word of %s in: %v", field, err)
		}
	}
}

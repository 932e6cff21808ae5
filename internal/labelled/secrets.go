package labelled

import (
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"strings"

	"github.com/getweir/weir"
)

// A token is a family of credentials that its first characters tell.
type token struct {
	kind string
	make func(m *maker) string
}

func random(prefix, alphabet string, n int) func(*maker) string {
	return func(m *maker) string { return prefix + m.from(alphabet, n) }
}

const (
	hexits  = "0123456789abcdef"
	lowers  = "abcdefghijklmnopqrstuvwxyz0123456789"
	urlSafe = base62 + "-_"
)

// tokens are the families, each in the form that its issuer publishes. The parts
// that tell them stand apart from the rest, so that no file holds one whole.
var tokens = []token{
	{"aws_access_key", random("AKIA", "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)}, {"aws_access_key", random("ASIA", "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)},
	{"google_api_key", random("AI"+"za", urlSafe, 35)},
	{"github_token", func(m *maker) string { return github(m, pick(m, []string{"ghp", "gho", "ghu", "ghs", "ghr"})) }},
	{"github_token", func(m *maker) string { return "github_" + "pat_" + m.from(base62, 22) + "_" + m.from(base62, 59) }},
	{"gitlab_token", random("gl"+"pat-", urlSafe, 20)},
	{"slack_token", func(m *maker) string {
		return "xo" + "xb-" + m.digits(12) + "-" + m.digits(13) + "-" + m.from(base62, 24)
	}},
	{"slack_webhook", func(m *maker) string {
		return "https://hooks.slack.com/" + "services/T" + m.from(capitals+"0123456789", 10) + "/B" + m.from(capitals+"0123456789", 10) + "/" + m.from(base62, 24)
	}},
	{"stripe_key", random("sk_"+"live_", base62, 24)}, {"stripe_key", random("rk_"+"live_", base62, 24)}, {"stripe_key", random("whs"+"ec_", base62, 32)},
	{"shopify_token", random("shp"+"at_", hexits, 32)}, {"shopify_token", random("shp"+"ss_", hexits, 32)},
	{"twilio_key", random("S"+"K", hexits, 32)},
	{"sendgrid_key", func(m *maker) string { return "S" + "G." + m.from(urlSafe, 22) + "." + m.from(urlSafe, 43) }},
	{"mailchimp_key", func(m *maker) string { return m.hexes(32) + "-us" + fmt.Sprint(1+m.IntN(20)) }},
	{"mailgun_key", random("ke"+"y-", hexits, 32)},
	{"npm_token", func(m *maker) string { return github(m, "npm") }},
	{"pypi_token", random("pypi-"+"AgEIcHlwaS5vcmc", urlSafe, 80)},
	{"openai_key", func(m *maker) string {
		return "sk-" + "proj-" + m.from(base62, 20) + "T3Blbk" + "FJ" + m.from(base62, 20)
	}},
	{"anthropic_key", func(m *maker) string { return "sk-" + "ant-api03-" + m.from(urlSafe, 93) + "AA" }},
	{"huggingface_token", random("h"+"f_", base62[10:], 34)},
	{"square_token", random("sq0"+"atp-", urlSafe, 22)},
	{"telegram_token", func(m *maker) string { return fmt.Sprint(100000000+m.IntN(899999999)) + ":AA" + m.from(urlSafe, 33) }},
	{"digitalocean_token", random("dop_"+"v1_", hexits, 64)},
	{"databricks_token", random("da"+"pi", hexits, 32)},
	{"docker_token", random("dckr_"+"pat_", urlSafe, 27)},
	{"linear_key", random("lin_"+"api_", base62, 40)},
	{"postman_key", func(m *maker) string { return "PM" + "AK-" + m.hexes(24) + "-" + m.hexes(34) }},
	{"grafana_token", func(m *maker) string { return "gl" + "sa_" + m.from(base62, 32) + "_" + m.hexes(8) }},
	{"new_relic_key", random("NR"+"AK-", capitals+"0123456789", 27)},
	{"vault_token", random("hv"+"s.", urlSafe, 95)},
	{"doppler_token", random("dp.p"+"t.", base62, 43)},
	{"rubygems_key", random("ruby"+"gems_", hexits, 48)},
	{"shippo_token", random("shippo_"+"live_", hexits, 40)},
	{"airtable_token", func(m *maker) string { return "pa" + "t" + m.from(base62, 14) + "." + m.hexes(64) }},
	{"notion_token", func(m *maker) string { return "nt" + "n_" + m.digits(11) + m.from(base62, 35) }},
	{"planetscale_token", random("pscale_"+"tkn_", urlSafe, 43)},
	{"atlassian_token", func(m *maker) string {
		s := "ATATT3x" + "FfGF0" + m.from(urlSafe, 171)
		return s + "=" + strings.ToUpper(fmt.Sprintf("%08x", crc32.ChecksumIEEE([]byte(s))))
	}},
	{"jwt", func(m *maker) string {
		part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
		return part(`{"alg":"HS256","typ":"JWT"}`) + "." + part(`{"sub":"`+m.digits(8)+`","exp":`+m.epoch()+`}`) + "." + m.from(urlSafe, 43)
	}},
	{"connection_string", func(m *maker) string {
		return pick(m, []string{"postgres", "mysql", "mongodb+srv", "redis", "amqps"}) + "://svc_" + m.from(lowers[:26], 5) + ":" + m.from(base62, 16) + "@db-" + m.digits(2) + ".internal.example:5432/shop"
	}},
	{"private_key", func(m *maker) string {
		b := "-----BEGIN " + pick(m, []string{"", "RSA ", "EC ", "OPENSSH "}) + "PRIVATE KEY-----\n"
		end := strings.Replace(b, "BEGIN", "END", 1)
		for range 3 + m.IntN(20) {
			b += m.from(base62+"+/", 64) + "\n"
		}
		return b + m.from(base62+"+/", 40) + "=\n" + strings.TrimSuffix(end, "\n")
	}},
	{"password", func(m *maker) string { return m.from("bcdfghjkmnpqrst", 4) + m.from("!$%#", 1) + m.from(base62, 9) }},
	{"password_hash", func(m *maker) string { return "$2b$12$" + m.from("./"+base62, 53) }},
	{"password_hash", func(m *maker) string { return "$6$" + m.from("./"+base62, 16) + "$" + m.from("./"+base62, 86) }},
	{"password_hash", func(m *maker) string {
		return "$argon2id$v=19$m=65536,t=3,p=4$" + m.from(base62, 22) + "$" + m.from(base62, 43)
	}},
}

// github gives a token with the checksum of its own: CRC-32 in base 62, six digits
// (github.blog, "Behind GitHub's new authentication token formats").
func github(m *maker, prefix string) string {
	s := m.from(base62, 30)
	sum := crc32.ChecksumIEEE([]byte(s))
	check := ""
	for range 6 {
		check = string("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"[sum%62]) + check
		sum /= 62
	}
	return prefix + "_" + s + check
}

// secrets draws what configurations and answers give away.
func (m *maker) secrets() *node {
	n := object("name", decoy(nameClass, "name of a thing", own(m, 0, words("production staging webhook-relay nightly-export mailer cart-sync"))), "created at", m.stamp())
	for range 2 {
		d := &tokens[m.IntN(len(tokens))]
		key := own(m, 3, []string{"value", "key", "token", "api key", "access token", "secret", "client secret", "credential", "auth token", "webhook"})
		if d.kind == "connection_string" {
			key = own(m, 1, []string{"database url", "dsn", "broker url", "connection string"})
		}
		if d.kind == "password" {
			key = own(m, 1, []string{"password", "passwd", "db password", "admin password"})
		}
		if d.kind == "private_key" {
			key = own(m, 1, []string{"private key", "key", "pem", "signing key"})
			if m.oneLine {
				continue // a key has lines
			}
		}
		if d.kind == "password_hash" {
			key = own(m, 1, []string{"password hash", "password", "passwd", "password digest"})
		}
		if !n.has(key) {
			r := personal(weir.Class("credential."+d.kind), d.make(m))
			r.loose = strings.Contains(r.text, "://") // the secret in it, or the whole
			n.with(key, r)
		}
	}
	for range 1 + m.IntN(2) {
		t := m.harmless()
		if !n.has(t.key) {
			n.with(t.key, t.run)
		}
	}
	m.noise(n, 1+m.IntN(3))
	return n
}

// harmless gives what looks like a credential and is none.
func (m *maker) harmless() trap {
	c := weir.Class("credential.")
	switch m.IntN(10) {
	case 0:
		return trap{own(m, 1, []string{"commit", "revision", "sha"}), decoy(c+"api_key", "hash of a commit", m.hexes(40)), false}
	case 1:
		return trap{own(m, 1, []string{"idempotency id", "trace parent"}), decoy(c+"access_token", "trace", "00-"+m.hexes(32)+"-"+m.hexes(16)+"-01"), false}
	case 2:
		return trap{own(m, 1, []string{"publishable", "public id"}), decoy(c+"stripe_key", "publishable key", "pk_"+"live_"+m.from(base62, 24)), false}
	case 3:
		return trap{own(m, 1, []string{"sample", "docs example"}), decoy(c+"github_token", "placeholder", "ghp_"+strings.Repeat("x", 36)), false}
	case 4:
		return trap{own(m, 1, []string{"slug", "anchor"}), decoy(c+"openai_key", "slug", "sk-"+own(m, 0, []string{"learn-tutorial-for-beginners-part-two", "task-list-of-the-second-quarter-view"})), false}
	case 5:
		return trap{own(m, 1, []string{"pixel", "inline image"}), decoy(c+"access_token", "picture", "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"+m.from(base62, 40)), false}
	case 6:
		return trap{own(m, 1, []string{"integrity", "checksum sri"}), decoy(c+"api_key", "integrity of a script", "sha384-"+m.from(base62+"+/", 64)), false}
	case 7:
		return trap{own(m, 1, []string{"home page", "docs url"}), decoy(c+"connection_string", "URL without a password", "https://docs.example:8443/path@v2?x=1"), false}
	case 8:
		return trap{own(m, 1, []string{"node id", "global id"}), decoy(c+"jwt", "base64 of an id", base64.StdEncoding.EncodeToString([]byte("012:Repository"+m.digits(9)))), false}
	}
	return trap{own(m, 1, []string{"template", "env ref"}), decoy(c+"password", "reference to a secret", "${"+own(m, 0, []string{"STRIPE_SECRET_KEY", "DB_PASSWORD", "GITHUB_TOKEN", "SENDGRID_API_KEY"})+"}"), false}
}

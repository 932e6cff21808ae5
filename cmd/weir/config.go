package main

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/getweir/weir/identity"
	"github.com/getweir/weir/ledger"
)

// config is weir.yaml. Paths in it are relative to the file.
type config struct {
	Version int `yaml:"version"`

	// Listen is where clients reach Weir: address and port.
	Listen string `yaml:"listen"`
	// TLS serves HTTPS. Without it the door speaks plain HTTP, which is for
	// loopback or behind something that ends TLS.
	TLS tlsConfig `yaml:"tls"`
	// Upstream is the service behind the door: its base URL.
	Upstream string `yaml:"upstream"`
	// Policy is the file that says what may flow.
	Policy string `yaml:"policy"`
	// State is the folder with the ledger, the subject directory and the keys.
	State string `yaml:"state"`
	// Console is where staff see what happens: a loopback address and port.
	// Empty: no console.
	Console string `yaml:"console"`
	// Metrics is an address and a port at which figures are served in the format of
	// Prometheus, at /metrics, to everybody who reaches it: counts only. Empty: none.
	Metrics string `yaml:"metrics"`
	// Node names this node in the ledger.
	Node string `yaml:"node"`
	// Identity says by which credentials principals are known.
	Identity identity.Config `yaml:"identity"`
	// TicketHeader is the field of a request that names the ticket that it is about,
	// for roles that need one. Default: Weir-Ticket.
	TicketHeader string `yaml:"ticket-header"`
	// Ledger says who else may read the ledger and who vouches for it.
	Ledger ledgerConfig `yaml:"ledger"`
	// Store is the database that nodes share. Empty: the node is alone.
	Store storeConfig `yaml:"store"`
	// Vault says where the vault's keys are and what it keeps.
	Vault vaultConfig `yaml:"vault"`
	// Review says how often access is reviewed.
	Review reviewConfig `yaml:"review"`
	// Limits bounds what one exchange may use.
	Limits limits `yaml:"limits"`
}

// fieldName are the letters of a name of a header field that anybody uses (RFC 9110,
// 5.6.2 has a few more).
const fieldName = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

type ledgerConfig struct {
	// Listen is an address and a port at which the ledger is served as C2SP
	// tlog-tiles: checkpoints and hashes to everybody, entries to Readers. It
	// speaks HTTPS if the door does. Empty: it is not served.
	Listen string `yaml:"listen"`
	// Readers are the hashes of the bearer tokens whose holders may read entries,
	// as weir api-key prints them: sha256: and 64 hexadecimal digits. None:
	// nobody may.
	Readers []string `yaml:"readers"`
	// Witnesses are shown the ledger's checkpoints, and sign them if they
	// continue what they saw before (C2SP tlog-witness).
	Witnesses []witnessConfig `yaml:"witnesses"`
	// Threshold is how many witnesses make a checkpoint a witnessed one.
	// Default: all.
	Threshold int `yaml:"threshold"`
	// Every is how often a ledger that has grown is shown to them. Default: 10s.
	Every time.Duration `yaml:"every"`
	// Archive is where the ledger is copied to. Empty: nowhere.
	Archive archiveConfig `yaml:"archive"`
	// Keep is for how long entries are kept, such as 400d; at least 31d. With an
	// archive, what is not in it yet stays. Empty: for ever.
	Keep string `yaml:"keep"`
	// Heartbeat is how often the other nodes of the roster are asked for their
	// newest checkpoints, and what they say recorded. Default: 1m.
	Heartbeat time.Duration `yaml:"heartbeat"`
}

type witnessConfig struct {
	// Key is the witness's public key: name+hash+data, of type 4.
	Key string `yaml:"key"`
	// URL is its submission prefix; it is asked at URL/add-checkpoint.
	URL string `yaml:"url"`
}

// options gives what Log.Witness takes.
func (c ledgerConfig) options(log *slog.Logger) ledger.WitnessOptions {
	o := ledger.WitnessOptions{Threshold: c.Threshold, Every: c.Every, Log: log}
	for _, w := range c.Witnesses {
		o.Witnesses = append(o.Witnesses, ledger.Witness{Key: w.Key, URL: w.URL})
	}
	return o
}

// readers gives the hashes that Readers names.
func (c ledgerConfig) readers() (hashes [][32]byte, err error) {
	for _, text := range c.Readers {
		digits, ok := strings.CutPrefix(text, "sha256:")
		b, err := hex.DecodeString(digits)
		if !ok || err != nil || len(b) != 32 {
			return nil, errors.New("ledger.readers: each must be sha256: and 64 hexadecimal digits, as weir api-key prints them")
		}
		hashes = append(hashes, [32]byte(b))
	}
	return hashes, nil
}

type tlsConfig struct {
	// Certificate and Key are PEM files.
	Certificate string `yaml:"certificate"`
	Key         string `yaml:"key"`
}

type limits struct {
	// Segment is the most bytes of one record; a longer one is withheld.
	// Default: 262144.
	Segment int `yaml:"segment"`
	// Countries whose national phone numbers are recognised without a key word
	// beside them. Default: those of the detectors.
	Countries []string `yaml:"countries"`
}

// loadConfig reads and checks weir.yaml. Errors show the line.
func loadConfig(path string) (*config, error) {
	src, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, usageError{fmt.Errorf("there is no %s. Write one with: weir init --upstream http://127.0.0.1:9000", path)}
	}
	if err != nil {
		return nil, err
	}
	c, err := parseConfig(src)
	if err != nil {
		return nil, usageError{fmt.Errorf("%s: %w", path, err)}
	}
	c.resolve(filepath.Dir(path))
	return c, nil
}

func parseConfig(src []byte) (*config, error) {
	var c config
	dec := yaml.NewDecoder(bytes.NewReader(src), yaml.Strict(), yaml.DisallowUnknownField())
	if err := dec.Decode(&c); err != nil && !errors.Is(err, io.EOF) {
		return nil, errors.New(yaml.FormatError(err, false, true))
	}
	return &c, c.check()
}

func (c *config) check() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.Version != 1 {
		bad("version: 1 is the version of this file's format; it is required")
	}
	if u, err := url.Parse(c.Upstream); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		bad("upstream: must be the base URL of the service, such as http://127.0.0.1:9000")
	} else if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		bad("upstream: only scheme, host, port and path are allowed")
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		bad("listen: must be an address and a port, such as 127.0.0.1:8080 or :8443")
	}
	if c.Policy == "" {
		bad("policy: the name of the policy file is required")
	}
	if c.State == "" {
		bad("state: the folder for the ledger and the keys is required")
	}
	if (c.TLS.Certificate == "") != (c.TLS.Key == "") {
		bad("tls: certificate and key belong together")
	}
	if strings.ContainsFunc(c.TicketHeader, func(r rune) bool { return !strings.ContainsRune(fieldName, r) }) {
		bad("ticket-header: the name of a header field, such as X-Ticket")
	}
	if _, _, err := net.SplitHostPort(c.Ledger.Listen); err != nil && c.Ledger.Listen != "" {
		bad("ledger.listen: must be an address and a port, such as 127.0.0.1:8090")
	}
	if _, _, err := net.SplitHostPort(c.Metrics); err != nil && c.Metrics != "" {
		bad("metrics: must be an address and a port, such as 127.0.0.1:9464")
	}
	if n := len(c.Ledger.Witnesses); c.Ledger.Threshold < 0 || c.Ledger.Threshold > n || c.Ledger.Every < 0 {
		bad("ledger.threshold: from 1 to the number of witnesses, %d; ledger.every: a span such as 10s", n)
	}
	if c.Ledger.Heartbeat < 0 {
		bad("ledger.heartbeat: a span such as 1m")
	}
	if _, err := c.Ledger.readers(); err != nil {
		bad("%w", err)
	}
	if err := c.Store.check(); err != nil {
		bad("%w", err)
	} else if c.Store.shared() && c.Node == "" {
		bad("node: the name of this node is required where a store is shared")
	}
	if err := c.Vault.check(); err != nil {
		bad("%w", err)
	}
	if _, err := c.Ledger.keep(); err != nil {
		bad("ledger.keep: %w", err)
	}
	if a := c.Ledger.Archive; a.To == "" && a != (archiveConfig{}) {
		bad("ledger.archive.to: a folder, or s3://BUCKET/PREFIX")
	} else if a.Every < 0 {
		bad("ledger.archive.every: a span such as 1m")
	}
	if c.Limits.Segment < 0 || c.Limits.Segment > 16<<20 {
		bad("limits.segment: from 0 (the default) to 16777216 bytes")
	}
	return errors.Join(errs...)
}

// resolve makes paths absolute to the folder of the file.
func (c *config) resolve(dir string) {
	at := func(paths ...*string) {
		for _, p := range paths {
			if *p != "" && !filepath.IsAbs(*p) {
				*p = filepath.Join(dir, *p)
			}
		}
	}
	at(&c.Policy, &c.State, &c.Store.PasswordFile, &c.TLS.Certificate, &c.TLS.Key)
	at(&c.Identity.PseudonymKeyFile)
	at(&c.Vault.Keys, &c.Vault.PassphraseFile)
	if c.Vault.Transit != nil {
		at(&c.Vault.Transit.TokenFile)
	}
	at(&c.Ledger.Archive.Credentials)
	if !strings.Contains(c.Ledger.Archive.To, "://") {
		at(&c.Ledger.Archive.To)
	}
	for i := range c.Identity.Tokens {
		at(&c.Identity.Tokens[i].KeysFile, &c.Identity.Tokens[i].CAFile)
	}
	for i := range c.Identity.Introspection {
		at(&c.Identity.Introspection[i].CAFile, &c.Identity.Introspection[i].ClientSecretFile)
	}
	for i := range c.Identity.Certificates {
		at(&c.Identity.Certificates[i].CAFile)
	}
	for i := range c.Identity.Proxies {
		at(&c.Identity.Proxies[i].CAFile)
	}
	for i := range c.Identity.OnBehalfOf.Issuers {
		at(&c.Identity.OnBehalfOf.Issuers[i].KeysFile, &c.Identity.OnBehalfOf.Issuers[i].CAFile)
	}
}

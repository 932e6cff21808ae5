package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/getweir/weir/guard"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/policy"
)

// Where a check turns from good to bad.
const (
	clockSlack    = 2 * time.Second     // between clocks, beside the time of the answer
	certificateIn = 14 * 24 * time.Hour // before its end: a warning
	roomLow       = 1 << 30             // bytes free: a warning
	roomLeast     = 100 << 20           // a failure
	filesLow      = 4096                // open files: a warning; each exchange takes two
	behindLow     = 10 * time.Minute    // of an archive or a witness: a warning
	behindMost    = 24 * time.Hour      // a failure
	dialPatience  = 2 * time.Second
)

func (d *doctor) policyLoads() {
	p, err := loadPolicy(d.cfg.Policy)
	if err != nil {
		d.fail("policy", "correct the lines that are named; the server keeps the policy that it has", "%v", err)
		return
	}
	if _, err := newInspector(p, d.cfg.Limits.Countries); err != nil {
		d.fail("policy", "correct the detector", "%v", err)
		return
	}
	d.rules = p
	if n := len(p.Warnings()); n > 0 {
		d.warn("policy", "see them with: weir policy check "+d.cfg.Policy, "%s loads (%s), with %d warnings", d.cfg.Policy, p.Version(), n)
		return
	}
	d.ok("policy", "%s loads (%s)", d.cfg.Policy, p.Version())
}

// modes looks who can read secrets and write what the server believes.
func (d *doctor) modes() {
	bad := len(d.result.Checks)
	var secrets []string
	keys, err := os.ReadDir(filepath.Join(d.cfg.State, "keys"))
	if err != nil {
		d.fail("state", "make it with weir init, or put it back from a copy", "the state folder cannot be read: %v", err)
		return
	}
	for _, k := range keys {
		secrets = append(secrets, filepath.Join(d.cfg.State, "keys", k.Name()))
	}
	secrets = append(secrets, d.cfg.TLS.Key, d.cfg.Store.PasswordFile, d.cfg.Ledger.Archive.Credentials, d.cfg.Identity.PseudonymKeyFile)
	for _, i := range d.cfg.Identity.Introspection {
		secrets = append(secrets, i.ClientSecretFile)
	}
	for _, path := range secrets {
		if path == "" {
			continue
		}
		info, err := os.Stat(path)
		switch {
		case err != nil:
			d.fail(checkKeys, "put the file there, or correct its name in weir.yaml", "%v", err)
		case info.Mode().Perm()&0o077 != 0:
			d.fail(checkKeys, "chmod 600 "+path, "%s can be read or written by others than its owner (%04o)", path, info.Mode().Perm())
		}
	}
	for _, path := range []string{d.cfg.State, filepath.Join(d.cfg.State, "keys"), filepath.Join(d.cfg.State, "ledger"), filepath.Join(d.cfg.State, subjectsFile), filepath.Join(d.cfg.State, "index.db"), d.result.Config, d.cfg.Policy} {
		info, err := os.Stat(path)
		if err != nil {
			continue // those that are needed are missed by other checks
		}
		if info.Mode().Perm()&0o022 != 0 {
			d.fail(checkState, "chmod go-w "+path, "%s can be written by others than its owner (%04o)", path, info.Mode().Perm())
		}
	}
	if len(d.result.Checks) == bad {
		d.ok(checkKeys, "%d secrets can be read by their owner only", len(keys))
	}
}

// looseModes logs which keys and files of the state are open to others.
func looseModes(cfg *config, log *slog.Logger) {
	d := &doctor{cfg: cfg}
	d.modes()
	for _, c := range d.result.Checks {
		if c.State != fine {
			log.Warn("the state is open to others", "what", c.Text, "do", c.Do)
		}
	}
}

// ledgerHolds verifies the last entries, and what they say of the policy and the time.
func (d *doctor) ledgerHolds() {
	tree, err := ledger.OpenTree(filepath.Join(d.cfg.State, "ledger"), "")
	if err != nil {
		d.fail("ledger", "put the ledger back: docs/operations.md, Losing a disk", "it cannot be opened: %v", err)
		return
	}
	c, _, err := tree.Checkpoint()
	if err != nil {
		d.fail("ledger", "weir ledger verify says more", "%v", err)
		return
	}
	const last = 2000
	var newest, started time.Time
	version, mode := "", ""
	ends := false
	read := func(from, to int64) error {
		return tree.Entries(from, to, func(_ int64, e *ledger.Entry) error {
			newest = e.Time
			if e.Policy != "" && e.Kind != ledger.Coverage {
				version = e.Policy
			}
			switch e.Kind {
			case ledger.Start:
				started, mode, ends = e.Time, e.Text, false
			case ledger.Stop:
				ends = true
			}
			return d.ctx.Err()
		})
	}
	from := max(0, c.Size-last)
	if err := read(from, c.Size); err != nil {
		d.fail("ledger", "weir ledger verify says which entries; do not delete anything", "its last entries do not verify: %v", err)
		return
	}
	if c.Size == 0 {
		d.warn("ledger", "start weir serve", "it has no entries yet")
		return
	}
	d.ok("ledger", "its last %d of %d entries verify, up to %s", c.Size-from, c.Size, newest.UTC().Format(time.RFC3339))
	first, err := tree.First()
	for err == nil && version == "" && from > first {
		// What is in force was said longer ago.
		v, m, t := version, mode, newest
		to := from
		from = max(first, from-8*last)
		if err = read(from, to); err != nil {
			version, mode = v, m
		}
		newest = t
	}
	if ahead := newest.Sub(d.now); ahead > clockSlack {
		d.fail("clock", "set the clock (NTP); the server goes on from the ledger's time until then", "this machine's clock is %s behind the ledger's last entry", ahead.Round(time.Second))
	} else {
		d.ok("clock", "not behind the ledger's last entry")
	}
	switch {
	case version == "":
		d.warn("in force", "start weir serve", "the ledger names no policy yet")
	case d.rules != nil && version != d.rules.Version():
		d.warn("in force", "a server reads a changed file within seconds; if it does not, it has refused it (see its log), or is not running", "the policy last in force was %s, the file is %s", version, d.rules.Version())
	case d.rules != nil:
		d.ok("in force", "the policy last in force is the file's")
	}
	switch {
	case mode != "" && mode != modeText(guard.Enforce) && !ends:
		d.fail(checkMode, "start weir serve without --observe", "since %s the server runs with: %s", started.UTC().Format(time.RFC3339), mode)
	case d.rules != nil && (d.rules.Observe() || slices.ContainsFunc(d.rules.Routes(), func(r policy.Route) bool { return r.Observe })):
		d.warn(checkMode, "take mode: observe out, route by route", "the policy only observes on some routes: nothing is withheld there")
	case ends:
		d.warn(checkMode, "start weir serve", "the server has ended on purpose; nothing stands before the service")
	default:
		d.ok(checkMode, "the policy is enforced")
	}
}

func (d *doctor) store() {
	if !d.cfg.Store.shared() {
		return
	}
	ctx, cancel := context.WithTimeout(d.ctx, 20*time.Second)
	defer cancel()
	s, _, err := openShared(ctx, d.cfg, nil)
	if err != nil {
		d.fail("store", "weir store check tries the same; nothing is released while it is away", "%v", err)
		return
	}
	defer s.Close()
	about, err := s.About(ctx)
	if err != nil {
		d.fail("store", "look into the database's log", "%v", err)
		return
	}
	d.ok("store", "%s", about)
	at, took, err := s.Clock(ctx)
	if err != nil {
		d.fail("clock", "look into the database's log", "%v", err)
		return
	}
	if off := time.Since(at).Abs(); off > clockSlack+took {
		d.fail("clock", "set both clocks (NTP): leases and holds end by the store's", "this machine's clock and the store's are %s apart", off.Round(time.Millisecond))
		return
	}
	d.ok("clock", "agrees with the store's")
}

// upstream tries to reach the service as those would who are not to: by this host's
// other addresses. Weir itself has to reach it.
func (d *doctor) upstream(networks []string) {
	u, err := url.Parse(d.cfg.Upstream)
	if err != nil {
		return // the configuration would not have loaded
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	if !d.reaches(net.JoinHostPort(u.Hostname(), port)) {
		d.fail("service", "start the service, or correct upstream in weir.yaml", "%s does not answer", d.cfg.Upstream)
	} else {
		d.ok("service", "%s answers", d.cfg.Upstream)
	}
	var open []string
	for _, a := range d.addresses {
		if at := net.JoinHostPort(a.String(), port); a.String() != u.Hostname() && d.reaches(at) {
			open = append(open, at)
		}
	}
	host, addrErr := netip.ParseAddr(u.Hostname())
	loopback := u.Hostname() == "localhost" || addrErr == nil && host.IsLoopback()
	switch {
	case len(open) > 0:
		d.fail(checkUpstream, "have the service listen on 127.0.0.1 alone, or close the port to others in the firewall", "something answers at %v: if that is the service, it listens on all addresses and is reached past Weir", open)
	case !loopback:
		d.warn(checkUpstream, "let the firewall admit this host alone, and try from elsewhere: weir doctor --from-network NAME", "the service is on another address (%s): from here nobody can tell who else reaches it", u.Hostname())
	default:
		d.ok(checkUpstream, "the service listens on loopback and answers at none of this host's %d other addresses", len(d.addresses))
	}
	for _, n := range networks {
		at := []string{u.Hostname()}
		if loopback {
			at = nil
			for _, a := range d.addresses {
				at = append(at, a.String())
			}
		}
		for _, host := range at {
			d.result.Try = append(d.result.Try, fmt.Sprintf("from %s: curl --insecure --max-time 5 --output /dev/null %s://%s/", n, u.Scheme, net.JoinHostPort(host, port)))
		}
	}
}

func (d *doctor) reaches(address string) bool {
	c, err := (&net.Dialer{Timeout: dialPatience}).DialContext(d.ctx, "tcp", address)
	if err != nil {
		return false
	}
	c.Close()
	return true
}

func (d *doctor) certificates() {
	if d.cfg.TLS.Certificate == "" {
		host, _, _ := net.SplitHostPort(d.cfg.Listen)
		if ip, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !ip.IsLoopback()) {
			d.warn("tls", "set tls: certificate and key, unless something before Weir ends TLS", "the door speaks plain HTTP at %s", d.cfg.Listen)
			return
		}
		d.ok("tls", "plain HTTP, on loopback")
		return
	}
	pair, err := tls.LoadX509KeyPair(d.cfg.TLS.Certificate, d.cfg.TLS.Key)
	if err != nil {
		d.fail("tls", "put a certificate and its key there", "%v", err)
		return
	}
	cert, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		d.fail("tls", "put a certificate there", "%v", err)
		return
	}
	left := cert.NotAfter.Sub(d.now)
	switch end := cert.NotAfter.UTC().Format(time.RFC3339); {
	case left <= 0:
		d.fail("tls", "renew it, and start weir serve anew", "the certificate has ended on %s", end)
	case d.now.Before(cert.NotBefore):
		d.fail("tls", "look at the clock", "the certificate begins on %s", cert.NotBefore.UTC().Format(time.RFC3339))
	case left < certificateIn:
		d.warn("tls", "renew it, and start weir serve anew", "the certificate ends on %s", end)
	default:
		d.ok("tls", "the certificate is good until %s", end)
	}
}

// listeners looks at what should not be seen from outside.
func (d *doctor) listeners() {
	if d.cfg.Console == "" {
		d.ok("console", "there is none")
	} else if host, port, err := net.SplitHostPort(d.cfg.Console); err != nil {
		d.fail("console", "console: 127.0.0.1:8081", "%s is no address", d.cfg.Console)
	} else if ip, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !ip.IsLoopback()) {
		d.fail("console", "console: 127.0.0.1:"+port, "%s is not on loopback: the server refuses it", d.cfg.Console)
	} else {
		var open []string
		for _, a := range d.addresses {
			if at := net.JoinHostPort(a.String(), port); port != "0" && d.reaches(at) {
				open = append(open, at)
			}
		}
		if len(open) > 0 {
			d.warn("console", "look what forwards it there", "something answers at the console's port from outside loopback: %v", open)
		} else {
			d.ok("console", "on loopback only")
		}
	}
}

// room looks at what runs out.
func (d *doctor) room() {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(d.cfg.State, &fs); err != nil {
		d.warn("disk", "", "free room cannot be asked for: %v", err)
	} else {
		free := int64(fs.Bavail) * int64(fs.Bsize)
		switch {
		case free < roomLeast:
			d.fail("disk", "make room: nothing is released when the ledger cannot be written", "%s are free", byteText(free))
		case free < roomLow:
			d.warn("disk", "make room, or have old entries dropped: ledger: keep:", "%s are free", byteText(free))
		default:
			d.ok("disk", "%s are free", byteText(free))
		}
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err == nil {
		// Go raises the soft limit to the hard one at the start.
		if limit.Max < filesLow {
			d.warn("files", "LimitNOFILE=65536 in the unit, or ulimit -n", "a process may open %d files here: some %d exchanges at once", limit.Max, limit.Max/2)
		} else {
			d.ok("files", "a process may open %d", limit.Max)
		}
	}
}

// vouched looks whether witnesses have signed lately.
func (d *doctor) vouched() {
	if len(d.cfg.Ledger.Witnesses) == 0 {
		d.warn("witnesses", "name some under ledger: witnesses: docs/operations.md", "none: the ledger is self-attested, and who holds its key could sign another history")
		return
	}
	tree, err := ledger.OpenTree(filepath.Join(d.cfg.State, "ledger"), "")
	if err != nil {
		return // said above
	}
	c, _, err := tree.Checkpoint()
	if err != nil {
		return
	}
	w, _, err := tree.Witnessed()
	if err != nil {
		d.fail("witnesses", "weir ledger verify says more", "%v", err)
		return
	}
	d.behind("witnesses", "look at the server's log, and whether the witnesses answer", "signed by witnesses", tree, w.Size, c.Size)
}

// behind tells how old the first of the entries is that something has not reached.
func (d *doctor) behind(name, do, what string, tree *ledger.Tree, reached, size int64) {
	if reached >= size {
		d.ok(name, "all %d entries are %s", size, what)
		return
	}
	var first time.Time
	stop := errors.New("enough")
	if err := tree.Entries(reached, reached+1, func(_ int64, e *ledger.Entry) error { first = e.Time; return stop }); err != nil && !errors.Is(err, stop) {
		d.warn(name, do, "%d of %d entries are %s; the next cannot be read: %v", reached, size, what, err)
		return
	}
	switch age := d.now.Sub(first); {
	case age > behindMost:
		d.fail(name, do, "%d of %d entries are %s; the first of the others is %s old", reached, size, what, age.Round(time.Minute))
	case age > behindLow:
		d.warn(name, do, "%d of %d entries are %s; the first of the others is %s old", reached, size, what, age.Round(time.Minute))
	default:
		d.ok(name, "%d of %d entries are %s", reached, size, what)
	}
}

// copies looks whether losing the disk loses the record.
func (d *doctor) copies() {
	a := d.cfg.Ledger.Archive
	if a.To == "" {
		if d.cfg.Store.shared() {
			d.ok("copy", "the shared store acknowledges every entry")
			return
		}
		d.warn("copy", "name a folder elsewhere or a bucket under ledger: archive: to:", "no archive and no shared store: this disk has the only copy of the ledger")
		return
	}
	b, err := a.bucket(a.To)
	if err != nil {
		d.fail("archive", "correct ledger: archive: in weir.yaml", "%v", err)
		return
	}
	ctx, cancel := context.WithTimeout(d.ctx, time.Minute)
	defer cancel()
	held, err := ledger.Archived(ctx, b)
	if errors.Is(err, fs.ErrNotExist) {
		held, err = 0, nil
	}
	if err != nil {
		d.fail("archive", "look whether it can be reached, and with which credentials", "%s: %s", b, errShort(err))
		return
	}
	tree, err := ledger.OpenTree(filepath.Join(d.cfg.State, "ledger"), "")
	if err != nil {
		return // said above
	}
	c, _, err := tree.Checkpoint()
	if err != nil {
		return
	}
	d.behind("archive", "look at the server's log, or run: weir ledger archive --once", "in the archive ("+b.String()+")", tree, min(held, c.Size), c.Size)
	if !slices.ContainsFunc(d.result.Checks, func(k check) bool { return k.Name == "archive" && k.State != fine }) {
		d.ok("copy", "try a restore now and then: weir ledger restore --from %s DIR", a.To)
	}
}

// Package postgres keeps what nodes share in one PostgreSQL database: the subject
// directory, the vault's rows, and a copy of each node's ledger that acknowledges every group of
// entries before anything is released on their account.
//
// All of it is in the schema weir. A pool of connections serves the subject
// directory; each ledger that is claimed has one of its own, on which a batch is
// one statement and one round trip. A node tells the others by NOTIFY what was
// erased. Create and Upgrade carry out the steps of the schema, as its owner;
// Open changes nothing, so that a node needs no right to.
//
// It guarantees that what a method has returned as stored was committed with
// synchronous_commit on, by a server whose fsync is on; that of two processes
// that claim a ledger only the later can write; and that a connection to another
// machine is encrypted and its server known.
//
// It does not keep the owner of the database from changing or removing rows: a
// ledger is signed, so that changes are found, and its removal is. It does not
// make the database outlive its machine: replication and backups are the
// operator's.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/getweir/weir/internal/directory"
)

// What callers compare.
var (
	// ErrForeign: the schema weir is not this program's, or of another version.
	ErrForeign = errors.New("not the database of this version of weir")
	// ErrUnsafe: the server, or the way to it, is not one to be trusted with
	// this: it does not sync what it commits, or could be another one.
	ErrUnsafe = errors.New("the PostgreSQL server cannot be relied on")
	// ErrKey: the key is not 32 bytes long, or not the one that the directory was
	// begun with.
	ErrKey = directory.ErrKey
)

// Config says where the database is.
type Config struct {
	// URL is a connection string: postgres://user@host/database?sslmode=verify-full
	// and whatever else libpq knows. What it leaves out the environment may say
	// (PGHOST, PGPASSFILE and so on).
	URL string
	// Password replaces the one of the URL, if it is not empty.
	Password string
	// Node tells, in the database, who has claimed a ledger.
	Node string
	// ClaimWait is how long a claim waits for another process to end that has
	// claimed the same ledger. Default ten seconds.
	ClaimWait time.Duration
	// Log is told of what is wrong and does not stop the store. Default: nobody.
	Log *slog.Logger
}

// A Store is an open database. Its methods may be called concurrently.
type Store struct {
	config Config
	conn   *pgx.ConnConfig
	pool   *pgxpool.Pool

	changes chan struct{} // see Changes
	sweep   cursor

	mu       sync.Mutex
	subjects *directory.Directory // nil before Subjects
}

// Open connects to a database that Create has prepared. It fails with an error
// that is fs.ErrNotExist where there is no schema, with ErrForeign where it is
// of another version, and with ErrUnsafe.
func Open(ctx context.Context, c Config) (*Store, error) {
	s, err := open(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	switch version, err := s.version(ctx); {
	case err != nil:
		s.Close()
		return nil, fmt.Errorf("open store: %w", err)
	case version == 0:
		s.Close()
		return nil, fmt.Errorf("open store: %w: the database has no schema weir", fs.ErrNotExist)
	case version != len(steps):
		s.Close()
		return nil, fmt.Errorf("open store: %w: its schema is %d, this program's is %d", ErrForeign, version, len(steps))
	}
	return s, nil
}

// open connects, and looks at nothing but the server.
func open(ctx context.Context, c Config) (*Store, error) {
	if c.ClaimWait <= 0 {
		c.ClaimWait = 10 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	pc, err := pgxpool.ParseConfig(c.URL)
	if err != nil {
		// Its text leaves out the password.
		return nil, err
	}
	if c.Password != "" {
		pc.ConnConfig.Password = c.Password
	}
	if err := secure(pc.ConnConfig); err != nil {
		return nil, err
	}
	for name, value := range map[string]string{
		"application_name": "weir " + c.Node,
		// Whatever the database or the role has as its default.
		"synchronous_commit":                  "on",
		"search_path":                         "pg_catalog",
		"statement_timeout":                   "30000",
		"idle_in_transaction_session_timeout": "30000",
		// So that the claim of a machine that is gone ends.
		"tcp_keepalives_idle":     "5",
		"tcp_keepalives_interval": "3",
		"tcp_keepalives_count":    "3",
		"tcp_user_timeout":        "15000",
	} {
		if _, ok := pc.ConnConfig.RuntimeParams[name]; !ok || name == "synchronous_commit" || name == "search_path" {
			pc.ConnConfig.RuntimeParams[name] = value
		}
	}
	if pc.ConnConfig.ConnectTimeout == 0 {
		pc.ConnConfig.ConnectTimeout = 5 * time.Second
	}
	s := &Store{config: c, conn: pc.ConnConfig.Copy(), changes: make(chan struct{}, 1)}
	pc.AfterConnect = s.inspect
	pc.MaxConns, pc.MinIdleConns = 8, 1
	pc.MaxConnIdleTime = 5 * time.Minute
	if s.pool, err = pgxpool.NewWithConfig(ctx, pc); err != nil {
		return nil, err
	}
	if err := s.pool.Ping(ctx); err != nil {
		s.pool.Close()
		return nil, err
	}
	return s, nil
}

// Close closes all connections. Nothing may use the store at the same time.
func (s *Store) Close() error {
	s.pool.Close()
	return nil
}

// secure refuses a way to another machine that is not encrypted or on which
// another server could stand.
func secure(c *pgx.ConnConfig) error {
	ways := []*pgconn.FallbackConfig{{Host: c.Host, TLSConfig: c.TLSConfig}}
	for _, way := range append(ways, c.Fallbacks...) {
		if local(way.Host) {
			continue
		}
		t := way.TLSConfig
		if t == nil || t.InsecureSkipVerify && t.VerifyPeerCertificate == nil && t.VerifyConnection == nil {
			return fmt.Errorf("%w: the connection to %s must have sslmode=verify-full (and sslrootcert, where its authority is your own): else it could be read, or another server could acknowledge in its place", ErrUnsafe, way.Host)
		}
	}
	return nil
}

func local(host string) bool {
	if strings.HasPrefix(host, "/") || host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// inspect looks at a new connection's server: what it commits it must sync, and
// it must be one that is written to.
func (s *Store) inspect(ctx context.Context, c *pgx.Conn) error {
	var fsync, pages, commit *string
	var standby bool
	err := c.QueryRow(ctx, `SELECT current_setting('fsync', true), current_setting('full_page_writes', true),
		current_setting('synchronous_commit', true), pg_is_in_recovery()`).Scan(&fsync, &pages, &commit, &standby)
	switch {
	case err != nil:
		return err
	case fsync != nil && *fsync == "off":
		return fmt.Errorf("%w: it has fsync = off, so that what it has acknowledged is lost with its power. Set fsync = on", ErrUnsafe)
	case commit != nil && (*commit == "off"):
		return fmt.Errorf("%w: it has synchronous_commit = off", ErrUnsafe)
	case standby:
		return fmt.Errorf("%w: it is a standby, which takes no writes. Name the primary, or add target_session_attrs=read-write", ErrUnsafe)
	}
	if pages != nil && *pages == "off" {
		s.config.Log.Warn("store: the server has full_page_writes = off: unless its file system writes whole pages, a loss of power can damage it")
	}
	return nil
}

// connect opens a connection outside the pool.
func (s *Store) connect(ctx context.Context) (*pgx.Conn, error) {
	c, err := pgx.ConnectConfig(ctx, s.conn.Copy())
	if err != nil {
		return nil, err
	}
	if err := s.inspect(ctx, c); err != nil {
		return nil, errors.Join(err, closeConn(c))
	}
	return c, nil
}

// closeConn closes c without waiting long for a server that does not answer.
func closeConn(c *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return c.Close(ctx)
}

// About tells what server it is, for people.
func (s *Store) About(ctx context.Context) (string, error) {
	var version, database, user string
	err := s.pool.QueryRow(ctx, `SELECT current_setting('server_version'), current_database(), current_user`).Scan(&version, &database, &user)
	if err != nil {
		return "", fmt.Errorf("ask store: %w", err)
	}
	return "PostgreSQL " + version + ", database " + database + " as " + user + ", schema " + strconv.Itoa(len(steps)), nil
}

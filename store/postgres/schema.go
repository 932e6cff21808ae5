package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// steps are the migrations, each a list of statements. A step that was released
// is never changed.
var steps = [...]string{
	`CREATE TABLE weir.subjects (
		mac     bytea NOT NULL PRIMARY KEY CHECK (octet_length(mac) = 32), -- HMAC-SHA-256 of the identifier
		subject bytea NOT NULL CHECK (octet_length(subject) = 16)          -- its pseudonym
	);
	CREATE TABLE weir.checks (
		name  text  NOT NULL PRIMARY KEY,
		value bytea NOT NULL -- what a key makes of a fixed text
	);
	CREATE TABLE weir.ledger_heads (
		log          text   NOT NULL PRIMARY KEY,        -- the origin of the ledger
		size         bigint NOT NULL CHECK (size >= 0),  -- entries that were acknowledged
		root         bytea  NOT NULL CHECK (octet_length(root) = 32),
		keys         bytea,                              -- how it came by its newest key, where it has changed it
		epoch        bigint NOT NULL,                    -- of the claim; whoever has an older one may not write
		holder       text   NOT NULL,                    -- who made that claim
		claimed      timestamptz NOT NULL,
		acknowledged timestamptz                         -- the newest batch
	);
	CREATE TABLE weir.ledger_batches (
		log       text   NOT NULL REFERENCES weir.ledger_heads (log),
		first     bigint NOT NULL CHECK (first >= 0),
		n         integer NOT NULL CHECK (n > 0),
		frames    bytea  NOT NULL CHECK (octet_length(frames) BETWEEN 9 AND 33554432),
		root      bytea  NOT NULL CHECK (octet_length(root) = 32),
		signature bytea  NOT NULL,
		stored    timestamptz NOT NULL,
		PRIMARY KEY (log, first)
	);
	ALTER TABLE weir.ledger_batches ALTER COLUMN frames SET STORAGE EXTERNAL;
	CREATE TABLE weir.ledger_checkpoints (
		log  text   NOT NULL REFERENCES weir.ledger_heads (log),
		size bigint NOT NULL,
		note bytea  NOT NULL,
		PRIMARY KEY (log, size)
	);`,
	// What nodes count and decide together. Moments are microseconds since 1970, by the
	// server's clock.
	`CREATE TABLE weir.fleet (
		one      boolean NOT NULL PRIMARY KEY CHECK (one),
		recovery bigint NOT NULL, -- how often the database was found to have forgotten something
		seq      bigint NOT NULL, -- of the newest act
		policy   text   NOT NULL, -- the version that is the deployment's
		loaded   bigint NOT NULL  -- since when
	);
	CREATE TABLE weir.nodes (
		log      text   NOT NULL PRIMARY KEY, -- the origin of the node's ledger
		node     text   NOT NULL,
		policy   text   NOT NULL, -- the version in force there
		seen     bigint NOT NULL,
		tick     bigint NOT NULL, -- by which a node knows that the database has forgotten
		counted  bigint NOT NULL, -- what the ledger's entries before this one say was taken is in taken
		obeyed   bigint NOT NULL, -- the acts up to this one are on the ledger
		acts     bigint NOT NULL, -- the decisions in the entries before this one are in acts
		recovery bigint NOT NULL  -- up to which the node has told again what was taken
	);
	CREATE TABLE weir.acts (
		key   text    NOT NULL PRIMARY KEY, -- what it is about; the newest decision stands
		seq   bigint  NOT NULL,
		until bigint  NOT NULL, -- 0: it does not end by itself
		lifts boolean NOT NULL,
		entry bytea   NOT NULL  -- the ledger entry, in JSON
	);
	CREATE INDEX acts_seq ON weir.acts (seq);
	CREATE TABLE weir.accounts (
		id    bigint   NOT NULL PRIMARY KEY, -- of party and lane, by a hash
		party text     NOT NULL,
		lane  smallint NOT NULL
	);
	CREATE TABLE weir.taken (
		account bigint NOT NULL,
		subject bytea  NOT NULL CHECK (octet_length(subject) = 16),
		at      bigint NOT NULL, -- when it was last taken
		PRIMARY KEY (account, subject)
	);
	CREATE INDEX taken_at ON weir.taken (account, at);
	CREATE TABLE weir.counts (
		account bigint NOT NULL,
		span    bigint NOT NULL, -- of the window
		edge    bigint NOT NULL, -- n is of those taken after it
		n       bigint NOT NULL,
		PRIMARY KEY (account, span)
	);
	CREATE TABLE weir.leases (
		account bigint  NOT NULL,
		log     text    NOT NULL,
		granted bigint  NOT NULL, -- in all
		used    bigint  NOT NULL, -- of it
		ends    bigint  NOT NULL,
		sealed  boolean NOT NULL, -- its node takes nothing more and has told everything
		PRIMARY KEY (account, log)
	);`,
	policiesStep,
	// The vault's. Without references from one to the other, since the tables of
	// a cluster may be divided by different columns: docs/operations.md.
	`CREATE TABLE weir.vault_meta (
		name  text  NOT NULL PRIMARY KEY,
		value bytea NOT NULL
	);
	CREATE TABLE weir.vault_keys (
		subject bytea   NOT NULL PRIMARY KEY CHECK (octet_length(subject) = 16),
		kek     integer NOT NULL, -- version of the key that wraps it
		wrapped bytea   NOT NULL
	);
	CREATE TABLE weir.vault_customers (
		subject   bytea  NOT NULL PRIMARY KEY CHECK (octet_length(subject) = 16),
		version   bigint NOT NULL,
		revision  bigint NOT NULL,
		residence text   NOT NULL,
		created   bigint NOT NULL, -- Unix nanoseconds
		updated   bigint NOT NULL,
		aliases   bytea  NOT NULL,
		cells     bytea  NOT NULL
	);
	CREATE TABLE weir.vault_index (
		mac     bytea NOT NULL CHECK (octet_length(mac) = 32), -- HMAC-SHA-256 of the identifier
		slot    bytea NOT NULL, -- empty: nobody else may have it; else the subject
		subject bytea NOT NULL,
		PRIMARY KEY (mac, slot)
	);
	CREATE TABLE weir.vault_tokens (
		mac     bytea   NOT NULL PRIMARY KEY, -- HMAC-SHA-256 of the token
		same    bytea,                        -- of the value in its scope
		subject bytea   NOT NULL,
		counter integer NOT NULL,
		class   text    NOT NULL,
		scope   text    NOT NULL,
		shape   text    NOT NULL,
		expires bigint  NOT NULL,             -- Unix seconds; 0: never
		once    boolean NOT NULL,
		sealed  bytea   NOT NULL
	);
	CREATE INDEX vault_tokens_subject ON weir.vault_tokens (subject);
	CREATE INDEX vault_tokens_expires ON weir.vault_tokens (expires) WHERE expires > 0;
	CREATE TABLE weir.vault_token_values (
		same bytea NOT NULL PRIMARY KEY,
		mac  bytea NOT NULL -- of the token
	);
	CREATE TABLE weir.vault_token_pages (
		id      bytea  NOT NULL PRIMARY KEY,
		expires bigint NOT NULL,
		slots   bytea  NOT NULL
	);
	CREATE INDEX vault_token_pages_expires ON weir.vault_token_pages (expires) WHERE expires > 0;`,
}

// grants are the least that a node needs: it adds to ledgers and never changes
// or removes what is in them.
const grants = `GRANT USAGE ON SCHEMA weir TO %[1]s;
	GRANT SELECT ON ALL TABLES IN SCHEMA weir TO %[1]s;
	GRANT INSERT, DELETE ON weir.subjects TO %[1]s;
	GRANT INSERT ON weir.checks, weir.ledger_heads, weir.ledger_batches, weir.ledger_checkpoints, weir.policies TO %[1]s;
	GRANT INSERT, UPDATE, DELETE ON weir.vault_meta, weir.vault_keys, weir.vault_customers, weir.vault_index,
		weir.vault_tokens, weir.vault_token_values, weir.vault_token_pages TO %[1]s;
	GRANT UPDATE ON weir.ledger_heads TO %[1]s;
	GRANT INSERT, UPDATE ON weir.fleet, weir.nodes, weir.acts TO %[1]s;
	GRANT INSERT, UPDATE, DELETE ON weir.accounts, weir.taken, weir.counts, weir.leases TO %[1]s`

// version gives how many steps the database has; 0: it has no schema weir.
func (s *Store) version(ctx context.Context) (int, error) {
	var schema, table *string
	if err := s.pool.QueryRow(ctx, `SELECT to_regnamespace('weir')::text, to_regclass('weir.version')::text`).Scan(&schema, &table); err != nil {
		return 0, err
	}
	if schema == nil {
		return 0, nil
	}
	if table == nil {
		return 0, fmt.Errorf("%w: the schema weir has no table version", ErrForeign)
	}
	var n int
	if err := s.pool.QueryRow(ctx, `SELECT steps FROM weir.version`).Scan(&n); err != nil {
		return 0, err
	}
	return n, nil
}

// Create makes the schema weir, as its owner. It fails with an error that is
// fs.ErrExist where there is one.
func Create(ctx context.Context, c Config) error {
	err := withOwner(ctx, c, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `CREATE SCHEMA weir; CREATE TABLE weir.version (steps integer NOT NULL); INSERT INTO weir.version VALUES (0)`)
		var pg *pgconn.PgError
		if errors.As(err, &pg) && (pg.Code == "42P06" || pg.Code == "23505") { // duplicate_schema, also by a race
			return fmt.Errorf("%w: the database has a schema weir", fs.ErrExist)
		}
		if err != nil {
			return err
		}
		return migrate(ctx, tx)
	})
	if err != nil {
		return fmt.Errorf("create store: %w", err)
	}
	return nil
}

// Upgrade brings a schema of an older version up to date, as its owner, and does
// nothing to one that is. It fails with ErrForeign where the schema is newer.
func Upgrade(ctx context.Context, c Config) error {
	if err := withOwner(ctx, c, func(tx pgx.Tx) error { return migrate(ctx, tx) }); err != nil {
		return fmt.Errorf("upgrade store: %w", err)
	}
	return nil
}

// Grant gives role the rights that a node needs, and no others.
func Grant(ctx context.Context, c Config, role string) error {
	err := withOwner(ctx, c, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, fmt.Sprintf(grants, pgx.Identifier{role}.Sanitize()))
		return err
	})
	if err != nil {
		return fmt.Errorf("grant rights on store: %w", err)
	}
	return nil
}

func withOwner(ctx context.Context, c Config, do func(pgx.Tx) error) error {
	s, err := open(ctx, c)
	if err != nil {
		return err
	}
	defer s.Close()
	return pgx.BeginFunc(ctx, s.pool, do)
}

// migrate carries out the steps that are missing; others who do the same wait.
func migrate(ctx context.Context, tx pgx.Tx) error {
	var n int
	if err := tx.QueryRow(ctx, `SELECT steps FROM weir.version FOR UPDATE`).Scan(&n); err != nil {
		return err
	}
	if n > len(steps) {
		return fmt.Errorf("%w: its schema is %d, this program's is %d", ErrForeign, n, len(steps))
	}
	for _, step := range steps[n:] {
		if _, err := tx.Exec(ctx, step); err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, `UPDATE weir.version SET steps = $1`, len(steps))
	return err
}

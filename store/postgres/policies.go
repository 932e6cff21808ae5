package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/getweir/weir/approval"
	"github.com/getweir/weir/policy"
)

// policiesStep makes the table of whole policies. What a policy is made of never
// changes, so that rows are added and read, and nothing else.
const policiesStep = `CREATE TABLE weir.policies (
		digest  bytea NOT NULL PRIMARY KEY CHECK (octet_length(digest) = 32), -- SHA-256, as policy.Policy.Digest
		sources bytea NOT NULL CHECK (octet_length(sources) <= 16777216),     -- its files as JSON: [{"Name": ..., "Text": base64}]
		stored  timestamptz NOT NULL DEFAULT now()
	);`

// Policies keep whole policies for all nodes: approval.Versions.
type Policies struct{ store *Store }

// Policies gives those of the store.
func (s *Store) Policies() *Policies { return &Policies{s} }

// Keep is that of approval.Versions.
func (p *Policies) Keep(ctx context.Context, digest [32]byte, sources []policy.Source) error {
	if len(sources) == 0 {
		return errors.New("keep policy: it has no file")
	}
	b, err := json.Marshal(sources)
	if err == nil {
		_, err = p.store.pool.Exec(ctx, `INSERT INTO weir.policies (digest, sources) VALUES ($1, $2) ON CONFLICT (digest) DO NOTHING`, digest[:], b)
	}
	if err != nil {
		return fmt.Errorf("keep policy: %w", err)
	}
	return nil
}

// Version is that of approval.Versions.
func (p *Policies) Version(ctx context.Context, digest [32]byte) (sources []policy.Source, err error) {
	var b []byte
	err = p.store.pool.QueryRow(ctx, `SELECT sources FROM weir.policies WHERE digest = $1`, digest[:]).Scan(&b)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, approval.ErrNoVersion
	}
	if err == nil {
		err = json.Unmarshal(b, &sources)
	}
	if err != nil {
		return nil, fmt.Errorf("read policy: %w", err)
	}
	return sources, nil
}

package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/getweir/weir/internal/directory"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/store/postgres"
	"github.com/getweir/weir/store/sqlite"
)

// state is the folder that a node keeps:
//
//	ledger/            the log, which may be copied and shown to auditors
//	subjects.db        which identifier has which pseudonym, and the vault's rows; not where a store is shared
//	past/              the ledgers before this one, restored and closed
//	admin.sock         where commands reach the server, while one runs
//	reviews/           access reviews, a file each
//	index.db           who saw whom, made from the ledger; may be deleted
//	keys/ledger.key    signs checkpoints; keyring.go says what stands in it
//	keys/subjects.key  keys the subject directory's hashes
//	keys/names.key     keys the pseudonyms of staff names
//	keys/vault.keys    the vault's key-encryption keys, sealed by a passphrase; if there is a vault
//
// It is made once, by createState, and opened by openState, which never makes
// it: a folder that has vanished is a loss to be looked into, not a fresh start.
type state struct {
	ledger   *ledger.Log
	origin   string // its name
	store    io.Closer
	shared   *postgres.Store // the same as store, where it is shared; else nil
	subjects *directory.Directory
	index    *sqlite.Index // nil: it cannot be opened
	past     []string      // folders of the ledgers before this one
}

const namesKeyFile = "keys/names.key"

// createState makes the folder and everything in it. It refuses one that exists
// and holds something.
func createState(dir, node string) (err error) {
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return fmt.Errorf("%s exists and is not empty", dir)
	}
	if err := os.MkdirAll(filepath.Join(dir, "keys"), 0o700); err != nil {
		return err
	}
	key, secret, err := ledger.GenerateKey("weir.example/" + node)
	if err != nil {
		return err
	}
	for file, content := range map[string]string{
		"keys/ledger.key":   secret + "\n",
		"keys/subjects.key": randomHex(32) + "\n",
		namesKeyFile:        randomHex(32) + "\n",
	} {
		if err := writeNew(filepath.Join(dir, file), []byte(content), 0o600); err != nil {
			return err
		}
	}
	log, err := ledger.Create(filepath.Join(dir, "ledger"), ledger.Options{Key: key, Node: node})
	if err != nil {
		return err
	}
	if err := log.Close(); err != nil {
		return err
	}
	db, err := sqlite.Create(filepath.Join(dir, subjectsFile))
	if err != nil {
		return err
	}
	return db.Close()
}

// openState opens what createState made, repairing a torn tail of the ledger, and
// has a shared store acknowledge what is written to it from now on.
func openState(ctx context.Context, cfg *config, logger *slog.Logger) (*state, error) {
	dir, node := cfg.State, cfg.Node
	ring, err := readKeyring(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s holds no state of Weir. If this is the first start, make it with: weir init. If it is not, the ledger is lost: put the keys back from a copy, and then the ledger, from a copy or, where nodes share a store, with weir ledger rebuild", dir)
	}
	if err != nil {
		return nil, err
	}
	o := ring.options()
	o.Node, o.Log = node, logger
	past, err := pastLedgers(dir)
	if err != nil {
		return nil, err
	}
	log, err := ledger.Open(filepath.Join(dir, "ledger"), o)
	if errors.Is(err, os.ErrNotExist) && cfg.Store.shared() {
		return nil, fmt.Errorf("%s holds no ledger. If its disk was lost, make it anew from the store: weir ledger rebuild --from-store (%w)", filepath.Join(dir, "ledger"), err)
	}
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("there is no ledger in %s: it is lost. Restore it from its archive with weir ledger restore, and begin the one that follows with weir ledger succeed: %w", dir, err)
	}
	if errors.Is(err, ledger.ErrRestored) {
		return nil, fmt.Errorf("open ledger: %w: move it away and begin the one that follows with: weir ledger succeed", err)
	}
	if err != nil {
		return nil, fmt.Errorf("open ledger: %w", err)
	}
	s := &state{ledger: log, origin: o.Key.Origin()}
	if cfg.Store.shared() {
		err = s.attach(ctx, cfg, logger)
	} else {
		s.store, s.subjects, err = openSubjects(dir)
	}
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	pages, err := makeIndex(dir)
	if err != nil {
		// Nothing that passes the door needs it.
		logger.Warn("the index cannot be opened; questions read the ledger instead", "err", indexError(dir, err))
	}
	s.index, s.past = pages, past
	return s, nil
}

// attach opens the shared store, and compares the ledger with its copy there.
func (s *state) attach(ctx context.Context, cfg *config, logger *slog.Logger) (err error) {
	if s.shared, s.subjects, err = openShared(ctx, cfg, logger); err != nil {
		return err
	}
	s.store = s.shared
	if err := s.ledger.Attach(ctx, s.shared, ledger.AttachOptions{Patience: cfg.Store.Patience}); err != nil {
		return errors.Join(err, s.shared.Close())
	}
	return nil
}

// openSubjects opens the subject directory alone, which the command line may do
// beside a running server.
func openSubjects(dir string) (*sqlite.Store, *sqlite.Subjects, error) {
	key, err := readHexKey(filepath.Join(dir, "keys/subjects.key"))
	if err != nil {
		return nil, nil, err
	}
	store, err := sqlite.Open(filepath.Join(dir, subjectsFile))
	if err != nil {
		return nil, nil, fmt.Errorf("open subject directory: %w", err)
	}
	return store, store.Subjects(key), nil
}

// whole gives the ledger with those before it.
func (s *state) whole() successor { return successor{s.ledger, s.past} }

func (s *state) close() error {
	err := errors.Join(s.ledger.Close(), s.store.Close())
	if s.index != nil {
		err = errors.Join(err, s.index.Close())
	}
	return err
}

func readHexKey(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != 32 {
		return nil, fmt.Errorf("%s: must hold 64 hexadecimal digits", path)
	}
	return key, nil
}

func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails (crypto/rand, Go 1.24)
	return hex.EncodeToString(b)
}

// writeNew writes a file that must not exist yet.
func writeNew(path string, content []byte, mode os.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Sync(), f.Close())
}

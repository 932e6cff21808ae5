package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/getweir/weir/ledger"
)

// tileServer serves the ledger to followers, auditors and witnesses' monitors at
// an address of its own, so that reading it needs no way through the door.
type tileServer struct {
	http   *http.Server
	listen net.Listener
}

// newTileServer listens; nil where none is configured.
func newTileServer(cfg *config, log *ledger.Log, peers *ledger.Peers, secure *tls.Config, logger *slog.Logger) (*tileServer, error) {
	if cfg.Ledger.Listen == "" {
		return nil, nil
	}
	readers, err := cfg.Ledger.readers()
	if err != nil {
		return nil, usageError{err}
	}
	listen, err := net.Listen("tcp", cfg.Ledger.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen for readers of the ledger: %w", err)
	}
	if secure != nil {
		secure = secure.Clone()
		secure.ClientAuth, secure.ClientCAs = tls.NoClientCert, nil
		listen = tls.NewListener(listen, secure)
	}
	return &tileServer{listen: listen, http: &http.Server{
		Handler:           log.Tree().Handler(ledger.HandlerOptions{Readers: readers, Peers: peers, Log: logger}),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}}, nil
}

// run serves until ctx ends.
func (t *tileServer) run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { t.http.Close() })
	defer stop()
	return served(t.http.Serve(t.listen))
}

// close gives up a server that was never run.
func (t *tileServer) close() error {
	if t == nil {
		return nil
	}
	return t.listen.Close()
}

// witnessed prepares witnessing, nil where no witness is named, and asks the
// witnesses whether they have seen more of the ledger than there is.
func witnessed(cfg *config, log *ledger.Log, logger *slog.Logger) (*ledger.Witnessing, error) {
	if len(cfg.Ledger.Witnesses) == 0 {
		return nil, nil
	}
	w, err := log.Witness(cfg.Ledger.options(logger))
	if err != nil {
		return nil, usageError{err}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return w, w.Check(ctx)
}

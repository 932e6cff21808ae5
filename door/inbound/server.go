package inbound

import (
	"bytes"
	"context"
	"log"
	"log/slog"
	"net/http"
	"time"
)

// Server gives a server for the door, with bounds on what a client may take of
// it: HTTP/1.1 and HTTP/2, over TLS where the caller sets TLSConfig, and HTTP/2
// with prior knowledge (h2c) where it does not. The caller sets the address, and
// Serves and shuts it down.
func (d *Door) Server() *http.Server {
	s := &http.Server{
		Handler:           d,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          log.New(serverLog{d.log}, "", 0),
		Protocols:         new(http.Protocols),
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams:          250,
			MaxReceiveBufferPerConnection: 1 << 20,
			MaxReceiveBufferPerStream:     256 << 10,
			SendPingTimeout:               time.Minute,
			PingTimeout:                   15 * time.Second,
			WriteByteTimeout:              d.config.ClientTimeout,
		},
	}
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetHTTP2(true)
	s.Protocols.SetUnencryptedHTTP2(true)
	return s
}

// serverLog tells that something went wrong on a connection, and keeps the
// server's own words to itself: they hold addresses.
type serverLog struct{ log *slog.Logger }

func (l serverLog) Write(line []byte) (int, error) {
	message, level := "connection failed", slog.LevelDebug
	switch {
	case bytes.Contains(line, []byte("TLS handshake")):
		message = "TLS handshake failed"
	case bytes.Contains(line, []byte("Accept error")):
		message, level = "connections cannot be accepted", slog.LevelError
	case bytes.Contains(line, []byte("panic")):
		message, level = "server panicked", slog.LevelError
	}
	l.log.LogAttrs(context.Background(), level, message)
	return len(line), nil
}

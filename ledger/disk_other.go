//go:build !linux

package ledger

func (f osFile) sync() error { return f.Sync() }

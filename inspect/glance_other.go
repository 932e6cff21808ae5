//go:build !amd64

package inspect

// look marks the bytes of b.
func (g *glance) look(b *surroundings) { g.plain(b) }

package inspect

// glanceAVX2 does what plain does.
//
//go:noescape
func glanceAVX2(b *surroundings, s *glance)

// glanceAVX512 does the same.
//
//go:noescape
func glanceAVX512(b *surroundings, s *glance)

// look marks the bytes of b.
func (g *glance) look(b *surroundings) {
	switch {
	case wide64:
		glanceAVX512(b, g)
	case wide32:
		glanceAVX2(b, g)
	default:
		g.plain(b)
	}
}

package labelled

func (m *maker) banking(n *node)  {}
func (m *maker) network(n *node)  {}
func (m *maker) secrets() *node   { return m.catalogueEntry() }
func (m *maker) household() *node { return m.catalogueEntry() }

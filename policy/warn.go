package policy

// doubts finds what is legal and still deserves a look.
func (c *compiler) doubts() {}

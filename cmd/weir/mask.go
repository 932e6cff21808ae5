package main

import (
	"fmt"
	"io"

	"github.com/getweir/weir/door/files"
)

type maskCommand struct {
	wanted
	Classes []string `help:"Mask only these classes: names, or families such as 'payment.*'. Default: all." placeholder:"CLASS"`
}

func (maskCommand) Help() string {
	return `Reads the standard input and writes it again with the personal data in it masked, record by record as it comes. What it cannot read it does not write: it ends with exit code 2, and says where.

The format is found out from the first two lines; name it where they come late, as from a program that runs on. A document or record may be 8 MiB long, a line of text as long as it likes.

Examples:
  weir mask < customers.json > shareable.json
  journalctl -f | weir mask --format text
  weir mask --format csv --classes 'payment.*,identity.*' < export.csv`
}

func (c *maskCommand) Run(s *streams) error {
	if err := c.check(c.Classes); err != nil {
		return usageError{err}
	}
	in, format, err := c.inspector()
	if err != nil {
		return err
	}
	o := files.MaskOptions{Inspector: in, Format: format}
	if len(c.Classes) > 0 {
		o.Classes = c.Classes
	}
	_, err = io.Copy(s.out, files.NewFilter(interruptible(s.ctx, s.in), o))
	if err != nil {
		return usageError{fmt.Errorf("mask: %w", err)}
	}
	return nil
}

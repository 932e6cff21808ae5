package learn

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// ErrRecording is what reading gives for what is no recording, or is broken.
var ErrRecording = errors.New("not a recording that can be read")

// stream reads JSON (RFC 8259) from its beginning to its end with as much memory as a
// caller asks for: strings are cut, and what nobody wants is passed over. It is
// lenient where that loses nothing: with control characters in strings.
type stream struct {
	r     *bufio.Reader
	at    int64 // bytes read
	depth int
}

// maxNesting bounds how deep a recording may be nested.
const maxNesting = 256

func newStream(r io.Reader) *stream { return &stream{r: bufio.NewReaderSize(r, 256<<10)} }

func (s *stream) fail(what string) error {
	return fmt.Errorf("%w: %s (byte %d)", ErrRecording, what, s.at)
}

func (s *stream) byte() (byte, error) {
	c, err := s.r.ReadByte()
	if err != nil {
		return 0, s.ended(err)
	}
	s.at++
	return c, nil
}

func (s *stream) ended(err error) error {
	if err == io.EOF {
		return fmt.Errorf("%w: it ends in the middle (byte %d): %w", ErrRecording, s.at, io.ErrUnexpectedEOF)
	}
	return err
}

// peek gives the next byte that is no white space.
func (s *stream) peek() (byte, error) {
	for {
		c, err := s.byte()
		if err != nil {
			return 0, err
		}
		switch c {
		case ' ', '\t', '\r', '\n':
			continue
		case 0xef: // a byte order mark, as some programs put before it
			if b, err := s.r.Peek(2); err == nil && s.at == 1 && b[0] == 0xbb && b[1] == 0xbf {
				_, _ = s.r.Discard(2)
				s.at += 2
				continue
			}
		}
		s.at--
		return c, s.r.UnreadByte()
	}
}

// more tells whether anything but white space follows.
func (s *stream) more() bool {
	_, err := s.peek()
	return err == nil
}

func (s *stream) expect(c byte) error {
	got, err := s.peek()
	if err != nil {
		return err
	}
	if got != c {
		return s.fail("something else than " + strconv.QuoteRune(rune(c)) + " where that must stand")
	}
	_, err = s.byte()
	return err
}

// object calls each for every member, whose value it reads.
func (s *stream) object(each func(key string) error) error {
	return s.within('{', '}', func() error {
		key, _, err := s.text(256)
		if err != nil {
			return err
		}
		if err := s.expect(':'); err != nil {
			return err
		}
		return each(string(key))
	})
}

// array calls each for every element, which it reads.
func (s *stream) array(each func() error) error { return s.within('[', ']', each) }

func (s *stream) within(open, shut byte, each func() error) error {
	if err := s.expect(open); err != nil {
		return err
	}
	if s.depth++; s.depth > maxNesting {
		return s.fail("it is nested too deeply")
	}
	defer func() { s.depth-- }()
	c, err := s.peek()
	if err != nil {
		return err
	}
	if c == shut {
		_, err = s.byte()
		return err
	}
	for {
		if err := each(); err != nil {
			return err
		}
		if c, err = s.peek(); err != nil {
			return err
		}
		_, _ = s.byte()
		switch c {
		case ',':
		case shut:
			return nil
		default:
			return s.fail("a comma is missing")
		}
	}
}

// text reads a string, and gives at most limit bytes of it.
func (s *stream) text(limit int) (b []byte, cut bool, err error) {
	if err := s.expect('"'); err != nil {
		return nil, false, err
	}
	for {
		if s.r.Buffered() == 0 {
			if _, err := s.r.Peek(1); err != nil {
				return nil, false, s.ended(err)
			}
		}
		chunk, _ := s.r.Peek(s.r.Buffered())
		n := bytes.IndexByte(chunk, '"')
		if n < 0 {
			n = len(chunk)
		}
		if k := bytes.IndexByte(chunk[:n], '\\'); k >= 0 {
			n = k
		}
		if room := limit - len(b); room < n {
			b, cut = append(b, chunk[:max(0, room)]...), true
		} else {
			b = append(b, chunk[:n]...)
		}
		whole := n == len(chunk)
		_, _ = s.r.Discard(n)
		s.at += int64(n)
		if whole {
			continue
		}
		c, err := s.byte()
		if err != nil {
			return nil, false, err
		}
		if c == '"' {
			return b, cut, nil
		}
		r, err := s.escape()
		if err != nil {
			return nil, false, err
		}
		if len(b)+utf8.UTFMax > limit {
			cut = true
		} else {
			b = utf8.AppendRune(b, r)
		}
	}
}

// escape reads what follows a backslash.
func (s *stream) escape() (rune, error) {
	c, err := s.byte()
	if err != nil {
		return 0, err
	}
	switch c {
	case '"', '\\', '/':
		return rune(c), nil
	case 'b':
		return '\b', nil
	case 'f':
		return '\f', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'u':
		r, err := s.unit()
		if err != nil || !utf16.IsSurrogate(r) {
			return r, err
		}
		if next, err := s.r.Peek(6); err == nil && next[0] == '\\' && next[1] == 'u' {
			if low, err := strconv.ParseUint(string(next[2:6]), 16, 32); err == nil {
				if both := utf16.DecodeRune(r, rune(low)); both != utf8.RuneError {
					_, _ = s.r.Discard(6)
					s.at += 6
					return both, nil
				}
			}
		}
		return utf8.RuneError, nil
	}
	return 0, s.fail("an escape that is none")
}

func (s *stream) unit() (rune, error) {
	var digits [4]byte
	for i := range digits {
		c, err := s.byte()
		if err != nil {
			return 0, err
		}
		digits[i] = c
	}
	n, err := strconv.ParseUint(string(digits[:]), 16, 32)
	if err != nil {
		return 0, s.fail("an escape that is none")
	}
	return rune(n), nil
}

// scalar reads a string, a number or a literal, and gives at most limit bytes of it;
// "" for null. Anything else is passed over.
func (s *stream) scalar(limit int) (string, error) {
	c, err := s.peek()
	if err != nil {
		return "", err
	}
	switch c {
	case '"':
		b, _, err := s.text(limit)
		return string(b), err
	case '{', '[':
		return "", s.skip()
	}
	var b []byte
	for len(b) <= 64 {
		c, err := s.r.ReadByte()
		if err == io.EOF {
			break
		}
		if err != nil {
			return "", err
		}
		if c == ',' || c == '}' || c == ']' || c <= ' ' {
			if err := s.r.UnreadByte(); err != nil {
				return "", err
			}
			break
		}
		s.at++
		b = append(b, c)
	}
	switch text := string(b); text {
	case "null":
		return "", nil
	case "true", "false":
		return text, nil
	default:
		if _, err := strconv.ParseFloat(text, 64); err != nil && !errors.Is(err, strconv.ErrRange) {
			return "", s.fail("a value that is none")
		}
		return text, nil
	}
}

// skip passes over a value.
func (s *stream) skip() error {
	c, err := s.peek()
	if err != nil {
		return err
	}
	switch c {
	case '{':
		return s.object(func(string) error { return s.skip() })
	case '[':
		return s.array(s.skip)
	case '"':
		_, _, err := s.text(0)
		return err
	}
	_, err = s.scalar(0)
	return err
}

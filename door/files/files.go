// Package files is the door for data at rest and for streams that pass through
// a program: it says where in files there is personal data, and gives a stream
// on with the personal data in it masked.
//
// A file is told by its name and its first bytes: JSON, lines of JSON, CSV, pages,
// forms, messages, events or text. It is read in blocks that end where a record
// ends, and package inspect reads those, on all cores; findings come in the order
// of the files and of the bytes in them. A [Filter] cuts a stream into records as
// the doors do, and writes each with its findings blanked by package mask.
//
// It guarantees that each byte of a file that it opens is either read or counted
// as unread, and each file that it does not read is counted with a reason; that
// memory is bounded whatever the files hold; that a Finding holds no value unless
// that is asked for; and that a Filter's output is the same however its input
// comes in, and holds nothing that could not be read.
//
// It does not look into archives (but gzip), documents or pictures; it changes no
// file; it decides nothing by a policy and keeps no record of who saw what: it is
// a door beside the path.
package files

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/inspect"
)

// ErrBinary is given by a Filter for a stream that is not text.
var ErrBinary = errors.New("the stream is not text")

// A Finding says where in a file there is personal data.
type Finding struct {
	File string // as it was named, or found in a folder that was named; "-" for the standard input
	// Offset and Length are in bytes, of the file's content: of what is packed, where
	// the file is packed.
	Offset int64
	Length int
	Line   int // from 1
	Column int // in characters (Unicode code points), from 1
	// Path tells where it is in the terms of the file's format: $.items[3].email in
	// JSON, a column's name in CSV, the label in a page, the name of a field.
	// Where such a name holds personal data itself, "*" stands for it.
	Path       string
	Class      weir.Class
	Detector   string
	Confidence weir.Confidence
	// Customer is whose it is, where fingerprints tell; zero: not known.
	Customer weir.Subject
	Checked  bool       // a checksum backs it
	Value    weir.Plain // only with Options.Reveal
}

// Options say how files are read. Only Inspector is needed.
type Options struct {
	// Inspector says what is personal data.
	Inspector *inspect.Inspector
	// Format of all files. The zero value finds it out for each.
	Format Format
	// Classes are those that count: names, or families such as "identity.*". nil: all.
	Classes []string
	// Workers is how many files are read at once. 0: one for each core.
	Workers int
	// Input is what the path "-" stands for. nil: nothing.
	Input io.Reader
	// Reveal puts the value into each Finding.
	Reveal bool
	// Progress, where it is given, is kept up to date while files are read.
	Progress *Progress
}

// Progress tells how far a scan has come. It may be read at any time.
type Progress struct {
	Bytes, Files, Findings atomic.Int64
}

// Reasons for which a file is not read.
const (
	SkipBinary  = "binary"  // not text in any encoding that is known
	SkipArchive = "archive" // packed in a way that is not undone
	SkipLink    = "symlink" // a symbolic link in a folder
	SkipSpecial = "special" // a device, pipe or socket
)

// A Skip counts files that were not read, for one reason.
type Skip struct {
	Reason string
	Files  int
	Bytes  int64
	First  string // the first of them
}

// A Failure is a file or folder that could not be read to its end.
type Failure struct {
	File string
	Err  error // of the operating system or the packing; holds no content
}

// maxFailures is how many failures are kept.
const maxFailures = 100

// A Summary tells what a scan has read and what not.
type Summary struct {
	Files    int   // read to their end
	Bytes    int64 // of content, unpacked
	Unread   int64 // bytes of files that were opened and could not be read
	AsText   int64 // bytes that broke the grammar of their format, or were too long for it, and were read as text
	Findings int64
	Skipped  []Skip
	Failed   int
	Failures []Failure // the first of those that failed
	Elapsed  time.Duration
	// Interrupted says that the context ended before everything was read.
	Interrupted bool
}

func (s *Summary) skip(reason, file string, size int64) {
	for i := range s.Skipped {
		if k := &s.Skipped[i]; k.Reason == reason {
			k.Files++
			k.Bytes += size
			return
		}
	}
	s.Skipped = append(s.Skipped, Skip{reason, 1, size, file})
}

func (s *Summary) fail(file string, err error) {
	s.Failed++
	if len(s.Failures) < maxFailures {
		s.Failures = append(s.Failures, Failure{file, err})
	}
}

const (
	blockSize = 256 << 10
	// maxRecord bounds a record or document that is read as a whole: an eighth of
	// what 64 cores may take of a small machine's memory.
	maxRecord = 8 << 20
	// overlap is how much of a window is read again by the next. What begins in its
	// first half is the earlier window's, so that nothing up to half of it in length
	// is cut.
	overlap = 8 << 10
)

// Scan reads the files that paths name, and the files of the folders that they
// name, and calls found for each finding: never two calls at once, in the order of
// paths, within folders by name, within files by offset. The path "-" is the input
// of o. Symbolic links are followed where paths name them, and not in folders.
//
// What cannot be read does not end a scan; the Summary counts it. When ctx ends,
// Scan does too, and gives the summary so far with the error of ctx.
func Scan(ctx context.Context, paths []string, o Options, found func(Finding)) (Summary, error) {
	return newScan(o, found).run(ctx, paths)
}

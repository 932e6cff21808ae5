package main

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/inspect"
	"github.com/getweir/weir/internal/cputime"
	"github.com/getweir/weir/internal/cut"
)

type benchInspectCommand struct {
	JSON   bool          `name:"json" help:"Print as JSON."`
	Files  []string      `arg:"" name:"file" type:"existingfile" help:"Files to read: JSON, NDJSON, CSV, HTML or text, as the name's ending says."`
	For    time.Duration `default:"1s" help:"How long each file is read over and over."`
	Shares bool          `default:"true" negatable:"" help:"Tell what the time goes into."`
}

func (benchInspectCommand) Help() string {
	return `Each file is held in memory and cut at its lines or records into blocks of 64 KiB, as far as they reach. One core reads them over and over with all detectors on. What counts is the processor time of the fastest pass over the file. The shares come from a profile of the passes: which part of the time was spent in which family of detectors.

Example:
  weir bench inspect --json access.log`
}

func (c *benchInspectCommand) Run(s *streams) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	in, err := inspect.New(inspect.Config{})
	if err != nil {
		return err
	}
	var all []measurement
	for _, path := range c.Files {
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		segments, err := blocksOf(path, body)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		m, err := c.measure(in, filepath.Base(path), len(body), segments)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		all = append(all, m...)
	}
	return printMeasurements(s, c.JSON, all)
}

// measure reads the segments until the time is up, and gives the speed of the
// fastest pass and the shares of the families.
func (c *benchInspectCommand) measure(in *inspect.Inspector, name string, size int, segments []weir.Segment) ([]measurement, error) {
	var r inspect.Report
	unread, best := 0, time.Duration(0)
	pass := func() error {
		unread = 0
		start := cputime.Thread()
		for i := range segments {
			if err := in.Inspect(&r, &segments[i], nil); err != nil {
				return err
			}
			unread += r.Unread
		}
		if took := cputime.Thread() - start; best == 0 || took < best {
			best = took
		}
		return nil
	}
	passes := func(d time.Duration) error {
		for n, start := 0, time.Now(); n < 5 || time.Since(start) < d; n++ {
			if err := pass(); err != nil {
				return err
			}
		}
		return nil
	}
	if err := passes(c.For); err != nil {
		return nil, err
	}
	all := []measurement{{Name: name, Value: float64(size) / best.Seconds() / 1e9, Unit: "GB/s"}}
	if unread > 0 {
		all = append(all, measurement{Name: name + ": unread", Value: float64(unread), Unit: "B"})
	}
	if !c.Shares {
		return all, nil
	}
	var profile bytes.Buffer
	if err := pprof.StartCPUProfile(&profile); err != nil {
		return nil, err
	}
	err := passes(c.For)
	pprof.StopCPUProfile()
	if err != nil {
		return nil, err
	}
	shares, err := familyShares(&profile)
	if err != nil {
		return nil, err
	}
	for _, family := range slices.SortedFunc(maps.Keys(shares), func(a, b string) int { return cmp.Or(cmp.Compare(shares[b], shares[a]), strings.Compare(a, b)) }) {
		all = append(all, measurement{Name: name + ": " + family, Value: shares[family], Unit: "of the time"})
	}
	return all, nil
}

// benchBlock is how much is inspected at a time.
const benchBlock = 64 << 10

// blocksOf divides a body into segments of up to 64 KiB where its syntax has ends of
// lines or records; one that is longer stays whole.
func blocksOf(path string, body []byte) (segments []weir.Segment, err error) {
	syntax := weir.Text
	switch strings.ToLower(filepath.Ext(path)) {
	case ".json":
		segments, err := pieces(cut.NewJSON(cut.Options{MaxSegment: benchBlock}), body)
		if errors.Is(err, cut.ErrTooLong) {
			return pieces(cut.NewJSON(cut.Options{MaxSegment: len(body) + 1}), body)
		}
		return segments, err
	case ".csv", ".tsv":
		return pieces(cut.NewCSV(cut.Options{MaxSegment: len(body) + 1}), body)
	case ".html", ".htm", ".xml":
		return []weir.Segment{{Syntax: weir.HTML, Body: body, Record: true}}, nil
	case ".ndjson", ".jsonl":
		syntax = weir.JSON
	}
	for len(body) > 0 {
		n := len(body)
		if n > benchBlock {
			if n = bytes.LastIndexByte(body[:benchBlock], '\n') + 1; n == 0 {
				n = bytes.IndexByte(body, '\n') + 1
			}
			if n == 0 {
				n = len(body)
			}
		}
		segments = append(segments, weir.Segment{Syntax: syntax, Body: body[:n], Record: true})
		body = body[n:]
	}
	return segments, nil
}

// pieces gives all segments that a cutter makes of a body.
func pieces(c *cut.Cutter, body []byte) (segments []weir.Segment, err error) {
	for p := body; ; p = nil {
		some, err := c.Feed(p, true)
		for _, piece := range some {
			piece.Segment.Body = bytes.Clone(piece.Segment.Body)
			segments = append(segments, piece.Segment)
		}
		if err != nil {
			return nil, err
		}
		if !c.More() {
			return segments, nil
		}
	}
}

// families are the files of package inspect by what their functions look for.
var families = map[string]string{
	"block": "marks and triggers", "json": "structure", "walk": "structure", "inspect": "structure", "html": "structure", "csv": "structure",
	"key": "keys and context", "keyed": "keys and context", "frame": "keys and context", "value": "keys and context", "words": "keys and context", "phrases": "keys and context", "pairs": "keys and context", "known": "keys and context",
	"number": "numbers", "glance": "numbers", "check": "identity", "id": "identity", "phone": "contact.phone", "email": "contact.email", "card": "payment.card", "iban": "payment.iban",
	"bank": "payment.bank_account", "ip": "network.ip", "device": "device", "fold": "hidden forms", "hidden": "hidden forms",
	"secret": "credential", "anchor": "credential", "media": "media and commerce", "story": "media and commerce", "plans": "contact.phone", "random": "credential", "own": "own detectors",
}

// familyOf gives the family of a file of package inspect.
func familyOf(file string) string {
	base, _, _ := strings.Cut(filepath.Base(file), ".")
	for {
		if f, ok := families[base]; ok {
			return f
		}
		i := strings.LastIndexByte(base, '_')
		if i < 0 {
			return "other"
		}
		base = base[:i]
	}
}

// familyShares reads a processor profile as runtime/pprof writes it (gzip of the
// message Profile of github.com/google/pprof/proto/profile.proto) and gives which
// share of the samples has its innermost function of package inspect in which
// family.
func familyShares(r io.Reader) (map[string]float64, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(z)
	if err != nil {
		return nil, err
	}
	type function struct{ file uint64 }
	var table []string
	var samples [][]byte
	functions := map[uint64]function{}
	locations := map[uint64][]uint64{} // the functions at an address, innermost first
	err = eachField(b, func(field int, v uint64, sub []byte) error {
		switch field {
		case 2:
			samples = append(samples, sub)
		case 4:
			var id uint64
			var inlined []uint64
			err := eachField(sub, func(field int, v uint64, line []byte) error {
				switch field {
				case 1:
					id = v
				case 4:
					return eachField(line, func(field int, v uint64, _ []byte) error {
						if field == 1 {
							inlined = append(inlined, v)
						}
						return nil
					})
				}
				return nil
			})
			locations[id] = inlined
			return err
		case 5:
			var id uint64
			var f function
			err := eachField(sub, func(field int, v uint64, _ []byte) error {
				switch field {
				case 1:
					id = v
				case 4:
					f.file = v
				}
				return nil
			})
			functions[id] = f
			return err
		case 6:
			table = append(table, string(sub))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	counts, total := map[string]float64{}, 0.0
	for _, sample := range samples {
		var stack []uint64
		n := uint64(0)
		err := eachField(sample, func(field int, v uint64, sub []byte) error {
			if field != 1 && field != 2 {
				return nil
			}
			return eachNumber(v, sub, func(x uint64) {
				if field == 1 {
					stack = append(stack, x)
				} else if n == 0 {
					n = x // the count comes before the time
				}
			})
		})
		if err != nil {
			return nil, err
		}
		if family := familyOfStack(stack, locations, func(id uint64) string {
			if f := functions[id].file; f < uint64(len(table)) {
				return table[f]
			}
			return ""
		}); family != "" {
			counts[family] += float64(n)
			total += float64(n)
		}
	}
	for family := range counts {
		counts[family] /= total
	}
	return counts, nil
}

func familyOfStack(stack []uint64, locations map[uint64][]uint64, file func(uint64) string) string {
	for _, at := range stack {
		for _, f := range locations[at] {
			if path := file(f); filepath.Base(filepath.Dir(path)) == "inspect" {
				return familyOf(path)
			}
		}
	}
	return ""
}

var errProfile = errors.New("the profile cannot be read")

// eachField calls each with the fields of a protocol buffer: a number, or bytes.
func eachField(b []byte, each func(field int, v uint64, sub []byte) error) error {
	for len(b) > 0 {
		tag, n := binary.Uvarint(b)
		if n <= 0 {
			return errProfile
		}
		b = b[n:]
		v, n := binary.Uvarint(b)
		if n <= 0 || tag&7 != 0 && tag&7 != 2 {
			return errProfile
		}
		b = b[n:]
		var sub []byte
		if tag&7 == 2 {
			if v > uint64(len(b)) {
				return errProfile
			}
			sub, b = b[:v], b[v:]
		}
		if err := each(int(tag>>3), v, sub); err != nil {
			return err
		}
	}
	return nil
}

// eachNumber calls each with the number v, or the numbers packed in sub.
func eachNumber(v uint64, sub []byte, each func(uint64)) error {
	if sub == nil {
		each(v)
		return nil
	}
	for len(sub) > 0 {
		x, n := binary.Uvarint(sub)
		if n <= 0 {
			return errProfile
		}
		each(x)
		sub = sub[n:]
	}
	return nil
}

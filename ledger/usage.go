package ledger

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"
)

// A Usage says what a log's directory takes of the disk, in bytes.
type Usage struct {
	Entries     int64 // kept
	First       int64 // the first of them
	From, To    time.Time
	Segments    int
	Frames      int64 // the entries, in segment files
	Ahead       int64 // zeros written ahead in the last of them, and headers
	Tiles       int64 // hashes
	Checkpoints int64 // signed ones, with those that witnesses have signed
	Other       int64 // keys and what is derived
	Months      []MonthUsage
	Kinds       []KindUsage // in order of the kinds
	// LastWeek is what was added in the seven days before the last entry, or since
	// the first kept one, and in how many days that was.
	LastWeek     int64
	LastWeekDays float64
	// What dropping entries would free that are older than UsageOptions.Before.
	Freed         int64
	FreedEntries  int64
	FreedSegments int
}

// Total gives all of it.
func (u *Usage) Total() int64 {
	return u.Frames + u.Ahead + u.Tiles + u.Checkpoints + u.Other
}

// A MonthUsage is what the entries of one month take.
type MonthUsage struct {
	Month   string // 2026-03, UTC
	Entries int64
	Bytes   int64
}

// A KindUsage is what the entries of one kind take.
type KindUsage struct {
	Kind    Kind
	Entries int64
	Bytes   int64
}

// UsageOptions say what is asked beside.
type UsageOptions struct {
	// Before is the time before which entries would be dropped; zero: none.
	Before time.Time
	// Progress, if not nil, is told now and then how many of the bytes are read.
	Progress func(done, total int64)

	disk disk
}

// ReadUsage reads the log in dir from outside, all of its entries once.
func ReadUsage(ctx context.Context, dir string, o UsageOptions) (*Usage, error) {
	if o.disk == nil {
		o.disk = osDisk{}
	}
	u, err := readUsage(ctx, dir, o)
	if err != nil {
		return nil, fmt.Errorf("measure ledger: %w", err)
	}
	return u, nil
}

func readUsage(ctx context.Context, dir string, o UsageOptions) (*Usage, error) {
	segs, err := listSegments(o.disk, dir)
	if err != nil {
		return nil, err
	}
	u := &Usage{First: segs[0].first, Segments: len(segs)}
	if err := u.files(o.disk, dir); err != nil {
		return nil, err
	}
	var total, read int64
	for _, s := range segs {
		total += s.bytes
	}
	signed := int64(0)
	if c, _, err := outsideNewest(o.disk, dir); err == nil {
		signed = c.Size
	}
	kinds := [endKinds]KindUsage{}
	days := map[string]int64{}
	open := !o.Before.IsZero() // whether the segments so far would go
	for i, s := range segs {
		f, err := o.disk.open(filepath.Join(dir, segmentName(s.first)), readOnly)
		if isMissing(err) {
			continue // dropped meanwhile
		}
		if err != nil {
			return nil, err
		}
		r := newFrameReader(f, segmentHeader, s.bytes)
		r.ahead = i == len(segs)-1
		var last time.Time
		entries := int64(0)
		for ; err == nil; entries++ {
			var frame []byte
			if frame, _, err = r.next(); err != nil {
				break
			}
			var t time.Time
			if t, err = check(frame[headSize:]); err != nil {
				break
			}
			last = t
			n := int64(len(frame))
			k := &kinds[kindOf(frame[headSize:])]
			k.Entries++
			k.Bytes += n
			month := t.Format("2006-01")
			if m := len(u.Months); m == 0 || u.Months[m-1].Month != month {
				u.Months = append(u.Months, MonthUsage{Month: month})
			}
			m := &u.Months[len(u.Months)-1]
			m.Entries++
			m.Bytes += n
			days[t.Format(time.DateOnly)] += n
			u.Frames += n
			if u.From.IsZero() {
				u.From = t
			}
			u.To = t
			if entries%(1<<14) == 0 {
				if ctx.Err() != nil {
					f.Close()
					return nil, ctx.Err()
				}
				if o.Progress != nil {
					o.Progress(read+r.at, total)
				}
			}
		}
		f.Close()
		if err != io.EOF && err != errTorn {
			return nil, fmt.Errorf("%w: %s, byte %d: %w", ErrDamaged, segmentName(s.first), r.at, err)
		}
		read += s.bytes
		u.Ahead += s.bytes - r.at + segmentHeader
		u.Entries += entries
		if open = open && i < len(segs)-1 && segs[i+1].first <= signed && last.Before(o.Before); open {
			u.Freed += s.bytes
			u.FreedEntries += entries
			u.FreedSegments++
		}
	}
	for k := range kinds {
		if kinds[k].Entries > 0 {
			kinds[k].Kind = Kind(k)
			u.Kinds = append(u.Kinds, kinds[k])
		}
	}
	since := u.To.AddDate(0, 0, -7)
	if u.From.After(since) {
		since = u.From
	}
	for day, n := range days {
		if day >= since.Format(time.DateOnly) {
			u.LastWeek += n
		}
	}
	u.LastWeekDays = max(u.To.Sub(since).Hours()/24, 0)
	return u, nil
}

// outsideNewest gives the published checkpoint.
func outsideNewest(d disk, dir string) (Checkpoint, []byte, error) {
	t, err := openTree(d, dir, "")
	if err != nil {
		return Checkpoint{}, nil, err
	}
	return t.newest()
}

// files adds up the files beside the segments.
func (u *Usage) files(d disk, dir string) error {
	for _, sub := range []string{"", tileDir} {
		names, err := d.list(filepath.Join(dir, sub))
		if isMissing(err) {
			continue
		}
		if err != nil {
			return err
		}
		for _, name := range names {
			if _, isSegment := parseSegmentName(name); isSegment || name == tileDir || strings.Contains(name, "/") {
				continue
			}
			f, err := d.open(filepath.Join(dir, sub, name), readOnly)
			if isMissing(err) {
				continue
			}
			if err != nil {
				return err
			}
			n, err := f.size()
			f.Close()
			switch {
			case err != nil:
				return err
			case sub == tileDir:
				u.Tiles += n
			case name == historyFile || name == witnessedFile:
				u.Checkpoints += n
			default:
				u.Other += n
			}
		}
	}
	return nil
}

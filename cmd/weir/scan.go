package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/getweir/weir"
	"github.com/getweir/weir/door/files"
	"github.com/getweir/weir/inspect"
)

// wanted are the flags that say what counts as personal data, for scan and mask.
type wanted struct {
	Min            string   `default:"medium" enum:"low,medium,high" help:"The least confidence that counts: low, medium or high. Default: medium."`
	Countries      []string `help:"Countries whose national forms count without a word beside them: US,GB,... Default: all that are known." placeholder:"CC"`
	Policy         string   `help:"Look with the own detectors of this policy too." placeholder:"FILE" type:"path"`
	Fingerprints   []string `help:"Know the customers of these fingerprints (see weir fingerprint), and find their names and addresses in running text too." placeholder:"FILE" type:"path"`
	FingerprintKey string   `help:"The key of the fingerprints. Default: FILE.key." placeholder:"FILE" type:"path"`
	Format         string   `default:"auto" help:"How the input is written: auto, json, ndjson, csv, html, text, form, multipart, http, sse. Default: auto." placeholder:"FORMAT"`
}

// inspector makes what the flags ask for.
func (w *wanted) inspector() (*inspect.Inspector, files.Format, error) {
	format, err := files.ParseFormat(w.Format)
	if err != nil {
		return nil, 0, usageError{err}
	}
	own, err := w.detectors()
	if err != nil {
		return nil, 0, usageError{err}
	}
	customers, err := loadFingerprints(w.Fingerprints, w.FingerprintKey)
	if err != nil {
		return nil, 0, err
	}
	c := inspect.Config{Countries: w.Countries, Detectors: own, Customers: customers}
	switch w.Min {
	case "low":
		c.Unsure = true
	case "high":
		c.Min = weir.SureMatch
	}
	in, err := inspect.New(c)
	if err != nil {
		return nil, 0, usageError{err}
	}
	return in, format, nil
}

// detectors are the own ones of the policy that the flags name, if they do.
func (w *wanted) detectors() ([]inspect.Detector, error) {
	if w.Policy == "" {
		return nil, nil
	}
	p, err := loadPolicy(w.Policy)
	if err != nil {
		return nil, err
	}
	return loadDetectors(p)
}

// check says which of names, or families such as "identity.*", is no class.
func (w *wanted) check(names []string) error {
	own, err := w.detectors()
	if err != nil {
		return err
	}
	return files.CheckClasses(slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		family, isFamily := strings.CutSuffix(name, "*")
		return slices.ContainsFunc(own, func(d inspect.Detector) bool {
			return string(d.Class) == name || isFamily && strings.HasPrefix(string(d.Class), family)
		})
	}))
}

type scanCommand struct {
	Paths []string `arg:"" optional:"" help:"Files and folders; - is the standard input."`
	wanted
	Only    []string `help:"Only these classes: names, or families such as 'identity.*'." placeholder:"CLASS"`
	Classes bool     `help:"List everything that can be found, and end."`
	JSON    bool     `name:"json" help:"Print a JSON object a line for each finding." xor:"output"`
	SARIF   bool     `name:"sarif" help:"Print a SARIF 2.1.0 log, for code hosting and editors." xor:"output"`
	HTML    string   `name:"html" help:"Write a report for people to FILE." placeholder:"FILE"`
	Reveal  bool     `help:"Print the values too (with --json). Mind where they go."`
}

func (scanCommand) Help() string {
	return `Finds personal data in files at rest: JSON, lines of JSON, CSV, HTML and XML, forms, multipart and HTTP messages, event streams, logs and text, also packed with gzip. Folders are read on all cores; symbolic links in them are not followed. Binary files are counted and not read.

Tells where it is and what, never the value. Exit code 0: nothing found; 1: found; 2: something could not be read.

Examples:
  weir scan exports/ logs/
  weir scan --json --min high . | jq -r .class | sort | uniq -c
  weir scan --only 'payment.*,identity.*' --html report.html /srv/data
  zcat dump.sql.gz | weir scan -
  weir scan --classes`
}

func (c *scanCommand) Run(s *streams) error {
	if c.Classes {
		return listClasses(s, c.JSON)
	}
	if len(c.Paths) == 0 {
		return usageError{errors.New("name files or folders to scan, or - for the standard input")}
	}
	if c.Reveal && !c.JSON {
		return usageError{errors.New("--reveal goes with --json")}
	}
	if err := c.check(c.Only); err != nil {
		return usageError{err}
	}
	in, format, err := c.inspector()
	if err != nil {
		return err
	}
	o := files.Options{Inspector: in, Format: format, Reveal: c.Reveal, Progress: new(files.Progress)}
	if len(c.Only) > 0 {
		o.Classes = c.Only
	}
	if slices.Contains(c.Paths, "-") {
		o.Input = interruptible(s.ctx, s.in)
	}
	var report *scanReport
	if c.HTML != "" {
		report = newScanReport(c.Paths)
	}

	w := bufio.NewWriterSize(s.out, 64<<10)
	line := &statusLine{progress: o.Progress}
	if f, ok := s.err.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		line.to = f
	}
	var told teller
	switch {
	case c.JSON:
		told = &jsonTeller{w: w, reveal: c.Reveal}
	case c.SARIF:
		told = newSARIFTeller(w)
	default:
		told = &tableTeller{w: w, line: line, classes: map[weir.Class]int{}}
	}
	stop := line.run()
	sum, err := files.Scan(s.ctx, c.Paths, o, func(f files.Finding) {
		told.finding(&f)
		if report != nil {
			report.add(&f)
		}
	})
	stop()
	if err == nil || sum.Interrupted {
		err = told.end(&sum)
	}
	if flushed := w.Flush(); err == nil {
		err = flushed
	}
	if err == nil && report != nil {
		err = report.write(c.HTML, &sum)
	}
	if err != nil {
		return usageError{err} // 2: for scan, 1 is a finding
	}
	if c.JSON || c.SARIF {
		fmt.Fprint(s.err, summaryText(&sum))
	}
	for _, f := range sum.Failures {
		fmt.Fprintf(s.err, "weir: %s: %v\n", printable(f.File), f.Err)
	}
	if n := sum.Failed - len(sum.Failures); n > 0 {
		fmt.Fprintf(s.err, "weir: and %d more that could not be read\n", n)
	}
	switch {
	case sum.Interrupted:
		fmt.Fprintln(s.err, "weir: interrupted: not everything was read")
		return exitUsage
	case sum.Failed > 0:
		return exitUsage
	case sum.Findings > 0:
		return exit(1)
	}
	return nil
}

// listClasses tells what can be found.
func listClasses(s *streams, asJSON bool) error {
	all := inspect.Classes()
	if asJSON {
		type class struct {
			Class   string `json:"class"`
			About   string `json:"about"`
			Example string `json:"example"`
			Source  string `json:"source"`
		}
		list := make([]class, len(all))
		for i, c := range all {
			list[i] = class{string(c.Name), c.About, c.Example, c.Source}
		}
		return printJSON(s, list)
	}
	for _, c := range all {
		fmt.Fprintf(s.out, "%s\n    %s\n    such as %s\n    by %s\n", c.Name, c.About, printable(c.Example), c.Source)
	}
	return nil
}

// A teller tells findings in some form.
type teller interface {
	finding(f *files.Finding)
	end(sum *files.Summary) error
}

// jsonTeller writes an object a line. The names are stable.
type jsonTeller struct {
	w      *bufio.Writer
	reveal bool
	buf    []byte
}

func (t *jsonTeller) finding(f *files.Finding) {
	b := appendJSON(append(t.buf[:0], `{"file":`...), f.File)
	b = strconv.AppendInt(append(b, `,"offset":`...), f.Offset, 10)
	b = strconv.AppendInt(append(b, `,"length":`...), int64(f.Length), 10)
	b = strconv.AppendInt(append(b, `,"line":`...), int64(f.Line), 10)
	b = strconv.AppendInt(append(b, `,"column":`...), int64(f.Column), 10)
	b = appendJSON(append(b, `,"path":`...), f.Path)
	b = appendJSON(append(b, `,"class":`...), string(f.Class))
	b = appendJSON(append(b, `,"detector":`...), f.Detector)
	b = appendJSON(append(b, `,"confidence":`...), f.Confidence.String())
	b = strconv.AppendBool(append(b, `,"checksum":`...), f.Checked)
	if f.Customer != (weir.Subject{}) {
		b = appendJSON(append(b, `,"customer":`...), f.Customer.String())
	}
	if t.reveal {
		b = appendJSON(append(b, `,"value":`...), f.Value.Reveal())
	}
	t.buf = append(b, '}', '\n')
	t.w.Write(t.buf)
}

func (t *jsonTeller) end(*files.Summary) error { return nil }

// appendJSON writes a JSON string.
func appendJSON(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			quoted, err := json.Marshal(s)
			if err != nil {
				return append(b, `""`...)
			}
			return append(b, quoted...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

// tally counts the findings of one class in one file.
type tally struct {
	Class      weir.Class
	N          int
	Confidence weir.Confidence // the highest
	Line       int             // of the first
	Path       string          // of the first
}

// tallies counts a file's findings by class.
type tallies []tally

func (all *tallies) add(f *files.Finding) {
	for i := range *all {
		if t := &(*all)[i]; t.Class == f.Class {
			t.N++
			t.Confidence = max(t.Confidence, f.Confidence)
			return
		}
	}
	*all = append(*all, tally{f.Class, 1, f.Confidence, f.Line, f.Path})
}

// tableTeller writes a paragraph for each file.
type tableTeller struct {
	w       *bufio.Writer
	line    *statusLine
	file    string
	here    tallies
	files   int
	classes map[weir.Class]int
}

func (t *tableTeller) finding(f *files.Finding) {
	if f.File != t.file {
		t.paragraph()
		t.file = f.File
	}
	t.here.add(f)
	t.classes[f.Class]++
}

func (t *tableTeller) paragraph() {
	if len(t.here) == 0 {
		return
	}
	t.files++
	fmt.Fprintln(t.w, printable(t.file))
	for _, k := range t.here {
		fmt.Fprintf(t.w, "  %-28s %9s  %-6s  line %d", k.Class, thousands(int64(k.N)), k.Confidence, k.Line)
		if k.Path != "" {
			fmt.Fprintf(t.w, "  %s", printable(k.Path))
		}
		fmt.Fprintln(t.w)
	}
	t.here = t.here[:0]
	t.line.print(func() { t.w.Flush() })
}

func (t *tableTeller) end(sum *files.Summary) error {
	t.paragraph()
	if t.files > 1 {
		fmt.Fprintf(t.w, "\nin all %d files\n", t.files)
		for _, class := range slices.Sorted(maps.Keys(t.classes)) {
			fmt.Fprintf(t.w, "  %-28s %9s\n", class, thousands(int64(t.classes[class])))
		}
	}
	if t.files > 0 {
		fmt.Fprintln(t.w)
	}
	_, err := t.w.WriteString(summaryText(sum))
	return err
}

// summaryText tells in a few lines what was read and what not.
func summaryText(s *files.Summary) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s findings in %s files, %s read in %s (%s/s)\n", thousands(s.Findings), thousands(int64(s.Files)), size(s.Bytes), s.Elapsed.Round(time.Millisecond), size(rate(s.Bytes, s.Elapsed)))
	for _, k := range s.Skipped {
		fmt.Fprintf(&b, "not read: %s %s (%s; the first is %s)\n", thousands(int64(k.Files)), k.Reason, size(k.Bytes), printable(k.First))
	}
	if s.Unread > 0 {
		fmt.Fprintf(&b, "unread: %s of files that were read\n", size(s.Unread))
	}
	if s.AsText > 0 {
		fmt.Fprintf(&b, "read as text only, for not being what their format says or being too long for it: %s\n", size(s.AsText))
	}
	if s.Failed > 0 {
		fmt.Fprintf(&b, "failed: %s\n", thousands(int64(s.Failed)))
	}
	return b.String()
}

func rate(n int64, d time.Duration) int64 { return int64(float64(n) / max(d.Seconds(), 1e-6)) }

// size gives a number of bytes in decimal units.
func size(n int64) string {
	units := []string{"kB", "MB", "GB", "TB"}
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	v := float64(n) / 1000
	i := 0
	for v >= 999.5 && i < len(units)-1 {
		v /= 1000
		i++
	}
	if v < 9.95 {
		return fmt.Sprintf("%.1f %s", v, units[i])
	}
	return fmt.Sprintf("%.0f %s", v, units[i])
}

// thousands writes a number in groups of three digits.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// printable quotes a name that could play tricks on a terminal.
func printable(name string) string {
	for _, r := range name {
		if !strconv.IsPrint(r) {
			return strconv.Quote(name)
		}
	}
	return name
}

// A statusLine shows on a terminal how far a scan has come.
type statusLine struct {
	to       io.Writer // nil: there is no terminal
	progress *files.Progress
	mu       sync.Mutex
	shown    bool
}

// run shows the line until the function that it gives is called.
func (l *statusLine) run() (stop func()) {
	if l.to == nil {
		return func() {}
	}
	done := make(chan struct{})
	var ended sync.WaitGroup
	start := time.Now()
	ended.Go(func() {
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				l.print(func() {})
				return
			case <-tick.C:
			}
			n := l.progress.Bytes.Load()
			l.mu.Lock()
			fmt.Fprintf(l.to, "\r\033[K%s  %s files  %s findings  %s/s", size(n), thousands(l.progress.Files.Load()), thousands(l.progress.Findings.Load()), size(rate(n, time.Since(start))))
			l.shown = true
			l.mu.Unlock()
		}
	})
	return func() {
		close(done)
		ended.Wait()
	}
}

// print runs f with the line out of the way.
func (l *statusLine) print(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shown {
		fmt.Fprint(l.to, "\r\033[K")
		l.shown = false
	}
	f()
}

// interruptible gives a reader that ends when ctx does, which a read from a pipe or
// a terminal does not.
func interruptible(ctx context.Context, r io.Reader) io.Reader {
	p := &pump{ctx: ctx, free: make(chan []byte, 2), full: make(chan chunk)}
	p.free <- make([]byte, 256<<10)
	p.free <- make([]byte, 256<<10)
	go func() { // ends with the input, or with the program: nothing wakes a read
		for {
			b := <-p.free
			n, err := r.Read(b[:cap(b)])
			select {
			case p.full <- chunk{b[:n], err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return p
}

// chunk is what one read gave.
type chunk struct {
	b   []byte
	err error
}

type pump struct {
	ctx  context.Context
	free chan []byte
	full chan chunk
	now  chunk
	rest []byte // of now
}

func (p *pump) Read(b []byte) (int, error) {
	for len(p.rest) == 0 {
		if p.now.err != nil {
			return 0, p.now.err
		}
		if p.now.b != nil {
			p.free <- p.now.b
		}
		select {
		case p.now = <-p.full:
			p.rest = p.now.b
		case <-p.ctx.Done():
			p.now = chunk{err: p.ctx.Err()}
		}
	}
	n := copy(b, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxErrors is how many mistakes are shown at once. The rest are counted.
const maxErrors = 50

// A Position is a place in a policy file. Lines and columns count from 1,
// columns in characters.
type Position struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

func (p Position) String() string {
	return p.File + ":" + strconv.Itoa(p.Line) + ":" + strconv.Itoa(p.Column)
}

// An Error is one mistake in a policy file.
type Error struct {
	Position
	Message string `json:"message"`
	// Source is the line, as it stands in the file.
	Source string `json:"source"`
}

// Error gives the position, the message, and the source line with a caret below
// the column.
func (e *Error) Error() string { return show(e.Position, e.Message, e.Source) }

// A Warning is something that a policy may say, but seldom means.
type Warning struct {
	Position
	Message string `json:"message"`
	// Source is the line, as it stands in the file.
	Source string `json:"source"`
}

// String is written as an Error is.
func (w Warning) String() string { return show(w.Position, "warning: "+w.Message, w.Source) }

// Errors are all the mistakes found in one policy, in the order of its files and
// lines. It is what Parse returns as its error.
type Errors struct {
	List []*Error `json:"errors"`
	// Omitted is how many more there are than List has.
	Omitted int `json:"omitted,omitempty"`
}

func (es *Errors) Error() string {
	var b strings.Builder
	for i, e := range es.List {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(e.Error())
	}
	if es.Omitted > 0 {
		fmt.Fprintf(&b, "\nand %d more", es.Omitted)
	}
	return b.String()
}

// Unwrap gives each mistake to errors.As.
func (es *Errors) Unwrap() []error {
	all := make([]error, len(es.List))
	for i, e := range es.List {
		all[i] = e
	}
	return all
}

// shownWidth is how many characters of a source line are shown.
const shownWidth = 120

func show(at Position, message, source string) string {
	text := at.String() + ": " + message
	if source == "" {
		return text
	}
	line := []rune(source)
	column := min(at.Column-1, len(line))
	// A long line is shown from a little before the place.
	if column > shownWidth-20 {
		from := column - shownWidth/2
		line = append([]rune("..."), line[from:]...)
		column -= from - 3
	}
	if len(line) > shownWidth {
		line = append(line[:shownWidth:shownWidth], []rune("...")...)
	}
	number := strconv.Itoa(at.Line)
	var pad strings.Builder
	for _, r := range line[:column] {
		if r == '\t' { // so that the caret stands below its column whatever a tab's width
			pad.WriteByte('\t')
		} else {
			pad.WriteByte(' ')
		}
	}
	return fmt.Sprintf("%s\n  %s | %s\n  %s | %s^", text, number, string(line), strings.Repeat(" ", len(number)), pad.String())
}

// lines splits a file for showing. What would not print, or would move the
// cursor of a terminal, is replaced, one character for one.
func lines(src []byte) []string {
	all := strings.Split(strings.ToValidUTF8(string(src), "\uFFFD"), "\n")
	for i, l := range all {
		all[i] = strings.Map(func(r rune) rune {
			if r != '\t' && !unicode.IsPrint(r) {
				return '\uFFFD'
			}
			return r
		}, strings.TrimRight(l, "\r"))
	}
	return all
}

// longestMessage is where a message is cut that quotes an endless word.
const longestMessage = 400

func clip(message string) string {
	if r := []rune(message); len(r) > longestMessage {
		return string(r[:longestMessage]) + "..."
	}
	return message
}

// inside moves a position that a parser gave into the file, so that no message
// ever points beside it.
func inside(file []string, line, column int) (int, int, string) {
	line = max(1, min(line, len(file)))
	source := file[line-1]
	column = max(1, min(column, utf8.RuneCountInString(source)+1))
	return line, column, source
}

// mistakes gathers what is wrong and what is doubtful.
type mistakes struct {
	files    []sourceFile
	reading  int // of files: the one whose text is being read
	work     int // what reading them has cost so far (see maxWork)
	errors   []*Error
	omitted  int // mistakes beyond mostKept
	warnings []Warning
}

// mostKept is how many mistakes, and how many warnings, are kept at all: each is
// looked up in its line, which an attacker makes long.
const mostKept = 20 * maxErrors

// A sourceFile is a file of the policy, as messages show it.
type sourceFile struct {
	name  string
	lines []string
}

// at is where something stands.
type at struct{ line, column, file int }

// lineFrom names the line of something that stands elsewhere: with its file, if
// that is another.
func (m *mistakes) lineFrom(here, there at) string {
	if here.file == there.file {
		return fmt.Sprintf("line %d", there.line)
	}
	return fmt.Sprintf("line %d of %s", there.line, m.files[there.file].name)
}

// showAt moves a place that a parser gave into its file, so that no message ever
// points beside it.
func showAt(files []sourceFile, where at) (Position, string) {
	f := &files[where.file]
	line, column, source := inside(f.lines, where.line, where.column)
	return Position{f.name, line, column}, source
}

func (m *mistakes) errorf(where at, format string, args ...any) {
	if len(m.errors) >= mostKept {
		m.omitted++
		return
	}
	position, source := showAt(m.files, where)
	m.errors = append(m.errors, &Error{position, clip(fmt.Sprintf(format, args...)), source})
}

func (m *mistakes) warnf(where at, format string, args ...any) {
	if len(m.warnings) >= mostKept {
		return
	}
	position, source := showAt(m.files, where)
	m.warnings = append(m.warnings, Warning{position, clip(fmt.Sprintf(format, args...)), source})
}

// err gives what Parse returns: nil where nothing is wrong.
func (m *mistakes) err() error {
	if len(m.errors) == 0 {
		return nil
	}
	slices.SortStableFunc(m.errors, func(a, b *Error) int { return m.compare(a.Position, b.Position) })
	es := &Errors{List: m.errors, Omitted: m.omitted}
	if len(es.List) > maxErrors {
		es.Omitted += len(es.List) - maxErrors
		es.List = es.List[:maxErrors:maxErrors]
	}
	return es
}

// compare orders positions as the files are read: the first, then those that it
// includes.
func (m *mistakes) compare(a, b Position) int {
	rank := func(name string) int {
		return slices.IndexFunc(m.files, func(f sourceFile) bool { return f.name == name })
	}
	if a.File != b.File {
		return rank(a.File) - rank(b.File)
	}
	return cmp.Or(a.Line-b.Line, a.Column-b.Column)
}

// hint is didYouMean, until there are so many mistakes that nobody reads them.
func (m *mistakes) hint(word string, known []string) string {
	if len(m.errors) > 4*maxErrors {
		return ""
	}
	return didYouMean(word, known)
}

// didYouMean gives a hint for a word that is not one of those known, or "". A
// word may be wrong in one of three characters.
func didYouMean(word string, known []string) string {
	best, distance := "", max(1, utf8.RuneCountInString(word)/3)+1
	for _, k := range known {
		if d := editDistance(strings.ToLower(word), strings.ToLower(k), distance); d < distance {
			best, distance = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", best)
}

// editDistance counts the insertions, deletions, replacements and swaps of
// neighbours between two words (Damerau and Levenshtein, in the form that edits
// no character twice), or gives limit where there are as many or more.
func editDistance(a, b string, limit int) int {
	x, y := []rune(a), []rune(b)
	if len(x)-len(y) >= limit || len(y)-len(x) >= limit {
		return limit
	}
	before, row, next := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := range x {
		next[0] = i + 1
		for j := range y {
			if x[i] == y[j] {
				next[j+1] = row[j]
				continue
			}
			next[j+1] = 1 + min(row[j], row[j+1], next[j])
			if i > 0 && j > 0 && x[i] == y[j-1] && x[i-1] == y[j] {
				next[j+1] = min(next[j+1], 1+before[j-1])
			}
		}
		before, row, next = row, next, before
	}
	return min(row[len(y)], limit)
}

package main

import (
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/door/files"
	"github.com/getweir/weir/inspect"
)

//go:embed scan.html
var scanPage string

const (
	maxReportFiles = 1000   // rows of the report
	maxCounted     = 200000 // files whose counts are kept while scanning
)

// A scanReport gathers what the page for people shows.
type scanReport struct {
	paths []string
	files []reportFile
	by    map[string]int // file to its place in files, for the last maxCounted
	rest  int            // findings in files beyond maxCounted

	classes map[weir.Class]*reportClass
	levels  [3]int64 // by confidence
}

type reportFile struct {
	Name    string
	N       int
	High    int
	Classes tallies
}

type reportClass struct {
	Class  weir.Class
	About  string
	N      int
	Files  int
	Levels [3]int
	Checks int
	Share  int // of the class with most, in percent
	last   string
}

// Reach gives how far the bar of a class reaches, in percent of its width, with all
// findings of a confidence of at least c.
func (c *reportClass) Reach(least int) int {
	n := 0
	for _, k := range c.Levels[least:] {
		n += k
	}
	if n == 0 {
		return 0
	}
	return max(1, n*c.Share/c.N)
}

func newScanReport(paths []string) *scanReport {
	return &scanReport{paths: paths, by: map[string]int{}, classes: map[weir.Class]*reportClass{}}
}

func (r *scanReport) add(f *files.Finding) {
	r.levels[f.Confidence]++
	c := r.classes[f.Class]
	if c == nil {
		c = &reportClass{Class: f.Class}
		r.classes[f.Class] = c
	}
	c.N++
	c.Levels[f.Confidence]++
	if f.Checked {
		c.Checks++
	}
	if c.last != f.File || c.Files == 0 {
		c.last = f.File
		c.Files++
	}
	i, ok := r.by[f.File]
	if !ok {
		if len(r.files) >= maxCounted {
			r.rest++
			return
		}
		i = len(r.files)
		r.by[f.File] = i
		r.files = append(r.files, reportFile{Name: f.File})
	}
	file := &r.files[i]
	file.N++
	if f.Confidence == weir.SureMatch {
		file.High++
	}
	file.Classes.add(f)
}

// write writes the page. It is put in place when it is whole.
func (r *scanReport) write(path string, sum *files.Summary) error {
	page, err := template.New("scan").Funcs(template.FuncMap{"size": size, "n": func(n any) string {
		switch n := n.(type) {
		case int:
			return thousands(int64(n))
		case int64:
			return thousands(n)
		}
		return ""
	}}).Parse(scanPage)
	if err != nil {
		return err
	}
	about := map[weir.Class]string{}
	for _, c := range inspect.Classes() {
		about[c.Name] = c.About
	}
	var classes []*reportClass
	most := 1
	for _, c := range r.classes {
		c.About = about[c.Class]
		most = max(most, c.N)
		classes = append(classes, c)
	}
	for _, c := range classes {
		c.Share = max(1, c.N*100/most)
	}
	slices.SortFunc(classes, func(a, b *reportClass) int {
		return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.Class, b.Class))
	})
	all := len(r.files)
	slices.SortStableFunc(r.files, func(a, b reportFile) int {
		return cmp.Or(cmp.Compare(b.High, a.High), cmp.Compare(b.N, a.N))
	})
	shown := r.files[:min(all, maxReportFiles)]
	for _, f := range shown {
		slices.SortStableFunc(f.Classes, func(a, b tally) int { return cmp.Compare(b.N, a.N) })
	}
	var named []string
	for _, p := range r.paths {
		switch full, err := filepath.Abs(p); {
		case p == "-":
			p = "the standard input"
		case err == nil && (p == "." || p == ".."):
			p = full // a dot tells the reader nothing
		}
		named = append(named, p)
	}
	out, err := os.CreateTemp(filepath.Dir(path), ".weir-report-*")
	if err != nil {
		return err
	}
	defer os.Remove(out.Name())
	err = page.Execute(out, map[string]any{
		"Paths": strings.Join(named, ", "), "Time": time.Now().Format("2 January 2006, 15:04"), "Version": buildVersion(),
		"Sum": sum, "Elapsed": sum.Elapsed.Round(time.Millisecond), "Rate": rate(sum.Bytes, sum.Elapsed),
		"Classes": classes, "Files": shown, "AllFiles": all, "MoreFiles": all - len(shown), "Levels": r.levels,
		"Whole": sum.Failed == 0 && sum.Unread == 0 && len(sum.Skipped) == 0 && !sum.Interrupted && sum.AsText == 0,
	})
	if err := cmp.Or(err, out.Chmod(0o644), out.Close()); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return os.Rename(out.Name(), path)
}

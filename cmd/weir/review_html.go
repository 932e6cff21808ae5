package main

import (
	_ "embed"
	"errors"
	"html/template"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/getweir/weir/assure"
)

//go:embed review.html
var reviewPage string

// reviewHTML writes the review as a page, whole or not at all.
func reviewHTML(r *assure.Review, begun bool, due, file string) error {
	page, err := template.New("review").Funcs(template.FuncMap{
		"date": lastWords, "budgets": budgetWords, "dash": orDash,
		"list":   func(all []string) string { return orDash(strings.Join(all, ", ")) },
		"why":    func(all []string) string { return orDash(strings.Join(all, "; ")) },
		"minute": func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") },
	}).Parse(reviewPage)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(file), ".review-*")
	if err != nil {
		return err
	}
	err = page.Execute(f, struct {
		*assure.Review
		Began bool
		Due   string
	}{r, begun, due})
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

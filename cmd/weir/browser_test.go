package main

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"io"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/getweir/weir/internal/browser"
)

// pictures keeps what TestDemoInTheBrowser sees, as the README shows it:
//
//	go test ./cmd/weir -run TestDemoInTheBrowser -pictures docs
var pictures = flag.String("pictures", "", "folder for pictures of the demo's console")

// TestDemoInTheBrowser opens the console of a running demonstration by the link
// that it prints, and sees the thief stopped.
func TestDemoInTheBrowser(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	demo := program(ctx, t, "demo")
	out, err := demo.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var errs bytes.Buffer
	demo.Stderr = &errs
	if err := demo.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	var link string
	for link == "" && lines.Scan() {
		link = regexp.MustCompile(`http://\S+/enter\?token=\S+`).FindString(lines.Text())
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	defer func() {
		_ = demo.Process.Signal(syscall.SIGINT)
		if err := demo.Wait(); err != nil {
			t.Errorf("Ctrl-C did not end the demo cleanly: %v\n%s", err, errs.String())
		}
	}()
	if link == "" {
		t.Fatal("the demo printed no link to the console")
	}
	tab, complaints := browser.Start(t)
	browser.Run(t, tab, "open the link", browser.Dress(1280, 960, "light"), chromedp.Navigate(link))
	browser.Run(t, tab, "see the thief held", browser.Becomes(`/agent-8/.test(document.body.innerText) && /held/.test(document.body.innerText) && /Budget spent/i.test(document.body.innerText)`))
	if said := complaints(); len(said) > 0 {
		t.Errorf("the page complains: %q", said)
	}
	if *pictures != "" {
		browser.Run(t, tab, "let it run", chromedp.Sleep(15*time.Second))
		for _, scheme := range []string{"light", "dark"} {
			browser.Run(t, tab, "dress", browser.Dress(1280, 960, scheme), chromedp.Sleep(500*time.Millisecond))
			browser.Picture(t, tab, filepath.Join(*pictures, "console-"+scheme+".png"))
		}
	}
}

// Package browser drives a real Chromium for the tests of pages.
//
// It starts headless Chromium with a profile of its own and no connections but
// those that the test asks for, and keeps what the page complained of: console
// messages, exceptions and violations of its policy.
//
// It guarantees that a test without Chromium fails and says what to install, and
// that the browser ends with the test. It is for tests only; nothing that is
// shipped imports it.
package browser

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// Start starts a browser and gives a context with one tab in it, and what the
// tab complained of.
func Start(t testing.TB) (ctx context.Context, complaints func() []string) {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is not installed, and pages are to be seen in a real browser: apt-get install chromium")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("no-first-run", true), chromedp.Flag("force-color-profile", "srgb"),
		chromedp.Flag("disable-dev-shm-usage", true))
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute) // rather than hang
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)

	var mu sync.Mutex
	var heard []string
	complain := func(s string) {
		mu.Lock()
		defer mu.Unlock()
		heard = append(heard, s)
	}
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start chromium: %v", err)
	}
	err = chromedp.Listen(ctx, func(event any) {
		switch e := event.(type) {
		case *log.EventEntryAdded:
			complain(fmt.Sprintf("%s: %s %s", e.Entry.Level, e.Entry.Text, e.Entry.URL))
		case *runtime.EventConsoleAPICalled:
			complain(fmt.Sprintf("console.%s", e.Type))
		case *runtime.EventExceptionThrown:
			complain(e.ExceptionDetails.Text)
		}
	})
	if err != nil {
		t.Fatalf("listen to chromium: %v", err)
	}
	return ctx, func() []string {
		mu.Lock()
		defer mu.Unlock()
		all := heard
		heard = nil
		return all
	}
}

// A Step is something that is done in the browser.
type Step = chromedp.Action[chromedp.Void]

// Run takes the steps and fails with what was being done.
func Run(t testing.TB, ctx context.Context, what string, steps ...Step) {
	t.Helper()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// Read gives what the expression is in the page.
func Read[T any](t testing.TB, ctx context.Context, expression string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatalf("read %s: %v", expression, err)
	}
	return v
}

// Does has the page evaluate the expression.
func Does(expression string) Step { return chromedp.Evaluate[chromedp.Void](expression) }

// Becomes waits until the expression is true in the page. A page that is replaced
// while it is asked is asked again.
func Becomes(expression string) Step {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		deadline := time.Now().Add(30 * time.Second)
		for {
			is, err := cdp.Call(ctx, t, runtime.Evaluate, runtime.EvaluateParams{Expression: "Boolean(" + expression + ")", ReturnByValue: new(true)})
			switch {
			case err == nil && is.ExceptionDetails == nil && is.Result != nil && string(is.Result.Value) == "true":
				return nil
			case time.Now().After(deadline):
				return fmt.Errorf("not true after 30 s: %s (%v)", expression, err)
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(50 * time.Millisecond):
			}
		}
	})
}

// Dress gives the page a size and a colour scheme.
func Dress(width, height int64, scheme string) Step {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		if _, err := cdp.Call(ctx, t, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
			Width: width, Height: height, DeviceScaleFactor: 1, Mobile: width < 600,
		}); err != nil {
			return err
		}
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return err
	})
}

// Picture writes what the tab shows to a file.
func Picture(t testing.TB, ctx context.Context, path string) {
	t.Helper()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatalf("take a picture: %v", err)
	}
	if err := os.WriteFile(path, png, 0o644); err != nil {
		t.Fatal(err)
	}
}

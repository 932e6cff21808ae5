package console

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// serve keeps TestFixture's console up, to be looked at:
//
//	go test ./console -run TestFixture -v -serve 127.0.0.1:7411
var serve = flag.String("serve", "", "address at which TestFixture serves the console until it is interrupted")

// TestFixture shows the console of an invented deployment.
func TestFixture(t *testing.T) {
	w := newWorld()
	w.populate()
	c := start(t, w, *serve)
	for i := range 200 {
		w.happen(i)
	}
	if *serve == "" {
		if page, _ := enter(t, c, browser(t)); !strings.Contains(page, "stolen-support") {
			t.Error("the page does not show the traffic")
		}
		return
	}
	fmt.Println(c.Link())
	for i := 200; ; i++ {
		time.Sleep(300 * time.Millisecond)
		w.happen(i)
	}
}

// chromium starts a browser and gives a context with one tab in it, and what the
// tab complained of.
func chromium(t *testing.T) (ctx context.Context, complaints func() []string) {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is not installed, and the console is to be seen in a real browser: apt-get install chromium")
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

type step = chromedp.Action[chromedp.Void]

// run takes the steps and fails with what was being done.
func run(t *testing.T, ctx context.Context, what string, steps ...step) {
	t.Helper()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// read gives what the expression is in the page.
func read[T any](t *testing.T, ctx context.Context, expression string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatalf("read %s: %v", expression, err)
	}
	return v
}

// does has the page evaluate the expression.
func does(expression string) step { return chromedp.Evaluate[chromedp.Void](expression) }

// becomes waits until the expression is true in the page.
func becomes(expression string) step {
	return chromedp.Poll[chromedp.Void](expression, chromedp.WithPollingInterval(50*time.Millisecond), chromedp.WithPollingTimeout(30*time.Second))
}

// dress gives the page a size and a colour scheme.
func dress(width, height int64, scheme string) step {
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

// picture writes what the tab shows to a file.
func picture(t *testing.T, ctx context.Context, path string) {
	t.Helper()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatalf("take a picture: %v", err)
	}
	if err := os.WriteFile(path, png, 0o644); err != nil {
		t.Fatal(err)
	}
}

// contrast lists the texts of the page whose contrast with what lies behind them
// is below WCAG 2.2 AA (1.4.3: 4.5, and 3 for large text).
const contrast = `(() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (color) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1); const d = canvas.getImageData(0, 0, 1, 1).data; return [d[0], d[1], d[2], d[3] / 255]; };
  const over = (top, under) => [0, 1, 2].map((i) => top[i] * top[3] + under[i] * (1 - top[3])).concat(1);
  const luminance = ([r, g, b]) => { const f = (v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }; return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b); };
  const behind = (e) => { const stack = []; for (; e; e = e.parentElement) stack.push(rgba(getComputedStyle(e).backgroundColor)); return stack.reverse().reduce((under, top) => over(top, under), [255, 255, 255, 1]); };
  const poor = new Set();
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement;
    if (!walk.currentNode.nodeValue.trim() || !e.checkVisibility() || e.closest(".unseen, noscript, :disabled")) continue;
    const style = getComputedStyle(e), back = behind(e), fore = over(rgba(style.color), back);
    const [a, b] = [luminance(fore), luminance(back)], ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const large = parseFloat(style.fontSize) >= 24;
    if (ratio < (large ? 3 : 4.5)) poor.add(e.className + " " + e.tagName + " " + ratio.toFixed(2) + " " + walk.currentNode.nodeValue.trim().slice(0, 30));
  }
  return [...poor];
})()`

// TestChromium is the console as a person meets it.
func TestChromium(t *testing.T) {
	w := newWorld()
	c := start(t, w, "")
	ctx, complaints := chromium(t)
	run(t, ctx, "open the link",
		dress(1280, 900, "light"),
		chromedp.Navigate(c.Link()),
		becomes(`document.documentElement.dataset.link === "live"`),
		becomes(`document.querySelector("#exchanges .empty") !== null && document.querySelector("#f-one-hour .none") !== null`),
	)
	dir := t.ArtifactDir()
	shoot := func(name string) { t.Helper(); picture(t, ctx, filepath.Join(dir, name+".png")) }
	shoot("empty")

	// Figures move when entries arrive.
	const allHour = `document.querySelector("#f-all-hour .of b").textContent`
	w.populate()
	run(t, ctx, "see the first figures",
		becomes(`document.querySelector("#f-one-hour .count")?.textContent === "1,500"`),
	)
	first := read[string](t, ctx, allHour)
	for i := range 60 {
		w.happen(i)
	}
	run(t, ctx, "see the figures move",
		becomes(`document.querySelectorAll("#exchanges tbody tr").length === 60`),
		becomes(fmt.Sprintf("%s !== %q", allHour, first)),
		becomes(`document.querySelector("#exchanges .in-clear") !== null`),
	)
	t.Logf("taken by all within the hour: %s, then %s", first, read[string](t, ctx, allHour))

	// The thief spends the budget: an alert, spoken, and a hold.
	for i := 60; len(w.Holds()) == 0; i++ {
		w.happen(i)
	}
	for i := 1000; i < 1060; i++ {
		w.happen(i)
	}
	w.mu.Lock()
	w.alert("id-walking", "s-01070000000000000000000000000000", "tok-c0ffee00", "customer", time.Hour)
	w.mu.Unlock()
	run(t, ctx, "see the hold",
		becomes(`document.querySelectorAll("#holds .hold").length === 2 && document.querySelectorAll("#alerts .alert").length === 2`),
		becomes(`document.getElementById("announce").textContent.includes("id walking: credential tok-c0ffee00")`),
		becomes(`document.querySelector("#parties tr.held") !== null`),
	)
	for _, size := range []struct{ width, height int64 }{{1280, 900}, {400, 800}} {
		for _, scheme := range []string{"light", "dark"} {
			run(t, ctx, "dress", dress(size.width, size.height, scheme), does(`scrollTo(0, 0)`), chromedp.Sleep(300*time.Millisecond))
			shoot(fmt.Sprintf("%s-%d", scheme, size.width))
			if poor := read[[]string](t, ctx, contrast); len(poor) > 0 {
				t.Errorf("%s at %d: too little contrast: %q", scheme, size.width, poor)
			}
			if wide := read[int64](t, ctx, `document.documentElement.scrollWidth`); wide > size.width {
				t.Errorf("%s at %d: the page is %d wide", scheme, size.width, wide)
			}
			run(t, ctx, "scroll", does(`scrollTo(0, innerHeight - 80)`), chromedp.Sleep(100*time.Millisecond))
			shoot(fmt.Sprintf("%s-%d-below", scheme, size.width))
			if size.width == 400 {
				run(t, ctx, "scroll", does(`document.getElementById("parties").scrollIntoView()`), chromedp.Sleep(100*time.Millisecond))
				shoot(fmt.Sprintf("%s-%d-parties", scheme, size.width))
				run(t, ctx, "scroll", does(`document.getElementById("exchanges").scrollIntoView()`), chromedp.Sleep(100*time.Millisecond))
				shoot(fmt.Sprintf("%s-%d-exchanges", scheme, size.width))
			}
		}
	}

	// Lifting a hold asks for a reason, takes the keyboard, and is recorded.
	run(t, ctx, "ask to lift",
		dress(1280, 900, "light"), does(`scrollTo(0, 0)`),
		chromedp.Click(chromedp.CSS(`[data-lift="credential:tok-9c41f7a2"]`)),
		becomes(`document.getElementById("lift").open && document.activeElement.id === "lift-reason"`),
	)
	shoot("lift")
	run(t, ctx, "lift",
		chromedp.SendKeys(chromedp.CSS("#lift-reason"), "the owner confirmed a test\r"),
		becomes(`!document.getElementById("lift").open && document.querySelectorAll("#holds .hold").length === 1`),
		becomes(`document.getElementById("announce").textContent === "The hold is lifted."`),
	)
	w.mu.Lock()
	if want := "credential:tok-9c41f7a2: the owner confirmed a test"; len(w.lifted) != 1 || w.lifted[0] != want {
		t.Errorf("lifted %q, want %q", w.lifted, want)
	}
	w.mu.Unlock()

	// The alert of a lifted hold no longer says that somebody is held.
	run(t, ctx, "see the alert", becomes(`document.querySelectorAll("#alerts .held-note").length === 1`))

	// The ledger is verified on demand, with progress.
	w.mu.Lock()
	w.verified = make(chan struct{})
	w.mu.Unlock()
	run(t, ctx, "verify", chromedp.Click(chromedp.CSS("#verify")), becomes(`document.querySelector("#ledger progress")?.value === 50 || document.querySelector("#ledger progress")?.value === 49`))
	close(w.verified)
	run(t, ctx, "see it verified", becomes(`document.querySelector("#ledger .right")?.textContent.startsWith("It holds.")`))

	// A paused stream stands still; the rest goes on.
	const newest = `document.querySelector("#exchanges tbody tr").id`
	run(t, ctx, "pause", chromedp.Click(chromedp.CSS("#pause")))
	before := read[string](t, ctx, newest)
	w.happen(2000)
	run(t, ctx, "see others move",
		becomes(`document.querySelector("#ledger dd").textContent === "`+number(int(w.Ledger().Entries))+`"`),
	)
	if after := read[string](t, ctx, newest); before != after {
		t.Error("the paused stream moved")
	}
	run(t, ctx, "go on", chromedp.Click(chromedp.CSS("#pause")), becomes(newest+` === "x-`+exchangeID(2000).String()+`"`))

	// Tabs work with the keyboard alone.
	run(t, ctx, "see the roles",
		chromedp.Focus(chromedp.CSS(`[name="kind"][value="credential"]`)), chromedp.SendKeys(chromedp.CSS(`[name="kind"]:checked`), kb.ArrowRight+kb.ArrowRight+kb.ArrowRight),
		becomes(`document.getElementById("g-role").checkVisibility() && !document.getElementById("g-credential").checkVisibility()`),
		chromedp.Click(chromedp.CSS(`[name="which"][value="denied"] + span`)),
		becomes(`document.getElementById("denied").checkVisibility() && !document.getElementById("exchanges").checkVisibility()`),
	)
	shoot("roles")
	// A policy that is off, and a ledger that has stopped, are said loudly.
	w.mu.Lock()
	w.exposure.Mode, w.failed = Off, "The disk is full."
	w.mu.Unlock()
	run(t, ctx, "see that nothing is bounded", becomes(`document.querySelector("#f-one-hour .count").textContent === "no bound" && document.querySelector("#ledger .wrong") !== null`))
	shoot("off")
	if all := complaints(); len(all) > 0 {
		t.Errorf("the browser complains: %q", all)
	}
}

// TestChromiumLosesConnection: the page says that it is no longer live, and that
// its session is over when the console has been started anew.
func TestChromiumLosesConnection(t *testing.T) {
	w := newWorld()
	w.populate()
	for i := range 30 {
		w.happen(i)
	}
	first, err := New(Config{Source: w})
	if err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- first.Run(running) }()
	ctx, _ := chromium(t)
	run(t, ctx, "open the link", dress(1280, 900, "dark"), chromedp.Navigate(first.Link()), becomes(`document.documentElement.dataset.link === "live"`))
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	run(t, ctx, "notice", becomes(`document.documentElement.dataset.link === "lost" && document.getElementById("lost").checkVisibility()`))
	picture(t, ctx, filepath.Join(t.ArtifactDir(), "lost.png"))
	second := start(t, w, first.Addr().String())
	run(t, ctx, "notice that the session is over", becomes(`document.documentElement.dataset.link === "ended"`))
	run(t, ctx, "come in again", chromedp.Navigate(second.Link()), becomes(`document.documentElement.dataset.link === "live"`))
}

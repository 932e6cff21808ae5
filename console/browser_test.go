package console

import (
	"context"
	"flag"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/getweir/weir/internal/browser"
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
		if page, _ := enter(t, c, visitor(t)); !strings.Contains(page, "stolen-support") {
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
	ctx, complaints := browser.Start(t)
	browser.Run(t, ctx, "open the link",
		browser.Dress(1280, 900, "light"),
		chromedp.Navigate(c.Link()),
		browser.Becomes(`document.documentElement.dataset.link === "live"`),
		browser.Becomes(`document.querySelector("#exchanges .empty") !== null && document.querySelector("#f-one-hour .none") !== null`),
	)
	dir := t.ArtifactDir()
	shoot := func(name string) { t.Helper(); browser.Picture(t, ctx, filepath.Join(dir, name+".png")) }
	shoot("empty")

	// Figures move when entries arrive.
	const allHour = `document.querySelector("#f-all-hour .of b").textContent`
	w.populate()
	browser.Run(t, ctx, "see the first figures",
		browser.Becomes(`document.querySelector("#f-one-hour .count")?.textContent === "1,500"`),
	)
	first := browser.Read[string](t, ctx, allHour)
	for i := range 60 {
		w.happen(i)
	}
	browser.Run(t, ctx, "see the figures move",
		browser.Becomes(`document.querySelectorAll("#exchanges tbody tr").length === 60`),
		browser.Becomes(fmt.Sprintf("%s !== %q", allHour, first)),
		browser.Becomes(`document.querySelector("#exchanges .in-clear") !== null`),
	)
	t.Logf("taken by all within the hour: %s, then %s", first, browser.Read[string](t, ctx, allHour))

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
	browser.Run(t, ctx, "see the hold",
		browser.Becomes(`document.querySelectorAll("#holds .hold").length === 2 && document.querySelectorAll("#alerts .alert").length === 2`),
		browser.Becomes(`document.getElementById("announce").textContent.includes("id walking: credential tok-c0ffee00")`),
		browser.Becomes(`document.querySelector("#parties tr.held") !== null`),
	)
	for _, size := range []struct{ width, height int64 }{{1280, 900}, {400, 800}} {
		for _, scheme := range []string{"light", "dark"} {
			browser.Run(t, ctx, "dress", browser.Dress(size.width, size.height, scheme), browser.Does(`scrollTo(0, 0)`), chromedp.Sleep(300*time.Millisecond))
			shoot(fmt.Sprintf("%s-%d", scheme, size.width))
			if poor := browser.Read[[]string](t, ctx, contrast); len(poor) > 0 {
				t.Errorf("%s at %d: too little contrast: %q", scheme, size.width, poor)
			}
			if wide := browser.Read[int64](t, ctx, `document.documentElement.scrollWidth`); wide > size.width {
				t.Errorf("%s at %d: the page is %d wide", scheme, size.width, wide)
			}
			browser.Run(t, ctx, "scroll", browser.Does(`scrollTo(0, innerHeight - 80)`), chromedp.Sleep(100*time.Millisecond))
			shoot(fmt.Sprintf("%s-%d-below", scheme, size.width))
			if size.width == 400 {
				browser.Run(t, ctx, "scroll", browser.Does(`document.getElementById("parties").scrollIntoView()`), chromedp.Sleep(100*time.Millisecond))
				shoot(fmt.Sprintf("%s-%d-parties", scheme, size.width))
				browser.Run(t, ctx, "scroll", browser.Does(`document.getElementById("exchanges").scrollIntoView()`), chromedp.Sleep(100*time.Millisecond))
				shoot(fmt.Sprintf("%s-%d-exchanges", scheme, size.width))
			}
		}
	}

	// Lifting a hold asks for a reason, takes the keyboard, and is recorded.
	browser.Run(t, ctx, "ask to lift",
		browser.Dress(1280, 900, "light"), browser.Does(`scrollTo(0, 0)`),
		chromedp.Click(chromedp.CSS(`[data-lift="credential:tok-9c41f7a2"]`)),
		browser.Becomes(`document.getElementById("lift").open && document.activeElement.id === "lift-reason"`),
	)
	shoot("lift")
	browser.Run(t, ctx, "lift",
		chromedp.SendKeys(chromedp.CSS("#lift-reason"), "the owner confirmed a test\r"),
		browser.Becomes(`!document.getElementById("lift").open && document.querySelectorAll("#holds .hold").length === 1`),
		browser.Becomes(`document.getElementById("announce").textContent === "The hold is lifted."`),
	)
	w.mu.Lock()
	if want := "credential:tok-9c41f7a2: the owner confirmed a test"; len(w.lifted) != 1 || w.lifted[0] != want {
		t.Errorf("lifted %q, want %q", w.lifted, want)
	}
	w.mu.Unlock()

	// The alert of a lifted hold no longer says that somebody is held.
	browser.Run(t, ctx, "see the alert", browser.Becomes(`document.querySelectorAll("#alerts .held-note").length === 1`))

	// The ledger is verified on demand, with progress.
	w.mu.Lock()
	w.verified = make(chan struct{})
	w.mu.Unlock()
	browser.Run(t, ctx, "verify", chromedp.Click(chromedp.CSS("#verify")), browser.Becomes(`document.querySelector("#ledger progress")?.value === 50 || document.querySelector("#ledger progress")?.value === 49`))
	close(w.verified)
	browser.Run(t, ctx, "see it verified", browser.Becomes(`document.querySelector("#ledger .right")?.textContent.startsWith("It holds.")`))

	// A paused stream stands still; the rest goes on.
	const newest = `document.querySelector("#exchanges tbody tr").id`
	browser.Run(t, ctx, "pause", chromedp.Click(chromedp.CSS("#pause")))
	before := browser.Read[string](t, ctx, newest)
	w.happen(2000)
	browser.Run(t, ctx, "see others move",
		browser.Becomes(`document.querySelector("#ledger dd").textContent === "`+number(int(w.Ledger().Entries))+`"`),
	)
	if after := browser.Read[string](t, ctx, newest); before != after {
		t.Error("the paused stream moved")
	}
	browser.Run(t, ctx, "go on", chromedp.Click(chromedp.CSS("#pause")), browser.Becomes(newest+` === "x-`+exchangeID(2000).String()+`"`))

	// Tabs work with the keyboard alone.
	browser.Run(t, ctx, "see the roles",
		chromedp.Focus(chromedp.CSS(`[name="kind"][value="credential"]`)), chromedp.SendKeys(chromedp.CSS(`[name="kind"]:checked`), kb.ArrowRight+kb.ArrowRight+kb.ArrowRight),
		browser.Becomes(`document.getElementById("g-role").checkVisibility() && !document.getElementById("g-credential").checkVisibility()`),
		chromedp.Click(chromedp.CSS(`[name="which"][value="denied"] + span`)),
		browser.Becomes(`document.getElementById("denied").checkVisibility() && !document.getElementById("exchanges").checkVisibility()`),
	)
	shoot("roles")
	// A policy that is only observed, and a ledger that has stopped, are said loudly.
	w.mu.Lock()
	w.exposure.Mode, w.failed = Observe, "The disk is full."
	w.mu.Unlock()
	browser.Run(t, ctx, "see that nothing is bounded", browser.Becomes(`document.querySelector("#f-one-hour .count").textContent === "no bound" && document.querySelector("#ledger .wrong") !== null`))
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
	ctx, _ := browser.Start(t)
	browser.Run(t, ctx, "open the link", browser.Dress(1280, 900, "dark"), chromedp.Navigate(first.Link()), browser.Becomes(`document.documentElement.dataset.link === "live"`))
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	browser.Run(t, ctx, "notice", browser.Becomes(`document.documentElement.dataset.link === "lost" && document.getElementById("lost").checkVisibility()`))
	browser.Picture(t, ctx, filepath.Join(t.ArtifactDir(), "lost.png"))
	second := start(t, w, first.Addr().String())
	browser.Run(t, ctx, "notice that the session is over", browser.Becomes(`document.documentElement.dataset.link === "ended"`))
	browser.Run(t, ctx, "come in again", chromedp.Navigate(second.Link()), browser.Becomes(`document.documentElement.dataset.link === "live"`))
}

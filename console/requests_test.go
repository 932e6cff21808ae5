package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/getweir/weir/internal/browser"
)

// wish is an invented request.
func wish() Request {
	now := time.Now()
	return Request{ID: "5f0c2a9b1d3e4f5061728394", Principal: "agent-8", Role: "support", Lanes: "clear, probed", Customers: 50, For: 2 * time.Hour,
		Reason: "recall of product 7", By: "agent-8", Asked: now, Until: now.Add(24 * time.Hour)}
}

func (w *world) Requests() []Request {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]Request{}, w.requests...)
}

// Decide knows one approver, whose credential is "weir_ada".
func (w *world) Decide(_ context.Context, d Decision) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.decideErr != nil:
		return w.decideErr
	case d.Credential.Reveal() != "weir_ada":
		return Refusal("The credential is not known here.")
	case len(w.requests) == 0 || w.requests[0].ID != d.ID:
		return Refusal("There is no such request.")
	}
	w.decided = append(w.decided, fmt.Sprint(d.Approve, " ", d.Reason))
	if d.Approve {
		w.requests[0].Approved = "ada"
	} else {
		w.requests = nil
	}
	return nil
}

// TestDecide: a decision needs the session's own form, a credential, and a reason to
// refuse; what the source says of a refusal is shown, what went wrong is not.
func TestDecide(t *testing.T) {
	w := newWorld()
	w.requests = []Request{wish()}
	c := start(t, w, "")
	client := visitor(t)
	page, csrf := enter(t, c, client)
	if !strings.Contains(page, "recall of product 7") {
		t.Error("the page does not show the request")
	}
	form := func(csrf, decision, credential, reason string) url.Values {
		return url.Values{"csrf": {csrf}, "id": {wish().ID}, "decision": {decision}, "credential": {credential}, "reason": {reason}}
	}
	for _, r := range []struct {
		name   string
		form   url.Values
		header []string
		want   int
	}{
		{"another origin", form(csrf, "approve", "weir_ada", ""), []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"no form token", form("", "approve", "weir_ada", ""), nil, 403},
		{"no decision", form(csrf, "", "weir_ada", ""), nil, 400},
		{"no credential", form(csrf, "approve", " ", ""), nil, 400},
		{"somebody else's", form(csrf, "approve", "weir_eve", ""), nil, 403},
		{"no reason", form(csrf, "refuse", "weir_ada", ""), nil, 400},
		{"a form without end", form(csrf, "approve", strings.Repeat("a", maxForm), ""), nil, 400},
		{"as it should be", form(csrf, "approve", "weir_ada", ""), nil, 204},
		{"refused", form(csrf, "refuse", "weir_ada", "not today"), nil, 204},
		{"gone", form(csrf, "refuse", "weir_ada", "not today"), nil, 403},
	} {
		if res, body := ask(t, client, "POST", at(c, "/decide"), r.form, r.header...); res.StatusCode != r.want {
			t.Errorf("%s: %s %s, want %d", r.name, res.Status, body, r.want)
		}
	}
	if got := strings.Join(w.decided, "; "); got != "true ; false not today" {
		t.Errorf("decided: %s", got)
	}
	w.decideErr = errors.New("disk full at /var/lib/secret")
	res, body := ask(t, client, "POST", at(c, "/decide"), form(csrf, "approve", "weir_ada", ""))
	if res.StatusCode != http.StatusInternalServerError || strings.Contains(body, "secret") || strings.Contains(body, "weir_ada") {
		t.Errorf("gave %s %s", res.Status, body)
	}
}

// TestChromiumDecides: a person approves and refuses with the keyboard alone, and the
// credential is in no field afterwards.
func TestChromiumDecides(t *testing.T) {
	w := newWorld()
	w.populate()
	c := start(t, w, "")
	ctx, complaints := browser.Start(t)
	browser.Run(t, ctx, "open the link",
		browser.Dress(1280, 900, "light"),
		chromedp.Navigate(c.Link()),
		browser.Becomes(`document.documentElement.dataset.link === "live" && document.querySelector("#requests .empty") !== null`),
	)
	w.mu.Lock()
	w.requests = []Request{wish()}
	w.mu.Unlock()
	w.happen(1)
	const button = `document.querySelector("[data-decide=approve]")`
	browser.Run(t, ctx, "see the request", browser.Becomes(button+` !== null`))
	for _, scheme := range []string{"light", "dark"} {
		browser.Run(t, ctx, "dress", browser.Dress(400, 800, scheme), browser.Does(`document.getElementById("requests").scrollIntoView()`), chromedp.Sleep(300*time.Millisecond))
		if poor := browser.Read[[]string](t, ctx, contrast); len(poor) > 0 {
			t.Errorf("%s: too little contrast: %q", scheme, poor)
		}
		if wide := browser.Read[int64](t, ctx, `document.documentElement.scrollWidth`); wide > 400 {
			t.Errorf("%s: the page is %d wide", scheme, wide)
		}
		browser.Picture(t, ctx, filepath.Join(t.ArtifactDir(), "request-"+scheme+".png"))
	}
	browser.Run(t, ctx, "open the dialog with the keyboard",
		browser.Dress(1280, 900, "light"),
		browser.Does(`document.querySelector("[data-decide=approve]").focus()`), chromedp.KeyEvent(" "),
		browser.Becomes(`document.getElementById("decide").open && document.activeElement.id === "decide-credential"`),
	)
	browser.Picture(t, ctx, filepath.Join(t.ArtifactDir(), "decide.png"))
	browser.Run(t, ctx, "show somebody else's credential",
		chromedp.SendKeys(chromedp.CSS("#decide-credential"), "weir_eve\r"),
		browser.Becomes(`document.getElementById("decide-wrong").textContent === "The credential is not known here." && document.getElementById("decide").open`),
	)
	browser.Run(t, ctx, "approve",
		browser.Does(`document.getElementById("decide-credential").select()`),
		chromedp.SendKeys(chromedp.CSS("#decide-credential"), "weir_ada\r"),
		browser.Becomes(`!document.getElementById("decide").open && document.getElementById("announce").textContent === "The request is approved."`),
		browser.Becomes(button+` === null && document.querySelector("#requests .kind").textContent === "approved"`),
		browser.Becomes(`document.getElementById("decide-credential").value === ""`),
	)
	w.mu.Lock()
	w.requests = []Request{wish()}
	w.mu.Unlock()
	w.happen(2)
	browser.Run(t, ctx, "refuse",
		browser.Becomes(button+` !== null`),
		browser.Does(`document.querySelector("[data-decide=refuse]").focus()`), chromedp.KeyEvent(kb.Enter),
		browser.Becomes(`document.getElementById("decide").open && document.getElementById("decide-reason").checkVisibility()`),
		chromedp.SendKeys(chromedp.CSS("#decide-credential"), "weir_ada"+kb.Tab),
		chromedp.SendKeys(chromedp.CSS("#decide-reason"), "not today\r"),
		browser.Becomes(`document.querySelector("#requests .empty") !== null`),
	)
	// The refused credential in between is a refused request, which browsers report.
	for _, said := range complaints() {
		if !strings.Contains(said, "403") {
			t.Errorf("the browser complains: %q", said)
		}
	}
}

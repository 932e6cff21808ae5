package console

import (
	"bytes"
	"embed"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/getweir/weir"
)

// assets are the page's templates, style, module and mark.
//
//go:embed assets
var assets embed.FS

// contentPolicy lets the page load its own files and nothing else, run no inline
// script or style, and turn text into markup only through the one Trusted Types
// policy of its module (W3C Content Security Policy 3, Trusted Types).
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types weir"

// Bounds on what a form may bring.
const (
	maxForm   = 8 << 10 // bytes
	maxReason = 500     // characters of a reason
)

// routes gives the whole of the console behind its guards.
func (c *Console) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", c.servePage)
	mux.Handle("GET /coverage", c.entered(func(w http.ResponseWriter, r *http.Request) {
		c.serveTemplate(w, http.StatusOK, "coverage", c.source.Coverage())
	}))
	mux.HandleFunc("GET /enter", c.serveEnter)
	mux.Handle("GET /assets/weir.css", asset("assets/weir.css", "text/css; charset=utf-8"))
	mux.Handle("GET /assets/weir.js", asset("assets/weir.js", "text/javascript; charset=utf-8"))
	mux.Handle("GET /assets/mark.svg", asset("assets/mark.svg", "image/svg+xml"))
	mux.Handle("GET /session", c.entered(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	mux.Handle("GET /live", c.entered(c.serveLive))
	mux.Handle("POST /verify", c.entered(c.acting(c.serveVerify)))
	mux.Handle("POST /lift", c.entered(c.acting(c.serveLift)))
	mux.Handle("POST /decide", c.entered(c.acting(c.serveDecide)))

	sameOrigin := http.NewCrossOriginProtection().Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		// A page elsewhere may point a name of its own at 127.0.0.1 (DNS
		// rebinding); the browser then still sends that name as the Host.
		if !c.hosts[r.Host] {
			http.Error(w, "This is not a name of the console.", http.StatusMisdirectedRequest)
			return
		}
		sameOrigin.ServeHTTP(w, r)
	})
}

func asset(path, contentType string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, err := assets.ReadFile(path)
		if err != nil {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", contentType)
		w.Write(content)
	})
}

// entered lets through who has a session.
func (c *Console) entered(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := c.sessionOf(r); !ok {
			http.Error(w, "The session has ended. Open a new link.", http.StatusUnauthorized)
			return
		}
		next(w, r)
	})
}

// acting lets through forms that carry the token of their session.
func (c *Console) acting(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		if err := r.ParseForm(); err != nil {
			http.Error(w, "The form cannot be read.", http.StatusBadRequest)
			return
		}
		if s, ok := c.sessionOf(r); !ok || !s.allows(r.PostForm.Get("csrf")) {
			http.Error(w, "The form is not one of this page. Reload it.", http.StatusForbidden)
			return
		}
		next(w, r)
	}
}

func (c *Console) servePage(w http.ResponseWriter, r *http.Request) {
	s, ok := c.sessionOf(r)
	if !ok {
		c.serveDoor(w, http.StatusUnauthorized, doorView{Title: "The console is closed", Closed: true})
		return
	}
	c.serveTemplate(w, http.StatusOK, "page", c.page(s.csrf))
}

// serveEnter exchanges the token of a one-time link for a session.
func (c *Console) serveEnter(w http.ResponseWriter, r *http.Request) {
	// What a browser or a messenger fetches ahead of the person must not use up
	// the link.
	if r.Method != http.MethodGet || r.Header.Get("Sec-Purpose") != "" {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if _, ok := c.sessionOf(r); ok && r.URL.Query().Get("token") == "" {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	secret, ok := c.door.enter(r.URL.Query().Get("token"))
	if !ok {
		c.serveDoor(w, http.StatusForbidden, doorView{Title: "This link is void", Closed: true, Void: true})
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: c.cookie, Value: secret, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode,
		MaxAge: int(sessionLife.Seconds()),
	})
	if site := r.Header.Get("Sec-Fetch-Site"); site == "cross-site" || site == "same-site" {
		// The link was clicked on another site's page. The browser would not
		// send a SameSite=Strict cookie along a redirect that began there, but
		// it does where this page leads on.
		c.serveDoor(w, http.StatusOK, doorView{Title: "Come in"})
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (c *Console) serveVerify(w http.ResponseWriter, r *http.Request) {
	c.askVerify()
	w.WriteHeader(http.StatusAccepted)
}

func (c *Console) serveLift(w http.ResponseWriter, r *http.Request) {
	party, err := weir.ParseParty(r.PostForm.Get("party"))
	if err != nil {
		http.Error(w, "There is no such party.", http.StatusBadRequest)
		return
	}
	reason, ok := tidyReason(r.PostForm.Get("reason"))
	if !ok {
		http.Error(w, "Give a reason, in 3 to 500 characters on one line.", http.StatusBadRequest)
		return
	}
	held := false
	for _, h := range c.source.Holds() {
		held = held || h.Party == party
	}
	if !held {
		http.Error(w, "That hold has already ended.", http.StatusConflict)
		return
	}
	if err := c.source.Lift(r.Context(), party, "console", reason); err != nil {
		c.logger.Error("console could not lift a hold", "error", err)
		http.Error(w, "The hold could not be lifted, because the ledger did not record it. It stays in force.", http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// tidyReason gives the reason without white space around it, if it is one.
func tidyReason(s string) (reason string, ok bool) {
	s = strings.TrimSpace(s)
	n := utf8.RuneCountInString(s)
	odd := strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
	return s, utf8.ValidString(s) && n >= 3 && n <= maxReason && !odd
}

// doorView is what the page shows that stands before the console.
type doorView struct {
	Title        string
	Closed, Void bool
}

func (c *Console) serveDoor(w http.ResponseWriter, status int, v doorView) {
	c.serveTemplate(w, status, "door", v)
}

func (c *Console) serveTemplate(w http.ResponseWriter, status int, name string, view any) {
	var page bytes.Buffer
	if err := c.pages.ExecuteTemplate(&page, name, view); err != nil {
		c.logger.Error("console could not render", "error", err)
		http.Error(w, "The page could not be made.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	w.Write(page.Bytes())
}

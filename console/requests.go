package console

import (
	"net/http"
	"strings"
	"time"

	"github.com/getweir/weir"
)

// A Request is somebody's wish for more customers than a budget allows, which waits
// or is in force.
type Request struct {
	ID        string
	Principal string // who would receive more
	Role      string // "": in any
	Lanes     string // by name
	Customers int
	For       time.Duration
	Reason    string
	By        string // who asked
	Approved  string // who agreed; "": it waits
	Asked     time.Time
	Until     time.Time // when it lapses, or ends
}

// A Refusal is what a Source says of a step that may not be taken; its text is shown
// to whoever tried.
type Refusal string

func (r Refusal) Error() string { return string(r) }

// A Decision on a request.
type Decision struct {
	ID      string
	Approve bool // else it is refused
	// Credential is the person's own, by which the person is known: the console knows
	// a link, not a person. It prints as nothing.
	Credential weir.Plain
	Reason     string // of a refusal
}

// maxRequests bounds those that are shown.
const maxRequests = 50

// serveDecide takes a decision on a request. Who decides shows their own credential
// with it; it is neither kept nor given back.
func (c *Console) serveDecide(w http.ResponseWriter, r *http.Request) {
	d := Decision{ID: r.PostForm.Get("id"), Approve: r.PostForm.Get("decision") == "approve"}
	if !d.Approve && r.PostForm.Get("decision") != "refuse" {
		http.Error(w, "Approve or refuse.", http.StatusBadRequest)
		return
	}
	credential := strings.TrimSpace(r.PostForm.Get("credential"))
	if credential == "" {
		http.Error(w, "Show your own credential: the console does not know who you are.", http.StatusBadRequest)
		return
	}
	d.Credential = weir.NewPlain(credential)
	if !d.Approve {
		var ok bool
		if d.Reason, ok = tidyReason(r.PostForm.Get("reason")); !ok {
			http.Error(w, "Give a reason, in 3 to 500 characters on one line.", http.StatusBadRequest)
			return
		}
	}
	switch err := c.source.Decide(r.Context(), d).(type) {
	case nil:
		w.WriteHeader(http.StatusNoContent)
	case Refusal:
		http.Error(w, err.Error(), http.StatusForbidden)
	default:
		c.logger.Error("console could not take a decision", "error", err)
		http.Error(w, "The decision was not recorded, so it does not hold. Try again.", http.StatusInternalServerError)
	}
}

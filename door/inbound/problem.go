package inbound

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/getweir/weir"
)

// problem is the body of a refusal (RFC 9457). Its type is about:blank, so that
// its title is the status's; reason is the word to compare.
type problem struct {
	Type     string      `json:"type"`
	Title    string      `json:"title"`
	Status   int         `json:"status"`
	Detail   string      `json:"detail"`
	Reason   weir.Reason `json:"reason"`
	Exchange string      `json:"exchange"`
	Needs    []need      `json:"needs,omitempty"` // what would help
}

// need is one thing that a request lacks.
type need struct {
	Need   weir.NeedKind `json:"need"`
	MaxAge int           `json:"max_age,omitempty"` // of a second factor, in seconds
}

// stepsUp tells whether signing in again with a second factor is all, or with what
// the client can add itself, that a request lacks.
func stepsUp(d *weir.Denial) (maxAge time.Duration, ok bool) {
	for _, n := range d.Needs {
		switch n.Kind {
		case weir.NeedSecondFactor:
			maxAge, ok = n.MaxAge, true
		case weir.NeedTicket:
		default:
			return 0, false
		}
	}
	return maxAge, ok
}

// challenge asks for another sign-in, as RFC 9470 section 3 writes it.
func challenge(maxAge time.Duration, levels []string) string {
	text := `Bearer realm="weir", error="insufficient_user_authentication", error_description="A second factor is needed that was shown lately"`
	var known []string
	for _, l := range levels {
		// They come from the configuration; what cannot stand in the list is left out.
		if l != "" && !strings.ContainsFunc(l, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }) {
			known = append(known, l)
		}
	}
	if known != nil {
		text += `, acr_values="` + strings.Join(known, " ") + `"`
	}
	return text + ", max_age=" + strconv.Itoa(int(maxAge.Seconds()))
}

// status gives what a denial is in HTTP.
func status(d *weir.Denial) int {
	switch d.Reason {
	case weir.ReasonCredential:
		if d.Retry > 0 {
			return http.StatusServiceUnavailable // whoever vouches for it cannot be asked
		}
		return http.StatusUnauthorized
	case weir.ReasonNeeds:
		if _, ok := stepsUp(d); ok {
			return http.StatusUnauthorized
		}
		return http.StatusForbidden
	case weir.ReasonRole, weir.ReasonPurpose, weir.ReasonBlocked, weir.ReasonNotOwn:
		return http.StatusForbidden
	case weir.ReasonBudget:
		if _, ok := stepsUp(d); ok {
			return http.StatusUnauthorized
		}
		return http.StatusTooManyRequests
	case weir.ReasonHold:
		if d.Retry > 0 {
			return http.StatusTooManyRequests
		}
		return http.StatusForbidden
	case weir.ReasonRequest:
		return http.StatusBadRequest
	case weir.ReasonRecord, weir.ReasonStore:
		return http.StatusServiceUnavailable
	case weir.ReasonUnreadable, weir.ReasonUpstream:
		return http.StatusBadGateway
	}
	return http.StatusInternalServerError
}

// refuse answers with a problem instead of what was asked for. code 0: the one
// that goes with the reason.
func (e *exchange) refuse(d *weir.Denial, code int) {
	if code == 0 {
		code = status(d)
	}
	e.status = code
	told := problem{
		Type: "about:blank", Title: http.StatusText(code), Status: code,
		Detail: d.Message, Reason: d.Reason, Exchange: e.id.String(),
	}
	for _, n := range d.Needs {
		told.Needs = append(told.Needs, need{n.Kind, int(n.MaxAge.Seconds())})
	}
	body, err := json.Marshal(told)
	if err != nil {
		panic(err) // strings and numbers
	}
	h := e.w.Header()
	clear(h)
	h.Set("Content-Type", "application/problem+json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "private, no-store")
	h.Set(exchangeHeader, e.id.String())
	if maxAge, ok := stepsUp(d); ok && code == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", challenge(maxAge, e.levels))
	} else if code == http.StatusUnauthorized {
		challenge := `Bearer realm="weir"`
		if len(e.request.Header["Authorization"]) > 0 {
			challenge += `, error="invalid_token"`
		}
		h.Set("WWW-Authenticate", challenge)
	}
	if d.Retry > 0 {
		h.Set("Retry-After", strconv.FormatFloat(math.Ceil(d.Retry.Seconds()), 'f', 0, 64))
	}
	e.w.WriteHeader(code)
	_, _ = e.w.ResponseWriter.Write(body) // a client that has left is told nothing
}

// exchangeHeader names the exchange to the client, for whoever it asks for help.
const exchangeHeader = "Weir-Exchange"

// refusal carries a denial through the proxy to failed.
type refusal struct {
	denial  *weir.Denial
	code    int    // 0: the one that goes with the reason
	outcome string // "": the denial says it
	guards  bool   // it is the guard's, which knows it
}

func (r *refusal) Error() string { return string(r.denial.Reason) }

func unreadable(message string) *refusal {
	return &refusal{denial: &weir.Denial{Reason: weir.ReasonUnreadable, Message: message}}
}

// upstreamTrouble says what an error of reading from the upstream is.
func upstreamTrouble(ctx context.Context, request *http.Request, err error) *refusal {
	var timeout net.Error
	switch {
	case request.Context().Err() != nil:
		return &refusal{
			denial:  &weir.Denial{Reason: weir.ReasonRequest, Message: "The client has left."},
			outcome: clientLeft,
		}
	case context.Cause(ctx) == errSlow || errors.As(err, &timeout) && timeout.Timeout():
		return &refusal{
			denial: &weir.Denial{Reason: weir.ReasonUpstream, Message: "The service behind the door did not answer in time."},
			code:   http.StatusGatewayTimeout, outcome: upstreamSlow,
		}
	}
	return &refusal{
		denial:  &weir.Denial{Reason: weir.ReasonUpstream, Message: "The service behind the door did not answer as it should."},
		outcome: upstreamFailed,
	}
}

// failed answers what the proxy could not carry.
func (d *Door) failed(_ http.ResponseWriter, r *http.Request, err error) {
	e, ok := r.Context().Value(exchangeKey{}).(*exchange)
	if !ok {
		panic(http.ErrAbortHandler) // cannot be: every request through the proxy has one
	}
	var ref *refusal
	if !errors.As(err, &ref) {
		ref = upstreamTrouble(e.ctx, e.request, err)
	}
	e.note(ref)
	if ref.outcome == clientLeft {
		e.broken = true
		return
	}
	e.refuse(ref.denial, ref.code)
}

// note keeps for the record what went wrong.
func (e *exchange) note(ref *refusal) {
	e.noted = true
	if e.err == "" {
		e.err = ref.outcome
	}
	if e.denial == nil && !ref.guards && ref.outcome == "" {
		e.denial = ref.denial
	}
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/approval"
	"github.com/getweir/weir/identity"
	"github.com/getweir/weir/inspect"
	"github.com/getweir/weir/internal/adminsock"
)

// A requestDesk takes requests for more customers: from tools at the door, from
// commands, from the console. Whoever asks or approves shows their own credential,
// and is whom it says.
type requestDesk struct {
	book *approval.Book
	auth *identity.Authenticator
	held func(weir.Principal) bool // nil: nobody is
	text *inspect.Inspector
}

func newRequestDesk(book *approval.Book, auth *identity.Authenticator, held func(weir.Principal) bool) (*requestDesk, error) {
	text, err := inspect.New(inspect.Config{})
	if err != nil {
		return nil, err
	}
	return &requestDesk{book, auth, held, text}, nil
}

// person gives whom a credential shows, written as in an Authorization field or bare.
func (d *requestDesk) person(ctx context.Context, credential string) (weir.Principal, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/", nil)
	if err != nil {
		return weir.Principal{}, err
	}
	r.RemoteAddr = "127.0.0.1:0"
	credential = strings.TrimSpace(credential)
	if scheme, _, ok := strings.Cut(credential, " "); !ok || !strings.EqualFold(scheme, "Bearer") {
		credential = "Bearer " + credential
	}
	if strings.ContainsFunc(credential, func(c rune) bool { return c < ' ' || c > '~' }) {
		return weir.Principal{}, fmt.Errorf("%w: this is not a credential", approval.ErrRefused)
	}
	r.Header.Set("Authorization", credential)
	return d.known(r)
}

// known gives whom a request's credentials show: staff or a service that is not
// held.
func (d *requestDesk) known(r *http.Request) (weir.Principal, error) {
	p, denial := d.auth.Authenticate(r)
	switch {
	case denial != nil:
		return p, fmt.Errorf("%w: %s", approval.ErrRefused, denial.Message)
	case p.Kind != weir.Staff && p.Kind != weir.Service:
		return p, fmt.Errorf("%w: only staff and services ask here, each with their own credential", approval.ErrRefused)
	case d.held != nil && d.held(p):
		return p, fmt.Errorf("%w: access is on hold", approval.ErrRefused)
	}
	return p, nil
}

func personOf(p weir.Principal) approval.Person {
	return approval.Person{Name: p.Name, Credential: p.Credential, Act: p.Act}
}

// plain sees to it that a reason names no customer: it stays on the record.
func (d *requestDesk) plain(reason string) error {
	var report inspect.Report
	err := d.text.Inspect(&report, &weir.Segment{Syntax: weir.Text, Body: []byte(reason), Record: true}, nil)
	for _, f := range report.Findings {
		family, _, _ := strings.Cut(string(f.Class), ".")
		if slices.Contains([]string{"contact", "identity", "payment", "credential"}, family) {
			err = approval.ErrRefused
		}
	}
	if err != nil {
		return fmt.Errorf("%w: the reason seems to hold personal data, and would stay on the record: say it without", approval.ErrRefused)
	}
	return nil
}

// moreCall is what a request asks for.
type moreCall struct {
	Principal string        `json:"principal,omitempty"`
	Role      string        `json:"role,omitempty"`
	Lanes     []string      `json:"lanes"`
	Customers int           `json:"customers"`
	For       approval.Span `json:"for"`
	Reason    string        `json:"reason"`
}

func (d *requestDesk) ask(ctx context.Context, p weir.Principal, c *moreCall) (*approval.Request, error) {
	lanes, err := approval.ParseLanes(c.Lanes)
	if err == nil {
		err = d.plain(c.Reason)
	}
	if err != nil {
		return nil, err
	}
	if len(c.Lanes) == 0 {
		lanes = lanes.With(weir.Clear)
	}
	if c.Role == "" && (c.Principal == "" || c.Principal == p.Name) {
		c.Role = p.Role
	}
	return d.book.Ask(ctx, personOf(p), approval.Request{Principal: c.Principal, Role: c.Role, Lanes: lanes, Customers: c.Customers, For: c.For, Reason: c.Reason})
}

// approve has somebody agree by credential.
func (d *requestDesk) approve(ctx context.Context, p weir.Principal, id approval.ID) (*approval.Request, error) {
	if p.Kind != weir.Staff {
		return nil, fmt.Errorf("%w: a person approves, not a service", approval.ErrRefused)
	}
	return d.book.Approve(ctx, id, personOf(p))
}

// end refuses a request that waits, or withdraws it: who asked or receives withdraws,
// approvers do both.
func (d *requestDesk) end(ctx context.Context, p weir.Principal, id approval.ID, reason string, refuse bool) (*approval.Request, error) {
	if err := d.plain(reason); err != nil {
		return nil, err
	}
	r, err := d.book.Request(id)
	if err != nil {
		return nil, err
	}
	if mine := r.By == p.Name || r.Principal == p.Name; !d.approver(p) && (refuse || !mine) {
		return nil, fmt.Errorf("%w: only an approver, or who asked, ends a request", approval.ErrRefused)
	}
	if refuse {
		return d.book.Refuse(ctx, id, personOf(p), reason)
	}
	return d.book.WithdrawRequest(ctx, id, personOf(p), reason)
}

func (d *requestDesk) approver(p weir.Principal) bool {
	in := d.book.Policy()
	if in == nil || p.Kind != weir.Staff {
		return false
	}
	a, ok := in.Approver(p.Name)
	return ok && a.Requests
}

// seen gives the requests that somebody may see: approvers all, others their own.
func (d *requestDesk) seen(p weir.Principal) []approval.Request {
	all := []approval.Request{}
	for _, r := range d.book.Requests() {
		if d.approver(p) || r.By == p.Name || r.Principal == p.Name {
			all = append(all, r)
		}
	}
	return all
}

// ownPaths is where the door answers itself, and not the service behind it.
const ownPaths = "/.weir/"

const maxRequestBody = 16 << 10

// handler answers tools at the door, each with its own credential:
//
//	POST /.weir/requests               ask; 201 and the request
//	GET  /.weir/requests               those that the caller may see
//	GET  /.weir/requests/ID            one of them
//	POST /.weir/requests/ID/approve    agree
//	POST /.weir/requests/ID/refuse     {"reason": "..."}
//	POST /.weir/requests/ID/withdraw   {"reason": "..."}
//
// What goes wrong is a problem document (RFC 9457).
func (d *requestDesk) handler() http.Handler {
	mux := http.NewServeMux()
	on := func(pattern string, fn func(r *http.Request, p weir.Principal, body []byte) (int, any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			p, err := d.known(r)
			if err != nil {
				w.Header().Set("WWW-Authenticate", "Bearer")
				problem(w, http.StatusUnauthorized, err)
				return
			}
			var body []byte
			if r.Method == http.MethodPost {
				if body, err = readBody(w, r); err != nil {
					problem(w, http.StatusBadRequest, err)
					return
				}
			}
			status, out, err := fn(r, p, body)
			switch {
			case errors.Is(err, approval.ErrUnknown):
				problem(w, http.StatusNotFound, err)
			case errors.Is(err, approval.ErrRefused):
				problem(w, http.StatusForbidden, err)
			case err != nil:
				problem(w, http.StatusServiceUnavailable, errors.New("the request could not be recorded, so nothing was done"))
			default:
				answer(w, status, "application/json", out)
			}
		})
	}
	on("POST /.weir/requests", func(r *http.Request, p weir.Principal, body []byte) (int, any, error) {
		var c moreCall
		if err := strictly(body, &c); err != nil {
			return 0, nil, err
		}
		made, err := d.ask(r.Context(), p, &c)
		return http.StatusCreated, made, err
	})
	on("GET /.weir/requests", func(_ *http.Request, p weir.Principal, _ []byte) (int, any, error) {
		return http.StatusOK, d.seen(p), nil
	})
	on("GET /.weir/requests/{id}", func(r *http.Request, p weir.Principal, _ []byte) (int, any, error) {
		for _, seen := range d.seen(p) {
			if seen.ID.String() == r.PathValue("id") {
				return http.StatusOK, seen, nil
			}
		}
		return 0, nil, fmt.Errorf("%w: no such request", approval.ErrUnknown)
	})
	step := func(name string, fn func(ctx context.Context, p weir.Principal, id approval.ID, reason string) (*approval.Request, error)) {
		on("POST /.weir/requests/{id}/"+name, func(r *http.Request, p weir.Principal, body []byte) (int, any, error) {
			var id approval.ID
			if id.UnmarshalText([]byte(r.PathValue("id"))) != nil {
				return 0, nil, fmt.Errorf("%w: no such request", approval.ErrUnknown)
			}
			var in struct {
				Reason string `json:"reason"`
			}
			if len(body) > 0 {
				if err := strictly(body, &in); err != nil {
					return 0, nil, err
				}
			}
			done, err := fn(r.Context(), p, id, in.Reason)
			return http.StatusOK, done, err
		})
	}
	step("approve", func(ctx context.Context, p weir.Principal, id approval.ID, _ string) (*approval.Request, error) {
		return d.approve(ctx, p, id)
	})
	step("refuse", func(ctx context.Context, p weir.Principal, id approval.ID, reason string) (*approval.Request, error) {
		return d.end(ctx, p, id, reason, true)
	})
	step("withdraw", func(ctx context.Context, p weir.Principal, id approval.ID, reason string) (*approval.Request, error) {
		return d.end(ctx, p, id, reason, false)
	})
	mux.HandleFunc(ownPaths, func(w http.ResponseWriter, _ *http.Request) {
		problem(w, http.StatusNotFound, errors.New("there is nothing here"))
	})
	// A page elsewhere must not act with the cookies of who looks at it.
	return http.NewCrossOriginProtection().Handler(mux)
}

// before has own paths answered here and all others by the door.
func (d *requestDesk) before(door http.Handler) http.Handler {
	own := d.handler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, ownPaths) {
			own.ServeHTTP(w, r)
			return
		}
		door.ServeHTTP(w, r)
	})
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(10 * time.Second)) // a slow sender holds nothing else
	var raw json.RawMessage
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequestBody))
	err := dec.Decode(&raw)
	if err != nil && r.ContentLength == 0 {
		return nil, nil
	}
	if err != nil || dec.More() {
		return nil, fmt.Errorf("the body must be one JSON object of at most %d bytes", maxRequestBody)
	}
	return raw, nil
}

// strictly reads a JSON object that has no other keys.
func strictly(body []byte, to any) error {
	dec := json.NewDecoder(strings.NewReader(string(body)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(to); err != nil {
		return fmt.Errorf("%w: the body cannot be read: its keys are principal, role, lanes, customers, for (such as 2h) and reason", approval.ErrRefused)
	}
	return nil
}

func answer(w http.ResponseWriter, status int, contentType string, out any) {
	b, err := json.Marshal(out)
	if err != nil {
		status, b = http.StatusInternalServerError, []byte("{}")
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	w.Write(append(b, '\n'))
}

func problem(w http.ResponseWriter, status int, err error) {
	answer(w, status, "application/problem+json", map[string]any{"title": http.StatusText(status), "status": status, "detail": err.Error()})
}

// The calls of the admin socket.

type askCall struct {
	Credential string   `json:"credential"`
	More       moreCall `json:"more"`
}

type decideCall struct {
	ID         approval.ID `json:"id"`
	Credential string      `json:"credential,omitempty"`
	Signature  string      `json:"signature,omitempty"`
	Reason     string      `json:"reason,omitempty"`
	By         string      `json:"by,omitempty"`
}

// requests gives the desk's requestDesk: the running server's, or one of its own.
func (d *desk) requests(ctx context.Context) (*requestDesk, error) {
	if d.asked != nil {
		return d.asked, nil
	}
	book, err := d.approvals(ctx)
	if err != nil {
		return nil, err
	}
	auth, err := identity.New(d.cfg.Identity, d.log)
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	return newRequestDesk(book, auth, nil)
}

func (d *desk) requestMore(ctx context.Context, _ adminsock.Caller, in *askCall) (*approval.Request, error) {
	rd, err := d.requests(ctx)
	if err != nil {
		return nil, err
	}
	p, err := rd.person(ctx, in.Credential)
	if err != nil {
		return nil, told(err)
	}
	r, err := rd.ask(ctx, p, &in.More)
	return r, told(err)
}

type requestsCall struct{}

func (d *desk) requestList(ctx context.Context, _ adminsock.Caller, _ *requestsCall) ([]approval.Request, error) {
	b, err := d.approvals(ctx)
	if err != nil {
		return nil, err
	}
	return append([]approval.Request{}, b.Requests()...), nil
}

func (d *desk) requestApprove(ctx context.Context, _ adminsock.Caller, in *decideCall) (*approval.Request, error) {
	rd, err := d.requests(ctx)
	if err != nil {
		return nil, err
	}
	if in.Signature != "" {
		r, err := rd.book.ApproveSigned(ctx, in.ID, []byte(in.Signature))
		return r, told(err)
	}
	p, err := rd.person(ctx, in.Credential)
	if err != nil {
		return nil, told(err)
	}
	r, err := rd.approve(ctx, p, in.ID)
	return r, told(err)
}

// requestRefuse and requestWithdraw need nobody's credential: who owns the node may
// narrow, and is on record.
func (d *desk) requestRefuse(ctx context.Context, who adminsock.Caller, in *decideCall) (*approval.Request, error) {
	rd, err := d.requests(ctx)
	if err == nil {
		err = rd.plain(in.Reason)
	}
	if err != nil {
		return nil, told(err)
	}
	r, err := rd.book.Refuse(ctx, in.ID, approval.Person{Name: in.By, Credential: "local:" + who.String()}, in.Reason)
	return r, told(err)
}

func (d *desk) requestWithdraw(ctx context.Context, who adminsock.Caller, in *decideCall) (*approval.Request, error) {
	rd, err := d.requests(ctx)
	if err == nil {
		err = rd.plain(in.Reason)
	}
	if err != nil {
		return nil, told(err)
	}
	r, err := rd.book.WithdrawRequest(ctx, in.ID, approval.Person{Name: in.By, Credential: "local:" + who.String()}, in.Reason)
	return r, told(err)
}

// isHeld tells whether a principal or its credential is on hold.
func (s *server) isHeld(p weir.Principal) bool {
	for _, h := range s.guard.Holds() {
		if h.Party == (weir.Party{Kind: weir.ByPrincipal, Name: p.Name}) || h.Party == (weir.Party{Kind: weir.ByCredential, Name: p.Credential}) {
			return true
		}
	}
	return false
}

// spanText writes a time as people say it.
func spanText(d time.Duration) string {
	s := d.String()
	if d >= time.Minute {
		s = strings.TrimSuffix(s, "0s")
	}
	if d >= time.Hour {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

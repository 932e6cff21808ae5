// Package adminsock is the road by which commands reach a node that is running on
// the same machine: a Unix socket in the state folder that speaks HTTP/1.1, one
// POST with a JSON object a call, one JSON object back.
//
// A Mux holds the calls. A Server answers them on the socket; Mux.Client answers
// them within the process, for commands that have opened a node's state
// themselves because no server runs. So each act is written once, whoever
// carries it out.
//
// It guarantees that only the server's own user and root are answered: the socket
// has mode 0600, and the kernel is asked for the other end's user at each
// connection (SO_PEERCRED on Linux, LOCAL_PEERCRED on BSD and macOS); where it
// cannot be asked, nobody is. Each call is handed the Caller that the kernel named,
// for the record. The client asks in the same way who answers, before it says
// anything.
//
// It does not tell people who share a user apart: what else is to hold, such as
// a signature, the calls ask for. It is no way in for other machines.
package adminsock

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/user"
	"strconv"
)

// Name is the socket's file name in the state folder.
const Name = "admin.sock"

// MaxBody is how many bytes of JSON a call or its answer may have.
const MaxBody = 16 << 20

// Errors of this package.
var (
	// ErrNoServer is what Dial says where nobody listens.
	ErrNoServer = errors.New("no server is running on this state folder")
	// ErrStranger is what Dial says where another user listens, and calls of
	// another user are told.
	ErrStranger = errors.New("the other end of the admin socket is another user")
)

// A Caller is who is at the other end, as the kernel says.
type Caller struct {
	UID int
	PID int // 0: not known
}

// String gives the user's name and number, as alice(1000).
func (c Caller) String() string {
	id := strconv.Itoa(c.UID)
	if u, err := user.LookupId(id); err == nil {
		return u.Username + "(" + id + ")"
	}
	return "(" + id + ")"
}

// A Problem is an error of a call that is the caller's to mend. Status is an HTTP
// status of the 400s; what is no Problem is told as 500.
type Problem struct {
	Status  int
	Message string
}

func (p *Problem) Error() string { return p.Message }

// Refuse gives a Problem.
func Refuse(status int, format string, args ...any) error {
	return &Problem{status, fmt.Sprintf(format, args...)}
}

// A Mux is a set of calls. The zero Mux has none. Handle is for before it is served.
type Mux struct{ http http.ServeMux }

// Handle adds the call name, such as review-decide, at POST /v1/NAME. An object
// with unknown keys is refused. fn may run in many goroutines at once; its ctx ends
// with the connection or the server.
func Handle[In, Out any](m *Mux, name string, fn func(ctx context.Context, who Caller, in *In) (Out, error)) {
	m.http.HandleFunc("POST /v1/"+name, func(w http.ResponseWriter, r *http.Request) {
		who, ok := r.Context().Value(callerKey{}).(Caller)
		if !ok {
			reply(w, nil, Refuse(http.StatusForbidden, "%v", ErrStranger))
			return
		}
		var in In
		d := json.NewDecoder(http.MaxBytesReader(w, r.Body, MaxBody))
		d.DisallowUnknownFields()
		if err := d.Decode(&in); err != nil {
			reply(w, nil, Refuse(http.StatusBadRequest, "the call cannot be read: %v", err))
			return
		}
		if _, err := d.Token(); err != io.EOF {
			reply(w, nil, Refuse(http.StatusBadRequest, "the call cannot be read: something follows its object"))
			return
		}
		out, err := fn(r.Context(), who, &in)
		reply(w, out, err)
	})
}

type callerKey struct{}

// failure is the body of what is not 200.
type failure struct {
	Error string `json:"error"`
}

func reply(w http.ResponseWriter, out any, err error) {
	status := http.StatusOK
	var p *Problem
	switch {
	case errors.As(err, &p):
		status, out = p.Status, failure{err.Error()}
	case err != nil:
		status, out = http.StatusInternalServerError, failure{err.Error()}
	}
	b, err := json.Marshal(out)
	if err != nil {
		status, b = http.StatusInternalServerError, []byte(`{"error":"the answer cannot be written as JSON"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(append(b, '\n'))
}

// A Client makes calls. Its methods may be used from any goroutine.
type Client struct {
	http  *http.Client
	local bool
}

// Local tells whether the calls are answered within this process: no server runs.
func (c *Client) Local() bool { return c.local }

// Close lets go of what c holds.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Call makes the call name and gives its answer. What the other end refuses is a
// *Problem.
func Call[Out any](ctx context.Context, c *Client, name string, in any) (out Out, err error) {
	body, err := json.Marshal(in)
	if err != nil {
		return out, fmt.Errorf("call %s: %w", name, err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://admin/v1/"+name, bytes.NewReader(body))
	if err != nil {
		return out, fmt.Errorf("call %s: %w", name, err)
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(r)
	if err != nil {
		return out, fmt.Errorf("call %s: %w", name, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, MaxBody+1))
	if err == nil && len(b) > MaxBody {
		err = fmt.Errorf("the answer is longer than %d bytes", MaxBody)
	}
	if err != nil {
		return out, fmt.Errorf("call %s: %w", name, err)
	}
	if resp.StatusCode == http.StatusOK {
		if err := json.Unmarshal(b, &out); err != nil {
			return out, fmt.Errorf("call %s: read the answer: %w", name, err)
		}
		return out, nil
	}
	var f failure
	switch {
	case json.Unmarshal(b, &f) != nil || f.Error == "":
		// The server is of another version and knows no such call.
		return out, fmt.Errorf("call %s: the server does not know it (status %d); is it of the same version as this command?", name, resp.StatusCode)
	case resp.StatusCode < 500:
		return out, &Problem{resp.StatusCode, f.Error}
	}
	return out, errors.New(f.Error)
}

// Client gives a Client whose calls m answers itself, in the caller's goroutine,
// for who.
func (m *Mux) Client(who Caller) *Client {
	return &Client{http: &http.Client{Transport: within{m, who}}, local: true}
}

// within is a transport that goes nowhere.
type within struct {
	mux *Mux
	who Caller
}

func (t within) RoundTrip(r *http.Request) (*http.Response, error) {
	w := &written{header: http.Header{}, status: http.StatusOK}
	t.mux.http.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, t.who)))
	return &http.Response{
		StatusCode: w.status, Header: w.header, Request: r, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()),
	}, nil
}

type written struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *written) Header() http.Header         { return w.header }
func (w *written) WriteHeader(status int)      { w.status = status }
func (w *written) Write(b []byte) (int, error) { return w.body.Write(b) }

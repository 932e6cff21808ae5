package inbound

import (
	"io"
	"net/http"
	"net/http/httputil"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/getweir/weir"
	"github.com/getweir/weir/internal/cut"
)

// Where nothing is enforced, an answer takes the same way: it is cut, inspected and
// recorded before it leaves. But it leaves with its own header and with each byte of
// its content, and what cannot be read goes on unread, and is recorded as that. Two
// things only are as they would be when the policy is enforced: the service is not
// asked for encodings other than gzip, since no other can be read, and what came in
// gzip may be encoded anew.

// forwarded names the client to the service as SetXForwarded does, and leaves what a
// proxy before the door has said of it.
func forwarded(pr *httputil.ProxyRequest) {
	for _, name := range [...]string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
		if said := pr.In.Header[name]; len(said) > 0 {
			pr.Out.Header[name] = slices.Clone(said)
		}
	}
	pr.SetXForwarded()
	for _, name := range [...]string{"X-Forwarded-Host", "X-Forwarded-Proto"} {
		if said := pr.In.Header[name]; len(said) > 0 {
			pr.Out.Header[name] = slices.Clone(said)
		}
	}
}

// passOn lets an answer through as it is, and has it recorded.
func (d *Door) passOn(e *exchange, res *http.Response) error {
	own, length := res.Header.Clone(), res.ContentLength
	e.pass.Answered(res.StatusCode >= 300)
	e.status = res.StatusCode
	if res.StatusCode == http.StatusSwitchingProtocols {
		e.overlook(unreadable("Only HTTP is passed on."))
		if both, ok := res.Body.(io.ReadWriteCloser); ok {
			e.upgraded = &upgraded{ReadWriteCloser: both, e: e}
			res.Body = e.upgraded
		}
		return nil
	}
	head, trouble := readHeader(res)
	if head == nil {
		head = &header{res: res}
	}
	a := d.answers.Get().(*answer)
	e.answer = a
	a.begin(e, res)
	switch {
	case trouble == nil && res.StatusCode == http.StatusPartialContent:
		a.kind = opaque // it would have been asked for whole
		trouble = a.headOnly(head)
	case trouble == nil:
		if trouble = a.open(head); trouble == nil {
			trouble = a.first(head)
		}
	}
	if trouble = a.overlooked(trouble); trouble != nil {
		return trouble
	}
	res.Header, res.Body, res.ContentLength = own, a, length
	if a.coded {
		delete(own, "Content-Length")
		res.ContentLength = -1
		if a.zip == nil {
			delete(own, "Content-Encoding")
			if a.complete() && a.kind != opaque {
				res.ContentLength = a.length
				own["Content-Length"] = []string{strconv.FormatInt(a.length, 10)}
			}
		}
		if tag := own["Etag"]; len(tag) == 1 && !strings.HasPrefix(tag[0], "W/") {
			own["Etag"] = []string{"W/" + tag[0]} // of other bytes than these
		}
	}
	return nil
}

// overlook tells the guard of what the door would have refused.
func (e *exchange) overlook(ref *refusal) { e.pass.Overlook(e.request.Context(), ref.denial) }

// overlook tells the guard of records that would have ended the answer. An element
// of an array would have been left out, and that is all.
func (a *answer) overlook(pieces []cut.Piece, would []*weir.Denial) {
	for i := range pieces {
		if len(pieces[i].Segment.Body) == 0 {
			continue
		}
		if len(would) == 0 {
			return
		}
		if would[0] != nil && !pieces[i].Element {
			a.e.pass.Overlook(a.e.request.Context(), would[0])
		}
		would = would[1:]
	}
}

// overlooked goes on with an answer that cannot be read, unread from here on. It
// gives back what has to end it all the same: the guard's own refusal, which is
// that it cannot be recorded, and whatever has become of the service.
func (a *answer) overlooked(trouble *refusal) *refusal {
	if trouble == nil || trouble.guards || trouble.outcome != "" {
		return trouble
	}
	if a.failed != nil {
		trouble = upstreamTrouble(a.e.ctx, a.e.request, a.failed)
		if trouble.outcome == upstreamFailed {
			trouble.outcome = upstreamStopped
		}
		return trouble
	}
	if a.gunzip != nil && a.coded && a.cause != nil {
		return trouble // what is broken in its encoding is that to its client, too
	}
	if a.cutter != nil && a.e.pass.Uninspected() {
		a.fails = true // it would pass, charged
	} else {
		a.e.overlook(trouble)
	}
	a.trouble, a.cause, a.kind = nil, nil, opaque
	if a.cutter != nil {
		if rest := slices.Clone(a.cutter.Rest()); len(rest) > 0 {
			if !a.unread(len(rest)) {
				return a.trouble
			}
			a.put(rest)
		}
		a.more = false
	}
	if a.coded && a.zip == nil && a.e.gzip {
		a.zip = newGzip(&a.zipped)
	}
	a.encode()
	return nil
}

// goOn does it behind the beginning of an answer.
func (a *answer) goOn() {
	if a.trouble != nil && a.e.observed && a.at == len(a.queue) {
		a.queue, a.at, a.served = a.queue[:0], 0, 0
		a.trouble = a.overlooked(a.trouble)
	}
}

// upgraded is a connection that speaks something else than HTTP from here on.
type upgraded struct {
	io.ReadWriteCloser
	e *exchange

	mu    sync.Mutex // the copying of one direction may outlast the exchange
	ended bool       // under mu
}

// end keeps the guard out of what still comes.
func (u *upgraded) end() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.ended = true
}

// Read counts what the service sends.
func (u *upgraded) Read(p []byte) (int, error) {
	n, err := u.ReadWriteCloser.Read(p)
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.ended {
		return 0, io.EOF
	}
	if n > 0 {
		if denial := u.e.pass.PassUnread(u.e.request.Context(), n); denial != nil {
			return 0, &refusal{denial: denial, guards: true}
		}
	}
	return n, err
}

package console

import (
	"bytes"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// regions are the parts of the page that are pushed, in the order in which they
// stand on it. Each is a template, an element id and an event name.
var regions = [...]string{"bar", "figures", "unbounded", "holds", "requests", "alerts", "parties", "exchanges", "denied", "ledger"}

// hub holds the newest state of each region and tells the browsers of changes. A
// browser has no queue: it has the versions that it was last sent, and is sent
// what is newer. So what is kept for a slow one is a handful of numbers.
type hub struct {
	arrived chan struct{} // somebody has come: render now; holds one

	mu      sync.Mutex // guards what follows
	html    [len(regions)][]byte
	version [len(regions)]uint64       // counts changes; 0: never rendered
	wake    map[chan struct{}]struct{} // one for each browser; each holds one
}

func newHub() *hub {
	return &hub{arrived: make(chan struct{}, 1), wake: map[chan struct{}]struct{}{}}
}

func (h *hub) empty() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.wake) == 0
}

// join gives a channel that is signalled after each rendering, and false when there are
// enough browsers.
func (h *hub) join() (wake chan struct{}, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.wake) >= maxClients {
		return nil, false
	}
	wake = make(chan struct{}, 1)
	h.wake[wake] = struct{}{}
	select {
	case h.arrived <- struct{}{}:
	default:
	}
	return wake, true
}

func (h *hub) leave(wake chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.wake, wake)
}

// publish makes the given states the newest, where they are given and differ. All browsers
// wake: one that has just come has seen nothing yet.
func (h *hub) publish(html *[len(regions)][]byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range regions {
		if html[i] == nil {
			continue // as it was
		}
		if h.version[i] == 0 || !bytes.Equal(h.html[i], html[i]) {
			h.html[i] = html[i]
			h.version[i]++
		}
	}
	for wake := range h.wake {
		select {
		case wake <- struct{}{}:
		default: // it has not yet looked at the last change
		}
	}
}

// newer gives events for the regions that have changed since seen, and brings
// seen up to date.
func (h *hub) newer(seen *[len(regions)]uint64) []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	var events []byte
	for i, name := range regions {
		if seen[i] != h.version[i] {
			seen[i] = h.version[i]
			events = appendEvent(events, name, h.html[i])
		}
	}
	return events
}

// appendEvent writes a server-sent event (WHATWG HTML, 9.2.6): each line of the
// payload is a data field of its own.
func appendEvent(dst []byte, name string, payload []byte) []byte {
	dst = fmt.Appendf(dst, "event: %s\n", name)
	for line := range bytes.Lines(payload) {
		dst = append(dst, "data: "...)
		dst = append(dst, bytes.TrimRight(line, "\r\n")...)
		dst = append(dst, '\n')
	}
	return append(dst, '\n')
}

// serveLive answers with the stream of events. It ends with the session, with
// the console, or when the browser no longer takes anything.
func (c *Console) serveLive(w http.ResponseWriter, r *http.Request) {
	wake, ok := c.live.join()
	if !ok {
		w.Header().Set("Retry-After", "10")
		http.Error(w, "Too many browsers are connected.", http.StatusServiceUnavailable)
		return
	}
	defer c.live.leave(wake)
	out := http.NewResponseController(w)
	send := func(events []byte) bool {
		if err := out.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
			return false
		}
		if _, err := w.Write(events); err != nil {
			return false
		}
		return out.Flush() == nil
	}
	// The server's read deadline was meant for the request, which is here.
	if err := out.SetReadDeadline(time.Time{}); err != nil {
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	if !send([]byte("retry: 1000\n\nevent: beat\ndata: \n\n")) {
		return
	}
	var seen [len(regions)]uint64
	pulse := time.NewTicker(beat)
	defer pulse.Stop()
	for {
		var events []byte
		select {
		case <-r.Context().Done():
			return
		case <-wake:
			events = c.live.newer(&seen)
		case <-pulse.C:
			if _, ok := c.sessionOf(r); !ok {
				return
			}
			events = []byte("event: beat\ndata: \n\n")
		}
		if len(events) > 0 && !send(events) {
			return
		}
	}
}

package console

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"sync"
	"time"
)

// How long things last, and how many there may be.
const (
	linkLife    = 15 * time.Minute // of a one-time link that nobody opens
	sessionLife = 12 * time.Hour   // a shift
	maxLinks    = 8
	maxSessions = 16
)

// doorkeeper knows the one-time links that are out and the sessions that they
// were exchanged for. It keeps hashes: who reads this memory cannot enter.
type doorkeeper struct {
	now func() time.Time

	mu       sync.Mutex // guards what follows
	links    map[[sha256.Size]byte]time.Time
	sessions map[[sha256.Size]byte]session
}

// A session is one browser that came in through a link.
type session struct {
	ends time.Time
	csrf string // what a form of this session must carry
}

func newDoorkeeper(now func() time.Time) *doorkeeper {
	return &doorkeeper{now: now, links: map[[sha256.Size]byte]time.Time{}, sessions: map[[sha256.Size]byte]session{}}
}

// link gives a token that opens one session within linkLife.
func (d *doorkeeper) link() (token string) {
	token = rand.Text() // 130 bits
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sweep()
	if len(d.links) >= maxLinks {
		dropEarliest(d.links, func(t time.Time) time.Time { return t })
	}
	d.links[sha256.Sum256([]byte(token))] = d.now().Add(linkLife)
	return token
}

// enter exchanges a token, which is void from then on, for a session's secret.
func (d *doorkeeper) enter(token string) (secret string, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sweep()
	hash := sha256.Sum256([]byte(token))
	if _, ok := d.links[hash]; !ok {
		return "", false
	}
	delete(d.links, hash)
	if len(d.sessions) >= maxSessions {
		dropEarliest(d.sessions, func(s session) time.Time { return s.ends })
	}
	secret = rand.Text()
	d.sessions[sha256.Sum256([]byte(secret))] = session{d.now().Add(sessionLife), rand.Text()}
	return secret, true
}

// session gives the session of a secret.
func (d *doorkeeper) session(secret string) (session, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s, ok := d.sessions[sha256.Sum256([]byte(secret))]
	return s, ok && d.now().Before(s.ends)
}

// sweep forgets what is over. d.mu is held.
func (d *doorkeeper) sweep() {
	now := d.now()
	for hash, ends := range d.links {
		if !now.Before(ends) {
			delete(d.links, hash)
		}
	}
	for hash, s := range d.sessions {
		if !now.Before(s.ends) {
			delete(d.sessions, hash)
		}
	}
}

func dropEarliest[K comparable, V any](m map[K]V, when func(V) time.Time) {
	var (
		first K
		at    time.Time
	)
	for k, v := range m {
		if t := when(v); at.IsZero() || t.Before(at) {
			first, at = k, t
		}
	}
	delete(m, first)
}

// sessionOf gives the session whose cookie r shows.
func (c *Console) sessionOf(r *http.Request) (session, bool) {
	cookie, err := r.Cookie(c.cookie)
	if err != nil {
		return session{}, false
	}
	return c.door.session(cookie.Value)
}

func (s session) allows(csrf string) bool {
	return subtle.ConstantTimeCompare([]byte(s.csrf), []byte(csrf)) == 1
}

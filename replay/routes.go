package replay

import (
	"fmt"
	"slices"
	"strings"

	"github.com/getweir/weir/policy"
)

// A change is how the policy that was in force stands to the draft, as far as that
// decides what can be known.
type change struct {
	was   *policy.Policy // nil: not at hand
	same  bool           // they are one
	finds string         // why what was found would be other findings; "": it is the same
	walks bool           // the rule on walked identifiers is the same
	links map[string]*link
	none  *link // for requests that matched no route
}

// A link says which route of the draft the requests of a recorded one would match.
type link struct {
	method, path string // a request that stands for them
	was          string // the same for the policy that was in force
	name         string // the draft's route
	why          string // why nobody can say; "": it can be said
	whose        string // why nobody can say whose the records would be taken to be
}

// Why things are unknowable, as the report counts them.
const (
	whyPolicy    = "the policy that was in force is not at hand"
	whyPieces    = "the entry does not say what its batch was made of (an entry of before, or too large a batch)"
	whyDetectors = "the draft has other detectors: what they find is not on the ledger"
	whyRoute     = "the draft has other routes, which some of these requests may match; the ledger holds no paths"
	whySubject   = "the draft names other subjects on the route"
	whyOpaque    = "the draft lets other media types pass unread on the route"
	whyPurpose   = "whether the request named its purpose or took the default is not on the ledger"
	whyObserve   = "the draft only observes on the route"
	whyAnswer    = "it was refused, so what the service would have answered is not known"
	whyRest      = "it was stopped, so what would have followed is not known"
	whyBefore    = "what the draft would have let this principal take before is not known"
	whyShared    = "what the draft would have let others take before, of a budget they share, is not known"
	whySeveral   = "refusals of one second are recorded together, and the draft would admit some of them"
	whyWalking   = "the draft has another rule on walked identifiers, and whom it would have held is not known"
	whyAllowance = "an approved request for more customers was in force, and what it would let through is not replayed"
	whyNeeds     = "the draft's role needs what the ledger does not hold: a second factor, a ticket or an approval"
	whyTerms     = "the draft's budget has a burst, or ends in a step-up or an approval"
	whyCombined  = "the draft counts masked classes together as clear"
	whyPublic    = "a policy has public fields, and what they hold is not told apart on the ledger"
	whyVendor    = "it went to a vendor, whose terms are not replayed"
	whyFailure   = "what cannot be inspected passes on the route, under one policy or both"
	whyObserved  = "the policy was only observed then, and what a record held is not recorded for that"
	whyBroken    = "the entry names what is not there"
)

func compare(was, draft *policy.Policy) *change {
	c := &change{was: was, links: map[string]*link{}}
	if was == nil {
		c.none = &link{why: whyPolicy}
		return c
	}
	c.same = was.Digest() == draft.Digest()
	if detectors(was) != detectors(draft) {
		c.finds = whyDetectors
	}
	if c.finds == "" && (published(was) || published(draft)) {
		c.finds = whyPublic
	}
	c.walks = was.Watch().IDWalking == draft.Watch().IDWalking
	before, after := was.Routes(), draft.Routes()
	texts := map[string]policy.Route{}
	for _, r := range before {
		texts[r.Text] = r
	}
	var fresh []string
	unchanged := len(before) == len(after)
	for _, r := range after {
		old, ok := texts[r.Text]
		if !ok {
			fresh = append(fresh, r.Text)
		}
		unchanged = unchanged && ok && old.Subject == r.Subject
	}
	for _, r := range before {
		c.links[r.Name] = follow(r, after, fresh)
	}
	c.none = &link{method: "WEIR", path: "/\x01\x01", was: "/\x01\x01"}
	if !unchanged {
		c.none.why = whyRoute
	}
	return c
}

// follow finds where the requests of a recorded route would go.
func follow(r policy.Route, after []policy.Route, fresh []string) *link {
	method, path := sample(r.Text)
	l := &link{method: method, path: path, was: path}
	for _, text := range fresh {
		if overlap(text, r.Text) {
			l.why = whyRoute
			return l
		}
	}
	i := slices.IndexFunc(after, func(x policy.Route) bool { return x.Text == r.Text })
	if i < 0 {
		for _, x := range after {
			if overlap(x.Text, r.Text) {
				l.why = whyRoute
			}
		}
		if r.Subject != "" {
			l.whose = whySubject
		}
		return l
	}
	l.name = after[i].Name
	if after[i].Subject != r.Subject {
		l.whose = whySubject
	}
	if !slices.Equal(after[i].Opaque, r.Opaque) {
		l.whose = whyOpaque
	}
	if after[i].Unreadable > 0 || r.Unreadable > 0 {
		l.whose = whyFailure
	}
	return l
}

// sample gives a request that matches a route's text, and no literal of another
// where it has a variable.
func sample(text string) (method, path string) {
	method, path, _ = strings.Cut(text, " ")
	path = strings.TrimSpace(path)
	if method == "*" {
		method = "WEIR"
	}
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if strings.HasPrefix(part, "{") {
			parts[i] = "\x01"
		}
	}
	return method, strings.Join(parts, "/")
}

// overlap tells whether some request could match both of two routes' texts.
func overlap(a, b string) bool {
	am, ap, _ := strings.Cut(a, " ")
	bm, bp, _ := strings.Cut(b, " ")
	head := func(m string) string {
		if m == "HEAD" {
			return "GET"
		}
		return m
	}
	if am != "*" && bm != "*" && head(am) != head(bm) {
		return false
	}
	return meet(segments(ap), segments(bp))
}

func segments(path string) []string {
	path = strings.Trim(strings.TrimSpace(path), "/")
	if path == "" {
		return nil
	}
	return strings.Split(path, "/")
}

func meet(a, b []string) bool {
	for i := 0; ; i++ {
		switch {
		case i < len(a) && strings.HasSuffix(a[i], "...}"), i < len(b) && strings.HasSuffix(b[i], "...}"):
			return true
		case i == len(a) || i == len(b):
			return len(a) == len(b)
		case !strings.HasPrefix(a[i], "{") && !strings.HasPrefix(b[i], "{") && a[i] != b[i]:
			return false
		}
	}
}

func detectors(p *policy.Policy) string {
	var b strings.Builder
	for _, d := range p.Detectors() {
		fmt.Fprintf(&b, "%q %q %q %q %q %d\n", d.Class, d.Pattern, d.Literal, d.Checksum, d.Words, d.Confidence)
	}
	return b.String()
}

func published(p *policy.Policy) bool { return len(p.PublicProfile()) > 0 }

package learn

import (
	"github.com/getweir/weir"
)

// A route is what is known of one method and path.
type route struct {
	exchanges   int
	personal    int // answers with something personal in them
	unread      int // answers that could not be followed
	open        int // requests without a credential
	media       map[string]int
	credentials map[Scheme]bool // sorts of credentials that were shown
	fields      map[string]map[weir.Class]int
	candidates  map[string]*candidate
	vars        []*sums // what stood in each variable of the path, from the left
}

// A candidate is a place in an answer that may name the customer.
type candidate struct {
	scope []string // keys to the array whose elements are records; nil: the answer is the record
	array bool
	keys  []string // to the value, within the record

	seen     int // records that have it
	records  int
	distinct int // in its answers, added up
	matches  int // answers in which it stands in the address, too
	answers  int
	within   int // answers in which something personal is in its records
	sums     sums
}

// sums are those of values that were met, up to a bound.
type sums map[uint64]struct{}

func (s *sums) add(v uint64) {
	if *s == nil {
		*s = sums{}
	}
	if len(*s) < maxSums {
		(*s)[v] = struct{}{}
	}
}

// shared gives which part of s is in of, from 0 to 1.
func (s sums) shared(of map[uint64]struct{}) float64 {
	if len(s) == 0 {
		return 0
	}
	n := 0
	for v := range s {
		if _, in := of[v]; in {
			n++
		}
	}
	return float64(n) / float64(len(s))
}

func newRoute() *route {
	return &route{media: map[string]int{}, credentials: map[Scheme]bool{}, fields: map[string]map[weir.Class]int{}, candidates: map[string]*candidate{}}
}

func (r *route) found(c weir.Class, place string) {
	classes := r.fields[place]
	if classes == nil {
		if len(r.fields) >= maxPlaces {
			place = ""
			if classes = r.fields[""]; classes == nil {
				classes = map[weir.Class]int{}
			}
		} else {
			classes = map[weir.Class]int{}
		}
		r.fields[place] = classes
	}
	classes[c]++
}

func (r *route) merge(o *route) {
	r.exchanges += o.exchanges
	r.personal += o.personal
	r.unread += o.unread
	r.open += o.open
	for m, n := range o.media {
		r.media[m] += n
	}
	for c := range o.credentials {
		r.credentials[c] = true
	}
	for place, classes := range o.fields {
		for c, n := range classes {
			r.found(c, place)
			if have := r.fields[place]; have != nil {
				have[c] += n - 1
			}
		}
	}
	for place, c := range o.candidates {
		have := r.candidates[place]
		if have == nil {
			if len(r.candidates) < maxCandidates {
				r.candidates[place] = c
			}
			continue
		}
		have.seen, have.records, have.distinct = have.seen+c.seen, have.records+c.records, have.distinct+c.distinct
		have.matches, have.answers, have.within = have.matches+c.matches, have.answers+c.answers, have.within+c.within
		for v := range c.sums {
			have.sums.add(v)
		}
	}
	for i, v := range o.vars {
		for s := range *v {
			r.variable(i).add(s)
		}
	}
}

// variable gives what stood in the i-th segment of the path.
func (r *route) variable(i int) *sums {
	for len(r.vars) <= i {
		r.vars = append(r.vars, new(sums))
	}
	return r.vars[i]
}

// classes gives all that was found on the route, with how often.
func (r *route) classes() map[weir.Class]int {
	all := map[weir.Class]int{}
	for _, classes := range r.fields {
		for c, n := range classes {
			all[c] += n
		}
	}
	return all
}

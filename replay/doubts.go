package replay

import (
	"github.com/getweir/weir"
)

// doubts are what the draft may have let somebody take without anybody knowing whom.
// Whoever is in doubt takes at most what the draft lets it: by so much less is surely
// left for everybody who shares a budget with it.
type doubts struct {
	parties map[weir.Party]*weir.Budgets // at most so many more, by lane and window
	from    map[doubt]bool
	walking bool
}

type doubt struct{ source, party weir.Party }

// add says that whoever is behind accounts may have taken anything its budgets allow.
func (d *doubts) add(accounts []weir.Account) {
	if len(accounts) == 0 {
		return
	}
	source := accounts[0].Party // the credential, or who has none
	for i := range accounts {
		party := accounts[i].Party
		if d.from[doubt{source, party}] {
			continue
		}
		d.from[doubt{source, party}] = true
		b := d.parties[party]
		if b == nil {
			b = new(weir.Budgets)
			d.parties[party] = b
		}
		for lane := range b {
			for w := range b[lane] {
				most := narrowest(accounts, weir.Lane(lane), weir.Window(w))
				if most == weir.Unbounded || b[lane][w] == weir.Unbounded {
					b[lane][w] = weir.Unbounded
				} else {
					b[lane][w] += most
				}
			}
		}
	}
}

func narrowest(accounts []weir.Account, lane weir.Lane, w weir.Window) int {
	least := weir.Unbounded
	for i := range accounts {
		if n := accounts[i].Budget(lane)[w]; n != weir.Unbounded && (least == weir.Unbounded || n < least) {
			least = n
		}
	}
	return least
}

// of tells whether whoever is behind accounts is itself in doubt.
func (d *doubts) of(accounts []weir.Account) bool {
	return len(accounts) > 0 && d.from[doubt{accounts[0].Party, accounts[0].Party}]
}

// sure gives the accounts with what is surely left for them. ok is false where no
// doubt touches them: they are as they were.
func (d *doubts) sure(accounts []weir.Account) (all []weir.Account, touched bool) {
	for i := range accounts {
		b := d.parties[accounts[i].Party]
		if b == nil {
			continue
		}
		if !touched {
			all, touched = append(all, accounts...), true
		}
		left := new(weir.Budgets)
		for lane := range left {
			for w, n := range accounts[i].Budget(weir.Lane(lane)) {
				switch more := b[lane][w]; {
				case n == weir.Unbounded:
					left[lane][w] = weir.Unbounded
				case more == weir.Unbounded || more > n:
					left[lane][w] = 0
				default:
					left[lane][w] = n - more
				}
			}
		}
		all[i].Budgets = left
	}
	return all, touched
}

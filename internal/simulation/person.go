package simulation

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
)

// Kinds says which values of a person were seen.
type Kinds uint8

const (
	ID    Kinds = 1 << iota // the customer's number, which is no personal data by itself
	Name                    // "Person Number7"
	Email                   // person7@example.com
	Phone                   // +14155550107, of the range kept for fiction (NANPA: 555-0100 to 555-0199)
	Card                    // a test card's number
	Fact                    // something about the customer that no detector knows for personal data
)

// People is how many there are: as many as there are telephone numbers for them.
const People = 100

// Ghosts is the first of those who stand only in answers that nobody can read, or say
// whose they are. Whoever receives one of them has received what was to be withheld.
const Ghosts = 90

// A Person is an invented customer, from 0 to People-1.
type Person int

// ID gives the customer's number.
func (p Person) ID() string { return fmt.Sprintf("c-%d", int(p)) }

// Name gives the person's name.
func (p Person) Name() string { return fmt.Sprintf("Person Number%d", int(p)) }

// Email gives the person's address.
func (p Person) Email() string { return fmt.Sprintf("person%d@example.com", int(p)) }

// Phone gives the person's telephone number.
func (p Person) Phone() string { return fmt.Sprintf("+1415555%04d", 100+int(p)) }

// Card gives the number of the person's card: of the range that test cards have, with
// its check digit (ISO/IEC 7812-1, annex B).
func (p Person) Card() string {
	digits := fmt.Sprintf("42424242%07d", int(p))
	sum := 0
	for i, c := range digits {
		d := int(c - '0')
		if i%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return digits + strconv.Itoa((10-sum%10)%10)
}

// Fact gives something about the person that looks like nobody's.
func (p Person) Fact() string { return fmt.Sprintf("likes-blue-%d", int(p)) }

// shown finds every value of a person. The groups stand in the order of Kinds.
var shown = regexp.MustCompile(`\bc-(\d{1,2})\b|Person Number(\d{1,2})\b|person(\d{1,2})@example\.com|\+1415555(01\d\d)\b|\b42424242(\d{7})\d\b|likes-blue-(\d{1,2})\b`)

// Shown gives whom bytes show, and by which values.
func Shown(b []byte) map[Person]Kinds {
	found := map[Person]Kinds{}
	for _, m := range shown.FindAllSubmatchIndex(b, -1) {
		for k := range len(m)/2 - 1 {
			from, to := m[2+2*k], m[3+2*k]
			if from < 0 {
				continue
			}
			n, err := strconv.Atoi(string(bytes.TrimLeft(b[from:to-1], "0")) + string(b[to-1]))
			if kind := Kinds(1) << k; err == nil {
				if kind == Phone {
					n -= 100
				}
				found[Person(n)] |= kind
			}
		}
	}
	return found
}

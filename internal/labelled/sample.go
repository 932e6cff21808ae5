package labelled

import (
	"strings"

	"github.com/getweir/weir"
)

// A Sample is a value and a name that services have for it.
type Sample struct {
	Class weir.Class
	Key   string
	Text  string
}

// Samples draws one value of every kind that its form tells, in one of the ways that
// it is written.
func Samples(seed uint64) []Sample {
	m := newMaker(seed)
	all := []Sample{
		{emailClass, "email", m.email(m.person())}, {phoneClass, "phone", m.phone(true)}, {phoneClass, "phone", m.phone(false)}, {cardClass, "card number", m.card()},
		{ibanClass, "iban", m.ibanWritten(m.ibanPlain())}, {ipClass, "ip address", m.ip()}, {birthClass, "date of birth", m.birthDate()},
		{passportClass, "mrz", m.zone()}, {imeiClass, "imei", with10("35" + m.digits(12))},
	}
	n := object()
	m.banking(n, true)
	m.network(n)
	for i, kid := range n.kids {
		if r := kid.runs[0]; r.class != "" {
			all = append(all, Sample{r.class, n.keys[i], r.text})
		}
	}
	for i := range ids {
		keys, _, _ := strings.Cut(ids[i].keys, "|")
		all = append(all, Sample{ids[i].class, pick(m, parts(keys)), ids[i].make(m)})
	}
	return all
}

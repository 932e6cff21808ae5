package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/getweir/weir"
)

// A Vendor is a company that receives customers' data: what of it, for what, and
// under which contract. What the policy does not say a vendor receives, it does
// not. It is declared and checked here; to carry it out is a door's.
type Vendor struct {
	Position
	Name  string
	About string // "": not said
	// Hosts at which it is reached: names, in lower case; "*.mail.example" is any
	// name below mail.example, at any depth.
	Hosts []string
	// Purposes for which it receives data, as a role's.
	Purposes []weir.Purpose
	// Consent: it receives data of those customers only who have agreed.
	Consent bool
	// Take is how many different customers it may receive.
	Take weir.Budgets
	// Contract is the last day on which it may receive anything, and Review the day
	// by which it is to be looked at again, both in UTC; zero: not said.
	Contract, Review time.Time
	// Countries in which it holds the data: ISO 3166-1 alpha-2.
	Countries []string

	policy *Policy
	rules  *role
}

// Vendors gives the vendors in the order of the file.
func (p *Policy) Vendors() (all []Vendor) {
	for _, v := range p.vendors {
		v.Position = p.position(v.rules.at)
		all = append(all, v)
	}
	return all
}

// VendorAt finds the vendor that is reached at a host: the one that names it, else
// the one whose "*." is nearest.
func (p *Policy) VendorAt(host string) (Vendor, bool) {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	for name := host; name != ""; {
		if i, ok := p.hosts[name]; ok {
			return p.Vendors()[i], true
		}
		_, below, ok := strings.Cut(strings.TrimPrefix(name, "*."), ".")
		if !ok {
			break
		}
		name = "*." + below
	}
	return Vendor{}, false
}

// Action says what happens to data of a class that goes to the vendor for a
// purpose. What is not declared is blocked.
func (v *Vendor) Action(purpose weir.Purpose, class weir.Class) weir.Action {
	t, ok := v.rules.find(purpose)
	i := v.policy.find(class)
	if !ok || i < 0 || i >= len(t) {
		return weir.Block
	}
	return t[i]
}

// Over reports whether the vendor's contract has ended.
func (v *Vendor) Over(now time.Time) bool {
	return !v.Contract.IsZero() && !now.Before(v.Contract.AddDate(0, 0, 1))
}

// Due says what of the policy has come to its day: contracts that have ended,
// reviews that are late, and standing holds that are over.
func (p *Policy) Due(now time.Time) (all []Warning) {
	late := func(where at, format string, args ...any) {
		all = append(all, Warning(*p.mistake(where, fmt.Sprintf(format, args...))))
	}
	for _, v := range p.Vendors() {
		if v.Over(now) {
			late(v.rules.at, "the contract with vendor %s ended on %s: it may receive nothing", v.Name, v.Contract.Format(time.DateOnly))
		}
		if !v.Review.IsZero() && !now.Before(v.Review.AddDate(0, 0, 1)) {
			late(v.rules.at, "vendor %s was to be reviewed by %s", v.Name, v.Review.Format(time.DateOnly))
		}
	}
	for _, h := range p.standing {
		if !h.Until.IsZero() && !now.Before(h.Until) {
			late(h.at, "the hold on %s has ended on %s", h.Party, h.Until.Format(time.DateOnly))
		}
	}
	return all
}

func (c *compiler) readVendor(p pair) {
	v := Vendor{Name: p.key, policy: c.Policy, rules: &role{name: p.key, at: p.at, take: new(weir.Budgets), together: new(weir.Budgets)}}
	who := "vendor " + p.key
	fields, ok := c.fields(p.value, inVendor)
	if ok {
		c.readVendorHosts(&v, who, p, fields)
		if f, ok := c.required(&node{at: p.at}, fields, who, "purposes"); ok {
			v.Purposes = c.purposeList(f)
			v.rules.purposes = v.Purposes
		}
		if f, ok := c.required(&node{at: p.at}, fields, who, "see"); ok {
			v.rules.sees = c.readSee(f.value)
		}
		if f, ok := c.required(&node{at: p.at}, fields, who, "take"); ok {
			v.rules.take = c.take(who, inVendor, f.value).budgets
		}
		if f, ok := fields["about"]; ok {
			v.About, _ = c.text(f)
		}
		c.readConsent(&v, who, fields)
		v.Contract = c.day(fields, "contract until")
		v.Review = c.day(fields, "review by")
		if _, ok := fields["contract until"]; !ok {
			c.warnf(p.at, "%s: nothing says until when there is a contract (GDPR art. 28(3))", who)
		}
		if f, ok := fields["countries"]; ok {
			for _, n := range c.list(f) {
				if !isCountry(n.text) {
					c.errorf(n.at, "countries: %q is no country of ISO 3166-1, as DE, US or GB", n.text)
					continue
				}
				v.Countries = append(v.Countries, n.text)
			}
		}
		if len(v.Countries) == 0 {
			c.warnf(p.at, "%s: nothing says in which countries the data is (GDPR art. 13(1)(f))", who)
		}
	}
	v.Take = *v.rules.take
	c.vendors = append(c.vendors, v)
}

func (c *compiler) readVendorHosts(v *Vendor, who string, p pair, fields map[string]pair) {
	f, ok := c.required(&node{at: p.at}, fields, who, "hosts")
	if !ok {
		return
	}
	for _, n := range c.list(f) {
		host := strings.ToLower(n.text)
		if !isHost(strings.TrimPrefix(host, "*.")) {
			c.errorf(n.at, "hosts: %q is no name of a host as api.mail.example or *.mail.example", n.text)
			continue
		}
		if other, twice := c.hosts[host]; twice {
			c.errorf(n.at, "hosts: %s is a host of vendor %s already", host, append(c.vendors, *v)[other].Name)
			continue
		}
		c.hosts[host] = len(c.vendors)
		v.Hosts = append(v.Hosts, host)
	}
	if f.value.kind == sequence && len(f.value.items) == 0 {
		c.errorf(f.value.at, "hosts: an empty list: nothing could be told to be sent there")
	}
}

// readConsent says whether the vendor needs consent: where the policy does not
// say, as the legal basis of its purposes does.
func (c *compiler) readConsent(v *Vendor, who string, fields map[string]pair) {
	byBasis := weir.Purpose("")
	for _, purpose := range v.Purposes {
		if i := slices.IndexFunc(c.purposes, func(p Purpose) bool { return p.Name == purpose }); i >= 0 && c.purposes[i].Basis == "consent" {
			byBasis = purpose
		}
	}
	v.Consent = byBasis != ""
	f, ok := fields["consent"]
	if !ok {
		return
	}
	switch c.word(f, "required", "not required") {
	case "required":
		v.Consent = true
	case "not required":
		if byBasis != "" {
			c.errorf(f.at, "%s: consent is required, because it is the legal basis of the purpose %s", who, byBasis)
		}
	}
}

// day reads a date, as 2027-03-31.
func (c *compiler) day(fields map[string]pair, key string) time.Time {
	f, ok := fields[key]
	if !ok {
		return time.Time{}
	}
	text, ok := c.text(f)
	if !ok {
		return time.Time{}
	}
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		c.errorf(f.value.at, "%s: a day as 2027-03-31", key)
	}
	return day
}

// isHost reports whether s is a name of a host (RFC 1123, 2.1) with a dot in it.
func isHost(s string) bool {
	if len(s) > 253 || !strings.Contains(s, ".") {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' ||
			strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	return true
}

// countries are the officially assigned codes of ISO 3166-1 alpha-2.
const countries = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ " +
	"CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR " +
	"GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP " +
	"KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ " +
	"NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW " +
	"SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ " +
	"UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW"

func isCountry(s string) bool {
	return len(s) == 2 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" && slices.Contains(strings.Fields(countries), s)
}

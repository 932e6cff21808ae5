package labelled

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/getweir/weir"
)

const (
	nameClass    weir.Class = "person.name"
	addressClass weir.Class = "contact.address"
	birthClass   weir.Class = "person.birth_date"
	ipClass      weir.Class = "network.ip"
	viewingClass weir.Class = "media.viewing_history"
	pagesClass   weir.Class = "media.browsing_history"
	queryClass   weir.Class = "media.search_history"
	orderClass   weir.Class = "commerce.order"
	deviceClass  weir.Class = "device.id"
)

// records draws a few records of one kind.
func (m *maker) records(f Format) []*node {
	kinds := []func() *node{m.customer, m.customer, m.payment, m.catalogueEntry, m.catalogueEntry, m.telemetry, m.papers, m.papers, m.papers, m.papers, m.secrets, m.secrets, m.household, m.household}
	switch f {
	case JSON, NDJSON, SSE, CSV, TSV, HTML:
		kinds = append(kinds, m.order, m.order, m.viewing, m.browsing, m.search, m.message)
	}
	m.trees = f == JSON || f == NDJSON || f == SSE
	m.oneLine = !m.trees
	kind := pick(m, kinds)
	var out []*node
	for range 1 + m.IntN(4) {
		out = append(out, kind())
	}
	return out
}

// who writes a person's names in one of the ways that services do.
func (m *maker) who(n *node, p person, supported bool) {
	switch m.IntN(5) {
	case 0, 1:
		first, last := cFirst, cLast
		n.with(m.key(first), personal(nameClass, p.first), m.key(last), personal(nameClass, p.last))
	case 2:
		n.with(m.key(cFull), personal(nameClass, p.full))
	case 3:
		n.with("name", object("first", personal(nameClass, p.first), "last", personal(nameClass, p.last)))
	default:
		if supported {
			n.with("name", personal(nameClass, p.full))
		} else {
			n.with(m.key(cFull), personal(nameClass, p.full))
		}
	}
}

func (m *maker) address() (string, *node) {
	p := m.place()
	key := m.key(cAddress)
	if m.chance(0.25) {
		return key, runs(personal(addressClass, p.line()))
	}
	n := object(m.key(cStreet), personal(addressClass, p.street))
	if p.line2 != "" {
		n.with(m.key(cLine2), personal(addressClass, p.line2))
	}
	n.with(m.key(cCity), personal(addressClass, p.city))
	if p.region != "" {
		n.with(m.key(cRegion), personal(addressClass, p.region))
	}
	n.with(m.key(cPostcode), runs(personal(addressClass, p.postcode, "contact.postcode")).numeric(m.chance(0.1)), m.key(cCountry), m.land.code)
	return key, n
}

func (m *maker) phoneNode() *node {
	if m.chance(0.5) {
		return runs(personal(phoneClass, m.phone(true)))
	}
	return runs(personal(phoneClass, m.phone(false))).numeric(m.chance(0.15))
}

func (m *maker) customer() *node {
	p := m.person()
	n := object("id", own(m, 1, []string{"c-" + m.digits(5), m.uuid(), m.hexes(24), "cus_" + m.from(base62, 14), m.digits(9), "U" + m.digits(7)}))
	m.who(n, p, true)
	n.with(m.key(cEmail), personal(emailClass, p.email))
	if m.chance(0.7) {
		n.with(m.key(cPhone), m.phoneNode())
	}
	if m.chance(0.5) {
		s := m.birthDate()
		r := personal(birthClass, s)
		r.loose = strings.Contains(s, "T") // the day, with or without the time
		n.with(m.key(cBirth), runs(r).numeric(m.chance(0.2)))
	}
	if m.chance(0.6) {
		k, a := m.address()
		n.with(k, a)
	}
	if m.chance(0.3) {
		n.with(m.key(cIP), personal(ipClass, m.ip()))
	}
	m.noise(n, 1+m.IntN(4))
	if m.chance(0.25) {
		return object(own(m, 1, []string{"customer", "buyer", "account", "member", "contact", "subscriber"}), n)
	}
	return n
}

func (m *maker) payment() *node {
	p := m.person()
	n := object("id", "pm-"+m.hexes(10), "brand", pick(m, words("visa mastercard amex discover")))
	card, beside := m.card(), false
	if m.chance(0.15) {
		n.with(m.key(cCard), decoy(cardClass, "card number with a wrong check digit", m.off(card)))
	} else {
		key := m.key(cCard)
		v := runs(personal(cardClass, card)).numeric(m.chance(0.2))
		if key == "number" {
			n = object("id", "pm-"+m.hexes(10), "card", object("brand", "visa", "number", v))
		} else {
			n.with(key, v)
			beside = true
		}
	}
	n.with(m.key(cHolder), personal(nameClass, p.full))
	if m.chance(0.7) {
		iban := m.ibanPlain()
		if m.chance(0.25) {
			n.with(m.key(cIBAN), decoy(ibanClass, "IBAN with a wrong check", m.ibanWritten(m.off(iban))))
		} else {
			n.with(m.key(cIBAN), personal(ibanClass, m.ibanWritten(iban)))
		}
	}
	m.banking(n, beside)
	m.noise(n, 1+m.IntN(3))
	return n
}

// order draws an order: a tree that is personal as a whole.
func (m *maker) order() *node {
	p := m.person()
	items := array()
	total := 0
	for range 1 + m.IntN(3) {
		pr := pick(m, m.cat.Products)
		total += pr.Price
		items.kids = append(items.kids, object("sku", decoy("", "SKU", pr.SKU), "name", decoy(nameClass, "product's name", pr.Name), "quantity", number("1"), "price", number(fmt.Sprintf("%d.%02d", pr.Price/100, pr.Price%100)),
			"gtin", decoy(cardClass, "GTIN", pr.GTIN)))
	}
	idKey := own(m, 1, []string{"order id", "order number", "order reference", "order no", "order uuid"})
	totalKey := own(m, 1, []string{"total", "grand total", "order total", "amount total", "total price"})
	n := object(idKey, own(m, 0, []string{"o-" + m.hexes(10), m.digits(12), "10" + m.digits(8), "ORD-" + m.digits(6), m.digits(16), "#" + m.digits(5)}),
		"placed at", m.stamp(), "currency", "EUR", totalKey, number(fmt.Sprintf("%d.%02d", total/100, total%100)),
		"items", items,
		own(m, 1, []string{"recipient", "recipient name", "consignee"}), personal(nameClass, p.full))
	k, a := m.address()
	n.with(k, a, "tracking number", decoy("", "tracking number", m.tracking()))
	n.class = orderClass
	return n.shaped(orderClass, idKey, totalKey)
}

func (m *maker) tracking() string {
	switch m.IntN(5) {
	case 0:
		return "1Z" + m.from("0123456789ABCDEFGHJKLMNPRSTVWXYZ", 6) + m.digits(10)
	case 1:
		return "7" + m.digits(11)
	case 2:
		return "94001" + m.digits(17)
	case 3:
		return with10("4242420" + m.digits(8))
	}
	return "RB" + m.digits(9) + m.land.code
}

func (m *maker) viewing() *node {
	t := pick(m, m.cat.Titles)
	when := own(m, 2, []string{"watched at", "position ms", "last watched at", "viewed at", "progress percent", "watched seconds"})
	value := number(strconv.Itoa(1000 + m.IntN(9e6)))
	if strings.HasSuffix(when, "at") {
		value = text(m.stamp())
	}
	idKey := own(m, 1, []string{"title id", "content id", "video id", "episode id", "movie id"})
	entry := object(idKey, t.ID, "title", t.Name, when, value).shaped(viewingClass, idKey, "title", when)
	if m.chance(0.5) {
		entry.with("progress", number("0."+strconv.Itoa(1+m.IntN(98)))).shaped(viewingClass, "progress")
	}
	if m.chance(0.5) {
		entry.class = viewingClass
		return entry
	}
	list := array(entry)
	list.class = viewingClass
	return object("profile id", "p-"+m.hexes(6), own(m, 1, []string{"watch history", "viewing history", "continue watching", "playback history", "recently watched"}), list)
}

func (m *maker) browsing() *node {
	when := own(m, 1, []string{"visited at", "viewed page at", "page viewed at", "last visited at", "clicked at"})
	if when == "viewed page at" {
		when = "visited on"
	}
	page := own(m, 1, []string{"page", "url", "path", "page url", "page path"})
	n := object(page, own(m, 0, []string{"/shop/lamps", "/titles/the-sea", "https://shop.example/p/123", "/help/returns"}), when, m.stamp()).shaped(pagesClass, page, when)
	n.class = pagesClass
	return n
}

func (m *maker) search() *node {
	when := own(m, 1, []string{"searched at", "search time", "search date", "queried at", "last searched at"})
	q := own(m, 1, []string{"query", "search query", "search term", "search text", "search phrase"})
	n := object(q, own(m, 0, []string{"boots size 44", "films about lighthouses", "enamel mug", "winter sea", "gift for grandmother", "robots cooking"}), when, m.stamp(), "results", number(strconv.Itoa(m.IntN(90)))).shaped(queryClass, q, when)
	n.class = queryClass
	return n
}

// papers draws what a service knows of somebody's papers: numbers under their names,
// some with a wrong check, and numbers that pass a check under keys of the system's.
func (m *maker) papers() *node {
	n := object("record", m.hexes(8))
	for range 2 {
		d := &ids[m.IntN(len(ids))]
		if m.chance(0.3) {
			for d.country != m.land.code {
				if d = &ids[m.IntN(len(ids))]; m.chance(0.05) {
					break
				}
			}
		}
		key, s := m.named(d.keys, heldOutIDs[string(d.class)]), d.make(m)
		switch {
		case m.chance(0.25):
			wrong := d.wrong
			if wrong == nil {
				wrong = (*maker).off
			}
			if key == "personnummer" {
				key = "person nummer" // those of Denmark have no check
			}
			n.with(key, runs(decoy(d.class, "wrong check or structure", wrong(m, s))).numeric(m.chance(0.1)))
		case m.chance(0.15):
			s = strings.NewReplacer("-", "", " ", "", ".", "", "/", "").Replace(s)
			n.with(own(m, 2, []string{"order number", "sku", "tracking number", "reference", "invoice number", "request id", "serial number", "barcode"}), runs(decoy(d.class, "number of the system's that passes a check", s)).numeric(m.chance(0.4)))
		default:
			r := personal(d.class, s)
			if key == "personnummer" { // of three countries
				r.also = []weir.Class{"identity.se.personnummer", "identity.dk.cpr", "identity.no.fodselsnummer"}
			}
			n.with(key, runs(r).numeric(m.chance(0.15)))
		}
	}
	m.noise(n, 1+m.IntN(3))
	return n
}

func (m *maker) telemetry() *node {
	n := object("event", own(m, 1, []string{"playback_started", "page_view", "heartbeat", "checkout_step", "seek"}), "ts", number(m.epochMS()), "session", m.hexes(16))
	n.with(m.key(cIP), personal(ipClass, m.ip()))
	if m.chance(0.6) {
		n.with(own(m, 2, []string{"device id", "deviceid", "device uuid", "android id", "device serial", "esn", "hardware id"}), personal(deviceClass, m.uuid(), "device.player_id", "device.advertising_id"))
	}
	m.network(n)
	m.noise(n, 3+m.IntN(5))
	return n
}

func (m *maker) message() *node {
	n := object("ticket", number("1"+m.digits(6)), "subject", "Delivery")
	var rs []run
	for i, s := range m.sentences() {
		if i > 2 {
			break
		}
		if i > 0 {
			rs = append(rs, plain(" "))
		}
		rs = append(rs, s.runs...)
	}
	return n.with("body", runs(rs...))
}

// catalogueEntry is a record in which nothing is personal.
func (m *maker) catalogueEntry() *node {
	pr, t := pick(m, m.cat.Products), pick(m, m.cat.Titles)
	n := object("sku", pr.SKU, "name", decoy(nameClass, "product's name", pr.Name), "title", decoy(nameClass, "title", t.Name), "price", number(m.cents()), "gtin", decoy(cardClass, "GTIN", pr.GTIN), "stock", number(strconv.Itoa(pr.Stock)))
	m.likenesses(n, 3)
	m.noise(n, 4+m.IntN(8))
	return n
}

// likenesses adds what has the form or the key of data and is nobody's: of shops, goods
// and machines.
func (m *maker) likenesses(n *node, k int) {
	pairs := func(n int, sep string) string {
		var all []string
		for range n {
			all = append(all, m.hexes(2))
		}
		return strings.Join(all, sep)
	}
	for range k {
		var t trap
		switch m.IntN(14) {
		case 0:
			t = trap{own(m, 1, []string{"store location", "branch location", "depot location", "venue location"}), decoy(gpsClass, "place of a shop", fmt.Sprintf("%d.%s7,-%d.%s3", 30+m.IntN(30), m.digits(5), m.IntN(90), m.digits(5))), false}
		case 1:
			t = trap{own(m, 1, []string{"key fingerprint", "certificate fingerprint", "host key"}), decoy(macClass, "fingerprint of a key", pairs(16, ":")), false}
		case 2:
			t = trap{own(m, 1, []string{"broadcast mac", "mac", "target mac"}), decoy(macClass, "address of everybody", "ff:ff:ff:ff:ff:ff"), false}
		case 3:
			t = trap{own(m, 1, []string{"device model", "device type", "device class"}), decoy(deviceClass, "model of a device", "SM-"+m.from(capitals, 1)+m.digits(3)+"B"), false}
		case 4:
			t = trap{own(m, 1, []string{"campaign id", "creative id", "placement id"}), decoy(adsClass, "identifier of an advertisement", m.uuid()), false}
		case 5:
			t = trap{own(m, 1, []string{"status", "phase", "stage"}), decoy(bicClass, "state in capitals", own(m, 0, words("ACTIVATE ARCHIVED ASSIGNED SHIPMENT"))), false}
		case 6:
			t = trap{own(m, 1, []string{"room", "gate", "area code", "http status"}), decoy(cvvClass, "number of three digits", m.from("123456789", 1)+m.digits(2)), false}
		case 7:
			t = trap{own(m, 1, []string{"best before", "issue", "edition"}), decoy(expiryClass, "month of a thing", fmt.Sprintf("%02d/%02d", 1+m.IntN(12), 27+m.IntN(6))), false}
		case 8:
			t = trap{own(m, 1, []string{"page token", "next page token", "continuation"}), decoy(tokenClass, "place in a list", m.from(base62, 24)), false}
		case 9:
			t = trap{own(m, 1, []string{"sort order", "order", "order by"}), decoy(orderClass, "order of a list", own(m, 0, words("asc desc newest price"))), false}
		case 10:
			t = trap{own(m, 1, []string{"title id", "content id", "video id"}), decoy(viewingClass, "title of the catalogue", "tt-"+m.digits(6)), false}
		case 11:
			t = trap{own(m, 1, []string{"page", "canonical url", "path"}), decoy(pagesClass, "page of everybody", "/shop/lamps"), false}
		case 12:
			t = trap{own(m, 1, []string{"saved search count", "searches", "query count"}), decoy(queryClass, "count of searches", m.digits(4)), true}
		default:
			t = trap{own(m, 1, []string{"payout currency", "payout schedule", "payout method"}), decoy(payoutClass, "how payouts are made", own(m, 0, words("weekly monthly EUR transfer"))), false}
		}
		if !n.has(t.key) {
			v := runs(t.run)
			v.bare = t.bare && t.run.text[0] != '0'
			n.with(t.key, v)
		}
	}
}

// noise adds what looks personal and is not.
func (m *maker) noise(n *node, k int) {
	for range k {
		c := m.decoy()
		if strings.HasPrefix(c.key, "order ") && n.names() {
			continue // an order's number beside a name makes an order
		}
		if !n.has(c.key) {
			v := runs(c.run)
			if c.bare {
				v.bare = true
			}
			n.with(c.key, v)
		}
	}
}

// names reports whether a person is named in an object.
func (n *node) names() bool {
	for _, kid := range n.kids {
		if !kid.tree && kid.runs[0].class == nameClass {
			return true
		}
	}
	return false
}

func (n *node) has(key string) bool {
	for _, k := range n.keys {
		if k == key {
			return true
		}
	}
	return false
}

// A trap is a decoy and the key it stands under.
type trap struct {
	key  string
	run  run
	bare bool
}

func (m *maker) decoy() trap {
	switch m.IntN(46) {
	case 0:
		return trap{own(m, 1, words("created updated timestamp ts epoch")), decoy(phoneClass, "epoch seconds", m.epoch()), true}
	case 1:
		return trap{own(m, 1, []string{"created ms", "epoch ms", "timestamp", "time ms"}), decoy(phoneClass, "epoch milliseconds", m.epochMS()), true}
	case 2:
		return trap{own(m, 1, []string{"recorded at", "event time", "at", "last seen"}), decoy(phoneClass, "epoch milliseconds", m.epochMS()), true}
	case 3:
		return trap{"nanos", decoy(cardClass, "epoch nanoseconds", m.epoch()+m.digits(9)), true}
	case 4:
		return trap{own(m, 1, []string{"micros", "time us", "ingested us"}), decoy(cardClass, "epoch microseconds", m.epoch()+m.digits(6)), true}
	case 5:
		return trap{own(m, 1, []string{"order number", "order no", "order reference"}), decoy(phoneClass, "order number", m.digits(10)), false}
	case 6:
		return trap{own(m, 1, []string{"sku", "item sku", "variant sku"}), decoy(phoneClass, "SKU", m.digits(3)+"-"+m.digits(3)+"-"+m.digits(4)), false}
	case 7:
		return trap{"isbn", decoy(phoneClass, "ISBN", "978-0-306-40"+m.digits(3)+"-"+m.digits(1)), false}
	case 8:
		return trap{own(m, 1, []string{"tracking number", "tracking", "tracking no"}), decoy(cardClass, "tracking number", m.tracking()), false}
	case 9:
		return trap{own(m, 1, []string{"block", "block id", "blk"}), decoy(cardClass, "block id", "blk_-"+with10("4"+m.digits(17))), false}
	case 10:
		return trap{own(m, 1, []string{"snowflake", "id str", "post id", "thread id"}), decoy(cardClass, "snowflake", strconv.Itoa(1+m.IntN(8))+m.digits(17)), false}
	case 11:
		return trap{own(m, 1, []string{"reference", "invoice number", "part number"}), decoy(cardClass, "number of the system's that passes a check", with10("424242"+m.digits(9))), false}
	case 12:
		return trap{own(m, 1, []string{"ratio", "score", "weight"}), decoy(cardClass, "decimal", "0."+with10("424242"+m.digits(9))), true}
	case 13:
		return trap{own(m, 1, []string{"trace id", "request id", "correlation id"}), decoy(cardClass, "UUID of digits", m.digits(8)+"-"+m.digits(4)+"-4"+m.digits(3)+"-8"+m.digits(3)+"-"+m.digits(12)), false}
	case 14:
		return trap{own(m, 1, []string{"hash", "sha", "etag", "checksum", "digest"}), decoy(ibanClass, "hash", m.hexes(40)), false}
	case 15:
		return trap{own(m, 1, []string{"reference", "ref"}), decoy(ibanClass, "IBAN with a wrong check", m.off(m.ibanPlain())), false}
	case 16:
		return trap{own(m, 1, []string{"version", "app version", "firmware", "build version", "sdk version"}), decoy(ipClass, "version", fmt.Sprintf("%d.%d.%d.%d", 1+m.IntN(120), m.IntN(10), m.IntN(200), m.IntN(99))), false}
	case 17:
		return trap{"user agent", decoy(ipClass, "version in a user agent", fmt.Sprintf("Mozilla/5.0 (X11; Linux x86_64) Chrome/%d.0.%d.%d Safari/537.36", 90+m.IntN(40), 1+m.IntN(200), 1+m.IntN(99))), false}
	case 18:
		return trap{own(m, 1, []string{"oid", "section", "schema version"}), decoy(ipClass, "object identifier", "1.3.6.1.4.1."+m.digits(4)), false}
	case 19:
		return trap{own(m, 1, []string{"bind", "listen", "upstream host"}), decoy(ipClass, "loopback", "127.0.0.1"), false}
	case 20:
		return trap{own(m, 1, []string{"icon", "image", "thumbnail"}), decoy(emailClass, "name of a file", "/img/logo@2x.png"), false}
	case 21:
		return trap{own(m, 1, []string{"repository", "clone url", "remote"}), decoy(emailClass, "path of a repository", "git@code.example:team/app.git"), false}
	case 22:
		return trap{own(m, 1, []string{"dependency", "package", "module"}), decoy(emailClass, "version of a package", "@acme/player@"+m.digits(1)+".4."+m.digits(1)), false}
	case 23:
		return trap{own(m, 1, []string{"handle", "twitter", "mention"}), decoy(emailClass, "handle", "@"+own(m, 0, words("weirdfilms shoplights oldmill quietsea"))), false}
	case 24:
		return trap{own(m, 1, []string{"object", "instance", "lock owner ref"}), decoy(emailClass, "address of an object", "com.example.Cart@"+m.hexes(8)), false}
	case 25:
		return trap{own(m, 1, []string{"principal host", "run as", "ssh target"}), decoy(emailClass, "user of a host", "root@web-"+m.digits(2)), false}
	case 26:
		return trap{own(m, 2, []string{"product name", "category name", "file name", "event name", "plan name", "channel name", "host name", "brand name", "campaign name", "template name"}), decoy(nameClass, "name of a thing", pick(m, m.cat.Products).Name), false}
	case 27:
		return trap{own(m, 1, []string{"company name", "project name", "team name", "device name"}), decoy(nameClass, "name of a thing", "Quiet Harbour"), false}
	case 28:
		return trap{own(m, 2, []string{"release date", "expires at", "valid until", "published on", "start date", "available from"}), decoy(birthClass, "another date", m.born().Format(time.DateOnly)), false}
	case 29:
		return trap{"state", decoy(addressClass, "state of a thing", own(m, 0, words("active pending archived failed ready queued"))), false}
	case 30:
		return trap{"region", decoy(addressClass, "region of a cloud", own(m, 0, words("eu-west-1 us-east-2 ap-south-1 eu-central-1"))), false}
	case 31:
		return trap{own(m, 1, []string{"wallet address", "contract address", "memory address", "base address"}), decoy(addressClass, "address of another kind", "0x"+m.hexes(40)), false}
	case 32:
		return trap{own(m, 1, []string{"store position", "shelf position", "pin"}), decoy(phoneClass, "coordinates of a shop", fmt.Sprintf("%d.%s,-%d.%s", 30+m.IntN(30), m.digits(6), m.IntN(90), m.digits(6))), false}
	case 33:
		return trap{own(m, 1, []string{"dimensions", "size mm", "box"}), decoy(phoneClass, "dimensions", m.digits(3)+" x "+m.digits(3)+" x 1200"), false}
	case 34:
		return trap{own(m, 1, []string{"price list", "turnover", "revenue"}), decoy(phoneClass, "amount", "1.234.567,"+m.digits(2)), false}
	case 35:
		return trap{own(m, 1, []string{"window", "date range", "season"}), decoy(phoneClass, "range of dates", "2019-2024 / 01-12"), false}
	case 36:
		return trap{own(m, 1, []string{"quantity", "views", "bytes", "size"}), decoy(phoneClass, "count", "1"+m.digits(9)), true}
	case 37:
		return trap{own(m, 1, []string{"uuid", "external id", "guid"}), decoy(phoneClass, "UUID", m.uuid()), false}
	case 38:
		return trap{own(m, 1, []string{"latency", "duration", "elapsed"}), decoy(phoneClass, "decimal", "0."+m.digits(16)), true}
	case 39:
		return trap{own(m, 1, []string{"schedule", "cron"}), decoy(emailClass, "schedule", "@daily"), false}
	case 40:
		return trap{own(m, 1, []string{"digest ref", "container image"}), decoy(emailClass, "digest of an image", "registry.example/app@sha256:"+m.hexes(64)), false}
	case 41:
		return trap{own(m, 1, []string{"serial", "serial number", "node"}), decoy(cardClass, "serial number", with10("5"+m.digits(14))), false}
	case 42:
		return trap{own(m, 1, []string{"color", "transform", "path data"}), decoy(phoneClass, "path of a drawing", "M 120 310 C 140 "+m.digits(3)+" 190 "+m.digits(3)+" 200 300"), false}
	case 43:
		return trap{own(m, 1, []string{"license plate region", "shelf", "bin code"}), decoy(ibanClass, "code", m.from(capitals, 2)+m.digits(2)+" "+m.from(capitals, 4)+" "+m.digits(4)), false}
	case 44:
		return trap{own(m, 1, []string{"time", "clock", "started"}), decoy(ipClass, "time", fmt.Sprintf("%02d:%02d:%02d", m.IntN(24), m.IntN(60), m.IntN(60))), false}
	}
	return trap{own(m, 1, []string{"namespace", "symbol", "rust path"}), decoy(ipClass, "name with colons", "std::net::cafe::Beef"), false}
}

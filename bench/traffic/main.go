// Command traffic writes the files that the benchmarks of inspect read: bodies and
// logs in the manner of real ones, from a fixed seed, with nobody real in them.
//
//	go run ./bench/traffic DIR
//
// catalogue.ndjson has titles and goods, and no person; dense.ndjson has customers
// and nothing else; syslog.log, access.log, blocks.log and events.ndjson are logs
// of hosts, of a web server, of a storage cluster and of services. The logs hold
// addresses of the network, and now and then an e-mail address, as real ones do.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/getweir/weir/internal/people"
)

const size = 4 << 20

var start = time.Date(2026, time.March, 1, 10, 0, 0, 0, time.UTC)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: go run ./bench/traffic DIR")
	}
	if err := os.MkdirAll(os.Args[1], 0o777); err != nil {
		log.Fatal(err)
	}
	for i, f := range []struct {
		name string
		line func(r *rand.Rand, n int) string
	}{
		{"catalogue.ndjson", catalogue}, {"dense.ndjson", customers()}, {"syslog.log", syslog}, {"access.log", access}, {"blocks.log", blocks}, {"events.ndjson", events},
	} {
		if err := write(filepath.Join(os.Args[1], f.name), rand.New(rand.NewPCG(1, uint64(i))), f.line); err != nil {
			log.Fatal(err)
		}
	}
}

func write(path string, r *rand.Rand, line func(*rand.Rand, int) string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	for n, written := 0, 0; written < size; n++ {
		s := line(r, n)
		written += len(s) + 1
		w.WriteString(s)
		w.WriteByte('\n')
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}

func pick(r *rand.Rand, from ...string) string { return from[r.IntN(len(from))] }

func hex(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = "0123456789abcdef"[r.IntN(16)]
	}
	return string(b)
}

func uuid(r *rand.Rand) string {
	return hex(r, 8) + "-" + hex(r, 4) + "-4" + hex(r, 3) + "-a" + hex(r, 3) + "-" + hex(r, 12)
}

var words = strings.Fields(`a quiet village lost letter seven days to find out who wrote it the long way round sea winter light harbour
	two sisters return home after years abroad and open an inn where nobody sleeps warm jacket with hood made from recycled wool fits
	small large water proof up to ten metres includes cable and charger keep dry wash at thirty degrees season finale special edition`)

func prose(r *rand.Rand, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(words[r.IntN(len(words))])
	}
	return b.String()
}

func catalogue(r *rand.Rand, n int) string {
	at := start.Add(time.Duration(n) * time.Minute)
	return fmt.Sprintf(`{"id":%d,"sku":"RC-%06d","title":"%s","slug":"%s","about":"%s.","price":{"amount":%d.%02d,"currency":"EUR"},"tags":["%s","%s","new"],"in_stock":%v,"rating":%d.%d,"votes":%d,"image":{"url":"https://img.example/p/%d/%s@2x.jpg","width":1600,"height":900},"created_at":"%s","added_ms":%d,"uuid":"%s","variants":[{"sku":"RC-%06d-S","ean":"%013d","stock":%d},{"sku":"RC-%06d-M","ean":"%013d","stock":%d}]}`,
		1000+n, n*7, prose(r, 4), strings.ReplaceAll(prose(r, 3), " ", "-"), prose(r, 20+r.IntN(30)), r.IntN(90), r.IntN(100), pick(r, "drama", "travel", "home"), pick(r, "4k", "hdr", "wool"),
		r.IntN(2) == 0, r.IntN(5), r.IntN(10), r.IntN(90000), 1000+n, prose(r, 1), at.Format(time.RFC3339), at.UnixMilli(), uuid(r), n*7, 4000000000000+r.Int64N(99999999999), r.IntN(90), n*7, 4000000000000+r.Int64N(99999999999), r.IntN(90))
}

func customers() func(*rand.Rand, int) string {
	var all []people.Customer
	return func(r *rand.Rand, n int) string {
		if all == nil {
			all = people.New(1, 4000).Customers
		}
		b, err := json.Marshal(record(&all[n%len(all)]))
		if err != nil {
			log.Fatal(err)
		}
		return string(b)
	}
}

func syslog(r *rand.Rand, n int) string {
	at := start.Add(time.Duration(n) * 700 * time.Millisecond).Format("Jan _2 15:04:05")
	host := fmt.Sprintf("web-%d", r.IntN(12))
	ip := fmt.Sprintf("192.0.2.%d", 1+r.IntN(250))
	switch r.IntN(8) {
	case 0:
		return fmt.Sprintf("%s %s sshd[%d]: Failed password for invalid user admin from %s port %d ssh2", at, host, 1000+r.IntN(30000), ip, 30000+r.IntN(30000))
	case 1:
		return fmt.Sprintf("%s %s sshd(pam_unix)[%d]: authentication failure; logname= uid=0 euid=0 tty=NODEVssh ruser= rhost=%s", at, host, 1000+r.IntN(30000), ip)
	case 2:
		return fmt.Sprintf("%s %s systemd[1]: Started Session %d of user root.", at, host, r.IntN(90000))
	case 3:
		return fmt.Sprintf("%s %s kernel: [%d.%06d] usb 1-1.%d: new high-speed USB device number %d using xhci_hcd", at, host, r.IntN(900000), r.IntN(1000000), r.IntN(9), r.IntN(90))
	case 4:
		return fmt.Sprintf("%s %s CRON[%d]: (root) CMD (   cd / && run-parts --report /etc/cron.hourly)", at, host, 1000+r.IntN(30000))
	case 5:
		return fmt.Sprintf("%s %s dhclient[%d]: DHCPREQUEST for 10.0.%d.%d on eth0 to 10.0.0.1 port 67 (xid=0x%s)", at, host, 1000+r.IntN(30000), r.IntN(200), r.IntN(200), hex(r, 8))
	case 6:
		return fmt.Sprintf("%s %s postfix/smtp[%d]: %s: to=<user%d@example.com>, relay=mx.example.net[198.51.100.%d]:25, delay=0.%d, status=sent (250 2.0.0 OK %d)", at, host, 1000+r.IntN(30000), strings.ToUpper(hex(r, 10)), r.IntN(900), r.IntN(250), r.IntN(100), start.Unix()+int64(n))
	}
	return fmt.Sprintf("%s %s app[%d]: level=info msg=\"%s\" duration=%d.%03dms request_id=%s", at, host, 1000+r.IntN(30000), prose(r, 6), r.IntN(90), r.IntN(1000), uuid(r))
}

func access(r *rand.Rand, n int) string {
	at := start.Add(time.Duration(n) * 13 * time.Millisecond)
	return fmt.Sprintf(`203.0.113.%d - - [%s] "GET /%s/%d/%s?page=%d&t=%d HTTP/1.1" %s %d "https://shop.example/%s" "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.%d.%d Safari/537.36" rt=0.%03d`,
		1+r.IntN(250), at.Format("02/Jan/2006:15:04:05 -0700"), pick(r, "v1/titles", "p", "static/js", "api/orders"), 1000+r.IntN(9000000), prose(r, 1), r.IntN(20), at.UnixMilli(),
		pick(r, "200", "200", "304", "404"), r.IntN(90000), strings.ReplaceAll(prose(r, 2), " ", "/"), 100+r.IntN(40), r.IntN(7000), r.IntN(200), r.IntN(1000))
}

func blocks(r *rand.Rand, n int) string {
	at := start.Add(time.Duration(n) * 90 * time.Millisecond).Format("060102 150405")
	blk := fmt.Sprintf("blk_%d", r.Int64())
	if r.IntN(2) == 0 {
		blk = fmt.Sprintf("blk_-%d", r.Int64())
	}
	a, b := fmt.Sprintf("10.251.%d.%d", r.IntN(250), r.IntN(250)), fmt.Sprintf("10.251.%d.%d", r.IntN(250), r.IntN(250))
	switch r.IntN(5) {
	case 0:
		return fmt.Sprintf("%s %d INFO dfs.DataNode$PacketResponder: PacketResponder %d for block %s terminating", at, r.IntN(20000), r.IntN(3), blk)
	case 1:
		return fmt.Sprintf("%s %d INFO dfs.FSNamesystem: BLOCK* NameSystem.addStoredBlock: blockMap updated: %s:50010 is added to %s size 67108864", at, r.IntN(100), a, blk)
	case 2:
		return fmt.Sprintf("%s %d INFO dfs.DataNode$DataXceiver: Receiving block %s src: /%s:%d dest: /%s:50010", at, r.IntN(20000), blk, a, 40000+r.IntN(20000), b)
	case 3:
		return fmt.Sprintf("%s %d INFO dfs.DataNode$PacketResponder: Received block %s of size 67108864 from /%s", at, r.IntN(20000), blk, a)
	}
	return fmt.Sprintf("%s %d INFO dfs.FSNamesystem: BLOCK* NameSystem.allocateBlock: /mnt/tasks/_temporary/_task_%s_0001_m_%06d_0/part-%05d. %s", at, r.IntN(100), start.Format("200601021504"), r.IntN(2000), r.IntN(2000), blk)
}

func events(r *rand.Rand, n int) string {
	at := start.Add(time.Duration(n) * 3 * time.Millisecond)
	return fmt.Sprintf(`{"ts":"%s","level":"%s","logger":"%s","msg":"%s","trace_id":"%s","span_id":"%s","http":{"method":"GET","path":"/v1/titles/%d","status":%s,"duration_ms":%d.%03d},"host":"web-%d","pid":%d,"version":"1.%d.%d"}`,
		at.Format("2006-01-02T15:04:05.000Z07:00"), pick(r, "info", "info", "warn", "debug"), pick(r, "gateway", "catalogue", "player"), prose(r, 5+r.IntN(8)), hex(r, 32), hex(r, 16), 1000+r.IntN(90000), pick(r, "200", "404", "500"), r.IntN(200), r.IntN(1000), r.IntN(12), r.IntN(30000), r.IntN(30), r.IntN(10))
}

// record is a customer as a service would give one.
func record(c *people.Customer) map[string]any {
	devices, orders, views, searches := []any{}, []any{}, []any{}, []any{}
	for _, d := range c.Devices {
		devices = append(devices, map[string]any{"device_id": d.ID, "type": d.Type, "ip": d.IP, "last_seen": d.LastSeen})
	}
	for _, o := range c.Orders[:min(2, len(c.Orders))] {
		orders = append(orders, map[string]any{"order_id": o.ID, "recipient": c.Name(), "placed_at": o.Placed, "status": o.Status, "total": float64(o.Total) / 100, "currency": o.Currency})
	}
	for _, v := range c.Views[:min(3, len(c.Views))] {
		views = append(views, map[string]any{"title_id": v.TitleID, "title": v.Title, "watched_at": v.At, "position_s": v.Position.Seconds()})
	}
	for _, q := range c.Searches[:min(2, len(c.Searches))] {
		searches = append(searches, map[string]any{"query": q.Query, "at": q.At})
	}
	m := map[string]any{
		"id": c.ID, "name": map[string]string{"first": c.FirstName, "last": c.LastName}, "email": c.Email, "phone": c.Phone, "birth_date": c.Born, "joined_at": c.Joined, "plan": c.Plan,
		"address": map[string]string{"line1": c.Address.Street, "city": c.Address.City, "region": c.Address.Region, "postcode": c.Address.Postcode, "country": c.Address.Country},
		"cards":   []any{map[string]any{"brand": c.Card.Brand, "number": c.Card.Number, "exp_month": c.Card.Month, "exp_year": c.Card.Year}},
		"devices": devices, "orders": orders, "watch_history": views, "searches": searches,
	}
	if c.IBAN != "" {
		m["iban"] = c.IBAN
	}
	return m
}

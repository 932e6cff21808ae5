package labelled

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// Logs gives about size bytes of lines as servers write them, in which nothing is
// personal but addresses of documentation networks (192.0.2.0/24, 198.51.100.0/24,
// 203.0.113.0/24) and hardware addresses that begin with 02. All numbers that servers
// write are there: block ids, epoch times, snowflakes, sizes, traces, versions.
func Logs(seed uint64, size int) []byte {
	m := &maker{Rand: rand.New(rand.NewPCG(seed, 0x6c6f6773)), part: PartOf(seed), land: &lands[0], cat: catalogue, now: 1767225600}
	var b bytes.Buffer
	b.Grow(size + 4096)
	kinds := []func() string{m.syslog, m.nginx, m.nginx, m.hadoop, m.hadoop, m.jsonLog, m.jsonLog, m.kube, m.java, m.kernel, m.database, m.openstack, m.build, m.metrics, m.mobile, m.proxy}
	for b.Len() < size {
		m.now += m.Int64N(3)
		// A service writes some lines, then another.
		kind := pick(m, kinds)
		for range 1 + m.IntN(6) {
			b.WriteString(kind())
			b.WriteByte('\n')
		}
	}
	return b.Bytes()
}

func (m *maker) at(layout string) string {
	return time.Unix(m.now, m.Int64N(1e9)).UTC().Format(layout)
}

func (m *maker) docIP() string {
	return pick(m, []string{"192.0.2.", "198.51.100.", "203.0.113."}) + strconv.Itoa(1+m.IntN(254))
}

func (m *maker) ownIP() string {
	switch m.IntN(3) {
	case 0:
		return fmt.Sprintf("10.%d.%d.%d", m.IntN(256), m.IntN(256), 1+m.IntN(254))
	case 1:
		return fmt.Sprintf("192.168.%d.%d", m.IntN(256), 1+m.IntN(254))
	}
	return fmt.Sprintf("172.%d.%d.%d", 16+m.IntN(16), m.IntN(256), 1+m.IntN(254))
}

func (m *maker) n(below int) string { return strconv.Itoa(m.IntN(below)) }

// block is a block id as storage writes it: 18 or 19 digits, often behind a sign.
func (m *maker) block() string {
	s := pick(m, words("1 2 3 4 5 6 7 8")) + m.digits(17+m.IntN(2))
	if m.chance(0.1) {
		s = with10(s[:len(s)-1])
	}
	return "blk_" + pick(m, []string{"-", ""}) + s
}

func (m *maker) syslog() string {
	host := pick(m, words("web-01 db-02 combo gw1 LabSZ mail3"))
	head := m.at("Jan _2 15:04:05") + " " + host + " "
	pid := strconv.Itoa(1000 + m.IntN(64000))
	switch m.IntN(9) {
	case 0:
		return head + "sshd[" + pid + "]: Failed password for invalid user admin from " + m.docIP() + " port " + strconv.Itoa(1024+m.IntN(64000)) + " ssh2"
	case 1:
		return head + "sshd(pam_unix)[" + pid + "]: authentication failure; logname= uid=0 euid=0 tty=NODEVssh ruser= rhost=" + m.docIP() + "  user=root"
	case 2:
		return head + "systemd[1]: Started Session " + m.n(99999) + " of user deploy."
	case 3:
		return head + "kernel: [" + m.n(9999999) + "." + m.digits(6) + "] audit: type=1400 audit(" + m.epoch() + "." + m.digits(3) + ":" + m.n(99999) + "): apparmor=\"STATUS\" pid=" + pid
	case 4:
		return head + "cron[" + pid + "]: (root) CMD (/usr/lib/sysstat/sa1 1 1)"
	case 5:
		return head + "postfix/smtpd[" + pid + "]: " + strings.ToUpper(m.hexes(10)) + ": client=unknown[" + m.ownIP() + "], size=" + m.digits(7)
	case 6:
		return head + "dhcpd: DHCPACK on " + m.ownIP() + " to 02:" + m.hexes(2) + ":" + m.hexes(2) + ":" + m.hexes(2) + ":" + m.hexes(2) + ":" + m.hexes(2) + " via eth0"
	case 7:
		return head + "ntpd[" + pid + "]: synchronized to " + m.ownIP() + ", stratum 2, offset -0." + m.digits(9) + " sec"
	}
	return head + "dockerd[" + pid + "]: time=\"" + m.at(time.RFC3339Nano) + "\" level=info msg=\"ignoring event\" container=" + m.hexes(64) + " module=libcontainerd namespace=moby"
}

func (m *maker) nginx() string {
	path := pick(m, []string{"/api/v2/titles/tt-" + m.digits(6), "/img/" + m.hexes(16) + "@2x.png", "/catalog?page=" + m.n(400) + "&ts=" + m.epochMS(), "/p/" + m.digits(10) + "/lamp-" + m.digits(5), "/static/app." + m.hexes(20) + ".js?v=" + m.epoch(),
		"/manifest/" + m.uuid() + "/seg-" + m.digits(8) + ".m4s", "/v1/events?id=" + m.snowflake() + "&_=" + m.epochMS(), "/search?q=blue+boots+size+44&offset=" + m.n(9000), "/t?b=" + m.digits(13) + "." + m.digits(9) + "&g=" + m.digits(16)})
	return m.docIP() + " - - [" + m.at("02/Jan/2006:15:04:05 -0700") + "] \"GET " + path + " HTTP/1.1\" " + pick(m, words("200 200 200 304 404 502")) + " " + m.n(9999999) +
		" \"https://shop.example/\" \"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/" + strconv.Itoa(90+m.IntN(50)) + ".0." + m.n(9999) + "." + m.n(300) + " Safari/537.36\" rt=0." + m.digits(3) + " uct=\"0.000\" id=" + m.hexes(32)
}

func (m *maker) snowflake() string { return strconv.Itoa(1+m.IntN(8)) + m.digits(17+m.IntN(2)) }

func (m *maker) hadoop() string {
	head := m.at("060102 150405") + " " + strconv.Itoa(10+m.IntN(30000)) + " INFO "
	switch m.IntN(6) {
	case 0:
		return head + "dfs.DataNode$PacketResponder: PacketResponder " + m.n(3) + " for block " + m.block() + " terminating"
	case 1:
		return head + "dfs.DataNode$DataXceiver: Receiving block " + m.block() + " src: /" + m.ownIP() + ":" + m.n(65000) + " dest: /" + m.ownIP() + ":50010"
	case 2:
		return head + "dfs.FSNamesystem: BLOCK* NameSystem.addStoredBlock: blockMap updated: " + m.ownIP() + ":50010 is added to " + m.block() + " size " + m.digits(8)
	case 3:
		return head + "dfs.FSNamesystem: BLOCK* NameSystem.allocateBlock: /mnt/hadoop/mapred/system/job_" + m.digits(12) + "_" + m.digits(4) + "/job.jar. " + m.block()
	case 4:
		return head + "dfs.DataNode$BlockReceiver: Received block " + m.block() + " of size 67108864 from /" + m.ownIP()
	}
	return m.at("2006-01-02 15:04:05,000") + " INFO [main] org.apache.hadoop.mapreduce.v2.app.MRAppMaster: Created MRAppMaster for application appattempt_" + m.epochMS() + "_" + m.digits(4) + "_000001"
}

func (m *maker) jsonLog() string {
	switch m.IntN(4) {
	case 0:
		return fmt.Sprintf(`{"time":"%s","level":"info","msg":"request done","trace_id":"%s","span_id":"%s","status":200,"duration_ms":%s.%s,"bytes":%s,"route":"/v1/titles/{id}"}`, m.at(time.RFC3339Nano), m.hexes(32), m.hexes(16), m.n(900), m.digits(6), m.digits(6))
	case 1:
		return fmt.Sprintf(`{"ts":%s.%s,"caller":"cache/store.go:%s","msg":"evicted","key":"titles:%s","age_ns":%s,"seq":%s}`, m.epoch(), m.digits(7), m.n(900), m.digits(12), "1"+m.digits(15), m.snowflake())
	case 2:
		return fmt.Sprintf(`{"@timestamp":"%s","kafka":{"topic":"plays","partition":%s,"offset":%s},"lag":%s,"producer_id":%s,"name":"consumer-%s"}`, m.at(time.RFC3339), m.n(64), "4"+m.digits(12), m.n(9999), m.digits(6)+"1", m.n(9))
	}
	return fmt.Sprintf(`{"timestamp":%s,"logger":"com.example.catalog.Indexer","thread":"pool-%s-thread-%s","message":"Indexed %s documents in %s ms","context":{"commit":"%s","build":"%s","version":"%d.%d.%d.%d"}}`, m.epochMS(), m.n(9), m.n(99), "1"+m.digits(7), m.n(99999), m.hexes(40), "2026"+m.digits(10), m.IntN(9), m.IntN(40), m.IntN(99), m.IntN(999))
}

func (m *maker) kube() string {
	pod := pick(m, words("web player cart search")) + "-" + m.hexes(10) + "-" + m.from("bcdfghjklmnpqrstvwxz2456789", 5)
	switch m.IntN(4) {
	case 0:
		return "I" + m.at("0102 15:04:05.000000") + "   " + m.n(9999) + " kubelet.go:" + m.n(3000) + "] \"SyncLoop (PLEG): event for pod\" pod=\"shop/" + pod + "\" event={\"ID\":\"" + m.uuid() + "\",\"Type\":\"ContainerStarted\",\"Data\":\"" + m.hexes(64) + "\"}"
	case 1:
		return "E" + m.at("0102 15:04:05.000000") + "       1 controller.go:" + m.n(900) + "] failed to update lease resourceVersion=" + m.digits(9) + " uid=" + m.uuid() + " err=\"Operation cannot be fulfilled on leases.coordination.k8s.io\""
	case 2:
		return m.at(time.RFC3339Nano) + " stderr F W" + m.at("0102 15:04:05.000000") + " reflector.go:" + m.n(900) + "] watch of *v1.Pod ended with: too old resource version: " + m.digits(10) + " (" + m.digits(10) + ")"
	}
	return m.at(time.RFC3339) + " Normal Pulled pod/" + pod + " Successfully pulled image \"registry.example/shop/web@sha256:" + m.hexes(64) + "\" in " + m.n(9) + "." + m.digits(9) + "s. Image size: " + m.digits(9) + " bytes."
}

func (m *maker) java() string {
	switch m.IntN(3) {
	case 0:
		return "\tat com.example.shop.cart.CartService$$EnhancerBySpringCGLIB$$" + m.hexes(8) + ".total(CartService.java:" + m.n(900) + ")"
	case 1:
		return m.at("2006-01-02 15:04:05,000") + " WARN  [Timer-" + m.n(9) + "] c.e.s.Lock@" + m.hexes(8) + " - waited " + m.epochMS() + " - " + m.epochMS() + " = " + m.n(4000) + " ms, heap " + m.digits(10) + "/" + m.digits(10)
	}
	return m.at("2006-01-02 15:04:05.000") + "  INFO " + m.n(30000) + " --- [nio-8080-exec-" + m.n(90) + "] o.h.e.t.i.TransactionImpl : begin tx " + m.digits(19) + " session " + strings.ToUpper(m.hexes(32))
}

func (m *maker) kernel() string {
	return "[" + fmt.Sprintf("%6d.%s", m.IntN(99999), m.digits(6)) + "] " + pick(m, []string{
		"Call Trace: [<ffffffff" + m.hexes(8) + ">] ? __schedule+0x" + m.hexes(3) + "/0x" + m.hexes(3),
		"EXT4-fs (sda1): mounted filesystem " + m.uuid() + " with ordered data mode",
		"e1000: eth0 NIC Link is Up 1000 Mbps, base 0x" + m.hexes(12) + " irq " + m.n(200),
		"ata1.00: 1953525168 sectors, multi 0: LBA48 NCQ (depth 32), SN " + m.from(capitals, 2) + m.digits(14),
		"Memory: " + m.digits(8) + "K/" + m.digits(8) + "K available (" + m.digits(5) + "K kernel code)",
		"BIOS-e820: [mem 0x" + m.digits(16) + "-0x" + m.digits(16) + "] usable",
		"TCP: request_sock_TCP: Possible SYN flooding on port " + m.n(65000) + ". Counters " + m.digits(12),
	})
}

func (m *maker) database() string {
	return m.at("2006-01-02 15:04:05.000 MST") + " [" + m.n(30000) + "] LOG:  " + pick(m, []string{
		"duration: " + m.n(900) + "." + m.digits(3) + " ms  statement: SELECT * FROM titles WHERE id = " + m.digits(10) + " AND price > 12.99 LIMIT 50",
		"checkpoint complete: wrote " + m.n(9999) + " buffers (3.1%); lsn=" + strings.ToUpper(m.hexes(2)) + "/" + strings.ToUpper(m.hexes(8)) + ", redo lsn=" + strings.ToUpper(m.hexes(8)),
		"automatic vacuum of table \"shop.public.plays\": index scans: 1, tuples: " + m.digits(9) + " removed, " + m.digits(10) + " remain, oldest xmin: " + m.digits(9),
		"INSERT INTO plays (id, at, pos) VALUES (" + m.snowflake() + ", " + m.epochMS() + ", " + m.n(7200000) + ")",
		"could not serialize access due to concurrent update, transaction " + m.digits(15),
	})
}

func (m *maker) openstack() string {
	return "nova-compute.log." + m.at("2006-01-02_15:04:05") + " " + m.at("2006-01-02 15:04:05.000") + " " + m.n(9999) + " INFO nova.compute.manager [req-" + m.uuid() + " " + m.hexes(32) + " " + m.hexes(32) + " - - -] [instance: " + m.uuid() + "] Took " + m.n(30) + "." + m.digits(2) + " seconds to spawn, total memory: 64172 MB, disk: 15 GB, vcpus " + m.n(16)
}

func (m *maker) build() string {
	return pick(m, []string{
		"Step 4/12 : RUN pip install numpy==1." + m.n(30) + "." + m.n(9) + " && sha256sum -c " + m.hexes(64),
		"go: downloading golang.org/x/net v0." + m.n(50) + ".0-20" + m.digits(12) + "-" + m.hexes(12),
		"npm WARN deprecated @acme/core@" + m.n(9) + "." + m.n(20) + "." + m.n(9) + ": use @acme/core@next",
		"[INFO] Building shop-web " + m.n(9) + "." + m.n(30) + "." + m.n(90) + "." + m.digits(14) + "-SNAPSHOT",
		"ok  \texample.com/shop/cart\t" + m.n(20) + "." + m.digits(3) + "s\tcoverage: " + m.n(99) + "." + m.digits(1) + "% of statements",
		"commit " + m.hexes(40) + " tree " + m.hexes(40) + " " + m.epoch() + " +0000",
		" 12 files changed, 4532 insertions(+), 1209 deletions(-)",
		"libssl.so.1.1 => /usr/lib/x86_64-linux-gnu/libssl.so.1.1 (0x0000" + m.hexes(12) + ")",
	})
}

func (m *maker) metrics() string {
	return pick(m, []string{
		"http_requests_total{code=\"200\",handler=\"/v1/titles\"} 1." + m.digits(15) + "e+07 " + m.epochMS(),
		"go_memstats_next_gc_bytes 4." + m.digits(15) + "e+06",
		"cpu,host=web-01,region=eu-west-1 usage_user=" + m.n(99) + "." + m.digits(14) + ",usage_idle=" + m.n(99) + "." + m.digits(13) + " " + m.epoch() + m.digits(9),
		"stats.timers.cart.p99 " + m.n(900) + "." + m.digits(16) + " " + m.epoch(),
		"node_disk_io_time_seconds_total{device=\"nvme0n1\"} " + m.digits(6) + "." + m.digits(2),
		"rtp: ssrc=0x" + m.hexes(8) + " seq=" + m.n(65536) + " ts=" + m.digits(10) + " jitter=0." + m.digits(16),
	})
}

func (m *maker) mobile() string {
	return m.at("01-02 15:04:05.000") + "  " + m.n(9999) + "  " + m.n(9999) + " " + pick(m, words("D I W V")) + " " + pick(m, []string{
		"PowerManagerService: release:lock=" + m.digits(9) + ", flg=0x0, tag=\"View Lock\", name=com.example.player\", ws=null, uid=" + m.digits(5),
		"WindowManager: printFreezingDisplayLogs token=AppWindowToken{" + m.hexes(7) + " token=Token{" + m.hexes(7) + " ActivityRecord{" + m.hexes(7) + " u0 com.example.player/.Main t" + m.n(9999) + "}}}",
		"ExoPlayerImpl: Init " + m.hexes(7) + " [ExoPlayerLib/2." + m.n(20) + "." + m.n(9) + "] [generic, Pixel, 33] buffered=" + m.n(90000) + " pts=" + m.digits(12),
		"StepCounter: onExtend:" + m.epochMS() + " " + m.n(9999) + " 0 " + m.n(99),
		"HealthApp: setTodayTotalDetailSteps=" + m.epochMS() + "##" + m.n(9999) + "##" + m.digits(6) + "##8661##12266##27164404",
	})
}

func (m *maker) proxy() string {
	return pick(m, []string{
		"[" + m.at("01.02 15:04:05") + "] chrome.exe - proxy.cse.example:5070 close, 1190 bytes (1.16 KB) sent, " + m.n(9999999) + " bytes received, lifetime 00:" + m.digits(2) + "",
		m.at("2006-01-02T15:04:05.000Z") + " " + m.hexes(16) + " TCP_MISS/200 " + m.n(999999) + " GET https://cdn.example/" + m.digits(16) + "/" + m.hexes(8) + " - HIER_DIRECT/" + m.ownIP() + " video/mp4",
		"haproxy[" + m.n(30000) + "]: " + m.docIP() + ":" + m.n(65000) + " [" + m.at("02/Jan/2006:15:04:05.000") + "] fe~ be/web-01 0/0/1/" + m.n(900) + "/" + m.n(900) + " 200 " + m.n(99999) + " - - ---- 12/12/0/0/0 0/0",
		"- " + m.epoch() + " " + m.at("2006.01.02") + " R" + m.digits(2) + "-M1-N0-C:J12-U11 " + m.at("2006-01-02-15.04.05.000000") + " R" + m.digits(2) + "-M1-N0-C:J12-U11 RAS KERNEL INFO instruction cache parity error corrected",
		"rsync: sent " + m.digits(10) + " bytes  received " + m.digits(6) + " bytes  " + m.digits(7) + ".50 bytes/sec, total size is " + m.digits(13) + "  speedup is 1." + m.digits(2),
	})
}

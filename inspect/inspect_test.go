package inspect

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/getweir/weir"
)

func inspector(t testing.TB, c Config) *Inspector {
	t.Helper()
	in, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// short names the classes of a finding in one word.
func short(c weir.Class) string {
	return string(c[strings.LastIndexByte(string(c), '.')+1:])
}

// show writes what is found in seg: class=value, one after the other.
func show(t testing.TB, in *Inspector, seg weir.Segment) string {
	t.Helper()
	var r Report
	if err := in.Inspect(&r, &seg, nil); err != nil {
		return err.Error()
	}
	check(t, &seg, &r)
	var out []string
	for _, f := range r.Findings {
		out = append(out, short(f.Class)+"="+string(seg.Body[f.Start:f.End]))
	}
	return strings.Join(out, " | ")
}

// check tests what holds of every report.
func check(t testing.TB, seg *weir.Segment, r *Report) {
	t.Helper()
	var open []weir.Finding
	for i, f := range r.Findings {
		if f.Start < 0 || f.End <= f.Start || f.End > len(seg.Body) {
			t.Fatalf("finding %d out of range: %+v of %d bytes", i, f, len(seg.Body))
		}
		if i > 0 && order(r.Findings[i-1], f) > 0 {
			t.Fatalf("finding %d out of order: %+v", i, f)
		}
		for len(open) > 0 && open[len(open)-1].End <= f.Start {
			open = open[:len(open)-1]
		}
		if len(open) > 0 && f.End > open[len(open)-1].End {
			t.Fatalf("finding %d overlaps another partly: %+v in %q", i, f, seg.Body)
		}
		open = append(open, f)
	}
}

func TestJSON(t *testing.T) {
	in := inspector(t, Config{})
	for _, c := range []struct{ body, want string }{
		// Contacts, wherever they are.
		{`{"x":"write to jo@example.com, please"}`, `email=jo@example.com`},
		{`["a@b.example","first.last+tag@sub.example.org"]`, `email=a@b.example | email=first.last+tag@sub.example.org`},
		{`{"x":"jo\u0040example.com"}`, `email=jo\u0040example.com`},
		{`{"x":"see\njo@example.com"}`, `email=jo@example.com`},
		{`{"x":"https:\/\/shop.example\/?m=jo%40example.com&x=1"}`, `email=jo%40example.com`},
		{`{"x":"jo%2540example.com"}`, `email=jo%2540example.com`},
		{`{"x":"jo＠example.com"}`, `email=jo＠example.com`},
		{"{\"x\":\"jo@exam\u200bple.com\"}", "email=jo@exam\u200bple.com"},
		{`{"jo@example.com":{"x":1}}`, `email=jo@example.com`},
		{`{"x":"+44 7700 900123"}`, `phone=+44 7700 900123`},
		{`{"x":"+44 (0)7700 900123"}`, `phone=+44 (0)7700 900123`},
		{`{"x":"+1-212-555-0123"}`, `phone=+1-212-555-0123`},
		{`{"x":"(212) 555-0123"}`, `phone=(212) 555-0123`},
		{`{"x":"01 99 00 12 34"}`, `phone=01 99 00 12 34`},
		{`{"x":"call 2125550123 now"}`, `phone=2125550123`},
		{`{"phone":"2125550123"}`, `phone=2125550123`},
		{`{"phone":2125550123}`, `phone=2125550123`},
		{`{"mobileNumber":"07700 900123"}`, `phone=07700 900123`},
		{`{"phones":["07700 900123",{"type":"home","number":"07700900124"}]}`, `phone=07700 900123 | phone=07700900124`},
		{`{"phone":{"country":"GB","number":"07700900124"}}`, `phone=07700900124`},
		{`{"x":"＋４４ ７７００ ９００１２３"}`, `phone=＋４４ ７７００ ９００１２３`},
		// Payment.
		{`{"x":"4242424242424242"}`, `card=4242424242424242`},
		{`{"x":"4242 4242 4242 4242"}`, `card=4242 4242 4242 4242`},
		{`{"x":"40128888 88881881"}`, `card=40128888 88881881`},
		{`{"x":"3782 822463 10005"}`, `card=3782 822463 10005`},
		{`{"x":5555555555554444}`, `card=5555555555554444`},
		{`{"cards":[{"brand":"visa","number":4242424242424242}]}`, `card=4242424242424242`},
		{`{"x":"GB29NWBK60161331926819"}`, `iban=GB29NWBK60161331926819`},
		{`{"x":"pay to DE89 3704 0044 0532 0130 00 today"}`, `iban=DE89 3704 0044 0532 0130 00`},
		// Network.
		{`{"x":"192.0.2.7"}`, `ip=192.0.2.7`},
		{`{"x":"http://203.0.113.9:8080/"}`, `ip=203.0.113.9`},
		{`{"x":"2001:db8::1"}`, `ip=2001:db8::1`},
		{`{"ip":"10.0.0.7"}`, `ip=10.0.0.7`},
		{`{"x":"10.0.0.7","y":"127.0.0.1","ip":"127.0.0.1"}`, ``},
		// Persons, by key.
		{`{"first_name":"Jo","lastName":"Example","fullName":"Jo Example"}`, `name=Jo | name=Example | name=Jo Example`},
		{`{"customer":{"id":1,"name":"Jo Example"}}`, `name=Jo Example`},
		{`{"customers":[{"name":"Jo Example"},{"name":"Bo Example"}]}`, `name=Jo Example | name=Bo Example`},
		{`{"name":"Jo Example","email":"jo@example.com"}`, `name=Jo Example | email=jo@example.com`},
		{`{"name":"Jo Example","address":{"line1":"1 Example Street"}}`, `name=Jo Example | address=1 Example Street`},
		{`{"name":{"first":"Jo","last":"Example"}}`, `name=Jo | name=Example`},
		{`{"recipient":"Jo Example"}`, `name=Jo Example`},
		{`{"recipient":{"name":"Jo Example"}}`, `name=Jo Example`},
		{`{"vorname":"Jo","nachname":"Beispiel"}`, `name=Jo | name=Beispiel`},
		{`{"full_n\u0061me":"Jo Example","\u0064ob":"1990-02-28"}`, `name=Jo Example | birth_date=1990-02-28`},
		{`{"氏名":"例 太郎"}`, `name=例 太郎`},
		{`{"birth_date":"1990-02-28"}`, `birth_date=1990-02-28`},
		{`{"dob":"28/02/1990","dateOfBirth":"Feb 28, 1990","birthday":19900228}`, `birth_date=28/02/1990 | birth_date=Feb 28, 1990 | birth_date=19900228`},
		{`{"dob":"1990\/02\/28"}`, `birth_date=1990\/02\/28`},
		{`{"address":{"line1":"1 Example Street","city":"Exampleton","postcode":"EX1 1EX","country":"GB"}}`, `address=1 Example Street | address=Exampleton | address=EX1 1EX`},
		{`{"shipping_address":"1 Example Street, Exampleton"}`, `address=1 Example Street, Exampleton`},
		{`{"city":"Exampleton","zip":90210}`, `address=Exampleton | address=90210`},
		{`{"devices":[{"device_id":"dev-7c9e6679"},{"id":"0011aabbcc"}]}`, `id=dev-7c9e6679 | id=0011aabbcc`},
		{`{"idfa":"7c9e6679-7425-40de-944b-e07fc1f90ae7"}`, `advertising_id=7c9e6679-7425-40de-944b-e07fc1f90ae7`},
		// Histories and orders, by key or by shape.
		{`{"watch_history":[{"title_id":"t-1","at":1}]}`, `viewing_history=[{"title_id":"t-1","at":1}]`},
		{`[{"title_id":"t-1","title":"The Sea","watched_at":"2026-01-02T20:15:00Z"}]`, `viewing_history={"title_id":"t-1","title":"The Sea","watched_at":"2026-01-02T20:15:00Z"}`},
		{`{"video_id":7,"position_s":12}`, `viewing_history={"video_id":7,"position_s":12}`},
		{`{"browsing":[{"page":"/shoes","at":"2026-01-02"}]}`, `browsing_history=[{"page":"/shoes","at":"2026-01-02"}]`},
		{`{"page":"/shoes","visited_at":"2026-01-02"}`, `browsing_history={"page":"/shoes","visited_at":"2026-01-02"}`},
		{`{"searches":["boots"]}`, `search_history=["boots"]`},
		{`{"query":"boots","searched_at":"2026-01-02"}`, `search_history={"query":"boots","searched_at":"2026-01-02"}`},
		{`{"orders":[{"order_id":"o-1","recipient":"Bo Example","total":2}]}`, `order={"order_id":"o-1","recipient":"Bo Example","total":2} | name=Bo Example`},
		{`{"orders":[{"id":5,"lines":[{"sku":"s"}]}]}`, `order={"id":5,"lines":[{"sku":"s"}]}`},
	} {
		got := show(t, in, weir.Segment{Syntax: weir.JSON, Body: []byte(c.body), Record: true})
		if got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.body, got, c.want)
		}
	}
}

// TestTraps has what looks like personal data and is none.
func TestTraps(t *testing.T) {
	in := inspector(t, Config{})
	for _, body := range []string{
		`{"title_id":"t-1","title":"The Sea","genre":"drama","year":2019,"position":3}`,
		`{"name":"Blue Boots","price":12.99,"sku":"1234567890123"}`,
		`{"product":{"name":"Blue Boots"},"category":{"name":"Shoes"}}`,
		`{"product_name":"Blue Boots","file_name":"a.txt","username":"jo"}`,
		`{"title":"The Sea","progress":4}`,
		`{"created_ms":1767225600123,"t":1767225600123456,"ns":1767225600123456789}`,
		`{"at":"2026-03-01T10:20:30.123+01:00","day":"2026-03-01","s":"20260301102030"}`,
		`{"id":"7c9e6679-7425-40de-944b-e07fc1f90ae7","x":"00000000-4242-4242-4242-424242424242"}`,
		`{"block":"blk_-4980916519894289629","x":"blk_4980916519894289629"}`,
		`{"sha":"4242424242424242deadbeef4242424242424242","v":"1.2.3.4567","w":"v1.2.3.4","version":"1.2.3.4"}`,
		`{"ratio":0.4242424242424242,"x":"0.4242424242424242","y":4242424242424242.5}`,
		`{"tracking_number":"4242424242424242","order_id":4242424242424242,"id":"4242424242424242"}`,
		`{"x":"4242424242424241","y":"1234 5678 9012 3456","z":"GB29NWBK60161331926818"}`,
		`{"isbn":"978-3-16-148410-0","ean":"4006381333931","tracking":"1Z999AA10123456784"}`,
		`{"img":"logo@2x.png","pkg":"lib@1.2.3","repo":"git@code.example:org/repo.git","url":"https://user@code.example/x"}`,
		`{"ua":"Mozilla/5.0 (X11) Chrome/96.0.4664.110 Safari/537.36"}`,
		`{"time":"10:20:30","ns":"std::vector","x":"dead::beef"}`,
		`{"address":"0x52908400098527886E0F7030069857D2E4169EE7","wallet_address":"abc def"}`,
		`{"city":"Exampleton"}`,
		`{"searches":15,"orders":3,"watch_history":[],"browsing":{}}`,
		`{"births":"1990-02-28","birthday_gift":"1990-02-28"}`,
		`{"public":"4006","license":"MIT","cards":3}`,
		`{"x":"+1","y":"+00:00","z":"a+12345678901/b=="}`,
		`{"price":"1,234,567.89","dims":"10 x 20 x 30","range":"2019-2026","ids":[100200300,400500600]}`,
		// Blanks.
		`{"email":"**@*******.***","phone":"+44 **** ****23","full_name":"*** ***","card":{"number":"**** **** **** 4242"},"zip":0,"dob":"****-**-**","ip":null}`,
		`{"watch_history":[{"title_id":"*","watched_at":"*","position_s":0,"done":null}],"orders":[{"order_id":"*","items":[{"sku":"*"}],"total":0}]}`,
		`{"title_id":0,"position_s":0}`,
	} {
		if got := show(t, in, weir.Segment{Syntax: weir.JSON, Body: []byte(body), Record: true}); got != "" {
			t.Errorf("%s\n got %s", body, got)
		}
	}
}

func TestObjects(t *testing.T) {
	in := inspector(t, Config{})
	seg := weir.Segment{Syntax: weir.JSON, Record: true, Body: []byte(`{"email":"a@example.com","friends":[{"email":"b@example.com"},{"email":"c@example.com","pet":{}}],"also":["d@example.com"],` +
		`"watch_history":[{"title":"x"}],"orders":[{"order_id":1,"total":2}],"last":{"email":"e@example.com"}}`)}
	var r Report
	if err := in.Inspect(&r, &seg, nil); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range r.Findings {
		got = append(got, fmt.Sprintf("%s:%d", short(f.Class), f.Object))
	}
	want := "email:0 email:1 email:2 email:0 viewing_history:0 order:5 email:6"
	if s := strings.Join(got, " "); s != want {
		t.Errorf("got %s\nwant %s", s, want)
	}
}

func TestPieces(t *testing.T) {
	in := inspector(t, Config{})
	for _, c := range []struct {
		path       string
		record     bool
		body, want string
	}{
		{"", false, `{"owner":{"name":"Jo Example"},"data":{"items":[`, `name=Jo Example`},
		{"data items", false, `],"total":3,"email":"jo@example.com"}}`, `email=jo@example.com`},
		{"a", false, `],"b":[`, ``},
		{"", false, `]`, ``},
		{"data customers []", true, `{"name":"Jo Example"}`, `name=Jo Example`},
		{"data products []", true, `{"name":"Blue Boots"}`, ``},
		{"phones []", true, `"07700 900123"`, `phone=07700 900123`},
		{"phones []", true, `7700900123`, `phone=7700900123`},
		{"emails []", true, `"jo@example.com"`, `email=jo@example.com`},
		{"watch_history []", true, `{"title":"The Sea"}`, `viewing_history={"title":"The Sea"}`},
		{"customer orders", false, `],"name":"Jo Example"}`, `name=Jo Example`},
		{"", true, `"`, ErrMalformed.Error()},
		{"", true, `{"a":1`, ErrMalformed.Error()},
		{"", true, `{"a":[1}`, ErrMalformed.Error()},
		{"", true, `}`, ErrMalformed.Error()},
		{"", true, `hello jo@example.com`, ErrMalformed.Error()},
		{"", true, ``, ErrMalformed.Error()},
		{"", true, strings.Repeat("[", 10000), ErrMalformed.Error()},
	} {
		got := show(t, in, weir.Segment{Syntax: weir.JSON, Body: []byte(c.body), Path: strings.Fields(c.path), Record: c.record})
		if got != c.want {
			t.Errorf("%s: %.80s\n got %s\nwant %s", c.path, c.body, got, c.want)
		}
	}
}

func TestSubject(t *testing.T) {
	in := inspector(t, Config{})
	for _, c := range []struct {
		body, path, want string
		state            SubjectState
	}{
		{`{"id":"c-1","x":{"id":2}}`, "id", "c-1", Found},
		{`{"x":[{"id":2}],"id":17}`, "id", "17", Found},
		{`{"id":"c\u002d1"}`, "id", "c-1", Found},
		{`{"\u0069d":"c-1"}`, "id", "c-1", Found},
		{`{"customer":{"x":1,"id":"c-1"}}`, "customer id", "c-1", Found},
		{`{"customer":[{"id":"c-1"}]}`, "customer id", "", Absent},
		{`{"x":{"customer":{"id":"c-1"}}}`, "customer id", "", Absent},
		{`{"id":null}`, "id", "", Absent},
		{`{"id":true}`, "id", "", NotScalar},
		{`{"id":{"a":1}}`, "id", "", NotScalar},
		{`{"id":"c-1","id":"c-2"}`, "id", "", Duplicate},
		{`{"id":"c-1","i\u0064":"c-1"}`, "id", "", Duplicate},
		{`{"customer":{"id":"c-1"},"customer":{"id":"c-2"}}`, "customer id", "", Duplicate},
		{`{"customer":3,"customer":{"id":"c-2"}}`, "customer id", "", Duplicate},
		{`{"customer":{"id":"c-1"},"x":{"id":1,"id":2}}`, "customer id", "c-1", Found},
		{`[{"id":"c-1"}]`, "id", "", Absent},
		{`{"pad":"` + strings.Repeat("x", 300) + `","id":"c-1"}`, "id", "c-1", Found},
	} {
		var r Report
		err := in.Inspect(&r, &weir.Segment{Syntax: weir.JSON, Body: []byte(c.body), Record: true}, strings.Fields(c.path))
		if err != nil || r.SubjectState != c.state || c.state == Found && string(r.Subject) != c.want {
			t.Errorf("%s: %q %v %v", c.body, r.Subject, r.SubjectState, err)
		}
	}
	for _, c := range []struct {
		columns, want string
		state         SubjectState
	}{
		{"id email", `c-"1"`, Found},
		{"x id", "jo@example.com", Found},
		{"id id", "", Duplicate},
		{"x y", "", Absent},
	} {
		var r Report
		seg := &weir.Segment{Syntax: weir.CSV, Body: []byte("\"c-\"\"1\"\"\",jo@example.com\r\n"), Columns: strings.Fields(c.columns), Record: true}
		if err := in.Inspect(&r, seg, []string{"id"}); err != nil || r.SubjectState != c.state || c.state == Found && string(r.Subject) != c.want {
			t.Errorf("%s: %q %v %v", c.columns, r.Subject, r.SubjectState, err)
		}
	}
}

func TestCSV(t *testing.T) {
	in := inspector(t, Config{})
	for _, c := range []struct{ columns, row, want string }{
		{"id,name,email,phone", "c-1,Jo Example,jo@example.com,07700 900123\r\n", "name=Jo Example | email=jo@example.com | phone=07700 900123"},
		{"sku,name,price", "s-1,Blue Boots,12.99\n", ""},
		{"id,first_name,birth_date,line1,city,postcode", "1,\"Jo \"\"J\"\"\",1990-02-28,\"1 Example Street, 2\",Exampleton,EX1 1EX", `name=Jo ""J"" | birth_date=1990-02-28 | address=1 Example Street, 2 | address=Exampleton | address=EX1 1EX`},
		{"title_id,title,watched_at", "t-1,The Sea,2026-01-02T20:15:00Z\n", "viewing_history=t-1 | viewing_history=The Sea | viewing_history=2026-01-02T20:15:00Z"},
		{"title_id,title,year", "t-1,The Sea,2026\n", ""},
		{"order_id,total", "o-1,12.50\n", "order=o-1 | order=12.50"},
		{"card_number,ip", "4242424242424242,192.0.2.7\n", "card=4242424242424242 | ip=192.0.2.7"},
		{"", "id,name,jo@example.com\n", "email=jo@example.com"},
		{"a,b", "\"open,x\n", ErrMalformed.Error()},
		{"a,b", "\"x\"y,x\n", ErrMalformed.Error()},
		{"id,name,email,phone", "*,** *******,**@*******.***,***** ****23\n", ""},
	} {
		seg := weir.Segment{Syntax: weir.CSV, Body: []byte(c.row), Record: true}
		if c.columns != "" {
			seg.Columns = strings.Split(c.columns, ",")
		}
		if got := show(t, in, seg); got != c.want {
			t.Errorf("%s: %s\n got %s\nwant %s", c.columns, c.row, got, c.want)
		}
	}
}

func TestHTML(t *testing.T) {
	in := inspector(t, Config{})
	for _, c := range []struct{ body, want string }{
		{`<p>write to jo@example.com</p>`, `email=jo@example.com`},
		{`<p>jo&#64;example.com jo&commat;example.org</p>`, `email=jo&#64;example.com | email=jo&commat;example.org`},
		{`<a href="mailto:jo@example.com">mail</a>`, `email=jo@example.com`},
		{`<dl><dt>Full name</dt><dd>Jo Example</dd><dt>Phone</dt><dd>07700 900123</dd></dl>`, `name=Jo Example | phone=07700 900123`},
		{`<dl><dt>Name</dt><dd>Jo Example</dd><dt>E-mail</dt><dd>jo@example.com</dd></dl>`, `name=Jo Example | email=jo@example.com`},
		{`<dl><dt>Name</dt><dd>Blue Boots</dd><dt>Price</dt><dd>12.99</dd></dl>`, ``},
		{`<table><tr><th>Name</th><td>Jo Example</td></tr><tr><th>Date of birth</th><td>1990-02-28</td></tr></table>`, `name=Jo Example | birth_date=1990-02-28`},
		{`<table><tr><th>Product</th><th>Name</th></tr><tr><td>1</td><td>Boots</td></tr></table>`, ``},
		{`<table><tr><th>First name</th><th>Street</th></tr><tr><td>Jo</td><td>1 Example Street</td></tr><tr><td>Bo</td><td>2 Example Street</td></tr></table>`,
			`name=Jo | address=1 Example Street | name=Bo | address=2 Example Street`},
		{`<table><tr><th>Title</th><th>Watched at</th></tr><tr><td>The Sea</td><td>2026-01-02 20:15</td></tr></table>`, `viewing_history=The Sea | viewing_history=2026-01-02 20:15`},
		{`<h2>Recently watched</h2><ul><li>The Sea</li><li>***</li></ul><h2>News</h2><ul><li>Boats</li></ul>`, `viewing_history=The Sea`},
		{`<h2>Search history</h2><table><tr><th>Query</th></tr><tr><td>boots</td></tr></table>`, `search_history=boots`},
		{`<table><tr><th>Order</th><th>Recipient</th><th>Total</th></tr><tr><td>o-1</td><td>Bo Example</td><td>12.50</td></tr></table>`, `order=o-1 | name=Bo Example | order=12.50`},
		{`<label>Last name:</label> <span>Example</span>`, `name=Example`},
		{`<span itemprop="familyName">Example</span>`, `name=Example`},
		{`<div class="card customer-name">Jo Example</div>`, `name=Jo Example`},
		{`<input name="last_name" value="Example">`, `name=Example`},
		{`<div data-email="jo@example.com" data-birth-date="1990-02-28">`, `email=jo@example.com | birth_date=1990-02-28`},
		{`<p>Birthday: 1990-02-28</p>`, `birth_date=1990-02-28`},
		{`<!-- jo@example.com -->`, `email=jo@example.com`},
		{`<script type="application/json">{"customer":{"name":"Jo Example"}}</script>`, `name=Jo Example`},
		{`<script>var x = {"email":"jo@example.com"};</script>`, `email=jo@example.com`},
		{`<style>a{width:4242424242424.42px}</style><p>&nbsp;</p><`, ``},
		{`<a b="jo@example.com`, `email=jo@example.com`},
	} {
		if got := show(t, in, weir.Segment{Syntax: weir.HTML, Body: []byte(c.body), Record: true}); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.body, got, c.want)
		}
	}
}

func TestTextAndHeaders(t *testing.T) {
	in := inspector(t, Config{})
	for _, c := range []struct{ name, body, want string }{
		{"", `INFO email=jo@example.com ip=192.0.2.7 took 12ms`, `email=jo@example.com | ip=192.0.2.7`},
		{"", `paid with 4242-4242-4242-4242`, `card=4242-4242-4242-4242`},
		{"", `GET /x?u=jo%40example.com&p=%2B447700900123 HTTP/1.1`, `email=jo%40example.com | phone=%2B447700900123`},
		{"", `081109 203615 148 INFO dfs.DataNode: Received block blk_-4980916519894289629 of size 67108864`, ``},
		{"", `2026-03-01T10:20:30.123Z 1767225600123 trace=4bf92f3577b34da6a3ce929d0e0e4736`, ``},
		{"X-User-Email", `jo@example.com`, `email=jo@example.com`},
		{"X-Customer-Name", `Jo Example`, `name=Jo Example`},
		{"X-Phone", `7700900123`, `phone=7700900123`},
		{"Location", `/welcome?mail=jo%40example.com`, `email=jo%40example.com`},
		{"Date", `Sun, 22 Nov 2026 07:22:36 GMT`, ``},
		{"Set-Cookie", `sid=424242424242424242424; Max-Age=3600`, ``},
	} {
		seg := weir.Segment{Syntax: weir.Text, Body: []byte(c.body), Record: true}
		if c.name != "" {
			seg.Syntax, seg.Name = weir.Header, c.name
		}
		if got := show(t, in, seg); got != c.want {
			t.Errorf("%s: %s\n got %s\nwant %s", c.name, c.body, got, c.want)
		}
	}
}

// TestObjectsAmongText has values written in escapes in several JSON objects among
// text: what is undone in one takes nothing from those before.
func TestObjectsAmongText(t *testing.T) {
	in := inspector(t, Config{})
	body := strings.Repeat("one {\"email\":\"jo@example.com\"}\n", 3) + "{\"a\":\"b\\u0040example.com\",\"c\":\"1%2540\"} jo@example.net\n"
	want := `email=jo@example.com | email=jo@example.com | email=jo@example.com | email=b\u0040example.com | email=jo@example.net`
	if got := show(t, in, weir.Segment{Syntax: weir.Text, Body: []byte(body)}); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestConfig(t *testing.T) {
	seg := func(s string) weir.Segment { return weir.Segment{Syntax: weir.Text, Body: []byte(s)} }
	if got := show(t, inspector(t, Config{Countries: []string{"FR"}}), seg("(212) 555-0123, 01 99 00 12 34")); got != "phone=01 99 00 12 34" {
		t.Errorf("France alone: %s", got)
	}
	if got := show(t, inspector(t, Config{Countries: []string{}}), seg("(212) 555-0123, 01 99 00 12 34, tel 01 99 00 12 34")); got != "phone=01 99 00 12 34" {
		t.Errorf("no country: %s", got)
	}
	if got := show(t, inspector(t, Config{Min: weir.SureMatch}), seg("4242424242424242 or card 4242424242424242")); got != "card=4242424242424242" {
		t.Errorf("sure only: %s", got)
	}
	if got := show(t, inspector(t, Config{Unsure: true}), seg("10.0.0.7")); got != "ip=10.0.0.7" {
		t.Errorf("unsure too: %s", got)
	}
	if _, err := New(Config{Countries: []string{"XX"}}); err == nil {
		t.Error("an unknown country is taken")
	}
	for _, c := range Classes() {
		if c.Name == "" || c.About == "" || c.Example == "" || c.Source == "" {
			t.Errorf("incomplete: %+v", c)
		}
	}
}

func TestIdentifier(t *testing.T) {
	in := inspector(t, Config{})
	for _, c := range []struct{ body, want string }{
		{`{"x":"Jo@Example.COM"}`, "email jo@example.com"},
		{`{"x":"Jo\u0040Example.com"}`, "email jo@example.com"},
		{`{"x":"jo%40example.com"}`, "email jo@example.com"},
		{`{"x":"+44 (0)7700 900123"}`, "phone +447700900123"},
		{`{"x":"+44-7700-900123"}`, "phone +447700900123"},
		{`{"phone":"0044 7700 900123"}`, "phone +447700900123"},
		{`{"phone":"07700 900123 x12"}`, "phone 07700900123"},
		{`{"phone":7700900123}`, "phone 7700900123"},
		{`{"x":"4242-4242-4242-4242"}`, "card 4242424242424242"},
		{`{"x":"gb29 nwbk 6016 1331 9268 19"}`, "iban GB29NWBK60161331926819"},
		{`{"x":"192.0.2.7"}`, ""},
	} {
		seg := &weir.Segment{Syntax: weir.JSON, Body: []byte(c.body), Record: true}
		var r Report
		if err := in.Inspect(&r, seg, nil); err != nil || len(r.Findings) != 1 {
			t.Errorf("%s: %v %v", c.body, r.Findings, err)
			continue
		}
		id, ok := in.Identifier(seg, r.Findings[0])
		got := ""
		if ok {
			got = id.Kind + " " + id.Value.Reveal()
		}
		if got != c.want {
			t.Errorf("%s: got %s, want %s", c.body, got, c.want)
		}
	}
}

// TestPlaceDoesNotMatter moves a record through the blocks that a segment is read
// in: what is found must not depend on where a block ends.
func TestPlaceDoesNotMatter(t *testing.T) {
	in := inspector(t, Config{})
	want := show(t, in, weir.Segment{Syntax: weir.JSON, Body: []byte(customer), Record: true})
	if strings.Count(want, "|") < 14 {
		t.Fatalf("too little found: %s", want)
	}
	for pad := range 200 {
		for _, by := range []string{strings.Repeat(" ", pad), `["` + strings.Repeat("x", pad) + `",`, `["` + strings.Repeat(`\"`, pad) + `",`} {
			body := by + customer
			if by != "" && by[0] == '[' {
				body += "]"
			}
			if got := show(t, in, weir.Segment{Syntax: weir.JSON, Body: []byte(body), Record: true}); got != want {
				t.Fatalf("%d bytes in:\n got %s\nwant %s", pad, got, want)
			}
		}
	}
}

func TestCleanBytesAllocateNothing(t *testing.T) {
	in := inspector(t, Config{})
	for _, seg := range []weir.Segment{
		{Syntax: weir.JSON, Body: catalogue(), Record: true},
		{Syntax: weir.JSON, Body: []byte(`],"total":180,"next":null,"kinds":[`), Path: []string{"a_catalogue_of_titles", "items"}},
		{Syntax: weir.JSON, Body: []byte(`{"sku":"RC-1"}`), Path: []string{"data", "items", "[]"}, Record: true},
		{Syntax: weir.Text, Body: text()},
		{Syntax: weir.CSV, Body: []byte("s-1,\"Blue, Boots\",12.99\n"), Columns: []string{"sku", "name", "price"}, Record: true},
		{Syntax: weir.HTML, Body: []byte(strings.Repeat(`<p class="x">Blue Boots <b>12.99</b></p>`, 100))},
		{Syntax: weir.Header, Name: "Date", Body: []byte("Sun, 22 Nov 2026 07:22:36 GMT")},
	} {
		var r Report
		w := in.walks.Get().(*walk) // a pool may drop what it is given
		if n := testing.AllocsPerRun(50, func() {
			if err := w.inspect(&r, &seg, nil); err != nil || len(r.Findings) > 0 {
				t.Fatal(r.Findings, err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", seg.Syntax, n)
		}
	}
}

// fuzz adds the seeds of every fuzzer here.
func fuzz(f *testing.F) {
	for _, s := range []string{customer, string(catalogue()[:700]), `{"a":"\u0040","b":["x",{"y":[]}]}`, "a@b.example,\"x\"\"y\"",
		`<table><tr><th>Name<td>x</table><script>{"a":1}</script><a b='c`, "%25%25%2540 + ++1 4242 4242 4242 4242", "jo＠example.com \u200b",
		`{"orders":[{"order_id":"*","items":[{"order_id":"*","total":0}],"total":0}]}`,
		"see file://directory.  The second, https://, git+ssh://. and postgres://a:b1c2d3e4@c.example/d?e=f.m3u8", "password=x1y2z3!; api_key: 'a' Bearer eyJhbGciOiJub25lIn0.e30.",
		`{"password":"x1y2z3!","pin":1,"wish_list":["a"],"sender_id":1,"recipient_id":2,"text":"a","key":"-----BEGIN PRIVATE KEY-----\nMII\n-----END"}`, "$6$a$b :AA -us1 dapi hf_ tok_1"} {
		f.Add([]byte(s))
	}
}

func FuzzInspect(f *testing.F) {
	fuzz(f)
	in := inspector(f, Config{Unsure: true})
	f.Fuzz(func(t *testing.T, body []byte) {
		var r Report
		for _, seg := range []weir.Segment{
			{Syntax: weir.JSON, Body: body, Record: true},
			{Syntax: weir.JSON, Body: body, Path: []string{"customers", "[]"}},
			{Syntax: weir.CSV, Body: body, Columns: []string{"id", "name", "email", "watched_at", "title"}, Record: true},
			{Syntax: weir.HTML, Body: body},
			{Syntax: weir.Text, Body: body},
			{Syntax: weir.Header, Body: body, Name: "X-Phone"},
		} {
			err := in.Inspect(&r, &seg, []string{"id"})
			if err != nil {
				if !errors.Is(err, ErrMalformed) {
					t.Fatal(err)
				}
				if seg.Syntax == weir.JSON && seg.Record && json.Valid(body) && strings.Count(string(body), "[")+strings.Count(string(body), "{") < 500 {
					t.Fatalf("valid JSON refused: %q", body)
				}
				continue
			}
			check(t, &seg, &r)
			for _, x := range r.Findings {
				in.Identifier(&seg, x)
			}
			n := len(r.Findings)
			if err := in.Inspect(&r, &seg, []string{"id"}); err != nil || len(r.Findings) != n {
				t.Fatalf("%s: twice the same, %d findings and then %d: %v", seg.Syntax, n, len(r.Findings), err)
			}
		}
	})
}

package reelcart_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"encoding/json"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/getweir/weir/internal/reelcart"
)

const population = 230

func serve(t *testing.T) (*reelcart.Platform, string) {
	t.Helper()
	p := reelcart.New(1, population)
	s := httptest.NewServer(p.Handler())
	t.Cleanup(s.Close)
	return p, s.URL
}

func get(t *testing.T, url string) (*http.Response, []byte) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, body
}

func TestEveryAnswerIsWellFormed(t *testing.T) {
	p, base := serve(t)
	c := &p.Population().Customers[3]
	for _, tc := range []struct {
		path, kind string
		status     int
	}{
		{"/healthz", "application/json", 200},
		{reelcart.Marker, "application/json", 200},
		{"/v1/customers", "application/json", 200},
		{"/v1/customers?cursor=9999", "application/json", 200},
		{"/v1/customers?cursor=x", "application/json", 400},
		{"/v1/customers?limit=0", "application/json", 400},
		{"/v1/customers/" + c.ID, "application/json", 200},
		{"/v1/customers/c-99999", "application/json", 404},
		{"/v1/customers/" + c.ID + "/orders", "application/json", 200},
		{"/v1/customers/" + c.ID + "/history", "application/json", 200},
		{"/v1/customers/" + c.ID + "/searches", "application/json", 200},
		{"/v1/customers/" + c.ID + "/browsing", "application/json", 200},
		{"/v1/orders", "application/json", 200},
		{"/v1/histories", "application/json", 200},
		{"/v1/catalogue", "application/json", 200},
		{"/v1/catalogue?cursor=450&limit=200", "application/json", 200},
		{"/v1/catalogue/" + p.Population().Catalogue.Titles[7].ID, "application/json", 200},
		{"/v1/catalogue/nothing", "application/json", 404},
		{"/v1/search?q=the", "application/json", 200},
		{"/v1/search", "application/json", 400},
		{"/v1/debug/sessions", "application/json", 200},
		{"/account/" + c.ID, "text/html; charset=utf-8", 200},
		{"/account/nobody", "application/json", 404},
		{"/export/customers.csv", "text/csv; charset=utf-8", 200},
		{"/nowhere", "application/json", 404},
	} {
		res, body := get(t, base+tc.path)
		if res.StatusCode != tc.status || res.Header.Get("Content-Type") != tc.kind {
			t.Errorf("%s: %d %s, want %d %s", tc.path, res.StatusCode, res.Header.Get("Content-Type"), tc.status, tc.kind)
		}
		if res.Header.Get("Server") != "reel-and-cart" {
			t.Errorf("%s: no mark in the Server header", tc.path)
		}
		if tc.kind == "application/json" && !json.Valid(body) {
			t.Errorf("%s: not JSON", tc.path)
		}
	}
}

func TestOnePersonOneIdentifier(t *testing.T) {
	p, base := serve(t)
	for i := range p.Population().Customers {
		c := &p.Population().Customers[i]
		for _, path := range []string{"/v1/customers/" + c.ID, "/account/" + c.ID} {
			_, body := get(t, base+path)
			text := html.UnescapeString(string(body))
			for _, want := range []string{c.ID, c.FirstName, c.LastName, c.Email, c.Phone, c.Card.Number, c.Address.Street, c.IBAN, c.Born} {
				if !strings.Contains(text, want) {
					t.Fatalf("%s lacks something of its customer", path)
				}
			}
			if strings.Index(text, c.ID) > strings.Index(text, c.Email) {
				t.Fatalf("%s does not begin with its customer", path)
			}
			if n := strings.Count(text, "@"); n != strings.Count(text, c.Email) {
				t.Fatalf("%s holds an e-mail address of somebody else", path)
			}
		}
	}
}

// ids walks a paged list and gives the identifiers in it, in order.
func ids(t *testing.T, url, array string, id ...string) (all []string) {
	t.Helper()
	for cursor := "0"; ; {
		sep := "?"
		if strings.Contains(url, "?") {
			sep = "&"
		}
		_, body := get(t, url+sep+"cursor="+cursor)
		var page struct {
			Data map[string]json.RawMessage `json:"data"`
			Next *string                    `json:"next"`
		}
		var items []map[string]json.RawMessage
		if err := json.Unmarshal(body, &page); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(page.Data[array], &items); err != nil {
			t.Fatal(err)
		}
		for _, it := range items {
			for _, k := range id[:len(id)-1] {
				inner := it[k]
				it = nil
				if err := json.Unmarshal(inner, &it); err != nil {
					t.Fatal(err)
				}
			}
			var s string
			if err := json.Unmarshal(it[id[len(id)-1]], &s); err != nil {
				t.Fatal(err)
			}
			all = append(all, s)
		}
		if page.Next == nil {
			return all
		}
		cursor = *page.Next
	}
}

func TestListsReachEverybodyOnce(t *testing.T) {
	p, base := serve(t)
	nOrders := 0
	for _, c := range p.Population().Customers {
		nOrders += len(c.Orders)
	}
	for _, tc := range []struct {
		path, array string
		id          []string
		n           int
	}{
		{"/v1/customers?limit=70", "items", []string{"id"}, population},
		{"/v1/histories", "items", []string{"customer_id"}, population},
		{"/v1/orders?limit=33", "items", []string{"order", "order_id"}, nOrders},
		{"/v1/debug/sessions", "sessions", []string{"customer", "id"}, population},
		{"/v1/catalogue?limit=200", "items", []string{"id"}, 480},
	} {
		got := ids(t, base+tc.path, tc.array, tc.id...)
		seen := map[string]bool{}
		for _, id := range got {
			seen[id] = true
		}
		if len(got) != tc.n || len(seen) != tc.n {
			t.Errorf("%s: %d records, %d different, want %d", tc.path, len(got), len(seen), tc.n)
		}
	}
}

func TestSearchFindsCustomersByName(t *testing.T) {
	p, base := serve(t)
	c := &p.Population().Customers[11]
	_, body := get(t, base+"/v1/search?q="+strings.ReplaceAll(c.LastName, " ", "+"))
	if !bytes.Contains(body, []byte(`"id":"`+c.ID+`"`)) {
		t.Error("the customer is not found by the last name")
	}
}

func TestExport(t *testing.T) {
	p, base := serve(t)
	_, body := get(t, base+"/export/customers.csv")
	rows, err := csv.NewReader(bytes.NewReader(body)).ReadAll()
	if err != nil || len(rows) != population+1 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for i, row := range rows[1:] {
		c := &p.Population().Customers[i]
		if row[0] != c.ID || row[3] != c.Email || row[11] != c.Card.Number {
			t.Fatalf("row %d is not of customer %s", i, c.ID)
		}
	}
	_, body = get(t, base+"/export/customers.csv?limit=20&cursor=5")
	rows, err = csv.NewReader(bytes.NewReader(body)).ReadAll()
	if err != nil || len(rows) != 21 || rows[1][0] != p.Population().Customers[5].ID {
		t.Fatalf("a part of the export has %d rows, %v", len(rows), err)
	}
}

func TestGzipWhenAsked(t *testing.T) {
	_, base := serve(t)
	for header, want := range map[string]bool{"gzip": true, "br, GZIP;q=0.5": true, "gzip;q=0": false, "identity": false, "": false} {
		for _, path := range []string{"/v1/customers", "/v1/customers/c-99999", "/export/customers.csv"} {
			_, plain := get(t, base+path)
			req, _ := http.NewRequest("GET", base+path, nil)
			req.Header.Set("Accept-Encoding", header)
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			var r io.Reader = res.Body
			if got := res.Header.Get("Content-Encoding") == "gzip"; got != want {
				t.Errorf("%s with %q: gzip %v", path, header, got)
			} else if got {
				if r, err = gzip.NewReader(res.Body); err != nil {
					t.Fatal(err)
				}
			}
			body, err := io.ReadAll(r)
			res.Body.Close()
			if err != nil || !bytes.Equal(body, plain) {
				t.Errorf("%s with %q: other bytes than without, %v", path, header, err)
			}
		}
	}
}

// firstFlush is a ResponseWriter that notes how much had been written when
// something was first flushed.
type firstFlush struct {
	http.ResponseWriter
	written, at int
}

func (f *firstFlush) Write(b []byte) (int, error) {
	f.written += len(b)
	return f.ResponseWriter.Write(b)
}

func (f *firstFlush) FlushError() error {
	if f.at == 0 {
		f.at = f.written
	}
	return http.NewResponseController(f.ResponseWriter).Flush()
}

func TestLongAnswersStream(t *testing.T) {
	p := reelcart.New(1, population)
	for _, encoding := range []string{"", "gzip"} {
		for _, path := range []string{"/v1/histories?limit=200", "/export/customers.csv", "/v1/debug/sessions"} {
			w := &firstFlush{ResponseWriter: httptest.NewRecorder()}
			req := httptest.NewRequest("GET", path, nil)
			req.Header.Set("Accept-Encoding", encoding)
			p.Handler().ServeHTTP(w, req)
			if w.at == 0 || w.at > w.written*3/4 {
				t.Errorf("%s in %q: first flush after %d of %d bytes", path, encoding, w.at, w.written)
			}
		}
	}
}

func TestErrorsRepeatNothing(t *testing.T) {
	_, base := serve(t)
	for _, path := range []string{"/v1/customers/SECRET", "/account/SECRET", "/v1/customers?cursor=SECRET", "/SECRET", "/v1/catalogue/SECRET"} {
		res, body := get(t, base+path)
		if bytes.Contains(body, []byte("SECRET")) || res.StatusCode < 400 {
			t.Errorf("%s: the error repeats what was asked for", path)
		}
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- reelcart.New(1, 3).Run(ctx, l) }()
	if res, _ := get(t, "http://"+l.Addr().String()+"/healthz"); res.StatusCode != 200 {
		t.Error("not healthy")
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func BenchmarkSessions(b *testing.B) {
	h := reelcart.New(1, 200).Handler()
	var n int64
	for b.Loop() {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/v1/debug/sessions", nil))
		n = int64(w.Body.Len())
	}
	b.SetBytes(n)
}

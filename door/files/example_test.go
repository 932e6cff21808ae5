package files_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/getweir/weir/door/files"
	"github.com/getweir/weir/inspect"
)

// A reader gives a stream on, masked.
func ExampleNewFilter() {
	in, _ := inspect.New(inspect.Config{})
	log := strings.NewReader("GET /reset for jo@example.com\nGET /health\n")
	_, _ = io.Copy(os.Stdout, files.NewFilter(log, files.MaskOptions{Inspector: in}))
	// Output:
	// GET /reset for **@*******.***
	// GET /health
}

// A writer does the same to what is written to it.
func ExampleNewWriter() {
	in, _ := inspect.New(inspect.Config{})
	w := files.NewWriter(os.Stdout, files.MaskOptions{Inspector: in, Format: files.CSV})
	fmt.Fprint(w, "id,card\n7,4242 4242 4242 4242\n")
	if err := w.Close(); err != nil {
		fmt.Println(err)
	}
	// Output:
	// id,card
	// 7,**** **** **** 4242
}

// A handler's answers go out masked.
func ExampleNewHandler() {
	in, _ := inspect.New(inspect.Config{})
	account := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"id":7,"email":"jo@example.com","phone":"+44 7700 900123"}`)
	})
	w := httptest.NewRecorder()
	files.NewHandler(account, files.MaskOptions{Inspector: in}).ServeHTTP(w, httptest.NewRequest("GET", "/account", nil))
	fmt.Println(w.Body)
	// Output:
	// {"id":7,"email":"**@*******.***","phone":"+44 **** ****23"}
}

// What is logged is masked before it is written.
func ExampleNewLogHandler() {
	in, _ := inspect.New(inspect.Config{})
	plain := slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
	log := slog.New(files.NewLogHandler(plain, files.MaskOptions{Inspector: in}))
	log.Info("mail sent to jo@example.com", "phone", "+44 7700 900123", "attempt", 2)
	// Output:
	// level=INFO msg="mail sent to **@*******.***" phone="+44 **** ****23" attempt=2
}

// Scan tells where in files there is personal data.
func ExampleScan() {
	in, _ := inspect.New(inspect.Config{})
	o := files.Options{Inspector: in, Input: strings.NewReader(`{"items":[{"id":1},{"email":"jo@example.com"}]}`)}
	sum, err := files.Scan(context.Background(), []string{"-"}, o, func(f files.Finding) {
		fmt.Println(f.Line, f.Column, f.Path, f.Class, f.Confidence)
	})
	fmt.Println(sum.Files, "file,", sum.Bytes, "bytes", err)
	// Output:
	// 1 30 $.items[1].email contact.email high
	// 1 file, 47 bytes <nil>
}

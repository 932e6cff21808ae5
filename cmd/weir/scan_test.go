package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/getweir/weir/internal/browser"
)

// folder writes files under a new folder.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestScanReportInTheBrowser opens the report of a scan in a real browser, in both
// dresses: it is whole, asks for nothing from elsewhere, and names that want to be
// markup stay names.
func TestScanReportInTheBrowser(t *testing.T) {
	dir := folder(t, map[string]string{
		"a/customers.json":        `[{"email":"jo@example.com","card":"4242 4242 4242 4242","<img src=x onerror=alert(1)>":{"email":"bo@example.com"}}]`,
		"a/<b>bold & loud<b>.txt": "jo@example.com\n",
		"pic.png":                 "\x89PNG\r\n\x1a\n\x00\x00",
		"cut.json":                `{"a":["jo@example.com"`,
	})
	report := filepath.Join(t.TempDir(), "report.html")
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"scan", "--html", report, dir}, nil, &out, &errs); code != 1 {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	page, err := os.ReadFile(report)
	if err != nil || bytes.Contains(page, []byte("@example")) || bytes.Contains(page, []byte("4242 4242")) || bytes.Contains(page, []byte("<b>")) && bytes.Contains(page, []byte("<b>bold")) {
		t.Fatalf("%v: a value or a name's markup is in the page", err)
	}
	tab, complaints := browser.Start(t)
	for _, scheme := range []string{"light", "dark"} {
		browser.Run(t, tab, "open the report", browser.Dress(1280, 960, scheme), chromedp.Navigate("file://"+report))
		browser.Run(t, tab, "see it", browser.Becomes(`/Personal data in 3 of 3 files/.test(document.body.innerText) && /payment\.card/.test(document.body.innerText) && /1 binary/.test(document.body.innerText) && document.body.innerText.includes('<b>bold & loud<b>.txt') && document.body.scrollWidth <= innerWidth`))
		if *pictures != "" {
			browser.Picture(t, tab, filepath.Join(*pictures, "scan-"+scheme+".png"))
		}
	}
	if said := complaints(); len(said) > 0 {
		t.Errorf("the page complains: %q", said)
	}
}

// TestSARIF holds the log to the structure that SARIF 2.1.0 gives it: nothing that it
// does not name, everything that it requires, numbers within their bounds.
func TestSARIF(t *testing.T) {
	dir := folder(t, map[string]string{"a b.json": `{"é":[{"email":"jo@example.com"}]}`, "b.txt": "card 4242 4242 4242 4242\n"})
	for _, paths := range [][]string{{dir}, {filepath.Join(dir, "none"), dir}, {os.DevNull}} {
		var out, errs bytes.Buffer
		run(t.Context(), append([]string{"scan", "--sarif"}, paths...), nil, &out, &errs)
		dec := json.NewDecoder(&out)
		dec.DisallowUnknownFields()
		var log struct {
			Schema  string `json:"$schema"`
			Version string
			Runs    []struct {
				Tool struct {
					Driver struct {
						Name, Version, InformationURI string
						Rules                         []struct {
							ID                     string
							ShortDescription, Help struct{ Text string }
							Properties             struct{ Tags []string }
						}
					}
				}
				ColumnKind string
				Results    []struct {
					RuleID    string
					RuleIndex int
					Level     string
					Message   struct{ Text string }
					Locations []struct {
						PhysicalLocation struct {
							ArtifactLocation struct{ URI string }
							Region           struct{ StartLine, StartColumn, ByteOffset, ByteLength int }
						}
						LogicalLocations []struct{ FullyQualifiedName string }
					}
					Properties map[string]any
				}
				Invocations []struct {
					ExecutionSuccessful        *bool
					ToolExecutionNotifications []struct {
						Level   string
						Message struct{ Text string }
					}
				}
			}
		}
		if err := dec.Decode(&log); err != nil {
			t.Fatal(err)
		}
		if log.Version != "2.1.0" || len(log.Runs) != 1 || log.Runs[0].Tool.Driver.Name != "weir" || log.Runs[0].Results == nil || log.Runs[0].ColumnKind != "unicodeCodePoints" {
			t.Fatalf("%+v", log)
		}
		r := log.Runs[0]
		if done := r.Invocations[0].ExecutionSuccessful; done == nil || *done != (len(paths) == 1) {
			t.Errorf("of %q it says %v", paths, done)
		}
		for _, k := range r.Results {
			where := k.Locations[0].PhysicalLocation
			if r.Tool.Driver.Rules[k.RuleIndex].ID != k.RuleID || !strings.Contains("note warning error", k.Level) || k.Message.Text == "" || where.Region.StartLine < 1 || where.Region.StartColumn < 1 || where.Region.ByteLength < 1 ||
				strings.Contains(where.ArtifactLocation.URI, " ") {
				t.Errorf("%+v", k)
			}
		}
		if paths[0] != os.DevNull && len(r.Results) < 2 {
			t.Errorf("%d results", len(r.Results))
		}
	}
}

// TestScanInterrupted stops a scan of an input that never ends: at once, with what
// was read told.
func TestScanInterrupted(t *testing.T) {
	for _, args := range [][]string{{"scan", "--json", "-"}, {"mask", "--format", "text"}} {
		cmd := program(t.Context(), t, args...)
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for range 64 {
			if _, err := io.WriteString(in, strings.Repeat("mail to jo@example.com\n", 1000)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(100 * time.Millisecond) // into the read that waits
		_ = cmd.Process.Signal(syscall.SIGINT)
		err = cmd.Wait()
		var exited *exec.ExitError
		if !errors.As(err, &exited) || exited.ExitCode() != 2 {
			t.Errorf("%v: %v %s", args, err, errs.String())
		}
		if args[0] == "scan" && (!strings.Contains(errs.String(), "interrupted") || !strings.Contains(errs.String(), "findings in")) {
			t.Errorf("it says %q", errs.String())
		}
		if strings.Contains(out.String(), "jo@") {
			t.Error("a value came out")
		}
	}
}

// TestMaskStreams has each line masked when it is whole, while the stream goes on.
func TestMaskStreams(t *testing.T) {
	in, feed := io.Pipe()
	get, out := io.Pipe()
	done := make(chan int, 1)
	var errs bytes.Buffer
	go func() {
		code := run(context.Background(), []string{"mask", "--format", "ndjson"}, in, out, &errs)
		out.Close()
		done <- code
	}()
	buf := make([]byte, 1000)
	for i := range 5 {
		fmt.Fprintf(feed, `{"n":%d,"email":"jo@example.com"}`+"\n", i)
		n, err := get.Read(buf)
		if want := fmt.Sprintf(`{"n":%d,"email":"**@*******.***"}`+"\n", i); err != nil || string(buf[:n]) != want {
			t.Fatalf("%q, %v; want %q", buf[:n], err, want)
		}
	}
	feed.Close()
	if code := <-done; code != 0 {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
}

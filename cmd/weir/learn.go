package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/getweir/weir/inspect"
	"github.com/getweir/weir/learn"
	"github.com/getweir/weir/policy"
)

type learnCommand struct {
	Files     []string      `arg:"" optional:"" type:"existingfile" help:"Recordings (HAR 1.2, buffered traces of Envoy's HTTP tap) and OpenAPI documents (3.0, 3.1)."`
	Upstream  string        `default:"http://127.0.0.1:9000" placeholder:"URL" help:"The service that Weir is to stand before: it goes into weir.yaml. Default: http://127.0.0.1:9000."`
	Out       string        `short:"o" default:"." type:"path" placeholder:"DIR" help:"Where weir.yaml, policy.yaml and the folder weir-state go. Default: here."`
	Force     bool          `help:"Write over a weir.yaml and a policy.yaml that are there. weir-state is never written over."`
	Mirror    string        `placeholder:"ADDR" help:"Listen here for mirrored requests (nginx mirror, Envoy request mirroring), such as 127.0.0.1:8099."`
	For       time.Duration `placeholder:"SPAN" help:"With --mirror: end by itself after this long, such as 24h."`
	Replay    string        `placeholder:"URL" help:"With --mirror: ask this service for what mirrored GETs asked for, to have answers to learn from."`
	Rate      float64       `default:"5" help:"With --replay: at most so many requests a second. Default: 5."`
	HTML      string        `name:"html" placeholder:"FILE" type:"path" help:"Write the report as one HTML page."`
	JSON      bool          `name:"json" help:"Print the report as JSON."`
	DryRun    bool          `help:"Report only, write no weir.yaml and no policy.yaml."`
	Temporary string        `placeholder:"DIR" type:"path" help:"Where what is learnt from is kept while it is read, in a file without a name. Default: the system's folder."`
}

func (learnCommand) Help() string {
	return `Makes of recorded traffic a weir.yaml and a policy.yaml with budgets that would have bothered nobody, and says what a stolen credential could take today. Nothing goes in line. No value of a customer is in what it writes.

From where:
  HAR files       from a browser (with sensitive data, or there are no credentials in them), a proxy, a test suite; any number, up to gigabytes
  Envoy taps      the HTTP tap filter, file_per_tap or streaming admin, as buffered traces in JSON, with bodies
  OpenAPI         adds routes that nobody has used yet and the names of what is in addresses; by itself it knows of no budgets
  mirrored requests   a mirror sends requests, and throws answers away. So --mirror learns who asks for what, and answers come from where you choose:
                    --replay URL asks the service again, for GETs only, with the request's own credential, slowly;
                    or a tap, or weir serve --observe in line, which changes nothing and sees both

It plays the recording to a Weir that enforces what it wrote, and tells what that would have stopped: such routes are written as mode: observe.

nginx:  location / { mirror /mirror; proxy_pass ...; }  location = /mirror { internal; proxy_pass http://127.0.0.1:8099$request_uri; }
Envoy:  route: { request_mirror_policies: [{ cluster: weir_learn }] }

Ctrl-C ends the reading and keeps what was learnt until then; a second one ends at once.

Examples:
  weir learn monday.har tuesday.har --upstream http://shop.internal:9000
  weir learn api.yaml *.har -o /etc/weir --html exposure.html
  weir learn --mirror 127.0.0.1:8099 --replay http://shop.internal:9000 --for 24h`
}

func (c *learnCommand) Run(s *streams) error {
	if len(c.Files) == 0 && c.Mirror == "" {
		return usageError{errors.New("say what to learn from: recordings, or --mirror ADDR")}
	}
	if c.Mirror == "" && (c.Replay != "" || c.For != 0) {
		return usageError{errors.New("--replay and --for go with --mirror")}
	}
	if c.Rate <= 0 || c.Rate > 1000 {
		return usageError{errors.New("--rate: from above 0 to 1000 requests a second")}
	}
	config, policyFile := filepath.Join(c.Out, "weir.yaml"), filepath.Join(c.Out, "policy.yaml")
	for _, path := range []string{config, policyFile} {
		if _, err := os.Lstat(path); err == nil && !c.Force && !c.DryRun {
			return fmt.Errorf("%s is there already. --force writes over it, -o DIR writes elsewhere, --dry-run only reports", path)
		}
	}
	finder, err := inspect.New(inspect.Config{})
	if err != nil {
		return err
	}
	l := learn.New(finder)
	spool, err := learn.NewSpool(c.Temporary)
	if err != nil {
		return err
	}
	defer spool.Close()
	// The first Ctrl-C ends the reading; what follows is short, and goes on.
	var notes []string
	var api learn.API
	for _, file := range c.Files {
		more, err := c.read(s, file, l, spool, &api)
		if err != nil {
			return err
		}
		notes = append(notes, more...)
		if s.ctx.Err() != nil {
			break
		}
	}
	if c.Mirror != "" && s.ctx.Err() == nil {
		more, err := c.mirror(s, l, spool)
		if err != nil {
			return err
		}
		notes = append(notes, more...)
	}
	if s.ctx.Err() != nil {
		notes = append(notes, "The reading was ended before its end: this is what was learnt until then.")
	}
	ctx := context.WithoutCancel(s.ctx)
	if spool.Len() == 0 && len(api.Routes) == 0 {
		return fmt.Errorf("there was nothing to learn from: no exchange was read")
	}
	result, err := work(ctx, l, spool, &api, c.Upstream, s)
	if err != nil {
		return err
	}
	result.report.Notes = append(notes, result.report.Notes...)
	if !c.DryRun {
		if err := c.write(result, config, policyFile); err != nil {
			return err
		}
	}
	if c.HTML != "" {
		if err := result.report.writeHTML(c.HTML, c.Force); err != nil {
			return err
		}
	}
	if c.JSON {
		return printJSON(s, result.report)
	}
	if err := result.report.print(s); err != nil {
		return err
	}
	if !c.DryRun {
		fmt.Fprintf(s.out, "\nWritten: %s, %s\nNext, changing nothing:\n  weir serve --config %s --observe\n", config, policyFile, config)
	}
	return nil
}

// write puts the files in their places, and makes the state that they name, if it is
// not there.
func (c *learnCommand) write(r *learnt, config, policyFile string) error {
	if err := os.MkdirAll(c.Out, 0o755); err != nil {
		return err
	}
	if _, err := policy.Parse(policyFile, []byte(r.policy)); err != nil {
		return fmt.Errorf("the policy written would not be valid: %w", err)
	}
	if _, err := parseConfig([]byte(r.config)); err != nil {
		return fmt.Errorf("the config written would not be valid: %w", err)
	}
	state := filepath.Join(c.Out, "weir-state")
	if _, err := os.Lstat(state); errors.Is(err, os.ErrNotExist) {
		if err := createState(state, "node-1"); err != nil {
			return err
		}
	}
	for path, text := range map[string]string{policyFile: r.policy, config: r.config} {
		put := writeNew
		if c.Force {
			put = replaceDurably
		}
		if err := put(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// read reads one file.
func (c *learnCommand) read(s *streams, file string, l *learn.Learner, spool *learn.Spool, api *learn.API) (notes []string, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	head := make([]byte, 4096)
	n, _ := io.ReadFull(f, head)
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	if learn.LooksLikeAPI(head[:n]) {
		if info.Size() > learn.MaxAPI {
			return nil, usageError{fmt.Errorf("%s: an OpenAPI document of more than %d MiB", file, learn.MaxAPI>>20)}
		}
		text, err := io.ReadAll(f)
		if err != nil {
			return nil, err
		}
		if err := api.Read(text); err != nil {
			return nil, usageError{fmt.Errorf("%s: %w", file, err)}
		}
		return nil, nil
	}
	p := s.pace(filepath.Base(file), info.Size())
	defer p.done()
	count := 0
	err = learn.Read(p.reader(s.ctx, f), func(x *learn.Exchange) error {
		count++
		l.Add(x)
		return spool.Add(x)
	})
	switch {
	case errors.Is(err, context.Canceled):
		return nil, nil
	case errors.Is(err, io.ErrUnexpectedEOF) && count > 0:
		return []string{fmt.Sprintf("%s ends in the middle: %d exchanges of it were read.", filepath.Base(file), count)}, nil
	case errors.Is(err, learn.ErrRecording):
		return nil, usageError{fmt.Errorf("%s: %w", file, err)}
	}
	return nil, err
}

// pace tells on a terminal how far a long reading is.
type pace struct {
	out   io.Writer // nil: nobody watches
	name  string
	size  int64
	read  int64
	began time.Time
	told  time.Time
}

func (s *streams) pace(name string, size int64) *pace {
	p := &pace{name: name, size: size, began: time.Now(), told: time.Now()}
	if f, ok := s.err.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.out = f
	}
	return p
}

func (p *pace) add(n int64) {
	p.read += n
	if now := time.Now(); p.out != nil && now.Sub(p.told) > 200*time.Millisecond {
		p.told = now
		left := ""
		if p.size > 0 && p.read > 0 {
			rest := time.Duration(float64(now.Sub(p.began)) * float64(p.size-p.read) / float64(p.read)).Round(time.Second)
			left = fmt.Sprintf(" %d %%, %s left", 100*p.read/p.size, rest)
		}
		fmt.Fprintf(p.out, "\r\033[K%s: %d%s", p.name, p.read, left)
	}
}

func (p *pace) done() {
	if p.out != nil {
		fmt.Fprint(p.out, "\r\033[K")
	}
}

// reader tells of what is read, and ends with ctx.
func (p *pace) reader(ctx context.Context, r io.Reader) io.Reader {
	return readerFunc(func(b []byte) (int, error) {
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		n, err := r.Read(b)
		p.add(int64(n))
		return n, err
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

// plural writes a number of things.
func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	if strings.HasSuffix(one, "y") {
		return fmt.Sprintf("%d %sies", n, strings.TrimSuffix(one, "y"))
	}
	return fmt.Sprintf("%d %ss", n, one)
}

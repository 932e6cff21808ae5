package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A Witness is somebody outside who remembers the newest checkpoint that it has
// signed, and signs no other history: C2SP tlog-witness.
type Witness struct {
	// Key is the text of its public key: name+hash+data, of type 4
	// (cosignature/v1 with Ed25519).
	Key string
	// URL is its submission prefix.
	URL string
}

// WitnessOptions say who is asked to witness a log.
type WitnessOptions struct {
	Witnesses []Witness
	// Threshold is how many must have signed a checkpoint for it to be a
	// witnessed one; 0: all.
	Threshold int
	// Every is how often a log that has grown is shown to them. Default ten
	// seconds. A history can be written anew only behind what they saw last.
	Every time.Duration
	// Client asks them. Default: one that gives up after ten seconds.
	Client *http.Client
	// Log is told of witnesses that do not answer. Default: nobody.
	Log *slog.Logger
}

// witnessedFile keeps every checkpoint that enough witnesses have signed, as the
// history file keeps all.
const witnessedFile = "witnessed"

// maxAnswer bounds what is read of a witness's answer.
const maxAnswer = 64 << 10

// A Witnessing shows a log's checkpoints to witnesses. A witness that is down
// stops neither it nor the log: the next round asks again.
type Witnessing struct {
	log  *Log
	tree *Tree
	o    WitnessOptions
	q    quorum

	// Owned by Run, and by Check before it.
	seen []int64 // by witness: the size that it signed last, as far as is known
	done int64   // the size that enough have signed
	kept file
	at   int64 // length of kept
}

// Witness prepares witnessing; Run does it. It reads what was witnessed before.
func (l *Log) Witness(o WitnessOptions) (*Witnessing, error) {
	if o.Every <= 0 {
		o.Every = 10 * time.Second
	}
	if o.Client == nil {
		o.Client = &http.Client{Timeout: 10 * time.Second}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	w := &Witnessing{log: l, tree: l.Tree(), o: o, seen: make([]int64, len(o.Witnesses))}
	var keys []string
	for _, one := range o.Witnesses {
		keys = append(keys, one.Key)
		if u, err := url.Parse(one.URL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, errors.New("witness ledger: the URL of a witness must be an http or https one")
		}
	}
	var err error
	if w.q, err = newQuorum(keys, o.Threshold); err != nil {
		return nil, fmt.Errorf("witness ledger: %w", err)
	}
	if err := w.open(); err != nil {
		return nil, fmt.Errorf("witness ledger: %w", err)
	}
	return w, nil
}

// open opens the file of witnessed checkpoints, cuts off what a crash has left
// of the last one, and refuses one that covers more than the log has.
func (w *Witnessing) open() (err error) {
	d := w.log.o.disk
	if w.kept, err = d.open(w.log.path(witnessedFile), readWrite); isMissing(err) {
		if w.kept, err = d.open(w.log.path(witnessedFile), createWrite); err == nil {
			err = d.syncDir(w.log.dir)
		}
	}
	if err != nil {
		return err
	}
	b, err := readFile(d, w.log.path(witnessedFile))
	if err != nil {
		return err
	}
	var last []byte
	rest := b
	for {
		msg, next, ok := splitNote(rest)
		if !ok {
			break
		}
		last, rest = msg, next
	}
	w.at = int64(len(b) - len(rest))
	if len(rest) > 0 {
		if err := w.kept.truncate(w.at); err != nil {
			return err
		}
	}
	if last == nil {
		w.tell(nil, Witnessed{Of: len(w.q.of), Need: w.q.need})
		return nil
	}
	c, err := w.log.keys().open(last)
	if err != nil {
		return fmt.Errorf("%w: %s ends with what is no checkpoint of this log", ErrDamaged, witnessedFile)
	}
	if signed := w.log.Status().Checkpoint.Size; c.Size > signed {
		return fmt.Errorf("%w: %d entries were witnessed, %d are signed", ErrRolledBack, c.Size, signed)
	}
	if is, err := w.q.open(last, w.log.keys()); err == nil && is.Holds() {
		w.done = is.Checkpoint.Size
		w.tell(last, is)
	} else {
		// The witnesses are others now.
		w.tell(nil, Witnessed{Of: len(w.q.of), Need: w.q.need})
	}
	return nil
}

func (w *Witnessing) tell(msg []byte, is Witnessed) {
	w.log.mu.Lock()
	defer w.log.mu.Unlock()
	w.log.witnessed = is
	if msg != nil {
		w.log.witnessedNote = bytes.Clone(msg)
	}
}

// Check asks each witness how much of the log it has seen, and fails with
// ErrRolledBack if that is more than there is, or something else: then these are
// not the files that were shown to it. A witness that does not answer proves
// nothing and is passed over. It is called before Run.
func (w *Witnessing) Check(ctx context.Context) error {
	_, errs, err := w.ask(ctx)
	if err != nil {
		return fmt.Errorf("check ledger with witnesses: %w", err)
	}
	for _, err := range errs {
		if errors.Is(err, ErrRolledBack) || errors.Is(err, ErrDamaged) {
			return fmt.Errorf("check ledger with witnesses: %w", err)
		}
	}
	return nil
}

// Run shows the log to its witnesses until ctx ends, and returns nil then.
func (w *Witnessing) Run(ctx context.Context) error {
	defer w.kept.Close()
	tick := time.NewTicker(w.o.Every)
	defer tick.Stop()
	for {
		if err := w.round(ctx); err != nil && ctx.Err() == nil {
			w.o.Log.Error("ledger: not witnessed", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// round shows the newest checkpoint to all witnesses, and keeps it if enough
// have signed.
func (w *Witnessing) round(ctx context.Context) error {
	c, _, err := w.tree.Checkpoint()
	if err != nil || c.Size == w.done || c.Size == 0 {
		return err
	}
	msg, errs, err := w.ask(ctx)
	if err != nil {
		return err
	}
	is, err := w.q.open(msg, w.log.keys())
	if err != nil {
		return err
	}
	if !is.Holds() {
		return fmt.Errorf("%d of the %d needed witnesses have signed: %w", is.By, is.Need, errors.Join(errs...))
	}
	for _, err := range errs {
		w.o.Log.Warn("ledger: a witness has not signed", "err", err)
	}
	note := append(bytes.Clone(msg), '\n')
	if _, err := w.kept.WriteAt(note, w.at); err != nil {
		return fmt.Errorf("keep witnessed checkpoint: %w", err)
	}
	if err := w.kept.sync(); err != nil {
		// Written over by the next, which makes it whole again either way.
		return fmt.Errorf("keep witnessed checkpoint: %w", err)
	}
	w.at += int64(len(note))
	w.done = is.Checkpoint.Size
	w.tell(msg, is)
	return nil
}

// ask shows the newest checkpoint to every witness at once and gives its note
// with the cosignatures that came back.
func (w *Witnessing) ask(ctx context.Context) (msg []byte, errs []error, err error) {
	c, msg, err := w.tree.Checkpoint()
	if err != nil {
		return nil, nil, err
	}
	lines := make([][]byte, len(w.q.of))
	failures := make([]error, len(w.q.of))
	var all sync.WaitGroup
	for i := range w.q.of {
		all.Go(func() { lines[i], failures[i] = w.askOne(ctx, i, c, msg) })
	}
	all.Wait()
	msg = bytes.Clone(msg)
	for i := range lines {
		msg = append(msg, lines[i]...)
		if failures[i] != nil {
			errs = append(errs, fmt.Errorf("witness %s: %w", w.q.of[i].name, failures[i]))
		}
	}
	return msg, errs, nil
}

// askOne speaks with one witness: from what it is thought to have seen, and, when
// it says that it has seen something else, once more from there.
func (w *Witnessing) askOne(ctx context.Context, i int, c Checkpoint, msg []byte) (line []byte, err error) {
	for range 3 {
		old := w.seen[i]
		if old > c.Size {
			return nil, fmt.Errorf("%w: it has signed %d entries, there are %d", ErrRolledBack, old, c.Size)
		}
		proof, err := w.tree.ProveConsistency(old, c.Size)
		if err != nil {
			return nil, err
		}
		body := appendHashes(fmt.Appendf(nil, "old %d\n", old), proof)
		body = append(append(body, '\n'), msg...)
		code, kind, answer, err := w.post(ctx, w.o.Witnesses[i].URL, body)
		if err != nil {
			return nil, err
		}
		switch {
		case code == http.StatusOK:
			line, ok := w.q.of[i].cosignature(msg, answer)
			if !ok {
				return nil, errors.New("it answered with something else than its cosignature")
			}
			w.seen[i] = c.Size
			return line, nil
		case code == http.StatusConflict && strings.HasPrefix(kind, "text/x.tlog.size"):
			size, ok := parseSize(answer)
			if !ok {
				return nil, errors.New("it answered with something else than a size")
			}
			if size == old && old == c.Size {
				return nil, fmt.Errorf("%w: it has signed other entries", ErrDamaged)
			}
			w.seen[i] = size
		case code == http.StatusConflict && old == c.Size:
			return nil, fmt.Errorf("%w: it has signed other entries", ErrDamaged)
		case code == http.StatusUnprocessableEntity:
			return nil, fmt.Errorf("%w: its first %d entries are not those of this log", ErrDamaged, old)
		default:
			return nil, fmt.Errorf("it answered with status %d", code)
		}
	}
	return nil, errors.New("others ask it at the same time for this log")
}

func (w *Witnessing) post(ctx context.Context, prefix string, body []byte) (code int, kind string, answer []byte, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(prefix, "/")+"/add-checkpoint", bytes.NewReader(body))
	if err != nil {
		return 0, "", nil, err
	}
	resp, err := w.o.Client.Do(r)
	if err != nil {
		return 0, "", nil, err
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	return resp.StatusCode, resp.Header.Get("Content-Type"), answer, err
}

// parseSize reads a size in decimal and a line feed.
func parseSize(b []byte) (int64, bool) {
	digits, ok := strings.CutSuffix(string(b), "\n")
	n, err := strconv.ParseInt(digits, 10, 64)
	return n, ok && err == nil && n >= 0 && strconv.FormatInt(n, 10) == digits
}

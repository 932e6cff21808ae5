package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/getweir/weir"
	"github.com/getweir/weir/assure"
	"github.com/getweir/weir/internal/adminsock"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/policy"
)

// reviewsDir has a file for each access review, in the state folder.
const reviewsDir = "reviews"

type reviewConfig struct {
	// Every is how often access is to be reviewed, such as 90d. Empty: nothing is
	// overdue.
	Every string `yaml:"every"`
}

// What Rule says in the entries of a review. Their Text begins with its name.
const (
	reviewBegun   = "review-begun"
	reviewDecided = "review-decided" // Party: whose access
	reviewEnded   = "review-ended"
)

type reviewCommand struct {
	Show   reviewShowCommand   `cmd:"" default:"withargs" help:"Show the review that is open, or what one begun now would have. The default."`
	Start  reviewStartCommand  `cmd:"" help:"Begin a review: a row for each role and principal."`
	Decide reviewDecideCommand `cmd:"" help:"Decide one row: keep, narrow or revoke, with a name and a reason."`
	Finish reviewFinishCommand `cmd:"" help:"End the review, and write the draft of the policy that it asks for."`
}

func (reviewCommand) Help() string {
	return `Who is granted what by the policy, what was made of it in 90 days by the ledger, how many customers were taken at most against the budget, and what that speaks for. A person decides each row; every decision is an entry of the ledger. The end writes a draft of the policy; nothing is in force before the draft is.

With review: every: 90d in weir.yaml, an overdue review is told of here and at the start of weir serve.

Examples:
  weir review                             # what the use speaks for, now
  weir review start --by "Alma Example"
  weir review decide 3 narrow --by "Alma Example" --reason "exports need no card numbers"
  weir review finish --by "Alma Example" -o draft.yaml
  weir review --html review.html          # the page for an auditor`
}

type reviewState struct {
	Config string `short:"c" default:"weir.yaml" type:"path" help:"The configuration, which names policy and state. Default: weir.yaml."`
}

type reviewShowCommand struct {
	reviewState
	ID   string `name:"review" help:"Show this review; default: the open one." placeholder:"NAME"`
	Days int    `default:"90" help:"How many days are looked back on, where no review is open. Default: 90."`
	HTML string `name:"html" type:"path" help:"Write a page for people to this file, too." placeholder:"FILE"`
	JSON bool   `name:"json" help:"Print as JSON."`
}

func (c *reviewShowCommand) Run(s *streams) error {
	cfg, err := loadConfig(c.Config)
	if err != nil {
		return err
	}
	all, err := readReviews(cfg.State)
	if err != nil {
		return err
	}
	var r *assure.Review
	for _, x := range all {
		if x.ID == c.ID || c.ID == "" && x.Ended.IsZero() {
			r = x
		}
	}
	begun := r != nil
	switch {
	case r == nil && c.ID != "":
		return usageError{fmt.Errorf("there is no review %q in %s", c.ID, filepath.Join(cfg.State, reviewsDir))}
	case r == nil:
		if r, err = c.compute(s, cfg, c.Days); err != nil {
			return err
		}
	}
	due, err := reviewDue(cfg, all, time.Now().UTC())
	if err != nil {
		return err
	}
	if c.HTML != "" {
		if err := reviewHTML(r, begun, due, c.HTML); err != nil {
			return err
		}
	}
	if c.JSON {
		return printJSON(s, struct {
			Overdue string `json:"overdue,omitempty"`
			*assure.Review
		}{due, r})
	}
	return printReview(s, r, begun, due)
}

// compute makes the review that would begin now.
func (reviewState) compute(s *streams, cfg *config, days int) (*assure.Review, error) {
	if days < 1 {
		return nil, usageError{errors.New("--days: at least 1")}
	}
	p, err := loadPolicy(cfg.Policy)
	if err != nil {
		return nil, usageError{err}
	}
	now := time.Now().UTC()
	from := now.AddDate(0, 0, -days)
	tell, clear := percent(s, "reading the ledger")
	defer clear()
	use := assure.NewUse()
	n := 0
	err = readLedger(cfg.State, from, func(_ int64, e *ledger.Entry) error {
		if n++; n%10_000 == 0 && tell != nil {
			tell(int64(e.Time.Sub(from)), int64(now.Sub(from)))
		}
		use.Read(e)
		return s.ctx.Err()
	})
	if err != nil {
		return nil, err
	}
	configured := map[string]string{}
	for _, k := range cfg.Identity.Keys {
		configured[k.Name] = k.Role
	}
	return assure.Begin(now.Format("2006-01-02"), now, days, p, use, configured), nil
}

type reviewStartCommand struct {
	reviewState
	Days int    `default:"90" help:"How many days are looked back on. Default: 90."`
	By   string `required:"" help:"Who begins it, for the record." placeholder:"NAME"`
	JSON bool   `name:"json" help:"Print as JSON."`
}

func (c *reviewStartCommand) Run(s *streams) error {
	cfg, err := loadConfig(c.Config)
	if err != nil {
		return err
	}
	r, err := c.compute(s, cfg, c.Days)
	if err != nil {
		return err
	}
	return atDesk(s.ctx, s, cfg, func(desk *adminsock.Client) error {
		r, err := adminsock.Call[*assure.Review](s.ctx, desk, "review-start", startReview{c.By, r})
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(s, r)
		}
		return printReview(s, r, true, "")
	})
}

type reviewDecideCommand struct {
	reviewState
	Row      string `arg:"" help:"The row: its number, or whose it is, such as role:support."`
	Decision string `arg:"" enum:"keep,narrow,revoke" help:"keep, narrow or revoke."`
	By       string `required:"" help:"Who decides, for the record." placeholder:"NAME"`
	Reason   string `required:"" help:"Why, in a sentence, for the record." placeholder:"TEXT"`
}

func (c *reviewDecideCommand) Run(s *streams) error {
	cfg, err := loadConfig(c.Config)
	if err != nil {
		return err
	}
	return atDesk(s.ctx, s, cfg, func(desk *adminsock.Client) error {
		row, err := adminsock.Call[*assure.Row](s.ctx, desk, "review-decide", decideReview{c.Row, c.Decision, c.By, c.Reason})
		if err == nil {
			fmt.Fprintf(s.out, "Row %d, %s: %s (entry %d of the ledger).\n", row.N, row.Party, row.Decision, row.Entry)
		}
		return err
	})
}

type reviewFinishCommand struct {
	reviewState
	By    string `required:"" help:"Who ends it, for the record." placeholder:"NAME"`
	Draft string `short:"o" name:"draft" default:"draft.yaml" type:"path" help:"Where the draft of the policy is written. Default: draft.yaml." placeholder:"FILE"`
	Force bool   `help:"Write over a draft that is there."`
}

func (c *reviewFinishCommand) Run(s *streams) error {
	cfg, err := loadConfig(c.Config)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(c.Draft); err == nil && !c.Force {
		return usageError{fmt.Errorf("%s is there. Name another file with -o, or write over it with --force", c.Draft)}
	}
	p, err := loadPolicy(cfg.Policy)
	if err != nil {
		return usageError{err}
	}
	src, err := os.ReadFile(cfg.Policy)
	if err != nil {
		return err
	}
	all, err := readReviews(cfg.State)
	if err != nil {
		return err
	}
	open := openReview(all)
	if open == nil {
		return usageError{errors.New("no review is open. Begin one with: weir review start")}
	}
	if n := len(open.Open()); n > 0 {
		return fmt.Errorf("%d rows are not decided yet; the first is %d, %s. Decide them with: weir review decide", n, open.Open()[0].N, open.Open()[0].Party)
	}
	text, byHand, err := open.Draft(src)
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.Draft, text, 0o644); err != nil {
		return err
	}
	err = atDesk(s.ctx, s, cfg, func(desk *adminsock.Client) error {
		_, err := adminsock.Call[*assure.Review](s.ctx, desk, "review-finish", finishReview{open.ID, c.By})
		return err
	})
	if err != nil {
		return errors.Join(err, os.Remove(c.Draft))
	}
	fmt.Fprintf(s.out, "The review %s is ended. The draft is in %s; nothing of it is in force.\n", open.ID, c.Draft)
	draft, err := loadPolicy(c.Draft)
	if err != nil {
		fmt.Fprintf(s.out, "It needs your hand before it is right:\n%v\n", err)
	} else {
		changes := policy.Diff(p, draft)
		wider := 0
		for _, ch := range changes {
			if ch.Widens {
				wider++
			}
		}
		fmt.Fprintln(s.out)
		printChanges(s, changes, wider)
	}
	if len(byHand) > 0 {
		fmt.Fprintln(s.out, "\nTo be done by hand:")
		for _, b := range byHand {
			fmt.Fprintln(s.out, "  - "+b)
		}
	}
	fmt.Fprintf(s.out, "\nSee what it would have done with the traffic on record: weir policy replay %s\n", c.Draft)
	return nil
}

// The calls of the desk.

type startReview struct {
	By     string         `json:"by"`
	Review *assure.Review `json:"review"`
}

type decideReview struct {
	Row      string `json:"row"`
	Decision string `json:"decision"`
	By       string `json:"by"`
	Reason   string `json:"reason"`
}

type finishReview struct {
	ID string `json:"id"`
	By string `json:"by"`
}

// said checks what somebody gives for the record: one line, of a length.
func said(what, text string) (string, error) {
	text = strings.TrimSpace(text)
	if n := len([]rune(text)); n < 2 || n > 500 || strings.ContainsFunc(text, unicode.IsControl) {
		return "", adminsock.Refuse(http.StatusBadRequest, "%s: 2 to 500 characters on one line", what)
	}
	return text, nil
}

func (d *desk) startReview(ctx context.Context, who adminsock.Caller, in *startReview) (*assure.Review, error) {
	d.reviews.Lock()
	defer d.reviews.Unlock()
	by, err := said("--by", in.By)
	if err != nil {
		return nil, err
	}
	if in.Review == nil {
		return nil, adminsock.Refuse(http.StatusBadRequest, "there is no review to begin")
	}
	all, err := readReviews(d.cfg.State)
	if err != nil {
		return nil, err
	}
	if open := openReview(all); open != nil {
		return nil, adminsock.Refuse(http.StatusConflict, "the review %s is open, begun by %s: end it with weir review finish", open.ID, open.By)
	}
	r := in.Review
	r.By, r.Begun, r.ID = by, time.Now().UTC(), time.Now().UTC().Format("2006-01-02")
	for n := 2; slices.ContainsFunc(all, func(x *assure.Review) bool { return x.ID == r.ID }); n++ {
		r.ID = fmt.Sprintf("%s-%d", r.Begun.Format("2006-01-02"), n)
	}
	e := act(who, by, fmt.Sprintf("%s: an access review of %d rows", r.ID, len(r.Rows)))
	e.Rule, e.Policy = reviewBegun, r.Policy
	if _, err := d.append(ctx, e); err != nil {
		return nil, err
	}
	return r, writeReview(d.cfg.State, r)
}

func (d *desk) decideReview(ctx context.Context, who adminsock.Caller, in *decideReview) (*assure.Row, error) {
	d.reviews.Lock()
	defer d.reviews.Unlock()
	by, err := said("--by", in.By)
	if err != nil {
		return nil, err
	}
	reason, err := said("--reason", in.Reason)
	if err != nil {
		return nil, err
	}
	decision, err := assure.ParseDecision(in.Decision)
	if err != nil {
		return nil, adminsock.Refuse(http.StatusBadRequest, "%v", err)
	}
	all, err := readReviews(d.cfg.State)
	if err != nil {
		return nil, err
	}
	r := openReview(all)
	if r == nil {
		return nil, adminsock.Refuse(http.StatusConflict, "no review is open. Begin one with: weir review start")
	}
	row, err := r.Row(in.Row)
	if err != nil {
		return nil, adminsock.Refuse(http.StatusNotFound, "%v", err)
	}
	e := act(who, by, fmt.Sprintf("%s: %s: %s", r.ID, decision, reason))
	e.Rule, e.Party, e.Policy = reviewDecided, row.Party, r.Policy
	at, err := d.append(ctx, e)
	if err != nil {
		return nil, err
	}
	row.Decision, row.By, row.Reason, row.At, row.Entry = decision, by, reason, time.Now().UTC(), at
	return row, writeReview(d.cfg.State, r)
}

func (d *desk) finishReview(ctx context.Context, who adminsock.Caller, in *finishReview) (*assure.Review, error) {
	d.reviews.Lock()
	defer d.reviews.Unlock()
	by, err := said("--by", in.By)
	if err != nil {
		return nil, err
	}
	all, err := readReviews(d.cfg.State)
	if err != nil {
		return nil, err
	}
	r := openReview(all)
	switch {
	case r == nil || r.ID != in.ID:
		return nil, adminsock.Refuse(http.StatusConflict, "the review %s is not open", in.ID)
	case len(r.Open()) > 0:
		return nil, adminsock.Refuse(http.StatusConflict, "%d rows are not decided yet", len(r.Open()))
	}
	counts := map[assure.Decision]int{}
	for _, row := range r.Rows {
		counts[row.Decision]++
	}
	e := act(who, by, fmt.Sprintf("%s: ended: %d kept, %d narrowed, %d revoked", r.ID, counts[assure.Keep], counts[assure.Narrow], counts[assure.Revoke]))
	e.Rule, e.Policy = reviewEnded, r.Policy
	if _, err := d.append(ctx, e); err != nil {
		return nil, err
	}
	r.Ended, r.EndedBy = time.Now().UTC(), by
	return r, writeReview(d.cfg.State, r)
}

func openReview(all []*assure.Review) *assure.Review {
	for _, r := range all {
		if r.Ended.IsZero() {
			return r
		}
	}
	return nil
}

// readReviews gives all reviews of a state folder in the order in which they began.
func readReviews(state string) (all []*assure.Review, err error) {
	files, err := filepath.Glob(filepath.Join(state, reviewsDir, "*.json"))
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		r := new(assure.Review)
		if err := json.Unmarshal(b, r); err != nil {
			return nil, fmt.Errorf("%s is no review: %w", f, err)
		}
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b *assure.Review) int { return cmp.Or(a.Begun.Compare(b.Begun), strings.Compare(a.ID, b.ID)) })
	return all, nil
}

// writeReview puts a review into its file, whole or not at all.
func writeReview(state string, r *assure.Review) error {
	dir := filepath.Join(state, reviewsDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".review-*")
	if err != nil {
		return err
	}
	_, err = f.Write(append(b, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, r.ID+".json"))
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// reviewDue says since when a review is overdue; "": none is.
func reviewDue(cfg *config, all []*assure.Review, now time.Time) (string, error) {
	if cfg.Review.Every == "" {
		return "", nil
	}
	every, err := span(cfg.Review.Every)
	if err != nil {
		return "", usageError{fmt.Errorf("review.every: %w", err)}
	}
	var last time.Time
	for _, r := range all {
		if r.Ended.After(last) {
			last = r.Ended
		}
	}
	if last.IsZero() {
		// Whoever has just begun to use Weir has nothing to review.
		info, err := os.Stat(filepath.Join(cfg.State, "ledger", "key.pub"))
		if errors.Is(err, fs.ErrNotExist) {
			return "", nil
		}
		if err != nil {
			return "", err
		}
		last = info.ModTime()
	}
	due := last.Add(every)
	if now.Before(due) {
		return "", nil
	}
	return fmt.Sprintf("An access review is overdue since %s: there is to be one every %s.", due.UTC().Format("2006-01-02"), cfg.Review.Every), nil
}

// warnOverdue tells of an overdue review in the server's log.
func (s *server) warnOverdue() {
	all, err := readReviews(s.cfg.State)
	due := ""
	if err == nil {
		due, err = reviewDue(s.cfg, all, time.Now().UTC())
	}
	switch {
	case err != nil:
		s.log.Error("reviews cannot be read", "err", err)
	case due != "":
		s.log.Warn("an access review is overdue: weir review", "every", s.cfg.Review.Every)
	}
}

// budgetWords says the peaks of the lanes that were used, against the budgets.
func budgetWords(row *assure.Row) string {
	var all []string
	for _, b := range row.Budgets {
		if b.Peak == 0 || b.Window != weir.Hour.String() && b.Window != weir.Month.String() {
			continue
		}
		limit := fmt.Sprint(b.Budget)
		if b.Budget == weir.Unbounded {
			limit = "unbounded"
		}
		all = append(all, fmt.Sprintf("%s %d of %s in %s", b.Lane, b.Peak, limit, b.Window))
	}
	return orDash(strings.Join(all, ", "))
}

func lastWords(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("2006-01-02")
}

func decisionWords(row *assure.Row) string {
	if row.Decision == "" {
		return "-"
	}
	return fmt.Sprintf("%s, %s: %s", row.Decision, row.By, row.Reason)
}

func printReview(s *streams, r *assure.Review, begun bool, due string) error {
	if due != "" {
		fmt.Fprintln(s.out, due)
	}
	switch {
	case !begun:
		fmt.Fprintf(s.out, "No review is open. What one would begin with (policy %s, %d days, %d of them on record):\n", r.Policy, r.Span, r.Covered)
	case r.Ended.IsZero():
		fmt.Fprintf(s.out, "Review %s, begun by %s; %d of %d rows are open (policy %s, %d days, %d of them on record):\n", r.ID, r.By, len(r.Open()), len(r.Rows), r.Policy, r.Span, r.Covered)
	default:
		fmt.Fprintf(s.out, "Review %s, begun by %s, ended by %s on %s (policy %s, %d days):\n", r.ID, r.By, r.EndedBy, lastWords(r.Ended), r.Policy, r.Span)
	}
	for _, n := range r.Notes {
		fmt.Fprintln(s.out, n)
	}
	fmt.Fprintln(s.out)
	return table(s, "ROW\tWHOSE\tROLE\tPRINCIPAL\tLAST USED\tREQUESTS\tMOST CUSTOMERS\tSPEAKS FOR\tWHY\tDECIDED", func(row func(...any)) {
		for _, x := range r.Rows {
			row(x.N, x.Party, x.Role, orDash(x.Principal), lastWords(x.Last), x.Requests, budgetWords(x), x.Recommends, orDash(strings.Join(x.Why, "; ")), decisionWords(x))
		}
	})
}

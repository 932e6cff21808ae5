package storetest

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/internal/directory"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/vault"
)

// A VaultStore is a store of a vault, and the subject directory beside it.
type VaultStore struct {
	Store     vault.Store
	Directory *directory.Directory
	Close     func()
}

// Vault tests the vault's part of a store, and a vault on it. open opens the same
// store each time it is called within one test, anew or once more.
func Vault(t *testing.T, open func(t *testing.T, store string) VaultStore) {
	t.Run("changes", func(t *testing.T) { vaultChanges(t, open) })
	t.Run("keys", func(t *testing.T) { vaultKeys(t, open) })
	t.Run("tokens", func(t *testing.T) { vaultTokens(t, open) })
	t.Run("subjects", func(t *testing.T) { vaultSubjects(t, open) })
	t.Run("two open at once", func(t *testing.T) { twoVaults(t, open) })
	VaultAtOnce(t, open)
}

// VaultAtOnce is the part of Vault in which many change the same.
func VaultAtOnce(t *testing.T, open func(t *testing.T, store string) VaultStore) {
	t.Run("one e-mail, one customer", func(t *testing.T) { oneCustomer(t, open) })
	t.Run("at once", func(t *testing.T) { vaultAtOnce(t, open) })
}

func rowOf(n byte) *vault.Row {
	who := weir.Subject{15: n}
	return &vault.Row{
		Subject: who, Version: 1, Revision: 1, Residence: "DE", Created: 1e18, Updated: 1e18 + 1, Aliases: []byte{},
		Cells: []byte{n, 0, 1}, Key: vault.WrappedKey{Subject: who, KEK: 1, Wrapped: []byte{n, 9}},
	}
}

func unique(n byte) vault.Mark { return vault.Mark{Mac: vault.Mac{n, 1}, Unique: true} }
func shared(n byte) vault.Mark { return vault.Mark{Mac: vault.Mac{n, 2}} }

func sameRow(a, b *vault.Row) bool {
	return a.Subject == b.Subject && a.Version == b.Version && a.Revision == b.Revision && a.Residence == b.Residence &&
		a.Created == b.Created && a.Updated == b.Updated && string(a.Aliases) == string(b.Aliases) && string(a.Cells) == string(b.Cells) &&
		a.Key.Subject == b.Key.Subject && a.Key.KEK == b.Key.KEK && string(a.Key.Wrapped) == string(b.Key.Wrapped)
}

func vaultChanges(t *testing.T, open func(t *testing.T, store string) VaultStore) {
	dir := t.TempDir()
	vs := open(t, dir)
	defer func() { vs.Close() }()
	s, ctx := vs.Store, t.Context()
	apply := func(want error, c *vault.Change) {
		t.Helper()
		if err := s.Apply(ctx, c); !errors.Is(err, want) {
			t.Fatalf("%v, want %v", err, want)
		}
	}
	reads := func(want *vault.Row, n byte) {
		t.Helper()
		rows, err := s.Rows(ctx, []weir.Subject{{15: n}, {1: 77}})
		if err != nil || want == nil && len(rows) != 0 || want != nil && (len(rows) != 1 || !sameRow(rows[0], want)) {
			t.Fatalf("%v, %+v; want %+v", err, rows, want)
		}
	}
	marked := func(m vault.Mark, want ...byte) {
		t.Helper()
		found, err := s.Marked(ctx, []vault.Mac{m.Mac, {99}})
		if err != nil {
			t.Fatal(err)
		}
		got := found[m.Mac]
		slices.SortFunc(got, func(a, b weir.Subject) int { return int(a[15]) - int(b[15]) })
		if len(got) != len(want) || len(found) > 1 {
			t.Fatalf("%v, want %v", got, want)
		}
		for i := range want {
			if got[i] != (weir.Subject{15: want[i]}) {
				t.Fatalf("%v, want %v", got, want)
			}
		}
	}
	one, two := rowOf(1), rowOf(2)
	apply(nil, &vault.Change{Subject: one.Subject, Row: one, Rekey: true, Add: []vault.Mark{unique(1), shared(9)}})
	reads(one, 1)
	// What is there already is neither made again nor half made.
	again := rowOf(1)
	again.Cells = []byte("other")
	apply(vault.ErrVersion, &vault.Change{Subject: one.Subject, Row: again, Rekey: true, Add: []vault.Mark{unique(7)}})
	reads(one, 1)
	marked(unique(7))
	apply(vault.ErrExists, &vault.Change{Subject: two.Subject, Row: two, Rekey: true, Add: []vault.Mark{shared(9), unique(1)}})
	reads(nil, 2)
	marked(shared(9), 1)
	apply(nil, &vault.Change{Subject: two.Subject, Row: two, Rekey: true, Add: []vault.Mark{unique(2), shared(9)}})
	marked(shared(9), 1, 2)

	// A change needs the revision, and takes all of its marks along or none.
	next := *one
	next.Version, next.Revision, next.Residence, next.Updated, next.Cells, next.Aliases = 2, 2, "", 2e18, []byte("next"), make([]byte, 16)
	apply(vault.ErrVersion, &vault.Change{Subject: one.Subject, Revision: 7, Row: &next, Add: []vault.Mark{unique(8)}})
	apply(vault.ErrExists, &vault.Change{Subject: one.Subject, Revision: 1, Row: &next, Add: []vault.Mark{unique(8), unique(2)}, Drop: []vault.Mark{unique(1)}})
	reads(one, 1)
	marked(unique(1), 1)
	marked(unique(8))
	apply(nil, &vault.Change{Subject: one.Subject, Revision: 1, Row: &next, Add: []vault.Mark{unique(8)}, Drop: []vault.Mark{unique(1), unique(2)}})
	reads(&next, 1)
	marked(unique(1))
	marked(unique(2), 2) // nobody removes what is another's
	marked(unique(8), 1)
	key := next
	key.Revision, key.Key = 3, vault.WrappedKey{Subject: one.Subject, KEK: 2, Wrapped: []byte("new key")}
	apply(nil, &vault.Change{Subject: one.Subject, Revision: 2, Row: &key, Rekey: true})
	reads(&key, 1)

	// In the order of subjects, each once.
	for n := byte(3); n < 10; n++ {
		apply(nil, &vault.Change{Subject: rowOf(n).Subject, Row: rowOf(n), Rekey: true})
	}
	var seen []byte
	for after := (weir.Subject{}); ; {
		rows, err := s.List(ctx, after, 4)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			seen = append(seen, r.Subject[15])
			after = r.Subject
		}
		if len(rows) < 4 {
			break
		}
	}
	if string(seen) != "\x01\x02\x03\x04\x05\x06\x07\x08\x09" {
		t.Errorf("listed %v", seen)
	}

	// What was written is there after it was closed.
	vs.Close()
	vs = open(t, dir)
	s = vs.Store
	reads(&key, 1)
	apply(vault.ErrVersion, &vault.Change{Subject: one.Subject, Revision: 2})
	reads(&key, 1)
	apply(nil, &vault.Change{Subject: one.Subject, Revision: 3, Drop: []vault.Mark{unique(8), shared(9)}})
	reads(nil, 1)
	marked(unique(8))
	marked(shared(9), 2)
	if keys, err := s.Keys(ctx, []weir.Subject{one.Subject}); err != nil || len(keys) != 0 {
		t.Error("the key of a deleted customer is there", err)
	}
	apply(vault.ErrVersion, &vault.Change{Subject: one.Subject, Revision: 3})
}

func vaultKeys(t *testing.T, open func(t *testing.T, store string) VaultStore) {
	vs := open(t, t.TempDir())
	defer vs.Close()
	s, ctx := vs.Store, t.Context()
	if v, err := s.Meta(ctx, "m"); v != nil || err != nil {
		t.Fatal(v, err)
	}
	for _, c := range []struct {
		was, is []byte
		want    bool
	}{{[]byte("a"), []byte("b"), false}, {nil, []byte("a"), true}, {nil, []byte("b"), false}, {[]byte("x"), []byte("b"), false}, {[]byte("a"), []byte("b"), true}} {
		if done, err := s.SetMeta(ctx, "m", c.was, c.is); err != nil || done != c.want {
			t.Fatalf("%q -> %q: %v, %v", c.was, c.is, done, err)
		}
	}
	if v, err := s.Meta(ctx, "m"); string(v) != "b" || err != nil {
		t.Fatal(v, err)
	}
	const n = 60
	for i := range byte(n) {
		r := rowOf(i + 1)
		r.Key.KEK = 1 + int(i)%3
		if err := s.Apply(ctx, &vault.Change{Subject: r.Subject, Row: r, Rekey: true}); err != nil {
			t.Fatal(err)
		}
	}
	counts := func(want string) {
		t.Helper()
		got, err := s.Count(ctx)
		if err != nil || fmt.Sprint(got) != want {
			t.Fatalf("%v, %v; want %s", got, err, want)
		}
	}
	counts("map[1:20 2:20 3:20]")
	total := 0
	for after := (weir.Subject{}); ; {
		old, err := s.Stale(ctx, 3, after, 7)
		if err != nil {
			t.Fatal(err)
		}
		if len(old) == 0 {
			break
		}
		fresh := make([]vault.WrappedKey, len(old))
		for i, k := range old {
			if k.KEK >= 3 {
				t.Fatalf("%+v is not stale", k)
			}
			fresh[i] = vault.WrappedKey{Subject: k.Subject, KEK: 3, Wrapped: append([]byte("new"), k.Wrapped...)}
			after = k.Subject
		}
		done, err := s.Rewrap(ctx, old, fresh)
		if err != nil || done != len(old) {
			t.Fatal(done, err)
		}
		if done, err := s.Rewrap(ctx, old, fresh); err != nil || done != 0 {
			t.Fatal("what stood there no more was replaced", done, err)
		}
		total += done
	}
	if total != 40 {
		t.Errorf("%d were stale", total)
	}
	counts("map[3:60]")
}

func vaultTokens(t *testing.T, open func(t *testing.T, store string) VaultStore) {
	vs := open(t, t.TempDir())
	defer vs.Close()
	s, ctx := vs.Store, t.Context()
	row := func(mac, same byte) vault.TokenRow {
		r := vault.TokenRow{Mac: vault.Mac{mac}, Subject: weir.Subject{15: 1}, Counter: 3, Class: "contact.email", Scope: "v", Shape: "email", Expires: int64(mac) * 100, Once: mac%2 == 1, Sealed: []byte{mac}}
		if same != 0 {
			r.Same = vault.Mac{same, 7}
		}
		return r
	}
	add := func(want string, rows ...vault.TokenRow) {
		t.Helper()
		if got, err := s.AddTokens(ctx, rows); err != nil || fmt.Sprint(got) != want {
			t.Fatalf("%v, %v; want %s", got, err, want)
		}
	}
	add("[true true false]", row(1, 1), row(2, 0), row(1, 2))
	add("[false true false]", row(3, 1), row(4, 2), row(5, 2)) // the value has one already
	macs := func(rows []vault.TokenRow, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		var all []byte
		for _, r := range rows {
			if want := row(r.Mac[0], r.Same[0]); fmt.Sprint(want) != fmt.Sprint(r) {
				t.Errorf("%+v, want %+v", r, want)
			}
			all = append(all, r.Mac[0])
		}
		slices.Sort(all)
		return fmt.Sprint(all)
	}
	if got := macs(s.Tokens(ctx, []vault.Mac{{1}, {2}, {3}, {4}, {5}})); got != "[1 2 4]" {
		t.Error(got)
	}
	if got := macs(s.Same(ctx, []vault.Mac{{1, 7}, {2, 7}, {3, 7}})); got != "[1 4]" {
		t.Error(got)
	}
	use := func(mac byte, want bool) {
		t.Helper()
		if got, err := s.UseToken(ctx, vault.Mac{mac}); err != nil || got != want {
			t.Fatal(got, err)
		}
	}
	use(1, true)
	use(1, false)
	use(9, false)
	if got := macs(s.Same(ctx, []vault.Mac{{1, 7}})); got != "[]" {
		t.Error("the value of a used token still leads to it:", got)
	}
	add("[true]", row(1, 1))
	var tries sync.WaitGroup
	won := make(chan bool, 16)
	for range 16 {
		tries.Go(func() {
			if got, err := s.UseToken(ctx, vault.Mac{1}); err != nil {
				t.Error(err)
			} else if got {
				won <- true
			}
		})
	}
	tries.Wait()
	if len(won) != 1 {
		t.Errorf("one token was used %d times", len(won))
	}

	page := vault.TokenPage{ID: [8]byte{5}, Expires: 150, Slots: []byte("slots")}
	for _, p := range []vault.TokenPage{page, {ID: [8]byte{6}, Slots: []byte("for ever")}} {
		if err := s.AddTokenPage(ctx, p); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.AddTokenPage(ctx, page); err == nil {
		t.Error("a page was added twice")
	}
	pages, err := s.TokenPages(ctx, [][8]byte{{5}, {7}})
	if err != nil || len(pages) != 1 || fmt.Sprint(pages[0]) != fmt.Sprint(page) {
		t.Error(pages, err)
	}
	// 2 expires at 200, 4 at 400, the page at 150.
	for _, c := range []struct {
		now  int64
		want int
	}{{149, 0}, {200, 2}, {200, 0}, {400, 1}} {
		if n, err := s.DropTokens(ctx, c.now, 10); err != nil || n != c.want {
			t.Errorf("at %d: %d, %v", c.now, n, err)
		}
	}
	if got := macs(s.Same(ctx, []vault.Mac{{2, 7}})); got != "[]" {
		t.Error("the value of an expired token still leads to it:", got)
	}
	if pages, err := s.TokenPages(ctx, [][8]byte{{6}}); err != nil || len(pages) != 1 {
		t.Error("a page that does not expire is gone", err)
	}

	// A customer's go with the customer.
	r := rowOf(1)
	if err := s.Apply(ctx, &vault.Change{Subject: r.Subject, Row: r, Rekey: true}); err != nil {
		t.Fatal(err)
	}
	add("[true true]", row(1, 1), row(2, 0))
	if err := s.Apply(ctx, &vault.Change{Subject: r.Subject, Revision: 1}); err != nil {
		t.Fatal(err)
	}
	if got := macs(s.Tokens(ctx, []vault.Mac{{1}, {2}})) + macs(s.Same(ctx, []vault.Mac{{1, 7}})); got != "[][]" {
		t.Error(got)
	}
}

// A VaultFixture is a vault on a store, and a ledger that permits.
type VaultFixture struct {
	*vault.Vault
	Ledger *ledger.Log
	Config vault.Config
}

// NewVault makes a vault in a store, with keys in a file, and runs a ledger until
// the test ends.
func NewVault(t testing.TB, vs VaultStore, change func(*vault.Config)) *VaultFixture {
	t.Helper()
	dir := t.TempDir()
	keys, err := vault.CreateKeyFile(filepath.Join(dir, "vault.keys"), []byte("correct horse battery"), 1000)
	if err != nil {
		t.Fatal(err)
	}
	key, _, err := ledger.GenerateKey("vault.example.com/log")
	if err != nil {
		t.Fatal(err)
	}
	log, err := ledger.Create(filepath.Join(dir, "log"), ledger.Options{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- log.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-done, log.Close()); err != nil {
			t.Error(err)
		}
	})
	c := vault.Config{Store: vs.Store, Keys: keys, Directory: vs.Directory, Ledger: log, Cards: true}
	if change != nil {
		change(&c)
	}
	if err := vault.Create(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	v, err := vault.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return &VaultFixture{v, log, c}
}

// FixtureExchange is the exchange of a fixture's permits.
var FixtureExchange = weir.ExchangeID{1, 2, 3}

// Permit gives a permit for classes of customers.
func (f *VaultFixture) Permit(t testing.TB, who []weir.Subject, classes ...weir.Class) ledger.Permit {
	t.Helper()
	e := &ledger.Entry{
		Kind: ledger.Release, Exchange: FixtureExchange, Principal: "agent-7", PrincipalKind: weir.Staff,
		Role: "support", Purpose: "support", Text: "ticket 4711",
	}
	for _, s := range who {
		e.Subjects = append(e.Subjects, ledger.Taken{Subject: s, Lanes: weir.Lanes(0).With(weir.Clear).With(weir.Probed)})
	}
	for _, c := range classes {
		e.Actions = append(e.Actions, ledger.Count{Class: c, Action: weir.Allow, N: 1})
	}
	p, err := f.Ledger.Permit(context.Background(), e)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Read opens all of a customer's record.
func (f *VaultFixture) Read(t testing.TB, who weir.Subject) (*vault.Record, error) {
	t.Helper()
	var classes []weir.Class
	for _, one := range vault.DefaultFields() {
		classes = append(classes, one.Class)
	}
	return f.Open(context.Background(), vault.Reading{Permit: f.Permit(t, []weir.Subject{who}, classes...), Exchange: FixtureExchange, Who: who})
}

// Plains makes values.
func Plains(values ...string) (out []weir.Plain) {
	for _, v := range values {
		out = append(out, weir.NewPlain(v))
	}
	return out
}

func oneCustomer(t *testing.T, open func(t *testing.T, store string) VaultStore) {
	vs := open(t, t.TempDir())
	defer vs.Close()
	f := NewVault(t, vs, nil)
	const clients = 64
	heads, errs := make([]vault.Head, clients), make([]error, clients)
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() {
			heads[i], _, errs[i] = f.Create(context.Background(), vault.New{Values: vault.Values{"email": Plains("one@example.com"), "phone": Plains(fmt.Sprintf("+4477009001%02d", i))}})
		})
	}
	all.Wait()
	made := 0
	for i, err := range errs {
		switch {
		case err == nil:
			made++
			if found, err := f.Search(t.Context(), address("ONE@example.com")); err != nil || len(found) != 1 || found[0] != heads[i].Subject {
				t.Error("the one who was created is not found", found, err)
			}
		case !errors.Is(err, vault.ErrExists) || !strings.Contains(err.Error(), "email") || strings.Contains(err.Error(), "one@"):
			t.Error(err)
		}
	}
	if made != 1 {
		t.Fatalf("%d customers were made of one address", made)
	}
	if heads, next, err := f.List(t.Context(), "", 10); err != nil || len(heads) != 1 || next != "" {
		t.Error(len(heads), next, err)
	}

	// Put of the same by many is one customer, too, and none of them fails.
	outcomes := make([]vault.Outcome, clients)
	for i := range clients {
		all.Go(func() {
			_, outcomes[i], errs[i] = f.Put(context.Background(), vault.New{Residence: "FR", Values: vault.Values{vault.KeyField: Plains("c-1"), "email": Plains("two@example.com")}}, 0)
		})
	}
	all.Wait()
	created := 0
	for i := range clients {
		if errs[i] != nil {
			t.Error(errs[i])
		}
		if outcomes[i] == vault.Created {
			created++
		} else if outcomes[i] == vault.Changed {
			t.Error("the same was a change")
		}
	}
	if created != 1 {
		t.Errorf("%d were created", created)
	}
}

func address(name string) weir.Identifier {
	return weir.Identifier{Kind: "email", Value: weir.NewPlain(name)}
}

func vaultSubjects(t *testing.T, open func(t *testing.T, store string) VaultStore) {
	vs := open(t, t.TempDir())
	defer vs.Close()
	f := NewVault(t, vs, nil)
	ctx := t.Context()
	resolve := func(kind, value string) weir.Subject {
		t.Helper()
		s, err := f.Resolve(ctx, []weir.Identifier{{Kind: kind, Value: weir.NewPlain(value)}})
		if err != nil {
			t.Fatal(err)
		}
		return s[0]
	}
	// What traffic has named keeps its name.
	met, other := resolve("email", "met@example.com"), resolve("phone", "+447700900123")
	h, key, err := f.Create(ctx, vault.New{Values: vault.Values{"email": Plains("Met@example.com", "second@example.com"), "phone": Plains("+44 7700 900123")}})
	if err != nil {
		t.Fatal(err)
	}
	if h.Subject != met && h.Subject != other {
		t.Error("the customer has neither pseudonym")
	}
	if len(h.Aliases) != 1 || h.Aliases[0] == h.Subject || h.Aliases[0] != met && h.Aliases[0] != other {
		t.Errorf("the other is not known: %v", h.Aliases)
	}
	for kind, value := range map[string]string{"email": "second@example.com", "phone": "+447700900123", "customer": key.Reveal()} {
		if resolve(kind, value) != h.Subject {
			t.Errorf("%s leads to somebody else", kind)
		}
	}
	if resolve("email", "met@example.com") != h.Subject {
		t.Error("the first address leads to somebody else")
	}
	// A number that two have leads to the first.
	second, _, err := f.Create(ctx, vault.New{Values: vault.Values{"email": Plains("third@example.com"), "phone": Plains("+447700900123")}})
	if err != nil || second.Subject == h.Subject {
		t.Fatal("two customers are one", err)
	}
	if resolve("phone", "+447700900123") != h.Subject {
		t.Error("the number leads to the second")
	}
	both, err := f.Search(ctx, weir.Identifier{Kind: "phone", Value: weir.NewPlain("0044 7700 900123")})
	if err != nil || len(both) != 2 {
		t.Error(both, err)
	}
	// What a customer has no more leads to somebody new, who may be a customer.
	if _, err := f.Update(ctx, h.Subject, 0, vault.Changes{Set: vault.Values{"email": Plains("second@example.com")}}); err != nil {
		t.Fatal(err)
	}
	if resolve("email", "met@example.com") == h.Subject {
		t.Error("an address that was removed still leads to the customer")
	}
	if found, err := f.Search(ctx, address("met@example.com")); err != nil || len(found) != 0 {
		t.Error("an address that was removed is found", err)
	}
	if _, _, err := f.Create(ctx, vault.New{Values: vault.Values{"email": Plains("met@example.com")}}); err != nil {
		t.Error(err)
	}
	if err := f.Delete(ctx, h.Subject, 0); err != nil {
		t.Fatal(err)
	}
	for kind, value := range map[string]string{"email": "second@example.com", "customer": key.Reveal(), "phone": "+447700900123"} {
		if resolve(kind, value) == h.Subject {
			t.Errorf("%s of a deleted customer leads to the pseudonym", kind)
		}
	}
	if _, err := f.Describe(ctx, h.Subject); !errors.Is(err, vault.ErrNotFound) {
		t.Error(err)
	}
	if err := f.Delete(ctx, h.Subject, 0); !errors.Is(err, vault.ErrNotFound) {
		t.Error(err)
	}
}

// twoVaults opens one store twice, as two nodes do.
func twoVaults(t *testing.T, open func(t *testing.T, store string) VaultStore) {
	dir := t.TempDir()
	one, two := open(t, dir), open(t, dir)
	defer one.Close()
	defer two.Close()
	path := filepath.Join(t.TempDir(), "vault.keys")
	passphrase := []byte("correct horse battery")
	keys, err := vault.CreateKeyFile(path, passphrase, 1000)
	if err != nil {
		t.Fatal(err)
	}
	a := NewVault(t, one, func(c *vault.Config) { c.Keys = keys })
	c := a.Config
	c.Store, c.Directory = two.Store, two.Directory
	if c.Keys, err = vault.OpenKeyFile(path, passphrase); err != nil {
		t.Fatal(err)
	}
	other, err := vault.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	b := &VaultFixture{other, a.Ledger, c}
	h, _, err := a.Create(t.Context(), vault.New{Values: vault.Values{"email": Plains("jo@example.com")}})
	if err != nil {
		t.Fatal(err)
	}
	if found, err := b.Search(t.Context(), address("jo@example.com")); err != nil || len(found) != 1 || found[0] != h.Subject {
		t.Fatal(found, err)
	}
	if _, err := b.Update(t.Context(), h.Subject, 1, vault.Changes{Set: vault.Values{"name": Plains("Jo Example")}}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Update(t.Context(), h.Subject, 1, vault.Changes{Set: vault.Values{"name": Plains("Jo Other")}}); !errors.Is(err, vault.ErrVersion) {
		t.Error(err)
	}
	// Keys that the one has rotated the other finds.
	if _, err := keys.Add(); err != nil {
		t.Fatal(err)
	}
	if done, err := a.Rotate(t.Context(), vault.Rotation{Reencrypt: true}); err != nil || done.Done != 1 {
		t.Fatal(done, err)
	}
	rec, err := b.Read(t, h.Subject)
	if err != nil || rec.Values["name"][0].Reveal() != "Jo Example" {
		t.Fatal(err)
	}
	if _, _, err := b.Create(t.Context(), vault.New{Values: vault.Values{"email": Plains("bo@example.com")}}); err != nil {
		t.Fatal(err)
	}
	if counts, newest, err := a.Keys(t.Context()); err != nil || counts[newest] != 2 || newest != 2 {
		t.Error("the other goes on with the old key", counts, newest, err)
	}
	tokens, err := a.Tokenise(t.Context(), vault.Tokenising{Class: "contact.email", Scope: "s"}, []vault.Owned{{Who: h.Subject, Value: weir.NewPlain("jo@example.com")}})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := b.Detokenise(t.Context(), b.Permit(t, []weir.Subject{h.Subject}, "contact.email"), FixtureExchange, "s", tokens); err != nil || got[0].Reveal() != "jo@example.com" {
		t.Error(err)
	}
	if err := b.Delete(t.Context(), h.Subject, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Read(t, h.Subject); !errors.Is(err, vault.ErrNotFound) {
		t.Error("the one still reads what the other has deleted:", err)
	}
	if _, err := a.Detokenise(t.Context(), a.Permit(t, []weir.Subject{h.Subject}, "contact.email"), FixtureExchange, "s", tokens); !errors.Is(err, vault.ErrToken) {
		t.Error(err)
	}
}

// vaultAtOnce changes the same few customers from many sides.
func vaultAtOnce(t *testing.T, open func(t *testing.T, store string) VaultStore) {
	vs := open(t, t.TempDir())
	defer vs.Close()
	f := NewVault(t, vs, nil)
	const customers, writers, each = 4, 8, 6
	var who []weir.Subject
	for i := range customers {
		h, _, err := f.Create(t.Context(), vault.New{Values: vault.Values{"email": Plains(fmt.Sprintf("c%d@example.com", i))}})
		if err != nil {
			t.Fatal(err)
		}
		who = append(who, h.Subject)
	}
	var all sync.WaitGroup
	ctx := context.Background()
	for w := range writers {
		all.Go(func() {
			for i := range each {
				c := (w + i) % customers
				_, err := f.Update(ctx, who[c], 0, vault.Changes{Set: vault.Values{"name": Plains(fmt.Sprintf("Jo %d %d", w, i)), "phone": Plains(fmt.Sprintf("+44770090%d%d", w, i))}})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Go(func() {
		if _, err := f.Config.Keys.(*vault.KeyFile).Add(); err != nil {
			t.Error(err)
		}
		for range 3 {
			if _, err := f.Rotate(ctx, vault.Rotation{Reencrypt: true}); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Millisecond)
		}
	})
	all.Wait()
	changes := int64(0)
	for i := range customers {
		rec, err := f.Read(t, who[i])
		if err != nil {
			t.Fatal(err)
		}
		if len(rec.Values["name"]) != 1 || len(rec.Values["phone"]) != 1 || rec.Values["email"][0].Reveal() != fmt.Sprintf("c%d@example.com", i) {
			t.Error("the record is not whole")
		}
		changes += rec.Version - 1
	}
	if changes != writers*each {
		t.Errorf("%d changes of %d are there", changes, writers*each)
	}
	counts, newest, err := f.Keys(ctx)
	if err != nil || newest != 2 || counts[2] != customers {
		t.Error(counts, newest, err)
	}
}

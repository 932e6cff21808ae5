package vault_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/getweir/weir"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/store/sqlite"
	"github.com/getweir/weir/store/storetest"
	"github.com/getweir/weir/vault"
)

// TestMain lets the test binary be the writer that the kill tests end.
func TestMain(m *testing.M) {
	if dir := os.Getenv(asWriter); dir != "" {
		os.Exit(writeUntilKilled(dir, os.Getenv(asWriter+"_WHAT")))
	}
	os.Exit(m.Run())
}

var directoryKey = []byte(strings.Repeat("k", 32))

func openStore(t testing.TB, path string) storetest.VaultStore {
	t.Helper()
	s, err := sqlite.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		s, err = sqlite.Create(path)
	}
	if err != nil {
		t.Fatal(err)
	}
	v, err := s.Vault(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return storetest.VaultStore{Store: v, Directory: s.Subjects(directoryKey), Close: func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}}
}

func newVault(t testing.TB, change func(*vault.Config)) *storetest.VaultFixture {
	t.Helper()
	vs := openStore(t, filepath.Join(t.TempDir(), "subjects.db"))
	t.Cleanup(vs.Close)
	return storetest.NewVault(t, vs, change)
}

var plains = storetest.Plains

// jo is somebody invented.
func jo(n int) vault.New {
	return vault.New{Residence: "DE", Values: vault.Values{
		"customer": plains(fmt.Sprintf("c-%d", n)), "name": plains("Jo Example"), "email": plains(fmt.Sprintf("jo%d@example.com", n)),
		"phone": plains(fmt.Sprintf("+4477009%05d", n)), "address": plains("1 Example Street", "2 Example Street"),
		"card": plains("4242 4242 4242 4242"), "birth_date": plains("1990-02-28"),
	}}
}

func create(t testing.TB, f *storetest.VaultFixture, n vault.New) vault.Head {
	t.Helper()
	h, _, err := f.Create(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func values(v vault.Values) string {
	var all []string
	for name, vs := range v {
		for _, one := range vs {
			all = append(all, name+"="+one.Reveal())
		}
	}
	slices.Sort(all)
	return strings.Join(all, "; ")
}

func TestRecords(t *testing.T) {
	f := newVault(t, nil)
	ctx := t.Context()
	h := create(t, f, jo(1))
	if h.Version != 1 || h.Residence != "DE" || len(h.Fields) != 7 || h.Fields[0] != (vault.FieldCount{Name: "address", N: 2}) || h.Created.IsZero() {
		t.Errorf("%+v", h)
	}
	rec, err := f.Read(t, h.Subject)
	if err != nil || values(rec.Values) != values(jo(1).Values) {
		t.Fatal(err, "the record is not what was given")
	}
	if rec.Values["address"][0].Reveal() != "1 Example Street" {
		t.Error("values have lost their order")
	}

	// In part, and only what the permit covers.
	who := []weir.Subject{h.Subject}
	part, err := f.Open(ctx, vault.Reading{Permit: f.Permit(t, who, "contact.email"), Exchange: storetest.FixtureExchange, Who: h.Subject, Fields: []string{"email"}})
	if err != nil || values(part.Values) != "email=jo1@example.com" {
		t.Error(err, values(part.Values))
	}
	refuse := func(what string, r vault.Reading) {
		t.Helper()
		r.Exchange, r.Who = storetest.FixtureExchange, h.Subject
		if rec, err := f.Open(ctx, r); !errors.Is(err, ledger.ErrPermit) || rec != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	refuse("none", vault.Reading{})
	refuse("none, and nothing wanted", vault.Reading{Fields: []string{}})
	refuse("another class", vault.Reading{Permit: f.Permit(t, who, "contact.phone"), Fields: []string{"email"}})
	refuse("one of all", vault.Reading{Permit: f.Permit(t, who, "contact.email")})
	refuse("another customer", vault.Reading{Permit: f.Permit(t, []weir.Subject{{9}}, "contact.email"), Fields: []string{"email"}})
	used := f.Permit(t, who, "contact.email")
	if _, err := f.Open(ctx, vault.Reading{Permit: used, Exchange: storetest.FixtureExchange, Who: h.Subject, Fields: []string{"email"}}); err != nil {
		t.Error(err)
	}
	refuse("a used one", vault.Reading{Permit: used, Fields: []string{"email"}})
	if _, err := f.Open(ctx, vault.Reading{Permit: f.Permit(t, who, "contact.email"), Exchange: weir.ExchangeID{7}, Who: h.Subject, Fields: []string{"email"}}); !errors.Is(err, ledger.ErrPermit) {
		t.Error("another exchange:", err)
	}

	// Whether it is so, without saying what is.
	match := func(field, value string, want bool) {
		t.Helper()
		got, err := f.Match(ctx, f.Permit(t, who), storetest.FixtureExchange, h.Subject, field, weir.NewPlain(value))
		if err != nil || got != want {
			t.Errorf("%s: %v, %v", field, got, err)
		}
	}
	match("email", " JO1@Example.com", true)
	match("email", "jo2@example.com", false)
	match("email", "no address", false)
	match("address", "2 Example Street", true)
	match("address", "2 example street", false)
	match("iban", "GB29 NWBK 6016 1331 9268 19", false)
	if _, err := f.Match(ctx, ledger.Permit{}, storetest.FixtureExchange, h.Subject, "email", weir.NewPlain("jo1@example.com")); !errors.Is(err, ledger.ErrPermit) {
		t.Error(err)
	}

	// Versions.
	up, err := f.Update(ctx, h.Subject, 1, vault.Changes{Set: vault.Values{"address": plains("3 Example Street"), "name": nil}})
	if err != nil || up.Version != 2 {
		t.Fatal(up, err)
	}
	if _, err := f.Update(ctx, h.Subject, 1, vault.Changes{Set: vault.Values{"name": plains("Jo Other")}}); !errors.Is(err, vault.ErrVersion) {
		t.Error(err)
	}
	if same, err := f.Update(ctx, h.Subject, 2, vault.Changes{Set: vault.Values{"address": plains("3 Example Street")}}); err != nil || same.Version != 2 {
		t.Error("a change that changes nothing:", same.Version, err)
	}
	rec, err = f.Read(t, h.Subject)
	if err != nil || rec.Version != 2 || len(rec.Values["name"]) != 0 || values(vault.Values{"a": rec.Values["address"]}) != "a=3 Example Street" {
		t.Error(rec.Version, err)
	}
	if _, err := f.Update(ctx, h.Subject, 0, vault.Changes{Set: vault.Values{vault.KeyField: nil}}); !errors.Is(err, vault.ErrInput) {
		t.Error("the key was removed:", err)
	}

	// Put makes it what is said, and once is as good as twice.
	n := jo(1)
	n.Residence = "FR"
	for i, want := range []vault.Outcome{vault.Changed, vault.Unchanged} {
		if h, o, err := f.Put(ctx, n, 0); err != nil || o != want || h.Version != 3 {
			t.Errorf("%d: %v %d %v", i, o, h.Version, err)
		}
	}
	if _, _, err := f.Put(ctx, jo(1), 2); !errors.Is(err, vault.ErrVersion) {
		t.Error(err)
	}
	if _, _, err := f.Put(ctx, jo(99), 1); !errors.Is(err, vault.ErrNotFound) {
		t.Error(err)
	}
	taken := jo(5)
	taken.Values["email"] = plains("JO1@example.com")
	if _, _, err := f.Put(ctx, taken, 0); !errors.Is(err, vault.ErrExists) || !strings.Contains(err.Error(), "field email") {
		t.Error(err)
	}
	if _, _, err := f.Put(ctx, vault.New{}, 0); !errors.Is(err, vault.ErrInput) {
		t.Error(err)
	}

	if err := f.Delete(ctx, h.Subject, 2); !errors.Is(err, vault.ErrVersion) {
		t.Error(err)
	}
	if err := f.Delete(ctx, h.Subject, 3); err != nil {
		t.Error(err)
	}
	if _, err := f.Read(t, h.Subject); !errors.Is(err, vault.ErrNotFound) {
		t.Error(err)
	}
	create(t, f, jo(1)) // its e-mail and its key are free again
}

func TestListGivesEachOnce(t *testing.T) {
	f := newVault(t, nil)
	want := map[weir.Subject]bool{}
	for i := range 25 {
		want[create(t, f, jo(i)).Subject] = true
	}
	cursor, pages := "", 0
	for {
		heads, next, err := f.List(t.Context(), cursor, 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range heads {
			if !want[h.Subject] {
				t.Error("given twice, or nobody")
			}
			delete(want, h.Subject)
		}
		if pages++; next == "" {
			break
		}
		if bytes.Contains([]byte(next), []byte(heads[len(heads)-1].Subject.String()[2:])) {
			t.Error("the cursor shows a pseudonym")
		}
		cursor = next
	}
	if len(want) != 0 || pages != 3 {
		t.Errorf("%d were left out, in %d pages", len(want), pages)
	}
	for _, c := range []string{"x", cursor + "A", "AAAA"} {
		if _, _, err := f.List(t.Context(), c, 10); !errors.Is(err, vault.ErrInput) {
			t.Errorf("cursor %q: %v", c, err)
		}
	}
}

func TestBadInputIsRefusedWholeAndWithoutItsValue(t *testing.T) {
	f := newVault(t, nil)
	ctx := t.Context()
	const secret = "vErYpErSoNaL"
	for what, n := range map[string]vault.New{
		"unknown field":      {Values: vault.Values{"nickname": plains(secret)}},
		"field with a value": {Values: vault.Values{secret + "@example.com": plains("x")}},
		"10 MB":              {Values: vault.Values{"name": plains(secret + strings.Repeat("x", 10<<20))}},
		"not UTF-8":          {Values: vault.Values{"name": plains(secret + "\xff")}},
		"empty":              {Values: vault.Values{"name": plains("")}},
		"two of one":         {Values: vault.Values{"name": plains(secret, secret)}},
		"no address":         {Values: vault.Values{"email": plains(secret)}},
		"no card":            {Values: vault.Values{"card": plains("4242424242424241")}},
		"no number":          {Values: vault.Values{"phone": plains(secret)}},
		"no account":         {Values: vault.Values{"iban": plains("GB29NWBK60161331926818")}},
		"the same twice":     {Values: vault.Values{"email": plains("a@example.com", "A@example.com")}},
		"a country":          {Residence: "Germany"},
		"100,000 values":     {Values: vault.Values{"device": slices.Repeat(plains(secret), 100_000)}},
		"too much":           {Values: vault.Values{"device": slices.Repeat(plains(strings.Repeat("x", 60<<10)), 20)}},
	} {
		h, _, err := f.Create(ctx, n)
		if !errors.Is(err, vault.ErrInput) || h.Subject != (weir.Subject{}) {
			t.Errorf("%s: %v", what, err)
		} else if strings.Contains(err.Error(), secret) || len(err.Error()) > 500 {
			t.Errorf("%s: the error has the value, or is long", what)
		}
	}
	many := make(vault.Values)
	for i := range 100_000 {
		many[fmt.Sprintf("field_%d", i)] = plains("x")
	}
	if _, _, err := f.Create(ctx, vault.New{Values: many}); !errors.Is(err, vault.ErrInput) {
		t.Error("100,000 fields:", err)
	}
	if heads, _, err := f.List(ctx, "", 10); err != nil || len(heads) != 0 {
		t.Error("something was kept:", len(heads), err)
	}
	// What databases and patterns read as signs are signs like any other.
	for i, odd := range []string{`'; DROP TABLE vault_keys; --`, `%_[]\`, "a\x00b", "🙂 \u202e \ufeff", strings.Repeat("é", vault.MaxValue/2), "$1 ? :a {} \\u0000"} {
		n := jo(i)
		n.Values["name"] = plains(odd)
		n.Values["customer"] = plains("c-" + odd[:min(len(odd), 900)])
		h := create(t, f, n)
		if found, err := f.Search(ctx, weir.Identifier{Kind: "customer", Value: n.Values["customer"][0]}); err != nil || len(found) != 1 || found[0] != h.Subject {
			t.Error(i, found, err)
		}
		if rec, err := f.Read(t, h.Subject); err != nil || rec.Values["name"][0].Reveal() != odd {
			t.Error(i, err)
		}
	}
	for _, like := range []string{"c-%", "c-_", "%"} {
		if found, err := f.Search(ctx, weir.Identifier{Kind: "customer", Value: weir.NewPlain(like)}); err != nil || len(found) != 0 {
			t.Errorf("%q found %d: %v", like, len(found), err)
		}
	}
}

func TestPolicyDecidesWhatIsStored(t *testing.T) {
	f := newVault(t, func(c *vault.Config) {
		c.Cards = false
		c.Allowed = func(class weir.Class) bool { return class != "identity.passport" }
	})
	for _, field := range []string{"card", "passport"} {
		if _, _, err := f.Create(t.Context(), vault.New{Values: vault.Values{field: plains("4242424242424242")}}); !errors.Is(err, vault.ErrInput) {
			t.Errorf("%s: %v", field, err)
		}
	}
	for _, class := range []weir.Class{vault.ClassCard, vault.ClassCVV, "identity.passport"} {
		if _, err := f.Tokenise(t.Context(), vault.Tokenising{Class: class}, []vault.Owned{{Value: weir.NewPlain("4242424242424242")}}); !errors.Is(err, vault.ErrInput) {
			t.Errorf("%s: %v", class, err)
		}
	}
	for what, fields := range map[string][]vault.Field{
		"a code":          append(vault.DefaultFields(), vault.Field{Name: "cvv", Class: vault.ClassCVV}),
		"no key":          vault.DefaultFields()[1:],
		"twice":           append(vault.DefaultFields(), vault.Field{Name: "name", Class: "person.name"}),
		"no class":        append(vault.DefaultFields(), vault.Field{Name: "x"}),
		"a bad name":      append(vault.DefaultFields(), vault.Field{Name: "X y", Class: "person.name"}),
		"unique, no kind": append(vault.DefaultFields(), vault.Field{Name: "x", Class: "person.name", Unique: true}),
	} {
		c := f.Config
		c.Fields = fields
		if _, err := vault.Open(t.Context(), c); !errors.Is(err, vault.ErrInput) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestCreateRefusesWhatExistsAndOpenNeverCreates(t *testing.T) {
	f := newVault(t, nil)
	if err := vault.Create(t.Context(), f.Config); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
	vs := openStore(t, filepath.Join(t.TempDir(), "other.db"))
	defer vs.Close()
	c := f.Config
	c.Store, c.Directory = vs.Store, vs.Directory
	for range 2 {
		if _, err := vault.Open(t.Context(), c); !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
	}
	c = f.Config
	c.Tenant = "other"
	if _, err := vault.Open(t.Context(), c); !errors.Is(err, vault.ErrInput) {
		t.Error(err)
	}
}

// TestRecordsAreWhatWasLastSaid draws changes and compares with a model.
func TestRecordsAreWhatWasLastSaid(t *testing.T) {
	f := newVault(t, nil)
	run := 0
	rapid.Check(t, func(t *rapid.T) {
		run++
		ctx := context.Background()
		text := rapid.StringN(1, 40, 200).Filter(func(s string) bool { return strings.TrimSpace(s) != "" })
		draw := func(n int) vault.Values {
			v := vault.Values{}
			if rapid.Bool().Draw(t, "name") {
				v["name"] = plains(text.Draw(t, "value"))
			}
			v["email"] = nil
			for i := range rapid.IntRange(0, 3).Draw(t, "emails") {
				v["email"] = append(v["email"], weir.NewPlain(fmt.Sprintf("r%d.%d.%d@example.com", run, n, i)))
			}
			v["device"] = nil
			for range rapid.IntRange(0, 4).Draw(t, "devices") {
				v["device"] = append(v["device"], weir.NewPlain(text.Draw(t, "device")))
			}
			return v
		}
		key := fmt.Sprintf("run-%d", run)
		first := draw(0)
		first[vault.KeyField] = plains(key)
		h, _, err := f.Create(ctx, vault.New{Values: first})
		if err != nil {
			t.Fatal(err)
		}
		model := first
		for i := range rapid.IntRange(0, 6).Draw(t, "changes") {
			c := draw(i % 2)
			up, err := f.Update(ctx, h.Subject, h.Version, vault.Changes{Set: c})
			if err != nil {
				t.Fatal(err)
			}
			was := values(model)
			for name, vs := range c {
				model[name] = vs
			}
			if (values(model) == was) != (up.Version == h.Version) && (up.Version == h.Version) {
				t.Fatal("a change was not made")
			}
			h = up
		}
		var classes []weir.Class
		for _, one := range vault.DefaultFields() {
			classes = append(classes, one.Class)
		}
		e := &ledger.Entry{Kind: ledger.Release, Exchange: storetest.FixtureExchange, Principal: "p", Purpose: "test", Text: "test", Subjects: []ledger.Taken{{Subject: h.Subject}}}
		for _, c := range classes {
			e.Actions = append(e.Actions, ledger.Count{Class: c, Action: weir.Allow, N: 1})
		}
		p, err := f.Ledger.Permit(ctx, e)
		if err != nil {
			t.Fatal(err)
		}
		rec, err := f.Open(ctx, vault.Reading{Permit: p, Exchange: storetest.FixtureExchange, Who: h.Subject})
		if err != nil || values(rec.Values) != values(model) {
			t.Fatal(err, "the record is not what was last said")
		}
		for i := range 2 {
			for j := range 3 {
				name := fmt.Sprintf("r%d.%d.%d@example.com", run, i, j)
				has := strings.Contains(values(model), "email="+name)
				found, err := f.Search(ctx, weir.Identifier{Kind: "email", Value: weir.NewPlain(name)})
				if err != nil || has != (len(found) == 1) {
					t.Fatalf("an address is found %d times: %v", len(found), err)
				}
			}
		}
	})
}

// TestFIPS runs the package's tests once more with everything refused that is not
// approved by FIPS 140-3 (GODEBUG=fips140=only).
func TestFIPS(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.run", "^Test(Records$|Tokens$|KeyFile$|Rotation$|Transit$|FIPSIsOn$)", "-test.v")
	cmd.Env = append(os.Environ(), "GODEBUG=fips140=only")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, name := range []string{"TestFIPSIsOn", "TestRecords", "TestTokens", "TestRotation", "TestKeyFile"} {
		if !bytes.Contains(out, []byte("--- PASS: "+name)) {
			t.Errorf("%s did not run:\n%s", name, out)
		}
	}
}

var deadline = 30 * time.Second

// TestKeysDoNotPrint: neither a vault nor a key file gives away what it holds.
func TestKeysDoNotPrint(t *testing.T) {
	f := newVault(t, nil)
	create(t, f, jo(1))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
		if got := fmt.Sprintf(verb, f.Vault); got != "[vault]" {
			t.Errorf("%s: %.40s", verb, got)
		}
		if got := fmt.Sprintf(verb, f.Config.Keys); got != "[key file]" {
			t.Errorf("%s: %.40s", verb, got)
		}
		rec, err := f.Read(t, create(t, f, jo(len(verb)*1000+int(verb[1]))).Subject)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf(verb, rec); strings.Contains(got, "Jo Example") || strings.Contains(got, "4a6f20457861") {
			t.Errorf("%s: a record prints its values", verb)
		}
	}
}

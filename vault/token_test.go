package vault_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/getweir/weir"
	"github.com/getweir/weir/inspect"
	"github.com/getweir/weir/internal/people"
	"github.com/getweir/weir/ledger"
	"github.com/getweir/weir/store/storetest"
	"github.com/getweir/weir/vault"
)

func owned(who weir.Subject, values ...string) (out []vault.Owned) {
	for _, v := range values {
		out = append(out, vault.Owned{Who: who, Value: weir.NewPlain(v)})
	}
	return out
}

func tokenise(t testing.TB, f *storetest.VaultFixture, how vault.Tokenising, values []vault.Owned) []string {
	t.Helper()
	tokens, err := f.Tokenise(context.Background(), how, values)
	if err != nil || len(tokens) != len(values) {
		t.Fatal(len(tokens), err)
	}
	return tokens
}

// opened opens tokens by a permit for exactly what they are said to stand for.
func opened(t testing.TB, f *storetest.VaultFixture, scope string, tokens []string) ([]weir.Plain, error) {
	t.Helper()
	infos, err := f.Tokens(context.Background(), scope, tokens)
	if err != nil {
		t.Fatal(err)
	}
	var who []weir.Subject
	classes := []weir.Class{"contact.email"}
	for _, i := range infos {
		if i != nil {
			who, classes = append(who, i.Who), append(classes, i.Class)
		}
	}
	return f.Detokenise(context.Background(), f.Permit(t, who, classes...), storetest.FixtureExchange, scope, tokens)
}

func TestTokens(t *testing.T) {
	now := time.Now()
	f := newVault(t, func(c *vault.Config) { c.Now = func() time.Time { return now } })
	ctx := t.Context()
	who := create(t, f, jo(1)).Subject
	for _, owner := range []weir.Subject{who, {}} {
		for _, c := range []struct {
			how    vault.Tokenising
			values []string
		}{
			{vault.Tokenising{Class: "contact.email"}, []string{"a@example.com", "b@example.com", "a@example.com"}},
			{vault.Tokenising{Class: "contact.email", Shape: vault.ShapeEmail}, []string{"a@example.com", "b@example.com"}},
			{vault.Tokenising{Class: "contact.phone", Shape: vault.ShapePhone, Once: true}, []string{"+447700900123", "+447700900124"}},
			{vault.Tokenising{Class: vault.ClassCard, Shape: vault.ShapeCard, KeepLast4: true, KeepIssuer: true}, []string{"4242 4242 4242 4242", "5555555555554444"}},
			{vault.Tokenising{Class: "person.name", Expires: now.Add(time.Hour)}, []string{strings.Repeat("é", vault.MaxValue/2), "Jo"}},
			{vault.Tokenising{Class: "contact.email", Same: true, For: weir.Service}, []string{"a@example.com", "b@example.com", "a@example.com"}},
		} {
			c.how.Scope = "mailer"
			tokens := tokenise(t, f, c.how, owned(owner, c.values...))
			values, err := opened(t, f, "mailer", tokens)
			for i := range c.values {
				if err != nil || values[i].Reveal() != c.values[i] {
					t.Errorf("%+v: not what it was: %v", c.how, err)
				}
				if strings.Contains(c.values[i], tokens[i]) {
					t.Errorf("%q is the value", tokens[i])
				}
			}
			seen := map[string]bool{}
			for _, one := range tokens {
				seen[one] = true
			}
			if want := len(tokens); len(seen) != want && !c.how.Same || c.how.Same && len(seen) != 2 {
				t.Errorf("%+v: %d different tokens", c.how, len(seen))
			}
			// In another scope there is no such token.
			if infos, err := f.Tokens(ctx, "other", tokens); err != nil || infos[0] != nil {
				t.Error(infos[0], err)
			}
			if _, err := opened(t, f, "other", tokens); !errors.Is(err, vault.ErrToken) {
				t.Error(err)
			}
			// Once is once.
			_, err = opened(t, f, "mailer", tokens)
			if c.how.Once != errors.Is(err, vault.ErrToken) || !c.how.Once && err != nil {
				t.Errorf("%+v, once more: %v", c.how, err)
			}
		}
	}

	// The permit must cover it.
	tokens := tokenise(t, f, vault.Tokenising{Class: "contact.email", Scope: "mailer"}, owned(who, "a@example.com"))
	infos, err := f.Tokens(ctx, "mailer", append(tokens, "wt_nothing", "4242421234564242", ""))
	if err != nil || infos[0].Who != who || infos[0].Class != "contact.email" || infos[1] != nil || infos[2] != nil || infos[3] != nil {
		t.Fatal(infos, err)
	}
	for what, p := range map[string]ledger.Permit{
		"none": {}, "another class": f.Permit(t, []weir.Subject{who}, "contact.phone"), "another customer": f.Permit(t, []weir.Subject{{3}}, "contact.email"),
	} {
		if got, err := f.Detokenise(ctx, p, storetest.FixtureExchange, "mailer", tokens); !errors.Is(err, ledger.ErrPermit) || got != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	once := f.Permit(t, []weir.Subject{who}, "contact.email")
	if _, err := f.Detokenise(ctx, once, storetest.FixtureExchange, "mailer", tokens); err != nil {
		t.Error(err)
	}
	if _, err := f.Detokenise(ctx, once, storetest.FixtureExchange, "mailer", tokens); !errors.Is(err, ledger.ErrPermit) {
		t.Error("a permit was used twice:", err)
	}

	// Time.
	var mortal []string
	for _, how := range []vault.Tokenising{{Class: "contact.email"}, {Class: "contact.email", Shape: vault.ShapeEmail}} {
		how.Expires, how.Scope = now.Add(time.Hour), "mailer"
		mortal = append(mortal, tokenise(t, f, how, owned(who, "late@example.com"))...)
	}
	if infos, err := f.Tokens(ctx, "mailer", mortal); err != nil || infos[0] == nil || infos[1] == nil || infos[1].Expires.IsZero() {
		t.Error(infos, err)
	}
	if n, err := f.SweepTokens(ctx); err != nil || n != 0 {
		t.Error(n, err)
	}
	now = now.Add(2 * time.Hour)
	if infos, err := f.Tokens(ctx, "mailer", mortal); err != nil || infos[0] != nil || infos[1] != nil {
		t.Error("they have not expired", err)
	}
	if n, err := f.SweepTokens(ctx); err != nil || n < 2 {
		t.Error(n, err)
	}

	// The same in a scope, another in the next.
	same := vault.Tokenising{Class: "contact.email", Scope: "mailer", Shape: vault.ShapeEmail, Same: true, For: weir.Service}
	first := tokenise(t, f, same, owned(who, "same@example.com"))[0]
	if second := tokenise(t, f, same, owned(weir.Subject{}, "same@example.com"))[0]; second != first {
		t.Error("another token in the same scope")
	}
	same.Scope = "adverts"
	if other := tokenise(t, f, same, owned(who, "same@example.com"))[0]; other == first {
		t.Error("the same token in another scope")
	}

	for what, how := range map[string]vault.Tokenising{
		"for staff":      {Class: "contact.email", Scope: "s", Same: true, For: weir.Staff},
		"for nobody":     {Class: "contact.email", Scope: "s", Same: true},
		"without scope":  {Class: "contact.email", Same: true, For: weir.Service},
		"same and once":  {Class: "contact.email", Scope: "s", Same: true, For: weir.Service, Once: true},
		"a code":         {Class: vault.ClassCVV},
		"no class":       {},
		"past":           {Class: "contact.email", Expires: now.Add(-time.Second)},
		"a shape":        {Class: "contact.email", Shape: "iban"},
		"no card number": {Class: vault.ClassCard, Shape: vault.ShapeCard},
		"last of a name": {Class: "person.name", KeepLast4: true},
	} {
		if _, err := f.Tokenise(ctx, how, owned(who, "same@example.com")); !errors.Is(err, vault.ErrInput) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := f.Tokenise(ctx, vault.Tokenising{Class: "contact.email"}, make([]vault.Owned, vault.MaxTokens+1)); !errors.Is(err, vault.ErrInput) {
		t.Error(err)
	}
	if got, err := f.Tokenise(ctx, vault.Tokenising{Class: "contact.email"}, nil); err != nil || len(got) != 0 {
		t.Error(got, err)
	}

	// Gone with their owner.
	kept := tokenise(t, f, vault.Tokenising{Class: "contact.email", Scope: "mailer"}, owned(weir.Subject{}, "x@example.com"))
	page := tokenise(t, f, vault.Tokenising{Class: "contact.email", Scope: "mailer"}, owned(who, "x@example.com"))
	row := tokenise(t, f, same, owned(who, "y@example.com"))
	if err := f.Delete(ctx, who, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := opened(t, f, "mailer", page); !errors.Is(err, vault.ErrToken) {
		t.Error(err)
	}
	if _, err := opened(t, f, "adverts", row); !errors.Is(err, vault.ErrToken) {
		t.Error(err)
	}
	if got, err := opened(t, f, "mailer", kept); err != nil || got[0].Reveal() != "x@example.com" {
		t.Error(err)
	}
}

// TestTokensAreMadeByManyAtOnce: one value has one deterministic token, and one
// use of a token is one.
func TestTokensAreMadeByManyAtOnce(t *testing.T) {
	f := newVault(t, nil)
	how := vault.Tokenising{Class: vault.ClassCard, Shape: vault.ShapeCard, KeepIssuer: true, KeepLast4: true, Scope: "shop", Same: true, For: weir.Service}
	crowd := people.New(1, 40).Customers
	var values []string
	for _, p := range crowd {
		values = append(values, p.Card.Number)
	}
	var mu sync.Mutex
	tokens := map[string]map[string]bool{}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			got := tokenise(t, f, how, owned(weir.Subject{}, values...))
			mu.Lock()
			defer mu.Unlock()
			for i, token := range got {
				if tokens[values[i]] == nil {
					tokens[values[i]] = map[string]bool{}
				}
				tokens[values[i]][token] = true
			}
		})
	}
	all.Wait()
	different := map[string]bool{}
	for _, of := range tokens {
		for token := range of {
			different[token] = true
		}
		if len(of) != 1 {
			t.Fatalf("a number has %d tokens", len(of))
		}
	}
	if len(different) != len(tokens) {
		t.Error("two numbers have one token")
	}
	one := tokenise(t, f, vault.Tokenising{Class: "contact.email", Scope: "s", Once: true}, owned(weir.Subject{}, "a@example.com"))
	won := make(chan bool, 16)
	for range 16 {
		all.Go(func() {
			if values, err := opened(t, f, "s", one); err == nil && values[0].Reveal() == "a@example.com" {
				won <- true
			} else if !errors.Is(err, vault.ErrToken) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if len(won) != 1 {
		t.Errorf("a token was opened %d times", len(won))
	}
}

// TestLaw9TokensAreNotData puts tokens of every kind where the value was, and
// inspects: nothing is found, no number is valid.
func TestLaw9TokensAreNotData(t *testing.T) {
	in, err := inspect.New(inspect.Config{Unsure: true})
	if err != nil {
		t.Fatal(err)
	}
	f := newVault(t, func(c *vault.Config) {
		c.LooksPersonal = func(token string) bool {
			for _, seg := range []weir.Segment{
				{Syntax: weir.JSON, Body: fmt.Appendf(nil, `{"card_number":%q}`, token), Record: true},
				{Syntax: weir.Text, Body: []byte(token)},
			} {
				var r inspect.Report
				if err := in.Inspect(&r, &seg, nil); err != nil || len(r.Findings) > 0 {
					return true
				}
			}
			return false
		}
	})
	crowd := people.New(7, 200).Customers
	kinds := []struct {
		class weir.Class
		shape vault.Shape
		keys  []string
		value func(*people.Customer) string
	}{
		{"contact.email", vault.ShapeEmail, []string{"email", "contact", "note"}, func(c *people.Customer) string { return c.Email }},
		{"contact.email", vault.ShapePlain, []string{"email", "contact", "note"}, func(c *people.Customer) string { return c.Email }},
		{"contact.phone", vault.ShapePhone, []string{"phone", "mobile", "note"}, func(c *people.Customer) string { return c.Phone }},
		{"contact.phone", vault.ShapePlain, []string{"phone", "mobile", "note"}, func(c *people.Customer) string { return c.Phone }},
		{vault.ClassCard, vault.ShapeCard, []string{"card_number", "pan", "note"}, func(c *people.Customer) string { return c.Card.Number }},
		{vault.ClassCard, vault.ShapePlain, []string{"card_number", "pan", "payment_token"}, func(c *people.Customer) string { return c.Card.Number }},
		{"person.name", vault.ShapePlain, []string{"full_name", "name", "note"}, func(c *people.Customer) string { return c.Name() }},
		{"contact.address", vault.ShapePlain, []string{"line1", "address"}, func(c *people.Customer) string { return "1 Example Street" }},
		{"person.birth_date", vault.ShapePlain, []string{"birth_date", "dob"}, func(c *people.Customer) string { return c.Born }},
		{"device.id", vault.ShapePlain, []string{"device_id"}, func(c *people.Customer) string { return "7c9e6679-7425-40de-944b-e07fc1f90ae7" }},
	}
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.SampledFrom(kinds).Draw(t, "kind")
		c := &crowd[rapid.IntRange(0, len(crowd)-1).Draw(t, "customer")]
		how := vault.Tokenising{Class: k.class, Shape: k.shape, Scope: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "scope")}
		switch rapid.IntRange(0, 2).Draw(t, "manner") {
		case 0:
			how.Same, how.For = true, weir.Service
		case 1:
			how.Once = true
		}
		if k.shape == vault.ShapeCard {
			how.KeepIssuer, how.KeepLast4 = rapid.Bool().Draw(t, "issuer"), rapid.Bool().Draw(t, "last4")
		}
		value := k.value(c)
		tokens, err := f.Tokenise(context.Background(), how, []vault.Owned{{Value: weir.NewPlain(value)}})
		if err != nil {
			t.Fatal(err)
		}
		token := tokens[0]
		if k.shape == vault.ShapeCard {
			if _, valid := vault.Canonical("card", token); valid || len(token) != len(strings.ReplaceAll(value, " ", "")) {
				t.Fatalf("%s is a card number, or no longer looks like one", token)
			}
			if how.KeepLast4 && token[len(token)-4:] != value[len(value)-4:] || how.KeepIssuer && token[:6] != value[:6] {
				t.Fatalf("%s has not kept what it should", token)
			}
		}
		key := rapid.SampledFrom(k.keys).Draw(t, "key")
		doc, err := json.Marshal(map[string]any{key: token, "id": "c-1"})
		if err != nil {
			t.Fatal(err)
		}
		for _, seg := range []weir.Segment{
			{Syntax: weir.JSON, Body: doc, Record: true},
			{Syntax: weir.CSV, Body: []byte("c-1," + token + "\r\n"), Columns: []string{"id", key}, Record: true},
			{Syntax: weir.CSV, Body: []byte("c-1,\"" + token + "\"\r\n"), Columns: []string{"id", key}, Record: true},
			{Syntax: weir.HTML, Body: []byte("<p><b>" + key + "</b> <i>" + token + "</i></p>"), Record: true},
			{Syntax: weir.Header, Body: []byte(token), Name: "X-" + strings.ReplaceAll(key, "_", "-")},
			{Syntax: weir.Text, Body: []byte(key + ": " + token + "\n")},
			{Syntax: weir.Text, Body: []byte("sent to " + token + ".\n")},
		} {
			var r inspect.Report
			if err := in.Inspect(&r, &seg, nil); err != nil {
				t.Fatal(err)
			}
			for _, found := range r.Findings {
				t.Fatalf("%s: %s is found in %s at %d to %d", seg.Syntax, found.Class, seg.Body, found.Start, found.End)
			}
		}
	})
}

// TestCanonicalIsWhatInspectSays compares how the vault and inspect name the same
// identifiers.
func TestCanonicalIsWhatInspectSays(t *testing.T) {
	in, err := inspect.New(inspect.Config{})
	if err != nil {
		t.Fatal(err)
	}
	compared := map[string]int{}
	for _, c := range people.New(3, 300).Customers {
		for kind, spellings := range map[string][]string{
			"email": {c.Email, strings.ToUpper(c.Email)},
			"phone": {c.Phone, c.Phone[:3] + " " + c.Phone[3:6] + "-" + c.Phone[6:]},
			"card":  {c.Card.Number},
			"iban":  {c.IBAN, strings.ToLower(c.IBAN)},
		} {
			for _, s := range spellings {
				if s == "" {
					continue
				}
				key := map[string]string{"email": "email", "phone": "phone", "card": "card_number", "iban": "iban"}[kind]
				seg := &weir.Segment{Syntax: weir.JSON, Body: fmt.Appendf(nil, "{%q:%q}", key, s), Record: true}
				var r inspect.Report
				if err := in.Inspect(&r, seg, nil); err != nil {
					t.Fatal(err)
				}
				for _, f := range r.Findings {
					id, ok := in.Identifier(seg, f)
					if !ok || id.Kind != kind {
						continue
					}
					compared[kind]++
					if got, ok := vault.Canonical(kind, s); !ok || got != id.Value.Reveal() {
						t.Errorf("%s: the vault says %q of %q, inspect %q", kind, got, s, id.Value.Reveal())
					}
				}
			}
		}
	}
	for _, kind := range []string{"email", "phone", "card", "iban"} {
		if compared[kind] < 100 {
			t.Errorf("only %d of kind %s were compared", compared[kind], kind)
		}
	}
}

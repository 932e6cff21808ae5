package weir_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"strings"
	"testing"

	"github.com/getweir/weir"
)

// TestLaw6PersonalDataNeverPrints: whatever verb, handler or encoder meets a
// personal value, its characters do not come out, in whatever it is wrapped.
func TestLaw6PersonalDataNeverPrints(t *testing.T) {
	const secret = "ada.lovelace@example.com"
	plain := weir.NewPlain(secret)
	segment := weir.Segment{Syntax: weir.Text, Body: []byte(secret)}
	id := weir.Identifier{Kind: "email", Value: plain}
	exchange := weir.Exchange{Path: plain, Principal: weir.Principal{Own: id}}
	type exported struct {
		Plain   weir.Plain
		Segment weir.Segment
		ID      weir.Identifier
	}
	type hidden struct{ p weir.Plain } // what the arch test forbids must still not leak
	values := map[string]any{
		"Plain": plain, "*Plain": &plain, "[]Plain": []weir.Plain{plain}, "map": map[string]weir.Plain{"k": plain},
		"Segment": segment, "*Segment": &segment, "[]Segment": []weir.Segment{segment},
		"Identifier": id, "Exchange": exchange, "*Exchange": &exchange, "Principal": exchange.Principal,
		"struct": exported{plain, segment, id}, "*struct": &exported{plain, segment, id}, "unexported": hidden{plain}, "*unexported": &hidden{plain},
		"any": any(plain), "error": errors.Join(fmt.Errorf("lookup %v", plain)),
	}
	leaks := func(t *testing.T, how, out string) {
		t.Helper()
		low := strings.ToLower(out)
		for _, form := range []string{secret, fmt.Sprintf("%x", secret), fmt.Sprintf("%v", []byte(secret)), "lovelace", fmt.Sprintf("%o", []byte(secret)), fmt.Sprintf("%b", []byte(secret))} {
			if strings.Contains(low, strings.ToLower(strings.Trim(form, "[]"))) {
				t.Errorf("%s prints the value: %s", how, out)
			}
		}
	}
	for name, v := range values {
		for _, verb := range "vTtbcdoOqxXUeEfFgGsp" {
			// fmt asks no method before %p; of a Plain that prints an address,
			// of a Segment its bytes. go vet refuses %p of a struct.
			if verb == 'p' && (name == "Segment" || name == "struct") {
				continue
			}
			for _, flags := range []string{"", "+", "#", "-", " ", "0", "+#", "8.3"} {
				format := "%" + flags + string(verb)
				leaks(t, name+" by "+format, fmt.Sprintf(format, v))
			}
		}
		leaks(t, name+" by Sprint", fmt.Sprint(v))
		var buf bytes.Buffer
		log.New(&buf, "", 0).Print(v)
		slog.New(slog.NewTextHandler(&buf, nil)).Info("message", "v", v, slog.Group("g", "v", v))
		slog.New(slog.NewJSONHandler(&buf, nil)).Info("message", "v", v, slog.Any("w", v))
		if b, err := json.Marshal(v); err == nil {
			buf.Write(b)
		}
		if b, err := xml.Marshal(v); err == nil {
			buf.Write(b)
		}
		_ = gob.NewEncoder(&buf).Encode(v) // refusing is as good as redacting
		leaks(t, name+" by logs and encoders", buf.String())
		func() {
			defer func() { leaks(t, name+" by panic", fmt.Sprint(recover())) }()
			panic(fmt.Sprintf("%#v", v))
		}()
	}
	if plain.Reveal() != secret || (weir.Plain{}).Reveal() != "" {
		t.Error("Reveal must give the value, and nothing of the zero Plain")
	}
	if !plain.Equal(weir.NewPlain(secret)) || plain.Equal(weir.NewPlain("b")) {
		t.Error("Equal must compare values")
	}
}

// TestZeroValuesAreSafe: what nobody set withholds.
func TestZeroValuesAreSafe(t *testing.T) {
	var (
		a weir.Action
		s weir.Sensitivity
		b weir.Budget
		k weir.Kind
	)
	if a != weir.Block || s != weir.High || k != weir.Anonymous {
		t.Error("a zero value is not the safe one")
	}
	for _, n := range b {
		if n != 0 {
			t.Error("the zero Budget lets customers through")
		}
	}
}

func TestTextFormsRoundTrip(t *testing.T) {
	s := weir.Subject{1, 2, 0xff}
	if got, err := weir.ParseSubject(s.String()); err != nil || got != s {
		t.Errorf("ParseSubject(%v) = %v, %v", s, got, err)
	}
	for _, bad := range []string{"", "s-", "s-zz", "x-" + strings.Repeat("0", 32), "s-" + strings.Repeat("0", 31)} {
		if _, err := weir.ParseSubject(bad); err == nil {
			t.Errorf("ParseSubject(%q) was taken", bad)
		}
	}
	for _, p := range []weir.Party{{Kind: weir.ByCredential, Name: "key:a:b"}, {Kind: weir.ByDeployment}, {Kind: weir.ByRole, Name: "support"}} {
		if got, err := weir.ParseParty(p.String()); err != nil || got != p {
			t.Errorf("ParseParty(%v) = %v, %v", p, got, err)
		}
	}
	if _, err := weir.ParseParty("nobody:x"); err == nil {
		t.Error("an unknown party was taken")
	}
	for _, k := range []weir.Kind{weir.Anonymous, weir.Customer, weir.Staff, weir.Service} {
		if got, err := weir.ParseKind(k.String()); err != nil || got != k {
			t.Errorf("ParseKind(%v) = %v, %v", k, got, err)
		}
	}
}

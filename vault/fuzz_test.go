package vault

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// FuzzCells: what is read as cells is written the same way again, and nothing that
// is read panics.
func FuzzCells(f *testing.F) {
	one := []cell{{field: "name", nth: 3, version: 7, sealed: make([]byte, sealSize)}, {field: "email", marked: true, unique: true, sealed: make([]byte, 300)}}
	f.Add(append(appendCells(nil, one), make([]byte, sealSize)...))
	f.Add([]byte{cellFormat, 0})
	f.Add([]byte{cellFormat, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		cells, body, seal, err := decodeCells(b)
		if err != nil {
			return
		}
		if again := appendCells(nil, cells); !bytes.Equal(again, body) || len(body)+len(seal) != len(b) {
			t.Fatalf("%x is written %x", b, again)
		}
	})
}

func TestCellsAreReadAsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var cells []cell
		for range rapid.IntRange(0, 8).Draw(t, "n") {
			c := cell{
				field: rapid.StringMatching(`[a-z][a-z0-9_]{0,20}`).Draw(t, "field"), nth: rapid.Uint64().Draw(t, "nth"),
				version: rapid.Int64Min(0).Draw(t, "version"), marked: rapid.Bool().Draw(t, "marked"),
				sealed: rapid.SliceOfN(rapid.Byte(), sealSize, 300).Draw(t, "sealed"),
			}
			if c.marked {
				c.unique = rapid.Bool().Draw(t, "unique")
				copy(c.mark[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "mark"))
				copy(c.bind[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "bind"))
			}
			cells = append(cells, c)
		}
		body := appendCells(nil, cells)
		got, _, _, err := decodeCells(append(bytes.Clone(body), make([]byte, sealSize)...))
		if err != nil || len(got) != len(cells) || !bytes.Equal(appendCells(nil, got), body) {
			t.Fatal(err, len(got), len(cells))
		}
		if _, _, _, err := decodeCells(body); err == nil {
			t.Fatal("read without its seal")
		}
	})
}

func FuzzSlots(f *testing.F) {
	b := appendPart(appendPart([]byte{slotsFormat}, "contact.email"), "mailer")
	b = append(append(append(b, 1), make([]byte, 16)...), sealSize)
	f.Add(append(b, make([]byte, sealSize)...), 0)
	f.Add([]byte{slotsFormat, 0, 0, 0}, 1)
	f.Fuzz(func(t *testing.T, b []byte, slot int) {
		_, _, _, sealed, err := readSlot(b, slot)
		if err == nil && sealed != nil && len(sealed) < sealSize {
			t.Fatal("a slot without a seal")
		}
	})
}

func FuzzKeyFile(f *testing.F) {
	f.Add([]byte(`{"format":"weir vault keys 1","kdf":"pbkdf2-hmac-sha256","iterations":1000,"salt":"AAAAAAAAAAAAAAAAAAAAAA==","keys":[{"version":1,"sealed":"AAAA"}]}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := parseKeyFile(b)
		if err == nil && (len(k.Keys) == 0 || k.Iterations < minIterations || len(k.Salt) < 16) {
			t.Fatalf("%s passes", b)
		}
	})
}

func FuzzCanonical(f *testing.F) {
	for _, s := range []string{"Jo@Example.com", "+44 (0)7700 900123", "4242 4242 4242 4242", "GB29 NWBK 6016 1331 9268 19", "c-1", "0044", "\x00"} {
		for _, kind := range []string{"email", "phone", "card", "iban", "customer"} {
			f.Add(kind, s)
		}
	}
	f.Fuzz(func(t *testing.T, kind, s string) {
		once, ok := Canonical(kind, s)
		if !ok {
			return
		}
		if twice, ok := Canonical(kind, once); !ok || twice != once {
			t.Fatalf("%s %q becomes %q, and that %q", kind, s, once, twice)
		}
	})
}

func FuzzTransitVersion(f *testing.F) {
	f.Add("vault:v3:abc")
	f.Add("vault:v-1:")
	f.Fuzz(func(t *testing.T, s string) {
		if n, err := transitVersion(s); err == nil && n < 1 {
			t.Fatal(n)
		}
	})
}

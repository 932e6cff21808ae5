package vault_test

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/store/sqlite"
	"github.com/getweir/weir/store/storetest"
	"github.com/getweir/weir/vault"
)

// TestDamagedRowsNameRowAndField changes the database behind the vault's back.
func TestDamagedRowsNameRowAndField(t *testing.T) {
	path := filepath.Join(t.TempDir(), "subjects.db")
	vs := openStore(t, path)
	t.Cleanup(vs.Close)
	f := storetest.NewVault(t, vs, nil)
	a, b := create(t, f, jo(1)).Subject, create(t, f, jo(2)).Subject
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	sqlExec := func(q string, args ...any) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), q, args...); err != nil {
			t.Fatal(err)
		}
	}
	get := func(table, column string, who weir.Subject) (v []byte) {
		t.Helper()
		if err := db.QueryRowContext(t.Context(), `SELECT `+column+` FROM `+table+` WHERE subject = ?`, who[:]).Scan(&v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	damaged := func(what string, who weir.Subject, says ...string) {
		t.Helper()
		rec, err := f.Read(t, who)
		if !errors.Is(err, vault.ErrDamaged) || rec != nil {
			t.Fatalf("%s: %v", what, err)
		}
		for _, s := range append(says, who.String()) {
			if !strings.Contains(err.Error(), s) {
				t.Errorf("%s: %v does not say %q", what, err, s)
			}
		}
		for _, value := range []string{"Jo Example", "@example.com", "4242", "Street"} {
			if strings.Contains(err.Error(), value) {
				t.Errorf("%s: the error holds a value: %v", what, err)
			}
		}
		if _, err := f.Update(t.Context(), who, 0, vault.Changes{Set: vault.Values{"name": plains("Jo Other")}}); !errors.Is(err, vault.ErrDamaged) {
			t.Errorf("%s: and yet it was changed: %v", what, err)
		}
	}
	cellsA, cellsB := get("vault_customers", "cells", a), get("vault_customers", "cells", b)
	setCells := func(who weir.Subject, cells []byte) {
		t.Helper()
		sqlExec(`UPDATE vault_customers SET cells = ? WHERE subject = ?`, cells, who[:])
	}

	// Every byte counts.
	for range 60 {
		at := rand.IntN(len(cellsA))
		flipped := append([]byte(nil), cellsA...)
		flipped[at] ^= 1 << rand.IntN(8)
		setCells(a, flipped)
		damaged(fmt.Sprint("byte ", at), a)
	}
	// The last byte of a field's text names the field.
	name := strings.Index(string(cellsA), "\x04name")
	flipped := append([]byte(nil), cellsA...)
	flipped[name+20] ^= 1
	setCells(a, flipped)
	damaged("the name", a, "field name")
	for cut := 0; cut < len(cellsA); cut += 37 {
		setCells(a, cellsA[:cut])
		damaged(fmt.Sprint("cut at ", cut), a)
	}

	// Rows, keys and cells of others.
	setCells(a, cellsB)
	damaged("another's row", a)
	setCells(a, cellsA)
	sqlExec(`UPDATE vault_keys SET wrapped = ? WHERE subject = ?`, get("vault_keys", "wrapped", b), a[:])
	damaged("another's key", a)
	setCells(a, cellsB)
	damaged("another's row and key", a)
	f2 := f.Config
	f2.CachedKeys = -1
	if f.Vault, err = vault.Open(t.Context(), f2); err != nil {
		t.Fatal(err)
	}
	sqlExec(`UPDATE vault_keys SET wrapped = ? WHERE subject = ?`, []byte(strings.Repeat("x", 92)), a[:])
	damaged("no key", a, "key")
	sqlExec(`UPDATE vault_customers SET subject = ? WHERE subject = ?`, []byte("short"), b[:])
	if _, _, err := f.List(t.Context(), "", 10); err != nil && !errors.Is(err, vault.ErrDamaged) {
		t.Error(err)
	}
	sqlExec(`UPDATE vault_customers SET subject = ? WHERE subject = ?`, b[:], []byte("short"))

	// What stands beside the cells is bound to them, too.
	sqlExec(`UPDATE vault_customers SET residence = 'US' WHERE subject = ?`, b[:])
	damaged("residence", b, "but not as this row")
	sqlExec(`UPDATE vault_customers SET residence = 'DE', version = 2 WHERE subject = ?`, b[:])
	damaged("version", b)
	sqlExec(`UPDATE vault_customers SET version = 1 WHERE subject = ?`, b[:])
	if _, err := f.Read(t, b); err != nil {
		t.Error("as it was, it is not read:", err)
	}

	// An older cell put back into a newer row.
	if _, err := f.Update(t.Context(), b, 0, vault.Changes{Set: vault.Values{"name": plains("Jo Newname")}}); err != nil {
		t.Fatal(err)
	}
	newer := get("vault_customers", "cells", b)
	oldAt, newAt := strings.Index(string(cellsB), "\x04name"), strings.Index(string(newer), "\x04name")
	const cellLength = 1 + 4 + 1 + 1 + 1 + 1 + 28 + len("Jo Example")
	mixed := append(append(append([]byte(nil), newer[:newAt]...), cellsB[oldAt:oldAt+cellLength]...), newer[newAt+cellLength:]...)
	setCells(b, mixed)
	damaged("an older name", b)

	// A damaged customer does not keep the others' keys from being rotated, and can
	// be deleted.
	create(t, f, jo(3))
	if _, err := f.Config.Keys.(*vault.KeyFile).Add(); err != nil {
		t.Fatal(err)
	}
	done, err := f.Rotate(t.Context(), vault.Rotation{Reencrypt: true})
	if !errors.Is(err, vault.ErrDamaged) || done.Done != 1 || !strings.Contains(err.Error(), "2 customers") {
		t.Error(done, err)
	}
	done, err = f.Rotate(t.Context(), vault.Rotation{})
	if !errors.Is(err, vault.ErrDamaged) || done.Done != 1 || !strings.Contains(err.Error(), a.String()) {
		t.Error(done, err)
	}
	for _, who := range []weir.Subject{a, b} {
		if err := f.Delete(t.Context(), who, 0); err != nil {
			t.Error(err)
		}
	}
}

// asWriter makes the test binary a process that writes until it is killed.
const asWriter = "WEIR_TEST_VAULT_WRITER"

func openAt(ctx context.Context, dir string) (*vault.Vault, *vault.KeyFile, func(), error) {
	s, err := sqlite.Open(filepath.Join(dir, "subjects.db"))
	if err != nil {
		return nil, nil, nil, err
	}
	sv, err := s.Vault(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	keys, err := vault.OpenKeyFile(filepath.Join(dir, "vault.keys"), passphrase)
	if err != nil {
		return nil, nil, nil, err
	}
	v, err := vault.Open(ctx, vault.Config{Store: sv, Keys: keys, Directory: s.Subjects(directoryKey), Cards: true})
	return v, keys, func() { s.Close() }, err
}

// writeUntilKilled tells on standard output what is done: each line is true.
func writeUntilKilled(dir, what string) int {
	ctx := context.Background()
	v, keys, _, err := openAt(ctx, dir)
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	for i := 0; ; i++ {
		switch what {
		case "create":
			n := jo(0)
			key := fmt.Sprintf("k-%d-%d", os.Getpid(), i)
			n.Values["customer"], n.Values["email"] = plains(key), plains(key+"@example.com")
			if _, _, err = v.Create(ctx, n); err == nil {
				fmt.Println("created", key)
			}
		case "update":
			var who []weir.Subject
			if who, err = v.Search(ctx, weir.Identifier{Kind: "customer", Value: weir.NewPlain("c-1")}); err == nil {
				mark := fmt.Sprintf("%d-%d", os.Getpid(), i)
				_, err = v.Update(ctx, who[0], 0, vault.Changes{Set: vault.Values{"name": plains(mark), "email": plains(mark + "@example.com"), "device": plains(mark, "second "+mark)}})
			}
			fmt.Println("updated")
		case "rotate":
			if _, err = keys.Add(); err == nil {
				fmt.Println("rotating")
				_, err = v.Rotate(ctx, vault.Rotation{Reencrypt: i%2 == 0})
			}
		}
		if err != nil {
			fmt.Println("error", err)
			return 1
		}
	}
}

// TestKillNine ends a writer by SIGKILL at moments that it does not choose: no
// customer is half, nothing that was told is lost, and a rotation goes on.
func TestKillNine(t *testing.T) {
	dir := t.TempDir()
	vs := openStore(t, filepath.Join(dir, "subjects.db"))
	keys, err := vault.CreateKeyFile(filepath.Join(dir, "vault.keys"), passphrase, 1000)
	if err != nil {
		t.Fatal(err)
	}
	c := vault.Config{Store: vs.Store, Keys: keys, Directory: vs.Directory, Cards: true}
	if err := vault.Create(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	v, err := vault.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 30 {
		if _, _, err := v.Create(t.Context(), jo(i)); err != nil {
			t.Fatal(err)
		}
	}
	vs.Close()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]bool{}
	kills := 6
	if n, err := strconv.Atoi(os.Getenv("KILLS")); err == nil {
		kills = n
	}
	for round := range kills {
		what := []string{"create", "update", "rotate"}[round%3]
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), asWriter+"="+dir, asWriter+"_WHAT="+what)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 1 + rand.IntN(8); n > 0 && lines.Scan(); n-- {
			if strings.HasPrefix(lines.Text(), "error") {
				t.Fatal(lines.Text())
			}
			if key, ok := strings.CutPrefix(lines.Text(), "created "); ok {
				told[key] = true
			}
		}
		time.Sleep(time.Duration(rand.IntN(3000)) * time.Microsecond)
		_ = cmd.Process.Kill()
		for lines.Scan() {
			if key, ok := strings.CutPrefix(lines.Text(), "created "); ok {
				told[key] = true
			}
		}
		_ = cmd.Wait()
		wholeVault(t, dir, told)
	}
	if len(told) == 0 {
		t.Error("nothing was created: this test has lost its subject")
	}
}

// wholeVault looks at every customer, finishes the rotation, and looks again.
func wholeVault(t *testing.T, dir string, told map[string]bool) {
	t.Helper()
	vs := openStore(t, filepath.Join(dir, "subjects.db"))
	defer vs.Close()
	keys, err := vault.OpenKeyFile(filepath.Join(dir, "vault.keys"), passphrase)
	if err != nil {
		t.Fatal(err)
	}
	v, err := vault.Open(t.Context(), vault.Config{Store: vs.Store, Keys: keys, Directory: vs.Directory, Cards: true})
	if err != nil {
		t.Fatal(err)
	}
	look := func() {
		for key := range told {
			if who, err := v.Search(t.Context(), weir.Identifier{Kind: "email", Value: weir.NewPlain(key + "@example.com")}); err != nil || len(who) != 1 {
				t.Fatal("what was told is lost", err)
			}
		}
		n, cursor := 0, ""
		for {
			heads, next, err := v.List(t.Context(), cursor, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, h := range heads {
				if h, err := v.Describe(t.Context(), h.Subject); err != nil {
					t.Fatal(err)
				} else if len(h.Fields) < 7 {
					t.Fatalf("half a customer: %+v", h)
				}
			}
			n += len(heads)
			if cursor = next; cursor == "" {
				break
			}
		}
		if n < 30+len(told) {
			t.Fatalf("%d customers of %d", n, 30+len(told))
		}
	}
	look()
	if _, err := v.Rotate(t.Context(), vault.Rotation{}); err != nil {
		t.Fatal(err)
	}
	look()
	counts, newest, err := v.Keys(t.Context())
	if err != nil || len(counts) != 1 || counts[newest] == 0 {
		t.Fatal(counts, newest, err)
	}
}

// TestNothingStandsInClear looks for values in every file.
func TestNothingStandsInClear(t *testing.T) {
	dir := t.TempDir()
	vs := openStore(t, filepath.Join(dir, "subjects.db"))
	f := storetest.NewVault(t, vs, nil)
	n := jo(1)
	n.Values["name"] = plains("Zenobia Findme")
	h := create(t, f, n)
	for _, shape := range []vault.Shape{vault.ShapePlain, vault.ShapeEmail} {
		for _, who := range []weir.Subject{h.Subject, {}} {
			if _, err := f.Tokenise(t.Context(), vault.Tokenising{Class: "contact.email", Scope: "v", Shape: shape}, []vault.Owned{{Who: who, Value: weir.NewPlain("zenobia@example.com")}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	files := 0
	search := func(when string) {
		for _, pattern := range []string{"*", filepath.Join("..", "*", "*")} {
			names, err := filepath.Glob(filepath.Join(dir, pattern))
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range names {
				b, err := os.ReadFile(name)
				if err != nil {
					continue // a folder
				}
				files++
				for _, value := range []string{"Zenobia", "zenobia", "jo1@", "4242", "Example Street", "+447700900", "1990-02-28"} {
					if strings.Contains(string(b), value) {
						t.Errorf("%s: %s holds %q", when, filepath.Base(name), value)
					}
				}
			}
		}
	}
	search("open")
	vs.Close()
	search("closed")
	if files < 3 {
		t.Errorf("%d files were looked at", files)
	}
}

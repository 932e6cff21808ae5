package ledger

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// childDir, in the environment, makes this program a process that writes a log
// until it is killed or cannot go on.
const childDir = "WEIR_TEST_LEDGER_CHILD"

// cannotGoOn is the exit code of a child whose log has stopped.
const cannotGoOn = 4

// writeUntilKilled appends from eight goroutines and tells every receipt on
// standard output, a line each: index, then what the entry says.
func writeUntilKilled(dir string) error {
	secret, err := os.ReadFile(filepath.Join(dir, "..", "key"))
	if err != nil {
		return err
	}
	k, err := ParseKey(string(secret))
	if err != nil {
		return err
	}
	o := Options{Key: k, SegmentBytes: 1 << 20, CheckpointEvery: 5 * time.Millisecond}
	l, err := Open(dir, o)
	if errors.Is(err, fs.ErrNotExist) {
		l, err = Create(dir, o)
	}
	if err != nil {
		return err
	}
	for w := range 8 {
		go func() {
			for i := 0; ; i++ {
				e := entry(i)
				e.Text = fmt.Sprintf("%d-%d-%d", os.Getpid(), w, i)
				r, err := l.Append(context.Background(), e)
				if err != nil {
					if r, again := l.Append(context.Background(), e); again == nil || r.Valid() {
						panic("a receipt after an error")
					}
					fmt.Fprintln(os.Stderr, err)
					os.Exit(cannotGoOn)
				}
				os.Stdout.WriteString(fmt.Sprintf("%d %s\n", r.Index(), e.Text))
			}
		}()
	}
	return l.Run(context.Background())
}

// A victim is a log in a directory of its own that processes write to, and what
// they were told to be durable.
type victim struct {
	dir   string
	key   Key
	acked map[int64]string
}

func newVictim(t *testing.T, root string) *victim {
	t.Helper()
	k, secret, err := GenerateKey("ledger.example.com/killed")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "key"), []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	return &victim{dir: filepath.Join(root, "ledger"), key: k, acked: map[int64]string{}}
}

// live runs a process, under the shell's limit where there is one, kills it after
// a number of receipts, if that is not negative, and gives its exit code, -1 for
// killed, and what it said.
func (v *victim) live(t *testing.T, after int, limit string) (code int, said string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var told strings.Builder
	cmd := exec.Command("sh", "-c", limit+`exec "$0"`, exe)
	cmd.Env = append(os.Environ(), childDir+"="+v.dir)
	cmd.Stderr = &told
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for n := 0; lines.Scan(); n++ {
		var index int64
		var text string
		if c, _ := fmt.Sscanf(lines.Text(), "%d %s", &index, &text); c == 2 && strings.Count(text, "-") == 2 {
			if was, ok := v.acked[index]; ok {
				t.Fatalf("entry %d was given to %s and to %s", index, was, text)
			}
			v.acked[index] = text
		}
		if n == after {
			cmd.Process.Kill()
		}
	}
	cmd.Wait()
	return cmd.ProcessState.ExitCode(), told.String()
}

// judge finds every receipt's entry, and verifies.
func (v *victim) judge(t *testing.T) {
	t.Helper()
	found := 0
	err := Read(v.dir, 0, func(i int64, e *Entry) error {
		if want, ok := v.acked[i]; ok {
			if e.Text != want {
				return fmt.Errorf("entry %d is %s, the receipt was for %s", i, e.Text, want)
			}
			found++
		}
		return nil
	})
	if err != nil || found != len(v.acked) {
		t.Fatalf("%d receipts, %d of their entries are there, %v", len(v.acked), found, err)
	}
	if _, err := Verify(v.dir, VerifyOptions{Key: v.key.Verifier()}); err != nil {
		t.Fatal(err)
	}
}

// kills gives how many rounds a kill loop has: KILLS, for hours of them.
func kills(t *testing.T, least int) int {
	text := os.Getenv("KILLS")
	if text == "" {
		return least
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least {
		t.Fatalf("KILLS is %q", text)
	}
	return n
}

// Law 1 with a real process and a real disk: kill -9 at any moment, and whoever
// was told that an entry is durable finds it after the restart.
func TestKillNine(t *testing.T) {
	v := newVictim(t, t.TempDir())
	rounds := kills(t, 20)
	for round := range rounds {
		if code, said := v.live(t, rand.IntN(400), ""); code != -1 {
			t.Fatalf("round %d: the process ended by itself, %d: %s", round, code, said)
		}
		v.judge(t)
	}
	if len(v.acked) < 10*rounds {
		t.Fatalf("only %d receipts in %d rounds: nothing was tried", len(v.acked), rounds)
	}
	l, err := Open(v.dir, Options{Key: v.key})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d kills, %d receipts, %d entries", rounds, len(v.acked), l.Status().Entries)
	l.Close()
}

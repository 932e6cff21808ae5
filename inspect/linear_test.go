package inspect

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/internal/cputime"
)

// TestTimeIsLinear repeats what scanners like least, 16 times as often: it may take
// 16 times as long and some, but not 256 times.
func TestTimeIsLinear(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	in := inspector(t, Config{Unsure: true})
	const short, times, slack = 2 << 10, 16, 6
	for _, unit := range []string{"@", "a@", "a@b.c ", "1", "1 ", "12 ", "1-2-", "1(2)", "1.", "1.2.3.4 ", "4242 ", "4242424242424242 ", "GB29", "GB29 ",
		"+", "+1 ", ":", "a:", "::", "1:", "//a@", "%25", "%2540", `\\`, `\u0040`, `\"`, "\uff10", "\u200b", "&", "&#", "<", "<a ", "<a b='", "<!--", "<script>{", "</script", "<th>a", "phone: 1",
		"eyJ", "eyJhbGciOiJub25lIn0.", "sk-", "sk-a", "key=", "password=", "password: ", "a://", "a://b:c@", "://", "-----BEGIN ", "-----BEGIN PRIVATE KEY-----", "$2b$12$", "$6$a$", "Bearer ", "Basic aaaa", ":AA", "-us1", "hooks.slack.com/",
		`{"a":`, `["a",`, `{"jo@example.com":`, `{"order_id":1,"total":0,"items":[`, `{"watch_history":[0,`,
		"a=1", "id=x", "name=(", "name=", "name=\"", "name=%41", "email=a&", `{"a"=`, "x=http://&", "a;b,c\td|"} {
		for _, syntax := range []weir.Syntax{weir.Text, weir.JSON, weir.CSV, weir.HTML} {
			once := func(n int) time.Duration {
				body := strings.Repeat(unit, n/len(unit))
				seg := weir.Segment{Syntax: syntax, Body: []byte(body), Columns: []string{"name"}, Record: true}
				if syntax == weir.JSON && unit[0] != '{' && unit[0] != '[' {
					seg.Body = []byte(`{"phone":"` + body + `"}`)
				}
				var r Report
				best := time.Hour
				for range 3 {
					start := cputime.Thread()
					_ = in.Inspect(&r, &seg, nil) // broken or not
					best = min(best, cputime.Thread()-start)
				}
				return best
			}
			var few, many time.Duration
			ok := false
			for try := 0; try < 5 && !ok; try++ {
				few, many = once(short), once(short*times)
				ok = many < few*times*slack+time.Millisecond
			}
			if !ok {
				t.Errorf("%s, %q: %v for %d bytes, %v for %d times as many", syntax, unit, few, short, many, times)
			}
		}
	}
}

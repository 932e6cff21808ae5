package shape

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestKnown(t *testing.T) {
	for _, name := range []string{"id", "customer_id", "billingAddress", "userID", "line1", "line_2", "X-Request-Id"[2:], "watchHistories", "addresses", "email", "HTTPStatus", "_links", "$type", "firstName"} {
		if !Known(name) {
			t.Errorf("%s is folded", name)
		}
	}
	for _, name := range []string{"", "alice", "alice_email", "ben.weber@example.com", "c-10001", "line123", "42", "order4711", "4111111111111111", "müller", "user:alice", "a1b2c3d4", "_", strings.Repeat("user_", 20)} {
		if Known(name) {
			t.Errorf("%q is shown", name)
		}
	}
}

func TestNames(t *testing.T) {
	for _, name := range []string{"fizzbuzz", "_grp", "seatMapRef", "x1", "alice"} {
		if !Names(name) {
			t.Errorf("%s is no name", name)
		}
	}
	for _, name := range []string{"", "12", "4111111111111111", "ben@example.com", "deadbeef", "c-10001", "Jo Doe", "a.b", "jürgen", "k12345", "1a"} {
		if Names(name) {
			t.Errorf("%q is a name", name)
		}
	}
}

func TestPaths(t *testing.T) {
	for path, want := range map[string]string{
		"/":                                 "/",
		"/v1/customers/c-10001/orders":      "/v1/customers/{id}/orders",
		"/users/alice/":                     "/users/{id}",
		"/a@example.com":                    "/{id}",
		"/api/v2/search":                    "/api/v2/search",
		"/" + strings.Repeat("orders/", 20): strings.Repeat("/orders", 12) + "/…",
	} {
		if got := string(AppendPath(nil, path)); got != want {
			t.Errorf("%s: %s, not %s", path, got, want)
		}
	}
}

// TestOnlyListedWords: nothing leaves but what is on the list, numbers of two digits
// and the signs between.
func TestOnlyListedWords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-zA-Z0-9_.@/-]{0,40}`), rapid.StringMatching(`(user|Order|id|_|[a-z]{1,5}|[0-9]{1,3}){1,5}`)).Draw(t, "name")
		if Key(s) == ID {
			return
		}
		for w := range strings.FieldsFuncSeq(s, func(r rune) bool { return strings.ContainsRune("_-.$@0123456789", r) }) {
			for i := 0; i < len(w); {
				end := wordEnd(w, i)
				if !inList(w[i:end]) {
					t.Fatalf("%q has %q", s, w[i:end])
				}
				i = end
			}
		}
	})
}

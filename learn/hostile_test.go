package learn

import (
	"errors"
	"strings"
	"testing"
)

// TestHostileAPI: aliases that grow, and nesting without end, are refused at once.
func TestHostileAPI(t *testing.T) {
	b := "openapi: 3.0.0\ninfo: {title: x, version: '1'}\nx-a: &a [x,x,x,x,x,x,x,x,x]\n"
	for i := range 9 {
		p := string(rune('a' + i))
		n := string(rune('b' + i))
		b += "x-" + n + ": &" + n + " [" + strings.TrimSuffix(strings.Repeat("*"+p+",", 9), ",") + "]\n"
	}
	b += "paths: {}\n"
	var a API
	if err := a.Read([]byte(b)); !errors.Is(err, ErrAPI) {
		t.Error(err)
	}
	deep := "openapi: 3.0.0\ninfo: {title: x, version: '1'}\npaths: {}\nx: " + strings.Repeat("[", 20000)
	if err := a.Read([]byte(deep)); !errors.Is(err, ErrAPI) {
		t.Error(err)
	}
}

package mint_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/getweir/weir/internal/mint"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

func verify(t *testing.T, set []byte, algorithm, token string) (map[string]any, error) {
	t.Helper()
	var keys jose.JSONWebKeySet
	if err := json.Unmarshal(set, &keys); err != nil {
		t.Fatal(err)
	}
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(algorithm)})
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	return claims, parsed.Claims(&keys, &claims)
}

func TestWhatIsSignedVerifies(t *testing.T) {
	for _, algorithm := range []string{"EdDSA", "ES256", "RS256", "PS256"} {
		t.Run(algorithm, func(t *testing.T) {
			i, err := mint.NewIssuer("https://login.example.com", algorithm)
			if err != nil {
				t.Fatal(err)
			}
			old, err := i.Sign(map[string]any{"sub": "agent-7"})
			if err != nil {
				t.Fatal(err)
			}
			set, _ := i.KeySet()
			claims, err := verify(t, set, algorithm, old)
			if err != nil || claims["sub"] != "agent-7" || claims["iss"] != i.Name() {
				t.Fatalf("claims %v, error %v", claims, err)
			}
			if err := i.Rotate(); err != nil {
				t.Fatal(err)
			}
			set, _ = i.KeySet()
			if _, err := verify(t, set, algorithm, old); err != nil {
				t.Errorf("after Rotate: %v", err)
			}
			i.Retire()
			set, _ = i.KeySet()
			if _, err := verify(t, set, algorithm, old); err == nil {
				t.Error("after Retire the old key still verifies")
			}
		})
	}
}

func TestKeySetIsPublishedWithoutPrivateKeys(t *testing.T) {
	i, err := mint.NewIssuer("https://login.example.com", "ES256")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "jwks.json")
	if err := i.WriteKeySet(file); err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	i.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/jwks", nil))
	if w.Body.String() != string(written) {
		t.Error("file and HTTP differ")
	}
	var set struct{ Keys []map[string]any }
	if err := json.Unmarshal(written, &set); err != nil || len(set.Keys) != 1 {
		t.Fatalf("%d keys, error %v", len(set.Keys), err)
	}
	if _, there := set.Keys[0]["d"]; there {
		t.Error("the private key is published")
	}
}

func TestUnknownAlgorithm(t *testing.T) {
	if _, err := mint.NewIssuer("https://login.example.com", "HS256"); err == nil {
		t.Error("an issuer with a shared key was made")
	}
}

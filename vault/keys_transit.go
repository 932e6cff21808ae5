package vault

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// A Transit is Keys in the transit secrets engine of HashiCorp Vault or OpenBao,
// over its HTTP API: keys/NAME, encrypt/NAME and decrypt/NAME, in batches. The
// key-encryption keys never leave the service. Its key must be of an
// authenticated type that is not derived, such as aes256-gcm96, the default.
//
// The token needs: read on keys/NAME, update on encrypt/NAME and decrypt/NAME, and
// for Add update on keys/NAME/rotate.
type Transit struct {
	// URL is where the service is, such as https://bao.internal:8200. Plain HTTP is
	// taken on loopback only.
	URL string `yaml:"url"`
	// Mount is the path of the engine. Default: transit.
	Mount string `yaml:"mount"`
	// Key is the name of the key.
	Key string `yaml:"key"`
	// Namespace is the X-Vault-Namespace, if there are any.
	Namespace string `yaml:"namespace"`
	// TokenFile holds the token. It is read each time, since an agent may renew it.
	TokenFile string `yaml:"token-file"`
	// Client carries requests out; nil: http.DefaultClient.
	Client *http.Client `yaml:"-"`
}

// transitBatch bounds the items of one request. The service itself takes as many
// as fit its largest request, 32 MiB by default.
const transitBatch = 1000

var transitName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$`)

// Check looks at what was configured.
func (t *Transit) Check() error {
	u, err := url.Parse(t.URL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.RawQuery != "":
		return errors.New("url: must be where the service is, such as https://bao.internal:8200")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return errors.New("url: must begin with https://, since keys pass there; http:// is for loopback")
	case !transitName.MatchString(t.Key) || strings.Contains(t.Key, "/") || t.Mount != "" && (!transitName.MatchString(t.Mount) || strings.Contains(t.Mount, "..")):
		return errors.New("key and mount: must be the names of a key and of an engine, such as weir and transit")
	case t.TokenFile == "":
		return errors.New("token-file: the file with the token is needed")
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

type transitItem struct {
	Plaintext  string `json:"plaintext,omitempty"`
	Ciphertext string `json:"ciphertext,omitempty"`
	Error      string `json:"error,omitempty"`
}

type transitAnswer struct {
	Data struct {
		LatestVersion int           `json:"latest_version"`
		Type          string        `json:"type"`
		Derived       bool          `json:"derived"`
		BatchResults  []transitItem `json:"batch_results"`
	} `json:"data"`
	Errors []string `json:"errors"`
}

func (t *Transit) ask(ctx context.Context, method, path string, body any) (a transitAnswer, status int, err error) {
	if err := t.Check(); err != nil {
		return a, 0, err
	}
	token, err := os.ReadFile(t.TokenFile)
	if err != nil {
		return a, 0, fmt.Errorf("token of the key service: %w", err)
	}
	var payload io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return a, 0, err
		}
		defer clear(b)
		payload = bytes.NewReader(b)
	}
	mount := t.Mount
	if mount == "" {
		mount = "transit"
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(t.URL, "/")+"/v1/"+mount+"/"+path, payload)
	if err != nil {
		return a, 0, errors.New("the key service cannot be asked")
	}
	req.Header.Set("X-Vault-Token", strings.TrimSpace(string(token)))
	req.Header.Set("X-Vault-Request", "true")
	if t.Namespace != "" {
		req.Header.Set("X-Vault-Namespace", t.Namespace)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	client := t.Client
	if client == nil {
		client = http.DefaultClient
	}
	res, err := client.Do(req)
	if err != nil {
		return a, 0, err // of net/http: the method, the address and why; no body
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 32<<20))
	if err != nil {
		return a, res.StatusCode, err
	}
	defer clear(text)
	if len(text) > 0 {
		if err := json.Unmarshal(text, &a); err != nil {
			return a, res.StatusCode, fmt.Errorf("the key service at %s answered %d and no JSON: is it a transit engine?", t.URL, res.StatusCode)
		}
	}
	if res.StatusCode/100 != 2 && len(a.Data.BatchResults) == 0 {
		return a, res.StatusCode, t.refused(res.StatusCode, a.Errors)
	}
	return a, res.StatusCode, nil
}

// refused says what a status means. What the service says itself is passed on
// shortened; it has no keys in it.
func (t *Transit) refused(status int, errs []string) error {
	said := strings.Join(errs, "; ")
	if len(said) > 200 {
		said = said[:200]
	}
	switch status {
	case http.StatusForbidden:
		return fmt.Errorf("the key service refuses the token of %s: it needs read on keys/%s, and update on encrypt/%s and decrypt/%s (%s)", t.TokenFile, t.Key, t.Key, t.Key, said)
	case http.StatusNotFound:
		return fmt.Errorf("the key service has no key %s: make it there, or correct mount and key", t.Key)
	case http.StatusServiceUnavailable:
		return fmt.Errorf("the key service is sealed or in maintenance (%s)", said)
	}
	return fmt.Errorf("the key service answered %d (%s)", status, said)
}

// Version is that of Keys.
func (t *Transit) Version(ctx context.Context) (int, error) {
	a, _, err := t.ask(ctx, http.MethodGet, "keys/"+t.Key, nil)
	switch {
	case err != nil:
		return 0, err
	case a.Data.LatestVersion < 1:
		return 0, fmt.Errorf("the key service has no key %s", t.Key)
	case a.Data.Derived:
		return 0, fmt.Errorf("the key %s of the key service is derived; the vault needs one that is not", t.Key)
	}
	return a.Data.LatestVersion, nil
}

// Add has the service make a new version.
func (t *Transit) Add(ctx context.Context) error {
	_, _, err := t.ask(ctx, http.MethodPost, "keys/"+t.Key+"/rotate", struct{}{})
	return err
}

func (t *Transit) batch(ctx context.Context, doing string, items []transitItem) ([]transitItem, error) {
	var out []transitItem
	for len(items) > 0 {
		n := min(len(items), transitBatch)
		a, status, err := t.ask(ctx, http.MethodPost, doing+"/"+t.Key, struct {
			Items []transitItem `json:"batch_input"`
		}{items[:n]})
		if err != nil {
			return nil, err
		}
		if len(a.Data.BatchResults) != n {
			return nil, fmt.Errorf("the key service answered %d with %d results of %d", status, len(a.Data.BatchResults), n)
		}
		for _, r := range a.Data.BatchResults {
			if r.Error != "" && doing == "decrypt" {
				return nil, fmt.Errorf("%w: the key service did not wrap this under %s, or has dropped that version", ErrWrongKey, t.Key)
			}
			if r.Error != "" {
				return nil, t.refused(status, []string{r.Error})
			}
		}
		out, items = append(out, a.Data.BatchResults...), items[n:]
	}
	return out, nil
}

// Wrap is that of Keys. What is wrapped is the service's own text, such as
// vault:v3:... Should it be given a new version in the middle of a batch, the
// version told is the oldest used: those keys count as such until they are
// wrapped anew.
func (t *Transit) Wrap(ctx context.Context, keys [][]byte) ([][]byte, int, error) {
	items := make([]transitItem, len(keys))
	for i := range keys {
		items[i].Plaintext = base64.StdEncoding.EncodeToString(keys[i])
	}
	results, err := t.batch(ctx, "encrypt", items)
	if err != nil {
		return nil, 0, err
	}
	wrapped, oldest := make([][]byte, len(keys)), 0
	for i, r := range results {
		version, err := transitVersion(r.Ciphertext)
		if err != nil {
			return nil, 0, err
		}
		if oldest == 0 || version < oldest {
			oldest = version
		}
		wrapped[i] = []byte(r.Ciphertext)
	}
	return wrapped, oldest, nil
}

// transitVersion reads the version of a text such as vault:v3:..., whose first
// word an administrator may have changed.
func transitVersion(ciphertext string) (int, error) {
	parts := strings.SplitN(ciphertext, ":", 3)
	if len(parts) == 3 && strings.HasPrefix(parts[1], "v") {
		if n, err := strconv.Atoi(parts[1][1:]); err == nil && n > 0 {
			return n, nil
		}
	}
	return 0, errors.New("the key service gave a text without a version")
}

// Unwrap is that of Keys.
func (t *Transit) Unwrap(ctx context.Context, wrapped [][]byte, _ int) ([][]byte, error) {
	items := make([]transitItem, len(wrapped))
	for i := range wrapped {
		items[i].Ciphertext = string(wrapped[i])
	}
	results, err := t.batch(ctx, "decrypt", items)
	if err != nil {
		return nil, err
	}
	keys := make([][]byte, len(results))
	for i, r := range results {
		if keys[i], err = base64.StdEncoding.DecodeString(r.Plaintext); err != nil {
			return nil, errors.New("the key service gave a key that is not base64")
		}
	}
	return keys, nil
}

package main

import (
	_ "embed"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/getweir/weir/identity"
	"github.com/getweir/weir/policy"
)

//go:embed starter.yaml
var starterConfig string

// nodeName is what a node may be called: it goes into the name of its ledger.
var nodeName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

type initCommand struct {
	Upstream string `required:"" placeholder:"URL" help:"The service to stand before, such as http://127.0.0.1:9000."`
	Node     string `default:"node-1" placeholder:"NAME" help:"The name of this node, in the ledger and in its name. Default: node-1."`
	Dir      string `arg:"" optional:"" default:"." type:"path" help:"Where to write. Default: here."`
}

func (initCommand) Help() string {
	return `Writes weir.yaml, policy.yaml and a folder weir-state with a fresh ledger and its keys. It overwrites nothing.

Examples:
  weir init --upstream http://127.0.0.1:9000
  weir init --upstream https://shop.internal.example /etc/weir
  weir init --upstream https://shop.internal.example --node node-2   # where nodes share a store`
}

func (c *initCommand) Run(s *streams) error {
	if u, err := url.Parse(c.Upstream); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return usageError{fmt.Errorf("--upstream must be the base URL of the service, such as http://127.0.0.1:9000")}
	}
	if !nodeName.MatchString(c.Node) {
		return usageError{errors.New("--node: letters, digits, dots, dashes and underscores, at most 64")}
	}
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return err
	}
	config, policyFile, stateDir := filepath.Join(c.Dir, "weir.yaml"), filepath.Join(c.Dir, "policy.yaml"), filepath.Join(c.Dir, "weir-state")
	for _, path := range []string{config, policyFile, stateDir} {
		if _, err := os.Lstat(path); err == nil {
			return fmt.Errorf("%s is there already, and nothing is overwritten", path)
		}
	}
	key, hash := identity.NewKey()
	text := strings.NewReplacer("{{upstream}}", c.Upstream, "{{key-hash}}", hash, "{{node}}", c.Node).Replace(starterConfig)
	if _, err := parseConfig([]byte(text)); err != nil {
		return fmt.Errorf("the config written would not be valid: %w", err)
	}
	if err := createState(stateDir, c.Node); err != nil {
		return err
	}
	if err := writeNew(policyFile, policy.Starter(), 0o644); err != nil {
		return err
	}
	if err := writeNew(config, []byte(text), 0o644); err != nil {
		return err
	}
	fmt.Fprintf(s.out, `Written:
  %s     where Weir stands, and who is believed
  %s   what may flow, to whom, and how much
  %s    the ledger and its keys; keep it

An API key for your first service (shown once; weir.yaml has its hash):
  %s

Next:
  weir serve --config %s
  curl http://127.0.0.1:8080/ -H "X-API-Key: %s"
`, config, policyFile, stateDir, key, config, key)
	return nil
}

type apiKeyCommand struct {
	Name string `arg:"" help:"The name of the service or person that the key is for."`
	Role string `required:"" help:"Its role in the policy."`
	Kind string `default:"service" enum:"service,staff" help:"service or staff."`
}

func (apiKeyCommand) Help() string {
	return `Prints a new key, once, and the lines for weir.yaml, which hold its hash only.

Example:
  weir api-key mailer --role marketing`
}

func (c *apiKeyCommand) Run(s *streams) error {
	key, hash := identity.NewKey()
	fmt.Fprintf(s.out, `The key, shown once:
  %s

For weir.yaml, under identity: keys:
    - name: %s
      role: %s
      kind: %s
      hashes: ["%s"]
`, key, c.Name, c.Role, c.Kind, hash)
	return nil
}

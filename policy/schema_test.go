package policy_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/tools/txtar"

	"github.com/getweir/weir/policy"
)

// validator compiles a schema with a validator that is not ours, after that has
// checked it against the schema of schemas.
func validator(t testing.TB, included bool) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(policy.Schema(included)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("policy.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("policy.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// asJSON reads YAML as an editor does.
func asJSON(t testing.TB, src []byte) any {
	t.Helper()
	text, err := yaml.YAMLToJSON(src)
	if err != nil {
		t.Fatalf("%v\n%s", err, src)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestSchemaTakesEveryExample: every policy of the project that the reader takes, an
// editor with the schema takes as well.
func TestSchemaTakesEveryExample(t *testing.T) {
	s := validator(t, false)
	texts := map[string][]byte{"starter": policy.Starter(), "shop": []byte(shop), "vendors": []byte(withVendors)}
	for i, e := range examples(t) {
		if !e.fragment {
			texts[fmt.Sprint("docs ", i)] = []byte(e.src)
		}
	}
	files, _ := filepath.Glob("../testdata/exchanges/*.txtar")
	more, _ := filepath.Glob("../cmd/weir/testdata/script/*.txtar")
	for _, file := range append(append(files, more...), "testdata/warnings.txtar") {
		a, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range a.Files {
			if strings.HasSuffix(f.Name, ".yaml") {
				texts[file+" "+f.Name] = f.Data
			}
		}
	}
	for _, file := range []string{"../testdata/exchanges/policy.yaml", "../internal/reelcart/policy.yaml"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts[file] = text
	}
	taken := 0
	for name, text := range texts {
		if _, err := policy.Parse("policy.yaml", text); err != nil {
			continue // a configuration, or a policy with a mistake on purpose
		}
		taken++
		if err := s.Validate(asJSON(t, text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if taken < 30 {
		t.Errorf("%d policies", taken)
	}
}

// TestSchemaRefusesMisspellings: each key of the language, misspelt wherever the
// complete policy has it, is refused by the reader and by the schema; and so is a key
// that is missing and must not be.
func TestSchemaRefusesMisspellings(t *testing.T) {
	s := validator(t, false)
	var schema map[string]any
	if err := json.Unmarshal(policy.Schema(false), &schema); err != nil {
		t.Fatal(err)
	}
	text, err := yaml.YAMLToJSON([]byte(examples(t)[0].src))
	if err != nil {
		t.Fatal(err)
	}
	var root any
	if err := json.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	both := func(what string) {
		t.Helper()
		src, err := json.Marshal(root) // JSON is YAML
		if err != nil {
			t.Fatal(err)
		}
		if _, err := policy.Parse("policy.yaml", src); err == nil {
			t.Errorf("%s: the reader takes it", what)
		}
		if err := s.Validate(asJSON(t, src)); err == nil {
			t.Errorf("%s: the schema takes it", what)
		}
	}
	tried := map[string]bool{}
	var walk func(at string, value any, of map[string]any)
	walk = func(at string, value any, of map[string]any) {
		for of["$ref"] != nil {
			name, err := url.PathUnescape(strings.TrimPrefix(of["$ref"].(string), "#/$defs/"))
			if err != nil {
				t.Fatal(err)
			}
			of = schema["$defs"].(map[string]any)[name].(map[string]any)
		}
		if choice, ok := of["oneOf"].([]any); ok && of["properties"] == nil {
			for _, c := range choice {
				walk(at, value, c.(map[string]any))
			}
			return
		}
		switch value := value.(type) {
		case []any:
			if items, ok := of["items"].(map[string]any); ok {
				for i, v := range value {
					walk(fmt.Sprint(at, "[", i, "]"), v, items)
				}
			}
		case map[string]any:
			properties, _ := of["properties"].(map[string]any)
			for key, v := range value {
				below, known := properties[key].(map[string]any)
				if known {
					tried[at+"/"+key] = true
					delete(value, key)
					value[key+"x"] = v
					both(at + "/" + key)
					delete(value, key+"x")
					value[key] = v
				} else if any, ok := of["additionalProperties"].(map[string]any); ok {
					below = any
				}
				if below != nil {
					walk(at+"/"+key, v, below)
				}
			}
			required, _ := of["required"].([]any)
			for _, key := range required {
				if v, ok := value[key.(string)]; ok {
					delete(value, key.(string))
					both(at + " without " + key.(string))
					value[key.(string)] = v
				}
			}
		}
	}
	walk("", root, schema)
	if len(tried) < 100 {
		t.Errorf("%d keys tried", len(tried))
	}
}

// TestSchemaHasEveryKey: what the table of keys knows, the schema knows with its
// words; and an included file need not be whole.
func TestSchemaHasEveryKey(t *testing.T) {
	text := string(policy.Schema(false))
	for _, k := range policy.Keys() {
		about, err := json.Marshal(strings.ReplaceAll(k.About, "`", ""))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(text, string(about)) {
			t.Errorf("no %s of %q", k.Name, k.In)
		}
	}
	part := asJSON(t, []byte("classes: {contact.email: {}}\n"))
	if validator(t, true).Validate(part) != nil || validator(t, false).Validate(part) == nil {
		t.Error("what an included file must say")
	}
}

// TestSchemaValues: what stands behind the keys is told apart, as the reader does.
func TestSchemaValues(t *testing.T) {
	s := validator(t, false)
	base := examples(t)[0].src
	for _, c := range []struct{ old, new string }{
		{"mode: enforce   ", "mode: enforced   "}, {"second factor: 8h", "second factor: soon"}, {"approval: false", "approval: no idea"},
		{"at 80%: alert", "at 80%: alarm"}, {"at 80%: alert", "at 180%: alert"}, {"burst: 10", "burst: ten"}, {"consent: required", "consent: true"},
		{"countries: [DE, IE]", "countries: [DE, EU]"}, {"contract until: 2027-03-31", "contract until: next year"}, {"retention: account closed + 30 days", "retention: forever"},
		{"30 days: 20000}}", "30 days: -1}}"}, {`"*": mask`, `"**": mask`}, {"own: true", "own: maybe"}, {"strangers: 5", "strangers: 0"}, {"confidence: high", "confidence: low"},
		{"delivery: [person.name, commerce.order, contact.email]", "delivery: [person.name]"}, {"{route: profile, field: $.profile.display_name}", "{route: profile}"},
		{"version: 1", "version: 2"}, {"basis: contract", "basis: habit"}, {"person.name: clear", "person.name: cleared"},
	} {
		if !strings.Contains(base, c.old) {
			t.Errorf("%q is not in the policy", c.old)
			continue
		}
		src := []byte(strings.Replace(base, c.old, c.new, 1))
		if _, err := policy.Parse("policy.yaml", src); err == nil {
			t.Errorf("%q: the reader takes it", c.new)
		}
		if err := s.Validate(asJSON(t, src)); err == nil {
			t.Errorf("%q: the schema takes it", c.new)
		}
	}
}

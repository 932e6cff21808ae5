package policy

import (
	"encoding/json"
	"slices"
	"strings"
)

// Schema gives the language as a JSON Schema (draft 2020-12), for editors: every key
// with its words, and what may stand behind it. It is made from the table that the
// reader works from. What no schema can say, such as that a class is declared, only
// the reader finds. included: for files that others include, which need not say what
// a policy must.
func Schema(included bool) []byte {
	s := schema{defs: map[string]any{}, values: values()}
	root := s.block(inFile)
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "Policy of Weir"
	if included {
		root["title"] = "Included file of a policy of Weir"
		delete(root, "required")
	}
	root["$defs"] = s.defs
	text, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		panic(err) // maps, lists and texts
	}
	return append(text, '\n')
}

// object is a piece of a schema.
type object = map[string]any

type schema struct {
	defs   map[string]any
	values map[string]func(*schema) object
}

// block gives the schema of a block's keys.
func (s *schema) block(in string) object {
	properties := object{}
	out := object{"type": "object", "additionalProperties": false}
	var required []string
	for _, k := range append(keys[:], caseKeys[:]...) {
		if k.In != in {
			continue
		}
		value := s.value(k)
		value["description"] = strings.ReplaceAll(k.About, "`", "")
		switch {
		case k.Name[0] == '<': // names that the author chooses
			out["additionalProperties"] = value
			if pattern := namePatterns[k.Name]; pattern != "" {
				out["propertyNames"] = object{"pattern": pattern}
			}
		case strings.Contains(k.Name, "<"):
			out["patternProperties"] = object{thresholdPattern: value}
		default:
			properties[k.Name] = value
			if k.Default == "" {
				required = append(required, k.Name)
			}
		}
	}
	if len(properties) > 0 {
		out["properties"] = properties
	}
	if required != nil {
		slices.Sort(required)
		out["required"] = required
	}
	if more := blockRules[in]; more != nil {
		for k, v := range more {
			out[k] = v
		}
	}
	return out
}

const (
	classPattern     = `^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*\.([a-z][a-z0-9_]*|\*)$`
	seePattern       = `^(\*|[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*\.([a-z][a-z0-9_]*|\*))$`
	wordPattern      = `^[a-z][a-z0-9-]*$`
	spanPattern      = `^(([0-9]+(\.[0-9]+)?(h|ms|m|s))+|[0-9]+( days| day|d))$`
	dayPattern       = `^[0-9]{4}-[0-9]{2}-[0-9]{2}`
	thresholdPattern = `^at ([1-9][0-9]?|100)%$`
)

var namePatterns = map[string]string{"<purpose>": wordPattern}

// blockRules are what stands beside the keys of a block.
var blockRules = map[string]object{
	inClasses:   {"propertyNames": object{"pattern": classPattern}},
	inSee:       {"propertyNames": object{"pattern": seePattern}},
	inVendorSee: {"propertyNames": object{"pattern": seePattern}},
	inBudget:    {"dependentRequired": object{"hour": []string{"day"}}},
	inPublic: {"oneOf": []any{
		object{"required": []string{"route", "field"}, "not": object{"anyOf": []any{object{"required": []string{"class"}}, object{"required": []string{"key"}}}}},
		object{"required": []string{"class", "key"}, "not": object{"anyOf": []any{object{"required": []string{"route"}}, object{"required": []string{"field"}}}}},
	}},
}

// to refers to the schema of a block.
func (s *schema) to(block string) object {
	if _, ok := s.defs[block]; !ok {
		s.defs[block] = nil // it may refer to itself
		s.defs[block] = s.block(block)
	}
	return object{"$ref": "#/$defs/" + strings.NewReplacer("~", "~0", "/", "~1", "<", "%3C", ">", "%3E", "[", "%5B", "]", "%5D", " ", "%20").Replace(block)}
}

func enum(words ...string) object { return object{"enum": words} }
func list(of object) object       { return object{"type": "array", "items": of} }
func matching(pattern string) object {
	return object{"type": "string", "pattern": pattern}
}

// free is text of the author's: YAML takes 2027 for a number, and the reader does not.
func free() object { return object{"type": []string{"string", "number"}} }

func number(from, to int) object { return object{"type": "integer", "minimum": from, "maximum": to} }

// value gives the schema of what stands behind a key.
func (s *schema) value(k Key) object {
	if make, ok := s.values[k.In+" "+k.Name]; ok {
		return make(s)
	}
	switch {
	case strings.Contains(k.Value, "for each class") || k.Value == "an action for each class":
		return s.to(inSee)
	case k.Value == "budgets by lane":
		return s.to(inTake)
	case k.Value == "a budget, or `unbounded`":
		return object{"oneOf": []any{enum(unbounded), s.to(inBudget)}}
	case k.Value == "a number, or `unbounded`":
		return object{"oneOf": []any{enum(unbounded), number(0, maxCustomers)}}
	case k.Value == "`true` or `false`":
		return object{"type": "boolean"}
	case k.Value == "a time":
		return matching(spanPattern)
	case k.Value == "a day":
		return matching(dayPattern + "$")
	case strings.HasPrefix(k.Value, "a list of"):
		return list(free())
	}
	// What is a choice between words says them in marks.
	if words := marked(k.Value); words != nil {
		return enum(words...)
	}
	return free()
}

// marked gives the words of "`a`, `b` or `c`"; nil: it is something else.
func marked(value string) (words []string) {
	for i, part := range strings.Split(value, "`") {
		switch {
		case i%2 == 1:
			words = append(words, part)
		case part != "" && part != ", " && part != " or ":
			return nil
		}
	}
	return words
}

// values gives what stands behind keys of which the table says no more than people
// need.
func values() map[string]func(*schema) object {
	return map[string]func(*schema) object{
		inFile + " version":         func(*schema) object { return object{"const": 1} },
		inFile + " classes":         func(s *schema) object { return s.to(inClasses) },
		inFile + " purposes":        func(s *schema) object { return s.to(inPurposes) },
		inFile + " roles":           func(s *schema) object { return s.to(inRoles) },
		inFile + " issuers":         func(s *schema) object { return s.to(inIssuers) },
		inFile + " networks":        func(s *schema) object { return s.to(inNetworks) },
		inFile + " vendors":         func(s *schema) object { return s.to(inVendors) },
		inFile + " deployment":      func(s *schema) object { return s.to(inDeployment) },
		inFile + " routes":          func(s *schema) object { return list(s.to(inRoute)) },
		inFile + " public-profile":  func(s *schema) object { return list(s.to(inPublic)) },
		inFile + " combinations":    func(s *schema) object { return s.to(inCombination) },
		inFile + " holds":           func(s *schema) object { return list(s.to(inHold)) },
		inFile + " watch":           func(s *schema) object { return s.to(inWatch) },
		inFile + " approvals":       func(*schema) object { return number(1, maxApprovals) },
		inFile + " approvers":       func(s *schema) object { return s.to(inApprovers) },
		inFile + " detectors":       func(s *schema) object { return list(s.to(inDetector)) },
		inApprovers + " <approver>": func(s *schema) object { return s.to(inApprover) },
		inApprover + " approves":    func(*schema) object { return list(enum(approvePolicy, approveRequests)) },
		inClasses + " <class>":      func(s *schema) object { return s.to(inClass) },
		inClass + " retention":      func(*schema) object { return matching(retentionPattern()) },
		inPurposes + " <purpose>":   func(s *schema) object { return s.to(inPurpose) },
		inRoles + " <role>":         func(s *schema) object { return s.to(inRole) },
		inRole + " needs":           func(s *schema) object { return s.to(inNeeds) },
		inNeeds + " hours": func(*schema) object {
			return object{"oneOf": []any{matching(`\S+ \S+ \S+`), list(matching(`\S+ \S+ \S+`))}}
		},
		inNeeds + " ticket":         func(*schema) object { return object{"type": []string{"boolean", "string"}} },
		inSee + " <class>":          func(*schema) object { return enum("clear", "mask", "block") },
		inVendorSee + " <class>":    func(*schema) object { return enum("clear", "mask", "block") },
		inVendors + " <vendor>":     func(s *schema) object { return s.to(inVendor) },
		inVendor + " see":           func(s *schema) object { return s.to(inVendorSee) },
		inVendor + " countries":     func(*schema) object { return list(enum(strings.Fields(countries)...)) },
		inIssuers + " <issuer>":     func(s *schema) object { return s.to(inIssuer) },
		inNetworks + " <network>":   func(s *schema) object { return s.to(inNetwork) },
		inBudget + " burst":         func(*schema) object { return number(1, maxCustomers) },
		inBudget + " at <percent>%": func(*schema) object { return enum("alert", "stop", "step-up", "approve") },
		inRoute + " records":        func(*schema) object { return number(1, maxUnreadable) },
		inCombination + " <name>": func(*schema) object {
			return object{"type": "array", "items": matching(classPattern), "minItems": 2}
		},
		inHold + " until":          func(*schema) object { return matching(dayPattern) },
		inWatch + " budget-spent":  func(s *schema) object { return s.to(inBudgetSpent) },
		inWatch + " id-walking":    func(s *schema) object { return s.to(inIDWalking) },
		inIDWalking + " strangers": func(*schema) object { return number(1, 10_000) },
		inDetector + " words":      func(*schema) object { return list(free()) },
		inDetector + " cases":      func(s *schema) object { return s.to(inCases) },
		inClass + " purposes":      func(*schema) object { return object{"type": "array", "items": matching(wordPattern), "minItems": 1} },
		inDetector + " confidence": func(*schema) object { return enum("medium", "high") },
		inNeeds + " approval":      func(*schema) object { return object{"type": "boolean"} },
		inPurpose + " basis": func(*schema) object {
			return enum("consent", "contract", "legal-obligation", "vital-interests", "public-task", "legitimate-interests")
		},
		inFile + " undeclared-routes": func(*schema) object { return enum("inspect", "block") },
	}
}

func retentionPattern() string {
	var events []string
	for _, e := range Events() {
		events = append(events, string(e))
	}
	return `^(` + strings.Join(events, "|") + `)( *\+ *[1-9][0-9]* (day|week|month|year)s?)?$`
}

package export_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/export"
	"github.com/getweir/weir/ledger"
)

// schema is what OCSF 1.8.0 says of the classes and objects that are written here:
// for each, its attributes; "!" requires one, "a:b" names the object that it holds,
// "[]" a list of them. Taken from events/ and objects/ of
// https://github.com/ocsf/ocsf-schema, with base_event, classification, occurrence and the
// profile security_control laid under the classes. An attribute that is not here
// fails the test: it would have to be looked up first.
var schema = map[string]string{
	"base": `activity_id! activity_name category_uid! category_name class_uid! class_name type_uid! type_name time! severity_id! severity
		metadata!:metadata message count status_id status status_detail unmapped`,
	"security_control": `action_id action disposition_id disposition policy:policy is_alert`,
	"6003":             `actor!:actor api!:api src_endpoint!:endpoint dst_endpoint:endpoint http_response:http_response resources:[]resource`,
	"2004":             `finding_info!:finding_info evidences:[]evidence is_alert`,
	"3004":             `actor:actor entity!:entity comment`,
	"6002":             `app!:product`,
	"0":                ``,
	"metadata":         `version! product!:product uid sequence event_code log_name log_provider original_time correlation_uid profiles`,
	"product":          `name! vendor_name version`,
	"actor":            `user:user idp:idp app_name`,
	"user":             `name credential_uid type_id type groups:[]group`,
	"group":            `name type`,
	"idp":              `name`,
	"api":              `operation! service:service request:request`,
	"service":          `name`,
	"request":          `uid!`,
	"endpoint":         `name!`, // one of several, of which a name is the one that is written
	"http_response":    `code!`,
	"resource":         `uid type labels`,
	"policy":           `name version`,
	"finding_info":     `uid! title created_time desc product:product analytic:analytic`,
	"analytic":         `type_id! type name`,
	"evidence":         `actor!:actor`,
	"entity":           `name! type version`,
}

// activities are the numbers that the schema gives for each class.
var activities = map[int][]int{6003: {2}, 2004: {1, 3}, 3004: {3, 99}, 6002: {3, 4}, 0: {99}}

func check(t *testing.T, at string, ev map[string]any, specs ...string) {
	t.Helper()
	known := map[string]string{}
	for _, spec := range specs {
		text, ok := schema[spec]
		if !ok {
			t.Errorf("%s: nothing is known of %q", at, spec)
		}
		for _, word := range strings.Fields(text) {
			name, object, _ := strings.Cut(word, ":")
			name, required := strings.CutSuffix(name, "!")
			known[name] = object
			if _, has := ev[name]; required && !has {
				t.Errorf("%s lacks %s", at, name)
			}
		}
	}
	for name, v := range ev {
		object, is := known[name]
		switch {
		case !is:
			t.Errorf("%s has %s, which the schema does not", at, name)
		case v == nil || v == "":
			t.Errorf("%s: %s is empty", at, name)
		case strings.HasPrefix(object, "[]"):
			list, ok := v.([]any)
			if !ok || len(list) == 0 {
				t.Errorf("%s: %s is no list", at, name)
			}
			for i, x := range list {
				m, _ := x.(map[string]any)
				check(t, fmt.Sprintf("%s.%s[%d]", at, name, i), m, object[2:])
			}
		case object != "":
			m, _ := v.(map[string]any)
			check(t, at+"."+name, m, object)
		}
	}
}

func validate(t *testing.T, name string, e *ledger.Entry) map[string]any {
	t.Helper()
	o := &export.OCSF{Origin: "ledger.example.com/node-1", Version: "1.2.3"}
	b, err := json.Marshal(o.Event(17, e))
	if err != nil {
		t.Fatal(err)
	}
	var ev map[string]any
	if err := json.Unmarshal(b, &ev); err != nil {
		t.Fatal(err)
	}
	class, activity := int(ev["class_uid"].(float64)), int(ev["activity_id"].(float64))
	specs := []string{"base", fmt.Sprint(class)}
	meta, _ := ev["metadata"].(map[string]any)
	if list, has := meta["profiles"]; has {
		for _, p := range list.([]any) {
			specs = append(specs, p.(string))
		}
	}
	check(t, name, ev, specs...)
	if int(ev["category_uid"].(float64)) != class/1000 || int(ev["type_uid"].(float64)) != class*100+activity || !slices.Contains(activities[class], activity) {
		t.Errorf("%s: class %d, category %v, type %v, activity %d", name, class, ev["category_uid"], ev["type_uid"], activity)
	}
	if meta["version"] != "1.8.0" || meta["uid"] != "ledger.example.com/node-1/17" || ev["time"].(float64) != float64(e.Time.UnixMilli()) {
		t.Errorf("%s: %v at %v", name, meta, ev["time"])
	}
	return ev
}

// Every kind of entry, with all fields and with none, gives an event that the
// schema allows.
func TestEveryKindIsAnEvent(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)
	for k := ledger.Kind(1); !strings.HasPrefix(k.String(), "unknown"); k++ {
		validate(t, k.String()+" with nothing", &ledger.Entry{Kind: k, Time: at})
		for _, kind := range []weir.Kind{weir.Anonymous, weir.Customer, weir.Staff, weir.Service} {
			e := &ledger.Entry{
				Kind: k, Time: at, Node: "node-1", Exchange: weir.ExchangeID{1}, Credential: "token:1", Principal: "ann", PrincipalKind: kind, Act: []string{"agent-1", "agent-2"},
				Role: "support", Issuer: "https://id.example.com", Network: "office", Door: "inbound", Route: "customer", Recipient: "mailhouse", Purpose: "support", Policy: "p-1",
				Actions: []ledger.Count{{Class: "contact.email", Action: weir.Mask, N: 2}}, Subjects: []ledger.Taken{{Subject: weir.Subject{7}, Lanes: 5}},
				Read: 10, Unread: 20, Outcome: "client-left", Reason: weir.ReasonBudget, Status: 429, Party: "credential:token:1", N: 3, Rule: "clear/hour", Text: "A sentence.", Until: at.Add(time.Hour),
				Keys: ledger.KeyPair{Old: "a", New: "b"}, Heads: []ledger.Head{{Origin: "o", Size: 5}}, Span: &ledger.Span{From: 1, To: 5},
			}
			ev := validate(t, fmt.Sprint(k, " by ", kind), e)
			if k == ledger.Denied && (ev["disposition_id"] != 2.0 || ev["action_id"] != 2.0 || ev["count"] != 3.0 || ev["status_detail"] != "budget") {
				t.Errorf("a denial is not blocked: %v", ev)
			}
		}
	}
	validate(t, "a kind yet to come", &ledger.Entry{Kind: 200, Time: at})
}

// Nothing that an entry says is lost: each text and number of it stands somewhere.
func TestNothingIsLost(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	e := &ledger.Entry{
		Time: at, Node: "node-7", Exchange: weir.ExchangeID{0xab}, Credential: "token:c", Principal: "ann", PrincipalKind: weir.Staff, Act: []string{"agent-1", "agent-2"},
		Role: "support-role", Issuer: "https://id.example.com", Network: "office-net", Door: "inbound-door", Route: "customer-route", Recipient: "mailhouse", Purpose: "support-purpose", Policy: "p-1",
		Actions: []ledger.Count{{Class: "contact.email", Action: weir.Mask, N: 4711}}, Subjects: []ledger.Taken{{Subject: weir.Subject{7}, Lanes: 5}},
		Read: 1001, Unread: 2002, Outcome: "client-left", Reason: weir.ReasonBudget, Status: 429, Party: "credential:token:p", Rule: "a-rule", Until: at.Add(time.Hour),
	}
	for _, k := range []ledger.Kind{ledger.Intent, ledger.Release, ledger.Denied, ledger.Close} {
		e.Kind = k
		b, err := json.Marshal((&export.OCSF{Origin: "o"}).Event(1, e))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{
			"node-7", e.Exchange.String(), "token:c", `"ann"`, "agent-1", "agent-2", "support-role", "https://id.example.com", "office-net", "inbound-door", "customer-route", "mailhouse", "support-purpose", "p-1",
			"contact.email", "4711", e.Subjects[0].Subject.String(), "masked", "1001", "2002", "client-left", "budget", "429", "credential:token:p", "a-rule", "2026-03-01T13:00:00Z",
		} {
			if !strings.Contains(string(b), want) {
				t.Errorf("%s: %s is not in %s", k, want, b)
			}
		}
	}
}

// A hold and its lifting are one finding.
func TestAHoldIsOneFinding(t *testing.T) {
	o := &export.OCSF{Origin: "o"}
	uid := func(index int64, k ledger.Kind, party string) any {
		return o.Event(index, &ledger.Entry{Kind: k, Party: party, Time: time.Unix(1, 0)})["finding_info"].(export.Event)["uid"]
	}
	if uid(1, ledger.Hold, "role:x") != uid(9, ledger.Lift, "role:x") || uid(1, ledger.Hold, "role:x") == uid(1, ledger.Hold, "role:y") || uid(1, ledger.Alert, "role:x") == uid(2, ledger.Alert, "role:x") {
		t.Error("findings are mixed up")
	}
	if got := slices.Sorted(maps.Keys(activities)); len(got) != 5 {
		t.Error(got)
	}
}

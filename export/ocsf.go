// Package export writes the ledger's entries in the words of others: events of
// the Open Cybersecurity Schema Framework (OCSF) 1.8.0, which log stores and
// security teams' tools read without a mapping of their own.
//
// Each entry becomes one event. Intents, releases, denials and outcomes are API
// Activity, denials with the disposition Blocked; alerts and holds are Detection
// Findings, and the lifting of a hold closes its finding; what staff did and what
// changed of policy and keys is Entity Management; starts and stops are
// Application Lifecycle; all else is the Base Event. Facts that the schema has no
// attribute for stand under unmapped, by the names that weir ledger show --json
// gives them.
//
// It guarantees that every kind of entry gives an event that has the attributes
// its class requires, also kinds that are yet to come, and that the same entry
// gives the same event, with the same metadata.uid, so that a receiver can drop
// what it gets twice.
//
// It does no I/O and adds nothing to the entries: customers are pseudonyms.
package export

import (
	"fmt"
	"strings"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/ledger"
)

// OCSFVersion is the version of the schema (https://schema.ocsf.io/1.8.0,
// https://github.com/ocsf/ocsf-schema).
const OCSFVersion = "1.8.0"

// Classes of the schema, with the category in the thousands.
const (
	baseEvent            = 0
	detectionFinding     = 2004
	entityManagement     = 3004
	applicationLifecycle = 6002
	apiActivity          = 6003
)

var classNames = map[int]string{
	baseEvent: "Base Event", detectionFinding: "Detection Finding", entityManagement: "Entity Management",
	applicationLifecycle: "Application Lifecycle", apiActivity: "API Activity",
}

var categoryNames = map[int]string{0: "Uncategorized", 2: "Findings", 3: "Identity & Access Management", 6: "Application Activity"}

// An OCSF makes events of one log's entries.
type OCSF struct {
	Origin  string // the log's name
	Version string // of Weir
}

// An Event is one OCSF event, to be encoded as JSON.
type Event map[string]any

// Event gives the event of an entry.
func (o *OCSF) Event(index int64, e *ledger.Entry) Event {
	uid := fmt.Sprintf("%s/%d", o.Origin, index)
	ev := Event{
		"time":     millis(e.Time),
		"unmapped": unmapped(e),
	}
	meta := Event{
		"version": OCSFVersion, "uid": uid, "sequence": index, "event_code": e.Kind.String(), "log_name": o.Origin,
		"log_provider": e.Node, "original_time": e.Time.UTC().Format(time.RFC3339Nano), "product": o.product(),
	}
	drop(meta, "log_provider")
	if e.Exchange != (weir.ExchangeID{}) {
		meta["correlation_uid"] = e.Exchange.String()
	}
	ev["metadata"] = meta
	switch e.Kind {
	case ledger.Intent, ledger.Release, ledger.Close, ledger.Denied:
		o.api(ev, e)
	case ledger.Alert, ledger.Hold, ledger.Lift:
		o.finding(ev, uid, e)
	case ledger.Staff, ledger.PolicyLoaded, ledger.KeyChange:
		o.entity(ev, e)
	case ledger.Start:
		ev.class(applicationLifecycle, 3, "Start", 1)
		ev["app"] = o.product()
	case ledger.Stop:
		ev.class(applicationLifecycle, 4, "Stop", 1)
		ev["app"] = o.product()
	default:
		ev.class(baseEvent, 99, e.Kind.String(), 1)
		ev["message"] = e.Kind.String()
		if e.N > 0 {
			ev["count"] = e.N
		}
	}
	return ev
}

// class sets what says which event it is.
func (ev Event) class(uid, activity int, name string, severity int) {
	category := uid / 1000
	ev["class_uid"], ev["class_name"] = uid, classNames[uid]
	ev["category_uid"], ev["category_name"] = category, categoryNames[category]
	ev["activity_id"], ev["activity_name"] = activity, name
	ev["type_uid"], ev["type_name"] = uid*100+activity, classNames[uid]+": "+name
	ev["severity_id"] = severity
	ev["severity"] = [...]string{"Unknown", "Informational", "Low", "Medium", "High"}[severity]
}

func (o *OCSF) product() Event {
	p := Event{"name": "Weir", "vendor_name": "Weir", "version": o.Version}
	drop(p, "version")
	return p
}

// api makes an API Activity: somebody read, or wanted to read, customers' data.
func (o *OCSF) api(ev Event, e *ledger.Entry) {
	severity := 1
	if e.Kind == ledger.Denied {
		severity = 2
		if e.Reason == weir.ReasonBudget || e.Reason == weir.ReasonNotOwn || e.Reason == weir.ReasonHold {
			severity = 3
		}
	}
	ev.class(apiActivity, 2, "Read", severity)
	ev["actor"] = actor(e)
	ev["api"] = Event{"operation": or(e.Route, "unknown"), "service": Event{"name": or(e.Door, "unknown")}}
	if e.Exchange != (weir.ExchangeID{}) {
		ev["api"].(Event)["request"] = Event{"uid": e.Exchange.String()}
	}
	ev["src_endpoint"] = Event{"name": or(e.Network, "unknown")}
	if e.Recipient != "" {
		ev["dst_endpoint"] = Event{"name": e.Recipient}
	}
	if len(e.Subjects) > 0 {
		ev["resources"] = customers(e.Subjects)
	}
	if e.Status > 0 {
		ev["http_response"] = Event{"code": e.Status}
	}
	ev["metadata"].(Event)["profiles"] = []string{"security_control"}
	if e.Policy != "" {
		ev["policy"] = Event{"name": "policy", "version": e.Policy}
	}
	switch {
	case e.Kind == ledger.Denied:
		ev.control(2, "Denied", 2, "Blocked")
		ev.status(2, "Failure", string(e.Reason))
		ev["count"] = max(1, e.N)
	case e.Kind == ledger.Close && (e.Outcome != "" || e.Reason != ""):
		ev.status(2, "Failure", or(e.Outcome, string(e.Reason)))
	default:
		ev.control(1, "Allowed", 1, "Allowed")
		ev.status(1, "Success", "")
	}
}

// control sets what the profile security_control has.
func (ev Event) control(action int, name string, disposition int, text string) {
	ev["action_id"], ev["action"] = action, name
	ev["disposition_id"], ev["disposition"] = disposition, text
}

func (ev Event) status(id int, name, detail string) {
	ev["status_id"], ev["status"] = id, name
	if detail != "" {
		ev["status_detail"] = detail
	}
}

// finding makes a Detection Finding. A hold and its lifting are one finding, by
// the party that they are about.
func (o *OCSF) finding(ev Event, uid string, e *ledger.Entry) {
	title := map[ledger.Kind]string{ledger.Alert: "Alert", ledger.Hold: "Hold", ledger.Lift: "Hold lifted"}[e.Kind]
	if e.Rule != "" {
		title += ": " + e.Rule
	}
	info := Event{"uid": uid, "title": title, "created_time": millis(e.Time), "product": o.product()}
	if e.Text != "" {
		info["desc"] = e.Text
	}
	if e.Rule != "" {
		info["analytic"] = Event{"name": e.Rule, "type_id": 1, "type": "Rule"}
	}
	if e.Kind == ledger.Lift {
		ev.class(detectionFinding, 3, "Close", 1)
		ev.status(4, "Resolved", "")
	} else {
		ev.class(detectionFinding, 1, "Create", 4)
		ev.status(1, "New", "")
		ev["is_alert"] = true
	}
	if e.Kind != ledger.Alert {
		info["uid"] = o.Origin + "/hold/" + e.Party
	}
	if e.Kind == ledger.Hold {
		ev["metadata"].(Event)["profiles"] = []string{"security_control"}
		ev.control(2, "Denied", 2, "Blocked")
	}
	ev["finding_info"] = info
	ev["evidences"] = []Event{{"actor": actor(e)}}
	if e.Text != "" {
		ev["message"] = e.Text
	}
}

// entity makes an Entity Management: what somebody changed.
func (o *OCSF) entity(ev Event, e *ledger.Entry) {
	switch e.Kind {
	case ledger.PolicyLoaded:
		ev.class(entityManagement, 3, "Update", 2)
		ev["entity"] = Event{"name": "policy", "type": "policy", "version": or(e.Policy, "unknown")}
	case ledger.KeyChange:
		ev.class(entityManagement, 3, "Update", 3)
		ev["entity"] = Event{"name": o.Origin, "type": "signing key"}
	default:
		ev.class(entityManagement, 99, "Staff", 2)
		ev["entity"] = Event{"name": "weir", "type": "deployment"}
	}
	if e.Principal != "" {
		ev["actor"] = actor(e)
	}
	if e.Text != "" {
		ev["comment"], ev["message"] = e.Text, e.Text
	}
	ev.status(1, "Success", "")
}

// actor gives who did it.
func actor(e *ledger.Entry) Event {
	user := Event{"name": or(e.Principal, "unknown"), "credential_uid": e.Credential}
	switch e.PrincipalKind {
	case weir.Service:
		user["type_id"], user["type"] = 4, "Service"
	case weir.Staff, weir.Customer:
		user["type_id"], user["type"] = 1, "User"
	default:
		user["type_id"], user["type"] = 0, "Unknown"
	}
	drop(user, "credential_uid")
	if e.Role != "" {
		user["groups"] = []Event{{"name": e.Role, "type": "role"}}
	}
	a := Event{"user": user}
	if e.Issuer != "" {
		a["idp"] = Event{"name": e.Issuer}
	}
	if n := len(e.Act); n > 0 {
		a["app_name"] = e.Act[n-1] // who acts at last; all of them stand under unmapped
	}
	return a
}

func customers(all []ledger.Taken) []Event {
	list := make([]Event, len(all))
	for i, t := range all {
		var lanes []string
		for l := range weir.NumLanes {
			if t.Lanes.Has(l) {
				lanes = append(lanes, l.String())
			}
		}
		list[i] = Event{"uid": t.Subject.String(), "type": "customer", "labels": lanes}
	}
	return list
}

// unmapped gives what the schema has no place for.
func unmapped(e *ledger.Entry) Event {
	u := Event{}
	for name, text := range map[string]string{
		"purpose": string(e.Purpose), "policy": e.Policy, "outcome": e.Outcome, "reason": string(e.Reason), "party": e.Party, "rule": e.Rule,
		"door": e.Door, "route": e.Route, "role": e.Role, "principal_kind": "", "act": strings.Join(e.Act, " "),
		"key_before": e.Keys.Old, "key_after": e.Keys.New,
	} {
		if text != "" {
			u[name] = text
		}
	}
	for name, n := range map[string]int64{"read": e.Read, "unread": e.Unread, "n": int64(e.N)} {
		if n != 0 {
			u[name] = n
		}
	}
	if e.Principal != "" {
		u["principal_kind"] = e.PrincipalKind.String()
	}
	if !e.Until.IsZero() {
		u["until"] = e.Until.UTC().Format(time.RFC3339Nano)
	}
	if len(e.Actions) > 0 {
		list := make([]Event, len(e.Actions))
		for i, a := range e.Actions {
			list[i] = Event{"class": string(a.Class), "action": a.Action.String(), "n": a.N}
		}
		u["actions"] = list
	}
	if e.Span != nil {
		u["dropped"] = Event{"from": e.Span.From, "to": e.Span.To, "root": e.Span.Root.String()}
	}
	if len(e.Heads) > 0 {
		list := make([]Event, len(e.Heads))
		for i, h := range e.Heads {
			list[i] = Event{"origin": h.Origin, "size": h.Size, "root": h.Root.String()}
		}
		u["heads"] = list
	}
	return u
}

func millis(t time.Time) int64 { return t.UnixMilli() }

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// drop takes out an attribute that is empty.
func drop(ev Event, name string) {
	if ev[name] == "" {
		delete(ev, name)
	}
}

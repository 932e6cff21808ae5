package replay

import (
	"testing"

	"github.com/getweir/weir/policy"
)

// knows says how a replay takes account of each key of the policy language.
var knows = map[string]string{
	"version": "no effect", "include": "no effect: the policies are compared whole",
	"mode": "Plan.Observe: unknowable", "classes": "Plan", "purposes": "Plan", "roles": "Plan", "issuers": "Plan.Accounts", "networks": "Plan.Accounts",
	"deployment": "Plan.Accounts", "routes": "compare", "undeclared-routes": "Plan", "watch": "holds", "detectors": "compare",
	"vendors": "unknowable", "vendors.<vendor>": "unknowable", "vendors.<vendor>.about": "no effect", "vendors.<vendor>.hosts": "unknowable", "vendors.<vendor>.purposes": "unknowable",
	"vendors.<vendor>.see": "unknowable", "vendors.<vendor>.see.<class>": "unknowable", "vendors.<vendor>.consent": "unknowable", "vendors.<vendor>.take": "unknowable",
	"vendors.<vendor>.contract until": "unknowable", "vendors.<vendor>.review by": "no effect", "vendors.<vendor>.countries": "no effect",
	"public-profile": "compare: unknowable", "public-profile[].route": "compare: unknowable", "public-profile[].field": "compare: unknowable", "public-profile[].class": "compare: unknowable", "public-profile[].key": "compare: unknowable",
	"combinations": "Plan.Combines: unknowable", "combinations.<name>": "Plan.Combines: unknowable",
	"holds": "Plan", "holds[].party": "Plan", "holds[].reason": "Plan", "holds[].until": "Plan",
	"roles.<role>.needs": "Plan, or unknowable", "roles.<role>.needs.second factor": "unknowable", "roles.<role>.needs.networks": "Plan", "roles.<role>.needs.hours": "Plan",
	"roles.<role>.needs.ticket": "unknowable", "roles.<role>.needs.approval": "unknowable",
	"take.<lane>.burst": "Plan.Terms: unknowable", "take.<lane>.at <percent>%": "Plan.Terms: unknowable",
	"routes[].on-inspection-failure": "compare: unknowable", "routes[].records": "compare: unknowable",
	"approvals": "no effect on traffic", "approvers": "no effect on traffic", "approvers.<approver>": "no effect on traffic", "approvers.<approver>.keys": "no effect on traffic", "approvers.<approver>.approves": "no effect on traffic",
	"classes.<class>": "Plan", "classes.<class>.sensitivity": "Plan", "classes.<class>.purposes": "Plan", "classes.<class>.about": "no effect", "classes.<class>.retention": "no effect",
	"purposes.<purpose>": "Plan", "purposes.<purpose>.basis": "no effect", "purposes.<purpose>.about": "no effect",
	"roles.<role>": "Plan", "roles.<role>.purposes": "Plan", "roles.<role>.own": "Plan.Own", "roles.<role>.see": "Plan", "roles.<role>.see.<class>": "Plan",
	"roles.<role>.take": "Plan.Accounts", "roles.<role>.together": "Plan.Accounts",
	"issuers.<issuer>": "Plan.Accounts", "issuers.<issuer>.take": "Plan.Accounts", "networks.<network>": "Plan.Accounts", "networks.<network>.take": "Plan.Accounts", "deployment.take": "Plan.Accounts",
	"take.clear": "Plan.Accounts", "take.sensitive": "Plan.Accounts", "take.masked": "Plan.Accounts", "take.probed": "Plan.Accounts", "take.own": "Plan.Accounts",
	"take.<lane>.hour": "Plan.Accounts", "take.<lane>.day": "Plan.Accounts", "take.<lane>.30 days": "Plan.Accounts",
	"routes[].route": "compare", "routes[].name": "compare", "routes[].purpose": "Plan, or unknowable", "routes[].subject": "compare: unknowable", "routes[].opaque": "compare: unknowable", "routes[].mode": "Plan.Observe: unknowable",
	"watch.budget-spent": "over", "watch.id-walking": "unknowable", "watch.budget-spent.hold": "over", "watch.id-walking.strangers": "unknowable", "watch.id-walking.within": "unknowable", "watch.id-walking.hold": "unknowable",
	"detectors[].class": "compare", "detectors[].pattern": "compare", "detectors[].literal": "compare", "detectors[].checksum": "compare", "detectors[].words": "compare", "detectors[].confidence": "compare",
	"detectors[].cases": "no effect", "detectors[].cases.match": "no effect", "detectors[].cases.no-match": "no effect",
}

// TestReplayKnowsEveryKey fails where the policy language has a key that nobody has
// thought through here: what a draft does with it would be a guess.
func TestReplayKnowsEveryKey(t *testing.T) {
	for _, k := range policy.Keys() {
		name := k.Name
		if k.In != "" {
			name = k.In + "." + k.Name
		}
		if knows[name] == "" {
			t.Errorf("%s: decide how a replay takes account of it, or that it is unknowable, and say so here", name)
		}
	}
}

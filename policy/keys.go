package policy

// A Key is one key of the language. The table of keys is at once what the
// reader accepts and what docs/policy-language.md says, so that neither can
// know a key that the other does not.
type Key struct {
	// In names the block that the key stands in: "" is the top of the file.
	In string
	// Name of the key. In brackets where the name is chosen by the author:
	// "<class>".
	Name string
	// Value says what may stand behind it.
	Value string
	// Default is what holds where the key is absent; "": it is required.
	Default string
	// About says what it does.
	About string
}

// The blocks of the language, as Key.In has them.
const (
	inFile        = ""
	inClasses     = "classes"
	inClass       = "classes.<class>"
	inPurposes    = "purposes"
	inPurpose     = "purposes.<purpose>"
	inRoles       = "roles"
	inRole        = "roles.<role>"
	inTogether    = "roles.<role>.together" // no block of its own: a take
	inNeeds       = "roles.<role>.needs"
	inSee         = "roles.<role>.see"
	inIssuers     = "issuers"
	inIssuer      = "issuers.<issuer>"
	inNetworks    = "networks"
	inNetwork     = "networks.<network>"
	inDeployment  = "deployment"
	inTake        = "take"
	inBudget      = "take.<lane>"
	inRoute       = "routes[]"
	inPublic      = "public-profile[]"
	inVendor      = "vendors.<vendor>"
	inVendors     = "vendors"
	inVendorSee   = "vendors.<vendor>.see"
	inHold        = "holds[]"
	inCombination = "combinations"
	inWatch       = "watch"
	inBudgetSpent = "watch.budget-spent"
	inIDWalking   = "watch.id-walking"
	inApprovers   = "approvers"
	inApprover    = "approvers.<approver>"
	inDetector    = "detectors[]"
	inCases       = "detectors[].cases"
)

// Keys gives every key of the language, block by block.
func Keys() []Key { return append([]Key(nil), keys[:]...) }

var keys = [...]Key{
	{inFile, "version", "`1`", "", "The version of this language."},
	{inFile, "include", "a list of files", "none", "Other files that say more of the same policy, by their paths from this one: `[roles/support.yaml]`. They may include others. What they say of classes, purposes, roles, issuers, networks, vendors, routes, detectors and the like adds to what stands here; what may stand once may stand once in all of them."},
	{inFile, "mode", "`enforce` or `observe`", "`enforce`", "`observe` changes nothing and refuses nobody: what would have been masked, withheld or refused is recorded, and the exposure is unbounded. It holds for every route that names no mode of its own, and for what matches no route."},
	{inFile, "classes", "classes by name", "none", "Every class of personal data that may flow, by itself or with its family. A class that is not declared here is blocked for everybody, whatever a role's `see` says, and counts as of high sensitivity."},
	{inFile, "purposes", "purposes by name", "none", "Every purpose for which personal data is processed. A request whose purpose is not named here is refused."},
	{inFile, "roles", "roles by name", "none", "Who may see what, and how much of it. A principal whose role is not named here is refused. Whoever shows no credential has the role `anonymous`."},
	{inFile, "issuers", "issuers by name", "none", "What all principals together may take that one issuer vouches for: the bound on a stolen signing key. An issuer that is not named here may take what the deployment may."},
	{inFile, "networks", "networks by name", "none", "What all principals together may take that come from one network."},
	{inFile, "vendors", "vendors by name", "none", "The companies that receive customers' data: what of it, for what, where, and under which contract. They stand in the privacy notice."},
	{inFile, "deployment", "a block with `take`", "", "What everybody together may take: the bound on the worst case."},
	{inFile, "routes", "a list of routes", "none", "Where a request names a customer, or an answer holds customers."},
	{inFile, "public-profile", "a list of fields", "none", "What customers publish themselves, such as a display name: it passes in clear to everybody and is charged to nobody. It is counted and recorded all the same."},
	{inFile, "combinations", "lists of classes by name", "none", "Classes that together are as good as clear, even if each of them is masked."},
	{inFile, "holds", "a list of holds", "none", "Who may do nothing until the policy says otherwise. Nobody lifts these but by a change of the policy."},
	{inFile, "undeclared-routes", "`inspect` or `block`", "`inspect`", "What happens to a request that matches no route: `inspect` lets it through with every answer read and judged, `block` refuses it."},
	{inFile, "watch", "rules by name", "alerts without holds", "What the rules that follow the ledger do."},
	{inFile, "approvals", "a number of people, to 9", "`1`: who changes the file alone", "How many different people have to sign a policy that permits more than this one before it comes in force. Who they are, and how many, this policy says and not the new one. A policy that only narrows needs nobody."},
	{inFile, "approvers", "people by name", "none", "Who may agree to a policy that widens, and to requests for more customers."},
	{inFile, "detectors", "a list of detectors", "none", "What finds classes that only you know, such as the numbers of your membership cards."},

	{inClasses, "<class>", "a block", "", "The name of a class: a family, a dot and a name, in lower-case letters, digits and underscores, such as `contact.email` or `identity.us.ssn`. Or a family, which stands for every class in it: `identity.*`, `identity.us.*`. The declaration of the class itself goes before that of its family, a smaller family's before a larger one's; what it says holds whole."},
	{inClass, "sensitivity", "`high`, `moderate` or `low`", "`high`", "How much harm its loss does. Customers whose data of high sensitivity leaves in clear are counted against the lane `sensitive` as well."},
	{inClass, "purposes", "a list of purposes", "any purpose", "What the class may be processed for. For any other purpose it is blocked, whatever a role's `see` says."},
	{inClass, "about", "text", "what detectors say of it", "What it is, in the words of the privacy notice."},
	{inClass, "retention", "an event and a time", "not said", "How long it is kept: a time after an event, as `account closed + 30 days`, `last order + 10 years`, or an event alone. The events are `collected`, `account closed`, `contract ended`, `consent withdrawn`, `last order`, `last sign-in`, `last contact`, `payment settled`, `request answered` and `expired`; times are in days, weeks, months or years."},

	{inPurposes, "<purpose>", "a block", "", "The name of a purpose, in lower-case letters, digits and hyphens."},
	{inPurpose, "basis", "`consent`, `contract`, `legal-obligation`, `vital-interests`, `public-task` or `legitimate-interests`", "", "The legal basis, as GDPR art. 6(1) has them."},
	{inPurpose, "about", "text", "not said", "The purpose in words, for the privacy notice."},

	{inRoles, "<role>", "a block", "", "The name of a role, as credentials give it."},
	{inRole, "purposes", "a list of purposes", "none: the role can do nothing", "The purposes that the role may act for. The first is taken where neither the request nor the route names one."},
	{inRole, "own", "`true` or `false`", "`false`", "Whoever has the role sees its own record only; a record of anybody else's is withheld. For customers it is so in any role."},
	{inRole, "needs", "a block", "nothing", "What a request in the role needs beside a credential. It is looked at when the request comes."},
	{inRole, "see", "an action for each class", "everything is blocked", "How the role sees each class. The most specific line wins: `identity.us.ssn` before `identity.us.*` before `identity.*` before `\"*\"`. A class that no line covers is blocked."},
	{inRole, "take", "budgets by lane", "nothing", "How many different customers each credential and each principal of the role may take, and each person who acts through one."},
	{inRole, "together", "budgets by lane", "the deployment's", "How many different customers all principals of the role together may take."},
	{inNeeds, "second factor", "a time", "none is needed", "A second factor must have been shown, and not longer ago than this: `15m`."},
	{inNeeds, "networks", "a list of networks", "any", "The networks that the role may act from, by the names that the configuration gives them."},
	{inNeeds, "hours", "hours, or a list of them", "always", "When the role may act: days, times and a time zone, `mon-fri 08:00-18:00 Europe/Berlin`. Days are `mon`, `mon-fri`, `sat,sun` or `daily`; `22:00-06:00` goes over midnight."},
	{inNeeds, "ticket", "`true`, `false` or a pattern", "`false`", "The request must name a ticket, in the header that the configuration gives (`Weir-Ticket`). A pattern in the syntax of RE2 must match the whole of it: `INC-[0-9]+`. Whether there is such a ticket is not looked up; it goes on the record."},
	{inNeeds, "approval", "`true` or `false`", "`false`", "A second person must have approved a request for more of this principal, and the approval must be in force."},
	{inSee, "<class>", "`clear`, `mask` or `block`", "", "A declared class, or one of a declared family; a family as `contact.*` or `identity.us.*`; or `\"*\"` for all that is declared (in quotes, because a bare `*` means something else in YAML). `clear` passes the value, `mask` puts a blank of the same shape in its place, `block` withholds the record that holds it."},

	{inVendors, "<vendor>", "a block", "", "The name of a vendor."},
	{inVendor, "about", "text", "not said", "What it does, in the words of the privacy notice."},
	{inVendor, "hosts", "a list of hosts", "", "Where it is reached: `api.mail.example`, or `*.mail.example` for every name below. A host is one vendor's."},
	{inVendor, "purposes", "a list of purposes", "", "What it receives data for."},
	{inVendor, "see", "an action for each class", "", "What it receives of each class, as a role's `see` says it."},
	{inVendor, "consent", "`required` or `not required`", "`required` where consent is the legal basis of one of its purposes", "Whether it receives data of those customers only who have agreed."},
	{inVendor, "take", "budgets by lane", "", "How many different customers it may receive."},
	{inVendor, "contract until", "a day", "not said", "The last day of the contract: `2027-03-31`."},
	{inVendor, "review by", "a day", "not said", "By when it is to be looked at again."},
	{inVendor, "countries", "a list of countries", "not said", "Where it holds the data, by the two letters of ISO 3166-1: `[DE, IE]`."},
	{inVendorSee, "<class>", "`clear`, `mask` or `block`", "", "As in a role's `see`."},

	{inIssuers, "<issuer>", "a block", "", "The name of an issuer, as the configuration gives it."},
	{inIssuer, "take", "budgets by lane", "", "How many different customers its principals together may take."},
	{inNetworks, "<network>", "a block", "", "The name of a network, as the configuration gives it. `other` stands for each network that is not named; where it is absent, they may take what the deployment may."},
	{inNetwork, "take", "budgets by lane", "", "How many different customers all who come from it together may take."},
	{inDeployment, "take", "budgets by lane", "", "How many different customers everybody together may take."},

	{inTake, "clear", "a budget, or `unbounded`", "0", "Customers of whom something leaves in clear."},
	{inTake, "sensitive", "a budget, or `unbounded`", "the same as `clear`", "Of those, customers of whom something of high sensitivity leaves in clear."},
	{inTake, "masked", "a budget, or `unbounded`", "0", "Customers of whom something leaves masked. What is masked can be joined, so it is bounded too."},
	{inTake, "probed", "a budget, or `unbounded`", "0", "Customers whom requests name, whether or not they exist: an answer that says no is an answer."},
	{inTake, "own", "a budget, or `unbounded`", "0", "Customers who see their own record. For one customer that is 1; for an issuer, a network or the deployment it bounds how many hijacked accounts can be read."},
	{inBudget, "hour", "a number, or `unbounded`", "the same as `day`", "Different customers in any hour."},
	{inBudget, "day", "a number, or `unbounded`", "the same as `30 days`", "Different customers in any 24 hours. Required where `hour` is given."},
	{inBudget, "30 days", "a number, or `unbounded`", "", "Different customers in any 30 days: the ceiling."},

	{inBudget, "burst", "a number", "no bound of its own", "Different customers in any minute, on each node."},
	{inBudget, "at <percent>%", "`alert`; at 100 also `stop`, `step-up` or `approve`", "no alert", "What happens when so much of the budget is taken in any of its windows. `alert`, at any share from 1 to 100, raises an alert. At 100% one more may be said: `stop`, and no approval raises the budget; `step-up`, and whoever shows a fresh second factor may take as much again in an hour and a day, never more than the ceiling; `approve`, and whoever is refused is told to ask for more, which a second person approves. `step-up` and `approve` are for a role's `take` only."},

	{inRoute, "route", "a method and a path", "", "A method (or `*` for any) and a path: `GET /v1/customers/{id}`. `{id}` stands for one segment, `{rest...}` at the end for all that follow, or none."},
	{inRoute, "name", "a word", "the text of `route`", "What the ledger calls it. Unique."},
	{inRoute, "purpose", "a purpose", "the role's first", "The purpose of a request that names none."},
	{inRoute, "subject", "a kind and a place", "found by the identifiers in each record", "Whose the records are: a kind of identifier and where it stands, `customer {id}` for a variable of the path, `customer $.data.items[*].id` for a value in the answer."},
	{inRoute, "opaque", "a list of media types", "none", "What may pass unread on this route: `image/*`, `video/mp4`."},
	{inRoute, "mode", "`enforce` or `observe`", "the file's", "Whether the policy is enforced on this route, or what it would have done only recorded. So enforcement can come route by route."},

	{inRoute, "on-inspection-failure", "`withhold` or `pass`", "`withhold`", "What happens to an answer, or a record of it, that cannot be inspected because it is not written as it says, or is too long. `pass` lets it through unread, records it, and charges once an answer as many customers as `records` says; the exposure is unbounded while it is in force. It covers nothing else: what cannot be recorded, paid for or told whose it is stays withheld."},
	{inRoute, "records", "a number", "none", "The most customers that an answer of this route can hold. Required with `on-inspection-failure: pass`."},

	{inPublic, "route", "a route", "none", "The name of a route, together with `field`. Either these two or `class` and `key`."},
	{inPublic, "field", "a place in the answer", "none", "`$.profile.display_name` or `$.items[*].nickname`: what lies there, and all within it, is public."},
	{inPublic, "class", "a class", "none", "A declared class or family, together with `key`."},
	{inPublic, "key", "a key", "none", "What is found of the class right under this key, or in a column of this name, is public on every route."},

	{inCombination, "<name>", "a list of classes", "", "A name, and the classes or families of which all together count: `[person.name, contact.postcode, person.birth_date]`. Whoever leaves in such a record, masked or not, is counted in the lane `clear`."},

	{inHold, "party", "a party", "", "Who is held: `credential:…`, `principal:…`, `actor:…`, `role:…`, `issuer:…`, `network:…` or `deployment`."},
	{inHold, "reason", "text", "", "Why, for the people who look into it. It is not shown to whoever is held."},
	{inHold, "until", "a day or a time", "until the policy is changed", "`2027-03-31` or `2027-03-31T08:00:00Z`."},

	{inWatch, "budget-spent", "a block", "an alert without a hold", "A party came to the end of a budget."},
	{inWatch, "id-walking", "a block", "an alert at 5 strangers within 1m", "A customer asks for the records of other customers."},
	{inBudgetSpent, "hold", "a time", "no hold", "How long the credential is refused everything: `15m`, `1h`, `2 days`."},
	{inIDWalking, "strangers", "a number", "", "How many different other customers it must ask for."},
	{inIDWalking, "within", "a time", "", "In which time."},
	{inIDWalking, "hold", "a time", "no hold", "How long the customer is refused everything."},

	{inApprovers, "<approver>", "a block", "", "The person's name as a principal, as credentials give it. Nobody approves what they asked for themselves."},
	{inApprover, "keys", "a list of SSH keys", "", "The person's public keys, each as a line of an `id_ed25519.pub`: `ssh-ed25519` or `sk-ssh-ed25519@openssh.com` (a security key), base64, comment. No two people have the same."},
	{inApprover, "approves", "a list of `policy` and `requests`", "both", "What the person may agree to: a `policy` that widens, `requests` for more customers."},

	{inDetector, "class", "a class", "", "What it finds. It is declared and seen like any other class."},
	{inDetector, "pattern", "a regular expression", "", "In the syntax of RE2. Goes in single quotes where YAML would read it otherwise."},
	{inDetector, "literal", "text", "", "What stands in every match, as it is written there. Where it is absent the pattern is never tried, so that your detectors do not slow down what they have no part in."},
	{inDetector, "checksum", "a name", "none", "The arithmetic that the letters and digits of a match must satisfy, or those of the pattern's first group, if it has one: `luhn`, `mod97`, `mod11` and others. `weir policy check` lists them all where it does not know one."},
	{inDetector, "words", "a list of words", "none", "Words of which one in the key, the column or the header's name of a match, or shortly before it, supports it. Elsewhere its confidence is one step lower: a `medium` match without any of them is not taken for one."},
	{inDetector, "confidence", "`medium` or `high`", "`medium`", "How sure a match is."},
	{inDetector, "cases", "a block", "", "Texts that show what it does, all invented. `weir policy check` tries them, and a policy whose detectors do not do what their cases say is refused."},
	{inCases, "match", "a list of texts", "", "In each of these it finds something."},
	{inCases, "no-match", "a list of texts", "none", "In none of these it finds anything."},
}

// CaseKeys gives every key of a file of cases, block by block.
func CaseKeys() []Key { return append([]Key(nil), caseKeys[:]...) }

// The blocks of a file of cases.
const (
	inCaseFile = "file of cases"
	inCase     = "cases[]"
	inCaseSees = "cases[].sees"
)

var caseKeys = [...]Key{
	{inCaseFile, "version", "`1`", "", "The version of this language."},
	{inCaseFile, "cases", "a list of cases", "", "What the policy must decide."},
	{inCase, "case", "text", "", "What it shows, in words."},
	{inCase, "role", "a role", "", "The role of the principal. For `anonymous` there is no credential."},
	{inCase, "request", "a method and a path", "", "The request: `GET /v1/customers/7`, without a query."},
	{inCase, "purpose", "a purpose", "as for a request that names none", "The purpose that the request names."},
	{inCase, "without", "a list of needs", "it has all that the role needs", "What of the role's `needs` the request lacks: `second-factor`, `network`, `hours`, `ticket`, `approval`."},
	{inCase, "denied", "`role`, `purpose`, `request`, `needs` or `hold`", "it is not denied", "The exchange as a whole is refused, for this reason."},
	{inCase, "sees", "an action for each class", "not looked at", "What happens to findings of these classes."},
	{inCase, "takes", "budgets by lane", "not looked at", "How many different customers one stolen credential can take, by the narrowest of its own budget, the role's and the deployment's. Lanes and windows that are not named are not looked at."},
	{inCaseSees, "<class>", "`clear`, `mask` or `block`", "", "A class as `contact.email`, declared or not."},
}

// keysIn gives the names of the keys of a block.
func keysIn(block string) (names []string) {
	for _, table := range [][]Key{keys[:], caseKeys[:]} {
		for i := range table {
			if table[i].In == block {
				names = append(names, table[i].Name)
			}
		}
	}
	return names
}

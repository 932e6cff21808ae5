package policy_test

import (
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getweir/weir"
	"github.com/getweir/weir/policy"
)

const shopCases = `version: 1
cases:
  - case: support sees contacts, and no card
    role: support
    request: GET /v1/customers/7
    sees: {contact.phone: clear, payment.card: block, identity.us.ssn: block}
    takes: {clear: {hour: 40, 30 days: 1000}, sensitive: {day: 20}, own: {30 days: 0}}
  - case: nobody without a credential sees addresses
    role: anonymous
    request: GET /v1/me
    sees: {contact.email: block, network.ip: mask}
  - case: support does not recommend
    role: support
    purpose: recommendation
    request: GET /
    denied: purpose
  - case: a role that there is not
    role: ghost
    request: GET /
    denied: role
`

func tried(t *testing.T, p *policy.Policy, src string) (texts []string) {
	t.Helper()
	cases, err := policy.ParseCases("policy.test.yaml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		for _, f := range p.Try(c) {
			if len(f.Because) == 0 || f.Source == "" {
				t.Errorf("%s: no reason, or no line", f.Name)
			}
			texts = append(texts, f.Name+": "+f.Text)
		}
	}
	return texts
}

func TestCases(t *testing.T) {
	if failures := tried(t, parse(t, shop), shopCases); failures != nil {
		t.Errorf("%q", failures)
	}
	other := strings.NewReplacer("contact.*: clear", "contact.*: mask", "see: {network.ip: mask}", "see: {'*': mask}", "purposes: [support, marketing]\n    see", "purposes: [support, recommendation]\n    see",
		"clear: {hour: 40, day: 200", "clear: {hour: 60, day: 200").Replace(shop)
	want := []string{
		"support sees contacts, and no card: contact.phone: mask, and must be clear",
		"support sees contacts, and no card: clear hour: one credential can take 60, and must be able to take 40",
		"nobody without a credential sees addresses: contact.email: mask, and must be block",
		"support does not recommend: not denied, and must be (purpose)",
	}
	if got := tried(t, parse(t, other), shopCases); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	denied := strings.Replace(shop, "  support:\n    purposes", "  helpdesk:\n    purposes", 1)
	if got := tried(t, parse(t, denied), shopCases); len(got) != 2 || got[0] != "support sees contacts, and no card: denied (role), and must not be" {
		t.Errorf("%q", got)
	}
}

// TestCaseMistakes: what is wrong with a file of cases is said with its line.
func TestCaseMistakes(t *testing.T) {
	const head = "version: 1\ncases:\n"
	for src, want := range map[string]string{
		"":                      "the file holds no policy",
		"version: 2\ncases: []": "version of the language is 1",
		"version: 1":            `the key "cases" is missing`,
		head + "  {}":           "a list of cases",
		head + "  - role: r":    `the key "case" is missing`,
		head + "  - {case: c, role: r, request: /x, denied: role}":                                  "a method and a path",
		head + "  - {case: c, role: r, request: GET /x?a=b, denied: role}":                          "a method and a path",
		head + "  - {case: c, role: r, request: GET /x, denied: lunch}":                             "none of role, purpose, request",
		head + "  - {case: c, role: r, request: GET /x}":                                            "says nothing",
		head + "  - {case: c, role: r, request: GET /x, denied: role, sees: {contact.phone: mask}}": "stands alone",
		head + "  - {case: c, role: r, request: GET /x, sees: {phone: mask}}":                       "a class as contact.email",
		head + "  - {case: c, role: r, request: GET /x, sees: {contact.phone: hide}}":               "none of clear, mask, block",
		head + "  - {case: c, role: r, request: GET /x, takes: {clear: {week: 3}}}":                 `unknown key "week"`,
		head + "  - {case: c, role: r, request: GET /x, takes: {clear: {hour: many}}}":              "a whole number",
		head + "  - {case: c, rule: r, request: GET /x, denied: role}":                              `did you mean "role"?`,
	} {
		_, err := policy.ParseCases("policy.test.yaml", []byte(src))
		var mistakes *policy.Errors
		if !errors.As(err, &mistakes) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", src, err, want)
		}
	}
}

func FuzzParseCases(f *testing.F) {
	f.Add([]byte(shopCases))
	f.Add([]byte("version: 1\ncases: [{case: c, role: r, request: 'GET /', takes: {own: {hour: unbounded}}}]"))
	p, err := policy.Parse("policy.yaml", []byte(shop))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		cases, err := policy.ParseCases("x", src)
		if err != nil {
			_ = err.Error()
			return
		}
		for _, c := range cases {
			for _, failure := range p.Try(c) {
				_ = failure.String()
			}
		}
	})
}

// TestCasesInTheDocumentation: what is shown there holds for the complete policy.
func TestCasesInTheDocumentation(t *testing.T) {
	doc, err := os.ReadFile(language)
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile("(?s)```yaml cases\n(.*?)```").FindAllStringSubmatch(string(doc), -1)
	if len(shown) == 0 {
		t.Fatal("no cases are shown")
	}
	p := parse(t, examples(t)[0].src)
	all := ""
	for _, m := range shown {
		if failures := tried(t, p, m[1]); failures != nil {
			t.Errorf("%q", failures)
		}
		all += m[1]
	}
	for _, k := range policy.CaseKeys() {
		if k.Name[0] != '<' && !strings.Contains(all, k.Name+":") {
			t.Errorf("no case shows the key %s", k.Name)
		}
	}
}

func TestNotice(t *testing.T) {
	p := parse(t, strings.Replace(shop, "contact.phone: {sensitivity: moderate}", "contact.phone: {sensitivity: moderate, about: Your telephone number, retention: account closed + 30 days}", 1))
	rows := map[weir.Class]policy.NoticeRow{}
	for _, r := range p.Notice().Rows {
		rows[r.Class] = r
	}
	phone := rows["contact.phone"]
	if phone.About != "Your telephone number" || phone.Retention != "account closed + 30 days" || !phone.Own || len(phone.Recipients) != 1 || phone.Recipients[0].Role != "support" ||
		phone.Recipients[0].Sees != "clear" || !slices.Equal(phone.Recipients[0].Purposes, []weir.Purpose{"support", "marketing"}) {
		t.Errorf("%+v", phone)
	}
	if got := phone.Purposes; len(got) != 3 || got[0] != (policy.NoticePurpose{Name: "support", Basis: "contract", About: "Answering customers' questions"}) {
		t.Errorf("%+v", got)
	}
	// Of the card support sees nothing, and customers their own.
	if card := rows["payment.card"]; len(card.Recipients) != 0 || !card.Own {
		t.Errorf("%+v", card)
	}
	if history, ok := rows["media.viewing_history"]; !ok || len(history.Recipients) != 1 || history.Recipients[0].Role != "recommender" || history.Own {
		t.Errorf("%+v", history)
	}
	// A class that nobody may have is not collected for anybody.
	none := parse(t, strings.NewReplacer("media.*: clear, ", "", "recommendation]}", "support]}", `"*": mask`, `"*": block`, `{"*": clear}`, "{contact.*: clear}", "network.ip: mask", "contact.phone: mask").Replace(shop))
	for _, r := range none.Notice().Rows {
		if r.Class == "media.viewing_history" || r.Class == "network.ip" {
			t.Errorf("%+v", r)
		}
	}
}

package ledger

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/getweir/weir"
	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"
)

var day = time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)

// full has a value in every field.
func full() *Entry {
	e := &Entry{
		Kind: Release, Time: day, Salt: [16]byte{1, 2, 3}, Node: "node-1",
		Exchange: weir.ExchangeID{9, 8, 7}, Credential: "key:4f1e", Principal: "support-7",
		PrincipalKind: weir.Staff, Act: []string{"agent-1", ""}, Role: "support", Issuer: "sso", Network: "office",
		Door: "inbound", Route: "customer", Recipient: "mailer", Purpose: "support", Policy: "sha256:0123456789ab",
		Actions:  []Count{{"contact.email", weir.Mask, 130}, {"person.name", weir.Allow, 0}, {"", weir.Block, 70000}},
		Subjects: []Taken{{weir.Subject{1}, 3}, {weir.Subject{}, 0}},
		Read:     1 << 40, Unread: 255, Outcome: "aborted", Reason: weir.ReasonBudget, Status: 429,
		Party: "role:support", N: 65536, Rule: "budget-spent", Text: "Größe", Until: day.Add(time.Hour),
		Keys:  KeyPair{"a+1+x", "a+2+y"},
		Heads: []Head{{"peer", 70000, tlog.Hash{1}}, {}},
		Would: &Would{Actions: []Count{{"contact.email", weir.Block, 130}}, Lanes: []weir.Lanes{4, 0}},
	}
	return e
}

// least has only what every entry has.
func least() *Entry { return &Entry{Kind: Start, Time: day} }

func mustEncode(t testing.TB, e *Entry) []byte {
	t.Helper()
	b, err := e.AppendTo(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// dropped is an entry that has a Span, too.
func dropped() *Entry {
	e := full()
	e.Kind = Dropped
	e.Span = &Span{From: 0, To: 300, Since: day.Add(-time.Hour), Until: day, Root: [32]byte{1, 31: 2}}
	return e
}

// covered is one that has Seen, too.
func covered() *Entry {
	e := dropped()
	e.Kind = Coverage
	e.Seen = []Seen{{"customer", "support", "care", "contact.email", "$.items[*].email", weir.Mask, 130, 1 << 40, 255, 3}, {}}
	return e
}

// asked is one that has all fields.
func asked() *Entry {
	e := covered()
	e.Kind = Request
	e.Change = &Change{[12]byte{1}, [32]byte{2}, [32]byte{3}, "a signature"}
	e.Asked = &Asked{[12]byte{4}, 3, 50}
	e.Pieces = &Pieces{
		Others: []weir.Subject{{7}},
		Finds:  []Find{{Class: "contact.email"}, {"person.name", []weir.Class{"contact.address", "contact.email"}}},
		Shapes: []Shape{{Declared: true, Finds: []int{0, 1}, People: []Person{{true, nil}, {false, []int{1}}}}, {Withheld: weir.ReasonUnreadable}},
		Runs:   []Run{{130, 0, []int{0, 1}}, {1, 1, nil}},
	}
	return e
}

func TestEveryFieldIsCarried(t *testing.T) {
	e := asked()
	v := reflect.ValueOf(*e)
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Errorf("the test's entry lacks %s", v.Type().Field(i).Name)
		}
	}
	for _, e := range []*Entry{full(), least(), dropped(), covered(), asked(), {Kind: Request, Time: day, Asked: &Asked{}, Change: &Change{}, Pieces: &Pieces{}}} {
		got, err := Decode(mustEncode(t, e))
		if err != nil || !reflect.DeepEqual(got, e) {
			t.Errorf("%v\n got %+v\nwant %+v", err, got, e)
		}
	}
}

// A public CBOR library must read the same out of the bytes as the decoder does,
// and write the same bytes for it: that is what makes the format one that others
// can read.
type wireEntry struct {
	Version       int          `cbor:"0,keyasint"`
	Kind          Kind         `cbor:"1,keyasint"`
	Time          int64        `cbor:"2,keyasint"`
	Salt          [16]byte     `cbor:"3,keyasint"`
	Node          string       `cbor:"4,keyasint,omitempty"`
	Exchange      []byte       `cbor:"5,keyasint,omitempty"`
	Credential    string       `cbor:"6,keyasint,omitempty"`
	Principal     string       `cbor:"7,keyasint,omitempty"`
	PrincipalKind weir.Kind    `cbor:"8,keyasint,omitempty"`
	Act           []string     `cbor:"9,keyasint,omitempty"`
	Role          string       `cbor:"10,keyasint,omitempty"`
	Issuer        string       `cbor:"11,keyasint,omitempty"`
	Network       string       `cbor:"12,keyasint,omitempty"`
	Door          string       `cbor:"13,keyasint,omitempty"`
	Route         string       `cbor:"14,keyasint,omitempty"`
	Recipient     string       `cbor:"15,keyasint,omitempty"`
	Purpose       weir.Purpose `cbor:"16,keyasint,omitempty"`
	Policy        string       `cbor:"17,keyasint,omitempty"`
	Actions       []wireCount  `cbor:"18,keyasint,omitempty"`
	Subjects      []wireTaken  `cbor:"19,keyasint,omitempty"`
	Read          int64        `cbor:"20,keyasint,omitempty"`
	Unread        int64        `cbor:"21,keyasint,omitempty"`
	Outcome       string       `cbor:"22,keyasint,omitempty"`
	Reason        weir.Reason  `cbor:"23,keyasint,omitempty"`
	Status        int          `cbor:"24,keyasint,omitempty"`
	Party         string       `cbor:"25,keyasint,omitempty"`
	N             int          `cbor:"26,keyasint,omitempty"`
	Rule          string       `cbor:"27,keyasint,omitempty"`
	Text          string       `cbor:"28,keyasint,omitempty"`
	Until         int64        `cbor:"29,keyasint,omitempty"`
	Keys          []string     `cbor:"30,keyasint,omitempty"`
	Heads         []wireHead   `cbor:"31,keyasint,omitempty"`
	Span          *wireSpan    `cbor:"32,keyasint,omitempty"`
	Seen          []wireSeen   `cbor:"33,keyasint,omitempty"`
	Change        *wireChange  `cbor:"34,keyasint,omitempty"`
	Asked         *wireAsked   `cbor:"35,keyasint,omitempty"`
	Pieces        *wirePieces  `cbor:"36,keyasint,omitempty"`
	Would         *wireWould   `cbor:"37,keyasint,omitempty"`
}

type wireChange struct {
	_         struct{} `cbor:",toarray"`
	ID        [12]byte
	From, To  [32]byte
	Signature string
}

type wireAsked struct {
	_         struct{} `cbor:",toarray"`
	ID        [12]byte
	Lanes     weir.Lanes
	Customers int
}

type wireSeen struct {
	_        struct{} `cbor:",toarray"`
	Route    string
	Role     string
	Purpose  weir.Purpose
	Class    weir.Class
	Field    string
	Action   weir.Action
	N        int
	Read     int64
	Unread   int64
	Withheld int
}

type wireWould struct {
	_       struct{} `cbor:",toarray"`
	Actions []wireCount
	Lanes   []byte
}

type wireHead struct {
	_      struct{} `cbor:",toarray"`
	Origin string
	Size   int64
	Root   [32]byte
}

type wireSpan struct {
	_            struct{} `cbor:",toarray"`
	From, To     int64
	Since, Until int64
	Root         [32]byte
}

type wireCount struct {
	_      struct{} `cbor:",toarray"`
	Class  weir.Class
	Action weir.Action
	N      int
}

type wireTaken struct {
	_       struct{} `cbor:",toarray"`
	Subject [16]byte
	Lanes   weir.Lanes
}

func (w *wireEntry) entry() *Entry {
	e := &Entry{
		Kind: w.Kind, Time: time.Unix(0, w.Time).UTC(), Salt: w.Salt, Node: w.Node,
		Credential: w.Credential, Principal: w.Principal, PrincipalKind: w.PrincipalKind, Act: w.Act,
		Role: w.Role, Issuer: w.Issuer, Network: w.Network, Door: w.Door, Route: w.Route, Recipient: w.Recipient,
		Purpose: w.Purpose, Policy: w.Policy, Read: w.Read, Unread: w.Unread, Outcome: w.Outcome, Reason: w.Reason,
		Status: w.Status, Party: w.Party, N: w.N, Rule: w.Rule, Text: w.Text,
	}
	copy(e.Exchange[:], w.Exchange)
	for _, c := range w.Actions {
		e.Actions = append(e.Actions, Count{c.Class, c.Action, c.N})
	}
	for _, s := range w.Subjects {
		e.Subjects = append(e.Subjects, Taken{s.Subject, s.Lanes})
	}
	if w.Until != 0 {
		e.Until = time.Unix(0, w.Until).UTC()
	}
	if len(w.Keys) == 2 {
		e.Keys = KeyPair{w.Keys[0], w.Keys[1]}
	}
	for _, h := range w.Heads {
		e.Heads = append(e.Heads, Head{h.Origin, h.Size, h.Root})
	}
	if s := w.Span; s != nil {
		e.Span = &Span{s.From, s.To, time.Unix(0, s.Since).UTC(), time.Unix(0, s.Until).UTC(), s.Root}
	}
	for _, s := range w.Seen {
		e.Seen = append(e.Seen, Seen{s.Route, s.Role, s.Purpose, s.Class, s.Field, s.Action, s.N, s.Read, s.Unread, s.Withheld})
	}
	if c := w.Change; c != nil {
		e.Change = &Change{c.ID, c.From, c.To, c.Signature}
	}
	if a := w.Asked; a != nil {
		e.Asked = &Asked{a.ID, a.Lanes, a.Customers}
	}
	if p := w.Pieces; p != nil {
		e.Pieces = p.pieces()
	}
	if x := w.Would; x != nil {
		e.Would = &Would{}
		for _, c := range x.Actions {
			e.Would.Actions = append(e.Would.Actions, Count{c.Class, c.Action, c.N})
		}
		for _, l := range x.Lanes {
			e.Would.Lanes = append(e.Would.Lanes, weir.Lanes(l))
		}
	}
	return e
}

type wirePieces struct {
	_      struct{} `cbor:",toarray"`
	Others [][16]byte
	Finds  [][]weir.Class
	Shapes []wireShape
	Runs   []wireRun
}

type wireShape struct {
	_        struct{} `cbor:",toarray"`
	Withheld weir.Reason
	Declared uint8
	Finds    []int
	People   []wirePerson
}

type wirePerson struct {
	_     struct{} `cbor:",toarray"`
	Bare  uint8
	Finds []int
}

type wireRun struct {
	_     struct{} `cbor:",toarray"`
	N     int
	Shape int
	Who   []int
}

func (w *wirePieces) pieces() *Pieces {
	p := &Pieces{}
	for _, s := range w.Others {
		p.Others = append(p.Others, s)
	}
	for _, f := range w.Finds {
		p.Finds = append(p.Finds, Find{f[0], append([]weir.Class(nil), f[1:]...)})
	}
	some := func(list []int) []int { return append([]int(nil), list...) }
	for _, s := range w.Shapes {
		shape := Shape{s.Withheld, s.Declared == 1, some(s.Finds), nil}
		for _, one := range s.People {
			shape.People = append(shape.People, Person{one.Bare == 1, some(one.Finds)})
		}
		p.Shapes = append(p.Shapes, shape)
	}
	for _, r := range w.Runs {
		p.Runs = append(p.Runs, Run{r.N, r.Shape, some(r.Who)})
	}
	return p
}

func drawPieces(t *rapid.T) *Pieces {
	p := &Pieces{}
	few := rapid.IntRange(0, 4)
	name := rapid.SampledFrom([]string{"", "contact.email", "größe"})
	numbers := func() (all []int) {
		for range few.Draw(t, "numbers") {
			all = append(all, rapid.IntRange(0, 300).Draw(t, "number"))
		}
		return all
	}
	for range few.Draw(t, "others") {
		p.Others = append(p.Others, weir.Subject{rapid.Byte().Draw(t, "other")})
	}
	for range few.Draw(t, "finds") {
		f := Find{Class: weir.Class(name.Draw(t, "find"))}
		for range few.Draw(t, "within") {
			f.Within = append(f.Within, weir.Class(name.Draw(t, "class within")))
		}
		p.Finds = append(p.Finds, f)
	}
	for range few.Draw(t, "shapes") {
		s := Shape{Withheld: weir.Reason(name.Draw(t, "withheld")), Declared: rapid.Bool().Draw(t, "declared"), Finds: numbers()}
		for range few.Draw(t, "people") {
			s.People = append(s.People, Person{rapid.Bool().Draw(t, "bare"), numbers()})
		}
		p.Shapes = append(p.Shapes, s)
	}
	for range few.Draw(t, "runs") {
		p.Runs = append(p.Runs, Run{rapid.IntRange(0, 300).Draw(t, "n"), few.Draw(t, "shape"), numbers()})
	}
	return p
}

var (
	oracleWriter, _ = cbor.CoreDetEncOptions().EncMode()
	oracleReader, _ = cbor.DecOptions{DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField}.DecMode()
)

func againstOracle(t interface {
	Helper()
	Fatalf(string, ...any)
}, b []byte, e *Entry) {
	t.Helper()
	var w wireEntry
	if err := oracleReader.Unmarshal(b, &w); err != nil {
		t.Fatalf("a CBOR library does not read it: %v", err)
	}
	if got := w.entry(); !reflect.DeepEqual(got, e) {
		t.Fatalf("a CBOR library reads\n%+v, not\n%+v", got, e)
	}
	again, err := oracleWriter.Marshal(&w)
	if err != nil || !bytes.Equal(again, b) {
		t.Fatalf("a CBOR library writes %x (%v), not %x", again, err, b)
	}
}

func TestPublicReadersAgree(t *testing.T) {
	againstOracle(t, mustEncode(t, full()), full())
	againstOracle(t, mustEncode(t, least()), least())
	againstOracle(t, mustEncode(t, dropped()), dropped())
	againstOracle(t, mustEncode(t, covered()), covered())
	againstOracle(t, mustEncode(t, asked()), asked())
}

func drawEntry(t *rapid.T) *Entry {
	text := rapid.OneOf(rapid.Just(""), rapid.StringN(0, 20, -1), rapid.StringOfN(rapid.RuneFrom([]rune("abü水")), 0, 300, -1))
	count := rapid.OneOf(rapid.Just(0), rapid.IntRange(0, 300), rapid.IntRange(0, math.MaxInt))
	e := &Entry{
		Kind: Kind(rapid.IntRange(1, int(endKinds)-1).Draw(t, "kind")),
		Time: time.Unix(0, rapid.Int64Range(firstSecond*1e9, lastSecond*1e9).Draw(t, "time")).UTC(),
		Node: text.Draw(t, "node"), Credential: text.Draw(t, "credential"), Principal: text.Draw(t, "principal"),
		PrincipalKind: weir.Kind(rapid.Byte().Draw(t, "principal kind")),
		Role:          text.Draw(t, "role"), Issuer: text.Draw(t, "issuer"), Network: text.Draw(t, "network"),
		Door: text.Draw(t, "door"), Route: text.Draw(t, "route"), Recipient: text.Draw(t, "recipient"),
		Purpose: weir.Purpose(text.Draw(t, "purpose")), Policy: text.Draw(t, "policy"),
		Read: int64(count.Draw(t, "read")), Unread: int64(count.Draw(t, "unread")),
		Outcome: text.Draw(t, "outcome"), Reason: weir.Reason(text.Draw(t, "reason")), Status: count.Draw(t, "status"),
		Party: text.Draw(t, "party"), N: count.Draw(t, "n"), Rule: text.Draw(t, "rule"), Text: text.Draw(t, "text"),
	}
	copy(e.Salt[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "salt"))
	copy(e.Exchange[:], rapid.SliceOfN(rapid.Byte(), 0, 12).Draw(t, "exchange"))
	if rapid.Bool().Draw(t, "hold") {
		e.Until = e.Time
	}
	if rapid.Bool().Draw(t, "span") {
		e.Span = &Span{From: rapid.Int64Range(0, 1<<40).Draw(t, "from"), Since: e.Time, Until: e.Time}
		e.Span.To = e.Span.From + rapid.Int64Range(1, 1<<40).Draw(t, "entries")
		copy(e.Span.Root[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "root"))
	}
	for range rapid.IntRange(0, 30).Draw(t, "actors") {
		e.Act = append(e.Act, text.Draw(t, "actor"))
	}
	for range rapid.IntRange(0, 30).Draw(t, "actions") {
		e.Actions = append(e.Actions, Count{weir.Class(text.Draw(t, "class")), weir.Action(rapid.Byte().Draw(t, "action")), count.Draw(t, "count")})
	}
	for range rapid.IntRange(0, 30).Draw(t, "subjects") {
		s := Taken{Lanes: weir.Lanes(rapid.Byte().Draw(t, "lanes"))}
		copy(s.Subject[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "subject"))
		e.Subjects = append(e.Subjects, s)
	}
	if rapid.Bool().Draw(t, "observed") {
		e.Would = &Would{}
		for range rapid.IntRange(0, 30).Draw(t, "would") {
			e.Would.Actions = append(e.Would.Actions, Count{weir.Class(text.Draw(t, "class")), weir.Action(rapid.Byte().Draw(t, "action")), count.Draw(t, "count")})
		}
		for range e.Subjects {
			e.Would.Lanes = append(e.Would.Lanes, weir.Lanes(rapid.Byte().Draw(t, "would lanes")))
		}
	}
	if rapid.Bool().Draw(t, "keys") {
		e.Keys = KeyPair{text.Draw(t, "old key"), text.Draw(t, "new key")}
	}
	for range rapid.IntRange(0, 10).Draw(t, "heads") {
		h := Head{Origin: text.Draw(t, "origin"), Size: int64(count.Draw(t, "size"))}
		copy(h.Root[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "root"))
		e.Heads = append(e.Heads, h)
	}
	for range rapid.IntRange(0, 10).Draw(t, "seen") {
		e.Seen = append(e.Seen, Seen{
			Route: text.Draw(t, "seen route"), Role: text.Draw(t, "seen role"), Purpose: weir.Purpose(text.Draw(t, "seen purpose")),
			Class: weir.Class(text.Draw(t, "seen class")), Field: text.Draw(t, "seen field"), Action: weir.Action(rapid.Byte().Draw(t, "seen action")),
			N: count.Draw(t, "seen n"), Read: int64(count.Draw(t, "seen read")), Unread: int64(count.Draw(t, "seen unread")), Withheld: count.Draw(t, "seen withheld"),
		})
	}
	if rapid.Bool().Draw(t, "change") {
		e.Change = &Change{Signature: text.Draw(t, "signature")}
		copy(e.Change.ID[:], rapid.SliceOfN(rapid.Byte(), 12, 12).Draw(t, "proposal"))
		copy(e.Change.To[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "to"))
	}
	if rapid.Bool().Draw(t, "asked") {
		e.Asked = &Asked{Lanes: weir.Lanes(rapid.Byte().Draw(t, "asked lanes")), Customers: count.Draw(t, "asked customers")}
		copy(e.Asked.ID[:], rapid.SliceOfN(rapid.Byte(), 12, 12).Draw(t, "request"))
	}
	if rapid.Bool().Draw(t, "in pieces") {
		e.Pieces = drawPieces(t)
	}
	return e
}

func TestDecodeGivesWhatWasEncoded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawEntry(t)
		prefix := []byte("before")
		b, err := e.AppendTo(prefix)
		if err != nil {
			t.Fatal(err)
		}
		b, ok := bytes.CutPrefix(b, prefix)
		if !ok {
			t.Fatal("what was there is gone")
		}
		got, err := Decode(b)
		if err != nil || !reflect.DeepEqual(got, e) {
			t.Fatalf("%v\n got %+v\nwant %+v", err, got, e)
		}
		at, err := check(b)
		if err != nil || !at.Equal(e.Time) {
			t.Fatal("check and decode disagree", at, err)
		}
		if kindOf(b) != e.Kind {
			t.Fatal("kindOf gives", kindOf(b))
		}
		againstOracle(t, b, e)
	})
}

func TestWhatCannotBeWrittenIsRefused(t *testing.T) {
	for name, spoil := range map[string]func(*Entry){
		"no kind":           func(e *Entry) { e.Kind = 0 },
		"unknown kind":      func(e *Entry) { e.Kind = endKinds },
		"no time":           func(e *Entry) { e.Time = time.Time{} },
		"a time of 1970":    func(e *Entry) { e.Time = time.Unix(5, 0) },
		"a time of 2300":    func(e *Entry) { e.Time = time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC) },
		"a hold till 2300":  func(e *Entry) { e.Until = time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC) },
		"negative":          func(e *Entry) { e.Read = -1 },
		"negative count":    func(e *Entry) { e.Actions = []Count{{N: -1}} },
		"not UTF-8":         func(e *Entry) { e.Role = "\xff" },
		"actor not UTF-8":   func(e *Entry) { e.Act = []string{"\xff"} },
		"negative head":     func(e *Entry) { e.Heads = []Head{{Size: -1}} },
		"key not UTF-8":     func(e *Entry) { e.Keys.New = "\xff" },
		"negative seen":     func(e *Entry) { e.Seen = []Seen{{Unread: -1}} },
		"too much seen":     func(e *Entry) { e.Seen = make([]Seen, MaxSeen+1) },
		"seen, not UTF-8":   func(e *Entry) { e.Seen = []Seen{{Field: "\xff"}} },
		"too many subjects": func(e *Entry) { e.Would, e.Subjects = nil, make([]Taken, MaxSubjects+1) },
		"no would of one":   func(e *Entry) { e.Would.Lanes = e.Would.Lanes[1:] },
		"a would too many":  func(e *Entry) { e.Would.Lanes = append(e.Would.Lanes, 1) },
		"negative would":    func(e *Entry) { e.Would.Actions = []Count{{N: -1}} },
		"an empty span":     func(e *Entry) { e.Span = &Span{From: 3, To: 3, Since: day, Until: day} },
		"a negative span":   func(e *Entry) { e.Span = &Span{From: -1, To: 3, Since: day, Until: day} },
		"a span of no time": func(e *Entry) { e.Span = &Span{To: 3, Until: day} },
		"too long":          func(e *Entry) { e.Text = strings.Repeat("x", MaxEntry) },
	} {
		e := full()
		spoil(e)
		b, err := e.AppendTo([]byte("kept"))
		if !errors.Is(err, ErrEntry) || string(b) != "kept" {
			t.Errorf("%s: %v, %q", name, err, b)
		}
	}
	e := full()
	e.Subjects, e.Would.Lanes = make([]Taken, MaxSubjects), make([]weir.Lanes, MaxSubjects)
	if _, err := e.AppendTo(nil); err != nil {
		t.Error("the most subjects:", err)
	}
}

// One entry, one encoding: whatever else a CBOR reader would take for the same
// entry is refused.
func TestOtherEncodingsAreRefused(t *testing.T) {
	b := mustEncode(t, least())
	// a4, 00 01, 01 01, 02 1b time, 03 50 salt
	edit := func(at, del int, ins ...byte) []byte { return slices.Replace(slices.Clone(b), at, at+del, ins...) }
	end := len(b)
	for name, other := range map[string][]byte{
		"nothing":                  {},
		"cut":                      b[:end-1],
		"longer":                   append(slices.Clone(b), 0),
		"map length not shortest":  edit(0, 1, 0xb8, 4),
		"map of indefinite length": append(edit(0, 1, 0xbf), 0xff),
		"one pair too many":        edit(0, 1, 0xa5),
		"one pair too few":         edit(0, 1, 0xa3),
		"an array":                 edit(0, 1, 0x88),
		"a third too new":          edit(2, 1, 3),
		"a second too old":         append(append([]byte{0xa5, 0, 2}, b[3:]...), 0x18, keyWould, 0x82, 0x80, 0x40),
		"lanes of nobody":          append(append([]byte{0xa5, 0, 3}, b[3:]...), 0x18, keyWould, 0x82, 0x80, 0x41, 1),
		"would without lanes":      append(append([]byte{0xa5, 0, 3}, b[3:]...), 0x18, keyWould, 0x81, 0x80),
		"a huge would":             append(append([]byte{0xa5, 0, 3}, b[3:]...), 0x18, keyWould, 0x82, 0x9a, 0xff, 0xff, 0xff, 0xff),
		"a version too new":        edit(2, 1, 2),
		"a version yet to come":    edit(2, 1, 4),
		"nothing seen":             append(append([]byte{0xa5, 0, 3}, b[3:]...), 0x18, keySeen, 0x80),
		"half an asked":            append(append([]byte{0xa5, 0, 3}, b[3:]...), 0x18, keyAsked, 0x82, 0x60),
		"a find of nothing":        append(append([]byte{0xa5, 0, 3}, b[3:]...), 0x18, keyPieces, 0x84, 0x80, 0x81, 0x80, 0x80, 0x80),
		"half true":                append(append([]byte{0xa5, 0, 3}, b[3:]...), 0x18, keyPieces, 0x84, 0x80, 0x80, 0x81, 0x84, 0x60, 2, 0x80, 0x80, 0x80),
		"too little seen":          append(append([]byte{0xa5, 0, 3}, b[3:]...), 0x18, keySeen, 0x81, 0x81, 0x60),
		"a version too old":        edit(4, 1, byte(KeyChange)),
		"empty keys":               append(append([]byte{0xa5, 0, 2}, b[3:]...), 0x18, keyKeys, 0x82, 0x60, 0x60),
		"one key":                  append(append([]byte{0xa5, 0, 2}, b[3:]...), 0x18, keyKeys, 0x81, 0x61, 'x'),
		"no heads":                 append(append([]byte{0xa5, 0, 2}, b[3:]...), 0x18, keyHeads, 0x80),
		"a head without a root":    append(append([]byte{0xa5, 0, 2}, b[3:]...), 0x18, keyHeads, 0x81, 0x82, 0x61, 'x', 1),
		"no version":               append([]byte{0xa3}, b[3:]...),
		"key not shortest":         edit(1, 1, 0x18, 0),
		"value not shortest":       edit(4, 1, 0x18, 1),
		"number of 16 bits":        edit(4, 1, 0x19, 0, 1),
		"kind of zero":             edit(4, 1, 0),
		"unknown kind":             edit(4, 1, byte(endKinds)),
		"negative":                 edit(4, 1, 0x20),
		"keys swapped":             append([]byte{0xa4, 1, 1, 0, 1}, b[5:]...),
		"a key twice":              append(append([]byte{0xa5}, b[1:]...), b[5:15]...),
		"an unknown key":           append(append([]byte{0xa5}, b[1:]...), 0x18, endKeys, 1),
		"an empty text":            append(append([]byte{0xa5}, b[1:]...), keyNode, 0x60),
		"a zero number":            append(append([]byte{0xa5}, b[1:]...), keyRead, 0),
		"an empty array":           append(append([]byte{0xa5}, b[1:]...), keyAct, 0x80),
		"text not UTF-8":           append(append([]byte{0xa5}, b[1:]...), keyNode, 0x61, 0xff),
		"bytes for text":           append(append([]byte{0xa5}, b[1:]...), keyNode, 0x41, 'x'),
		"a tag":                    edit(6, 0, 0xc1),
		"a huge text":              append(append([]byte{0xa5}, b[1:]...), keyNode, 0x7b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
		"a huge array":             append(append([]byte{0xa5}, b[1:]...), keySubjects, 0x9a, 0xff, 0xff, 0xff, 0xff),
		"a zero exchange":          append(append(append([]byte{0xa5}, b[1:]...), keyExchange, 0x4c), make([]byte, 12)...),
	} {
		if e, err := Decode(other); !errors.Is(err, ErrEntry) {
			t.Errorf("%s: read as %+v, %v", name, e, err)
		}
		if _, err := check(other); !errors.Is(err, ErrEntry) {
			t.Errorf("%s: checked", name)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, e := range []*Entry{full(), least(), entry(1), dropped()} {
		e.Time = day
		b, err := e.AppendTo(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := Decode(b)
		_, cerr := check(b)
		if (err == nil) != (cerr == nil) {
			t.Fatalf("decode says %v, check %v", err, cerr)
		}
		if ns, ok := plain(b); ok && (err != nil || e.Time.UnixNano() != ns) {
			t.Fatalf("plain says yes and %d, decode %v", ns, err)
		}
		if err != nil {
			return
		}
		if again, err := e.AppendTo(nil); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("it encodes to %x (%v), not %x", again, err, b)
		}
		againstOracle(t, b, e)
	})
}

func FuzzFrames(f *testing.F) {
	var good []byte
	for i := range 3 {
		start := len(good)
		e := entry(i)
		e.Time = day
		good = append(good, make([]byte, headSize)...)
		good, _ = e.AppendTo(good)
		sealFrame(good[start:], i != 1)
	}
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add(append(make([]byte, 300), good...))
	f.Fuzz(func(t *testing.T, b []byte) {
		at := int64(0)
		for r := newFrameReader(bytes.NewReader(b), 0, int64(len(b))); ; {
			frame, _, err := r.next()
			if err != nil {
				if r.at != at {
					t.Fatal("it moved on an error")
				}
				laterGroup(b[at:])
				break
			}
			if !bytes.Equal(frame, b[at:at+int64(len(frame))]) {
				t.Fatal("the frame is not what stands there")
			}
			at += int64(len(frame))
		}
	})
}

func FuzzFrontierFile(f *testing.F) {
	r := resume{segs: []segment{{0, 5000}, {3, 77}}, last: day, signed: day}
	for i := range 5 {
		r.tree.push([32]byte{byte(i)})
	}
	f.Add(r.text())
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parseResume(b)
		if err != nil {
			return
		}
		again, err := parseResume(r.text())
		if err != nil || !reflect.DeepEqual(again, r) {
			t.Fatalf("%+v reads back as %+v, %v", r, again, err)
		}
	})
}

func FuzzCheckpoints(f *testing.F) {
	k := testKey(f)
	a, _ := k.sign(Checkpoint{Size: 7})
	b, _ := k.sign(Checkpoint{Size: 9})
	f.Add(append(append(append(a, '\n'), b...), '\n'), true)
	f.Add(append(append([]byte("half\n\n"), b...), "\nbroken"...), false)
	f.Fuzz(func(t *testing.T, b []byte, atStart bool) {
		notes, rest := openNotes(b, atStart, newChain(k.verifier, k.public))
		if len(rest) > len(b) || atStart && len(notes) == 0 && len(rest) != len(b) {
			t.Fatal("the rest is not the rest")
		}
	})
}

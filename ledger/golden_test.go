package ledger

import (
	"encoding/hex"
	"testing"

	"github.com/getweir/weir"
	"golang.org/x/mod/sumdb/tlog"
)

// The bytes of the format, as docs/ledger-format.md describes them. They may not
// change: ledgers that are years old must go on being read.
func TestTheFormatStaysAsItIs(t *testing.T) {
	first := full() // all of version 1
	first.Keys, first.Heads, first.Would = KeyPair{}, nil, nil
	rotated := &Entry{Kind: KeyChange, Time: day, Rule: Rotated, Until: day, Keys: KeyPair{"a+1+x", "a+2+y"}}
	beat := &Entry{Kind: Heartbeat, Time: day, Heads: []Head{{"peer", 70000, tlog.Hash{1}}}}
	for _, c := range []struct {
		name  string
		entry *Entry
		want  string
	}{
		{"least", least(), "a400010101021b1898b5d9bb324d15035000000000000000000000000000000000"},
		{"key change", rotated, "" +
			"a70002010d021b1898b5d9bb324d15035000000000000000000000000000000000181b67726f7461746564181d1b1898b5d9" +
			"bb324d15181e8265612b312b7865612b322b79"},
		{"heartbeat", beat, "" +
			"a50002010e021b1898b5d9bb324d15035000000000000000000000000000000000181f818364706565721a00011170582001" +
			"00000000000000000000000000000000000000000000000000000000000000"},
		{"full", first, "" +
			"b81e00010103021b1898b5d9bb324d1503500102030000000000000000000000000004666e6f64652d31054c090807000000" +
			"00000000000006686b65793a346631650769737570706f72742d3708020982676167656e742d31600a67737570706f72740b" +
			"6373736f0c666f66666963650d67696e626f756e640e68637573746f6d65720f666d61696c65721067737570706f72741173" +
			"7368613235363a3031323334353637383961621283836d636f6e746163742e656d61696c011882836b706572736f6e2e6e61" +
			"6d6502008360001a000111701382825001000000000000000000000000000000038250000000000000000000000000000000" +
			"0000141b00000100000000001518ff166761626f72746564176662756467657418181901ad18196c726f6c653a737570706f" +
			"7274181a1a00010000181b6c6275646765742d7370656e74181c674772c3b6c39f65181d1b1898b91febeaed15"},
		{"dropped", &Entry{Kind: Dropped, Time: day, Span: dropped().Span}, "" +
			"a50002010f021b1898b5d9bb324d150350000000000000000000000000000000001820850019012c1b1898b2938a79ad151b18" +
			"98b5d9bb324d1558200100000000000000000000000000000000000000000000000000000000000002"},
		{"would deny", &Entry{Kind: WouldDeny, Time: day, Reason: weir.ReasonBudget}, "" +
			"a500030114021b1898b5d9bb324d150350000000000000000000000000000000001766627564676574"},
		{"observed", &Entry{Kind: Release, Time: day, Subjects: full().Subjects, Would: full().Would}, "" +
			"a600030103021b1898b5d9bb324d150350000000000000000000000000000000001382825001000000000000000000000000" +
			"000000038250000000000000000000000000000000000018258281836d636f6e746163742e656d61696c001882420400"},
	} {
		if got := hex.EncodeToString(mustEncode(t, c.entry)); got != c.want {
			t.Errorf("%s is\n%s, not\n%s", c.name, got, c.want)
		}
	}
	frame := append(make([]byte, headSize), mustEncode(t, least())...)
	sealFrame(frame, true)
	const head = "f9ce96b280000021"
	if got := hex.EncodeToString(frame[:headSize]); got != head {
		t.Errorf("the frame begins %s, not %s", got, head)
	}
	const leaf = "02LMAnY1XbEH/Avubdc2fSEtHdz7ZkobgoeJbIEXncY="
	if got := leafHash(frame).String(); got != leaf {
		t.Errorf("the leaf is %s, not %s", got, leaf)
	}
	if got := hex.EncodeToString(appendSegmentHeader(nil, 258)); got != "7765697273656701"+"0000000000000102" {
		t.Error(got)
	}
	if got := segmentName(258); got != "0000000000000000258.seg" {
		t.Error(got)
	}
}

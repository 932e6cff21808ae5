package policy_test

import (
	"testing"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/policy"
)

func TestStarter(t *testing.T) {
	p, err := policy.Parse("starter.yaml", policy.Starter())
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range p.Warnings() {
		t.Errorf("%s", w)
	}
	pl, d := p.Plan(&weir.Exchange{Method: "GET", Path: weir.NewPlain("/v1/customers/7")}, time.Unix(0, 0), nil)
	if d != nil {
		t.Fatal(d)
	}
	if a := pl.Action("contact.email"); a != weir.Mask {
		t.Errorf("an e-mail address for nobody: %s", a)
	}
	if a := pl.Action("contact.fax"); a != weir.Block {
		t.Errorf("a class that is not declared: %s", a)
	}
}

package mask_test

import (
	"fmt"

	"github.com/getweir/weir"
	"github.com/getweir/weir/inspect"
	"github.com/getweir/weir/mask"
)

// A record whose e-mail address may leave, and whose card may not.
func ExampleAppend() {
	in, err := inspect.New(inspect.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	seg := weir.Segment{Syntax: weir.JSON, Record: true, Body: []byte(`{"email":"jo@example.com","card":"4242 4242 4242 4242"}`)}
	var report inspect.Report
	if err := in.Inspect(&report, &seg, nil); err != nil {
		fmt.Println(err)
		return
	}
	actions := make([]weir.Action, len(report.Findings))
	for i, f := range report.Findings {
		actions[i] = weir.Mask
		if f.Class == inspect.Email {
			actions[i] = weir.Allow
		}
	}
	fmt.Printf("%s\n", mask.Append(nil, &seg, report.Findings, actions))
	// Output: {"email":"jo@example.com","card":"**** **** **** 4242"}
}

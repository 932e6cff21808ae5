package inspect_test

import (
	"fmt"

	"github.com/getweir/weir"
	"github.com/getweir/weir/inspect"
)

// A record of a customer: what is personal in it, and whose it is.
func ExampleInspector_Inspect() {
	in, err := inspect.New(inspect.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	seg := weir.Segment{
		Syntax: weir.JSON,
		Record: true,
		Body:   []byte(`{"id":"c-10001","name":"Jo Example","email":"jo@example.com","plan":"family","updated_ms":1767225600123}`),
	}
	var report inspect.Report
	if err := in.Inspect(&report, &seg, []string{"id"}); err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range report.Findings {
		fmt.Println(f.Class, f.Start, f.End, f.Confidence)
	}
	fmt.Println("subject", report.SubjectState, string(report.Subject))
	// Output:
	// person.name 24 34 high
	// contact.email 45 59 high
	// subject found c-10001
}

// The same address, however it is written, is the same identifier.
func ExampleInspector_Identifier() {
	in, err := inspect.New(inspect.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, line := range []string{"from Jo@Example.com", "GET /login?user=jo%40example.com"} {
		seg := weir.Segment{Syntax: weir.Text, Body: []byte(line)}
		var report inspect.Report
		if err := in.Inspect(&report, &seg, nil); err != nil {
			fmt.Println(err)
			return
		}
		for _, f := range report.Findings {
			id, _ := in.Identifier(&seg, f)
			fmt.Println(id.Kind, id.Value.Reveal())
		}
	}
	// Output:
	// email jo@example.com
	// email jo@example.com
}

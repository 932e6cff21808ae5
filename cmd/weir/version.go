package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"
	"text/tabwriter"
)

type versionCommand struct {
	JSON bool `name:"json" help:"Print as JSON."`
}

func (c *versionCommand) Run(s *streams) error {
	v := struct {
		Version  string `json:"version"`
		Revision string `json:"revision,omitempty"`
		Go       string `json:"go"`
		Platform string `json:"platform"`
	}{weirVersion(), "", runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, kv := range info.Settings {
			if kv.Key == "vcs.revision" {
				v.Revision = kv.Value
			}
		}
	}
	if c.JSON {
		return printJSON(s, v)
	}
	fmt.Fprintf(s.out, "weir %s", v.Version)
	if v.Revision != "" {
		fmt.Fprintf(s.out, " (%.12s)", v.Revision)
	}
	fmt.Fprintf(s.out, " %s %s\n", v.Go, v.Platform)
	return nil
}

// weirVersion gives the version that the program was built as.
func weirVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "devel"
}

func printJSON(s *streams, v any) error {
	enc := json.NewEncoder(s.out)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// table prints rows in columns.
func table(s *streams, header string, rows func(row func(cells ...any))) error {
	w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, header)
	rows(func(cells ...any) {
		for i, c := range cells {
			if i > 0 {
				fmt.Fprint(w, "\t")
			}
			fmt.Fprint(w, c)
		}
		fmt.Fprintln(w)
	})
	return w.Flush()
}

package main

import (
	"fmt"
	"strings"
)

type benchCommand struct {
	Gateway benchGatewayCommand `cmd:"" help:"Requests through Weir, against the same proxy without inspection."`
	Meter   benchMeterCommand   `cmd:"" help:"What it costs to charge a customer, and to remember it."`
	Inspect benchInspectCommand `cmd:"" help:"How fast bytes are inspected, and what the time goes into."`
	Ledger  benchLedgerCommand  `cmd:"" help:"Durable appends, against a bare group commit; verification and proofs."`
	Vault   benchVaultCommand   `cmd:"" help:"Customers created, read and tokenised; keys rotated."`
	Proxy   benchProxyCommand   `cmd:"" hidden:"" help:"The proxy without inspection that gateway measures against."`
	Fill    benchFillCommand    `cmd:"" hidden:"" help:"Fill a ledger until killed."`
}

func (benchCommand) Help() string {
	return `Measures on this machine and prints a table, or with --json an array of {name, value, unit, against, ratio}. Ratios count; absolute figures are the machine's.

Example:
  weir bench gateway`
}

// measurement is one figure of a benchmark.
type measurement struct {
	Name    string  `json:"name"`
	Value   float64 `json:"value"`
	Unit    string  `json:"unit"`
	Against string  `json:"against,omitempty"`
	Ratio   float64 `json:"ratio,omitempty"` // of Value to the same figure of Against
}

func printMeasurements(s *streams, asJSON bool, all []measurement) error {
	if asJSON {
		return printJSON(s, all)
	}
	return table(s, "NAME\tVALUE\tUNIT\tAGAINST\tRATIO", func(row func(...any)) {
		for _, m := range all {
			ratio := ""
			if m.Against != "" {
				ratio = fmt.Sprintf("%.2f", m.Ratio)
			}
			row(m.Name, strings.TrimSuffix(fmt.Sprintf("%.4g", m.Value), ".0"), m.Unit, m.Against, ratio)
		}
	})
}

// Command weir stands at the doors that customers' personal data leaves by. It
// lets through, masks or withholds by policy, counts how many different
// customers each principal takes and stops at a bound, and records every release
// before it happens.
//
// Each subcommand is a file of this package; serve.go wires the rooms into one
// running server. Exit codes are 0 for success, 1 for a failure that is told on
// standard error, 2 for wrong usage or a wrong file, and 3 where a check that
// was asked for does not hold. For scan, 1 is that something was found, and 2
// whatever could not be read. The command itself decides nothing about data.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal asks to end in order; the second ends at once.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// cli is the command line.
type cli struct {
	Init        initCommand        `cmd:"" help:"Write a weir.yaml and a policy.yaml that work as they stand."`
	Learn       learnCommand       `cmd:"" help:"Make a first policy of recorded traffic, and say what a stolen credential could take."`
	Serve       serveCommand       `cmd:"" help:"Stand before a service and guard what leaves it."`
	Status      statusCommand      `cmd:"" help:"Say how the server that runs here stands."`
	Policy      policyCommand      `cmd:"" help:"Check, test, compare and explain policies."`
	Request     requestCommand     `cmd:"" help:"Ask for more customers than a budget allows, and agree to it."`
	Notice      noticeCommand      `cmd:"" help:"Print the privacy notice's table from a policy."`
	Ledger      ledgerCommand      `cmd:"" help:"Verify and read the ledger."`
	Store       storeCommand       `cmd:"" help:"Prepare and check the database that nodes share."`
	Vault       vaultCommand       `cmd:"" help:"Keep customers' records, each under a key of its own."`
	Coverage    coverageCommand    `cmd:"" help:"Say what the traffic held, and what of it the policy does not reach."`
	Doctor      doctorCommand      `cmd:"" help:"Try what can be wrong with a deployment, and say what to do."`
	Exposure    exposureCommand    `cmd:"" help:"Say what would be lost if a credential were stolen now."`
	Review      reviewCommand      `cmd:"" help:"Review who is granted what, by what was used."`
	Saw         sawCommand         `cmd:"" help:"Say whose data a principal saw."`
	WhoSaw      whoSawCommand      `cmd:"" name:"who-saw" help:"Say who saw a customer's data."`
	Scope       scopeCommand       `cmd:"" help:"Say which customers a stolen credential or a vendor reached."`
	APIKey      apiKeyCommand      `cmd:"" name:"api-key" help:"Make an API key for a service or a person."`
	Scan        scanCommand        `cmd:"" help:"Say where in files there is personal data."`
	Fingerprint fingerprintCommand `cmd:"" help:"Make customers recognisable in running text."`
	Mask        maskCommand        `cmd:"" help:"Mask the personal data in a stream."`
	Demo        demoCommand        `cmd:"" help:"Watch Weir stop a stolen credential, on a sample service."`
	Bench       benchCommand       `cmd:"" help:"Measure Weir on this machine."`
	Version     versionCommand     `cmd:"" help:"Print the version."`
	Platform    platformCommand    `cmd:"" hidden:"" help:"Run the sample service of the demo."`
}

// streams are what a command reads and writes.
type streams struct {
	ctx context.Context
	in  io.Reader
	out io.Writer
	err io.Writer
}

// exit ends the program with a code, its message already told or none needed.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit %d", int(e)) }

const (
	exitFailure = exit(1)
	exitUsage   = exit(2)
	exitRefuted = exit(3) // a check that was asked for does not hold
)

// usageError is a mistake in what the user gave: arguments, a config, a policy.
type usageError struct{ error }

func (u usageError) Unwrap() error { return u.error }

// run is main with its surroundings handed in.
func run(ctx context.Context, args []string, in io.Reader, out, errw io.Writer) int {
	var c cli
	code := 0
	ended := false
	// net/http writes what an upstream sends unasked to the standard logger, bytes
	// of bodies among it, and offers no other place for it.
	log.SetOutput(io.Discard)
	parser, err := kong.New(&c,
		kong.Name("weir"),
		kong.Description("Weir bounds how many customers a stolen credential can take, and knows which ones.\n\nStart with: weir demo. Before your own service: weir init --upstream http://127.0.0.1:9000 && weir serve"),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 96}),
		kong.Writers(out, errw),
		kong.Exit(func(c int) { code, ended = c, true }),
	)
	if err != nil {
		fmt.Fprintln(errw, "weir:", err)
		return int(exitFailure)
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if ended {
		return code
	}
	if err != nil {
		var perr *kong.ParseError
		if errors.As(err, &perr) {
			_ = perr.Context.PrintUsage(true)
		}
		fmt.Fprintln(errw, "weir:", err)
		return int(exitUsage)
	}
	err = parsed.Run(&streams{ctx: ctx, in: in, out: out, err: errw})
	var e exit
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &e):
		return int(e)
	case errors.As(err, &usage):
		fmt.Fprintln(errw, "weir:", err)
		return int(exitUsage)
	default:
		fmt.Fprintln(errw, "weir:", err)
		return int(exitFailure)
	}
}

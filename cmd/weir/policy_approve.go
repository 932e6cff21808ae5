package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/getweir/weir/approval"
	"github.com/getweir/weir/internal/adminsock"
	"github.com/getweir/weir/internal/sshsig"
)

type policyProposeCommand struct {
	Draft  string `arg:"" type:"path" help:"The policy that is to take the place of the one in force."`
	By     string `help:"Your name, for the record." placeholder:"NAME"`
	Config string `short:"c" default:"weir.yaml" type:"path" help:"The configuration, which names the state folder. Default: weir.yaml."`
	JSON   bool   `name:"json" help:"Print as JSON."`
}

func (policyProposeCommand) Help() string {
	return `Says in words what a draft would change, keeps it under its hash, and puts on record that it waits for the people whom the policy in force names. Where nothing widens, or one person's word is enough, nobody has to agree and nothing is kept.

A changed policy file is proposed by the running server itself.

Examples:
  weir policy propose draft.yaml --by ada
  weir policy approve sha256:3f0a92c1d4e5 --key ~/.ssh/id_ed25519
  cp draft.yaml policy.yaml          # once enough have agreed`
}

func (c *policyProposeCommand) Run(s *streams) error {
	cfg, err := loadConfig(c.Config)
	if err != nil {
		return err
	}
	p, err := loadPolicy(c.Draft)
	if err != nil {
		return usageError{err}
	}
	return atDesk(s.ctx, s, cfg, func(client *adminsock.Client) error {
		v, err := adminsock.Call[proposalView](s.ctx, client, "policy-propose", proposeCall{Sources: p.Sources(), By: c.By})
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(s, v)
		}
		printChanges(s, v.Changes, v.Wider)
		fmt.Fprintf(s.out, "\n%s\n", approval.Digest(p.Digest()))
		if v.Allowed && v.Need == 0 {
			fmt.Fprintf(s.out, "Nobody has to agree. Put it in force with: cp %s %s\n", c.Draft, cfg.Policy)
			return nil
		}
		printWaits(s, &v, cfg.Policy)
		return nil
	})
}

// printWaits says who has agreed and what comes next.
func printWaits(s *streams, v *proposalView, file string) {
	have := "nobody"
	if len(v.Signed) > 0 {
		have = strings.Join(v.Signed, ", ")
	}
	fmt.Fprintf(s.out, "%d people have to agree. Signed by: %s.\n", v.Need, have)
	if v.Allowed {
		fmt.Fprintf(s.out, "That is enough. It comes in force as soon as %s is this policy.\n", file)
		return
	}
	fmt.Fprintf(s.out, "Approve it with: weir policy approve %s\n", v.To.Short())
}

type policyProposalsCommand struct {
	Config string `short:"c" default:"weir.yaml" type:"path" help:"The configuration, which names the state folder. Default: weir.yaml."`
	JSON   bool   `name:"json" help:"Print as JSON."`
}

func (policyProposalsCommand) Help() string {
	return `Lists the policies that wait for people to agree: what they would change, who has signed, until when.

Example:
  weir policy proposals`
}

func (c *policyProposalsCommand) Run(s *streams) error {
	cfg, err := loadConfig(c.Config)
	if err != nil {
		return err
	}
	return atDesk(s.ctx, s, cfg, func(client *adminsock.Client) error {
		all, err := adminsock.Call[[]proposalView](s.ctx, client, "policy-proposals", proposalsCall{})
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(s, all)
		}
		if len(all) == 0 {
			fmt.Fprintln(s.out, "No policy waits.")
		}
		for i := range all {
			v := &all[i]
			fmt.Fprintf(s.out, "%s, proposed %s, until %s\n", v.To, v.At.UTC().Format(time.RFC3339), v.At.Add(approval.ProposalLife).UTC().Format(time.RFC3339))
			printChanges(s, v.Changes, v.Wider)
			printWaits(s, v, cfg.Policy)
			fmt.Fprintln(s.out)
		}
		return nil
	})
}

// A keyChoice says how a person signs.
type keyChoice struct {
	Key       string `type:"path" help:"Your SSH key, an Ed25519 one: its private file; for a key of an agent or a security key, what ssh-keygen -Y sign -f takes. Default: ~/.ssh/id_ed25519." placeholder:"FILE"`
	Signature string `type:"path" help:"A signature that was made elsewhere, of what --statement prints." placeholder:"FILE"`
	Statement bool   `help:"Only print what has to be signed, to sign it elsewhere."`
}

// sign signs a statement, or takes the signature that was made elsewhere.
func (c *keyChoice) sign(s *streams, namespace string, statement []byte) ([]byte, error) {
	if c.Signature != "" {
		return os.ReadFile(c.Signature)
	}
	file := c.Key
	if file == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, usageError{errors.New("name your key with --key")}
		}
		file = filepath.Join(home, ".ssh", "id_ed25519")
	}
	b, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, usageError{fmt.Errorf("there is no %s: name your SSH key with --key, or sign what --statement prints elsewhere and hand it in with --signature", file)}
	}
	if err != nil {
		return nil, err
	}
	secret, err := sshsig.ParsePrivateKey(b)
	if err == nil {
		return sshsig.Sign(secret, namespace, statement), nil
	}
	// Behind a passphrase, in an agent, in a security key: OpenSSH asks for it.
	keygen, missing := exec.LookPath("ssh-keygen")
	if missing != nil {
		return nil, fmt.Errorf("%s: %w, and there is no ssh-keygen here to ask for it. Sign what --statement prints with: ssh-keygen -Y sign -n %s -f KEY statement, and hand it in with --signature statement.sig", file, err, namespace)
	}
	cmd := exec.CommandContext(s.ctx, keygen, "-q", "-Y", "sign", "-n", namespace, "-f", file)
	var out bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(statement), &out, s.err
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("ssh-keygen could not sign with %s: %w", file, err)
	}
	return out.Bytes(), nil
}

type policyApproveCommand struct {
	Hash string `arg:"" help:"The proposed policy's hash, or its beginning."`
	keyChoice
	Draft  string `type:"path" help:"Only if the proposed policy is what this file says: your own copy of it." placeholder:"FILE"`
	Config string `short:"c" default:"weir.yaml" type:"path" help:"The configuration, which names the state folder. Default: weir.yaml."`
}

func (policyApproveCommand) Help() string {
	return `Shows in words what a proposed policy would change, and signs that you agree, with the SSH key that the policy in force names as yours. The signature names the proposal, the policy in force and the proposed one by their full hashes, and holds for nothing else. It stands on the ledger. When enough different people have signed, the policy comes in force as soon as it is in the policy file.

Examples:
  weir policy approve sha256:3f0a92c1d4e5 --key ~/.ssh/id_ed25519
  weir policy approve sha256:3f0a92c1d4e5 --statement > statement      # to sign elsewhere:
  ssh-keygen -Y sign -n weir-policy -f ~/.ssh/id_ed25519 statement
  weir policy approve sha256:3f0a92c1d4e5 --signature statement.sig`
}

func (c *policyApproveCommand) Run(s *streams) error {
	cfg, err := loadConfig(c.Config)
	if err != nil {
		return err
	}
	return atDesk(s.ctx, s, cfg, func(client *adminsock.Client) error {
		v, err := findProposal(s, client, c.Hash)
		if err != nil {
			return err
		}
		// What is signed is made here, of what was shown; no text of the server's.
		p := approval.Proposal{ID: v.ID, From: v.From, To: v.To}
		if c.Statement {
			_, err := s.out.Write(p.Statement())
			return err
		}
		if c.Draft != "" {
			draft, err := loadPolicy(c.Draft)
			if err != nil {
				return usageError{err}
			}
			if approval.Digest(draft.Digest()) != v.To {
				return fmt.Errorf("%s is %s, which is not what is proposed: nothing was signed", c.Draft, approval.Digest(draft.Digest()))
			}
		}
		printChanges(s, v.Changes, v.Wider)
		signature, err := c.sign(s, approval.PolicyNamespace, p.Statement())
		if err != nil {
			return err
		}
		done, err := adminsock.Call[signAnswer](s.ctx, client, "policy-sign", signCall{ID: v.ID, Signature: string(signature)})
		if err != nil {
			return err
		}
		fmt.Fprintf(s.out, "\nSigned by %s: %s in the place of %s.\n", done.By, v.To, v.From)
		printWaits(s, &done.Proposal, cfg.Policy)
		return nil
	})
}

// findProposal gives the proposal whose policy's hash begins so.
func findProposal(s *streams, client *adminsock.Client, hash string) (*proposalView, error) {
	all, err := adminsock.Call[[]proposalView](s.ctx, client, "policy-proposals", proposalsCall{})
	if err != nil {
		return nil, err
	}
	digits := "sha256:" + strings.ToLower(strings.TrimPrefix(hash, "sha256:"))
	var found *proposalView
	for i := range all {
		if len(digits) < len("sha256:")+leastHash || !strings.HasPrefix(all[i].To.String(), digits) {
			continue
		}
		if found != nil {
			return nil, usageError{errors.New("several proposals begin so: give more digits")}
		}
		found = &all[i]
	}
	if found == nil {
		return nil, usageError{fmt.Errorf("no proposal of a policy whose hash begins %s waits: see weir policy proposals", digits)}
	}
	return found, nil
}

type policyWithdrawCommand struct {
	Hash   string `arg:"" help:"The proposed policy's hash, or its beginning."`
	Reason string `required:"" help:"Why, for the record."`
	By     string `help:"Your name, for the record." placeholder:"NAME"`
	Config string `short:"c" default:"weir.yaml" type:"path" help:"The configuration, which names the state folder. Default: weir.yaml."`
}

func (policyWithdrawCommand) Help() string {
	return `Ends a proposal, whoever has signed it. A policy file that still says the same is proposed anew at its next reading, without signatures.

Example:
  weir policy withdraw sha256:3f0a92c1d4e5 --reason "the campaign is off"`
}

func (c *policyWithdrawCommand) Run(s *streams) error {
	cfg, err := loadConfig(c.Config)
	if err != nil {
		return err
	}
	return atDesk(s.ctx, s, cfg, func(client *adminsock.Client) error {
		v, err := findProposal(s, client, c.Hash)
		if err != nil {
			return err
		}
		if _, err = adminsock.Call[struct{}](s.ctx, client, "policy-withdraw", withdrawCall{ID: v.ID, By: c.By, Reason: c.Reason}); err != nil {
			return err
		}
		fmt.Fprintf(s.out, "Withdrawn: %s\n", v.To)
		return nil
	})
}

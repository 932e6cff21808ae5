package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/getweir/weir/approval"
	"github.com/getweir/weir/internal/adminsock"
)

type requestCommand struct {
	More     requestMoreCommand     `cmd:"" help:"Ask for more customers than a budget allows."`
	List     requestListCommand     `cmd:"" help:"List requests, those that wait first."`
	Approve  requestApproveCommand  `cmd:"" help:"Agree to somebody else's request."`
	Refuse   requestRefuseCommand   `cmd:"" help:"Refuse a request that waits."`
	Withdraw requestWithdrawCommand `cmd:"" help:"End a request, also one that was approved."`
}

// A road leads to whoever decides on requests: the door of a Weir, with one's own
// credential, or the node that this runs on.
type road struct {
	Door       string `placeholder:"URL" help:"Ask at the door of a running Weir, such as https://shop.internal.example. Default: the node that the configuration names, on which this must run."`
	Credential string `type:"path" placeholder:"FILE" help:"The file with your own credential: an API key or a token; - reads it from standard input. Default: the environment's WEIR_CREDENTIAL."`
	Config     string `short:"c" default:"weir.yaml" type:"path" help:"The configuration, which names the state folder. Default: weir.yaml."`
}

func (r *road) secret(s *streams) (string, error) {
	var b []byte
	var err error
	switch {
	case r.Credential == "":
		b = []byte(os.Getenv("WEIR_CREDENTIAL"))
	case strings.HasSuffix(r.Credential, "/-"): // the path of -
		b, err = io.ReadAll(io.LimitReader(s.in, 64<<10))
	default:
		b, err = os.ReadFile(r.Credential)
	}
	if err != nil {
		return "", usageError{err}
	}
	if secret := strings.TrimSpace(string(b)); secret != "" {
		return secret, nil
	}
	return "", usageError{errors.New("show your own credential: --credential FILE, or WEIR_CREDENTIAL in the environment")}
}

// atDoor makes one call at the door.
func atDoor[Out any](ctx context.Context, r *road, secret, method, path string, in any) (out Out, err error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return out, err
		}
		body = bytes.NewReader(b)
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(r.Door, "/")+ownPaths+path, body)
	if err != nil {
		return out, usageError{err}
	}
	req.Header.Set("Authorization", "Bearer "+secret)
	req.Header.Set("Content-Type", "application/json")
	// A redirect would carry the credential elsewhere.
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		return out, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err != nil {
		return out, err
	}
	if resp.StatusCode >= 300 {
		var p struct {
			Detail string `json:"detail"`
		}
		if json.Unmarshal(b, &p) != nil || p.Detail == "" {
			p.Detail = "is this the door of a Weir?"
		}
		return out, fmt.Errorf("%s: %s", resp.Status, p.Detail)
	}
	return out, json.Unmarshal(b, &out)
}

// atNode makes one call on the node.
func atNode[Out any](s *streams, r *road, name string, in any) (out Out, err error) {
	cfg, err := loadConfig(r.Config)
	if err != nil {
		return out, err
	}
	err = atDesk(s.ctx, s, cfg, func(client *adminsock.Client) (err error) {
		out, err = adminsock.Call[Out](s.ctx, client, name, in)
		return err
	})
	return out, err
}

type requestMoreCommand struct {
	road
	Customers int           `required:"" help:"How many different customers more, all together." placeholder:"N"`
	For       time.Duration `required:"" help:"For how long, from the approval on: from 1m to 168h." placeholder:"SPAN"`
	Reason    string        `required:"" help:"Why, for the record. Name no customer in it."`
	Lane      []string      `help:"In which manner: clear, sensitive, masked. What is taken may be asked for, too. Default: clear." placeholder:"LANE"`
	Principal string        `help:"For whom, if not for yourself." placeholder:"NAME"`
	Role      string        `help:"In which role only. Default: your own." placeholder:"ROLE"`
	JSON      bool          `name:"json" help:"Print as JSON."`
}

func (requestMoreCommand) Help() string {
	return `Asks for more different customers than the budgets of an hour and a day allow. Somebody else has to agree, whom the policy names under approvers: not you, not who receives, not with your credential. The request lapses after 24 hours, and ends by itself once approved. It never passes the ceiling of 30 days, and takes nothing from the budgets of the role, the issuer, the network and the deployment, which hold as before.

Examples:
  weir request more --customers 50 --for 2h --reason "recall of product 7" --credential key.txt
  weir request more --door https://shop.internal.example --customers 50 --for 2h --lane clear --lane sensitive --reason "fraud case 118"`
}

func (c *requestMoreCommand) Run(s *streams) error {
	secret, err := c.secret(s)
	if err != nil {
		return err
	}
	more := moreCall{Principal: c.Principal, Role: c.Role, Lanes: c.Lane, Customers: c.Customers, For: approval.Span(c.For), Reason: c.Reason}
	if more.Lanes == nil {
		more.Lanes = []string{}
	}
	var r *approval.Request
	if c.Door != "" {
		r, err = atDoor[*approval.Request](s.ctx, &c.road, secret, http.MethodPost, "requests", more)
	} else {
		r, err = atNode[*approval.Request](s, &c.road, "request-more", askCall{Credential: secret, More: more})
	}
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(s, r)
	}
	fmt.Fprintf(s.out, "Asked for: %s\nIt waits until %s for somebody else to agree: weir request approve %s\n", requestText(r), r.Until.UTC().Format(time.RFC3339), r.ID)
	return nil
}

// requestText says in a line what is asked for.
func requestText(r *approval.Request) string {
	role := ""
	if r.Role != "" {
		role = " as " + r.Role
	}
	return fmt.Sprintf("%d more customers (%s) for %s%s, for %s", r.Customers, strings.Join(r.LaneNames(), ", "), r.Principal, role, spanText(time.Duration(r.For)))
}

type requestListCommand struct {
	road
	JSON bool `name:"json" help:"Print as JSON."`
}

func (requestListCommand) Help() string {
	return `Lists requests for more customers of the last 31 days. At a door you see your own, as an approver all.

Examples:
  weir request list
  weir request list --door https://shop.internal.example --credential key.txt --json`
}

func (c *requestListCommand) Run(s *streams) error {
	var all []approval.Request
	var err error
	if c.Door != "" {
		secret, bad := c.secret(s)
		if bad != nil {
			return bad
		}
		all, err = atDoor[[]approval.Request](s.ctx, &c.road, secret, http.MethodGet, "requests", nil)
	} else {
		all, err = atNode[[]approval.Request](s, &c.road, "request-list", requestsCall{})
	}
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(s, all)
	}
	if len(all) == 0 {
		fmt.Fprintln(s.out, "Nobody has asked for more.")
		return nil
	}
	return table(s, "ID\tSTATE\tFOR WHOM\tROLE\tCUSTOMERS\tLANES\tFOR\tASKED BY\tDECIDED BY\tUNTIL\tREASON", func(row func(...any)) {
		for i := range all {
			r := &all[i]
			row(r.ID, r.State, r.Principal, r.Role, r.Customers, strings.Join(r.LaneNames(), ","), spanText(time.Duration(r.For)), r.By, r.Decided, r.Until.UTC().Format(time.RFC3339), r.Reason)
		}
	})
}

type requestApproveCommand struct {
	ID approval.ID `arg:"" help:"The request, as weir request list names it."`
	road
	keyChoice
}

func (requestApproveCommand) Help() string {
	return `Agrees to somebody else's request. The policy in force must name you under approvers. You show who you are by your own credential (--credential), or on the node by a signature with your SSH key (--key). What you asked for yourself, or would receive, you cannot approve.

Examples:
  weir request approve 5f0c2a9b1d3e4f5061728394 --door https://shop.internal.example --credential key.txt
  weir request approve 5f0c2a9b1d3e4f5061728394 --key ~/.ssh/id_ed25519`
}

func (c *requestApproveCommand) Run(s *streams) error {
	var r *approval.Request
	signs := c.Key != "" || c.Signature != "" || c.Statement || c.Door == "" && c.Credential == "" && os.Getenv("WEIR_CREDENTIAL") == ""
	if signs {
		if c.Door != "" {
			return usageError{errors.New("at a door, show your credential; a signature is handed in on the node")}
		}
		all, err := atNode[[]approval.Request](s, &c.road, "request-list", requestsCall{})
		if err != nil {
			return err
		}
		for i := range all {
			if all[i].ID == c.ID {
				r = &all[i]
			}
		}
		if r == nil {
			return usageError{fmt.Errorf("there is no request %s: see weir request list", c.ID)}
		}
		if c.Statement {
			_, err := s.out.Write(r.Statement())
			return err
		}
		fmt.Fprintf(s.out, "%s, asked by %s: %s\n", requestText(r), r.By, r.Reason)
		signature, err := c.sign(s, approval.RequestNamespace, r.Statement())
		if err != nil {
			return err
		}
		r, err = atNode[*approval.Request](s, &c.road, "request-approve", decideCall{ID: c.ID, Signature: string(signature)})
		if err != nil {
			return err
		}
	} else {
		secret, err := c.secret(s)
		if err != nil {
			return err
		}
		if c.Door != "" {
			r, err = atDoor[*approval.Request](s.ctx, &c.road, secret, http.MethodPost, "requests/"+c.ID.String()+"/approve", nil)
		} else {
			r, err = atNode[*approval.Request](s, &c.road, "request-approve", decideCall{ID: c.ID, Credential: secret})
		}
		if err != nil {
			return err
		}
	}
	fmt.Fprintf(s.out, "Approved by %s: %s, until %s.\n", r.Decided, requestText(r), r.Until.UTC().Format(time.RFC3339))
	return nil
}

type requestRefuseCommand struct {
	ID approval.ID `arg:"" help:"The request, as weir request list names it."`
	road
	Reason string `required:"" help:"Why, for the record. Name no customer in it."`
	By     string `help:"Your name, for the record, where no credential says it." placeholder:"NAME"`
}

func (requestRefuseCommand) Help() string {
	return `Refuses a request that waits. On the node that needs no credential: to refuse is to narrow.

Example:
  weir request refuse 5f0c2a9b1d3e4f5061728394 --reason "the recall is over" --by ada`
}

func (c *requestRefuseCommand) Run(s *streams) error {
	return endRequest(s, &c.road, c.ID, "refuse", c.By, c.Reason)
}

type requestWithdrawCommand struct {
	ID approval.ID `arg:"" help:"The request, as weir request list names it."`
	road
	Reason string `required:"" help:"Why, for the record. Name no customer in it."`
	By     string `help:"Your name, for the record, where no credential says it." placeholder:"NAME"`
}

func (requestWithdrawCommand) Help() string {
	return `Ends a request, whether it waits or was approved. What was taken under it counts on.

Example:
  weir request withdraw 5f0c2a9b1d3e4f5061728394 --reason "done early"`
}

func (c *requestWithdrawCommand) Run(s *streams) error {
	return endRequest(s, &c.road, c.ID, "withdraw", c.By, c.Reason)
}

func endRequest(s *streams, to *road, id approval.ID, how, by, reason string) error {
	var r *approval.Request
	var err error
	if to.Door != "" {
		secret, bad := to.secret(s)
		if bad != nil {
			return bad
		}
		r, err = atDoor[*approval.Request](s.ctx, to, secret, http.MethodPost, "requests/"+id.String()+"/"+how, map[string]string{"reason": reason})
	} else {
		r, err = atNode[*approval.Request](s, to, "request-"+how, decideCall{ID: id, By: by, Reason: reason})
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "The request is %s: %s.\n", r.State, requestText(r))
	return nil
}

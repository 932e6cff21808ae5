package main

import (
	"crypto/rand"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/getweir/weir"
	"github.com/getweir/weir/inspect"
	"github.com/getweir/weir/internal/fingerprint"
)

type fingerprintCommand struct {
	Build fingerprintBuildCommand `cmd:"" help:"Make fingerprints of customers from a CSV file."`
}

func (fingerprintCommand) Help() string {
	return `Fingerprints are keyed hashes of customers' names, streets and identifiers. With them scan and mask find customers' names and addresses in running text, where nothing says what they are, and say whose they are; without the key the file answers nothing.`
}

type fingerprintBuildCommand struct {
	Customers string   `arg:"" help:"A CSV file with a header row; - is the standard input."`
	Out       string   `short:"o" required:"" type:"path" help:"The file to write. It must not exist, unless --force."`
	Key       string   `type:"path" placeholder:"FILE" help:"The key, 64 hexadecimal digits; made if there is none. Keep it apart from the fingerprints. Default: OUT.key."`
	Column    []string `placeholder:"COLUMN=CLASS" help:"What a column holds, where its name does not say: person.name, contact.address, contact.email, contact.phone, payment.card, payment.iban, or id (the customer's own number). COLUMN= leaves it out."`
	Force     bool     `help:"Replace the file."`
	JSON      bool     `name:"json" help:"Print what was done as JSON."`
}

func (fingerprintBuildCommand) Help() string {
	return `A first and a last name in two columns count as one name. Values themselves are read, hashed and forgotten; what cannot be recognised again (a name of one word, an address without a number) is counted and left out. Without a column of customers' ids the number of the row takes its place in the pseudonyms.

Some 60 bytes of memory are needed for each value while it works.

Examples:
  weir fingerprint build customers.csv -o customers.weirfp
  weir fingerprint build - -o customers.weirfp --column kunde=person.name --column strasse=contact.address < export.csv
  weir scan --fingerprints customers.weirfp logs/`
}

// source is where in a row of the file the values of one kind are.
type columnSource struct {
	class   weir.Class
	columns []int // joined by spaces: a first and a last name
}

// idColumn stands for the customer's own number where a class is named.
const idColumn weir.Class = "id"

// columnNames are the classes of columns, by their names in lower case without signs.
var columnNames = map[string]weir.Class{
	"id": idColumn, "customerid": idColumn, "userid": idColumn, "accountid": idColumn,
	"name": inspect.Name, "fullname": inspect.Name, "customername": inspect.Name, "displayname": inspect.Name,
	"address": inspect.Address, "street": inspect.Address, "streetaddress": inspect.Address, "address1": inspect.Address, "addressline1": inspect.Address, "line1": inspect.Address,
	"email": inspect.Email, "mail": inspect.Email, "emailaddress": inspect.Email,
	"phone": inspect.Phone, "mobile": inspect.Phone, "telephone": inspect.Phone, "phonenumber": inspect.Phone, "tel": inspect.Phone,
	"card": inspect.Card, "cardnumber": inspect.Card, "pan": inspect.Card, "iban": inspect.IBAN,
}

var (
	firstNames = []string{"firstname", "givenname", "forename", "first"}
	lastNames  = []string{"lastname", "surname", "familyname", "last"}
)

// fingerprintKinds are how values of each class are recognised, and the kind of
// identifier that they are; "" of none.
var fingerprintKinds = map[weir.Class]struct {
	kind       fingerprint.Kind
	identifier string
}{
	inspect.Name: {fingerprint.Name, ""}, inspect.Address: {fingerprint.Street, ""},
	inspect.Email: {fingerprint.Code, "email"}, inspect.Phone: {fingerprint.Code, "phone"},
	inspect.Card: {fingerprint.Code, "card"}, inspect.IBAN: {fingerprint.Code, "iban"},
}

// sources says what the columns of a file hold, and which is the customer's number; -1:
// none.
func (c *fingerprintBuildCommand) sources(header []string) (all []columnSource, id int, err error) {
	said := map[string]weir.Class{}
	for _, pair := range c.Column {
		name, class, ok := strings.Cut(pair, "=")
		if _, known := fingerprintKinds[weir.Class(class)]; !ok || !known && class != "" && class != string(idColumn) {
			return nil, -1, usageError{fmt.Errorf("--column %s: write COLUMN=CLASS, with one of person.name, contact.address, contact.email, contact.phone, payment.card, payment.iban, id", pair)}
		}
		if !slices.Contains(header, name) {
			return nil, -1, usageError{fmt.Errorf("--column %s: the file has no such column", pair)}
		}
		said[name] = weir.Class(class)
	}
	id = -1
	var first, last []int
	for i, name := range header {
		plain := strings.Map(func(r rune) rune {
			if r == '_' || r == '-' || r == ' ' || r == '.' {
				return -1
			}
			return r
		}, strings.ToLower(name))
		class, ok := said[name]
		switch {
		case ok && class == "":
			continue
		case ok:
		case slices.Contains(firstNames, plain):
			first = append(first, i)
			continue
		case slices.Contains(lastNames, plain):
			last = append(last, i)
			continue
		default:
			class = columnNames[plain]
		}
		switch {
		case class == idColumn && id < 0:
			id = i
		case class == idColumn:
			if ok {
				return nil, -1, usageError{fmt.Errorf("--column: both %q and %q are the customer's id", header[id], name)}
			}
		case class != "":
			all = append(all, columnSource{class, []int{i}})
		}
	}
	if len(first) > 0 && len(last) > 0 {
		all = append(all, columnSource{inspect.Name, []int{first[0], last[0]}})
	}
	if len(all) == 0 {
		return nil, -1, usageError{fmt.Errorf("no column is known by its name (%s): say what they hold, --column COLUMN=CLASS", strings.Join(header, ", "))}
	}
	return all, id, nil
}

// built tells of one column.
type built struct {
	Class   weir.Class `json:"class"`
	Columns []string   `json:"columns"`
	Values  int        `json:"values"`
	Left    int        `json:"left_out"`
}

func (c *fingerprintBuildCommand) Run(s *streams) (err error) {
	if !c.Force {
		if _, err := os.Lstat(c.Out); err == nil {
			return usageError{fmt.Errorf("%s is there already: choose another name, or --force", c.Out)}
		}
	}
	in := interruptible(s.ctx, s.in)
	if c.Customers != "-" {
		f, err := os.Open(c.Customers)
		if err != nil {
			return usageError{err}
		}
		defer f.Close()
		in = f
	}
	r := csv.NewReader(in)
	r.ReuseRecord = true
	header, err := r.Read()
	if err != nil {
		return usageError{fmt.Errorf("%s: no header row: %w", c.Customers, err)}
	}
	header = slices.Clone(header)
	header[0] = strings.TrimPrefix(header[0], "\ufeff")
	sources, id, err := c.sources(header)
	if err != nil {
		return err
	}
	if c.Key == "" {
		c.Key = c.Out + ".key"
	}
	key, made, err := fingerprintKey(c.Key)
	if err != nil {
		return err
	}
	columns := make([]fingerprint.Column, len(sources))
	told := make([]built, len(sources))
	for i, src := range sources {
		columns[i] = fingerprint.Column{Class: src.class, Kind: fingerprintKinds[src.class].kind}
		told[i].Class = src.class
		for _, k := range src.columns {
			told[i].Columns = append(told[i].Columns, header[k])
		}
	}
	b, err := fingerprint.NewBuilder(key, columns)
	if err != nil {
		return err
	}
	progress := progressTo(s)
	for {
		if err := s.ctx.Err(); err != nil {
			return err
		}
		row, err := r.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			// Its text names the line and the column, never a value.
			return usageError{fmt.Errorf("%s: %w", c.Customers, err)}
		}
		number := fmt.Sprint("row ", b.Rows())
		if id >= 0 {
			number = row[id]
		}
		b.Row(key.Subject(number))
		for i, src := range sources {
			var parts []string
			for _, k := range src.columns {
				parts = append(parts, row[k])
			}
			value := strings.TrimSpace(strings.Join(parts, " "))
			if value == "" {
				continue
			}
			if b.Add(i, []byte(canonical(fingerprintKinds[src.class].identifier, value))) {
				told[i].Values++
			} else {
				told[i].Left++
			}
		}
		progress(fmt.Sprintf("%s customers", thousands(int64(b.Rows()))))
	}
	progress("sorting")
	if b.Rows() == 0 {
		return usageError{fmt.Errorf("%s holds no customers", c.Customers)}
	}
	rows := b.Rows()
	tmp := c.Out + ".new"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	size, err := b.WriteTo(f)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(tmp, c.Out)
	}
	progress("")
	if err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	if c.JSON {
		return json.NewEncoder(s.out).Encode(map[string]any{"customers": rows, "columns": told, "bytes": size, "key": key.ID(), "key_file": c.Key})
	}
	for _, t := range told {
		fmt.Fprintf(s.out, "%-18s %10s values of %s", t.Class, thousands(int64(t.Values)), strings.Join(t.Columns, " and "))
		if t.Left > 0 {
			fmt.Fprintf(s.out, "; %s left out, which could not be recognised", thousands(int64(t.Left)))
		}
		fmt.Fprintln(s.out)
	}
	fmt.Fprintf(s.out, "%s customers, %s bytes: %s\n", thousands(int64(rows)), thousands(size), c.Out)
	if made {
		fmt.Fprintf(s.out, "A new key is in %s. Who has it and the fingerprints can try values: keep them apart.\n", c.Key)
	}
	return nil
}

// progressTo gives what tells of the work, a few times a second, where somebody looks;
// "" clears the line.
func progressTo(s *streams) func(string) {
	f, ok := s.err.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return func(string) {}
	}
	var last time.Time
	return func(text string) {
		if now := time.Now(); text == "" || now.Sub(last) > 200*time.Millisecond {
			last = now
			fmt.Fprintf(s.err, "\r\033[K%s", text)
		}
	}
}

// fingerprintKey reads the key in a file, which is made if there is none.
func fingerprintKey(path string) (key fingerprint.Key, made bool, err error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		rand.Read(key[:])
		return key, true, writeNew(path, []byte(hex.EncodeToString(key[:])+"\n"), 0o600)
	}
	if err != nil {
		return key, false, err
	}
	b, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(b) != len(key) {
		return key, false, usageError{fmt.Errorf("%s does not hold a key: it has 64 hexadecimal digits", path)}
	}
	return fingerprint.Key(b), false, nil
}

// loadFingerprints gives the customers of files, nil where none are named.
func loadFingerprints(files []string, keyFile string) (*fingerprint.Live, error) {
	if len(files) == 0 {
		return nil, nil
	}
	set := new(fingerprint.Set)
	for _, path := range files {
		from := keyFile
		if from == "" {
			from = path + ".key"
		}
		if _, err := os.Stat(from); err != nil {
			return nil, usageError{fmt.Errorf("the key of %s: %w (name it: --fingerprint-key FILE)", path, err)}
		}
		key, _, err := fingerprintKey(from)
		if err != nil {
			return nil, err
		}
		x, err := fingerprint.Open(key, path)
		if err != nil {
			return nil, usageError{err}
		}
		set.Indexes = append(set.Indexes, x)
	}
	live := new(fingerprint.Live)
	live.Store(set)
	return live, nil
}

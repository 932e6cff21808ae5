// Package index answers whose data a party received, and who received a
// customer's, without reading the ledger from its beginning.
//
// It follows the ledger and turns every 16,384 entries, once they are signed,
// into pages: the visits of those entries (an exchange's batches, whose data was
// in them and how it ended), under the party that made them, and for each
// customer the parties that saw it. Names and pseudonyms are written once and
// numbered. Pages are never changed. A Store keeps them; a question reads those
// that it needs, and the entries that the index has not reached yet from the
// ledger itself, so that an answer is always complete.
//
// It guarantees that an answer is the same with an index, with a shorter one and
// without any; that pages and the cursor that says how far they reach are
// written together or not at all; and that an index of another ledger, or of one
// that was rewritten, is refused (ledger.ErrCursor) and never mixed in. It can be
// deleted and made again from the ledger at any time, and is as trustworthy as
// the ledger's files: it proves nothing, and names the entries that do.
//
// It does not judge what an answer means; incident does. It forgets nothing by
// itself: what the ledger has dropped stays in the pages until they are made
// again.
package index

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/getweir/weir"
	"github.com/getweir/weir/ledger"
)

// ErrFormat: the index holds something that this version does not write.
var ErrFormat = errors.New("not an index of this version of weir")

// ErrMoved: somebody else has changed the index in the meantime.
var ErrMoved = errors.New("the index was changed by another process")

// chunkEntries is how many entries of the ledger make a chunk: those whose index
// divided by it is the same. The tail that a question reads from the ledger is
// shorter than one chunk and what a second may add.
const chunkEntries = 1 << 14

// A Key is what a name is looked up by: a subject itself, or the beginning of
// the SHA-256 of what the name stands for.
type Key [16]byte

// Kind says what a name stands for.
type Kind uint8

const (
	Subjects  Kind = iota // customers' pseudonyms; the key is all there is
	Whos                  // see Who
	Wheres                // see Where
	Treatings             // see Treated: what was done to which classes
	Words                 // outcomes and reasons
	NumKinds
)

// Table says what a page holds.
type Table uint8

const (
	Visits Table = iota // exchanges, by the number of who made them modulo VisitBuckets
	Sights              // customers and who saw them, by the customer's number modulo SightBuckets
	Times               // when the chunk begins and ends; bucket 0
	Roll                // the customers first seen in the chunk; bucket 0
	NumTables
)

// How pages are spread, so that a question about one party or one customer reads
// little and a chunk makes few of them.
const (
	VisitBuckets = 64
	SightBuckets = 256
)

// A Store keeps an index. store/sqlite has one; storetest says what it must do.
type Store interface {
	// View shows fn one state of the store, whatever is written meanwhile.
	View(ctx context.Context, fn func(Reader) error) error
	// Update lets fn change the store; if fn fails nothing is changed. One
	// Update runs at a time, across processes.
	Update(ctx context.Context, fn func(Writer) error) error
}

// A Reader is the store within a View. For one goroutine.
type Reader interface {
	// Head gives what SetHead was given; nil: nothing yet.
	Head() ([]byte, error)
	// IDs sets ids[i] to the number of keys[i], and to 0 if it has none.
	IDs(kind Kind, keys []Key, ids []uint32) error
	// Bodies gives what the numbers stand for, in the order of ids, which
	// ascend. body is valid during the call. One that is not there is an error.
	Bodies(kind Kind, ids []uint32, fn func(i int, body []byte) error) error
	// Linked gives the numbers linked to a party, ascending.
	Linked(party string) ([]uint32, error)
	// Pages gives those of the chunks from..to, ascending. body is valid during
	// the call, in which the store is not to be asked anything else.
	Pages(table Table, bucket int, from, to int64, fn func(chunk int64, body []byte) error) error
}

// A Writer is the store within an Update.
type Writer interface {
	Reader
	SetHead(head []byte) error
	// Name gives a key its number and body. Neither was used before.
	Name(kind Kind, key Key, id uint32, body []byte) error
	// Link links a number to a party; it may be already.
	Link(party string, id uint32) error
	// Page adds a page. There was none in its place.
	Page(table Table, bucket int, chunk int64, body []byte) error
	// Clear empties the store.
	Clear() error
}

// A head says what an index covers. It is written with every chunk.
type head struct {
	Version int              `json:"version"`
	Made    int64            `json:"made"`  // when the index was begun, in ns: tells one from the next
	Chunk   int64            `json:"chunk"` // entries a chunk
	First   int64            `json:"first"` // the first entry that it covers
	Cursor  ledger.Cursor    `json:"cursor"`
	Last    time.Time        `json:"last"` // of the last entry that it covers
	Counts  [NumKinds]uint32 `json:"counts"`
}

// version is that of everything that is encoded here.
const version = 1

func readHead(r Reader) (*head, error) {
	b, err := r.Head()
	if err != nil || b == nil {
		return nil, err
	}
	var h head
	if err := json.Unmarshal(b, &h); err != nil || h.Version != version || h.Chunk <= 0 {
		return nil, ErrFormat
	}
	return &h, nil
}

func (h *head) write(w Writer) error {
	b, err := json.Marshal(h)
	if err != nil {
		return err
	}
	return w.SetHead(b)
}

// A Reach says which entries an answer covers.
type Reach struct {
	First   int64     // the first entry
	Next    int64     // the first entry that is not covered: those before it were read
	Last    time.Time // of the last entry covered; zero: there is none
	Indexed int64     // entries before this one were answered from the index; 0: none
	Kept    int64     // the ledger's files begin with this entry; those before are in the index only
}

// A Log is what the index reads. Dir gives that of a folder.
type Log struct {
	// Read calls fn with each entry from an index on, to the end of the log.
	Read func(from int64, fn func(index int64, e *ledger.Entry) error) error
	Tree *ledger.Tree
	// ChunkEntries is how many entries make a chunk of an index that is begun;
	// 0: 16,384.
	ChunkEntries int64
}

func (l *Log) chunk() int64 {
	if l.ChunkEntries > 0 {
		return l.ChunkEntries
	}
	return chunkEntries
}

// Dir gives the log of a folder, also while a server writes to it.
func Dir(dir string) (Log, error) {
	tree, err := ledger.OpenTree(dir, "")
	if err != nil {
		return Log{}, err
	}
	return Log{
		Read: func(from int64, fn func(int64, *ledger.Entry) error) error { return ledger.Read(dir, from, fn) },
		Tree: tree,
	}, nil
}

// A Who is who made an exchange, with everything it is charged to.
type Who struct {
	Credential string
	Principal  string
	Kind       weir.Kind
	Act        []string
	Role       string
	Issuer     string
	Network    string
}

// Parties gives everybody whom a question about would find w, but the deployment.
func (w *Who) Parties() []weir.Party {
	e := ledger.Entry{Credential: w.Credential, Principal: w.Principal, Act: w.Act, Role: w.Role, Issuer: w.Issuer, Network: w.Network}
	all := e.Parties()
	return all[:len(all)-1]
}

// A Where is the way that data took.
type Where struct {
	Door      string
	Route     string
	Recipient string // the vendor that received; "": the principal
	Purpose   weir.Purpose
}

// Treated says what was done to findings of a class.
type Treated struct {
	Class  weir.Class
	Action weir.Action
}

// A Visit is what the ledger says of one exchange. It is valid during the call
// that gives it.
type Visit struct {
	Who     uint32 // Answer.Whos says who that is
	Where   *Where
	Batches []Batch // in order; those within the question's span only
	Closed  bool    // an outcome is on record
	Outcome string  // "": it was complete
	Unread  int64   // bytes that left uninspected
	Close   int64   // the index of that entry
}

// A Batch is one entry of an exchange: an Intent, Release or Denied.
type Batch struct {
	Index   int64
	Time    time.Time
	Kind    ledger.Kind
	Treated []Treated // Release: of the whole batch, which may be about several customers. Shared: not to be changed
	Set     uint32    // the number of Treated in this answer; 0: empty
	Reason  weir.Reason
	N       int // Denied: how many requests
	Sights  []Sight
}

// A Sight says that a batch was about a customer.
type Sight struct {
	Subject uint32 // Answer.Subjects says which
	Lanes   weir.Lanes
}

func wrap(err error, what string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// Package tlogclients reads a ledger of ours with public tools for transparency
// logs, which know nothing of Weir: the client of Tessera and the cosignatures of
// transparency-dev/formats. It is a module of its own, so that these do not enter
// Weir's. What they verify, they verify with their own code; that they accept our
// log unchanged is what is shown, not that they are right.
package tlogclients

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/transparency-dev/formats/log"
	cosign "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/client"
	"golang.org/x/mod/sumdb/note"

	"github.com/getweir/weir/ledger"
)

const entries = 700

// newWitness gives a witness whose signatures are made by other people's code.
// It signs what it is shown; that witnesses check is tested elsewhere.
func newWitness(t *testing.T) (vkey, at string, verifier note.Verifier) {
	t.Helper()
	secret, public, err := note.GenerateKey(rand.Reader, "witness.example.net/w1")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := cosign.NewSignerForCosignatureV1(secret)
	if err != nil {
		t.Fatal(err)
	}
	if vkey, err = cosign.VKeyToCosignatureV1(public); err != nil {
		t.Fatal(err)
	}
	if verifier, err = cosign.NewVerifierForCosignatureV1(vkey); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		_, msg, _ := bytes.Cut(b, []byte("\n\n"))
		text, _, _ := bytes.Cut(msg, []byte("\n\n"))
		signed, err := note.Sign(&note.Note{Text: string(text) + "\n"}, signer)
		if err != nil {
			t.Error(err)
		}
		_, lines, _ := bytes.Cut(signed, []byte("\n\n"))
		w.Write(lines)
	}))
	t.Cleanup(srv.Close)
	return vkey, srv.URL, verifier
}

func TestPublicToolsVerifyOurLog(t *testing.T) {
	key, _, err := ledger.GenerateKey("ledger.example.com/public")
	if err != nil {
		t.Fatal(err)
	}
	l, err := ledger.Create(filepath.Join(t.TempDir(), "ledger"), ledger.Options{Key: key, CheckpointEvery: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	vkey, at, cosigner := newWitness(t)
	w, err := l.Witness(ledger.WitnessOptions{Witnesses: []ledger.Witness{{Key: vkey, URL: at}}, Every: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	go func() { ended <- l.Run(ctx) }()
	go func() { ended <- w.Run(ctx) }()
	defer func() {
		stop()
		for range 2 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	}()
	for i := range entries {
		if _, err := l.Append(ctx, &ledger.Entry{Kind: ledger.Staff, N: i, Text: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	for l.Status().Witnessed.Checkpoint.Size != entries {
		time.Sleep(time.Millisecond)
	}
	srv := httptest.NewServer(l.Tree().Handler(ledger.HandlerOptions{Readers: [][32]byte{sha256.Sum256([]byte("token"))}}))
	defer srv.Close()

	root, err := url.Parse(srv.URL + "/")
	if err != nil {
		t.Fatal(err)
	}
	fetch, err := client.NewHTTPFetcher(root, nil)
	if err != nil {
		t.Fatal(err)
	}
	fetch.SetAuthorizationHeader("Bearer token")
	v, err := note.NewVerifier(key.Verifier())
	if err != nil {
		t.Fatal(err)
	}
	c, raw, _, err := client.FetchCheckpoint(ctx, fetch.ReadCheckpoint, v, key.Origin())
	if err != nil || c.Size != entries {
		t.Fatal(c, err)
	}
	if _, _, n, err := log.ParseCheckpoint(raw, key.Origin(), v, cosigner); err != nil || len(n.Sigs) != 2 {
		t.Fatal("the cosignature is not one to others", err)
	}
	proofs, err := client.NewProofBuilder(ctx, c.Size, fetch.ReadTile)
	if err != nil {
		t.Fatal(err)
	}
	leaves, err := client.FetchLeafHashes(ctx, fetch.ReadTile, 0, c.Size, c.Size)
	if err != nil {
		t.Fatal(err)
	}
	index := uint64(0)
	for bundle := range uint64(3) {
		b, err := client.GetEntryBundle(ctx, fetch.ReadEntryBundle, bundle, c.Size)
		if err != nil {
			t.Fatal(err)
		}
		for _, encoded := range b.Entries {
			e, err := ledger.Decode(encoded)
			if err != nil || e.N != int(index) {
				t.Fatal(e, err)
			}
			leaf := rfc6962.DefaultHasher.HashLeaf(encoded)
			if !bytes.Equal(leaf, leaves[index]) {
				t.Fatal("an entry is not its leaf")
			}
			if index%50 == 0 {
				p, err := proofs.InclusionProof(ctx, index)
				if err != nil {
					t.Fatal(err)
				}
				if err := proof.VerifyInclusion(rfc6962.DefaultHasher, index, c.Size, leaf, p, c.Hash); err != nil {
					t.Fatal(err)
				}
			}
			index++
		}
	}
	if index != entries {
		t.Fatal(index)
	}
	// And the other way round: our proofs, by their code.
	tree := l.Tree()
	path, err := tree.ProveInclusion(513, entries)
	if err != nil {
		t.Fatal(err)
	}
	var hashes [][]byte
	for _, h := range path {
		hashes = append(hashes, h[:])
	}
	if err := proof.VerifyInclusion(rfc6962.DefaultHasher, 513, c.Size, leaves[513], hashes, c.Hash); err != nil {
		t.Fatal(err)
	}
	old, err := tree.Root(300)
	if err != nil {
		t.Fatal(err)
	}
	grown, err := tree.ProveConsistency(300, entries)
	if err != nil {
		t.Fatal(err)
	}
	hashes = nil
	for _, h := range grown {
		hashes = append(hashes, h[:])
	}
	if err := proof.VerifyConsistency(rfc6962.DefaultHasher, 300, c.Size, hashes, old[:], c.Hash); err != nil {
		t.Fatal(err)
	}
}

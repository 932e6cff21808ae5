// Package ledger is the append-only, signed and verifiable record of every
// release of personal data and of every act that bears on one.
//
// A log is a directory with one owner. Entries are framed into segment files,
// which are themselves the leaves of a Merkle tree (RFC 6962); one goroutine,
// Run, writes whatever has gathered since its last write and makes it durable
// with a single fdatasync, so that one wait serves everybody who waits. Every
// second in which the log has grown it signs the tree's root as a checkpoint
// (C2SP tlog-checkpoint in a C2SP signed note) and keeps it. Hash tiles follow the
// segments, from which a Tree proves single entries and serves the log over HTTP
// (C2SP tlog-tiles); a Witnessing has others sign its checkpoints (C2SP
// tlog-witness). Rotate gives it another key, for which the key before signs. An
// attached Store keeps a copy that acknowledges every group beside the disk, and
// from which Rebuild makes a lost log anew; an Archiver copies it elsewhere bit by
// bit, and Restore makes a closed log from there. Retain drops whole old segments,
// on record, and keeps their hashes. docs/ledger-format.md describes every byte,
// and the order in which they reach the disk.
//
// Logs of one deployment stand on a signed Roster; their nodes, as Peers, remember
// each other's checkpoints. A Peer reads a log from outside, a Merge several as one
// stream in the order of time.
//
// A Permit is a receipt that opens values, each once: who reads from a vault shows it.
//
// It guarantees that a Receipt exists only for entries that are durable, in the
// store too where one is attached, in the order of their Append; that a log which
// failed to write or to sync stops for good and gives no further Receipt; that no
// two checkpoints of a log disagree; that at each size exactly one key is in force,
// on record; and that Verify, with any of the public keys and the files alone,
// finds an entry that was changed, removed, moved or put in below the newest
// checkpoint.
//
// It does not hide entries from whoever can read the files, nor does it keep the
// holder of the signing key from writing another history from the start: that
// shows only against a checkpoint that was kept elsewhere, that witnesses signed
// or that peers remember. Entries behind the newest checkpoint, at most a second's,
// are durable and not yet signed. It does not decide what is recorded, and never
// holds a personal value.
package ledger

// Package vault keeps customers' records so that they are useless when stolen:
// each value encrypted by itself, each customer under a key of their own, each
// reading on record.
//
// A Vault stands on a Store, which keeps rows and knows no value, on Keys, which
// hold the key-encryption keys, and on the subject directory, whose pseudonyms
// are the names of its rows. A record is a row of cells, sealed one by one
// (AES-256-GCM, random nonces) under the customer's data key, which the Keys
// wrap. A cell is bound to the tenant, the customer, the field and the version in
// which it was written, and the row to all of its cells: none can be exchanged,
// dropped or brought back from another row. Exact search goes by a blind index:
// HMAC-SHA-256 under a key for each class. Tokens stand for values elsewhere.
// Only the standard library's cryptography is used, and all of it runs with
// GODEBUG=fips140=only. docs/vault.md describes every byte.
//
// It guarantees that no value comes out without a ledger.Permit for its customer
// and class; that an identifier declared unique belongs to one customer, by the
// database and however many create it at once; that a row which was changed
// without the customer's key gives ErrDamaged and no value; that after Delete the
// customer's key is gone from the store; and that what it does not have in
// memory it does not need there: the cache of data keys is bounded in number and
// time.
//
// It does not know who asks, and counts nothing: guard does. It does not keep
// whoever holds the key-encryption keys and the database from reading all of it.
// A row that is put back whole, with its key, to an older state of its own is not
// noticed. Lengths of values, names of fields and the country of residence stand
// in clear.
package vault

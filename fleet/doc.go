// Package fleet is what the nodes of one deployment do together: they count one
// number of customers, obey the same holds, and know when they have lost touch.
//
// A budget under 1,000 is charged in the store that they share, in one round trip
// for a whole batch and all its parties. Larger ones are leased: a node takes a
// share, which counts in full against the budget, and charges it without asking.
// Several times a second each node tells the store that it is alive and reads what
// the others have decided; what it reads it appends to its own ledger, from where
// its guard obeys.
//
// It guarantees that, over all nodes, the different customers that were charged to
// an account never pass the limit that the charges name, in any window by the
// store's clock; that an unused share counts until its lease has ended by that
// clock, and the share of a node that has died until nobody taken under it could
// count any more or the node has come back and told; that a node that has not heard
// from the store for a moment (Config.Refresh) lets nothing through; and that a
// store which has forgotten what was taken is noticed by any node whose ledger knows
// better, and lets nothing through until each node has told again what its ledger
// says.
//
// It does not order what nodes do at the same moment, and gives nothing back after a
// charge. It cannot see a store that was put back to an older state while every node
// that knows better is gone for good: then their ledgers are.
package fleet

// Package simulation holds the promise to what clients received.
//
// Its tests let many principals with shared issuers, networks and act chains, rotated
// credentials and customers with records of their own loose on guards, and let
// everything go wrong around them that can: crashes, failing and stalling disks, clocks
// that are set forward and back, machines that boot anew, nodes that are cut off from the store
// that they share, holds, lifts and approvals, policies that change in the middle of an
// answer. A seed gives the whole run: whatever fails prints
// it, and replays with it.
//
// The judge stands outside. A Checker sees only the bytes that clients received, finds
// by its own decoding whose they are, and knows the budgets as plain numbers. It
// imports nothing of the rooms that it judges: it counts the different customers of
// every party in every sliding window by true time, and any excess fails. So do bytes
// that were to be masked or withheld, and whatever reached a party on hold.
//
// It does not judge what no client can see: whether a denial was necessary, or how long
// one lasts.
package simulation

package inspect

import "github.com/getweir/weir"

// kind is the kind of a frame.
type kind uint8

const (
	rootFrame kind = iota // around the outermost value
	objectFrame
	arrayFrame
)

// A frame is an object or array that is open.
type frame struct {
	has     set     // meanings of keys that have a value
	inside  set     // what holds it: mHistory, mPages, mQueries
	parts   partSet // meanings from firstPart on of keys that it has
	start   int32   // offset of its brace; -1: before the segment
	object  int32   // number of the innermost object
	wait    int32   // where its pending values begin
	subject int16   // how many keys of the subject's path lead here; -1: not on it
	parent  meaning // of the key whose value it is, through arrays
	key     meaning // of the key that is being read; of an array: parent
	kind    kind
	on      bool // the key being read is the next of the path
	seen    bool // it has been met before
}

// supports are the keys beside which a bare "name" is a person's.
var supports = of(mEmail, mPhone, mBirth, mStreet, mAddress, mCard, mIBAN, mName, mNational)

// resolve decides what waited for the object f to be complete.
func (w *walk) resolve(f *frame) {
	person := f.parent == mPerson || f.parent == mHolder || f.parent == mName || f.parent == mHousehold
	form, object := w.form, w.object
	for _, p := range w.pending[f.wait:] {
		w.form, w.object = p.form, p.object
		switch p.m {
		case mNameWeak:
			if person || f.has&supports != 0 {
				w.report(Name, p.span, weir.SureMatch)
			}
		case mNamePart:
			if person || f.parent == mNameWeak || f.has&supports != 0 {
				w.report(Name, p.span, weir.SureMatch)
			}
		case mLine, mCity, mPostcode:
			if f.parent == mAddress || f.has.has(mStreet) || f.has.has(mCity) && f.has.has(mPostcode) {
				w.report(Address, p.span, weir.SureMatch)
			} else if p.m == mPostcode && p.postcode {
				w.report(Postcode, p.span, weir.SureMatch)
			}
		default:
			w.decide(f, p)
		}
	}
	w.form, w.object = form, object
	w.pending = w.pending[:f.wait]
}

// containers are the keys whose array or object is a history as a whole.
var containers = [...]struct {
	m     meaning
	class weir.Class
}{{mHistory, Viewing}, {mPages, Browsing}, {mQueries, Searches}, {mWish, WishList}, {mMessages, DirectMessage}, {mHousehold, HouseholdProfile}}

// container gives for each meaning its place among containers, from 1 on; 0: it has none.
var container = func() (t [256]uint8) {
	for i, c := range containers {
		t[c.m] = uint8(i + 1)
	}
	return t
}()

// shaped are the keys of which an object that has a shape has one.
var shaped = of(mWatched, mProgress, mVisited, mSearched, mOrderID)

// shapes are the keys of which an array or object may be reported as a whole whatever
// it has in it.
var shapes = func() (t [256]bool) {
	for _, c := range containers {
		t[c.m] = true
	}
	t[mOrders], t[mPayout] = true, true
	return t
}()

// shape gives the class that an object has by the keys in it; "" for none.
func (f *frame) shape() (class weir.Class, of meaning) {
	h := f.has
	switch {
	case h.has(mWatched) && (h.has(mTitleID) || h.has(mTitle)), h.has(mProgress) && h.has(mTitleID):
		return Viewing, mHistory
	case h.has(mVisited) && h.has(mPage):
		return Browsing, mPages
	case h.has(mSearched) && h.has(mQuery):
		return Searches, mQueries
	case (h.has(mOrderID) || h.has(mID) && f.parent == mOrders) && (h.has(mItems) || h.has(mTotal) || h.has(mHolder)):
		return Order, mNone
	}
	return "", mNone
}

// tree reports the object or array f, which ends at end, if it is a history or an
// order as a whole, and has something left in it.
func (w *walk) tree(t []byte, f *frame, end int) {
	class := weir.Class("")
	object := int(f.object)
	if i := container[f.parent]; i > 0 && !f.inside.has(f.parent) && !w.within(f.parent) {
		class = containers[i-1].class
		// It belongs to whom it hangs on.
		if on := &w.frames[len(w.frames)-1]; on.kind != rootFrame {
			object = int(on.object)
		}
	}
	if class == "" && f.kind == objectFrame {
		var of meaning
		if class, of = f.shape(); class == "" && !(f.parent == mHousehold && w.within(f.parent)) {
			class = f.storyShape()
		}
		if of != mNone && f.inside.has(of) {
			return
		}
	}
	if class == "" || f.start < 0 || !w.live(t, int(f.start), end) {
		return
	}
	w.r.Findings = append(w.r.Findings, weir.Finding{Class: class, Start: int(f.start), End: end, Form: weir.FormTree,
		Confidence: weir.SureMatch, Detector: "shape", Object: object})
}

// within reports whether the array around the tree just read is reported for m: no
// set holds that.
func (w *walk) within(m meaning) bool {
	on := &w.frames[len(w.frames)-1]
	return m >= firstKnown && on.kind == arrayFrame && on.parent == m
}

// live reports whether a value of the tree t[a:b] is more than a blank. Trees that
// were found to hold blanks only are passed over, so that nesting does not make
// the same bytes be read again and again.
func (w *walk) live(t []byte, a, b int) bool {
	inner := len(w.blanks)
	for inner > 0 && w.blanks[inner-1].a >= a {
		inner--
	}
	skip := w.blanks[inner:]
	for i := a; i < b; {
		if len(skip) > 0 && i == skip[0].a {
			i = skip[0].b
			skip = skip[1:]
			continue
		}
		switch c := t[i]; {
		case c == '"':
			end := stringEnd(t[:b], i+1)
			if end < 0 {
				return true
			}
			next := skipSpace(t[:b], end+1)
			if next < b && t[next] == ':' {
				i = next + 1
				continue
			}
			if !blank(t[i+1 : end]) {
				return true
			}
			i = end + 1
		case c-'1' < 9 || c == 't' || c == 'f':
			return true
		default:
			i++
		}
	}
	w.blanks = append(w.blanks[:inner], span{a, b})
	return false
}

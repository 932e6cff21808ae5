package watch

import "container/list"

// recency is a map of bounded size that forgets the least recently used key
// first.
type recency[K comparable, V any] struct {
	limit int
	order *list.List // of *kept[K, V], least recently used at the back
	by    map[K]*list.Element
}

type kept[K comparable, V any] struct {
	key   K
	value V
}

func newRecency[K comparable, V any](limit int) *recency[K, V] {
	return &recency[K, V]{limit, list.New(), map[K]*list.Element{}}
}

func (r *recency[K, V]) get(key K) (value V, ok bool) {
	at, ok := r.by[key]
	if !ok {
		return value, false
	}
	r.order.MoveToFront(at)
	return at.Value.(*kept[K, V]).value, true
}

func (r *recency[K, V]) put(key K, value V) {
	if at, ok := r.by[key]; ok {
		at.Value.(*kept[K, V]).value = value
		r.order.MoveToFront(at)
		return
	}
	if r.order.Len() == r.limit {
		last := r.order.Back()
		delete(r.by, last.Value.(*kept[K, V]).key)
		r.order.Remove(last)
	}
	r.by[key] = r.order.PushFront(&kept[K, V]{key, value})
}

// each visits all, without making any of them more recent.
func (r *recency[K, V]) each(fn func(K, V)) {
	for at := r.order.Front(); at != nil; at = at.Next() {
		k := at.Value.(*kept[K, V])
		fn(k.key, k.value)
	}
}

// eachOldest visits all, the least recently used first.
func (r *recency[K, V]) eachOldest(fn func(K, V)) {
	for at := r.order.Back(); at != nil; at = at.Prev() {
		k := at.Value.(*kept[K, V])
		fn(k.key, k.value)
	}
}

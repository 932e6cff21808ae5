package files

import (
	"context"
	"sync"
)

// A floor lets files speak in their order while they are read at the same time. The
// file whose turn it is tells its findings as they come; the others hold theirs, and
// wait when they hold too many.
type floor struct {
	found    func(Finding)
	progress *Progress

	mu    sync.Mutex
	moved *sync.Cond          // the turn has moved, or all is over
	turn  int64               // whose turn it is
	left  map[int64][]Finding // what files held that are read and had no turn yet
	over  bool
	n     int64 // told
}

const (
	maxHeld = 4096 // findings that a file may hold
	maxNear = 4096 // files that may be read ahead of the turn
)

func (f *floor) start(found func(Finding), p *Progress) {
	f.found, f.progress, f.left = found, p, map[int64][]Finding{}
	f.moved = sync.NewCond(&f.mu)
}

// end lets everybody go on: nothing more is told.
func (f *floor) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.over = true
	f.moved.Broadcast()
}

// near waits until file seq is not too far ahead.
func (f *floor) near(seq int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for seq-f.turn >= maxNear && !f.over {
		f.moved.Wait()
	}
	if f.over {
		return context.Canceled
	}
	return nil
}

// say tells held and found of file seq if it is its turn, else adds found to held.
// It gives what is held then.
func (f *floor) say(seq int64, held, found []Finding) []Finding {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.turn != seq && len(held) >= maxHeld && !f.over {
		f.moved.Wait()
	}
	switch {
	case f.over:
		return nil
	case f.turn != seq:
		return append(held, found...)
	}
	f.tell(held)
	f.tell(found)
	return held[:0]
}

// leave ends file seq.
func (f *floor) leave(seq int64, held []Finding) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left[seq] = held
	for {
		held, ok := f.left[f.turn]
		if !ok {
			return
		}
		f.tell(held)
		delete(f.left, f.turn)
		f.turn++
		f.moved.Broadcast()
	}
}

func (f *floor) tell(all []Finding) {
	if f.over {
		return
	}
	for i := range all {
		f.found(all[i])
	}
	f.n += int64(len(all))
	f.progress.Findings.Add(int64(len(all)))
}

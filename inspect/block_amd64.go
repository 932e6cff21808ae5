package inspect

import "golang.org/x/sys/cpu"

// wideEnough says whether the machine has 32-byte registers that compare bytes.
var wideEnough = cpu.X86.HasAVX2

// classifyAVX2 marks the len(ms) blocks at b.
//
//go:noescape
func classifyAVX2(b *byte, ms *marks, n int)

// classifyAll marks the blocks of t, whose length is 64 times that of ms.
func classifyAll(t []byte, ms []marks) {
	if wideEnough {
		classifyAVX2(&t[0], &ms[0], len(ms))
		return
	}
	for i := range ms {
		classify((*[64]byte)(t[64*i:]), &ms[i])
	}
}

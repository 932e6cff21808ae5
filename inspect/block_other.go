//go:build !amd64

package inspect

// classifyAll marks the blocks of t, whose length is 64 times that of ms.
func classifyAll(t []byte, ms []marks) {
	for i := range ms {
		classify((*[64]byte)(t[64*i:]), &ms[i])
	}
}

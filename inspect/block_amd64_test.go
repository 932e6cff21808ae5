package inspect

// kernels are the ways of marking that this machine has.
var kernels = func() (all []func(*sheet, []byte, int)) {
	if wide32 {
		all = append(all, func(s *sheet, t []byte, k int) { classifyAVX2(&t[0], s, k, len(t)/64) })
	}
	if wide64 {
		all = append(all, func(s *sheet, t []byte, k int) { classifyAVX512(&t[0], s, k, len(t)/64) })
	}
	return all
}()

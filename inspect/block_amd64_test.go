package inspect

// kernels are the ways of marking that this machine has.
var kernels = func() (all []func(*sheet, []byte, int)) {
	if wide32 {
		all = append(all, func(s *sheet, t []byte, k int) { classifyAVX2(&t[0], s, k, len(t)/64) })
	}
	if wide64 {
		all = append(all, func(s *sheet, t []byte, k int) { classifyAVX512(&t[0], s, k, len(t)/64) })
	}
	if wideTables {
		// Eight blocks at a time: the three, and five whose marks are taken away.
		all = append(all, func(s *sheet, t []byte, k int) {
			var eight sheet
			n := len(t) / 64
			classifyWide(&append(t[:len(t):len(t)], make([]byte, 512-len(t))...)[0], &eight, k, 8, &marksOf)
			for i := k; i < k+n; i++ {
				s.quote[i], s.slash[i], s.colon[i], s.brace[i], s.digit[i] = eight.quote[i], eight.slash[i], eight.colon[i], eight.brace[i], eight.digit[i]
				s.low[i], s.sign[i], s.high[i], s.alnum[i] = eight.low[i], eight.sign[i], eight.high[i], eight.alnum[i]
			}
		})
	}
	return all
}()

// glances are the ways of taking a glance that this machine has.
var glances = func() (all []func(*glance, *surroundings)) {
	if wide32 {
		all = append(all, func(g *glance, b *surroundings) { glanceAVX2(b, g) })
	}
	if wide64 {
		all = append(all, func(g *glance, b *surroundings) { glanceAVX512(b, g) })
	}
	return all
}()

package inspect

// What the checks of numbers have in common. Each takes the number without
// separators, in capitals.

// weighted gives the sum of the digits of v, each times its weight.
func weighted(v []byte, weights string) (sum int) {
	for i := range weights {
		sum += int(v[i]-'0') * int(weights[i]-'0')
	}
	return sum
}

// descending gives the sum of the digits of v, the first times from, the next times
// from-1 and so on.
func descending(v []byte, from int) (sum int) {
	for i, c := range v {
		sum += int(c-'0') * (from - i)
	}
	return sum
}

// decimal gives v as a decimal number. It has 18 digits at most.
func decimal(v []byte) (n int) {
	for _, c := range v {
		n = n*10 + int(c-'0')
	}
	return n
}

func digits(v []byte) bool {
	for _, c := range v {
		if !digit(c) {
			return false
		}
	}
	return true
}

func capitals(v []byte) bool {
	for _, c := range v {
		if c-'A' >= 26 {
			return false
		}
	}
	return true
}

// uniform reports whether all bytes of v are the same.
func uniform(v []byte) bool {
	for _, c := range v {
		if c != v[0] {
			return false
		}
	}
	return true
}

// day reports whether there is such a day in the Gregorian calendar. Of a year with
// two digits, where the century is not known, 29 February is taken every four years.
func day(year, month, day int) bool {
	if month < 1 || month > 12 || day < 1 {
		return false
	}
	const lengths = "\x00\x1f\x1d\x1f\x1e\x1f\x1e\x1f\x1f\x1e\x1f\x1e\x1f"
	if day > int(lengths[month]) {
		return false
	}
	return month != 2 || day < 29 || year%4 == 0 && (year < 100 || year%100 != 0 || year%400 == 0)
}

// verhoeff reports whether the digits pass the check of J. Verhoeff (Error
// Detecting Decimal Codes, Mathematical Centre Tracts 29, 1969): products in the
// dihedral group of ten, after permutations by the place from the right.
func verhoeff(v []byte) bool {
	const permute = "1576283094"
	c := 0
	for i := range v {
		d := int(v[len(v)-1-i] - '0')
		for range i % 8 {
			d = int(permute[d] - '0')
		}
		c = dihedral(c, d)
	}
	return c == 0
}

// dihedral multiplies in the group of the symmetries of a pentagon: 0 to 4 turn it,
// 5 to 9 turn it over.
func dihedral(a, b int) int {
	switch {
	case a < 5 && b < 5:
		return (a + b) % 5
	case a < 5:
		return 5 + (a+b)%5
	case b < 5:
		return 5 + (a-b)%5
	}
	return (a - b + 5) % 5
}

// mod11And10 reports whether the digits pass ISO/IEC 7064 MOD 11,10.
func mod11And10(v []byte) bool {
	p := 10
	for _, c := range v[:len(v)-1] {
		s := (p + int(c-'0')) % 10
		if s == 0 {
			s = 10
		}
		p = 2 * s % 11
	}
	return (p+int(v[len(v)-1]-'0'))%10 == 1
}

// uuid reports whether v is 32 hexadecimal digits, not all the same: a UUID (RFC
// 9562 section 4) without its hyphens.
func uuid(v []byte) bool {
	if len(v) != 32 || uniform(v) {
		return false
	}
	for _, c := range v {
		if !hex(c) {
			return false
		}
	}
	return true
}

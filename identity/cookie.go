package identity

import (
	"net/url"
	"slices"
	"strings"

	"github.com/getweir/weir"
)

// readCookies gives the values of the cookies of these names (RFC 6265 section
// 5.4). The standard library's reader passes over cookies that it finds
// malformed, which a service behind may well accept; here every value that could
// be one of them is found, and two of one name are refused, because readers
// differ in which they take.
func readCookies(fields, names []string) (map[string]string, *weir.Denial) {
	found := make(map[string]string)
	for _, field := range fields {
		for pair := range strings.SplitSeq(field, ";") {
			name, value, _ := strings.Cut(strings.Trim(pair, " \t"), "=")
			name = strings.Trim(name, " \t")
			// Older readers (RFC 2965) end a cookie at a comma too.
			for rest := range strings.SplitSeq(pair, ",") {
				later, _, _ := strings.Cut(rest, "=")
				later = strings.Trim(later, " \t")
				if later != name && holds(names, later) != "" {
					return nil, refuse("A cookie cannot be told from the next.")
				}
			}
			which := holds(names, name)
			if which == "" {
				continue
			}
			if _, twice := found[which]; twice {
				return nil, refuse("A credential is shown twice.")
			}
			if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
				value = value[1 : len(value)-1]
			}
			found[which] = value
		}
	}
	return found, nil
}

// holds gives which of names name is, in any case of letters.
func holds(names []string, name string) string {
	i := slices.IndexFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
	if i < 0 {
		return ""
	}
	return names[i]
}

// queryHas reports whether a query has a parameter of this name, also where
// readers differ in what they accept.
func queryHas(query, name string) bool {
	for pair := range strings.FieldsFuncSeq(query, func(r rune) bool { return r == '&' || r == ';' }) {
		key, _, _ := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(key); err == nil {
			key = plain
		}
		if strings.EqualFold(key, name) {
			return true
		}
	}
	return false
}

package identity

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"github.com/getweir/weir"
)

// plainField checks a name of the configuration.
func plainField(field, value string) error {
	if !isPlain(value) {
		return fmt.Errorf("%s: write 1 to %d letters, digits and . _ - : / | characters", field, maxName)
	}
	return nil
}

func plainFields(field string, values []string) error {
	var errs []error
	for i, v := range values {
		errs = append(errs, plainField(fmt.Sprintf("%s[%d]", field, i), v))
	}
	return errors.Join(errs...)
}

// kindField reads a kind that must be one of among; absent is what "" means, and
// Anonymous for absent means that it must be written.
func kindField(field, value string, absent weir.Kind, among ...weir.Kind) (weir.Kind, error) {
	if value == "" && absent != weir.Anonymous {
		return absent, nil
	}
	kind, err := weir.ParseKind(value)
	if err != nil || !slices.Contains(among, kind) {
		return weir.Anonymous, fmt.Errorf("%s: write one of %v", field, among)
	}
	return kind, nil
}

// durationField puts the default in the place of 0, and checks the bounds.
func durationField(field string, d *time.Duration, absent, least, most time.Duration) error {
	if *d == 0 {
		*d = absent
	}
	if *d < least || *d > most {
		return fmt.Errorf("%s: write a time from %v to %v", field, least, most)
	}
	return nil
}

// urlField checks an address that keys or credentials travel to.
func urlField(field, value string) error {
	u, err := url.Parse(value)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
		return fmt.Errorf("%s: write an address that begins with https://", field)
	}
	switch u.Scheme {
	case "https":
		return nil
	case "http":
		addr, err := netip.ParseAddr(u.Hostname())
		if u.Hostname() == "localhost" || err == nil && addr.IsLoopback() {
			return nil
		}
	}
	return fmt.Errorf("%s: write an address that begins with https:// (http:// for loopback only)", field)
}

// fieldName checks the name of a header field or cookie, a token by RFC 9110
// section 5.6.2 and RFC 6265 section 4.1.1.
func fieldName(field, value string) error {
	for i := 0; i < len(value); i++ {
		c := value[i]
		if c <= ' ' || c >= 0x7f || slices.Contains([]byte(`"(),/:;<=>?@[\]{}`), c) {
			return fmt.Errorf("%s: write a name without spaces and separators", field)
		}
	}
	if value == "" {
		return fmt.Errorf("%s: a name is needed", field)
	}
	return nil
}

// openReader checks the fields that tokens and introspection share.
func openReader(names namer, at, issuer string, c Claims, kind, role string, roles []string) (*reader, error) {
	for _, f := range []struct {
		field *string
		value string
	}{{&c.Name, "sub"}, {&c.Role, "role"}, {&c.Customer, "sub"}} {
		if *f.field == "" {
			*f.field = f.value
		}
	}
	rd := &reader{names: names, issuer: issuer, claims: c, role: role, roles: roles}
	errs := []error{plainFields(at+".roles", roles)}
	if role != "" {
		errs = append(errs, plainField(at+".role", role))
	}
	var err error
	if kind != "" || c.Kind == "" {
		rd.kind, err = kindField(at+".kind", kind, weir.Anonymous, weir.Customer, weir.Staff, weir.Service)
	}
	return rd, errors.Join(append(errs, plainField(at+".issuer", issuer), err)...)
}

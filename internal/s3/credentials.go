package s3

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// ErrCredentials is what is said of credentials that are missing or cannot be
// read. It holds nothing of them.
var ErrCredentials = errors.New("s3: no credentials")

// FromFile gives credentials from a file as the AWS tools keep them, anew each
// time: lines of aws_access_key_id, aws_secret_access_key and, for temporary ones,
// aws_session_token, each with = and a value, under [profile]; profile "" is
// default, and also what stands before any.
func FromFile(name, profile string) func() (Credentials, error) {
	return func() (Credentials, error) {
		b, err := os.ReadFile(name)
		if err != nil {
			return Credentials{}, fmt.Errorf("%w: %w", ErrCredentials, err)
		}
		return parseCredentials(string(b), profile)
	}
}

// FromEnvironment gives those of AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and
// AWS_SESSION_TOKEN.
func FromEnvironment() (Credentials, error) {
	c := Credentials{os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), os.Getenv("AWS_SESSION_TOKEN")}
	if c.Key == "" || c.Secret == "" {
		return c, fmt.Errorf("%w: name a file with them, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY", ErrCredentials)
	}
	return c, nil
}

func parseCredentials(text, profile string) (c Credentials, err error) {
	if profile == "" {
		profile = "default"
	}
	in := "default"
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		if line[0] == '[' && line[len(line)-1] == ']' {
			in = strings.TrimSpace(line[1 : len(line)-1])
			continue
		}
		key, value, _ := strings.Cut(line, "=")
		if in != profile {
			continue
		}
		value = strings.TrimSpace(value)
		switch strings.ToLower(strings.TrimSpace(key)) {
		case "aws_access_key_id":
			c.Key = value
		case "aws_secret_access_key":
			c.Secret = value
		case "aws_session_token":
			c.Session = value
		}
	}
	for _, s := range []string{c.Key, c.Secret, c.Session} {
		if strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return Credentials{}, fmt.Errorf("%w: the file holds one that cannot be", ErrCredentials)
		}
	}
	if c.Key == "" || c.Secret == "" {
		return Credentials{}, fmt.Errorf("%w: the file has no aws_access_key_id and aws_secret_access_key under [%s]", ErrCredentials, profile)
	}
	return c, nil
}

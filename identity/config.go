package identity

import "time"

// Config says by which credentials principals are known. All sources may be used
// at once. The zero Config knows none: every request without a credential is
// anonymous, and every request with one is refused.
//
// Names of principals, roles and issuers are written to the ledger and shown in
// the console. In the configuration they consist of at most 128 ASCII letters,
// digits and . _ - : / | characters.
type Config struct {
	// Tokens lists the issuers of signed tokens (JWT, RFC 7519) that are
	// believed. A token is shown as "Authorization: Bearer ..." or in the
	// issuer's cookie.
	Tokens []TokenIssuer `yaml:"tokens"`

	// KeyHeader is the header field that API keys are shown in. An API key may
	// also be shown as "Authorization: Bearer ...". Default: X-API-Key. The
	// field counts as a credential even when no key is configured.
	KeyHeader string `yaml:"key-header"`

	// Keys lists the API keys.
	Keys []Key `yaml:"keys"`

	// Introspection lists the servers that are asked about opaque tokens and
	// session cookies (RFC 7662).
	Introspection []Introspection `yaml:"introspection"`

	// Certificates lists the authorities whose client certificates are
	// believed, with the clients known by them.
	Certificates []CertificateIssuer `yaml:"certificates"`

	// Proxies lists the proxies that are believed when they name a principal in
	// a header field. They are known by their client certificates. From anybody
	// else such a field is a refused credential.
	Proxies []Proxy `yaml:"proxies"`

	// OnBehalfOf says who may act for a person by the Weir-On-Behalf-Of header.
	OnBehalfOf OnBehalfOf `yaml:"on-behalf-of"`

	// Networks names networks. A request from none of them is of the network
	// "other:" with the address's prefix (24 bits of IPv4, 48 of IPv6). A whole
	// address points at one household, and is personal data in the ledger.
	Networks []Network `yaml:"networks"`

	// Forwarded says which proxies are believed about the client's address.
	Forwarded Forwarded `yaml:"forwarded"`

	// PseudonymKeyFile holds at least 32 random bytes that key the pseudonyms
	// standing for names that could be personal: a name from a token or proxy
	// with other characters than those listed above (such as an e-mail address,
	// a telephone number with +, a name with spaces) becomes "p-" and 16
	// hexadecimal digits. Empty: the pseudonym is a hash without a key. It then
	// keeps the name from being printed, but whoever guesses an address can
	// confirm the guess. All nodes of a deployment need the same file; changing
	// it gives everybody a new name and so an empty budget.
	PseudonymKeyFile string `yaml:"pseudonym-key-file"`
}

// TokenIssuer is an issuer of signed tokens and how its tokens are read.
//
// A token must be signed with ES256, RS256, PS256 or EdDSA by a key of the set,
// name the issuer and one of the audiences, have an expiry, and be of type JWT
// or at+jwt (RFC 9068) where it has a type. Keys and certificates that the token
// brings along are never used. A token bound to a client certificate
// ("cnf" with "x5t#S256", RFC 8705) is accepted only on a connection that shows
// that certificate; a token bound to anything else is refused.
type TokenIssuer struct {
	// Issuer is the exact value of the "iss" claim.
	Issuer string `yaml:"issuer"`

	// Audience lists the values of "aud" of which a token must have one. It
	// is required: a token made for another service is not for this one.
	Audience []string `yaml:"audience"`

	// KeysFile is a file with the issuer's public keys as a JWK set (RFC 7517).
	// It is read again when it changes. Either this or KeysURL is required.
	KeysFile string `yaml:"keys-file"`

	// KeysURL is where the issuer publishes its JWK set. It begins with
	// https://; http:// is accepted for loopback addresses only. Redirects are
	// not followed.
	KeysURL string `yaml:"keys-url"`

	// CAFile holds the PEM certificates that KeysURL's server is verified by.
	// Empty: those of the system.
	CAFile string `yaml:"ca-file"`

	// Refresh is how often the keys are fetched again. A token with an unknown
	// key fetches them at once, though not more often than every 10 seconds.
	// Default: 5m for a URL and 5s for a file. From 1s to 24h.
	Refresh time.Duration `yaml:"refresh"`

	// KeepKeys is how long keys are used after the last time that they could
	// be fetched. When it is over, tokens are refused. Default: 1h. At most 24h,
	// and at least Refresh.
	KeepKeys time.Duration `yaml:"keep-keys"`

	// Algorithms restricts the signatures that are accepted to some of ES256,
	// RS256, PS256, EdDSA. Empty: all four.
	Algorithms []string `yaml:"algorithms"`

	// Cookie names a cookie that holds a token of this issuer. Empty: none.
	Cookie string `yaml:"cookie"`

	// Leeway is how far the issuer's clock may be off. Default: 30s. At most 2m.
	Leeway time.Duration `yaml:"leeway"`

	// MaxLifetime refuses tokens that are valid for longer than this from their
	// "iat", or have none. 0: tokens may live as long as they say, except in
	// OnBehalfOf, where 0 means 5m and 15m is the most.
	MaxLifetime time.Duration `yaml:"max-lifetime"`

	// Claims names the claims that tell about the principal.
	Claims Claims `yaml:"claims"`

	// Kind is the kind of principal that tokens are of: customer, staff or
	// service. Required, unless Claims.Kind is given; it is then that of the
	// tokens that do not have the claim.
	Kind string `yaml:"kind"`

	// Role is the role of tokens that do not have the role claim. Empty: such
	// tokens are refused.
	Role string `yaml:"role"`

	// Roles lists the roles that may come from this issuer, the first one that
	// a token has being the principal's. Empty: any role, and a token must have
	// exactly one.
	Roles []string `yaml:"roles"`
}

// Claims names the claims of a token, or the members of an introspection answer,
// that tell about a principal. A name beginning with / is a JSON pointer
// (RFC 6901), such as /realm_access/roles; another is that of a claim.
//
// Not configured are "auth_time" and "amr" (RFC 8176): a second factor was shown
// at auth_time if amr has "mfa", or methods of at least two of the three sorts:
// something known (kba, pin, pwd), had (hwk, otp, sc, sms, swk, tel) and been
// (face, fpt, iris, retina, vbm). Nor is "act" (RFC 8693 section 4.1): its
// subject acts for the token's; an "act" within it acted before. All are charged.
// More than 8 are refused.
type Claims struct {
	// Name is the claim with the principal's name. Default: sub.
	Name string `yaml:"name"`
	// Role is the claim with the role, or with a list of roles. Default: role.
	Role string `yaml:"role"`
	// Kind is the claim with the kind of principal. Empty: none.
	Kind string `yaml:"kind"`
	// Customer is the claim with the customer's identifier, for principals of
	// kind customer. They have no name beside it. Default: sub.
	Customer string `yaml:"customer"`
	// SecondFactor are the values of "acr" (OpenID Connect Core 1.0, section 2) by
	// which the issuer says that a second factor was shown at auth_time, beside what
	// amr says. Whoever must show one again is sent to ask for them (RFC 9470). Empty:
	// amr alone tells.
	SecondFactor []string `yaml:"second-factor"`
}

// Key is an API key: a long random secret, as `NewKey` makes it.
//
// It is kept as a SHA-256 hash. A slow hash protects passwords, which can be
// guessed; 160 random bits cannot be, and a slow hash on every request would let
// anybody keep the machine busy.
type Key struct {
	// Name is the principal's name. It is unique among keys.
	Name string `yaml:"name"`
	// Hashes holds "sha256:" and 64 hexadecimal digits: one hash, or two while
	// the key is being exchanged for another.
	Hashes []string `yaml:"hashes"`
	// Role is the principal's role. Required.
	Role string `yaml:"role"`
	// Kind is staff or service. Default: service.
	Kind string `yaml:"kind"`
	// Expires is when the key ends. Zero: never.
	Expires time.Time `yaml:"expires"`
}

// Introspection is a server that is asked about tokens (RFC 7662).
//
// An answer other than 200 with a JSON object whose "active" is true refuses the
// token; so does a server that cannot be reached.
type Introspection struct {
	// Issuer is the name under which principals are known to come from here.
	Issuer string `yaml:"issuer"`
	// URL is the introspection endpoint, under the rules of TokenIssuer.KeysURL.
	URL string `yaml:"url"`
	// CAFile is as in TokenIssuer.
	CAFile string `yaml:"ca-file"`
	// ClientID and ClientSecretFile are Weir's own credential at the endpoint,
	// sent by HTTP Basic as RFC 6749 section 2.3.1 has it. White space at the
	// end of the file is not part of the secret.
	ClientID         string `yaml:"client-id"`
	ClientSecretFile string `yaml:"client-secret-file"`
	// Bearer has opaque tokens in "Authorization: Bearer ..." asked about here.
	// Only one server can have it. Signed tokens are asked about here too if
	// Tokens is empty.
	Bearer bool `yaml:"bearer"`
	// Cookie names a session cookie that is asked about here. Empty: none. One
	// of Bearer and Cookie is required.
	Cookie string `yaml:"cookie"`
	// Audience lists the values of "aud" of which an answer must have one.
	// Empty: the server is trusted to know which tokens are for whom.
	Audience []string `yaml:"audience"`
	// Cache is how long an answer is used, and so how long a session lives
	// after it was ended. Default: 10s. At most 60s, and never past its expiry.
	Cache time.Duration `yaml:"cache"`
	// CacheSize is how many answers are kept. Default: 10000.
	CacheSize int `yaml:"cache-size"`
	// Timeout is how long an answer is waited for. Default: 2s. At most 10s.
	Timeout time.Duration `yaml:"timeout"`
	// Claims, Kind, Role and Roles are as in TokenIssuer, for the members of
	// the answer.
	Claims Claims   `yaml:"claims"`
	Kind   string   `yaml:"kind"`
	Role   string   `yaml:"role"`
	Roles  []string `yaml:"roles"`
}

// CertificateIssuer is a certificate authority and the clients known by its
// certificates. A certificate of a client that is not listed is refused.
type CertificateIssuer struct {
	// Issuer is the name under which principals are known to come from here.
	Issuer string `yaml:"issuer"`
	// CAFile holds the authority's PEM certificates. Required. ClientCAs gives
	// the TLS server those of all authorities and proxies.
	CAFile string `yaml:"ca-file"`
	// Clients lists whom the certificates stand for.
	Clients []CertificateClient `yaml:"clients"`
}

// CertificateClient is a client known by exactly one of URI, DNS and CN, which
// its certificate must have, letter by letter.
type CertificateClient struct {
	URI string `yaml:"uri"` // a URI among the subject alternative names, such as a SPIFFE ID
	DNS string `yaml:"dns"` // a DNS name among them
	CN  string `yaml:"cn"`  // the common name of the subject
	// Name and Role are the principal's. Required.
	Name string `yaml:"name"`
	Role string `yaml:"role"`
	// Kind is staff or service. Default: service.
	Kind string `yaml:"kind"`
}

// Proxy is a proxy that signs people in and names them in a header field. Its
// own certificate is then no credential of the request's, but only proves that
// the field is to be believed.
type Proxy struct {
	// Name is the proxy's, and the issuer of its principals.
	Name string `yaml:"name"`
	// CAFile holds the PEM certificates that the proxy's certificate chains to.
	// Required; a self-signed certificate is its own.
	CAFile string `yaml:"ca-file"`
	// SPKI lists "sha256:" and 64 hexadecimal digits over the SubjectPublicKeyInfo
	// of the proxy's certificates; SAN lists DNS names or URIs that they have.
	// One entry of either must match.
	SPKI []string `yaml:"spki"`
	SAN  []string `yaml:"san"`
	// UserHeader is the field with the principal's name, or the customer's
	// identifier if Kind is customer. Required.
	UserHeader string `yaml:"user-header"`
	// RoleHeader is the field with the role. Empty: Role is everybody's.
	RoleHeader string `yaml:"role-header"`
	// Kind is customer, staff or service. Required.
	Kind string `yaml:"kind"`
	// Role is the role where RoleHeader is not given or not in the request.
	Role string `yaml:"role"`
	// Roles lists the roles that RoleHeader may name. Empty: any.
	Roles []string `yaml:"roles"`
}

// OnBehalfOf lets an account that several people share say which of them it acts
// for, by a second signed token in the header field Weir-On-Behalf-Of.
//
// The exchange is then what a token exchange (RFC 8693) would have made of the
// two: the person in the header is the principal, and the account acts. Name,
// kind, customer, issuer and second factor are the header's; role and credential
// stay the account's, so that the header adds people to charge and never rights.
// The chain of actors reads from the wire inwards: whoever acts through the
// account, the account, whoever acted before by the header's own "act".
//
// If the header's token has "may_act" (RFC 8693 section 4.4), it must name the
// account. Anonymous requests and customers cannot act for anybody.
type OnBehalfOf struct {
	// Issuers lists who may sign the header. Empty: the header is refused. Their
	// audiences must be others than those of Tokens for the same issuer, so that
	// neither token can stand for the other. Cookie, Role, Roles and Claims.Role
	// have no use here.
	Issuers []TokenIssuer `yaml:"issuers"`
	// Actors lists the names of the accounts that may act for others. Empty: all
	// staff and services.
	Actors []string `yaml:"actors"`
	// Required lists the names of the accounts that must: without a person,
	// by the header or by "act" in their own token, they are refused.
	Required []string `yaml:"required"`
}

// Network is a name for addresses. The longest prefix decides.
type Network struct {
	// Name is what policy and ledger call it. It cannot begin with "other:".
	Name string `yaml:"name"`
	// Prefixes are written as 192.0.2.0/24 or 2001:db8::/32.
	Prefixes []string `yaml:"prefixes"`
}

// Forwarded says which proxies are believed about the address of a client. The
// client is the last hop, read from the right, that is none of them.
type Forwarded struct {
	// From lists the prefixes of the proxies' addresses. Empty: none, and the
	// address is that of the connection.
	From []string `yaml:"from"`
	// Header is the field that they set: X-Forwarded-For or Forwarded
	// (RFC 7239). The other one is not read. Default: X-Forwarded-For.
	Header string `yaml:"header"`
}

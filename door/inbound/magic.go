package inbound

import (
	"net/http"
	"strings"
)

// looksLike reports whether the beginning of a body is what its media type says,
// for the families whose formats can be told by their first bytes. Other types
// that the policy declares opaque are taken at their word.
func looksLike(media string, b []byte) bool {
	family, _, _ := strings.Cut(media, "/")
	switch family {
	case "image", "audio", "video", "font":
	default:
		return true
	}
	found, _, _ := strings.Cut(http.DetectContentType(b), ";")
	switch found {
	case "application/ogg":
		return family == "audio" || family == "video"
	case "audio/aiff", "audio/basic", "audio/midi", "audio/mpeg", "audio/wave":
		return family == "audio"
	case "video/avi", "video/mp4", "video/webm":
		return family == "video" || family == "audio" // the same containers hold sound alone
	case "application/octet-stream", "text/plain":
	default:
		return strings.HasPrefix(found, family+"/")
	}
	return signature(family, b)
}

// signature knows formats that the sniffing standard (WHATWG MIME Sniffing) does
// not, which streaming services send most of.
func signature(family string, b []byte) bool {
	has := func(at int, s string) bool { return len(b) >= at+len(s) && string(b[at:at+len(s)]) == s }
	switch family {
	case "video", "audio":
		// ISO 14496-12: a box is its length and its type; a segment of a stream
		// begins with one of these.
		for _, box := range []string{"ftyp", "styp", "moof", "moov", "sidx", "emsg", "prft"} {
			if has(4, box) {
				return true
			}
		}
		// ISO 13818-1: packets of 188 bytes that each begin with 0x47.
		if has(0, "G") && (len(b) <= 188 || has(188, "G")) && len(b) >= 188 {
			return true
		}
		// ADTS (ISO 14496-3) and MPEG audio (ISO 11172-3) begin with eleven or
		// twelve bits of one and a layer that is not reserved; FLAC (RFC 9639).
		if family == "audio" && len(b) >= 4 && b[0] == 0xff && b[1]&0xe0 == 0xe0 && b[1] != 0xff {
			return true
		}
		return has(0, "fLaC")
	case "image":
		return has(4, "ftypavif") || has(4, "ftypavis") || has(4, "ftypheic") || has(4, "ftypheix") || has(4, "ftypmif1") ||
			has(0, "\xff\x0a") || has(0, "\x00\x00\x00\x0cJXL ") || has(0, "II*\x00") || has(0, "MM\x00*")
	case "font":
		return has(0, "OTTO") || has(0, "true") || has(0, "ttcf")
	}
	return false
}

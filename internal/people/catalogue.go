package people

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"time"
)

// A Catalogue is what the service offers. Nothing in it is personal, and much
// of it looks as if it were: names that are nobody's, article numbers with the
// length of a card's, times in milliseconds, identifiers and hashes.
type Catalogue struct {
	Titles   []Title
	Products []Product
}

// A Title is a film or a series.
type Title struct {
	ID       string // "tt-" and six digits
	UUID     string
	Name     string // unique
	Kind     string // "film" or "series"
	Genre    string
	Year     int
	Minutes  int
	Rating   float64
	SHA256   string    // of the master file
	Ingested time.Time // to the millisecond
}

// A Product is an article of the shop.
type Product struct {
	SKU      string
	GTIN     string // 13 digits, in the range 200 to 299 that GS1 keeps for use inside a company
	Name     string // unique
	Price    int    // in hundredths
	Stock    int
	ETag     string
	Modified time.Time
}

const (
	numTitles   = 480
	numProducts = 240
)

func newCatalogue(seed uint64) Catalogue {
	r := rand.New(rand.NewPCG(seed, 0))
	var c Catalogue
	seen := make(map[string]bool)
	for len(c.Titles) < numTitles {
		name := titleName(r)
		if seen[name] {
			continue
		}
		seen[name] = true
		t := Title{
			ID: fmt.Sprintf("tt-%06d", 100000+len(c.Titles)*1733+r.IntN(1700)), UUID: uuid(r), Name: name,
			Kind: pick(r, []string{"film", "film", "series"}), Genre: pick(r, words("drama comedy documentary thriller animation mystery western musical")),
			Year: 1957 + r.IntN(69), Minutes: 22 + r.IntN(150), Rating: float64(20+r.IntN(80)) / 10,
			SHA256: hexes(r, 32), Ingested: Now().Add(-time.Duration(r.Int64N(int64(6 * 365 * 24 * time.Hour)))).Truncate(time.Millisecond),
		}
		c.Titles = append(c.Titles, t)
	}
	for len(c.Products) < numProducts {
		name := pick(r, words("Enamel Linen Walnut Brass Canvas Felt Ceramic Woollen Copper Paper")) + " " +
			pick(r, words("Mug Tote Poster Notebook Lantern Blanket Cap Puzzle Lamp Tray Scarf Clock Coaster Apron")) + " " +
			pick(r, words("Small Large Classic Deluxe Travel Original"))
		if seen[name] {
			continue
		}
		seen[name] = true
		p := Product{
			SKU: fmt.Sprintf("RC-%s-%04d-%s", shaped(r, "@@"), 1000+len(c.Products), shaped(r, "@@")), GTIN: gtin(r), Name: name,
			Price: 450 + 50*r.IntN(220), Stock: r.IntN(4000), ETag: hexes(r, 16),
			Modified: Now().Add(-time.Duration(r.Int64N(int64(2 * 365 * 24 * time.Hour)))).Truncate(time.Millisecond),
		}
		c.Products = append(c.Products, p)
	}
	return c
}

// titleName never gives a single word, so that no title is also a first name.
func titleName(r *rand.Rand) string {
	adjective := words("Quiet Last Burning Paper Hidden Second Northern Salt Broken Silver Hollow Distant Velvet Crooked Midnight Restless Golden Frozen Borrowed Silent")
	noun := words("Harbour Orchard Lantern Tide Meridian Cathedral Compass Winter Garden Railway Archive Horizon Border Mirror Island Kitchen Signal Canyon Festival Observatory")
	place := words("Ashes Glass Thunder Salt Embers Echoes Sand Rain Ivory Smoke")
	switch r.IntN(4) {
	case 0:
		return "The " + pick(r, adjective) + " " + pick(r, noun)
	case 1:
		return pick(r, noun) + " of " + pick(r, place)
	case 2:
		return "A " + pick(r, noun) + " in " + pick(r, place)
	default:
		return pick(r, adjective) + " " + pick(r, noun) + " & " + pick(r, place)
	}
}

// gtin gives a GTIN-13 with its check digit (GS1 General Specifications 7.9).
func gtin(r *rand.Rand) string {
	s := "2" + digits(r, 11)
	sum := 0
	for i, ch := range []byte(s) {
		sum += int(ch-'0') * (1 + 2*(i%2))
	}
	return s + string(rune('0'+(10-sum%10)%10))
}

func hexes(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return hex.EncodeToString(b)
}

// uuid gives a random UUID (RFC 9562, version 4).
func uuid(r *rand.Rand) string {
	h := []byte(hexes(r, 16))
	h[12], h[16] = '4', "89ab"[r.IntN(4)]
	return fmt.Sprintf("%s-%s-%s-%s-%s", h[:8], h[8:12], h[12:16], h[16:20], h[20:])
}

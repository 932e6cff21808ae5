// Command peers measures, in one run and on the same files, how fast Weir inspects
// and how fast others look for the 25 raw patterns of bench/patterns.txt: Hyperscan
// (by the program that bench/hyperscan builds), go-re2 and Go's regexp. All read
// blocks of up to 64 KiB on one core; of several passes the fastest counts, by
// processor time, but for go-re2 and regexp, which are read for at most two seconds.
//
//	peers -weir bin/weir -hyperscan bin/hyperscan -patterns bench/patterns.txt FILE...
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/wasilibs/go-re2"
)

func main() {
	log.SetFlags(0)
	weir := flag.String("weir", "bin/weir", "the program to measure")
	hyperscan := flag.String("hyperscan", "", "what bench/hyperscan builds; empty: leave it out")
	patterns := flag.String("patterns", "bench/patterns.txt", "one pattern a line")
	flag.Parse()
	text, err := os.ReadFile(*patterns)
	if err != nil {
		log.Fatal(err)
	}
	all := "(?:" + strings.Join(strings.Split(strings.TrimSpace(string(text)), "\n"), ")|(?:") + ")"
	plain, fast := regexp.MustCompile(all), re2.MustCompile(all)

	ours := map[string]float64{}
	var figures []struct {
		Name, Unit string
		Value      float64
	}
	if err := json.Unmarshal(output(*weir, append([]string{"bench", "inspect", "--json", "--no-shares"}, flag.Args()...)...), &figures); err != nil {
		log.Fatal(err)
	}
	for _, f := range figures {
		if f.Unit == "GB/s" {
			ours[f.Name] = f.Value
		}
	}
	theirs := map[string]float64{}
	if *hyperscan != "" {
		for line := range strings.Lines(string(output(*hyperscan, append([]string{*patterns}, flag.Args()...)...))) {
			var name string
			var speed float64
			var found int
			if _, err := fmt.Sscan(line, &name, &speed, &found); err != nil {
				log.Fatal(err)
			}
			theirs[name] = speed
		}
	}

	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "file\tweir GB/s\thyperscan GB/s\tratio\tgo-re2 GB/s\tratio\tregexp GB/s\tratio\t")
	for _, path := range flag.Args() {
		name := filepath.Base(path)
		body, err := os.ReadFile(path)
		if err != nil {
			log.Fatal(err)
		}
		mine := ours[name]
		fmt.Fprintf(w, "%s\t%.3f\t", name, mine)
		if h := theirs[name]; h > 0 {
			fmt.Fprintf(w, "%.3f\t%.1f\t", h, mine/h)
		} else {
			fmt.Fprint(w, "-\t-\t")
		}
		a := speed(body, func(b []byte) { fast.FindAllIndex(b, -1) })
		b := speed(body, func(b []byte) { plain.FindAllIndex(b, -1) })
		fmt.Fprintf(w, "%.4f\t%.0f\t%.4f\t%.0f\t\n", a, mine/a, b, mine/b)
	}
	if err := w.Flush(); err != nil {
		log.Fatal(err)
	}
}

func output(program string, args ...string) []byte {
	cmd := exec.Command(program, args...)
	cmd.Stderr = os.Stderr
	b, err := cmd.Output()
	if err != nil {
		log.Fatalf("%s: %v", program, err)
	}
	return b
}

// speed gives how many GB/s read gets through, of as many blocks of body as it
// gets to in two seconds.
func speed(body []byte, read func([]byte)) float64 {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	done, start := 0, time.Now()
	for rest := body; len(rest) > 0 && time.Since(start) < 2*time.Second; {
		n := min(64<<10, len(rest))
		if k := bytes.LastIndexByte(rest[:n], '\n'); n < len(rest) && k >= 0 {
			n = k + 1
		}
		read(rest[:n])
		done += n
		rest = rest[n:]
	}
	return float64(done) / time.Since(start).Seconds() / 1e9
}

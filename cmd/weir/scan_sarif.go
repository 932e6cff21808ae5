package main

import (
	"bufio"
	"encoding/json"
	"net/url"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/getweir/weir"
	"github.com/getweir/weir/door/files"
	"github.com/getweir/weir/inspect"
)

// sarifTeller writes a log in the Static Analysis Results Interchange Format, version
// 2.1.0 (OASIS), result by result: a rule for each class, a result for each finding.
type sarifTeller struct {
	w     *bufio.Writer
	rules map[weir.Class]int // their numbers in the list of rules
	n     int
	err   error
}

type sarifText struct {
	Text string `json:"text"`
}

type sarifRule struct {
	ID         string              `json:"id"`
	Short      sarifText           `json:"shortDescription"`
	Help       sarifText           `json:"help"`
	Properties map[string][]string `json:"properties"`
}

type sarifResult struct {
	RuleID     string          `json:"ruleId"`
	RuleIndex  int             `json:"ruleIndex"`
	Level      string          `json:"level"`
	Message    sarifText       `json:"message"`
	Locations  []sarifLocation `json:"locations"`
	Properties sarifProperties `json:"properties"`
}

type sarifLocation struct {
	Physical sarifPhysical  `json:"physicalLocation"`
	Logical  []sarifLogical `json:"logicalLocations,omitempty"`
}

type sarifPhysical struct {
	Artifact sarifArtifact `json:"artifactLocation"`
	Region   sarifRegion   `json:"region"`
}

type sarifArtifact struct {
	URI string `json:"uri"`
}

type sarifRegion struct {
	StartLine   int   `json:"startLine"`
	StartColumn int   `json:"startColumn"`
	ByteOffset  int64 `json:"byteOffset"`
	ByteLength  int   `json:"byteLength"`
}

type sarifLogical struct {
	Name string `json:"fullyQualifiedName"`
}

type sarifProperties struct {
	Confidence string `json:"confidence"`
	Detector   string `json:"detector"`
	Checksum   bool   `json:"checksum"`
}

type sarifDriver struct {
	Name    string      `json:"name"`
	Version string      `json:"version"`
	URI     string      `json:"informationUri"`
	Rules   []sarifRule `json:"rules"`
}

type sarifNotification struct {
	Level   string    `json:"level"`
	Message sarifText `json:"message"`
}

type sarifInvocation struct {
	Successful    bool                `json:"executionSuccessful"`
	Notifications []sarifNotification `json:"toolExecutionNotifications,omitempty"`
}

// buildVersion is the version of this build, "devel" where it has none.
func buildVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "devel"
}

func newSARIFTeller(w *bufio.Writer) *sarifTeller {
	t := &sarifTeller{w: w, rules: map[weir.Class]int{}}
	driver := sarifDriver{Name: "weir", Version: buildVersion(), URI: "https://github.com/getweir/weir", Rules: []sarifRule{}}
	for i, c := range inspect.Classes() {
		t.rules[c.Name] = i
		family, _, _ := strings.Cut(string(c.Name), ".")
		driver.Rules = append(driver.Rules, sarifRule{string(c.Name), sarifText{c.About}, sarifText{"Such as " + c.Example + ". By " + c.Source + "."},
			map[string][]string{"tags": {"privacy", family}}})
	}
	t.w.WriteString(`{"$schema":"https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json","version":"2.1.0","runs":[{"tool":{"driver":`)
	t.put(driver)
	t.w.WriteString(`},"columnKind":"unicodeCodePoints","results":[`)
	return t
}

func (t *sarifTeller) put(v any) {
	b, err := json.Marshal(v)
	if err != nil && t.err == nil {
		t.err = err
	}
	t.w.Write(b)
}

var sarifLevels = [...]string{weir.Unsure: "note", weir.LikelyMatch: "warning", weir.SureMatch: "error"}

func (t *sarifTeller) finding(f *files.Finding) {
	rule, known := t.rules[f.Class]
	if !known {
		rule = -1 // SARIF's word for none
	}
	where := sarifLocation{Physical: sarifPhysical{sarifArtifact{fileURI(f.File)}, sarifRegion{f.Line, f.Column, f.Offset, f.Length}}}
	text := string(f.Class) + " with " + f.Confidence.String() + " confidence"
	if f.Path != "" {
		where.Logical = []sarifLogical{{f.Path}}
		text += " at " + f.Path
	}
	if t.n++; t.n > 1 {
		t.w.WriteByte(',')
	}
	t.w.WriteByte('\n')
	t.put(sarifResult{string(f.Class), rule, sarifLevels[f.Confidence], sarifText{text}, []sarifLocation{where},
		sarifProperties{f.Confidence.String(), f.Detector, f.Checked}})
}

// fileURI gives the URI of a file, relative where its name is (RFC 3986).
func fileURI(name string) string {
	if name == "-" {
		return "stdin"
	}
	u := url.URL{Path: filepath.ToSlash(filepath.Clean(name))}
	if filepath.IsAbs(name) {
		u.Scheme = "file"
	}
	return u.String()
}

func (t *sarifTeller) end(sum *files.Summary) error {
	t.w.WriteString("],\n\"invocations\":[")
	done := sarifInvocation{Successful: sum.Failed == 0 && !sum.Interrupted}
	for _, f := range sum.Failures {
		done.Notifications = append(done.Notifications, sarifNotification{"error", sarifText{f.File + ": " + f.Err.Error()}})
	}
	for _, line := range strings.Split(strings.TrimSpace(summaryText(sum)), "\n")[1:] {
		done.Notifications = append(done.Notifications, sarifNotification{"note", sarifText{line}})
	}
	t.put(done)
	t.w.WriteString("]}]}\n")
	return t.err
}

package guard

import (
	"github.com/getweir/weir/inspect"
	"github.com/getweir/weir/policy"
)

// Detectors gives the policy's own detectors as an Inspector is made with them.
// They are neither compiled nor tried here.
func Detectors(p *policy.Policy) []inspect.Detector {
	stated := p.Detectors()
	all := make([]inspect.Detector, len(stated))
	for i, d := range stated {
		all[i] = inspect.Detector{
			Class: d.Class, Pattern: d.Pattern, Literal: d.Literal, Checksum: d.Checksum, Words: d.Words, Confidence: d.Confidence,
		}
	}
	return all
}

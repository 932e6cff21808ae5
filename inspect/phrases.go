package inspect

// phrases is all that keys, columns and labels mean.
var phrases = joined(words, localWords, numberWords, ruleTab.phrases, secretWords, storyWords, thingWords)

// joined gives one table of several. Of a phrase that stands in more than one, the
// last says what it means.
func joined(tables ...map[string]meaning) map[string]meaning {
	all := make(map[string]meaning)
	for _, t := range tables {
		for phrase, m := range t {
			all[phrase] = m
		}
	}
	return all
}

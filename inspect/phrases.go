package inspect

// phrases is all that keys, columns and labels mean.
var phrases = joined(builtWords, words, localWords, numberWords, ruleTab.phrases, secretWords, storyWords, thingWords)

// joined gives one table of several. Of a phrase that stands in more than one, the
// last says what it means. A phrase with signs on its letters stands there without, too.
func joined(tables ...map[string]meaning) map[string]meaning {
	all := make(map[string]meaning)
	for _, t := range tables {
		for phrase, m := range t {
			all[phrase] = m
		}
	}
	for phrase, m := range all {
		if plain, changed := unsigned(nil, []byte(phrase)); changed {
			if _, ok := all[string(plain)]; !ok {
				all[string(plain)] = m
			}
		}
	}
	return all
}

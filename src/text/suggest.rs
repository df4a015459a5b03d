//! Did you mean.

/// The candidate closest to `word`, when it is close enough to be what was meant: at most a third of the word's
/// characters (at least one) are wrong, missing, extra or swapped. Of equally close ones the first.
pub fn suggest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .filter(|candidate| *candidate != word && !candidate.is_empty())
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= limit && *distance < candidate.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_candidate_within_a_third_is_suggested() {
        let keys = ["shell", "http", "title", "timeout", "on_failure", "id"];
        for (word, want) in [
            ("shel", Some("shell")),
            ("sehll", Some("shell")),
            ("tiemout", Some("timeout")),
            ("on_falure", Some("on_failure")),
            ("ttile", Some("title")),
            ("banana", None),
            ("x", None),
            ("shell", None),
            ("", None),
        ] {
            assert_eq!(suggest(word, keys), want, "{word}");
        }
    }
}

//! Did you mean.

/// Among more names than this nothing is suggested: comparing every wrong name with every right one would take minutes.
const MOST_CANDIDATES: usize = 500;

/// The candidate closest to `word`, when it is close enough to be what was meant: at most a third of the word's
/// characters (at least one) are wrong, missing, extra or swapped. Of equally close ones the first.
pub fn suggest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    let limit = (length / 3).max(1);
    let mut few: Vec<&str> = candidates.into_iter().take(MOST_CANDIDATES + 1).collect();
    if few.len() > MOST_CANDIDATES {
        return None;
    }
    few.retain(|candidate| *candidate != word && candidate.chars().count().abs_diff(length) <= limit);
    few.into_iter()
        .filter(|candidate| !candidate.is_empty())
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= limit && *distance < candidate.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn among_very_many_names_nothing_is_suggested() {
        let names: Vec<String> = (0..501).map(|n| format!("step{n}")).collect();
        let few = names[..500].iter().map(String::as_str);
        assert_eq!(suggest("sttep7", few), Some("step7"));
        assert_eq!(suggest("sttep7", names.iter().map(String::as_str)), None);
    }

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

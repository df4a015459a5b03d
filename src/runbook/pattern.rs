//! Regular expressions with a budget: a short pattern can become a large program.

use regex::{Regex, RegexBuilder};

/// Longest pattern, in bytes.
const LONGEST: usize = 4096;
/// What a pattern may become, in bytes, and what that costs. The first is enough for all ordinary ones.
const SIZES: [(usize, usize); 3] = [(256 << 10, 0), (1 << 20, 1), (4 << 20, TOO_LARGE)];
/// What a pattern costs that is too large: to find that out takes as long as compiling the largest.
pub const TOO_LARGE: usize = 4;
/// Deepest nesting of groups.
const DEEPEST: u32 = 50;

/// A compiled pattern.
pub struct Pattern {
    /// Ready to match; linear in the length of the text.
    pub regex: Regex,
    /// Roughly its size in MiB; 0 for an ordinary one.
    pub cost: usize,
}

/// Why a pattern cannot be used.
pub struct Unusable {
    /// In words.
    pub why: String,
    /// What it took to find out, as for [`Pattern::cost`].
    pub cost: usize,
}

/// Compiles a pattern that may match anywhere, or, `anchored`, only the whole text.
///
/// # Errors
/// What is wrong with it, or that it is too large.
pub fn compile(pattern: &str, anchored: bool) -> Result<Pattern, Unusable> {
    if pattern.len() > LONGEST {
        return Err(Unusable { why: format!("it is longer than {LONGEST} bytes"), cost: 0 });
    }
    let text = if anchored { format!("^(?:{pattern})$") } else { pattern.to_owned() };
    for (size, cost) in SIZES {
        match RegexBuilder::new(&text).size_limit(size).nest_limit(DEEPEST).build() {
            Ok(regex) => return Ok(Pattern { regex, cost }),
            Err(regex::Error::CompiledTooBig(_)) => {}
            Err(error) => {
                let words = error.to_string();
                let why = words.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                return Err(Unusable { why, cost: 0 });
            }
        }
    }
    Err(Unusable { why: format!("compiled it needs more than {} MiB", SIZES[2].0 >> 20), cost: TOO_LARGE })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_patterns_are_small_and_anchored_ones_match_the_whole_text() {
        let version = compile(r"v\d+\.\d+\.\d+(-\w+)?", true).ok().unwrap();
        assert!(version.cost == 0 && version.regex.is_match("v1.2.3-rc1") && !version.regex.is_match("x v1.2.3"));
        assert!(compile("a|b", true).is_ok_and(|p| p.regex.is_match("b") && !p.regex.is_match("ab")));
        assert!(compile(r"[\w-]{1,63}", true).is_ok_and(|label| label.cost > 0 && label.regex.is_match("a-b")));
    }

    #[test]
    fn what_takes_too_much_is_refused_in_words() {
        let nested = format!("{}a{}", "(".repeat(60), ")".repeat(60));
        for (pattern, why) in [
            (r"((\w{50}){50}){50}", "compiled it needs more than 4 MiB"),
            (&*"x".repeat(5000), "it is longer than 4096 bytes"),
            (&*nested, "exceed the maximum number of nested parentheses/brackets (50)"),
            ("(", "unclosed group"),
        ] {
            assert_eq!(compile(pattern, true).err().map(|e| e.why).as_deref(), Some(why));
        }
    }
}

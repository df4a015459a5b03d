//! Regular expressions with a budget: a short pattern can become a large program.

use regex::{Regex, RegexBuilder};

/// Longest pattern, in bytes.
const LONGEST: usize = 4096;
/// Most that one pattern may become, in bytes.
const LARGEST: usize = 1 << 20;
/// What an ordinary pattern becomes is smaller than this.
const ORDINARY: usize = 256 << 10;
/// Deepest nesting of groups.
const DEEPEST: u32 = 50;

/// A compiled pattern.
pub struct Pattern {
    /// Ready to match; linear in the length of the text.
    pub regex: Regex,
    /// It needs more than 256 KiB.
    pub is_large: bool,
}

/// Compiles a pattern that may match anywhere, or, `anchored`, only the whole text.
///
/// # Errors
/// In words: what is wrong with it, or that it is too large.
pub fn compile(pattern: &str, anchored: bool) -> Result<Pattern, String> {
    if pattern.len() > LONGEST {
        return Err(format!("it is longer than {LONGEST} bytes"));
    }
    let text = if anchored { format!("^(?:{pattern})$") } else { pattern.to_owned() };
    let with = |limit| RegexBuilder::new(&text).size_limit(limit).nest_limit(DEEPEST).build();
    let (built, is_large) = match with(ORDINARY) {
        Err(regex::Error::CompiledTooBig(_)) => (with(LARGEST), true),
        built => (built, false),
    };
    match built {
        Ok(regex) => Ok(Pattern { regex, is_large }),
        Err(regex::Error::CompiledTooBig(_)) => Err(format!("compiled it needs more than {} MiB", LARGEST >> 20)),
        Err(error) => {
            let words = error.to_string();
            Err(words.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_patterns_are_small_and_anchored_ones_match_the_whole_text() {
        let version = compile(r"v\d+\.\d+\.\d+(-\w+)?", true).unwrap();
        assert!(!version.is_large && version.regex.is_match("v1.2.3-rc1") && !version.regex.is_match("x v1.2.3"));
        assert!(
            compile("a|b", true).unwrap().regex.is_match("b") && !compile("a|b", true).unwrap().regex.is_match("ab")
        );
        assert!(compile(r"\w{30}", false).unwrap().is_large);
    }

    #[test]
    fn what_takes_too_much_is_refused_in_words() {
        let nested = format!("{}a{}", "(".repeat(60), ")".repeat(60));
        for (pattern, why) in [
            (r"((\w{50}){50}){50}", "compiled it needs more than 1 MiB"),
            (&*"x".repeat(5000), "it is longer than 4096 bytes"),
            (&*nested, "exceed the maximum number of nested parentheses/brackets (50)"),
            ("(", "unclosed group"),
        ] {
            assert_eq!(compile(pattern, true).err().as_deref(), Some(why));
        }
    }
}

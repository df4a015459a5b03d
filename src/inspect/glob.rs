//! Patterns of paths: `*` and `?` within a name, `**` for any number of directories. Everything else is itself.

/// A pattern; it also matches what stands below a directory it names.
#[derive(Debug, Clone)]
pub struct Glob {
    parts: Vec<String>,
}

impl Glob {
    /// A pattern from the directory it is used in.
    pub fn anchored(pattern: &str) -> Glob {
        let pattern = pattern.strip_prefix("./").unwrap_or(pattern).trim_end_matches('/');
        Glob { parts: pattern.split('/').map(str::to_string).collect() }
    }

    /// As in `.gitignore`: a pattern without `/` in it matches a name in any directory.
    pub fn anywhere(pattern: &str) -> Glob {
        let glob = Glob::anchored(pattern);
        match &glob.parts[..] {
            [one] if one != "**" && !pattern.starts_with("./") => Glob { parts: vec!["**".to_string(), one.clone()] },
            _ => glob,
        }
    }

    /// Whether this path, or a directory it stands in, is meant.
    pub fn matches(&self, path: &str) -> bool {
        let path: Vec<&str> = path.split('/').collect();
        parts_match(&self.parts, &path)
    }

    /// The path itself where the pattern has no wildcard.
    pub fn literal(&self) -> Option<String> {
        self.parts.iter().all(|part| is_literal(part)).then(|| self.parts.join("/"))
    }

    /// The directory below which everything stands that can match; empty is the one it is used in.
    pub fn directory(&self) -> String {
        let fixed = self.parts[..self.parts.len() - 1].iter().take_while(|part| is_literal(part));
        let fixed: Vec<&str> = fixed.map(String::as_str).collect();
        // An absolute pattern begins with an empty part.
        if fixed == [""] { "/".to_string() } else { fixed.join("/") }
    }
}

fn is_literal(part: &str) -> bool {
    !part.contains(['*', '?'])
}

fn parts_match(pattern: &[String], path: &[&str]) -> bool {
    let Some((first, rest)) = pattern.split_first() else { return true };
    if first == "**" {
        // At the end it means everything below, so there must be something.
        let least = usize::from(rest.is_empty());
        return (least..=path.len()).any(|skipped| parts_match(rest, &path[skipped..]));
    }
    path.split_first().is_some_and(|(name, below)| name_matches(first, name) && parts_match(rest, below))
}

/// One name; the last `*` that matched is the only one that ever has to give way.
fn name_matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(letter) if *letter == '?' || *letter == name[n] => {
                (p, n) = (p + 1, n + 1);
            }
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    (p, n) = (at + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|letter| *letter == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_names_directories_and_what_is_below() {
        for (pattern, path, wanted) in [
            ("a.yml", "a.yml", true),
            ("a.yml", "b/a.yml", false),
            ("*.yml", "a.yml", true),
            ("*.yml", "b/a.yml", false),
            ("*.yml", ".hidden.yml", true),
            ("conf/*.yml", "conf/a.yml", true),
            ("conf/*.yml", "conf/x/a.yml", false),
            ("conf/**/*.yml", "conf/x/y/a.yml", true),
            ("conf/**/*.yml", "conf/a.yml", true),
            ("**/a", "a", true),
            ("conf/**", "conf/a", true),
            ("conf/**", "conf", false),
            ("conf", "conf/x/y", true),
            ("./conf/", "conf/x", true),
            ("conf", "config", false),
            ("a?c", "abc", true),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxbyy", false),
            ("[id].tsx", "[id].tsx", true),
            ("[id].tsx", "i.tsx", false),
        ] {
            assert_eq!(Glob::anchored(pattern).matches(path), wanted, "{pattern} on {path}");
        }
    }

    #[test]
    fn without_a_slash_a_pattern_of_git_means_any_directory() {
        assert!(Glob::anywhere("*.md").matches("docs/a/b.md"));
        assert!(Glob::anywhere("tests/").matches("x/tests/a.rs"));
        assert!(!Glob::anywhere("docs/*.md").matches("x/docs/a.md"));
        assert!(!Glob::anywhere("./README.md").matches("docs/README.md"));
    }

    #[test]
    fn the_directory_to_walk_is_the_fixed_part() {
        assert_eq!(Glob::anchored("/etc/app/*.conf").directory(), "/etc/app");
        assert_eq!(Glob::anchored("/*.conf").directory(), "/");
        assert_eq!(Glob::anchored("*.conf").directory(), "");
        assert_eq!(Glob::anchored("a/b.conf").literal().as_deref(), Some("a/b.conf"));
    }

    #[test]
    fn many_stars_take_no_longer_than_few() {
        let name = "a".repeat(3000);
        assert!(!name_matches(&format!("{}b", "*a".repeat(60)), &name));
    }
}

//! What `git` prints where names end with a NUL, so that no file name can be taken for anything else.

/// A commit and the files it changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its full id.
    pub id: String,
    /// Paths from the root of the repository. Of a merge only what differs from all its parents.
    pub files: Vec<String>,
}

/// What is wrong with a revision as an argument of `git`; none when it names one revision and nothing else.
pub fn wrong_revision(revision: &str) -> Option<&'static str> {
    match revision {
        "" => Some("is empty"),
        _ if revision.starts_with('-') => Some("starts with `-`, which git would take for an option"),
        _ if revision.contains("..") => Some("is a range; write its two ends as `base` and `head`"),
        _ if revision.chars().any(|c| c.is_control() || c == ' ') => Some("holds white space"),
        _ => None,
    }
}

/// The commits of `git diff-tree --stdin --raw -z`. Entries begin with `:`, so a file that is named like a commit is
/// still a file.
///
/// # Errors
/// Words, when it is not the output of that command.
pub fn commits(bytes: &[u8]) -> Result<Vec<Commit>, String> {
    let mut commits: Vec<Commit> = Vec::new();
    let mut parts = parts(bytes);
    while let Some(part) = parts.next() {
        if part.starts_with(b":") {
            let (name, commit) = (parts.next(), commits.last_mut());
            let (Some(name), Some(commit)) = (name, commit) else { return Err(strange(part)) };
            commit.files.push(readable(name));
        } else if is_id(part) {
            commits.push(Commit { id: readable(part), files: Vec::new() });
        } else {
            return Err(strange(part));
        }
    }
    Ok(commits)
}

/// The files of `git diff-tree --raw -z BASE HEAD`.
///
/// # Errors
/// Words, when it is not the output of that command.
pub fn files(bytes: &[u8]) -> Result<Vec<String>, String> {
    let mut files = Vec::new();
    let mut parts = parts(bytes);
    while let Some(part) = parts.next() {
        match parts.next() {
            Some(name) if part.starts_with(b":") => files.push(readable(name)),
            _ => return Err(strange(part)),
        }
    }
    Ok(files)
}

/// A file name on one line of text: control characters, and bytes that are no text, as `\xNN`.
pub fn readable(name: &[u8]) -> String {
    let mut out = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter.is_control() {
                true => {
                    letter.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| out.push_str(&format!("\\x{byte:02x}")))
                }
                false => out.push(letter),
            }
        }
        chunk.invalid().iter().for_each(|byte| out.push_str(&format!("\\x{byte:02x}")));
    }
    out
}

fn parts(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let whole = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    whole.split(|byte| *byte == 0).filter(move |_| !whole.is_empty())
}

/// SHA-1 or SHA-256 in hex.
fn is_id(part: &[u8]) -> bool {
    matches!(part.len(), 40 | 64) && part.iter().all(u8::is_ascii_hexdigit)
}

fn strange(part: &[u8]) -> String {
    format!("git printed `{}` where nobody expects it", readable(part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    #[test]
    fn a_file_named_like_a_commit_stays_a_file_of_its_commit() {
        let printed = format!("{A}\0:000000 100644 0 1 A\0{B}\0:100644 100644 1 2 M\0argo/x\0{B}\0::1 1 1 MM\0y\0");
        let found = commits(printed.as_bytes()).unwrap();
        let wanted = [
            Commit { id: A.into(), files: vec![B.into(), "argo/x".into()] },
            Commit { id: B.into(), files: vec!["y".into()] },
        ];
        assert_eq!(found, wanted);
    }

    #[test]
    fn names_with_line_feeds_quotes_and_broken_text_stay_on_one_line() {
        let printed = b":1 2 M\0a\nb \"c\"\\\0:1 2 M\0\xff\xc3\xa9\x1b\0";
        assert_eq!(files(printed).unwrap(), ["a\\x0ab \"c\"\\", "\\xff\u{e9}\\x1b"]);
        assert_eq!(files(b"").unwrap(), Vec::<String>::new());
    }

    #[test]
    fn a_revision_is_one_revision_and_no_option() {
        for good in ["HEAD", "v1.2.3", "HEAD~2", "main@{1}", A, "origin/main"] {
            assert_eq!(wrong_revision(good), None, "{good}");
        }
        for bad in ["", "--output=/etc/passwd", "-x", "a..b", "a...b", "a b", "a\nb"] {
            assert!(wrong_revision(bad).is_some(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(prop_oneof![Just(0u8), Just(b':'), any::<u8>()], 0..80)) {
            let _ = commits(&bytes);
            let _ = files(&bytes);
            prop_assert!(!readable(&bytes).chars().any(char::is_control));
        }
    }
}

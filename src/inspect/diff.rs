//! Added lines of `git diff -U0 --text`, each with its file and its number in the new file.

/// Reads a diff that comes in pieces.
#[derive(Debug, Default)]
pub struct Added {
    held: Vec<u8>,
    file: Option<Vec<u8>>,
    /// Lines of the hunk that are still to come: removed, added.
    left: (u64, u64),
    /// Number of the next added line.
    line: u64,
    strange: Option<String>,
}

impl Added {
    /// Takes a piece; `see` gets the file, the number and the text of each added line that is whole by now.
    pub fn push(&mut self, piece: &[u8], mut see: impl FnMut(&[u8], u64, &[u8])) {
        self.held.extend_from_slice(piece);
        let held = std::mem::take(&mut self.held);
        let mut rest = &held[..];
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            self.line(&rest[..end], &mut see);
            rest = &rest[end + 1..];
        }
        self.held = rest.to_vec();
    }

    /// The diff is over.
    ///
    /// # Errors
    /// Words, when it was cut off or is no such diff: then nothing may be concluded from it.
    pub fn finish(self) -> Result<(), String> {
        match self.strange {
            Some(strange) => Err(strange),
            None if self.left != (0, 0) || !self.held.is_empty() => Err("the diff of git is cut off".into()),
            None => Ok(()),
        }
    }

    fn line(&mut self, line: &[u8], see: &mut impl FnMut(&[u8], u64, &[u8])) {
        if self.left == (0, 0) {
            return self.header(line);
        }
        match line.first() {
            Some(b'+') if self.left.1 > 0 => {
                match &self.file {
                    Some(file) => see(file, self.line, &line[1..]),
                    None => self.strange = Some("git shows added lines of no file".into()),
                }
                (self.line, self.left.1) = (self.line + 1, self.left.1 - 1);
            }
            Some(b'-') if self.left.0 > 0 => self.left.0 -= 1,
            // `\ No newline at end of file`
            Some(b'\\') => {}
            _ => self.strange = Some("git shows a line that is neither added nor removed".into()),
        }
    }

    fn header(&mut self, line: &[u8]) {
        if line.starts_with(b"diff --git ") {
            self.file = None;
        } else if let Some(name) = line.strip_prefix(b"+++ ") {
            self.file = file_name(name);
        } else if line.starts_with(b"@@ ") {
            match hunk(line) {
                Some((removed, added, first)) => (self.left, self.line) = ((removed, added), first),
                None => self.strange = Some("git shows a hunk without line numbers".into()),
            }
        }
    }
}

/// `@@ -A,B +C,D @@` as B, D, C; a count that is not written is 1.
fn hunk(line: &[u8]) -> Option<(u64, u64, u64)> {
    let text = std::str::from_utf8(line.get(..line.len().min(100))?).ok().or_else(|| {
        // Behind the second `@@` stands a line of the file, cut anywhere.
        let end = line.windows(3).skip(2).position(|window| window == b" @@")? + 2;
        std::str::from_utf8(&line[..end]).ok()
    })?;
    let mut words = text.split(' ').skip(1);
    let range = |word: &str, sign: char| {
        let (first, count) = word.strip_prefix(sign).map(|word| word.split_once(',').unwrap_or((word, "1")))?;
        Some((first.parse::<u64>().ok()?, count.parse::<u64>().ok()?))
    };
    let (_, removed) = range(words.next()?, '-')?;
    let (first, added) = range(words.next()?, '+')?;
    Some((removed, added, first))
}

/// The path behind `+++`: `b/PATH`, a tab after it when it has white space, in quotes when it has stranger things.
fn file_name(said: &[u8]) -> Option<Vec<u8>> {
    let name = match said.strip_prefix(b"\"") {
        Some(quoted) => unquoted(quoted),
        None => said.strip_suffix(b"\t").unwrap_or(said).to_vec(),
    };
    name.strip_prefix(b"b/").map(<[u8]>::to_vec)
}

/// A name as C writes strings, to its closing quote.
fn unquoted(quoted: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut bytes = quoted.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => break,
            b'\\' => match bytes.next() {
                Some(b'n') => out.push(b'\n'),
                Some(b't') => out.push(b'\t'),
                Some(b'r') => out.push(b'\r'),
                Some(b'a') => out.push(7),
                Some(b'b') => out.push(8),
                Some(b'v') => out.push(11),
                Some(b'f') => out.push(12),
                Some(digit @ b'0'..=b'7') => {
                    let rest = [bytes.next(), bytes.next()].into_iter().flatten();
                    let value =
                        rest.fold(u32::from(digit - b'0'), |value, d| value * 8 + u32::from(d.wrapping_sub(b'0') & 7));
                    out.push(value as u8);
                }
                Some(other) => out.push(other),
                None => {}
            },
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn added(diff: &[u8], size: usize) -> Result<Vec<String>, String> {
        let mut seen = Vec::new();
        let mut reader = Added::default();
        for piece in diff.chunks(size.max(1)) {
            reader.push(piece, |file, line, text| {
                let show = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                seen.push(format!("{}:{line}:{}", show(file), show(text)));
            });
        }
        reader.finish().map(|()| seen)
    }

    const DIFF: &str = "diff --git a/x.js b/x.js\nindex 1..2 100644\n--- a/x.js\n+++ b/x.js\n@@ -3 +3,2 @@ fn @@ x\n-// TODO\n+one\n++++ b/fake\n@@ -9,2 +10,0 @@\n--- a/fake\n-diff --git\ndiff --git \"a/q\\\"\\303\\251\" \"b/q\\\"\\303\\251\"\nnew file mode 100644\n--- /dev/null\n+++ \"b/q\\\"\\303\\251\"\n@@ -0,0 +1 @@\n+last\n\\ No newline at end of file\ndiff --git a/with space b/with space\n--- a/with space\t\n+++ b/with space\t\n@@ -1,0 +2 @@\n+x\r\n";

    #[test]
    fn only_added_lines_are_seen_with_their_file_and_number() {
        let wanted = ["x.js:3:one", "x.js:4:+++ b/fake", "q\"\u{e9}:1:last", "with space:2:x\r"];
        assert_eq!(added(DIFF.as_bytes(), usize::MAX).unwrap(), wanted);
    }

    #[test]
    fn a_diff_that_is_cut_off_concludes_nothing() {
        assert!(added(&DIFF.as_bytes()[..DIFF.len() - 1], 7).is_err());
        assert!(added(b"diff --git a/x b/x\n+++ b/x\n@@ -0,0 +1,2 @@\n+one\n", 7).is_err());
        assert!(added(b"diff --git a/x b/x\n+++ b/x\n@@ -1 +1 @@\n context\n", 7).is_err());
    }

    #[test]
    fn a_heading_that_is_cut_inside_a_letter_does_not_matter() {
        let heading = format!("{}\u{e9}", "x".repeat(89));
        let mut diff = b"diff --git a/x b/x\n+++ b/x\n@@ -1 +1 @@ ".to_vec();
        diff.extend(heading.bytes().take(90));
        diff.extend(b"\n-a\n+b\n");
        assert_eq!(added(&diff, 9).unwrap(), ["x:1:b"]);
    }

    proptest! {
        #[test]
        fn pieces_of_any_size_give_the_same(size in 1usize..40) {
            prop_assert_eq!(added(DIFF.as_bytes(), size), added(DIFF.as_bytes(), usize::MAX));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = added(&bytes, 11);
        }
    }
}

//! Every character of a scalar leads back to the bytes that made it.

use super::*;

/// Checks all positions of `/k` or `/k/0` of a document.
#[track_caller]
fn check(text: &str) -> Result<(), TestCaseError> {
    let file = source(text);
    let parsed = parse(&file);
    prop_assert_eq!(&parsed.diagnostics[..], &[], "{:?}", text);
    let root = parsed.root.expect("a document without diagnostics has a root");
    let node = root.get("k").expect("every generated document has k");
    let decoded = node.scalar().expect("k is a scalar");
    let mut last = 0;
    for (offset, c) in decoded.char_indices() {
        let at = node.map_offset(&file, offset) as usize;
        let there = file.text()[at..].chars().next();
        let same = there == Some(c)
            || there == Some('\\')
            || (c == '\'' && there == Some('\''))
            || (matches!(c, ' ' | '\n') && matches!(there, Some('\n' | '\r')))
            // A block at the end of a file that lacks the final line break.
            || (c == '\n' && there.is_none());
        prop_assert!(same, "{text:?}: {c:?} at {offset} of {decoded:?} mapped to {there:?} at {at}");
        prop_assert!(at > last || offset == 0, "{text:?}: positions go backwards at {offset}");
        if let Some(escape) = there.filter(|there| *there == '\\' && c != '\\') {
            prop_assert_eq!(escape, '\\');
            let span = node.map_range(&file, offset..offset + c.len_utf8());
            let wanted = c.to_string();
            let alone = read(&format!("k: \"{}\"", file.slice(span)));
            prop_assert_eq!(alone.get("k").and_then(Node::scalar), Some(wanted.as_str()));
        }
        last = at;
    }
    let end = node.map_offset(&file, decoded.len()) as usize;
    prop_assert!(decoded.is_empty() || end > last || end == text.len());
    Ok(())
}

/// Words, blanks and characters of one to four bytes.
fn words() -> impl Strategy<Value = String> {
    "[a-zé日𝄞][a-zé日𝄞0-9.,]{0,4}( {1,3}[a-zé日𝄞0-9]{1,4}){0,3}"
}

fn block_lines() -> impl Strategy<Value = Vec<String>> {
    let line = prop_oneof![4 => words(), 1 => "[ \t]{1,2}[a-z]{1,3} ?", 2 => Just(String::new())];
    (words(), prop::collection::vec(line, 0..7)).prop_map(|(first, mut lines)| {
        lines.insert(0, first);
        lines
    })
}

fn with_breaks(text: &str, windows: bool) -> String {
    if windows { text.replace('\n', "\r\n") } else { text.to_owned() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn blocks(
        lines in block_lines(), above in 0usize..3, folded: bool, chomp in "[-+]?", indent in 1usize..4,
        windows: bool, below in 0usize..3, end: bool, last in any::<bool>(),
    ) {
        let mut text = format!("a: 1\nk: {}{chomp}\n{}", if folded { '>' } else { '|' }, "\n".repeat(above));
        let indented: Vec<String> =
            lines.iter().map(|line| if line.is_empty() { String::new() } else { " ".repeat(indent) + line }).collect();
        text += &indented.join("\n");
        if end || !last { text += "\n"; text += &"\n".repeat(below); }
        if !last { text += "z: 2\n"; }
        check(&with_breaks(&text, windows))?;
    }

    #[test]
    fn blocks_with_an_indentation_digit(lines in block_lines(), extra in 0usize..3, folded: bool, windows: bool) {
        let mut text = format!("k: {}2\n", if folded { '>' } else { '|' });
        for (at, line) in lines.iter().enumerate() {
            let blanks = if at == 0 { 2 + extra } else if line.is_empty() { extra } else { 2 };
            text += &format!("{}{line}\n", " ".repeat(blanks));
        }
        check(&with_breaks(&text, windows))?;
    }

    #[test]
    fn plain_scalars_over_lines(parts in prop::collection::vec((words(), 1usize..4), 1..5), windows: bool) {
        let mut text = "k: ".to_owned();
        for (at, (word, breaks)) in parts.iter().enumerate() {
            let separator = if at == 0 { String::new() } else { format!(" {}   ", "\n".repeat(*breaks)) };
            text += &format!("{separator}{word}");
        }
        check(&with_breaks(&(text + "\nz: 1\n"), windows))?;
    }

    #[test]
    fn single_quoted_scalars(
        parts in prop::collection::vec(prop_oneof![words(), Just("''".to_owned()), Just(" ".to_owned()),
            Just("\n  ".to_owned()), Just(" \n\n \t".to_owned()), Just("\"\\".to_owned())], 0..9),
        windows: bool,
    ) {
        check(&with_breaks(&format!("k: '{}'\n", parts.concat()), windows))?;
    }

    #[test]
    fn double_quoted_scalars(
        parts in prop::collection::vec(prop_oneof![
            words(),
            prop::sample::select(vec!["\\n", "\\t", "\\\\", "\\\"", "\\/", "\\ ", "\\x41", "\\u00e9", "\\U0001D11E", "\\ud83d\\ude00",
                "\\N", "\\_", "\\L", "\\0", "\\e", " ", "\n  ", " \n\n  ", "\\\n   ", " \\\n\n  ", "''"]).prop_map(str::to_owned),
        ], 0..9),
        windows: bool,
    ) {
        check(&with_breaks(&format!("k: \"{}\"\n", parts.concat()), windows))?;
    }
}

#[test]
fn a_range_covers_the_bytes_of_its_characters() {
    let file = source("k: \"a\\u00e9b\"\ns: 'it''s'\nl: |\n  one\n  two\n");
    let root = read(file.text());
    let slice = |key: &str, range| file.slice(root.get(key).expect(key).map_range(&file, range));
    assert_eq!(slice("k", 1..3), "\\u00e9");
    assert_eq!(slice("k", 0..4), "a\\u00e9b");
    assert_eq!(slice("s", 2..3), "''");
    assert_eq!(slice("l", 4..7), "two");
    assert_eq!(slice("l", 1..6), "ne\n  tw");
    assert_eq!(slice("l", 2..2), "");
    assert_eq!(slice("l", 7..100), "\n");
}

//! Text from outside made safe to show: it can neither drive a terminal nor hide what it says.

use crate::text::{defused, is_hidden};

/// Text that came from a step, a person or a file, for the screen. Colours (SGR) are dropped, every other control
/// character and escape sequence is shown as text (`␛[2J`), and so are characters that change the direction of text or
/// have no width. Line feeds stay; tabs become spaces.
///
/// What build servers take for commands is none any more.
pub fn visible(text: &str) -> String {
    shown(text, false)
}

/// The same for text that this program has coloured itself: colours stay.
pub fn visible_coloured(text: &str) -> String {
    shown(text, true)
}

fn shown(text: &str, colours: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(length) = colour(rest) {
            out.push_str(if colours { &rest[..length] } else { "" });
            rest = &rest[length..];
            continue;
        }
        rest = &rest[c.len_utf8()..];
        match c {
            '\n' => out.push('\n'),
            '\r' if rest.starts_with('\n') => {}
            '\t' => out.push_str("    "),
            '\0'..='\x1f' => out.push(picture(c)),
            '\x7f' => out.push('␡'),
            c if is_hidden(c) => out.push_str(&format!("<U+{:04X}>", c as u32)),
            c => out.push(c),
        }
    }
    defused(out)
}

/// The same on one line: line feeds become spaces, and of a line that was overwritten with carriage returns (a progress
/// bar) only what is left on the screen stays.
pub fn visible_line(text: &str) -> String {
    let lines = text.trim_end_matches(['\r', '\n']).split('\n');
    let kept = lines.map(|line| {
        let line = line.trim_end_matches('\r');
        visible(line.rsplit('\r').next().unwrap_or(line)).trim_end().to_string()
    });
    kept.collect::<Vec<_>>().join(" ")
}

/// Length of the SGR sequence `ESC [ digits ; : m` at the start, if there is one.
fn colour(text: &str) -> Option<usize> {
    let body = text.strip_prefix("\x1b[")?;
    let end = body.find(|c: char| !c.is_ascii_digit() && c != ';' && c != ':')?;
    body[end..].starts_with('m').then_some(2 + end + 1)
}

/// The symbol Unicode has for a control character.
fn picture(c: char) -> char {
    char::from_u32(0x2400 + c as u32).unwrap_or('\u{fffd}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escapes_are_shown_and_colours_are_dropped() {
        let cases = [
            ("plain", "plain"),
            ("\x1b[31mred\x1b[0m", "red"),
            ("\x1b[38;5;9mred\x1b[m", "red"),
            ("\x1b[2Jgone", "␛[2Jgone"),
            ("\x1b]0;title\x07", "␛]0;title␇"),
            ("\x1b[31", "␛[31"),
            ("a\tb", "a    b"),
            ("back\x08space", "back␈space"),
            ("\u{9b}2J", "<U+009B>2J"),
            ("evil\u{202e}txt", "evil<U+202E>txt"),
            ("zero\u{200b}width", "zero<U+200B>width"),
            ("\x1b[1m::error::x", ":∶error::x"),
            ("two\r\nlines", "two\nlines"),
            ("family \u{1f468}\u{200d}\u{1f469}", "family \u{1f468}\u{200d}\u{1f469}"),
        ];
        for (text, shown) in cases {
            assert_eq!(visible(text), shown);
        }
    }

    #[test]
    fn of_a_progress_bar_the_last_state_stays() {
        assert_eq!(visible_line("10%\r50%\r100%\r\n"), "100%");
        assert_eq!(visible_line("one\ntwo\n"), "one two");
    }

    proptest! {
        #[test]
        fn nothing_that_drives_a_terminal_gets_through(text in "(\\PC|[\\x00-\\x1f]|\\x1b\\[[0-9;]{0,4}[A-Za-z]|\u{9b}){0,60}") {
            let shown = visible(&text);
            prop_assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?}");
            prop_assert!(!visible_line(&text).chars().any(char::is_control));
        }

        #[test]
        fn what_is_shown_is_shown_the_same_again(text in "\\PC{0,40}") {
            let once = visible(&text);
            prop_assert_eq!(visible(&once), once);
        }
    }
}

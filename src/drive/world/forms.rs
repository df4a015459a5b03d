//! The forms in which a secret turns up in output: as it is, and as the usual programs encode it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// Shorter pieces would mask half of ordinary output.
pub(crate) const SHORTEST: usize = 6;

/// Every form of `secret` the masker shall know.
pub(crate) fn forms(secret: &[u8]) -> BTreeSet<Vec<u8>> {
    let mut all = BTreeSet::new();
    encoded(secret, &mut all);
    // `echo "$KEY"` may indent, wrap or number the lines of a key: each line is a secret of its own.
    let lines = secret.split(|byte| *byte == b'\n').map(|line| line.trim_ascii());
    for line in lines.filter(|line| line.len() >= SHORTEST) {
        encoded(line, &mut all);
    }
    all.retain(|form| form.len() >= SHORTEST.min(secret.len()));
    all
}

fn encoded(secret: &[u8], all: &mut BTreeSet<Vec<u8>>) {
    all.insert(secret.to_vec());
    for shift in 0..3 {
        let base64 = base64_inside(secret, shift);
        all.insert(base64.replace('+', "-").replace('/', "_").into_bytes());
        all.insert(base64.into_bytes());
    }
    let lower = hex(secret);
    all.insert(lower.to_uppercase().into_bytes());
    all.insert(lower.into_bytes());
    for escaped in url_encoded(secret) {
        all.insert(escaped.into_bytes());
    }
    if let Ok(text) = std::str::from_utf8(secret) {
        for escaped in json_escaped(text).into_iter().chain(shell_quoted(text)) {
            all.insert(escaped.into_bytes());
        }
    }
}

/// The characters of a base64 text that depend on the secret alone when `shift` other bytes stand before it.
fn base64_inside(secret: &[u8], shift: usize) -> String {
    let mut bytes = vec![0; shift];
    bytes.extend_from_slice(secret);
    let text = STANDARD_NO_PAD.encode(&bytes);
    let first = (shift * 8).div_ceil(6);
    let end = bytes.len() * 8 / 6;
    text.get(first..end).unwrap_or_default().to_owned()
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn url_encoded(secret: &[u8]) -> [String; 4] {
    let encode = |space: &str, upper: bool| {
        secret.iter().fold(String::new(), |mut text, byte| {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => text.push(char::from(*byte)),
                b' ' => text.push_str(space),
                byte if upper => {
                    let _ = write!(text, "%{byte:02X}");
                }
                byte => {
                    let _ = write!(text, "%{byte:02x}");
                }
            }
            text
        })
    };
    [encode("%20", true), encode("+", true), encode("%20", false), encode("+", false)]
}

/// As serializers write it: plain, with `\u` for everything beyond ASCII, and with `\/`.
fn json_escaped(text: &str) -> [String; 3] {
    let quoted = serde_json::Value::from(text).to_string();
    let plain = quoted[1..quoted.len() - 1].to_owned();
    let ascii = plain.chars().fold(String::new(), |mut out, letter| {
        if letter.is_ascii() {
            out.push(letter);
        } else {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
        out
    });
    let slashes = plain.replace('/', "\\/");
    [plain, ascii, slashes]
}

/// As `'...'` with `'\''` inside, as the other common spelling `'"'"'`, and as `printf %q` writes it.
fn shell_quoted(text: &str) -> [String; 3] {
    let backslashed = text.chars().fold(String::new(), |mut out, letter| {
        if letter.is_ascii() && !letter.is_ascii_alphanumeric() && !"_-./:=@%+,".contains(letter) {
            out.push('\\');
        }
        out.push(letter);
        out
    });
    [text.replace('\'', r"'\''"), text.replace('\'', r#"'"'"'"#), backslashed]
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};

    fn hidden(secret: &str, shown: &str) -> bool {
        forms(secret.as_bytes()).iter().any(|form| shown.as_bytes().windows(form.len()).any(|part| part == form))
    }

    #[test]
    fn the_usual_encodings_are_recognised() {
        let secret = "p@ss w/\"ö'rd+1";
        for shown in [
            "url=p%40ss%20w%2F%22%C3%B6%27rd%2B1",
            "form=p%40ss+w%2F%22%C3%B6%27rd%2B1",
            r#"{"p":"p@ss w/\"ö'rd+1"}"#,
            r#"{"p":"p@ss w/\"\u00f6'rd+1"}"#,
            r#"'p@ss w/"ö'\''rd+1'"#,
            r#"p@ss\ w/\"ö\'rd+1"#,
            "704073732077 2f22c3b62772642b31".replace(' ', "").as_str(),
            "7040737320772F22C3B62772642B31",
        ] {
            assert!(hidden(secret, shown), "{shown}");
        }
    }

    #[test]
    fn base64_is_recognised_wherever_the_secret_stands_in_the_encoded_text() {
        let secret = "correct horse>battery?";
        for before in ["", "a", "ab", "abc", "user:"] {
            let whole = format!("{before}{secret} and more");
            assert!(hidden(secret, &STANDARD.encode(&whole)), "{before}");
            assert!(hidden(secret, &URL_SAFE.encode(&whole)), "{before}");
        }
    }

    #[test]
    fn each_line_of_a_key_is_a_secret_and_short_lines_are_not() {
        let all = forms(b"first-line\n  second-line\nab\n");
        assert!(all.contains(b"second-line".as_slice()));
        assert!(!all.contains(b"ab".as_slice()));
    }
}

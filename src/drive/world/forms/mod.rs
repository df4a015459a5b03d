//! The forms in which a secret turns up in output: as it is, in its parts, and as the usual programs encode it.

mod encodings;
mod parts;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// Shorter secrets and parts of secrets are not masked: they would mask half of ordinary output.
pub(crate) const SHORTEST: usize = 8;

/// A piece of this length that is all letters of base64 is found also where it is wrapped.
const WRAPPED: usize = 24;

/// Everything the masker shall know, by how it is searched for.
#[derive(Debug, Default)]
pub(crate) struct Forms {
    /// Byte for byte.
    pub(crate) exact: Vec<Vec<u8>>,
    /// Letters of standard base64, without padding, whatever the layout.
    pub(crate) base64: Vec<Vec<u8>>,
    /// Hexadecimal digits in lower case, whatever the layout.
    pub(crate) hex: Vec<Vec<u8>>,
}

impl Forms {
    /// All forms of these secrets.
    pub(crate) fn of<'a>(secrets: impl IntoIterator<Item = &'a [u8]>) -> Forms {
        let mut forms = Forms::default();
        for secret in secrets.into_iter().filter(|secret| !secret.is_empty()) {
            let shortest = SHORTEST.min(secret.len());
            let mut pieces = BTreeSet::from([secret.to_vec()]);
            if secret.len() >= SHORTEST {
                pieces.extend(parts::of(secret).into_iter().filter(|part| part.len() >= SHORTEST));
            }
            for piece in &pieces {
                forms.encode(piece, shortest);
            }
            for body in parts::key_bodies(secret) {
                forms.key_body(body);
            }
        }
        forms
    }

    fn encode(&mut self, piece: &[u8], shortest: usize) {
        let mut exact = BTreeSet::from([piece.to_vec()]);
        for escaped in encodings::url(piece) {
            exact.insert(escaped.into_bytes());
        }
        if let Ok(text) = std::str::from_utf8(piece) {
            exact.extend(encodings::quoted(text).into_iter().map(String::into_bytes));
        }
        // Plain base64 is the lane's affair; escaped for a URL or in JSON it is no longer plain.
        for base64 in shifts(piece) {
            exact.extend(encodings::url(base64.as_bytes()).into_iter().filter(|url| url.contains('%')).map(Into::into));
            self.base64.extend(Some(base64.into_bytes()).filter(|form| form.len() >= shortest.min(6)));
        }
        if piece.len() >= WRAPPED {
            self.base64.extend(as_base64_letters(piece));
        }
        self.exact.extend(exact.into_iter().filter(|form| form.len() >= shortest));
        self.digits(piece);
    }

    /// `70617373`, and `0x70, 0x61`, of which the zeros stay when the layout is gone.
    fn digits(&mut self, piece: &[u8]) {
        let spaced: Vec<String> = piece.iter().map(|byte| format!("{byte:02x}")).collect();
        self.hex.push(spaced.concat().into_bytes());
        self.hex.push(spaced.join("0").into_bytes());
    }

    /// The base64 between the lines of a PEM file, however it is wrapped, and the bytes it stands for.
    fn key_body(&mut self, body: Vec<u8>) {
        let Some(letters) = as_base64_letters(&body) else { return };
        if let Ok(der) = STANDARD_NO_PAD.decode(&letters) {
            self.digits(&der);
            self.exact.push(der);
        }
        self.base64.push(letters);
    }
}

/// Base64 in the text of the piece itself: a key that is printed wrapped.
fn as_base64_letters(piece: &[u8]) -> Option<Vec<u8>> {
    let end = piece.iter().rposition(|byte| *byte != b'=')? + 1;
    let letter = |byte: u8| match byte {
        b'-' => Some(b'+'),
        b'_' => Some(b'/'),
        b'+' | b'/' => Some(byte),
        _ => byte.is_ascii_alphanumeric().then_some(byte),
    };
    piece[..end].iter().copied().map(letter).collect()
}

/// The base64 of a piece behind nothing, one and two other bytes.
fn shifts(piece: &[u8]) -> [String; 3] {
    [0, 1, 2].map(|shift| base64_inside(piece, shift))
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

#[cfg(test)]
mod tests {
    use super::super::mask::Masker;
    use super::*;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};

    fn hidden(secret: &str, shown: &str) -> bool {
        Masker::new(Forms::of([secret.as_bytes()])).text(shown) != shown
    }

    /// All of it, not only a part.
    fn wholly_hidden(secret: &str, shown: &str) {
        let masked = Masker::new(Forms::of([secret.as_bytes()])).text(&format!("<{shown}>")).into_owned();
        assert_eq!(masked, "<***>", "{shown}");
    }

    #[test]
    fn the_usual_encodings_are_recognised() {
        let secret = "p@ss w/\"ö'rd+1&<$x>";
        for shown in [
            "p%40ss%20w%2F%22%C3%B6%27rd%2B1%26%3C%24x%3E",
            "p%40ss%20w%2f%22%c3%b6%27rd%2b1%26%3c%24x%3e",
            "p%40ss+w%2F%22%C3%B6%27rd%2B1%26%3C%24x%3E",
            "p%40ss%20w/%22%C3%B6%27rd%2B1%26%3C%24x%3E",
            r#"p@ss w/\"ö'rd+1&<$x>"#,
            r#"p@ss w\/\"ö'rd+1&<$x>"#,
            r#"p@ss w/\"\u00f6'rd+1&<$x>"#,
            r#"p@ss w/\"ö'rd+1\u0026\u003c$x\u003e"#,
            r#"p@ss w/\\\"ö'rd+1&<$x>"#,
            "p@ss w/&quot;ö&apos;rd+1&amp;&lt;$x&gt;",
            "p@ss w/&#34;ö&#39;rd&#43;1&amp;&lt;$x&gt;",
            "p@ss w/&quot;ö&#x27;rd+1&amp;&lt;$x&gt;",
            r#"p@ss w/"ö'\''rd+1&<$x>"#,
            r#"p@ss\ w/\"ö\'rd+1\&\<\$x\>"#,
            r#"p@ss w/\"ö'rd+1&<\$x>"#,
            r#"p@ss w/"ö''rd+1&<$x>"#,
            r#"p@ss w/"\303\266\'rd+1&<$x>"#,
            "704073732077 2f22c3b62772642b3126 3c24783e".replace(' ', "").as_str(),
            "7040737320772F22C3B62772642B31263C24783E",
        ] {
            wholly_hidden(secret, shown);
        }
    }

    #[test]
    fn base64_is_recognised_wherever_the_secret_stands_in_the_encoded_text() {
        let secret = "correct horse>battery?";
        for before in ["", "a", "ab", "abc", "user:"] {
            let whole = format!("{before}{secret} and more");
            for shown in [STANDARD.encode(&whole), URL_SAFE.encode(&whole), STANDARD.encode(&whole).replace('/', "%2F")]
            {
                assert!(hidden(secret, &shown), "{before}");
            }
        }
    }

    #[test]
    fn lines_values_and_passwords_are_secrets_of_their_own() {
        let cases = [
            ("first-line\n  second-line\nab\n", "second-line"),
            ("USER=me\nexport PASSWORD='b4ttery-st4ple'\n", "b4ttery-st4ple"),
            (r#"{"user":"me","keys":[{"value":"b4ttery-st4ple"}],"pin":987612345}"#, "b4ttery-st4ple"),
            (r#"{"user":"me","keys":[{"value":"b4ttery-st4ple"}],"pin":987612345}"#, "987612345"),
            ("user: me\nkeys:\n  - value: \"b4ttery\\u002dst4ple\"\n", "b4ttery-st4ple"),
            ("postgres://me:b4ttery%2Dst4ple@db/app", "b4ttery-st4ple"),
            ("Bearer b4ttery-st4ple", "b4ttery-st4ple"),
            ("Basic bWU6YjR0dGVyeS1zdDRwbGU=", "b4ttery-st4ple"),
        ];
        for (secret, shown) in cases {
            wholly_hidden(secret, shown);
            assert!(hidden(secret, &STANDARD.encode(shown)), "{shown}");
        }
        assert!(!hidden("first-line\nab\n", "an ab"));
        assert!(!hidden(r#"{"type":"service_account","key":"b4ttery-st4ple"}"#, "service_account"));
    }

    #[test]
    fn a_key_is_recognised_wrapped_anew_and_its_frame_is_not_hidden() {
        let body = STANDARD.encode((0..200u32).map(|n| (n * 73 % 251) as u8).collect::<Vec<_>>());
        let lines = |columns: usize| -> String {
            body.as_bytes().chunks(columns).map(|line| format!("{}\n", String::from_utf8_lossy(line))).collect()
        };
        let key = format!("-----BEGIN PRIVATE KEY-----\n{}-----END PRIVATE KEY-----\n", lines(64));
        for shown in [lines(76), lines(48), body.replace('=', ""), lines(64).replace('\n', "\r\n  ")] {
            let masked = Masker::new(Forms::of([key.as_bytes()])).text(&shown).into_owned();
            assert!(masked.replace("***", "").trim_matches(['\r', '\n', ' ', '=']).is_empty(), "{masked}");
        }
        assert!(!hidden(&key, "-----BEGIN PRIVATE KEY-----"));
        assert!(hidden(&key, &key.replace('\n', "\\n")));
    }
}

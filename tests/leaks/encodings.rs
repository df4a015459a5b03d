//! How a secret may be shown, written down here without looking at how the program does it.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};

/// One way to show a text. What is written has nothing before or after it.
pub(crate) type Encoding = (&'static str, fn(&str) -> String);

/// All of them; a text that an encoding leaves as it is is shown again all the same.
pub(crate) const ENCODINGS: [Encoding; 26] = [
    ("raw", |text| text.into()),
    ("json", |text| json(text, |_| false)),
    ("json ascii", |text| json(text, |c| !c.is_ascii())),
    ("json html-safe", |text| json(text, |c| "<>&".contains(c))),
    ("url", |text| percent(text, false, "%20")),
    ("url lower", |text| percent(text, true, "%20")),
    ("form", |text| percent(text, false, "+")),
    ("xml", |text| entities(text, "&quot;", "&apos;")),
    ("html", |text| entities(text, "&#34;", "&#39;")),
    ("html hex", |text| entities(text, "&quot;", "&#x27;")),
    ("single quoted", |text| text.replace('\'', "'\\''")),
    ("double quoted", |text| {
        text.chars().map(|c| if "\"\\$`".contains(c) { format!("\\{c}") } else { c.into() }).collect()
    }),
    ("sql", |text| text.replace('\'', "''")),
    ("python repr", |text| text.replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\n")),
    ("base64", |text| STANDARD.encode(text)),
    ("base64 after one byte", |text| STANDARD.encode(format!(":{text}"))),
    ("base64 after two bytes", |text| STANDARD.encode(format!("a:{text}"))),
    ("base64 in the middle", |text| STANDARD.encode(format!("user:{text}:end"))),
    ("base64url", |text| URL_SAFE.encode(text)),
    ("base64url without padding", |text| URL_SAFE_NO_PAD.encode(text)),
    ("base64 at 76 columns", |text| wrapped(&STANDARD.encode(format!("user:{text}")), 76, "\n")),
    ("base64 at 64 columns, indented", |text| wrapped(&STANDARD.encode(text), 64, "\r\n      ")),
    ("hex", |text| hex(text, "")),
    ("HEX", |text| hex(text, "").to_uppercase()),
    ("hex with colons", |text| hex(text, ":")),
    ("hex as xxd -p", |text| wrapped(&hex(text, ""), 60, "\n")),
];

fn json(text: &str, escaped: impl Fn(char) -> bool) -> String {
    let plain = serde_json::to_string(text).unwrap();
    plain[1..plain.len() - 1].chars().fold(String::new(), |mut out, letter| {
        if escaped(letter) {
            letter.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out += &format!("\\u{unit:04x}"));
        } else {
            out.push(letter);
        }
        out
    })
}

fn percent(text: &str, lower: bool, space: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
            b' ' => space.into(),
            _ if lower => format!("%{byte:02x}"),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

fn entities(text: &str, double: &str, single: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', double).replace('\'', single)
}

fn hex(text: &str, between: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(between)
}

fn wrapped(text: &str, columns: usize, end: &str) -> String {
    let lines: Vec<&str> = text.as_bytes().chunks(columns).map(|line| std::str::from_utf8(line).unwrap()).collect();
    lines.join(end)
}

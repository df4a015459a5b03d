//! How programs write text that must not be misread: escaped for addresses, for JSON, for markup, for shells.

use std::fmt::Write as _;

/// Percent-encoded: as RFC 3986 wants it, as forms and as JavaScript and Python do, in both cases.
pub(super) fn url(bytes: &[u8]) -> Vec<String> {
    const KEPT: [(&str, &str); 5] =
        [("-_.~", "%20"), ("-_.*", "+"), ("-_.~", "+"), ("-_.~!'()*", "%20"), ("-_.~/", "%20")];
    let mut all = Vec::new();
    for (kept, space) in KEPT {
        let upper = bytes.iter().fold(String::with_capacity(bytes.len()), |mut text, byte| {
            match char::from(*byte) {
                letter if letter.is_ascii_alphanumeric() || kept.contains(letter) => text.push(letter),
                ' ' => text.push_str(space),
                _ => {
                    let _ = write!(text, "%{byte:02X}");
                }
            }
            text
        });
        all.extend(lower_escapes(&upper));
        all.push(upper);
    }
    all
}

/// The same with `%2f` for `%2F`; none where that makes no difference.
fn lower_escapes(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut lower = parts.next()?.to_owned();
    for part in parts {
        let (digits, rest) = part.split_at(2);
        let _ = write!(lower, "%{}{rest}", digits.to_ascii_lowercase());
    }
    (lower != text).then_some(lower)
}

/// All other ways of writing a text.
pub(super) fn quoted(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    let once = json(text);
    // A message in JSON inside a message in JSON.
    all.extend(json(&once[0]).into_iter().take(1));
    all.extend(once);
    all.extend(markup(text));
    all.extend(shell(text));
    all.push(text.replace('\'', "''"));
    all.push(text.replace('"', "\"\""));
    all.push(text.replace('\n', "\r\n"));
    all
}

/// As serializers write it: plain, with `\/`, with `\u` for what is beyond ASCII, and for what browsers take for markup.
fn json(text: &str) -> Vec<String> {
    let quoted = serde_json::Value::from(text).to_string();
    let plain = quoted[1..quoted.len() - 1].to_owned();
    let unicode = |special: &str, upper: bool| {
        plain.chars().fold(String::with_capacity(plain.len()), |mut out, letter| {
            if letter.is_ascii() && !special.contains(letter) {
                out.push(letter);
                return out;
            }
            for unit in letter.encode_utf16(&mut [0; 2]) {
                let _ = if upper { write!(out, "\\u{unit:04X}") } else { write!(out, "\\u{unit:04x}") };
            }
            out
        })
    };
    // Go, and PHP; Ruby and .NET go further.
    let go = ["<", ">", "&", "\u{2028}", "\u{2029}"].iter().fold(plain.clone(), |text, special| {
        let letter = special.chars().next().map_or(0, u32::from);
        text.replace(special, &format!("\\u{letter:04x}"))
    });
    let net = unicode("<>&'+`", true).replace("\\\"", "\\u0022");
    let slashes = plain.replace('/', "\\/");
    let php = unicode("", false).replace('/', "\\/");
    vec![plain.clone(), slashes, unicode("", false), unicode("", true), go, unicode("<>&'", false), net, php]
}

/// As XML and HTML have it, with the entities that libraries differ in.
fn markup(text: &str) -> Vec<String> {
    const SPELLINGS: [&[(char, &str)]; 7] = [
        &[],
        &[('"', "&quot;")],
        &[('"', "&quot;"), ('\'', "&apos;")],
        &[('"', "&quot;"), ('\'', "&#39;")],
        &[('"', "&#34;"), ('\'', "&#39;"), ('+', "&#43;")],
        &[('"', "&quot;"), ('\'', "&#x27;")],
        &[('"', "&#34;"), ('\'', "&#39;")],
    ];
    let escaped = |spelling: &[(char, &str)]| {
        let start = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        spelling.iter().fold(start, |text, (letter, entity)| text.replace(*letter, entity))
    };
    let mut all: Vec<String> = SPELLINGS.iter().map(|spelling| escaped(spelling)).collect();
    all.push(
        text.replace('&', "&#38;")
            .replace('<', "&#60;")
            .replace('>', "&#62;")
            .replace('"', "&#34;")
            .replace('\'', "&#39;"),
    );
    all.push(escaped(SPELLINGS[3]).replace('/', "&#x2F;").replace('`', "&#x60;").replace('=', "&#x3D;"));
    all.push(escaped(SPELLINGS[5]).replace('/', "&#x2F;"));
    all
}

/// As `'...'` and `"..."` with what stands inside escaped, as `printf %q`, and as `$'...'`, `repr` and debug output do.
fn shell(text: &str) -> Vec<String> {
    let backslashed = |special: &dyn Fn(char) -> bool| {
        text.chars().fold(String::with_capacity(text.len()), |mut out, letter| {
            if special(letter) {
                out.push('\\');
            }
            out.push(letter);
            out
        })
    };
    let controls = |text: &str| text.replace('\n', "\\n").replace('\t', "\\t").replace('\r', "\\r");
    let ansi = controls(&text.replace('\\', "\\\\").replace('\'', "\\'"));
    let repr = controls(&text.replace('\\', "\\\\"));
    let debug = controls(&text.replace('\\', "\\\\").replace('"', "\\\""));
    let octal = ansi.bytes().fold(String::with_capacity(ansi.len()), |mut out, byte| {
        match byte {
            b' '..=b'~' => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "\\{byte:03o}");
            }
        }
        out
    });
    let in_doubles = backslashed(&|letter| "\"\\$`".contains(letter));
    vec![
        text.replace('\'', r"'\''"),
        text.replace('\'', r#"'"'"'"#),
        backslashed(&|letter| letter.is_ascii() && !letter.is_ascii_alphanumeric() && !"_-./:=@%+,\n".contains(letter)),
        backslashed(&|letter| letter.is_ascii() && !letter.is_ascii_alphanumeric() && !"_-./:@%+\n".contains(letter)),
        in_doubles.replace('!', "\\!"),
        in_doubles,
        ansi,
        repr,
        debug,
        octal,
    ]
}

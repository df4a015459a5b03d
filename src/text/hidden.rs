//! Characters that are not what they look like: they steer a terminal, turn the direction of text, or cannot be seen.

/// Whether a character may not be shown as it is: a control character other than tab and line feed, one that changes the
/// direction of text, or one without width that is meant for machines. Joiners of scripts and emoji are none of these.
pub fn is_hidden(c: char) -> bool {
    is_control(c)
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// A control character that no text file needs.
pub(super) fn is_control(c: char) -> bool {
    matches!(c, '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\x7f'..='\u{9f}')
}

/// Beginnings of commands that build servers look for anywhere in a line of output, and the same in a way that none of them
/// knows: one character of another kind, as wide as the old one.
const COMMANDS: [(&str, &str); 3] = [("##[", "♯#["), ("##vso[", "♯#vso["), ("##teamcity[", "♯#teamcity[")];

/// Text in which build servers find no commands: `::error::` at the start of a line, `##[..]`, `##vso[..]`,
/// `##teamcity[..]`. What GitLab looks for needs control characters, which nobody shows.
pub fn defused(text: String) -> String {
    let mut text = text;
    if text.contains("##") {
        for (command, harmless) in COMMANDS {
            if text.contains(command) {
                text = text.replace(command, harmless);
            }
        }
    }
    if !text.contains("::") {
        return text;
    }
    text.split_inclusive('\n')
        .map(|line| if is_command(line) { line.replacen("::", ":∶", 1) } else { line.to_owned() })
        .collect()
}

/// `::name ...::`, with blanks before it.
fn is_command(line: &str) -> bool {
    let name = line.trim_start().strip_prefix("::");
    name.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphanumeric()) && rest.contains("::"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_of_build_servers_are_no_commands_any_more() {
        for (text, shown) in [
            ("::error file=a::b", ":∶error file=a::b"),
            ("fine\n  ::add-mask::x\n", "fine\n  :∶add-mask::x\n"),
            ("x ##[error]no", "x ♯#[error]no"),
            ("##vso[task.setvariable]x", "♯#vso[task.setvariable]x"),
            ("a ##teamcity[x]", "a ♯#teamcity[x]"),
            ("###[x]", "#♯#[x]"),
            ("::1 is an address", "::1 is an address"),
            ("std::fs::read", "std::fs::read"),
            ("## heading", "## heading"),
        ] {
            assert_eq!(defused(text.to_owned()), shown);
            assert_eq!(defused(shown.to_owned()), shown);
        }
    }
}

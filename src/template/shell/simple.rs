//! Recognises scripts that are one plain command, which can be started without a shell to the same effect.

/// The words of a script that is exactly one simple command of plain or simply quoted words; `None` if a shell might do
/// anything but start that program with those arguments.
pub fn simple_command(script: &str) -> Option<Vec<String>> {
    let text = script.trim_matches([' ', '\t', '\n']);
    let mut words = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (word, tail) = read_word(rest)?;
        words.push(word);
        rest = tail.trim_start_matches([' ', '\t']);
    }
    let first = words.first()?;
    // A quoted first word or a job such as `%1` is left to the shell.
    let special = text.starts_with(['\'', '"', '%']);
    match first.is_empty() || special || first.contains('=') || SHELL_WORDS.contains(&first.as_str()) {
        true => None,
        false => Some(words),
    }
}

/// One word and what follows it.
fn read_word(text: &str) -> Option<(String, &str)> {
    let mut word = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            ' ' | '\t' => return Some((word, rest)),
            '\'' => {
                let (inside, tail) = rest.split_once('\'')?;
                word.push_str(inside);
                rest = tail;
            }
            '"' => {
                let (inside, tail) = rest.split_once('"')?;
                if inside.contains(['$', '`', '\\']) {
                    return None;
                }
                word.push_str(inside);
                rest = tail;
            }
            _ if c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c) => word.push(c),
            _ => return None,
        }
    }
    match word.contains('\0') {
        true => None,
        false => Some((word, rest)),
    }
}

/// Bash 5.2's builtins and reserved words (`compgen -b`, `compgen -k`).
const SHELL_WORDS: [&str; 83] = [
    ".",
    ":",
    "[",
    "alias",
    "bg",
    "bind",
    "break",
    "builtin",
    "caller",
    "cd",
    "command",
    "compgen",
    "complete",
    "compopt",
    "continue",
    "declare",
    "dirs",
    "disown",
    "echo",
    "enable",
    "eval",
    "exec",
    "exit",
    "export",
    "false",
    "fc",
    "fg",
    "getopts",
    "hash",
    "help",
    "history",
    "jobs",
    "kill",
    "let",
    "local",
    "logout",
    "mapfile",
    "popd",
    "printf",
    "pushd",
    "pwd",
    "read",
    "readarray",
    "readonly",
    "return",
    "set",
    "shift",
    "shopt",
    "source",
    "suspend",
    "test",
    "times",
    "trap",
    "true",
    "type",
    "typeset",
    "ulimit",
    "umask",
    "unalias",
    "unset",
    "wait",
    "if",
    "then",
    "else",
    "elif",
    "fi",
    "case",
    "esac",
    "for",
    "select",
    "while",
    "until",
    "do",
    "done",
    "in",
    "function",
    "time",
    "coproc",
    "{",
    "}",
    "!",
    "[[",
    "]]",
];

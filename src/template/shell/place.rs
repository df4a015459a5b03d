//! The places a value can stand in a script, and how it is referred to there.

/// Where a hole stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Outside quotes.
    Bare,
    /// Inside `"..."`.
    Double,
    /// Inside `'...'`.
    Single,
    /// Inside `$'...'`.
    AnsiC,
    /// In the body of a here-document with an unquoted delimiter.
    HereDoc,
    /// Where no safe form exists.
    Refused(Refusal),
}

/// Why a place is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    QuotedHereDoc,
    Delimiter,
    Arithmetic,
    Comment,
    Parameter,
    Index,
    AfterBackslash,
    AfterDollar,
    Backticks,
    VariableName,
    /// A variable that bash evaluates when it is set or used.
    Evaluated,
    /// `declare`, `local` ... of an array, which read the value as shell words.
    ArrayText,
    /// The format of `printf`, which has options and writes variables.
    Format,
    /// Text that `eval`, `trap` or `alias` reads as commands.
    Eval,
    /// The script of `bash -c`.
    ShellArgument,
    /// What a shell reads as its script on standard input.
    ShellInput,
    /// The command that ssh gives to a remote shell.
    RemoteShell,
    /// What a remote shell reads as its script.
    RemoteInput,
    Unreadable,
}

/// A hole: its place, and what only matters for showing the value there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hole {
    pub(crate) place: Place,
    /// Inside backticks, where backslashes are read once more.
    pub(crate) backticked: bool,
    /// Directly behind `$name`, which a value must not lengthen.
    pub(crate) after_name: bool,
}

impl Place {
    /// The constant script text that stands for the value of the variable `name`.
    pub(crate) fn reference(self, name: &str) -> Result<String, Refusal> {
        match self {
            Place::Bare => Ok(format!("\"${{{name}}}\"")),
            Place::Double | Place::HereDoc => Ok(format!("${{{name}}}")),
            Place::Single => Ok(format!("'\"${{{name}}}\"'")),
            Place::AnsiC => Ok(format!("'\"${{{name}}}\"$'")),
            Place::Refused(refusal) => Err(refusal),
        }
    }
}

impl Hole {
    /// The value written in place for people: quoted where the script is quoted, as it is in a here-document.
    pub(crate) fn shown(&self, value: &str) -> String {
        let text = match self.place {
            Place::Bare => quote(value),
            Place::Double => escaped(value, &['\\', '"', '$', '`']),
            Place::Single => value.replace('\'', r"'\''"),
            Place::AnsiC => escaped(value, &['\\', '\'']),
            Place::HereDoc | Place::Refused(_) => value.to_owned(),
        };
        let text = if self.backticked { escaped(&text, &['\\', '`']) } else { text };
        let lengthens = text.starts_with(|c: char| c == '_' || c == '[' || c.is_ascii_alphanumeric());
        let split = self.after_name && lengthens;
        match self.place {
            Place::Double if split => format!("\"\"{text}"),
            Place::Bare if split => format!("''{text}"),
            _ => text,
        }
    }
}

/// Quotes a word for POSIX shells; plain words stay as they are.
pub fn quote(word: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_@%+:,./-=".contains(&b);
    match !word.is_empty() && word.bytes().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

fn escaped(value: &str, special: &[char]) -> String {
    let mut out = String::with_capacity(value.len() + 8);
    for c in value.chars() {
        if special.contains(&c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

impl Refusal {
    /// What is wrong.
    pub(crate) fn message(self) -> &'static str {
        match self {
            Refusal::QuotedHereDoc => "a value cannot stand in a here-document with a quoted delimiter",
            Refusal::Delimiter => "a value cannot be the delimiter of a here-document",
            Refusal::Arithmetic => {
                "a value cannot stand in shell arithmetic, which runs commands hidden in its operands"
            }
            Refusal::Comment => "a value cannot stand in a comment",
            Refusal::Parameter => "a value cannot stand inside `${...}`",
            Refusal::Index => "a value cannot be an array index, which is shell arithmetic",
            Refusal::AfterBackslash => "a value cannot follow a backslash",
            Refusal::AfterDollar => "a value cannot follow a `$`",
            Refusal::Backticks => "a value cannot stand in backticks that contain backslashes",
            Refusal::VariableName => "a value cannot name a shell variable, because the shell evaluates such names",
            Refusal::Evaluated => "a value cannot be given to what bash evaluates",
            Refusal::ArrayText => "a value cannot be given to an array in a declaration, which reads it as shell words",
            Refusal::Format => "a value cannot be the format of `printf`, which obeys options and directives in it",
            Refusal::Eval => "a value cannot stand in text that `eval`, `trap` or `alias` reads as commands",
            Refusal::ShellArgument => {
                "a value cannot stand in a script that another shell reads, where it becomes code"
            }
            Refusal::ShellInput => "a value cannot be fed to a shell, which runs its input as a script",
            Refusal::RemoteShell => "a value cannot stand in a remote command, which a shell over there reads again",
            Refusal::RemoteInput => "a value cannot be fed to a remote shell, which runs its input as a script",
            Refusal::Unreadable => "the place of this value in the script cannot be determined",
        }
    }

    /// What to write instead.
    pub(crate) fn help(self) -> &'static str {
        match self {
            Refusal::QuotedHereDoc => {
                "unquote the delimiter (and escape `$` and backticks in the text), or write the text with a `file:` step"
            }
            Refusal::Delimiter => "use a fixed word such as EOF",
            Refusal::Arithmetic => {
                "compute it in the template, `{{ inputs.n * 2 }}`, or assign a checked number first: `n={{ inputs.n | int }}`, then `$((n))`"
            }
            Refusal::Comment => "remove it, or use a template comment {## ... ##}",
            Refusal::Parameter => "assign it first: `value={{ ... }}`, then write \"$value\" there",
            Refusal::Index => "assign a checked number first: `i={{ ... | int }}`, then write `$i`",
            Refusal::AfterBackslash => "remove the backslash; values need no escaping",
            Refusal::AfterDollar => "write {{ ... }} without the `$`; for a real dollar sign write `\\$`",
            Refusal::Backticks => "write `$( ... )` instead of backticks",
            Refusal::VariableName => "use a fixed name, or an associative array",
            Refusal::Evaluated => "use a variable with a name of your own",
            Refusal::ArrayText => "declare it first, then assign: `name=({{ ... }})`",
            Refusal::Format => "write `printf '%s\\n' {{ ... }}`",
            Refusal::Eval => {
                "assign it first: `value={{ ... }}`, then name it in single quotes: `trap 'rm -- \"$value\"' EXIT`; instead of `eval`, call the command directly"
            }
            Refusal::ShellArgument => "pass it as an argument: `bash -c 'echo \"$1\"' _ {{ ... }}`",
            Refusal::ShellInput => {
                "pass it as an argument and quote the delimiter: `bash -s -- {{ ... }} <<'END'`, with \"$1\" in the script"
            }
            Refusal::RemoteShell | Refusal::RemoteInput => {
                "write the value to a file and copy that, or let the remote program read it: `printf '%s\\n' {{ ... }} | ssh host program`; a here-document for a remote shell is not safe"
            }
            Refusal::Unreadable => "make the script simpler, or pass the value through `env:`",
        }
    }
}

//! Looks at whole simple commands: values that the shell would evaluate a second time are refused where it surely does,
//! and found worth advice where it may.

use super::commands::Command;
use super::lexer::{HOLE, Lexer, Word};
use super::place::Refusal;

/// What a piece of advice is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LintKind {
    /// The value may start with `-` and be taken for an option.
    LeadingDash,
    /// The value is or begins the name of the command.
    CommandName,
    /// `eval` or `trap` reads the value as shell text.
    Eval,
    /// `ssh` joins its arguments and a remote shell reads them.
    RemoteShell,
    /// `bash -c` and the like read the value as shell text.
    NestedShell,
    /// A variable set from the value is used in arithmetic.
    Arithmetic,
    /// `| raw` makes the value script text.
    Raw,
}

/// Advice about one hole.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    pub(crate) kind: LintKind,
    pub(crate) message: String,
    pub(crate) help: String,
}

/// Commands whose arguments are never options, or whose value arguments are harmless when they look like some.
const NO_OPTIONS: [&str; 9] = ["echo", "printf", "test", "[", "true", "false", "exit", "return", "sleep"];
/// Variables whose new value bash computes or later runs.
const EVALUATED: [&str; 10] =
    ["RANDOM", "SRANDOM", "OPTIND", "HISTCMD", "BASH_ENV", "PROMPT_COMMAND", "PS0", "PS1", "PS2", "PS4"];
const DECLARATIONS: [&str; 5] = ["declare", "typeset", "local", "readonly", "export"];

impl Lexer<'_> {
    /// Judges a finished simple command and clears it.
    pub(super) fn judge(&mut self, command: &mut Command) {
        self.note_started(command);
        let Command { words, assignments, input, reader, .. } = std::mem::take(command);
        if let Some(reader) = reader {
            self.hand_over_stream(&input, reader);
        }
        for word in &assignments {
            self.note_assigned(word);
        }
        for word in assignments.iter().chain(&words) {
            if assigned_name(word).is_some_and(|name| EVALUATED.contains(&name)) {
                self.refuse_in(&word.range, Refusal::Evaluated);
            }
        }
        let prefixes = words.iter().take_while(|w| matches!(w.keyword(), "command" | "builtin" | "exec")).count();
        let words = &words[prefixes..];
        self.judge_input(words, &input);
        let Some((name, arguments)) = words.split_first() else { return };
        if !name.range.is_empty() && self.holes.range(name.range.clone()).next().is_some() {
            self.find(
                name,
                LintKind::CommandName,
                "a value names the command",
                "name the command in the runbook, or use `exec:`",
            );
        }
        let program = name.literal.as_deref().unwrap_or_default();
        let program = program.rsplit('/').next().unwrap_or(program);
        self.judge_builtin(program, arguments);
        self.judge_second_reading(program, words);
        self.judge_dashes(program, arguments);
    }

    /// What can only be judged when the whole script was read: variables set from values and used in arithmetic, or
    /// declared with a value and known to be arrays.
    pub(super) fn judge_variables(&mut self) {
        for (name, range) in std::mem::take(&mut self.declared) {
            if self.arrays.contains(&name) {
                self.refuse_in(&range, Refusal::ArrayText);
            }
        }
        self.judge_reread();
        for (name, hole) in std::mem::take(&mut self.assigned) {
            if self.computed.contains(&name) {
                let finding = Finding {
                    kind: LintKind::Arithmetic,
                    message: format!(
                        "`{name}` comes from a value and is used in arithmetic, which runs commands hidden in it"
                    ),
                    help: "make it a number first: `{{ ... | int }}`".into(),
                };
                self.findings.push((hole, finding));
            }
        }
    }

    fn note_assigned(&mut self, word: &Word) {
        let Some(name) = assigned_name(word) else { return };
        for hole in self.holes_in(&word.range) {
            // What a command prints about a value is not the value.
            let before = &self.chars[word.range.start..hole];
            if !before.contains(&'`') && !before.windows(2).any(|w| w == ['$', '(']) {
                self.assigned.push((name.to_owned(), hole));
            }
        }
        let copied: Vec<String> = self.expansions.range(word.range.clone()).map(|(_, from)| from.clone()).collect();
        self.copied.extend(copied.into_iter().map(|from| (name.to_owned(), from)));
    }

    /// Builtins that evaluate their arguments as names or arithmetic.
    fn judge_builtin(&mut self, program: &str, arguments: &[Word]) {
        match program {
            "let" => {
                for word in arguments {
                    self.refuse_in(&word.range, Refusal::Arithmetic);
                    self.note_computed(word.range.clone());
                }
            }
            "unset" | "mapfile" | "readarray" | "getopts" => self.refuse_names(arguments, Refusal::VariableName),
            "compgen" | "complete" => self.refuse_names(arguments, Refusal::Evaluated),
            "read" => self.judge_read(arguments),
            "printf" => {
                self.refuse_after(arguments, &["-v"]);
                self.judge_format(arguments);
            }
            "wait" => self.refuse_after(arguments, &["-p"]),
            "test" | "[" => {
                self.refuse_after(arguments, &["-v", "-R"]);
                self.judge_operators(arguments);
            }
            _ if DECLARATIONS.contains(&program) => self.judge_declaration(arguments),
            _ => {}
        }
    }

    fn refuse_names(&mut self, arguments: &[Word], reason: Refusal) {
        for word in arguments {
            self.refuse_in(&word.range, reason);
            self.arrays.extend(word.literal.clone());
        }
    }

    /// A format that starts with a value may be an option; one with a value may write a variable named by an argument.
    fn judge_format(&mut self, arguments: &[Word]) {
        let rest = match arguments {
            [option, _, rest @ ..] if option.keyword() == "-v" => rest,
            [dashes, rest @ ..] if dashes.keyword() == "--" => rest,
            _ => arguments,
        };
        let Some((format, values)) = rest.split_first() else { return };
        let feeds = values.iter().any(|word| !self.holes_in(&word.range).is_empty());
        if feeds || self.starts_with_hole(format) {
            self.refuse_in(&format.range, Refusal::Format);
        }
    }

    /// `[ {{ operator }} {{ name }} ]`: the first value could be `-v`, which evaluates the second.
    fn judge_operators(&mut self, arguments: &[Word]) {
        for pair in arguments.windows(2) {
            if pair[0].literal.is_none() && self.starts_with_hole(&pair[0]) {
                self.refuse_in(&pair[1].range, Refusal::VariableName);
            }
        }
    }

    fn refuse_after(&mut self, arguments: &[Word], options: &[&str]) {
        for pair in arguments.windows(2) {
            if pair[0].literal.as_deref().is_some_and(|text| options.contains(&text)) {
                self.refuse_in(&pair[1].range, Refusal::VariableName);
            }
        }
        for word in arguments.iter().filter(|w| options.contains(&w.lead.as_str())) {
            self.refuse_in(&word.range, Refusal::VariableName);
        }
    }

    fn judge_read(&mut self, arguments: &[Word]) {
        let mut value_follows = false;
        for word in arguments {
            if !value_follows && !word.lead.starts_with('-') {
                self.refuse_in(&word.range, Refusal::VariableName);
            }
            let text = word.literal.as_deref().unwrap_or_default();
            value_follows = text.starts_with('-') && text.ends_with(['p', 't', 'd', 'n', 'N', 'u', 'i']);
        }
    }

    fn judge_declaration(&mut self, arguments: &[Word]) {
        let options = |letter: char| {
            arguments.iter().any(|w| w.literal.as_deref().is_some_and(|t| t.starts_with('-') && t.contains(letter)))
        };
        let (integer, reference, array) = (options('i'), options('n'), options('a') || options('A'));
        for word in arguments {
            match assigned_name(word).or(word.literal.as_deref()) {
                Some(name) if integer => {
                    self.computed.insert(name.to_owned());
                    self.note_computed(word.range.clone());
                    self.refuse_in(&word.range, Refusal::Arithmetic);
                }
                Some(name) if !reference => {
                    if array {
                        self.arrays.insert(name.to_owned());
                    }
                    if self.chars.get(word.range.start + name.len() + 1) != Some(&'(') {
                        self.declared.push((name.to_owned(), word.range.clone()));
                    }
                    self.note_assigned(word);
                }
                _ => self.refuse_in(&word.range, Refusal::VariableName),
            }
        }
    }

    /// Values in the place of operands that may be taken for options.
    fn judge_dashes(&mut self, program: &str, arguments: &[Word]) {
        if program.is_empty() || NO_OPTIONS.contains(&program) || DECLARATIONS.contains(&program) {
            return;
        }
        let mut before = "";
        for word in arguments {
            let text = word.literal.as_deref().unwrap_or_default();
            if text == "--" {
                return;
            }
            if self.starts_with_hole(word) && !before.starts_with('-') {
                let help = "put `--` before it, or use `exec:` with `--`";
                let message = format!("a value that starts with `-` would be an option of `{program}`");
                self.find_first(word, LintKind::LeadingDash, &message, help);
            }
            before = text;
        }
    }

    fn starts_with_hole(&self, word: &Word) -> bool {
        let first = self.chars[word.range.clone()].iter().find(|c| !matches!(c, '"' | '\''));
        first == Some(&HOLE)
    }

    fn find(&mut self, word: &Word, kind: LintKind, message: &str, help: &str) {
        for hole in self.holes_in(&word.range) {
            self.findings.push((hole, Finding { kind, message: message.into(), help: help.into() }));
        }
    }

    fn find_first(&mut self, word: &Word, kind: LintKind, message: &str, help: &str) {
        if let Some(hole) = self.holes_in(&word.range).first() {
            self.findings.push((*hole, Finding { kind, message: message.into(), help: help.into() }));
        }
    }
}

/// The variable that a word sets, also where the word is quoted: `export "NAME={{ v }}"`.
fn assigned_name(word: &Word) -> Option<&str> {
    let text = word.literal.as_deref().unwrap_or(&word.lead);
    let name = || text.split_once('=').map(|(name, _)| name.trim_end_matches('+'));
    let plain = |name: &&str| {
        name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric()) && !name.starts_with(|c: char| c.is_ascii_digit())
    };
    word.assigns.as_deref().or_else(name).filter(plain).filter(|name| !name.is_empty())
}

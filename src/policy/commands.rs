//! Every command that a script starts, through whatever starts it: `sudo`, `xargs`, `sh -c`, a pipe into a shell.
//!
//! What cannot be known before the shell runs is a doubt and not silence. The walk follows programs it knows
//! ([`super::starters`], [`super::readers`]); a program it does not know is a call of that program and nothing more.

use super::carriers;
use super::script::{Script, place};
use super::starters;
use super::variables::{is_a_path_of_the_system, runs_its_value, starts_its_value};
use super::word::{self, Doubt, LATER, Name, UNKNOWN, Values, Word};
use crate::template::{Started, listing};
use std::ops::Range;

/// Scripts inside scripts are followed this deep; more is in doubt.
const MAX_DEPTH: usize = 12;
/// Most commands of one script; more is in doubt.
const MAX_FOUND: usize = 4000;

/// What a script does that a policy may have a word on.
#[derive(Debug, Clone)]
pub(super) enum What {
    /// A program is started with these words; the first is its name as written.
    Call(Vec<Word>),
    /// Something is started, but what cannot be said.
    Doubtful { doubt: Doubt, why: String, text: String },
    /// Text that may hide a command from this reading; it counts where it names a program a rule is about.
    Mention { why: String, text: String },
    /// Words that a program nobody knows is given.
    Given { name: String, words: Vec<Word> },
    /// A file that is started, or read by a shell as its script; none where its path is not known.
    File { path: Option<String>, shell: bool },
    /// The working directory changes, so that relative paths mean others from here on.
    Moved,
}

/// Something found, and the characters of the outermost script where it stands.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) what: What,
    pub(super) range: Range<usize>,
}

/// What reaches the standard input of a command.
#[derive(Debug, Clone)]
pub(super) enum Input {
    /// Nothing.
    Closed,
    /// This text, with marks for what is not known in it.
    Text(String),
    /// The output of this; what it is cannot be said.
    Unknown(String),
}

/// Everything a script of bash (or of another shell) starts that reads `input`.
pub(super) fn of_script(chars: &[char], values: &Values, input: &Input, bash: bool) -> Vec<Found> {
    let mut walk = Walk { values, found: Vec::new(), depth: 0, place: None, bash, moved_input: false };
    walk.differs(&chars.iter().collect::<String>(), "the shell of this script");
    walk.script(chars, values, input);
    walk.found
}

/// Everything that a command given as words starts.
pub(super) fn of_words(words: &[Word], values: &Values, input: &Input) -> Vec<Found> {
    let mut walk = Walk { values, found: Vec::new(), depth: 0, place: Some(0..0), bash: true, moved_input: false };
    walk.command(words, input);
    walk.found
}

pub(super) struct Walk<'a> {
    values: &'a Values,
    found: Vec<Found>,
    depth: usize,
    /// Where in the outermost script the text being read comes from; none in that script itself.
    place: Option<Range<usize>>,
    /// The shell that reads the text is bash.
    pub(super) bash: bool,
    /// `exec < file` gave the script another standard input.
    moved_input: bool,
}

impl Walk<'_> {
    pub(super) fn note(&mut self, what: What) {
        let range = self.place.clone().unwrap_or_default();
        self.found.push(Found { what, range });
    }

    pub(super) fn doubt(&mut self, doubt: Doubt, why: impl Into<String>, text: impl Into<String>) {
        self.note(What::Doubtful { doubt, why: why.into(), text: text.into() });
    }

    pub(super) fn mention(&mut self, why: &str, text: String) {
        self.note(What::Mention { why: why.into(), text });
    }

    /// Text that a shell reads as its script, with marks for what is not known in it.
    pub(super) fn text(&mut self, text: &str, reader: &str) {
        if self.depth >= MAX_DEPTH || self.found.len() > MAX_FOUND {
            return self.doubt(Doubt::Unknown, "scripts inside scripts are too deep to follow", text);
        }
        // What stands in place of a mark may be any code.
        let doubt = if text.contains(UNKNOWN) { Some(Doubt::Unknown) } else { None };
        if let Some(doubt) = doubt.or(text.contains(LATER).then_some(Doubt::Later)) {
            self.doubt(doubt, format!("a part of what {reader} runs is only known at run time"), text);
        }
        self.differs(text, reader);
        let chars: Vec<char> = text.chars().collect();
        let known = Values { variables: self.values.variables.clone(), holes: Vec::new() };
        self.depth += 1;
        self.script(&chars, &known, &Input::Closed);
        self.depth -= 1;
    }

    /// Text is read as bash reads it. Other shells do not know some of its words and quotes, and start what hides in them.
    fn differs(&mut self, text: &str, reader: &str) {
        const ONLY_BASH: [&str; 9] = ["$'", "$\"", "[[", "<<<", "<(", ">(", "|&", "&>", "function "];
        let arithmetic = text.match_indices("((").any(|(at, _)| !text[..at].ends_with('$'));
        if !self.bash && (arithmetic || ONLY_BASH.iter().any(|words| text.contains(words))) {
            let why = format!("{reader} may not be bash, and other shells read a part of this differently");
            self.doubt(Doubt::Unknown, why, text);
        }
    }

    /// A script that comes from somewhere else.
    pub(super) fn input_as_script(&mut self, input: &Input, reader: &str) {
        match input {
            Input::Closed => {}
            Input::Text(text) => self.text(text, reader),
            Input::Unknown(text) => {
                self.doubt(
                    Doubt::Unknown,
                    format!("what {reader} reads as its script is only known at run time"),
                    text,
                );
            }
        }
    }

    fn script(&mut self, chars: &[char], values: &Values, input: &Input) {
        let listing = listing(chars);
        if !listing.clear {
            let text: String = chars.iter().collect();
            self.doubt(Doubt::Unknown, "the script cannot be read to its end", text);
        }
        if chars.windows(3).any(|three| three == ['@', 'P', '}']) {
            let text: String = chars.iter().collect();
            self.doubt(Doubt::Unknown, "`${name@P}` runs the commands in a value", text);
        }
        let outermost = self.place.is_none();
        let before = self.found.len();
        let script = Script { chars, listing: &listing, values };
        self.moved_input |= listing.commands.iter().any(|started| script.feeds_a_function(started));
        for started in &listing.commands {
            if outermost {
                self.place = Some(place(started));
            }
            self.started(&script, started, input);
        }
        for range in &listing.backticks {
            if outermost {
                self.place = Some(range.clone());
            }
            let text = word::body(chars, range.clone(), false, values);
            self.text(&text, "a nested substitution");
        }
        if outermost {
            self.place = None;
        }
        self.written_here(chars, before);
    }

    /// A file that a script writes and starts is not the one that was looked into.
    fn written_here(&mut self, chars: &[char], before: usize) {
        let files: Vec<(String, Range<usize>)> = self.found[before..]
            .iter()
            .filter_map(|found| match &found.what {
                What::File { path: Some(path), .. } if !path.is_empty() => Some((path.clone(), found.range.clone())),
                _ => None,
            })
            .collect();
        if files.is_empty() {
            return;
        }
        let text: String = chars.iter().collect();
        for (path, range) in files {
            let redirected = text.match_indices(path.as_str()).any(|(at, _)| {
                let before = text[..at].trim_end_matches([' ', '\'', '"']);
                before.ends_with('>') || before.ends_with(">|")
            });
            let written = self.found[before..].iter().any(|found| match &found.what {
                What::Call(words) => carriers::writes(words, &path),
                _ => false,
            });
            if redirected || written {
                let why = format!("{path} is written and started by the same script");
                self.found.push(Found { what: What::Doubtful { doubt: Doubt::Unknown, why, text: path }, range });
            }
        }
    }

    fn started(&mut self, script: &Script<'_>, started: &Started, outer: &Input) {
        if self.found.len() > MAX_FOUND {
            return self.doubt(Doubt::Unknown, "the script starts too many commands to follow", "");
        }
        let input = match script.input(started, outer) {
            Input::Closed if self.moved_input => Input::Unknown(String::new()),
            input => input,
        };
        if started.reads_script {
            let bash = std::mem::replace(&mut self.bash, false);
            self.input_as_script(&input, "a shell");
            self.bash = bash;
            return;
        }
        let words: Vec<Word> = started.words.iter().map(|range| script.word(range)).collect();
        for assignment in started.assignments.iter().map(|range| script.word(range)) {
            self.assignment(&assignment);
        }
        if started.words.first().is_none_or(|first| first.is_empty()) {
            return;
        }
        // `time -p command`: the keyword itself was read already.
        let options = words.iter().take_while(|word| word.text().is_some_and(|text| text.starts_with('-'))).count();
        let words = if options < words.len() { &words[options..] } else { &words[..] };
        if matches!(words[0].raw.as_str(), "}" | "done" | "fi" | "esac") {
            return;
        }
        let redirected = !started.strings.is_empty() || !started.docs.is_empty() || !started.files.is_empty();
        self.moved_input |= redirected && matches!(words, [only] if only.text() == Some("exec"));
        self.command(words, &input);
    }

    /// Variables from which a shell or the loader takes commands.
    pub(super) fn assignment(&mut self, word: &Word) {
        // `BASH_ALIASES[x]=y` has its name in front of the bracket.
        let text = word.raw.split(['=', '%', '+', '[']).next().unwrap_or_default().trim_start_matches(['"', '\'']);
        if !word.raw.contains(['=', '%']) {
            return;
        }
        let marked = word.marked();
        let value = marked.split_once('=').map_or("", |(_, value)| value);
        if starts_its_value(text) {
            self.text(value.trim_start_matches(['|', '-']), &format!("a program that looks at `{text}`"));
        }
        if text == "PATH" && !is_a_path_of_the_system(value, &word.raw) {
            self.doubt(Doubt::Unknown, "behind this `PATH` names may stand for other programs", marked.clone());
        }
        if value.contains("[$(") || value.contains("[`") {
            self.doubt(Doubt::Unknown, "arithmetic runs the commands in a subscript", marked.clone());
        }
        if runs_its_value(text) {
            self.doubt(Doubt::Unknown, format!("`{text}` makes other programs run what it says"), word.marked());
        }
    }

    /// A command with its words, whoever starts it.
    pub(super) fn command(&mut self, words: &[Word], input: &Input) {
        let Some((first, arguments)) = words.split_first() else { return };
        if self.depth >= MAX_DEPTH || self.found.len() > MAX_FOUND {
            return self.doubt(Doubt::Unknown, "commands inside commands are too deep to follow", joined(words));
        }
        let name = match first.name() {
            Name::Known(name) => name,
            Name::Doubtful(doubt) => {
                let why = format!("the name of the command `{}` is only known at run time", first.shown());
                return self.doubt(doubt, why, joined(words));
            }
        };
        self.note(What::Call(words.to_vec()));
        if first.marked().contains('/') {
            self.note(What::File { path: first.text().map(str::to_owned), shell: false });
        }
        self.depth += 1;
        self.follow(&name, arguments, input);
        self.depth -= 1;
    }

    fn follow(&mut self, name: &str, arguments: &[Word], input: &Input) {
        if self.read_again(name, arguments, input) {
            return;
        }
        let Some(starter) = starters::find(name) else {
            self.options_that_start(name, arguments, input);
            if !carriers::is_about_data(name) {
                self.note(What::Given { name: name.to_owned(), words: carriers::tokens(arguments, input) });
            }
            return;
        };
        // `coproc NAME { commands; }`
        if name == "coproc" && arguments.get(1).is_some_and(|word| word.raw == "{") {
            return self.command(&arguments[2..], input);
        }
        if name == "env" && self.split_string(arguments, input) {
            return;
        }
        let looks_up = |word: &Word| matches!(word.text(), Some("-v" | "-V" | "-pv" | "-pV"));
        if name == "command" && arguments.first().is_some_and(looks_up) {
            return;
        }
        match starter.command(arguments) {
            Ok(at) => {
                let options = &arguments[..at];
                options.iter().for_each(|word| self.assignment(word));
                match &arguments[at..] {
                    [] if matches!(name, "sudo" | "doas" | "busybox" | "toybox") => self.login(options, input, name),
                    [] if matches!(name, "chroot" | "nsenter" | "unshare" | "setarch" | "linux32" | "linux64") => {
                        let bash = std::mem::replace(&mut self.bash, false);
                        self.input_as_script(input, name);
                        self.bash = bash;
                    }
                    command => self.command(command, input),
                }
            }
            Err(doubt) => {
                self.doubt(
                    doubt,
                    format!("an option of `{name}` is not known, so what it starts is not"),
                    joined(arguments),
                );
            }
        }
    }

    /// `sudo -i` and `sudo -s` start a shell.
    fn login(&mut self, options: &[Word], input: &Input, name: &str) {
        let login = |word: &Word| {
            let text = word.text().unwrap_or_default();
            matches!(text, "--login" | "--shell")
                || text.starts_with('-') && !text.starts_with("--") && text.contains(['i', 's'])
        };
        if options.iter().any(login) {
            let bash = std::mem::replace(&mut self.bash, false);
            self.input_as_script(input, name);
            self.bash = bash;
        }
    }

    /// `env -S 'command words'`.
    fn split_string(&mut self, arguments: &[Word], input: &Input) -> bool {
        let Some(at) = arguments.iter().position(|word| {
            let lead = word.lead();
            lead.starts_with("--split-string") || lead.starts_with('-') && !lead.starts_with("--") && lead.contains('S')
        }) else {
            return false;
        };
        let own = arguments[at].marked();
        let attached = match own.strip_prefix("--split-string") {
            Some(rest) => rest.trim_start_matches('=').to_owned(),
            None => own.split_once('S').map(|(_, rest)| rest.to_owned()).unwrap_or_default(),
        };
        let mut text = attached;
        for word in &arguments[at + 1..] {
            text.push(' ');
            // Only the string itself is split; what stands behind it stays one word each.
            match text.trim().is_empty() {
                true => text.push_str(&word.marked()),
                false => text.push_str(&requoted(word)),
            }
        }
        let chars: Vec<char> = format!("env {}", text.trim()).chars().collect();
        self.nested(&chars, input);
        true
    }

    /// A script made of what was read.
    pub(super) fn nested(&mut self, chars: &[char], input: &Input) {
        if self.depth >= MAX_DEPTH {
            return self.doubt(Doubt::Unknown, "scripts inside scripts are too deep to follow", "");
        }
        let values = Values { variables: self.values.variables.clone(), holes: Vec::new() };
        self.depth += 1;
        self.script(chars, &values, input);
        self.depth -= 1;
    }
}

/// Words as one line, with marks.
pub(super) fn joined(words: &[Word]) -> String {
    words.iter().map(Word::marked).collect::<Vec<_>>().join(" ")
}

/// A word as it can be read again as one word, if all of it is known.
fn requoted(word: &Word) -> String {
    word.text().map_or_else(|| word.marked(), crate::template::quote)
}

//! Programs that read text as commands: shells, `eval`, `ssh`, `xargs`, `find -exec` and their kin.

use super::commands::{Input, Walk, What, joined};
use super::word::{Doubt, UNKNOWN, Word};

const SHELLS: [&str; 17] = [
    "oksh", "lksh", "sash", "sh", "bash", "dash", "zsh", "ksh", "ash", "rbash", "mksh", "fish", "csh", "tcsh", "ksh93",
    "yash", "posh",
];
/// Programs that run programs written in their arguments or their input.
const INTERPRETERS: [&str; 28] = [
    "pypy",
    "pypy3",
    "ipython",
    "luajit",
    "julia",
    "rscript",
    "jshell",
    "groovy",
    "python",
    "python2",
    "python3",
    "perl",
    "ruby",
    "node",
    "nodejs",
    "deno",
    "bun",
    "php",
    "lua",
    "tclsh",
    "expect",
    "awk",
    "gawk",
    "mawk",
    "nawk",
    "osascript",
    "guile",
    "emacs",
];
/// Words with which they start other programs.
const STARTING: [&str; 16] = [
    "passthru",
    "proc_open",
    "eval",
    "__import__",
    "getattr",
    "import os",
    "%x",
    "system",
    "exec",
    "popen",
    "spawn",
    "subprocess",
    "child_process",
    "qx",
    "backtick",
    "getline",
];
/// Programs that start, copy or rename programs named in their arguments.
const CARRIERS: [&str; 24] = [
    "ln",
    "cp",
    "mv",
    "install",
    "rsync",
    "tar",
    "git",
    "sed",
    "vi",
    "vim",
    "ex",
    "ed",
    "make",
    "gdb",
    "socat",
    "nc",
    "ncat",
    "screen",
    "tmux",
    "start-stop-daemon",
    "daemonize",
    "hash",
    "enable",
    "xvfb-run",
];
/// Options of ssh that take a value.
const SSH_VALUES: &str = "bcDeEFIiJLlmOopQRSWwB";

impl Walk<'_> {
    /// Follows a program that reads text as commands; false where it does not.
    pub(super) fn read_again(&mut self, name: &str, arguments: &[Word], input: &Input) -> bool {
        let before = self.bash;
        self.bash = match name {
            "bash" | "rbash" => true,
            // The shell itself reads it.
            "eval" | "trap" | "alias" | "mapfile" | "readarray" | "complete" | "compgen" | "source" | "." => before,
            _ => false,
        };
        let follows = self.follow_reader(name, arguments, input);
        self.bash = before;
        follows
    }

    fn follow_reader(&mut self, name: &str, arguments: &[Word], input: &Input) -> bool {
        match name {
            "eval" => self.text(&joined(arguments), "`eval`"),
            "trap" => self.first_argument(arguments, "`trap`"),
            "alias" => self.aliases(arguments),
            "mapfile" | "readarray" | "complete" | "compgen" => self.after_option(arguments, 'C', "its `-C`"),
            "export" | "declare" | "typeset" | "local" | "readonly" => {
                arguments.iter().for_each(|w| self.assignment(w))
            }
            "cd" | "pushd" | "popd" => self.note(What::Moved),
            "source" | "." => self.script_file(arguments.first(), input),
            "su" => self.user_shell(arguments, input),
            "runuser" if !has_user_option(arguments) => self.user_shell(arguments, input),
            "ssh" | "autossh" => self.ssh(arguments, input),
            "xargs" => self.xargs(arguments, input),
            "parallel" => self.parallel(arguments, input),
            "find" => self.find(arguments, input),
            "watch" => self.watch(arguments),
            "crontab" => self.crontab(arguments, input),
            "at" | "batch" => self.at(arguments, input),
            "sg" if option(arguments, 'c', "command").is_none() && arguments.len() > 1 => {
                self.text(&joined(&arguments[1..]), "`sg`");
            }
            "script" if arguments.iter().any(|word| word.text() == Some("--")) => {
                let command = arguments.iter().skip_while(|word| word.text() != Some("--")).skip(1);
                let command: Vec<Word> = command.cloned().collect();
                self.after_option(arguments, 'c', "it");
                self.command(&command, input);
            }
            "script" | "sg" => self.after_option(arguments, 'c', "it"),
            "flock" => return self.flock(arguments),
            "newgrp" => self.input_as_script(input, "`newgrp`"),
            _ if is_shell(name) => self.shell(arguments, input, name),
            _ if INTERPRETERS.contains(&name) || is_versioned(name) => self.interpreter(name, arguments, input),
            _ if CARRIERS.contains(&name) => {
                self.mention(&format!("`{name}` is given the program"), joined(arguments));
                self.options_that_start(name, arguments, input);
                if !matches!(name, "git" | "sed" | "cp" | "mv" | "ln" | "install") {
                    let words = super::carriers::tokens(arguments, input);
                    self.note(What::Given { name: name.to_owned(), words });
                }
            }
            _ => return false,
        }
        true
    }

    fn first_argument(&mut self, arguments: &[Word], reader: &str) {
        let text = arguments.iter().find(|word| word.text() != Some("--"));
        if let Some(word) = text.filter(|word| !matches!(word.text(), Some("" | "-" | "-p" | "-l"))) {
            self.text(&word.marked(), reader);
        }
    }

    fn aliases(&mut self, arguments: &[Word]) {
        for text in arguments.iter().map(Word::marked) {
            if let Some((_, value)) = text.split_once('=') {
                // What stands behind the alias is read with it.
                self.mention("an alias stands for", value.to_owned());
                self.text(value, "an alias");
            }
        }
    }

    /// The text behind `-c`, for programs with an option that takes commands.
    fn after_option(&mut self, arguments: &[Word], letter: char, reader: &str) {
        if let Some(text) = option(arguments, letter, "command") {
            self.text(&text, reader);
        }
    }

    fn shell(&mut self, arguments: &[Word], input: &Input, name: &str) {
        let reader = format!("`{name}`");
        let mut at = 0;
        while let Some(word) = arguments.get(at) {
            let Some(text) = word.text() else {
                if word.lead().starts_with("<(") || word.raw.starts_with("<(") {
                    return self.script_file(Some(word), input);
                }
                let doubt = word.doubt().unwrap_or(Doubt::Unknown);
                return self.doubt(doubt, format!("what `{name}` runs is only known at run time"), joined(arguments));
            };
            match text {
                "-" => return self.input_as_script(input, &reader),
                "--" => return self.script_file(arguments.get(at + 1), input),
                "--version" | "--help" => return,
                "-o" | "+o" | "-O" | "+O" => at += 1,
                "--rcfile" | "--init-file" => {
                    self.script_file(arguments.get(at + 1), input);
                    at += 1;
                }
                "-C" | "--command" | "--init-command" if name == "fish" => {
                    let code = arguments.get(at + 1).map(Word::marked).unwrap_or_default();
                    self.text(&code, &reader);
                    at += 1;
                }
                _ if text.starts_with("--command=") || text.starts_with("--init-command=") => {
                    self.text(text.split_once('=').map_or("", |(_, code)| code), &reader);
                }
                _ if is_cluster(text) && text.contains('c') => {
                    let mut script = at + 1;
                    while arguments.get(script).and_then(Word::text).is_some_and(|t| t.starts_with(['-', '+'])) {
                        script += if arguments[script].text().is_some_and(|t| t.ends_with(['o', 'O'])) { 2 } else { 1 };
                    }
                    if let Some(script) = arguments.get(script) {
                        self.text(&script.marked(), &format!("`{name} -c`"));
                    }
                    return;
                }
                _ if is_cluster(text) && text.contains('s') => return self.input_as_script(input, &reader),
                _ if is_cluster(text) && text.ends_with(['o', 'O']) => at += 1,
                _ if text.starts_with(['-', '+']) => {}
                _ => return self.script_file(Some(word), input),
            }
            at += 1;
        }
        self.input_as_script(input, &reader);
    }

    /// A file that a shell reads as its script.
    fn script_file(&mut self, file: Option<&Word>, input: &Input) {
        let Some(file) = file else { return };
        if let Some(inside) = file.raw.strip_prefix("<(").and_then(|rest| rest.strip_suffix(')')) {
            // The commands inside were read already; what they print is the script.
            let chars: Vec<char> = format!("{inside} | {}", if self.bash { "bash" } else { "sh" }).chars().collect();
            return self.nested(&chars, input);
        }
        match file.text() {
            Some("/dev/stdin" | "/dev/fd/0" | "/proc/self/fd/0" | "-") => self.input_as_script(input, "a shell"),
            Some(device) if device.starts_with("/dev/") || device.starts_with("/proc/") => {
                self.input_as_script(input, "a shell");
                self.doubt(Doubt::Unknown, "what a shell reads from a descriptor is only known at run time", device);
            }
            text => self.note(What::File { path: text.map(str::to_owned), shell: true }),
        }
    }

    /// `su [-] [user] -c script`.
    fn user_shell(&mut self, arguments: &[Word], input: &Input) {
        if let Some(shell) = option(arguments, 's', "shell").filter(|shell| !is_shell(shell)) {
            self.doubt(Doubt::Unknown, "`su -s` starts another program", shell);
        }
        match option(arguments, 'c', "command").or_else(|| option(arguments, '\0', "session-command")) {
            Some(text) => self.text(&text, "`su -c`"),
            None => self.input_as_script(input, "`su`"),
        }
    }

    /// A remote shell reads all words behind the host as one line.
    fn ssh(&mut self, arguments: &[Word], input: &Input) {
        let (mut at, mut host) = (0, None);
        while let Some(text) = arguments.get(at).map(Word::marked) {
            if text == "--" {
                at += 1;
                break;
            }
            if !text.starts_with('-') || text.len() < 2 {
                // Options may stand behind the host as well.
                if host.is_some() {
                    break;
                }
                host = Some(at);
                at += 1;
                continue;
            }
            let own_value = text.len() == 2 && text.ends_with(|c| SSH_VALUES.contains(c));
            let value = if own_value { arguments.get(at + 1).map(Word::marked) } else { Some(text[2..].to_owned()) };
            let command = value.as_deref().and_then(|v| v.split_once('=')).filter(|_| text.starts_with("-o"));
            if let Some((_, command)) = command.filter(|(name, _)| name.to_ascii_lowercase().ends_with("command")) {
                self.text(command, "an option of `ssh`");
            }
            at += if own_value { 2 } else { 1 };
        }
        match arguments.get(if host.is_some() { at } else { at + 1 }..) {
            None | Some([]) => self.input_as_script(input, "a remote shell"),
            Some(command) => {
                self.text(&joined(command), "a remote shell");
                if let Some(first) = command.first().and_then(Word::text).filter(|first| is_shell(first)) {
                    self.shell(&command[1..], input, &super::word::base(first));
                }
            }
        }
    }

    /// Each line of a table is five fields and a command.
    fn crontab(&mut self, arguments: &[Word], input: &Input) {
        let mut files = arguments.iter();
        let mut file = None;
        while let Some(word) = files.next() {
            match word.text() {
                Some("-u") => drop(files.next()),
                Some("-l" | "-r" | "-e" | "-i") => return,
                _ => file = Some(word),
            }
        }
        let text = match (file.and_then(Word::text), input) {
            (None | Some("-"), Input::Text(text)) => text.clone(),
            (None | Some("-"), Input::Closed) => return,
            (None | Some("-"), Input::Unknown(text)) => {
                return self.doubt(Doubt::Unknown, "what `crontab` will run is only known at run time", text.clone());
            }
            (Some(file), _) => {
                return self.doubt(
                    Doubt::Unknown,
                    format!("what `crontab` will run stands in {file}"),
                    file.to_owned(),
                );
            }
        };
        for line in text.lines() {
            let fields = if line.trim_start().starts_with('@') { 1 } else { 5 };
            let mut rest = line.trim_start();
            for _ in 0..fields {
                rest = rest.split_once([' ', '\t']).map_or("", |(_, tail)| tail.trim_start());
            }
            self.text(rest, "`crontab`");
        }
    }

    fn at(&mut self, arguments: &[Word], input: &Input) {
        match arguments.iter().position(|word| word.text() == Some("-f")) {
            Some(at) => self.script_file(arguments.get(at + 1), input),
            None => self.input_as_script(input, "`at`"),
        }
    }

    /// Another language: what it starts cannot be read here, but whether it says so can.
    fn interpreter(&mut self, name: &str, arguments: &[Word], input: &Input) {
        let code = match input {
            Input::Text(text) | Input::Unknown(text) => format!("{}\n{text}", joined(arguments)),
            Input::Closed => joined(arguments),
        };
        let why = format!("`{name}` runs code in another language");
        let code_option = |word: &Word| {
            let text = word.marked();
            matches!(text.as_str(), "--eval" | "--print")
                || is_cluster(&text)
                    && text[1..].starts_with(|c: char| c.is_ascii_alphabetic())
                    && text.contains(['c', 'e', 'r', 'E', 'p', 'm'])
        };
        let inline = arguments.iter().any(code_option) || name.ends_with("awk") || !matches!(input, Input::Closed);
        match inline
            && (STARTING.iter().any(|word| code.contains(word))
                || code.contains(['`', UNKNOWN])
                || name.ends_with("awk") && ["| \"", "|\"", "|&"].iter().any(|pipe| code.contains(pipe))
                || name.starts_with("perl") && code.contains("open") && code.contains('|'))
        {
            true => self.doubt(Doubt::Unknown, why, code),
            false => self.mention(&why, code),
        }
    }
}

pub(super) fn is_shell(program: &str) -> bool {
    let name = super::word::base(program);
    let name = name.strip_suffix(".exe").unwrap_or(&name);
    // `bash-5.2`
    let plain = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-');
    SHELLS.contains(&name) || SHELLS.contains(&plain)
}

fn has_user_option(arguments: &[Word]) -> bool {
    arguments.iter().any(|word| word.text() == Some("-u") || word.lead().starts_with("--user"))
}

/// `python3.11`, `perl5.36`.
fn is_versioned(name: &str) -> bool {
    let plain = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    plain != name && INTERPRETERS.contains(&plain)
}

/// `-lc` and the like.
fn is_cluster(text: &str) -> bool {
    text.starts_with('-') && !text.starts_with("--") && text.len() > 1
}

/// The value of an option in any of its forms: `-c text`, `-ctext`, `-xc text`, `--command text`, `--command=text`.
fn option(arguments: &[Word], letter: char, name: &str) -> Option<String> {
    for (at, word) in arguments.iter().enumerate() {
        let text = word.marked();
        let next = || arguments.get(at + 1).map(Word::marked).unwrap_or_default();
        match text.strip_prefix("--") {
            Some(option) if option == name => return Some(next()),
            Some(option) => {
                if let Some(value) = option.strip_prefix(name).and_then(|rest| rest.strip_prefix('=')) {
                    return Some(value.to_owned());
                }
            }
            None if is_cluster(&text) => {
                if let Some((_, value)) = text.split_once(letter) {
                    return Some(if value.is_empty() { next() } else { value.to_owned() });
                }
            }
            None => {}
        }
    }
    None
}

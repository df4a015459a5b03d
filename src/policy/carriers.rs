//! Programs that start what stands in one of their options, and words that only seem to be commands.

use super::commands::{Input, Walk, joined};
use super::readers::is_shell;
use super::word::{Doubt, Name, Word};

/// Options whose value a shell reads, or that is started.
#[rustfmt::skip]
const CODE: &[(&[&str], &[&str])] = &[
    (&["tar", "gtar", "bsdtar"], &["--to-command", "--use-compress-program", "-I", "-F", "--info-script",
        "--new-volume-script", "--rsh-command", "--checkpoint-action"]),
    (&["rsync"], &["-e", "--rsh", "--rsync-path"]),
    (&["split"], &["--filter"]),
    (&["sort"], &["--compress-program"]),
    (&["zip"], &["-TT", "--unzip-command"]),
    (&["man"], &["-P", "--pager", "-H", "--html"]),
    (&["sftp"], &["-S"]),
    (&["wget"], &["--use-askpass"]),
    (&["start-stop-daemon"], &["-x", "--exec", "-a", "--startas"]),
    (&["vi", "vim", "nvim", "view", "ex"], &["-c", "--cmd"]),
    (&["gdb"], &["-ex", "-iex", "--eval-command"]),
    (&["nix-shell"], &["--run", "--command"]),
    (&["nc", "ncat"], &["-c", "-e", "--sh-exec", "--exec"]),
    (&["capsh"], &["-c"]),
    (&["git"], &["--exec", "--tree-filter", "--index-filter", "--env-filter", "--msg-filter", "--commit-filter"]),
];
/// What settings of git are called whose value is started.
const GIT_SETTINGS: [&str; 10] =
    ["command", "pager", "editor", "askpass", "hookspath", "external", "textconv", "helper", "program", "cmd"];
/// Programs for which the name of another program is a name and nothing more.
#[rustfmt::skip]
const DATA: &[&str] = &[
    "echo", "printf", "cat", "tac", "tee", "head", "tail", "grep", "egrep", "fgrep", "rg", "zgrep", "ls", "stat", "file", "test",
    "[", "[[", "true", "false", ":", "which", "type", "whereis", "command", "man", "apropos", "help", "set", "read", "return",
    "exit", "shift", "sha256sum", "sha1sum", "md5sum", "wc", "cut", "sort", "uniq", "tr", "diff", "cmp", "comm", "jq", "yq",
    "column", "base64", "sleep", "date", "basename", "dirname", "realpath", "readlink", "mkdir", "rmdir", "rm", "touch", "chmod",
    "chown", "chgrp", "du", "df", "ps", "pgrep", "pidof", "pkill", "kill", "killall", "id", "groups", "getent", "usermod",
    "groupadd", "gpasswd", "adduser", "useradd", "systemctl", "service", "journalctl", "logger", "curl", "wget", "apt", "apt-get",
    "apt-cache", "dpkg", "dpkg-query", "yum", "dnf", "rpm", "zypper", "apk", "snap", "pip", "pip3", "brew", "dig", "host", "ping",
    "ss", "netstat", "lsof", "mount", "umount", "unset", "in", "for", "case", "select",
];

impl Walk<'_> {
    /// Follows what options of a program start.
    pub(super) fn options_that_start(&mut self, name: &str, arguments: &[Word], input: &Input) {
        let options = CODE.iter().filter(|(names, _)| names.contains(&name)).flat_map(|(_, options)| *options);
        for option in options {
            for value in values(arguments, option) {
                match code_of(name, option, &value) {
                    Some(code) => self.text(&code, &format!("`{name} {option}`")),
                    None if ["system(", "term", "python", "exe"].iter().any(|word| value.contains(word)) => {
                        self.doubt(Doubt::Unknown, format!("`{name}` runs code in another language"), value);
                    }
                    None => {}
                }
            }
        }
        let subscript = |word: &Word| ["[$(", "[`"].iter().any(|open| word.marked().contains(open));
        if ["let", "unset", "read", "printf", "test", "[", "wait"].contains(&name) && arguments.iter().any(subscript) {
            self.doubt(Doubt::Unknown, "arithmetic runs the commands in a subscript", joined(arguments));
        }
        let sets_path = |word: &Word| word.text() == Some("PATH");
        if ["read", "printf"].contains(&name) && arguments.iter().any(sets_path) {
            self.doubt(Doubt::Unknown, "behind this `PATH` names may stand for other programs", joined(arguments));
        }
        match name {
            "hash" | "enable" if arguments.iter().any(|word| word.lead().starts_with(['-'])) => {
                let only = |word: &Word| matches!(word.text(), Some("-r" | "-l" | "-t" | "-n" | "-a"));
                if !arguments.first().is_some_and(only) {
                    self.doubt(Doubt::Unknown, format!("`{name}` gives a name another meaning"), joined(arguments));
                }
            }
            "git" => self.git(arguments, input),
            "tmux" => {
                let lines: Vec<String> =
                    arguments.iter().map(Word::marked).filter(|w| w.contains([' ', '$'])).collect();
                lines.iter().for_each(|line| self.text(line, "`tmux`"));
            }
            "screen" => {
                let shell = arguments.iter().position(|word| word.text().is_some_and(is_shell));
                if let Some(at) = shell {
                    self.command(&arguments[at..], input);
                }
            }
            "socat" => {
                for word in arguments.iter().map(Word::marked) {
                    let kind = word.split_once(':').map(|(kind, code)| (kind.to_ascii_lowercase(), code.to_owned()));
                    if let Some((_, code)) =
                        kind.filter(|(kind, _)| matches!(kind.as_str(), "exec" | "system" | "shell"))
                    {
                        self.text(&code, "`socat`");
                    }
                }
            }
            "sed" if arguments.iter().map(Word::marked).any(|script| sed_starts(&script)) => {
                self.doubt(Doubt::Unknown, "the command `e` of `sed` starts what it finds", joined(arguments));
            }
            "make" if !matches!(input, Input::Closed) => {
                self.doubt(Doubt::Unknown, "what `make` reads as its rules cannot be read here", joined(arguments));
            }
            "run-parts" if !arguments.iter().any(|w| matches!(w.text(), Some("--test" | "--list"))) => {
                self.doubt(Doubt::Unknown, "what `run-parts` starts is only known at run time", joined(arguments));
            }
            _ => {}
        }
    }

    /// Settings given on its command line, and the commands of git that start others.
    fn git(&mut self, arguments: &[Word], input: &Input) {
        for setting in values(arguments, "-c") {
            let Some((key, value)) = setting.split_once('=') else { continue };
            let key = key.to_ascii_lowercase();
            if value.starts_with('!') || GIT_SETTINGS.iter().any(|name| key.ends_with(name)) {
                self.text(value.trim_start_matches('!'), "a setting of `git`");
            }
        }
        for word in arguments.iter().map(Word::marked).filter(|word| word.starts_with('!')) {
            self.text(&word[1..], "an alias of `git`");
        }
        let place = |wanted: &str| arguments.iter().position(|word| word.text() == Some(wanted));
        if let (Some(_), Some(at)) = (place("submodule"), place("foreach")) {
            let code = arguments[at + 1..].iter().skip_while(|word| word.lead().starts_with('-'));
            let code: Vec<Word> = code.cloned().collect();
            self.text(&joined(&code), "`git submodule foreach`");
        }
        if let (Some(_), Some(at)) = (place("bisect"), place("run")) {
            self.command(&arguments[at + 1..], input);
        }
        if place("rebase").is_some() {
            values(arguments, "-x").iter().for_each(|code| self.text(code, "`git rebase -x`"));
        }
    }
}

/// Whether words behind this program say nothing of what it starts.
pub(super) fn is_about_data(name: &str) -> bool {
    DATA.contains(&name)
}

/// Whether a command writes this file.
pub(super) fn writes(words: &[Word], path: &str) -> bool {
    const WRITERS: [&str; 11] = ["tee", "cp", "mv", "install", "ln", "curl", "wget", "dd", "sed", "rsync", "base64"];
    let Some((Name::Known(name), arguments)) = words.split_first().map(|(first, rest)| (first.name(), rest)) else {
        return false;
    };
    let is = |word: &Word| word.text().is_some_and(|text| text.strip_prefix("of=").unwrap_or(text) == path);
    WRITERS.contains(&name.as_str()) && arguments.iter().any(is)
}

/// Names of programs in what an unknown program is given, each with the words behind it.
pub(super) fn tokens(arguments: &[Word], input: &Input) -> Vec<Word> {
    let separators = |c: char| c.is_whitespace() || "'\"`;|&(){}[]<>!\\,:=".contains(c);
    let split = |text: &str| text.split(separators).filter(|w| !w.is_empty()).map(Word::literal).collect::<Vec<_>>();
    let word = |word: &Word| match word.text() {
        Some(text) if text.contains(char::is_whitespace) => split(text),
        // A directory or a file of this name is none of its programs.
        Some(text) if text.contains('/') && !text.contains("bin/") => vec![Word::literal("/")],
        _ => vec![word.clone()],
    };
    let mut all: Vec<Word> = arguments.iter().flat_map(word).collect();
    if let Input::Text(text) = input {
        all.push(Word::literal("/"));
        all.extend(split(text));
    }
    all
}

/// All values of an option: the next word, or attached.
fn values(arguments: &[Word], option: &str) -> Vec<String> {
    let value = |(at, word): (usize, &Word)| {
        let text = word.marked();
        let next = || arguments.get(at + 1).map(Word::marked);
        let letter = option.strip_prefix('-').filter(|letter| letter.len() == 1);
        match (text.strip_prefix(option), letter) {
            (Some(""), _) => next(),
            (Some(rest), None) => rest.strip_prefix('=').map(str::to_owned),
            (Some(rest), Some(_)) => Some(rest.to_owned()),
            (None, Some(letter)) if text.starts_with('-') && !text.starts_with("--") && text.ends_with(letter) => {
                next()
            }
            (None, _) => None,
        }
    };
    arguments.iter().enumerate().filter_map(value).collect()
}

/// The part of such a value that is started.
fn code_of(name: &str, option: &str, value: &str) -> Option<String> {
    match name {
        "vi" | "vim" | "nvim" | "view" | "ex" => value.split_once('!').map(|(_, code)| code.to_owned()),
        "gdb" => value.strip_prefix("shell ").or(value.strip_prefix('!')).map(str::to_owned),
        _ if option == "--checkpoint-action" => value.strip_prefix("exec=").map(str::to_owned),
        _ => Some(value.to_owned()),
    }
}

/// `s/a/b/e` and `1e command`.
fn sed_starts(script: &str) -> bool {
    script.split([';', '\n']).map(str::trim).any(|command| {
        let verb = command.trim_start_matches(|c: char| c.is_ascii_digit() || "$,~ ".contains(c));
        let flags = command.strip_prefix('s').and_then(|rest| {
            let delimiter = rest.chars().next().filter(char::is_ascii_punctuation)?;
            rest.rsplit_once(delimiter).map(|(_, flags)| flags)
        });
        verb == "e"
            || verb.starts_with("e ")
            || flags.is_some_and(|flags| {
                flags.contains('e') && flags.chars().all(|c| c.is_ascii_digit() || "gpiImMe".contains(c))
            })
    })
}

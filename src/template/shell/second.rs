//! Which commands hand text to another shell: as an argument, on standard input, or over ssh.
//!
//! Everything here looks at words as plain text, so that it can also look into the text of a remote or nested command.

/// What a command does with its standard input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    /// Nothing that is known to run it.
    Data,
    /// A shell runs it.
    Script,
    /// A shell on another machine runs it.
    Remote,
    /// A program that is not known may start a shell that runs it.
    Unclear,
}

const SHELLS: [&str; 14] =
    ["sh", "bash", "dash", "zsh", "ksh", "su", "ash", "rbash", "mksh", "fish", "csh", "tcsh", "runuser", "ksh93"];
/// Programs that start the program among their arguments.
const RUNNERS: [&str; 41] = [
    "env",
    "sudo",
    "doas",
    "exec",
    "command",
    "builtin",
    "nohup",
    "nice",
    "ionice",
    "time",
    "timeout",
    "stdbuf",
    "setsid",
    "xargs",
    "chroot",
    "unshare",
    "nsenter",
    "docker",
    "podman",
    "nerdctl",
    "docker-compose",
    "kubectl",
    "oc",
    "crictl",
    "lxc",
    "flock",
    "systemd-run",
    "strace",
    "chrt",
    "taskset",
    "busybox",
    "toybox",
    "watch",
    "parallel",
    "find",
    "sshpass",
    "setpriv",
    "fakeroot",
    "script",
    "unbuffer",
    "machinectl",
];
/// Programs to which the name of a shell is a word like any other.
const TEXT_TOOLS: [&str; 21] = [
    "echo", "printf", "cat", "tee", "grep", "egrep", "fgrep", "rg", "sed", "awk", "test", "[", "cp", "mv", "ln", "rm",
    "ls", "mail", "logger", "cut", "tr",
];
/// Options of ssh that take a value.
const SSH_VALUES: &str = "bcDeEFIiJLlmOopQRSWw";
const STDIN: [&str; 4] = ["/dev/stdin", "/dev/fd/0", "/proc/self/fd/0", "-"];

/// The last part of a path.
pub(super) fn base(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

pub(super) fn is_shell(program: &str) -> bool {
    SHELLS.contains(&program)
}

/// Whether `program` surely starts a shell that stands among its arguments.
pub(super) fn starts_others(program: &str) -> bool {
    is_shell(program) || program == "ssh" || RUNNERS.contains(&program)
}

/// What the command does with its standard input.
pub(super) fn input(words: &[String]) -> Input {
    let assigned = words.iter().take_while(|word| word.contains('=')).count();
    let words = &words[assigned..];
    let Some((first, rest)) = words.split_first() else { return Input::Data };
    let program = base(first);
    match program {
        "source" | "." if rest.first().is_some_and(|file| STDIN.contains(&file.as_str())) => return Input::Script,
        "at" | "batch" if !rest.iter().any(|word| word == "-f") => return Input::Script,
        "sudo" | "doas" if is_login(rest) => return Input::Script,
        _ => {}
    }
    let is_target = |word: &&String| is_shell(base(word)) || matches!(base(word), "ssh" | "xargs");
    match words.iter().position(|word| is_target(&word)) {
        None => Input::Data,
        Some(_) if TEXT_TOOLS.contains(&program) => Input::Data,
        Some(at) => {
            let found = match base(&words[at]) {
                "ssh" => ssh_input(&words[at + 1..]),
                "xargs" => xargs_input(&words[at + 1..]),
                shell => shell_input(shell, &words[at + 1..]),
            };
            match found != Input::Data && !starts_others(program) {
                true => Input::Unclear,
                false => found,
            }
        }
    }
}

/// The place of the script among the arguments of a shell, if it is one of them: `-c script`.
pub(super) fn script_argument(shell: &str, arguments: &[String]) -> Option<usize> {
    let user_shell = matches!(shell, "su" | "runuser");
    let mut at = 0;
    while let Some(word) = arguments.get(at) {
        match word.as_str() {
            "--command" | "--session-command" if user_shell => return Some(at + 1),
            _ if user_shell && (word.starts_with("--command=") || word.starts_with("-c") && word.len() > 2) => {
                return Some(at);
            }
            "--" => return None,
            "-o" | "+o" | "-O" | "+O" | "--rcfile" | "--init-file" if !user_shell => at += 1,
            _ if word.starts_with('-') && !word.starts_with("--") && word.contains('c') => {
                let after = arguments.iter().skip(at + 1).take_while(|word| !user_shell && word.starts_with('-'));
                return Some(at + 1 + after.count());
            }
            _ if word.starts_with(['-', '+']) || user_shell => {}
            _ => return None,
        }
        at += 1;
    }
    None
}

/// The place of the first word of the remote command among the arguments of ssh.
pub(super) fn remote_command(arguments: &[String]) -> usize {
    let mut at = 0;
    while let Some(word) = arguments.get(at).filter(|word| word.starts_with('-')) {
        at += if word.len() == 2 && word.ends_with(|c| SSH_VALUES.contains(c)) { 2 } else { 1 };
    }
    at + 1
}

fn shell_input(shell: &str, arguments: &[String]) -> Input {
    if let Some(at) = script_argument(shell, arguments) {
        return arguments.get(at).map_or(Input::Data, |text| text_input(text));
    }
    if let Some(at) = arguments.iter().position(|word| shell == "runuser" && word == "-u") {
        let command = arguments.get(at + 2..).unwrap_or_default();
        return input(command.strip_prefix(&["--".to_owned()]).unwrap_or(command));
    }
    if matches!(shell, "su" | "runuser") {
        return Input::Script;
    }
    let mut rest = arguments.iter();
    while let Some(word) = rest.next() {
        match word.as_str() {
            "-o" | "+o" | "-O" | "+O" | "--rcfile" | "--init-file" => drop(rest.next()),
            "--version" | "--help" => return Input::Data,
            _ if word.starts_with('-') && !word.starts_with("--") && word.contains('s') => return Input::Script,
            _ if STDIN.contains(&word.as_str()) => return Input::Script,
            _ if word.starts_with(['-', '+']) => {}
            _ => return Input::Data,
        }
    }
    Input::Script
}

/// Without a command, ssh starts a shell; with one, the command decides.
fn ssh_input(arguments: &[String]) -> Input {
    let command = arguments.get(remote_command(arguments)..).unwrap_or_default();
    match command.is_empty() || text_input(&command.join(" ")) != Input::Data {
        true => Input::Remote,
        false => Input::Data,
    }
}

/// Some command in a script that reads the script's standard input as a script.
fn text_input(text: &str) -> Input {
    let commands = text.split([';', '&', '|', '(', ')', '{', '}', '\n']);
    let inputs = commands.map(|command| {
        let words: Vec<String> = command.split_whitespace().map(|word| word.trim_matches(['"', '\'']).into()).collect();
        input(&words)
    });
    inputs.into_iter().find(|found| *found != Input::Data).unwrap_or(Input::Data)
}

/// `xargs` makes arguments of its input: the script itself, or a part of it where a mark is replaced.
fn xargs_input(arguments: &[String]) -> Input {
    let mark = arguments.iter().enumerate().find_map(|(at, word)| match word.as_str() {
        "-I" | "--replace" => arguments.get(at + 1).map(String::as_str),
        "-i" => Some("{}"),
        _ => word.strip_prefix("-I").or_else(|| word.strip_prefix("--replace=")),
    });
    let Some(at) = arguments.iter().position(|word| is_shell(base(word)) || base(word) == "ssh") else {
        return Input::Data;
    };
    let rest = &arguments[at + 1..];
    let replaced = |text: &String| mark.is_some_and(|mark| text.contains(mark));
    if base(&arguments[at]) == "ssh" {
        let command = rest.get(remote_command(rest)..).unwrap_or_default();
        let read = mark.is_none() && !rest.is_empty() || command.iter().any(replaced);
        return if read { Input::Remote } else { Input::Data };
    }
    match script_argument(base(&arguments[at]), rest) {
        Some(script) if rest.get(script).is_none_or(replaced) => Input::Script,
        _ => Input::Data,
    }
}

/// `sudo -i` and `sudo -s` without a command.
fn is_login(arguments: &[String]) -> bool {
    let mut login = false;
    let mut rest = arguments.iter();
    while let Some(word) = rest.next() {
        match word.as_str() {
            "-u" | "-g" | "-h" | "-p" | "-C" | "-T" | "-R" | "-D" | "--user" | "--group" => drop(rest.next()),
            "--login" | "--shell" => login = true,
            _ if word.starts_with("--") => {}
            _ if word.starts_with('-') => login |= word.contains(['i', 's']),
            _ => return false,
        }
    }
    login
}

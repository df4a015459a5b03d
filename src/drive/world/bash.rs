//! Starting the program of a simple command without bash, where nobody can see the difference.
//!
//! bash costs half a millisecond and gives a simple command nothing but a few variables. So `systemctl reload nginx` is
//! started directly, with exactly the environment and the name bash would have given it. Anything doubtful goes through
//! bash, and so does every command that fails to start: its message then comes from bash itself.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use super::environment::StepEnv;

/// Where bash itself is; elsewhere it is looked up.
pub(super) const BASH: &str = "/bin/bash";

/// The program these words start, and the variables bash would have set for it; none where bash must do it.
pub(super) fn direct(words: &[String], env: &StepEnv, dir: &Path) -> Option<(PathBuf, Vec<(&'static str, OsString)>)> {
    let name = words.first()?;
    if env.names().any(means_something_to_bash) {
        return None;
    }
    let program = match name.strip_prefix('/') {
        Some(_) => PathBuf::from(name),
        // A script started as `./x` sees that name as its own, which an absolute path would not give it.
        None if name.contains('/') => return None,
        None => look_up(name, env)?,
    };
    if BUILTINS.contains(&name.as_str()) && !builtin_is_equal(words, &program) {
        return None;
    }
    if !starts_by_itself(&program) {
        return None;
    }
    let here = std::fs::canonicalize(dir).ok()?;
    let given = vec![("PWD", here.into_os_string()), ("SHLVL", "0".into()), ("_", program.clone().into_os_string())];
    Some((program, given))
}

/// The first executable file of this name in the step's `PATH`.
pub(super) fn find_in_path(name: &str, env: &StepEnv) -> Option<PathBuf> {
    env.path().filter(|dir| dir.is_absolute()).map(|dir| dir.join(name)).find(|path| executable(path))
}

/// A regular file this user may execute.
pub(super) fn executable(path: &Path) -> bool {
    path.is_file() && access(path, Access::EXEC_OK).is_ok()
}

/// As [`find_in_path`], but refuses a `PATH` whose meaning depends on more than its text.
fn look_up(name: &str, env: &StepEnv) -> Option<PathBuf> {
    if env.path().any(|dir| !dir.is_absolute()) {
        return None;
    }
    find_in_path(name, env)
}

/// The kernel can start it: a binary or a `#!` script. Other text files are bash's to interpret.
pub(super) fn starts_by_itself(program: &Path) -> bool {
    let mut head = Vec::with_capacity(4);
    let read = File::open(program).and_then(|file| file.take(4).read_to_end(&mut head));
    read.is_ok() && executable(program) && (head == *b"\x7fELF" || head.starts_with(b"#!"))
}

/// Builtins whose program of the same name does the same with these words.
fn builtin_is_equal(words: &[String], program: &Path) -> bool {
    let standard = program.starts_with("/bin") || program.starts_with("/usr/bin");
    let equal = match words[0].as_str() {
        "true" | "false" => words.len() == 1,
        "echo" => words[1..].iter().all(|word| !word.starts_with('-') && !word.contains('\\')),
        _ => false,
    };
    standard && equal
}

/// Variables bash reads, sets, hides or complains about; with one of them it must run itself.
fn means_something_to_bash(name: &str) -> bool {
    #[rustfmt::skip]
    const KNOWN: &[&str] = &[
        "_", "COLUMNS", "COMP_WORDBREAKS", "DIRSTACK", "ENV", "EPOCHREALTIME", "EPOCHSECONDS", "EUID", "EXECIGNORE",
        "FUNCNAME", "FUNCNEST", "GLOBIGNORE", "GROUPS", "HISTCMD", "HISTCONTROL", "HISTFILESIZE", "HISTIGNORE",
        "HISTSIZE", "HISTTIMEFORMAT", "HOSTFILE", "HOSTNAME", "HOSTTYPE", "IFS", "IGNOREEOF", "LC_ALL", "LINENO",
        "LINES", "MACHTYPE", "MAILCHECK", "OLDPWD", "OPTARG", "OPTERR", "OPTIND", "OSTYPE", "PIPESTATUS",
        "POSIXLY_CORRECT", "POSIX_PEDANTIC", "PPID", "PS1", "PS2", "PS4", "PWD", "RANDOM", "SECONDS", "SHELLOPTS",
        "SHLVL", "SRANDOM", "TERM", "TEXTDOMAIN", "TEXTDOMAINDIR", "TMOUT", "UID",
    ];
    let identifier = name.bytes().enumerate().all(|(at, byte)| match byte {
        b'0'..=b'9' => at > 0,
        byte => byte.is_ascii_alphabetic() || byte == b'_',
    });
    !identifier || name.starts_with("BASH") || KNOWN.contains(&name)
}

/// Builtins and reserved words of bash.
#[rustfmt::skip]
const BUILTINS: &[&str] = &[
    "!", ".", ":", "[", "[[", "]]", "alias", "bg", "bind", "break", "builtin", "caller", "case", "cd", "command",
    "compgen", "complete", "compopt", "continue", "coproc", "declare", "dirs", "disown", "do", "done", "echo",
    "elif", "else", "enable", "esac", "eval", "exec", "exit", "export", "false", "fc", "fg", "fi", "for", "function",
    "getopts", "hash", "help", "history", "if", "in", "jobs", "kill", "let", "local", "logout", "mapfile", "popd",
    "printf", "pushd", "pwd", "read", "readarray", "readonly", "return", "select", "set", "shift", "shopt", "source",
    "suspend", "test", "then", "time", "times", "trap", "true", "type", "typeset", "ulimit", "umask", "unalias",
    "unset", "until", "wait", "while", "{", "}",
];

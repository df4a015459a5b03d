//! A program whose standard output is a secret. What it says on standard error is shown when it fails, and stored nowhere.

use std::ffi::OsString;
use std::io::Read;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::bash;
use super::forms::{Forms, SHORTEST};
use super::mask::Masker;
use super::sources::{LONGEST, read_all};
use crate::report::visible_line;

/// Time for a person to touch a token or to unlock an agent.
const PATIENCE: Duration = Duration::from_secs(60);
/// Time for the last words of a program that has ended.
const LAST_WORDS: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(3);

/// A program and what it gets.
#[derive(Clone)]
pub struct SecretCommand {
    /// Program and arguments; none of them is secret.
    pub argv: Vec<String>,
    /// The environment of every step.
    pub env: Vec<(String, String)>,
    /// Variables of the tool's own environment; their values may be secret.
    pub given: Vec<(String, OsString)>,
    /// Only the first line is the secret, as `pass` has it.
    pub first_line: bool,
}

/// What failing tools say, and what that means.
const MEANINGS: &[(&str, &str)] = &[
    ("is not in the password store", "there is no such entry"),
    ("No value found at", "there is no such secret"),
    ("not present in secret", "the secret has no such field"),
    ("component [", "the file has no such key"),
    ("no such file or directory", "the file does not exist"),
    ("No secret key", "its key is not in this user's keyring"),
    ("no key could decrypt", "none of this user's keys opens it"),
    ("Failed to get the data key", "none of this user's keys opens it"),
    (
        "pinentry",
        "it is locked, and nobody could be asked for the passphrase: unlock it before (`gpg-connect-agent`, GPG_TTY)",
    ),
    ("Inappropriate ioctl", "it is locked, and nobody could be asked for the passphrase: unlock it before"),
    ("decryption failed", "it is locked, or encrypted for somebody else"),
    ("is sealed", "the vault is sealed"),
    ("missing client token", "nobody is logged in: `vault login`"),
    ("permission denied", "this user is not allowed to: log in again, or ask for access"),
    ("connection refused", "its server does not answer: check its address (VAULT_ADDR)"),
];

/// What the program prints.
pub(super) fn run(command: &SecretCommand) -> Result<Vec<u8>, String> {
    let Some((name, args)) = command.argv.split_first() else { return Err("its command has no program".into()) };
    let program = find(name, &command.env)?;
    let mut child = Command::new(&program)
        .args(args)
        .env_clear()
        .envs(command.env.iter().map(|(name, value)| (name, value)))
        .envs(command.given.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|error| format!("`{name}` cannot be started: {error}"))?;
    let (stdout, stderr) = (reading(child.stdout.take()), reading(child.stderr.take()));
    let status = wait(&mut child);
    let stdout = stdout.recv_timeout(LAST_WORDS).unwrap_or_default();
    let said = stderr.recv_timeout(LAST_WORDS).unwrap_or_default();
    match status {
        Ok(status) if status.success() => {}
        Ok(status) => {
            return Err(format!("`{name}` failed ({}){}", ending(status), last_words(command, &stdout, &said)));
        }
        Err(why) => return Err(format!("`{name}` {why}{}", last_words(command, &stdout, &said))),
    }
    if stdout.is_empty() {
        return Err(format!("`{name}` printed nothing{}", last_words(command, &stdout, &said)));
    }
    let first = stdout.iter().position(|byte| *byte == b'\n').filter(|_| command.first_line);
    Ok(first.map_or(stdout.clone(), |end| stdout[..end].to_vec()))
}

fn find(name: &str, env: &[(String, String)]) -> Result<PathBuf, String> {
    if name.contains('/') {
        let path = PathBuf::from(name);
        return if bash::executable(&path) {
            Ok(path)
        } else {
            Err(format!("`{name}` is not there or not executable"))
        };
    }
    let path = env.iter().find(|(known, _)| known == "PATH").map_or("", |(_, value)| value.as_str());
    let found = path.split(':').map(|dir| PathBuf::from(dir).join(name)).find(|path| bash::executable(path));
    found.ok_or_else(|| format!("`{name}` is not installed: not found in {path}"))
}

/// Everything a stream gives, up to the limit; what comes after is thrown away.
fn reading(stream: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (send, receive) = channel();
    if let Some(mut stream) = stream {
        std::thread::spawn(move || {
            let _ = send.send(read_all(&mut stream).unwrap_or_default());
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        });
    }
    receive
}

/// The end of the program; after a minute it is killed with all it started.
fn wait(child: &mut Child) -> Result<ExitStatus, String> {
    let give_up = Instant::now() + PATIENCE;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) if Instant::now() < give_up => std::thread::sleep(LOOK),
            Ok(None) => break,
            Err(error) => return Err(format!("could not be watched: {error}")),
        }
    }
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.wait();
    Err(format!("did not end within {}s and was killed", PATIENCE.as_secs()))
}

fn ending(status: ExitStatus) -> String {
    status.code().map_or_else(|| status.to_string(), |code| format!("exit {code}"))
}

/// The end of what it said, with nothing secret in it, and what it means.
fn last_words(command: &SecretCommand, stdout: &[u8], said: &[u8]) -> String {
    let given = command.given.iter().map(|(_, value)| value.as_encoded_bytes());
    let known = given.chain([stdout.trim_ascii()]).filter(|value| (SHORTEST..=LONGEST).contains(&value.len()));
    let said = Masker::new(Forms::of(known)).text(&String::from_utf8_lossy(said)).into_owned();
    let meaning = MEANINGS.iter().find(|(phrase, _)| said.contains(phrase)).map(|(_, meaning)| format!(": {meaning}"));
    let lines: Vec<String> =
        said.lines().filter(|line| !line.trim().is_empty()).map(|l| visible_line(l.trim())).collect();
    let shown = lines[lines.len().saturating_sub(3)..].join(" / ");
    let shown: String = shown.chars().take(400).collect();
    let said = if shown.is_empty() { String::new() } else { format!("; it said: {shown}") };
    format!("{}{said}", meaning.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> SecretCommand {
        let env = vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())];
        let argv = ["sh", "-c", script].map(str::to_owned).to_vec();
        SecretCommand { argv, env, given: vec![("VAULT_TOKEN".into(), "hvs.t0ken-value".into())], first_line: false }
    }

    #[test]
    fn what_a_program_prints_is_the_value_and_its_environment_is_clean() {
        assert_eq!(run(&sh("printf 'a\\nb\\n'")), Ok(b"a\nb\n".to_vec()));
        assert_eq!(run(&SecretCommand { first_line: true, ..sh("printf 'a\\nb\\n'") }), Ok(b"a".to_vec()));
        let names = String::from_utf8(run(&sh("env | cut -d= -f1 | sort | tr '\\n' ' '")).unwrap()).unwrap();
        assert_eq!(names.trim(), "PATH PWD VAULT_TOKEN");
    }

    #[test]
    fn a_failure_shows_what_was_said_without_what_was_printed_or_given() {
        let why = run(&sh("echo half-a-secret; echo \"half-a-secret with $VAULT_TOKEN\" >&2; exit 3")).unwrap_err();
        assert_eq!(why, "`sh` failed (exit 3); it said: *** with ***");
        let why = run(&sh("echo 'Error: web/db is not in the password store.' >&2; exit 1")).unwrap_err();
        assert!(why.contains("(exit 1): there is no such entry; it said: Error"), "{why}");
    }

    #[test]
    fn a_program_that_is_missing_or_silent_is_told() {
        let missing = SecretCommand { argv: vec!["no-such-tool-here".into()], ..sh("") };
        assert!(run(&missing).unwrap_err().starts_with("`no-such-tool-here` is not installed: not found in /usr/bin"));
        assert_eq!(run(&sh("true")).unwrap_err(), "`sh` printed nothing");
    }
}

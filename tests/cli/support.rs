//! One builder for one call of the program, in a sandbox of its own.
//!
//! `Test::book(YAML).code(1).run()` writes `a.yml`, runs it, and checks the exit code; `ran.then("show")` goes on in the
//! same sandbox. Without `.code(n)` a call must succeed.

use serde_json::Value;
use snapbox::IntoData;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// The program under test.
pub(crate) const RUNBOOK: &str = env!("CARGO_BIN_EXE_runbook");

/// Any exit code will do.
const ANY: i32 = -1;

/// No call of a test takes longer, or it hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// A home, a state directory, a configuration and a working directory that no other test knows.
pub(crate) struct Sandbox {
    dir: tempfile::TempDir,
}

impl Sandbox {
    fn new() -> Sandbox {
        Sandbox::within(tempfile::tempdir().unwrap())
    }

    fn within(dir: tempfile::TempDir) -> Sandbox {
        for name in ["home", "state", "config", "work"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        Sandbox { dir }
    }

    /// The working directory of every call.
    pub(crate) fn work(&self) -> PathBuf {
        self.dir.path().join("work")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.dir.path().join("state/runbook")
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.dir.path().join("config/runbook")
    }

    /// Run directories, oldest first.
    pub(crate) fn runs(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.state().join("runs")).into_iter().flatten().flatten();
        let mut runs: Vec<PathBuf> = entries.map(|e| e.path()).collect();
        runs.sort();
        runs
    }

    /// The id of the newest run.
    pub(crate) fn run_id(&self) -> String {
        let newest = self.runs().pop().expect("there is a run");
        newest.file_name().unwrap().to_string_lossy().into_owned()
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.work().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.work().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    pub(crate) fn exists(&self, name: &str) -> bool {
        self.work().join(name).exists()
    }

    /// What differs from run to run made the same, so that whole screens can be compared.
    pub(crate) fn scrub(&self, text: &str) -> String {
        let text = text.replace(&self.dir.path().display().to_string(), "[DIR]");
        let rules = [
            (r"\b[0-9A-HJKMNP-TV-Z]{26}\b", "[RUN]"),
            (r"\b[0-9a-f]{64}\b", "[SHA256]"),
            (r"SHA256:[A-Za-z0-9+/]{43}", "[FINGERPRINT]"),
            (r"ssh-ed25519 [A-Za-z0-9+/=]+", "[KEY]"),
            (r"plan [0-9a-f]{8}\b", "plan [PLAN]"),
            (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z", "[TIME]"),
            (r"(?m)^\d\d:\d\d:\d\dZ", "[CLOCK]"),
            (r" *\b(?:\d+m)?\d+(?:\.\d+)?(?:us|ms|s)\b", " [TOOK]"),
            (r"pid \d+", "pid [PID]"),
        ];
        let text = rules.iter().fold(text, |text, (pattern, with)| {
            regex::Regex::new(pattern).unwrap().replace_all(&text, regex::NoExpand(with)).into_owned()
        });
        // Last: the name may be so short that it stands in some key by chance.
        text.replace(&host(), "[HOST]")
    }
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// One call of the program, and what it must do.
pub(crate) struct Test {
    pub(crate) sandbox: Rc<Sandbox>,
    args: Vec<String>,
    stdin: Option<Vec<u8>>,
    dir: PathBuf,
    env: Vec<(String, Option<String>)>,
    code: i32,
    stdout: Option<snapbox::Data>,
    stderr: Option<snapbox::Data>,
}

impl Test {
    pub(crate) fn new() -> Test {
        Test::within(Rc::new(Sandbox::new()))
    }

    /// A sandbox whose path is always the same, for what is kept.
    pub(crate) fn at_fixed_path() -> Test {
        let dir = tempfile::Builder::new().prefix("golden").rand_bytes(0).tempdir_in("/tmp").unwrap();
        Test::within(Rc::new(Sandbox::within(dir)))
    }

    /// `run a.yml` of a runbook named `book` with this body.
    pub(crate) fn book(body: &str) -> Test {
        Test::new().file("a.yml", book(body)).args("run a.yml")
    }

    /// A call in a sandbox that was used before.
    pub(crate) fn again(sandbox: &Rc<Sandbox>) -> Test {
        Test::within(sandbox.clone())
    }

    fn within(sandbox: Rc<Sandbox>) -> Test {
        let (args, env, dir) = (Vec::new(), Vec::new(), sandbox.work());
        Test { sandbox, args, stdin: None, dir, env, code: 0, stdout: None, stderr: None }
    }

    pub(crate) fn file(self, name: &str, text: impl AsRef<[u8]>) -> Test {
        self.sandbox.write(name, text);
        self
    }

    /// Arguments separated by spaces.
    pub(crate) fn args(mut self, args: &str) -> Test {
        self.args.extend(args.split_whitespace().map(String::from));
        self
    }

    /// These arguments instead of those so far.
    pub(crate) fn new_args(mut self, args: &str) -> Test {
        self.args.clear();
        self.args(args)
    }

    /// One argument as it is.
    pub(crate) fn arg(mut self, arg: impl Into<String>) -> Test {
        self.args.push(arg.into());
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Test {
        self.env.push((name.into(), Some(value.into())));
        self
    }

    pub(crate) fn without_env(mut self, name: &str) -> Test {
        self.env.push((name.into(), None));
        self
    }

    pub(crate) fn stdin(mut self, text: impl Into<Vec<u8>>) -> Test {
        self.stdin = Some(text.into());
        self
    }

    /// Started in this directory below the usual one.
    pub(crate) fn dir(mut self, name: &str) -> Test {
        self.dir = self.dir.join(name);
        self
    }

    pub(crate) fn code(mut self, code: i32) -> Test {
        self.code = code;
        self
    }

    /// All of standard output, scrubbed.
    pub(crate) fn stdout(mut self, expected: impl IntoData) -> Test {
        self.stdout = Some(expected.into_data());
        self
    }

    /// All of standard error, scrubbed.
    pub(crate) fn stderr(mut self, expected: impl IntoData) -> Test {
        self.stderr = Some(expected.into_data());
        self
    }

    /// The command with nothing of this process's environment and no terminal.
    pub(crate) fn command(&self) -> Command {
        // A new session has no controlling terminal, wherever the tests are started from.
        let mut command = Command::new("setsid");
        command.arg(RUNBOOK).args(&self.args);
        self.surround(&mut command);
        command
    }

    /// Gives a command the environment and directory of the sandbox.
    pub(crate) fn surround(&self, command: &mut Command) {
        let dir = self.sandbox.dir.path();
        command.env_clear().current_dir(&self.dir);
        command.env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin").env("USER", "tester");
        command.env("HOME", dir.join("home")).env("LC_ALL", "C.UTF-8");
        command.env("XDG_STATE_HOME", dir.join("state")).env("XDG_CONFIG_HOME", dir.join("config"));
        for (name, value) in &self.env {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
    }

    /// Starts the call without waiting for its end.
    pub(crate) fn start(self) -> Running {
        let mut command = self.command();
        command.stdin(if self.stdin.is_some() { Stdio::piped() } else { Stdio::null() });
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        if let Some(bytes) = &self.stdin {
            // A program that does not want its input closes the pipe.
            let _ = child.stdin.take().unwrap().write_all(bytes);
        }
        let read = |mut from: Box<dyn std::io::Read + Send>| {
            std::thread::spawn(move || {
                let mut text = Vec::new();
                let _ = from.read_to_end(&mut text);
                String::from_utf8_lossy(&text).into_owned()
            })
        };
        let stdout = read(Box::new(child.stdout.take().unwrap()));
        let stderr = read(Box::new(child.stderr.take().unwrap()));
        Running { test: self, child, stdout, stderr }
    }

    /// Makes the call and checks it.
    pub(crate) fn run(self) -> Ran {
        self.start().end()
    }
}

impl Test {
    /// Makes the call at a terminal.
    pub(crate) fn at_terminal(self) -> Terminal {
        let mut command = Command::new(RUNBOOK);
        command.args(&self.args);
        self.surround(&mut command);
        // A screen without redrawing is easier to read for a test.
        command.env("TERM", "dumb");
        let session = rexpect::session::spawn_command(command, Some(PATIENCE.as_millis() as u64)).unwrap();
        Terminal { test: self, session }
    }
}

/// A call with a person in front of it.
pub(crate) struct Terminal {
    test: Test,
    session: rexpect::session::PtySession,
}

impl Terminal {
    pub(crate) fn sandbox(&self) -> &Rc<Sandbox> {
        &self.test.sandbox
    }

    /// Waits for words on the screen.
    pub(crate) fn sees(&mut self, words: &str) -> &mut Terminal {
        if let Err(error) = self.session.exp_string(words) {
            panic!("`{words}` never came: {error}\nlog:\n{}", log_of(&self.test.sandbox));
        }
        self
    }

    pub(crate) fn types(&mut self, line: &str) -> &mut Terminal {
        self.session.send_line(line).unwrap();
        self
    }

    /// Ctrl with this letter.
    pub(crate) fn control(&mut self, letter: char) -> &mut Terminal {
        self.session.send_control(letter).unwrap();
        self
    }

    /// Waits until this file is there.
    pub(crate) fn until(&mut self, name: &str) -> &mut Terminal {
        let path = self.test.sandbox.work().join(name);
        wait_for(name, || path.exists());
        self
    }

    /// Waits until the log of the run contains these words.
    pub(crate) fn until_logged(&mut self, words: &str) -> &mut Terminal {
        let sandbox = self.test.sandbox.clone();
        wait_for(words, || log_of(&sandbox).contains(words));
        self
    }

    pub(crate) fn kill(mut self) -> Ran {
        let _ = self.session.process.kill(rexpect::process::signal::SIGKILL);
        Ran { sandbox: self.test.sandbox.clone(), stdout: String::new(), stderr: String::new() }
    }

    /// Waits for the end and checks it; what was on the screen since the last `sees` is `stdout`.
    pub(crate) fn end(mut self) -> Ran {
        let stdout = self.session.exp_eof().unwrap_or_else(|e| panic!("it never ended: {e}"));
        let status = self.session.process.wait().unwrap();
        let code = match status {
            rexpect::process::wait::WaitStatus::Exited(_, code) => code,
            other => panic!("{other:?}"),
        };
        assert_eq!(code, self.test.code, "{stdout}");
        Ran { sandbox: self.test.sandbox.clone(), stdout, stderr: String::new() }
    }
}

fn is_in_some_environment(variable: &str) -> bool {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let mut environments = processes.filter_map(|process| fs::read(process.path().join("environ")).ok());
    environments.any(|environ| environ.split(|b| *b == 0).any(|v| v == variable.as_bytes()))
}

pub(crate) fn wait_for(what: &str, holds: impl Fn() -> bool) {
    let since = Instant::now();
    while !holds() {
        assert!(since.elapsed() < PATIENCE, "`{what}` never came");
        std::thread::sleep(Duration::from_millis(3));
    }
}

/// A call that goes on.
pub(crate) struct Running {
    test: Test,
    child: Child,
    stdout: std::thread::JoinHandle<String>,
    stderr: std::thread::JoinHandle<String>,
}

impl Running {
    pub(crate) fn sandbox(&self) -> &Rc<Sandbox> {
        &self.test.sandbox
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What there is so far, for calls beside this one.
    pub(crate) fn ran(&self) -> Ran {
        Ran { sandbox: self.test.sandbox.clone(), stdout: String::new(), stderr: String::new() }
    }

    /// Waits until this file is there.
    pub(crate) fn until(&mut self, name: &str) -> &mut Running {
        let path = self.test.sandbox.work().join(name);
        self.until_true(name, || path.exists())
    }

    /// Waits until the log of the run contains these words.
    pub(crate) fn until_logged(&mut self, words: &str) -> &mut Running {
        let sandbox = self.test.sandbox.clone();
        self.until_true(words, || log_of(&sandbox).contains(words))
    }

    fn until_true(&mut self, what: &str, holds: impl Fn() -> bool) -> &mut Running {
        let since = Instant::now();
        while !holds() {
            assert!(since.elapsed() < PATIENCE, "`{what}` never came");
            if let Some(status) = self.child.try_wait().unwrap() {
                assert!(holds(), "ended with {status} before `{what}`; log:\n{}", log_of(&self.test.sandbox));
                break;
            }
            std::thread::sleep(Duration::from_millis(3));
        }
        self
    }

    pub(crate) fn signal(&mut self, signal: rustix::process::Signal) -> &mut Running {
        let pid = rustix::process::Pid::from_raw(self.child.id() as i32).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
        self
    }

    /// `kill -9` of the program alone; what it started lives on.
    pub(crate) fn kill(mut self) -> Ran {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        Ran { sandbox: self.test.sandbox, stdout: String::new(), stderr: String::new() }
    }

    /// Waits for the end, whatever its code.
    pub(crate) fn end_any(mut self) -> Ran {
        self.test.code = ANY;
        self.end()
    }

    /// Waits for the end and checks it.
    pub(crate) fn end(mut self) -> Ran {
        let since = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if since.elapsed() > PATIENCE {
                let _ = self.child.kill();
                panic!("`runbook {}` hangs", self.test.args.join(" "));
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        let (stdout, stderr) = (self.stdout.join().unwrap(), self.stderr.join().unwrap());
        let test = self.test;
        let said = format!("`runbook {}`\n--- stdout\n{stdout}\n--- stderr\n{stderr}", test.args.join(" "));
        assert!(test.code == ANY || status.code() == Some(test.code), "{status}, not {}, of {said}", test.code);
        let sandbox = test.sandbox;
        let assert = snapbox::Assert::new().action_env("SNAPSHOTS").normalize_paths(false);
        for (expected, found) in [(test.stdout, &stdout), (test.stderr, &stderr)] {
            if let Some(expected) = expected {
                assert.eq(sandbox.scrub(found), expected);
            }
        }
        Ran { sandbox, stdout, stderr }
    }
}

/// A call that was made and did what it must.
pub(crate) struct Ran {
    pub(crate) sandbox: Rc<Sandbox>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// The next call in the same sandbox.
    pub(crate) fn then(&self, args: &str) -> Test {
        Test::within(self.sandbox.clone()).args(args)
    }

    /// `runbook resume` of the newest run, once the steps that outlived a killed program are over.
    pub(crate) fn resume(&self) -> Test {
        let run = format!("RUNBOOK_RUN_ID={}", self.sandbox.run_id());
        // What was just being started shows its environment a moment later, so that one look is not enough.
        wait_for("the end of what a killed program had started", || {
            let gone = !is_in_some_environment(&run);
            std::thread::sleep(Duration::from_millis(if gone { 40 } else { 0 }));
            gone && !is_in_some_environment(&run)
        });
        self.then("resume").arg(self.sandbox.run_id())
    }

    /// `runbook VERB` of the newest run.
    pub(crate) fn of_run(&self, verb: &str) -> Test {
        self.then(verb).arg(self.sandbox.run_id())
    }

    /// What a step printed, both streams, as `logs` gives it.
    pub(crate) fn logs(&self, step: &str) -> String {
        self.of_run("logs").arg(step).run().stdout
    }

    /// The run as data.
    pub(crate) fn show(&self) -> Value {
        serde_json::from_str(&self.of_run("show").args("--output json").run().stdout).unwrap()
    }

    /// `path verdict` of all steps that ended, undos included, without the blocks around them.
    pub(crate) fn steps(&self) -> Vec<String> {
        let show = self.show();
        let rows = show["rows"].as_array().unwrap().iter();
        let leaf = ["task", "manual", "checkpoint", "wait", "set", "undo"];
        let told = rows.filter(|r| leaf.contains(&r["kind"].as_str().unwrap()));
        told.filter(|r| !r["verdict"].is_null())
            .map(|r| format!("{} {}", r["path"].as_str().unwrap(), r["verdict"].as_str().unwrap()))
            .collect()
    }

    /// Why a step ended as it did.
    pub(crate) fn reason(&self, step: &str) -> String {
        let show = self.show();
        let row = show["rows"].as_array().unwrap().iter().find(|r| r["path"] == step);
        let row = row.unwrap_or_else(|| panic!("no step {step} in {show:#}"));
        row["reason"].as_str().unwrap_or_default().to_string()
    }

    pub(crate) fn read(&self, name: &str) -> String {
        self.sandbox.read(name)
    }

    /// The whole log of the newest run.
    pub(crate) fn log(&self) -> String {
        log_of(&self.sandbox)
    }

    /// The log is whole and signed.
    pub(crate) fn verified(&self) -> &Ran {
        let said = self.of_run("verify").run().stdout;
        assert!(said.starts_with("COMPLETE"), "{said}");
        self
    }

    /// Both streams contain none of these bytes, and neither does any file below the state directory.
    pub(crate) fn all_files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        files_below(&self.sandbox.state())
    }
}

/// A runbook file with this body.
pub(crate) fn book(body: &str) -> String {
    format!("runbook: v1\nname: book\n{}\n", body.trim_matches('\n'))
}

/// All segments of the newest run's log.
pub(crate) fn log_of(sandbox: &Sandbox) -> String {
    let Some(run) = sandbox.runs().pop() else { return String::new() };
    let mut segments: Vec<PathBuf> = fs::read_dir(run).unwrap().flatten().map(|e| e.path()).collect();
    segments.retain(|p| p.extension().is_some_and(|e| e == "jsonl"));
    segments.sort();
    segments.iter().map(|p| fs::read_to_string(p).unwrap_or_default()).collect()
}

pub(crate) fn files_below(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.push((path.clone(), fs::read(&path).unwrap_or_default()));
        }
    }
    found
}

/// The lines of a file in the working directory; none when it is not there.
pub(crate) fn lines(ran: &Ran, name: &str) -> Vec<String> {
    let text = fs::read_to_string(ran.sandbox.work().join(name)).unwrap_or_default();
    text.lines().map(String::from).collect()
}

/// Files and directories below `from`.
pub(crate) fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

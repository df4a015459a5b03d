//! One run of the real binary, from its command line to what its log says afterwards.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use regex::Regex;
use rexpect::ReadUntil;
use rexpect::process::Signal;
use rexpect::process::wait::WaitStatus;
use rexpect::session::spawn_command;
use serde_json::Value;
use tempfile::TempDir;

/// No run of these tests takes longer, unless it says so.
const LIMIT: Duration = Duration::from_secs(240);

/// What stands at the end of every question that wants a person to type something.
const PROMPT: &str = r", ([a-z](/[a-z])+|[a-z_]+ \(required\)): ";

/// A user of the program: state and configuration in a directory of their own.
pub(crate) struct Home(TempDir);

impl Home {
    pub(crate) fn fresh() -> Home {
        Home(tempfile::tempdir().expect("a directory"))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Where the program keeps what it must not lose.
    pub(crate) fn state(&self) -> PathBuf {
        self.path().join("state/runbook")
    }

    /// The logs of all runs of this user so far, whatever was resumed included.
    pub(crate) fn logs(&self) -> String {
        let runs = fs::read_dir(self.state().join("runs")).into_iter().flatten().flatten();
        runs.flat_map(|run| parts(&run.path())).filter_map(|part| fs::read_to_string(part).ok()).collect()
    }

    /// Waits until a log says so.
    pub(crate) fn wait_for_log(&self, what: &str) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !self.logs().contains(what) {
            assert!(Instant::now() < deadline, "the log never said {what}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// The program as this user starts it.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(program());
        command.env("XDG_STATE_HOME", self.path().join("state")).env("XDG_CONFIG_HOME", self.path().join("config"));
        command.env("NO_COLOR", "1").env("TERM", "xterm").current_dir(self.path());
        command
    }

    /// Runs one command to its end, without a terminal.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).output().expect("the program starts")
    }

    /// The same, and it must succeed.
    pub(crate) fn must(&self, arguments: &[&str]) -> String {
        let output = self.ask(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).expect("text")
    }
}

/// The files of a run's log, in order: a run that was resumed goes on in a further file.
fn parts(run: &Path) -> Vec<PathBuf> {
    let names =
        fs::read_dir(run).into_iter().flatten().flatten().filter_map(|file| file.file_name().into_string().ok());
    let mut parts: Vec<String> = names.filter(|n| n.starts_with("run") && n.ends_with(".jsonl")).collect();
    parts.sort_by_key(|name| (name.len(), name.clone()));
    parts.into_iter().map(|name| run.join(name)).collect()
}

/// The binary under test.
pub(crate) fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_runbook"))
}

/// The runbooks as they are shipped.
pub(crate) fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks")
}

/// A run to be started.
pub(crate) struct Run<'a> {
    home: &'a Home,
    runbook: PathBuf,
    target: String,
    inputs: Vec<String>,
    answers: Vec<String>,
    silent: bool,
    resumed: bool,
    limit: Duration,
    meanwhile: Box<dyn FnMut() + 'a>,
}

impl<'a> Run<'a> {
    /// A shipped runbook by its file name, or any other by its path.
    pub(crate) fn of(home: &'a Home, runbook: impl AsRef<Path>) -> Run<'a> {
        let runbook = shipped().join(runbook);
        Run {
            home,
            runbook,
            target: "demo".into(),
            inputs: Vec::new(),
            answers: Vec::new(),
            silent: false,
            resumed: false,
            limit: LIMIT,
            meanwhile: Box::new(|| {}),
        }
    }

    pub(crate) fn target(self, target: impl Into<String>) -> Run<'a> {
        Run { target: target.into(), ..self }
    }

    pub(crate) fn input(mut self, name: &str, value: &str) -> Run<'a> {
        self.inputs.push(format!("{name}={value}"));
        self
    }

    /// What the operator types at the next question.
    pub(crate) fn answer(mut self, line: &str) -> Run<'a> {
        self.answers.push(line.into());
        self
    }

    /// Further questions are read and not answered.
    pub(crate) fn then_silent(self) -> Run<'a> {
        Run { silent: true, ..self }
    }

    /// For runs that take longer than others.
    pub(crate) fn within(self, limit: Duration) -> Run<'a> {
        Run { limit, ..self }
    }

    /// Goes on with the only run of this user instead of starting one.
    pub(crate) fn resumed(self) -> Run<'a> {
        Run { resumed: true, ..self }
    }

    /// What happens while a question is open.
    pub(crate) fn meanwhile(self, happens: impl FnMut() + 'a) -> Run<'a> {
        Run { meanwhile: Box::new(happens), ..self }
    }

    /// Starts it in a terminal, answers what is asked, and waits for the end.
    pub(crate) fn start(self) -> Outcome {
        let home = self.home;
        match self.drive() {
            (WaitStatus::Exited(_, code), text) => Outcome::read(home, code, text),
            (other, text) => panic!("{other:?}\n{text}"),
        }
    }

    /// The same, for a run that somebody kills.
    pub(crate) fn start_and_be_killed(self) -> String {
        match self.drive() {
            (WaitStatus::Signaled(_, Signal::SIGKILL, _), text) => text,
            (other, text) => panic!("{other:?}\n{text}"),
        }
    }

    fn drive(mut self) -> (WaitStatus, String) {
        let limit = u64::try_from(self.limit.as_millis()).ok();
        let mut terminal = spawn_command(self.command(), limit).expect("a terminal");
        let mut text = String::new();
        let mut answers = self.answers.iter();
        let prompt = Regex::new(PROMPT).expect("a good pattern");
        loop {
            let stops = vec![ReadUntil::Regex(prompt.clone()), ReadUntil::EOF];
            let (before, found) = terminal.exp_any(stops).unwrap_or_else(|e| panic!("{e}\n{text}"));
            text += &before;
            if found.is_empty() {
                break;
            }
            text += &found;
            (self.meanwhile)();
            match answers.next() {
                Some(answer) => terminal.send_line(answer).map(drop),
                None if self.silent => Ok(()),
                // Nobody is at the keyboard any more: Ctrl-D.
                None => terminal.send_control('d'),
            }
            .expect("the terminal takes it");
        }
        (terminal.process().wait().expect("it was started here"), text)
    }

    fn command(&self) -> Command {
        let mut command = self.home.command();
        if self.resumed {
            let runs: Value = serde_json::from_str(&self.home.must(&["runs", "--output", "json"])).expect("JSON");
            command.arg("resume").arg(runs[0]["run"].as_str().expect("a run"));
            return command;
        }
        command.arg("run").arg(&self.runbook).arg("--target").arg(&self.target);
        for input in &self.inputs {
            command.arg("-i").arg(input);
        }
        command
    }
}

/// How a run ended.
pub(crate) struct Outcome {
    pub(crate) code: i32,
    /// Everything that stood on the terminal.
    pub(crate) text: String,
    /// `runbook show --output json`
    pub(crate) report: Value,
    /// The records of its log, in order.
    pub(crate) records: Vec<Value>,
    /// Exit code and words of `runbook verify`.
    pub(crate) verified: (Option<i32>, String),
}

impl Outcome {
    /// What the newest run of this user left behind.
    pub(crate) fn of_last(home: &Home, code: i32, text: String) -> Outcome {
        Outcome::read(home, code, text)
    }

    fn read(home: &Home, code: i32, text: String) -> Outcome {
        let report = serde_json::from_slice(&home.ask(&["show", "--output", "json"]).stdout);
        let report: Value = report.unwrap_or_else(|e| panic!("no report: {e}\nexit code {code}\n{text}"));
        let run = report["run"]["run"].as_str().expect("a run id");
        let dir = home.state().join("runs").join(run);
        let log: String = parts(&dir).iter().map(|part| fs::read_to_string(part).expect("a log")).collect();
        let records = log.lines().map(|line| serde_json::from_str(line).expect("JSON lines")).collect();
        let verify = home.ask(&["verify", run]);
        let words = String::from_utf8_lossy(&verify.stdout) + String::from_utf8_lossy(&verify.stderr);
        Outcome { code, text, report, records, verified: (verify.status.code(), words.into_owned()) }
    }

    /// The paths of the steps that were started, in order, attempts and undos included.
    pub(crate) fn started(&self) -> Vec<&str> {
        let starts = self.records.iter().filter(|r| r["type"] == "step.start");
        starts.filter_map(|r| r["path"].as_str()).collect()
    }

    /// Whether a step or block was started whose path ends so.
    pub(crate) fn has_started(&self, end: &str) -> bool {
        self.started().iter().any(|path| path.ends_with(end))
    }

    /// Records of this kind of event, with their paths.
    pub(crate) fn events(&self, kind: &str) -> Vec<&Value> {
        self.records.iter().filter(|r| r["event"] == kind).collect()
    }

    /// When a record was written, in seconds since the first one.
    pub(crate) fn at(&self, record: &Value) -> f64 {
        let mono = |r: &Value| r["mono_us"].as_f64().expect("a time");
        (mono(record) - mono(&self.records[0])) / 1e6
    }

    /// It ended with this code, and its log proves it.
    pub(crate) fn must_end(self, code: i32) -> Outcome {
        assert_eq!(self.code, code, "{}", self.text);
        assert_eq!(self.verified.0, Some(0), "{}", self.verified.1);
        self
    }
}

//! A place for one run, the faulty world around it, and the person at its terminal.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use regex::Regex;
use rexpect::process::wait::WaitStatus;
use rexpect::process::{PtyProcess, Signal};
use runbook::log::{Report, RunId, SealedLog, Verdict};
use runbook::store::{Home, RunDir, keys, read_log, verify_dir};

use crate::trace::{Call, trace};

/// No call takes longer, or it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A state directory, a configuration and a working directory of their own, and the traces of what was written.
pub(crate) struct Bed {
    dir: tempfile::TempDir,
    /// In the environment of everything started here, so that what outlives a killed program can be found.
    mark: String,
}

/// What a call of the program came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// None: it was killed.
    pub(crate) code: Option<i32>,
    /// What was on the screen.
    pub(crate) screen: String,
    /// What it did to files, in order.
    pub(crate) calls: Vec<Call>,
}

impl Outcome {
    pub(crate) fn was_killed(&self) -> bool {
        self.code.is_none()
    }
}

/// What goes wrong, as variables for the shim; see there.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fault(pub(crate) Vec<(&'static str, String)>);

impl Fault {
    pub(crate) fn none() -> Fault {
        Fault::default()
    }

    /// Something at the call with this number.
    pub(crate) fn at(number: u64, how: &str) -> Fault {
        Fault::none().with("FAULT_AT", number).with("FAULT_HOW", how)
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl ToString) -> Fault {
        self.0.push((name, value.to_string()));
        self
    }
}

impl Bed {
    /// Fresh, with the signing key made and these files in the working directory.
    pub(crate) fn new(files: &[(&str, &str)]) -> Bed {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        // Nothing survives a kill better on a disk than in memory, and memory is fast.
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        for name in ["home", "state", "config", "work"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        for (name, text) in files {
            fs::write(dir.path().join("work").join(name), text).unwrap();
        }
        let mark = format!("CRASH_BED={}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        Bed { dir, mark }
    }

    /// Puts the state directory elsewhere, before anything is in it.
    pub(crate) fn keep_state_in(&self, place: &Path) {
        let state = self.dir.path().join("state");
        fs::remove_dir(&state).unwrap();
        std::os::unix::fs::symlink(place, state).unwrap();
    }

    /// The same with its signing key, so that making it is no part of what is tested.
    pub(crate) fn with_key(self) -> Bed {
        keys::load_or_create(self.home().config_dir()).unwrap();
        self
    }

    pub(crate) fn work(&self, name: &str) -> PathBuf {
        self.dir.path().join("work").join(name)
    }

    pub(crate) fn home(&self) -> Home {
        Home::at(&self.dir.path().join("state/runbook"), &self.dir.path().join("config/runbook"))
    }

    /// The lines that steps appended to a file.
    pub(crate) fn lines(&self, name: &str) -> Vec<String> {
        let text = fs::read_to_string(self.work(name)).unwrap_or_default();
        text.lines().map(String::from).collect()
    }

    /// How often each line stands in a file.
    pub(crate) fn counted(&self, name: &str) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for line in self.lines(name) {
            *counts.entry(line).or_default() += 1;
        }
        counts
    }

    /// The newest run, if there is any.
    pub(crate) fn run_id(&self) -> Option<RunId> {
        self.home().run_ids().unwrap().into_iter().next()
    }

    pub(crate) fn run_dir(&self) -> PathBuf {
        self.home().run_path(self.run_id().expect("there is a run"))
    }

    /// What verifying the newest run says.
    pub(crate) fn report(&self) -> Report {
        let home = self.home();
        verify_dir(&self.run_dir(), &home.trust().unwrap(), &[]).unwrap()
    }

    pub(crate) fn verdict(&self) -> Verdict {
        self.report().verdict
    }

    /// The sealed records of the newest run; none when nothing is sealed.
    pub(crate) fn sealed(&self) -> Option<SealedLog> {
        read_log(&RunDir::open(&self.home(), self.run_id()?).unwrap()).ok()
    }

    /// The program, in a world with this fault.
    pub(crate) fn command(&self, args: &[&str], fault: &Fault) -> Command {
        let mut command = Command::new(program());
        command.args(args).env_clear().current_dir(self.work(""));
        command.env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin").env("USER", "tester");
        command.env("HOME", self.dir.path().join("home")).env("LC_ALL", "C.UTF-8").env("TERM", "dumb");
        command.env("XDG_STATE_HOME", self.dir.path().join("state"));
        command.env("XDG_CONFIG_HOME", self.dir.path().join("config"));
        let (name, value) = self.mark.split_once('=').unwrap();
        command.env(name, value);
        let trace = self.trace_file();
        let _ = fs::remove_file(&trace);
        command.env("LD_PRELOAD", shim()).env("FAULT_EXE", program()).env("FAULT_ROOT", self.dir.path());
        command.env("FAULT_TRACE", trace);
        command.envs(fault.0.iter().map(|(name, value)| (*name, value)));
        command
    }

    fn trace_file(&self) -> PathBuf {
        self.dir.path().join("trace")
    }

    /// Makes a call with nobody at a terminal.
    pub(crate) fn call(&self, args: &[&str], fault: &Fault) -> Outcome {
        let mut setsid = Command::new("setsid");
        let command = self.command(args, fault);
        setsid.arg(command.get_program()).args(command.get_args()).current_dir(self.work("")).env_clear();
        setsid.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let output = setsid.stdin(std::process::Stdio::null()).output().unwrap();
        let screen = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        self.settled(output.status.code(), screen)
    }

    /// Makes a call with a person at a terminal, who answers what is asked.
    pub(crate) fn call_with_person(&self, args: &[&str], fault: &Fault) -> Outcome {
        self.call_at_terminal(args, fault, true)
    }

    /// The same, but when something is asked the program is killed.
    pub(crate) fn call_until_asked(&self, args: &[&str]) -> Outcome {
        self.call_at_terminal(args, &Fault::none(), false)
    }

    fn call_at_terminal(&self, args: &[&str], fault: &Fault, answers: bool) -> Outcome {
        let mut process = PtyProcess::new(self.command(args, fault)).unwrap();
        let mut tty = process.get_file_handle().unwrap();
        let (mut screen, mut block, since) = (String::new(), vec![0; 1 << 14], Instant::now());
        let mut answered = 0;
        // The end of what was written is an error on this side of a terminal.
        while let Ok(count @ 1..) = tty.read(&mut block) {
            assert!(since.elapsed() < PATIENCE, "{args:?} hangs: {screen}");
            screen.push_str(&String::from_utf8_lossy(&block[..count]));
            while let Some((end, answer)) = self.next_answer(&screen[answered..]) {
                if !answers {
                    process.signal(Signal::SIGKILL).unwrap();
                }
                answered += end;
                let _ = tty.write_all(format!("{answer}\n").as_bytes());
            }
        }
        let code = match process.wait().unwrap() {
            WaitStatus::Exited(_, code) => Some(code),
            WaitStatus::Signaled(..) => None,
            other => panic!("{other:?}"),
        };
        self.settled(code, screen)
    }

    fn settled(&self, code: Option<i32>, screen: String) -> Outcome {
        self.wait_for_children();
        Outcome { code, screen, calls: trace(&self.trace_file()) }
    }

    /// What a person says to the next question, and where on the screen that question ends.
    fn next_answer(&self, screen: &str) -> Option<(usize, &'static str)> {
        static QUESTION: OnceLock<Regex> = OnceLock::new();
        let question = QUESTION
            .get_or_init(|| Regex::new(r"(?s)(\S+)  \((go or no-go|in doubt)\)\r?\n.*?, (?:g/n|d/a/f): ").unwrap());
        let found = question.captures(screen)?;
        let end = found.get(0).unwrap().end();
        Some((end, if &found[2] == "in doubt" { self.look_at_the_world(&found[1]) } else { "g" }))
    }

    /// Whether a step happened, as somebody sees who looks at what it changes.
    fn look_at_the_world(&self, path: &str) -> &'static str {
        let happened = self.lines("effects").contains(&effect_of(path));
        match (happened, path.ends_with(".fails")) {
            (false, _) => "a",
            (true, false) => "d",
            (true, true) => "f",
        }
    }

    /// What a killed program had started lives on to its own end.
    fn wait_for_children(&self) {
        let since = Instant::now();
        let run = self.run_id().map(|id| format!("RUNBOOK_RUN_ID={id}"));
        while is_in_some_environment(&self.mark) || run.as_ref().is_some_and(|run| is_in_some_environment(run)) {
            assert!(since.elapsed() < PATIENCE, "something that was started never ends");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// The line that a step leaves in `effects`.
pub(crate) fn effect_of(path: &str) -> String {
    let name = path.rsplit('.').next().unwrap_or_default();
    match name.strip_suffix("~undo") {
        Some(name) => format!("undo-{name}"),
        None => name.to_string(),
    }
}

fn is_in_some_environment(variable: &str) -> bool {
    let own = std::process::id().to_string();
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let others = processes.filter(|process| {
        let name = process.file_name();
        let name = name.to_str().unwrap_or_default();
        name.as_bytes().first().is_some_and(u8::is_ascii_digit) && name != own
    });
    let mut environments = others.filter_map(|process| fs::read(process.path().join("environ")).ok());
    environments.any(|environ| environ.split(|b| *b == 0).any(|v| v == variable.as_bytes()))
}

pub(crate) fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| fs::canonicalize(env!("CARGO_BIN_EXE_runbook")).unwrap())
}

/// The shim, compiled once.
fn shim() -> &'static Path {
    static SHIM: OnceLock<(PathBuf, tempfile::TempDir)> = OnceLock::new();
    let (path, _) = SHIM.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/shim.c");
        let path = dir.path().join("shim.so");
        let mut cc = Command::new("cc");
        cc.args(["-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-pthread", "-o"]);
        let compiled = cc.arg(&path).arg(&source).output().expect("a C compiler (package gcc)");
        assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
        (path, dir)
    });
    path
}

/// Does something with each of these on all processors.
pub(crate) fn on_all_processors<T: Send + Sync>(cases: &[T], work: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    work(case);
                }
            });
        }
    });
}

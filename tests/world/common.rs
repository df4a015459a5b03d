//! A world in a directory of its own, and actions in short.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use runbook::drive::world::{
    AttemptId, RealWorld, SecretRequest, SecretSource, Secrets, ShortSecrets, Wants, WorldEvent, WorldSetup,
};
use runbook::machine::action::{Action, Captured, Datum, Done, ExecAction, ShellAction, Surroundings};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

pub(crate) struct Bed {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) world: RealWorld,
    pub(crate) events: UnboundedReceiver<WorldEvent>,
    runtime: tokio::runtime::Runtime,
    attempts: u32,
    /// Logs whose end the next attempts note.
    pub(crate) marks: Vec<String>,
}

/// Scripts of letters, digits and harmless marks are simple commands; the real splitter lives elsewhere.
pub(crate) fn simple_command(script: &str) -> Option<Vec<String>> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || " /._-\n".contains(letter);
    let words: Vec<String> = script.split_whitespace().map(str::to_owned).collect();
    (script.chars().all(plain) && !script.trim().contains('\n') && !words.is_empty()).then_some(words)
}

pub(crate) fn never_simple(_: &str) -> Option<Vec<String>> {
    None
}

impl Bed {
    pub(crate) fn new() -> Bed {
        Bed::with(&[], simple_command, |_| {})
    }

    pub(crate) fn with_secret(value: &str) -> Bed {
        Bed::with(&[("pw", value)], simple_command, |_| {})
    }

    pub(crate) fn with(
        secrets: &[(&str, &str)],
        simple_command: fn(&str) -> Option<Vec<String>>,
        adjust: impl FnOnce(&mut WorldSetup),
    ) -> Bed {
        let dir = tempfile::tempdir().unwrap();
        for name in ["run", "work"] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
        }
        let sources = secrets.iter().map(|(name, value)| SecretRequest {
            name: (*name).to_owned(),
            source: SecretSource::Value((*value).to_owned()),
            short: ShortSecrets::Refuse,
        });
        let (sender, events) = unbounded_channel();
        let mut setup = WorldSetup {
            run_dir: dir.path().join("run"),
            start_dir: dir.path().join("work"),
            base_env: vec![
                ("PATH".to_owned(), "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned()),
                ("HOME".to_owned(), "/".to_owned()),
                ("LANG".to_owned(), "C.UTF-8".to_owned()),
            ],
            secrets: Secrets::resolve(sources),
            next_output: 1,
            reach: Default::default(),
            simple_command,
            grace: Duration::from_millis(300),
            hold: None,
        };
        adjust(&mut setup);
        let world = RealWorld::new(setup, sender).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Bed { dir, world, events, runtime, attempts: 0, marks: Vec::new() }
    }

    pub(crate) fn work(&self, name: &str) -> PathBuf {
        self.dir.path().join("work").join(name)
    }

    pub(crate) fn run_dir(&self) -> PathBuf {
        self.dir.path().join("run")
    }

    pub(crate) fn start(&mut self, action: &Action) {
        self.attempts += 1;
        let id = AttemptId { path: "step".to_owned(), attempt: self.attempts };
        let _inside = self.runtime.enter();
        self.world.start(id, action, Wants { capture: true, label: "a step".to_owned(), marks: self.marks.clone() });
    }

    /// The next `Done`, whatever else is told before it.
    pub(crate) fn done(&mut self) -> Done {
        let events = &mut self.events;
        self.runtime.block_on(async {
            loop {
                let event =
                    tokio::time::timeout(Duration::from_secs(30), events.recv()).await.expect("a result in time");
                if let WorldEvent::Done(_, done) = event.expect("the world is there") {
                    return done;
                }
            }
        })
    }

    /// Wait until a process runs and, where `output` is said, has printed that much.
    pub(crate) fn until_running(&mut self, output: u64) -> u32 {
        let give_up = Instant::now() + Duration::from_secs(10);
        while Instant::now() < give_up {
            if let Some((Some(pid), bytes)) = self.world.running().first().map(|running| (running.pid, running.bytes))
                && bytes >= output
            {
                return pid;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("no process came to life");
    }

    pub(crate) fn act(&mut self, action: &Action) -> Done {
        self.start(action);
        self.done()
    }

    pub(crate) fn sh(&mut self, script: &str) -> Done {
        self.act(&shell(script))
    }

    /// The stored bytes of a stream.
    pub(crate) fn stored(&self, captured: Option<&Captured>) -> Vec<u8> {
        match captured.map(|captured| captured.file.as_str()) {
            None | Some("") => Vec::new(),
            Some(file) => std::fs::read(self.run_dir().join(file)).unwrap(),
        }
    }
}

pub(crate) fn shell(script: &str) -> Action {
    shell_around(script, Surroundings::default())
}

pub(crate) fn shell_around(script: &str, around: Surroundings) -> Action {
    Action::Shell(ShellAction { script: script.to_owned(), values: Vec::new(), around })
}

pub(crate) fn exec(argv: &[&str]) -> Action {
    Action::Exec(ExecAction {
        argv: argv.iter().map(|word| (*word).to_owned()).collect(),
        around: Surroundings::default(),
    })
}

pub(crate) fn plain(text: &str) -> Datum {
    Datum::Plain(text.to_owned())
}

pub(crate) fn stdout(done: &Done) -> &str {
    done.stdout.as_ref().and_then(|captured| captured.text.as_deref()).unwrap_or("(no text)")
}

pub(crate) fn stderr(done: &Done) -> &str {
    done.stderr.as_ref().and_then(|captured| captured.text.as_deref()).unwrap_or("(no text)")
}

/// A process that is neither gone nor a zombie.
pub(crate) fn alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).unwrap_or_default();
    stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().next()).is_some_and(|state| state != "Z")
}

//! Asking `git`: the real program, no shell, nothing of the operator's environment, nothing that a repository could make
//! it run.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::attempt::Attempt;
use super::bash;
use super::environment::StepEnv;
use super::live::{Live, Stream};
use super::mask::Masker;
use super::output::{Observer, Sink};
use super::process::{self, Launch, Limits};
use crate::inspect::git::wrong_revision;
use crate::machine::action::Ended;

/// Options of every call. Ownership of the repository is left for git to judge.
const ALWAYS: [&str; 9] = [
    "--no-pager",
    "--no-replace-objects",
    "--literal-pathspecs",
    "-c",
    "core.quotepath=off",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "diff.ignoreSubmodules=none",
];
/// What one call may print.
const LARGEST: usize = 64 << 20;

/// A repository that can be asked.
pub(super) struct Git<'a> {
    attempt: &'a Attempt,
    program: PathBuf,
    env: Vec<(String, std::ffi::OsString)>,
    dir: PathBuf,
    until: Option<Instant>,
}

impl<'a> Git<'a> {
    /// The repository around a directory; unavailable where there is none, or only a part of its history.
    pub(super) fn at(attempt: &'a Attempt, repo: &str, timeout_us: Option<u64>) -> Result<Git<'a>, Ended> {
        let site = &attempt.site;
        let mut env = StepEnv::new(&site.base_env, &attempt.live.id, &[], &site.secrets)?;
        for (name, value) in
            [("LC_ALL", "C"), ("GIT_TERMINAL_PROMPT", "0"), ("GIT_OPTIONAL_LOCKS", "0"), ("GIT_NO_LAZY_FETCH", "1")]
        {
            env.set(name, value.into());
        }
        let Some(program) = bash::find_in_path("git", &env) else {
            return Err(Ended::Unavailable("git is not installed".to_owned()));
        };
        let dir = site.path(repo);
        if !dir.is_dir() {
            return Err(Ended::Unavailable(format!("{repo} is no directory")));
        }
        let until = timeout_us.map(|us| Instant::now() + Duration::from_micros(us));
        let git = Git { attempt, program, env: env.into_vec(), dir, until };
        let shallow = git.text(&["rev-parse", "--is-shallow-repository"]).map_err(|ended| match ended {
            Ended::Failed(why) => Ended::Unavailable(format!("{repo}: {why}")),
            other => other,
        })?;
        match shallow.as_str() {
            "false" => Ok(git),
            _ => Err(Ended::Unavailable(format!(
                "{repo} holds only a part of its history (a shallow clone), so changes cannot be told; fetch all of it"
            ))),
        }
    }

    /// The id of the commit a revision names.
    pub(super) fn commit(&self, what: &str, revision: &str) -> Result<String, Ended> {
        if let Some(why) = wrong_revision(revision) {
            return Err(Ended::Failed(format!("{what} `{}` {why}", revision.escape_debug())));
        }
        let peeled = format!("{revision}^{{commit}}");
        self.text(&["rev-parse", "--verify", "--quiet", &peeled]).map_err(|ended| match ended {
            Ended::Failed(_) => Ended::Failed(format!("{what} `{revision}` is no commit of this repository")),
            other => other,
        })
    }

    /// One line.
    pub(super) fn text(&self, args: &[&str]) -> Result<String, Ended> {
        let bytes = self.output(args, None)?;
        Ok(String::from_utf8_lossy(&bytes).trim_end_matches('\n').to_owned())
    }

    /// Everything one call prints.
    pub(super) fn output(&self, args: &[&str], stdin: Option<Vec<u8>>) -> Result<Vec<u8>, Ended> {
        let bytes: Arc<Mutex<Vec<u8>>> = Arc::default();
        let taking = Arc::clone(&bytes);
        self.stream(
            args,
            stdin,
            Box::new(move |piece| {
                let mut bytes = taking.lock().unwrap_or_else(PoisonError::into_inner);
                if bytes.len() <= LARGEST {
                    bytes.extend_from_slice(piece);
                }
            }),
        )?;
        let bytes = std::mem::take(&mut *bytes.lock().unwrap_or_else(PoisonError::into_inner));
        match bytes.len() > LARGEST {
            true => Err(Ended::Failed("git printed more than 64 MiB; choose commits that are nearer".to_owned())),
            false => Ok(bytes),
        }
    }

    /// One call; what it prints goes to `take` as it comes.
    pub(super) fn stream(&self, args: &[&str], stdin: Option<Vec<u8>>, take: Observer) -> Result<(), Ended> {
        if self.attempt.live.cancelled().is_some() {
            return Err(Ended::Cancelled);
        }
        let launch = Launch {
            program: self.program.clone(),
            arg0: "git".into(),
            operand: self.program.clone().into_os_string(),
            args: ALWAYS.iter().chain(args).map(std::ffi::OsString::from).collect(),
            env: self.env.clone(),
            dir: self.dir.clone(),
            stdin,
        };
        let said: Arc<Mutex<Vec<u8>>> = Arc::default();
        let hearing = Arc::clone(&said);
        let complaint = Box::new(move |piece: &[u8]| {
            let mut said = hearing.lock().unwrap_or_else(PoisonError::into_inner);
            let room = 4096usize.saturating_sub(said.len());
            said.extend_from_slice(&piece[..piece.len().min(room)]);
        });
        let mut sinks = [self.unkept(Stream::Stdout, take)?, self.unkept(Stream::Stderr, complaint)?];
        let left = self.until.map(|until| until.saturating_duration_since(Instant::now()));
        let limits = Limits { timeout: left, grace: self.attempt.site.grace };
        let finish = process::run(&launch, &self.attempt.live, |_| {}, &mut sinks, limits)
            .map_err(|error| Ended::Unavailable(format!("git cannot be started: {error}")))?;
        let said = said.lock().unwrap_or_else(PoisonError::into_inner);
        let said = String::from_utf8_lossy(&said);
        let first = said.lines().next().unwrap_or_default().trim_start_matches("fatal: ");
        match finish.ended {
            Ended::Exit(0) => Ok(()),
            Ended::Exit(code) => Err(Ended::Failed(match first {
                "" => format!("git {} ended with {code}", args[0]),
                _ => format!("git {}: {first}", args[0]),
            })),
            other => Err(other),
        }
    }

    /// A sink that stores and shows nothing: what git prints here is raw material, and is masked in what is made of it.
    fn unkept(&self, stream: Stream, observer: Observer) -> Result<Sink, Ended> {
        let live = Live::new(self.attempt.live.id.clone(), String::new())
            .map_err(|error| Ended::Failed(format!("this machine is out of resources: {error}")))?;
        let masker = Arc::new(Masker::new(super::forms::Forms::default()));
        Ok(Sink::new(&self.attempt.site.run_dir, None, stream, false, masker, Arc::new(live)).observed(observer))
    }
}

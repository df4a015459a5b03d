//! Shell and exec actions: from the recorded action to a started process, and from its end to [`Done`].

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::WorldEvent;
use super::attempt::{Attempt, micros, untouched};
use super::bash::{self, BASH};
use super::environment::{ONE_STRING, StepEnv};
use super::live::Stream;
use super::output::Sink;
use super::pins;
use super::process::{self, Finish, Launch, Limits};
use super::secret_files::SecretFiles;
use crate::machine::action::{Action, Done, Ended, ExecAction, ShellAction, Surroundings};

/// Run a shell or exec action to its end.
pub(super) fn run(attempt: &Attempt, action: &Action) -> Done {
    run_dressed(attempt, action, &|_, sink| sink)
}

/// What becomes of the sink of a stream.
pub(super) type Dress<'a> = &'a dyn Fn(Stream, Sink) -> Sink;

/// The same, with output going through what `dress` makes of its sinks.
pub(super) fn run_dressed(attempt: &Attempt, action: &Action, dress: Dress<'_>) -> Done {
    let (Action::Shell(ShellAction { around, .. }) | Action::Exec(ExecAction { around, .. })) = action else {
        return untouched(Ended::Failed("only a script or a program can be run here".to_owned()));
    };
    // They are there as long as the process, and gone with this function.
    let files = match SecretFiles::write(&attempt.site.run_dir, &around.secret_files, &attempt.site.secrets) {
        Ok(files) => files,
        Err(ended) => return untouched(ended),
    };
    let result = match action {
        Action::Shell(shell) => prepare_shell(attempt, shell, &files),
        Action::Exec(exec) => prepare_exec(attempt, exec, &files).map(|launch| vec![launch]),
        _ => Ok(Vec::new()),
    };
    let result = result.and_then(|launches| pins::hold(&attempt.site, around).map(|()| launches));
    match result {
        Ok(_) if attempt.live.cancelled().is_some() => untouched(Ended::Cancelled),
        Ok(launches) => run_first_that_starts(attempt, &launches, around, dress),
        Err(ended) => untouched(ended),
    }
}

/// The same action with at most this much time.
pub(super) fn with_limit(action: &Action, limit: Duration) -> Action {
    let mut action = action.clone();
    if let Action::Shell(ShellAction { around, .. }) | Action::Exec(ExecAction { around, .. }) = &mut action {
        let limit = micros(limit);
        around.timeout_us = Some(around.timeout_us.map_or(limit, |own| own.min(limit)));
    }
    action
}

/// The program itself where that is equal, then bash.
fn prepare_shell(attempt: &Attempt, shell: &ShellAction, files: &SecretFiles) -> Result<Vec<Launch>, Ended> {
    let site = &attempt.site;
    let (mut env, dir, stdin) = surroundings(attempt, &shell.around, files)?;
    for (name, value) in &shell.values {
        env.declare(name, value.clone().into_bytes())?;
    }
    let direct = (site.simple_command)(&shell.script).and_then(|words| {
        let (program, given) = bash::direct(&words, &env, &dir)?;
        Some((words, program, given))
    });
    let bash = if Path::new(BASH).exists() { Some(PathBuf::from(BASH)) } else { bash::find_in_path("bash", &env) };
    let Some(bash) = bash else {
        return Err(Ended::Unavailable("bash is not installed, and `shell:` steps need it".to_owned()));
    };
    let env = env.into_vec();
    let mut launches = Vec::with_capacity(2);
    if let Some((words, program, given)) = direct {
        let mut env = env.clone();
        env.extend(given.into_iter().map(|(name, value)| (name.to_owned(), value)));
        launches.push(Launch {
            program,
            arg0: OsString::from(&words[0]),
            operand: OsString::from(&words[0]),
            args: words[1..].iter().map(OsString::from).collect(),
            env,
            dir: dir.clone(),
            stdin: stdin.clone(),
        });
    }
    if shell.script.len() >= ONE_STRING {
        return Err(Ended::Failed("the script is longer than 128 KiB; put it into a file and call that".to_owned()));
    }
    // The last word is what the script sees as `$0` and its messages begin with.
    let args = ["--noprofile", "--norc", "-euo", "pipefail", "-c", shell.script.as_str(), "bash"];
    launches.push(Launch {
        operand: bash.clone().into_os_string(),
        program: bash,
        arg0: "bash".into(),
        args: args.iter().map(OsString::from).collect(),
        env,
        dir,
        stdin,
    });
    Ok(launches)
}

fn prepare_exec(attempt: &Attempt, exec: &ExecAction, files: &SecretFiles) -> Result<Launch, Ended> {
    let (env, dir, stdin) = surroundings(attempt, &exec.around, files)?;
    let Some((name, args)) = exec.argv.split_first() else {
        return Err(Ended::Failed("`exec:` needs a program".to_owned()));
    };
    if let Some(long) = exec.argv.iter().find(|word| word.len() >= ONE_STRING) {
        let size = long.len() / 1024;
        return Err(Ended::Failed(format!(
            "an argument of {size} KiB is too long for the system; pass it by `stdin:`"
        )));
    }
    let program = if name.contains('/') { Some(dir.join(name)) } else { bash::find_in_path(name, &env) };
    let Some(program) = program else {
        let path: Vec<_> = env.path().map(|dir| dir.display().to_string()).collect();
        return Err(Ended::Unavailable(format!("program `{name}` is not installed: not found in {}", path.join(":"))));
    };
    Ok(Launch {
        program,
        arg0: name.into(),
        operand: name.into(),
        args: args.iter().map(OsString::from).collect(),
        env: env.into_vec(),
        dir,
        stdin,
    })
}

type Surrounded = (StepEnv, PathBuf, Option<Vec<u8>>);

fn surroundings(attempt: &Attempt, around: &Surroundings, files: &SecretFiles) -> Result<Surrounded, Ended> {
    let site = &attempt.site;
    let mut env = StepEnv::new(&site.base_env, &attempt.live.id, &around.env, &site.secrets)?;
    for (name, path) in files.paths() {
        env.set(name, path.into());
    }
    let dir = around.dir.as_ref().map_or_else(|| site.start_dir.clone(), |dir| site.path(dir));
    if !dir.is_dir() {
        return Err(Ended::Failed(format!("working directory {} does not exist", dir.display())));
    }
    let stdin = around.stdin.as_ref().map(|datum| site.secrets.bytes(datum)).transpose()?;
    Ok((env, dir, stdin))
}

fn run_first_that_starts(attempt: &Attempt, launches: &[Launch], around: &Surroundings, dress: Dress<'_>) -> Done {
    let limits = Limits { timeout: around.timeout_us.map(Duration::from_micros), grace: attempt.site.grace };
    let mut refusal = None;
    for launch in launches {
        let mut sinks = [Stream::Stdout, Stream::Stderr].map(|stream| dress(stream, attempt.sink(stream)));
        let started = |pid| {
            let _ = attempt.site.events.send(WorldEvent::Started { id: attempt.live.id.clone(), pid });
        };
        match process::run(launch, &attempt.live, started, &mut sinks, limits) {
            Ok(finish) => {
                let program = launch.program.display().to_string();
                return Done { program, ..finished(attempt, finish, sinks) };
            }
            Err(error) => refusal = Some(not_started(launch, &error)),
        }
    }
    untouched(refusal.unwrap_or_else(|| Ended::Failed("there was nothing to start".to_owned())))
}

fn finished(attempt: &Attempt, finish: Finish, sinks: [Sink; 2]) -> Done {
    if let Some(error) = &finish.lost {
        attempt.output_lost(error);
    }
    let mut done = Done {
        ended: finish.ended,
        duration_us: micros(finish.duration),
        output_held: finish.output_held,
        ..Done::default()
    };
    let [stdout, stderr] = sinks;
    attempt.finish_stream(stdout, Stream::Stdout, &mut done);
    attempt.finish_stream(stderr, Stream::Stderr, &mut done);
    done
}

fn not_started(launch: &Launch, error: &io::Error) -> Ended {
    let program = launch.program.display();
    match error.kind() {
        // A `#!` line that names a missing interpreter looks the same as a missing program.
        io::ErrorKind::NotFound if launch.program.exists() => Ended::Unavailable(format!(
            "{program} cannot be started: the interpreter its first line names is not installed"
        )),
        io::ErrorKind::NotFound => Ended::Unavailable(format!("program {program} is not installed")),
        io::ErrorKind::PermissionDenied => Ended::Failed(format!("{program} is not executable for this user")),
        io::ErrorKind::ArgumentListTooLong => Ended::Failed(format!(
            "{program} cannot be started: arguments and environment together are too long; pass data by `stdin:` or in a file"
        )),
        _ if error.raw_os_error() == Some(rustix::io::Errno::NOEXEC.raw_os_error()) => {
            Ended::Failed(format!("{program} is neither a binary of this machine nor a script with a `#!` line"))
        }
        _ => Ended::Failed(format!("{program} cannot be started: {error}")),
    }
}

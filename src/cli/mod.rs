//! The command line: one file per command, one place that turns errors into words and exit codes.

#![expect(clippy::disallowed_methods, reason = "the half that acts on the world begins here")]

mod ahead;
mod approve;
mod args;
mod attest;
mod changed;
mod check;
mod countersign;
mod demo;
mod error;
mod explain;
mod go;
mod holds;
mod guard;
mod inputs;
mod keys;
mod library;
mod locking;
mod plan;
mod planned;
mod post;
mod posture;
mod prepare;
mod probe;
mod rails;
mod resume;
mod retold;
mod run;
mod runs;
mod schema;
mod secrets;
mod session;
mod session_lock;
mod survivors;
mod target;
mod terminal;
mod timestamp;
mod verify;

use crate::log::Decision;
use crate::report::visible_coloured;
use args::{Cli, Command};
use clap::Parser as _;
use error::CliError;
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

/// Reads the arguments, runs the command, prints what went wrong, and says so in the exit code.
pub fn main() -> ExitCode {
    install_panic_report();
    posture::take();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let printed = printed(error.print());
            return ExitCode::from(if error.use_stderr() || printed.is_err() { crate::report::exit::USAGE } else { 0 });
        }
    };
    let style = cli.style();
    match dispatch(cli) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let _ = write!(anstream::stderr(), "{}", guard::text(&error.render(&style)));
            ExitCode::from(error.code())
        }
    }
}

fn dispatch(cli: Cli) -> Result<u8, CliError> {
    let common = cli.common;
    match cli.command {
        Command::Run(args) => run::run(&common, args),
        Command::Plan(args) => plan::run(&common, args),
        Command::Probe(args) => probe::run(&common, args),
        Command::Check(args) => check::run(&common, args),
        Command::Explain(args) => explain::run(args),
        Command::Resume(args) => resume::run(&common, args),
        Command::Hold(args) => holds::hold(&common, args),
        Command::Lift(args) => holds::lift(&common, args),
        Command::Holds(args) => holds::list(&common, args),
        Command::Release(args) => holds::release(&common, args),
        Command::Runs(args) => runs::list(&common, args),
        Command::Show(args) => runs::show(&common, args),
        Command::Logs(args) => runs::logs(&common, args),
        Command::Report(args) => runs::report(&common, args),
        Command::Verify(args) => verify::run(&common, args),
        Command::Keys(args) => keys::run(&common, args),
        Command::Go(args) => go::run(&common, args, Decision::Go),
        Command::NoGo(args) => go::run(&common, args, Decision::NoGo),
        Command::Approve(args) => approve::run(&common, args),
        Command::Approvals(args) => approve::list(&common, args),
        Command::Countersign(args) => countersign::run(&common, args),
        Command::Attest(args) => attest::run(&common, args),
        Command::Timestamp(args) => timestamp::run(&common, args),
        Command::Schema(args) => schema::run(args),
        Command::Demo(args) => demo::run(args),
        Command::Completions(args) => schema::completions(args),
    }
}

/// A bug ends the program with exit code 70 and a request to report it, not with a bare panic.
fn install_panic_report() {
    std::panic::set_hook(Box::new(|info| {
        say(&format!(
            "\ninternal error: this is a bug in runbook {}\n{}\nthe log of the run is intact; `runbook runs` shows it and \
             `runbook resume` goes on with it\n",
            env!("CARGO_PKG_VERSION"),
            guard::text(&info.to_string())
        ));
        std::process::exit(i32::from(crate::report::exit::BUG));
    }));
}

/// Writes to standard output. On a terminal it is made harmless as a whole, whatever each part did for itself.
fn print(text: &str) -> Result<(), CliError> {
    let masked = guard::text(text);
    let guarded = std::io::stdout().is_terminal().then(|| visible_coloured(&masked));
    let mut out = anstream::stdout();
    printed(out.write_all(guarded.as_deref().unwrap_or(&masked).as_bytes()).and_then(|()| out.flush()))
}

/// What writing to standard output came to. A reader that has gone away, as in `| head`, is not a failure; data that is
/// nowhere is one.
fn printed(result: std::io::Result<()>) -> Result<(), CliError> {
    match result {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(CliError::System(format!("cannot write to standard output: {}", crate::store::plain(&e))))
        }
        _ => Ok(()),
    }
}

/// Tells people something. A terminal that has gone away changes nothing about what is being done.
fn say(text: &str) {
    let text = visible_coloured(&guard::text(text));
    let mut out = std::io::stderr().lock();
    let _ = out.write_all(text.as_bytes());
    let _ = out.flush();
}

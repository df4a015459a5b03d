//! `runbook demo ...`: the command line of the demo.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;

use super::client::Demo;
use super::colour::Colour;
use super::error::DemoError;
use super::fault::{Fault, FaultTarget, Switch};
use super::load::{LoadPlan, load};
use super::ports::DEFAULT_FIRST_PORT;
use super::serve::{ServeOptions, serve};
use super::single::serve_app;
use super::status::{ColourStatus, Status};

/// What `runbook demo` can do.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum DemoCommand {
    /// Start the demo in the background, if it is not up
    Up {
        /// First port to try when no ports are chosen yet
        #[arg(long, value_name = "PORT", default_value_t = DEFAULT_FIRST_PORT)]
        base: u16,
    },
    /// Take the demo down; versions and ports are kept
    Down,
    /// Show colours, balancer, faults and addresses
    Status {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Serve in the foreground until SIGTERM; `up` does this for you
    Serve {
        /// First port to try when no ports are chosen yet
        #[arg(long, value_name = "PORT", default_value_t = DEFAULT_FIRST_PORT)]
        base: u16,
        /// Keep files here instead
        #[arg(long, value_name = "DIR")]
        state_dir: Option<PathBuf>,
    },
    /// Start a colour; returns once it accepts connections
    Start {
        /// blue or green
        colour: Colour,
        /// Version such as v1.1.0 or v1.1.3-crash [default: the version it had]
        version: Option<String>,
    },
    /// Stop a colour; requests in flight finish first
    Stop {
        /// blue or green
        colour: Colour,
        /// Kill it at once, requests in flight included
        #[arg(long, conflicts_with = "drain")]
        force: bool,
        /// Seconds requests in flight may take
        #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
        drain: Duration,
    },
    /// Switch a fault on or off
    Fault {
        /// Name of the fault; `runbook demo faults` lists them
        #[arg(hide_possible_values = true)]
        name: Fault,
        /// on or off
        state: Switch,
        /// Whose fault; faults of the balancer ignore this
        #[arg(default_value = "all")]
        colour: FaultTarget,
        /// For latecrash: seconds until the app exits [default: 20]
        #[arg(long, value_name = "SECONDS", value_parser = seconds)]
        after: Option<Duration>,
    },
    /// List the faults and what they do
    Faults,
    /// Make the balancer serve with upstream.conf as it is now
    Reload,
    /// Check upstream.conf without loading it
    Check,
    /// Send a steady load through the balancer and count every answer
    Load {
        /// Requests per second
        #[arg(long, default_value_t = 50)]
        rps: u32,
        /// How long, in seconds
        #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
        seconds: Duration,
        /// Where to, on loopback [default: the balancer]
        #[arg(long)]
        url: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// Fail if a request is dropped, or answered with an error, a redirection or by something that is not the demo
        #[arg(long)]
        strict: bool,
    },
    /// Let visitors come: a steady load from inside the demo that ends by itself; --rps 0 ends it now
    Visit {
        /// Requests per second
        #[arg(long, default_value_t = 50)]
        rps: u32,
        /// How long, in seconds
        #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
        seconds: Duration,
    },
    /// Serve one app as a process of its own until SIGTERM
    #[command(hide = true)]
    App {
        /// blue or green
        colour: Colour,
        /// Where it listens, on loopback
        #[arg(long)]
        port: u16,
        /// Version such as v1.1.0 or v1.1.3-crash
        #[arg(long)]
        version: String,
        /// While this file exists, /api/* answers 503
        #[arg(long, value_name = "FILE")]
        flag: Option<PathBuf>,
        /// The faults named in this file act for as long as they stand there; those of a start come with the version
        #[arg(long, value_name = "FILE")]
        faults: Option<PathBuf>,
    },
    /// Back to how a fresh demo starts: both colours v1.0.0, blue live, no faults
    Reset,
}

/// Runs one command on the demo of `state_dir`, printing what it says to `out`.
///
/// # Errors
/// Whenever the command did not do what it was asked to; the caller turns this into a non-zero exit status.
pub fn run(command: DemoCommand, state_dir: &Path, out: &mut dyn Write) -> Result<(), DemoError> {
    let demo = Demo::new(state_dir);
    let said = match command {
        DemoCommand::Up { base } => up(&demo.with_first_port(base))?,
        DemoCommand::Down => if demo.down()? { "the demo is down" } else { "the demo was not up" }.to_owned(),
        DemoCommand::Status { json: true } => to_json(&demo.status()?),
        DemoCommand::Status { json: false } => describe(&demo.status()?, &demo),
        DemoCommand::Serve { base, state_dir: elsewhere } => {
            return serve(elsewhere.as_deref().unwrap_or(state_dir), ServeOptions { first_port: base });
        }
        DemoCommand::App { colour, port, version, flag, faults } => {
            return serve_app(colour, port, &version, flag, faults);
        }
        DemoCommand::Start { colour, version } => demo.start(colour, version.as_deref())?,
        DemoCommand::Stop { colour, force, drain } => demo.stop(colour, (!force).then_some(drain))?,
        DemoCommand::Fault { name, state, colour, after } => demo.fault(name, colour, state, after)?,
        DemoCommand::Faults => faults(),
        DemoCommand::Reload => demo.reload()?,
        DemoCommand::Check => demo.check()?,
        DemoCommand::Load { rps, seconds, url, json, strict } => {
            let url = url.unwrap_or_else(|| demo.addresses().balancer_url());
            return witness(&LoadPlan { url, rps, duration: seconds }, json, strict, out);
        }
        DemoCommand::Visit { rps, seconds } => demo.visit(rps, seconds)?,
        DemoCommand::Reset => demo.reset()?,
    };
    print(out, &said)
}

fn up(demo: &Demo) -> Result<String, DemoError> {
    let exe = std::env::current_exe().map_err(|error| DemoError::system("find this program", error))?;
    let addresses = demo.up(&exe)?;
    Ok(format!("the demo is up: {} (control {})", addresses.balancer_url(), addresses.control_url()))
}

fn witness(plan: &LoadPlan, json: bool, strict: bool, out: &mut dyn Write) -> Result<(), DemoError> {
    let report = load(plan)?;
    print(out, &if json { to_json(&report) } else { report.to_string() })?;
    let (dropped, failed) = (report.dropped + report.unsent, report.failed() + report.strange);
    if strict && dropped + failed > 0 {
        return Err(DemoError::NotClean { dropped, failed });
    }
    Ok(())
}

fn describe(status: &Status, demo: &Demo) -> String {
    let mut lines = vec![format!("balancer  {}", status.ports.balancer_url())];
    for server in &status.balancer.upstreams {
        let (color, down) = (server.color.map_or("?", Colour::name), if server.down { "  down" } else { "" });
        lines.push(format!(
            "          {color:<6} weight {}{down}  {} requests, {} errors",
            server.weight, server.requests, server.errors
        ));
    }
    for colour in Colour::ALL {
        lines.push(format!("{:<9} {}  {}", colour.name(), status.ports.app_url(colour), words(status.of(colour))));
    }
    lines.push(format!("control   {}", status.ports.control_url()));
    lines.push(format!("files     {}", demo.paths().root().display()));
    if status.maintenance {
        lines.push("maintenance mode is on".to_owned());
    }
    if !status.balancer_faults.is_empty() {
        lines.push(format!("faults of the balancer: {}", status.balancer_faults.join(", ")));
    }
    lines.join("\n")
}

fn words(colour: &ColourStatus) -> String {
    let state = match (&colour.instance, colour.draining) {
        (Some(instance), false) => format!("running as {instance}"),
        (Some(instance), true) => format!("draining as {instance}, {} in flight", colour.active_connections),
        (None, _) => match &colour.last_exit {
            Some(exit) => format!("not running ({exit})"),
            None => "not running".to_owned(),
        },
    };
    let faults =
        if colour.faults.is_empty() { String::new() } else { format!("  faults: {}", colour.faults.join(", ")) };
    format!("{}  {state}{faults}", colour.version)
}

fn faults() -> String {
    let lines = Fault::value_variants().iter().map(|fault| format!("{:<20}{}", fault.name(), fault.meaning()));
    lines.collect::<Vec<_>>().join("\n")
}

/// A derived `Serialize` over maps with plain keys cannot fail.
fn to_json(value: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

/// A reader that has gone away, as in `| head`, is not our failure.
fn print(out: &mut dyn Write, text: &str) -> Result<(), DemoError> {
    match writeln!(out, "{}", text.trim_end()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(DemoError::system("print", error)),
        _ => Ok(()),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let parsed = text.parse::<f64>().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    parsed
        .filter(|duration| *duration <= Duration::from_secs(86_400))
        .ok_or_else(|| "not a number of seconds".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(subcommand)]
        command: DemoCommand,
    }

    fn parsed(line: &str) -> Result<DemoCommand, String> {
        let words = ["demo"].into_iter().chain(line.split_whitespace());
        Line::try_parse_from(words).map(|line| line.command).map_err(|error| error.to_string())
    }

    #[test]
    fn good_lines_mean_what_they_say() {
        assert!(matches!(parsed("start green"), Ok(DemoCommand::Start { colour: Colour::Green, version: None })));
        let stop = parsed("stop blue");
        assert!(matches!(stop, Ok(DemoCommand::Stop { force: false, drain, .. }) if drain.as_secs() == 30), "{stop:?}");
        let fault = parsed("fault err5 on");
        let expected = matches!(
            fault,
            Ok(DemoCommand::Fault { name: Fault::Err5, state: Switch::On, colour: FaultTarget::All, after: None })
        );
        assert!(expected, "{fault:?}");
        for line in ["up", "down", "status --json", "serve --base 9", "stop blue --force", "faults", "reload", "check"]
        {
            assert!(parsed(line).is_ok(), "{line}");
        }
    }

    #[test]
    fn bad_lines_are_refused_with_a_hint() {
        for (line, hint) in [
            ("fault er5 on", "err5"),
            ("start red", "blue, green"),
            ("stop blue --drain soon", "not a number of seconds"),
            ("stop blue --force --drain 3", "cannot be used with"),
        ] {
            let error = parsed(line).expect_err(line);
            assert!(error.contains(hint), "{line}: {error}");
        }
    }

    #[test]
    fn the_list_of_faults_has_one_line_each() {
        let mut out = Vec::new();
        run(DemoCommand::Faults, Path::new("/nonexistent"), &mut out).expect("prints");
        let out = String::from_utf8(out).expect("text");
        assert_eq!(out.lines().count(), Fault::value_variants().len());
        assert!(out.contains("wrong-color         The app reports the identity of the other colour"), "{out}");
    }

    #[test]
    fn an_operation_on_a_demo_that_is_down_fails_and_says_what_to_do() {
        // Ports that no program uses.
        let dir = tempfile::tempdir().expect("a directory");
        let ports = super::super::ports::Addresses { balancer: 1, blue: 2, green: 3, control: 4 };
        super::super::state::State::initial(ports).save(Demo::new(dir.path()).paths()).expect("saved");
        let error = run(DemoCommand::Reload, dir.path(), &mut Vec::new()).expect_err("is down").to_string();
        assert!(error.ends_with("start it with `runbook demo up`"), "{error}");
    }
}

//! Steps that outlived the tool: a step must not be asked about, repeated or taken back while it still runs.

use super::error::CliError;

/// Refuses to go on while the main process of a step in doubt is alive.
pub(crate) fn refuse(run: &str, in_doubt: &[String]) -> Result<(), CliError> {
    let alive: Vec<String> = std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter_map(|pid| Some(format!("`{}` (process {pid})", step_of(pid, run, in_doubt)?)))
        .collect();
    if alive.is_empty() {
        return Ok(());
    }
    let verb = if alive.len() == 1 { "is" } else { "are" };
    let words = format!("{} {verb} still running; wait for it or end it, then resume", alive.join(", "));
    Err(CliError::Busy(words))
}

/// Refuses to give up a run while the main process of any of its steps is alive.
pub(crate) fn refuse_any(run: &str) -> Result<(), CliError> {
    let pids = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    match pids.filter_map(environment_of_leader).find(|environ| environ.has("RUNBOOK_RUN_ID", run)) {
        None => Ok(()),
        Some(environ) => {
            let step = environ.value("RUNBOOK_STEP");
            Err(CliError::Busy(format!("`{step}` of this run is still running; wait for it or end it")))
        }
    }
}

/// The step in doubt whose main process this is.
fn step_of<'a>(pid: u32, run: &str, in_doubt: &'a [String]) -> Option<&'a String> {
    let environ = environment_of_leader(pid)?;
    in_doubt.iter().find(|step| environ.has("RUNBOOK_RUN_ID", run) && environ.has("RUNBOOK_STEP", step))
}

struct Environ(Vec<u8>);

impl Environ {
    fn has(&self, name: &str, value: &str) -> bool {
        self.0.split(|b| *b == 0).any(|v| v == format!("{name}={value}").as_bytes())
    }

    fn value(&self, name: &str) -> String {
        let prefix = format!("{name}=");
        let found = self.0.split(|b| *b == 0).find_map(|v| v.strip_prefix(prefix.as_bytes()));
        String::from_utf8_lossy(found.unwrap_or_default()).into_owned()
    }
}

/// The environment of a process that may be the main one of a step: it leads its process group, unlike what it started.
/// A step of a run at a terminal leads a session as well, as does a daemon that is meant to stay; but the daemon has let go
/// of the pipes of the step.
fn environment_of_leader(pid: u32) -> Option<Environ> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let (state, group, session) =
        (*fields.first()?, fields.get(2)?.parse::<u32>().ok()?, fields.get(3)?.parse::<u32>().ok()?);
    if state == "Z" || group != pid || session == pid && !writes_to_pipe(pid) {
        return None;
    }
    std::fs::read(format!("/proc/{pid}/environ")).ok().map(Environ)
}

/// Whether standard output or error is a pipe, as this program gives one to every step.
fn writes_to_pipe(pid: u32) -> bool {
    let leads_to = |fd: u32| std::fs::read_link(format!("/proc/{pid}/fd/{fd}")).ok();
    [1, 2].into_iter().filter_map(leads_to).any(|to| to.to_string_lossy().starts_with("pipe:"))
}

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

/// The step in doubt whose main process this is. It leads its process group, unlike what it started, and not a session
/// of its own, unlike a daemon that is meant to stay.
fn step_of<'a>(pid: u32, run: &str, in_doubt: &'a [String]) -> Option<&'a String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let (state, group, session) =
        (*fields.first()?, fields.get(2)?.parse::<u32>().ok()?, fields.get(3)?.parse::<u32>().ok()?);
    if state == "Z" || group != pid || session == pid {
        return None;
    }
    let environ = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
    let has = |name: &str, value: &str| environ.split(|b| *b == 0).any(|v| v == format!("{name}={value}").as_bytes());
    in_doubt.iter().find(|step| has("RUNBOOK_RUN_ID", run) && has("RUNBOOK_STEP", step))
}

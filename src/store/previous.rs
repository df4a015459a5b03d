//! Runs vouch for each other: the first record of a run names the newest run before it and how far its log went.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use serde_json::Value;

use crate::log::{Anchor, Head, NAMESPACE, RunId, Sha256Sum, TrustStore, read, segment_file, signature_file};

use super::error::StoreError;
use super::files;
use super::home::Home;
use super::run_dir::segments;

/// A seal stands within this distance of the end of any log: behind it comes at most one interrupted batch. The first
/// length is enough nearly always.
const TAILS: [u64; 2] = [16 << 10, 4 << 20];
/// The file that names the newest run, in the state directory.
const NEWEST: &str = "newest";
/// Runs that began before the previous one had a log; more than a few are a broken store, not a race.
const TRIES: usize = 16;

/// The newest run of this home and the last head its log states. Nothing is verified: whoever verifies either run later
/// finds out. The bytes named are on disk when this returns, so that no power cut makes them a lie.
///
/// # Errors
/// When the directory of runs cannot be read.
pub fn previous_run(home: &Home) -> Result<Option<(RunId, Head)>, StoreError> {
    let with_head = |run| Some((run, last_head(&home.run_path(run))?));
    if let Some(noted) = noted_newest(home).and_then(with_head) {
        return Ok(Some(noted));
    }
    Ok(home.run_ids()?.into_iter().take(TRIES).find_map(with_head))
}

/// Notes that this is the newest run, so that the next one need not look through ten thousand names. Only a hint: when
/// it is lost or names a run that is gone, all names are looked at.
pub fn note_newest(home: &Home, run: RunId) {
    let _ = files::replace_hint(&home.state_dir().join(NEWEST), run.to_string().as_bytes());
}

fn noted_newest(home: &Home) -> Option<RunId> {
    let bytes = files::read_file(&home.state_dir().join(NEWEST)).ok()??;
    std::str::from_utf8(&bytes).ok()?.parse().ok()
}

/// What the runs after this one say about it. Only those are asked whose own first record is sealed by a trusted key.
pub(crate) fn named_by_successors(home: &Home, run: RunId, trust: &TrustStore) -> Vec<Anchor> {
    let later = home.run_ids().unwrap_or_default().into_iter().rev().filter(|id| *id > run).take(TRIES);
    let named = |id| Some(Anchor { source: format!("run {id}"), head: named_in(&home.run_path(id), run, trust)? });
    later.filter_map(named).collect()
}

fn named_in(dir: &Path, run: RunId, trust: &TrustStore) -> Option<Head> {
    let file = files::open_file(&dir.join(segment_file(1))).ok()??;
    let mut start = Vec::new();
    file.take(TAILS[0]).read_to_end(&mut start).ok()?;
    // The first record and its seal; what comes after them is not asked here.
    let opening: usize = start.split_inclusive(|byte| *byte == b'\n').take(2).map(<[u8]>::len).sum();
    let log = read(&[&start[..opening]]).ok()?;
    let first = log.records.first()?;
    trust.check(&log.identity, NAMESPACE, &first.t).ok()?;
    let said = first.payload.get("prev_run")?;
    (said.get("run")?.as_str()?.parse::<RunId>().ok()? == run).then(|| head_of(said, 1))?
}

/// The head the last seal of a run states.
fn last_head(dir: &Path) -> Option<Head> {
    segments(dir).ok()?.into_iter().rev().find_map(|number| {
        let mut file = files::open_file(&dir.join(segment_file(number))).ok()??;
        let length = file.seek(SeekFrom::End(0)).ok()?;
        let head = TAILS.iter().find_map(|tail| {
            file.seek(SeekFrom::Start(length.saturating_sub(*tail))).ok()?;
            let mut bytes = Vec::new();
            (&mut file).take(*tail).read_to_end(&mut bytes).ok()?;
            let lines = bytes.split_inclusive(|byte| *byte == b'\n').rev().filter(|line| line.ends_with(b"\n"));
            let mut records = lines.filter_map(|line| serde_json::from_slice::<Value>(line).ok());
            records.find(|record| record["type"] == "seal").and_then(|seal| head_of(&seal, number))
        })?;
        // What has its final signature was synced before it; syncing it again would cost as much as the first time.
        let signed = dir.join(signature_file(number)).exists();
        (signed || file.sync_data().is_ok()).then_some(head)
    })
}

fn head_of(said: &Value, segment: u32) -> Option<Head> {
    let segment = said.get("segment").map_or(Some(segment), |n| n.as_u64().and_then(|n| n.try_into().ok()))?;
    let sha256 = Sha256Sum::from_hex(said.get("sha256")?.as_str()?)?;
    Some(Head { segment, bytes: said.get("bytes")?.as_u64()?, sha256 })
}

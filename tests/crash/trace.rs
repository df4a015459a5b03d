//! What the program did to files, as the shim saw it, and what of it a power cut would leave.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// One counted call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) number: u64,
    /// `o`pen for writing, open a `d`irectory, `w`rite, `s`ync, `r`ename, `l`ink, `u`nlink, `m`kdir, `t`runcate, `c`lose.
    pub(crate) op: char,
    /// Of the file after the call, where it has one open.
    pub(crate) size: Option<u64>,
    pub(crate) errno: i32,
    pub(crate) path: PathBuf,
}

impl Call {
    pub(crate) fn is_on_log(&self) -> bool {
        let name = self.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with("run.") && name.ends_with(".jsonl")
    }
}

/// The calls in a trace file.
pub(crate) fn trace(file: &Path) -> Vec<Call> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let call = |line: &str| {
        let mut parts = line.splitn(5, ' ');
        let mut next = || parts.next().unwrap_or_else(|| panic!("a trace line is cut: {line}"));
        let (number, op, size, errno, path) = (next(), next(), next(), next(), next());
        Call {
            number: number.parse().unwrap(),
            op: op.chars().next().unwrap(),
            size: size.parse().ok(),
            errno: errno.parse().unwrap(),
            path: PathBuf::from(path),
        }
    };
    text.lines().map(call).collect()
}

/// How long each log was when a sync of it last returned: what was acknowledged.
pub(crate) fn acknowledged(calls: &[Call]) -> BTreeMap<PathBuf, u64> {
    let syncs = calls.iter().filter(|call| call.op == 's' && call.errno == 0 && call.is_on_log());
    syncs.filter_map(|call| Some((call.path.clone(), call.size?))).collect()
}

/// What a power cut makes of bytes that were not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// The file ends before them.
    Cut,
    /// They are all zero: the length reached the disk and they did not.
    Zeroed,
    /// The first half of them is zero: pages reach the disk in any order.
    Holed,
}

/// Takes away what a power cut may take: bytes that were not synced, and names whose directory was not synced since
/// they came to be. Where something else had the name before, that is there again: `before` says what.
pub(crate) fn cut_power(calls: &[Call], loss: Loss, before: &[(PathBuf, &str)]) {
    let mut synced_bytes: BTreeMap<&Path, u64> = BTreeMap::new();
    let mut new_names: BTreeSet<&Path> = BTreeSet::new();
    for call in calls.iter().filter(|call| call.errno == 0) {
        let path = call.path.as_path();
        match call.op {
            'o' if call.size == Some(0) => {
                new_names.insert(path);
                synced_bytes.insert(path, 0);
            }
            'm' | 'l' | 'r' => {
                new_names.insert(path);
            }
            's' if path.is_dir() => new_names.retain(|name| name.parent() != Some(path)),
            's' => {
                synced_bytes.insert(path, call.size.unwrap_or(0));
            }
            _ => {}
        }
    }
    for (path, bytes) in synced_bytes {
        // What was renamed away was synced before, or its new name would hold less.
        let Ok(file) = fs::OpenOptions::new().write(true).open(path) else { continue };
        let unsynced = file.metadata().unwrap().len().saturating_sub(bytes);
        let lost = match loss {
            _ if unsynced == 0 => continue,
            Loss::Cut => {
                file.set_len(bytes).unwrap();
                continue;
            }
            Loss::Zeroed => unsynced,
            Loss::Holed => unsynced / 2,
        };
        file.write_all_at(&vec![0; lost as usize], bytes).unwrap();
    }
    for path in new_names {
        if let Some((_, text)) = before.iter().find(|(known, _)| known == path) {
            fs::write(path, text).unwrap();
            continue;
        }
        let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    }
}

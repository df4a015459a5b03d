//! The environment of a step: built from nothing, so that a run does not depend on whose shell it was started from.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::AttemptId;
use super::secrets::Secrets;
use super::trace;
use crate::machine::action::{Datum, Ended};

/// Where programs are looked up; the directory of the tool itself comes last.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What the system accepts as one `NAME=value` or one argument, its final NUL included.
pub(super) const ONE_STRING: usize = 128 * 1024;

/// The variables every step of a run has: `PATH`, `HOME`, `USER`, `LOGNAME`, `LC_CTYPE`, `RUNBOOK_RUN_ID`, and `TZ` and
/// `TMPDIR` where they are set. Nothing else of the operator's environment gets through, least of all `SSH_AUTH_SOCK`.
///
/// `exe` is the running tool; its directory ends the `PATH`, so that a step can call the tool, unless somebody else could
/// put programs there: [`left_out_of_path`] says so.
pub fn base_env(run_id: &str, exe: &Path) -> Vec<(String, String)> {
    let own = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let (user, home) = account();
    let path = match exe.parent().and_then(Path::to_str).filter(|dir| dir.starts_with('/')) {
        Some(dir) if !is_standard(dir.as_ref()) && why_unsafe(dir.as_ref()).is_none() => format!("{PATH}:{dir}"),
        _ => PATH.to_owned(),
    };
    let mut env = vec![
        ("PATH", path),
        ("HOME", own("HOME").or(home).unwrap_or_else(|| "/".to_owned())),
        // Text is UTF-8 and nothing else is localised: runs do not depend on whose terminal they were started from.
        ("LC_CTYPE", "C.UTF-8".to_owned()),
        ("RUNBOOK_RUN_ID", run_id.to_owned()),
    ];
    if let Some(user) = user.or_else(|| own("USER")) {
        env.extend([("USER", user.clone()), ("LOGNAME", user)]);
    }
    env.extend(["TZ", "TMPDIR"].into_iter().filter_map(|name| Some((name, own(name)?))));
    env.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Why steps do not find the tool by its name, where that is so.
pub fn left_out_of_path(exe: &Path) -> Option<String> {
    let dir = exe.parent()?;
    why_unsafe(dir).map(|why| format!("{} is not in the PATH of steps: it {why}", dir.display()))
}

/// Why programs must not be looked up in a directory: somebody else could put them there. A directory that is not there
/// is no danger.
fn why_unsafe(dir: &Path) -> Option<String> {
    if !dir.is_absolute() {
        return Some("is not an absolute path, so that it means another directory wherever a step starts".to_owned());
    }
    if is_standard(dir) {
        return None;
    }
    let meta = std::fs::metadata(dir).ok()?;
    if meta.mode() & 0o002 != 0 {
        return Some("can be written by everybody".to_owned());
    }
    let owners = [0, rustix::process::geteuid().as_raw()];
    (!owners.contains(&meta.uid())).then(|| format!("belongs to another user, number {}", meta.uid()))
}

/// Part of the system: whoever can change it needs no trick.
fn is_standard(dir: &Path) -> bool {
    PATH.split(':').any(|known| Path::new(known) == dir)
}

/// Name and home directory of the user this process runs as.
pub(crate) fn account() -> (Option<String>, Option<String>) {
    let uid = rustix::process::getuid().as_raw().to_string();
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let mine = accounts
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|fields| fields.get(2) == Some(&uid.as_str()));
    let field = |index: usize| mine.as_ref().and_then(|fields| fields.get(index)).map(|field| (*field).to_owned());
    (field(0), field(5))
}

/// Variables of one step, each name once.
pub(super) struct StepEnv(Vec<(String, OsString)>);

impl StepEnv {
    /// The base, then which attempt this is, then what the step declares.
    pub(super) fn new(
        base: &[(String, String)],
        id: &AttemptId,
        declared: &[(String, Datum)],
        secrets: &Secrets,
    ) -> Result<StepEnv, Ended> {
        let mut env = StepEnv(base.iter().map(|(name, value)| (name.clone(), value.into())).collect());
        env.set("RUNBOOK_STEP", id.path.clone().into());
        env.set("RUNBOOK_ATTEMPT", id.attempt.to_string().into());
        let run = base.iter().find(|(name, _)| name == "RUNBOOK_RUN_ID").map(|(_, run)| run.as_str());
        let run = run.unwrap_or_default();
        env.set("RUNBOOK_IDEMPOTENCY_KEY", trace::idempotency_key(run, &id.path).into());
        env.set("TRACEPARENT", trace::traceparent(run, id).into());
        for (name, datum) in declared {
            env.declare(name, secrets.bytes(datum)?)?;
        }
        env.path_is_safe().map(|()| env)
    }

    /// A step whose `PATH` would find somebody else's programs is not started at all.
    fn path_is_safe(&self) -> Result<(), Ended> {
        let unsafe_dir = self.path().find_map(|dir| why_unsafe(dir).map(|why| (dir, why)));
        unsafe_dir.map_or(Ok(()), |(dir, why)| {
            let shown =
                if dir.as_os_str().is_empty() { "an empty entry".to_owned() } else { dir.display().to_string() };
            Err(Ended::Failed(format!(
                "PATH of this step contains {shown}, which {why}; name only directories that nobody but root and this \
                 user can write to"
            )))
        })
    }

    /// Set a variable from outside: refused where the system would refuse it, with the way out.
    pub(super) fn declare(&mut self, name: &str, value: Vec<u8>) -> Result<(), Ended> {
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(Ended::Failed(format!("`{name}` cannot be the name of an environment variable")));
        }
        if value.contains(&0) {
            return Err(Ended::Failed(format!(
                "the value of {name} contains a NUL byte, which no environment variable can"
            )));
        }
        if name.len() + value.len() + 2 > ONE_STRING {
            let size = value.len().div_ceil(1024);
            return Err(Ended::Failed(format!(
                "the value of {name} is {size} KiB and an environment variable holds at most 128 KiB; pass it by `stdin:` \
                 or in a file"
            )));
        }
        self.set(name, OsString::from_vec(value));
        Ok(())
    }

    pub(super) fn set(&mut self, name: &str, value: OsString) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// The step's own `PATH`, in pieces.
    pub(super) fn path(&self) -> impl Iterator<Item = &Path> {
        let path =
            self.0.iter().find(|(name, _)| name == "PATH").map(|(_, value)| value.as_bytes()).unwrap_or_default();
        path.split(|byte| *byte == b':').map(|dir| Path::new(std::ffi::OsStr::from_bytes(dir)))
    }

    pub(super) fn into_vec(self) -> Vec<(String, OsString)> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(declared: &[(&str, &str)]) -> Result<StepEnv, Ended> {
        let id = AttemptId { path: "web.restart".to_owned(), attempt: 2 };
        let declared: Vec<_> =
            declared.iter().map(|(name, value)| ((*name).to_owned(), Datum::Plain((*value).to_owned()))).collect();
        StepEnv::new(&[("PATH".to_owned(), "/bin".to_owned())], &id, &declared, &Secrets::default())
    }

    #[test]
    fn the_base_is_short_and_the_tool_is_found_last() {
        // A directory that is not there: nobody else can write to it.
        let env = base_env("RUN1", Path::new("/opt/tool/bin/runbook"));
        let get = |name: &str| env.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        assert_eq!(get("PATH"), Some(format!("{PATH}:/opt/tool/bin").as_str()));
        assert_eq!(get("RUNBOOK_RUN_ID"), Some("RUN1"));
        assert!(get("HOME").is_some_and(|home| home.starts_with('/')));
        let known = ["PATH", "HOME", "USER", "LOGNAME", "LC_CTYPE", "TZ", "TMPDIR", "RUNBOOK_RUN_ID"];
        assert!(env.iter().all(|(name, _)| known.contains(&name.as_str())), "{env:?}");
    }

    #[test]
    fn what_a_step_declares_wins_over_the_base() {
        let env = step(&[("PATH", "/opt/bin:/bin")]).unwrap();
        assert_eq!(env.path().collect::<Vec<_>>(), [Path::new("/opt/bin"), Path::new("/bin")]);
        assert_eq!(
            env.names().collect::<Vec<_>>(),
            ["PATH", "RUNBOOK_STEP", "RUNBOOK_ATTEMPT", "RUNBOOK_IDEMPOTENCY_KEY", "TRACEPARENT"]
        );
    }

    #[test]
    fn a_value_too_long_for_the_system_names_the_way_out() {
        let long = "x".repeat(ONE_STRING);
        let Err(Ended::Failed(why)) = step(&[("BIG", &long)]) else { panic!("accepted") };
        assert!(why.contains("BIG is 128 KiB") && why.contains("stdin"), "{why}");
    }

    #[test]
    fn a_path_in_which_others_can_put_programs_is_refused_and_says_why() {
        let open = tempfile::tempdir().unwrap();
        std::fs::set_permissions(open.path(), std::os::unix::fs::PermissionsExt::from_mode(0o1777)).unwrap();
        let open = open.path().to_str().unwrap();
        for (path, why) in [
            ("/bin:.", "contains ., which is not an absolute path"),
            ("/bin:", "contains an empty entry, which is not an absolute path"),
            ("bin:/bin", "contains bin, which is not an absolute path"),
            (open, "can be written by everybody"),
        ] {
            let Err(Ended::Failed(told)) = step(&[("PATH", path)]) else { panic!("{path} was accepted") };
            assert!(told.contains(why), "{told}");
        }
        assert!(step(&[("PATH", "/not/there:/usr/local/bin:/bin")]).is_ok());
        assert!(!base_env("RUN1", &Path::new(open).join("runbook"))[0].1.contains(open));
        assert!(left_out_of_path(&Path::new(open).join("runbook")).is_some_and(|why| why.contains("by everybody")));
    }
}

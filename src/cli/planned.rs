//! Plans as files: written by `plan -o`, approved beside, and run only while the files make exactly this plan.

use super::error::CliError;
use super::library::read_limited;
use super::prepare::{Prepared, prepare_as_given};
use crate::log::{HeardApproval, Sha256Sum, SignedApproval, TrustStore, judge_of_plan};
use crate::machine::{How, changes};
use crate::plan::encode;
use crate::plan::model::{Binding, FORMAT, Plan};
use crate::report::{visible, visible_line};
use crate::store::{Home, RunClock, read_answer};
use crate::text::{Code, RenderStyle};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// How many lines of the difference of two plans are shown.
const MOST_LINES: usize = 120;

/// A plan as it was written.
pub(crate) struct Written {
    pub(crate) plan: Plan,
    pub(crate) bytes: Vec<u8>,
    pub(crate) digest: String,
}

impl Written {
    /// Reads a plan; only the exact text this version writes is one.
    pub(crate) fn read(file: &Path) -> Result<Written, CliError> {
        let bytes = read_limited(file).map_err(CliError::Usage)?;
        let foreign = |why: String| {
            let (code, file) = (Code::PLAN_FOREIGN, file.display());
            CliError::Stale(format!("error[{code}]: {file} {}\nsee: runbook explain {code}\n", visible_line(&why)))
        };
        let value: Value = serde_json::from_slice(&bytes).map_err(|e| foreign(format!("is not a plan: {e}")))?;
        match value.get("format").and_then(Value::as_str) {
            Some(FORMAT) => {}
            Some(other) => return Err(foreign(format!("has the format {other}, this version writes {FORMAT}"))),
            None => return Err(foreign("is not a plan: it names no format".to_string())),
        }
        let plan: Plan = serde_json::from_value(value)
            .map_err(|e| foreign(format!("is a plan that this version does not understand: {e}")))?;
        let (written, digest) = encode(&plan);
        if written != bytes {
            return Err(foreign("is not spelled as this version writes plans: it was edited or reformatted".into()));
        }
        Ok(Written { plan, bytes, digest })
    }

    /// Makes the plan again, from everything as it is now. From then on nothing is read again.
    ///
    /// # Errors
    /// When it is another one; the text is the whole screen.
    pub(crate) fn again(&self, home: &Home, style: &RenderStyle) -> Result<Prepared, CliError> {
        let now = prepare_as_given(&self.plan, home);
        match now {
            Ok(now) if now.digest == self.digest && now.bytes == self.bytes => Ok(now),
            Ok(now) => Err(self.stale(&self.difference(&now))),
            Err(why) => Err(self.stale(&format!("it makes no plan now:\n{}\n", why.render(style).trim_end()))),
        }
    }

    fn stale(&self, difference: &str) -> CliError {
        let code = Code::PLAN_STALE;
        CliError::Stale(format!(
            "error[{code}]: the plan {} is not what the files make now; nothing was run\n{difference}\
             make it again (runbook plan -o) and have it approved again\nsee: runbook explain {code}\n",
            self.digest.get(..12).unwrap_or_default()
        ))
    }

    /// What differs, from the files down to the text of the plan.
    fn difference(&self, now: &Prepared) -> String {
        let mut out = format!("planned {}\nnow     {}\n", self.digest, now.digest);
        out.push_str(&sources(&self.plan, &now.plan));
        out.push_str(&inputs(&self.plan, &now.plan));
        for change in changes(&self.plan, &now.plan) {
            let how = match change.how {
                How::Changed => "changed",
                How::Added => "added",
                How::Removed => "removed",
                How::Moved => "moved",
            };
            out.push_str(&format!("step    {} {how}\n", visible_line(&change.path)));
        }
        let (before, after) = (String::from_utf8_lossy(&self.bytes), String::from_utf8_lossy(&now.bytes));
        let diff = similar::TextDiff::from_lines(before.as_ref(), after.as_ref());
        let text = diff.unified_diff().context_radius(2).header("as planned", "now").to_string();
        let shown: Vec<&str> = text.lines().take(MOST_LINES).collect();
        out.push_str(&visible(&shown.join("\n")));
        let more = text.lines().count().saturating_sub(MOST_LINES);
        if more > 0 { out + &format!("\n({more} more lines)\n") } else { out + "\n" }
    }
}

fn sources(was: &Plan, is: &Plan) -> String {
    let mut out = String::new();
    for source in &was.sources {
        let now = is.sources.iter().find(|now| now.path == source.path);
        match now {
            Some(now) if now.sha256 == source.sha256 => {}
            Some(_) => out.push_str(&format!("file    {} has changed\n", visible_line(&source.path))),
            None => out.push_str(&format!("file    {} is not used any more\n", visible_line(&source.path))),
        }
    }
    let added = is.sources.iter().filter(|now| was.sources.iter().all(|source| source.path != now.path));
    out.extend(added.map(|source| format!("file    {} was not part of the plan\n", visible_line(&source.path))));
    out
}

fn inputs(was: &Plan, is: &Plan) -> String {
    let top = |plan: &Plan| plan.scopes.first().map(|scope| scope.inputs.clone()).unwrap_or_default();
    let shown = |binding: &Binding| match binding {
        Binding::Known(value) => value.to_string(),
        Binding::Later { .. } => "known later".to_string(),
    };
    let now = top(is);
    let mut out = String::new();
    for input in top(was) {
        let found = now.iter().find(|now| now.name == input.name);
        if found != Some(&input) {
            let (before, after) = (shown(&input.value), found.map_or("nothing".into(), |now| shown(&now.value)));
            out.push_str(&format!("input   {}: {} → {}\n", input.name, visible_line(&before), visible_line(&after)));
        }
    }
    out
}

/// An approval that lies beside a plan.
pub(crate) struct Beside {
    pub(crate) file: PathBuf,
    /// The whole file, where it is an approval.
    pub(crate) text: Option<String>,
    pub(crate) told: HeardApproval,
}

/// `PLAN.approvals/`
pub(crate) fn approvals_dir(plan: &Path) -> PathBuf {
    let mut name = plan.as_os_str().to_owned();
    name.push(".approvals");
    PathBuf::from(name)
}

/// All approvals beside a plan, in the order of their names, each with why it is void if it is.
pub(crate) fn approvals_of(file: &Path, digest: &str, trust: &TrustStore) -> Vec<Beside> {
    let entries = std::fs::read_dir(approvals_dir(file)).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "approval"));
    files.sort();
    files.into_iter().map(|path| beside(path, digest, trust)).collect()
}

pub(crate) fn beside(file: PathBuf, digest: &str, trust: &TrustStore) -> Beside {
    let now = RunClock::start().now().t;
    let signed = read_answer(&file)
        .and_then(|text| SignedApproval::parse(&text).map(|signed| (signed, text)).map_err(|e| e.to_string()));
    match signed {
        Ok((signed, text)) => {
            let plan = Sha256Sum::from_hex(digest).unwrap_or(Sha256Sum::ZERO);
            let told = judge_of_plan(&signed, plan, trust, &now);
            Beside { file, text: Some(text), told }
        }
        Err(why) => Beside { file, text: None, told: HeardApproval::unreadable(why) },
    }
}

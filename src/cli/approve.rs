//! `runbook approve PLAN` and `runbook approvals RUN|PLAN`: GO before there is a run, and who has said it.

use super::args::{ApprovalsArgs, ApproveArgs, Common, Output};
use super::countersign::write_new;
use super::error::CliError;
use super::go::confirm;
use super::planned::{Written, approvals_dir, approvals_of};
use super::verify::{find_dir, trust_store};
use crate::log::{APPROVAL_NAMESPACE, Approval, HeardApproval, Nonce, Sha256Sum, Subject};
use crate::machine::places;
use crate::plan::model::{Gate, NodeKind, Plan};
use crate::plan::units::duration_us;
use crate::report::{self, PreviewStyle, exit, visible_line};
use crate::store::{Home, RunClock, Witnesses, put_approval, random_nonce, signing_key, trust, verify_run};

use serde_json::json;
use std::path::Path;

/// How long an approval of a plan counts unless it says.
pub(crate) const USUAL_EXPIRY: &str = "24h";

pub(crate) fn run(common: &Common, args: ApproveArgs) -> Result<u8, CliError> {
    let home = Home::from_env()?;
    let identity = signing_key(home.config_dir(), super::say)?;
    let key = identity.signer.public_key();
    trust::refuse_revoked(home.config_dir(), &key)?;
    let written = Written::read(&args.plan)?;
    let trust = trust_store(&home, args.trust.as_deref(), None)?;
    let now = RunClock::start().now().t;
    let listed = trust.principal_of(&key).is_some();
    let known = trust.check(&key, APPROVAL_NAMESPACE, &now).ok().filter(|_| listed);
    let principal = known.as_ref().map_or(identity.principal.clone(), |trusted| trusted.principal.clone());
    let (role, checkpoints) = subject(&written.plan, &args, &principal)?;
    let approval = Approval {
        of: Subject::Plan {
            runbook: written.plan.name.clone(),
            target: written.plan.target.as_ref().map(|target| target.name.clone()),
            checkpoints,
            expires: expiry(&args.expires)?,
        },
        plan_sha256: Sha256Sum::from_hex(&written.digest).unwrap_or(Sha256Sum::ZERO),
        role: Some(role),
        reference: args.reference.clone(),
        reason: args.reason.clone(),
        time: now,
        nonce: Nonce(random_nonce()?),
    };
    super::say(&report::preview(&written.plan, &written.digest, &PreviewStyle::default()));
    super::say(&format!("\n{}\n", approval.to_text().lines().map(visible_line).collect::<Vec<_>>().join("\n")));
    super::say(&format!("you: {principal}, with {}\n", key.fingerprint()));
    if known.is_none() {
        super::say(
            "note: your key is not trusted for approvals here; whether it counts is found out where the plan is run\n",
        );
    }
    confirm("approve", args.yes)?;
    let signed = approval.sign(identity.signer.as_ref()).map_err(|e| CliError::Usage(e.to_string()))?;
    let file = match &args.out {
        Some(file) => {
            write_new(file, &signed.to_text())?;
            file.clone()
        }
        None => put_approval(&approvals_dir(&args.plan), &signed.to_text())?,
    };
    if common.output == Output::Json {
        let told =
            json!({ "plan": written.digest, "key": key.fingerprint(), "role": signed.approval.role, "file": file });
        super::print(&format!("{told:#}\n"))?;
    } else {
        let digest = written.digest.get(..12).unwrap_or_default();
        super::print(&format!("approved plan {digest} as {principal}: {}\n", file.display()))?;
    }
    Ok(exit::DONE)
}

/// The role and the checkpoints that are approved: those the plan has for it, unless they are named.
fn subject(plan: &Plan, args: &ApproveArgs, principal: &str) -> Result<(String, Vec<String>), CliError> {
    let gates = gates(plan);
    if gates.is_empty() {
        return Err(CliError::Usage("the plan has no checkpoint that asks for people of a role".to_string()));
    }
    let holds = |gate: &Gate, role: &str| {
        let people = gate.people.get(role);
        gate.roles.contains_key(role)
            && people.is_some_and(|people| people.iter().any(|one| one == principal || one == Gate::ANYBODY))
    };
    let mut held: Vec<&String> =
        gates.iter().flat_map(|(_, gate)| gate.roles.keys().filter(|r| holds(gate, r))).collect();
    held.sort();
    held.dedup();
    let role = match (&args.role, &held[..]) {
        (Some(role), held) if held.contains(&role) => role.clone(),
        (Some(role), _) => return Err(CliError::Usage(format!("{principal} is no {role} in this plan"))),
        (None, [one]) => one.to_string(),
        (None, []) => return Err(CliError::Usage(format!("{principal} holds none of the roles the plan asks for"))),
        (None, _) => return Err(CliError::Usage("you hold several of the roles; say which: --role".to_string())),
    };
    let paths: Vec<&String> = gates.iter().filter(|(_, gate)| holds(gate, &role)).map(|(path, _)| path).collect();
    if let Some(unknown) = args.checkpoint.iter().find(|path| !paths.contains(path)) {
        let paths = paths.iter().map(|path| path.as_str()).collect::<Vec<_>>().join(", ");
        return Err(CliError::Usage(format!("the plan does not ask a {role} at `{unknown}`; it does at: {paths}")));
    }
    let all = paths.into_iter().cloned().collect();
    Ok((role, if args.checkpoint.is_empty() { all } else { args.checkpoint.clone() }))
}

/// Checkpoints that ask for roles, by path. Those of a list's items are not known before it runs.
fn gates(plan: &Plan) -> Vec<(String, Gate)> {
    let gates = places(plan).into_iter().filter_map(|(path, id)| match &plan.node(id).kind {
        NodeKind::Checkpoint { gate, .. } if !gate.roles.is_empty() && !path.contains("[*]") => {
            Some((path, gate.clone()))
        }
        _ => None,
    });
    gates.collect()
}

fn expiry(text: &str) -> Result<String, CliError> {
    let wrong = || CliError::Usage(format!("--expires {text} is not a duration like 24h"));
    let us = duration_us(text).ok_or_else(wrong)?;
    let at = jiff::Timestamp::now().as_microsecond().checked_add(i64::try_from(us).map_err(|_| wrong())?);
    let at = at.and_then(|us| jiff::Timestamp::from_microsecond(us).ok()).ok_or_else(wrong)?;
    Ok(format!("{at:.6}"))
}

/// Who approved what, with which key, and what of it counts.
pub(crate) fn list(common: &Common, args: ApprovalsArgs) -> Result<u8, CliError> {
    let home = Home::from_env()?;
    let trust = trust_store(&home, args.trust.as_deref(), None)?;
    let plan = Path::new(&args.what);
    let (approvals, open) = if plan.is_file() {
        let written = Written::read(plan)?;
        let told = approvals_of(plan, &written.digest, &trust).into_iter().map(|beside| {
            let file = beside.file.display().to_string();
            (beside.told, Some(file))
        });
        (told.collect::<Vec<_>>(), Vec::new())
    } else {
        let dir = find_dir(&home, &args.what)?;
        let report = verify_run(&home, &dir, &trust, &Witnesses::default())?;
        let open: Vec<String> = report.questions.keys().cloned().collect();
        (report.approvals.into_iter().map(|told| (told, None)).collect(), open)
    };
    if common.output == Output::Json {
        let rows: Vec<_> = approvals.iter().map(|(told, file)| row(told, file.as_deref())).collect();
        super::print(&format!("{:#}\n", json!({ "approvals": rows, "open": open })))?;
        return Ok(exit::DONE);
    }
    if approvals.is_empty() {
        super::print("nobody has signed an approval\n")?;
    }
    for (told, file) in &approvals {
        let file = file.as_ref().map(|file| format!("  {file}")).unwrap_or_default();
        super::print(&format!("{}\n", visible_line(&format!("{told}{file}"))))?;
    }
    for path in open {
        super::print(&format!("open: {}\n", visible_line(&path)))?;
    }
    Ok(exit::DONE)
}

fn row(told: &HeardApproval, file: Option<&str>) -> serde_json::Value {
    let mut row = told.json();
    if let Some(file) = file {
        row["file"] = file.into();
    }
    row
}

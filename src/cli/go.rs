//! `runbook go` and `no-go`: a second person answers a checkpoint of somebody else's run, from anywhere.

use super::args::{AnswerArgs, Common, Output};
use super::countersign::write_new;
use super::error::CliError;
use super::runs::{followed, load_plans, replay};
use super::verify::{find_dir, good_so_far, trust_store};
use crate::log::{
    APPROVAL_NAMESPACE, Approval, Decision, Desk, Nonce, PublicKey, Question, Report, Sha256Sum, SignedApproval,
    Subject, TrustStore,
};
use crate::machine::event::{self, Answer, Asked, Event, Signed};
use crate::machine::{Backing, Input, State, accept, standing};
use crate::report::{exit, visible_line};
use crate::store::{
    Home, RunClock, RunDir, SigningKey, deliver, deliver_shared, plain, random_nonce, read_answer, read_log,
    signing_key, trust,
};
use crate::text::Code;
use serde_json::json;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

pub(crate) fn run(common: &Common, args: AnswerArgs, decision: Decision) -> Result<u8, CliError> {
    let home = Home::from_env()?;
    if let Some(file) = &args.deliver {
        return carry(common, &home, file);
    }
    let (Some(run), Some(checkpoint)) = (&args.run, &args.checkpoint) else {
        return Err(CliError::Usage("give the run and the checkpoint".to_string()));
    };
    let identity = signing_key(home.config_dir(), super::say)?;
    trust::refuse_revoked(home.config_dir(), &identity.signer.public_key())?;
    let path = find_dir(&home, run)?;
    let trust = trust_store(&home, args.trust.as_deref(), None)?;
    let waiting = Waiting::find(&home, &path, &trust, checkpoint)?;
    let approver = Approver::of(&identity, &trust);
    let approval = waiting.approval(&args, decision, &approver)?;
    waiting.refuse_void(&approval, &approver, &trust)?;
    super::say(&waiting.screen(&approval, &approver));
    confirm(&format!("{decision}"), args.yes)?;
    let signed = approval.sign(identity.signer.as_ref()).map_err(|e| CliError::Usage(e.to_string()))?;
    let file = waiting.send(&home, &path, &signed, args.out.as_deref())?;
    report(common, &waiting, &signed, &file)
}

/// Whoever is about to sign.
struct Approver {
    key: PublicKey,
    principal: String,
    /// The trust store at hand says that the key may approve.
    known: bool,
}

impl Approver {
    fn of(identity: &SigningKey, trust: &TrustStore) -> Approver {
        let key = identity.signer.public_key();
        let listed = trust.principal_of(&key).is_some();
        match trust.check(&key, APPROVAL_NAMESPACE, &RunClock::start().now().t) {
            Ok(trusted) if listed => Approver { key, principal: trusted.principal, known: true },
            _ => Approver { key, principal: identity.principal.clone(), known: false },
        }
    }
}

/// A run and the question in it that is to be answered.
struct Waiting {
    report: Report,
    state: State,
    asked: Asked,
    question: Question,
    desk: Desk,
    dir: RunDir,
}

impl Waiting {
    /// Verifies the run as it is now, and finds the question.
    fn find(home: &Home, path: &Path, trust: &TrustStore, checkpoint: &str) -> Result<Waiting, CliError> {
        let report = good_so_far(home, path, trust)?;
        let Some(run) = report.run else { return Err(CliError::Unverified("the log names no run".to_string())) };
        let dir = RunDir::at(path, run);
        let log = read_log(&dir)?;
        let plans = load_plans(&dir, &log)?;
        let mut state = State::new(plans);
        replay(&log, &mut state, &mut |_, _, _| Ok(()))?;
        let open: Vec<Asked> = state.questions().into_iter().cloned().collect();
        let open = open.into_iter().filter(|asked| asked.question == event::Question::Checkpoint);
        let open: Vec<Asked> = open.filter(|asked| report.questions.contains_key(&asked.path)).collect();
        let asked = pick(&open, checkpoint)?.clone();
        let Some(question) = report.questions.get(&asked.path).cloned() else { return Err(closed(&open, checkpoint)) };
        let plan = followed(&log).unwrap_or(Sha256Sum::ZERO);
        let desk = Desk::new(run, plan, Some(&report), None);
        Ok(Waiting { report, state, asked, question, desk, dir })
    }

    /// What is to be signed.
    fn approval(&self, args: &AnswerArgs, decision: Decision, by: &Approver) -> Result<Approval, CliError> {
        let role = match &args.role {
            Some(role) => Some(role.clone()),
            None => self.only_role(decision, by)?,
        };
        let of = Subject::Question {
            run: self.desk.run(),
            checkpoint: self.asked.path.clone(),
            decision,
            head: self.question.head,
        };
        Ok(Approval {
            of,
            plan_sha256: self.desk.plan_sha256(),
            role,
            reference: args.reference.clone(),
            reason: args.reason.clone(),
            time: RunClock::start().now().t,
            nonce: Nonce(random_nonce()?),
        })
    }

    /// The one role that is asked for and held; whoever says no needs none.
    fn only_role(&self, decision: Decision, by: &Approver) -> Result<Option<String>, CliError> {
        let roles = self.question.roles.keys();
        let held: Vec<&String> = roles.filter(|role| self.question.holds(role, &by.principal)).collect();
        match &held[..] {
            [one] => Ok(Some(one.to_string())),
            _ if decision == Decision::NoGo || self.question.roles.is_empty() => Ok(None),
            [] => Err(void(&format!("it is by {}, who holds none of the roles that are asked for", by.principal), by)),
            _ => {
                Err(CliError::Usage("you hold several of the roles that are asked for; say which: --role".to_string()))
            }
        }
    }

    /// Refuses now what would be refused where the run is driven.
    fn refuse_void(&self, approval: &Approval, by: &Approver, trust: &TrustStore) -> Result<(), CliError> {
        let Approver { key, principal, .. } = by;
        let judged = self.desk.would_count(approval, key, principal, &self.question, trust);
        let counted = judged.map_err(|refusal| void(&format!("it {}", refusal.why), by))?;
        let signed = Signed {
            key: key.fingerprint(),
            statement: String::new(),
            sig: String::new(),
            nonce: approval.nonce.to_string(),
        };
        let (role, reference) = (approval.role.clone(), approval.reference.clone());
        let (given_us, signed) = (Some(counted.said_us), Some(signed));
        let backing = Backing { role, reference, given_us, signed, ..Backing::default() };
        let answer = if counted.decision == Decision::Go { Answer::Go } else { Answer::NoGo };
        let (path, by_whom) = (self.asked.path.clone(), principal.clone());
        let evidence = serde_json::Map::new();
        let input = Input::Answer { path, answer, by: by_whom, reason: None, evidence, backing };
        match accept(&self.state, input) {
            Some(Event::Refused { why, .. }) => Err(void(&why.to_string(), by)),
            Some(_) => Ok(()),
            None => Err(void("the question does not take it", by)),
        }
    }

    /// What is about to be signed, and what it rests on.
    fn screen(&self, approval: &Approval, by: &Approver) -> String {
        let started = self.state.started.as_ref();
        let title = started.map(|s| s.title.as_str()).unwrap_or_default();
        let target = started.and_then(|s| s.target.as_deref()).map(|t| format!(" › {t}")).unwrap_or_default();
        let driver = self.state.drivers.last().map(|d| d.principal.as_str()).unwrap_or_default();
        let mut rows = vec![
            ("run", format!("{}  {title}{target}, driven by {driver}", self.desk.run())),
            ("plan", self.desk.plan_sha256().to_string()),
            ("checkpoint", format!("{}  {}", self.asked.path, self.asked.title)),
        ];
        rows.extend(self.asked.evidence.iter().map(|(label, value)| ("", format!("{label}: {value}"))));
        for role in standing(&self.state, &self.asked) {
            let given = if role.given.is_empty() { "nobody yet".to_string() } else { role.given.join(", ") };
            rows.push(("role", format!("{} needs {}: {given}", role.role, role.needed)));
        }
        rows.extend(self.asked.red.iter().map(|red| ("red", red.clone())));
        if let Some(until) = self.asked.expires_wall_us.and_then(|us| jiff::Timestamp::from_microsecond(us).ok()) {
            rows.push(("until", format!("{until:.0}")));
        }
        let role = approval.role.as_ref().map(|role| format!(" as {role}")).unwrap_or_default();
        rows.push(("you", format!("{}{role}, with {}", by.principal, by.key.fingerprint())));
        let mut screen: String =
            rows.iter().map(|(name, text)| format!("{name:<11} {}\n", visible_line(text))).collect();
        if !by.known {
            screen.push_str(
                "note: your key is not trusted for approvals here; whether it counts is found out where the run is driven\n",
            );
        }
        screen
    }

    /// Puts the answer where whoever drives the run finds it.
    fn send(&self, home: &Home, path: &Path, signed: &SignedApproval, out: Option<&Path>) -> Result<PathBuf, CliError> {
        let (run, text) = (self.desk.run(), signed.to_text());
        if let Some(out) = out {
            write_new(out, &text)?;
            return Ok(out.to_path_buf());
        }
        if same_place(path, &home.run_path(run)) {
            return Ok(deliver(self.dir.path(), &text)?);
        }
        deliver_shared(run, &text)?.ok_or_else(|| nowhere(run.to_string()))
    }
}

fn same_place(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

fn nowhere(run: String) -> CliError {
    CliError::Usage(format!(
        "run {run} is not driven from here: write the answer to a file (--out FILE) for whoever drives it (runbook go \
         --deliver FILE), or name the directory you share in RUNBOOK_INBOX"
    ))
}

/// The open checkpoint that is meant: its path, or the end of it.
fn pick<'a>(open: &'a [Asked], wanted: &str) -> Result<&'a Asked, CliError> {
    let trimmed = |path: &'a str| path.strip_suffix(".checkpoint").unwrap_or(path);
    let ends = |path: &str| path == wanted || path.strip_suffix(wanted).is_some_and(|before| before.ends_with('.'));
    if let Some(exact) = open.iter().find(|asked| asked.path == wanted) {
        return Ok(exact);
    }
    let found: Vec<&Asked> = open.iter().filter(|asked| ends(&asked.path) || ends(trimmed(&asked.path))).collect();
    match &found[..] {
        [one] => Ok(one),
        _ => Err(closed(open, wanted)),
    }
}

fn closed(open: &[Asked], wanted: &str) -> CliError {
    let paths: Vec<&str> = open.iter().map(|asked| asked.path.as_str()).collect();
    let asked =
        if paths.is_empty() { "nothing is asked now".to_string() } else { format!("asked now: {}", paths.join(", ")) };
    CliError::Usage(visible_line(&format!("the run does not ask for `{wanted}`; {asked}")))
}

fn void(why: &str, by: &Approver) -> CliError {
    let code = Code::ANSWER_VOID;
    let hint = if by.known { "" } else { "\nwhere the team keeps its allowed_signers elsewhere: --trust FILE" };
    CliError::Stale(format!(
        "error[{code}]: this answer would not count: {}{hint}\nsee: runbook explain {code}\n",
        visible_line(why)
    ))
}

/// Signing takes a word of the person, or `--yes`.
pub(crate) fn confirm(word: &str, yes: bool) -> Result<(), CliError> {
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(CliError::Usage(
            "there is no terminal to confirm at; look at the above and give --yes".to_string(),
        ));
    }
    super::say(&format!("\ntype {word} to sign: "));
    let mut line = String::new();
    let read = std::io::stdin().read_line(&mut line);
    read.map_err(|e| CliError::System(format!("cannot read from the terminal: {}", plain(&e))))?;
    if line.trim() == word { Ok(()) } else { Err(CliError::Usage("nothing was signed".to_string())) }
}

fn report(common: &Common, waiting: &Waiting, signed: &SignedApproval, file: &Path) -> Result<u8, CliError> {
    let Subject::Question { run, checkpoint, decision, .. } = &signed.approval.of else { return Ok(exit::DONE) };
    if common.output == Output::Json {
        let told = json!({
            "run": run.to_string(), "checkpoint": checkpoint, "decision": decision.to_string(),
            "role": signed.approval.role, "key": signed.key().fingerprint(), "file": file,
        });
        super::print(&format!("{told:#}\n"))?;
        return Ok(exit::DONE);
    }
    let word = decision.to_string().to_uppercase();
    super::print(&format!("signed {word} at {}: {}\n", visible_line(checkpoint), file.display()))?;
    if !waiting.report.running {
        super::print(&format!("nobody drives the run now; it is taken with: runbook resume {run}\n"))?;
    }
    Ok(exit::DONE)
}

/// Brings an answer that came by another way to its run.
fn carry(common: &Common, home: &Home, file: &Path) -> Result<u8, CliError> {
    let unreadable = |why: String| CliError::Usage(format!("{} {why}", file.display()));
    let text = read_answer(file).map_err(unreadable)?;
    let signed = SignedApproval::parse(&text).map_err(|e| unreadable(format!("is no answer: {e}")))?;
    let Subject::Question { run, checkpoint, .. } = &signed.approval.of else {
        return Err(CliError::Usage(format!(
            "{} is an approval of a plan: put it into PLAN.approvals/ beside the plan",
            file.display()
        )));
    };
    let place = home.run_path(*run);
    let put = if place.is_dir() {
        deliver(&place, &text)?
    } else {
        deliver_shared(*run, &text)?.ok_or_else(|| nowhere(run.to_string()))?
    };
    if common.output == Output::Json {
        let told = json!({ "run": run.to_string(), "checkpoint": checkpoint, "file": put });
        super::print(&format!("{told:#}\n"))?;
    } else {
        super::print(&format!("delivered to run {run}: {}\n", put.display()))?;
    }
    Ok(exit::DONE)
}

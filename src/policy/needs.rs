//! What a runbook that changes anything needs: ways back, a backup, a word from a person, a lock.

use super::Rails;

use crate::runbook::model::{Effect, Kind, OnFailure, Policy, Requirements, Rollback, Runbook, Step, Text, Undo};
use crate::text::{Code, Diagnostic};

/// Opens the runbook a `run` step names.
pub type Open<'a> = &'a dyn Fn(&Text) -> Option<Runbook>;

/// Whether a runbook changes anything, as far as one can see.
pub fn changes(book: &Runbook, open: Open<'_>) -> bool {
    moments(book, open).iter().any(|moment| moment.changes)
}

/// What is missing in a runbook. One that changes nothing needs nothing.
pub fn needs(book: &Runbook, rails: &Rails<'_>, open: Open<'_>) -> Vec<Diagnostic> {
    let moments = moments(book, open);
    if !moments.iter().any(|moment| moment.changes) {
        return Vec::new();
    }
    let mut missing = Vec::new();
    for policy in rails.policies {
        let production = Some(&policy.production).filter(|_| rails.production);
        for required in [Some(&policy.require), production].into_iter().flatten() {
            Needs { book, policy, moments: &moments, missing: &mut missing }.of(required);
        }
    }
    missing.dedup();
    missing
}

/// One thing after the other, as far as the file says so; what stands in included runbooks stands where they are run.
struct Moment {
    id: String,
    changes: bool,
    checkpoint: bool,
}

fn moments(book: &Runbook, open: Open<'_>) -> Vec<Moment> {
    let mut all = Vec::new();
    for phase in &book.phases {
        all.push(Moment { id: phase.id.clone(), changes: false, checkpoint: false });
        of_steps(&phase.steps, open, &mut all, 0);
        if phase.checkpoint.is_some() {
            all.push(Moment { id: "checkpoint".into(), changes: false, checkpoint: true });
        }
    }
    all
}

fn of_steps(steps: &[Step], open: Open<'_>, all: &mut Vec<Moment>, depth: usize) {
    const MAX_DEPTH: usize = 16;
    for step in steps {
        let inner = step.kind.inner_steps();
        let included = match &step.kind {
            Kind::Run(run) if depth < MAX_DEPTH => open(&run.runbook),
            _ => None,
        };
        let acts = matches!(step.kind, Kind::Shell(_) | Kind::Exec(_) | Kind::Http(_) | Kind::File(_));
        let hidden = matches!(step.kind, Kind::Run(_)) && included.is_none();
        let changes = (acts || hidden) && step.effect != Effect::Read;
        all.push(Moment { id: step.id.clone(), changes, checkpoint: matches!(step.kind, Kind::Checkpoint(_)) });
        inner.into_iter().for_each(|steps| of_steps(steps, open, all, depth));
        for phase in included.iter().flat_map(|book| &book.phases) {
            all.push(Moment { id: phase.id.clone(), changes: false, checkpoint: false });
            of_steps(&phase.steps, open, all, depth + 1);
            if phase.checkpoint.is_some() {
                all.push(Moment { id: "checkpoint".into(), changes: false, checkpoint: true });
            }
        }
    }
}

struct Needs<'a> {
    book: &'a Runbook,
    policy: &'a Policy,
    moments: &'a [Moment],
    missing: &'a mut Vec<Diagnostic>,
}

impl Needs<'_> {
    fn of(&mut self, required: &Requirements) {
        if required.undo {
            self.ways_back();
        }
        if !required.backup.is_empty() && !self.before_change(|moment| required.backup.contains(&moment.id)) {
            let ids = required.backup.join(", ");
            self.lacks(
                "a backup before the first change",
                &format!("add a step or phase with one of these ids: {ids}"),
            );
        }
        if required.checkpoint && !self.before_change(|moment| moment.checkpoint) {
            self.lacks("a checkpoint before the first change", "add `checkpoint:` to the phase before it");
        }
        if required.lock && !self.has_lock() {
            self.lacks("a lock", "leave `lock: none` out, so that one run changes the target at a time");
        }
        if required.guards && !self.has_guards() {
            self.lacks("guards", "add `guards:` with the rows that go back");
        }
        for input in required.inputs.iter().filter(|name| !self.book.inputs.iter().any(|input| input.name == **name)) {
            self.lacks(&format!("the input `{input}`"), &format!("declare `{input}` under `inputs:`"));
        }
        for id in required.steps.iter().filter(|id| !self.moments.iter().any(|moment| moment.id == **id)) {
            self.lacks(&format!("the step or phase `{id}`"), &format!("add a step with `id: {id}`"));
        }
        if required.rollback && self.book.on_failure != OnFailure::Rollback {
            self.lacks("`on_failure: rollback`", "add it, so that a failure takes back what was done");
        }
    }

    fn lacks(&mut self, what: &str, help: &str) {
        let message = format!("policy {} needs {what}", self.policy.name);
        let problem = Diagnostic::error(Code::POLICY_NEEDS, message, self.book.place.clone());
        self.missing.push(problem.help(help));
    }

    /// Whether something comes before the first change; the moment itself may be one, such as the backup.
    fn before_change(&self, is: impl Fn(&Moment) -> bool) -> bool {
        for moment in self.moments {
            if is(moment) {
                return true;
            }
            if moment.changes {
                return false;
            }
        }
        false
    }

    /// Every change in this file says how it is taken back, unless `rollback:` says it for all.
    fn ways_back(&mut self) {
        if matches!(self.book.rollback, Rollback::Steps(_)) {
            return;
        }
        for step in super::document::forward_steps(self.book) {
            let acts = matches!(step.kind, Kind::Shell(_) | Kind::Exec(_) | Kind::Http(_) | Kind::File(_));
            let silent = match &step.undo {
                None => true,
                Some(Undo::None(reason)) => reason.value.trim().is_empty(),
                Some(_) => false,
            };
            if acts && step.effect == Effect::Change && silent {
                let message = format!("policy {} needs an undo, and `{}` has none", self.policy.name, step.id);
                let problem = Diagnostic::error(Code::POLICY_NEEDS, message, step.place.clone());
                self.missing.push(problem.help("add `undo:`, or `undo: { none: REASON }`"));
            }
        }
    }

    fn has_guards(&self) -> bool {
        let in_steps = super::document::forward_steps(self.book).iter().any(|step| step.guards.is_some());
        self.book.guards.is_some() || self.book.phases.iter().any(|phase| phase.guards.is_some()) || in_steps
    }

    /// A run at a target takes a lock unless the runbook says `lock: none`.
    fn has_lock(&self) -> bool {
        self.book.lock.as_ref().is_none_or(|lock| lock.value != "none")
    }
}

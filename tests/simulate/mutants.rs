//! Machines that are broken on purpose. A check that catches none of them is a defect of the check.

use crate::gates;
use runbook::machine::event::{Answer, Direction, Event, Outcome, Question, Refusal, StepStarted, Verdict};
use runbook::machine::{IllegalEvent, Input, State, Status, Timestamp, accept, apply, next};
use runbook::plan::model::{NodeKind, Plan};
use std::collections::HashMap;
use std::sync::Arc;

/// The machine as a driver sees it.
pub(crate) trait Machine {
    fn accept(&mut self, state: &State, input: Input) -> Option<Event> {
        accept(state, input)
    }
    fn next(&mut self, state: &State, now: Timestamp) -> Option<Event> {
        next(state, now)
    }
    fn apply(&mut self, state: &mut State, event: &Event) -> Result<(), IllegalEvent> {
        apply(state, event)
    }
    /// The plan it follows, which is not always the one it was given.
    fn plan(&self, plan: &Arc<Plan>) -> Arc<Plan> {
        plan.clone()
    }
    /// Whether events are being applied again rather than made.
    fn replaying(&mut self, _: bool) {}
}

/// The machine itself.
pub(crate) struct Real;

impl Machine for Real {}

macro_rules! mutants {
    ($($name:ident),* $(,)?) => {
        /// What is broken.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(crate) enum Broken { $($name),* }
        /// All of them.
        pub(crate) fn all() -> Vec<Broken> { vec![$(Broken::$name),*] }
    };
}

mutants! {
    ForgetsAlways, StartsTwice, RerunsWhatPassed, UndoesInOrderOfFinish, UndoesTwice, ForgetsAFailedUndoInTheOutcome,
    GoesOnAfterAFailedUndo, TakesFailedStepsForUntouched, TakesNoForGo, LetsQuestionsNeverExpire, GoesForwardAfterAHalt,
    StartsAfterTheFirstPress, RunsOnceStepsAgain, ForgetsDoubts, IgnoresCaps, IgnoresTheOrderOfSequences,
    IgnoresFailFast, IgnoresConditions, TriesOnceMore, NeverPauses, TakesInconclusiveForPass, TakesEmptyListsForPass,
    LosesSavedValues, CallsNoDone, DecidesAgainOnReplay, ParksWhileStepsRun, TurnsAFailureIntoAWarning,
    BacksOutWhereItShouldStop, KeepsAnswersForAnotherPlan, ForgetsWhatRanWhenItTurns, CountsTheOperator, ForgetsEarlierDrivers,
    CountsOnePersonTwice, PassesOverRed, TakesAnyPhrase, HalvesQuorums, ForgetsThatGosAge, LetsStrangersSpeak,
    NeedsNoPhrase, NeverTiresOfWrongPhrases, GoesOnOnHold, KeepsItsLock,
}

impl Broken {
    pub(crate) fn name(self) -> String {
        format!("{self:?}")
    }
}

/// A machine broken in one way.
pub(crate) struct Mutant {
    how: Broken,
    replaying: bool,
    /// The last intent of each step.
    last: HashMap<String, StepStarted>,
    /// The step to be started once more.
    once_more: Option<String>,
    spent: bool,
}

impl Mutant {
    pub(crate) fn new(how: Broken) -> Mutant {
        Mutant { how, replaying: false, last: HashMap::new(), once_more: None, spent: false }
    }

    fn start_again(&mut self, path: &str, bump: u32) -> Option<Event> {
        let mut step = self.last.get(path)?.clone();
        step.attempt += bump;
        Some(Event::StepStarted(Box::new(step)))
    }
}

impl Machine for Mutant {
    fn replaying(&mut self, now: bool) {
        self.replaying = now;
    }

    fn plan(&self, plan: &Arc<Plan>) -> Arc<Plan> {
        let mut plan = (**plan).clone();
        for node in &mut plan.nodes {
            match (self.how, &mut node.kind) {
                (Broken::IgnoresConditions, _) => node.when = None,
                (Broken::IgnoresCaps, NodeKind::Parallel { max, .. }) => *max = None,
                (Broken::IgnoresCaps, NodeKind::ForEach(each)) => each.parallel = 100,
                (Broken::IgnoresFailFast, NodeKind::Parallel { collect, .. }) => *collect = true,
                (Broken::IgnoresFailFast, NodeKind::ForEach(each)) => each.collect = true,
                (Broken::IgnoresTheOrderOfSequences, NodeKind::Sequence(children)) => children.reverse(),
                (Broken::TriesOnceMore, NodeKind::Task(task)) => {
                    if let Some(retry) = &mut task.retry {
                        retry.attempts += 1;
                    }
                }
                _ => {}
            }
        }
        Arc::new(plan)
    }

    fn accept(&mut self, state: &State, input: Input) -> Option<Event> {
        if let Some(event) = self.accepts_at_a_gate(state, &input) {
            return Some(event);
        }
        let event = accept(state, input.clone());
        match (self.how, input, event) {
            (Broken::ForgetsDoubts, _, Some(Event::Resumed { by, .. })) => Some(Event::Resumed {
                by,
                in_doubt: Vec::new(),
                changed: None,
                override_window: None,
                override_us: None,
                operator_key: None,
            }),
            (Broken::ParksWhileStepsRun, Input::NobodyThere, _) => {
                let asked = state.questions().into_iter().next()?;
                let reason = runbook::machine::event::Parking::Question(asked.path.clone());
                state.parked.is_none().then_some(Event::Parked { reason })
            }
            (_, _, event) => event,
        }
    }

    fn next(&mut self, state: &State, now: Timestamp) -> Option<Event> {
        if let Some(path) = self.once_more.take() {
            self.spent = true;
            return self.start_again(&path, u32::from(self.how != Broken::StartsTwice));
        }
        let event = match self.how {
            Broken::StartsAfterTheFirstPress if state.interrupt == 1 => {
                next(&State { interrupt: 0, ..state.clone() }, now)?
            }
            Broken::GoesOnOnHold if state.on_hold.is_some() => next(&State { on_hold: None, ..state.clone() }, now)?,
            Broken::KeepsItsLock if state.parked.is_none() => next(&State { lock: None, ..state.clone() }, now)?,
            Broken::GoesForwardAfterAHalt if state.direction == Direction::Forward && state.halt.is_some() => {
                next(&State { halt: None, ..state.clone() }, now)?
            }
            Broken::CountsTheOperator | Broken::ForgetsEarlierDrivers => {
                let keep_last = self.how == Broken::ForgetsEarlierDrivers;
                gates::without_drivers(&mut state.clone(), keep_last, |state| next(state, now))?
            }
            Broken::PassesOverRed => match next(state, now) {
                Some(event) => event,
                None => gates::greened(&mut state.clone(), |state| next(state, now)).filter(is_gathered_go)?,
            },
            _ => next(state, now)?,
        };
        Some(match (self.how, event) {
            (Broken::ForgetsAlways, Event::BlockStarted { path, .. }) if path == "always" => {
                Event::RunEnded { outcome: if state.halt.is_some() { Outcome::Failed } else { Outcome::Done } }
            }
            (Broken::ForgetsAFailedUndoInTheOutcome, Event::RunEnded { outcome: Outcome::RollbackFailed }) => {
                Event::RunEnded { outcome: Outcome::RolledBack }
            }
            (Broken::CallsNoDone, Event::RunEnded { outcome: Outcome::NoGo }) => {
                Event::RunEnded { outcome: Outcome::Done }
            }
            (Broken::UndoesInOrderOfFinish, Event::StepStarted(step)) if step.path.ends_with("~undo") => {
                Event::StepStarted(Box::new(first_finished(state, *step)))
            }
            (Broken::RunsOnceStepsAgain, Event::Asked(asked)) if asked.question == Question::InDoubt => {
                self.start_again(&asked.path, 1).unwrap_or(Event::Asked(asked))
            }
            (Broken::NeverPauses, Event::AttemptScheduled { path, attempt, streak, reason, sample, .. }) => {
                Event::AttemptScheduled { path, attempt, not_before_us: now.run_us, streak, reason, sample }
            }
            (
                Broken::TakesInconclusiveForPass,
                Event::StepFinished { path, verdict: Verdict::Inconclusive | Verdict::Unavailable, saved, .. },
            ) => Event::StepFinished { path, verdict: Verdict::Pass, reason: None, then: None, saved },
            (
                Broken::TakesEmptyListsForPass,
                Event::BlockFinished { path, verdict: Verdict::Inconclusive, saved, .. },
            ) => Event::BlockFinished { path, verdict: Verdict::Pass, reason: None, then: None, saved },
            (Broken::LosesSavedValues, Event::StepFinished { path, verdict, reason, then, .. }) => {
                Event::StepFinished { path, verdict, reason, then, saved: Default::default() }
            }
            (
                Broken::TurnsAFailureIntoAWarning,
                Event::StepFinished { path, verdict: Verdict::Fail, reason, then, saved },
            ) => Event::StepFinished { path, verdict: Verdict::Warn, reason, then, saved },
            (Broken::BacksOutWhereItShouldStop, Event::Turned { to: Direction::Always, cause: Some(cause) })
                if state.direction == Direction::Forward =>
            {
                Event::Turned { to: Direction::Undo, cause: Some(cause) }
            }
            (_, event) => event,
        })
    }

    fn apply(&mut self, state: &mut State, event: &Event) -> Result<(), IllegalEvent> {
        if let Event::StepStarted(step) = event {
            self.last.insert(step.path.clone(), (**step).clone());
        }
        if self.replaying && self.how == Broken::DecidesAgainOnReplay && matches!(event, Event::AttemptScheduled { .. })
        {
            return Ok(());
        }
        let changed = self.changed(state, event);
        let applied = self.applied(state, changed.as_ref().unwrap_or(event));
        self.spoil(state, event);
        // These machines do not look whether what they do fits.
        let blind = [Broken::StartsTwice, Broken::RerunsWhatPassed, Broken::UndoesTwice, Broken::RunsOnceStepsAgain];
        if blind.contains(&self.how) { Ok(()) } else { applied }
    }
}

impl Mutant {
    /// A GO that the machine takes although it should refuse it.
    fn accepts_at_a_gate(&self, state: &State, input: &Input) -> Option<Event> {
        let Input::Answer { path, answer: Answer::Go, by, reason, evidence, backing } = input else { return None };
        let Some(Event::Refused { why, .. }) = accept(state, input.clone()) else { return None };
        let takes = match (self.how, why) {
            (Broken::CountsTheOperator | Broken::ForgetsEarlierDrivers, Refusal::Operator) => {
                let keep_last = self.how == Broken::ForgetsEarlierDrivers;
                return gates::without_drivers(&mut state.clone(), keep_last, |state| accept(state, input.clone()));
            }
            (Broken::PassesOverRed, Refusal::Red(_)) => {
                return gates::greened(&mut state.clone(), |state| accept(state, input.clone()));
            }
            (Broken::CountsOnePersonTwice, Refusal::Twice) => {
                return gates::forgetting(&mut state.clone(), path, |state| accept(state, input.clone()));
            }
            (how, why) => how == Broken::TakesAnyPhrase && why == Refusal::WrongPhrase,
        };
        takes.then(|| Event::Answered {
            path: path.clone(),
            answer: Answer::Go,
            by: by.clone(),
            reason: reason.clone(),
            evidence: evidence.clone(),
            role: None,
            reference: None,
            given_us: backing.given_us,
            signed: None,
        })
    }

    fn applied(&self, state: &mut State, event: &Event) -> Result<(), IllegalEvent> {
        match (self.how, event) {
            (Broken::CountsTheOperator, Event::Answered { signed: Some(_), .. } | Event::StepFinished { .. }) => {
                gates::without_drivers(state, false, |state| apply(state, event))
            }
            (Broken::ForgetsEarlierDrivers, Event::Answered { .. } | Event::StepFinished { .. }) => {
                gates::without_drivers(state, true, |state| apply(state, event))
            }
            (Broken::PassesOverRed, event) if is_gathered_go(event) => {
                gates::greened(state, |state| apply(state, event))
            }
            (Broken::CountsOnePersonTwice, Event::Answered { path, .. }) => {
                gates::forgetting(state, path, |state| apply(state, event))
            }
            _ => apply(state, event),
        }
    }

    /// What the machine makes of an event before it applies it.
    fn changed(&self, state: &State, event: &Event) -> Option<Event> {
        match (self.how, event) {
            (Broken::TakesNoForGo, Event::Answered { path, answer: Answer::NoGo, .. }) => {
                let asked = state.questions().into_iter().find(|q| q.path == *path)?;
                let mut answered = event.clone();
                if let Event::Answered { answer, .. } = &mut answered {
                    *answer = if asked.question == Question::Checkpoint { Answer::Go } else { Answer::Done };
                }
                Some(answered)
            }
            (_, Event::Asked(asked)) => {
                let mut asked = asked.clone();
                match self.how {
                    Broken::LetsQuestionsNeverExpire => asked.expires_wall_us = None,
                    Broken::HalvesQuorums => asked.roles.values_mut().for_each(|count| *count = count.div_ceil(2)),
                    Broken::ForgetsThatGosAge => asked.good_for_us = None,
                    Broken::LetsStrangersSpeak => {
                        asked.people.values_mut().for_each(|people| people.push("eve".into()));
                    }
                    Broken::NeedsNoPhrase => asked.phrase = None,
                    _ => return None,
                }
                Some(Event::Asked(asked))
            }
            _ => None,
        }
    }

    /// What it gets wrong afterwards.
    fn spoil(&mut self, state: &mut State, event: &Event) {
        let turns = matches!(event, Event::Resumed { changed: Some(_), .. });
        match (self.how, event) {
            (Broken::KeepsAnswersForAnotherPlan, _) if turns => {
                for id in std::mem::take(&mut state.again) {
                    (state.insts[id].status, state.insts[id].verdict) = (Status::Finished, Some(Verdict::Pass));
                }
            }
            (Broken::ForgetsWhatRanWhenItTurns, _) if turns => {
                state.insts.iter_mut().for_each(|inst| inst.touched = false);
            }
            (Broken::NeverTiresOfWrongPhrases, Event::Refused { path, .. }) => {
                if let Some(id) = state.by_path.get(path) {
                    state.insts[*id].gathered.wrong = 0;
                }
            }
            (Broken::StartsTwice, Event::StepStarted(step)) if !self.spent && !self.replaying => {
                self.once_more = Some(step.path.clone());
            }
            (Broken::RerunsWhatPassed, Event::StepFinished { path, verdict: Verdict::Pass, .. })
                if !self.spent && !self.replaying && self.last.contains_key(path) =>
            {
                self.once_more = Some(path.clone());
            }
            (Broken::UndoesTwice, Event::StepFinished { path, verdict: Verdict::Pass, .. })
                if !self.spent && !self.replaying && path.ends_with("~undo") =>
            {
                self.once_more = Some(path.clone());
            }
            (Broken::GoesOnAfterAFailedUndo, Event::StepFinished { path, verdict: Verdict::Fail, .. })
                if path.ends_with("~undo") =>
            {
                if let Some(id) = state.by_path.get(path) {
                    state.insts[*id].verdict = Some(Verdict::Pass);
                }
            }
            (Broken::TakesFailedStepsForUntouched, Event::StepFinished { path, verdict: Verdict::Fail, .. }) => {
                if let Some(id) = state.by_path.get(path) {
                    state.insts[*id].touched = false;
                }
            }
            _ => {}
        }
    }
}

/// The undo of what finished first, in place of the one whose turn it is.
fn first_finished(state: &State, step: StepStarted) -> StepStarted {
    let waiting = state.insts.iter().filter(|inst| {
        let undo = inst.undo_inst.map(|undo| &state.insts[undo].status);
        inst.touched && inst.undo.is_some() && undo == Some(&Status::Pending)
    });
    let Some(first) = waiting.min_by_key(|inst| inst.finished_at.unwrap_or(u64::MAX)) else { return step };
    if step.attempt > 1 {
        return step;
    }
    StepStarted { path: format!("{}~undo", first.path), action: first.undo.clone().unwrap_or(step.action), ..step }
}

/// A GO at a checkpoint, or the end of one that has all it asks for.
fn is_gathered_go(event: &Event) -> bool {
    match event {
        Event::Answered { answer: Answer::Go, .. } => true,
        Event::StepFinished { reason: Some(reason), .. } => reason.starts_with("GO: "),
        _ => false,
    }
}

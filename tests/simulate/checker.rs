//! The judge of a log. It knows the plan and the log and nothing of the machine that made it.

use crate::scene::Log;
use crate::tree::{Id, Role, Root, Tree};
use crate::verdicts;
use runbook::machine::Timestamp;
use runbook::machine::action::{Done, Ended};
use runbook::machine::event::*;
use runbook::plan::model::{NodeKind, Plan};
use runbook::runbook::model::Effect;
use serde_json::{Map, Value};

pub(crate) type Checked = Result<(), String>;

/// Checks a log; `complete` says that it must have come to an end.
pub(crate) fn check(plan: &Plan, log: &Log, complete: bool) -> Checked {
    let mut judge = Judge {
        tree: Tree::new(plan),
        direction: Direction::Forward,
        halt: None,
        undone: false,
        stage: 0,
        parked: false,
        locked: false,
        on_hold: false,
        late_failure: false,
        outcome: None,
        drivers: Vec::new(),
        now: Timestamp::default(),
        position: 0,
    };
    for (position, (at, event)) in log.iter().enumerate() {
        if at.wall_us < judge.now.wall_us || at.run_us < judge.now.run_us {
            return Err(format!("event {position}: time runs backwards"));
        }
        (judge.now, judge.position) = (*at, position);
        judge.event(event).map_err(|wrong| format!("event {position} {}: {wrong}", name(event)))?;
    }
    if complete && judge.outcome.is_none() { Err("the log has no end".into()) } else { Ok(()) }
}

fn name(event: &Event) -> String {
    let text = serde_json::to_string(event).unwrap_or_default();
    text.chars().take(120).collect()
}

/// What the log has said so far.
pub(crate) struct Judge<'p> {
    pub(crate) tree: Tree<'p>,
    pub(crate) direction: Direction,
    pub(crate) halt: Option<(CauseKind, Then)>,
    pub(crate) undone: bool,
    pub(crate) stage: u8,
    pub(crate) parked: bool,
    pub(crate) locked: bool,
    pub(crate) on_hold: bool,
    pub(crate) late_failure: bool,
    pub(crate) outcome: Option<Outcome>,
    /// Everybody who drove the run, and their keys.
    pub(crate) drivers: Vec<(String, Option<String>)>,
    pub(crate) now: Timestamp,
    pub(crate) position: usize,
}

pub(crate) fn ensure(holds: bool, words: &str) -> Checked {
    if holds { Ok(()) } else { Err(words.to_string()) }
}

impl Judge<'_> {
    fn event(&mut self, event: &Event) -> Checked {
        ensure(self.outcome.is_none() || matches!(event, Event::LateResult { .. }), "something after the end")?;
        ensure((self.position == 0) == matches!(event, Event::RunStarted(_)), "a run begins once")?;
        match event {
            Event::RunStarted(started) => {
                self.drivers.push((started.operator.clone(), started.operator_key.clone()));
                Ok(())
            }
            Event::BlockStarted { path, items, .. } => {
                let id = self.tree.find(path)?;
                self.begin(id, true)?;
                self.tree.open(id, items.as_deref());
                let empty = self.tree.items[id].members.is_empty();
                ensure(!empty, "a block without members begins")
            }
            Event::BlockFinished { path, verdict, saved, .. } => self.block_finished(path, *verdict, saved),
            Event::Skipped { path, .. } => {
                let id = self.tree.find(path)?;
                self.begin(id, false)?;
                ensure(self.condition(id) == Some(false), "skipped although its condition is not false")?;
                self.tree.items[id].skipped = true;
                self.finish(id, Verdict::Skipped, None);
                Ok(())
            }
            Event::StepStarted(step) => self.step_started(step),
            Event::AttemptFinished { path, attempt, done } => self.attempt_finished(path, *attempt, done),
            Event::LateResult { path, attempt, .. } => {
                let id = self.tree.find(path)?;
                ensure(*attempt <= self.tree.items[id].attempts, "a result of an attempt that never was")
            }
            Event::AttemptScheduled { path, attempt, not_before_us, .. } => {
                self.scheduled(path, *attempt, *not_before_us)
            }
            Event::StepFinished { path, verdict, saved, .. } => self.step_finished(path, *verdict, saved),
            Event::Looked { .. } | Event::Extended { .. } | Event::Ruled { .. } | Event::Withdrawn { .. } => {
                Err("a plan without tables has nothing to look at".into())
            }
            Event::Anchored { .. } | Event::Held { .. } | Event::Missed { .. } => {
                Err("a plan without marks has nothing to wait for".into())
            }
            Event::WaitStarted { path, until_us } => {
                let id = self.tree.find(path)?;
                self.begin(id, true)?;
                ensure(*until_us == self.now.run_us + 30_000_000, "a soak of another length")?;
                self.tree.items[id].wait_until = Some(*until_us);
                Ok(())
            }
            Event::Asked(asked) => self.asked(asked),
            Event::Answered { path, answer, .. } => {
                let id = self.tree.find(path)?;
                let settles = self.gate_answered(id, event)?;
                ensure(self.tree.items[id].asked.is_some(), "nothing was asked")?;
                if settles { self.answered(path, *answer) } else { Ok(()) }
            }
            Event::Refused { path, why, .. } => self.gate_refused(path, why),
            Event::Lapsed { path, by, role } => self.gate_lapsed(path, by, role.as_ref()),
            Event::AnswerExpired { path } => {
                let id = self.tree.find(path)?;
                let asked = self.tree.items[id].asked.take().ok_or("nothing was asked")?;
                ensure(asked.expires_wall_us.is_some_and(|at| at <= self.now.wall_us), "expired before its time")?;
                self.no(id);
                Ok(())
            }
            Event::Turned { to, .. } => self.turned(*to),
            Event::Interrupted { stage } => {
                ensure(*stage == self.stage + 1 && *stage <= 3, "presses are counted one by one")?;
                self.stage = *stage;
                if *stage >= 2 && self.direction == Direction::Forward {
                    let kind = self.halt.map_or(CauseKind::Interrupt, |(kind, _)| kind);
                    self.halt = Some((kind, Then::Rollback));
                }
                Ok(())
            }
            Event::Parked { reason } => {
                self.parked = true;
                let running = self.tree.items.iter().any(|i| i.running);
                ensure(!running || matches!(reason, Parking::Trouble(_)), "parked while steps run")
            }
            Event::Resumed { by, in_doubt, changed, operator_key, .. } => {
                self.drivers.push((by.clone(), operator_key.clone()));
                self.resumed(in_doubt)?;
                if changed.is_some() {
                    self.turned_to_another_plan();
                }
                Ok(())
            }
            Event::Locked(_) => {
                ensure(!self.locked, "the lock is taken twice")?;
                self.locked = true;
                Ok(())
            }
            Event::Unlocked { .. } => {
                ensure(self.locked, "a lock is given back that the run does not have")?;
                self.locked = false;
                let changed = self.tree.items.iter().enumerate().any(|(id, item)| {
                    self.tree.node(id).effect != Effect::Read && (item.touched || item.running || item.doubt)
                });
                let last = self.direction == Direction::Always;
                ensure(last || (self.parked && !changed), "a run that has changed something gives its lock back")
            }
            Event::HoldLifted { .. } => {
                ensure(self.on_hold && !self.parked, "nobody held")?;
                self.on_hold = false;
                Ok(())
            }
            Event::OnHold(_) => {
                self.on_hold = true;
                ensure(
                    self.direction == Direction::Forward && self.halt.is_none(),
                    "a hold that does not matter any more",
                )
            }
            Event::RunEnded { outcome } => self.ended(*outcome),
        }
    }

    /// Something new begins: is it its turn?
    fn begin(&mut self, id: Id, runs: bool) -> Checked {
        let item = &self.tree.items[id];
        ensure(item.role == Role::Step, "undos and probes do not begin by themselves")?;
        ensure(!item.begun && item.finished.is_none(), "it begins twice")?;
        self.may_start()?;
        self.no_void_answer_holds(id)?;
        let forward = self.direction == Direction::Forward && self.halt.is_none();
        let right_time = match item.root {
            Root::Forward if item.in_always => forward || self.direction == Direction::Always,
            Root::Forward => forward,
            Root::Rollback => self.direction == Direction::Undo,
            Root::Always => self.direction == Direction::Always,
        };
        ensure(right_time, "it begins although the run is heading elsewhere")?;
        if let Some(parent) = item.parent {
            self.turn_of(parent, id)?;
        }
        if runs && self.tree.node(id).when.is_some() {
            ensure(self.condition(id) == Some(true), "it begins although its condition is not true")?;
        }
        self.tree.items[id].begun = true;
        Ok(())
    }

    /// The GO before it was given for the plan that is followed. Blocks between may have asked under the new plan.
    fn no_void_answer_holds(&self, id: Id) -> Checked {
        let Some(parent) = self.tree.items[id].parent.filter(|parent| !self.tree.is_group(*parent)) else {
            return Ok(());
        };
        let is_checkpoint = |id: Id| matches!(self.tree.node(id).kind, NodeKind::Checkpoint { .. });
        let before = self.tree.items[parent].members.iter().take_while(|sibling| **sibling != id);
        let last = before.filter(|member| self.tree.is_block(**member) || is_checkpoint(**member)).last();
        let void = last.is_some_and(|last| self.tree.items[*last].void);
        let asks = self.tree.is_block(id) || is_checkpoint(id);
        ensure(!void || asks || self.direction > Direction::Forward, "it begins under an answer for another plan")
    }

    fn may_start(&self) -> Checked {
        ensure(!self.parked, "something starts although nobody drives")?;
        let forward = self.direction == Direction::Forward && self.halt.is_none();
        ensure(!self.on_hold || !forward, "something starts on hold")?;
        ensure(self.stage != 1 && self.stage != 3, "something starts after an interrupt")
    }

    fn turn_of(&self, parent: Id, id: Id) -> Checked {
        let block = &self.tree.items[parent];
        ensure(block.begun && block.finished.is_none(), "the block around it is not open")?;
        let position = block.members.iter().position(|m| *m == id).unwrap_or_default();
        let all = self.tree.tries_all(parent);
        if self.tree.is_group(parent) {
            let (max, collect) = match &self.tree.node(parent).kind {
                NodeKind::Parallel { max, collect, .. } => (max.unwrap_or(u32::MAX), *collect),
                NodeKind::ForEach(each) => (each.parallel, each.collect),
                _ => (u32::MAX, false),
            };
            let active = block.members.iter().map(|m| &self.tree.items[*m]).filter(|m| m.begun && m.finished.is_none());
            ensure((active.count() as u32) < max, "more members at once than allowed")?;
            let failed = block.members.iter().any(|m| self.tree.stops(*m));
            return ensure(collect || all || !failed, "a member begins after another failed");
        }
        if self.tree.is_run(parent) && position == 1 {
            let body = self.tree.items[block.members[0]].finished.is_some();
            return ensure(body || self.direction == Direction::Always, "`always` begins before the steps are over");
        }
        let before = &block.members[..position];
        let over = before.iter().all(|m| self.tree.items[*m].finished.is_some());
        ensure(over, "it begins before the one ahead of it is over")?;
        ensure(all || !before.iter().any(|m| self.tree.stops(*m)), "it begins although the one ahead of it failed")
    }

    /// The condition of a step; none where a value it reads was never saved.
    fn condition(&self, id: Id) -> Option<bool> {
        let when = self.tree.node(id).when.as_ref()?;
        let name = when.text.strip_suffix(" == 'yes'")?;
        Some(self.tree.value(id, name)? == "yes")
    }

    fn step_started(&mut self, step: &StepStarted) -> Checked {
        let id = self.tree.find(&step.path)?;
        let task = self.tree.task(id).ok_or("only tasks have attempts")?;
        let (first, item) = (self.tree.items[id].attempts == 0, &self.tree.items[id]);
        ensure(step.attempt == item.attempts + 1, "attempts are counted one by one")?;
        ensure(!item.running, "it is started while it runs")?;
        ensure(item.finished.is_none(), "it is started although it is over")?;
        ensure(item.asked.is_none(), "it is started while a person is asked")?;
        match item.role {
            Role::Step if first => self.begin(id, true)?,
            Role::Step => self.still_forward(id)?,
            Role::Undo => self.undo_started(id, first)?,
            Role::Probe => self.probe_started(id)?,
        }
        self.may_start()?;
        let repeatable = verdicts::may_repeat(&self.tree, id);
        let item = &mut self.tree.items[id];
        item.begun = true;
        if item.doubt {
            ensure(item.cleared || repeatable, "it is run again although it may have happened")?;
        } else if !first && item.role != Role::Probe {
            let due = item.scheduled.ok_or("another attempt that was not planned")?;
            ensure(due <= self.now.run_us, "the pause is not over")?;
        }
        let planned = if task.poll.is_some() { u32::MAX } else { task.retry.as_ref().map_or(1, |r| r.attempts) };
        ensure(step.attempt <= planned.saturating_add(item.granted), "more attempts than allowed")?;
        (item.running, item.attempts, item.doubt, item.cleared) = (true, step.attempt, false, false);
        (item.scheduled, item.unjudged, item.answered) = (None, None, None);
        Ok(())
    }

    fn still_forward(&self, id: Id) -> Checked {
        let item = &self.tree.items[id];
        let stopped = item.root == Root::Forward && self.halt.is_some() && self.direction == Direction::Forward;
        ensure(!stopped, "it is started again although the run stopped going forward")
    }

    fn probe_started(&self, id: Id) -> Checked {
        let owner = self.tree.items[id].owner.unwrap_or_default();
        ensure(self.tree.items[owner].doubt, "a probe without a doubt")
    }

    fn attempt_finished(&mut self, path: &str, attempt: u32, done: &Done) -> Checked {
        let id = self.tree.find(path)?;
        let task = self.tree.task(id).ok_or("only tasks have results")?;
        let good = verdicts::of_result(task, done) == Verdict::Pass;
        let item = &mut self.tree.items[id];
        ensure(item.running && item.attempts == attempt, "the result of an attempt that does not run")?;
        item.running = false;
        item.touched |= done.changed != Some(false);
        item.streak = if good { item.streak + 1 } else { 0 };
        item.unjudged = Some(done.clone());
        item.said = Some(done.clone());
        // What the third press killed may have happened or not.
        if self.stage >= 3 && done.ended == Ended::Cancelled {
            item.unjudged = None;
            self.doubt(id);
        }
        Ok(())
    }

    fn scheduled(&mut self, path: &str, attempt: u32, not_before_us: u64) -> Checked {
        let id = self.tree.find(path)?;
        let task = self.tree.task(id).ok_or("only tasks are tried again")?;
        let item = &mut self.tree.items[id];
        ensure(item.unjudged.is_some() && attempt == item.attempts + 1, "nothing to try again")?;
        let pause = match (&task.poll, &task.retry) {
            (Some(_), _) => 2_000_000,
            (None, Some(retry)) => 1_000_000 * (retry.factor_milli / 1000).pow(item.attempts - 1),
            (None, None) => return Err("the plan knows no second attempt".into()),
        };
        ensure(not_before_us == self.now.run_us + pause, "a pause of another length")?;
        item.unjudged = None;
        item.scheduled = Some(not_before_us);
        Ok(())
    }

    fn step_finished(&mut self, path: &str, verdict: Verdict, saved: &Map<String, Value>) -> Checked {
        let id = self.tree.find(path)?;
        ensure(!self.tree.is_block(id), "a block does not end like a step")?;
        let item = &self.tree.items[id];
        ensure(item.finished.is_none() && !item.running, "it ends twice, or while it runs")?;
        ensure(verdict != Verdict::Skipped && verdict != Verdict::Pending, "no verdict")?;
        let begins = !item.begun && item.role == Role::Step;
        if begins {
            self.begin(id, false)?;
        }
        if verdict == Verdict::Pass && matches!(self.tree.node(id).kind, NodeKind::Checkpoint { .. }) {
            return self.gate_passed(id);
        }
        let answered = self.tree.items[id].answered;
        let then = verdicts::of_finish(&self.tree, id, verdict, saved, self.situation(begins))?;
        if let (Verdict::Pass, NodeKind::Set(values)) = (verdict, &self.tree.node(id).kind) {
            let scope = self.tree.items[id].scope.clone();
            let value = saved.get(&values[0].0).cloned().unwrap_or_default();
            self.tree.keep(&scope, format!("vars.{}", values[0].0), value);
        }
        self.keep(id, saved);
        self.tree.items[id].asked = None;
        self.finish(id, verdict, Some(then));
        let by_person = matches!(answered, Some(Answer::BackOut | Answer::Stop));
        ensure(!by_person || self.halt.is_some() || self.direction > Direction::Forward, "a person's word is lost")
    }

    fn situation(&self, begins: bool) -> verdicts::Situation {
        let given_up = self.direction == Direction::Forward && self.halt.is_some();
        verdicts::Situation { begins, given_up, run_us: self.now.run_us }
    }

    fn keep(&mut self, id: Id, saved: &Map<String, Value>) {
        let scope = self.tree.items[id].scope.clone();
        let name = self.tree.node(id).id.clone();
        if let Some(flag) = saved.get("flag") {
            self.tree.keep(&scope, format!("steps.{name}.flag"), flag.clone());
        }
    }

    /// Something is over: note what it means for the run.
    pub(crate) fn finish(&mut self, id: Id, verdict: Verdict, then: Option<Then>) {
        let item = &mut self.tree.items[id];
        item.finished = Some((verdict, then));
        item.finished_at = Some(self.position);
        (item.begun, item.doubt, item.unjudged, item.scheduled) = (true, false, None, None);
        if verdict.lets_go_on() || item.role == Role::Probe {
            return;
        }
        if self.direction > Direction::Forward {
            self.late_failure |= !matches!(then, Some(Then::Continue | Then::Up));
        } else if let (Some(then @ (Then::Stop | Then::Rollback)), None) = (then, self.halt) {
            self.halt = Some((CauseKind::Failure, then));
        }
    }

    /// A person said no, or nobody answered.
    pub(crate) fn no(&mut self, id: Id) {
        let first = self.halt.is_none() && self.direction == Direction::Forward;
        let then = if self.tree.no_backs_out(id) { Then::Rollback } else { Then::Stop };
        self.finish(id, Verdict::Fail, Some(then));
        if first {
            self.halt = Some((CauseKind::NoGo, then));
        }
    }

    fn block_finished(&mut self, path: &str, verdict: Verdict, saved: &Map<String, Value>) -> Checked {
        let id = self.tree.find(path)?;
        ensure(self.tree.is_block(id), "only blocks end like this")?;
        ensure(self.tree.items[id].finished.is_none(), "it ends twice")?;
        let begins = !self.tree.items[id].begun;
        if begins {
            self.begin(id, false)?;
        }
        verdicts::of_block(&self.tree, id, verdict, begins)?;
        if let NodeKind::Run { outputs, .. } = &self.tree.node(id).kind {
            for (name, value) in outputs.iter().filter(|_| verdict == Verdict::Pass) {
                let inner = self.tree.value(self.tree.items[id].members[0], &value.text);
                ensure(inner == saved.get(name), "an output of another value")?;
            }
        }
        self.keep(id, saved);
        let then = (!verdict.lets_go_on()).then(|| self.tree.meaning(id));
        self.finish(id, verdict, then);
        Ok(())
    }

    fn asked(&mut self, asked: &Asked) -> Checked {
        let id = self.tree.find(&asked.path)?;
        ensure(self.tree.items[id].asked.is_none(), "it is asked twice")?;
        let over = self.tree.items[id].finished.is_some() && !self.tree.items[id].void;
        ensure(!over, "it is asked although it is over")?;
        match (asked.question, &self.tree.node(id).kind) {
            (Question::Checkpoint, NodeKind::Checkpoint { timeout, .. }) => {
                let again = std::mem::take(&mut self.tree.items[id].void);
                let expires = timeout.as_ref().map(|_| self.now.wall_us + 600_000_000);
                ensure(asked.expires_wall_us == expires, "another time to answer")?;
                self.gate_asked(id, asked)?;
                if again {
                    self.may_start()?;
                    self.still_forward(id)?;
                    (self.tree.items[id].finished, self.tree.items[id].begun) = (None, true);
                } else {
                    self.begin(id, true)?;
                }
            }
            (Question::Manual, NodeKind::Manual { .. }) => self.begin(id, true)?,
            (Question::InDoubt, NodeKind::Task(_)) => ensure(self.tree.items[id].doubt, "there is no doubt")?,
            (Question::Failure, NodeKind::Task(task)) => {
                let done = self.tree.items[id].unjudged.as_ref().ok_or("nothing has failed")?;
                ensure(verdicts::of_result(task, done) != Verdict::Pass, "nothing has failed")?;
                ensure(self.direction == Direction::Forward && self.halt.is_none(), "too late to ask")?;
            }
            _ => return Err("the question does not fit the step".into()),
        }
        self.tree.items[id].asked = Some(Box::new(asked.clone()));
        Ok(())
    }

    fn answered(&mut self, path: &str, answer: Answer) -> Checked {
        let id = self.tree.find(path)?;
        let asked = self.tree.items[id].asked.take().ok_or("nothing was asked")?;
        let late = asked.expires_wall_us.is_some_and(|at| at < self.now.wall_us);
        ensure(!late, "an answer after its time")?;
        match (asked.question, answer) {
            (Question::Checkpoint, Answer::NoGo) | (Question::Manual, Answer::NoGo) => self.no(id),
            (Question::Checkpoint, Answer::Go) => self.finish(id, Verdict::Pass, None),
            (Question::Manual | Question::InDoubt, Answer::Done) => self.finish(id, Verdict::Pass, None),
            (Question::InDoubt | Question::Failure, Answer::Again) => {
                let item = &mut self.tree.items[id];
                (item.cleared, item.scheduled, item.unjudged) = (item.doubt, Some(0), None);
                item.granted += 1;
                if asked.question == Question::Failure {
                    item.streak = 0;
                }
            }
            (Question::InDoubt, Answer::Failed) => self.tree.items[id].answered = Some(answer),
            (Question::Failure, Answer::Skip | Answer::BackOut | Answer::Stop) => {
                self.tree.items[id].answered = Some(answer);
            }
            _ => return Err("the answer does not fit the question".into()),
        }
        Ok(())
    }

    fn resumed(&mut self, in_doubt: &[String]) -> Checked {
        let running = self.tree.items.iter().filter(|i| i.running).count();
        ensure(running == in_doubt.len(), "a running step is forgotten")?;
        for path in in_doubt {
            let id = self.tree.find(path)?;
            ensure(self.tree.items[id].running, "a doubt about what did not run")?;
            self.tree.items[id].touched = true;
            self.doubt(id);
        }
        self.parked = false;
        self.locked = false;
        self.on_hold = false;
        self.stage = 0;
        Ok(())
    }

    /// What nobody answered yet is put again, and what was answered may be.
    fn turned_to_another_plan(&mut self) {
        for id in 0..self.tree.items.len() {
            if matches!(self.tree.node(id).kind, NodeKind::Checkpoint { .. }) {
                let item = &mut self.tree.items[id];
                if item.asked.take().is_some() && item.finished.is_none() {
                    item.begun = false;
                }
                item.void = matches!(item.finished, Some((Verdict::Pass, _)));
            }
        }
    }

    /// Nobody saw how it ended: one more attempt may follow, and its probe may be asked anew.
    fn doubt(&mut self, id: Id) {
        let item = &mut self.tree.items[id];
        (item.running, item.doubt, item.cleared, item.streak) = (false, true, false, 0);
        item.granted += 1;
        if let Some(probe) = item.probe {
            let probe = &mut self.tree.items[probe];
            (probe.finished, probe.unjudged, probe.said) = (None, None, None);
            probe.granted = probe.attempts;
        }
    }
}

/// Whether a probe that failed really said no.
pub(crate) fn said_no(done: &Done) -> bool {
    matches!(done.ended, Ended::Exit(_) | Ended::Ok)
}

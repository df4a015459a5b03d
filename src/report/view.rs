//! A run for people: its events folded through the machine, with the times at which things happened.

use super::answers::{self, Decision};
use super::outline::{Spot, kind_of, outline};
use super::rows::{Changes, Counts, Ending, Kind, Missed, Part, Row, Standing, Takeover, standing};
use super::tables::{self, Judged};
use crate::decide::{Because, Ruling};
use crate::machine::event::{Asked, Cause, Direction, Event, Parking, Question, RunStarted, Verdict};
use crate::machine::{IllegalEvent, InstId, Plans, State, Status, Timestamp, apply, is_waived, title};
use crate::plan::model::{NodeKind, Plan};
use crate::runbook::model::Severity;
use std::collections::HashMap;
use std::sync::Arc;

/// A run as its events tell it, live or from a stored log.
#[derive(Debug, Clone)]
pub struct View {
    pub(super) state: State,
    pub(super) now: Timestamp,
    pub(super) decisions: Vec<Decision>,
    pub(super) takeovers: Vec<Takeover>,
    pub(super) missed: Vec<Missed>,
    tables: Vec<Judged>,
    began: Timestamp,
    times: HashMap<String, Times>,
    numbers: HashMap<String, usize>,
    total: usize,
    turned: bool,
}

#[derive(Debug, Clone, Default)]
struct Times {
    began: Option<Timestamp>,
    ended: Option<Timestamp>,
    title: Option<String>,
}

impl View {
    /// A run that has not begun.
    pub fn new(plans: impl Into<Plans>) -> View {
        let mut view = View {
            state: State::new(plans),
            now: Timestamp::default(),
            decisions: Vec::new(),
            takeovers: Vec::new(),
            missed: Vec::new(),
            tables: Vec::new(),
            began: Timestamp::default(),
            times: HashMap::new(),
            numbers: HashMap::new(),
            total: 0,
            turned: false,
        };
        view.count_steps();
        view
    }

    /// The view of a whole log.
    ///
    /// # Errors
    /// [`IllegalEvent`] for the first event that does not fit what came before it.
    pub fn of<'a>(
        plan: Arc<Plan>,
        events: impl IntoIterator<Item = &'a (Timestamp, Event)>,
    ) -> Result<View, IllegalEvent> {
        let mut view = View::new(plan);
        for (at, event) in events {
            view.see(*at, event)?;
        }
        Ok(view)
    }

    /// Takes in the next event.
    ///
    /// # Errors
    /// [`IllegalEvent`] when it does not fit what came before it.
    pub fn see(&mut self, at: Timestamp, event: &Event) -> Result<(), IllegalEvent> {
        let said = self.said_at(event);
        apply(&mut self.state, event)?;
        self.turned = said != self.said_at(event);
        self.now = at;
        match event {
            Event::RunStarted(_) => self.began = at,
            Event::BlockStarted { items: Some(_), .. } => self.count_steps(),
            Event::Missed { path, due_wall_us, late_us } => {
                self.missed.push(Missed { path: path.clone(), due_wall_us: *due_wall_us, late_us: *late_us });
            }
            Event::Resumed { by, in_doubt, changed, override_window, .. } => {
                let changed = changed.as_deref().cloned();
                if changed.as_ref().is_some_and(|changed| changed.plan.is_some()) {
                    self.count_steps();
                    // What is asked again has not begun yet.
                    for id in &self.state.again {
                        self.times.remove(&self.state.insts[*id].path);
                    }
                }
                self.takeovers.push(Takeover {
                    by: by.clone(),
                    at,
                    in_doubt: in_doubt.clone(),
                    changed,
                    override_window: override_window.clone(),
                });
            }
            _ => {}
        }
        answers::see(&mut self.decisions, &self.state, event, at);
        tables::see(&mut self.tables, &self.state, event, at);
        if let Some(path) = path_of(event) {
            self.note_times(path, event, at);
        }
        Ok(())
    }

    /// What the table this event is about said last.
    fn said_at(&self, event: &Event) -> Option<(Ruling, Because)> {
        let Event::Looked { path, .. } = event else { return None };
        self.state.inst(path)?.lookout.said.as_ref().map(|said| (said.ruling, said.cause))
    }

    /// Whether the last event was a look at which a table said something else than before.
    pub fn has_turned(&self) -> bool {
        self.turned
    }

    fn note_times(&mut self, path: &str, event: &Event, at: Timestamp) {
        let finished = self.state.inst(path).is_some_and(|inst| inst.status == Status::Finished);
        let times = self.times.entry(path.to_string()).or_default();
        // What waits for its time has not begun, unless waiting is what it does.
        let waits = || self.state.inst(path).map(|inst| &self.state.plan.node(inst.node).kind);
        if !matches!(event, Event::Held { .. }) || matches!(waits(), Some(NodeKind::WaitUntil(_))) {
            times.began.get_or_insert(at);
        }
        if finished {
            times.ended.get_or_insert(at);
        }
        match event {
            Event::StepStarted(started) => times.title = Some(started.title.clone()),
            Event::Asked(asked) if asked.question != Question::Failure && asked.question != Question::InDoubt => {
                times.title = Some(asked.title.clone());
            }
            _ => {}
        }
    }

    /// Numbers the steps going forward. Lists change it when they become known.
    fn count_steps(&mut self) {
        let spots = outline(&self.state);
        let steps = spots.into_iter().filter(|s| s.part == Part::Forward && s.kind.is_step());
        self.numbers = steps.enumerate().map(|(i, spot)| (spot.path, i + 1)).collect();
        self.total = self.numbers.len();
    }

    /// What is followed.
    pub fn plan(&self) -> &Plan {
        &self.state.plan
    }

    /// The first record, once the run began.
    pub fn run(&self) -> Option<&RunStarted> {
        self.state.started.as_ref()
    }

    /// A plan that somebody accepted and that the next event turns to.
    pub fn learn(&mut self, sha256: String, plan: Arc<Plan>) {
        self.state.accepted.insert(sha256, plan);
    }

    /// The run's state, as the machine has it.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// When the run began.
    pub fn began(&self) -> Timestamp {
        self.began
    }

    /// The time of the last event.
    pub fn last(&self) -> Timestamp {
        self.now
    }

    /// Run time from the first to the last event, in microseconds: time in which nobody drove it is not in it.
    pub fn took_us(&self) -> u64 {
        self.now.run_us.saturating_sub(self.began.run_us)
    }

    /// Steps going forward, as far as lists are known.
    pub fn total(&self) -> usize {
        self.total
    }

    /// All blocks and steps in reading order.
    pub fn rows(&self) -> Vec<Row> {
        outline(&self.state).iter().map(|spot| self.row_of(spot)).collect()
    }

    /// One block or step that exists in this run.
    pub fn row(&self, path: &str) -> Option<Row> {
        let id = *self.state.by_path.get(path)?;
        let inst = &self.state.insts[id];
        let root = self.root_of(id);
        let part = match () {
            () if inst.owner.is_some() && inst.ask_inst.is_none() && !path.ends_with("~ask") => Part::Undo,
            () if Some(root) == self.state.always => Part::Always,
            () if Some(root) == self.state.rollback => Part::Rollback,
            () => Part::Forward,
        };
        let depth = path.matches('.').count();
        let kind = if part == Part::Undo { Kind::Undo } else { kind_of(&self.state.node_of(id).kind, part, depth) };
        Some(self.row_of(&Spot { path: path.to_string(), node: inst.node, inst: Some(id), depth, part, kind }))
    }

    fn root_of(&self, id: InstId) -> InstId {
        let mut at = id;
        while let Some(up) = self.state.insts[at].parent {
            at = up;
        }
        at
    }

    fn row_of(&self, spot: &Spot) -> Row {
        let node = self.state.plan.node(spot.node);
        let inst = spot.inst.map(|id| &self.state.insts[id]);
        let times = self.times.get(&spot.path).cloned().unwrap_or_default();
        let item = spot.path.rsplit_once('[').map(|(_, key)| key.trim_end_matches(']').to_string());
        let written = || node.title.as_ref().map_or(node.id.clone(), |t| t.text.clone());
        let title = match (spot.kind, times.title, spot.inst) {
            (_, Some(title), _) => title,
            (Kind::Item, None, _) => item.unwrap_or_default(),
            (_, None, Some(id)) => title(&self.state, id),
            (_, None, None) => written(),
        };
        Row {
            path: spot.path.clone(),
            title,
            kind: spot.kind,
            part: spot.part,
            depth: spot.depth,
            number: self.numbers.get(&spot.path).copied(),
            at: node.at.clone(),
            effect: node.effect,
            standing: inst.map_or(Standing::NotReached, |inst| standing(&inst.status)),
            verdict: inst.and_then(|inst| inst.verdict),
            // What was seen is the reason why a look passed.
            reason: inst.and_then(|inst| {
                let seen = inst.lookout.said.as_ref().filter(|_| inst.status == Status::Finished);
                let row = seen.and_then(|said| match &node.kind {
                    NodeKind::Decide(decision) => tables::row_name(decision, said.cause),
                    _ => None,
                });
                let row = row.map_or(String::new(), |row| format!("{row}: "));
                inst.reason.clone().or_else(|| seen.map(|said| row + &said.because))
            }),
            attempts: inst.map_or(0, |inst| inst.attempt),
            output_held: inst.and_then(|inst| inst.done.as_ref()).is_some_and(|done| done.output_held),
            began: times.began,
            ended: times.ended,
            tail: inst.and_then(|inst| inst.done.as_ref()).map(|done| done.tail.clone()).unwrap_or_default(),
            note: node.note.clone(),
        }
    }

    /// How many steps stand where.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts { total: self.total, missed: self.missed.len(), ..Counts::default() };
        let mut skipped_block = None;
        for row in &self.rows() {
            // What stands in a phase or group that was skipped was skipped with it.
            let inside = skipped_block.is_some_and(|depth| row.depth > depth);
            if !inside {
                let is_skipped = !row.kind.is_step() && row.verdict == Some(Verdict::Skipped);
                skipped_block = is_skipped.then_some(row.depth);
            }
            // What a block did not pass by itself is no failure of any of its steps.
            counts.total += usize::from(row.is_unproved());
            if !(row.kind.is_step() || row.is_unproved()) || row.standing != Standing::Finished {
                counts.skipped += usize::from(inside && row.kind.is_step() && row.part == Part::Forward);
                continue;
            }
            let failed = row.is_failed();
            let soft = self.state.inst(&row.path).is_some_and(|i| self.plan().node(i.node).severity == Severity::Warn);
            match (row.part, row.verdict) {
                (Part::Undo | Part::Rollback, _) if failed => counts.undo_failed += 1,
                (Part::Undo | Part::Rollback, Some(Verdict::Skipped)) => {}
                (Part::Undo | Part::Rollback, _) => counts.undone += 1,
                (Part::Always, _) if failed => counts.failed += 1,
                (Part::Always, _) => {}
                (Part::Forward, Some(Verdict::Skipped)) => counts.skipped += 1,
                (Part::Forward, Some(Verdict::Warn)) if self.is_waived(&row.path) => counts.waived += 1,
                (Part::Forward, Some(Verdict::Warn)) => counts.warned += 1,
                (Part::Forward, _) if failed && soft => counts.warned += 1,
                (Part::Forward, _) if failed => counts.failed += 1,
                (Part::Forward, _) => counts.ok += 1,
            }
        }
        counts
    }

    /// Whether a step ended by a waiver.
    pub fn is_waived(&self, path: &str) -> bool {
        self.state.by_path.get(path).is_some_and(|id| is_waived(&self.state, *id))
    }

    /// Questions and answers in order.
    pub fn decisions(&self) -> &[Decision] {
        &self.decisions
    }

    /// What tables said, in the order of their first looks.
    pub fn tables(&self) -> &[Judged] {
        &self.tables
    }

    /// Questions nobody has answered yet.
    pub fn open_questions(&self) -> Vec<&Asked> {
        self.state.questions()
    }

    /// What did not begin when it was due.
    pub fn missed(&self) -> &[Missed] {
        &self.missed
    }

    /// Who took over, and when.
    pub fn takeovers(&self) -> &[Takeover] {
        &self.takeovers
    }

    /// Why the run did not go through.
    pub fn cause(&self) -> Option<&Cause> {
        self.state.halt.as_ref().map(|(cause, _)| cause)
    }

    /// Where the run is heading.
    pub fn direction(&self) -> Direction {
        self.state.direction
    }

    /// How the run ended or was left.
    pub fn ending(&self) -> Ending {
        match (self.state.outcome, &self.state.parked) {
            (Some(outcome), _) => Ending::Over(outcome),
            (None, Some(Parking::Question(path))) => {
                let asked = self.decisions.iter().rev().find(|d| d.asked.path == *path);
                Ending::Waiting(asked.map_or(Question::InDoubt, |d| d.asked.question))
            }
            (None, Some(Parking::Until(at))) => Ending::Until(*at),
            (None, Some(Parking::Interrupted)) => Ending::Interrupted,
            (None, Some(Parking::OnHold(_))) => Ending::OnHold,
            (None, Some(Parking::Trouble(_))) => Ending::Trouble,
            (None, None) => Ending::Open,
        }
    }

    /// What became of the things it changed.
    pub fn changes(&self) -> Changes {
        super::changes::changes(self)
    }
}

/// The block or step an event is about.
pub fn path_of(event: &Event) -> Option<&str> {
    match event {
        Event::BlockStarted { path, .. }
        | Event::BlockFinished { path, .. }
        | Event::Skipped { path, .. }
        | Event::AttemptFinished { path, .. }
        | Event::LateResult { path, .. }
        | Event::AttemptScheduled { path, .. }
        | Event::StepFinished { path, .. }
        | Event::WaitStarted { path, .. }
        | Event::Anchored { path, .. }
        | Event::Held { path, .. }
        | Event::Missed { path, .. }
        | Event::Answered { path, .. }
        | Event::Refused { path, .. }
        | Event::Lapsed { path, .. }
        | Event::Looked { path, .. }
        | Event::Extended { path, .. }
        | Event::Ruled { path, .. }
        | Event::Withdrawn { path, .. }
        | Event::AnswerExpired { path } => Some(path),
        Event::StepStarted(started) => Some(&started.path),
        Event::Asked(asked) => Some(&asked.path),
        Event::RunStarted(_)
        | Event::Turned { .. }
        | Event::Interrupted { .. }
        | Event::Parked { .. }
        | Event::Resumed { .. }
        | Event::Locked(_)
        | Event::Unlocked { .. }
        | Event::OnHold(_)
        | Event::HoldLifted { .. }
        | Event::RunEnded { .. } => None,
    }
}

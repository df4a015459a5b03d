//! One run of one seed: a scripted world, people who may or may not answer, interrupts, crashes and jumps in time.
//!
//! No clock and no threads: everything follows from the seed. The log it makes is judged by `checker`, which knows
//! nothing of how it came about.

use crate::gates;
use crate::mutants::Machine;
use crate::rng::Rng;
use crate::turning;
use runbook::machine::action::{Captured, Done, Ended};
use runbook::machine::event::{
    Answer, Asked, Changed, Event, Follow, Locked, OnHold, Question, Refusal, RunStarted, StoredPlan,
};
use runbook::machine::{Input, Plans, State, Status, Timestamp, answers};
use runbook::plan::model::Plan;
use serde_json::{Map, Value};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// More events than any run of a generated plan can need: beyond it the machine goes in circles.
const BOUND: usize = 6000;
/// After so many events the world gets kind, so that every run comes to its end.
const PATIENCE: usize = 250;

/// A log: when, what.
pub(crate) type Log = Vec<(Timestamp, Event)>;

/// One run being played.
pub(crate) struct Scene<'a> {
    machine: &'a mut dyn Machine,
    rng: Rng,
    plans: Plans,
    state: State,
    now: Timestamp,
    /// Everything that happened.
    pub(crate) log: Log,
    /// Attempts the world works on.
    pending: Vec<(String, u32)>,
    /// Attempts that were lost in a crash; their results may still come.
    ghosts: Vec<(String, u32)>,
    /// Percent of attempts that go well.
    luck: usize,
    crashes: usize,
    presses: usize,
    holds: usize,
    kind: bool,
}

/// What is wrong with a run or its machine.
pub(crate) type Trouble = String;

impl<'a> Scene<'a> {
    /// A run of this plan with everything that can happen to it.
    pub(crate) fn new(machine: &'a mut dyn Machine, plan: Arc<Plan>, mut rng: Rng) -> Scene<'a> {
        let luck = rng.pick(&[100, 96, 90, 75, 50]);
        let crashes = rng.pick(&[0, 0, 1, 1, 3]);
        let presses = rng.pick(&[0, 0, 2, 3, 4]);
        let state = State::new(machine.plan(&plan));
        let now = Timestamp { wall_us: 1_000_000_000, run_us: 0 };
        let (log, pending, ghosts) = (Log::new(), Vec::new(), Vec::new());
        let plans = Plans::from(plan);
        Scene { machine, rng, plans, state, now, log, pending, ghosts, luck, crashes, presses, holds: 2, kind: false }
    }

    /// Plays it to its end.
    pub(crate) fn play(&mut self) -> Result<(), Trouble> {
        self.commit(started(&self.plans.first))?;
        self.lock()?;
        self.drain()?;
        self.go_on()
    }

    /// Takes over a run of which only this log is left, in a kind world, and brings it to its end.
    pub(crate) fn take_over(&mut self, log: Log) -> Result<(), Trouble> {
        self.kind = true;
        self.now = log.last().map_or(self.now, |(at, _)| *at);
        self.log = log;
        self.resume()?;
        self.go_on()
    }

    fn go_on(&mut self) -> Result<(), Trouble> {
        while !self.state.is_over() {
            if self.log.len() > BOUND {
                return Err(format!("no end after {BOUND} events"));
            }
            self.kind |= self.log.len() > PATIENCE;
            if self.state.parked.is_some() {
                self.leave();
                self.resume()?;
            }
            self.something_happens()?;
            self.drain()?;
        }
        if self.rng.chance(10) && self.deliver_ghost()? {
            self.drain()?;
        }
        Ok(())
    }

    fn commit(&mut self, event: Event) -> Result<(), Trouble> {
        let applied = self.machine.apply(&mut self.state, &event);
        self.log.push((self.now, event));
        applied.map_err(|illegal| illegal.to_string())?;
        if let Some((_, Event::StepStarted(step))) = self.log.last() {
            self.pending.push((step.path.clone(), step.attempt));
        }
        Ok(())
    }

    fn drain(&mut self) -> Result<(), Trouble> {
        let limit = self.log.len() + 1000;
        while let Some(event) = self.machine.next(&self.state, self.now) {
            self.commit(event)?;
            if self.log.len() > limit {
                return Err("the machine never comes to rest".into());
            }
            if !self.kind && self.crashes > 0 && self.rng.chance(3) {
                self.crash()?;
            }
        }
        Ok(())
    }

    fn input(&mut self, input: Input) -> Result<bool, Trouble> {
        match self.machine.accept(&self.state, input) {
            Some(event) => self.commit(event).map(|()| true),
            None => Ok(false),
        }
    }

    fn something_happens(&mut self) -> Result<(), Trouble> {
        let (run, wall) = self.state.deadlines();
        let questions: Vec<Asked> = self.state.questions().into_iter().cloned().collect();
        if self.pending.is_empty() && questions.is_empty() && run.is_none() && wall.is_none() {
            return if self.state.is_over() || self.state.parked.is_some() {
                Ok(())
            } else {
                Err("the run stands still: nothing runs, nobody is asked, nothing is waited for".into())
            };
        }
        if self.kind {
            return self.kindly(&questions, run);
        }
        match self.rng.below(100) {
            0..=54 if !self.pending.is_empty() => self.deliver(),
            55..=74 if run.is_some() || wall.is_some() => {
                self.jump(run, wall);
                Ok(())
            }
            75..=89 if !questions.is_empty() => {
                let at = self.rng.below(questions.len());
                self.answer(&questions[at])
            }
            90..=91 => self.input(Input::NobodyThere).map(|_| ()),
            92..=93 if self.presses > 0 && !self.pending.is_empty() => self.press(),
            94 if self.crashes > 0 => self.crash(),
            95 => self.deliver_ghost().map(|_| ()),
            96 if self.crashes > 0 => {
                self.crashes -= 1;
                self.input(Input::Trouble("disk full".into())).map(|_| ())
            }
            97 => {
                self.now.run_us += 700_000;
                self.now.wall_us += 700_000;
                Ok(())
            }
            98 if self.holds > 0 => self.hold(),
            99 => self.input(Input::HoldLifted).map(|_| ()),
            _ if !self.pending.is_empty() => self.deliver(),
            _ => Ok(()),
        }
    }

    /// The driver has the lock of the run.
    fn lock(&mut self) -> Result<(), Trouble> {
        let since = "2026-01-01T00:00:00Z".into();
        self.input(Input::Locked(Locked { lock: "sim".into(), dir: None, since, over: None })).map(|_| ())
    }

    /// Somebody holds the lock; whoever resumes finds it lifted.
    fn hold(&mut self) -> Result<(), Trouble> {
        self.holds -= 1;
        let (since, reason) = ("2026-01-01T00:00:00Z".into(), "incident".into());
        self.input(Input::OnHold(OnHold { lock: "sim".into(), by: "bea".into(), since, reason })).map(|_| ())
    }

    /// Ctrl-C, and often again before anything else happens.
    fn press(&mut self) -> Result<(), Trouble> {
        loop {
            self.presses -= 1;
            self.input(Input::Interrupt)?;
            self.drain_quietly()?;
            if self.presses == 0 || self.rng.chance(40) || self.state.parked.is_some() {
                return Ok(());
            }
        }
    }

    /// Everything goes well, so that the run comes to its end.
    fn kindly(&mut self, questions: &[Asked], run: Option<u64>) -> Result<(), Trouble> {
        if !self.pending.is_empty() {
            return self.deliver();
        }
        if let Some(asked) = questions.first() {
            if asked.question == Question::Checkpoint {
                let said = gates::kindly(&self.state, asked, self.now);
                return self.say_at_gate(asked, said).map(|_| ());
            }
            let answer = match asked.question {
                Question::Checkpoint => Answer::Go,
                Question::Manual | Question::InDoubt => Answer::Done,
                Question::Failure | Question::Ruling => Answer::Stop,
            };
            return self.say(asked, answer, true).map(|_| ());
        }
        self.jump(run, None);
        Ok(())
    }

    fn jump(&mut self, run: Option<u64>, wall: Option<i64>) {
        let to_run = run.map(|at| at.saturating_sub(self.now.run_us));
        let to_wall = wall.map(|at| (at - self.now.wall_us).max(0) as u64);
        let far = [to_run, to_wall].into_iter().flatten().min().unwrap_or(0);
        let far = if self.rng.chance(20) { far + self.rng.below(5_000_000) as u64 } else { far };
        self.now.run_us += far;
        self.now.wall_us += far as i64;
    }

    fn deliver(&mut self) -> Result<(), Trouble> {
        let at = self.rng.below(self.pending.len());
        let (path, attempt) = self.pending.swap_remove(at);
        self.now.run_us += 1000;
        self.now.wall_us += 1000;
        // Waiting for the result took time in which deadlines may have passed.
        self.drain_quietly()?;
        let done = self.result();
        if self.rng.chance(3) {
            self.ghosts.push((path.clone(), attempt));
        }
        if !self.input(Input::Done { path: path.clone(), attempt, done })? {
            return Err(format!("the result of {path}#{attempt} was not taken"));
        }
        Ok(())
    }

    fn drain_quietly(&mut self) -> Result<(), Trouble> {
        while let Some(event) = self.machine.next(&self.state, self.now) {
            self.commit(event)?;
            if self.log.len() > BOUND {
                return Err("the machine never comes to rest".into());
            }
        }
        Ok(())
    }

    fn deliver_ghost(&mut self) -> Result<bool, Trouble> {
        let Some((path, attempt)) = self.ghosts.pop() else { return Ok(false) };
        let done = self.result();
        self.input(Input::Done { path, attempt, done })
    }

    fn result(&mut self) -> Done {
        let well = self.kind || self.rng.chance(self.luck);
        let cancelled = self.state.interrupt >= 2 && self.rng.chance(40);
        let (ended, changed) = match (cancelled, well, self.rng.below(8)) {
            (true, ..) => (Ended::Cancelled, None),
            (_, true, 0) => (Ended::Exit(0), Some(false)),
            (_, true, _) => (Ended::Exit(0), None),
            (_, _, 0) => (Ended::TimedOut, None),
            (_, _, 1) => (Ended::Failed("cannot be started".into()), Some(false)),
            (_, _, 2) => (Ended::Unavailable("not installed".into()), Some(false)),
            (_, _, 3) => (Ended::Signal(9), None),
            (_, _, 4) => (Ended::Exit(3), None),
            _ => (Ended::Exit(1), None),
        };
        let (text, bytes) = match self.rng.below(20) {
            _ if self.kind => (Some("yes\n"), 4),
            0 => (None, 1 << 20),
            1 | 2 => (Some("no\n"), 3),
            3 => (Some(""), 0),
            _ => (Some("yes\n"), 4),
        };
        let stdout = Captured { bytes, text: text.map(str::to_owned), ..Captured::default() };
        Done { ended, changed, duration_us: 1000, stdout: Some(stdout), ..Done::default() }
    }

    fn answer(&mut self, asked: &Asked) -> Result<(), Trouble> {
        let fitting = answers(asked.question);
        let positive = self.rng.chance(self.luck.min(80));
        if asked.question == Question::Checkpoint && self.rng.chance(if asked.gathers() { 90 } else { 15 }) {
            if self.rng.chance(3) {
                let (path, by) = (asked.path.clone(), "eve".to_string());
                return self.input(Input::Refused { path, by, why: Refusal::Bad("forged".into()) }).map(|_| ());
            }
            let said = match self.rng.chance(50) {
                true => gates::kindly(&self.state, asked, self.now),
                false => gates::anything(&self.state, asked, positive, self.now, &mut self.rng),
            };
            return self.say_at_gate(asked, said).map(|_| ());
        }
        let answer = match asked.question {
            _ if self.rng.chance(4) => self.rng.pick(&[Answer::Go, Answer::Again, Answer::Stop]),
            Question::Checkpoint | Question::Manual if positive => fitting[0],
            Question::Checkpoint | Question::Manual => fitting[1],
            Question::InDoubt | Question::Failure | Question::Ruling => self.rng.pick(fitting),
        };
        let fits = fitting.contains(&answer);
        let with_evidence = self.rng.chance(80);
        let taken = self.say(asked, answer, with_evidence)?;
        if taken && !fits {
            return Err(format!("{answer:?} was taken for an answer to {:?}", asked.question));
        }
        Ok(())
    }

    fn say(&mut self, asked: &Asked, answer: Answer, with_evidence: bool) -> Result<bool, Trouble> {
        let mut evidence = Map::new();
        if with_evidence {
            evidence.extend(asked.wanted.iter().map(|(name, _)| (name.clone(), Value::from("https://x/1"))));
        }
        self.input(Input::Answer {
            path: asked.path.clone(),
            answer,
            by: self.state.drivers.last().map_or("ann".into(), |driver| driver.principal.clone()),
            reason: None,
            evidence,
            backing: Default::default(),
        })
    }

    fn say_at_gate(&mut self, asked: &Asked, said: gates::Said) -> Result<bool, Trouble> {
        let gates::Said { answer, by, backing } = said;
        let wrong = backing.phrase.as_ref().is_some_and(|typed| Some(&typed.0) != asked.phrase.as_ref());
        let before = self.log.len();
        let (path, evidence) = (asked.path.clone(), Map::new());
        let taken = self.input(Input::Answer { path, answer, by, reason: None, evidence, backing })?;
        let phrase_alone = asked.phrase.is_some() && answer == Answer::Go;
        for (_, event) in &self.log[before..] {
            if serde_json::to_string(event).unwrap_or_default().contains(gates::WRONG) {
                return Err("what was typed for a phrase stands in the log".into());
            }
            if wrong && phrase_alone && matches!(event, Event::Answered { signed: None, .. }) {
                return Err("something else was taken for the phrase".into());
            }
        }
        Ok(taken)
    }

    /// The tool dies: whatever the world was doing is lost, and only the log is left.
    fn crash(&mut self) -> Result<(), Trouble> {
        self.crashes -= 1;
        self.leave();
        self.resume()
    }

    /// Takes over a run of which only this log is left and goes on with an edited plan to its end. The plan it went on with; none when there was nothing left to edit.
    pub(crate) fn turn(&mut self, log: Log) -> Result<Option<Arc<Plan>>, Trouble> {
        self.kind = self.rng.chance(50);
        self.now = log.last().map_or(self.now, |(at, _)| *at);
        self.log = log;
        self.state = self.replay()?;
        let Some(Event::Resumed { by, in_doubt, .. }) = self.machine.accept(
            &self.state,
            Input::Resume { by: "bob".into(), override_window: None, key: Some("SHA256:bob".into()) },
        ) else {
            return Ok(None);
        };
        let Some(edited) = turning::edited(&self.state, &mut self.rng).map(Arc::new) else { return Ok(None) };
        self.plans.accepted.insert("edited".into(), edited.clone());
        self.state = self.replay()?;
        let stored = StoredPlan { file: "plan.2.json".into(), bytes: 1, sha256: "edited".into() };
        let changed = Changed { follow: Follow::Changes, why: "sim".into(), tree_sha256: None, plan: Some(stored) };
        self.commit(Event::Resumed {
            by,
            in_doubt,
            changed: Some(Box::new(changed)),
            override_window: None,
            override_us: None,
            operator_key: Some("SHA256:bob".into()),
        })?;
        self.lock()?;
        self.drain_quietly()?;
        self.go_on()?;
        self.replays()?;
        Ok(Some(edited))
    }

    /// Nobody drives for a while; run time stands still.
    fn leave(&mut self) {
        self.ghosts.append(&mut self.pending);
        let far = self.rng.pick(&[1_000, 60_000_000, 3_600_000_000_i64]);
        self.now.wall_us += far;
    }

    /// A new driver reads the log and goes on.
    fn resume(&mut self) -> Result<(), Trouble> {
        let live = self.state.started.is_some().then(|| digest(&self.state));
        self.state = self.replay()?;
        if live.is_some_and(|live| live != digest(&self.state)) {
            return Err("replay makes another state".into());
        }
        if self.state.started.is_none() || self.state.is_over() {
            return Ok(());
        }
        self.input(Input::Resume { by: "bob".into(), override_window: None, key: Some("SHA256:bob".into()) })?;
        self.lock()?;
        self.drain_quietly()
    }

    fn replay(&mut self) -> Result<State, Trouble> {
        self.machine.replaying(true);
        let mut state = State::new(Plans { first: self.machine.plan(&self.plans.first), ..self.plans.clone() });
        for (_, event) in &self.log {
            let applied = self.machine.apply(&mut state, event);
            applied.map_err(|illegal| format!("on replay: {illegal}"))?;
        }
        self.machine.replaying(false);
        Ok(state)
    }

    /// Replays the whole log and compares.
    pub(crate) fn replays(&mut self) -> Result<(), Trouble> {
        let again = self.replay()?;
        if digest(&again) == digest(&self.state) { Ok(()) } else { Err("replay makes another state at the end".into()) }
    }
}

/// What decides the future of a run, as one number.
fn digest(state: &State) -> u64 {
    let mut sum = DefaultHasher::new();
    let halt = state.halt.as_ref().map(|(cause, then)| (&cause.path, cause.kind as u8, *then as u8));
    (state.direction as u8, halt, state.interrupt, state.in_flight, state.parked.is_some()).hash(&mut sum);
    (state.outcome.map(|o| o as u8), state.clock, state.late_failures, &state.active).hash(&mut sum);
    for inst in &state.insts {
        let until = if let Status::Pausing { until_us } = inst.status { until_us } else { 0 };
        let status = std::mem::discriminant(&inst.status);
        (&inst.path, status, until, inst.verdict.map(|v| v as u8), inst.then.map(|t| t as u8)).hash(&mut sum);
        for go in &inst.gathered.given {
            (&go.by, &go.key, &go.role, go.given_us).hash(&mut sum);
        }
        (inst.gathered.wrong, state.drivers.len()).hash(&mut sum);
        (inst.attempt, inst.cursor, inst.touched, inst.streak, inst.finished_at, inst.poll_until_us).hash(&mut sum);
    }
    for scope in &state.scopes {
        let mut steps: Vec<_> = scope.steps.iter().collect();
        steps.sort_by_key(|(name, _)| name.as_str());
        (steps, &scope.vars).hash(&mut sum);
    }
    sum.finish()
}

fn started(plan: &Plan) -> Event {
    Event::RunStarted(RunStarted {
        run: "01".into(),
        runbook: plan.name.clone(),
        title: "Sim".into(),
        target: None,
        plan_sha256: "0".into(),
        operator: "ann".into(),
        host: "here".into(),
        started: "2026-01-01T00:00:00Z".into(),
        tool: "0".into(),
        dir: None,
        override_window: None,
        operator_key: Some("SHA256:ann".into()),
    })
}

//! The loop: drain `next`, commit, act, wait for one input, again.
//!
//! An event is in the log, durable where it has to be, before anything acts on it. Everything that happens outside
//! arrives through one channel, so that events have one order.

use super::clock::Clock;
use crate::machine::event::{Asked, CauseKind, Direction, Event, Question, StepStarted};
use crate::machine::{IllegalEvent, Input, State, Timestamp, accept, apply, next};
use std::fmt;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;

/// Where events are kept.
pub trait Journal {
    /// Appends a batch in one write. With `durable` it returns only when the batch would survive a power cut.
    ///
    /// # Errors
    /// Words for people. After an error the journal takes nothing more.
    fn commit(&mut self, batch: &[Event], durable: bool, now: Timestamp) -> Result<(), String>;

    /// The batch that comes next begins to change something: whatever must be durable before that.
    ///
    /// # Errors
    /// Words for people. Nothing may be changed then.
    fn will_change(&mut self) -> Result<(), String> {
        Ok(())
    }
}

/// What acts on started steps.
pub trait World {
    /// Adds to an intent what only the world knows: where a log ends that is to be watched. Asked before it is written.
    fn complete(&mut self, _intent: &mut StepStarted) {}
    /// Begins an attempt; its result arrives as [`Input::Done`].
    fn start(&mut self, started: &StepStarted);
    /// Ends what is running: politely, or at once.
    fn cancel(&mut self, at_once: bool);
    /// How many attempts are really out there.
    fn running(&self) -> usize;
    /// What else has become known. Asked before every decision, so that it comes before whatever would begin.
    fn known(&mut self) -> Vec<Input> {
        Vec::new()
    }
}

/// What shows a run and asks people.
pub trait Audience {
    /// An event was committed.
    fn tell(&mut self, event: &Event, state: &State, now: Timestamp);
    /// Puts a question; false when there is nobody to ask.
    fn ask(&mut self, asked: &Asked, state: &State) -> bool;
    /// The question is not open any more.
    fn withdraw(&mut self);
    /// Time passed; the live part may be drawn again.
    fn tick(&mut self, state: &State, now: Timestamp);
    /// How often `tick` is wanted; none for never.
    fn tick_every(&self) -> Option<Duration>;
}

/// Something that reached the driver.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all of them are the large one")]
pub enum Incoming {
    /// For the machine.
    Input(Input),
    /// The terminal is gone: nobody can be asked any more.
    TerminalLost,
    /// Output of a step could not be kept, so the run cannot go on being recorded.
    OutputLost(String),
}

/// Why a driver stopped before the run was over or parked.
#[derive(Debug)]
pub enum DriveError {
    /// The log cannot be written.
    Journal(String),
    /// The log and the machine disagree: a bug.
    Illegal(IllegalEvent),
}

impl fmt::Display for DriveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DriveError::Journal(words) => write!(f, "the log cannot be written: {words}"),
            DriveError::Illegal(illegal) => illegal.fmt(f),
        }
    }
}

impl std::error::Error for DriveError {}

/// One driven run.
pub struct Driver<'a, J, W, A> {
    /// The run so far.
    pub state: State,
    /// Its log.
    pub journal: J,
    /// What acts.
    pub world: W,
    /// Who watches.
    pub audience: A,
    /// What time it is.
    pub clock: &'a dyn Clock,
    /// Everything from outside.
    pub incoming: UnboundedReceiver<Incoming>,
    /// Whether to leave when nothing happens for a while, to be resumed by a timer.
    pub leaves: bool,
}

/// Reading steps may share a sync, but not for longer than this.
const LONGEST_UNSYNCED_US: u64 = 1_000_000;

/// Longest wait for a time of day without looking at the clock.
const LONGEST_NAP: Duration = Duration::from_secs(30);

impl<J: Journal, W: World, A: Audience> Driver<'_, J, W, A> {
    /// Drives the run until it is over or parked. `first` begins or resumes it.
    ///
    /// # Errors
    /// [`DriveError`]; what was running was ended first, as far as that is possible.
    pub async fn drive(&mut self, first: Event) -> Result<(), DriveError> {
        let mut batch = vec![first];
        let mut asked: Option<String> = None;
        let mut synced_us = 0;
        let mut person = true;
        loop {
            let now = self.clock.now();
            if let Err(error) = self.drain(&mut batch, now, &mut synced_us, &mut asked) {
                self.end_everything().await;
                return Err(error);
            }
            if self.state.is_over() || self.state.parked.is_some() {
                return Ok(());
            }
            // What has come already is taken before anybody is asked, or nobody is found.
            let incoming = match self.incoming.try_recv() {
                Ok(incoming) => Some(incoming),
                Err(_) => {
                    if let Some(event) = self.attend(&mut asked, &mut person) {
                        batch.push(event);
                        continue;
                    }
                    if self.leaves
                        && let Some(event) = accept(&self.state, Input::NothingToDo { now_wall_us: now.wall_us })
                    {
                        batch.push(event);
                        continue;
                    }
                    self.wait().await
                }
            };
            // What time decides comes before what was said too late.
            if let Err(error) = self.drain(&mut batch, self.clock.now(), &mut synced_us, &mut asked) {
                self.end_everything().await;
                return Err(error);
            }
            match incoming {
                None => {}
                Some(Incoming::Input(input)) => {
                    batch.extend(accept(&self.state, input));
                    // The same step may have a question again at once: that is another one.
                    if matches!(batch.last(), Some(Event::Answered { .. })) && asked.take().is_some() {
                        self.audience.withdraw();
                    }
                }
                Some(Incoming::TerminalLost) => person = false,
                Some(Incoming::OutputLost(words)) => {
                    // What ran is in doubt from here on. The log may still take the reason why nobody goes on.
                    self.end_everything().await;
                    batch.extend(accept(&self.state, Input::Trouble(words)));
                }
            }
        }
    }

    /// Commits what was accepted and all that follows from it, then acts on it.
    fn drain(
        &mut self,
        batch: &mut Vec<Event>,
        now: Timestamp,
        synced_us: &mut u64,
        asked: &mut Option<String>,
    ) -> Result<(), DriveError> {
        let ruled_before = self.ruled();
        for event in batch.iter() {
            apply(&mut self.state, event).map_err(DriveError::Illegal)?;
        }
        if !self.state.is_over() && self.state.parked.is_none() {
            for input in self.world.known() {
                if let Some(event) = accept(&self.state, input) {
                    apply(&mut self.state, &event).map_err(DriveError::Illegal)?;
                    batch.push(event);
                }
            }
        }
        while let Some(mut event) = next(&self.state, now) {
            if let Event::StepStarted(intent) = &mut event {
                self.world.complete(intent);
            }
            apply(&mut self.state, &event).map_err(DriveError::Illegal)?;
            batch.push(event);
        }
        if batch.is_empty() {
            return Ok(());
        }
        let durable = batch.iter().any(|e| self.must_last(e)) || now.run_us - *synced_us > LONGEST_UNSYNCED_US;
        if batch.iter().any(|e| self.begins_change(e)) {
            self.journal.will_change().map_err(DriveError::Journal)?;
        }
        self.journal.commit(batch, durable, now).map_err(DriveError::Journal)?;
        if durable {
            *synced_us = now.run_us;
        }
        for event in batch.drain(..) {
            match &event {
                Event::StepStarted(started) => self.world.start(started),
                Event::Interrupted { stage: 2 } if self.state.direction == Direction::Forward => {
                    self.world.cancel(false);
                }
                Event::Interrupted { stage: 3 } => self.world.cancel(true),
                // An answer that does not count, or is not enough, leaves the question open: it is put again.
                Event::Refused { path, .. } | Event::Answered { path, .. } if asked.as_ref() == Some(path) => {
                    *asked = asked.take().filter(|path| self.is_answered(path));
                }
                // It may be put anew at once, about something else.
                Event::Withdrawn { path, .. } | Event::AnswerExpired { path } if asked.as_ref() == Some(path) => {
                    *asked = None;
                    self.audience.withdraw();
                }
                _ => {}
            }
            self.audience.tell(&event, &self.state, now);
        }
        // What a table has put an end to does not go on until it ends by itself.
        if self.ruled() && !ruled_before && self.state.direction == Direction::Forward {
            self.world.cancel(false);
        }
        Ok(())
    }

    fn is_answered(&self, path: &str) -> bool {
        self.state.questions().iter().all(|question| question.path != path)
    }

    /// Whether a decision table, or the answer to what it asked, ended going forward.
    fn ruled(&self) -> bool {
        let cause = self.state.halt.as_ref().map(|(cause, _)| cause);
        cause.is_some_and(|c| c.kind == CauseKind::Rule || c.path.ends_with("~guard"))
    }

    /// Everything must outlive a power cut except the comings and goings of steps that only look.
    fn must_last(&self, event: &Event) -> bool {
        match event {
            Event::StepStarted(started) => started.changes,
            Event::AttemptFinished { path, .. } | Event::StepFinished { path, .. } => self.changes(path),
            Event::AttemptScheduled { .. }
            | Event::Skipped { .. }
            | Event::BlockStarted { .. }
            | Event::BlockFinished { .. }
            | Event::Held { .. }
            | Event::Looked { .. }
            | Event::Extended { .. } => false,
            _ => true,
        }
    }

    fn begins_change(&self, event: &Event) -> bool {
        match event {
            Event::StepStarted(started) => started.changes,
            Event::Asked(asked) => asked.question == Question::Manual && self.changes(&asked.path),
            _ => false,
        }
    }

    fn changes(&self, path: &str) -> bool {
        let id = self.state.by_path.get(path);
        id.is_none_or(|id| self.state.node_of(*id).effect != crate::runbook::model::Effect::Read)
    }

    /// Puts the first open question to a person, or notes that there is nobody.
    fn attend(&mut self, asked: &mut Option<String>, person: &mut bool) -> Option<Event> {
        let open = self.state.questions().into_iter().next().cloned();
        let open_path = open.as_ref().map(|q| q.path.clone());
        if *asked != open_path {
            if asked.take().is_some() {
                self.audience.withdraw();
            }
            if let (Some(question), true) = (&open, *person) {
                *person = self.audience.ask(question, &self.state);
                *asked = open_path;
            }
        }
        if open.is_some() && !*person { accept(&self.state, Input::NobodyThere) } else { None }
    }

    /// Waits for one input or the next deadline.
    async fn wait(&mut self) -> Option<Incoming> {
        loop {
            let now = self.clock.now();
            self.audience.tick(&self.state, now);
            let news = self.world.known().into_iter().find(|input| accept(&self.state, input.clone()).is_some());
            if let Some(input) = news {
                return Some(Incoming::Input(input));
            }
            let (run, wall) = self.state.deadlines();
            let until_run = run.map(|at| Duration::from_micros(at.saturating_sub(now.run_us)));
            // Clocks are set and machines sleep, so the time of day is looked at again and again.
            let until_wall = wall.map(|at| Duration::from_micros((at - now.wall_us).max(0) as u64).min(LONGEST_NAP));
            let deadline = [until_run, until_wall].into_iter().flatten().min();
            let tick = self.audience.tick_every();
            let pause = [deadline, tick].into_iter().flatten().min();
            match pause {
                None => return self.incoming.recv().await,
                Some(pause) => match tokio::time::timeout(pause, self.incoming.recv()).await {
                    Ok(incoming) => return incoming,
                    Err(_) if deadline.is_some_and(|d| d <= pause) => return None,
                    Err(_) => {}
                },
            }
        }
    }

    /// The log cannot be written any more: end what runs, and wait a little for it to be gone.
    async fn end_everything(&mut self) {
        self.world.cancel(false);
        while self.world.running() > 0 {
            if tokio::time::timeout(Duration::from_secs(6), self.incoming.recv()).await.is_err() {
                break;
            }
        }
        self.world.cancel(true);
    }
}

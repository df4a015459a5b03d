//! A run in a world whose metrics follow a script. Nothing waits: time jumps to the next moment that matters.

use std::collections::BTreeMap;
use std::sync::Arc;

use runbook::decide::Ruling;
use runbook::machine::action::{Action, Done, Ended, HttpAnswer, ReadValue, Reading, SampleAction};
use runbook::machine::event::{Answer, Event, RunStarted, StepStarted, Verdict};
use runbook::machine::{Input, State, Timestamp, accept, apply, keeps_from_resuming, next};
use runbook::plan::{Library, Plan, Request, Unreadable, build};
use runbook::report::View;
use runbook::runbook::model::Runbook;
use runbook::runbook::read;
use runbook::text::Source;

pub(crate) const SECOND: u64 = 1_000_000;
pub(crate) const MINUTE: u64 = 60 * SECOND;

/// What a metric is after so many seconds of the run.
pub(crate) type Script = Box<dyn Fn(&str, u64) -> ReadValue>;

pub(crate) struct Hours {
    plan: Arc<Plan>,
    state: State,
    pub(crate) events: Vec<(Timestamp, Event)>,
    now: Timestamp,
    began_us: i64,
    script: Script,
    /// The steps that have begun and not ended, where they stand in `events`.
    working: Vec<usize>,
    /// Steps whose names end so never end by themselves.
    pub(crate) endless: &'static str,
    pub(crate) cancelled: bool,
    /// How long it takes to read metrics, in microseconds, besides some milliseconds that nobody can foresee.
    pub(crate) reading_us: u64,
    /// What comes next of the milliseconds by which looks are late, and by which reading takes longer.
    jitter: u64,
    /// The time that sources give their values, in microseconds since 1970.
    pub(crate) stamped_us: Option<u64>,
    /// Requests of steps whose names end so get no answer within a second.
    pub(crate) unanswered: &'static str,
}

struct Alone;

impl Library for Alone {
    fn runbook(&self, _: &Source, path: &str) -> Result<(Source, Runbook), Unreadable> {
        Err(Unreadable::Missing(format!("no {path} here")))
    }
    fn sha256(&self, _: &Source) -> String {
        "0".repeat(64)
    }
    fn file_sha256(&self, _: &str) -> Result<String, String> {
        Err("no files here".into())
    }
}

pub(crate) fn plan(text: &str) -> Plan {
    let source = Source::new("book.yml", text);
    let (runbook, problems) = read(&source);
    assert!(problems.is_empty(), "{problems:?}");
    let runbook = runbook.expect("a runbook");
    let request = Request {
        source,
        runbook,
        given: BTreeMap::new(),
        target: None,
        target_source: None,
        library: &Alone,
        around: Default::default(),
        policies: Default::default(),
    };
    build(request).unwrap_or_else(|problems| panic!("{problems:?}"))
}

impl Hours {
    pub(crate) fn of(text: &str, script: impl Fn(&str, u64) -> ReadValue + 'static) -> Hours {
        let plan = Arc::new(plan(text));
        let began_us = 1_767_225_600_000_000;
        let mut hours = Hours {
            state: State::new(plan.clone()),
            plan,
            events: Vec::new(),
            now: Timestamp { wall_us: began_us, run_us: 0 },
            began_us,
            script: Box::new(script),
            working: Vec::new(),
            endless: "endless",
            cancelled: false,
            reading_us: 0,
            jitter: 1,
            stamped_us: None,
            unanswered: "unanswered",
        };
        hours.commit(Event::RunStarted(RunStarted {
            run: "r".into(),
            runbook: "book".into(),
            title: "Book".into(),
            target: None,
            plan_sha256: "0".into(),
            operator: "ana".into(),
            host: "here".into(),
            started: "2026-01-01T00:00:00Z".into(),
            tool: "0".into(),
            dir: None,
            override_window: None,
            operator_key: None,
        }));
        hours
    }

    /// Other milliseconds by which looks are late, and by which reading takes longer.
    pub(crate) fn seeded(mut self, seed: u64) -> Hours {
        self.jitter = seed;
        self
    }

    /// Some milliseconds, as the machine has them.
    fn moment(&mut self) -> u64 {
        self.jitter = self.jitter.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.jitter >> 33) % 6_000
    }

    fn commit(&mut self, event: Event) {
        if matches!(&event, Event::StepStarted(step) if matches!(step.action, Action::Sample(_))) {
            // From the decision to look until it is written and the queries go out.
            let late_us = self.moment();
            self.pass(late_us);
        }
        apply(&mut self.state, &event).unwrap_or_else(|wrong| panic!("{wrong}: {event:?}"));
        if matches!(event, Event::StepStarted(_)) {
            self.working.push(self.events.len());
        }
        if matches!(event, Event::Ruled { .. }) {
            self.cancelled = true;
        }
        self.events.push((self.now, event));
    }

    /// Goes on for this long, or until the run is over or a person is asked.
    pub(crate) fn go(&mut self, for_us: u64) -> &mut Hours {
        let until = self.now.run_us + for_us;
        loop {
            while let Some(event) = next(&self.state, self.now) {
                self.commit(event);
            }
            if self.state.is_over() {
                return self;
            }
            if let Some(at) = self.working.iter().position(|step| self.ends(self.step(*step))) {
                let looks = matches!(self.step(self.working[at]).action, Action::Sample(_));
                let took_us = if looks { self.reading_us + self.moment() } else { 0 };
                self.pass(took_us);
                let input = self.answer_of(self.step(self.working[at]), took_us);
                self.working.remove(at);
                if looks {
                    // From the answer until it is written.
                    let late_us = self.moment() / 4;
                    self.pass(late_us);
                }
                self.input(input);
                continue;
            }
            let (run, wall) = self.state.deadlines();
            let to_run = run.map(|at| at.saturating_sub(self.now.run_us));
            let to_wall = wall.map(|at| (at - self.now.wall_us).max(0) as u64);
            let Some(jump) = [to_run, to_wall].into_iter().flatten().min() else { return self };
            if self.now.run_us + jump > until {
                self.pass(until.saturating_sub(self.now.run_us));
                return self;
            }
            assert!(jump > 0, "it is to be woken at {} at once, and does nothing then", self.now.run_us);
            self.pass(jump);
        }
    }

    pub(crate) fn pass(&mut self, us: u64) {
        self.now.run_us += us;
        self.now.wall_us += us as i64;
    }

    fn step(&self, at: usize) -> &StepStarted {
        match &self.events[at].1 {
            Event::StepStarted(started) => started,
            other => panic!("{other:?} is no step"),
        }
    }

    fn ends(&self, step: &StepStarted) -> bool {
        !step.path.ends_with(self.endless) || self.cancelled
    }

    fn answer_of(&self, step: &StepStarted, took_us: u64) -> Input {
        let endless = step.path.ends_with(self.endless);
        let done = match &step.action {
            Action::Sample(sample) => {
                Done { readings: self.readings(sample), changed: Some(false), duration_us: took_us, ..Done::default() }
            }
            Action::Http(_) if step.path.contains(self.unanswered) => {
                Done { ended: Ended::TimedOut, duration_us: SECOND, ..Done::default() }
            }
            Action::Http(request) => Done {
                http: Some(HttpAnswer { status: 200, headers: Vec::new(), url: request.url.clone() }),
                duration_us: 5_000,
                changed: Some(false),
                ..Done::default()
            },
            _ if endless => Done { ended: Ended::Cancelled, ..Done::default() },
            _ => Done { ended: Ended::Exit(0), ..Done::default() },
        };
        Input::Done { path: step.path.clone(), attempt: step.attempt, done }
    }

    fn readings(&self, sample: &SampleAction) -> Vec<Reading> {
        let seconds = ((self.now.wall_us - self.began_us) / 1_000_000) as u64;
        let read =
            |name: &String| Reading { name: name.clone(), value: (self.script)(name, seconds), at_us: self.stamped_us };
        sample.queries.iter().map(|query| read(&query.name)).collect()
    }

    fn input(&mut self, input: Input) {
        let event = accept(&self.state, input).expect("the input fits");
        self.commit(event);
    }

    /// Forgets what has happened so far, and says how many looks that were.
    pub(crate) fn forget(&mut self) -> usize {
        assert!(self.working.is_empty() || self.state.is_over(), "what is at work stands in the events");
        let looks = self.happened(|event| matches!(event, Event::Looked { .. }));
        self.events.clear();
        looks
    }

    /// How much the run remembers, whatever it is.
    pub(crate) fn remembers(&self) -> usize {
        format!("{:?}{:?}", self.state.insts, self.state.scopes).len()
    }

    /// Somebody sets the clock of the machine.
    pub(crate) fn set_clock(&mut self, by_us: i64) -> &mut Hours {
        self.now.wall_us += by_us;
        self
    }

    /// The driver learns something.
    pub(crate) fn tell(&mut self, input: Input) -> &mut Hours {
        self.input(input);
        self
    }

    pub(crate) fn answer(&mut self, path: &str, answer: Answer) -> &mut Hours {
        let (by, reason) = ("bob".to_string(), Some("I looked".to_string()));
        self.input(Input::Answer {
            path: path.into(),
            answer,
            by,
            reason,
            evidence: Default::default(),
            backing: Default::default(),
        });
        self
    }

    /// A press of Ctrl-C.
    pub(crate) fn interrupt(&mut self) -> &mut Hours {
        self.input(Input::Interrupt);
        self
    }

    /// The tool dies, nobody is there for a while, somebody takes over.
    pub(crate) fn killed_for(&mut self, away_us: u64) -> &mut Hours {
        self.taken_over(away_us, None)
    }

    /// The same, and perhaps somebody says why it may go on outside its window.
    pub(crate) fn taken_over(&mut self, away_us: u64, override_window: Option<&str>) -> &mut Hours {
        let mut state = State::new(self.plan.clone());
        for (_, event) in &self.events {
            apply(&mut state, event).expect("what was written can be read again");
        }
        (self.state, self.working) = (state, Vec::new());
        self.now.wall_us += away_us as i64;
        let override_window = override_window.map(String::from);
        let mut event = accept(&self.state, Input::Resume { by: "eve".into(), override_window, key: None })
            .expect("it can be resumed");
        if let Event::Resumed { override_window: Some(_), override_us, .. } = &mut event {
            *override_us = Some(self.now.wall_us);
        }
        self.commit(event);
        self
    }

    /// Why nobody had better go on with it now.
    pub(crate) fn keeps_from_resuming(&self) -> Option<String> {
        keeps_from_resuming(&self.state, self.now.wall_us)
    }

    /// When a step or a block began, in seconds after the start of the run.
    pub(crate) fn began(&self, path: &str) -> Option<u64> {
        self.events.iter().find_map(|(at, event)| match event {
            Event::BlockStarted { path: here, .. } if here == path => Some(self.second(at)),
            Event::StepStarted(started) if started.path == path => Some(self.second(at)),
            _ => None,
        })
    }

    /// What was missed, and by how many seconds.
    pub(crate) fn missed(&self) -> Vec<(String, u64)> {
        let missed = self.events.iter().filter_map(|(_, event)| match event {
            Event::Missed { path, late_us, .. } => Some((path.clone(), late_us / 1_000_000)),
            _ => None,
        });
        missed.collect()
    }

    /// The run as people see it.
    pub(crate) fn view(&self) -> View {
        View::of(self.plan.clone(), &self.events).expect("what was written can be read again")
    }

    /// Why a step or a block ended as it did.
    pub(crate) fn reason(&self, path: &str) -> String {
        self.state.inst(path).and_then(|inst| inst.reason.clone()).unwrap_or_default()
    }

    /// How a step or a block ended.
    pub(crate) fn verdict(&self, path: &str) -> Option<Verdict> {
        self.state.inst(path).and_then(|inst| inst.verdict)
    }

    /// The driver asks whether it may leave.
    pub(crate) fn leaves(&self) -> Option<Event> {
        accept(&self.state, Input::NothingToDo { now_wall_us: self.now.wall_us })
    }

    fn second(&self, at: &Timestamp) -> u64 {
        ((at.wall_us - self.began_us) / 1_000_000) as u64
    }

    /// The rulings of a table as it changed its mind: seconds and ruling.
    pub(crate) fn rulings(&self, path: &str) -> Vec<(u64, Ruling)> {
        let mut said: Vec<(u64, Ruling)> = Vec::new();
        for (at, event) in &self.events {
            if let Event::Looked { path: here, ruling, .. } = event
                && here == path
                && said.last().is_none_or(|(_, last)| last != ruling)
            {
                said.push((((at.wall_us - self.began_us) / 1_000_000) as u64, *ruling));
            }
        }
        said
    }

    /// When a table ended the run, in seconds, and what it said.
    pub(crate) fn ruled(&self) -> Option<(u64, String)> {
        self.events.iter().find_map(|(at, event)| match event {
            Event::Ruled { reason, .. } => Some((((at.wall_us - self.began_us) / 1_000_000) as u64, reason.clone())),
            _ => None,
        })
    }

    pub(crate) fn outcome(&self) -> Option<runbook::machine::event::Outcome> {
        self.state.outcome
    }

    pub(crate) fn questions(&self) -> Vec<String> {
        self.state.questions().iter().map(|asked| asked.path.clone()).collect()
    }

    pub(crate) fn happened(&self, found: impl Fn(&Event) -> bool) -> usize {
        self.events.iter().filter(|(_, event)| found(event)).count()
    }
}

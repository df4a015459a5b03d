//! Plans by hand, in few words.

use crate::decide::Direction;
use crate::plan::model::*;
use crate::runbook::model::{Effect, OnFailure, Repeat, Severity};
use serde_json::{Map, Value};

/// A node to be, with its members.
pub(super) struct Piece {
    id: String,
    when: Option<String>,
    effect: Effect,
    severity: Severity,
    on_failure: Option<OnFailure>,
    kind: Kind,
}

enum Kind {
    Task(Box<Task>, Option<Box<Piece>>, Option<Box<Piece>>),
    Sequence(Vec<Piece>),
    Parallel(Vec<Piece>, Option<u32>, bool),
    Each(Items, u32, bool, Vec<Piece>),
    Run(Vec<Piece>, Vec<Piece>, Vec<(&'static str, &'static str)>),
    Plain(NodeKind),
}

pub(super) fn t(text: &str) -> Template {
    Template { text: text.into(), at: "book.yml:1".into() }
}

fn piece(id: &str, kind: Kind) -> Piece {
    Piece { id: id.into(), when: None, effect: Effect::Change, severity: Severity::Fail, on_failure: None, kind }
}

/// A step that changes something and cannot be taken back.
pub(super) fn step(id: &str) -> Piece {
    let task = Task::of(Act::Shell(t("do it")), Repeat::Once);
    piece(id, Kind::Task(Box::new(task), None, None))
}

/// A step with an undo.
pub(super) fn change(id: &str) -> Piece {
    step(id).undo(step("undo"))
}

pub(super) fn seq(id: &str, members: Vec<Piece>) -> Piece {
    piece(id, Kind::Sequence(members))
}

pub(super) fn parallel(id: &str, members: Vec<Piece>) -> Piece {
    piece(id, Kind::Parallel(members, None, false))
}

pub(super) fn each(id: &str, items: &[&str], body: Vec<Piece>) -> Piece {
    let items = Items::Known(items.iter().map(|i| Value::from(*i)).collect());
    piece(id, Kind::Each(items, 1, false, body))
}

pub(super) fn each_of(id: &str, list: &str, body: Vec<Piece>) -> Piece {
    piece(id, Kind::Each(Items::Later(t(list)), 1, false, body))
}

pub(super) fn include(id: &str, body: Vec<Piece>, always: Vec<Piece>) -> Piece {
    piece(id, Kind::Run(body, always, Vec::new()))
}

pub(super) fn checkpoint(id: &str, timeout: Option<&str>) -> Piece {
    piece(
        id,
        Kind::Plain(NodeKind::Checkpoint {
            title: t("Go?"),
            show: Vec::new(),
            timeout: timeout.map(t),
            gate: Default::default(),
        }),
    )
}

pub(super) fn manual(id: &str, evidence: &[(&str, bool)]) -> Piece {
    let evidence = evidence.iter().map(|(n, r)| (n.to_string(), *r)).collect();
    piece(id, Kind::Plain(NodeKind::Manual { words: t("Do it by hand"), evidence }))
}

pub(super) fn watch(id: &str, log: &str) -> Piece {
    let source = WatchSource::File(t(log));
    let watch =
        Watch { source, time_us: 1_000_000, since: None, must: Vec::new(), must_not: Vec::new(), new_patterns: None };
    Piece { effect: Effect::Read, ..piece(id, Kind::Plain(NodeKind::Watch(Box::new(watch)))) }
}

pub(super) fn wait(id: &str, time: &str) -> Piece {
    piece(id, Kind::Plain(NodeKind::Wait(t(time))))
}

pub(super) fn set(id: &str, name: &str, expression: &str) -> Piece {
    piece(id, Kind::Plain(NodeKind::Set(vec![(name.into(), t(expression))])))
}

impl Piece {
    fn task(mut self, change: impl FnOnce(&mut Task)) -> Piece {
        if let Kind::Task(task, ..) = &mut self.kind {
            change(task);
        }
        self
    }
    pub(super) fn act(self, script: &str) -> Piece {
        self.task(|task| task.act = Act::Shell(t(script)))
    }
    pub(super) fn exec(self, argv: &[&str]) -> Piece {
        self.task(|task| task.act = Act::Exec(argv.iter().map(|a| t(a)).collect()))
    }
    pub(super) fn undo(mut self, undo: Piece) -> Piece {
        if let Kind::Task(_, slot, _) = &mut self.kind {
            *slot = Some(Box::new(undo));
        }
        self
    }
    pub(super) fn probe(mut self) -> Piece {
        if let Kind::Task(task, _, slot) = &mut self.kind {
            task.repeat = Repeat::Probe;
            *slot = Some(Box::new(step("probe").read()));
        }
        self
    }
    pub(super) fn repeat(self, repeat: Repeat) -> Piece {
        self.task(|task| task.repeat = repeat)
    }
    pub(super) fn read(mut self) -> Piece {
        self.effect = Effect::Read;
        self.repeat(Repeat::Safe)
    }
    pub(super) fn retry(self, attempts: u32, wait: &str, factor: u64) -> Piece {
        self.task(|task| {
            task.retry = Some(Retry { attempts, wait: t(wait), factor_milli: factor * 1000, max_wait: None });
        })
    }
    pub(super) fn poll(self, every: &str, max: &str, successes: u32) -> Piece {
        self.task(|task| task.poll = Some(Poll { every: t(every), max: t(max), successes, trend: None }))
    }

    /// Of a step that is sampled.
    pub(super) fn trend(self, of: &str, is: Direction) -> Piece {
        self.task(|task| task.poll.as_mut().expect("it is sampled").trend = Some(Trend { of: t(of), is }))
    }
    pub(super) fn env(self, name: &str, value: &str) -> Piece {
        self.task(|task| task.env.push((name.into(), t(value))))
    }
    pub(super) fn save(self, name: &str, expression: &str) -> Piece {
        self.task(|task| task.save.push((name.into(), t(expression))))
    }
    pub(super) fn expect(self, condition: &str) -> Piece {
        self.task(|task| task.expect.push(t(condition)))
    }
    pub(super) fn when(mut self, condition: &str) -> Piece {
        self.when = Some(condition.into());
        self
    }
    pub(super) fn warn(mut self) -> Piece {
        self.severity = Severity::Warn;
        self
    }
    pub(super) fn on_failure(mut self, policy: OnFailure) -> Piece {
        self.on_failure = Some(policy);
        self
    }
    pub(super) fn cap(mut self, most: u32) -> Piece {
        match &mut self.kind {
            Kind::Parallel(_, max, _) => *max = Some(most),
            Kind::Each(_, parallel, ..) => *parallel = most,
            _ => {}
        }
        self
    }
    pub(super) fn collect(mut self) -> Piece {
        if let Kind::Parallel(_, _, collect) | Kind::Each(_, _, collect, _) = &mut self.kind {
            *collect = true;
        }
        self
    }
    pub(super) fn output(mut self, name: &'static str, expression: &'static str) -> Piece {
        if let Kind::Run(_, _, outputs) = &mut self.kind {
            outputs.push((name, expression));
        }
        self
    }
}

/// A plan of one phase `p` with these steps.
pub(super) struct Book {
    plan: Plan,
}

impl Book {
    pub(super) fn new(steps: Vec<Piece>) -> Book {
        let scope = |name: &str| Scope { runbook: name.into(), inputs: Vec::new() };
        let mut book = Book {
            plan: Plan {
                format: FORMAT.into(),
                name: "book".into(),
                title: None,
                target: None,
                scopes: vec![scope("book")],
                nodes: Vec::new(),
                forward: 0,
                always: None,
                rollback: None,
                on_failure: OnFailure::Stop,
                secrets: Map::new(),
                metrics: Vec::new(),
                schedule: Default::default(),
                waivers: Vec::new(),
                lock: None,
                sources: Vec::new(),
                policies: Vec::new(),
                called: Vec::new(),
            },
        };
        book.plan.forward = book.add(seq("", vec![seq("p", steps)]), 0);
        book
    }
    pub(super) fn always(mut self, steps: Vec<Piece>) -> Book {
        self.plan.always = Some(self.add(seq("always", steps), 0));
        self
    }
    pub(super) fn rollback(mut self, steps: Vec<Piece>) -> Book {
        self.plan.rollback = Some(self.add(seq("rollback", steps), 0));
        self.backing_out()
    }
    pub(super) fn lock(mut self, name: &str) -> Book {
        self.plan.lock = Some(Lock { name: name.into(), dir: None });
        self
    }
    pub(super) fn backing_out(self) -> Book {
        self.policy(OnFailure::Rollback)
    }
    pub(super) fn policy(mut self, policy: OnFailure) -> Book {
        self.plan.on_failure = policy;
        self
    }
    pub(super) fn input(mut self, name: &str, kind: crate::runbook::model::InputKind, value: Value) -> Book {
        let value = Binding::Known(value);
        self.plan.scopes[0].inputs.push(InputBinding { name: name.into(), kind, value, origin: "-i".into() });
        self
    }
    pub(super) fn plan(self) -> Plan {
        self.plan
    }

    fn add_all(&mut self, pieces: Vec<Piece>, scope: usize) -> Vec<NodeId> {
        pieces.into_iter().map(|p| self.add(p, scope)).collect()
    }

    fn add(&mut self, piece: Piece, scope: usize) -> NodeId {
        let kind = match piece.kind {
            Kind::Task(mut task, undo, probe) => {
                task.undo = undo.map(|u| Undo::Task(self.add(*u, scope)));
                task.done_when = probe.map(|p| self.add(*p, scope));
                NodeKind::Task(task)
            }
            Kind::Sequence(members) => NodeKind::Sequence(self.add_all(members, scope)),
            Kind::Parallel(members, max, collect) => {
                NodeKind::Parallel { children: self.add_all(members, scope), max, collect }
            }
            Kind::Each(items, parallel, collect, body) => {
                let body = self.add(seq("item", body), scope);
                let max = matches!(items, Items::Later(_)).then_some(10);
                let each = ForEach { items, name: "item".into(), key: None, max, parallel, collect, body };
                NodeKind::ForEach(Box::new(each))
            }
            Kind::Run(body, always, outputs) => {
                self.plan.scopes.push(Scope { runbook: piece.id.clone(), inputs: Vec::new() });
                let inner = self.plan.scopes.len() - 1;
                let body = self.add(seq("", body), inner);
                let always = (!always.is_empty()).then(|| self.add(seq("always", always), inner));
                let outputs = outputs.into_iter().map(|(n, e)| (n.to_string(), t(e))).collect();
                NodeKind::Run { body, always, inner, outputs }
            }
            Kind::Plain(kind) => kind,
        };
        self.plan.nodes.push(Node {
            id: piece.id,
            title: None,
            note: None,
            at: "book.yml:1".into(),
            scope,
            when: piece.when.as_deref().map(t),
            effect: piece.effect,
            severity: piece.severity,
            on_failure: piece.on_failure,
            estimate_s: None,
            goal: None,
            marks: Default::default(),
            guards: None,
            kind,
        });
        self.plan.nodes.len() - 1
    }
}

/// What a GO takes.
pub(super) fn gate(roles: &[(&str, u32, &[&str])], phrase: Option<&str>, good_for: Option<&str>) -> Gate {
    let named = |list: &[&str]| list.iter().map(|who| who.to_string()).collect();
    Gate {
        roles: roles.iter().map(|(role, count, _)| (role.to_string(), *count)).collect(),
        people: roles.iter().map(|(role, _, people)| (role.to_string(), named(people))).collect(),
        phrase: phrase.map(String::from),
        good_for_us: good_for.and_then(crate::plan::units::duration_us),
        reference: false,
    }
}

pub(super) fn gated(id: &str, gate: Gate) -> Piece {
    piece(id, Kind::Plain(NodeKind::Checkpoint { title: t("Go?"), show: Vec::new(), timeout: None, gate }))
}

impl Book {
    pub(super) fn waiver(mut self, step: &str, person: &str, until: &str) -> Book {
        let reason = "CHG-7".to_string();
        self.plan.waivers.push(Waiver { step: step.into(), person: person.into(), reason, until: until.into() });
        self
    }

    /// Further phases after the first.
    pub(super) fn phase(mut self, id: &str, steps: Vec<Piece>) -> Book {
        let phase = self.add(seq(id, steps), 0);
        if let NodeKind::Sequence(phases) = &mut self.plan.nodes[self.plan.forward].kind {
            phases.push(phase);
        }
        self
    }

    /// A window that is only open in the night, UTC, and what overriding it takes.
    pub(super) fn nightly(mut self, second: Option<Gate>) -> Book {
        let span = Span {
            text: "01:00-02:00 UTC".into(),
            days: (0..7).collect(),
            from_min: 60,
            to_min: 120,
            zone: "UTC".into(),
        };
        let second_look = second.map(|gate| self.add(gated("window", gate), 0));
        let window =
            Window { allow: vec![span], forbid: Vec::new(), must_end_inside: false, exempt: Vec::new(), second_look };
        self.plan.schedule.window = Some(window);
        self
    }
}

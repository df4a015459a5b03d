//! Random plans. Every construct of the language that the machine knows can appear, nested up to three deep.

use crate::rng::Rng;
use runbook::decide::Direction;
use runbook::plan::model::*;
use runbook::runbook::model::{Effect, OnFailure, Repeat, Severity};
use serde_json::{Map, Value};

/// The plan of a seed.
pub(crate) fn plan(rng: &mut Rng) -> Plan {
    let mut maker = Maker { rng, nodes: Vec::new(), scopes: vec![scope("sim")], known: vec![Vec::new()], count: 0 };
    let phases = 1 + maker.rng.below(3);
    let phases = (0..phases).map(|_| maker.sequence(0, 0, true)).collect();
    let forward = maker.push("".into(), 0, NodeKind::Sequence(phases));
    let always = maker.rng.chance(60).then(|| maker.late("always"));
    let rollback = maker.rng.chance(15).then(|| maker.late("rollback"));
    let on_failure = maker.rng.pick(&[OnFailure::Stop, OnFailure::Rollback, OnFailure::Rollback, OnFailure::Ask]);
    Plan {
        format: FORMAT.into(),
        name: "sim".into(),
        title: None,
        target: None,
        scopes: maker.scopes,
        nodes: maker.nodes,
        forward,
        always,
        rollback,
        on_failure,
        secrets: Map::new(),
        metrics: Vec::new(),
        schedule: Default::default(),
        waivers: Vec::new(),
        lock: Some(Lock { name: "sim".into(), dir: None }),
        sources: Vec::new(),
        policies: Vec::new(),
        called: Vec::new(),
    }
}

struct Maker<'r> {
    rng: &'r mut Rng,
    nodes: Vec<Node>,
    scopes: Vec<Scope>,
    /// Per scope, the names that later templates may read.
    known: Vec<Vec<String>>,
    count: usize,
}

fn scope(name: &str) -> Scope {
    Scope { runbook: name.into(), inputs: Vec::new() }
}

fn t(text: impl Into<String>) -> Template {
    Template { text: text.into(), at: "sim.yml:1".into() }
}

impl Maker<'_> {
    fn id(&mut self) -> String {
        self.count += 1;
        format!("n{}", self.count)
    }

    fn push(&mut self, id: String, scope: usize, kind: NodeKind) -> NodeId {
        self.nodes.push(Node {
            id,
            title: None,
            note: None,
            at: "sim.yml:1".into(),
            scope,
            when: None,
            effect: Effect::Change,
            severity: Severity::Fail,
            on_failure: None,
            estimate_s: None,
            goal: None,
            marks: Default::default(),
            guards: None,
            kind,
        });
        self.nodes.len() - 1
    }

    /// A phase, or the steps of an item or an included runbook. `open`: others may read the values saved in it.
    fn sequence(&mut self, depth: usize, scope: usize, open: bool) -> NodeId {
        let id = self.id();
        let members = 1 + self.rng.below(if depth == 0 { 4 } else { 3 });
        let members = (0..members).map(|_| self.step(depth, scope, open)).collect();
        self.push(id, scope, NodeKind::Sequence(members))
    }

    /// The steps of `always` or of a rollback list.
    fn late(&mut self, name: &str) -> NodeId {
        let members = 1 + self.rng.below(3);
        let members = (0..members).map(|_| self.step(2, 0, false)).collect();
        self.push(name.into(), 0, NodeKind::Sequence(members))
    }

    fn step(&mut self, depth: usize, scope: usize, open: bool) -> NodeId {
        let id = self.id();
        let when = if self.rng.chance(12) { self.read(scope).map(|name| t(format!("{name} == 'yes'"))) } else { None };
        let block = depth < 3 && self.rng.chance(if depth == 0 { 30 } else { 22 });
        let kind = if block { self.block(depth, scope, open) } else { self.leaf(scope) };
        let saves = match &kind {
            NodeKind::Task(task) => !task.save.is_empty(),
            NodeKind::Run { outputs, .. } => !outputs.is_empty(),
            _ => false,
        };
        if open && saves {
            self.known[scope].push(format!("steps.{id}.flag"));
        }
        if let (NodeKind::Set(values), true) = (&kind, open) {
            self.known[scope].push(format!("vars.{}", values[0].0));
        }
        let node = self.push(id, scope, kind);
        self.nodes[node].when = when;
        if self.rng.chance(8) {
            self.nodes[node].severity = Severity::Warn;
        }
        if self.rng.chance(18) {
            let all = [OnFailure::Stop, OnFailure::Ask, OnFailure::Rollback, OnFailure::Continue];
            self.nodes[node].on_failure = Some(self.rng.pick(&all));
        }
        let looks = matches!(&self.nodes[node].kind, NodeKind::Task(task) if task.undo.is_none());
        if looks && self.rng.chance(30) {
            self.nodes[node].effect = Effect::Read;
        }
        node
    }

    fn block(&mut self, depth: usize, scope: usize, open: bool) -> NodeKind {
        match self.rng.below(10) {
            0..=2 => {
                let members = 2 + self.rng.below(3);
                let children = (0..members).map(|_| self.step(depth + 1, scope, open)).collect();
                let max = if self.rng.chance(50) { Some(1 + self.rng.below(3) as u32) } else { None };
                NodeKind::Parallel { children, max, collect: self.rng.chance(40) }
            }
            3..=5 => self.for_each(depth, scope),
            6..=7 => {
                let members = 1 + self.rng.below(3);
                NodeKind::Sequence((0..members).map(|_| self.step(depth + 1, scope, open)).collect())
            }
            _ => self.include(depth),
        }
    }

    fn for_each(&mut self, depth: usize, scope: usize) -> NodeKind {
        let all = ["a", "b", "b", "7", "c d"];
        let some = |n: usize| all[..n].iter().map(|i| Value::from(*i)).collect::<Vec<_>>();
        let items = match (self.rng.chance(30), self.read(scope)) {
            (true, Some(name)) => Items::Later(t(format!("{{{{ ['a', 'b'] if {name} == 'yes' else [] }}}}"))),
            _ => Items::Known(some(if self.rng.chance(8) { 0 } else { 1 + self.rng.below(4) })),
        };
        let body = self.sequence(depth + 1, scope, false);
        NodeKind::ForEach(Box::new(ForEach {
            items,
            name: "item".into(),
            key: None,
            max: Some(10),
            parallel: 1 + self.rng.below(3) as u32,
            collect: self.rng.chance(40),
            body,
        }))
    }

    fn include(&mut self, depth: usize) -> NodeKind {
        self.scopes.push(scope("inner"));
        self.known.push(Vec::new());
        let inner = self.scopes.len() - 1;
        let body = self.sequence(depth + 1, inner, true);
        let outputs = if self.rng.chance(50) { self.read(inner) } else { None };
        let outputs = outputs.map(|name| vec![("flag".to_string(), t(name))]).unwrap_or_default();
        let always = self.rng.chance(50).then(|| {
            let members = (0..1 + self.rng.below(2)).map(|_| self.step(3, inner, false)).collect();
            self.push("always".into(), inner, NodeKind::Sequence(members))
        });
        NodeKind::Run { body, always, inner, outputs }
    }

    fn leaf(&mut self, scope: usize) -> NodeKind {
        match self.rng.below(20) {
            0..=13 => NodeKind::Task(Box::new(self.task(scope))),
            14 => {
                let evidence = if self.rng.chance(30) { vec![("link".to_string(), true)] } else { Vec::new() };
                NodeKind::Manual { words: t("by hand"), evidence }
            }
            15 | 16 => {
                let timeout = self.rng.chance(60).then(|| t("10m"));
                NodeKind::Checkpoint { title: t("go?"), show: Vec::new(), timeout, gate: crate::gates::gate(self.rng) }
            }
            17 => NodeKind::Wait(t("30s")),
            _ => {
                self.count += 1;
                let value = self.read(scope).unwrap_or_else(|| "'yes'".into());
                NodeKind::Set(vec![(format!("v{}", self.count), t(value))])
            }
        }
    }

    fn task(&mut self, scope: usize) -> Task {
        let mut task = self.bare();
        if self.rng.chance(10)
            && let Some(name) = self.read(scope)
        {
            task.act = Act::Exec(vec![t("use"), t(format!("{{{{ {name} }}}}"))]);
        }
        match self.rng.below(10) {
            0 | 1 => task.retry = Some(self.retry()),
            2 => {
                let successes = 1 + self.rng.below(2) as u32;
                let trend = (successes > 1).then(|| Trend { of: t("duration"), is: Direction::Steady });
                task.poll = Some(Poll { every: t("2s"), max: t("9s"), successes, trend });
            }
            _ => {}
        }
        if self.rng.chance(12) {
            task.exit = vec![0, 3];
        }
        if self.rng.chance(20) {
            task.expect.push(t("stdout == 'yes'"));
        }
        if self.rng.chance(35) {
            task.save.push(("flag".into(), t("stdout")));
        }
        task.repeat = self.rng.pick(&[Repeat::Safe, Repeat::Once, Repeat::Once, Repeat::Probe]);
        if task.repeat == Repeat::Probe && self.rng.chance(90) {
            let probe = self.bare();
            task.done_when = Some(self.push("done_when".into(), scope, NodeKind::Task(Box::new(probe))));
        }
        match self.rng.below(10) {
            0..=5 => {
                let mut undo = self.bare();
                undo.retry = self.rng.chance(25).then(|| self.retry());
                undo.repeat = self.rng.pick(&[Repeat::Safe, Repeat::Once, Repeat::Probe]);
                task.undo = Some(Undo::Task(self.push("undo".into(), scope, NodeKind::Task(Box::new(undo)))));
            }
            6 => task.undo = Some(Undo::None("nothing stays".into())),
            _ => {}
        }
        task
    }

    fn bare(&mut self) -> Task {
        Task {
            act: Act::Shell(t("act")),
            env: Vec::new(),
            dir: None,
            stdin: None,
            secret_files: Vec::new(),
            exit: Vec::new(),
            timeout: None,
            retry: None,
            poll: None,
            expect: Vec::new(),
            save: Vec::new(),
            undo: None,
            repeat: Repeat::Safe,
            done_when: None,
        }
    }

    fn retry(&mut self) -> Retry {
        let factor_milli = self.rng.pick(&[1000, 2000]);
        Retry { attempts: 2 + self.rng.below(2) as u32, wait: t("1s"), factor_milli, max_wait: None }
    }

    /// A name that an earlier step of the scope may have given a value.
    fn read(&mut self, scope: usize) -> Option<String> {
        let known = &self.known[scope];
        if known.is_empty() { None } else { Some(known[self.rng.below(known.len())].clone()) }
    }
}

//! What rules look at: the blocks of a runbook in the order they run, and every text with the names it reads.

use super::Includes;
use super::included::{Included, Library};
use super::uses::{Results, Role, Use, parse};
use crate::runbook::model::{
    Checkpoint, ExecArgs, FileChange, Http, HttpBody, Kind, Marks, Phase, Rollback, Runbook, Step, Table, Text, Tree,
    Undo, Wait,
};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

mod looks;
mod tables;

/// The facts about one runbook.
pub(crate) struct Facts<'r> {
    pub(crate) runbook: &'r Runbook,
    pub(crate) blocks: Vec<Block<'r>>,
    pub(crate) scopes: Vec<Scope<'r>>,
    pub(crate) uses: Vec<Use<'r>>,
    /// The first block with each step id.
    pub(crate) by_id: BTreeMap<&'r str, usize>,
    /// The use that is the `when` of a block.
    pub(crate) whens: BTreeMap<usize, usize>,
    /// Included runbooks by the block of their `run` step.
    pub(crate) included: BTreeMap<usize, Included>,
    /// All runbooks that run inside this one, however deep, each with the block of the first `run` step that leads to it.
    pub(crate) inside: Vec<(usize, Rc<Runbook>)>,
    /// Decision tables with the blocks they belong to.
    pub(crate) tables: Vec<(usize, &'r Table)>,
    /// Metrics that tables name, and those behind them.
    pub(crate) named: BTreeSet<&'r str>,
    /// Counts beginnings and ends of blocks.
    clock: usize,
}

/// A part of the run: a section, a phase or a step.
pub(crate) struct Block<'r> {
    pub(crate) parent: Option<usize>,
    pub(crate) step: Option<&'r Step>,
    pub(crate) when: Option<&'r Text>,
    /// The scope it stands in.
    pub(crate) scope: usize,
    /// When it ends, by a clock that follows the file.
    pub(crate) end: usize,
    pub(crate) section: Section,
}

/// The top parts of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    Forward,
    Rollback,
    Always,
}

/// A scope of names: the runbook, or the items of a `for_each`.
pub(crate) struct Scope<'r> {
    pub(crate) parent: Option<usize>,
    /// Name of the item.
    pub(crate) item: Option<&'r str>,
    /// What the item has, where that is fixed.
    pub(crate) parts: Option<&'static [&'static str]>,
}

impl<'r> Facts<'r> {
    pub(crate) fn of(runbook: &'r Runbook, includes: &dyn Includes) -> Facts<'r> {
        let mut facts = Facts {
            runbook,
            blocks: Vec::new(),
            scopes: vec![Scope { parent: None, item: None, parts: None }],
            uses: Vec::new(),
            by_id: BTreeMap::new(),
            whens: BTreeMap::new(),
            included: BTreeMap::new(),
            inside: Vec::new(),
            tables: Vec::new(),
            named: BTreeSet::new(),
            clock: 0,
        };
        facts.walk();
        let top = &runbook.place.source;
        let (library, mut seen) = (Library::new(includes, top), BTreeSet::new());
        for (at, block) in facts.blocks.iter().enumerate() {
            let Some(Step { kind: Kind::Run(run), .. }) = block.step else { continue };
            let Some(included) = library.open(&run.runbook) else { continue };
            if let Included::Sound(_) = included {
                facts.inside.extend(library.inside(top, &run.runbook, &mut seen).into_iter().map(|book| (at, book)));
            }
            facts.included.insert(at, included);
        }
        facts
    }

    /// A block and the blocks around it, inside out.
    pub(crate) fn chain(&self, block: usize) -> impl Iterator<Item = usize> + '_ {
        std::iter::successors(Some(block), |at| self.blocks[*at].parent)
    }

    /// A scope and the scopes around it, inside out.
    pub(crate) fn scopes_from(&self, scope: usize) -> impl Iterator<Item = usize> + '_ {
        std::iter::successors(Some(scope), |at| self.scopes[*at].parent)
    }

    /// All steps with their blocks.
    pub(crate) fn steps(&self) -> impl Iterator<Item = (usize, &'r Step)> + '_ {
        self.blocks.iter().enumerate().filter_map(|(at, block)| Some((at, block.step?)))
    }

    fn walk(&mut self) {
        let book = self.runbook;
        let forward = self.open(None, None, None, 0, Section::Forward);
        for prose in [&book.title, &book.description].into_iter().flatten() {
            self.add(forward, 0, "title", Role::Prose, Results::Nothing, prose);
        }
        for help in book.inputs.iter().filter_map(|input| input.help.as_ref()) {
            self.add(forward, 0, "help", Role::Prose, Results::Nothing, help);
        }
        if let Some(time) = book.anchor.as_ref().and_then(|anchor| anchor.time.as_ref()) {
            self.add(forward, 0, "time", Role::Template, Results::Nothing, time);
        }
        self.add_some(forward, 0, "lock", Role::Template, &book.lock);
        if let Some(guards) = &book.guards {
            self.table(guards, forward, 0);
        }
        for phase in &book.phases {
            self.phase(phase, forward);
        }
        self.unnamed_metrics(forward);
        self.close(forward);
        for (_, text) in &book.outputs {
            self.add(forward, 0, "outputs", Role::Expression, Results::Nothing, text);
        }
        if let Rollback::Steps(steps) = &book.rollback {
            self.section(steps, Section::Rollback);
        }
        self.section(&book.always, Section::Always);
    }

    fn section(&mut self, steps: &'r [Step], section: Section) {
        let at = self.open(None, None, None, 0, section);
        self.steps_of(steps, at, 0);
        self.close(at);
    }

    fn phase(&mut self, phase: &'r Phase, parent: usize) {
        let at = self.open(Some(parent), None, phase.when.as_ref(), 0, Section::Forward);
        self.add_some(at, 0, "when", Role::Condition, &phase.when);
        self.add_some(at, 0, "title", Role::Title, &phase.title);
        self.add_some(at, 0, "goal", Role::Prose, &phase.goal);
        self.marks(&phase.marks, at, 0);
        if let Some(guards) = &phase.guards {
            self.table(guards, at, 0);
        }
        self.steps_of(&phase.steps, at, 0);
        if let Some(checkpoint) = &phase.checkpoint {
            self.checkpoint(checkpoint, at, 0);
        }
        self.close(at);
    }

    fn steps_of(&mut self, steps: &'r [Step], parent: usize, scope: usize) {
        for step in steps {
            let section = self.blocks[parent].section;
            let at = self.open(Some(parent), Some(step), step.when.as_ref(), scope, section);
            self.by_id.entry(&step.id).or_insert(at);
            self.step(step, at, scope);
            self.close(at);
        }
    }

    fn step(&mut self, step: &'r Step, at: usize, scope: usize) {
        self.add_some(at, scope, "when", Role::Condition, &step.when);
        self.add_some(at, scope, "note", Role::Prose, &step.note);
        self.marks(&step.marks, at, scope);
        if let Some(guards) = &step.guards {
            self.table(guards, at, scope);
        }
        self.task(step, at, scope);
        if let Some(poll) = &step.poll {
            self.add(at, scope, "poll", Role::Template, Results::Nothing, &poll.every);
            self.add(at, scope, "poll", Role::Template, Results::Nothing, &poll.max);
            if let Some(trend) = &poll.trend {
                self.add(at, scope, "trend", Role::Expression, results(&step.kind), &trend.of);
            }
        }
        for (_, text) in &step.save {
            self.add(at, scope, "save", Role::Expression, results(&step.kind), text);
        }
        if let Some(Undo::Step(body)) = &step.undo {
            self.task(body, at, scope);
        }
        if let Some(Undo::None(reason)) = &step.undo {
            self.add(at, scope, "undo", Role::Prose, Results::Nothing, reason);
        }
        if let Some(body) = &step.done_when {
            self.task(body, at, scope);
        }
    }

    fn marks(&mut self, marks: &'r Marks, at: usize, scope: usize) {
        for mark in [&marks.at, &marks.not_after].into_iter().flatten() {
            self.add(at, scope, "at", Role::Template, Results::Nothing, &mark.text);
        }
    }

    /// What steps and bodies share.
    fn task(&mut self, step: &'r Step, at: usize, scope: usize) {
        self.add_some(at, scope, "title", Role::Title, &step.title);
        for (_, text) in &step.env {
            self.add(at, scope, "env", Role::Carrier, Results::Nothing, text);
        }
        for (_, text) in &step.secret_files {
            self.add(at, scope, "secret_files", Role::Carrier, Results::Nothing, text);
        }
        self.add_some(at, scope, "dir", Role::Template, &step.dir);
        self.add_some(at, scope, "stdin", Role::Carrier, &step.stdin);
        self.add_some(at, scope, "timeout", Role::Template, &step.timeout);
        if let Some(retry) = &step.retry {
            self.add_some(at, scope, "retry", Role::Template, &retry.wait);
            self.add_some(at, scope, "retry", Role::Template, &retry.max_wait);
        }
        for text in &step.expect {
            self.add(at, scope, "expect", Role::Condition, results(&step.kind), text);
        }
        self.kind(&step.kind, at, scope);
    }

    fn kind(&mut self, kind: &'r Kind, at: usize, scope: usize) {
        let none = Results::Nothing;
        match kind {
            Kind::Shell(script) => self.add(at, scope, "shell", Role::Script, none, script),
            Kind::Exec(ExecArgs::Expression(list)) => self.add(at, scope, "exec", Role::Template, none, list),
            Kind::Exec(ExecArgs::List(words)) => {
                words.iter().for_each(|word| self.add(at, scope, "exec", Role::Template, none, word));
            }
            Kind::Http(http) => self.http(http, at, scope),
            Kind::File(file) => {
                self.add(at, scope, "path", Role::Template, none, &file.path);
                match &file.change {
                    FileChange::Template(text) => self.add(at, scope, "template", Role::Template, none, text),
                    FileChange::Line(text) => self.add(at, scope, "line", Role::Template, none, text),
                    FileChange::Copy(text) => self.add(at, scope, "copy", Role::Template, none, text),
                    FileChange::Absent => {}
                }
                if let Some(body) = &file.activate {
                    self.task(body, at, scope);
                }
            }
            Kind::Manual(manual) => self.add(at, scope, "manual", Role::Title, none, &manual.words),
            Kind::Checkpoint(checkpoint) => self.checkpoint(checkpoint, at, scope),
            Kind::Wait(Wait::For(text)) => self.add(at, scope, "wait", Role::Template, none, text),
            Kind::Wait(Wait::Until(mark)) => self.add(at, scope, "until", Role::Template, none, &mark.text),
            Kind::Set(values) => {
                values.iter().for_each(|(_, text)| self.add(at, scope, "set", Role::Expression, none, text));
            }
            Kind::Run(run) => {
                self.add(at, scope, "runbook", Role::Template, none, &run.runbook);
                run.inputs.iter().for_each(|(_, text)| self.add(at, scope, "inputs", Role::Carrier, none, text));
            }
            Kind::Parallel(group) => self.steps_of(&group.steps, at, scope),
            Kind::ForEach(group) => {
                self.tree(&group.items, "in", at, scope);
                self.scopes.push(Scope { parent: Some(scope), item: Some(&group.name), parts: None });
                let inner = self.scopes.len() - 1;
                self.add_some(at, inner, "key", Role::Expression, &group.key);
                self.steps_of(&group.steps, at, inner);
            }
            Kind::Decide(table) => self.table(table, at, scope),
            Kind::Stages(stages) => self.stages(stages, at, scope),
            Kind::Rounds(rounds) => self.rounds(rounds, at, scope),
            Kind::Watch(watch) => self.watch(watch, at, scope),
            Kind::Hold(reason) => self.add(at, scope, "reason", Role::Title, none, reason),
            Kind::Marker(marker) => self.marker(marker, at, scope),
            Kind::Changes(changes) => self.changes(changes, at, scope),
            Kind::Scan(scan) => self.scan(scan, at, scope),
            Kind::Audit(audit) => self.audit(audit, at, scope),
        }
    }

    fn http(&mut self, http: &'r Http, at: usize, scope: usize) {
        self.add(at, scope, "url", Role::Template, Results::Nothing, &http.url);
        for (_, text) in &http.headers {
            self.add(at, scope, "headers", Role::Carrier, Results::Nothing, text);
        }
        for (_, text) in &http.query {
            self.add(at, scope, "query", Role::Template, Results::Nothing, text);
        }
        match &http.body {
            Some(HttpBody::Text(text)) => self.add(at, scope, "body", Role::Template, Results::Nothing, text),
            Some(HttpBody::Json(tree)) => self.tree(tree, "json", at, scope),
            Some(HttpBody::Form(fields)) => {
                let mut add = |text| self.add(at, scope, "form", Role::Template, Results::Nothing, text);
                fields.iter().for_each(|(_, text)| add(text));
            }
            None => {}
        }
    }

    fn tree(&mut self, tree: &'r Tree, key: &'static str, at: usize, scope: usize) {
        match tree {
            Tree::Plain(_) => {}
            Tree::Text(text) => self.add(at, scope, key, Role::Template, Results::Nothing, text),
            Tree::List(items) => items.iter().for_each(|item| self.tree(item, key, at, scope)),
            Tree::Map(entries) => entries.iter().for_each(|(_, value)| self.tree(value, key, at, scope)),
        }
    }

    fn checkpoint(&mut self, checkpoint: &'r Checkpoint, at: usize, scope: usize) {
        self.add(at, scope, "title", Role::Title, Results::Nothing, &checkpoint.title);
        for (_, text) in &checkpoint.show {
            self.add(at, scope, "show", Role::Title, Results::Nothing, text);
        }
        self.add_some(at, scope, "timeout", Role::Template, &checkpoint.timeout);
    }

    fn add_some(&mut self, block: usize, scope: usize, key: &'static str, role: Role, text: &'r Option<Text>) {
        if let Some(text) = text {
            self.add(block, scope, key, role, Results::Nothing, text);
        }
    }

    fn add(&mut self, block: usize, scope: usize, key: &'static str, role: Role, results: Results, text: &'r Text) {
        let (refs, errors, lints) = parse(&text.value, role);
        let time = self.clock;
        if key == "when" {
            self.whens.insert(block, self.uses.len());
        }
        self.uses.push(Use { text, key, role, results, block, scope, time, refs, errors, lints });
    }

    fn open(
        &mut self,
        parent: Option<usize>,
        step: Option<&'r Step>,
        when: Option<&'r Text>,
        scope: usize,
        section: Section,
    ) -> usize {
        self.clock += 1;
        self.blocks.push(Block { parent, step, when, scope, end: usize::MAX, section });
        self.blocks.len() - 1
    }

    fn close(&mut self, block: usize) {
        self.clock += 1;
        self.blocks[block].end = self.clock;
    }
}

fn results(kind: &Kind) -> Results {
    match kind {
        Kind::Shell(_) | Kind::Exec(_) => Results::Process,
        Kind::Http(_) => Results::Http,
        Kind::Changes(_) => Results::Changes,
        Kind::Scan(_) => Results::Scan,
        _ => Results::Nothing,
    }
}

//! Taking back and ending, judged: what is taken back and in which order, and what a run may be called at its end.

use crate::checker::{Checked, Judge, ensure};
use crate::tree::{Id, Item, Role, Root};
use runbook::machine::event::{CauseKind, Direction, Outcome, Then};
use runbook::runbook::model::Effect;

impl Judge<'_> {
    pub(crate) fn undo_started(&self, id: Id, first: bool) -> Checked {
        ensure(self.direction == Direction::Undo, "an undo while nothing is taken back")?;
        let owner = self.tree.items[id].owner.unwrap_or_default();
        let step = &self.tree.items[owner];
        ensure(self.tree.plan.rollback.is_none(), "an undo although there is a rollback list")?;
        ensure(step.touched, "an undo of what changed nothing")?;
        ensure(step.root == Root::Forward && !step.in_always, "an undo of what is not taken back")?;
        for other in self.to_undo().filter(|other| first && *other != owner && !self.is_undone(*other)) {
            let (block, mine, theirs) = self.fork(owner, other);
            let earlier = self.order(mine) < self.order(theirs);
            if earlier && !self.tree.is_group(block) {
                return Err(format!("`{}` finished later and is not taken back yet", self.tree.items[other].path));
            }
        }
        Ok(())
    }

    /// Steps that changed something and can be taken back.
    fn to_undo(&self) -> impl Iterator<Item = Id> + '_ {
        let items = self.tree.items.iter().enumerate();
        let items = items.filter(|(_, i)| i.touched && i.undo.is_some() && i.root == Root::Forward && !i.in_always);
        items.filter(|(_, i)| i.role == Role::Step).map(|(id, _)| id)
    }

    fn is_undone(&self, id: Id) -> bool {
        let undo = self.tree.items[id].undo.and_then(|undo| self.tree.items[undo].finished);
        undo.is_some_and(|(verdict, _)| verdict.lets_go_on())
    }

    fn undo_failed(&self, id: Id) -> bool {
        let undo = self.tree.items[id].undo.and_then(|undo| self.tree.items[undo].finished);
        undo.is_some_and(|(verdict, _)| !verdict.lets_go_on())
    }

    /// The innermost block around both, and the members of it that lead to each.
    fn fork(&self, one: Id, other: Id) -> (Id, Id, Id) {
        let (one, other) = (self.tree.line(one), self.tree.line(other));
        let common = one.iter().zip(&other).take_while(|(a, b)| a == b).count();
        (one[common - 1], one[common], other[common])
    }

    /// Order of finish; what never finished comes last.
    fn order(&self, id: Id) -> usize {
        self.tree.items[id].finished_at.unwrap_or(usize::MAX)
    }

    pub(crate) fn turned(&mut self, to: Direction) -> Checked {
        let unsettled = |i: &Item| i.running || i.doubt || i.asked.is_some() || i.scheduled.is_some();
        ensure(!self.tree.items.iter().any(unsettled), "steps are not settled")?;
        let forward = self.tree.items[0].finished.is_some();
        match (self.direction, to) {
            (Direction::Forward, Direction::Undo) => {
                ensure(matches!(self.halt, Some((_, Then::Rollback))), "backing out without a reason")?;
                self.undone = true;
            }
            (Direction::Forward, Direction::Always) => {
                let stopped = self.halt.map_or(forward, |(_, then)| then == Then::Stop);
                ensure(stopped, "the phases are not over, or should be taken back")?;
            }
            (Direction::Undo, Direction::Always) => self.all_undone()?,
            _ => return Err("a run only turns downwards".into()),
        }
        self.direction = to;
        Ok(())
    }

    fn all_undone(&self) -> Checked {
        if self.tree.plan.rollback.is_some() {
            let root = self.tree.find("rollback")?;
            return ensure(self.tree.items[root].finished.is_some(), "the rollback list is not over");
        }
        let failed: Vec<Id> = self.to_undo().filter(|id| self.undo_failed(*id)).collect();
        for left in self.to_undo().filter(|id| !self.is_undone(*id) && !self.undo_failed(*id)) {
            let excused = failed.iter().any(|failed| {
                let (block, mine, theirs) = self.fork(left, *failed);
                !self.tree.is_group(block) && self.order(mine) < self.order(theirs)
            });
            if !excused {
                return Err(format!("`{}` is not taken back", self.tree.items[left].path));
            }
        }
        Ok(())
    }

    pub(crate) fn ended(&mut self, outcome: Outcome) -> Checked {
        ensure(self.direction == Direction::Always, "it ends before its `always`")?;
        let open = self.tree.items.iter().find(|i| i.running || i.doubt || i.asked.is_some());
        ensure(open.is_none(), "it ends while something is open")?;
        for (id, item) in self.tree.items.iter().enumerate().filter(|(_, i)| i.role == Role::Step) {
            let always = item.root == Root::Always || (item.root == Root::Forward && item.in_always);
            let in_body = self.in_body_of_include(id);
            if always && !in_body && item.finished.is_none() {
                return Err(format!("`{}` of an `always` is left out", item.path));
            }
        }
        if let Ok(always) = self.tree.find("always") {
            ensure(self.tree.items[always].finished.is_some(), "the `always` is left out")?;
        }
        let expected = self.expected();
        ensure(outcome == expected, &format!("the outcome should be {expected:?}"))?;
        let left_unknown = matches!(outcome, Outcome::RollbackFailed | Outcome::Unknown);
        ensure(!self.locked || left_unknown, "it ends without giving its lock back")?;
        self.outcome = Some(outcome);
        Ok(())
    }

    /// Steps of a runbook that an `always` includes keep their own order, so that a failure may leave some out.
    fn in_body_of_include(&self, id: Id) -> bool {
        let line = self.tree.line(id);
        let body = line.windows(2).rposition(|w| self.tree.is_run(w[0]) && self.tree.items[w[0]].members[0] == w[1]);
        let always = line.windows(2).rposition(|w| self.tree.is_run(w[0]) && self.tree.items[w[0]].members[0] != w[1]);
        match (body, always) {
            (Some(body), Some(always)) => body > always,
            (Some(_), None) => true,
            (None, _) => false,
        }
    }

    fn expected(&self) -> Outcome {
        let Some((kind, then)) = self.halt else {
            return if self.late_failure { Outcome::Failed } else { Outcome::Done };
        };
        let list = self.tree.find("rollback").ok().and_then(|root| self.tree.items[root].finished);
        let badly = match self.tree.plan.rollback {
            Some(_) => list.is_some_and(|(verdict, _)| !verdict.lets_go_on()),
            None => self.undone && self.to_undo().any(|id| self.undo_failed(id)),
        };
        let kept = kind == CauseKind::Failure && then != Then::Rollback;
        let changed = self.tree.items.iter().enumerate().any(|(id, i)| {
            let step = i.role == Role::Step && i.root == Root::Forward && i.touched;
            step && self.tree.node(id).effect != Effect::Read
        });
        match kind {
            _ if badly || (self.late_failure && !kept) => Outcome::RollbackFailed,
            CauseKind::NoGo => Outcome::NoGo,
            CauseKind::Interrupt => Outcome::RolledBack,
            CauseKind::Failure if then == Then::Rollback && changed => Outcome::RolledBack,
            CauseKind::Failure => Outcome::Failed,
            CauseKind::Rule => Outcome::NoGo,
        }
    }
}

//! Checkpoints of several people, judged from the plan and the log: who counted, what was red, what was too old.

use crate::checker::{Checked, Judge, ensure};
use crate::rng::Rng;
use crate::tree::{Id, Root};
use runbook::machine::event::{Answer, Asked, Event, Refusal, Signed, Verdict};
use runbook::machine::{Backing, Driver, Go, State, Timestamp, Typed, phrase_typed, red, standing};
use runbook::plan::model::{Gate, NodeKind};
use std::collections::{BTreeMap, BTreeSet};

/// What people type when they get the phrase wrong.
pub(crate) const WRONG: &str = "not these words";

/// The gate of a generated checkpoint. `ann` begins runs and `bob` takes them over; enough others hold each role.
pub(crate) fn gate(rng: &mut Rng) -> Gate {
    if rng.chance(45) {
        return Gate::default();
    }
    let named = |names: &[&str]| names.iter().map(|name| name.to_string()).collect::<Vec<_>>();
    let mut gate = Gate::default();
    for (role, most, people) in
        [("lead", 2, &["ann", "bob", "li", "mo", "xu", "yi", "zo"][..]), ("dba", 1, &["ann", "kim", "li", "mo"][..])]
    {
        if rng.chance(60) {
            gate.roles.insert(role.into(), 1 + rng.below(most) as u32);
            gate.people.insert(role.into(), named(people));
        }
    }
    gate.phrase = rng.chance(40).then(|| "deploy fully".to_string());
    gate.good_for_us = rng.chance(40).then_some(300_000_000);
    gate
}

/// An answer to an open checkpoint.
pub(crate) struct Said {
    pub(crate) answer: Answer,
    pub(crate) by: String,
    pub(crate) backing: Backing,
}

fn signature(key: &str) -> Option<Signed> {
    let (statement, sig, nonce) = ("statement".into(), "sig".into(), "nonce".into());
    Some(Signed { key: format!("SHA256:{key}"), statement, sig, nonce })
}

/// What brings an open checkpoint to its end, whatever it takes.
pub(crate) fn kindly(state: &State, asked: &Asked, now: Timestamp) -> Said {
    let driver = state.drivers.last().map_or("ann".to_string(), |driver| driver.principal.clone());
    let given_us = Some(now.wall_us);
    let is_red = state.by_path.get(&asked.path).is_some_and(|id| !red(state, *id).is_empty());
    if is_red {
        return Said { answer: Answer::NoGo, by: driver, backing: Backing::default() };
    }
    let lacking = standing(state, asked).into_iter().find(|role| role.given.len() < role.needed as usize);
    match lacking.and_then(|role| Some((role.could.first()?.clone(), role.role))) {
        Some((by, role)) => {
            let backing = Backing { role: Some(role), given_us, signed: signature(&by), ..Backing::default() };
            Said { answer: Answer::Go, by, backing }
        }
        None => {
            let phrase = asked.phrase.clone().filter(|_| !phrase_typed(state, &asked.path)).map(Typed);
            Said { answer: Answer::Go, by: driver, backing: Backing { phrase, given_us, ..Backing::default() } }
        }
    }
}

/// What anybody may say, entitled or not.
pub(crate) fn anything(state: &State, asked: &Asked, positive: bool, now: Timestamp, rng: &mut Rng) -> Said {
    let answer = if positive || rng.chance(60) { Answer::Go } else { Answer::NoGo };
    let driver = state.drivers.last().map_or("ann".to_string(), |driver| driver.principal.clone());
    let given_us = match rng.below(12) {
        0 => None,
        1 => Some(now.wall_us - rng.below(600_000_000) as i64),
        2 => Some(now.wall_us + 3_600_000_000),
        _ => Some(now.wall_us),
    };
    if rng.chance(if asked.phrase.is_some() { 45 } else { 15 }) {
        let typed = match (&asked.phrase, rng.chance(60)) {
            (Some(phrase), true) => Some(phrase.clone()),
            (_, false) => Some(WRONG.to_string()),
            (None, true) => None,
        };
        return Said {
            answer,
            by: driver,
            backing: Backing { phrase: typed.map(Typed), given_us, ..Backing::default() },
        };
    }
    let by = rng.pick(&["ann", "bob", "li", "mo", "xu", "yi", "zo", "kim", "eve"]);
    let key = if rng.chance(85) { by } else { rng.pick(&["ann", "bob", "li", "mo"]) };
    let role = rng.pick(&[None, None, Some("lead"), Some("dba"), Some("cook")]).map(String::from);
    let signed = if rng.chance(95) { signature(key) } else { None };
    Said { answer, by: by.into(), backing: Backing { role, given_us, signed, ..Backing::default() } }
}

/// What a checker remembers of an open checkpoint.
#[derive(Default)]
pub(crate) struct Gathered {
    /// Who, key, role (none for the phrase), when.
    gos: Vec<Taken>,
    wrong: u32,
}

type Taken = (String, Option<String>, Option<String>, Option<i64>);

impl Judge<'_> {
    fn gate(&self, id: Id) -> Option<&Gate> {
        match &self.tree.node(id).kind {
            NodeKind::Checkpoint { gate, .. } => Some(gate),
            _ => None,
        }
    }

    fn drove(&self, by: &str, key: Option<&String>) -> bool {
        self.drivers.iter().any(|(who, with)| who == by || (key.is_some() && with.as_ref() == key))
    }

    pub(crate) fn gate_asked(&mut self, id: Id, asked: &Asked) -> Checked {
        let gate = self.gate(id).ok_or("no checkpoint")?;
        let same = asked.roles == gate.roles
            && asked.people == gate.people
            && asked.phrase == gate.phrase
            && asked.good_for_us == gate.good_for_us;
        ensure(same, "it asks for something else than the plan")?;
        ensure(asked.red.is_empty() != self.is_red(id), "it says that it is green, or red, and it is not")?;
        self.tree.items[id].gathered = Gathered::default();
        Ok(())
    }

    /// A GO or NO-GO at a checkpoint; whether it settles the question at once.
    pub(crate) fn gate_answered(&mut self, id: Id, event: &Event) -> Result<bool, String> {
        let (Some(gate), Event::Answered { answer, by, role, given_us, signed, .. }) = (self.gate(id).cloned(), event)
        else {
            return Ok(true);
        };
        let key = signed.as_ref().map(|signed| &signed.key);
        let drove = self.drove(by, key);
        let held: Vec<&String> = gate.people.iter().filter(|(_, who)| who.contains(by)).map(|(role, _)| role).collect();
        if *answer != Answer::Go {
            let entitled = key.is_none() || drove || gate.roles.is_empty() || !held.is_empty();
            return ensure(entitled, "a no of somebody who has no say").map(|()| true);
        }
        ensure(!self.is_red(id), "a GO over red")?;
        if gate.roles.is_empty() && gate.phrase.is_none() {
            return ensure(key.is_none() || !drove, "the operator signed for somebody else").map(|()| true);
        }
        let gos = &self.tree.items[id].gathered.gos;
        let taken = match key {
            None => {
                ensure(gate.phrase.is_some(), "a word without a signature counts")?;
                ensure(self.drivers.last().is_some_and(|(who, _)| who == by), "somebody else typed the phrase")?;
                ensure(gos.iter().all(|(_, _, role, _)| role.is_some()), "the phrase counts twice")?;
                None
            }
            Some(_) => {
                ensure(!drove, "the GO of somebody who drove the run counts")?;
                let counts = gos.iter().filter(|(who, with, ..)| !self.drove(who, with.as_ref()));
                let other = |(who, with, ..): &Taken| who != by && with.as_ref() != key;
                ensure(counts.clone().all(other), "one person counts twice")?;
                ensure(given_us.is_some(), "nobody knows when it was given")?;
                let role = role.as_ref().or(held.first().copied().filter(|_| held.len() == 1));
                let role = role.filter(|role| held.contains(role));
                Some(role.ok_or("a GO of somebody who does not hold the role")?.clone())
            }
        };
        self.tree.items[id].gathered.gos.push((by.clone(), key.cloned(), taken, *given_us));
        Ok(false)
    }

    pub(crate) fn gate_refused(&mut self, path: &str, why: &Refusal) -> Checked {
        let id = self.tree.find(path)?;
        ensure(self.tree.items[id].asked.is_some(), "nothing was asked")?;
        if *why == Refusal::WrongPhrase {
            self.tree.items[id].gathered.wrong += 1;
            if self.tree.items[id].gathered.wrong >= 3 {
                self.tree.items[id].asked = None;
                self.no(id);
            }
        }
        Ok(())
    }

    pub(crate) fn gate_lapsed(&mut self, path: &str, by: &str, role: Option<&String>) -> Checked {
        let id = self.tree.find(path)?;
        let now = self.now.wall_us;
        let good_for = self.gate(id).and_then(|gate| gate.good_for_us).ok_or("a GO lapses that stays good")?;
        let drove = |(who, key, role, _): &Taken| role.is_some() && self.drove(who, key.as_ref());
        let gos = &self.tree.items[id].gathered.gos;
        let at = gos.iter().position(|go| go.0 == by && go.2.as_ref() == role && !drove(go)).ok_or("no such GO")?;
        let given = self.tree.items[id].gathered.gos.remove(at).3.unwrap_or_default();
        ensure(now - given >= good_for as i64 || given - now > 300_000_000, "a GO lapses that is still good")
    }

    /// A checkpoint passes: all that the plan asks for must be there, now.
    pub(crate) fn gate_passed(&mut self, id: Id) -> Checked {
        let gate = self.gate(id).cloned().unwrap_or_default();
        ensure(self.tree.items[id].asked.is_some(), "it passes without being asked")?;
        ensure(!gate.is_empty(), "a plain checkpoint is answered, and that is all")?;
        ensure(!self.is_red(id), "it passes over red")?;
        let now = self.now.wall_us;
        let good = |given: &Option<i64>| match (gate.good_for_us, given) {
            (Some(good_for), Some(given)) => now - given < good_for as i64 && given - now <= 300_000_000,
            (Some(_), None) => false,
            (None, _) => true,
        };
        let gos = &self.tree.items[id].gathered.gos;
        let counts: Vec<_> = gos
            .iter()
            .filter(|(who, key, role, at)| good(at) && (role.is_none() || !self.drove(who, key.as_ref())))
            .collect();
        for (role, needed) in &gate.roles {
            let of_role = counts.iter().filter(|(_, _, in_role, _)| in_role.as_ref() == Some(role));
            let people: BTreeSet<&String> = of_role.clone().map(|(who, ..)| who).collect();
            let keys: BTreeSet<&Option<String>> = of_role.map(|(_, key, ..)| key).collect();
            let enough = people.len().min(keys.len()) >= *needed as usize;
            ensure(enough, "it passes without its quorum")?;
        }
        let typed = counts.iter().any(|(_, _, role, _)| role.is_none());
        ensure(gate.phrase.is_none() || typed, "it passes without the phrase")?;
        self.tree.items[id].asked = None;
        self.finish(id, Verdict::Pass, None);
        Ok(())
    }

    /// Whether anything in the phase of a checkpoint ended red; where nothing was done in it, it speaks for those before it
    /// back to one that did something.
    fn is_red(&self, id: Id) -> bool {
        if self.tree.items[id].root != Root::Forward {
            return false;
        }
        let phase = self.tree.line(id)[1];
        let phases = &self.tree.items[0].members;
        for phase in phases[..=phases.iter().position(|p| *p == phase).unwrap_or(0)].iter().rev() {
            if self.ended_red(*phase) {
                return true;
            }
            if self.did_something(*phase) {
                return false;
            }
        }
        false
    }

    /// Whether anything but questions and pauses began in it.
    fn did_something(&self, id: Id) -> bool {
        let item = &self.tree.items[id];
        if !item.members.is_empty() {
            return item.members.iter().any(|member| self.did_something(*member));
        }
        let silent = matches!(self.tree.node(id).kind, NodeKind::Checkpoint { .. } | NodeKind::Wait(_));
        (item.begun || item.finished.is_some()) && !silent && !item.skipped
    }

    fn ended_red(&self, id: Id) -> bool {
        let red = |verdict: Verdict| !verdict.lets_go_on();
        let item = &self.tree.items[id];
        item.finished.is_some_and(|(verdict, _)| red(verdict)) || item.members.iter().any(|m| self.ended_red(*m))
    }
}

/// The state as a machine would see it that forgot who drove the run, all of them or all but the last.
pub(crate) fn without_drivers<T>(state: &mut State, keep_last: bool, f: impl FnOnce(&mut State) -> T) -> T {
    let drivers = state.drivers.clone();
    let nobody = Driver { principal: "nobody".into(), key: None };
    state.drivers = if keep_last { drivers.last().cloned().into_iter().collect() } else { vec![nobody] };
    let said = f(state);
    state.drivers = drivers;
    said
}

/// The state with everything that ended red as a warning.
pub(crate) fn greened<T>(state: &mut State, f: impl FnOnce(&mut State) -> T) -> T {
    let was: BTreeMap<usize, Option<Verdict>> = state.insts.iter().enumerate().map(|(id, i)| (id, i.verdict)).collect();
    for inst in &mut state.insts {
        inst.verdict = inst.verdict.map(|verdict| if verdict.lets_go_on() { verdict } else { Verdict::Warn });
    }
    let said = f(state);
    for (id, verdict) in was {
        let softened = verdict.is_some_and(|verdict| !verdict.lets_go_on());
        if softened && state.insts[id].verdict == Some(Verdict::Warn) {
            state.insts[id].verdict = verdict;
        }
    }
    said
}

/// The state without the GOs an open checkpoint has; they come back behind what is added.
pub(crate) fn forgetting<T>(state: &mut State, path: &str, f: impl FnOnce(&mut State) -> T) -> T {
    let Some(id) = state.by_path.get(path).copied() else { return f(state) };
    let before: Vec<Go> = std::mem::take(&mut state.insts[id].gathered.given);
    let said = f(state);
    state.insts[id].gathered.given.splice(0..0, before);
    said
}

//! Checkpoints that take more than one word: whose GO counts, when all of it is there, and what keeps everybody from
//! saying GO.
//!
//! Time comes only with `next`: that a GO got too old is an event of its own, and so is that everything is there.

use super::event::{Answer, Asked, Event, Refusal, Verdict};
use super::state::{InstId, State, Status, Timestamp};
use crate::plan::model::{Gate, NodeKind};
use serde_json::Map;

/// Wrong phrases after which it is a NO-GO.
const TRIES: u32 = 3;

/// How far ahead the clock of an approver may be, in microseconds.
const AHEAD_US: i64 = 300_000_000;

/// Who drove a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Driver {
    /// By name.
    pub principal: String,
    /// Fingerprint of the key, where the log says it.
    pub key: Option<String>,
}

/// A GO that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Go {
    /// Whose.
    pub by: String,
    /// Fingerprint of the key it was signed with.
    pub key: Option<String>,
    /// In which role; none for the phrase typed by whoever drives.
    pub role: Option<String>,
    /// When, in microseconds since 1970.
    pub given_us: Option<i64>,
}

/// What an open checkpoint has so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gathered {
    /// GOs in order.
    pub given: Vec<Go>,
    /// Wrong phrases.
    pub wrong: u32,
}

/// Where a role of an open checkpoint stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleStanding {
    /// Its name.
    pub role: String,
    /// How many are needed.
    pub needed: u32,
    /// Who has said GO and counts.
    pub given: Vec<String>,
    /// Who still could.
    pub could: Vec<String>,
}

/// Where each role of an open question stands; empty when it asks for none.
pub fn standing(state: &State, asked: &Asked) -> Vec<RoleStanding> {
    let gathered = state.inst(&asked.path).map(|inst| inst.gathered.clone()).unwrap_or_default();
    let counted: Vec<&Go> = gathered.given.iter().filter(|go| !is_driver(state, &go.by, go.key.as_deref())).collect();
    let of_role = |(role, needed): (&String, &u32)| {
        let given = counted.iter().filter(|go| go.role.as_ref() == Some(role)).map(|go| go.by.clone()).collect();
        let people = asked.people.get(role).into_iter().flatten();
        let free = |who: &&String| counted.iter().all(|go| go.by != **who) && !is_driver(state, who, None);
        RoleStanding { role: role.clone(), needed: *needed, given, could: people.filter(free).cloned().collect() }
    };
    asked.roles.iter().map(of_role).collect()
}

/// Whether the phrase of an open question was typed.
pub fn phrase_typed(state: &State, path: &str) -> bool {
    state.inst(path).is_some_and(|inst| inst.gathered.given.iter().any(|go| go.role.is_none()))
}

/// What is said, as far as it matters whether it counts.
pub(super) struct Said<'a> {
    pub(super) answer: Answer,
    pub(super) by: &'a str,
    pub(super) role: Option<&'a str>,
    pub(super) reference: Option<&'a str>,
    pub(super) given_us: Option<i64>,
    pub(super) key: Option<&'a str>,
    /// What was typed for the phrase; in a fact of the log the phrase itself, since nothing else is taken.
    pub(super) phrase: Option<&'a str>,
}

/// Why what is said about an open checkpoint does not count; none when it does.
pub(super) fn refusal(state: &State, asked: &Asked, said: &Said<'_>) -> Option<Refusal> {
    let drives = is_driver(state, said.by, said.key);
    if said.answer != Answer::Go {
        let stranger = said.key.is_some() && !drives && !asked.roles.is_empty() && held(asked, said.by).is_empty();
        return stranger.then_some(Refusal::NotEntitled);
    }
    let red = state.by_path.get(&asked.path).map(|id| red(state, *id)).unwrap_or_default();
    if !red.is_empty() {
        return Some(Refusal::Red(red));
    }
    match said.key {
        Some(_) => refusal_of_signed(state, asked, said, drives),
        None => refusal_of_typed(state, asked, said),
    }
    .or_else(|| {
        // Beside roles the phrase is no approval, so it is the approvals that name where they come from.
        let approves = said.key.is_some() || asked.roles.is_empty();
        let named = said.reference.is_some_and(|reference| !reference.trim().is_empty());
        (asked.reference && approves && !named).then_some(Refusal::NoReference)
    })
}

/// A GO that somebody signed: it counts for a role, never for the phrase.
fn refusal_of_signed(state: &State, asked: &Asked, said: &Said<'_>, drives: bool) -> Option<Refusal> {
    if drives {
        return Some(Refusal::Operator);
    }
    if asked.roles.is_empty() {
        return asked.phrase.is_some().then_some(Refusal::PhraseNeeded);
    }
    if let Err(why) = role_of(asked, said.by, said.role) {
        return Some(why);
    }
    if said.given_us.is_none() {
        return Some(Refusal::Unsigned);
    }
    let given = &state.inst(&asked.path)?.gathered.given;
    let same = |go: &Go| go.by == said.by || go.key.as_deref() == said.key;
    given.iter().any(same).then_some(Refusal::Twice)
}

/// A GO at the terminal of the run: enough where nothing more is asked for, else only with the phrase.
fn refusal_of_typed(state: &State, asked: &Asked, said: &Said<'_>) -> Option<Refusal> {
    if !asked.gathers() {
        return None;
    }
    let Some(phrase) = &asked.phrase else {
        let drives = is_driver(state, said.by, None);
        return Some(if drives { Refusal::Operator } else { Refusal::Unsigned });
    };
    if state.drivers.last().is_none_or(|driver| driver.principal != said.by) {
        return Some(Refusal::PhraseNeeded);
    }
    match said.phrase {
        None => Some(Refusal::PhraseNeeded),
        Some(typed) if typed.as_bytes() != phrase.as_bytes() => Some(Refusal::WrongPhrase),
        Some(_) if phrase_typed(state, &asked.path) => Some(Refusal::Twice),
        Some(_) => (asked.good_for_us.is_some() && said.given_us.is_none()).then_some(Refusal::Unsigned),
    }
}

/// The role in which somebody speaks.
pub(super) fn role_of(asked: &Asked, by: &str, role: Option<&str>) -> Result<String, Refusal> {
    let held = held(asked, by);
    match (role, &held[..]) {
        (Some(role), held) => {
            held.iter().find(|h| h.as_str() == role).map(ToString::to_string).ok_or(Refusal::NotEntitled)
        }
        (None, []) => Err(Refusal::NotEntitled),
        (None, [one]) => Ok(one.to_string()),
        (None, _) => Err(Refusal::WhichRole),
    }
}

/// The roles of a question that somebody holds.
fn held<'a>(asked: &'a Asked, by: &str) -> Vec<&'a String> {
    let holds = |role: &&String| {
        asked.people.get(*role).is_some_and(|people| people.iter().any(|p| p == by || p == Gate::ANYBODY))
    };
    asked.roles.keys().filter(holds).collect()
}

/// Whether somebody drives the run or drove it: by name or by key.
pub(super) fn is_driver(state: &State, by: &str, key: Option<&str>) -> bool {
    state.drivers.iter().any(|driver| driver.principal == by || (key.is_some() && driver.key.as_deref() == key))
}

/// Somebody drives the run from now on.
pub(super) fn drives(state: &mut State, principal: &str, key: Option<&String>) {
    state.drivers.push(Driver { principal: principal.to_string(), key: key.cloned() });
    // What they said before as somebody else does not count any more; a phrase was typed by whoever drove then.
    let same = |go: &Go| go.by == principal || (key.is_some() && go.key.as_ref() == key);
    for id in state.active.clone() {
        state.insts[id].gathered.given.retain(|go| go.role.is_none() || !same(go));
    }
}

/// What follows for an open question that gathers answers, if anything does now.
pub(super) fn next(state: &State, id: InstId, asked: &Asked, now: Timestamp) -> Option<Event> {
    let path = state.insts[id].path.clone();
    let lapsed = state.insts[id].gathered.given.iter().find(|go| is_void(asked, go, now.wall_us));
    if let Some(go) = lapsed {
        return Some(Event::Lapsed { path, by: go.by.clone(), role: go.role.clone() });
    }
    if !is_complete(state, id, asked) {
        return None;
    }
    let who = |go: &Go| go.role.as_ref().map_or(format!("the phrase by {}", go.by), |r| format!("{} ({r})", go.by));
    let all: Vec<String> = state.insts[id].gathered.given.iter().map(who).collect();
    let reason = Some(format!("GO: {}", all.join(", ")));
    Some(Event::StepFinished { path, verdict: Verdict::Pass, reason, then: None, saved: Map::new() })
}

/// When the first GO of an open question gets too old, in microseconds since 1970.
pub(super) fn lapses_at(gathered: &Gathered, asked: &Asked) -> Option<i64> {
    let good_for = i64::try_from(asked.good_for_us?).unwrap_or(i64::MAX);
    gathered.given.iter().filter_map(|go| go.given_us).map(|at| at.saturating_add(good_for)).min()
}

/// Too old, or from a future that would keep it good for longer.
fn is_void(asked: &Asked, go: &Go, now_us: i64) -> bool {
    let (Some(good_for), Some(given)) = (asked.good_for_us, go.given_us) else { return false };
    let age = now_us.saturating_sub(given);
    age >= i64::try_from(good_for).unwrap_or(i64::MAX) || age < -AHEAD_US
}

/// Whether everything is there: every role by people who did not drive the run, the phrase, and nothing red.
pub(super) fn is_complete(state: &State, id: InstId, asked: &Asked) -> bool {
    let roles = standing(state, asked).iter().all(|role| role.given.len() >= role.needed as usize);
    let phrase = asked.phrase.is_none() || phrase_typed(state, &asked.path);
    roles && phrase && red(state, id).is_empty()
}

/// An answer that did not count. Returns whether it was one wrong phrase too many.
pub(super) fn refused(state: &mut State, id: InstId, why: &Refusal) -> bool {
    let gathered = &mut state.insts[id].gathered;
    gathered.wrong += u32::from(*why == Refusal::WrongPhrase);
    *why == Refusal::WrongPhrase && gathered.wrong >= TRIES
}

/// What is red where a checkpoint is asked, each with its reason: nobody may say GO over it.
pub fn red(state: &State, id: InstId) -> Vec<String> {
    let mut found = Vec::new();
    for phase in phases_before(state, id) {
        red_steps(state, phase, &mut found);
    }
    for guard in state.guards_around(id) {
        let owner = state.insts[guard].owner.unwrap_or(guard);
        let beside = state.insts[owner].path.as_str();
        let guards = if beside.is_empty() { "the guards".to_string() } else { format!("the guards of {beside}") };
        match &state.insts[guard].lookout.said {
            Some(said) if said.ruling.passes() => {}
            Some(said) => found.push(format!("{guards} say {}: {}", said.ruling, said.because)),
            None => found.push(format!("{guards} have not looked yet")),
        }
    }
    found
}

/// The phase of a checkpoint; where nothing else was done in it, the ones before it as well, back to one that did something.
fn phases_before(state: &State, id: InstId) -> Vec<InstId> {
    let mut at = id;
    while let Some(up) = state.insts[at].parent.filter(|up| *up != state.forward) {
        at = up;
    }
    let phases = &state.insts[state.forward].children;
    let Some(place) = phases.iter().position(|phase| *phase == at) else { return Vec::new() };
    let first = phases[..=place].iter().rposition(|phase| did_something(state, *phase)).unwrap_or(0);
    phases[first..=place].to_vec()
}

/// Whether anything was begun in it, however deep, but questions and pauses: only that can be red or green.
fn did_something(state: &State, id: InstId) -> bool {
    let inst = &state.insts[id];
    if state.is_block(id) && !inst.children.is_empty() {
        return inst.children.iter().any(|child| did_something(state, *child));
    }
    let begun = !matches!(inst.status, Status::Pending | Status::Waiting { .. });
    let silent =
        matches!(state.node_of(id).kind, NodeKind::Checkpoint { .. } | NodeKind::Wait(_) | NodeKind::WaitUntil(_));
    begun && !silent && inst.verdict != Some(Verdict::Skipped)
}

/// The innermost of everything below that ended red.
fn red_steps(state: &State, id: InstId, found: &mut Vec<String>) {
    let (inst, before) = (&state.insts[id], found.len());
    inst.children.iter().for_each(|child| red_steps(state, *child, found));
    let red = matches!(inst.verdict, Some(Verdict::Fail | Verdict::Inconclusive | Verdict::Unavailable));
    if red && found.len() == before && inst.status == Status::Finished {
        let word = inst.verdict.map_or("", Verdict::word);
        let reason = inst.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
        found.push(format!("{} {word}{reason}", inst.path));
    }
}

//! Questions, and what people say to them.

use super::{arm, find, finish, is_to_begin};
use crate::machine::event::{Answer, Asked, Cause, CauseKind, Direction, Event, Question, Refusal, Then, Verdict};
use crate::machine::gate;
use crate::machine::judge::no_backs_out;
use crate::machine::ruling;
use crate::machine::state::{IllegalEvent, InstId, Settled, State, Status};
use crate::machine::trail::Trail;
use crate::machine::waiver;
use serde_json::{Map, Value};

pub(super) fn asked(state: &mut State, event: &Event, asked: &Asked) -> Result<(), IllegalEvent> {
    let id = find(state, event, &asked.path)?;
    if matches!(state.insts[id].status, Status::Finished | Status::Running | Status::Asking(_)) {
        return Err(IllegalEvent::new(event, "there is nothing to ask about this step"));
    }
    let fresh = is_to_begin(state, id);
    state.insts[id].status = Status::Asking(Box::new(asked.clone()));
    if asked.question == Question::Ruling {
        ruling::asked(state, id, asked);
    }
    state.insts[id].gathered = gate::Gathered::default();
    state.active.insert(id);
    if fresh {
        arm(state, id);
    }
    Ok(())
}

pub(super) fn answered(state: &mut State, event: &Event) -> Result<(), IllegalEvent> {
    let Event::Answered { path, answer, by, reason, role, reference, given_us, signed, .. } = event else {
        return Ok(());
    };
    let id = find(state, event, path)?;
    if let Status::Asking(asked) = &state.insts[id].status
        && asked.question == Question::Checkpoint
    {
        let asked = asked.clone();
        let key = signed.as_ref().map(|signed| signed.key.as_str());
        let (role, reference, given_us) = (role.as_deref(), reference.as_deref(), *given_us);
        let phrase = asked.phrase.as_deref();
        let said = gate::Said { answer: *answer, by, role, reference, given_us, key, phrase };
        if let Some(why) = gate::refusal(state, &asked, &said) {
            return Err(IllegalEvent::new(event, format!("this answer does not count: {why}")));
        }
        if *answer == Answer::Go && asked.gathers() {
            let role = key.and_then(|_| gate::role_of(&asked, by, role).ok());
            let go = gate::Go { by: by.clone(), key: key.map(String::from), role, given_us };
            state.insts[id].gathered.given.push(go);
            is_answered(state, id);
            return Ok(());
        }
    }
    settle(state, event, id, *answer, by, reason.as_deref())
}

/// The answer that ends a question.
fn settle(
    state: &mut State,
    event: &Event,
    id: InstId,
    answer: Answer,
    by: &str,
    reason: Option<&str>,
) -> Result<(), IllegalEvent> {
    let Status::Asking(asked) = &state.insts[id].status else {
        return Err(IllegalEvent::new(event, "nothing was asked"));
    };
    state.has_paused = true;
    let waived = asked.waived.clone().filter(|_| waiver::is_by_another(state, id));
    let (question, title, watched) = (asked.question, asked.title.clone(), asked.watched);
    let words = |what: &str| match reason {
        Some(reason) => format!("{what} by {by}: {reason}"),
        None => format!("{what} by {by}"),
    };
    let inst = &mut state.insts[id];
    match (question, answer) {
        (Question::Checkpoint, Answer::Go) | (Question::Manual | Question::InDoubt, Answer::Done) => {
            let reason = Some(words("answered"));
            end(state, id, watched, Settled { verdict: Verdict::Pass, reason, then: None, saved: saved_of(event) });
        }
        (Question::Checkpoint, Answer::NoGo) => no_go(state, id, words(&format!("NO-GO to `{title}`"))),
        (Question::Manual, Answer::NoGo | Answer::Failed) if waived.is_some() => {
            let reason = waived.map(|waiver| format!("{waiver} ({})", words("not done")));
            let then = Some(Then::Continue);
            end(state, id, watched, Settled { verdict: Verdict::Warn, reason, then, saved: Map::new() });
        }
        (Question::Manual, Answer::NoGo | Answer::Failed) => no_go(state, id, words(&format!("not done: `{title}`"))),
        (Question::Ruling, Answer::Go | Answer::BackOut | Answer::Stop) => {
            let what = if answer == Answer::Go { "accepted" } else { "stopped" };
            ruling::answered(state, id, answer, words(what));
        }
        (Question::InDoubt, Answer::Again) => inst.status = Status::Pausing { until_us: 0 },
        (Question::InDoubt, Answer::Failed) => {
            inst.verdict_of_person = Some((None, words("said to have failed")));
            inst.status = Status::Answered;
        }
        (Question::Failure, Answer::Again) => {
            // Sampling gets its whole time again.
            (inst.poll_until_us, inst.streak, inst.trail) = (None, 0, Trail::default());
            inst.status = Status::Pausing { until_us: 0 };
        }
        (Question::Failure, Answer::Skip | Answer::BackOut | Answer::Stop) => {
            let (then, what) = match answer {
                Answer::Skip => (Then::Continue, "failure accepted"),
                Answer::BackOut => (Then::Rollback, "backed out"),
                _ => (Then::Stop, "stopped"),
            };
            inst.verdict_of_person = Some((Some(then), words(what)));
            inst.status = Status::Answered;
        }
        _ => return Err(IllegalEvent::new(event, "this answer does not fit the question")),
    }
    Ok(())
}

/// The step ends so, at once or where a table stands beside it when that agrees.
fn end(state: &mut State, id: InstId, watched: bool, settled: Settled) {
    if !watched {
        return finish(state, id, settled.verdict, settled.reason, settled.then, &settled.saved);
    }
    state.insts[id].settled = Some(Box::new(settled));
    state.insts[id].status = Status::Answered;
    is_answered(state, id);
}

/// What a table beside it looks at from now on comes after the answer.
fn is_answered(state: &mut State, id: InstId) {
    if state.insts[id].guard_inst.is_some() {
        state.clock += 1;
        state.insts[id].answered_at = state.clock;
    }
}

fn saved_of(event: &Event) -> Map<String, Value> {
    match event {
        Event::Answered { evidence, .. } => evidence.clone(),
        _ => Map::new(),
    }
}

pub(super) fn refused(state: &mut State, event: &Event, path: &str, why: &Refusal) -> Result<(), IllegalEvent> {
    let id = find(state, event, path)?;
    let title = asked_title(state, event, id)?;
    if gate::refused(state, id, why) {
        no_go(state, id, format!("NO-GO to `{title}`: the phrase was not typed"));
    }
    Ok(())
}

pub(super) fn lapsed(
    state: &mut State,
    event: &Event,
    path: &str,
    by: &str,
    role: Option<&str>,
) -> Result<(), IllegalEvent> {
    let id = find(state, event, path)?;
    let given = &mut state.insts[id].gathered.given;
    let Some(at) = given.iter().position(|go| go.by == by && go.role.as_deref() == role) else {
        return Err(IllegalEvent::new(event, "no such GO counts"));
    };
    given.remove(at);
    Ok(())
}

pub(super) fn expired(state: &mut State, event: &Event, path: &str) -> Result<(), IllegalEvent> {
    let id = find(state, event, path)?;
    let title = asked_title(state, event, id)?;
    match &state.insts[id].status {
        Status::Asking(asked) if asked.question == Question::Ruling => {
            let unanswered = asked.unanswered.unwrap_or(Then::Stop);
            ruling::expired(state, event, id, unanswered, &title)
        }
        _ => {
            no_go(state, id, format!("nobody answered `{title}` in time"));
            Ok(())
        }
    }
}

fn asked_title(state: &State, event: &Event, id: InstId) -> Result<String, IllegalEvent> {
    match &state.insts[id].status {
        Status::Asking(asked) => Ok(asked.title.clone()),
        _ => Err(IllegalEvent::new(event, "nothing was asked")),
    }
}

fn no_go(state: &mut State, id: InstId, reason: String) {
    let path = state.insts[id].path.clone();
    let cause = Cause { path, kind: CauseKind::NoGo, reason: reason.clone() };
    // A no is never passed over: what is declared only says whether to keep or to take back.
    let then = if no_backs_out(state, id) { Then::Rollback } else { Then::Stop };
    let forward = state.direction == Direction::Forward;
    finish(state, id, Verdict::Fail, Some(reason), forward.then_some(then), &Map::new());
    // `finish` noted a plain failure; a no is its own kind of trigger.
    if forward && state.halt.as_ref().is_some_and(|(c, _)| c.path == cause.path) {
        state.halt = Some((cause, then));
    }
}

//! Tells a log again: whether what it says can have happened with the plan it names, and whether the right people were
//! asked. A key that seals everything cannot make a run say GO that its plan does not allow.

use super::runs::load_plans;
use crate::drive::record;
use crate::log::{Report, Verdict};
use crate::machine::event::{Asked, Event, Question};
use crate::machine::{State, apply};
use crate::plan::model::{Gate, NodeKind};
use crate::store::{RunDir, read_log};
use std::path::Path;

/// Adds what is wrong to the report about the run in this directory. A log that is bad already, or that this version
/// cannot read, is left alone.
pub(crate) fn tell_again(report: &mut Report, dir: &Path) {
    let Some(run) = report.run.filter(|_| matches!(report.verdict, Verdict::Complete | Verdict::Incomplete)) else {
        return;
    };
    let dir = RunDir::at(dir, run);
    let Ok(log) = read_log(&dir) else { return };
    let Ok(plans) = load_plans(&dir, &log) else { return };
    let mut state = State::new(plans);
    for entry in &log.records {
        let event = match record::decode(entry, &run.to_string()) {
            Ok(Some(event)) => event,
            Ok(None) => continue,
            Err(unknown) => return report.note(format!("the log cannot be held against its plan: {unknown}")),
        };
        if let Err(illegal) = apply(&mut state, &event) {
            let text = format!("the log tells what its plan does not allow: {}", illegal.to_string().escape_debug());
            return report.find(Verdict::Tampered, text);
        }
        if let Event::Asked(asked) = &event
            && asks_others(&state, asked)
        {
            let path = asked.path.escape_debug();
            let text = format!("checkpoint '{path}' was asked of other people, or in another way, than the plan says");
            return report.find(Verdict::Tampered, text);
        }
    }
}

/// Whether a question is not the one its checkpoint has in the plan.
fn asks_others(state: &State, asked: &Asked) -> bool {
    if asked.question != Question::Checkpoint {
        return false;
    }
    let Some(id) = state.by_path.get(&asked.path) else { return false };
    let NodeKind::Checkpoint { gate, .. } = &state.node_of(*id).kind else { return false };
    let said = Gate {
        roles: asked.roles.clone(),
        people: asked.people.clone(),
        phrase: asked.phrase.clone(),
        good_for_us: asked.good_for_us,
        reference: asked.reference,
    };
    said != *gate
}

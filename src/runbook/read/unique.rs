//! Ids that must be unique.

use super::cursor::Reader;
use crate::runbook::model::{Rollback, Runbook, Step};
use crate::text::{Code, Place};
use std::collections::BTreeMap;

/// Phase ids are unique among phases, step ids in the whole runbook: templates name steps without their phase.
pub(super) fn check(reader: &mut Reader<'_>, runbook: &Runbook) {
    let phases: Vec<(&str, &Place)> = runbook.phases.iter().map(|p| (p.id.as_str(), &p.place)).collect();
    report(reader, "phase", &phases);
    let mut steps = Vec::new();
    for phase in &runbook.phases {
        collect(&phase.steps, &mut steps);
        if let Some(checkpoint) = &phase.checkpoint {
            refuse_taken_name(reader, &phase.steps, &checkpoint.place);
        }
    }
    if let Rollback::Steps(list) = &runbook.rollback {
        collect(list, &mut steps);
    }
    collect(&runbook.always, &mut steps);
    report(reader, "step", &steps);
}

fn collect<'r>(steps: &'r [Step], ids: &mut Vec<(&'r str, &'r Place)>) {
    for step in steps {
        ids.push((&step.id, &step.place));
        step.kind.inner_steps().into_iter().for_each(|steps| collect(steps, ids));
    }
}

fn report(reader: &mut Reader<'_>, what: &str, ids: &[(&str, &Place)]) {
    let mut first: BTreeMap<&str, &Place> = BTreeMap::new();
    for (id, place) in ids.iter().filter(|(id, _)| !id.is_empty()) {
        let Some(before) = first.get(id) else {
            first.insert(id, place);
            continue;
        };
        let problem = reader.error(Code::DUPLICATE_ID, format!("there are two {what}s with the id `{id}`"), place.span);
        problem.also.push(((*before).clone(), "the first one".into()));
        problem.help.push(format!("each {what} needs an id of its own"));
    }
}

/// The checkpoint of a phase becomes a step with that name.
fn refuse_taken_name(reader: &mut Reader<'_>, steps: &[Step], checkpoint: &Place) {
    for step in steps.iter().filter(|s| s.id == "checkpoint") {
        let problem =
            reader.error(Code::DUPLICATE_ID, "`checkpoint` is the id of the phase's checkpoint", step.place.span);
        problem.also.push((checkpoint.clone(), "the checkpoint".into()));
        problem.help.push("give the step another id".into());
    }
}

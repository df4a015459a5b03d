//! What a GO takes, and which failures are waived.

use super::short;
use crate::plan::model::{Gate, NodeKind, Plan, Waiver};
use crate::report::visible_line;

/// `GO takes 2 of release-manager (ana, li, mo), signed; the phrase ...`; empty where one word is enough.
pub(super) fn takes(gate: &Gate) -> String {
    let mut parts = Vec::new();
    for (role, count) in &gate.roles {
        let people = gate.people.get(role).map(Vec::as_slice).unwrap_or_default();
        let who = match people {
            [anybody] if anybody == Gate::ANYBODY => "anybody but whoever drives the run".to_string(),
            people => people.iter().map(|who| visible_line(who)).collect::<Vec<_>>().join(", "),
        };
        parts.push(format!("{count} of {} ({who}), signed", visible_line(role)));
    }
    parts.extend(gate.phrase.as_ref().map(|phrase| format!("the phrase `{}`", visible_line(phrase))));
    if gate.reference {
        parts.push("a reference".into());
    }
    if parts.is_empty() {
        return String::new();
    }
    let good = gate.good_for_us.map(|us| format!("; it stays good for {}", short(us / 1_000_000))).unwrap_or_default();
    format!("GO takes {}{good}", parts.join("; "))
}

/// What overriding the window takes beside a reason; none where one person may.
pub(super) fn override_takes(plan: &Plan) -> Option<String> {
    match &plan.node(plan.schedule.second_look()?).kind {
        NodeKind::Checkpoint { gate, .. } => Some(takes(gate)),
        _ => None,
    }
}

/// `preflight.grafana by ana until 2026-12-31: CHG-7`
pub(super) fn waived(waiver: &Waiver) -> String {
    let Waiver { step, person, reason, until } = waiver;
    visible_line(&format!("{step} by {person} until {until}: {reason}"))
}

//! Who must agree: checkpoints with the people of their roles, the second look at an overridden window, and waivers.

use super::build::{Builder, Position};
use super::convert::{line_of, pairs, template};
use super::model::*;
use super::paths::steps_by_path;
use super::units::duration_us;
use crate::runbook::model as doc;
use crate::text::{Code, Diagnostic, Place};
use std::collections::{BTreeMap, BTreeSet};

/// Who makes a plan and when, and what is waived where it is for.
#[derive(Debug, Default)]
pub struct Around {
    /// Who would run it, by the name their key has; nobody yet when it is only looked at.
    pub operator: Option<String>,
    /// The moment in microseconds since 1970; waivers are not held against a day without it.
    pub now_us: Option<i64>,
    /// What the target's file of waivers says.
    pub waivers: Vec<doc::Waiver>,
    /// That file.
    pub waivers_source: Option<SourceDigest>,
}

/// The role of whoever agrees to an overridden window where the runbook names none.
const SECOND: &str = "second-person";

impl Builder<'_> {
    pub(super) fn checkpoint(&mut self, checkpoint: &doc::Checkpoint) -> NodeKind {
        let roles: BTreeMap<String, u32> = checkpoint.roles.iter().map(|(r, n)| (r.value.clone(), *n)).collect();
        let mut people = BTreeMap::new();
        for (role, _) in &checkpoint.roles {
            if let Some(who) = self.people_of(&role.value, &role.place) {
                people.insert(role.value.clone(), who);
            }
        }
        if people.len() == roles.len()
            && let Some((role, _)) = checkpoint.roles.first()
        {
            self.enough(&roles, &people, &role.place);
        }
        let expires = checkpoint.expires.as_ref();
        let gate = Gate {
            roles,
            people,
            phrase: checkpoint.phrase.as_ref().map(|phrase| phrase.value.clone()),
            good_for_us: expires.and_then(|expires| duration_us(&expires.value)),
            reference: checkpoint.reference,
        };
        NodeKind::Checkpoint {
            title: template(&checkpoint.title),
            show: pairs(&checkpoint.show),
            timeout: checkpoint.timeout.as_ref().map(template),
            gate,
        }
    }

    /// Who holds a role, as the target says.
    fn people_of(&mut self, role: &str, place: &Place) -> Option<Vec<String>> {
        let roles = self.target.as_ref().and_then(|target| target.values.get("roles"));
        let listed = roles.and_then(|roles| roles.get(role)).and_then(|people| people.as_array());
        let people: BTreeSet<String> = listed
            .into_iter()
            .flatten()
            .filter_map(|who| who.as_str())
            .filter(|who| doc::is_principal(who))
            .map(String::from)
            .collect();
        if !people.is_empty() {
            return Some(people.into_iter().collect());
        }
        let message = match &self.target {
            Some(target) => format!("the target `{}` does not say who holds the role `{role}`", target.name),
            None => format!("only a target can say who holds the role `{role}`"),
        };
        let help = match roles.and_then(|roles| roles.as_object()) {
            Some(known) if !known.is_empty() => {
                let known: Vec<&str> = known.keys().map(String::as_str).collect();
                format!("it has: {}", known.join(", "))
            }
            _ => format!("add `roles: {{ {role}: [ana@example.com] }}` to the target"),
        };
        self.problem(Code::ROLE_UNKNOWN, &message, place, &help);
        None
    }

    /// Whether the quorums can be met by different people, the operator not among them.
    fn enough(&mut self, roles: &BTreeMap<String, u32>, people: &BTreeMap<String, Vec<String>>, place: &Place) {
        let operator = self.around.operator.clone();
        let free = |role: &String| -> Vec<&String> {
            people[role].iter().filter(|who| Some(*who) != operator.as_ref()).collect()
        };
        let besides = operator.as_ref().map(|who| format!(" besides {who}, who would run it,")).unwrap_or_default();
        for (role, needed) in roles {
            let found = free(role).len();
            if found < *needed as usize {
                let message = format!("{needed} people of the role `{role}` must say GO, and{besides} {found} can");
                let help = "whoever drives the run does not count; name more people in the target or ask for fewer";
                return self.problem(Code::TOO_FEW_PEOPLE, &message, place, help);
            }
        }
        let places: Vec<Vec<&String>> =
            roles.iter().flat_map(|(role, needed)| (0..*needed).map(|_| free(role)).collect::<Vec<_>>()).collect();
        if !can_be_filled(&places) {
            let message = format!("there are not {} different people for these roles", places.len());
            let help = "one person counts once in a checkpoint, whatever roles they hold";
            self.problem(Code::TOO_FEW_PEOPLE, &message, place, help);
        }
    }

    /// The checkpoint before a run goes on outside its window, or in the closed times of a policy: of a role where the
    /// runbook says so, else in production of anybody else.
    pub(super) fn second_look(&mut self, book: &doc::Runbook, at: &Position<'_>) -> Option<NodeId> {
        let override_role = book.window.as_ref().and_then(|window| window.override_role.as_ref());
        let place = book.window.as_ref().map_or(&book.place, |window| &window.place);
        let (role, people) = match override_role {
            Some(role) => (role.value.clone(), self.people_of(&role.value, &role.place)?),
            None if self.target.as_ref().is_some_and(Target::is_production) => {
                (SECOND.to_string(), vec![Gate::ANYBODY.to_string()])
            }
            None => return None,
        };
        let (roles, people) = (BTreeMap::from([(role.clone(), 1)]), BTreeMap::from([(role, people)]));
        if let Some(role) = override_role {
            self.enough(&roles, &people, &role.place);
        }
        let title = Template { text: "Run outside its window?".into(), at: line_of(place) };
        let gate = Gate { roles, people, ..Gate::default() };
        let kind = NodeKind::Checkpoint { title, show: Vec::new(), timeout: None, gate };
        Some(self.block("window", place, at, kind))
    }

    /// The waivers that are for this plan. One that has expired or is for what cannot be waived is a problem.
    pub(super) fn waivers(&mut self, plan: &Plan) -> Vec<Waiver> {
        let steps = steps_by_path(plan);
        let mut kept = Vec::new();
        for waiver in std::mem::take(&mut self.around.waivers) {
            let held = Waiver {
                step: waiver.step.value.clone(),
                person: waiver.person.value.clone(),
                reason: waiver.reason.value.clone(),
                until: waiver.until.value.clone(),
            };
            if self.around.now_us.is_some_and(|now| !held.holds_at(now)) {
                let message = format!("the waiver of `{}` by {} expired on {}", held.step, held.person, held.until);
                self.problem(Code::WAIVER_EXPIRED, &message, &waiver.until.place, "remove it, or have it given again");
                continue;
            }
            let named = steps.iter().filter(|(path, _)| held.is_for(path));
            let named: Vec<NodeId> = named.map(|(_, id)| *id).collect();
            if named.iter().any(|id| !plan.node(*id).can_be_waived()) {
                let message = format!("`{}` cannot be waived", held.step);
                let help = "only steps with `effect: read`, `watch` and `manual` can";
                self.problem(Code::WAIVER_FOR_A_CHANGE, &message, &waiver.step.place, help);
            } else if !named.is_empty() {
                kept.push(held);
            }
        }
        kept
    }
}

/// What is worth knowing about waivers that were read for a plan: those for no step of it, and those by its operator.
pub fn idle_waivers(plan: &Plan, around: &[doc::Waiver], operator: Option<&str>) -> Vec<Diagnostic> {
    let steps = steps_by_path(plan);
    let mut found = Vec::new();
    for waiver in around {
        let held = plan.waivers.iter().any(|kept| kept.step == waiver.step.value);
        if !held {
            let paths: Vec<&str> = steps.iter().map(|(path, _)| path.as_str()).collect();
            let near = crate::text::suggest(&waiver.step.value, paths);
            let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            let message = format!("this runbook has no step `{}`{hint}", waiver.step.value);
            let problem = Diagnostic::warning(Code::WAIVER_WITHOUT_STEP, message, waiver.step.place.clone());
            found.push(problem.help("it has no effect here"));
        } else if operator == Some(waiver.person.value.as_str()) {
            let message = format!("{} cannot waive a failure of their own run", waiver.person.value);
            let problem = Diagnostic::warning(Code::WAIVER_BY_OPERATOR, message, waiver.person.place.clone());
            found.push(problem.help("it has no effect when they run it"));
        }
    }
    found
}

/// Whether each place can be given to a person of its own.
fn can_be_filled(places: &[Vec<&String>]) -> bool {
    fn seat<'a>(
        place: usize,
        places: &[Vec<&'a String>],
        taken: &mut BTreeMap<&'a String, usize>,
        asked: &mut BTreeSet<&'a String>,
    ) -> bool {
        for who in &places[place] {
            if !asked.insert(who) {
                continue;
            }
            let free = match taken.get(who).copied() {
                None => true,
                Some(other) => seat(other, places, taken, asked),
            };
            if free {
                taken.insert(who, place);
                return true;
            }
        }
        false
    }
    let mut taken = BTreeMap::new();
    (0..places.len()).all(|place| seat(place, places, &mut taken, &mut BTreeSet::new()))
}

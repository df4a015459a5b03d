//! What a checkpoint still waits for, as it is shown beside its question.

use crate::machine::event::{Asked, Question};
use crate::machine::{RoleStanding, State, phrase_typed, red, standing};
use crate::report::{Look, visible_line};

/// Whose word is missing, and what keeps everybody from saying GO.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Awaited {
    /// Roles with who has said GO and who could.
    pub(super) roles: Vec<RoleStanding>,
    /// The phrase was typed already.
    pub(super) phrase_typed: bool,
    /// Wrong phrases so far.
    pub(super) wrong: u32,
    /// What is red.
    pub(super) red: Vec<String>,
    /// Somebody has to stay: a table looks beside the question.
    pub(super) must_stay: bool,
}

impl Awaited {
    /// How an open question stands now.
    pub(super) fn of(state: &State, asked: &Asked) -> Awaited {
        if asked.question != Question::Checkpoint {
            return Awaited::default();
        }
        Awaited {
            roles: standing(state, asked),
            phrase_typed: phrase_typed(state, &asked.path),
            wrong: state.inst(&asked.path).map_or(0, |inst| inst.gathered.wrong),
            red: state.by_path.get(&asked.path).map(|id| red(state, *id)).unwrap_or_default(),
            must_stay: !state.armed.is_empty(),
        }
    }

    /// Lines for below the evidence.
    pub(super) fn lines(&self, asked: &Asked, look: &Look) -> Vec<String> {
        let mut lines: Vec<String> = self.roles.iter().map(|role| awaited(role, look)).collect();
        match &asked.phrase {
            Some(_) if self.phrase_typed => lines.push("phrase: typed".into()),
            Some(phrase) => lines.push(format!("phrase to type for GO: {}", visible_line(phrase))),
            None => {}
        }
        if self.wrong > 0 && !self.phrase_typed {
            lines.push(format!("{} of 3 tries to type it were wrong", self.wrong));
        }
        if let Some(us) = asked.good_for_us {
            let words = crate::plan::units::duration_words(us);
            lines.push(format!("a GO stays good for {words}"));
        }
        lines.extend(self.red.iter().map(|red| format!("RED {}", visible_line(red))));
        if !self.red.is_empty() {
            lines.push("nobody may say GO over red".into());
        }
        lines
    }
}

/// `release-manager: 1 of 2 said GO (li); awaited: mo, xu`
fn awaited(role: &RoleStanding, look: &Look) -> String {
    let named = |names: &[String]| names.iter().map(|name| visible_line(name)).collect::<Vec<_>>().join(", ");
    let given = if role.given.is_empty() { String::new() } else { format!(" ({})", named(&role.given)) };
    let name = visible_line(&role.role);
    let said = format!("{name}: {} of {} said GO{given}", role.given.len(), role.needed);
    if role.given.len() >= role.needed as usize {
        return said;
    }
    let could = match &role.could[..] {
        [anybody] if anybody == crate::plan::model::Gate::ANYBODY => "anybody but whoever drives the run".to_string(),
        people => named(people),
    };
    format!("{said}{}awaited: {could}", look.dot())
}

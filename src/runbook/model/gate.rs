//! Go/no-go: what is asked, whose word counts, and which failures somebody answers for.

use super::Text;
use crate::text::Place;

/// A go/no-go.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// The question; a template.
    pub title: Text,
    /// Evidence shown: label and template.
    pub show: Vec<(String, Text)>,
    /// No answer within this time is NO-GO.
    pub timeout: Option<Text>,
    /// Role and how many of its people must say GO; whoever drives the run is none of them.
    pub roles: Vec<(Text, u32)>,
    /// What must be typed for a GO where the run is driven: one line, never a template.
    pub phrase: Option<Text>,
    /// How long a GO stays good before everything is there.
    pub expires: Option<Text>,
    /// `reference: required`: a GO says where else it is written down.
    pub reference: bool,
    /// The first key.
    pub place: Place,
}

/// A failure somebody answers for until a day.
#[derive(Debug, Clone)]
pub struct Waiver {
    /// Path of the step.
    pub step: Text,
    /// Who answers for it.
    pub person: Text,
    /// Why.
    pub reason: Text,
    /// The last day it holds, `2026-12-31`.
    pub until: Text,
}

/// Names of roles: lower-case letters, digits, dashes and underscores, a letter first.
pub fn is_role(name: &str) -> bool {
    let ok = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(ok)
}

/// Names of people as trust stores have them, such as `ana@example.com`: visible ASCII without what has a meaning there,
/// so that no two look alike and none stands for many.
pub fn is_principal(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_graphic() && !"*?!,\"'\\#".contains(c))
}

/// Whether a text can be typed as it stands: one line, nothing that cannot be seen, nothing that is filled in later.
pub fn is_phrase(text: &str) -> bool {
    let unseen = |c: char| {
        c.is_control()
            || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    !text.is_empty() && text.trim() == text && !text.contains(|c: char| unseen(c) || c == '{' || c == '}')
}

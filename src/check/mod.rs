//! Placeholder.
/// x
pub trait Includes { /// x
fn load(&self, from: &crate::text::Source, path: &str) -> Result<crate::text::Source, String>; }
/// x
pub fn check(_: &crate::runbook::model::Runbook, _: &dyn Includes) -> Vec<crate::text::Diagnostic> { vec![] }

//! The runbooks a runbook runs.

use super::Includes;
use crate::runbook::model::{Kind, Rollback, Runbook, Step, Text};
use crate::runbook::read;
use crate::text::{Severity, Source};

/// What is known about the runbook of one `run` step.
pub(crate) enum Included {
    /// It cannot be read, for this reason.
    Missing(String),
    /// It has errors of its own.
    Broken,
    /// Running it would lead back to a runbook that is already running: the names of the files on the way.
    Cycle(Vec<String>),
    /// It can be run.
    Sound(Box<Runbook>),
}

/// Opens included files.
pub(crate) struct Library<'i> {
    includes: &'i dyn Includes,
    top: &'i Source,
}

impl<'i> Library<'i> {
    pub(crate) fn new(includes: &'i dyn Includes, top: &'i Source) -> Library<'i> {
        Library { includes, top }
    }

    /// The runbook a `run` step names; none when the name is only known with inputs.
    pub(crate) fn open(&self, path: &Text) -> Option<Included> {
        let mut chain = vec![self.top.name().to_string()];
        let (source, book) = match self.load(self.top, path)? {
            Ok(found) => found,
            Err(included) => return Some(included),
        };
        if let Some(cycle) = self.cycle(&source, &book, &mut chain) {
            return Some(Included::Cycle(cycle));
        }
        Some(Included::Sound(Box::new(book)))
    }

    /// Follows `run` steps until a file comes back that is already in `chain`.
    fn cycle(&self, source: &Source, book: &Runbook, chain: &mut Vec<String>) -> Option<Vec<String>> {
        let again = chain.iter().any(|name| name == source.name());
        chain.push(source.name().to_string());
        if again {
            return Some(chain.clone());
        }
        for path in runs(book) {
            if let Some(Ok((inner, inner_book))) = self.load(source, path)
                && let Some(cycle) = self.cycle(&inner, &inner_book, chain)
            {
                return Some(cycle);
            }
        }
        chain.pop();
        None
    }

    fn load(&self, from: &Source, path: &Text) -> Option<Result<(Source, Runbook), Included>> {
        if path.value.contains("{{") || path.value.contains("{%") {
            return None;
        }
        let source = match self.includes.load(from, &path.value) {
            Ok(source) => source,
            Err(why) => return Some(Err(Included::Missing(why))),
        };
        Some(match read(&source) {
            (Some(book), problems) if problems.iter().all(|p| p.severity != Severity::Error) => Ok((source, book)),
            _ => Err(Included::Broken),
        })
    }
}

/// The paths of the runbooks a runbook runs.
fn runs(book: &Runbook) -> Vec<&Text> {
    let mut paths = Vec::new();
    let rollback: &[Step] = if let Rollback::Steps(steps) = &book.rollback { steps } else { &[] };
    for steps in book.phases.iter().map(|p| p.steps.as_slice()).chain([rollback, &book.always]) {
        collect(steps, &mut paths);
    }
    paths
}

fn collect<'b>(steps: &'b [Step], paths: &mut Vec<&'b Text>) {
    for step in steps {
        match &step.kind {
            Kind::Run(run) => paths.push(&run.runbook),
            kind => kind.inner_steps().into_iter().for_each(|steps| collect(steps, paths)),
        }
    }
}

//! The runbooks a runbook runs.

use super::Includes;
use crate::runbook::model::{Kind, Rollback, Runbook, Step, Text};
use crate::runbook::read;
use crate::text::{Severity, Source};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// Runbooks run each other at most this deep.
pub(crate) const DEEPEST: usize = 16;

/// What is known about the runbook of one `run` step.
pub(crate) enum Included {
    /// It cannot be read, for this reason.
    Missing(String),
    /// It has errors of its own.
    Broken,
    /// Running it would lead back to a runbook that is already running: the names of the files on the way.
    Cycle(Vec<String>),
    /// Runbooks run each other deeper than [`DEEPEST`]: the names of the files on the way.
    TooDeep(Vec<String>),
    /// It can be run.
    Sound(Rc<Runbook>),
}

/// Opens included files, each once.
pub(crate) struct Library<'i> {
    includes: &'i dyn Includes,
    top: &'i Source,
    /// By the name of the file; none for a file with errors.
    read: RefCell<BTreeMap<String, Option<Rc<Runbook>>>>,
    /// Files below which nothing comes back, with the levels below them.
    fine: RefCell<BTreeMap<String, usize>>,
}

impl<'i> Library<'i> {
    pub(crate) fn new(includes: &'i dyn Includes, top: &'i Source) -> Library<'i> {
        Library { includes, top, read: RefCell::default(), fine: RefCell::default() }
    }

    /// The runbook a `run` step names; none when the name is only known with inputs.
    pub(crate) fn open(&self, path: &Text) -> Option<Included> {
        let mut chain = vec![self.top.name().to_string()];
        let (source, book) = match self.load(self.top, path)? {
            Ok(found) => found,
            Err(included) => return Some(included),
        };
        Some(match self.follow(&source, &book, &mut chain) {
            Ok(_) => Included::Sound(book),
            Err(problem) => problem,
        })
    }

    /// The runbook a sound `run` step names, and all that it runs, each that is not among the `seen` files yet.
    pub(crate) fn inside(&self, from: &Source, path: &Text, seen: &mut BTreeSet<String>) -> Vec<Rc<Runbook>> {
        let Some(Ok((source, book))) = self.load(from, path) else { return Vec::new() };
        if !seen.insert(source.name().to_string()) {
            return Vec::new();
        }
        let deeper: Vec<_> = runs(&book).into_iter().flat_map(|path| self.inside(&source, path, seen)).collect();
        std::iter::once(book.clone()).chain(deeper).collect()
    }

    /// Follows `run` steps until a file comes back that is already in `chain`; how many levels there are below.
    fn follow(&self, source: &Source, book: &Runbook, chain: &mut Vec<String>) -> Result<usize, Included> {
        let name = source.name().to_string();
        if let Some(levels) = self.fine.borrow().get(&name).filter(|levels| chain.len() + **levels < DEEPEST) {
            return Ok(*levels);
        }
        let again = chain.contains(&name);
        chain.push(name.clone());
        if again {
            return Err(Included::Cycle(chain.clone()));
        }
        if chain.len() > DEEPEST {
            return Err(Included::TooDeep(chain.clone()));
        }
        let mut below = 0;
        let mut seen = BTreeSet::new();
        for path in runs(book).into_iter().filter(|path| seen.insert(&path.value)) {
            if let Some(Ok((inner, inner_book))) = self.load(source, path) {
                below = below.max(1 + self.follow(&inner, &inner_book, chain)?);
            }
        }
        chain.pop();
        self.fine.borrow_mut().insert(name, below);
        Ok(below)
    }

    fn load(&self, from: &Source, path: &Text) -> Option<Result<(Source, Rc<Runbook>), Included>> {
        if path.value.contains("{{") || path.value.contains("{%") {
            return None;
        }
        let source = match self.includes.load(from, &path.value) {
            Ok(source) => source,
            Err(why) => return Some(Err(Included::Missing(why))),
        };
        let mut known = self.read.borrow_mut();
        let book = known.entry(source.name().to_string()).or_insert_with(|| match read(&source) {
            (Some(book), problems) if problems.iter().all(|p| p.severity != Severity::Error) => Some(Rc::new(book)),
            _ => None,
        });
        Some(book.clone().map(|book| (source, book)).ok_or(Included::Broken))
    }
}

/// The paths of the runbooks a runbook runs.
fn runs(book: &Runbook) -> Vec<&Text> {
    let runs = all_steps(book).into_iter().filter_map(|step| match &step.kind {
        Kind::Run(run) => Some(&run.runbook),
        _ => None,
    });
    runs.collect()
}

/// The steps of a runbook and those inside them.
pub(crate) fn all_steps(book: &Runbook) -> Vec<&Step> {
    let mut all = Vec::new();
    let rollback: &[Step] = if let Rollback::Steps(steps) = &book.rollback { steps } else { &[] };
    for steps in book.phases.iter().map(|p| p.steps.as_slice()).chain([rollback, &book.always]) {
        collect(steps, &mut all);
    }
    all
}

fn collect<'b>(steps: &'b [Step], all: &mut Vec<&'b Step>) {
    for step in steps {
        all.push(step);
        step.kind.inner_steps().into_iter().for_each(|steps| collect(steps, all));
    }
}

//! Markers: the last assignment is what a loader uses, and it must be the only one in doubt of nothing.

use crate::machine::action::{Action, Assigned, Datum, Done, MarkerAction, MarkerSeen, MarkerSource};
use crate::machine::event::Verdict;
use crate::machine::names::{Names, Trouble};
use crate::plan::model;

pub(in crate::machine) fn action(names: &Names<'_>, marker: &model::Marker) -> Result<Action, Trouble> {
    let source = match &marker.source {
        model::MarkerSource::File(path) => MarkerSource::File(names.text(path)?),
        model::MarkerSource::Process(process) => MarkerSource::Process(names.text(process)?),
    };
    let is = names.datum(&marker.is)?;
    if is == Datum::Plain(String::new()) {
        return Err(format!("an empty value marks nothing ({})", marker.is.at));
    }
    Ok(Action::Marker(MarkerAction { source, name: names.text(&marker.name)?, is }))
}

pub(super) fn weigh(names: &Names<'_>, marker: &model::Marker, done: &Done) -> Result<(), (Verdict, String)> {
    let fail = |reason: String| Err((Verdict::Fail, reason));
    let Some(seen) = &done.marker else { return fail("nothing was looked at".into()) };
    let name = names.text(&marker.name).unwrap_or_else(|_| marker.name.text.clone());
    if let Some(broken) = &seen.broken {
        return fail(format!("`{name}` cannot be told from {}: {broken}", seen.place));
    }
    let Some(last) = seen.found.last() else {
        return fail(format!("`{name}` is not set in {}", seen.place));
    };
    if let Some((one, doubt)) = seen.found.iter().find_map(|one| Some((one, one.doubt.as_ref()?))) {
        return fail(format!("`{name}` in {} {doubt}", at(seen, one)));
    }
    if !last.equal {
        let live = matches!(marker.source, model::MarkerSource::Process(_));
        return fail(different(&name, seen, last, names.datum(&marker.is).ok(), live));
    }
    match seen.found.iter().find(|one| !one.equal) {
        None => Ok(()),
        Some(other) => fail(format!(
            "`{name}` is set more than once: {} before {}; loaders that take the first one see another environment",
            said(other, &at(seen, other)),
            at(seen, last)
        )),
    }
}

fn different(name: &str, seen: &MarkerSeen, found: &Assigned, wanted: Option<Datum>, live: bool) -> String {
    let place = at(seen, found);
    let mut words = match (&found.value, wanted) {
        (Some(value), Some(Datum::Plain(wanted))) => {
            format!("`{name}` is `{}` in {place}, not `{}`", value.escape_debug(), wanted.escape_debug())
        }
        _ => format!("`{name}` in {place} is not the value it must be"),
    };
    if live {
        words.push_str("; a process keeps the environment it was started with, so it must be started anew");
    }
    words
}

pub(super) fn said(one: &Assigned, place: &str) -> String {
    match &one.value {
        Some(value) => format!("`{}` in {place}", value.escape_debug()),
        None if one.equal => format!("the value it must be in {place}"),
        None => format!("another value in {place}"),
    }
}

pub(super) fn at(seen: &MarkerSeen, one: &Assigned) -> String {
    one.line.map_or_else(|| seen.place.clone(), |line| format!("{}:{line}", seen.place))
}

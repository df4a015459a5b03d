//! Steps that watch a log: from where on, and what is made of what was seen.

use super::action::WatchSource as Source;
use super::action::{
    Action, Captured, Done, Ended, ExecAction, LogPosition, ShellAction, Surroundings, WatchAction, Watched,
};
use super::event::Verdict;
use super::names::{Names, Trouble};
use super::state::{InstId, State, Status, Timestamp};
use crate::plan::model::{NodeKind, Watch, WatchSource};
use crate::plan::units::duration_words;
use serde_json::{Map, Value, json};

const BEGINNING: &str = "--since=@";

/// What a step notes as it begins, for watches that look from there on: the logs, and the time for journals.
pub(super) fn noted(state: &State, id: InstId, now: Timestamp) -> (Vec<String>, Option<i64>) {
    let inst = &state.insts[id];
    let node = state.node_of(id);
    if inst.attempt > 0 || inst.owner.is_some() {
        return (Vec::new(), None);
    }
    let (mut logs, mut at_us) = (Vec::new(), None);
    for other in state.plan.nodes.iter().filter(|other| other.scope == node.scope) {
        let NodeKind::Watch(watch) = &other.kind else { continue };
        if watch.since.as_deref() != Some(node.id.as_str()) {
            continue;
        }
        match &watch.source {
            // A name that cannot be known yet is missing when the watch begins, which then says so.
            WatchSource::File(path) => logs.extend(Names::of(state, id).text(path)),
            WatchSource::Journal(_) | WatchSource::Shell(_) => at_us = Some(now.wall_us),
        }
    }
    (logs, at_us)
}

/// Why a watch whose attempt died cannot be looked at again: nobody knows where it began, or what came meanwhile.
pub(super) fn lost(state: &State, id: InstId) -> Option<String> {
    let NodeKind::Watch(watch) = &state.node_of(id).kind else { return None };
    let dead = state.insts[id].watching.as_deref()?;
    match (&dead.source, &watch.source) {
        (Source::File(path), _) if dead.since.is_none() => {
            Some(format!("nobody saw where {path} ended when watching began, so lines that came since are lost"))
        }
        (Source::File(_), _) => None,
        (Source::Command(command), WatchSource::Journal(_)) if has_beginning(command) => None,
        (Source::Command(_), _) => {
            Some("nobody saw how it ended, and what came while nobody looked cannot be printed again".into())
        }
    }
}

/// What to watch.
pub(super) fn action(state: &State, id: InstId, watch: &Watch, now: Timestamp) -> Result<Action, Trouble> {
    let inst = &state.insts[id];
    // Nobody saw what the attempt saw that died: the same is looked at again, from the same place on.
    if let (Status::InDoubt, Some(dead)) = (&inst.status, &inst.watching) {
        return Ok(Action::Watch((**dead).clone()));
    }
    let names = Names::of(state, id);
    let earlier = |name: &str| state.step_named(id, name).ok_or_else(|| format!("there is no step `{name}` here"));
    let since = watch.since.as_deref().map(|name| Ok::<_, Trouble>((name, earlier(name)?))).transpose()?;
    let mut from = None;
    let source = match &watch.source {
        WatchSource::File(path) => {
            let path = names.text(path)?;
            from = since.map(|(name, step)| mark(state, step, name, &path)).transpose()?;
            Source::File(path)
        }
        WatchSource::Journal(unit) => {
            let began = since.map(|(name, step)| began(state, step, name)).transpose()?;
            Source::Command(Box::new(journal(&names.text(unit)?, began.unwrap_or(now.wall_us))))
        }
        WatchSource::Shell(script) => {
            let script = names.script(script)?;
            let around = Surroundings::default();
            Source::Command(Box::new(Action::Shell(ShellAction { script: script.text, values: script.values, around })))
        }
    };
    let (known_in, known_in_errors) = match &watch.new_patterns {
        Some(limit) => output(state, earlier(&limit.baseline)?, &limit.baseline)?,
        None => (None, None),
    };
    let (must, must_not) = (watch.must.clone(), watch.must_not.clone());
    let for_us = watch.time_us;
    Ok(Action::Watch(WatchAction { source, for_us, since: from, must, must_not, known_in, known_in_errors }))
}

fn journal(unit: &str, began_us: i64) -> Action {
    let mut argv = vec!["journalctl".to_string(), "--follow".into(), "--output=cat".into(), "--quiet".into()];
    // To the microsecond: what was written earlier in the same second is not since then.
    let (seconds, rest) = (began_us.div_euclid(1_000_000), began_us.rem_euclid(1_000_000));
    argv.extend(["--no-tail".into(), format!("{BEGINNING}{seconds}.{rest:06}"), format!("--unit={unit}")]);
    Action::Exec(ExecAction { argv, around: Surroundings::default() })
}

/// Journals were once watched from their end on, wherever that was.
fn has_beginning(journal: &Action) -> bool {
    matches!(journal, Action::Exec(exec) if exec.argv.iter().any(|word| word.starts_with(BEGINNING)))
}

fn mark(state: &State, step: InstId, name: &str, path: &str) -> Result<LogPosition, Trouble> {
    let mark = state.insts[step].marks.iter().find(|mark| mark.path == path);
    mark.map(|mark| mark.position.clone()).ok_or_else(|| format!("nobody saw where {path} ended when `{name}` began"))
}

fn began(state: &State, step: InstId, name: &str) -> Result<i64, Trouble> {
    state.insts[step].began_us.ok_or_else(|| format!("`{name}` never began"))
}

/// The lines an earlier watch saw: what it kept as output, and of a script as errors.
fn output(state: &State, step: InstId, name: &str) -> Result<(Option<String>, Option<String>), Trouble> {
    let NodeKind::Watch(earlier) = &state.node_of(step).kind else { return Err(format!("`{name}` is no watch")) };
    let done = state.insts[step].done.as_ref();
    let file = |seen: Option<&Captured>| seen.map(|seen| seen.file.clone()).filter(|file| !file.is_empty());
    let is_script = matches!(earlier.source, WatchSource::Shell(_));
    let output = file(done.and_then(|done| done.stdout.as_ref()));
    let errors = file(done.filter(|_| is_script).and_then(|done| done.stderr.as_ref()));
    match (&output, &errors) {
        (None, None) => Err(format!("`{name}` saw no lines that could be compared with")),
        _ => Ok((output, errors)),
    }
}

/// Passes with what was seen, or says what is wrong. That nothing came is never good by itself.
pub(super) fn weigh(watch: &Watch, done: &Done) -> Result<Map<String, Value>, (Verdict, String)> {
    let seen = done.watched.clone().unwrap_or_default();
    let fail = |reason: String| Err((Verdict::Fail, reason));
    if let Some((pattern, line)) = came(&watch.must_not, &seen.must_not) {
        return fail(format!("a line came that must not, for `{pattern}`: {line}"));
    }
    match &done.ended {
        Ended::Ok | Ended::Exit(0) => {}
        Ended::Unavailable(reason) => return Err((Verdict::Unavailable, reason.clone())),
        Ended::Failed(reason) => return fail(reason.clone()),
        Ended::Exit(code) => return fail(format!("what prints the lines ended with exit {code}")),
        Ended::Signal(signal) => return fail(format!("what prints the lines was ended by signal {signal}")),
        Ended::TimedOut => return fail("it did not end in time".into()),
        Ended::Cancelled => return fail("cancelled".into()),
    }
    let time = duration_words(watch.time_us);
    let lines = if seen.lines == 1 { "1 line".to_string() } else { format!("{} lines", seen.lines) };
    if let Some(reason) = not_seen(&seen) {
        return Err((Verdict::Inconclusive, reason));
    }
    if done.ended == Ended::Exit(0) {
        let after = duration_words(done.duration_us);
        let reason = format!("what prints the lines ended by itself after {after}, and was to be watched for {time}");
        return Err((Verdict::Inconclusive, reason));
    }
    let missing = |at: &usize| seen.must.get(*at).is_none_or(Option::is_none);
    if let Some(at) = (0..watch.must.len()).find(missing) {
        return fail(format!("no line for `{}` came in {time}; {lines} came", watch.must[at]));
    }
    if seen.lines == 0 {
        return Err((Verdict::Inconclusive, format!("no line came in {time}, so there was nothing to judge")));
    }
    if let Some(limit) = &watch.new_patterns {
        if seen.known == 0 {
            let reason = format!("`{}` saw no lines that could be compared with", limit.baseline);
            return Err((Verdict::Inconclusive, reason));
        }
        if seen.new_count > u64::from(limit.max) {
            return fail(new_patterns(&seen, limit.max, &limit.baseline));
        }
        if seen.kinds_full {
            let reason = "there are more kinds of lines than can be told apart, so nobody can say which are new";
            return Err((Verdict::Inconclusive, reason.into()));
        }
    }
    Ok(Map::from_iter([("lines".to_string(), json!(seen.lines)), ("new".to_string(), json!(seen.new))]))
}

/// What came and was not looked at may be what must not come.
fn not_seen(seen: &Watched) -> Option<String> {
    match seen {
        Watched { unread: 1.., .. } => {
            Some(format!("more came than could be looked at in time: {} bytes were not looked at", seen.unread))
        }
        Watched { too_long: 1, .. } => {
            Some("a line came that is longer than 1 MiB, and its end was not looked at".into())
        }
        Watched { too_long: 2.., .. } => {
            Some(format!("{} lines came that are longer than 1 MiB, and their ends were not looked at", seen.too_long))
        }
        _ => None,
    }
}

fn new_patterns(seen: &Watched, max: u32, baseline: &str) -> String {
    let first = seen.new.first().map(String::as_str).unwrap_or_default();
    let kinds =
        if seen.new_count == 1 { "1 kind of line".to_string() } else { format!("{} kinds of lines", seen.new_count) };
    format!("{kinds} that `{baseline}` did not see, {max} allowed; the first: {first}")
}

fn came<'a>(patterns: &'a [String], firsts: &'a [Option<String>]) -> Option<(&'a str, &'a str)> {
    patterns.iter().zip(firsts).find_map(|(pattern, first)| Some((pattern.as_str(), first.as_deref()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::model::{NewPatterns, Template};

    fn wanted(must: &[&str], must_not: &[&str], max: Option<u32>) -> Watch {
        let owned = |from: &[&str]| from.iter().map(|pattern| (*pattern).to_owned()).collect();
        Watch {
            source: WatchSource::File(Template { text: "app.log".into(), at: "a.yml:1".into() }),
            time_us: 30_000_000,
            since: None,
            must: owned(must),
            must_not: owned(must_not),
            new_patterns: max.map(|max| NewPatterns { baseline: "before".into(), max }),
        }
    }

    fn seen(watched: Watched, ended: Ended) -> Done {
        Done { ended, watched: Some(watched), ..Done::default() }
    }

    fn line(text: &str) -> Vec<Option<String>> {
        vec![Some(text.to_string())]
    }

    #[test]
    fn what_was_seen_is_judged() {
        let ready = Watched { lines: 3, must: line("ready"), must_not: vec![None], ..Watched::default() };
        let panic = Watched { must_not: line("panic"), ..ready.clone() };
        let never = Watched { must: vec![None], ..ready.clone() };
        let quiet = Watched { lines: 0, must_not: vec![None], ..Watched::default() };
        let new = Watched { new: vec!["deadlock".into()], new_count: 2, known: 5, ..ready.clone() };
        let unknown = Watched { known: 0, ..new.clone() };
        let (both, not) = (wanted(&["ready"], &["panic"], None), wanted(&[], &["panic"], None));
        let limit = |max| wanted(&["ready"], &["panic"], Some(max));
        let gone = || Ended::Unavailable("app.log does not exist".into());
        let full = Watched { kinds_full: true, ..new.clone() };
        let (long, unread) = (Watched { too_long: 1, ..ready.clone() }, Watched { unread: 7, ..ready.clone() });
        let long_panic = Watched { too_long: 1, ..panic.clone() };
        let cases = [
            (&both, seen(long, Ended::Ok), Verdict::Inconclusive),
            (&both, seen(long_panic, Ended::Ok), Verdict::Fail),
            (&both, seen(unread, Ended::Ok), Verdict::Inconclusive),
            (&limit(1), seen(full.clone(), Ended::Ok), Verdict::Fail),
            (&limit(2), seen(full.clone(), Ended::Ok), Verdict::Inconclusive),
            (&both, seen(full, Ended::Ok), Verdict::Pass),
            (&both, seen(ready.clone(), Ended::Ok), Verdict::Pass),
            (&both, seen(ready.clone(), Ended::Exit(0)), Verdict::Inconclusive),
            (&both, seen(never.clone(), Ended::Exit(0)), Verdict::Inconclusive),
            (&both, seen(panic.clone(), Ended::Exit(0)), Verdict::Fail),
            (&both, seen(ready.clone(), Ended::Exit(1)), Verdict::Fail),
            (&both, seen(panic.clone(), Ended::Ok), Verdict::Fail),
            (&both, seen(panic, gone()), Verdict::Fail),
            (&both, seen(never, Ended::Ok), Verdict::Fail),
            (&both, seen(ready, gone()), Verdict::Unavailable),
            (&not, seen(quiet.clone(), Ended::Ok), Verdict::Inconclusive),
            (&both, seen(quiet, Ended::Ok), Verdict::Fail),
            (&both, Done { ended: Ended::Cancelled, ..Done::default() }, Verdict::Fail),
            (&not, Done::default(), Verdict::Inconclusive),
            (&limit(2), seen(new.clone(), Ended::Ok), Verdict::Pass),
            (&limit(1), seen(new, Ended::Ok), Verdict::Fail),
            (&limit(9), seen(unknown, Ended::Ok), Verdict::Inconclusive),
        ];
        for (watch, done, verdict) in cases {
            let found = weigh(watch, &done).map_or_else(|(verdict, _)| verdict, |_| Verdict::Pass);
            assert_eq!(found, verdict, "{watch:?} {done:?}");
        }
    }

    #[test]
    fn a_journal_is_watched_from_a_moment_on_so_that_it_can_be_looked_at_again() {
        let words = |began| match journal("app.service", began) {
            Action::Exec(exec) => exec.argv.join(" "),
            other => panic!("{other:?}"),
        };
        let began = "--no-tail --since=@1767225600.900000";
        assert_eq!(
            words(1_767_225_600_900_000),
            format!("journalctl --follow --output=cat --quiet {began} --unit=app.service")
        );
        assert!(has_beginning(&journal("app.service", 0)));
    }
}

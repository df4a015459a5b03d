//! A deployment report in Markdown: result, phases and steps with times, answers and evidence, what is left changed.

use super::answers::{Decision, Given};
use super::exit::exit_code;
use super::rows::{Kind, Part, Row, Standing};
use super::summary::{counted, missed_words};
use super::view::View;
use super::visible::{visible, visible_line};
use super::words::{answer_words, changed_words, ending_words, time_words, verdict_words};
use crate::machine::event::{Changed, Parking};
use crate::machine::standing;
use crate::plan::model::Binding;
use crate::plan::units::duration_words;
use crate::template;
use serde_json::Value;

/// The report. Text from outside can neither end a table cell nor a code fence, nor mention people or load pictures.
pub fn markdown(view: &View) -> String {
    let mut out = String::new();
    head(view, &mut out);
    inputs(view, &mut out);
    phases(view, &mut out);
    part(view, &[Part::Rollback, Part::Undo], "Backing out", &mut out);
    part(view, &[Part::Always], "On every exit path", &mut out);
    tables(view, &mut out);
    decisions(view, &mut out);
    waivers(view, &mut out);
    changes(view, &mut out);
    failures(view, &mut out);
    out
}

fn head(view: &View, out: &mut String) {
    let plan = view.plan();
    let title = plan.title.as_deref().unwrap_or(&plan.name);
    out.push_str(&format!("# {}: {}\n\n| | |\n|---|---|\n", text(title), ending_words(view.ending())));
    let mut fact = |name: &str, value: String| out.push_str(&format!("| {name} | {value} |\n"));
    fact("runbook", code(&plan.name));
    if let Some(target) = &plan.target {
        fact("target", code(&target.name));
    }
    if let Some(run) = view.run() {
        fact("run", code(&run.run));
        fact("plan", code(&run.plan_sha256));
        fact("operator", format!("{} on {}", text(&run.operator), text(&run.host)));
        fact("started", text(&run.started));
        fact("tool", text(&run.tool));
    }
    fact("last event", time_words(view.last()));
    fact("run time", duration_words(view.took_us()));
    fact("result", format!("**{}** (exit code {})", ending_words(view.ending()), exit_code(view.ending())));
    fact("steps", counted(&view.counts()));
    if let Some(cause) = view.cause() {
        let place = if cause.path.is_empty() { String::new() } else { format!("{}: ", code(&cause.path)) };
        fact("cause", format!("{place}{}", text(&cause.reason)));
    }
    if let Some((name, words)) = super::words::lock_left(view) {
        fact(name, text(&words));
    }
    if let Some(Parking::Trouble(words)) = &view.state().parked {
        fact("trouble", text(words));
    }
    if let Some(reason) = view.run().and_then(|run| run.override_window.as_ref()) {
        fact("window", format!("overridden: {}", text(reason)));
    }
    for missed in view.missed() {
        let (path, words) = missed_words(missed);
        fact("missed", format!("{}: {words}", code(&path)));
    }
    for takeover in view.takeovers() {
        let doubt = match takeover.in_doubt.len() {
            0 => String::new(),
            _ => format!(", in doubt: {}", takeover.in_doubt.iter().map(|p| code(p)).collect::<Vec<_>>().join(", ")),
        };
        let why = takeover.override_window.as_ref().map(|why| format!(", window overridden: {}", text(why)));
        let why = why.unwrap_or_default();
        fact("resumed", format!("{} by {}{doubt}{why}", time_words(takeover.at), text(&takeover.by)));
        if let Some(changed) = &takeover.changed {
            fact("runbook changed", decided(changed));
        }
    }
    out.push('\n');
}

fn decided(changed: &Changed) -> String {
    let why = text(&changed.why);
    match &changed.plan {
        Some(plan) => format!("{}, from here on plan {}: {why}", changed_words(changed.follow), code(&plan.sha256)),
        None => format!("{}: {why}", changed_words(changed.follow)),
    }
}

fn inputs(view: &View, out: &mut String) {
    let bindings = view.plan().scopes.first().map(|scope| scope.inputs.as_slice()).unwrap_or_default();
    if bindings.is_empty() {
        return;
    }
    out.push_str("## Inputs\n\n| input | value | from |\n|---|---|---|\n");
    for input in bindings {
        let value = match &input.value {
            Binding::Known(value) if template::is_secret(value).is_some() => "*secret*".to_string(),
            Binding::Known(Value::String(value)) => code(value),
            Binding::Known(value) => code(&value.to_string()),
            Binding::Later { template, .. } => code(&template.text),
        };
        out.push_str(&format!("| {} | {value} | {} |\n", code(&input.name), text(&input.origin)));
    }
    out.push('\n');
}

const TABLE: &str = "| # | step | result | took | attempts | details |\n|---|---|---|---|---|---|\n";

fn phases(view: &View, out: &mut String) {
    for row in view.rows().iter().filter(|row| row.part == Part::Forward) {
        if row.kind == Kind::Phase {
            out.push_str(&format!("\n## Phase {}: {}\n\n", code(&row.path), text(&row.title)));
            let took = row.took_us().map(duration_words).unwrap_or_else(|| "-".into());
            out.push_str(&format!("{} · {took}\n\n{TABLE}", verdict(row)));
        } else {
            out.push_str(&table_row(row));
        }
    }
    out.push('\n');
}

fn part(view: &View, parts: &[Part], title: &str, out: &mut String) {
    let rows: Vec<Row> = view.rows().into_iter().filter(|row| parts.contains(&row.part)).collect();
    if rows.is_empty() {
        return;
    }
    out.push_str(&format!("## {title}\n\n{TABLE}"));
    out.extend(rows.iter().map(table_row));
    out.push('\n');
}

fn table_row(row: &Row) -> String {
    let number = row.number.map(|n| n.to_string()).unwrap_or_default();
    let indent = "&nbsp;&nbsp;".repeat(row.depth.saturating_sub(1));
    let took = row.took_us().map(duration_words).unwrap_or_default();
    let attempts = if row.attempts > 1 { row.attempts.to_string() } else { String::new() };
    let mut details = Vec::new();
    if row.title != row.path.rsplit(['.', '~']).next().unwrap_or_default() {
        details.push(text(&row.title));
    }
    details.extend(row.reason.as_deref().map(text));
    let path = code(&row.path);
    format!("| {number} | {indent}{path} | {} | {took} | {attempts} | {} |\n", verdict(row), details.join(": "))
}

fn verdict(row: &Row) -> String {
    match row.verdict {
        Some(verdict) if verdict.lets_go_on() => verdict_words(row.kind, verdict).to_string(),
        Some(verdict) => format!("**{}**", verdict_words(row.kind, verdict)),
        None => match row.standing {
            Standing::NotReached => "not reached".into(),
            Standing::Asking => "**waiting for a person**".into(),
            Standing::Pausing => "pausing".into(),
            Standing::InDoubt => "**in doubt**".into(),
            _ if !row.kind.is_step() => "not finished".into(),
            Standing::Running | Standing::Finished => "running".into(),
        },
    }
}

/// What it was judged by.
fn tables(view: &View, out: &mut String) {
    if view.tables().is_empty() {
        return;
    }
    out.push_str(
        "## What tables said\n\n| table | said last | since | looks | why | read last |\n|---|---|---|---|---|---|\n",
    );
    for table in view.tables() {
        let (said, why, read) = (text(&table.said()), text(&table.because), text(&table.measured()));
        let said = if table.ruling.passes() { said } else { format!("**{said}**") };
        let since = time_words(table.since);
        out.push_str(&format!(
            "| {} | {said} | {since} | {} | {why} | {read} |\n",
            text(&table.subject()),
            table.counted()
        ));
    }
    out.push('\n');
}

fn decisions(view: &View, out: &mut String) {
    if view.decisions().is_empty() {
        return;
    }
    out.push_str("## Decisions of people\n\n| asked | step | question | answer | by | answered | words |\n");
    out.push_str("|---|---|---|---|---|---|---|\n");
    for decision in view.decisions() {
        answered(view, decision, out);
    }
    out.push('\n');
    for Decision { asked, given, .. } in view.decisions() {
        let shown = asked.evidence.iter().map(|(label, value)| (label.as_str(), value.clone(), "shown"));
        let empty = serde_json::Map::new();
        let brought = given.as_ref().map_or(&empty, |g| &g.evidence);
        let brought = brought.iter().map(|(name, value)| (name.as_str(), plain(value), "given"));
        let evidence: Vec<_> = shown.chain(brought).collect();
        if !evidence.is_empty() {
            out.push_str(&format!("Evidence at {}:\n\n| evidence | value | |\n|---|---|---|\n", code(&asked.path)));
            for (label, value, how) in evidence {
                out.push_str(&format!("| {} | {} | {how} |\n", text(label), code(&value)));
            }
            out.push('\n');
        }
    }
}

/// A line for each answer, and for each that did not count.
fn answered(view: &View, decision: &Decision, out: &mut String) {
    let Decision { asked, at, given, settled, answers, refused } = decision;
    let (asked_at, path, title) = (time_words(*at), code(&asked.path), text(&asked.title));
    let mut line = |answer: &str, by: &str, when: &str, words: &str| {
        out.push_str(&format!("| {asked_at} | {path} | {title} | {answer} | {by} | {when} | {words} |\n"));
    };
    for refused in refused {
        line("not counted", &text(&refused.by), &time_words(refused.at), &text(&refused.why.to_string()));
    }
    for given in answers {
        line(&said(given), &text(&given.by), &time_words(given.at), &words_with(given));
    }
    match (given, settled) {
        (Some(_), _) => {}
        (None, Some(settled)) => line("not needed any more", "", "", &text(settled)),
        (None, None) => {
            let open = view.open_questions().iter().any(|open| open.path == asked.path);
            let roles = if open { standing(view.state(), asked) } else { Vec::new() };
            let missing = roles.iter().filter(|role| role.given.len() < role.needed as usize);
            let missing: Vec<String> =
                missing.map(|role| format!("{} of {} {}", role.given.len(), role.needed, text(&role.role))).collect();
            line(if answers.is_empty() { "no answer" } else { "not complete" }, "", "", &missing.join(", "));
        }
    }
}

fn said(given: &Given) -> String {
    let role = given.role.as_ref().map(|role| format!(" as {}", text(role))).unwrap_or_default();
    let lapsed = if given.lapsed { ", got too old" } else { "" };
    format!("**{}**{role}{lapsed}", answer_words(given.answer))
}

fn words_with(given: &Given) -> String {
    let reference = given.reference.as_ref().map(|reference| format!("see {}", text(reference)));
    let key = given.key.as_ref().map(|key| format!("signed with {}", code(key)));
    let parts = given.reason.as_deref().map(text).into_iter().chain(reference).chain(key);
    parts.collect::<Vec<_>>().join("; ")
}

/// Failures that somebody answers for, and where that was needed.
fn waivers(view: &View, out: &mut String) {
    if view.plan().waivers.is_empty() {
        return;
    }
    out.push_str("## Waivers\n\n| step | by | until | reason | needed |\n|---|---|---|---|---|\n");
    let rows = view.rows();
    for waiver in &view.plan().waivers {
        let used = rows.iter().filter(|row| waiver.names(&row.path) && view.is_waived(&row.path));
        let used: Vec<String> = used.map(|row| code(&row.path)).collect();
        let used = if used.is_empty() { "no".to_string() } else { format!("**yes**: {}", used.join(", ")) };
        let (step, person, reason) = (code(&waiver.step), text(&waiver.person), text(&waiver.reason));
        out.push_str(&format!("| {step} | {person} | {} | {reason} | {used} |\n", text(&waiver.until)));
    }
    out.push('\n');
}

fn plain(value: &Value) -> String {
    value.as_str().map(str::to_string).unwrap_or_else(|| value.to_string())
}

fn changes(view: &View, out: &mut String) {
    let changes = view.changes();
    out.push_str("## What it changed\n\n");
    for (label, list) in
        [("Changed and kept", &changes.kept), ("Changed, undone", &changes.undone), ("Unknown", &changes.unknown)]
    {
        let one = |(path, why): &(String, String)| match why.is_empty() {
            true => code(path),
            false => format!("{} ({})", code(path), text(why)),
        };
        let said: Vec<String> = list.iter().map(one).collect();
        out.push_str(&format!("- {label}: {}\n", if said.is_empty() { "nothing".into() } else { said.join(", ") }));
    }
}

fn failures(view: &View, out: &mut String) {
    for row in view.rows().iter().filter(|row| row.is_failed() && !row.tail.trim().is_empty()) {
        let tail = visible(row.tail.trim_end());
        let fence = "`".repeat(3.max(longest_run(&tail, '`') + 1));
        out.push_str(&format!("\nLast output of {}:\n\n{fence}text\n{tail}\n{fence}\n", code(&row.path)));
    }
}

/// Text as text: nothing in it is markup, and it stays in its cell.
fn text(raw: &str) -> String {
    let mut out = String::new();
    for c in visible_line(raw).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // A space without width keeps `@team` from calling people and addresses from becoming links.
            '@' => out.push_str("@&#8203;"),
            // So does one in `#12`, which would be an issue, and in an address.
            '#' => out.push_str("\\#&#8203;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '!' | '~' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    for (link, harmless) in [("://", ":&#8203;//"), ("www.", "www&#8203;."), ("WWW.", "WWW&#8203;.")] {
        out = out.replace(link, harmless);
    }
    out
}

/// Text as code, whatever backticks are in it. In a table cell even code needs its bars escaped.
fn code(raw: &str) -> String {
    let shown = visible_line(raw).replace('|', "\\|");
    let ticks = "`".repeat(longest_run(&shown, '`') + 1);
    let pad = if shown.starts_with('`') || shown.ends_with('`') || shown.is_empty() { " " } else { "" };
    format!("{ticks}{pad}{shown}{pad}{ticks}")
}

fn longest_run(text: &str, wanted: char) -> usize {
    let runs = text.split(|c| c != wanted).map(str::len);
    runs.max().unwrap_or(0)
}

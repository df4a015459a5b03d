//! What tables said in a run: what it was judged by, and how much of that there was.

use super::look::{Ink, Look};
use super::view::View;
use super::visible::visible_line;
use super::words::{clock_words, plural, time_words};
use crate::decide::{self, Because, Measured, Ruling, Sample};
use crate::machine::event::Event;
use crate::machine::{State, Timestamp};
use crate::plan::model::{Decision, NodeKind};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How guards are named beside what they guard.
const GUARD: &str = "~guard";

/// Everything one table said.
#[derive(Debug, Clone)]
pub struct Judged {
    /// Path of the step, or of the guards.
    pub path: String,
    /// `file:line`.
    pub at: String,
    /// What it asked for last.
    pub ruling: Ruling,
    /// Which row that was, by its name.
    pub row: Option<String>,
    /// Why, with the values.
    pub because: String,
    /// Since when it said that.
    pub since: Timestamp,
    /// When it looked last.
    pub last: Timestamp,
    /// How often it looked.
    pub looks: u64,
    /// At how many of these looks something had no data.
    pub without_data: u64,
    /// What it read last: a metric, its value in words, and the observations behind it, where they are counted.
    pub values: Vec<(String, String, Option<u64>)>,
    cause: Because,
}

/// Takes in an event that `state` has in it already.
pub(super) fn see(tables: &mut Vec<Judged>, state: &State, event: &Event, at: Timestamp) {
    let Event::Looked { path, samples, ruling, cause, because, .. } = event else { return };
    let Some((node, decision)) = table_at(state, path) else { return };
    let known = tables.iter().position(|table| table.path == *path);
    let before = known.map(|at| tables[at].clone());
    let same = |table: &&Judged| table.ruling == *ruling && table.cause == *cause;
    let looks = before.as_ref().map_or((0, 0), |table| (table.looks, table.without_data));
    let lacks = *cause == Because::NoData || samples.values().any(|s| matches!(s.value, Measured::NoData(_)));
    let table = Judged {
        path: path.clone(),
        at: node.at.clone(),
        ruling: *ruling,
        row: row_name(decision, *cause),
        because: because.clone(),
        since: before.as_ref().filter(same).map_or(at, |table| table.since),
        last: at,
        looks: looks.0 + 1,
        without_data: looks.1 + u64::from(lacks),
        values: values(decision, samples),
        cause: *cause,
    };
    match known {
        Some(at) => tables[at] = table,
        None => tables.push(table),
    }
}

fn table_at<'s>(state: &'s State, path: &str) -> Option<(&'s crate::plan::model::Node, &'s Decision)> {
    let node = state.plan.node(state.inst(path)?.node);
    match &node.kind {
        NodeKind::Decide(decision) => Some((node, decision)),
        _ => None,
    }
}

/// What people call what decided.
pub(super) fn row_name(decision: &Decision, cause: Because) -> Option<String> {
    match cause {
        Because::Row(row) | Because::Pending(row) => decision.table.rows.get(row)?.symptom.clone(),
        Because::Otherwise => Some("no row covers it".into()),
        Because::NoData => Some("no data".into()),
    }
}

fn values(decision: &Decision, samples: &BTreeMap<String, Sample>) -> Vec<(String, String, Option<u64>)> {
    let told = |(metric, sample): (&String, &Sample)| {
        let evidence = match &sample.value {
            Measured::Number { evidence, .. } => *evidence,
            _ => None,
        };
        (metric.clone(), decide::value_words(sample, decision.table.unit(metric)), evidence)
    };
    samples.iter().map(told).collect()
}

impl Judged {
    /// What it stands beside, or the step it is.
    pub fn subject(&self) -> String {
        match self.path.strip_suffix(GUARD) {
            Some("") => "guards of the whole run".into(),
            Some(beside) => format!("guards of {beside}"),
            None => self.path.clone(),
        }
    }

    /// What was said last: `ok: all well`.
    pub fn said(&self) -> String {
        match &self.row {
            Some(row) => format!("{}: {row}", self.ruling.word()),
            None => self.ruling.word().into(),
        }
    }

    /// How often was looked: `12 looks, 2 without data`.
    pub fn counted(&self) -> String {
        let looks = plural(self.looks as usize, "look");
        if self.without_data == 0 { looks } else { format!("{looks}, {} without data", self.without_data) }
    }

    /// The values of the last look: `errors 0.5% (598 observations), p95 212ms`.
    pub fn measured(&self) -> String {
        let one = |(metric, value, evidence): &(String, String, Option<u64>)| match evidence {
            Some(n) => format!("{metric} {value} ({})", plural(*n as usize, "observation")),
            None => format!("{metric} {value}"),
        };
        self.values.iter().map(one).collect::<Vec<_>>().join(", ")
    }

    pub(super) fn json(&self) -> Value {
        let values = self
            .values
            .iter()
            .map(|(metric, value, evidence)| json!({ "metric": metric, "value": value, "observations": evidence }));
        json!({
            "path": self.path,
            "guards": self.path.strip_suffix(GUARD),
            "at": self.at,
            "says": self.ruling.word(),
            "row": self.row,
            "because": self.because,
            "since": time_words(self.since),
            "last": time_words(self.last),
            "looks": self.looks,
            "without_data": self.without_data,
            "values": values.collect::<Vec<_>>(),
        })
    }
}

/// The tables of a run on a screen: two lines for each.
pub fn tables_in(view: &View, look: &Look) -> String {
    let mut out = String::new();
    for table in view.tables() {
        let since = format!("since {}", clock_words(table.since.wall_us));
        let facts = [table.said(), since, table.counted()].map(|fact| visible_line(&fact));
        let subject = look.paint(Ink::Strong, &visible_line(&table.subject()));
        out.push_str(&format!("  {subject}  {}\n", facts.join(look.dot())));
        let room = look.width.saturating_sub(6).max(40);
        for line in super::summary::wrap(&visible_line(&table.measured()), room) {
            out.push_str(&format!("      {line}\n"));
        }
    }
    if out.is_empty() { out } else { format!("\njudged by\n{out}") }
}

/// One look of a table as a line of its log: when, what it said and why, and all that it read.
pub fn look_line(state: &State, event: &Event, at: Timestamp) -> Option<String> {
    let Event::Looked { path, .. } = event else { return None };
    let mut tables = Vec::new();
    see(&mut tables, state, event, at);
    let table = tables.pop().filter(|table| table.path == *path)?;
    let words = format!("{}  {}  {}  [{}]", time_words(at), table.said(), table.because, table.measured());
    Some(visible_line(&words))
}

//! From how the rows of a table stand to what the table says, and why.

use std::collections::BTreeMap;

use super::decision::{Because, CellReport, Decision, RowReport, RowStatus, Truth};
use super::issue::{Concern, Issue};
use super::judge::Look;
use super::ruling::Ruling;
use super::sample::Missing;
use super::state::Value;
use super::table::{Condition, HitPolicy, Table};
use super::window::Hold;
use super::words;

/// How one row stands, not yet in words.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowStanding {
    pub(super) status: RowStatus,
    pub(super) hold: Option<Hold>,
    pub(super) remaining_us: u64,
}

/// How a table stands, and what it therefore says.
pub(super) struct Standing<'a> {
    look: Look<'a>,
    rows: Vec<RowStanding>,
    covering: BTreeMap<&'a str, Cover>,
    missing: Vec<(&'a str, Missing)>,
    unjudged: Vec<(usize, &'a str, Missing)>,
    uncovered: Vec<(&'a str, &'a Value)>,
    /// What people let pass and has not been gone since.
    accepted: Vec<Issue>,
    grounds: Vec<Ground>,
    pub(super) action: Ruling,
    pub(super) because: Because,
}

/// Something that speaks for a ruling; without an issue it passes.
struct Ground {
    ruling: Ruling,
    because: Because,
    issue: Option<Issue>,
}

impl Ground {
    fn of(ruling: Ruling, issue: Issue) -> Ground {
        Ground { ruling, because: issue.cause(), issue: Some(issue) }
    }

    fn row(table: &Table, row: usize) -> Ground {
        let ruling = table.rows[row].action;
        let issue = (!ruling.passes()).then_some(Issue::Row(row));
        Ground { ruling, because: Because::Row(row), issue }
    }

    fn is_accepted(&self, accepted: &[Issue]) -> bool {
        self.issue.as_ref().is_some_and(|issue| issue.is_among(accepted))
    }
}

impl<'a> Standing<'a> {
    /// What decides is the worst of what nobody let pass, and where everything was let pass the worst of that.
    pub(super) fn of(look: Look<'a>, rows: Vec<RowStanding>, accepted: &[Issue]) -> Standing<'a> {
        let Look { table, state, now_us, .. } = look;
        let (mut missing, mut uncovered) = (Vec::new(), Vec::new());
        let covering = covering(table, &rows);
        for (metric, cover) in &covering {
            match state.reading(table, metric, now_us) {
                Err(why) => missing.push((*metric, why)),
                Ok((value, _)) if *cover == Cover::None => uncovered.push((*metric, value)),
                Ok(_) => {}
            }
        }
        let unjudged = unjudged(&look, &rows, &missing);
        let (action, because) = (table.otherwise, Because::Otherwise);
        let (accepted, grounds) = (accepted.to_vec(), Vec::new());
        let mut standing =
            Standing { look, rows, covering, missing, unjudged, uncovered, accepted, grounds, action, because };
        standing.accepted = standing.still(&standing.accepted);
        standing.grounds = match table.hit {
            HitPolicy::Worst => standing.worst(),
            HitPolicy::First => standing.first(),
        };
        let open = standing.grounds.iter().filter(|ground| !ground.is_accepted(&standing.accepted));
        let open = most_severe(open).filter(|open| !open.ruling.passes());
        if let Some(worst) = open.or_else(|| most_severe(standing.grounds.iter())) {
            (standing.action, standing.because) = (worst.ruling, worst.because);
        }
        standing
    }

    /// Those of these issues that are not seen to be gone. What has no data is not seen to be gone.
    pub(super) fn still(&self, issues: &[Issue]) -> Vec<Issue> {
        issues.iter().filter(|issue| !self.is_gone(issue)).cloned().collect()
    }

    fn is_gone(&self, issue: &Issue) -> bool {
        let status = |row: usize| self.rows.get(row).map_or(RowStatus::Off, |row| row.status);
        let cover = |metric: &str| self.covering.get(metric).copied();
        match issue {
            Issue::Row(row) => status(*row) == RowStatus::Off,
            Issue::Pending(row) => matches!(status(*row), RowStatus::Off | RowStatus::Fired),
            Issue::Uncovered(metric) => !matches!(cover(metric), Some(Cover::None | Cover::Unknown)),
            Issue::Missing(metric) => !self.missing.iter().any(|(missing, _)| missing == metric),
            Issue::Unjudged(row, metric) => {
                let mut cells = self.rows.get(*row).into_iter().flat_map(|_| self.look.cells(*row));
                let is_unknown = |truth| matches!(truth, Truth::Unknown(_));
                !cells.any(|(c, streak)| c.metric == *metric && is_unknown(self.look.judge(c, streak).1))
            }
        }
    }

    /// Everything that does not pass, let pass or not.
    pub(super) fn concerns(&self) -> Vec<Concern> {
        let concern = |ground: &Ground| {
            let issue = ground.issue.clone()?;
            Some(Concern { words: self.words(&issue), ruling: ground.ruling, issue })
        };
        self.grounds.iter().filter_map(concern).collect()
    }

    /// Whether all that does not pass was let pass.
    pub(super) fn is_let_pass(&self) -> bool {
        !self.action.passes() && self.grounds.iter().all(|g| g.ruling.passes() || g.is_accepted(&self.accepted))
    }

    /// What is left of what was let pass.
    pub(super) fn accepted(&self) -> &[Issue] {
        &self.accepted
    }

    fn words(&self, issue: &Issue) -> String {
        match issue {
            Issue::Row(row) | Issue::Pending(row) => self.row_words(*row),
            Issue::Uncovered(metric) if self.is_gate() => {
                let off = self.full_row(0).cells.into_iter();
                let off = off.filter(|cell| cell.truth == Truth::No && cell.metric == *metric);
                off.map(|cell| cell.text).collect::<Vec<_>>().join(" and ")
            }
            Issue::Uncovered(metric) => {
                let value = self.uncovered().find(|(name, _)| name == metric).map(|(_, value)| value);
                format!("no row covers {metric} {}", value.unwrap_or_default())
            }
            Issue::Missing(metric) => {
                let why = self.missing.iter().find(|(missing, _)| missing == metric);
                why.map(|(metric, why)| format!("{metric}: {why}")).unwrap_or_default()
            }
            Issue::Unjudged(row, metric) => {
                let why = self.unjudged.iter().find(|(at, name, _)| at == row && name == metric);
                why.map(|(_, metric, why)| format!("{metric}: {why}")).unwrap_or_default()
            }
        }
    }

    /// Why, in one sentence for people: `error_ratio 6.2% > 5% since 02:14:05, held 5m of 5m, 31 samples`.
    pub(super) fn sentence(&self) -> String {
        let counts = |issue: &Issue| self.is_let_pass() || !issue.is_among(&self.accepted);
        match self.because {
            Because::Row(row) | Because::Pending(row) => self.row_words(row),
            Because::Otherwise if self.is_gate() => self.full_row(0).why_off(),
            Because::Otherwise => {
                let open = self.uncovered().filter(|(metric, _)| counts(&Issue::Uncovered(metric.to_string())));
                let values = open.map(|(metric, value)| format!("{metric} {value}"));
                format!("no row covers {}", values.collect::<Vec<_>>().join(", "))
            }
            Because::NoData => {
                let issues = self.grounds.iter().filter_map(|ground| ground.issue.as_ref());
                let lacking = issues.filter(|issue| issue.cause() == Because::NoData && counts(issue));
                let mut reasons: Vec<String> = lacking.map(|issue| self.words(issue)).collect();
                reasons.dedup();
                reasons.join("; ")
            }
        }
    }

    fn row_words(&self, row: usize) -> String {
        let phrases = self.cells(row).map(|cell| cell.text).reduce(|text, more| text + " and " + &more);
        self.row(row).with_times(phrases.unwrap_or_default())
    }

    /// All of it.
    pub(super) fn decision(&self) -> Decision {
        Decision {
            at_us: self.look.now_us,
            action: self.action,
            because: self.because,
            rows: (0..self.rows.len()).map(|row| self.full_row(row)).collect(),
            missing: self.missing.iter().map(|(metric, why)| (metric.to_string(), why.clone())).collect(),
            uncovered: self.uncovered().map(|(metric, value)| (metric.to_string(), value)).collect(),
            sentence: self.sentence(),
        }
    }

    /// Whether there is one way to pass: what of it does not hold is then the whole reason.
    fn is_gate(&self) -> bool {
        matches!(&self.look.table.rows[..], [only] if only.action.passes())
    }

    fn full_row(&self, index: usize) -> RowReport {
        let symptom = self.look.table.rows[index].symptom.clone();
        RowReport { symptom, cells: self.cells(index).collect(), ..self.row(index) }
    }

    fn cells(&self, row: usize) -> impl Iterator<Item = CellReport> {
        self.look.cells(row).map(|(condition, streak)| {
            let (found, truth) = self.look.judge(condition, streak);
            CellReport { metric: condition.metric.clone(), text: self.look.words(condition, found, &truth), truth }
        })
    }

    /// How a row stands, without what people call it and its conditions.
    fn row(&self, index: usize) -> RowReport {
        let (row, standing) = (&self.look.table.rows[index], &self.rows[index]);
        RowReport {
            status: standing.status,
            action: row.action,
            symptom: None,
            since_us: standing.hold.map(|hold| hold.since_us),
            held_us: standing.hold.map_or(0, Hold::held_us),
            for_us: row.for_us.unwrap_or(0),
            remaining_us: standing.remaining_us,
            samples: standing.hold.map_or(0, |hold| hold.samples),
            cells: Vec::new(),
        }
    }

    fn uncovered(&self) -> impl Iterator<Item = (&'a str, String)> {
        let unit = |metric| self.look.table.unit(metric);
        self.uncovered.iter().map(move |(metric, value)| match value {
            Value::Number(number) => (*metric, words::value(*number, unit(metric))),
            Value::AtLeast(bound) => (*metric, format!("at least {}", words::value(*bound, unit(metric)))),
            Value::Text(text) => (*metric, format!("\"{text}\"")),
        })
    }

    fn worst(&self) -> Vec<Ground> {
        let table = self.look.table;
        let is_answered = |c: &Condition| self.covering.get(c.metric.as_str()) == Some(&Cover::Fired);
        let mut found = Vec::new();
        for (index, (row, standing)) in table.rows.iter().zip(&self.rows).enumerate() {
            match standing.status {
                RowStatus::Fired => found.push(Ground::row(table, index)),
                RowStatus::Pending if row.action.passes() && row.conditions.iter().all(is_answered) => {}
                RowStatus::Pending => found.push(Ground::of(Ruling::Hold, Issue::Pending(index))),
                RowStatus::Off | RowStatus::Unknown => {}
            }
        }
        found.extend(self.missing.iter().map(|(metric, _)| Issue::Missing(metric.to_string())).map(no_data(table)));
        let unjudged = self.unjudged.iter().map(|(row, metric, _)| Issue::Unjudged(*row, metric.to_string()));
        found.extend(unjudged.map(no_data(table)));
        found.extend(self.otherwise());
        found
    }

    /// Of the rows that fire the first that nobody let pass, and what might come before it.
    fn first(&self) -> Vec<Ground> {
        let table = self.look.table;
        let fires = |row: &usize| self.rows[*row].status == RowStatus::Fired;
        let winner = (0..self.rows.len()).filter(fires).find(|row| !Issue::Row(*row).is_among(&self.accepted));
        let before = || 0..winner.unwrap_or(self.rows.len());
        let mut found: Vec<Ground> = winner.map(|row| Ground::row(table, row)).into_iter().collect();
        found.extend(before().filter(fires).map(|row| Ground::row(table, row)));
        let unknown: Vec<usize> = before().filter(|row| self.rows[*row].status == RowStatus::Unknown).collect();
        let reads = |metric: &str| unknown.iter().any(|row| self.look.cells(*row).any(|(c, _)| reads(c, metric)));
        let missing = self.missing.iter().filter(|(metric, _)| reads(metric));
        found.extend(missing.map(|(metric, _)| Issue::Missing(metric.to_string())).map(no_data(table)));
        let unjudged = self.unjudged.iter().filter(|(row, ..)| unknown.contains(row));
        found.extend(unjudged.map(|(row, metric, _)| Issue::Unjudged(*row, metric.to_string())).map(no_data(table)));
        let passes = |row: usize| table.rows[row].action.passes();
        let pending = before().filter(|row| self.rows[*row].status == RowStatus::Pending);
        let pending = pending.filter(|row| !(winner.is_some() && passes(*row)));
        found.extend(pending.map(|row| Ground::of(Ruling::Hold, Issue::Pending(row))));
        if found.is_empty() {
            found.extend(self.otherwise());
        }
        found
    }

    fn otherwise(&self) -> impl Iterator<Item = Ground> {
        let issues = self.uncovered.iter().map(|(metric, _)| Issue::Uncovered(metric.to_string()));
        issues.map(|issue| Ground::of(self.look.table.otherwise, issue))
    }
}

fn no_data(table: &Table) -> impl Fn(Issue) -> Ground {
    |issue| Ground::of(table.no_data, issue)
}

fn reads(condition: &Condition, metric: &str) -> bool {
    condition.reads().any(|name| name == metric)
}

/// The conditions that rows cannot be judged for although what they read is there.
fn unjudged<'a>(
    look: &Look<'a>,
    rows: &[RowStanding],
    missing: &[(&'a str, Missing)],
) -> Vec<(usize, &'a str, Missing)> {
    let mut found = Vec::new();
    for row in (0..rows.len()).filter(|row| rows[*row].status == RowStatus::Unknown) {
        for (condition, streak) in look.cells(row) {
            let is_missing = missing.iter().any(|(metric, _)| reads(condition, metric));
            if let (false, Truth::Unknown(why)) = (is_missing, look.judge(condition, streak).1) {
                found.push((row, condition.metric.as_str(), why));
            }
        }
    }
    found
}

/// How far the rows that judge a metric answer for its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cover {
    /// There are none: it is only compared with.
    Unasked,
    /// None of them holds.
    None,
    /// One of them cannot be judged.
    Unknown,
    /// One of them is pending.
    Pending,
    /// One of them fires.
    Fired,
}

/// By metric that the table looks at.
fn covering<'a>(table: &'a Table, rows: &[RowStanding]) -> BTreeMap<&'a str, Cover> {
    let mut covering: BTreeMap<&str, Cover> = BTreeMap::new();
    for (row, condition) in table.conditions() {
        let cover = match rows[row].status {
            RowStatus::Off => Cover::None,
            RowStatus::Unknown => Cover::Unknown,
            RowStatus::Pending => Cover::Pending,
            RowStatus::Fired => Cover::Fired,
        };
        let known = covering.entry(&condition.metric).or_insert(cover);
        *known = cover.max(*known);
        if let Some(other) = condition.cell.other() {
            covering.entry(other).or_insert(Cover::Unasked);
        }
    }
    covering
}

/// The most severe; of equals the first.
fn most_severe<'g>(found: impl Iterator<Item = &'g Ground>) -> Option<&'g Ground> {
    found.reduce(|best, next| if next.ruling > best.ruling { next } else { best })
}

//! Decision tables: guards and `decide` steps.

use super::{Extend, Metric, Text, note_windows};
use crate::decide::{self, CellError, HitPolicy, Ruling};
use crate::runbook::units::duration_us;
use crate::text::Place;

/// `guards:` or `decide:`.
#[derive(Debug, Clone)]
pub struct Table {
    /// Distance of samples; a table that is evaluated once has none.
    pub every: Option<Text>,
    /// The longest time between two samples that is no gap; `2.5 x every` unless written.
    pub gap: Option<Text>,
    /// How long a `decide` step looks; once unless written.
    pub over: Option<Text>,
    /// Which of several rows that hold decides.
    pub hit: HitPolicy,
    /// Rows in order.
    pub rules: Vec<Rule>,
    /// What a value that no row covers means.
    pub otherwise: Option<Outcome>,
    /// What missing values mean.
    pub no_data: Option<Outcome>,
    /// What `investigate` means where the row does not say.
    pub investigate: Option<Investigate>,
    /// What `escalate` means.
    pub escalate: Option<Escalate>,
    /// What `extend` means.
    pub extend: Option<Extend>,
    /// How long it may hold.
    pub patience: Option<Patience>,
    /// The key in the file.
    pub place: Place,
}

/// One row.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Words for people.
    pub symptom: Text,
    /// All must hold.
    pub conditions: Vec<Condition>,
    /// For how long; at once unless written.
    pub hold: Option<Text>,
    /// What then.
    pub outcome: Outcome,
    /// The row.
    pub place: Place,
}

/// A metric and what is said of it.
#[derive(Debug, Clone)]
pub struct Condition {
    /// Name of the metric.
    pub metric: String,
    /// Where the name stands.
    pub place: Place,
    /// The cell.
    pub cell: Cell,
}

/// What a row says of one metric, as written: its texts may have holes that the plan fills.
#[derive(Debug, Clone)]
pub enum Cell {
    /// `"> 5%"`, `1% .. 5%`, or a word.
    Value(Text),
    /// `[ok, degraded]`
    OneOf(Vec<Text>),
    /// `{ slope: "> 100MB/min", over: 3m }`
    Slope {
        /// The limit.
        is: Text,
        /// How far back.
        over: Text,
    },
    /// `{ vs_baseline: "<= +10%" }`
    VsBaseline(Text),
    /// `{ vs: main_p95, is: "<= 1.2x" }`
    Vs {
        /// The other metric.
        metric: Text,
        /// The limit.
        is: Text,
    },
    /// `{ trend: increasing, over: 5m }`
    Trend {
        /// Which way.
        direction: Text,
        /// How far back.
        over: Text,
    },
    /// `{ mann_whitney: main_p95, is: same, over: 5m, tolerance: 10%, confidence: 98% }`
    MannWhitney {
        /// The other metric.
        metric: Text,
        /// `same`, `higher` or `lower`.
        is: Text,
        /// How far back.
        over: Text,
        /// How large a difference may be.
        tolerance: Text,
        /// How sure a difference must be.
        confidence: Text,
    },
    /// `{ surely: "> 4%", confidence: 99.9% }`
    Surely {
        /// The limit.
        is: Text,
        /// How sure it must be.
        confidence: Text,
    },
    /// `{ in_a_row: 3, is: "> 5%" }`
    InARow {
        /// How many samples.
        count: u32,
        /// The limit.
        is: Text,
    },
}

/// A cell that cannot be read, and where.
#[derive(Debug, Clone)]
pub struct CellProblem {
    /// What is wrong and what to do.
    pub message: String,
    /// Where.
    pub place: Place,
}

impl Cell {
    /// The condition itself; `fill` gives the text of a hole's value.
    ///
    /// # Errors
    /// What cannot be read, or filled.
    pub fn resolve(&self, fill: &Fill<'_>) -> Result<decide::Cell, CellProblem> {
        let filled = |text: &Text| fill(text).map_err(|message| CellProblem { message, place: text.place.clone() });
        let read = |text: &Text, parse: &dyn Fn(&str) -> Result<decide::Cell, CellError>| {
            let value = filled(text)?;
            parse(&value).map_err(|e| CellProblem {
                place: if value == text.value { text.place_of(e.at..e.at + e.len) } else { text.place.clone() },
                message: e.message,
            })
        };
        match self {
            Cell::Value(text) => read(text, &decide::Cell::parse),
            Cell::OneOf(texts) => {
                let values: Result<Vec<String>, CellProblem> = texts.iter().map(filled).collect();
                let place = texts.first().map(|text| text.place.clone());
                match (decide::Cell::one_of(values?), place) {
                    (Err(e), Some(place)) => Err(CellProblem { message: e.message, place }),
                    // The reader lets no list pass that is empty.
                    (cell, _) => Ok(cell.unwrap_or(decide::Cell::Text { not: false, any_of: Vec::new() })),
                }
            }
            Cell::Slope { is, over } => {
                let over_us = time_us(over, fill)?;
                read(is, &|text| decide::Cell::slope(text, over_us))
            }
            Cell::VsBaseline(is) => read(is, &decide::Cell::vs_baseline),
            Cell::Vs { metric, is } => read(is, &|text| decide::Cell::vs(&metric.value, text)),
            Cell::Surely { is, confidence } => {
                let confidence = filled(confidence)?;
                read(is, &|text| decide::Cell::surely(text, &confidence))
            }
            Cell::MannWhitney { metric, is, over, tolerance, confidence } => {
                let (tolerance, confidence, over_us) = (filled(tolerance)?, filled(confidence)?, time_us(over, fill)?);
                read(is, &|text| decide::Cell::compared(&metric.value, text, over_us, &tolerance, &confidence))
            }
            Cell::Trend { direction, over } => {
                let over_us = time_us(over, fill)?;
                read(direction, &|text| decide::Cell::trend(text, over_us))
            }
            Cell::InARow { count, is } => read(is, &|text| decide::Cell::consecutive(*count, text)),
        }
    }

    /// Its texts: what may have holes.
    pub fn texts(&self) -> Vec<&Text> {
        match self {
            Cell::Value(is) | Cell::VsBaseline(is) => vec![is],
            Cell::Slope { is, over } => vec![is, over],
            Cell::Surely { is, confidence } => vec![is, confidence],
            Cell::Vs { is, .. } | Cell::InARow { is, .. } => vec![is],
            Cell::OneOf(texts) => texts.iter().collect(),
            Cell::MannWhitney { is, over, tolerance, confidence, .. } => vec![is, over, tolerance, confidence],
            Cell::Trend { direction, over } => vec![direction, over],
        }
    }

    /// The other metric it names.
    pub fn other(&self) -> Option<&Text> {
        match self {
            Cell::Vs { metric, .. } | Cell::MannWhitney { metric, .. } => Some(metric),
            _ => None,
        }
    }
}

/// An action and what it needs.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// What happens.
    pub action: Ruling,
    /// Time for a person's answer (`investigate`).
    pub within: Option<Text>,
    /// What happens without an answer (`investigate`).
    pub then: Option<Then>,
    /// The action's word.
    pub place: Place,
}

impl Table {
    /// The table as it is evaluated; `fill` gives the text of a hole's value, `metrics` is what is known of metrics.
    /// None when a part is missing, which the reader has reported.
    ///
    /// # Errors
    /// The first cell or time that cannot be read, or filled.
    pub fn resolve(&self, metrics: &[Metric], fill: &Fill<'_>) -> Result<Option<decide::Table>, CellProblem> {
        let (Some(otherwise), Some(no_data)) = (&self.otherwise, &self.no_data) else { return Ok(None) };
        let mut rows = Vec::new();
        for rule in &self.rules {
            rows.push(decide::Row {
                symptom: Some(rule.symptom.value.clone()),
                conditions: resolve_conditions(&rule.conditions, fill)?,
                for_us: rule.hold.as_ref().map(|hold| time_us(hold, fill)).transpose()?.filter(|us| *us > 0),
                action: rule.outcome.action,
            });
        }
        let named = rows.iter().flat_map(|row| &row.conditions).flat_map(names);
        let known = named.filter_map(|name| metrics.iter().find(|m| m.name == name));
        let about = known.map(|metric| Ok((metric.name.clone(), metric.about(metrics, fill)?)));
        let mut about = about.collect::<Result<_, CellProblem>>()?;
        note_windows(&mut about, rows.iter().flat_map(|row| &row.conditions), metrics, fill)?;
        Ok(Some(decide::Table {
            hit: self.hit,
            otherwise: otherwise.action,
            no_data: no_data.action,
            every_us: self.every.as_ref().map(|every| time_us(every, fill)).transpose()?.unwrap_or(ONCE_US),
            gap_us: self.gap.as_ref().map(|gap| time_us(gap, fill)).transpose()?,
            metrics: about,
            rows,
        }))
    }

    /// What follows from each row, from what no row covers, and from missing values.
    pub fn outcomes(&self) -> impl Iterator<Item = &Outcome> {
        self.rules.iter().map(|rule| &rule.outcome).chain(&self.otherwise).chain(&self.no_data)
    }

    /// The conditions of all rows, each with its row.
    pub fn conditions(&self) -> impl Iterator<Item = (&Rule, &Condition)> {
        self.rules.iter().flat_map(|rule| rule.conditions.iter().map(move |condition| (rule, condition)))
    }
}

/// Gives the text of a value with its holes filled, or says why it cannot be.
pub type Fill<'a> = dyn Fn(&Text) -> Result<String, String> + 'a;

/// Distance of samples of a table that is evaluated once: it has one.
const ONCE_US: u64 = 1_000_000;

/// Conditions as they are evaluated.
///
/// # Errors
/// The first cell that cannot be read, or filled.
pub fn resolve_conditions(conditions: &[Condition], fill: &Fill<'_>) -> Result<Vec<decide::Condition>, CellProblem> {
    let resolved = conditions.iter().map(|condition| {
        Ok(decide::Condition { metric: condition.metric.clone(), cell: condition.cell.resolve(fill)? })
    });
    resolved.collect()
}

/// Microseconds of a duration; that of an input or target fills a hole as a number of seconds.
///
/// # Errors
/// What is not a duration, or cannot be filled.
pub fn time_us(text: &Text, fill: &Fill<'_>) -> Result<u64, CellProblem> {
    let wrong = |message| CellProblem { message, place: text.place.clone() };
    let value = fill(text).map_err(wrong)?;
    let seconds = || value.parse::<f64>().ok().filter(|s| *s >= 0.0).map(|s| (s * 1e6).round() as u64);
    let bare = if value == text.value { None } else { seconds() };
    duration_us(&value).or(bare).ok_or_else(|| wrong(format!("`{value}` is not a duration such as 30s or 5m")))
}

/// Microseconds of a duration that is longer than nothing.
///
/// # Errors
/// What is no such duration, or cannot be filled.
pub fn some_time_us(text: &Text, fill: &Fill<'_>) -> Result<u64, CellProblem> {
    match time_us(text, fill)? {
        0 => {
            Err(CellProblem { message: format!("`{}` is no time at all here", text.value), place: text.place.clone() })
        }
        us => Ok(us),
    }
}

/// A whole number above 0.
///
/// # Errors
/// What is not one, or cannot be filled.
pub fn count(text: &Text, fill: &Fill<'_>) -> Result<u64, CellProblem> {
    let wrong = |message| CellProblem { message, place: text.place.clone() };
    let value = fill(text).map_err(wrong)?;
    let count = value.trim().parse().ok().filter(|n| *n > 0);
    count.ok_or_else(|| wrong(format!("`{value}` is not a whole number above 0")))
}

fn names(condition: &decide::Condition) -> impl Iterator<Item = &str> {
    std::iter::once(condition.metric.as_str()).chain(condition.cell.other())
}

/// What happens without an answer, or after the last extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// Back out.
    Rollback,
    /// Stop, keep what was done.
    Abort,
    /// Ask a person (after extensions).
    Investigate,
}

/// `investigate: { within, then }`.
#[derive(Debug, Clone)]
pub struct Investigate {
    /// Time to answer.
    pub within: Text,
    /// What happens without an answer.
    pub then: Then,
}

/// `hold: { max, then }`: for how long a table may say `hold`.
#[derive(Debug, Clone)]
pub struct Patience {
    /// The longest time without a look that says something else.
    pub max: Text,
    /// What happens then.
    pub then: Then,
}

/// `escalate: { levels: [{ to, within }], then }`.
#[derive(Debug, Clone)]
pub struct Escalate {
    /// Levels in order.
    pub levels: Vec<Level>,
    /// What happens when the last level does not answer.
    pub then: Then,
}

/// One level of people.
#[derive(Debug, Clone)]
pub struct Level {
    /// Who; a template.
    pub to: Text,
    /// Time to answer before the next level is asked.
    pub within: Text,
}

//! Whether one condition holds, and the phrase that says so.

use std::fmt;

use super::bounds::Bounds;
use super::cell::Cell;
use super::decision::{CellReport, Truth};
use super::line;
use super::quantity::Limit;
use super::sample::Missing;
use super::state::{Reading, TableState, Value};
use super::stats;
use super::table::{Condition, Table};
use super::unit::Unit;
use super::window::{Point, Streak, Window};
use super::words;

/// What one look at the table works with.
pub(super) struct Look<'a> {
    pub(super) table: &'a Table,
    pub(super) state: &'a TableState,
    pub(super) now_us: u64,
}

impl Look<'_> {
    pub(super) fn reading(&self, metric: &str) -> Result<Reading, Missing> {
        self.state.reading(self.table, metric, self.now_us)
    }

    /// Judges a condition; `streak` is how many samples in a row were inside.
    pub(super) fn judge(&self, condition: &Condition, streak: Streak) -> CellReport {
        let (text, truth) = match self.reading(&condition.metric) {
            Err(why) => (self.without_value(condition, &why), Truth::Unknown(why)),
            Ok(reading) => self
                .judge_reading(condition, &reading.value, streak)
                .unwrap_or_else(|why| (self.without_value(condition, &why), Truth::Unknown(why))),
        };
        CellReport { metric: condition.metric.clone(), text: text + &self.evidence(&condition.metric), truth }
    }

    /// How much is behind a value, where the table asks for it, and what of it was lost.
    fn evidence(&self, metric: &str) -> String {
        let asked = self.table.metrics.get(metric).is_some_and(|known| known.min_samples.is_some());
        let Ok(reading) = self.reading(metric) else { return String::new() };
        let have = reading.evidence.filter(|_| asked).map(|n| format!("{n} observations"));
        let gone = (reading.gone > 0).then(|| format!("{} series vanished", reading.gone));
        match [have, gone].into_iter().flatten().collect::<Vec<_>>() {
            said if said.is_empty() => String::new(),
            said => format!(" ({})", said.join(", ")),
        }
    }

    /// Whether the newest value is inside, for counting samples in a row.
    pub(super) fn is_inside(&self, condition: &Condition) -> bool {
        let Cell::Consecutive { bounds, .. } = &condition.cell else { return false };
        match self.reading(&condition.metric) {
            Ok(Reading { value: Value::Number(value), .. }) => bounds.holds(value, None) == Some(true),
            _ => false,
        }
    }

    fn judge_reading(&self, condition: &Condition, value: &Value, streak: Streak) -> Result<(String, Truth), Missing> {
        let metric = &condition.metric;
        let value = match (&condition.cell, value) {
            (Cell::Text { not, any_of }, Value::Text(text)) => {
                let truth = any_of.contains(text) != *not;
                return Ok((phrase(metric, &format!("\"{text}\""), &condition.cell, truth), yes(truth)));
            }
            (Cell::Text { .. }, _) | (_, Value::Text(_)) => return Err(Missing::WrongKind),
            (_, Value::Number(value)) => *value,
        };
        let unit = self.table.unit(metric);
        match &condition.cell {
            Cell::Text { .. } => Err(Missing::WrongKind),
            Cell::Value(bounds) => {
                let truth = bounds.holds(value, None).ok_or(Missing::NotANumber)?;
                Ok((phrase(metric, &beside(value, unit, bounds), &condition.cell, truth), yes(truth)))
            }
            Cell::VsBaseline(bounds) => {
                let baseline = self.state.baseline_base(metric, unit)?;
                self.against(condition, bounds, value, baseline)
            }
            Cell::Vs { metric: name, bounds } => {
                let Value::Number(other) = self.reading(name)?.value else { return Err(Missing::WrongKind) };
                self.against(condition, bounds, value, other)
            }
            Cell::Slope { bounds, over_us } => self.over_window(condition, *over_us, |points| {
                let slope = line::slope(points)?;
                let truth = bounds.holds(slope, None).ok_or(Missing::NotANumber)?;
                let per_minute = words::value(slope, unit.per_minute());
                Ok((format!("{metric} {}", slope_phrase(&per_minute, &condition.cell, truth)), yes(truth)))
            }),
            Cell::Trend { direction, over_us } => self.over_window(condition, *over_us, |points| {
                let found = line::trend(points)?;
                Ok((named(condition, &found, found == *direction), yes(found == *direction)))
            }),
            Cell::Compared { with, outcome, over_us, tolerance, confidence } => {
                let main = match self.window_of(with, *over_us)? {
                    Window::Full(points) => values(&points),
                    Window::Filling { remaining_us } => return Ok(not_yet(condition, remaining_us)),
                };
                self.over_window(condition, *over_us, |points| {
                    let found = stats::compare(&values(points), &main, confidence.base(), tolerance.base())?;
                    Ok((named(condition, &found, found == *outcome), yes(found == *outcome)))
                })
            }
            Cell::Consecutive { count, bounds } => {
                let inside = bounds.holds(value, None).ok_or(Missing::NotANumber)?;
                let truth = match inside {
                    false => Truth::No,
                    true if streak.count >= *count => Truth::Yes,
                    true => Truth::Pending { remaining_us: 0 },
                };
                let text = phrase(metric, &beside(value, unit, bounds), &condition.cell, inside);
                Ok((if inside { format!("{text} ({} of {count})", streak.count.min(*count)) } else { text }, truth))
            }
        }
    }

    fn against(
        &self,
        condition: &Condition,
        bounds: &Bounds,
        value: f64,
        other: f64,
    ) -> Result<(String, Truth), Missing> {
        let truth = bounds.holds(value, Some(other)).ok_or(Missing::NothingToCompare)?;
        let unit = self.table.unit(&condition.metric);
        let text = phrase(&condition.metric, &words::value(value, unit), &condition.cell, truth);
        Ok((format!("{text} of {}", words::value(other, unit)), yes(truth)))
    }

    fn over_window(
        &self,
        condition: &Condition,
        over_us: u64,
        judge: impl Fn(&[Point]) -> Result<(String, Truth), Missing>,
    ) -> Result<(String, Truth), Missing> {
        match self.window_of(&condition.metric, over_us)? {
            Window::Full(points) => judge(&points),
            Window::Filling { remaining_us } => Ok(not_yet(condition, remaining_us)),
        }
    }

    /// The last while of a metric whose newest value is a number.
    fn window_of(&self, metric: &str, over_us: u64) -> Result<Window, Missing> {
        let Value::Number(_) = self.reading(metric)?.value else { return Err(Missing::WrongKind) };
        Ok(self.state.metrics.get(metric).ok_or(Missing::NotYet)?.stretch.window(over_us))
    }

    fn without_value(&self, condition: &Condition, why: &Missing) -> String {
        format!("{} {}: {why}", condition.metric, condition.cell)
    }
}

/// The window is not full yet.
fn not_yet(condition: &Condition, remaining_us: u64) -> (String, Truth) {
    let text = format!("{} {} not known yet", condition.metric, condition.cell);
    (text, Truth::Pending { remaining_us })
}

fn values(points: &[Point]) -> Vec<f64> {
    points.iter().map(|p| p.value).collect()
}

/// `open decreasing over 10m`, or `open steady, not decreasing over 10m`.
fn named(condition: &Condition, found: &dyn fmt::Display, truth: bool) -> String {
    let shown = if truth { String::new() } else { format!(" {found}, not") };
    format!("{}{shown} {}", condition.metric, condition.cell)
}

fn yes(truth: bool) -> Truth {
    if truth { Truth::Yes } else { Truth::No }
}

/// `error_ratio 6.2% > 5%`, or `error_ratio 0.5% is not > 5%`.
fn phrase(metric: &str, value: &str, cell: &Cell, truth: bool) -> String {
    let is_range = matches!(cell.bounds(), Some(Bounds::Range { .. }));
    let link = match (truth, is_range || matches!(cell, Cell::Text { .. })) {
        (true, false) => " ",
        (true, true) if is_range => " in ",
        (true, true) => " is ",
        (false, _) if is_range => " not in ",
        (false, _) => " is not ",
    };
    format!("{metric} {value}{link}{cell}")
}

/// `slope 120MB/min > 100MB/min over 3m`.
fn slope_phrase(value: &str, cell: &Cell, truth: bool) -> String {
    let whole = phrase("slope", value, cell, truth);
    // The cell says `slope` itself; once is enough.
    match whole.split_once(value) {
        Some((before, after)) => format!("{before}{value}{}", after.replacen("slope ", "", 1)),
        None => whole,
    }
}

/// The value, with as many digits as it takes to differ from a limit that it is not equal to.
fn beside(value: f64, unit: Unit, bounds: &Bounds) -> String {
    let shown = words::value(value, unit);
    let looks_equal = |limit: Limit| {
        let base = limit.quantity().base();
        base != value && words::value(base, unit) == shown
    };
    if bounds.limits().any(looks_equal) { words::exact(value, unit) } else { shown }
}

//! Whether one condition holds, and the phrase that says so.

use std::fmt;

use super::bounds::Bounds;
use super::cell::{Cell, Direction};
use super::decision::Truth;
use super::line;
use super::moment::Moment;
use super::quantity::Limit;
use super::sample::Missing;
use super::state::{TableState, Value};
use super::stats::{self, Comparison};
use super::table::{Condition, Table};
use super::unit::Unit;
use super::window::{Point, Streak, Window};
use super::words;

/// What one look at the table works with.
pub(super) struct Look<'a> {
    pub(super) table: &'a Table,
    pub(super) state: &'a TableState,
    pub(super) now_us: u64,
    /// Samples further apart than this have a gap between them. What reading itself took is no gap.
    pub(super) gap_us: u64,
}

/// What was held against a condition. Putting it into words takes longer than judging it, and mostly nobody asks.
#[derive(Debug, Clone, Copy)]
pub(super) enum Found {
    /// Nothing that can be judged.
    Nothing,
    /// The newest text.
    Text,
    /// The newest value.
    Value(f64),
    /// The newest value, and nobody knows how much more it is.
    AtLeast(f64),
    /// The newest value, and the one it is compared with.
    Against(f64, f64),
    /// The newest value, and how many samples in a row were inside, of how many.
    InARow(f64, u32, u32),
    /// The newest share, and of how many observations.
    Share(f64, u64),
    Slope(f64),
    Trend(Direction),
    Compared(Comparison),
    /// The window is not full.
    NotYet,
}

impl<'a> Look<'a> {
    pub(super) fn at(table: &'a Table, state: &'a TableState, when: Moment) -> Look<'a> {
        Look { table, state, now_us: when.now_us, gap_us: table.gap_us().saturating_add(when.reading_us) }
    }

    /// The conditions of a row, each with how many samples in a row were inside.
    pub(super) fn cells(&self, row: usize) -> impl Iterator<Item = (&'a Condition, Streak)> {
        let before: usize = self.table.rows[..row].iter().map(|row| row.conditions.len()).sum();
        self.table.rows[row].conditions.iter().zip(self.state.streaks[before..].iter().copied())
    }

    pub(super) fn value(&self, metric: &str) -> Result<&Value, Missing> {
        self.state.reading(self.table, metric, self.now_us).map(|(value, _)| value)
    }

    fn number(&self, metric: &str) -> Result<f64, Missing> {
        match self.value(metric)? {
            Value::Number(number) => Ok(*number),
            Value::AtLeast(bound) => Err(Missing::AtLeast { bound: *bound }),
            Value::Text(_) => Err(Missing::WrongKind),
        }
    }

    /// Counts the newest sample, where a condition is about samples in a row.
    pub(super) fn count(&self, condition: &Condition, streak: &mut Streak) {
        if let Cell::Consecutive { bounds, .. } = &condition.cell
            && let Some((at_us, seen_us)) = self.state.newest_us(&condition.metric)
        {
            let is_inside = match self.value(&condition.metric) {
                Ok(Value::Number(number)) => bounds.holds(*number, None) == Some(true),
                Ok(Value::AtLeast(bound)) => bounds.holds_from(*bound) == Some(true),
                _ => false,
            };
            streak.count(at_us, seen_us, is_inside, self.gap_us);
        }
    }

    /// Judges a condition; `streak` is how many samples in a row were inside.
    pub(super) fn judge(&self, condition: &Condition, streak: Streak) -> (Found, Truth) {
        self.judge_value(condition, streak).unwrap_or_else(|why| (Found::Nothing, Truth::Unknown(why)))
    }

    fn judge_value(&self, condition: &Condition, streak: Streak) -> Result<(Found, Truth), Missing> {
        let metric = &condition.metric;
        if let Cell::Text { not, any_of } = &condition.cell {
            let Value::Text(text) = self.value(metric)? else { return Err(Missing::WrongKind) };
            return Ok((Found::Text, yes(any_of.contains(text) != *not)));
        }
        if let Cell::Surely { bounds, confidence } = &condition.cell {
            let (share, n) = self.state.share(self.table, metric, self.now_us)?;
            let (above, limit) = bounds.beyond().ok_or(Missing::NothingToCompare)?;
            let bad = (share * n as f64).round() as u64;
            return Ok((Found::Share(share, n), yes(stats::is_beyond(bad, n, limit, above, confidence.base()))));
        }
        if let (Value::AtLeast(bound), Some(bounds)) = (self.value(metric)?, condition.cell.absolute_bounds()) {
            let truth = bounds.holds_from(*bound).ok_or(Missing::AtLeast { bound: *bound })?;
            return Ok((Found::AtLeast(*bound), self.in_a_row(&condition.cell, streak, truth)));
        }
        let value = self.number(metric)?;
        let against = |bounds: &Bounds, other: f64| {
            let truth = bounds.holds(value, Some(other)).ok_or(Missing::NothingToCompare)?;
            Ok((Found::Against(value, other), yes(truth)))
        };
        match &condition.cell {
            Cell::Text { .. } | Cell::Surely { .. } => Err(Missing::WrongKind),
            Cell::Value(bounds) => {
                let truth = bounds.holds(value, None).ok_or(Missing::NotANumber)?;
                Ok((Found::Value(value), yes(truth)))
            }
            Cell::VsBaseline(bounds) => against(bounds, self.state.baseline_base(metric, self.table.unit(metric))?),
            Cell::Vs { metric: other, bounds } => against(bounds, self.number(other)?),
            Cell::Slope { bounds, over_us } => self.over_window(metric, *over_us, |points| {
                let slope = line::slope(points)?;
                let truth = bounds.holds(slope, None).ok_or(Missing::NotANumber)?;
                Ok((Found::Slope(slope), yes(truth)))
            }),
            Cell::Trend { direction, over_us } => self.over_window(metric, *over_us, |points| {
                let found = line::trend(&self.independent(metric, points))?;
                Ok((Found::Trend(found), yes(found == *direction)))
            }),
            Cell::Compared { with, outcome, over_us, tolerance, confidence } => {
                self.over_window(with, *over_us, |main| {
                    self.over_window(metric, *over_us, |points| {
                        let (confidence, tolerance) = (confidence.base(), tolerance.base());
                        let (canary, main) = (self.independent(metric, points), self.independent(with, main));
                        let found = stats::compare(&values(&canary), &values(&main), confidence, tolerance)?;
                        Ok((Found::Compared(found), yes(found == *outcome)))
                    })
                })
            }
            Cell::Consecutive { count, bounds } => {
                let truth = bounds.holds(value, None).ok_or(Missing::NotANumber)?;
                let truth = self.in_a_row(&condition.cell, streak, truth);
                Ok((Found::InARow(value, streak.count.min(*count), *count), truth))
            }
        }
    }

    /// What it means that the newest value is inside, or is not: some conditions want more than one.
    fn in_a_row(&self, cell: &Cell, streak: Streak, inside: bool) -> Truth {
        match cell {
            Cell::Consecutive { count, .. } if inside && streak.count < *count => Truth::Pending { remaining_us: 0 },
            _ => yes(inside),
        }
    }

    /// Judges the last while of a metric whose newest value is a number.
    fn over_window(
        &self,
        metric: &str,
        over_us: u64,
        judge: impl Fn(&[Point]) -> Result<(Found, Truth), Missing>,
    ) -> Result<(Found, Truth), Missing> {
        self.number(metric)?;
        match self.state.stretch(metric).ok_or(Missing::NotYet)?.window(over_us, self.table.window_slack_us()) {
            Window::Full(points) => judge(&points),
            Window::Filling { remaining_us } => Ok((Found::NotYet, Truth::Pending { remaining_us })),
        }
    }

    /// Of values that are each of a while, only so many that their whiles do not overlap: what two of them have in common
    /// would count twice.
    fn independent(&self, metric: &str, points: &[Point]) -> Vec<Point> {
        let mut points = points.to_vec();
        let Some(window_us) = self.table.metrics.get(metric).and_then(|known| known.window_us) else { return points };
        // As many looks as it takes, which are never exactly as far apart as they should be.
        let looks = window_us.div_ceil(self.table.every_us.max(1));
        let apart_us = looks.saturating_mul(self.table.every_us).saturating_sub(self.table.window_slack_us());
        let mut next_us = u64::MAX;
        points.reverse();
        points.retain(|point| {
            let kept = point.at_us <= next_us;
            if kept {
                next_us = point.at_us.saturating_sub(apart_us);
            }
            kept
        });
        points.reverse();
        points
    }

    /// How a condition stands, as one phrase: `error_ratio 6.2% > 5%`.
    pub(super) fn words(&self, condition: &Condition, found: Found, truth: &Truth) -> String {
        let Condition { metric, cell } = condition;
        let unit = self.table.unit(metric);
        let is_true = *truth == Truth::Yes;
        let text = match (truth, found) {
            (Truth::Unknown(why), _) => format!("{metric} {cell}: {why}"),
            (_, Found::Nothing | Found::NotYet) => format!("{metric} {cell} not known yet"),
            (_, Found::Text) => match self.value(metric) {
                Ok(Value::Text(text)) => phrase(metric, &format!("\"{text}\""), cell, is_true),
                _ => String::new(),
            },
            (_, Found::Value(value)) => phrase(metric, &beside(value, unit, cell), cell, is_true),
            (_, Found::AtLeast(value)) => {
                phrase(metric, &format!("at least {}", words::value(value, unit)), cell, is_true)
            }
            (_, Found::Share(value, n)) => {
                return format!("{} ({n} observations)", phrase(metric, &words::value(value, unit), cell, is_true));
            }
            (_, Found::Against(value, other)) => {
                let text = phrase(metric, &words::value(value, unit), cell, is_true);
                format!("{text} of {}", words::value(other, unit))
            }
            (_, Found::Slope(slope)) => {
                let slope = words::value(slope, unit.per_minute());
                format!("{metric} {}", slope_phrase(&slope, cell, is_true))
            }
            (_, Found::Trend(found)) => named(condition, &found, is_true),
            (_, Found::Compared(found)) => named(condition, &found, is_true),
            (Truth::No, Found::InARow(value, ..)) => phrase(metric, &beside(value, unit, cell), cell, false),
            (_, Found::InARow(value, have, of)) => {
                let text = phrase(metric, &beside(value, unit, cell), cell, true);
                format!("{text} ({have} of {of})")
            }
        };
        text + &self.evidence(metric)
    }

    /// How much is behind a value, where the table asks for it, and what of it was lost.
    fn evidence(&self, metric: &str) -> String {
        let Ok((_, reading)) = self.state.reading(self.table, metric, self.now_us) else { return String::new() };
        let asked = self.table.metrics.get(metric).is_some_and(|known| known.min_samples.is_some());
        let have = reading.evidence.filter(|_| asked).map(|n| format!("{n} observations"));
        let gone = (reading.gone > 0).then(|| format!("{} series vanished", reading.gone));
        match (have, gone) {
            (None, None) => String::new(),
            (Some(said), None) | (None, Some(said)) => format!(" ({said})"),
            (Some(have), Some(gone)) => format!(" ({have}, {gone})"),
        }
    }
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
fn beside(value: f64, unit: Unit, cell: &Cell) -> String {
    let shown = words::value(value, unit);
    let looks_equal = |limit: Limit| {
        let base = limit.quantity().base();
        // Numbers that differ in the first digits look different; it is much faster to see that than to write them.
        let near = (base - value).abs() <= 0.002 * base.abs().max(value.abs()) || value.abs() < 0.002;
        base != value && near && words::value(base, unit) == shown
    };
    let is_near = cell.bounds().is_some_and(|bounds| bounds.limits().any(looks_equal));
    if is_near { words::exact(value, unit) } else { shown }
}

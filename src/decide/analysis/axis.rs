//! The axes along which a table's conditions can differ, cut into regions within which none of them changes.
//!
//! Each number axis is cut at all limits on it: the limits themselves are regions of one point, and between two of
//! them lies an open interval. One value of each region therefore stands for all values: looking at one per region is
//! looking at all of them. Different aspects of one metric (its value, its slope, its change against the baseline) are
//! taken as independent, so a combination may be reported that never comes up together.

use super::Facts;
use super::finding::Witness;
use crate::decide::stats::Comparison;
use crate::decide::{Bounds, Cell, Condition, Direction, Kind, Limit, Table, Unit, words};

/// One axis.
#[derive(Debug)]
pub(super) struct Axis {
    pub(super) metric: String,
    pub(super) aspect: Aspect,
    pub(super) regions: Vec<Region>,
}

/// What of a metric an axis is about.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Aspect {
    Value,
    Text,
    Slope {
        over_us: u64,
    },
    Trend {
        over_us: u64,
    },
    /// How it compares with another metric, tested so.
    Compared(Cell),
    /// A multiple of the baseline, or of another metric.
    Multiple {
        of: Option<String>,
    },
    /// A difference to the baseline, or to another metric.
    Difference {
        to: Option<String>,
    },
    /// Bounds of both kinds at once: they hold or they do not.
    Whole(Condition),
}

/// A part of an axis within which no condition changes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Region {
    pub(super) value: At,
    /// The region in words, for numbers: where it begins and ends. Equal where it is one point.
    pub(super) from: f64,
    pub(super) to: f64,
}

/// A value in a region.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum At {
    Number(f64),
    Text(String),
    Direction(Direction),
    Compared(Comparison),
    Whole(bool),
}

/// The values a number can have.
#[derive(Debug, Clone, Copy)]
struct Domain {
    low: f64,
    high: f64,
    /// Whether the upper end is outside.
    high_open: bool,
    whole: bool,
}

/// All axes of a table.
pub(super) fn axes(table: &Table, facts: &dyn Fn(&str) -> Facts) -> Vec<Axis> {
    let mut axes: Vec<(String, Aspect, Vec<&Condition>)> = Vec::new();
    for (_, condition) in table.conditions() {
        let aspect = Aspect::of(condition);
        match axes.iter_mut().find(|(metric, known, _)| *metric == condition.metric && *known == aspect) {
            Some((_, _, conditions)) => conditions.push(condition),
            None => axes.push((condition.metric.clone(), aspect, vec![condition])),
        }
    }
    let build = |(metric, aspect, conditions): (String, Aspect, Vec<&Condition>)| {
        let regions = regions(table, &facts(&metric), &metric, &aspect, &conditions);
        Axis { metric, aspect, regions }
    };
    axes.into_iter().map(build).collect()
}

impl Aspect {
    pub(super) fn of(condition: &Condition) -> Aspect {
        let relative = |bounds: &Bounds, other: Option<String>| {
            let is_difference = |l: Limit| matches!(l, Limit::Difference(q) if q.base() != 0.0);
            let is_zero = |l: Limit| l.quantity().base() == 0.0 && !matches!(l, Limit::Factor(_));
            match (bounds.limits().any(is_difference), bounds.limits().any(|l| !is_difference(l) && !is_zero(l))) {
                (true, true) => Aspect::Whole(condition.clone()),
                (true, false) => Aspect::Difference { to: other },
                (false, _) => Aspect::Multiple { of: other },
            }
        };
        match &condition.cell {
            Cell::Value(_) | Cell::Consecutive { .. } => Aspect::Value,
            Cell::Text { .. } => Aspect::Text,
            Cell::Slope { over_us, .. } => Aspect::Slope { over_us: *over_us },
            Cell::Trend { over_us, .. } => Aspect::Trend { over_us: *over_us },
            Cell::Compared { with, over_us, tolerance, confidence, .. } => Aspect::Compared(Cell::Compared {
                with: with.clone(),
                outcome: Comparison::Same,
                over_us: *over_us,
                tolerance: *tolerance,
                confidence: *confidence,
            }),
            Cell::Surely { .. } => Aspect::Whole(condition.clone()),
            Cell::VsBaseline(bounds) => relative(bounds, None),
            Cell::Vs { metric, bounds } => relative(bounds, Some(metric.clone())),
        }
    }

    /// The value that relative limits are taken against on this axis.
    fn other(&self) -> Option<f64> {
        match self {
            Aspect::Multiple { .. } => Some(1.0),
            Aspect::Difference { .. } => Some(0.0),
            _ => None,
        }
    }

    fn words(&self) -> String {
        let against = |other: &Option<String>| format!("against {}", other.as_deref().unwrap_or("the baseline"));
        match self {
            Aspect::Value | Aspect::Text => String::new(),
            Aspect::Slope { over_us } => format!("slope over {}", words::duration(*over_us)),
            Aspect::Trend { over_us } => format!("trend over {}", words::duration(*over_us)),
            Aspect::Multiple { of: other } | Aspect::Difference { to: other } => against(other),
            Aspect::Compared(cell) => format!("against {}", cell.other().unwrap_or_default()),
            Aspect::Whole(condition) => condition.cell.to_string(),
        }
    }
}

impl Axis {
    /// Whether a condition on this axis holds in a region.
    pub(super) fn holds(&self, condition: &Condition, region: &Region) -> bool {
        match (&region.value, &condition.cell) {
            (At::Whole(holds), _) => *holds,
            (At::Text(text), Cell::Text { not, any_of }) => any_of.contains(text) != *not,
            (At::Direction(found), Cell::Trend { direction, .. }) => found == direction,
            (At::Compared(found), Cell::Compared { outcome, .. }) => found == outcome,
            (At::Number(number), cell) => {
                cell.bounds().is_some_and(|b| b.holds(*number, self.aspect.other()) == Some(true))
            }
            _ => false,
        }
    }

    pub(super) fn witness(&self, region: &Region, table: &Table) -> Witness {
        let number = match &region.value {
            At::Number(number) => Some(*number),
            _ => None,
        };
        let value = match &region.value {
            At::Number(number) => self.show(*number, table),
            At::Text(text) => format!("\"{text}\""),
            At::Direction(direction) => direction.to_string(),
            At::Compared(found) => found.to_string(),
            At::Whole(holds) => if *holds { "yes" } else { "no" }.into(),
        };
        Witness { metric: self.metric.clone(), aspect: self.aspect.words(), value, number }
    }

    /// From one region to another as a cell would say it: `1% <..< 5%`, `> 5%`, `== 1`.
    pub(super) fn span(&self, first: &Region, last: &Region, table: &Table) -> String {
        let show = |number| self.show(number, table);
        let (low_open, high_open) = (first.from < first.to, last.from < last.to);
        match (first.from.is_finite(), last.to.is_finite()) {
            (true, true) if first.from == last.to => format!("== {}", show(first.from)),
            (true, true) => {
                let (left, right) = (if low_open { "<" } else { "" }, if high_open { "<" } else { "" });
                format!("{} {left}..{right} {}", show(first.from), show(last.to))
            }
            (true, false) => format!("{} {}", if low_open { ">" } else { ">=" }, show(first.from)),
            (false, true) => format!("{} {}", if high_open { "<" } else { "<=" }, show(last.to)),
            (false, false) => "any value".into(),
        }
    }

    /// A number on this axis for people.
    pub(super) fn show(&self, number: f64, table: &Table) -> String {
        let unit = table.unit(&self.metric);
        let sign = |number: f64| if number > 0.0 { "+" } else { "" };
        match &self.aspect {
            Aspect::Multiple { .. } => format!("{}{}", sign(number - 1.0), words::value(number - 1.0, Unit::RATIO)),
            Aspect::Difference { .. } => format!("{}{}", sign(number), words::value(number, unit)),
            Aspect::Slope { .. } => words::value(number, unit.per_minute()),
            _ => words::value(number, unit),
        }
    }
}

fn regions(table: &Table, facts: &Facts, metric: &str, aspect: &Aspect, conditions: &[&Condition]) -> Vec<Region> {
    let single = |value| Region { value, from: 0.0, to: 0.0 };
    match aspect {
        Aspect::Text => texts(facts, conditions).into_iter().map(|t| single(At::Text(t))).collect(),
        Aspect::Trend { .. } => {
            let all = [Direction::Increasing, Direction::Decreasing, Direction::Steady];
            all.map(|d| single(At::Direction(d))).into()
        }
        Aspect::Compared(_) => {
            let all = [Comparison::Same, Comparison::Higher, Comparison::Lower];
            all.map(|c| single(At::Compared(c))).into()
        }
        Aspect::Whole(_) => [true, false].map(|holds| single(At::Whole(holds))).into(),
        _ => {
            let other = aspect.other().unwrap_or(f64::NAN);
            let limits: Vec<f64> = conditions
                .iter()
                .filter_map(|c| c.cell.bounds())
                .flat_map(|b| b.limits().filter_map(|l| l.against(other)).collect::<Vec<_>>())
                .collect();
            cut(domain(table, facts, metric, aspect, conditions), limits)
        }
    }
}

/// The texts that are named, and one that is not unless the values are known to be closed.
fn texts(facts: &Facts, conditions: &[&Condition]) -> Vec<String> {
    let mut texts = facts.values.clone();
    if texts.is_empty() {
        let named = conditions.iter().filter_map(|c| match &c.cell {
            Cell::Text { any_of, .. } => Some(any_of.clone()),
            _ => None,
        });
        texts = named.flatten().collect();
        let mut other = "anything else".to_string();
        while texts.contains(&other) {
            other.push('!');
        }
        texts.push(other);
    }
    texts.sort();
    texts.dedup();
    texts
}

fn domain(table: &Table, facts: &Facts, metric: &str, aspect: &Aspect, conditions: &[&Condition]) -> Domain {
    let infinite = f64::INFINITY;
    let can_be_negative = match aspect {
        Aspect::Slope { .. } | Aspect::Difference { .. } => true,
        Aspect::Multiple { .. } => false,
        _ => is_signed(table, metric, conditions),
    };
    let mut domain =
        Domain { low: if can_be_negative { -infinite } else { 0.0 }, high: infinite, high_open: true, whole: false };
    if *aspect == Aspect::Value {
        let base = |number: Option<f64>| number.map(|n| table.unit(metric).to_base(n)).filter(|n| n.is_finite());
        domain.low = base(facts.low).unwrap_or(domain.low);
        if let Some(high) = base(facts.high) {
            (domain.high, domain.high_open) = (high, false);
        }
        if let Some(bound) = base(facts.last_bound).filter(|b| *b <= domain.high) {
            (domain.high, domain.high_open) = (bound, true);
        }
        domain.whole = facts.whole;
    }
    domain
}

/// Whether a metric without declared unit is treated by its conditions as if it could be below zero.
fn is_signed(table: &Table, metric: &str, conditions: &[&Condition]) -> bool {
    let is_declared = table.metrics.get(metric).is_some_and(|m| m.unit.is_some());
    let below_zero = |bounds: &Bounds| {
        bounds.limits().any(|l| l.quantity().base() < 0.0)
            || (bounds.holds(-1.0, None) == Some(true) && bounds.holds(0.0, None) == Some(false))
    };
    let is_count = table.unit(metric).dimension().kind == Kind::Count;
    is_count && !is_declared && conditions.iter().filter_map(|c| c.cell.bounds()).any(below_zero)
}

/// Cuts a domain at the limits inside it: points, and the open intervals between them.
fn cut(domain: Domain, mut limits: Vec<f64>) -> Vec<Region> {
    let Domain { low, high, .. } = domain;
    limits.extend([low, high]);
    limits.retain(|l| l.is_finite() && *l >= low && *l <= high);
    limits.sort_by(f64::total_cmp);
    // Zero has two signs and is one number.
    limits.dedup_by(|a, b| a == b);
    let mut regions = Vec::new();
    let mut before = low;
    for limit in limits {
        regions.extend(domain.between(before, limit));
        regions.extend(domain.point(limit));
        before = limit;
    }
    regions.extend(domain.between(before, high));
    if regions.is_empty() {
        // Facts that leave no value at all are not this module's to judge: look at one value rather than at none.
        let at = if low.is_finite() { low } else { 0.0 };
        regions.push(Region { value: At::Number(at), from: at, to: at });
    }
    regions
}

impl Domain {
    fn point(&self, at: f64) -> Option<Region> {
        let is_inside = (at < self.high || !self.high_open) && (!self.whole || at.fract() == 0.0);
        is_inside.then_some(Region { value: At::Number(at), from: at, to: at })
    }

    fn between(&self, from: f64, to: f64) -> Option<Region> {
        if from >= to {
            return None;
        }
        let value = if self.whole { whole_between(from, to)? } else { simple_between(from, to) };
        Some(Region { value: At::Number(value), from, to })
    }
}

/// A number between two others with as few digits as possible.
fn simple_between(from: f64, to: f64) -> f64 {
    match (from.is_finite(), to.is_finite()) {
        (false, false) => 0.0,
        (true, false) if from == 0.0 => 1.0,
        (true, false) => from + from.abs(),
        (false, true) if to == 0.0 => -1.0,
        (false, true) => to - to.abs(),
        (true, true) => {
            let middle = from + (to - from) / 2.0;
            let rounded = (0..17).filter_map(|digits| format!("{middle:.digits$e}").parse::<f64>().ok());
            rounded.into_iter().find(|r| *r > from && *r < to).unwrap_or(middle)
        }
    }
}

fn whole_between(from: f64, to: f64) -> Option<f64> {
    let value = match (from.is_finite(), to.is_finite()) {
        (true, _) => from.floor() + 1.0,
        (false, true) => to.ceil() - 1.0,
        (false, false) => 0.0,
    };
    (value > from && value < to).then_some(value)
}

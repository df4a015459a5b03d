//! The axes along which a table's conditions can differ, cut into regions within which none of them changes.
//!
//! Each number axis is cut at all limits on it: the limits themselves are regions of one point, and between two of
//! them lies an open interval. One value of each region therefore stands for all values: looking at one per region is
//! looking at all of them. Different aspects of one metric (its value, its slope, its change against the baseline) are
//! taken as independent, so a combination may be reported that never comes up together; see [`super::coupled`] for two that
//! are not.

use super::Facts;
use super::coupled;
use super::finding::Witness;
use crate::decide::stats::Comparison;
use crate::decide::{Bounds, Cell, Condition, Direction, Kind, Limit, Quantity, Table, Unit, words};

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
    /// Outside itself.
    high: f64,
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
    let build = |(metric, aspect, conditions): &(String, Aspect, Vec<&Condition>)| {
        let of_metric = axes.iter().filter(|(other, ..)| other == metric);
        let cuts = of_metric.filter_map(|(_, other, _)| coupled::cut(aspect, other)).collect();
        let regions = regions(table, &facts(metric), metric, aspect, conditions, cuts);
        Axis { metric: metric.clone(), aspect: aspect.clone(), regions }
    };
    axes.iter().map(build).collect()
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

    /// A value of a region, which is the value that is shown: what is printed lies in the region.
    pub(super) fn witness(&self, region: &Region, table: &Table) -> Witness {
        let (value, number) = match &region.value {
            At::Number(number) => {
                let (value, number) = self.shown(*number, table, &|n| region.has(n));
                (value, Some(number))
            }
            At::Text(text) => (format!("\"{text}\""), None),
            At::Direction(direction) => (direction.to_string(), None),
            At::Compared(found) => (found.to_string(), None),
            At::Whole(holds) => (if *holds { "yes" } else { "no" }.into(), None),
        };
        Witness { metric: self.metric.clone(), aspect: self.aspect.words(), value, number }
    }

    /// From one region to another as a cell would say it: `1% <..< 5%`, `> 5%`, `== 1`.
    pub(super) fn span(&self, first: &Region, last: &Region, table: &Table) -> String {
        let show = |number: f64| self.shown(number, table, &|n| n == number).0;
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

    /// A number on this axis for people, with as many digits as it takes to be where it should be, and the number that
    /// these digits are.
    fn shown(&self, number: f64, table: &Table, is_right: &dyn Fn(f64) -> bool) -> (String, f64) {
        let unit = table.unit(&self.metric);
        let (base, zero, unit) = match &self.aspect {
            Aspect::Multiple { .. } => (number - 1.0, 1.0, Unit::RATIO),
            Aspect::Difference { .. } => (number, 0.0, unit),
            Aspect::Slope { .. } => (number, 0.0, unit.per_minute()),
            _ => (number, 0.0, unit),
        };
        let is_relative = matches!(self.aspect, Aspect::Multiple { .. } | Aspect::Difference { .. });
        let sign = if is_relative && base > 0.0 { "+" } else { "" };
        let texts = (FEWEST_DIGITS..=MOST_DIGITS).map(|digits| words::value_of(base, unit, digits));
        let read = |text: &String| Quantity::parse(text).ok().map(|quantity| zero + quantity.base());
        let exact = texts.into_iter().find_map(|text| read(&text).filter(|n| is_right(*n)).map(|n| (text, n)));
        let (text, number) = exact.unwrap_or_else(|| (words::exact(base, unit), number));
        (format!("{sign}{text}"), number)
    }
}

/// Digits of a number that is shown: what people read, and all there are.
const FEWEST_DIGITS: i32 = 4;
const MOST_DIGITS: i32 = 17;

impl Region {
    /// Whether a number is in it.
    fn has(&self, number: f64) -> bool {
        if self.from == self.to { number == self.from } else { self.from < number && number < self.to }
    }
}

fn regions(
    table: &Table,
    facts: &Facts,
    metric: &str,
    aspect: &Aspect,
    conditions: &[&Condition],
    cuts: Vec<f64>,
) -> Vec<Region> {
    let single = |value| Region { value, from: 0.0, to: 0.0 };
    match aspect {
        Aspect::Text => texts(conditions).into_iter().map(|t| single(At::Text(t))).collect(),
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
                .chain(cuts)
                .collect();
            cut(domain(table, facts, metric, aspect, conditions), limits)
        }
    }
}

/// The texts that are named, and one that is not.
fn texts(conditions: &[&Condition]) -> Vec<String> {
    let named = conditions.iter().filter_map(|c| match &c.cell {
        Cell::Text { any_of, .. } => Some(any_of.clone()),
        _ => None,
    });
    let mut texts: Vec<String> = named.flatten().collect();
    let mut other = "anything else".to_string();
    while texts.contains(&other) {
        other.push('!');
    }
    texts.push(other);
    texts.sort();
    texts.dedup();
    texts
}

fn domain(table: &Table, facts: &Facts, metric: &str, aspect: &Aspect, conditions: &[&Condition]) -> Domain {
    let infinite = f64::INFINITY;
    let can_be_negative = match aspect {
        Aspect::Slope { .. } | Aspect::Difference { .. } => true,
        Aspect::Multiple { .. } => false,
        _ => is_signed(table, facts, metric, conditions),
    };
    let mut domain = Domain { low: if can_be_negative { -infinite } else { 0.0 }, high: infinite, whole: false };
    if *aspect == Aspect::Value {
        let bound = facts.last_bound.map(|n| table.unit(metric).to_base(n)).filter(|n| n.is_finite());
        domain.high = bound.unwrap_or(infinite);
        domain.whole = facts.whole;
    }
    domain
}

/// Whether a metric is treated by its conditions as if it could be below zero, where it can: times and rates may be
/// differences, and of a number without a unit nobody knows.
fn is_signed(table: &Table, facts: &Facts, metric: &str, conditions: &[&Condition]) -> bool {
    let is_declared = table.metrics.get(metric).is_some_and(|m| m.unit.is_some());
    let below_zero = |bounds: &Bounds| {
        bounds.limits().any(|l| l.quantity().base() < 0.0)
            || (bounds.holds(-1.0, None) == Some(true) && bounds.holds(0.0, None) == Some(false))
    };
    let is_count = table.unit(metric).dimension().kind == Kind::Count;
    let may_be = facts.signed || (is_count && !is_declared);
    may_be && conditions.iter().filter_map(|c| c.cell.bounds()).any(below_zero)
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
        let is_inside = at < self.high && (!self.whole || at.fract() == 0.0);
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

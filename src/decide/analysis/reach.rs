//! Which rows can hold together.
//!
//! Going along the axes one by one, each region keeps some rows and strikes out the others. Only the sets of rows
//! that remain are kept, with one example each: there are few of them even where there are many combinations.

use std::collections::BTreeMap;

use super::axis::{At, Axis};
use super::coupled;
use super::finding::Witness;
use crate::decide::{Condition, HitPolicy, Table};

/// A set of rows, by bit.
pub(super) type Rows = u128;

/// The most sets of rows that are kept; more is too large to be analysed, or understood.
const MOST: usize = 20_000;

/// Neighbouring regions of one axis.
pub(super) struct Run {
    /// From where to where, as a cell would say it.
    pub(super) span: String,
    /// A value in it.
    pub(super) witness: Witness,
    /// Where it begins, in the base unit.
    pub(super) from: f64,
}

/// Rows and axes that have nothing to do with the others.
pub(super) struct Part<'a> {
    table: &'a Table,
    /// The axes that its rows have conditions on.
    pub(super) axes: Vec<&'a Axis>,
    /// The rows in it.
    pub(super) rows: Rows,
    /// Each set of rows that holds for some values, with the regions of such values by axis. Empty when too many.
    pub(super) reached: BTreeMap<Rows, Vec<usize>>,
}

/// The parts of a table. Under `hit: first` a row means nothing without those before it, so there is one part.
pub(super) fn parts<'a>(table: &'a Table, axes: &'a [Axis]) -> Vec<Part<'a>> {
    let mut groups: Vec<(Rows, Vec<&'a str>)> = Vec::new();
    for (index, row) in table.rows.iter().enumerate() {
        let metrics: Vec<&str> = row.conditions.iter().map(|c| c.metric.as_str()).collect();
        let joins =
            |(_, known): &(Rows, Vec<&str>)| table.hit == HitPolicy::First || known.iter().any(|m| metrics.contains(m));
        let (joined, mut apart): (Vec<_>, Vec<_>) = groups.into_iter().partition(joins);
        let mut group = (bit(index), metrics.clone());
        for (rows, known) in joined {
            group.0 |= rows;
            group.1.extend(known);
        }
        apart.push(group);
        groups = apart;
    }
    let part = |(rows, metrics): (Rows, Vec<&str>)| {
        let axes: Vec<&Axis> = axes.iter().filter(|a| metrics.contains(&a.metric.as_str())).collect();
        let reached = reach(table, &axes, rows);
        Part { table, axes, rows, reached }
    };
    let mut parts: Vec<Part<'a>> = groups.into_iter().map(part).collect();
    parts.sort_by_key(|p| p.rows.trailing_zeros());
    parts
}

pub(super) fn bit(row: usize) -> Rows {
    1 << row
}

/// The rows of a set, the first one first.
pub(super) fn each(rows: Rows) -> impl Iterator<Item = usize> {
    (0..Rows::BITS as usize).filter(move |row| rows & bit(*row) != 0)
}

/// The rows that can hold in each region of an axis: those with a condition on it that fails are struck out.
pub(super) fn kept(table: &Table, axis: &Axis) -> Vec<Rows> {
    let strikes_out = |condition: &Condition, region| is_on(condition, axis) && !axis.holds(condition, region);
    let kept_in = |region| {
        let out = table.conditions().filter(|(_, c)| strikes_out(c, region)).map(|(row, _)| bit(row));
        !out.fold(0, |all, row| all | row)
    };
    axis.regions.iter().map(kept_in).collect()
}

/// Whether a condition looks at this axis.
pub(super) fn is_on(condition: &Condition, axis: &Axis) -> bool {
    condition.metric == axis.metric && super::axis::Aspect::of(condition) == axis.aspect
}

/// Marks of the regions on axes that later ones depend on, by the index of their axis.
type Marks = Vec<(usize, usize)>;

fn reach(table: &Table, axes: &[&Axis], rows: Rows) -> BTreeMap<Rows, Vec<usize>> {
    let earlier = coupled::earlier(axes);
    let leads = |at: usize| earlier.iter().any(|of_later| of_later.contains(&at));
    let mut reached = BTreeMap::from([((rows, Marks::new()), Vec::new())]);
    for (at, axis) in axes.iter().enumerate() {
        let mut next: BTreeMap<(Rows, Marks), Vec<usize>> = BTreeMap::new();
        let kept = kept(table, axis);
        for ((set, marks), path) in &reached {
            let before = || marks.iter().filter(|(known, _)| earlier[at].contains(known));
            for (region, keeps) in kept.iter().enumerate() {
                if !before().all(|(known, mark)| coupled::agrees(axes[*known], *mark, axis, region)) {
                    continue;
                }
                let mut marks = marks.clone();
                marks.extend(leads(at).then(|| (at, coupled::mark(axis, region))));
                let path = || path.iter().copied().chain([region]).collect();
                next.entry((set & keeps, marks)).or_insert_with(path);
            }
        }
        if next.len() > MOST {
            return BTreeMap::new();
        }
        reached = next;
    }
    // The first of several ways to a set.
    let mut sets = BTreeMap::new();
    for ((set, _), path) in reached {
        sets.entry(set).or_insert(path);
    }
    sets
}

impl Part<'_> {
    /// Whether there were too many sets of rows to look at.
    pub(super) fn is_too_large(&self) -> bool {
        self.reached.is_empty()
    }

    /// The metrics that the part's rows judge.
    pub(super) fn metrics(&self) -> Vec<&str> {
        let mut metrics: Vec<&str> = self.axes.iter().map(|a| a.metric.as_str()).collect();
        metrics.sort_unstable();
        metrics.dedup();
        metrics
    }

    /// The rows that judge a metric.
    pub(super) fn judging(&self, metric: &str) -> Rows {
        let judging = self.table.conditions().filter(|(_, c)| c.metric == metric);
        judging.fold(0, |all, (row, _)| all | bit(row))
    }

    /// The values of an example, of the axes that these rows look at.
    pub(super) fn witness(&self, path: &[usize], rows: Rows) -> Vec<Witness> {
        let is_of = |axis: &Axis| {
            each(rows).filter_map(|row| self.table.rows.get(row)).any(|r| r.conditions.iter().any(|c| is_on(c, axis)))
        };
        let pairs = self.axes.iter().zip(path).filter(|(axis, _)| is_of(axis));
        pairs.map(|(axis, region)| axis.witness(&axis.regions[*region], self.table)).collect()
    }

    /// The runs of neighbouring regions of the only axis that these rows look at, for which `is_so` says yes to the
    /// rows that hold there. None when they look at several axes, or at one that is not of numbers.
    pub(super) fn runs(&self, rows: Rows, is_so: impl Fn(Rows) -> bool) -> Option<Vec<Run>> {
        let is_of =
            |axis: &&&Axis| each(rows).any(|row| self.table.rows[row].conditions.iter().any(|c| is_on(c, axis)));
        let mut of_rows = self.axes.iter().filter(is_of);
        let (Some(axis), None) = (of_rows.next(), of_rows.next()) else { return None };
        if !axis.regions.iter().all(|r| matches!(r.value, At::Number(_))) {
            return None;
        }
        let hits: Vec<bool> = kept(self.table, axis).iter().map(|kept| is_so(kept & rows)).collect();
        let indices: Vec<usize> = (0..hits.len()).collect();
        let runs = indices.chunk_by(|a, b| hits[*a] == hits[*b]).filter(|run| hits[run[0]]);
        Some(
            runs.map(|run| {
                let (first, last) = (&axis.regions[run[0]], &axis.regions[run[run.len() - 1]]);
                let (span, witness) = (axis.span(first, last, self.table), axis.witness(inner(axis, run), self.table));
                Run { span, witness, from: first.from }
            })
            .collect(),
        )
    }
}

/// The region that shows a run best: an interval rather than a point.
fn inner<'a>(axis: &'a Axis, run: &[usize]) -> &'a super::axis::Region {
    let regions = run.iter().map(|i| &axis.regions[*i]);
    regions.clone().find(|r| r.from < r.to).unwrap_or(&axis.regions[run[0]])
}

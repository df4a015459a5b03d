//! Tables over time: what is decided, since when, and what survives a restart.

mod chance;
mod evidence;
mod first;
mod holding;
mod streams;
mod worst;

use std::collections::BTreeMap;

use super::*;

pub(super) const S: u64 = 1_000_000;
pub(super) const M: u64 = 60 * S;
/// 02:14:05 of a day.
pub(super) const T0: u64 = (19_676 * 86_400 + 2 * 3600 + 14 * 60 + 5) * S;

/// A table that is looked at every 10 s.
pub(super) fn table(hit: HitPolicy, rows: Vec<Row>) -> Table {
    let metrics = [("p95", "s"), ("rss", "KiB"), ("main_p95", "s")];
    let metrics = metrics
        .map(|(name, unit)| (name.to_string(), Metric { unit: Some(Unit::parse(unit).unwrap()), ..Metric::default() }));
    let table = Table {
        hit,
        rows,
        otherwise: Ruling::Investigate,
        no_data: Ruling::Inconclusive,
        every_us: 10 * S,
        gap_us: None,
        metrics: metrics.into(),
    };
    assert_eq!(table.check(), []);
    table
}

pub(super) fn row(conditions: &[(&str, Cell)], for_us: u64, action: Ruling) -> Row {
    let conditions =
        conditions.iter().map(|(m, cell)| Condition { metric: m.to_string(), cell: cell.clone() }).collect();
    Row { symptom: None, conditions, for_us: (for_us > 0).then_some(for_us), action }
}

pub(super) fn cell(text: &str) -> Cell {
    Cell::parse(text).unwrap()
}

/// A run of a table: samples at times, one decision each.
pub(super) struct Watch {
    pub(super) table: Table,
    pub(super) state: TableState,
}

impl Watch {
    pub(super) fn of(table: Table) -> Watch {
        Watch { table, state: TableState::default() }
    }

    /// All values measured at this time.
    pub(super) fn at(&mut self, at_us: u64, values: &[(&str, f64)]) -> Decision {
        let samples = values.iter().map(|(m, v)| (m.to_string(), Sample::number(at_us, *v, None)));
        self.sampled(at_us, samples.collect())
    }

    pub(super) fn sampled(&mut self, now_us: u64, samples: BTreeMap<String, Sample>) -> Decision {
        let (state, decision) = step(&self.table, std::mem::take(&mut self.state), &samples, now_us);
        self.state = state;
        decision
    }

    /// The tool dies here and is resumed from what it stored.
    pub(super) fn restarted(self) -> Watch {
        let stored = serde_json::to_string(&(self.table, self.state)).unwrap();
        let (table, state) = serde_json::from_str(&stored).unwrap();
        Watch { table, state }
    }
}

//! Decisions as data: metrics with units, conditions, tables of rows, and what they say about samples.
//!
//! Pure: times come with the samples, in microseconds since 1970, and all state is a value that can be stored.
//! [`Table`] is what a runbook declares, [`step()`] folds samples into a [`TableState`] and a [`Decision`], and
//! [`analyse`] finds gaps and dead rows before anything runs. Nothing without evidence ever passes: a number that is
//! not finite satisfies no condition, and [`Missing`] says why a sample has no value.

mod analysis;
mod bounds;
mod cell;
mod decision;
mod issue;
mod judge;
mod line;
mod moment;
mod quantity;
mod reduce;
mod ruling;
mod sample;
mod share;
mod standing;
mod state;
pub mod stats;
mod step;
mod table;
#[cfg(test)]
mod tests;
mod unit;
mod window;
mod words;

pub use analysis::{
    Evidence, Facts, Finding, FindingKind, Looks, SampleNeed, Weight, Witness, analyse, samples_needed,
};
pub use bounds::{Bounds, Op};
pub use cell::{Cell, CellError, Direction};
pub use decision::{Because, CellReport, Decision, RowReport, RowStatus, Truth};
pub use issue::{Concern, Issue};
pub use line::{MIN_SLOPE_POINTS, MIN_TREND_POINTS, tendency};
pub use moment::Moment;
pub use quantity::{Limit, Quantity};
pub use reduce::{Bucket, Reducer, histogram_quantile, increase, quantile, rate, ratio, within_buckets};
pub use ruling::Ruling;
pub use sample::{Measured, Missing, Sample, value_words};
pub use share::{share_near, shares_told_apart};
pub(crate) use state::LONGEST_KEPT_US;
pub use state::{Baseline, TableState};
pub use step::{Remembered, Verdict, remember, ruling as rule, step};
pub(crate) use table::default_gap_us;
pub use table::{Condition, HitPolicy, MAX_ROWS, Metric, Row, Table, TableError};
pub use unit::{Dimension, Kind, Unit};

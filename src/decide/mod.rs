//! Decisions as data: metrics with units, conditions, tables of rows, and what they say about samples.
//!
//! Pure: times come with the samples, in microseconds since 1970, and all state is a value that can be stored.
//! [`Table`] is what a runbook declares, [`step`] folds samples into a [`TableState`] and a [`Decision`], and
//! [`analyse`] finds gaps and dead rows before anything runs. Nothing without evidence ever passes: a number that is
//! not finite satisfies no condition, and [`Missing`] says why a sample has no value.

mod bounds;
mod cell;
mod quantity;
mod ruling;
mod table;
mod unit;
mod words;

pub use bounds::{Bounds, Op};
pub use cell::{Cell, CellError, Direction};
pub use quantity::{Limit, Quantity};
pub use ruling::Ruling;
pub use table::{Condition, HitPolicy, MAX_ROWS, Metric, Row, Table, TableError};
pub use unit::{Dimension, Kind, Unit};

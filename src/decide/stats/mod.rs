//! How much evidence it takes, and whether two sets of measurements differ.

mod binomial;
mod mann_whitney;
mod normal;

pub use binomial::{is_beyond, smallest_for_quantile, smallest_to_exclude};
pub use mann_whitney::{Comparison, MannWhitney, compare, fewest_to_compare, mann_whitney};

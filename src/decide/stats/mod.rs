//! How much evidence it takes, and whether two sets of measurements differ.

mod binomial;
mod mann_whitney;
mod normal;

pub use binomial::{smallest_for_quantile, smallest_to_exclude, smallest_to_tell, wilson};
pub use mann_whitney::{Comparison, FEWEST, MannWhitney, compare, mann_whitney};

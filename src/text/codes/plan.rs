//! 05xx: inputs, targets and plans.

use super::codes;

codes! {}

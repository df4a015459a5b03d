//! 03xx: references, templates and expressions.

use super::codes;

codes! {}

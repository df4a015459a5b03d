//! 06xx: policies and lint.

use super::codes;

codes! {}

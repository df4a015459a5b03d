//! 07xx: runs, resume and logs.

use super::codes;

codes! {}

//! 04xx: shell scripts and the values pasted into them.

use super::codes;

codes! {}

//! 02xx: the shape of a document (keys, types, required parts).

use super::codes;

codes! {}

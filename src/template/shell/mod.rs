//! Scripts with holes.

//! What the loop needs to know about time. The store's clock answers it for real runs.

use crate::machine::Timestamp;

/// Gives the time of a run.
pub trait Clock {
    /// Now.
    fn now(&self) -> Timestamp;
}

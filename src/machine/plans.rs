//! The plans a run follows: the one it began with, and those somebody accepted when going on with it.

use crate::plan::Plan;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The plan a run begins with, and by their SHA-256 in hex the plans that resumptions name.
#[derive(Debug, Clone)]
pub struct Plans {
    /// What is followed from the start.
    pub first: Arc<Plan>,
    /// What may be followed from a resumption on.
    pub accepted: BTreeMap<String, Arc<Plan>>,
}

impl From<Arc<Plan>> for Plans {
    fn from(first: Arc<Plan>) -> Plans {
        Plans { first, accepted: BTreeMap::new() }
    }
}

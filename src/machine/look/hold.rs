//! How long a table may hold: what it said at look after look, until something follows from that as well.

use crate::decide::{Because, Ruling, Table};
use crate::machine::state::Inst;
use crate::plan::model::Decision;
use crate::plan::units::duration_words;
use crate::runbook::model::Then;

/// What a table says after it has held for as long as it may, and else what it says.
pub(super) fn limited(
    inst: &Inst,
    decision: &Decision,
    ruling: Ruling,
    cause: Because,
    because: String,
    now_us: u64,
) -> (Ruling, String) {
    let Some(hold) = decision.hold.as_ref().filter(|_| is_held(&decision.table, cause)) else {
        return (ruling, because);
    };
    let held_us = now_us.saturating_sub(inst.lookout.held_since_us.unwrap_or(now_us));
    if held_us < hold.max_us {
        return (ruling, because);
    }
    let ruling = match hold.then {
        Then::Rollback => Ruling::Rollback,
        Then::Abort => Ruling::Abort,
        Then::Investigate => Ruling::Investigate,
    };
    let (held, max) = (duration_words(held_us), duration_words(hold.max_us));
    (ruling, format!("{because}; it has held for {held}, and may for {max}"))
}

/// Whether what decided asks to hold. A row that is true but not yet for long enough ends by itself.
pub(in crate::machine) fn is_held(table: &Table, cause: Because) -> bool {
    let action = match cause {
        Because::Row(row) => table.rows.get(row).map(|row| row.action),
        Because::Pending(_) => None,
        Because::Otherwise => Some(table.otherwise),
        Because::NoData => Some(table.no_data),
    };
    action == Some(Ruling::Hold)
}

//! Reports: from a plan and the events of a run to text and data. Pure; the terminal, `show`, `report` and the plan
//! preview all draw from here.

mod answers;
mod changes;
mod data;
pub mod exit;
pub mod look;
mod markdown;
mod outline;
mod preview;
mod rows;
mod summary;
mod tables;
mod view;
mod visible;
mod words;

#[cfg(test)]
pub(crate) mod tests;

pub use answers::{Decision, Given, RefusedAnswer};
pub use data::json;
pub use exit::exit_code;
pub use look::Look;
pub use markdown::markdown;
pub use preview::{PreviewStyle, preview, sample_sizes};
pub use rows::{Changes, Counts, Ending, Kind, Missed, Part, Row, Standing, Takeover};
pub(crate) use summary::wrap;
pub use summary::{summary, summary_in};
pub use tables::{Judged, look_line, tables_in};
pub use view::{View, path_of};
pub use visible::{visible, visible_coloured, visible_line};
pub use words::{
    answer_words, changed_words, clock_words, ending_words, moment_words, next_commands, time_words, verdict_words,
};
pub(crate) use words::{lock_words, plural};

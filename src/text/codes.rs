//! The registry of diagnostic codes. A code is API: it keeps its number and meaning for ever.
//!
//! One file per range: 01xx [`yaml`], 02xx [`document`], 03xx [`reference`], 04xx [`shell`], 05xx [`plan`],
//! 06xx [`policy`], 07xx [`run`], 08xx [`decision`], 1000 to 1049 [`guard`], 1050 to 1079 [`look`], 108x and 109x
//! [`gates`], 111x [`signed`], 113x [`lock`], 115x [`secrets`], 1170 to 1199 [`hostile`]. To add a code, add a row to the file of its range.

use std::fmt;

mod decision;
mod document;
mod gates;
mod guard;
mod hostile;
mod lock;
mod look;
mod plan;
mod policy;
mod reference;
mod run;
mod secrets;
mod shell;
mod signed;
mod yaml;

/// The stable name of a kind of diagnostic; displays as `RB0101`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(u16);

/// What the registry says about a code.
struct Row {
    code: Code,
    title: &'static str,
    explanation: &'static str,
}

/// `codes! { NUMBER NAME "title" "explanation with a wrong and a right example" ... }` in ascending order.
macro_rules! codes {
    ($($number:literal $name:ident $title:literal $explanation:literal)*) => {
        impl $crate::text::Code {
            $(#[doc = $title] pub const $name: $crate::text::Code = $crate::text::codes::code($number);)*
        }
        pub(super) const ROWS: &[super::Row] = &[$(super::Row {
            code: $crate::text::Code::$name,
            title: $title,
            explanation: $explanation,
        }),*];
    };
}
use codes;

const RANGES: &[&[Row]] = &[
    yaml::ROWS,
    document::ROWS,
    reference::ROWS,
    shell::ROWS,
    plan::ROWS,
    policy::ROWS,
    run::ROWS,
    decision::ROWS,
    guard::ROWS,
    look::ROWS,
    gates::ROWS,
    signed::ROWS,
    lock::ROWS,
    secrets::ROWS,
    hostile::ROWS,
];

impl Code {
    /// Every code there is, in ascending order.
    pub fn all() -> impl Iterator<Item = Code> {
        rows().map(|row| row.code)
    }

    /// Reads `RB0101`, in any case; `None` when the registry has no such code.
    pub fn parse(text: &str) -> Option<Code> {
        rows().map(|row| row.code).find(|code| code.to_string().eq_ignore_ascii_case(text.trim()))
    }

    /// A few words that name the problem.
    pub fn title(self) -> &'static str {
        self.row().map_or("", |row| row.title)
    }

    /// Several lines for `runbook explain`: what it means, a wrong and a right example.
    pub fn explanation(self) -> &'static str {
        self.row().map_or("", |row| row.explanation.trim_matches('\n'))
    }

    fn row(self) -> Option<&'static Row> {
        rows().find(|row| row.code == self)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RB{:04}", self.0)
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

const fn code(number: u16) -> Code {
    Code(number)
}

fn rows() -> impl Iterator<Item = &'static Row> {
    RANGES.iter().copied().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_ascend_from_file_to_file() {
        let all: Vec<Code> = Code::all().collect();
        assert!(all.windows(2).all(|pair| pair[0] < pair[1]), "{all:?}");
    }

    #[test]
    fn every_code_has_a_title_and_an_explanation_with_examples() {
        for code in Code::all() {
            assert!(!code.title().is_empty() && !code.title().ends_with('.'), "{code}");
            assert!(code.explanation().lines().count() >= 3, "{code} needs an explanation of several lines");
        }
    }

    #[test]
    fn a_code_is_read_back_in_any_case() {
        assert_eq!(Code::parse("rb0101"), Some(Code::DUPLICATE_KEY));
        assert_eq!(Code::parse(" RB0101 "), Some(Code::DUPLICATE_KEY));
        assert_eq!(Code::parse("RB9999"), None);
        assert_eq!(Code::parse("0101"), None);
    }
}

//! Units of measured values and of the limits they are compared with.
//!
//! Every value is compared in the base unit of its dimension: a share of one, seconds, bytes, a count, each also per
//! second. `MB` is 10^6 bytes and `MiB` is 2^20.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a number counts, for example `%`, `ms`, `MiB` or `MB/min`. Written and stored as that text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Unit {
    measure: &'static Measure,
    per: Option<&'static Per>,
}

/// What can be compared with what: two units of one dimension can, of different ones cannot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Dimension {
    /// What is measured.
    pub kind: Kind,
    /// Whether it is measured per time.
    pub rate: bool,
}

/// The kinds of things measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// How many.
    Count,
    /// A part of a whole: 1 is all of it.
    Share,
    /// How long, in seconds.
    Time,
    /// How much, in bytes.
    Bytes,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Measure {
    name: &'static str,
    kind: Kind,
    /// One of it in the base unit is `times` x 10^`shift`: exact, where a binary fraction would not be.
    times: i64,
    shift: i32,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Per {
    name: &'static str,
    seconds: i64,
}

const fn measure(name: &'static str, kind: Kind, times: i64, shift: i32) -> Measure {
    Measure { name, kind, times, shift }
}

static COUNT: Measure = measure("count", Kind::Count, 1, 0);
static PERCENT: Measure = measure("%", Kind::Share, 1, -2);
static RATIO: Measure = measure("ratio", Kind::Share, 1, 0);

static MEASURES: [Measure; 15] = [
    measure("us", Kind::Time, 1, -6),
    measure("ms", Kind::Time, 1, -3),
    measure("s", Kind::Time, 1, 0),
    measure("min", Kind::Time, 60, 0),
    measure("h", Kind::Time, 3600, 0),
    measure("d", Kind::Time, 86400, 0),
    measure("B", Kind::Bytes, 1, 0),
    measure("KiB", Kind::Bytes, 1 << 10, 0),
    measure("MiB", Kind::Bytes, 1 << 20, 0),
    measure("GiB", Kind::Bytes, 1 << 30, 0),
    measure("TiB", Kind::Bytes, 1 << 40, 0),
    measure("kB", Kind::Bytes, 1, 3),
    measure("MB", Kind::Bytes, 1, 6),
    measure("GB", Kind::Bytes, 1, 9),
    measure("TB", Kind::Bytes, 1, 12),
];

static PERIODS: [Per; 4] = [
    Per { name: "s", seconds: 1 },
    Per { name: "min", seconds: 60 },
    Per { name: "h", seconds: 3600 },
    Per { name: "d", seconds: 86400 },
];

impl Unit {
    /// A percentage: the number 5 is a share of 0.05.
    pub const PERCENT: Unit = Unit { measure: &PERCENT, per: None };
    /// A share as a fraction: the number 0.05 is 5 %.
    pub const RATIO: Unit = Unit { measure: &RATIO, per: None };
    /// A plain count.
    pub const COUNT: Unit = Unit { measure: &COUNT, per: None };

    /// Reads `%`, `ratio`, `count`, a time, a size, or one of them per time: `MB/min`, `/s`.
    ///
    /// # Errors
    /// What is wrong with the text and what would be right.
    pub fn parse(text: &str) -> Result<Unit, String> {
        let text = text.trim();
        let (name, period) = match text.split_once('/') {
            Some((name, period)) => (name.trim(), Some(period.trim())),
            None => (text, None),
        };
        let per = period.map(find_period).transpose()?;
        Ok(Unit { measure: find_measure(name, per.is_some())?, per })
    }

    /// What this unit can be compared with.
    pub fn dimension(self) -> Dimension {
        Dimension { kind: self.measure.kind, rate: self.per.is_some() }
    }

    /// A number of this unit in the base unit. The decimal digits are shifted, not multiplied, so `6.2` in `%` is
    /// exactly the number `0.062`.
    pub fn to_base(self, number: f64) -> f64 {
        let scaled = shift(number, self.measure.shift) * self.measure.times as f64;
        scaled / self.per.map_or(1.0, |p| p.seconds as f64)
    }

    /// A number of the base unit in this unit.
    pub fn from_base(self, base: f64) -> f64 {
        let scaled = base * self.per.map_or(1.0, |p| p.seconds as f64) / self.measure.times as f64;
        shift(scaled, -self.measure.shift)
    }

    /// So much of what it measures per second, as a number of this unit; the number itself where it is no rate.
    pub fn of_each_second(self, number: f64) -> f64 {
        number * self.per.map_or(1.0, |per| per.seconds as f64)
    }

    /// Whether a bare number is the natural way to write a limit in this unit.
    pub(super) fn is_plain(self) -> bool {
        self.per.is_none() && (self.measure == &COUNT || self.measure == &RATIO)
    }

    /// The exact factor to the base unit: `mantissa * times * 10^shift / seconds`.
    pub(super) fn factor(self) -> (i64, i32, i64) {
        (self.measure.times, self.measure.shift, self.per.map_or(1, |p| p.seconds))
    }

    /// The same unit per minute, for slopes; a rate stays what it is.
    pub(super) fn per_minute(self) -> Unit {
        Unit { measure: self.measure, per: self.per.or(Some(&PERIODS[1])) }
    }

    /// The unit to show a value of this unit in: shares as per cent, sizes in the largest unit that keeps a whole part.
    pub(super) fn for_people(self, base: f64) -> Unit {
        let per_time = base * self.per.map_or(1.0, |p| p.seconds as f64);
        let fitting = |unit: &&'static Measure| per_time.abs() >= unit.times as f64 * 10f64.powi(unit.shift);
        let measure = match self.measure.kind {
            Kind::Count => &COUNT,
            Kind::Share => &PERCENT,
            Kind::Time => MEASURES[..3].iter().rev().find(fitting).unwrap_or(self.measure),
            Kind::Bytes if self.measure.shift == 0 && self.measure.times > 1 => {
                MEASURES[6..11].iter().rev().find(fitting).unwrap_or(self.measure)
            }
            Kind::Bytes => {
                [&MEASURES[6]].into_iter().chain(&MEASURES[11..]).rev().find(fitting).unwrap_or(self.measure)
            }
        };
        Unit { measure, per: self.per }
    }
}

impl Dimension {
    /// The dimension of the change of such a value over time; none for what is a rate already.
    pub(super) fn slope(self) -> Option<Dimension> {
        (!self.rate).then_some(Dimension { kind: self.kind, rate: true })
    }

    /// Units a limit of this dimension could be written in.
    pub(super) fn example(self) -> &'static str {
        match (self.kind, self.rate) {
            (Kind::Count, false) => "a plain number",
            (Kind::Count, true) => "`/s` or `/min`",
            (Kind::Share, false) => "`%`",
            (Kind::Share, true) => "`%/min`",
            (Kind::Time, false) => "`ms`, `s` or `min`",
            (Kind::Time, true) => "`ms/min` or `s/min`",
            (Kind::Bytes, false) => "`MB` or `MiB`",
            (Kind::Bytes, true) => "`MB/min` or `MiB/s`",
        }
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Count => "a count",
            Kind::Share => "a share",
            Kind::Time => "a time",
            Kind::Bytes => "a size",
        })?;
        f.write_str(if self.rate { " per time" } else { "" })
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.per {
            None => f.write_str(self.measure.name),
            Some(per) if self.measure == &COUNT => write!(f, "/{}", per.name),
            Some(per) => write!(f, "{}/{}", self.measure.name, per.name),
        }
    }
}

impl TryFrom<String> for Unit {
    type Error = String;

    fn try_from(text: String) -> Result<Unit, String> {
        Unit::parse(&text)
    }
}

impl From<Unit> for String {
    fn from(unit: Unit) -> String {
        unit.to_string()
    }
}

fn find_measure(name: &str, per_time: bool) -> Result<&'static Measure, String> {
    match name {
        "%" | "percent" => Ok(&PERCENT),
        "ratio" => Ok(&RATIO),
        "count" => Ok(&COUNT),
        "" | "1" if per_time => Ok(&COUNT),
        "" => Err("a unit is missing".into()),
        "m" => Ok(&MEASURES[3]),
        _ => MEASURES.iter().find(|m| m.name == name).ok_or_else(|| unknown_measure(name)),
    }
}

fn unknown_measure(name: &str) -> String {
    let alike = MEASURES.iter().find(|m| m.name.eq_ignore_ascii_case(name));
    match alike {
        Some(unit) => format!("`{name}` is not a unit; did you mean `{}`", unit.name),
        None => format!(
            "`{name}` is not a unit; there are %, us ms s min h d, B kB MB GB TB, KiB MiB GiB TiB, and each per s, min, h or d"
        ),
    }
}

fn find_period(name: &str) -> Result<&'static Per, String> {
    let name = if name == "m" { "min" } else { name };
    let found = PERIODS.iter().find(|p| p.name == name);
    found.ok_or_else(|| format!("`/{name}` is not a rate; there are /s, /min, /h and /d"))
}

/// `number` x 10^`by`, done on the decimal digits.
fn shift(number: f64, by: i32) -> f64 {
    if by == 0 || number == 0.0 || !number.is_finite() {
        return number;
    }
    match short_digits(number) {
        Some((digits, places)) => decimal(digits, by - places),
        None => shift_text(number, by),
    }
}

/// `digits` and `places` of the decimal number `digits` x 10^-`places` that this number is written as, where both are
/// small. Of the decimal numbers with up to 15 digits no two are the same number, so the first one found is the one.
fn short_digits(number: f64) -> Option<(i128, i32)> {
    POWERS[..10].iter().zip(0..).find_map(|(power, places)| {
        let digits = number * power;
        let is_it = digits.abs() < 1e15 && digits.fract() == 0.0 && digits / power == number;
        is_it.then_some((digits as i64 as i128, places))
    })
}

fn shift_text(number: f64, by: i32) -> f64 {
    let text = format!("{number:e}");
    let shifted = text.split_once('e').and_then(|(digits, exponent)| {
        let exponent: i32 = exponent.parse().ok()?;
        format!("{digits}e{}", exponent + by).parse().ok()
    });
    shifted.unwrap_or(number * 10f64.powi(by))
}

/// The powers of ten that are exact.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// The number that is written as `digits` x 10^`exponent`.
pub(super) fn decimal(digits: i128, exponent: i32) -> f64 {
    match (i64::try_from(digits), POWERS.get(exponent.unsigned_abs() as usize)) {
        // Both parts are exact, so one operation rounds as reading the text would.
        (Ok(digits), Some(power)) if digits.unsigned_abs() <= 1 << 53 => {
            if exponent < 0 {
                digits as f64 / power
            } else {
                digits as f64 * power
            }
        }
        // An integer with a small exponent always reads as a finite number.
        _ => format!("{digits}e{exponent}").parse().unwrap_or(f64::NAN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_written_as_they_are_read() {
        for text in ["%", "ratio", "count", "ms", "s", "min", "KiB", "MB", "MB/min", "/min", "/s", "%/min"] {
            assert_eq!(Unit::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Unit::parse("1/m").unwrap().to_string(), "/min");
    }

    #[test]
    fn an_unknown_unit_is_refused_with_what_was_likely_meant() {
        assert_eq!(Unit::parse("mb").unwrap_err(), "`mb` is not a unit; did you mean `MB`");
        assert!(Unit::parse("parsecs").unwrap_err().starts_with("`parsecs` is not a unit; there are"));
        assert_eq!(Unit::parse("MB/week").unwrap_err(), "`/week` is not a rate; there are /s, /min, /h and /d");
        assert_eq!(Unit::parse("").unwrap_err(), "a unit is missing");
    }

    #[test]
    fn values_reach_the_base_unit_by_their_decimal_digits() {
        let cases =
            [("%", 6.2, 0.062), ("%", 35.0, 0.35), ("ms", 1.1, 0.0011), ("KiB", 3.0, 3072.0), ("MB/min", 60.0, 1e6)];
        for (unit, number, base) in cases {
            let unit = Unit::parse(unit).unwrap();
            assert_eq!(unit.to_base(number), base, "{unit}");
            assert_eq!(unit.from_base(base), number, "{unit}");
        }
    }

    #[test]
    fn the_short_way_to_shift_digits_gives_what_the_text_gives() {
        let numbers = [0.5, 6.2, 35.0, 0.1, 1e-9, 123_456.789, 0.3, 1e15, 1e22, 1.0 / 3.0, 5e-324, 2.5e-7, -0.07];
        for number in numbers.into_iter().chain((1..5000).map(|n| f64::from(n) * 0.001)) {
            for by in [-6, -3, -2, 2, 3, 6, 12] {
                assert_eq!(shift(number, by), shift_text(number, by), "{number} {by}");
            }
        }
        for (digits, exponent) in [(7, -22), (7, -23), (1 << 53, -5), ((1 << 53) + 1, -5), (-3, 22), (3, 40)] {
            assert_eq!(Ok(decimal(digits, exponent)), format!("{digits}e{exponent}").parse::<f64>());
        }
    }

    #[test]
    fn not_a_number_stays_not_a_number() {
        assert!(Unit::PERCENT.to_base(f64::NAN).is_nan());
        assert!(Unit::PERCENT.to_base(f64::INFINITY).is_infinite());
    }

    #[test]
    fn only_units_of_one_dimension_compare() {
        let dimension = |text| Unit::parse(text).unwrap().dimension();
        assert_eq!(dimension("%"), dimension("ratio"));
        assert_eq!(dimension("ms"), dimension("h"));
        assert_ne!(dimension("MB"), dimension("MB/min"));
        assert_ne!(dimension("s"), dimension("%"));
        assert_eq!(dimension("MB").slope(), Some(dimension("KiB/s")));
        assert_eq!(dimension("/s").slope(), None);
    }
}

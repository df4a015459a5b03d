//! Comparisons and ranges over numbers: `> 5%`, `1% .. 5%`, `1% ..< 5%`.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::quantity::{CellError, Limit};
use super::unit::{Dimension, Unit};

/// Which numbers satisfy a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Bounds {
    /// One limit.
    Compare {
        /// How the value stands to the limit.
        op: Op,
        /// The limit.
        limit: Limit,
    },
    /// Between two limits. An end belongs to the range unless it is open.
    Range {
        /// The lower end.
        low: Limit,
        /// Whether the lower end itself is outside.
        low_open: bool,
        /// The upper end.
        high: Limit,
        /// Whether the upper end itself is outside.
        high_open: bool,
    },
}

/// How a value stands to a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Op {
    /// Above.
    #[serde(rename = ">")]
    Gt,
    /// Not below.
    #[serde(rename = ">=")]
    Ge,
    /// Below.
    #[serde(rename = "<")]
    Lt,
    /// Not above.
    #[serde(rename = "<=")]
    Le,
    /// Exactly.
    #[serde(rename = "==")]
    Eq,
    /// Anything else.
    #[serde(rename = "!=")]
    Ne,
}

/// The longer ones first, since the shorter ones begin them.
const OPS: [(&str, Op); 6] =
    [(">=", Op::Ge), ("<=", Op::Le), ("==", Op::Eq), ("!=", Op::Ne), (">", Op::Gt), ("<", Op::Lt)];

impl Bounds {
    /// Reads a comparison or range of values that stand by themselves.
    ///
    /// # Errors
    /// What cannot be read and where; a range that is empty.
    pub fn absolute(text: &str) -> Result<Bounds, CellError> {
        parse(text, Limit::absolute)
    }

    /// Reads a comparison or range against another value: `<= +10%`, `-10% .. +10%`, `<= 1.2x`.
    ///
    /// # Errors
    /// What cannot be read and where; a range that is empty.
    pub fn relative(text: &str) -> Result<Bounds, CellError> {
        parse(text, Limit::relative)
    }

    /// Whether a value in the base unit is inside, relative limits taken against `other`. None when nothing can be
    /// said: a value that is not a finite number, or limits that have nothing to stand on.
    pub fn holds(&self, value: f64, other: Option<f64>) -> Option<bool> {
        if !value.is_finite() {
            return None;
        }
        // The limit, or the value itself where they are equal as far as decimals go.
        let against = |limit: Limit| {
            let Some(other) = other.filter(|_| limit.is_relative()) else { return limit.against(f64::NAN) };
            limit.against(other).map(|limit| if is_dust(value - limit, value, other) { value } else { limit })
        };
        match self {
            Bounds::Compare { op, limit } => Some(op.holds(value, against(*limit)?)),
            Bounds::Range { low, low_open, high, high_open } => {
                let (low, high) = (against(*low)?, against(*high)?);
                let above = if *low_open { value > low } else { value >= low };
                let below = if *high_open { value < high } else { value <= high };
                Some(above && below)
            }
        }
    }

    /// Whether everything from `bound` on is inside, or nothing; none when it depends on how much more it is.
    pub(super) fn holds_from(&self, bound: f64) -> Option<bool> {
        let inside = |value| self.holds(value, None);
        let above = |limit: Limit| limit.against(f64::NAN).is_some_and(|limit| bound > limit);
        match self {
            Bounds::Compare { op: Op::Gt | Op::Ge, .. } => inside(bound).filter(|holds| *holds),
            Bounds::Compare { op: Op::Lt | Op::Le, .. } => inside(bound).filter(|holds| !*holds),
            Bounds::Compare { op: Op::Eq | Op::Ne, limit } => inside(bound).filter(|_| above(*limit)),
            Bounds::Range { high, high_open, .. } => {
                let at_the_end = *high_open && high.against(f64::NAN) == Some(bound);
                (above(*high) || at_the_end).then_some(false)
            }
        }
    }

    /// Its limits, the lower first.
    pub fn limits(&self) -> impl Iterator<Item = Limit> {
        let (one, two) = match *self {
            Bounds::Compare { limit, .. } => (limit, None),
            Bounds::Range { low, high, .. } => (low, Some(high)),
        };
        std::iter::once(one).chain(two)
    }

    /// Which side of its one limit is inside (`true` is above it), and the limit in the base unit.
    pub(super) fn beyond(&self) -> Option<(bool, f64)> {
        match self {
            Bounds::Compare { op: Op::Gt | Op::Ge, limit } => Some((true, limit.quantity().base())),
            Bounds::Compare { op: Op::Lt | Op::Le, limit } => Some((false, limit.quantity().base())),
            _ => None,
        }
    }

    /// Says what is wrong when a limit is not of the dimension wanted; `unit` is the unit a bare number is in.
    pub(super) fn misfit(&self, wanted: Dimension, unit: Option<Unit>) -> Option<String> {
        let misfit = |limit: Limit| match (limit, limit.quantity().unit()) {
            (Limit::Change(_) | Limit::Factor(_), _) => None,
            (_, Some(unit)) if unit.dimension() == wanted => None,
            (_, Some(_)) => {
                Some(format!("`{limit}` is {}; the value is {wanted}: use {}", says(limit), wanted.example()))
            }
            (_, None) if unit.is_none_or(Unit::is_plain) || limit.quantity().base() == 0.0 => None,
            (_, None) => Some(format!("`{limit}` has no unit; the value is {wanted}: use {}", wanted.example())),
        };
        self.limits().find_map(misfit)
    }
}

impl Op {
    fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Op::Gt => value > limit,
            Op::Ge => value >= limit,
            Op::Lt => value < limit,
            Op::Le => value <= limit,
            Op::Eq => value == limit,
            Op::Ne => value != limit,
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(OPS.iter().find(|(_, op)| op == self).map_or("", |(text, _)| text))
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bounds::Compare { op, limit } => write!(f, "{op} {limit}"),
            Bounds::Range { low, low_open, high, high_open } => {
                let (left, right) = (if *low_open { "<" } else { "" }, if *high_open { "<" } else { "" });
                write!(f, "{low} {left}..{right} {high}")
            }
        }
    }
}

/// Whether a difference of two values is only what binary fractions make of decimals: 110 ms are 10 % more than 100 ms, and
/// 0.11 is not 0.1 + 0.01. No measurement has fifteen digits.
fn is_dust(difference: f64, value: f64, other: f64) -> bool {
    difference.abs() <= 1e-15 * value.abs().max(other.abs())
}

fn says(limit: Limit) -> String {
    limit.quantity().unit().map_or_else(|| "a plain number".into(), |u| u.dimension().to_string())
}

type ReadLimit = fn(&str) -> Result<Limit, CellError>;

fn parse(text: &str, read: ReadLimit) -> Result<Bounds, CellError> {
    let start = text.len() - text.trim_start().len();
    let body = text.trim();
    if let Some(dots) = text.find("..") {
        return range(text, dots, read);
    }
    let Some((sign, op)) = OPS.into_iter().find(|(sign, _)| body.starts_with(sign)) else {
        return Err(CellError { at: start, len: body.len(), message: no_operator(body) });
    };
    let after = start + sign.len();
    Ok(Bounds::Compare { op, limit: read_at(text, after, text.len(), read)? })
}

fn range(text: &str, dots: usize, read: ReadLimit) -> Result<Bounds, CellError> {
    let (low_open, high_open) = (text[..dots].ends_with('<'), text[dots + 2..].starts_with('<'));
    let low = read_at(text, 0, dots - usize::from(low_open), read)?;
    let high = read_at(text, dots + 2 + usize::from(high_open), text.len(), read)?;
    let whole = |message| CellError { at: 0, len: text.len(), message };
    let units = [low, high].map(|l| l.quantity().unit().map(Unit::dimension));
    let zero = [low, high].map(|l| l.quantity().base() == 0.0);
    if units[0] != units[1] && !zero[0] && !zero[1] {
        return Err(whole(format!("the ends of the range have different units: `{low}` and `{high}`")));
    }
    let (from, to) = (low.against(1.0), high.against(1.0));
    if from > to || (from == to && (low_open || high_open)) {
        return Err(whole(format!("the range is empty: nothing is from `{low}` to `{high}`")));
    }
    Ok(Bounds::Range { low, low_open, high, high_open })
}

/// Reads a limit out of a part of the text; errors keep their place in the whole.
fn read_at(text: &str, from: usize, to: usize, read: ReadLimit) -> Result<Limit, CellError> {
    read(&text[from..to]).map_err(|e| CellError { at: e.at + from, ..e })
}

fn no_operator(body: &str) -> String {
    // Two signs in the wrong order before one of them.
    let meant = [("=>", ">="), ("=<", "<="), ("≥", ">="), ("≤", "<="), ("≠", "!="), ("=", "==")];
    match meant.iter().find_map(|(wrong, right)| Some((body.strip_prefix(wrong)?, right))) {
        Some((rest, right)) => {
            let rest = rest.trim_start_matches('=').trim();
            format!("the comparison signs are > >= < <= == !=; did you mean `{right} {rest}`")
        }
        None if body.is_empty() => "a condition is missing, such as `> 5%` or `1% .. 5%`".into(),
        None => format!("how to compare with `{body}` is missing: `> {body}`, `<= {body}` or `== {body}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_holds_its_ends_unless_they_are_open() {
        let cases = [
            ("1% .. 5%", [true, true, true]),
            ("1% ..< 5%", [true, true, false]),
            ("1% <.. 5%", [false, true, true]),
            ("1% <..< 5%", [false, true, false]),
        ];
        for (text, wanted) in cases {
            let bounds = Bounds::absolute(text).unwrap();
            assert_eq!([0.01, 0.03, 0.05].map(|v| bounds.holds(v, None).unwrap()), wanted, "{text}");
            assert_eq!([0.0099, 0.0501].map(|v| bounds.holds(v, None).unwrap()), [false, false], "{text}");
            assert_eq!(bounds.to_string(), text);
        }
    }

    #[test]
    fn comparisons_are_exact_at_the_limit() {
        let cases = [
            ("> 5%", [false, false, true]),
            (">= 5%", [false, true, true]),
            ("< 5%", [true, false, false]),
            ("<= 5%", [true, true, false]),
            ("== 5%", [false, true, false]),
            ("!= 5%", [true, false, true]),
        ];
        for (text, wanted) in cases {
            let bounds = Bounds::absolute(text).unwrap();
            assert_eq!([0.0499, 0.05, 0.0501].map(|v| bounds.holds(v, None).unwrap()), wanted, "{text}");
            assert_eq!(bounds.to_string(), text);
        }
    }

    #[test]
    fn nothing_that_is_not_a_number_is_ever_inside_or_outside() {
        for text in ["> 5%", "< 5%", "!= 5%", "1% .. 5%"] {
            for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                assert_eq!(Bounds::absolute(text).unwrap().holds(value, None), None);
            }
        }
        assert_eq!(Bounds::relative("<= +10%").unwrap().holds(1.0, None), None);
    }

    #[test]
    fn errors_point_at_the_wrong_part() {
        let cases = [
            ("> 5parsecs", 3, 7, "is not a unit"),
            ("1% .. 5mb", 7, 2, "did you mean `MB`"),
            ("5%", 0, 2, "`> 5%`, `<= 5%` or `== 5%`"),
            ("= 5%", 0, 4, "did you mean `== 5%`"),
            ("=> 5%", 0, 5, "did you mean `>= 5%`"),
            ("=< 5%", 0, 5, "did you mean `<= 5%`"),
            ("5% .. 1%", 0, 8, "the range is empty"),
            ("1% <.. 1%", 0, 9, "the range is empty"),
            ("1 .. 5%", 0, 7, "different units"),
            ("1% ..", 5, 0, "does not begin with a number"),
            (">", 1, 0, "does not begin with a number"),
            ("  ", 2, 0, "a condition is missing"),
        ];
        for (text, at, len, words) in cases {
            let error = Bounds::absolute(text).unwrap_err();
            assert_eq!((error.at, error.len), (at, len), "{text}: {error}");
            assert!(error.message.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn a_value_exactly_at_a_relative_limit_is_at_it() {
        let cases = [
            (0.11, 0.1, "+10%"),
            (0.11, 0.1, "1.1x"),
            (0.15, 0.1, "+50ms"),
            (0.0001, 0.1, "-99.9ms"),
            (0.01, 0.1, "-90%"),
            (-0.09, -0.1, "+10%"),
            (0.36, 0.3, "1.2x"),
            (110.0 / 60.0, 100.0 / 60.0, "+10%"),
            (0.07, 0.05, "+40%"),
        ];
        for (value, other, limit) in cases {
            for (op, wanted) in [(">=", true), ("<=", true), ("==", true), ("<", false), (">", false), ("!=", false)] {
                let bounds = Bounds::relative(&format!("{op} {limit}")).unwrap();
                assert_eq!(bounds.holds(value, Some(other)), Some(wanted), "{value} {op} {limit} of {other}");
            }
            let (above, below) = (value + other.abs() * 1e-12, value - other.abs() * 1e-12);
            let over = Bounds::relative(&format!("> {limit}")).unwrap();
            assert_eq!([over.holds(above, Some(other)), over.holds(below, Some(other))], [Some(true), Some(false)]);
        }
        let every_per_cent = (1..=300).flat_map(|other| (1..=100).map(move |more| (f64::from(other), more)));
        for (other, more) in every_per_cent {
            let bounds = Bounds::relative(&format!("<= +{more}%")).unwrap();
            let value = format!("{}e-5", other * f64::from(100 + more)).parse::<f64>().unwrap();
            assert_eq!(bounds.holds(value, Some(other / 1e3)), Some(true), "{value} of {other} and {more}%");
        }
    }

    #[test]
    fn a_relative_range_is_a_tolerance() {
        let bounds = Bounds::relative("-10% .. +10%").unwrap();
        assert_eq!(
            [89.0, 90.0, 110.0, 111.0].map(|v| bounds.holds(v, Some(100.0)).unwrap()),
            [false, true, true, false]
        );
        assert_eq!(bounds.to_string(), "-10% .. +10%");
    }
}

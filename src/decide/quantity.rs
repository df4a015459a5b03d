//! Limits: exact decimal numbers with units, and changes against another value.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::unit::{Unit, decimal};

/// A number with its unit, such as `5%`, `500ms`, `100MB/min` or `300`, kept exactly as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Quantity {
    number: Decimal,
    unit: Option<Unit>,
}

/// What a value is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// A value by itself: `5%`.
    Absolute(Quantity),
    /// So much more or less than the other value, as a share of it: `+10%`, `-20%`.
    Change(Quantity),
    /// A multiple of the other value: `1.2x`.
    Factor(Quantity),
    /// So much more or less than the other value, in its own unit: `+50ms`.
    Difference(Quantity),
}

/// What is wrong in a text and where, in bytes from its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellError {
    /// The first byte of what is wrong.
    pub at: usize,
    /// How many bytes are wrong; zero where something is missing.
    pub len: usize,
    /// What is wrong and what to do.
    pub message: String,
}

/// `digits` x 10^-`places`, without trailing zeros after the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Decimal {
    digits: i64,
    places: u8,
}

impl Quantity {
    /// Reads a number and its unit; white space between them is allowed.
    ///
    /// # Errors
    /// What is not a number or not a unit, and where.
    pub fn parse(text: &str) -> Result<Quantity, CellError> {
        let start = text.len() - text.trim_start().len();
        let body = text.trim();
        let signed = usize::from(body.starts_with(['+', '-']));
        let is_digit = |c: char| c.is_ascii_digit() || c == '.';
        let end = body[signed..].find(|c| !is_digit(c)).map_or(body.len(), |i| signed + i);
        let Some(number) = Decimal::parse(&body[..end]) else {
            let message = if end == signed {
                format!("`{body}` does not begin with a number")
            } else {
                format!("`{}` is not a number of at most 18 digits", &body[..end])
            };
            return Err(CellError { at: start, len: body.len(), message });
        };
        let name = body[end..].trim_start();
        let unit = match name {
            "" => None,
            "count" | "ratio" | "percent" => {
                return Err(unit_error(start, body, name, format!("a number is not followed by `{name}`")));
            }
            _ => Some(Unit::parse(name).map_err(|message| unit_error(start, body, name, message))?),
        };
        Ok(Quantity { number, unit })
    }

    /// The unit, where one is written.
    pub fn unit(self) -> Option<Unit> {
        self.unit
    }

    /// The value in the base unit of its dimension: a share of one, seconds, bytes, a count, or one of them per second.
    pub fn base(self) -> f64 {
        let (times, shift, seconds) = self.unit.map_or((1, 0, 1), Unit::factor);
        let digits = i128::from(self.number.digits) * i128::from(times);
        decimal(digits, shift - i32::from(self.number.places)) / seconds as f64
    }

    fn is_percent(self) -> bool {
        self.unit == Some(Unit::PERCENT)
    }
}

impl Limit {
    /// Reads a limit that stands by itself.
    ///
    /// # Errors
    /// See [`Quantity::parse`]; also a change (`+10%`) or a multiple (`1.2x`), which need another value.
    pub fn absolute(text: &str) -> Result<Limit, CellError> {
        if factor_text(text).is_some() || text.trim_start().starts_with('+') {
            let message =
                format!("`{}` needs a value to compare with: write it under `vs_baseline:` or `vs:`", text.trim());
            return Err(whole(text, message));
        }
        Quantity::parse(text).map(Limit::Absolute)
    }

    /// Reads a limit against another value: `+10%`, `-20%`, `1.2x`, `+50ms`.
    ///
    /// # Errors
    /// See [`Quantity::parse`]; also a number without sign, which could mean two things.
    pub fn relative(text: &str) -> Result<Limit, CellError> {
        if let Some(number) = factor_text(text) {
            return Quantity::parse(number).map(Limit::Factor);
        }
        let quantity = Quantity::parse(text)?;
        let is_zero = quantity.number.digits == 0;
        if !is_zero && !text.trim_start().starts_with(['+', '-']) {
            let body = text.trim();
            return Err(whole(
                text,
                format!(
                    "`{body}` may be a change or a value: write `+{body}` for so much more, or `1.2x` for a multiple"
                ),
            ));
        }
        Ok(if quantity.is_percent() { Limit::Change(quantity) } else { Limit::Difference(quantity) })
    }

    /// Whether it takes another value to say what it is.
    pub(super) fn is_relative(self) -> bool {
        !matches!(self, Limit::Absolute(_))
    }

    /// The quantity as written.
    pub fn quantity(self) -> Quantity {
        match self {
            Limit::Absolute(q) | Limit::Change(q) | Limit::Factor(q) | Limit::Difference(q) => q,
        }
    }

    /// The limit as a value in the base unit, given the value it is relative to. A change is of the size of that
    /// value, so `+10%` of -100 is -90. None where the other value says nothing: not a number, or a multiple of a negative.
    pub fn against(self, other: f64) -> Option<f64> {
        let limit = match self {
            Limit::Absolute(q) => q.base(),
            Limit::Change(q) => other + other.abs() * q.base(),
            Limit::Factor(_) if other < 0.0 => return None,
            Limit::Factor(q) => other * q.base(),
            Limit::Difference(q) => other + q.base(),
        };
        limit.is_finite().then_some(limit)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.number)?;
        self.unit.map_or(Ok(()), |unit| write!(f, "{unit}"))
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Limit::Absolute(q) => write!(f, "{q}"),
            Limit::Factor(q) => write!(f, "{q}x"),
            Limit::Change(q) | Limit::Difference(q) if q.number.digits > 0 => write!(f, "+{q}"),
            Limit::Change(q) | Limit::Difference(q) => write!(f, "{q}"),
        }
    }
}

impl TryFrom<String> for Quantity {
    type Error = String;

    fn try_from(text: String) -> Result<Quantity, String> {
        Quantity::parse(&text).map_err(|e| e.message)
    }
}

impl From<Quantity> for String {
    fn from(quantity: Quantity) -> String {
        quantity.to_string()
    }
}

impl fmt::Display for CellError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for CellError {}

impl Decimal {
    fn parse(text: &str) -> Option<Decimal> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let has_digit = |part: &str| part.ends_with(|c: char| c.is_ascii_digit());
        if !has_digit(whole) || (text.contains('.') && !has_digit(fraction)) || fraction.contains('.') {
            return None;
        }
        let fraction = fraction.trim_end_matches('0');
        let joined = format!("{whole}{fraction}");
        if joined.trim_start_matches(['+', '-', '0']).len() > 18 || fraction.len() > 30 {
            return None;
        }
        Some(Decimal { digits: joined.parse().ok()?, places: fraction.len() as u8 })
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.places == 0 {
            return write!(f, "{}", self.digits);
        }
        let sign = if self.digits < 0 { "-" } else { "" };
        let (digits, one) = (u128::from(self.digits.unsigned_abs()), 10u128.pow(self.places.into()));
        write!(f, "{sign}{}.{:0>width$}", digits / one, digits % one, width = self.places.into())
    }
}

/// The number of `1.2x`.
fn factor_text(text: &str) -> Option<&str> {
    text.trim_end().strip_suffix('x')
}

fn whole(text: &str, message: String) -> CellError {
    let start = text.len() - text.trim_start().len();
    CellError { at: start, len: text.trim().len(), message }
}

fn unit_error(start: usize, body: &str, name: &str, message: String) -> CellError {
    CellError { at: start + body.len() - name.len(), len: name.len(), message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_keep_their_decimal_digits() {
        let cases = [
            ("5%", 0.05, "5%"),
            ("0.1%", 0.001, "0.1%"),
            ("5 s", 5.0, "5s"),
            ("500ms", 0.5, "500ms"),
            ("100MB/min", 100e6 / 60.0, "100MB/min"),
            ("10MiB", 10_485_760.0, "10MiB"),
            ("300", 300.0, "300"),
            ("20/min", 20.0 / 60.0, "20/min"),
            ("-1.50", -1.5, "-1.5"),
            ("0.35", 0.35, "0.35"),
        ];
        for (text, base, shown) in cases {
            let quantity = Quantity::parse(text).unwrap();
            assert_eq!(quantity.base(), base, "{text}");
            assert_eq!(quantity.to_string(), shown);
            assert_eq!(Quantity::parse(shown).unwrap(), quantity);
        }
    }

    #[test]
    fn what_is_not_a_quantity_is_refused_at_its_place() {
        let cases = [
            ("", 0, 0, "does not begin with a number"),
            ("  NaN", 2, 3, "does not begin with a number"),
            ("inf", 0, 3, "does not begin with a number"),
            ("5 parsecs", 2, 7, "is not a unit"),
            ("5mb", 1, 2, "did you mean `MB`"),
            ("1.2.3", 0, 5, "is not a number"),
            ("5.", 0, 2, "is not a number"),
            ("1e9", 1, 2, "is not a unit"),
            ("9999999999999999999", 0, 19, "at most 18 digits"),
        ];
        for (text, at, len, words) in cases {
            let error = Quantity::parse(text).unwrap_err();
            assert_eq!((error.at, error.len), (at, len), "{text}");
            assert!(error.message.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn a_relative_limit_says_which_way() {
        assert_eq!(Limit::relative("+10%").unwrap().against(200.0), Some(220.0));
        assert_eq!(Limit::relative("-10%").unwrap().against(200.0), Some(180.0));
        assert_eq!(Limit::relative("1.2x").unwrap().against(10.0), Some(12.0));
        assert_eq!(Limit::relative("+50ms").unwrap().against(0.1), Some(0.15000000000000002));
        assert_eq!(Limit::relative("0%").unwrap().against(7.0), Some(7.0));
        assert!(Limit::relative("10%").unwrap_err().message.contains("write `+10%`"));
        assert!(Limit::absolute("+10%").unwrap_err().message.contains("vs_baseline"));
        assert!(Limit::absolute("1.2x").unwrap_err().message.contains("vs_baseline"));
    }

    #[test]
    fn a_limit_against_nothing_is_no_limit() {
        assert_eq!(Limit::relative("+10%").unwrap().against(f64::NAN), None);
        assert_eq!(Limit::relative("1.2x").unwrap().against(-1.0), None);
        assert_eq!(Limit::relative("+10%").unwrap().against(-100.0), Some(-90.0));
    }
}

//! The YAML 1.2 core types of plain scalars, narrowed where a value would not survive.

use super::Kind;

/// The type of a plain scalar. Numbers that would lose digits stay strings: leading zeros, integers beyond 64 bits,
/// infinities and NaN.
pub(super) fn kind_of_plain(text: &str) -> Kind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Kind::Null,
        "true" | "True" | "TRUE" => return Kind::Bool(true),
        "false" | "False" | "FALSE" => return Kind::Bool(false),
        _ => {}
    }
    integer(text).map(Kind::Int).or_else(|| float(text).map(Kind::Float)).unwrap_or(Kind::Str)
}

fn integer(text: &str) -> Option<i64> {
    if let Some(digits) = text.strip_prefix("0x") {
        return all(digits, |b| b.is_ascii_hexdigit()).then(|| i64::from_str_radix(digits, 16).ok())?;
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return all(digits, |b| matches!(b, b'0'..=b'7')).then(|| i64::from_str_radix(digits, 8).ok())?;
    }
    let digits = unsigned(text);
    let leading_zero = digits.len() > 1 && digits.starts_with('0');
    (all(digits, |b| b.is_ascii_digit()) && !leading_zero).then(|| text.parse().ok())?
}

/// `[-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`, with a point or an exponent.
fn float(text: &str) -> Option<f64> {
    let digits = unsigned(text);
    let (mantissa, exponent) = match digits.find(['e', 'E']) {
        Some(at) => (&digits[..at], Some(unsigned(&digits[at + 1..]))),
        None => (digits, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let is_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let well_formed = is_digits(whole)
        && fraction.is_none_or(is_digits)
        && exponent.is_none_or(|e| all(e, |b| b.is_ascii_digit()))
        && (!whole.is_empty() || fraction.is_some_and(|f| !f.is_empty()))
        && (fraction.is_some() || exponent.is_some());
    let leading_zero = whole.len() > 1 && whole.starts_with('0');
    (well_formed && !leading_zero).then(|| text.parse().ok())?.filter(|value: &f64| value.is_finite())
}

fn unsigned(text: &str) -> &str {
    text.strip_prefix(['-', '+']).unwrap_or(text)
}

fn all(text: &str, test: impl Fn(u8) -> bool) -> bool {
    !text.is_empty() && text.bytes().all(test)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(text: &str) -> String {
        format!("{:?}", kind_of_plain(text))
    }

    #[test]
    fn words_of_yaml_1_1_stay_strings() {
        for text in ["no", "yes", "on", "off", "y", "n", "No", "YES", "1_000", "12:30:45", "2024-01-01", "nULL", "tRue"]
        {
            assert_eq!(show(text), "Str", "{text}");
        }
    }

    #[test]
    fn numbers_that_would_lose_digits_stay_strings() {
        for text in ["0123456", "007", "-01", "123e456", "99999999999999999999", ".inf", "-.inf", ".nan", "00.5", "inf"]
        {
            assert_eq!(show(text), "Str", "{text}");
        }
    }

    #[test]
    fn core_types_are_recognised() {
        for (text, kind) in [
            ("", "Null"),
            ("~", "Null"),
            ("null", "Null"),
            ("true", "Bool(true)"),
            ("FALSE", "Bool(false)"),
            ("0", "Int(0)"),
            ("-12", "Int(-12)"),
            ("+5", "Int(5)"),
            ("0x1F", "Int(31)"),
            ("0o17", "Int(15)"),
            ("9223372036854775807", "Int(9223372036854775807)"),
            ("1.10", "Float(1.1)"),
            ("1.", "Float(1.0)"),
            (".5", "Float(0.5)"),
            ("1e3", "Float(1000.0)"),
            ("-1.5E-2", "Float(-0.015)"),
            ("0.5", "Float(0.5)"),
        ] {
            assert_eq!(show(text), kind, "{text}");
        }
    }

    #[test]
    fn things_that_look_like_numbers_are_strings() {
        for text in [".", "-", "+", "e3", ".e3", "1e", "1e+", "0x", "0o8", "1.2.3", "v1", "1 2", "--1", "0x-1"] {
            assert_eq!(show(text), "Str", "{text}");
        }
    }
}

//! Times and values as people read them.

use super::unit::Unit;

/// A length of time without loss: `5m`, `1h30m`, `1.5s`.
pub(super) fn duration(us: u64) -> String {
    let mut rest = us;
    let mut text = String::new();
    for (name, size) in [("d", 86_400_000_000), ("h", 3_600_000_000), ("m", 60_000_000)] {
        if rest >= size {
            text += &format!("{}{name}", rest / size);
            rest %= size;
        }
    }
    match rest {
        0 if text.is_empty() => "0s".into(),
        0 => text,
        _ if rest < 1_000_000 && text.is_empty() => format!("{}ms", rest as f64 / 1e3),
        _ => format!("{text}{}s", rest as f64 / 1e6),
    }
}

/// A length of time in whole seconds, for what was observed.
pub(super) fn about(us: u64) -> String {
    if us < 1_000_000 { duration(us / 1000 * 1000) } else { duration(us / 1_000_000 * 1_000_000) }
}

/// The time of day in UTC: `02:14:05`.
pub(super) fn clock(at_us: u64) -> String {
    let s = at_us / 1_000_000;
    format!("{:02}:{:02}:{:02}", s / 3600 % 24, s / 60 % 60, s % 60)
}

/// A value in the base unit, in a unit that suits it, with four digits: `6.2%`, `131.4MiB`.
pub(super) fn value(base: f64, unit: Unit) -> String {
    value_of(base, unit, 4)
}

/// The same with so many digits.
pub(super) fn value_of(base: f64, unit: Unit, digits: i32) -> String {
    let shown = unit.for_people(base);
    named(number_of(shown.from_base(base), digits), shown)
}

/// The same with all digits.
pub(super) fn exact(base: f64, unit: Unit) -> String {
    let shown = unit.for_people(base);
    named(shown.from_base(base).to_string(), shown)
}

fn named(number: String, unit: Unit) -> String {
    if unit == Unit::COUNT { number } else { number + &unit.to_string() }
}

/// A number with four digits at most after the leading ones, no more than it has.
pub(super) fn number(value: f64) -> String {
    number_of(value, 4)
}

fn number_of(value: f64, digits: i32) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{}", value.abs());
    }
    let magnitude = value.abs().log10().floor() as i32;
    let places = (digits - 1 - magnitude).clamp(0, 8 + digits) as usize;
    // Mostly there is nothing to round, and this is much faster. Above, not all digits would be shown.
    let whole = value.to_string();
    if magnitude < 15 && whole.split_once('.').is_none_or(|(_, fraction)| fraction.len() <= places) {
        return whole;
    }
    let text = format!("{value:.places$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').into(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_short_and_lossless() {
        let m = 60_000_000;
        let shown = [5 * m, 90 * m, 1_500_000, 500_000, 0, 61_000_000, 1500 * m].map(duration);
        assert_eq!(shown, ["5m", "1h30m", "1.5s", "500ms", "0s", "1m1s", "1d1h"]);
        assert_eq!(about(61_234_567), "1m1s");
    }

    #[test]
    fn values_are_shown_in_a_unit_that_suits_them() {
        let unit = |text| Unit::parse(text).unwrap();
        let cases = [
            (0.062, "ratio", "6.2%"),
            (0.0, "ratio", "0%"),
            (0.00031, "%", "0.031%"),
            (0.25, "s", "250ms"),
            (7.5, "ms", "7.5s"),
            (137_800_000.0, "KiB", "131.4MiB"),
            (120e6 / 60.0, "MB/min", "120MB/min"),
            (30.0, "count", "30"),
            (0.5, "/min", "30/min"),
            (12345.678, "count", "12346"),
        ];
        for (base, of, shown) in cases {
            assert_eq!(value(base, unit(of)), shown);
        }
        assert_eq!(clock(8_045_000_000), "02:14:05");
    }
}

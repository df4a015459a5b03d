//! Durations and sizes with units.

/// A hundred years in microseconds. Nobody waits longer, and moments of time can be added up to it.
const LONGEST_US: u64 = 36_525 * 86_400_000_000;

/// Microseconds of a duration such as `500ms`, `30s`, `5m`, `1h30m`; none when it is not one. A bare number is not,
/// and neither is more than a hundred years.
pub fn duration_us(text: &str) -> Option<u64> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    let mut total = 0u64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number = rest[..digits].parse::<f64>().ok()?;
        let unit_end = rest[digits..].find(|c: char| !c.is_ascii_alphabetic()).map_or(rest.len(), |i| digits + i);
        let unit = match &rest[digits..unit_end] {
            "us" => 1.0,
            "ms" => 1e3,
            "s" => 1e6,
            "m" | "min" => 6e7,
            "h" => 3.6e9,
            "d" => 8.64e10,
            _ => return None,
        };
        total = total.checked_add((number * unit).round() as u64)?;
        rest = rest[unit_end..].trim_start();
    }
    (total <= LONGEST_US).then_some(total)
}

/// Microseconds after T of a mark such as `T-30m`, `T` or `T+1h30m`; none when it is not one.
pub fn mark_us(text: &str) -> Option<i64> {
    let offset = text.trim().strip_prefix('T')?.trim_start();
    if offset.is_empty() {
        return Some(0);
    }
    let (sign, duration) = match offset.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, offset.strip_prefix('+')?),
    };
    i64::try_from(duration_us(duration)?).ok().map(|us| sign * us)
}

/// Bytes of a size such as `10 GiB`, `512 MB`, `4096 B`; none when it is not one. A bare number is not.
pub fn size_bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let number = text[..digits].parse::<f64>().ok()?;
    let unit = match text[digits..].trim() {
        "B" => 1.0,
        "KiB" => 1024.0,
        "MiB" => 1024f64.powi(2),
        "GiB" => 1024f64.powi(3),
        "TiB" => 1024f64.powi(4),
        "kB" | "KB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "TB" => 1e12,
        _ => return None,
    };
    let bytes = number * unit;
    (bytes < i64::MAX as f64).then(|| bytes.round() as u64)
}

/// A duration as people write it: `500ms`, `30s`, `1m 30s`, `2h 5m`.
pub fn duration_words(us: u64) -> String {
    let (s, ms) = (us / 1_000_000, us % 1_000_000 / 1000);
    match s {
        0 => format!("{ms}ms"),
        1..=9 => format!("{s}.{}s", ms / 100),
        10..=59 => format!("{s}s"),
        60..=3599 => format!("{}m {:02}s", s / 60, s % 60),
        _ => format!("{}h {:02}m", s / 3600, s % 3600 / 60),
    }
}

/// A duration without loss, as it could be written: `24h`, `1h30m`, `2s`, `500ms`.
pub fn duration_text(us: u64) -> String {
    let mut rest = us;
    let mut text = String::new();
    for (name, size) in [("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000), ("ms", 1000), ("us", 1)] {
        if rest >= size {
            text.push_str(&format!("{}{name}", rest / size));
            rest %= size;
        }
    }
    if text.is_empty() { "0s".into() } else { text }
}

/// A time of RFC 3339 as people want it: nobody reads the fraction of a second. What is no such time stays as it is.
pub fn to_the_second(time: &str) -> String {
    let (seconds, fraction) = time.split_once('.').unwrap_or((time, ""));
    match fraction.trim_start_matches(|c: char| c.is_ascii_digit()) {
        "Z" => format!("{seconds}Z"),
        _ => time.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit_and_may_be_composed() {
        let cases = [
            ("5m", Some(300_000_000)),
            ("1h30m", Some(5_400_000_000)),
            ("1m 30s", Some(90_000_000)),
            ("1.5s", Some(1_500_000)),
            ("500ms", Some(500_000)),
            ("5", None),
            ("", None),
            ("-5m", None),
            ("5 minutes", None),
            ("1M", None),
        ];
        for (text, want) in cases {
            assert_eq!(duration_us(text), want, "{text}");
        }
    }

    #[test]
    fn marks_stand_around_t() {
        let cases = [
            ("T", Some(0)),
            ("T-30m", Some(-1_800_000_000)),
            ("T+1h30m", Some(5_400_000_000)),
            ("T + 5m", Some(300_000_000)),
            ("T5m", None),
            ("T+5", None),
            ("t-5m", None),
            ("30m", None),
        ];
        for (text, want) in cases {
            assert_eq!(mark_us(text), want, "{text}");
        }
    }

    #[test]
    fn times_for_people_end_with_the_second() {
        let cases = [
            ("2026-11-21T11:30:12.768447Z", "2026-11-21T11:30:12Z"),
            ("2026-11-21T11:30:12Z", "2026-11-21T11:30:12Z"),
            ("some day. maybe", "some day. maybe"),
            ("", ""),
        ];
        for (time, want) in cases {
            assert_eq!(to_the_second(time), want);
        }
    }

    #[test]
    fn sizes_tell_binary_from_decimal_units() {
        assert_eq!(size_bytes("10 GiB"), Some(10 << 30));
        assert_eq!(size_bytes("10GB"), Some(10_000_000_000));
        assert_eq!(size_bytes("10"), None);
        assert_eq!(size_bytes("10 gb"), None);
    }

    #[test]
    fn a_duration_is_written_as_it_is_read() {
        for text in ["24h", "1h30m", "2s", "500ms", "1m1s500ms", "7us", "0s"] {
            assert_eq!(duration_text(duration_us(text).unwrap()), text);
        }
    }

    #[test]
    fn durations_are_shown_with_at_most_two_units() {
        let shown = [5_000, 1_250_000, 42_000_000, 131_000_000, 7_500_000_000].map(duration_words);
        assert_eq!(shown, ["5ms", "1.2s", "42s", "2m 11s", "2h 05m"]);
    }
}

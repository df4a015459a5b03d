//! Conditions of a table as data: one cell says what one metric must be like.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::bounds::Bounds;
pub use super::quantity::CellError;
use super::quantity::Quantity;
use super::stats::Comparison;
use super::unit::{Dimension, Kind, Unit};
use super::words;

/// What one metric must be like for a row to hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Cell {
    /// The newest value is inside.
    Value(Bounds),
    /// The newest value is, or is not, one of these texts.
    Text {
        /// Whether none of them may be it.
        not: bool,
        /// The texts.
        any_of: Vec<String>,
    },
    /// The slope of the least-squares line over the last while is inside.
    Slope {
        /// Which slopes.
        bounds: Bounds,
        /// Over how long, in microseconds.
        over_us: u64,
    },
    /// The newest value against the baseline that was taken before the change.
    VsBaseline(Bounds),
    /// The newest value against the newest value of another metric.
    Vs {
        /// The other metric.
        metric: String,
        /// What the value may be, relative to it.
        bounds: Bounds,
    },
    /// Which way the values go over the last while.
    Trend {
        /// Which way.
        direction: Direction,
        /// Over how long, in microseconds.
        over_us: u64,
    },
    /// The values of the last while against those of another metric, by the Mann-Whitney U test.
    Compared {
        /// The other metric.
        with: String,
        /// How they compare; see [`super::stats::compare`].
        outcome: Comparison,
        /// Over how long, in microseconds.
        over_us: u64,
        /// How large a difference may be, as a share of the other metric's median.
        tolerance: Quantity,
        /// How sure a difference must be.
        confidence: Quantity,
    },
    /// The share is beyond the limit by more than chance makes of so few observations.
    Surely {
        /// The one limit.
        bounds: Bounds,
        /// How sure that must be.
        confidence: Quantity,
    },
    /// So many samples in a row are inside.
    Consecutive {
        /// How many.
        count: u32,
        /// What each of them must be.
        bounds: Bounds,
    },
}

/// Which way values go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Upwards, beyond chance.
    Increasing,
    /// Downwards, beyond chance.
    Decreasing,
    /// Neither.
    Steady,
}

impl Cell {
    /// Reads a cell of one text: a comparison, a range, or a text to be equal to (`ok`, `!= ok`, `"5"`).
    ///
    /// # Errors
    /// What cannot be read and where.
    pub fn parse(text: &str) -> Result<Cell, CellError> {
        let body = text.trim();
        let (not, word) = match body.strip_prefix("!=") {
            Some(rest) => (true, rest.trim()),
            None => (false, body.strip_prefix("==").unwrap_or(body).trim()),
        };
        let unquoted = word.strip_prefix('"').and_then(|w| w.strip_suffix('"'));
        let is_word = word.starts_with(|c: char| c.is_alphabetic() || c == '_') && !word.contains("..");
        match unquoted.or(is_word.then_some(word)) {
            Some(word) => Ok(Cell::Text { not, any_of: vec![word.into()] }),
            None => Bounds::absolute(text).map(Cell::Value),
        }
    }

    /// The value is one of the texts.
    ///
    /// # Errors
    /// When there are none: nothing would satisfy the cell.
    pub fn one_of(texts: Vec<String>) -> Result<Cell, CellError> {
        if texts.is_empty() {
            return Err(CellError { at: 0, len: 0, message: "an empty list is never satisfied: name a value".into() });
        }
        Ok(Cell::Text { not: false, any_of: texts })
    }

    /// The slope over a while: `> 100MB/min`.
    ///
    /// # Errors
    /// What cannot be read and where; a while of no length.
    pub fn slope(text: &str, over_us: u64) -> Result<Cell, CellError> {
        some_while(over_us)?;
        Ok(Cell::Slope { bounds: Bounds::absolute(text)?, over_us })
    }

    /// The value against the baseline: `<= +10%`.
    ///
    /// # Errors
    /// What cannot be read and where.
    pub fn vs_baseline(text: &str) -> Result<Cell, CellError> {
        Bounds::relative(text).map(Cell::VsBaseline)
    }

    /// The value against another metric: `<= 1.2x`, `<= +20%`.
    ///
    /// # Errors
    /// What cannot be read and where.
    pub fn vs(metric: &str, text: &str) -> Result<Cell, CellError> {
        Ok(Cell::Vs { metric: metric.into(), bounds: Bounds::relative(text)? })
    }

    /// Which way the values go: `increasing`, `decreasing` or `steady`.
    ///
    /// # Errors
    /// Another word; a while of no length.
    pub fn trend(direction: &str, over_us: u64) -> Result<Cell, CellError> {
        some_while(over_us)?;
        let direction = match direction.trim() {
            "increasing" => Direction::Increasing,
            "decreasing" => Direction::Decreasing,
            "steady" => Direction::Steady,
            other => {
                let message = format!("`{other}` is not a trend; there are increasing, decreasing and steady");
                return Err(CellError { at: 0, len: direction.len(), message });
            }
        };
        Ok(Cell::Trend { direction, over_us })
    }

    /// The values against those of another metric over a while, by the Mann-Whitney U test: `same`, `higher` or `lower`.
    /// Differences of up to `tolerance` (such as `10%`) are the same; `confidence` is at least `50%`.
    ///
    /// # Errors
    /// Another word; a while of no length; a tolerance or confidence that is no share.
    pub fn compared(
        with: &str,
        outcome: &str,
        over_us: u64,
        tolerance: &str,
        confidence: &str,
    ) -> Result<Cell, CellError> {
        some_while(over_us)?;
        let outcomes = [Comparison::Same, Comparison::Higher, Comparison::Lower];
        let found = outcomes.into_iter().find(|o| o.to_string() == outcome.trim());
        let wrong = |text: &str, message: String| CellError { at: 0, len: text.len(), message };
        let unknown = || wrong(outcome, format!("`{outcome}` is not a comparison; there are same, higher and lower"));
        Ok(Cell::Compared {
            with: with.into(),
            outcome: found.ok_or_else(unknown)?,
            over_us,
            tolerance: share(tolerance, 0.0, 10.0)?,
            confidence: share(confidence, 0.5, 1.0)?,
        })
    }

    /// A share beyond a limit by more than chance: `> 4%` at a confidence such as `99.9%`; see [`stats::is_beyond`].
    ///
    /// # Errors
    /// What is no limit above 0 % and below 100 %, or no confidence.
    pub fn surely(text: &str, confidence: &str) -> Result<Cell, CellError> {
        let bounds = Bounds::absolute(text)?;
        let wrong = |text: &str, message: String| CellError { at: 0, len: text.len(), message };
        match bounds.beyond() {
            Some((_, limit)) if has_share(&bounds) && limit > 0.0 && limit < 1.0 => {}
            _ => return Err(wrong(text, format!("`{text}` is not `>` or `<` and a share between 0% and 100%"))),
        }
        Ok(Cell::Surely { bounds, confidence: share(confidence, 0.5, 1.0)? })
    }

    /// So many samples in a row: `> 5%`.
    ///
    /// # Errors
    /// What cannot be read and where; a count of zero.
    pub fn consecutive(count: u32, text: &str) -> Result<Cell, CellError> {
        if count == 0 {
            return Err(CellError {
                at: 0,
                len: 0,
                message: "zero samples in a row are always there: use 1 or more".into(),
            });
        }
        Ok(Cell::Consecutive { count, bounds: Bounds::absolute(text)? })
    }

    /// How far back this cell looks, in microseconds.
    pub fn over_us(&self) -> Option<u64> {
        match self {
            Cell::Slope { over_us, .. } | Cell::Trend { over_us, .. } | Cell::Compared { over_us, .. } => {
                Some(*over_us)
            }
            _ => None,
        }
    }

    /// The other metric that this cell looks at.
    pub fn other(&self) -> Option<&str> {
        match self {
            Cell::Vs { metric, .. } | Cell::Compared { with: metric, .. } => Some(metric),
            _ => None,
        }
    }

    /// The bounds of a cell over numbers.
    pub fn bounds(&self) -> Option<&Bounds> {
        match self {
            Cell::Value(bounds) | Cell::VsBaseline(bounds) => Some(bounds),
            Cell::Slope { bounds, .. } | Cell::Vs { bounds, .. } => Some(bounds),
            Cell::Surely { bounds, .. } | Cell::Consecutive { bounds, .. } => Some(bounds),
            Cell::Text { .. } | Cell::Trend { .. } | Cell::Compared { .. } => None,
        }
    }

    /// What the newest value must be inside by itself, without another one.
    pub(super) fn absolute_bounds(&self) -> Option<&Bounds> {
        match self {
            Cell::Value(bounds) | Cell::Consecutive { bounds, .. } => Some(bounds),
            _ => None,
        }
    }

    /// Whether its limits are shares; none where it has no limits of its own.
    pub(super) fn share_limits(&self) -> Option<bool> {
        match self {
            Cell::Value(bounds) | Cell::Slope { bounds, .. } | Cell::Consecutive { bounds, .. } => {
                Some(has_share(bounds))
            }
            Cell::Surely { .. } => Some(true),
            _ => None,
        }
    }

    /// Says what is wrong with this cell for a metric of this unit.
    pub(super) fn misfit(&self, unit: Option<Unit>) -> Option<String> {
        let bounds = self.bounds()?;
        let dimension = unit.map_or_else(|| bare_dimension(bounds), Unit::dimension);
        match self {
            Cell::Slope { .. } => match dimension.slope() {
                Some(slope) => bounds.misfit(slope, Some(unit.unwrap_or(Unit::COUNT).per_minute())),
                None => Some("the slope of a rate has no unit here: measure the total and take its slope".into()),
            },
            _ => bounds.misfit(dimension, unit),
        }
    }
}

/// A metric without unit is a share where its limits are, and a count otherwise.
fn bare_dimension(bounds: &Bounds) -> Dimension {
    if has_share(bounds) { Unit::RATIO.dimension() } else { Unit::COUNT.dimension() }
}

fn has_share(bounds: &Bounds) -> bool {
    bounds.limits().any(|l| l.quantity().unit().is_some_and(|u| u.dimension().kind == Kind::Share))
}

fn share(text: &str, from: f64, to: f64) -> Result<Quantity, CellError> {
    match Quantity::parse(text)? {
        share if share.unit() == Some(Unit::PERCENT) && (from..to).contains(&share.base()) => Ok(share),
        _ => {
            let message = format!("`{text}` is not a share from {}% to below {}%", from * 100.0, to * 100.0);
            Err(CellError { at: 0, len: text.len(), message })
        }
    }
}

fn some_while(over_us: u64) -> Result<(), CellError> {
    match over_us {
        0 => Err(CellError { at: 0, len: 0, message: "`over: 0s` looks at nothing: give a length such as 3m".into() }),
        _ => Ok(()),
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Direction::Increasing => "increasing",
            Direction::Decreasing => "decreasing",
            Direction::Steady => "steady",
        })
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cell::Value(bounds) => write!(f, "{bounds}"),
            Cell::Text { not, any_of } => {
                let quoted: Vec<String> = any_of.iter().map(|t| quoted(t)).collect();
                write!(f, "{}{}", if *not { "!= " } else { "" }, quoted.join(" or "))
            }
            Cell::Slope { bounds, over_us } => write!(f, "slope {bounds} over {}", words::duration(*over_us)),
            Cell::VsBaseline(bounds) => write!(f, "{bounds} against the baseline"),
            Cell::Vs { metric, bounds } => write!(f, "{bounds} against {metric}"),
            Cell::Trend { direction, over_us } => write!(f, "{direction} over {}", words::duration(*over_us)),
            Cell::Compared { with, outcome, over_us, .. } => {
                let link = if *outcome == Comparison::Same { "as" } else { "than" };
                write!(f, "{outcome} {link} {with} over {}", words::duration(*over_us))
            }
            Cell::Surely { bounds, .. } => write!(f, "surely {bounds}"),
            Cell::Consecutive { count, bounds } => write!(f, "{bounds} {count} times in a row"),
        }
    }
}

/// A text as [`Cell::parse`] reads it back.
fn quoted(text: &str) -> String {
    match Cell::parse(text) {
        Ok(Cell::Text { not: false, any_of }) if any_of == [text] => text.into(),
        _ => format!("\"{text}\""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_of_one_text_are_written_as_they_are_read() {
        for text in ["> 5%", "1% ..< 5%", "ok", "!= ok", "\"5\"", "== 300", "!= 0"] {
            assert_eq!(Cell::parse(text).unwrap().to_string(), text, "{text}");
        }
        assert_eq!(Cell::parse("== ok").unwrap(), Cell::parse("ok").unwrap());
    }

    #[test]
    fn other_forms_say_themselves() {
        let m = 60_000_000;
        let cases = [
            (Cell::slope("> 100MB/min", 3 * m), "slope > 100MB/min over 3m"),
            (Cell::vs_baseline("<= +10%"), "<= +10% against the baseline"),
            (Cell::vs("main_p95", "<= 1.2x"), "<= 1.2x against main_p95"),
            (Cell::trend("decreasing", 10 * m), "decreasing over 10m"),
            (Cell::compared("main_p95", "same", 5 * m, "10%", "98%"), "same as main_p95 over 5m"),
            (Cell::compared("main_p95", "higher", 5 * m, "0%", "95%"), "higher than main_p95 over 5m"),
            (Cell::surely("> 4%", "99.9%"), "surely > 4%"),
            (Cell::consecutive(3, "> 5%"), "> 5% 3 times in a row"),
            (Cell::one_of(vec!["ok".into(), "no data".into()]), "ok or no data"),
        ];
        for (cell, text) in cases {
            let cell = cell.unwrap();
            assert_eq!(cell.to_string(), text);
            let json = serde_json::to_string(&cell).unwrap();
            assert_eq!(serde_json::from_str::<Cell>(&json).unwrap(), cell, "{json}");
        }
    }

    #[test]
    fn what_could_never_or_always_hold_is_refused() {
        assert!(Cell::one_of(vec![]).is_err());
        assert!(Cell::slope("> 1MB/min", 0).is_err());
        assert!(Cell::consecutive(0, "> 5%").is_err());
        for (limit, confidence) in [
            ("1% .. 2%", "99%"),
            ("> 5", "99%"),
            ("> 0%", "99%"),
            ("< 100%", "99%"),
            ("> 5%", "100%"),
            ("== 5%", "99%"),
        ] {
            assert!(Cell::surely(limit, confidence).is_err(), "{limit} {confidence}");
        }
        let compared =
            |outcome, over, tolerance, confidence| Cell::compared("main", outcome, over, tolerance, confidence);
        for (outcome, over, tolerance, confidence) in [
            ("equal", 1, "10%", "95%"),
            ("same", 0, "10%", "95%"),
            ("same", 1, "10", "95%"),
            ("same", 1, "-1%", "95%"),
            ("same", 1, "10%", "100%"),
            ("same", 1, "10%", "5%"),
        ] {
            assert!(
                compared(outcome, over, tolerance, confidence).is_err(),
                "{outcome} {over} {tolerance} {confidence}"
            );
        }
        assert!(Cell::trend("sideways", 60).unwrap_err().message.contains("steady"));
    }

    #[test]
    fn a_limit_must_be_of_the_dimension_of_its_metric() {
        let unit = |text| Some(Unit::parse(text).unwrap());
        let fits = |cell: Result<Cell, CellError>, unit| cell.unwrap().misfit(unit);
        assert_eq!(fits(Cell::parse("> 5%"), unit("%")), None);
        assert_eq!(fits(Cell::parse("> 5%"), unit("ratio")), None);
        assert_eq!(fits(Cell::parse("> 5%"), None), None);
        assert_eq!(fits(Cell::parse("> 300"), None), None);
        assert_eq!(fits(Cell::parse("> 500ms"), unit("s")), None);
        assert_eq!(fits(Cell::parse("> 0"), unit("s")), None);
        assert_eq!(fits(Cell::slope("> 100MB/min", 1), unit("KiB")), None);
        assert_eq!(fits(Cell::slope("> 1%/min", 1), None), None);
        assert_eq!(fits(Cell::vs_baseline("<= +10%"), unit("KiB")), None);
        assert_eq!(fits(Cell::vs_baseline("<= +50ms"), unit("s")), None);
        let wrong = [
            (Cell::parse("> 500ms"), unit("%"), "`500ms` is a time; the value is a share: use `%`"),
            (Cell::parse("> 5"), unit("s"), "`5` has no unit; the value is a time: use `ms`, `s` or `min`"),
            (Cell::parse("> 500ms"), None, "`500ms` is a time; the value is a count: use a plain number"),
            (
                Cell::slope("> 100MB", 1),
                unit("KiB"),
                "`100MB` is a size; the value is a size per time: use `MB/min` or `MiB/s`",
            ),
            (Cell::vs_baseline("<= +5"), unit("s"), "`+5` has no unit; the value is a time: use `ms`, `s` or `min`"),
        ];
        for (cell, unit, message) in wrong {
            assert_eq!(cell.unwrap().misfit(unit).unwrap(), message);
        }
        assert!(fits(Cell::slope("> 1/min", 1), unit("/s")).unwrap().contains("slope of a rate"));
    }
}

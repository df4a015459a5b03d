//! One measurement: a value with what is behind it, or the reason why there is none.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::unit::Unit;
use super::words;

/// What a metric was at one time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// When it was measured, in microseconds since 1970.
    pub at_us: u64,
    /// What was measured.
    pub value: Measured,
}

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Measured {
    /// A number in the metric's unit.
    Number {
        /// The number; stored as decimal text.
        #[serde(with = "decimal")]
        value: f64,
        /// How many observations it was computed from, where that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        evidence: Option<u64>,
        /// How many of the counters behind it vanished meanwhile: what they counted last is unknown.
        #[serde(default, skip_serializing_if = "is_zero")]
        gone: u64,
        /// It is so much or more: what took longest was not waited for.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        at_least: bool,
    },
    /// A text, for metrics with names as values.
    Text(String),
    /// Nothing that can be judged.
    NoData(Missing),
}

/// Why there is no value. None of these ever passes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Missing {
    /// Nothing was measured yet.
    NotYet,
    /// The source answered with an empty result.
    Empty,
    /// The value is not a finite number.
    NotANumber,
    /// Nothing happened, so no share of it can be taken: 0/0.
    ZeroByZero,
    /// The newest value is older than allowed.
    Stale {
        /// How old it is, in microseconds.
        age_us: u64,
    },
    /// The source failed, in its own words.
    Error(String),
    /// Too few observations are behind the value.
    TooFew {
        /// How many there are; 0 also where nobody counted.
        have: u64,
        /// How many it takes.
        need: u64,
    },
    /// The quantile lies beyond the last finite bucket: it is above this bound, by an unknown amount.
    BeyondBuckets {
        /// The last finite bound; stored as decimal text.
        #[serde(with = "decimal")]
        bound: f64,
    },
    /// It is so much or more, by an unknown amount: too little is known for this condition.
    AtLeast {
        /// The least it can be; stored as decimal text.
        #[serde(with = "decimal")]
        bound: f64,
    },
    /// No baseline was taken before the change.
    NoBaseline,
    /// The values of two metrics differ by more than is allowed, and that may be chance.
    Unclear,
    /// The value it is compared with gives no limit, such as a multiple of a negative number.
    NothingToCompare,
    /// A text where a number is compared, or a number where a text is.
    WrongKind,
    /// A share, a count or a size below zero: it cannot be.
    BelowZero {
        /// What the source said; stored as decimal text.
        #[serde(with = "decimal")]
        value: f64,
    },
}

impl Sample {
    /// A number with the count of observations behind it. A number that is not finite is no data.
    pub fn number(at_us: u64, value: f64, evidence: Option<u64>) -> Sample {
        let value = match value.is_finite() {
            true => Measured::Number { value, evidence, gone: 0, at_least: false },
            false => Measured::NoData(Missing::NotANumber),
        };
        Sample { at_us, value }
    }

    /// A text.
    pub fn text(at_us: u64, value: impl Into<String>) -> Sample {
        Sample { at_us, value: Measured::Text(value.into()) }
    }

    /// No data, and why.
    pub fn missing(at_us: u64, why: Missing) -> Sample {
        Sample { at_us, value: Measured::NoData(why) }
    }

    /// What a source or a reducer gave.
    pub fn from_result(at_us: u64, value: Result<f64, Missing>, evidence: Option<u64>) -> Sample {
        value.map_or_else(|why| Sample::missing(at_us, why), |value| Sample::number(at_us, value, evidence))
    }
}

/// What was measured, for people: `6.2%`, `at least 1s`, `ok`, `no data: nothing measured yet`.
pub fn value_words(sample: &Sample, unit: Unit) -> String {
    match &sample.value {
        Measured::Number { value, gone, at_least, .. } => {
            let least = if *at_least { "at least " } else { "" };
            let lost = if *gone == 0 { String::new() } else { format!(", {gone} series vanished") };
            format!("{least}{}{lost}", words::value(unit.to_base(*value), unit))
        }
        Measured::Text(text) => text.clone(),
        Measured::NoData(why) => format!("no data: {why}"),
    }
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Missing::NotYet => f.write_str("nothing measured yet"),
            Missing::Empty => f.write_str("the source answered with an empty result"),
            Missing::NotANumber => f.write_str("the value is not a number"),
            Missing::ZeroByZero => f.write_str("nothing happened that a share could be taken of (0/0)"),
            Missing::Stale { age_us } => write!(f, "the newest value is {} old", words::about(*age_us)),
            Missing::Error(text) => write!(f, "the source failed: {text}"),
            Missing::TooFew { have, need } => write!(f, "{have} of {need} observations needed"),
            Missing::BeyondBuckets { bound } => {
                write!(f, "above the last bucket bound {}, nobody knows how far", words::number(*bound))
            }
            Missing::AtLeast { bound } => {
                write!(f, "at least {}, nobody knows how much more", words::number(*bound))
            }
            Missing::NoBaseline => f.write_str("no baseline was taken before the change"),
            Missing::Unclear => {
                f.write_str("the difference is beyond the tolerance and may be chance: too few observations to tell")
            }
            Missing::NothingToCompare => f.write_str("the other value gives no limit"),
            Missing::WrongKind => f.write_str("text and number cannot be compared"),
            Missing::BelowZero { value } => write!(f, "{} cannot be: it is below zero", words::number(*value)),
        }
    }
}

/// Numbers as decimal text: what is stored has no binary fractions and no number that is not finite.
pub(super) mod decimal {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(in crate::decide) fn serialize<S: Serializer>(value: &f64, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(value)
    }

    pub(in crate::decide) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
        let text = String::deserialize(from)?;
        let number = text.parse::<f64>().ok().filter(|n| n.is_finite());
        number.ok_or_else(|| D::Error::custom(format!("`{text}` is not a finite decimal number")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_is_not_finite_is_no_data() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(Sample::number(1, value, Some(300)), Sample::missing(1, Missing::NotANumber));
        }
    }

    #[test]
    fn samples_are_stored_without_loss_and_without_floats() {
        for value in [0.062, 1.0 / 3.0, 5e-324, 1.7e308, -0.1] {
            let sample = Sample::number(7, value, Some(31));
            let json = serde_json::to_string(&sample).unwrap();
            assert_eq!(serde_json::from_str::<Sample>(&json).unwrap(), sample);
            assert!(json.contains("\"value\":\""), "{json}");
        }
        let nan = r#"{"at_us":7,"value":{"number":{"value":"NaN"}}}"#;
        assert!(serde_json::from_str::<Sample>(nan).unwrap_err().to_string().contains("not a finite decimal number"));
    }

    #[test]
    fn each_reason_is_a_phrase() {
        assert_eq!(Missing::TooFew { have: 30, need: 300 }.to_string(), "30 of 300 observations needed");
        assert_eq!(Missing::Stale { age_us: 95_000_000 }.to_string(), "the newest value is 1m35s old");
        assert_eq!(
            Missing::BeyondBuckets { bound: 5.0 }.to_string(),
            "above the last bucket bound 5, nobody knows how far"
        );
    }
}

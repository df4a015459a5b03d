//! The values of a number while a step is repeated, and which way they went.

use super::names::{Names, Trouble, show};
use crate::decide::{Direction, tendency};
use crate::plan::model::Trend;

/// More values than this are thinned: a trend needs no more, and a poll may take days.
const MOST: usize = 240;
/// Values shown to people.
const SHOWN: usize = 6;
/// Fewer values have no direction worth a warning.
const FEWEST: usize = 3;

/// The values so far, oldest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Trail(Vec<f64>);

impl Trail {
    /// One more value, as the log has it. What is no number is left out, since it was left out when it was read.
    pub(super) fn extend(&mut self, sample: Option<&str>) {
        self.0.extend(sample.and_then(|text| text.parse::<f64>().ok()));
        if self.0.len() > MOST {
            // The first stays the first.
            let mut kept = 0..;
            self.0.retain(|_| kept.next().is_some_and(|at: usize| at.is_multiple_of(2)));
        }
    }

    /// With the value of the last sample.
    pub(super) fn and(&self, sample: Option<&str>) -> Trail {
        let mut whole = self.clone();
        whole.extend(sample);
        whole
    }

    /// Whether there are enough values to say that they go another way.
    pub(super) fn strays_from(&self, wanted: Direction) -> bool {
        self.0.len() >= FEWEST && tendency(&self.0) != wanted
    }

    /// `41 → 22 → 3, decreasing`; nothing where there is no value.
    pub(super) fn words(&self, wanted: Direction) -> Option<String> {
        let values = self.values()?;
        Some(match (self.0.len(), self.strays_from(wanted)) {
            (1, _) => format!("{values} at once"),
            (_, true) => format!("{values}, {} and not {wanted}", tendency(&self.0)),
            (FEWEST.., false) => format!("{values}, {wanted}"),
            _ => values,
        })
    }

    /// `41 → 22 → 3`: the last value always, and the others evenly between; nothing where there is no value.
    pub fn values(&self) -> Option<String> {
        let last = self.0.len().checked_sub(1)?;
        let step = last.div_ceil(SHOWN - 1).max(1);
        let shown = self.0.iter().enumerate().filter(|(at, _)| *at == last || at.is_multiple_of(step));
        Some(shown.map(|(_, value)| value.to_string()).collect::<Vec<_>>().join(" → "))
    }
}

/// The number of this sample, as the log will have it.
pub(super) fn sample(names: &Names<'_>, trend: &Trend) -> Result<String, Trouble> {
    let value = names.expr(&trend.of)?;
    match value.as_f64().filter(|n| n.is_finite()) {
        Some(number) => Ok(number.to_string()),
        None => Err(format!("the trend is that of a number, and `{}` is `{}`", trend.of.text.trim(), show(&value))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trail(values: &[&str]) -> Trail {
        values.iter().fold(Trail::default(), |trail, value| trail.and(Some(value)))
    }

    fn words(values: &[&str]) -> String {
        trail(values).words(Direction::Decreasing).unwrap_or_default()
    }

    #[test]
    fn a_trail_tells_its_values_and_their_direction() {
        assert_eq!(words(&[]), "");
        assert_eq!(words(&["3"]), "3 at once");
        assert_eq!(words(&["41", "3"]), "41 → 3");
        assert_eq!(words(&["41", "22.5", "3"]), "41 → 22.5 → 3, decreasing");
        assert_eq!(words(&["7", "7", "7", "7"]), "7 → 7 → 7 → 7, steady and not decreasing");
    }

    #[test]
    fn two_values_do_not_make_a_warning() {
        assert!(!trail(&["3", "7"]).strays_from(Direction::Decreasing));
        assert!(trail(&["3", "7", "8"]).strays_from(Direction::Decreasing));
    }

    #[test]
    fn a_long_trail_shows_its_ends_and_stays_small() {
        let values: Vec<String> = (0..1000).rev().map(|n| n.to_string()).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let whole = trail(&values);
        assert!(whole.0.len() <= MOST, "{}", whole.0.len());
        let words = whole.words(Direction::Decreasing).expect("it has values");
        assert!(words.starts_with("999 → ") && words.ends_with(" → 0, decreasing"), "{words}");
        assert!(words.matches('→').count() <= SHOWN, "{words}");
    }
}

//! Whether a window is open at a moment, when it closes, and when it opens next. Time zones come from the bundled
//! database, so that the answer is the same on every machine.

use super::model::{Span, Window};
use super::units::duration_words;
use jiff::civil::{Date, Time};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, ToSpan};
use std::fmt;

/// Days in which a next time is looked for: a week repeats, and two weeks hold every change of the clocks around it.
const DAYS_OF_NEXT: i64 = 14;
/// Days that are known: what is open for two weeks from any of those on is open for ever.
const DAYS_AHEAD: i64 = 30;

/// Why nothing may begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong with this moment.
    pub why: String,
    /// The next moment at which it may begin, in microseconds since 1970.
    pub next_us: Option<i64>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.next_us.and_then(|us| Timestamp::from_microsecond(us).ok()) {
            Some(next) => write!(f, "{}; the next allowed time is {next}", self.why),
            None => write!(f, "{}; there is no allowed time within two weeks", self.why),
        }
    }
}

/// The first moment after this one at which the window is open and was closed before, in microseconds since 1970.
pub fn opens_again(window: &Window, wall_us: i64) -> Option<i64> {
    let now = Timestamp::from_microsecond(wall_us).ok()?;
    let times = Times::around(window, now);
    let mut was_closed = times.closed(now).is_some();
    let opens = times.moments.iter().filter(|at| **at > now).find(|at| {
        let is_closed = times.closed(**at).is_some();
        std::mem::replace(&mut was_closed, is_closed) && !is_closed
    });
    opens.map(|at| at.as_microsecond())
}

/// Why what takes `needs_s` seconds may not begin at this moment (microseconds since 1970); none when it may.
pub fn refusal(window: &Window, wall_us: i64, needs_s: u64) -> Option<Refusal> {
    let now = Timestamp::from_microsecond(wall_us).ok()?;
    let needs_s = if window.must_end_inside { needs_s } else { 0 };
    let times = Times::around(window, now);
    let why = times.wrong_with(now, needs_s)?;
    let last = days_after(now, DAYS_OF_NEXT);
    let mut ahead = times.moments.iter().filter(|at| **at > now && **at <= last);
    let next = ahead.find(|at| times.wrong_with(**at, needs_s).is_none());
    Some(Refusal { why, next_us: next.map(|at| at.as_microsecond()) })
}

/// A window as it falls on the days around a moment.
struct Times {
    /// Begin, end and text; none when anything is allowed.
    allow: Option<Vec<Slot>>,
    forbid: Vec<Slot>,
    /// Where anything changes, in order.
    moments: Vec<Timestamp>,
}

/// One occurrence of a span; its end is not in it.
struct Slot {
    from: Timestamp,
    to: Timestamp,
    text: String,
}

impl Times {
    fn around(window: &Window, now: Timestamp) -> Times {
        // The reader refuses zones that do not exist. A plan from elsewhere may name one: it allows nothing, and what
        // it forbids is forbidden always.
        let always = |span: &Span| vec![Slot { from: Timestamp::MIN, to: Timestamp::MAX, text: span.text.clone() }];
        let allowed = |span: &Span| occurrences(span, now).unwrap_or_default();
        let forbidden = |span: &Span| occurrences(span, now).unwrap_or_else(|| always(span));
        let allow: Vec<Slot> = window.allow.iter().flat_map(allowed).collect();
        let forbid: Vec<Slot> = window.forbid.iter().flat_map(forbidden).collect();
        let mut moments: Vec<Timestamp> = allow.iter().chain(&forbid).flat_map(|slot| [slot.from, slot.to]).collect();
        // What comes after the days that are looked at is not known: no end of a span is the end of a window there.
        let known = days_after(now, DAYS_AHEAD - 2);
        moments.retain(|at| *at < known);
        moments.sort();
        moments.dedup();
        Times { allow: (!window.allow.is_empty()).then_some(allow), forbid, moments }
    }

    fn wrong_with(&self, at: Timestamp, needs_s: u64) -> Option<String> {
        if let Some(words) = self.closed(at) {
            return Some(words);
        }
        let closes = self.moments.iter().find(|moment| **moment > at && self.closed(**moment).is_some())?;
        let left_s = closes.as_second() - at.as_second();
        (i64::try_from(needs_s).unwrap_or(i64::MAX) > left_s).then(|| {
            let words = |s: i64| duration_words(s.unsigned_abs() * 1_000_000);
            let needs = duration_words(needs_s.saturating_mul(1_000_000));
            format!(
                "what is left takes {needs} by its estimates and marks, and the window closes in {} at {closes}",
                words(left_s)
            )
        })
    }

    fn closed(&self, at: Timestamp) -> Option<String> {
        let holds = |slots: &[Slot]| slots.iter().find(|slot| slot.from <= at && at < slot.to).map(|s| s.text.clone());
        if let Some(text) = holds(&self.forbid) {
            return Some(format!("{at:.0} is in the forbidden time `{text}`"));
        }
        let allow = self.allow.as_ref()?;
        holds(allow).is_none().then(|| format!("{at:.0} is outside the window"))
    }
}

/// The times a span falls on, from some days before the moment to the last that is known; none without such a zone.
fn occurrences(span: &Span, now: Timestamp) -> Option<Vec<Slot>> {
    let zone = TimeZoneDatabase::bundled().get(&span.zone).ok()?;
    let today = now.to_zoned(zone.clone()).date();
    let days = (-2..=DAYS_AHEAD).filter_map(|n| today.checked_add(n.days()).ok());
    let on = |day: &Date| span.days.contains(&(day.weekday().to_monday_zero_offset() as u8));
    Some(days.filter(on).filter_map(|day| slot(span, day, &zone)).collect())
}

fn days_after(now: Timestamp, days: i64) -> Timestamp {
    now.checked_add(jiff::SignedDuration::from_hours(24 * days)).unwrap_or(Timestamp::MAX)
}

/// Clocks decide: where they jump over a begin or an end, it is as much later; where they show it twice, it is the first.
fn slot(span: &Span, day: Date, zone: &TimeZone) -> Option<Slot> {
    let from = moment(day, span.from_min, zone)?;
    let to = moment(day, span.to_min, zone)?;
    Some(Slot { from, to, text: span.text.clone() })
}

fn moment(day: Date, minutes: u16, zone: &TimeZone) -> Option<Timestamp> {
    let day = day.checked_add(i64::from(minutes / 1440).days()).ok()?;
    let minutes = minutes % 1440;
    let time = Time::new((minutes / 60) as i8, (minutes % 60) as i8, 0, 0).ok()?;
    zone.to_timestamp(day.to_datetime(time)).ok()
}

#[cfg(test)]
mod tests;

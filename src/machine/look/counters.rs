//! Counters of a page, series by series: what each counted between two looks, and then all of them together. Adding up
//! first would take a series that vanished for a restart.

use crate::decide::Missing;
use crate::machine::action::Series;
use std::collections::{BTreeMap, BTreeSet};

/// Cumulative counts by upper bound, ascending; the bound of the last is none: +Inf.
pub(super) type Counts = Vec<(Option<f64>, f64)>;

/// Series that are not there any more are forgotten beyond so many.
const MOST_KNOWN: usize = 4_000;

/// What is known of the series of one metric.
#[derive(Debug, Clone, Default)]
pub struct Counters {
    /// What each series said last, and when.
    last: BTreeMap<String, (u64, Counts)>,
    /// What was counted at each look since the one before, oldest first.
    rises: Vec<(u64, Rise)>,
}

/// What all series together counted.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Rise {
    /// By bound.
    pub(super) counts: Counts,
    /// How many series vanished meanwhile.
    pub(super) gone: u64,
}

impl Rise {
    fn add(&mut self, more: &Rise) {
        add(&mut self.counts, &more.counts);
        self.gone += more.gone;
    }
}

impl Counters {
    /// What was counted since the look `over_us` ago, or at most `gap_us` before that (the first one, if there is none), with
    /// the time between them. A look that is longer ago would count what nobody looked at as if it had been lately.
    ///
    /// # Errors
    /// There was no look at that time; values that are no counter's.
    pub(super) fn since(
        &self,
        over_us: Option<u64>,
        at_us: u64,
        gap_us: u64,
        now: &[Series],
    ) -> Result<(Rise, u64), Missing> {
        let from = match over_us {
            None => (!self.rises.is_empty()).then_some(0),
            Some(over_us) => {
                let from = self.rises.iter().rposition(|(at, _)| at.saturating_add(over_us) <= at_us);
                let far_us = over_us.saturating_add(gap_us);
                from.filter(|from| self.rises[*from].0.saturating_add(far_us) >= at_us)
            }
        };
        let from = from.ok_or(Missing::NotYet)?;
        let mut all = self.rise(now)?;
        self.rises[from + 1..].iter().for_each(|(_, rise)| all.add(rise));
        Ok((all, at_us.saturating_sub(self.rises[from].0)))
    }

    /// Takes in what a look found, and keeps the looks of the last `back_us`.
    pub(super) fn keep(&mut self, at_us: u64, now: &[Series], back_us: u64) {
        let Ok(rise) = self.rise(now) else { return };
        for one in now {
            let said = (at_us, one.counts.clone());
            match self.last.get_mut(&one.name) {
                Some(known) => *known = said,
                None => drop(self.last.insert(one.name.clone(), said)),
            }
        }
        if self.last.len() > MOST_KNOWN {
            self.last.retain(|_, (at, _)| *at == at_us);
        }
        // Where everything counts since the first look, one sum says it all.
        if back_us == u64::MAX
            && let [_, (looked_us, all)] = self.rises.as_mut_slice()
        {
            *looked_us = at_us;
            return all.add(&rise);
        }
        // The newest that is old enough stays: it is where the change is counted from.
        let old = self.rises.iter().filter(|(at, _)| at.saturating_add(back_us) <= at_us).count();
        self.rises.drain(..old.saturating_sub(1));
        self.rises.push((at_us, rise));
    }

    /// What was counted since the last look; nothing at the first one.
    fn rise(&self, now: &[Series]) -> Result<Rise, Missing> {
        if now.iter().flat_map(|one| &one.counts).any(|(_, count)| !count.is_finite() || *count < 0.0) {
            return Err(Missing::NotANumber);
        }
        let Some((looked_us, _)) = self.rises.last() else { return Ok(Rise::default()) };
        let mut counts = Counts::new();
        for one in now {
            match self.last.get(&one.name) {
                Some((_, before)) => add(&mut counts, &between(before, &one.counts)),
                // It was not there when the page was read before, so all it has counted is new.
                None => add(&mut counts, &one.counts),
            }
        }
        let there: BTreeSet<&str> = now.iter().map(|one| one.name.as_str()).collect();
        let vanished = |(name, (at, _)): &(&String, &(u64, Counts))| at == looked_us && !there.contains(name.as_str());
        let gone = self.last.iter().filter(vanished).count() as u64;
        Ok(Rise { counts, gone })
    }
}

/// What was counted between two readings of cumulative buckets; a histogram that fell was reset and counts from zero.
pub(super) fn between(earlier: &Counts, now: &Counts) -> Counts {
    let before = |bound: &Option<f64>| earlier.iter().find(|(b, _)| b == bound).map_or(0.0, |(_, count)| *count);
    let reset = now.iter().any(|(bound, count)| *count < before(bound));
    now.iter().map(|(bound, count)| (*bound, if reset { *count } else { count - before(bound) })).collect()
}

fn add(all: &mut Counts, more: &Counts) {
    for (bound, count) in more {
        match all.iter_mut().find(|(known, _)| known == bound) {
            Some((_, known)) => *known += count,
            None => {
                let at = |bound: &Option<f64>| bound.unwrap_or(f64::INFINITY);
                all.push((*bound, *count));
                all.sort_by(|a, b| at(&a.0).total_cmp(&at(&b.0)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(series: &[(&str, f64)]) -> Vec<Series> {
        series.iter().map(|(name, count)| Series { name: (*name).into(), counts: vec![(None, *count)] }).collect()
    }

    /// What all looks, a second apart, have counted, and how many series vanished.
    fn counted(looks: &[&[(&str, f64)]]) -> (f64, u64) {
        let mut known = Counters::default();
        let (last, earlier) = looks.split_last().unwrap();
        for (at, look) in earlier.iter().enumerate() {
            known.keep(at as u64, &page(look), u64::MAX);
        }
        let (rise, span) = known.since(None, earlier.len() as u64, 0, &page(last)).unwrap();
        assert_eq!(span, earlier.len() as u64);
        (rise.counts.iter().map(|(_, count)| count).sum(), rise.gone)
    }

    #[test]
    fn each_series_counts_on_its_own() {
        type Case<'a> = (&'a str, &'a [&'a [(&'a str, f64)]], (f64, u64));
        let cases: &[Case] = &[
            ("both rise", &[&[("a", 100.0), ("b", 10.0)], &[("a", 105.0), ("b", 11.0)]], (6.0, 0)),
            ("one of two is reset", &[&[("a", 100.0), ("b", 10.0)], &[("a", 105.0), ("b", 2.0)]], (7.0, 0)),
            ("one vanishes", &[&[("a", 100.0), ("b", 10.0)], &[("b", 12.0)]], (2.0, 1)),
            ("one appears", &[&[("b", 10.0)], &[("b", 12.0), ("c", 7.0)]], (9.0, 0)),
            ("one goes, one comes", &[&[("a", 100.0), ("b", 10.0)], &[("b", 12.0), ("c", 7.0)]], (9.0, 1)),
            ("the first comes to an empty page", &[&[], &[("c", 3.0)]], (3.0, 0)),
            ("one comes back", &[&[("a", 100.0)], &[], &[], &[("a", 104.0)]], (4.0, 1)),
            ("one comes back anew", &[&[("a", 100.0)], &[("b", 1.0)], &[("a", 3.0), ("b", 1.0)]], (4.0, 1)),
            ("nothing happens", &[&[("a", 100.0)], &[("a", 100.0)]], (0.0, 0)),
        ];
        for (name, looks, wanted) in cases {
            assert_eq!(counted(looks), *wanted, "{name}");
        }
    }

    #[test]
    fn a_window_begins_at_the_newest_look_that_is_old_enough() {
        let mut known = Counters::default();
        for second in 0..100 {
            known.keep(second, &page(&[("a", second as f64)]), 10);
        }
        assert_eq!(known.rises.len(), 11, "what is older is forgotten");
        let (rise, span) = known.since(Some(10), 100, 0, &page(&[("a", 100.0)])).unwrap();
        assert_eq!((rise.counts, span), (vec![(None, 10.0)], 10));
    }

    #[test]
    fn a_change_over_a_time_in_which_nobody_looked_is_no_change_of_the_last_while() {
        let mut known = Counters::default();
        let since = |known: &Counters, second: u64| {
            known.since(Some(5), second, 2, &page(&[("a", second as f64)])).map(|(_, span)| span)
        };
        for second in [0, 1, 2, 3, 4, 5, 20, 21, 22, 23, 24] {
            if second >= 20 {
                assert_eq!(since(&known, second), Err(Missing::NotYet), "{second}: nobody looked from 5 to 20");
            }
            known.keep(second, &page(&[("a", second as f64)]), 5);
        }
        assert_eq!(since(&known, 25), Ok(5));
        known.keep(25, &page(&[("a", 25.0)]), 5);
        assert_eq!(since(&known, 29), Ok(5));
        assert_eq!(since(&known, 31), Ok(6), "one look that was missed is no outage");
    }

    #[test]
    fn what_counts_from_the_first_look_on_is_one_sum() {
        let mut known = Counters::default();
        for second in 0..100 {
            known.keep(second, &page(&[("a", (second % 10) as f64), ("b", 1.0)]), u64::MAX);
        }
        assert_eq!(known.rises.len(), 2, "the first look, and all that was counted since");
        let (rise, span) = known.since(None, 100, 0, &page(&[("a", 0.0)])).unwrap();
        assert_eq!((rise.counts, rise.gone, span), (vec![(None, 90.0)], 1, 100));
    }

    #[test]
    fn one_look_is_no_change_however_much_it_shows() {
        let few = Counters::default().since(None, 5, 0, &page(&[("a", 100.0)]));
        assert_eq!(few, Err(Missing::NotYet));
        let mut known = Counters::default();
        known.keep(0, &page(&[("a", -1.0)]), 10);
        assert!(known.rises.is_empty(), "no counter is below zero");
    }

    #[test]
    fn histograms_are_reset_as_a_whole_and_each_on_its_own() {
        let histogram = |name: &str, fast: f64, all: f64| Series {
            name: name.into(),
            counts: vec![(Some(0.1), fast), (None, all)],
        };
        let mut known = Counters::default();
        known.keep(0, &[histogram("a", 10.0, 100.0), histogram("b", 5.0, 6.0)], u64::MAX);
        let (rise, _) = known.since(None, 1, 0, &[histogram("a", 50.0, 60.0), histogram("b", 6.0, 8.0)]).unwrap();
        assert_eq!(rise.counts, [(Some(0.1), 51.0), (None, 62.0)]);
    }
}

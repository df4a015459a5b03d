//! How long the requests of a step took, those that were not answered included: of them only the least is known.

use crate::decide::{self, Missing};
use crate::machine::action::{Action, Done, Ended};
use crate::runbook::model::Reduce;

/// The requests of one step.
#[derive(Debug, Clone, Default)]
pub struct Latencies {
    all: Vec<Latency>,
    /// The request that is out: when it was sent, in microseconds since 1970, and how long it may take.
    sent_us: Option<i64>,
    timeout_us: Option<u64>,
    /// When the last one was over, where that was noted.
    newest_us: Option<u64>,
}

/// One request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Latency {
    seconds: f64,
    /// It was not answered, so it would have taken so long or longer.
    at_least: bool,
}

impl Latencies {
    /// A request is sent.
    pub(in crate::machine) fn sent(&mut self, action: &Action, at_us: Option<i64>) {
        self.timeout_us = if let Action::Http(request) = action { request.timeout_us } else { None };
        self.sent_us = at_us;
    }

    /// A request is over. One that was called off says nothing; one that failed is as good as one that was waited for in
    /// vain, however soon it failed.
    pub(in crate::machine) fn over(&mut self, done: &Done) {
        let us = match (&done.ended, &done.http) {
            (Ended::Cancelled | Ended::Unavailable(_), _) => return,
            (Ended::Ok | Ended::Exit(_) | Ended::Signal(_), Some(_)) => None,
            _ => Some(done.duration_us.max(self.timeout_us.unwrap_or(0))),
        };
        self.all.push(Latency { seconds: us.unwrap_or(done.duration_us) as f64 / 1e6, at_least: us.is_some() });
        let over_us = self.sent_us.map(|sent| sent.max(0) as u64 + done.duration_us);
        self.newest_us = over_us.or(self.newest_us);
    }

    pub(super) fn all(&self) -> &[Latency] {
        &self.all
    }

    pub(super) fn newest_us(&self) -> Option<u64> {
        self.newest_us
    }
}

/// One number of all of them, and whether it is that or more.
///
/// # Errors
/// There are none.
pub(super) fn reduced(all: &[Latency], reduce: Option<Reduce>, quantile: Option<f64>) -> Result<(f64, bool), Missing> {
    if let (Some(Reduce::Count), None) = (reduce, quantile) {
        return Ok((all.len() as f64, false));
    }
    if let (Some(Reduce::Last) | None, None) = (reduce, quantile) {
        return all.last().map(|last| (last.seconds, last.at_least)).ok_or(Missing::Empty);
    }
    let one = |seconds: &[f64]| match (quantile, reduce) {
        (Some(q), _) => decide::quantile(seconds, q),
        (None, Some(Reduce::P95)) => decide::quantile(seconds, 0.95),
        (None, Some(Reduce::Min)) => decide::Reducer::Min.reduce(seconds),
        (None, Some(Reduce::Max)) => decide::Reducer::Max.reduce(seconds),
        (None, Some(Reduce::Sum)) => decide::Reducer::Sum.reduce(seconds),
        (None, _) => decide::Reducer::Mean.reduce(seconds),
    };
    let with = |unanswered: &dyn Fn(f64) -> f64| -> Vec<f64> {
        all.iter().map(|one| if one.at_least { unanswered(one.seconds) } else { one.seconds }).collect()
    };
    let least = one(&with(&|seconds| seconds))?;
    // What does not change however long they would have taken is known.
    let longest = one(&with(&|_| FOREVER))?;
    Ok((least, longest != least))
}

/// Longer than any request, and still a number that sums do not overflow with, in seconds.
const FOREVER: f64 = 1e15;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::action::HttpAnswer;

    fn after(requests: &[(u64, Ended, bool)]) -> Latencies {
        let mut all = Latencies { timeout_us: Some(1_000_000), ..Latencies::default() };
        for (ms, ended, answered) in requests {
            let http = answered.then(|| HttpAnswer { status: 200, headers: Vec::new(), url: String::new() });
            all.over(&Done { ended: ended.clone(), duration_us: ms * 1000, http, ..Done::default() });
        }
        all
    }

    #[test]
    fn a_request_without_an_answer_took_its_timeout_or_longer() {
        let refused = Ended::Failed("nobody there".into());
        let all = after(&[(5, Ended::Ok, true), (1000, Ended::TimedOut, false), (1, refused, false)]);
        assert_eq!(reduced(all.all(), None, Some(0.95)), Ok((1.0, true)));
        assert_eq!(reduced(all.all(), Some(Reduce::Count), None), Ok((3.0, false)));
        assert_eq!(reduced(all.all(), Some(Reduce::Min), None), Ok((0.005, false)));
        assert_eq!(reduced(all.all(), Some(Reduce::Max), None), Ok((1.0, true)));
        assert_eq!(reduced(all.all(), None, None), Ok((1.0, true)));
    }

    #[test]
    fn a_body_that_was_cut_short_is_no_answer() {
        assert_eq!(reduced(after(&[(1000, Ended::TimedOut, true)]).all(), Some(Reduce::Mean), None), Ok((1.0, true)));
    }

    #[test]
    fn what_stays_below_all_that_were_not_answered_is_known() {
        let mut requests = vec![(5, Ended::Ok, true); 99];
        requests.push((1000, Ended::TimedOut, false));
        let (p95, at_least) = reduced(after(&requests).all(), None, Some(0.95)).unwrap();
        assert!((p95 - 0.005).abs() < 1e-9 && !at_least, "{p95}");
        assert!(reduced(after(&requests).all(), None, Some(0.999)).unwrap().1);
    }

    #[test]
    fn what_was_called_off_says_nothing() {
        assert_eq!(reduced(after(&[(5, Ended::Cancelled, false)]).all(), Some(Reduce::Max), None), Err(Missing::Empty));
    }
}

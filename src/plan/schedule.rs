//! The schedule of a plan: anchor, window, marks.

use super::build::{Builder, Position};
use super::convert::template;
use super::model::*;
use crate::runbook::model as doc;
use crate::runbook::units::mark_us;
use crate::text::Code;

impl Builder<'_> {
    pub(super) fn marks(&mut self, marks: &doc::Marks, at: &Position<'_>) -> Marks {
        let us = |builder: &mut Self, mark: &Option<doc::Mark>| mark.as_ref().and_then(|mark| builder.mark(mark, at));
        let planned = Marks { at_us: us(self, &marks.at), not_after_us: us(self, &marks.not_after) };
        self.problems.extend(crate::check::crossed(marks, planned.at_us, planned.not_after_us));
        planned
    }

    pub(super) fn until(&mut self, mark: &doc::Mark, at: &Position<'_>) -> Until {
        Until { mark_us: self.mark(mark, at).unwrap_or(0), mark: template(&mark.text) }
    }

    /// Microseconds after T; an input that is a duration fills a hole as a number of seconds.
    fn mark(&mut self, mark: &doc::Mark, at: &Position<'_>) -> Option<i64> {
        let filled = self.filler(at)(&mark.text);
        let offset = filled.and_then(|text| {
            let in_seconds = || if text == mark.text.value { None } else { mark_us(&format!("{}s", text.trim_end())) };
            let offset = mark_us(&text).or_else(in_seconds);
            offset.ok_or_else(|| format!("`{text}` is not a mark such as T-30m or T+1h"))
        });
        match offset {
            Ok(us) => Some(us),
            Err(wrong) => {
                self.problem(Code::NOT_KNOWN, &wrong, &mark.text.place, "use only `inputs.` and `target.`");
                None
            }
        }
    }

    pub(super) fn schedule(&mut self, book: &doc::Runbook, at: &Position<'_>) -> Schedule {
        let anchor = book.anchor.as_ref().map(|anchor| Anchor {
            time: anchor.time.as_ref().and_then(|time| self.time(time, at)),
            end_of: anchor.end_of.as_ref().map(|id| id.value.clone()),
        });
        Schedule { anchor, window: book.window.as_ref().map(window) }
    }

    /// A time of the anchor, as RFC 3339 in UTC.
    fn time(&mut self, text: &doc::Text, at: &Position<'_>) -> Option<String> {
        let known = self.known(at.scope);
        let value = match known.covers(&text.value) {
            true => known.text(&text.value),
            false => Err("the anchor must be known when planning".into()),
        };
        let time = value.and_then(|v| match v.trim().parse::<jiff::Timestamp>() {
            Ok(time) => Ok(time.to_string()),
            Err(_) => Err(format!("`{v}` is not a time with a zone, such as 2026-03-02T02:00:00Z")),
        });
        match time {
            Ok(time) => Some(time),
            Err(wrong) => {
                self.problem(Code::NOT_KNOWN, &wrong, &text.place, "use only `inputs.` and `target.`");
                None
            }
        }
    }

    /// The time of a run is ruled by the runbook that is run, so an included one may not have rules of its own.
    pub(super) fn refuse_inner_schedule(&mut self, book: &doc::Runbook, place: &crate::text::Place) {
        let anchor = book.anchor.as_ref().map(|a| ("an `anchor`", &a.place));
        let window = book.window.as_ref().map(|w| ("a `window`", &w.place));
        for (what, there) in anchor.into_iter().chain(window) {
            let message = format!("`{}` has {what} of its own, and is run by another runbook", book.name.value);
            let help =
                format!("put it into this runbook instead; there it stands at {}", super::convert::line_of(there));
            self.problem(Code::INNER_SCHEDULE, &message, place, &help);
        }
    }
}

fn window(window: &doc::Window) -> Window {
    let spans = |spans: &[doc::Span]| {
        let span = |s: &doc::Span| Span {
            text: s.text.value.clone(),
            days: s.days.clone(),
            from_min: s.from_min,
            to_min: s.to_min,
            zone: s.zone.clone(),
        };
        spans.iter().map(span).collect()
    };
    Window {
        allow: spans(&window.allow),
        forbid: spans(&window.forbid),
        must_end_inside: window.must_end_inside,
        exempt: window.exempt.clone(),
        second_look: None,
    }
}

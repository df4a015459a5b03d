//! Marks, waits, rounds, the anchor and the window.

use super::cursor::{Field, Obj, Reader, first_line};
use super::keys;
use super::scalars::is_template;
use crate::runbook::model::{Anchor, Exempt, Mark, Marks, Round, Rounds, Span, Text, Wait, Window};
use crate::runbook::units;
use crate::text::Code;

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

impl<'a> Reader<'a> {
    pub(super) fn marks(&mut self, obj: &Obj<'a>) -> Marks {
        Marks {
            at: obj.get("at").and_then(|f| self.mark(f)),
            not_after: obj.get("not_after").and_then(|f| self.mark(f)),
        }
    }

    fn mark(&mut self, field: Field<'a>) -> Option<Mark> {
        const WANTED: &str = "a mark such as T-30m or T+1h";
        let text = self.string(field, WANTED)?;
        if is_template(&text.value) || units::mark_us(&text.value).is_some() {
            return Some(Mark { text });
        }
        let at = first_line(self.source, field.node.span);
        let shown = text.value.lines().next().unwrap_or_default();
        let meant = units::mark_us(&format!("T+{}", shown.trim_start_matches(['t', 'T', '+', ' ']))).is_some();
        let problem = self.error(Code::BAD_MARK, format!("`{}` needs {WANTED}, found `{shown}`", field.name), at);
        problem.help.push("T is the anchor of the run; durations carry units, as in `T+1h30m`".into());
        if meant {
            let written = format!("T+{}", shown.trim_start_matches(['t', 'T', '+', ' ']));
            *problem = problem.clone().fix(at, written.clone(), format!("write `{written}`"));
        }
        None
    }

    pub(super) fn wait(&mut self, field: Field<'a>) -> Option<Wait> {
        if field.node.map().is_none() {
            return self.duration(field).map(Wait::For);
        }
        let obj = self.object(field, "a wait for a mark", keys::UNTIL)?;
        self.required(&obj, "until", "T+5m").and_then(|f| self.mark(f)).map(Wait::Until)
    }

    pub(super) fn anchor(&mut self, field: Field<'a>) -> Option<Anchor> {
        let obj = self.object(field, "an anchor", keys::ANCHOR)?;
        if obj.fields.is_empty() {
            let problem = self.error(Code::EMPTY, "the anchor says neither `time` nor `end_of`", field.key);
            problem.help.push("`time` is a time, `end_of` the phase or step whose end is T".into());
        }
        Some(Anchor {
            time: obj.get("time").and_then(|f| self.string(f, "a time, or a template of one")),
            end_of: obj.get("end_of").and_then(|f| self.reference(f)),
            place: self.place(field.key),
        })
    }

    pub(super) fn rounds(&mut self, field: Field<'a>) -> Option<Rounds> {
        let obj = self.object(field, "a step in rounds", keys::ROUNDS)?;
        let times = self.required(&obj, "times", "[{ every: 5m, until: 1h }]");
        let times = times.map(|f| self.list(f, "a list such as [{ every: 5m, until: 1h }]")).unwrap_or_default();
        let times = times.into_iter().filter_map(|item| self.round(item)).collect();
        let steps = self.required(&obj, "steps", "[...]").map(|f| self.steps(f)).unwrap_or_default();
        Some(Rounds { times, steps })
    }

    fn round(&mut self, field: Field<'a>) -> Option<Round> {
        let obj = self.object(field, "rounds at one distance", keys::ROUND)?;
        let every = self.required(&obj, "every", "5m").and_then(|f| self.duration(f));
        let until = self.required(&obj, "until", "1h").and_then(|f| self.duration(f));
        Some(Round { every: every?, until: until? })
    }

    pub(super) fn window(&mut self, field: Field<'a>) -> Option<Window> {
        let obj = self.object(field, "a window", keys::WINDOW)?;
        if obj.get("allow").is_none() && obj.get("forbid").is_none() {
            let problem = self.error(Code::EMPTY, "the window says neither `allow` nor `forbid`", field.key);
            problem.help.push("such as `allow: Mon-Thu 02:00-05:00 UTC`".into());
        }
        let exempt = [("rollback", Exempt::Rollback), ("always", Exempt::Always)];
        Some(Window {
            allow: obj.get("allow").map(|f| self.spans(f)).unwrap_or_default(),
            forbid: obj.get("forbid").map(|f| self.spans(f)).unwrap_or_default(),
            must_end_inside: self.flag(&obj, "must_end_inside"),
            exempt: obj
                .get("exempt")
                .map(|f| self.list(f, "a list such as [rollback]"))
                .unwrap_or_default()
                .into_iter()
                .filter_map(|item| self.word(item, &exempt))
                .collect(),
            override_role: obj.get("override").and_then(|f| self.role(f)),
            place: self.place(field.key),
        })
    }

    fn spans(&mut self, field: Field<'a>) -> Vec<Span> {
        const WANTED: &str = "days, times and a zone such as `Mon-Thu 02:00-05:00 UTC`, or a list of them";
        let items = if field.node.seq().is_some() { self.list(field, WANTED) } else { vec![field] };
        items.into_iter().filter_map(|item| self.string(item, WANTED).and_then(|text| self.span(item, text))).collect()
    }

    fn span(&mut self, field: Field<'a>, text: Text) -> Option<Span> {
        let at = first_line(self.source, field.node.span);
        match parse_span(&text.value) {
            Ok((days, from_min, to_min, zone)) => Some(Span { days, from_min, to_min, zone, text }),
            Err(why) => {
                let problem = self.error(Code::BAD_WINDOW, format!("`{}`: {why}", field.name), at);
                problem.help.push("write days, times and a zone, as in `Mon-Thu 02:00-05:00 UTC` or `Fri UTC`".into());
                None
            }
        }
    }
}

pub(super) type Parts = (Vec<u8>, u16, u16, String);

/// `[DAYS] [HH:MM-HH:MM] ZONE`, with at least one of the first two.
pub(super) fn parse_span(text: &str) -> Result<Parts, String> {
    let mut words: Vec<&str> = text.split_whitespace().collect();
    let zone = words.pop().filter(|_| !words.is_empty()).ok_or("a span needs days or times, and a zone")?;
    if zone.contains(':') || day_list(zone).is_ok() {
        return Err("it has no time zone".into());
    }
    if jiff::tz::TimeZoneDatabase::bundled().get(zone).is_err() {
        return Err(format!("there is no time zone `{zone}`"));
    }
    let times = words.pop_if(|word| word.contains(':'));
    let days = match words[..] {
        [] => (0..7).collect(),
        [days] => day_list(days)?,
        [_, extra, ..] => return Err(format!("`{extra}` is one word too many")),
    };
    let (from, to) = times.map_or(Ok((0, 1440)), times_of)?;
    Ok((days, from, to, zone.to_string()))
}

/// `Mon-Thu`, `Fri`, `Sat,Sun`.
fn day_list(text: &str) -> Result<Vec<u8>, String> {
    let day = |word: &str| {
        let at = DAYS.iter().position(|day| *day == word);
        at.map(|at| at as u8).ok_or_else(|| format!("`{word}` is not a day; days are {}", DAYS.join(", ")))
    };
    let mut days = Vec::new();
    for part in text.split(',') {
        match part.split_once('-') {
            None => days.push(day(part)?),
            Some((first, last)) => {
                let (first, last) = (day(first)?, day(last)?);
                let count = (last + 7 - first) % 7;
                days.extend((0..=count).map(|n| (first + n) % 7));
            }
        }
    }
    Ok(days)
}

/// Minutes after midnight; an end before the begin is on the next day.
fn times_of(text: &str) -> Result<(u16, u16), String> {
    let wrong = || format!("`{text}` is not a span of time such as 02:00-05:00");
    let minute = |time: &str| {
        let (hours, minutes) = time.split_once(':')?;
        let two = |part: &str| (part.len() == 2).then(|| part.parse::<u16>().ok())?;
        let (hours, minutes) = (two(hours)?, two(minutes)?);
        let of_a_day = minutes < 60 && (hours < 24 || (hours == 24 && minutes == 0));
        of_a_day.then_some(hours * 60 + minutes)
    };
    let (from, to) = text.split_once('-').ok_or_else(wrong)?;
    let (from, to) = (minute(from).ok_or_else(wrong)?, minute(to).ok_or_else(wrong)?);
    if from == to || from == 1440 {
        return Err(format!("`{text}` is empty"));
    }
    Ok((from, if to < from { to + 1440 } else { to }))
}

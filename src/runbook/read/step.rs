//! Steps and bodies: one kind and the keys around it.

use super::cursor::{Field, Obj, Reader};
use super::scalars::{is_env_name, is_id};
use super::{advice, keys};
use crate::decide::Direction;
use crate::runbook::model::{Effect, Kind, Marks, OnFailure, Poll, Repeat, Retry, Severity, Step, Text, Trend, Undo};
use crate::text::{Code, Kind as Yaml};

/// Words for `effect`.
const EFFECTS: &[(&str, Effect)] =
    &[("read", Effect::Read), ("change", Effect::Change), ("irreversible", Effect::Irreversible)];

/// A step without id inside another step.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Body {
    Undo,
    DoneWhen,
    Activate,
}

impl<'a> Reader<'a> {
    pub(super) fn step(&mut self, field: Field<'a>) -> Option<Step> {
        let kinds: Vec<&'static str> = keys::KINDS.iter().map(|(kind, _)| *kind).collect();
        let mut obj = self.object(field, "a step", &[keys::AROUND, &kinds].concat())?;
        let id = self.required(&obj, "id", "check_disk");
        let place = self.place(id.map_or(obj.at, |id| id.node.span));
        let id = id.and_then(|id| self.id(id)).unwrap_or_default();
        let kind_field = self.one_of(&obj, &kinds)?;
        self.refuse_misplaced(&mut obj, kind_field);
        let kind = self.kind(&obj, kind_field)?;
        let effect = obj.get("effect").and_then(|f| self.word(f, EFFECTS));
        let mut step = Step {
            effect: effect.unwrap_or(default_effect(&kind)),
            effect_written: effect.is_some(),
            ..bare(id, kind, place)
        };
        self.fill(&mut step, &obj);
        step.note = self.optional_text(&obj, "note");
        step.when = self.optional_text(&obj, "when");
        step.poll = obj.get("poll").and_then(|f| self.poll(f));
        step.save = obj.get("save").map(|f| self.named_texts(f, is_id)).unwrap_or_default();
        let severities = [("fail", Severity::Fail), ("warn", Severity::Warn)];
        step.severity = obj.get("severity").and_then(|f| self.word(f, &severities)).unwrap_or(Severity::Fail);
        step.on_failure = obj.get("on_failure").and_then(|f| self.word(f, ON_FAILURE));
        step.undo = obj.get("undo").and_then(|f| self.undo(f, kind_field.name == "file"));
        let repeats = [("safe", Repeat::Safe), ("probe", Repeat::Probe), ("once", Repeat::Once)];
        step.repeat = obj.get("repeat").and_then(|f| self.word(f, &repeats));
        step.done_when = obj.get("done_when").and_then(|f| self.body(f, Body::DoneWhen)).map(Box::new);
        step.marks = self.marks(&obj);
        step.guards = obj.get("guards").and_then(|f| self.guards(f));
        Some(step)
    }

    /// A step without id.
    pub(super) fn body(&mut self, field: Field<'a>, role: Body) -> Option<Step> {
        let (what, word, around, kinds) = match role {
            Body::Undo => ("an undo body", "undo", keys::AROUND_BODY, keys::BODY_KINDS),
            Body::DoneWhen => ("a done_when body", "done_when", keys::AROUND_BODY, keys::BODY_KINDS),
            Body::Activate => ("an activate body", "activate", keys::AROUND_ACTIVATE, keys::ACTIVATE_KINDS),
        };
        let mut obj = self.object(field, what, &[around, kinds].concat())?;
        let kind_field = self.one_of(&obj, kinds)?;
        self.refuse_misplaced(&mut obj, kind_field);
        let kind = self.kind(&obj, kind_field)?;
        let effect = obj.get("effect").and_then(|f| self.word(f, EFFECTS));
        let assumed = if role == Body::DoneWhen { Effect::Read } else { default_effect(&kind) };
        let mut step = Step {
            effect: effect.unwrap_or(assumed),
            effect_written: effect.is_some(),
            ..bare(word.to_string(), kind, self.place(obj.at))
        };
        self.fill(&mut step, &obj);
        Some(step)
    }

    /// The keys that steps and bodies share.
    pub(super) fn fill(&mut self, step: &mut Step, obj: &Obj<'a>) {
        step.title = self.optional_text(obj, "title");
        step.env = obj.get("env").map(|f| self.named_texts(f, is_env_name)).unwrap_or_default();
        step.secret_files = obj.get("secret_files").map(|f| self.named_texts(f, is_env_name)).unwrap_or_default();
        step.dir = self.optional_text(obj, "dir");
        step.stdin = self.optional_text(obj, "stdin");
        let codes = obj.get("exit").map(|f| self.ints(f, 0..=255)).unwrap_or_default();
        step.exit = codes.into_iter().filter_map(|code| i32::try_from(code).ok()).collect();
        step.timeout = obj.get("timeout").and_then(|f| self.duration(f));
        step.retry = obj.get("retry").and_then(|f| self.retry(f));
        step.expect = obj.get("expect").map(|f| self.conditions(f)).unwrap_or_default();
    }

    /// Keys of a step that have no meaning beside its kind; they are not read further.
    fn refuse_misplaced(&mut self, obj: &mut Obj<'a>, kind: Field<'a>) {
        let allowed = keys::beside(kind.name);
        for field in obj.fields.iter().filter(|f| keys::AROUND.contains(&f.name) && !allowed.contains(&f.name)) {
            let place = self.place(kind.key);
            let message = format!("`{}` has no meaning beside `{}`", field.name, kind.name);
            let problem = self.error(Code::MISPLACED_KEY, message, field.key);
            problem.also.push((place, format!("this is a `{}` step", kind.name)));
            problem.help.push(advice::for_misplaced_key(kind.name, field.name));
        }
        obj.fields.retain(|f| !keys::AROUND.contains(&f.name) || allowed.contains(&f.name));
    }

    pub(super) fn conditions(&mut self, field: Field<'a>) -> Vec<Text> {
        if field.node.seq().is_none() {
            return self.text_as(field, "an expression or a list of expressions").into_iter().collect();
        }
        let items = self.list(field, "an expression or a list of expressions");
        items.into_iter().filter_map(|item| self.text_as(item, "an expression")).collect()
    }

    fn undo(&mut self, field: Field<'a>, of_file: bool) -> Option<Undo> {
        if field.node.get("none").is_some() {
            let obj = self.object(field, "an undo without action", keys::NO_UNDO)?;
            return obj.get("none").and_then(|f| self.text_as(f, "the reason")).map(Undo::None);
        }
        if field.node.map().is_some() {
            return self.body(field, Body::Undo).map(|body| Undo::Step(Box::new(body)));
        }
        match field.node.str() {
            Some("previous") if of_file => Some(Undo::Previous),
            Some("previous") => {
                let problem =
                    self.error(Code::BAD_VALUE, "only a file step has a `previous` state to put back", field.node.span);
                problem.help.push("write the step that takes it back: `undo: { shell: ... }`".into());
                None
            }
            _ => {
                let previous = if of_file { "`previous`, " } else { "" };
                self.wrong(field, &format!("{previous}a step such as {{ shell: ... }}, or {{ none: the reason }}"));
                None
            }
        }
    }

    fn retry(&mut self, field: Field<'a>) -> Option<Retry> {
        let obj = self.object(field, "a retry", keys::RETRY)?;
        let attempts = self.required(&obj, "attempts", "3").and_then(|f| self.int(f, 2..=1000));
        Some(Retry {
            attempts: attempts.and_then(|n| u32::try_from(n).ok()).unwrap_or(2),
            wait: obj.get("wait").and_then(|f| self.duration(f)),
            factor: obj.get("factor").and_then(|f| self.factor(f)).unwrap_or(1.0),
            max_wait: obj.get("max_wait").and_then(|f| self.duration(f)),
        })
    }

    fn factor(&mut self, field: Field<'a>) -> Option<f64> {
        let value = match field.node.kind {
            Yaml::Int(value) => value as f64,
            Yaml::Float(value) => value,
            _ => {
                self.wrong(field, "a number");
                return None;
            }
        };
        if (1.0..=100.0).contains(&value) {
            return Some(value);
        }
        self.error(Code::BAD_VALUE, "`factor` needs a number from 1 to 100", field.node.span);
        None
    }

    fn poll(&mut self, field: Field<'a>) -> Option<Poll> {
        let obj = self.object(field, "a poll", keys::POLL)?;
        let every = self.required(&obj, "every", "10s");
        let max = self.required(&obj, "max", "5m");
        let (every, max) = (every.and_then(|f| self.duration(f)), max.and_then(|f| self.duration(f)));
        let successes = self.count(&obj, "successes", 1000).unwrap_or(1);
        let trend = obj.get("trend").and_then(|f| self.trend(f));
        Some(Poll { every: every?, max: max?, successes, trend })
    }

    fn trend(&mut self, field: Field<'a>) -> Option<Trend> {
        let obj = self.object(field, "a trend", keys::TREND)?;
        let of = self.required(&obj, "of", "json.active_connections").and_then(|f| self.text_as(f, "an expression"));
        let is = self.required(&obj, "is", "decreasing").and_then(|f| self.word(f, TRENDS));
        Some(Trend { of: of?, is: is? })
    }
}

const TRENDS: &[(&str, Direction)] =
    &[("increasing", Direction::Increasing), ("decreasing", Direction::Decreasing), ("steady", Direction::Steady)];

const ON_FAILURE: &[(&str, OnFailure)] = &[
    ("stop", OnFailure::Stop),
    ("ask", OnFailure::Ask),
    ("rollback", OnFailure::Rollback),
    ("continue", OnFailure::Continue),
];

/// What a kind does to the world when nothing is written.
fn default_effect(kind: &Kind) -> Effect {
    match kind {
        Kind::Shell(_) | Kind::Exec(_) | Kind::File(_) | Kind::Hold(_) => Effect::Change,
        Kind::Http(http) if !matches!(http.method, "GET" | "HEAD") => Effect::Change,
        _ => Effect::Read,
    }
}

/// A step with nothing around its kind.
fn bare(id: String, kind: Kind, place: crate::text::Place) -> Step {
    Step {
        id,
        title: None,
        note: None,
        when: None,
        effect: Effect::Read,
        effect_written: false,
        env: Vec::new(),
        secret_files: Vec::new(),
        dir: None,
        stdin: None,
        exit: Vec::new(),
        timeout: None,
        retry: None,
        poll: None,
        expect: Vec::new(),
        save: Vec::new(),
        severity: Severity::Fail,
        on_failure: None,
        undo: None,
        repeat: None,
        done_when: None,
        marks: Marks::default(),
        guards: None,
        kind,
        place,
    }
}

/// A step that only looks and is nothing but its kind, as a metric needs one.
pub(super) fn looking(id: String, kind: Kind, place: crate::text::Place) -> Step {
    bare(id, kind, place)
}

/// A changing step that is nothing but its kind, as a script after `activate:` is.
pub(super) fn script(id: &str, kind: Kind, place: crate::text::Place) -> Step {
    Step { effect: Effect::Change, ..bare(id.to_string(), kind, place) }
}

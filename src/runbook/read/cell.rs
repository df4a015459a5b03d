//! Cells of decision tables: what a row says of one metric.

use super::cursor::{Field, Obj, Reader};
use super::keys;
use super::scalars::{ID_RULE, is_id, is_template};
use crate::runbook::model::{Cell, Condition, Text};
use crate::text::{Code, Diagnostic};

/// The key that tells the form of a cell, and those that must be beside it, each with an example.
const FORMS: &[(&str, &[(&str, &str)])] = &[
    ("slope", &[("over", "3m")]),
    ("vs_baseline", &[]),
    ("vs", &[("is", "\"<= 1.2x\"")]),
    ("mann_whitney", &[("is", "same"), ("over", "5m"), ("tolerance", "10%"), ("confidence", "98%")]),
    ("trend", &[("over", "5m")]),
    ("surely", &[("confidence", "99.9%")]),
    ("in_a_row", &[("is", "\"> 5%\"")]),
];
/// Keys that stand beside one that tells the form.
const BESIDE: [&str; 4] = ["is", "over", "tolerance", "confidence"];

impl<'a> Reader<'a> {
    /// Metrics, each with a cell; at least one.
    pub(super) fn cells(&mut self, field: Field<'a>) -> Vec<Condition> {
        let entries = self.open_object(field, "a mapping of metrics and conditions");
        if field.node.map().is_some_and(<[_]>::is_empty) {
            let problem = self.error(Code::EMPTY, format!("`{}` is empty", field.name), field.key);
            problem.help.push("it needs a metric and a condition, such as { error_ratio: \"> 5%\" }".into());
        }
        let mut conditions = Vec::new();
        for entry in entries {
            if !is_id(entry.name) {
                self.bad_name(entry.name, entry.key, ID_RULE);
                continue;
            }
            let (metric, place) = (entry.name.to_string(), self.place(entry.key));
            if let Some(cell) = self.cell(entry) {
                self.check_cell(&cell);
                conditions.push(Condition { metric, place, cell });
            }
        }
        conditions
    }

    fn cell(&mut self, field: Field<'a>) -> Option<Cell> {
        if field.node.seq().is_some() {
            let words = self.list(field, "a list of words the value may be");
            return Some(Cell::OneOf(words.into_iter().filter_map(|word| self.text(word)).collect()));
        }
        if field.node.map().is_none() {
            return self.text_as(field, "a condition such as \"> 5%\" or { slope: ..., over: ... }").map(Cell::Value);
        }
        let obj = self.object(field, "a condition", keys::CELL)?;
        let names: Vec<&'static str> = FORMS.iter().map(|(name, _)| *name).collect();
        let form = self.one_of(&obj, &names)?;
        let beside = FORMS.iter().find(|(name, _)| *name == form.name).map_or(&[][..], |(_, beside)| beside);
        self.refuse_foreign(&obj, form, beside);
        let found: Vec<Field<'a>> =
            beside.iter().filter_map(|(key, example)| self.required(&obj, key, example)).collect();
        if found.len() < beside.len() { None } else { self.form(form, &found) }
    }

    /// The fields beside stand in the order of the form.
    fn form(&mut self, form: Field<'a>, beside: &[Field<'a>]) -> Option<Cell> {
        Some(match (form.name, beside) {
            ("slope", [over]) => {
                let over = self.duration(*over);
                Cell::Slope { is: self.limit(form)?, over: over? }
            }
            ("trend", [over]) => {
                let over = self.duration(*over);
                let ways = [("increasing", ()), ("decreasing", ()), ("steady", ())];
                self.word(form, &ways)?;
                Cell::Trend { direction: self.text(form)?, over: over? }
            }
            ("vs", [is]) => {
                let metric = self.reference(form);
                Cell::Vs { is: self.limit(*is)?, metric: metric? }
            }
            ("mann_whitney", [is, over, tolerance, confidence]) => {
                let metric = self.reference(form);
                let over = self.duration(*over);
                Cell::MannWhitney {
                    is: self.limit(*is)?,
                    tolerance: self.limit(*tolerance)?,
                    confidence: self.limit(*confidence)?,
                    over: over?,
                    metric: metric?,
                }
            }
            ("surely", [confidence]) => Cell::Surely { is: self.limit(form)?, confidence: self.limit(*confidence)? },
            ("in_a_row", [is]) => {
                let count = self.int(form, 1..=10_000).and_then(|n| u32::try_from(n).ok());
                Cell::InARow { is: self.limit(*is)?, count: count? }
            }
            _ => Cell::VsBaseline(self.limit(form)?),
        })
    }

    fn limit(&mut self, field: Field<'a>) -> Option<Text> {
        self.text_as(field, "a limit such as \"> 5%\"")
    }

    fn refuse_foreign(&mut self, obj: &Obj<'a>, form: Field<'a>, beside: &[(&str, &str)]) {
        let keys: Vec<String> = beside.iter().map(|(key, _)| format!("`{key}`")).collect();
        let wanted = if keys.is_empty() { "nothing".to_string() } else { keys.join(", ") };
        let is_foreign = |f: &&Field<'a>| BESIDE.contains(&f.name) && beside.iter().all(|(key, _)| *key != f.name);
        for field in obj.fields.iter().filter(is_foreign) {
            let place = self.place(form.key);
            let message = format!("`{}` has no meaning beside `{}`", field.name, form.name);
            let problem = self.error(Code::MISPLACED_KEY, message, field.key);
            problem.also.push((place, "this tells the form of the condition".into()));
            problem.help.push(format!("`{}` has {wanted} beside it", form.name));
        }
    }

    /// What is written out can be read now; what has holes is read when they are filled.
    fn check_cell(&mut self, cell: &Cell) {
        if cell.texts().iter().any(|text| is_template(&text.value)) {
            return;
        }
        if let Err(wrong) = cell.resolve(&|text| Ok(text.value.clone())) {
            self.problems.push(Diagnostic::error(Code::BAD_CELL, wrong.message, wrong.place));
        }
    }
}

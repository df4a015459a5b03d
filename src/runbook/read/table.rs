//! Decision tables: guards and `decide` steps.

use super::cursor::{Field, Obj, Reader};
use super::keys;
use crate::decide::{HitPolicy, Ruling};
use crate::runbook::model::{Escalate, Extend, Investigate, Level, Outcome, Patience, Rule, Table, Then};
use crate::text::Code;

/// Words for `action`.
const ACTIONS: &[(&str, Ruling)] = &[
    ("ok", Ruling::Ok),
    ("continue", Ruling::Continue),
    ("hold", Ruling::Hold),
    ("extend", Ruling::Extend),
    ("investigate", Ruling::Investigate),
    ("escalate", Ruling::Escalate),
    ("abort", Ruling::Abort),
    ("rollback", Ruling::Rollback),
];
/// Words for `otherwise`: what no row covers is never good.
const OTHERWISE: &[(&str, Ruling)] = &[
    ("hold", Ruling::Hold),
    ("extend", Ruling::Extend),
    ("investigate", Ruling::Investigate),
    ("escalate", Ruling::Escalate),
    ("abort", Ruling::Abort),
    ("rollback", Ruling::Rollback),
];
/// Words for `no_data`: no data is never good.
const NO_DATA: &[(&str, Ruling)] = &[
    ("inconclusive", Ruling::Inconclusive),
    ("hold", Ruling::Hold),
    ("extend", Ruling::Extend),
    ("investigate", Ruling::Investigate),
    ("escalate", Ruling::Escalate),
    ("abort", Ruling::Abort),
    ("rollback", Ruling::Rollback),
];
/// What silence may mean.
const SILENCE: &[(&str, Then)] = &[("rollback", Then::Rollback), ("abort", Then::Abort)];
/// What may come after the last extension, or the longest hold.
const AFTER: &[(&str, Then)] =
    &[("rollback", Then::Rollback), ("abort", Then::Abort), ("investigate", Then::Investigate)];
/// What to write instead of a question that nobody could answer.
const NO_TIME_TO_ANSWER: &str = "nobody can answer in no time: say how long people have, such as `within: 15m`";

impl<'a> Reader<'a> {
    pub(super) fn guards(&mut self, field: Field<'a>) -> Option<Table> {
        let obj = self.object(field, "a table of guards", keys::GUARDS)?;
        self.required(&obj, "every", "10s");
        let mut table = self.table(&obj, field)?;
        self.refuse_extend(&obj);
        // Said once; what else an extension would need is of no interest then.
        let rows = table.rules.iter_mut().map(|rule| &mut rule.outcome);
        let outcomes = rows.chain(&mut table.otherwise).chain(&mut table.no_data);
        outcomes.filter(|outcome| outcome.action == Ruling::Extend).for_each(|outcome| outcome.action = Ruling::Hold);
        Some(table)
    }

    /// Guards look for as long as what they guard takes: there is nothing that they could make longer.
    fn refuse_extend(&mut self, obj: &Obj<'a>) {
        let rows = obj.get("rules").and_then(|rules| rules.node.seq()).into_iter().flatten();
        let words = rows.flat_map(|row| ["action", "otherwise", "no_data"].map(|key| row.get(key)));
        for word in words.flatten().filter(|word| word.str() == Some("extend")) {
            let problem = self.error(Code::BAD_VALUE, "guards cannot `extend`: they do not end anything", word.span);
            problem.help.push("`hold` waits while it is so, `investigate` asks a person".into());
        }
    }

    pub(super) fn decide(&mut self, field: Field<'a>) -> Option<Table> {
        let obj = self.object(field, "a decision", keys::DECIDE)?;
        for (key, other, example) in [("over", "every", "10s"), ("every", "over", "10m")] {
            if let (Some(one), None) = (obj.get(key), obj.get(other)) {
                let problem = self.error(Code::MISSING_KEY, format!("`{key}` also needs `{other}`"), one.key);
                problem.help.push(format!("add `{other}: {example}`; without both the table is evaluated once"));
            }
        }
        self.table(&obj, field)
    }

    fn table(&mut self, obj: &Obj<'a>, field: Field<'a>) -> Option<Table> {
        let hits = [("worst", HitPolicy::Worst), ("first", HitPolicy::First)];
        let hit = self.required(obj, "hit", "worst").and_then(|f| self.word(f, &hits));
        let mut table = Table {
            every: obj.get("every").and_then(|f| self.duration(f)),
            over: obj
                .get("over")
                .and_then(|f| self.some_time(f, "leave `over` and `every` out: then the table is evaluated once")),
            gap: obj.get("gap").and_then(|f| self.duration(f)),
            hit: hit.unwrap_or(HitPolicy::Worst),
            rules: Vec::new(),
            otherwise: None,
            no_data: None,
            investigate: obj.get("investigate").and_then(|f| self.investigate(f)),
            escalate: obj.get("escalate").and_then(|f| self.escalate(f)),
            extend: obj.get("extend").and_then(|f| self.extend(f)),
            patience: obj.get("hold").and_then(|f| self.patience(f)),
            place: self.place(field.key),
        };
        let rows = self.required(obj, "rules", "[...]")?;
        for row in self.list(rows, "a list of rows") {
            self.row(row, &mut table);
        }
        self.require_rows(rows, &table);
        Some(table)
    }

    fn row(&mut self, field: Field<'a>, table: &mut Table) {
        let has = |key| field.node.get(key).is_some();
        if has("otherwise") {
            let obj = self.object(field, "the row for everything else", keys::OTHERWISE);
            let outcome = obj.and_then(|obj| self.outcome(&obj, "otherwise", OTHERWISE));
            self.only_once(field, "otherwise", table.otherwise.is_some());
            table.otherwise = outcome.or(table.otherwise.take());
        } else if has("no_data") {
            let obj = self.object(field, "the row for missing data", keys::NO_DATA);
            let outcome = obj.and_then(|obj| self.outcome(&obj, "no_data", NO_DATA));
            self.only_once(field, "no_data", table.no_data.is_some());
            table.no_data = outcome.or(table.no_data.take());
        } else {
            table.rules.extend(self.rule(field));
        }
    }

    fn rule(&mut self, field: Field<'a>) -> Option<Rule> {
        let obj = self.object(field, "a row", keys::RULE)?;
        let symptom = self.required(&obj, "symptom", "\"Error rate over 5 %\"").and_then(|f| self.text(f));
        let conditions = self.required(&obj, "if", "{ error_ratio: \"> 5%\" }").map(|f| self.cells(f));
        let outcome = self.outcome(&obj, "action", ACTIONS);
        let hold = obj
            .get("for")
            .and_then(|f| self.some_time(f, "leave `for` out: without it one look at which it is so is enough"));
        Some(Rule { symptom: symptom?, conditions: conditions?, hold, outcome: outcome?, place: self.place(obj.at) })
    }

    fn only_once(&mut self, field: Field<'a>, key: &str, again: bool) {
        if again {
            let at = super::cursor::first_line(self.source, field.node.span);
            self.error(Code::ONE_OF, format!("the table has two `{key}` rows"), at);
        }
    }

    /// Every value and its absence have an answer.
    fn require_rows(&mut self, rows: Field<'a>, table: &Table) {
        if rows.node.seq().is_none_or(<[_]>::is_empty) {
            return;
        }
        let written = |key: &str| rows.node.seq().into_iter().flatten().any(|row| row.get(key).is_some());
        if table.rules.is_empty() && !rows.node.seq().into_iter().flatten().any(|row| row.get("if").is_some()) {
            let problem = self.error(Code::EMPTY, "the table has no row with a condition", rows.key);
            problem.help.push("such as `{ symptom: ..., if: { error_ratio: \"> 5%\" }, action: rollback }`".into());
        }
        for (key, example, why) in [
            ("otherwise", "investigate", "what a value that no row covers means: never OK by itself"),
            ("no_data", "inconclusive", "what missing values mean: never OK"),
        ] {
            if !written(key) {
                let problem = self.error(Code::MISSING_KEY, format!("the table has no `{key}` row"), rows.key);
                problem.help.push(format!("add `- {{ {key}: {example} }}`; it says {why}"));
            }
        }
    }

    fn outcome(&mut self, obj: &Obj<'a>, key: &str, words: &[(&'static str, Ruling)]) -> Option<Outcome> {
        let field = self.required(obj, key, words[0].0)?;
        let within = obj.get("within").and_then(|f| self.some_time(f, NO_TIME_TO_ANSWER));
        let then = obj.get("then").and_then(|f| self.word(f, SILENCE));
        let action = self.passing(field, words)?;
        Some(Outcome { action, within, then, place: self.place(self.span_of(field)) })
    }

    /// One of the words; a good outcome of what nobody foresaw or saw gets its own words.
    fn passing(&mut self, field: Field<'a>, words: &[(&'static str, Ruling)]) -> Option<Ruling> {
        let word = field.node.str().and_then(Ruling::parse);
        if field.name == "action" || !word.is_some_and(Ruling::passes) {
            return self.word(field, words);
        }
        let message = match field.name {
            "no_data" => "missing data is never good",
            _ => "what no row covers is never good",
        };
        let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
        let problem = self.error(Code::BAD_VALUE, message, field.node.span);
        problem.help.push(format!("`{}` is one of: {}", field.name, names.join(", ")));
        if field.name == "otherwise" {
            problem.help.push("if a value is fine, say so in a row of its own with `action: ok`".into());
        }
        None
    }

    pub(super) fn investigate(&mut self, field: Field<'a>) -> Option<Investigate> {
        let obj = self.object(field, "an investigation", keys::INVESTIGATE)?;
        let within = self.required(&obj, "within", "15m").and_then(|f| self.some_time(f, NO_TIME_TO_ANSWER));
        let then = self.required(&obj, "then", "rollback").and_then(|f| self.word(f, SILENCE));
        Some(Investigate { within: within?, then: then? })
    }

    fn escalate(&mut self, field: Field<'a>) -> Option<Escalate> {
        let obj = self.object(field, "an escalation", keys::ESCALATE)?;
        let levels = self.required(&obj, "levels", "[{ to: on-call, within: 15m }]");
        let levels = levels.map(|f| self.list(f, "a list of levels")).unwrap_or_default();
        let levels = levels.into_iter().filter_map(|level| self.level(level)).collect();
        let then = self.required(&obj, "then", "rollback").and_then(|f| self.word(f, SILENCE));
        Some(Escalate { levels, then: then? })
    }

    fn level(&mut self, field: Field<'a>) -> Option<Level> {
        let obj = self.object(field, "a level", keys::LEVEL)?;
        let to = self.required(&obj, "to", "on-call").and_then(|f| self.text_as(f, "who is asked"));
        let within = self.required(&obj, "within", "15m").and_then(|f| self.some_time(f, NO_TIME_TO_ANSWER));
        Some(Level { to: to?, within: within? })
    }

    fn patience(&mut self, field: Field<'a>) -> Option<Patience> {
        let obj = self.object(field, "the end of a hold", keys::TABLE_HOLD)?;
        let max = self.required(&obj, "max", "10m").and_then(|f| self.duration(f));
        let then = self.required(&obj, "then", "rollback").and_then(|f| self.word(f, AFTER));
        Some(Patience { max: max?, then: then? })
    }

    pub(super) fn extend(&mut self, field: Field<'a>) -> Option<Extend> {
        let obj = self.object(field, "an extension", keys::EXTEND)?;
        let max = self.required(&obj, "max", "2").and_then(|f| self.int(f, 1..=100));
        let then = self.required(&obj, "then", "rollback").and_then(|f| self.word(f, AFTER));
        let by = obj.get("by").and_then(|f| self.duration(f));
        Some(Extend { by, max: max.and_then(|n| u32::try_from(n).ok())?, then: then? })
    }
}

//! Steps that hold other steps: `run`, `parallel`, `for_each`.

use super::cursor::{Field, Reader};
use super::scalars::{is_hole, is_id};
use super::{advice, keys};
use crate::runbook::model::{ForEach, Parallel, Run, Tree};
use crate::text::{Code, Kind, Node};

/// Most members of a group.
const MOST: i64 = 10_000;

impl<'a> Reader<'a> {
    pub(super) fn run(&mut self, field: Field<'a>) -> Option<Run> {
        let obj = self.object(field, advice::object_name("run"), keys::RUN)?;
        let runbook =
            self.required(&obj, "runbook", "lib/drain.yml").and_then(|f| self.text_as(f, "the path of a runbook"));
        let inputs = obj.get("inputs").map(|f| self.named_texts(f, is_id)).unwrap_or_default();
        Some(Run { runbook: runbook?, inputs })
    }

    pub(super) fn parallel(&mut self, field: Field<'a>) -> Option<Parallel> {
        let obj = self.object(field, advice::object_name("parallel"), keys::PARALLEL)?;
        let steps = self.required(&obj, "steps", "[...]").map(|f| self.steps(f)).unwrap_or_default();
        Some(Parallel { max: self.count(&obj, "max", MOST), collect: self.flag(&obj, "collect"), steps })
    }

    pub(super) fn for_each(&mut self, field: Field<'a>) -> Option<ForEach> {
        let obj = self.object(field, advice::object_name("for_each"), keys::FOR_EACH)?;
        let items = self.required(&obj, "in", "[a, b]").and_then(|f| self.items(f));
        let steps = self.required(&obj, "steps", "[...]").map(|f| self.steps(f)).unwrap_or_default();
        Some(ForEach {
            items: items.unwrap_or_else(|| Tree::List(Vec::new())),
            name: obj.get("as").and_then(|f| self.id(f)).unwrap_or_else(|| "item".into()),
            key: self.optional_text(&obj, "key"),
            max: self.count(&obj, "max", MOST),
            parallel: self.count(&obj, "parallel", MOST).unwrap_or(1),
            collect: self.flag(&obj, "collect"),
            steps,
        })
    }

    pub(super) fn items(&mut self, field: Field<'a>) -> Option<Tree> {
        const WANTED: &str = "a list, or one \"{{ expression }}\" that yields it";
        if field.node.seq().is_some() {
            let items = self.list(field, WANTED);
            return Some(Tree::List(items.into_iter().map(|item| self.item(item.node)).collect()));
        }
        let text = self.string(field, WANTED)?;
        if is_hole(&text.value) {
            return Some(Tree::Text(text));
        }
        let at = super::cursor::first_line(self.source, field.node.span);
        let problem = self.error(Code::BAD_VALUE, format!("`{}` needs {WANTED}", field.name), at);
        *problem =
            problem.clone().fix(at, format!("\"{{{{ {} }}}}\"", text.value.trim()), "if it is an expression, write");
        None
    }

    /// A number that would lose its spelling, such as a version `1.10`, is text.
    fn item(&mut self, node: &'a Node) -> Tree {
        match (&node.kind, node.scalar()) {
            (Kind::Float(number), Some(written)) if number.to_string() != written => {
                Tree::Plain(written.to_string().into())
            }
            _ => self.tree(node),
        }
    }
}

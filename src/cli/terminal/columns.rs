//! The columns of the plain form. Each cell begins at its column; one that is too wide takes the blanks of the next, and
//! what follows it is back in its own.

use crate::machine::places;
use crate::plan::Plan;
use crate::plan::model::{Items, NodeKind, Undo};
use crate::report::look::columns;
use crate::report::{View, visible_line};
use serde_json::Value;

/// Where the path begins, behind the word.
const PATH: usize = 9;
/// The path column is at least and at most so wide. A longer path is not cut.
const PATH_WIDTH: (usize, usize) = (24, 48);
/// Room for a time, and the blank before it.
const TOOK_WIDTH: usize = 8;
/// Blanks before the words.
const GAP: usize = 2;

/// Widths that all lines of a run share. They fit the plan from the first line on, grow where a list has more or longer
/// items than could be known, and never shrink.
pub(super) struct Columns {
    digits: usize,
    path: usize,
    /// Instances whose paths have been measured.
    measured: usize,
}

impl Columns {
    pub(super) fn new() -> Columns {
        Columns { digits: 1, path: PATH_WIDTH.0, measured: 0 }
    }

    /// Makes room for all that the run consists of now.
    pub(super) fn widen(&mut self, view: &View) {
        self.digits = self.digits.max(view.total().to_string().len());
        let insts = &view.state().insts;
        if self.measured == 0 || insts.len() < self.measured {
            // At the beginning, and where the run turned to a changed plan.
            (self.path, self.measured) = (self.path.max(longest_path(view.plan())), 0);
        }
        let new = insts[self.measured..].iter().map(|inst| columns(&visible_line(&inst.path)));
        self.path = new.fold(self.path, usize::max).min(PATH_WIDTH.1);
        self.measured = insts.len();
    }

    /// `[ 3/12]`, or as many blanks.
    pub(super) fn tag(&self, total: usize, number: Option<usize>) -> String {
        let width = 2 * self.digits + 3;
        let inside = |n| format!("[{n:>digits$}/{total}]", digits = total.to_string().len());
        format!("{:>width$}", number.map(inside).unwrap_or_default())
    }

    /// Word, path, time and words, without blanks at the end.
    pub(super) fn line(&self, word: &str, path: &str, took: &str, words: &str) -> String {
        let mut line = word.to_string();
        let end_of_took = PATH + self.path + TOOK_WIDTH;
        if path.is_empty() {
            put(&mut line, PATH, 1, words);
        } else {
            put(&mut line, PATH, 1, path);
            if !took.is_empty() {
                put(&mut line, end_of_took.saturating_sub(columns(took)), 1, took);
            }
            put(&mut line, end_of_took + GAP, GAP, words);
        }
        line.truncate(line.trim_end().len());
        line
    }
}

/// Columns of the longest path of a plan, undos included. Items are taken for as long as the longest that is known.
fn longest_path(plan: &Plan) -> usize {
    let key = plan.nodes.iter().filter_map(|node| longest_key(&node.kind)).fold(1, usize::max);
    let paths = places(plan).into_iter().map(|(path, id)| {
        let undo = if is_undone(&plan.node(id).kind) { "~undo" } else { "" };
        columns(&visible_line(&path)) + undo.len() + path.matches("[*]").count() * (key - 1)
    });
    paths.max().unwrap_or_default()
}

fn longest_key(kind: &NodeKind) -> Option<usize> {
    let NodeKind::ForEach(each) = kind else { return None };
    let Items::Known(values) = &each.items else { return None };
    let name = |value: &Value| value.get("name").or(value.get("id")).unwrap_or(value).as_str().map(columns);
    values.iter().filter_map(name).max()
}

fn is_undone(kind: &NodeKind) -> bool {
    matches!(kind, NodeKind::Task(task) if matches!(task.undo, Some(Undo::Task(_))))
}

/// Writes a cell at its column, or `gap` blanks behind what is there already.
fn put(line: &mut String, column: usize, gap: usize, cell: &str) {
    let blanks = column.saturating_sub(columns(line)).max(gap);
    line.extend(std::iter::repeat_n(' ', blanks));
    line.push_str(cell);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_wide_takes_the_blanks_behind_it_and_nothing_else_moves() {
        let at = Columns { digits: 2, path: 24, measured: 0 };
        let cells = [
            ("ok", "preflight.disk", "300ms", "§"),
            ("INCONCLUSIVE", "preflight.disk", "", "§"),
            ("UNAVAILABLE", "preflight.of.a.disk", "168h 00m", "§"),
            ("ok", "preflight.of.the.disks.in.it", "1h", "§"),
            ("ok", "preflight.of.all.the.disks.in.it", "", "§"),
            ("ok", "日本語.日本語.日本語", "12m 30s", "§"),
        ];
        for (word, path, took, words) in cells {
            let line = at.line(word, path, took, words);
            assert_eq!(columns(line.split('§').next().unwrap()), 43, "{line}");
            assert!(line.contains(path) && line.contains(took), "{line}");
        }
        let longest = at.line("ok", &"x".repeat(60), "38s", "§");
        assert_eq!(longest, format!("ok       {} 38s  §", "x".repeat(60)));
        assert_eq!(at.line("always", "", "", "steps of every exit path"), "always   steps of every exit path");
        assert_eq!([at.tag(9, Some(9)), at.tag(12, Some(9)), at.tag(12, None)], ["  [9/9]", "[ 9/12]", "       "]);
    }
}

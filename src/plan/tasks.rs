//! What a step does, from the document into the plan.

use super::build::{Builder, Position};
use super::convert::{default_repeat, line_of, pairs, request, retry, template};
use super::model::{Act, File, FileChange, NodeId, NodeKind, Poll, Task, Template, Trend, Undo};
use crate::runbook::model as doc;
use crate::text::Code;

impl Builder<'_> {
    pub(super) fn task(&mut self, step: &doc::Step, at: &Position<'_>) -> Task {
        let act = match &step.kind {
            doc::Kind::Shell(script) => Act::Shell(template(script)),
            doc::Kind::Exec(doc::ExecArgs::List(words)) => Act::Exec(words.iter().map(template).collect()),
            doc::Kind::Exec(doc::ExecArgs::Expression(list)) => Act::ExecList(template(list)),
            doc::Kind::Http(http) => Act::Http(Box::new(request(http))),
            doc::Kind::File(file) => {
                let activate = file.activate.as_ref().map(|body| self.step(body, at));
                Act::File(Box::new(File {
                    path: template(&file.path),
                    change: self.file_change(&file.change, at),
                    mode: file.mode,
                    activate,
                }))
            }
            doc::Kind::Hold(reason) => Act::Hold(template(reason)),
            doc::Kind::Marker(marker) => Act::Marker(Box::new(super::looks::marker(marker))),
            doc::Kind::Changes(changes) => Act::Changes(Box::new(super::looks::changes(changes, &step.place))),
            doc::Kind::Scan(scan) => Act::Scan(Box::new(super::looks::scan(scan, &step.place))),
            _ => Act::Restore,
        };
        let undo = step.undo.as_ref().map(|undo| match undo {
            doc::Undo::None(reason) => Undo::None(reason.value.clone()),
            doc::Undo::Step(body) => Undo::Task(self.step(body, at)),
            doc::Undo::Previous => Undo::Task(self.restore(step, at)),
        });
        Task {
            act,
            env: pairs(&step.env),
            dir: step.dir.as_ref().map(template),
            stdin: step.stdin.as_ref().map(template),
            secret_files: pairs(&step.secret_files),
            exit: step.exit.clone(),
            timeout: step.timeout.as_ref().map(template),
            retry: step.retry.as_ref().map(|r| retry(r, &step.place)),
            poll: step.poll.as_ref().map(|p| Poll {
                every: template(&p.every),
                max: template(&p.max),
                successes: p.successes,
                trend: p.trend.as_ref().map(|t| Trend { of: template(&t.of), is: t.is }),
            }),
            expect: step.expect.iter().map(template).collect(),
            save: pairs(&step.save),
            undo: undo.or_else(|| held(&step.kind)),
            repeat: step.repeat.unwrap_or(default_repeat(step)),
            done_when: step.done_when.as_ref().map(|body| self.step(body, at)),
        }
    }

    /// What a step copies is part of what is approved: its bytes are pinned by their digest.
    fn file_change(&mut self, change: &doc::FileChange, at: &Position<'_>) -> FileChange {
        match change {
            doc::FileChange::Template(text) => FileChange::Content(template(text)),
            doc::FileChange::Line(text) => FileChange::Line(template(text)),
            doc::FileChange::Absent => FileChange::Absent,
            doc::FileChange::Copy(text) => {
                let from = self.known(at.scope).text(&text.value).ok();
                let sha256 = match from.map(|path| self.library.file_sha256(&path)) {
                    Some(Ok(sha256)) => Some(sha256),
                    Some(Err(why)) => {
                        self.problem(
                            Code::COPY_MISSING,
                            &why,
                            &text.place,
                            "the file to copy must be there when planning",
                        );
                        None
                    }
                    None => None,
                };
                FileChange::Copy { from: template(text), sha256 }
            }
        }
    }

    fn restore(&mut self, step: &doc::Step, at: &Position<'_>) -> NodeId {
        let task = Task::of(Act::Restore, doc::Repeat::Safe);
        let id = self.block("undo", &step.place, at, NodeKind::Task(Box::new(task)));
        self.nodes[id].effect = doc::Effect::Change;
        self.nodes[id].title =
            Some(Template { text: "Put the previous content back".into(), at: line_of(&step.place) });
        id
    }
}

/// A hold is not taken back with its run: another person lifts it.
fn held(kind: &doc::Kind) -> Option<Undo> {
    matches!(kind, doc::Kind::Hold(_)).then(|| Undo::None("another person lifts it".into()))
}

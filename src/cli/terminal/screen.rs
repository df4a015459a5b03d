//! The audience of a driven run: keeps the view, writes what the chosen form says, and asks.

use super::awaited::Awaited;
use super::live::{EVERY_US, Live, Size};
use super::plain::Plain;
use super::prompt::Prompt;
use super::question::Conversation;
use super::{Progress, RunningView, events};
use crate::drive::run::Audience;
use crate::machine::event::{Asked, Event, Question};
use crate::machine::{State, Timestamp};
use crate::report::{Ending, Look, View, exit, lock_words, summary_in, tables_in};
use std::io::Write;
use std::time::{Duration, Instant};

/// How a run is shown.
pub(super) enum Form {
    /// Lines.
    Plain(Plain),
    /// Lines and a redrawn block.
    Live(Live),
    /// JSON lines; true once the first line is out.
    Events(bool),
}

impl Form {
    pub(super) fn plain(look: Look) -> Form {
        Form::Plain(Plain::new(look))
    }

    pub(super) fn live(look: Look) -> Form {
        Form::Live(Live::new(look))
    }

    pub(super) fn events() -> Form {
        Form::Events(false)
    }
}

/// Shows a run and asks people about it.
pub(crate) struct Screen {
    form: Form,
    view: View,
    look: Look,
    progress: Box<dyn Progress>,
    prompt: Option<Prompt>,
    out: Box<dyn Write>,
    /// The first failure to write.
    unwritten: Option<std::io::Error>,
    size: Box<dyn Fn() -> Size>,
}

impl Screen {
    pub(super) fn new(
        form: Form,
        view: View,
        look: Look,
        progress: Box<dyn Progress>,
        prompt: Option<Prompt>,
        out: Box<dyn Write>,
        size: Box<dyn Fn() -> Size>,
    ) -> Screen {
        Screen { form, view, look, progress, prompt, out, unwritten: None, size }
    }

    /// How the run stands.
    pub(crate) fn ending(&self) -> Ending {
        self.view.ending()
    }

    /// The run's last screen, or the last JSON line. `code` is what the program will exit with; `trouble` is why the
    /// driver left, if it had to.
    pub(crate) fn close(&mut self, code: u8, trouble: Option<&str>) {
        self.withdraw();
        self.settle();
        let left = trouble.map(|words| (code, words)).or((code == exit::JOURNAL).then_some((code, "")));
        let text = match &self.form {
            Form::Events(_) => events::closed(code, trouble),
            Form::Plain(_) | Form::Live(_) => summary_in(&self.view, &self.look, left),
        };
        self.write(&text);
    }

    /// What the tables of the run said.
    pub(crate) fn tables(&mut self) {
        self.settle();
        self.write(&tables_in(&self.view, &self.look));
    }

    /// Whether all of it could be written, for those to whom the screen is all there is.
    pub(crate) fn written(self) -> std::io::Result<()> {
        self.unwritten.map_or(Ok(()), Err)
    }

    /// A screen that is gone must not end a run.
    fn write(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        let written = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
        self.unwritten = self.unwritten.take().or(written.err());
    }

    /// Everything told so far stands on the screen, and nothing that will be redrawn.
    fn settle(&mut self) {
        if let Form::Live(live) = &mut self.form {
            let text = live.flush((self.size)());
            self.write(&text);
        }
    }

    fn is_asking(&self) -> bool {
        self.prompt.as_ref().is_some_and(Prompt::is_open)
    }

    fn running(&self) -> Vec<RunningView> {
        let now = Instant::now();
        self.progress.running().into_iter().map(|running| RunningView::of(running, now)).collect()
    }

    /// Lines that come while a person is typing push the prompt down.
    fn write_beside_prompt(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.write(&format!("\r\x1b[K{text}"));
        if let Some(prompt) = &mut self.prompt {
            prompt.repeat();
        }
    }
}

impl Audience for Screen {
    fn tell(&mut self, event: &Event, state: &State, now: Timestamp) {
        if self.view.see(now, event).is_err() {
            // The driver has applied it already, so this cannot happen; a screen must not end a run in any case.
            return;
        }
        let text = match &mut self.form {
            Form::Plain(plain) => plain.event(&self.view, event),
            Form::Live(live) => {
                live.event(&self.view, event);
                String::new()
            }
            Form::Events(begun) => {
                let first = if std::mem::replace(begun, true) { String::new() } else { events::version() };
                first + &events::event(event, now)
            }
        };
        self.write(&text);
        if !text.is_empty() && matches!(self.form, Form::Plain(_)) {
            self.prompt.iter_mut().for_each(Prompt::repeat);
        }
        // Only these can change what an open checkpoint waits for.
        let may = matches!(
            event,
            Event::Looked { .. }
                | Event::StepFinished { .. }
                | Event::BlockFinished { .. }
                | Event::Answered { .. }
                | Event::Lapsed { .. }
        );
        if let (true, Some(prompt)) = (may, &mut self.prompt) {
            prompt.renew(&|asked| Awaited::of(state, asked));
        }
    }

    fn ask(&mut self, asked: &Asked, state: &State) -> bool {
        if self.prompt.as_ref().is_some_and(|prompt| prompt.is_open_at(&asked.path)) {
            return true;
        }
        self.settle();
        let row = self.view.row(&asked.path);
        let total = self.view.total();
        let number = row.as_ref().and_then(|row| row.number).map(|n| format!("{n}/{total}")).unwrap_or_default();
        let Some(prompt) = &mut self.prompt else { return false };
        let conversation = Conversation::new(asked, number, prompt.operator(), self.look);
        let conversation = conversation.with_awaited(Awaited::of(state, asked)).holding(lock_words(&self.view));
        prompt.ask(match row.filter(|_| asked.question == Question::Failure) {
            Some(row) => conversation.with_output(&row),
            None => conversation,
        })
    }

    fn withdraw(&mut self) {
        if let Some(prompt) = &mut self.prompt {
            prompt.withdraw();
        }
    }

    fn tick(&mut self, _: &State, now: Timestamp) {
        if self.is_asking() {
            if let Form::Live(live) = &mut self.form {
                let text = live.flush((self.size)());
                self.write_beside_prompt(&text);
            }
            return;
        }
        let running = self.running();
        let text = match &mut self.form {
            Form::Plain(plain) => plain.heartbeats(&self.view, &running, now),
            Form::Live(live) => live.draw(&self.view, &running, now, (self.size)()),
            Form::Events(_) => String::new(),
        };
        self.write(&text);
    }

    fn tick_every(&self) -> Option<Duration> {
        match self.form {
            Form::Live(_) => Some(Duration::from_micros(EVERY_US)),
            Form::Plain(_) => Some(Duration::from_secs(1)),
            Form::Events(_) => None,
        }
    }
}

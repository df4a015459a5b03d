//! Asking the person at the terminal. A thread of its own reads lines; nothing ever waits for it.

use super::awaited::Awaited;
use super::question::{Conversation, Reply};
use crate::cli::guard::Guarded;
use crate::drive::run::Incoming;
use crate::machine::event::{Answer, Asked};
use crate::machine::{Backing, Input, Typed};
use serde_json::Map;
use std::fs::OpenOptions;
use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc::UnboundedSender;

/// A terminal to ask at.
pub(super) struct Tty {
    /// Lines typed.
    pub(super) read: Box<dyn Read + Send>,
    /// The screen.
    pub(super) write: Box<dyn Write + Send>,
    /// Whether an end of input is Ctrl-D, and not a terminal that went away.
    pub(super) is_alive: Box<dyn Fn() -> bool + Send>,
    /// Drops what was typed before the question was there; false when this terminal cannot be read from now.
    pub(super) make_ready: Box<dyn Fn() -> bool + Send>,
}

impl Tty {
    /// The controlling terminal, or standard input where that is one.
    pub(super) fn open() -> Option<Tty> {
        let tty: OwnedFd = match OpenOptions::new().read(true).write(true).open("/dev/tty") {
            Ok(file) => file.into(),
            Err(_) if io::stdin().is_terminal() => io::stdin().as_fd().try_clone_to_owned().ok()?,
            Err(_) => return None,
        };
        let (read, alive, ready) = (tty.try_clone().ok()?, tty.try_clone().ok()?, tty.try_clone().ok()?);
        Some(Tty {
            read: Box::new(std::fs::File::from(read)),
            write: Box::new(Guarded(std::fs::File::from(tty))),
            is_alive: Box::new(move || rustix::termios::tcgetattr(&alive).is_ok()),
            make_ready: Box::new(move || {
                // Reading from the background would stop the whole program.
                let foreground =
                    rustix::termios::tcgetpgrp(&ready).is_ok_and(|group| group == rustix::process::getpgrp());
                foreground && rustix::termios::tcflush(&ready, rustix::termios::QueueSelector::IFlush).is_ok()
            }),
        })
    }
}

/// Puts questions and sends answers to the driver.
pub(super) struct Prompt {
    operator: String,
    send: UnboundedSender<Incoming>,
    shared: Arc<Mutex<Shared>>,
    make_ready: Box<dyn Fn() -> bool + Send>,
    /// What the reading thread will need.
    reader: Option<Reader>,
}

struct Shared {
    open: Option<Conversation>,
    write: Box<dyn Write + Send>,
}

struct Reader {
    read: Box<dyn Read + Send>,
    is_alive: Box<dyn Fn() -> bool + Send>,
}

impl Prompt {
    pub(super) fn new(tty: Tty, operator: String, send: UnboundedSender<Incoming>) -> Prompt {
        let shared = Arc::new(Mutex::new(Shared { open: None, write: tty.write }));
        let reader = Some(Reader { read: tty.read, is_alive: tty.is_alive });
        Prompt { operator, send, shared, make_ready: tty.make_ready, reader }
    }

    pub(super) fn operator(&self) -> &str {
        &self.operator
    }

    /// Puts a question; false when nobody can be asked here.
    pub(super) fn ask(&mut self, conversation: Conversation) -> bool {
        if !(self.make_ready)() {
            return false;
        }
        {
            let mut shared = lock(&self.shared);
            let text = conversation.screen() + &conversation.prompt();
            if !shared.say(&text) {
                return false;
            }
            shared.open = Some(conversation);
        }
        if let Some(reader) = self.reader.take() {
            let (shared, send, operator) = (self.shared.clone(), self.send.clone(), self.operator.clone());
            std::thread::spawn(move || reader.run(&shared, &send, &operator));
        }
        true
    }

    /// The question is not open any more. Says so if nobody answered it here.
    pub(super) fn withdraw(&mut self) {
        let mut shared = lock(&self.shared);
        if shared.open.take().is_some() {
            shared.say("\n    this question is not open any more\n");
        }
    }

    /// What the open question waits for may have changed.
    pub(super) fn renew(&mut self, awaited: &dyn Fn(&Asked) -> Awaited) {
        let mut shared = lock(&self.shared);
        let said = shared.open.as_mut().and_then(|open| open.renew(awaited).map(|words| words + &open.prompt()));
        if let Some(words) = said {
            shared.say(&words);
        }
    }

    /// Whether this question waits for an answer here.
    pub(super) fn is_open_at(&self, path: &str) -> bool {
        lock(&self.shared).open.as_ref().is_some_and(|open| open.path() == path)
    }

    /// Whether a question waits for an answer here.
    pub(super) fn is_open(&self) -> bool {
        lock(&self.shared).open.is_some()
    }

    /// Prints the prompt again after other lines came between.
    pub(super) fn repeat(&mut self) {
        let mut shared = lock(&self.shared);
        if let Some(prompt) = shared.open.as_ref().map(Conversation::prompt) {
            shared.say(&prompt);
        }
    }
}

impl Shared {
    fn say(&mut self, text: &str) -> bool {
        self.write.write_all(text.as_bytes()).and_then(|()| self.write.flush()).is_ok()
    }
}

impl Reader {
    /// Reads until the terminal or the driver is gone.
    fn run(self, shared: &Mutex<Shared>, send: &UnboundedSender<Incoming>, operator: &str) {
        let mut lines = BufReader::new(self.read);
        loop {
            let mut line = Vec::new();
            let reply = match lines.read_until(b'\n', &mut line) {
                Ok(0) if !(self.is_alive)() => Reply::Gone,
                Ok(0) => hear(shared, |open| open.end_of_input()),
                Ok(_) => hear(shared, |open| open.hear(&String::from_utf8_lossy(&line))),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => Reply::Gone,
            };
            let incoming = match reply {
                Reply::Say(_) => continue,
                Reply::Gone => Incoming::TerminalLost,
                Reply::Wait => {
                    lock(shared).open = None;
                    Incoming::TerminalLost
                }
                Reply::Answer { answer, reason, evidence } => {
                    let Some(open) = lock(shared).open.take() else { continue };
                    let (path, by) = (open.path().to_string(), operator.to_string());
                    let about = Some(open.about().to_vec());
                    let backing = Backing { given_us: Some(now_us()), about, ..Backing::default() };
                    Incoming::Input(Input::Answer { path, answer, by, reason, evidence, backing })
                }
                Reply::Go { reason, reference, phrase } => {
                    let Some(open) = lock(shared).open.take() else { continue };
                    let (path, by, evidence) = (open.path().to_string(), operator.to_string(), Map::new());
                    let (phrase, given_us) = (phrase.map(Typed), Some(now_us()));
                    let backing = Backing { reference, phrase, given_us, ..Backing::default() };
                    Incoming::Input(Input::Answer { path, answer: Answer::Go, by, reason, evidence, backing })
                }
            };
            let gone = matches!(incoming, Incoming::TerminalLost);
            if send.send(incoming).is_err() || gone {
                return;
            }
        }
    }
}

fn now_us() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}

/// Gives a line to the open question and says what it has to say. A line that no question waits for is ignored.
fn hear(shared: &Mutex<Shared>, line: impl FnOnce(&mut Conversation) -> Reply) -> Reply {
    let mut shared = lock(shared);
    let Some(open) = shared.open.as_mut() else { return Reply::Say(String::new()) };
    let reply = line(open);
    if let Reply::Say(words) = &reply {
        let text = format!("{words}{}", open.prompt());
        shared.say(&text);
    }
    reply
}

/// A thread that panicked while it held the lock left nothing half done: every change is one assignment.
fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

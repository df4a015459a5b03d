//! One driven run: store, world, terminal and signals wired to the driver.

use super::args::Common;
use super::error::CliError;
use super::guard;
use super::post::Post;
use super::session_lock::{self, Known, doing, settle};
use super::terminal;
use crate::drive::clock::Clock;
use crate::drive::record;
use crate::drive::run::{DriveError, Driver, Incoming, Journal, World};
use crate::drive::world::{
    AttemptId, Cancel, RealWorld, Running, Secrets, Wants, WorldEvent, WorldSetup, base_env, left_out_of_path,
    next_free_output,
};
use crate::log::{At, Desk};
use crate::machine::action::{Action, Done};
use crate::machine::event::{Event, StepStarted};
use crate::machine::{Input, State, Timestamp};
use crate::plan::Plan;
use crate::report::{self, View, exit};
use crate::runbook::reach::Reach;
use crate::store::locks::Lease;
use crate::store::{self, Durability, Home, RunClock, Syslog};
use std::cell::RefCell;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::rc::Rc;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// What a session needs to know.
pub(crate) struct Session<'a> {
    pub(crate) common: &'a Common,
    pub(crate) state: State,
    /// The first event of this session; its record is already in the log.
    pub(crate) first: Event,
    /// The run so far, as people see it.
    pub(crate) view: View,
    pub(crate) journal: store::Journal,
    pub(crate) clock: RunClock,
    pub(crate) secrets: Secrets,
    pub(crate) operator: String,
    /// What is asked already, and who can answer.
    pub(crate) desk: Desk,
    pub(crate) no_input: bool,
    /// Leave when nothing happens for a while, also at a terminal.
    pub(crate) detach_waits: bool,
    /// The lock of the run.
    pub(crate) lock: Option<Lease>,
    /// Take back what was done, whatever comes next.
    pub(crate) back_out: bool,
}

/// Drives a run until it is over or parked, and says how in the exit code.
pub(crate) fn drive(session: Session<'_>) -> Result<u8, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| CliError::System(format!("cannot start the event loop: {e}")))?;
    let code = runtime.block_on(drive_here(session));
    // A prompt may still be reading; nothing waits for it.
    runtime.shutdown_background();
    code
}

async fn drive_here(session: Session<'_>) -> Result<u8, CliError> {
    let Session { common, state, first, view, mut journal, clock, secrets, operator, desk, .. } = session;
    let (no_input, detach_waits) = (session.no_input, session.detach_waits);
    let lock = session.lock.map(|lease| Rc::new(RefCell::new(lease)));
    let home = Home::from_env()?;
    let known = Known::new(&home, lock.clone(), session.back_out);
    journal.tell_to(Syslog::from_env());
    let run = journal.dir().run().to_string();
    let (send, incoming) = unbounded_channel();
    let reach = reach(&state.plan)?;
    let world = start_world(&journal, &run, reach, secrets, lock.as_ref(), send.clone())?;
    let world = Rc::new(RefCell::new(world));
    listen(&send)?;
    super::posture::ignore_nothing_below();
    let progress = Progress(world.clone());
    let audience = terminal::audience(common, &view, operator, no_input, Box::new(progress), send.clone());
    let clock = SessionClock(clock);
    let post = Post::open(&home, journal.dir().path(), desk, send.clone())?;
    post.look();
    post.watch();
    let journal = LogJournal { journal: Some(journal), first_written: true, post, lock: lock.clone() };
    let leaves = detach_waits || no_input || !std::io::stdin().is_terminal();
    let mut driver =
        Driver { leaves, state, journal, world: SharedWorld { world, known }, audience, clock: &clock, incoming };
    let driven = driver.drive(first).await;
    let over = driver.state.is_over();
    let mut journal = driver.journal.journal.take();
    if let Some(journal) = &mut journal {
        remember(&home, journal);
    }
    let signed = match (over, journal) {
        (true, Some(journal)) => journal.finish().map_err(|e| CliError::Journal(e.to_string())),
        _ => Ok(()),
    };
    if let (Ok(()), Ok(()), Some(lock)) = (&driven, &signed, &lock) {
        settle(&mut lock.borrow_mut(), &driver.state, clock.now());
    }
    let code = match (&driven, &signed) {
        (Err(DriveError::Journal(_)), _) | (_, Err(_)) => exit::JOURNAL,
        (Err(DriveError::Illegal(_)), _) => exit::BUG,
        _ => report::exit_code(driver.audience.ending()),
    };
    let trouble = match (driven, signed) {
        (Err(error), _) => Some(error.to_string()),
        (_, Err(error)) => Some(error.render(&common.style()).trim().trim_start_matches("error: ").to_string()),
        _ => None,
    };
    driver.audience.close(code, trouble.as_deref());
    Ok(code)
}

/// Keeps the last head outside the run directory. A run does not fail for want of a memory.
fn remember(home: &Home, journal: &mut store::Journal) {
    let remembered = journal.durable_head().map(|head| store::remember_end(home, journal.dir(), &head));
    if let Some(Err(error)) = remembered {
        super::say(&format!("warning: how far the log went is not remembered: {error}\n"));
    }
}

/// Where the requests of a plan may go.
pub(crate) fn reach(plan: &Plan) -> Result<Reach, CliError> {
    let target = plan.target.as_ref().map(|target| Reach::of_target(&target.values));
    target.unwrap_or_else(|| Ok(Reach::default())).map_err(CliError::Usage)
}

fn start_world(
    journal: &store::Journal,
    run: &str,
    reach: Reach,
    secrets: Secrets,
    lock: Option<&Rc<RefCell<Lease>>>,
    send: UnboundedSender<Incoming>,
) -> Result<RealWorld, CliError> {
    let system = |what: &str| {
        let what = what.to_string();
        move |e: std::io::Error| CliError::System(format!("cannot {what}: {e}"))
    };
    let run_dir: PathBuf = journal.dir().path().to_path_buf();
    let exe = std::env::current_exe().map_err(system("find this program"))?;
    if let Some(why) = left_out_of_path(&exe) {
        super::say(&format!("warning: {why}\n"));
    }
    let setup = WorldSetup {
        next_output: next_free_output(&run_dir).map_err(system("read the run directory"))?,
        start_dir: std::env::current_dir().map_err(system("find the current directory"))?,
        base_env: base_env(run, &exe),
        secrets,
        reach,
        simple_command: crate::template::simple_command,
        grace: crate::drive::world::GRACE,
        hold: lock.map(|lock| session_lock::place_hold(lock.borrow().place().clone(), run.to_string())),
        run_dir,
    };
    let (events, mut results) = unbounded_channel();
    let world =
        RealWorld::new(setup, events).map_err(|e| CliError::Journal(format!("cannot write the run directory: {e}")))?;
    tokio::spawn(async move {
        while let Some(event) = results.recv().await {
            let incoming = match event {
                WorldEvent::Started { .. } => continue,
                WorldEvent::Done(id, done) => done_input(id, done),
                WorldEvent::OutputLost { id, error } => Incoming::OutputLost(format!("output of {}: {error}", id.path)),
            };
            if send.send(incoming).is_err() {
                return;
            }
        }
    });
    Ok(world)
}

fn done_input(id: AttemptId, done: Done) -> Incoming {
    Incoming::Input(Input::Done { path: id.path, attempt: id.attempt, done })
}

/// Ctrl-C and TERM ask to stop; a lost terminal only means that nobody can be asked here any more.
fn listen(send: &UnboundedSender<Incoming>) -> Result<(), CliError> {
    for (kind, hangup) in
        [(SignalKind::interrupt(), false), (SignalKind::terminate(), false), (SignalKind::hangup(), true)]
    {
        let mut signals = signal(kind).map_err(|e| CliError::System(format!("cannot watch for signals: {e}")))?;
        let send = send.clone();
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                let incoming = if hangup { Incoming::TerminalLost } else { Incoming::Input(Input::Interrupt) };
                if send.send(incoming).is_err() {
                    return;
                }
            }
        });
    }
    Ok(())
}

struct SessionClock(RunClock);

impl Clock for SessionClock {
    fn now(&self) -> Timestamp {
        Timestamp { wall_us: jiff::Timestamp::now().as_microsecond(), run_us: self.0.elapsed_us() }
    }
}

struct LogJournal {
    journal: Option<store::Journal>,
    /// The session's first event was written when the segment was opened.
    first_written: bool,
    /// Whom to tell what was asked and answered.
    post: Post,
    lock: Option<Rc<RefCell<Lease>>>,
}

impl Journal for LogJournal {
    fn commit(&mut self, batch: &[Event], durable: bool, now: Timestamp) -> Result<(), String> {
        let skip = usize::from(std::mem::take(&mut self.first_written));
        let mut records: Vec<_> = batch.iter().skip(skip).map(record::encode).collect();
        records.iter_mut().try_for_each(|(kind, fields)| guard::record(*kind, fields))?;
        let Some(journal) = self.journal.as_mut() else { return Err("the log is closed".into()) };
        if records.is_empty() {
            return Ok(());
        }
        let durability = if durable { Durability::Sync } else { Durability::Defer };
        journal.commit(&records, durability, &at(now)).map_err(|e| e.to_string())?;
        self.post.wrote(batch, &records, journal.head(), now);
        if let (Some(lock), Some(words)) = (&self.lock, batch.iter().rev().find_map(doing)) {
            lock.borrow().doing(&words, &at(now).t);
        }
        Ok(())
    }

    fn will_change(&mut self) -> Result<(), String> {
        self.lock.as_ref().map_or(Ok(()), |lock| lock.borrow_mut().changing().map_err(|e| e.to_string()))
    }
}

/// The moment as the log writes it.
pub(crate) fn at(now: Timestamp) -> At {
    let wall = jiff::Timestamp::from_microsecond(now.wall_us).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    At { t: format!("{wall:.6}"), mono_us: now.run_us }
}

struct SharedWorld {
    world: Rc<RefCell<RealWorld>>,
    known: Known,
}

impl World for SharedWorld {
    fn complete(&mut self, intent: &mut StepStarted) {
        if let Action::Watch(watch) = &mut intent.action {
            self.world.borrow().locate(watch);
        }
    }

    fn start(&mut self, started: &StepStarted) {
        let id = AttemptId { path: started.path.clone(), attempt: started.attempt };
        let wants = Wants { capture: started.capture, label: started.title.clone(), marks: started.marks.clone() };
        let action: &Action = &started.action;
        self.world.borrow_mut().start(id, action, wants);
    }

    fn cancel(&mut self, at_once: bool) {
        self.world.borrow().cancel(if at_once { Cancel::Kill } else { Cancel::Term });
    }

    fn running(&self) -> usize {
        self.world.borrow().running().len()
    }

    fn known(&mut self) -> Vec<Input> {
        self.known.now()
    }
}

/// What runs now, for the live part of the screen.
struct Progress(Rc<RefCell<RealWorld>>);

impl terminal::Progress for Progress {
    fn running(&self) -> Vec<Running> {
        self.0.borrow().running()
    }
}

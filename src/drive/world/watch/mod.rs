//! Looking at what a log gets for a time. Only lines that come after the beginning count; all of them are kept as the
//! step's output, masked.

mod follow;
mod kind;
mod lines;
mod part;

pub(super) use part::end_of;

use std::fs::File;
use std::io::{self, Read as _};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::attempt::{Attempt, untouched};
use super::command;
use super::live::{Live, Stream};
use super::output::Sink;
use crate::machine::action::{Action, Done, Ended, WatchAction, WatchSource, Watched};
use follow::{Follow, Lost};
use lines::Lines;

/// How often a file is looked at.
const EVERY: Duration = Duration::from_millis(100);
/// How long it may take to look at what is there when the time is over.
const REST: Duration = Duration::from_secs(5);

/// Watch until the time is over, something forbidden comes, or the attempt is cancelled.
pub(super) fn run(attempt: &Attempt, wanted: &WatchAction) -> Done {
    let lines = match Lines::new(&wanted.must, &wanted.must_not) {
        Ok(lines) => Arc::new(Mutex::new(lines)),
        Err(why) => return untouched(Ended::Failed(why)),
    };
    for known in wanted.known_in.iter().chain(&wanted.known_in_errors) {
        if let Err(error) = know(&attempt.site.run_dir.join(known), &lines) {
            return untouched(Ended::Failed(format!("the lines to compare with cannot be read: {error}")));
        }
    }
    let mut done = match &wanted.source {
        WatchSource::File(path) => file(attempt, &attempt.site.path(path), wanted, &lines),
        WatchSource::Command(action) => program(attempt, action, wanted, &lines),
    };
    done.changed = Some(false);
    done
}

/// The lines an earlier attempt saw.
fn know(path: &Path, lines: &Mutex<Lines>) -> io::Result<()> {
    let mut known = File::open(path)?;
    let mut piece = vec![0; 64 * 1024];
    loop {
        match known.read(&mut piece)? {
            0 => break,
            size => locked(lines).knew(&piece[..size]),
        }
    }
    // Each further file adds to what is known.
    locked(lines).compare();
    Ok(())
}

fn file(attempt: &Attempt, path: &Path, wanted: &WatchAction, lines: &Arc<Mutex<Lines>>) -> Done {
    let masker = &attempt.site.masker;
    let mut follow = match Follow::begin(path, wanted.since.as_ref(), masker) {
        Ok(follow) => follow,
        Err(lost) => return untouched(lost.into_ended(path)),
    };
    let mut sink = attempt.sink(Stream::Stdout).observed(observer(lines, Stream::Stdout));
    let until = Instant::now() + Duration::from_micros(wanted.for_us);
    let looked = look(attempt, &mut follow, until, lines, &mut sink);
    let looked = looked.and_then(|unread| last_lines(&mut follow, &mut sink).map(|()| unread));
    let mut done = Done::default();
    let unread;
    (done.ended, unread) = match looked {
        Ok(unread) if follow.is_there() => (Ended::Ok, unread),
        Ok(_) => (Ended::Unavailable(format!("{} does not exist", path.display())), 0),
        Err(Stopped::Lost(lost)) => (lost.into_ended(path), 0),
        Err(Stopped::Cancelled) => (Ended::Cancelled, 0),
        Err(Stopped::NotStored(error)) => {
            attempt.output_lost(&error);
            (Ended::Failed(format!("its output could not be stored: {error}")), 0)
        }
    };
    attempt.finish_stream(sink, Stream::Stdout, &mut done);
    let (position, rotations) = (follow.position(masker), follow.rotations());
    done.watched = Some(Watched { position, rotations, unread, ..locked(lines).seen() });
    done
}

/// Why looking at a file ended before its time.
enum Stopped {
    Lost(Lost),
    NotStored(io::Error),
    Cancelled,
}

/// Looks until the time is over or something forbidden came. What is there when the time is over is looked at too, within
/// [`REST`]; the result is how many bytes of it were not.
fn look(
    attempt: &Attempt,
    follow: &mut Follow,
    until: Instant,
    lines: &Mutex<Lines>,
    sink: &mut Sink,
) -> Result<u64, Stopped> {
    let is_cancelled = || attempt.live.cancelled().is_some();
    let mut is_over = false;
    loop {
        let mut stored = Ok(());
        let mut see = |piece: &[u8]| {
            if stored.is_ok() {
                stored = sink.write(piece);
            }
            let enough = Instant::now() >= if is_over { until + REST } else { until };
            match enough || stored.is_err() || is_cancelled() || locked(lines).forbidden_came() {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        };
        let begins_rest = !is_over && Instant::now() >= until;
        let read =
            if begins_rest { follow.end_here(&mut see).map(ControlFlow::Continue) } else { follow.read(&mut see) };
        stored.map_err(Stopped::NotStored)?;
        let flow = read.map_err(Stopped::Lost)?;
        if is_cancelled() {
            return Err(Stopped::Cancelled);
        }
        if locked(lines).forbidden_came() {
            return Ok(0);
        }
        if is_over {
            return Ok(follow.unread());
        }
        is_over = begins_rest;
        if flow.is_continue() && !is_over {
            sleep(&attempt.live, until.saturating_duration_since(Instant::now()).min(EVERY));
        }
    }
}

/// A last line without its end counts as it stands.
fn last_lines(follow: &mut Follow, sink: &mut Sink) -> Result<(), Stopped> {
    let mut stored = Ok(());
    follow.finish(&mut |piece| {
        if stored.is_ok() {
            stored = sink.write(piece);
        }
        ControlFlow::Continue(())
    });
    stored.map_err(Stopped::NotStored)
}

/// What a script prints, as output or as errors, are lines; a program that reads a log for us says there what is wrong with it.
fn program(attempt: &Attempt, action: &Action, wanted: &WatchAction, lines: &Arc<Mutex<Lines>>) -> Done {
    let action = command::with_limit(action, Duration::from_micros(wanted.for_us));
    let is_script = matches!(action, Action::Shell(_));
    let mut done = command::run_dressed(attempt, &action, &|stream, sink| match stream {
        Stream::Stderr if !is_script => sink,
        _ => sink.observed(observer(lines, stream)),
    });
    if matches!(done.ended, Ended::TimedOut) {
        done.ended = Ended::Ok;
    }
    done.watched = Some(locked(lines).seen());
    done
}

fn observer(lines: &Arc<Mutex<Lines>>, stream: Stream) -> super::output::Observer {
    let lines = Arc::clone(lines);
    Box::new(move |piece| locked(&lines).take(stream, piece))
}

fn locked(lines: &Mutex<Lines>) -> MutexGuard<'_, Lines> {
    lines.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sleeps, and wakes when the attempt is cancelled.
fn sleep(live: &Live, pause: Duration) {
    let limit = Timespec { tv_sec: pause.as_secs() as i64, tv_nsec: i64::from(pause.subsec_nanos()) };
    let _ = poll(&mut [PollFd::new(&live.wake, PollFlags::IN)], Some(&limit));
}

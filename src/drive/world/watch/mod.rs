//! Looking at what a log gets for a time. Only lines that come after the beginning count; all of them are kept as the
//! step's output, masked.

mod follow;
mod lines;

pub(super) use follow::end_of;

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::attempt::{Attempt, untouched};
use super::command;
use super::live::{Live, Stream};
use crate::machine::action::{Action, Done, Ended, WatchAction, WatchSource, Watched};
use follow::{Follow, Lost};
use lines::Lines;

/// How often a file is looked at.
const EVERY: Duration = Duration::from_millis(100);

/// Watch until the time is over, something forbidden comes, or the attempt is cancelled.
pub(super) fn run(attempt: &Attempt, wanted: &WatchAction) -> Done {
    let lines = match Lines::new(&wanted.must, &wanted.must_not) {
        Ok(lines) => Arc::new(Mutex::new(lines)),
        Err(why) => return untouched(Ended::Failed(why)),
    };
    if let Some(known) = &wanted.known_in
        && let Err(error) = know(&attempt.site.run_dir.join(known), &lines)
    {
        return untouched(Ended::Failed(format!("the lines to compare with cannot be read: {error}")));
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
    locked(lines).compare();
    Ok(())
}

fn file(attempt: &Attempt, path: &Path, wanted: &WatchAction, lines: &Arc<Mutex<Lines>>) -> Done {
    let mut sink = attempt.sink(Stream::Stdout).observed(observer(lines));
    let mut done = Done::default();
    let mut follow = match Follow::begin(path, wanted.since) {
        Ok(follow) => follow,
        Err(lost) => return untouched(lost.into_ended(path)),
    };
    let until = Instant::now() + Duration::from_micros(wanted.for_us);
    loop {
        let last = Instant::now() >= until;
        let mut stored = Ok(());
        let read = follow.read(|piece| {
            if stored.is_ok() {
                stored = sink.write(piece);
            }
        });
        if let Err(error) = stored {
            attempt.output_lost(&error);
            done.ended = Ended::Failed(format!("its output could not be stored: {error}"));
            break;
        }
        if let Err(error) = read {
            done.ended = Lost::Io(error).into_ended(path);
            break;
        }
        if attempt.live.cancelled().is_some() {
            done.ended = Ended::Cancelled;
            break;
        }
        if last || locked(lines).forbidden_came() {
            break;
        }
        sleep(&attempt.live, until.saturating_duration_since(Instant::now()).min(EVERY));
    }
    if matches!(done.ended, Ended::Ok) && !follow.is_there() {
        done.ended = Ended::Unavailable(format!("{} does not exist", path.display()));
    }
    attempt.finish_stream(sink, Stream::Stdout, &mut done);
    done.watched = Some(Watched { position: follow.position(), rotations: follow.rotations(), ..locked(lines).seen() });
    done
}

/// A command that ends by itself before the time is over has said all there is.
fn program(attempt: &Attempt, action: &Action, wanted: &WatchAction, lines: &Arc<Mutex<Lines>>) -> Done {
    let action = command::with_limit(action, Duration::from_micros(wanted.for_us));
    let mut done = command::run_dressed(attempt, &action, &|sink| sink.observed(observer(lines)));
    if matches!(done.ended, Ended::TimedOut) {
        done.ended = Ended::Ok;
    }
    done.watched = Some(locked(lines).seen());
    done
}

fn observer(lines: &Arc<Mutex<Lines>>) -> super::output::Observer {
    let lines = Arc::clone(lines);
    Box::new(move |piece| locked(&lines).take(piece))
}

fn locked(lines: &Mutex<Lines>) -> MutexGuard<'_, Lines> {
    lines.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sleeps, and wakes when the attempt is cancelled.
fn sleep(live: &Live, pause: Duration) {
    let limit = Timespec { tv_sec: pause.as_secs() as i64, tv_nsec: i64::from(pause.subsec_nanos()) };
    let _ = poll(&mut [PollFd::new(&live.wake, PollFlags::IN)], Some(&limit));
}

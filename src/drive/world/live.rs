//! What can be seen of an attempt while it runs, and the way to cancel it. Everything here is bounded and lossy: a slow
//! reader never holds up a step.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, eventfd};

use super::AttemptId;

/// How to end what runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancel {
    /// TERM to the process group, KILL after the grace period.
    Term,
    /// KILL at once.
    Kill,
}

/// One running attempt as the live view sees it.
#[derive(Debug, Clone)]
pub struct Running {
    /// Which attempt.
    pub id: AttemptId,
    /// The label given at the start.
    pub label: String,
    /// The process, once there is one.
    pub pid: Option<u32>,
    /// When it was started.
    pub since: Instant,
    /// Bytes of output so far, both streams, after masking.
    pub bytes: u64,
    /// When output last came.
    pub last_output: Option<Instant>,
    /// The most recent lines, at most 2 KiB, standard error last.
    pub recent: Vec<String>,
}

/// Which stream a piece of output came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    Stdout,
    Stderr,
}

/// Shared between the thread or task that runs an attempt and everybody who looks at it.
pub(super) struct Live {
    pub(super) id: AttemptId,
    label: String,
    since: Instant,
    pid: AtomicU32,
    bytes: AtomicU64,
    /// Microseconds after `since`; 0 is never.
    last_output: AtomicU64,
    tails: Mutex<[Tail; 2]>,
    cancel: AtomicU8,
    /// What runs beside each other for this attempt, and is cancelled with it.
    helpers: Mutex<Vec<Weak<Live>>>,
    /// Wakes a thread in `poll`.
    pub(super) wake: OwnedFd,
    /// Wakes a task.
    pub(super) woken: tokio::sync::Notify,
}

impl Live {
    pub(super) fn new(id: AttemptId, label: String) -> io::Result<Live> {
        Ok(Live {
            id,
            label,
            since: Instant::now(),
            pid: AtomicU32::new(0),
            bytes: AtomicU64::new(0),
            last_output: AtomicU64::new(0),
            tails: Mutex::default(),
            cancel: AtomicU8::new(0),
            helpers: Mutex::default(),
            wake: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
            woken: tokio::sync::Notify::new(),
        })
    }

    /// The live view of a part of this attempt that runs beside others. Nobody looks at it; it is cancelled with the whole.
    pub(super) fn helper(&self) -> io::Result<Arc<Live>> {
        let helper = Arc::new(Live::new(self.id.clone(), self.label.clone())?);
        self.helpers().push(Arc::downgrade(&helper));
        // Cancelled meanwhile: whoever did it may not have seen this one.
        if let Some(how) = self.cancelled() {
            helper.cancel(how);
        }
        Ok(helper)
    }

    fn helpers(&self) -> MutexGuard<'_, Vec<Weak<Live>>> {
        self.helpers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn elapsed_us(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    pub(super) fn set_pid(&self, pid: u32) {
        self.pid.store(pid, Ordering::Relaxed);
    }

    /// A piece of masked output has been stored.
    pub(super) fn saw(&self, stream: Stream, piece: &[u8]) {
        self.bytes.fetch_add(piece.len() as u64, Ordering::Relaxed);
        self.last_output.store(self.elapsed_us().max(1), Ordering::Relaxed);
        self.tails()[stream as usize].push(piece);
    }

    /// The last lines of both streams, standard error last, at most [`Tail::LIMIT`] bytes.
    pub(super) fn tail(&self) -> String {
        let tails = self.tails();
        let stderr = tails[Stream::Stderr as usize].lines(Tail::LIMIT);
        let taken = if stderr.is_empty() { 0 } else { stderr.len() + 1 };
        let stdout = tails[Stream::Stdout as usize].lines(Tail::LIMIT.saturating_sub(taken));
        match (stdout.is_empty(), stderr.is_empty()) {
            (false, false) => format!("{}\n{stderr}", stdout.trim_end_matches('\n')),
            (true, _) => stderr,
            (_, true) => stdout,
        }
    }

    pub(super) fn cancel(&self, how: Cancel) {
        self.cancel.fetch_max(1 + how as u8, Ordering::SeqCst);
        // The counter of an eventfd overflows after 2^64 - 2 cancellations; until then a write cannot fail.
        let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
        self.woken.notify_one();
        self.helpers().iter().filter_map(Weak::upgrade).for_each(|helper| helper.cancel(how));
    }

    pub(super) fn cancelled(&self) -> Option<Cancel> {
        match self.cancel.load(Ordering::SeqCst) {
            0 => None,
            1 => Some(Cancel::Term),
            _ => Some(Cancel::Kill),
        }
    }

    /// Take the wake-up, so that the next `poll` sleeps again.
    pub(super) fn clear_wake(&self) {
        let _ = rustix::io::read(&self.wake, &mut [0; 8]);
    }

    pub(super) fn running(&self) -> Running {
        let last_output = self.last_output.load(Ordering::Relaxed);
        Running {
            id: self.id.clone(),
            label: self.label.clone(),
            pid: Some(self.pid.load(Ordering::Relaxed)).filter(|pid| *pid != 0),
            since: self.since,
            bytes: self.bytes.load(Ordering::Relaxed),
            last_output: (last_output > 0).then(|| self.since + Duration::from_micros(last_output)),
            recent: self.tail().lines().map(str::to_owned).collect(),
        }
    }

    fn tails(&self) -> MutexGuard<'_, [Tail; 2]> {
        self.tails.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The last bytes of a stream.
#[derive(Default)]
struct Tail {
    bytes: Vec<u8>,
    cut: bool,
}

impl Tail {
    const LIMIT: usize = 2048;

    fn push(&mut self, piece: &[u8]) {
        let piece = &piece[piece.len().saturating_sub(Tail::LIMIT)..];
        let surplus = (self.bytes.len() + piece.len()).saturating_sub(Tail::LIMIT);
        self.cut |= surplus > 0 || piece.len() == Tail::LIMIT;
        self.bytes.drain(..surplus);
        self.bytes.extend_from_slice(piece);
    }

    /// The last whole lines within `limit` bytes; of one endless line its end.
    fn lines(&self, limit: usize) -> String {
        let from = self.bytes.len().saturating_sub(limit);
        let shown = &self.bytes[from..];
        let whole = match shown.iter().position(|byte| *byte == b'\n') {
            Some(at) if (self.cut || from > 0) && at + 1 < shown.len() => &shown[at + 1..],
            _ => shown,
        };
        let mut text = String::from_utf8_lossy(whole).into_owned();
        // A replacement character is longer than the byte it stands for.
        while text.len() > limit {
            text.remove(0);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live() -> Live {
        Live::new(AttemptId { path: "a".to_owned(), attempt: 1 }, String::new()).unwrap()
    }

    #[test]
    fn the_tail_is_whole_lines_with_standard_error_last() {
        let live = live();
        live.saw(Stream::Stderr, b"oops\n");
        for number in 0..1000 {
            live.saw(Stream::Stdout, format!("line {number}\n").as_bytes());
        }
        let tail = live.tail();
        assert!(tail.len() <= Tail::LIMIT && tail.len() > Tail::LIMIT - 20, "{}", tail.len());
        assert!(tail.starts_with("line ") && tail.ends_with("line 999\noops\n"), "{tail}");
    }

    #[test]
    fn an_endless_line_shows_its_end() {
        let live = live();
        live.saw(Stream::Stdout, &[b'x'; 5000]);
        live.saw(Stream::Stdout, b"end");
        assert_eq!(live.tail().len(), Tail::LIMIT);
        assert!(live.tail().ends_with("xend"));
    }

    #[test]
    fn bytes_that_are_no_text_stay_within_the_limit() {
        let live = live();
        live.saw(Stream::Stdout, &[0xff; 5000]);
        assert!(live.tail().len() <= Tail::LIMIT);
    }
}

//! Threads for attempts that block: one per running attempt, kept for the next, so that steps in sequence do not pay
//! for starting threads.

use std::io;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc::UnboundedSender;

use super::WorldEvent;

/// Threads that wait for work beyond this number end instead.
const IDLE: usize = 8;

/// A job, and the worker's own address: a thread that waits holds none itself, so it ends when the pool is gone.
struct Work {
    job: Box<dyn FnOnce() -> WorldEvent + Send>,
    worker: Sender<Work>,
}

/// Runs each job on a thread of its own and sends what it returns.
pub(super) struct Pool {
    idle: Arc<Mutex<Vec<Sender<Work>>>>,
    events: UnboundedSender<WorldEvent>,
}

impl Pool {
    pub(super) fn new(events: UnboundedSender<WorldEvent>) -> Pool {
        Pool { idle: Arc::default(), events }
    }

    /// Run `job` at once, however many run already. Fails only when the system gives no more threads.
    pub(super) fn run(&self, job: impl FnOnce() -> WorldEvent + Send + 'static) -> io::Result<()> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let worker = match idle {
            Some(worker) => worker,
            None => self.hire()?,
        };
        let work = Work { job: Box::new(job), worker: worker.clone() };
        worker.send(work).map_err(|_| io::Error::other("a worker thread has died"))
    }

    fn hire(&self) -> io::Result<Sender<Work>> {
        let (sender, queue) = channel::<Work>();
        let (idle, events) = (Arc::downgrade(&self.idle), self.events.clone());
        std::thread::Builder::new().name("step".to_owned()).spawn(move || {
            while let Ok(Work { job, worker }) = queue.recv() {
                let event = job();
                // Free before the result is told: whoever answers to it with the next step finds this thread.
                if let Some(idle) = idle.upgrade() {
                    let mut idle = idle.lock().unwrap_or_else(PoisonError::into_inner);
                    if idle.len() < IDLE {
                        idle.push(worker);
                    }
                }
                let _ = events.send(event);
            }
        })?;
        Ok(sender)
    }
}

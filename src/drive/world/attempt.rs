//! What every attempt has, whatever it does: the site of the run, its live view, its two output streams.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;

use super::live::{Live, Stream};
use super::mask::Masker;
use super::output::Sink;
use super::secrets::Secrets;
use super::{PlaceHold, SimpleCommand, WorldEvent};
use crate::machine::action::{Captured, Done, Ended, LogMark};

/// What all attempts of a run share.
pub(super) struct Site {
    pub(super) run_dir: PathBuf,
    pub(super) start_dir: PathBuf,
    pub(super) base_env: Vec<(String, String)>,
    pub(super) secrets: Secrets,
    pub(super) masker: Arc<Masker>,
    pub(super) simple_command: SimpleCommand,
    pub(super) grace: Duration,
    pub(super) hold: Option<PlaceHold>,
    pub(super) events: UnboundedSender<WorldEvent>,
    pub(super) running: Mutex<Vec<Arc<Live>>>,
}

impl Site {
    /// A path as a runbook writes it: relative to where the run was started.
    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.start_dir.join(path)
    }
}

/// One attempt while it is being made.
pub(super) struct Attempt {
    pub(super) site: Arc<Site>,
    pub(super) live: Arc<Live>,
    /// Number of its output files.
    pub(super) number: u32,
    pub(super) capture: bool,
    /// What it prints is kept in a file; what a sample's commands print is not.
    pub(super) keep: bool,
    /// Where logs ended before it began.
    pub(super) marks: Vec<LogMark>,
}

impl Attempt {
    pub(super) fn sink(&self, stream: Stream) -> Sink {
        let extension = match stream {
            Stream::Stdout => "stdout",
            Stream::Stderr => "stderr",
        };
        let name = self.keep.then(|| format!("out/{:04}.{extension}", self.number));
        let masker = Arc::clone(&self.site.masker);
        Sink::new(&self.site.run_dir, name, stream, self.capture, masker, Arc::clone(&self.live))
    }

    /// Store the end of a stream in its place. A secret in what the step captures fails the step: the value that would
    /// be saved or compared is `***`.
    pub(super) fn finish_stream(&self, sink: Sink, stream: Stream, done: &mut Done) {
        match sink.finish() {
            Ok(stored) => {
                let capture_spoiled = self.capture && stored.secrets_seen > 0;
                if capture_spoiled {
                    spoil(done, "its output contains");
                }
                let captured = Captured { text: stored.captured.text.filter(|_| !capture_spoiled), ..stored.captured };
                match stream {
                    Stream::Stdout => done.stdout = Some(captured),
                    Stream::Stderr => done.stderr = Some(captured),
                }
            }
            Err(error) => {
                self.output_lost(&error);
                done.ended = Ended::Failed(format!("its output could not be stored: {error}"));
            }
        }
    }

    /// Hold the lock of the run.
    pub(super) fn hold(&self, reason: &str) -> Done {
        let Some(hold) = &self.site.hold else { return untouched(Ended::Failed("this run has no lock".into())) };
        match hold(reason) {
            Ok(_) => Done { ended: Ended::Ok, ..Done::default() },
            Err(why) => untouched(Ended::Failed(why)),
        }
    }

    /// Tell the driver that the record of this attempt is no longer complete.
    pub(super) fn output_lost(&self, error: &std::io::Error) {
        let _ = self.site.events.send(WorldEvent::OutputLost { id: self.live.id.clone(), error: error.to_string() });
    }

    /// The last word: nothing secret in messages, the tail where it explains a failure, and off the live view.
    pub(super) fn done(&self, mut done: Done, since: Instant) -> WorldEvent {
        done.marks.clone_from(&self.marks);
        if done.duration_us == 0 {
            done.duration_us = micros(since.elapsed());
        }
        done.program = self.site.masker.text(&done.program).into_owned();
        if let Ended::Failed(why) | Ended::Unavailable(why) = &mut done.ended {
            *why = self.site.masker.text(why).into_owned();
        }
        if !matches!(done.ended, Ended::Exit(0) | Ended::Ok) {
            done.tail = self.live.tail();
        }
        let mut running = self.site.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.retain(|live| !Arc::ptr_eq(live, &self.live));
        WorldEvent::Done(self.live.id.clone(), done)
    }
}

/// What would be captured is `***` in part: a success is none.
pub(super) fn spoil(done: &mut Done, contains: &str) {
    if matches!(done.ended, Ended::Exit(0) | Ended::Ok) {
        done.ended = Ended::Failed(format!(
            "{contains} a secret, so it cannot be captured; print the secret nowhere, or drop `save:` and conditions on the \
             output"
        ));
    }
}

/// An attempt that ended before anything was touched.
pub(super) fn untouched(ended: Ended) -> Done {
    Done { ended, changed: Some(false), ..Done::default() }
}

pub(super) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

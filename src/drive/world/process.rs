//! One process from start to end: its pipes, its time limit, its process group.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use os_pipe::{PipeReader, PipeWriter};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, kill_process_group, pidfd_open, test_kill_process_group};

use super::detach;
use super::live::{Cancel, Live};
use super::output::Sink;
use crate::machine::action::Ended;

/// How long a step waits for the end of its output after its main process has ended: time for a pipeline's last
/// words, not for a daemon that keeps the pipe.
const LAST_WORDS: Duration = Duration::from_millis(700);
/// How long a group may take to disappear after KILL.
const DYING: Duration = Duration::from_secs(1);
/// How often to look where the system cannot wake us.
const LOOK: Duration = Duration::from_millis(10);
const CHUNK: usize = 64 * 1024;

/// A program to start, everything about it decided.
pub(super) struct Launch {
    /// Absolute: a bare name would cost a fork of this whole process instead of a `posix_spawn`.
    pub(super) program: PathBuf,
    /// What the program sees as its own name.
    pub(super) arg0: OsString,
    /// What `execvp` finds it by in the step's directory and `PATH`: the name, or the whole path.
    pub(super) operand: OsString,
    pub(super) args: Vec<OsString>,
    pub(super) env: Vec<(String, OsString)>,
    pub(super) dir: PathBuf,
    pub(super) stdin: Option<Vec<u8>>,
}

/// Limits of a process.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) timeout: Option<Duration>,
    /// From TERM to KILL.
    pub(super) grace: Duration,
}

/// How a started process ended.
pub(super) struct Finish {
    pub(super) ended: Ended,
    pub(super) duration: Duration,
    /// Somebody still holds an output pipe.
    pub(super) output_held: bool,
    /// Output could not be stored; the process was ended for it.
    pub(super) lost: Option<io::Error>,
}

/// Start the program in a process group of its own and stay with it to its end. An error means it was never started.
pub(super) fn run(
    launch: &Launch,
    live: &Live,
    started: impl FnOnce(u32),
    sinks: &mut [Sink; 2],
    limits: Limits,
) -> io::Result<Finish> {
    let process = Process::start(launch, limits)?;
    live.set_pid(process.pid);
    started(process.pid);
    Ok(process.attend(live, sinks))
}

struct Process {
    pid: u32,
    group: Pid,
    handle: duct::Handle,
    /// Readable when the main process has ended; none where the kernel or a sandbox does not offer it.
    pidfd: Option<OwnedFd>,
    stdin: Option<Feed>,
    outputs: [Option<PipeReader>; 2],
    grace: Duration,
    started: Instant,
    deadline: Option<Instant>,
    stopping: Option<Stopping>,
    exited: Option<(Instant, ExitStatus)>,
    lost: Option<io::Error>,
}

/// Standard input on its way to the process.
struct Feed {
    pipe: PipeWriter,
    bytes: Vec<u8>,
    written: usize,
}

/// The group is being ended.
struct Stopping {
    why: Ended,
    kill_at: Instant,
    /// When KILL was first sent.
    killed: Option<Instant>,
}

/// Which of the descriptors in one `poll` are ready.
#[derive(Default)]
struct Ready {
    wake: bool,
    exit: bool,
    stdin: bool,
    outputs: [bool; 2],
}

impl Process {
    fn start(launch: &Launch, limits: Limits) -> io::Result<Process> {
        let (stdout, stdout_writer) = os_pipe::pipe()?;
        let (stderr, stderr_writer) = os_pipe::pipe()?;
        rustix::io::ioctl_fionbio(&stdout, true)?;
        rustix::io::ioctl_fionbio(&stderr, true)?;
        let session = detach::session(&launch.program, &launch.operand, &launch.args);
        // A new session is a new group, and only who leads no group can begin one.
        let arg0 = session.is_none().then(|| launch.arg0.clone());
        let (program, args) = match &session {
            Some((setsid, args)) => (Path::new(setsid), args),
            None => (launch.program.as_path(), &launch.args),
        };
        // The expression owns the writers' ends: it must be gone before anybody waits for the end of output.
        let command = duct::cmd(program, args)
            .stdout_file(stdout_writer)
            .stderr_file(stderr_writer)
            .full_env(launch.env.iter().map(|(name, value)| (name, value)))
            .dir(&launch.dir)
            .unchecked()
            .before_spawn(move |command| {
                if let Some(arg0) = &arg0 {
                    command.arg0(arg0).process_group(0);
                }
                Ok(())
            });
        // Before the start: a short program can be over before we come to look at the clock.
        let started = Instant::now();
        let (handle, stdin) = match &launch.stdin {
            None => (command.stdin_null().start()?, None),
            Some(bytes) => {
                let (reader, pipe) = os_pipe::pipe()?;
                rustix::io::ioctl_fionbio(&pipe, true)?;
                (command.stdin_file(reader).start()?, Some(Feed { pipe, bytes: bytes.clone(), written: 0 }))
            }
        };
        drop(command);
        let (pid, group) = leader(&handle)?;
        Ok(Process {
            pid,
            group,
            handle,
            pidfd: pidfd_open(group, PidfdFlags::empty()).ok(),
            stdin,
            outputs: [Some(stdout), Some(stderr)],
            grace: limits.grace,
            started,
            deadline: limits.timeout.map(|timeout| started + timeout),
            stopping: None,
            exited: None,
            lost: None,
        })
    }

    fn attend(mut self, live: &Live, sinks: &mut [Sink; 2]) -> Finish {
        let mut buffer = Vec::with_capacity(CHUNK);
        if let Err(error) = self.follow(live, sinks, &mut buffer) {
            let _ = kill_process_group(self.group, Signal::KILL);
            let _ = self.handle.wait();
            let why = Ended::Failed(format!("it could not be watched and was killed: {error}"));
            self.stopping = Some(Stopping { why, kill_at: Instant::now(), killed: None });
        }
        // What a group that was ended left in its pipes.
        for (index, sink) in sinks.iter_mut().enumerate() {
            self.read(index, sink, &mut buffer);
            self.read(index, sink, &mut buffer);
        }
        self.finish()
    }

    fn follow(&mut self, live: &Live, sinks: &mut [Sink; 2], buffer: &mut Vec<u8>) -> io::Result<()> {
        while !self.finished() {
            let ready = self.wait(live)?;
            if ready.stdin {
                self.feed();
            }
            for (index, sink) in sinks.iter_mut().enumerate() {
                if ready.outputs[index] {
                    self.read(index, sink, buffer);
                }
            }
            if self.exited.is_none() && (ready.exit || self.pidfd.is_none()) {
                let status = self.handle.try_wait()?.map(|output| output.status);
                self.exited = status.map(|status| (Instant::now(), status));
            }
            if ready.wake {
                live.clear_wake();
            }
            self.decide(live.cancelled());
        }
        Ok(())
    }

    /// Nothing more will come, or nothing more is waited for.
    fn finished(&self) -> bool {
        let Some((exited, _)) = self.exited else { return false };
        match &self.stopping {
            None => self.outputs.iter().all(Option::is_none) || exited.elapsed() >= LAST_WORDS,
            Some(stopping) => {
                group_is_gone(self.group) || stopping.killed.is_some_and(|killed| killed.elapsed() >= DYING)
            }
        }
    }

    /// Sleep until something happens or a limit is reached.
    fn wait(&self, live: &Live) -> io::Result<Ready> {
        let mut fds = Vec::with_capacity(5);
        fds.push(PollFd::new(&live.wake, PollFlags::IN));
        let exit = self.pidfd.as_ref().filter(|_| self.exited.is_none());
        fds.extend(exit.map(|fd| PollFd::new(fd, PollFlags::IN)));
        fds.extend(self.stdin.as_ref().map(|feed| PollFd::new(&feed.pipe, PollFlags::OUT)));
        fds.extend(self.outputs.iter().flatten().map(|pipe| PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::IN)));
        let timeout = self.next_look().map(|at| at.saturating_duration_since(Instant::now()));
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let mut ready = fds.iter().map(|fd| !fd.revents().is_empty());
        let mut next = |present: bool| present && ready.next().unwrap_or(false);
        Ok(Ready {
            wake: next(true),
            exit: next(exit.is_some()),
            stdin: next(self.stdin.is_some()),
            outputs: [next(self.outputs[0].is_some()), next(self.outputs[1].is_some())],
        })
    }

    fn next_look(&self) -> Option<Instant> {
        let limit = match (&self.stopping, self.exited) {
            (Some(Stopping { killed: None, kill_at, .. }), None) => Some(*kill_at),
            // The rest of the group gives no sign when it goes.
            (Some(_), _) => Some(Instant::now() + LOOK),
            (None, Some((exited, _))) => Some(exited + LAST_WORDS),
            (None, None) => self.deadline,
        };
        let blind = (self.pidfd.is_none() && self.exited.is_none()).then(|| Instant::now() + LOOK);
        limit.into_iter().chain(blind).min()
    }

    fn feed(&mut self) {
        let Some(feed) = &mut self.stdin else { return };
        match feed.pipe.write(&feed.bytes[feed.written..]) {
            Ok(count) => feed.written += count,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => return,
            // The process does not want the rest: its own affair, as in any pipeline.
            Err(_) => feed.written = feed.bytes.len(),
        }
        if feed.written == feed.bytes.len() {
            self.stdin = None;
        }
    }

    fn read(&mut self, index: usize, sink: &mut Sink, buffer: &mut Vec<u8>) {
        let Some(pipe) = &mut self.outputs[index] else { return };
        buffer.clear();
        let count = match rustix::io::read(&*pipe, rustix::buffer::spare_capacity(buffer)) {
            Ok(count) => count,
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => return,
            Err(_) => 0,
        };
        if count == 0 {
            self.outputs[index] = None;
        } else if self.lost.is_none() {
            self.lost = sink.write(buffer).err();
        }
    }

    /// Cancel, lost output and the time limit end the group; a grace period that is over kills it.
    fn decide(&mut self, cancelled: Option<Cancel>) {
        let now = Instant::now();
        let running = self.exited.is_none();
        if self.stopping.is_none() && running {
            if cancelled.is_some() {
                self.stop(Ended::Cancelled, now);
            } else if let Some(error) = &self.lost {
                self.stop(Ended::Failed(format!("its output could not be stored: {error}")), now);
            } else if self.deadline.is_some_and(|deadline| deadline <= now) {
                self.stop(Ended::TimedOut, now);
            }
        }
        if let Some(stopping) = &mut self.stopping {
            if cancelled == Some(Cancel::Kill) {
                stopping.kill_at = now;
            }
            if stopping.kill_at <= now {
                stopping.killed.get_or_insert(now);
                // One KILL can miss a child that is just being forked, so this comes again with every look.
                let _ = kill_process_group(self.group, Signal::KILL);
            }
        }
    }

    fn stop(&mut self, why: Ended, now: Instant) {
        self.stopping = Some(Stopping { why, kill_at: now + self.grace, killed: None });
        self.stdin = None;
        // In its first moment a process may not have its group yet. It was not waited for, so the number is still its own.
        let _ = kill_process_group(self.group, Signal::TERM).or_else(|_| kill_process(self.group, Signal::TERM));
    }

    fn finish(self) -> Finish {
        let duration = self.exited.map_or_else(|| self.started.elapsed(), |(exited, _)| exited - self.started);
        let ended = match (self.stopping, self.exited) {
            (Some(stopping), _) => stopping.why,
            (None, Some((_, status))) => ended_by_itself(status),
            (None, None) => Ended::Failed("it was left running".to_owned()),
        };
        Finish { ended, duration, output_held: self.outputs.iter().any(Option::is_some), lost: self.lost }
    }
}

fn leader(handle: &duct::Handle) -> io::Result<(u32, Pid)> {
    let pid = handle.pids().first().copied();
    pid.and_then(|pid| Some((pid, Pid::from_raw(i32::try_from(pid).ok()?)?)))
        .ok_or_else(|| io::Error::other("the system gave no process id"))
}

fn group_is_gone(group: Pid) -> bool {
    test_kill_process_group(group) == Err(rustix::io::Errno::SRCH)
}

fn ended_by_itself(status: ExitStatus) -> Ended {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ended::Exit(code),
        (None, Some(signal)) => Ended::Signal(signal),
        (None, None) => Ended::Failed(format!("it ended in an unknown way: {status}")),
    }
}

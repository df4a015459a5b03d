//! A steady load beside a run, counting every answer and every missing one.

use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::run::program;

/// A load that runs until it is asked what it saw.
pub(crate) struct Witness(Option<Child>);

impl Witness {
    /// Requests per second for one loopback address.
    pub(crate) fn of(url: &str, rps: u32) -> Witness {
        let mut command = Command::new(program());
        command.args(["demo", "load", "--json", "--seconds", "600", "--rps", &rps.to_string(), "--url", url]);
        Witness(Some(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the load starts")))
    }

    /// Ends the load and tells what it saw.
    pub(crate) fn testify(mut self) -> Value {
        let load = self.0.take().expect("a witness testifies once");
        kill_process(Pid::from_child(&load), Signal::TERM).expect("it still runs");
        let output = load.wait_with_output().expect("it ends");
        serde_json::from_slice(&output.stdout).expect("a report")
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        if let Some(load) = &mut self.0 {
            let _ = load.kill();
            let _ = load.wait();
        }
    }
}

/// Nothing was dropped, refused or answered with an error, and there was enough to see.
pub(crate) fn saw_nothing(report: &Value) {
    assert!(report["sent"].as_u64().is_some_and(|sent| sent > 10), "{report:#}");
    assert_eq!(report["ok"], report["sent"], "{report:#}");
    assert_eq!((&report["dropped"], &report["unsent"]), (&0.into(), &0.into()), "{report:#}");
}

//! A steady load beside a run, counting every answer and every missing one.

use std::process::{Child, Command, Stdio};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::run::program;

/// A load that runs until it is asked what it saw.
pub(crate) struct Witness {
    load: Option<Child>,
    rps: u32,
    since: Instant,
}

/// How long it would go on by itself, in seconds.
const LONGEST: u64 = 600;

impl Witness {
    /// Requests per second for one loopback address.
    pub(crate) fn of(url: &str, rps: u32) -> Witness {
        let mut command = Command::new(program());
        command.args(["demo", "load", "--json", "--seconds", &LONGEST.to_string(), "--rps", &rps.to_string()]);
        command.args(["--url", url]).stdout(Stdio::piped()).stderr(Stdio::null());
        Witness { load: Some(command.spawn().expect("the load starts")), rps, since: Instant::now() }
    }

    /// Ends the load and tells what it saw, and as `due` how many requests there should have been.
    pub(crate) fn testify(mut self) -> Value {
        let load = self.load.take().expect("a witness testifies once");
        let watched = self.since.elapsed();
        assert!(watched.as_secs() < LONGEST, "the load has ended before what it was to witness");
        kill_process(Pid::from_child(&load), Signal::TERM).expect("it still runs");
        let output = load.wait_with_output().expect("it ends");
        let mut report: Value = serde_json::from_slice(&output.stdout).expect("a report");
        report["due"] = ((watched.as_secs_f64() * f64::from(self.rps)) as u64).into();
        report["rps"] = self.rps.into();
        report
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        if let Some(load) = &mut self.load {
            let _ = load.kill();
            let _ = load.wait();
        }
    }
}

/// Nothing was dropped, refused, answered with an error or by somebody else, and it looked all the time at its rate.
pub(crate) fn saw_nothing(report: &Value) {
    let count = |name: &str| report[name].as_u64().unwrap_or_default();
    // It takes a moment until the program is there.
    let wanted = (count("due") * 9 / 10).saturating_sub(count("rps"));
    assert!(count("sent") > wanted.max(10), "{report:#}");
    let by_color: u64 = report["by_color"].as_object().into_iter().flatten().filter_map(|(_, n)| n.as_u64()).sum();
    assert_eq!(by_color, count("sent"), "{report:#}");
    assert_eq!(report["ok"], report["sent"], "{report:#}");
    assert_eq!((&report["dropped"], &report["unsent"]), (&0.into(), &0.into()), "{report:#}");
}

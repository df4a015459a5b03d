//! Memory of a process that really grows: once, and by how much.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::run::{Home, Outcome};

/// Holds 100 MiB, and so much more as soon as somebody asks for it; then it stays as it is.
struct Heavy(Child);

impl Heavy {
    fn start(dir: &Path, more_mib: u32) -> Heavy {
        let script = format!(
            "import os, time\nheld = b'x' * (100 << 20)\nopen('up', 'w').close()\n\
             while not os.path.exists('rise'): time.sleep(0.02)\n\
             more = b'x' * ({more_mib} << 20)\nopen('risen', 'w').close()\ntime.sleep(120)\n"
        );
        let mut command = Command::new("python3");
        command.args(["-c", &script]).current_dir(dir).stdin(Stdio::null());
        let heavy = Heavy(command.spawn().expect("python3 is installed"));
        let deadline = Instant::now() + Duration::from_secs(20);
        while !dir.join("up").exists() {
            assert!(Instant::now() < deadline, "it never came up");
            thread::sleep(Duration::from_millis(20));
        }
        heavy
    }
}

impl Drop for Heavy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const BOOK: &str = r#"
runbook: v1
name: heavier
on_failure: rollback
metrics:
  rss: { shell: "awk '/VmRSS/ { print $2 }' /proc/PID/status", effect: read, unit: KiB, baseline: 6s }
steps:
  - id: deploy
    shell: touch rise; while [ ! -e risen ]; do sleep 0.05; done
    timeout: 20s
    undo: { none: it is only looked at }
  - id: soak
    wait: 8s
    guards:
      every: 1s
      hit: worst
      rules:
        - { symptom: Memory leak, if: { rss: { slope: "> 100MB/min", over: 4s } }, action: rollback }
        - { symptom: Memory raised, if: { rss: { vs_baseline: "> +10%" } }, action: rollback }
        - { symptom: Memory +10%, if: { rss: { vs_baseline: "<= +10%" } }, action: ok }
        - { otherwise: rollback }
        - { no_data: inconclusive }
"#;

/// A run beside a process that gets heavier by so much, and how its memory changed, in parts of what it was.
fn heavier_by(mib: u32) -> (Outcome, Vec<f64>) {
    let home = Home::fresh();
    let heavy = Heavy::start(home.path(), mib);
    let book = home.path().join("heavier.yml");
    fs::write(&book, BOOK.replace("PID", &heavy.0.id().to_string())).expect("written");
    let output = home.ask(&["run", &book.display().to_string(), "--no-input"]);
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    let outcome = Outcome::of_last(&home, output.status.code().unwrap_or(-1), text.into_owned());
    let seen = |path: &str| -> Vec<f64> {
        let looks = outcome.events("looked").into_iter().filter(|look| look["path"] == path);
        let number = |look: &Value| look["samples"]["rss"]["value"]["number"]["value"].as_str()?.parse().ok();
        looks.filter_map(number).collect()
    };
    let before = *seen("before-any-change.take-baseline").last().expect("a baseline");
    let raised = seen("main.soak~guard").iter().map(|now| now / before).collect();
    (outcome, raised)
}

#[test]
#[ignore = "needs python3; tests/run runs it"]
fn memory_that_rose_by_less_than_a_tenth_and_stays_is_ok_and_logged() {
    let (outcome, raised) = heavier_by(8);
    let outcome = outcome.must_end(0);
    assert!(raised.len() > 3 && raised.iter().all(|part| (1.04..=1.10).contains(part)), "{raised:?}");
    let of_guard: Vec<&Value> =
        outcome.events("looked").into_iter().filter(|look| look["path"] == "main.soak~guard").collect();
    let last = of_guard.last().expect("it looked");
    assert_eq!(last["ruling"], "ok", "{last:#}");
    assert!(last["because"].as_str().is_some_and(|why| why.contains("<= +10% against the baseline of ")), "{last:#}");
    assert!(outcome.events("ruled").is_empty() && outcome.events("asked").is_empty());
}

#[test]
#[ignore = "needs python3; tests/run runs it"]
fn memory_that_rose_by_more_than_a_tenth_is_taken_back() {
    let (outcome, raised) = heavier_by(20);
    let outcome = outcome.must_end(11);
    assert!(raised.iter().all(|part| *part > 1.10), "{raised:?}");
    let ruled = outcome.events("ruled");
    let reason = ruled.last().and_then(|e| e["reason"].as_str()).expect("a ruling");
    assert!(reason.starts_with("Memory raised: rss "), "{reason}");
}

//! Every fault of the demo, switched on before every step of every deployment: whatever happens, somebody serves, or the
//! run says loudly that a person must look.
//!
//! A sample by default; `SYSTEMS_FULL=1` tries every cell, `SYSTEMS_JOBS` at a time.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use clap::ValueEnum as _;
use runbook::demo::{Colour, Fault};
use sha2::{Digest as _, Sha256};

use crate::bed::{Bed, Standing};
use crate::run::{Outcome, Run, program, shipped};
use crate::tree::{AT, hooked, script};

/// A deployment of the table: what is run, on what.
struct Subject {
    runbook: &'static str,
    inputs: &'static [(&'static str, &'static str)],
    prepare: fn(&Bed),
}

const SUBJECTS: [Subject; 5] = [
    Subject {
        runbook: "deploy-bluegreen.yml",
        inputs: &[("version", "v1.1.0"), ("soak", "1s"), ("every", "200ms"), ("ready_within", "3s")],
        prepare: |_| {},
    },
    Subject { runbook: "deploy-canary.yml", inputs: &[("version", "v1.1.0"), ("ready_within", "3s")], prepare: |_| {} },
    Subject {
        runbook: "deploy-graceful.yml",
        inputs: &[("version", "v1.1.0"), ("drain_max", "3s"), ("ready_within", "3s")],
        prepare: |_| {},
    },
    Subject {
        runbook: "rollback.yml",
        inputs: &[("to", "v1.0.0"), ("reason", "it is the test's wish"), ("ready_within", "3s")],
        prepare: |bed| {
            bed.replace(Colour::Green, "v1.1.0");
            bed.route(Colour::Green);
        },
    },
    Subject {
        runbook: "rollback.yml",
        inputs: &[("to", "v0.9.0"), ("reason", "it is the test's wish"), ("ready_within", "3s")],
        prepare: |_| {},
    },
];

/// One fault, switched on before one step.
struct Cell<'a> {
    subject: &'a Subject,
    fault: Fault,
    whose: &'static str,
    /// Path of the hook's step.
    place: String,
}

impl fmt::Display for Cell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let goal = self.subject.inputs[0].1;
        write!(f, "{} {goal}: {} of {} on at {}", self.subject.runbook, self.fault, self.whose, self.place)
    }
}

/// A bed with a target and hooks for quick runs.
struct Bench {
    bed: Bed,
    runbooks: PathBuf,
    target: PathBuf,
}

impl Bench {
    fn fresh() -> Bench {
        let bed = Bed::fresh();
        let dir = bed.home.path().to_owned();
        let runbooks = hooked(&dir, &dir.join("hook"));
        let target = dir.join("quick.yml");
        let demo = format!("runbook, demo, --dir, {}", bed.demo.paths().root().display());
        let text = format!(
            "{}commands:\n  stop: [{demo}, stop, --drain, \"2\"]\n  \
             visit: [{demo}, visit, --rps, \"50\", --seconds, \"60\"]\n  \
             smoke: [{demo}, load, --strict, --rps, \"200\", --seconds, \"0.3\", --url]\n",
            hasty_demo()
        );
        fs::write(&target, text).expect("written");
        let bench = Bench { bed, runbooks, target };
        bench.hook(None);
        bench
    }

    /// What runs before every step: nothing, or the fault when the run has come to its place.
    fn hook(&self, cell: Option<&Cell<'_>>) {
        let text = match cell {
            None => "exit 0\n".to_owned(),
            Some(Cell { fault, whose, place, .. }) => {
                let (after, pause) = if *fault == Fault::Latecrash { (" --after 0", "sleep 0.1") } else { ("", "") };
                let (program, root) = (program().display(), self.bed.demo.paths().root().display());
                format!(
                    "[ \"$RUNBOOK_STEP\" = '{place}' ] || exit 0\n\
                     {program} demo --dir {root} fault {fault} on {whose}{after} || exit 1\n{pause}\n"
                )
            }
        };
        script(&self.bed.home.path().join("hook"), &text);
    }

    fn run(&self, subject: &Subject) -> Outcome {
        let run =
            Run::of(&self.bed.home, self.runbooks.join(subject.runbook)).target(self.target.to_str().expect("text"));
        let outcome = subject.inputs.iter().fold(run, |run, (name, value)| run.input(name, value)).answer("g").start();
        // A target that could not be brought back stays locked until somebody answers for it.
        if outcome.code == 13 {
            let run = outcome.records[0]["run"].as_str().expect("the run has an id");
            self.bed.home.must(&["release", run, "the demo is made anew"]);
        }
        outcome
    }

    /// The places where a fault can be switched on: each hook of a good run that stands right before a step.
    fn places(&self, subject: &Subject) -> Vec<String> {
        (subject.prepare)(&self.bed);
        let outcome = self.run(subject).must_end(0);
        let started = outcome.started();
        let is_hook = |path: &str| path.rsplit('.').next().is_some_and(|id| id.starts_with(AT));
        let repeated = |path: &str| {
            path.contains("probes[") && !path.contains("[1]") || path.contains("proof[") && !path.contains("[1]")
        };
        let mut places: Vec<String> = Vec::new();
        for (at, path) in started.iter().enumerate().filter(|(_, path)| is_hook(path) && !repeated(path)) {
            let followed = started.get(at + 1).is_some_and(|next| !is_hook(next));
            if followed && places.last().is_none_or(|last| last != path) {
                places.push((*path).to_owned());
            }
        }
        assert!(places.len() > 8, "{places:?}");
        places
    }

    /// On a machine under load the checklist may refuse before the place is reached; then it is tried again.
    fn try_cell(&self, cell: &Cell<'_>) -> (i32, Vec<String>) {
        let first = self.try_once(cell);
        if first.1.iter().any(|words| words.starts_with(NEVER_CAME)) { self.try_once(cell) } else { first }
    }

    fn try_once(&self, cell: &Cell<'_>) -> (i32, Vec<String>) {
        self.bed.demo.reset().expect("resets");
        self.bed.wait_until_ready();
        (cell.subject.prepare)(&self.bed);
        let before = self.bed.standing();
        self.hook(Some(cell));
        let outcome = self.run(cell.subject);
        (outcome.code, judge(cell, &self.bed, &before, &outcome))
    }
}

/// The demo's own target with times and counts for runs of a few seconds: two requests of the canary will do.
fn hasty_demo() -> String {
    let text = fs::read_to_string(shipped().join("targets/demo.yml")).expect("the demo's target");
    let quick = [
        ("\n  every: 1s", "\n  every: 200ms"),
        ("window: 4s", "window: 600ms"),
        ("lag: 100ms", "lag: 10ms"),
        ("answer_within: 5m", "answer_within: 1s"),
        ("wait_1: 16s", "wait_1: 1500ms"),
        ("wait_5: 6s", "wait_5: 600ms"),
        ("wait_25: 6s", "wait_25: 400ms"),
        ("wait_50: 6s", "wait_50: 400ms"),
        ("wait_100: 4s", "wait_100: 400ms"),
        ("share_tolerance: 3%", "share_tolerance: 20%"),
        ("min_samples: 59 ", "min_samples: 1 "),
        ("p95_to_main: 4x", "p95_to_main: 1000x"),
        ("min_samples: 598", "min_samples: 20"),
        ("breach_samples: 74", "breach_samples: 20"),
        ("breach_samples: 59", "breach_samples: 20"),
        ("drain_every: 1s", "drain_every: 200ms"),
        ("leak_over: 10s", "leak_over: 1s"),
        ("leak: 150MB", "leak: 150GB"),
        ("memory_ok: +500%", "memory_ok: +2000%"),
        ("look_1: 5s", "look_1: 500ms"),
        ("look_2: 10s", "look_2: 1500ms"),
        ("look_3: 15s", "look_3: 2500ms"),
        ("look_for: 4s", "look_for: 800ms"),
    ];
    quick.iter().fold(text, |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    })
}

const NEVER_CAME: &str = "the run never came to the place";

/// What is wrong with how a cell ended; nothing, if all is well.
fn judge(cell: &Cell<'_>, bed: &Bed, before: &Standing, outcome: &Outcome) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut claim = |holds: bool, words: String| {
        if !holds {
            wrong.push(words);
        }
    };
    let code = outcome.code;
    claim(outcome.has_started(&cell.place), format!("{NEVER_CAME}: {}", outcome.report["cause"]));
    claim([0, 1, 4, 11, 12, 13].contains(&code), format!("exit code {code}"));
    claim(outcome.verified.0 == Some(0), format!("the log does not verify: {}", outcome.verified.1));
    let after = bed.standing();
    let loud = [12, 13].contains(&code);
    if loud {
        claim(says_so(outcome), "the screen does not say that a person must look".into());
    } else if let Err(words) = serves(cell, bed, &after) {
        // An app that the fault itself ended is not the run's doing, as long as the run does not call it a success.
        claim(cell.fault == Fault::Latecrash && code != 0, words);
        claim(!after.maintenance, "maintenance mode is still on".into());
    } else {
        claim(!after.maintenance, "maintenance mode is still on".into());
    }
    // What runs on every exit path failed after all was done: that is told, and nothing is taken back.
    let at_the_end = code == 1 && outcome.report["cause"].is_null();
    if [1, 4, 11].contains(&code) && !at_the_end {
        claim(as_before(cell, before, &after), format!("left {after:?}, not {before:?}"));
    }
    wrong
}

fn says_so(outcome: &Outcome) -> bool {
    let word = if outcome.code == 12 { "UNKNOWN" } else { "ROLLBACK FAILED" };
    outcome.text.contains(word)
}

/// Somebody who runs answers through the balancer, and is who it says it is.
fn serves(cell: &Cell<'_>, bed: &Bed, after: &Standing) -> Result<(), String> {
    let answer = bed.through_balancer("/health/live").map_err(|e| format!("nobody serves: {e}"))?;
    if answer.status != 200 {
        return Err(format!("the service answers {}", answer.status));
    }
    let is_blue = answer.header("x-upstream").ends_with(&format!(":{}", bed.ports.blue));
    let (colour, runs) = if is_blue { ("blue", &after.blue) } else { ("green", &after.green) };
    let told = (answer.header("x-color"), answer.header("x-version"));
    let Some(version) = runs else { return Err(format!("{colour} serves and does not run")) };
    let lies = [Fault::LiesAboutVersion, Fault::WrongColor].contains(&cell.fault);
    if !lies && told != (colour, version.as_str()) {
        return Err(format!("{colour} {version} serves and says it is {told:?}"));
    }
    Ok(())
}

fn as_before(cell: &Cell<'_>, before: &Standing, after: &Standing) -> bool {
    if cell.fault != Fault::Latecrash {
        return before == after;
    }
    let same = |before: &Option<String>, after: &Option<String>| after.is_none() || before == after;
    before.upstream == after.upstream && same(&before.blue, &after.blue) && same(&before.green, &after.green)
}

#[test]
#[ignore = "takes a minute; tests/run runs it"]
fn whatever_breaks_before_whatever_step_somebody_serves_or_the_run_says_so() {
    let full = std::env::var_os("SYSTEMS_FULL").is_some();
    let jobs = std::env::var("SYSTEMS_JOBS").ok().and_then(|jobs| jobs.parse().ok()).unwrap_or(8);
    let cells = cells(full);
    eprintln!("{} cells, {jobs} at a time", cells.len());
    let (next, results) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                let mut bench = Bench::fresh();
                while let Some(cell) = cells.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let tried = catch_unwind(AssertUnwindSafe(|| bench.try_cell(cell)));
                    let (code, wrong) = tried.unwrap_or_else(|_| {
                        bench = Bench::fresh();
                        (-1, vec!["the test gave up; see above".into()])
                    });
                    eprintln!(
                        "{code:>3}  {cell}{}",
                        wrong.iter().map(|w| format!("\n     WRONG: {w}")).collect::<String>()
                    );
                    results.lock().expect("no panic holds it").push((cell, code, wrong));
                }
            });
        }
    });
    let results = results.into_inner().expect("no panic holds it");
    let mut counts: BTreeMap<(&str, i32), usize> = BTreeMap::new();
    for (cell, code, _) in &results {
        *counts.entry((cell.subject.runbook, *code)).or_default() += 1;
    }
    eprintln!("{} cells; runbook, exit code, how many: {counts:#?}", results.len());
    let wrong: Vec<String> = results
        .iter()
        .filter(|(_, _, wrong)| !wrong.is_empty())
        .map(|(cell, code, wrong)| format!("{cell}: exit code {code}: {}", wrong.join("; ")))
        .collect();
    assert_eq!(results.len(), cells.len());
    assert!(wrong.is_empty(), "{} of {} cells:\n{}", wrong.len(), results.len(), wrong.join("\n"));
}

/// All cells, or every fault once per subject, at steps that rotate.
fn cells(full: bool) -> Vec<Cell<'static>> {
    let only = std::env::var("SYSTEMS_ONLY").unwrap_or_default();
    let all_places: Vec<Vec<String>> = thread::scope(|scope| {
        let good_runs = SUBJECTS.each_ref().map(|subject| scope.spawn(|| Bench::fresh().places(subject)));
        good_runs.into_iter().map(|run| run.join().expect("a good run")).collect()
    });
    let mut cells = Vec::new();
    for (turn, (subject, mut places)) in SUBJECTS.iter().zip(all_places).enumerate() {
        if full && turn > 0 {
            // The checklist is the same for all, and nothing has been changed by then.
            places.retain(|place| !place.contains("checklist"));
        }
        for (number, fault) in Fault::value_variants().iter().enumerate() {
            let chosen = (number * 7 + turn * 3) % places.len();
            for (at, place) in places.iter().enumerate().filter(|(at, _)| full || *at == chosen) {
                let whose = ["all", "green", "blue"][(at + number) % 3];
                let cell = Cell { subject, fault: *fault, whose, place: place.clone() };
                if cell.to_string().contains(&only) {
                    cells.push(cell);
                }
            }
        }
    }
    // In no order that a long table could be cut off in.
    cells.sort_by_key(|cell| Sha256::digest(cell.to_string()).to_vec());
    cells
}

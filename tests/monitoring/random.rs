//! Random runbooks with tables, stages, marks and rounds, random metrics, kills and answers. What must hold is said again
//! here, slowly, from the events alone.

use std::collections::BTreeMap;

use runbook::decide::{Measured, Ruling, Sample};
use runbook::machine::action::ReadValue;
use runbook::machine::event::{Answer, Event};

use super::hours::{Hours, MINUTE, SECOND};

/// One random case: what was written, and what the slow oracle has to know of it.
struct Case {
    book: String,
    every_s: u64,
    /// Errors over so many percent for so many seconds end the run.
    limit: f64,
    held_s: u64,
    /// Percent below which a stage may end.
    criterion: f64,
    stage_wait_s: u64,
    stages: usize,
    /// `check` is due at this minute after the start.
    due_min: u64,
    /// What guards do without data.
    no_data: &'static str,
}

/// A small generator of random numbers: one seed, one sequence.
struct Rng(u64);

impl Rng {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }
}

fn case(rng: &mut Rng) -> Case {
    let (every_s, limit, held_s) = (rng.pick(&[5, 10, 30]), rng.pick(&[3.0, 5.0]), rng.pick(&[60, 180, 300]));
    let (criterion, stage_wait_s, stages) = (rng.pick(&[0.5, 1.0]), rng.pick(&[60, 300]), rng.pick(&[1, 2, 3]));
    let (end, no_data) = (rng.pick(&["rollback", "abort"]), rng.pick(&["inconclusive", "hold", "investigate"]));
    let due_min = rng.pick(&[5, 40, 120]);
    let table: Vec<String> = [1, 10, 50][..stages]
        .iter()
        .map(|percent| {
            format!("            - {{ percent: {percent}, wait: {stage_wait_s}s, criteria: {{ errors: \"< {criterion}%\" }} }}\n")
        })
        .collect();
    let book = format!(
        r#"
runbook: v1
name: random
metrics:
  errors: {{ prometheus: errors, url: "http://127.0.0.1:9090", samples: requests, min_samples: 100, unit: "%" }}
  memory: {{ prometheus: memory, url: "http://127.0.0.1:9090", unit: MiB }}
  queue: {{ prometheus: queue, url: "http://127.0.0.1:9090", unit: count }}
on_failure: rollback
guards:
  every: {every_s}s
  hit: worst
  investigate: {{ within: 10m, then: abort }}
  rules:
    - {{ symptom: High for long, if: {{ errors: "> {limit}%" }}, for: {held_s}s, action: rollback }}
    - {{ symptom: Raised, if: {{ errors: "> 1%" }}, action: investigate }}
    - {{ symptom: Fine, if: {{ errors: "0% .. 1%" }}, action: ok }}
    - {{ symptom: Memory, if: {{ memory: "> 100MiB" }}, action: investigate }}
    - {{ symptom: Enough memory, if: {{ memory: "<= 100MiB" }}, action: ok }}
    - {{ symptom: Queue, if: {{ queue: "> 50" }}, action: hold }}
    - {{ symptom: Short queue, if: {{ queue: "<= 50" }}, action: ok }}
    - {{ otherwise: investigate }}
    - {{ no_data: {no_data} }}
phases:
  - id: change
    steps:
      - {{ id: deploy, shell: ./deploy, timeout: 1m, undo: {{ shell: ./undeploy }} }}
      - id: rollout
        stages:
          table:
{table}
          every: 10s
          extend: {{ max: 1, then: {end} }}
          steps:
            - {{ id: weights, exec: [./weight, "{{{{ stage.percent }}}}"], timeout: 1m, undo: {{ shell: ./back }} }}
  - {{ id: soak, steps: [{{ id: pause, wait: 10m }}] }}
  - {{ id: check, at: T+{due_min}m, steps: [{{ id: once, shell: ./look, timeout: 1m, effect: read }}] }}
  - id: rounds
    steps:
      - id: round
        rounds:
          times: [{{ every: 5m, until: 30m }}]
          steps: [{{ id: look, shell: ./look, timeout: 1m, effect: read }}]
"#,
        table = table.concat().trim_end(),
    );
    Case { book, every_s, limit, held_s, criterion, stage_wait_s, stages, due_min, no_data }
}

/// A metric that is now and then high, for so long, or not there.
fn other(rng: &mut Rng, low_s: u64, high_s: u64) -> impl Fn(u64) -> ReadValue + use<> {
    let mut pieces: Vec<(u64, u64)> = Vec::new();
    let mut at = 0;
    while at < 12 * 3600 {
        let kind = if pieces.len().is_multiple_of(2) { 0 } else { 1 + rng.below(8) };
        pieces.push((at, kind));
        at += 20 + rng.below(if kind == 0 { low_s } else { high_s });
    }
    move |second| match pieces[pieces.partition_point(|(from, _)| *from <= second).saturating_sub(1)].1 {
        0 => ReadValue::Number(10.0),
        1 => ReadValue::Empty,
        _ => ReadValue::Number(500.0),
    }
}

/// Errors in pieces of random length, some of them without data or with too little of it.
fn metrics(mut rng: Rng) -> impl Fn(&str, u64) -> ReadValue {
    let (memory, queue) = (other(&mut rng, 1200, 400), other(&mut rng, 6000, 1200));
    let mut pieces: Vec<(u64, u64)> = Vec::new();
    let mut at = 0;
    while at < 12 * 3600 {
        let kind = match rng.below(100) {
            0..=79 => 0,
            80..=86 => 1,
            87..=93 => 2,
            94..=96 => 3,
            _ => 4,
        };
        pieces.push((at, kind));
        at += 20 + rng.below(if kind == 0 { 1500 } else { 500 });
    }
    move |name, second| {
        let here = pieces.partition_point(|(from, _)| *from <= second).saturating_sub(1);
        match (name, pieces[here].1) {
            ("memory", _) => memory(second),
            ("queue", _) => queue(second),
            ("errors", 0) => ReadValue::Number(0.1),
            ("errors", 1) => ReadValue::Number(2.0),
            ("errors", 2) => ReadValue::Number(8.0),
            (_, 3) => ReadValue::Empty,
            ("errors", _) => ReadValue::Number(0.1),
            (_, 4) => ReadValue::Number(20.0),
            _ => ReadValue::Number(5000.0),
        }
    }
}

/// Drives a case to its end over random kills, with people who answer at random.
fn driven(case: &Case, rng: &mut Rng) -> Hours {
    let series = Rng(rng.below(u64::MAX >> 1));
    let seed = rng.below(u64::MAX >> 1);
    let mut run = Hours::of(&case.book, metrics(series)).seeded(seed);
    for _ in 0..200 {
        run.go(rng.pick(&[45 * SECOND, 3 * MINUTE, 20 * MINUTE]));
        if run.outcome().is_some() {
            break;
        }
        for path in run.questions() {
            match rng.below(4) {
                0 | 1 => run.answer(&path, Answer::Go),
                2 if rng.below(8) == 0 => run.answer(&path, Answer::BackOut),
                _ => &mut run,
            };
        }
        if rng.below(6) == 0 {
            run.killed_for(rng.pick(&[2 * SECOND, 15 * SECOND, 2 * MINUTE, 30 * MINUTE]));
        }
    }
    run
}

/// Everything that is wrong with a run, in words.
fn wrong(case: &Case, run: &Hours) -> Vec<String> {
    let mut found = Vec::new();
    if run.outcome().is_none() {
        found.push("it never ended".to_string());
    }
    held_for_long(case, run, &mut found);
    nothing_after_the_end(run, &mut found);
    stages_are_proved(case, run, &mut found);
    marks_are_kept(case, run, &mut found);
    guards_keep_back(case, run, &mut found);
    found
}

/// One thing that a look of the guards finds, as the rows are written above.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Thing {
    Raised,
    Memory,
    Queue,
    NotForLongEnough,
    NoData(&'static str),
}

/// What a look finds, and what of all that it does not.
fn things(case: &Case, samples: &BTreeMap<String, Sample>, fires: bool) -> (Vec<Thing>, Vec<Thing>) {
    let number = |name: &str| match &samples[name].value {
        Measured::Number { value, evidence, .. } if name != "errors" || evidence.unwrap_or(0) >= 100 => Some(*value),
        _ => None,
    };
    let (mut found, mut gone) = (Vec::new(), Vec::new());
    for (name, thing, limit) in
        [("errors", Thing::Raised, 1.0), ("memory", Thing::Memory, 100.0), ("queue", Thing::Queue, 50.0)]
    {
        match number(name) {
            Some(value) => {
                gone.push(Thing::NoData(name));
                if value > limit { found.push(thing) } else { gone.push(thing) }
            }
            None => found.push(Thing::NoData(name)),
        }
    }
    if number("errors").is_some_and(|errors| errors > case.limit) && !fires {
        found.push(Thing::NotForLongEnough);
    }
    (found, gone)
}

/// What guards keep from beginning, and from ending, as docs/decisions.md has it.
fn guards_keep_back(case: &Case, run: &Hours, found: &mut Vec<String>) {
    // What the last look found; none where there was none since somebody took over.
    let mut seen: Option<Vec<Thing>> = None;
    let (mut accepted, mut asked, mut looked_at_the_end) = (Vec::<Thing>::new(), Vec::<Thing>::new(), false);
    let asks = |thing: &Thing| match thing {
        Thing::Raised | Thing::Memory => true,
        Thing::NoData(_) => case.no_data == "investigate",
        Thing::Queue | Thing::NotForLongEnough => false,
    };
    let may_go_on = |thing: &Thing| matches!(thing, Thing::NoData(_)) && case.no_data == "inconclusive";
    for (at, event) in &run.events {
        let second = at.run_us / SECOND;
        let open: Vec<Thing> = seen.iter().flatten().filter(|thing| !accepted.contains(thing)).copied().collect();
        match event {
            Event::Looked { path, samples, ruling, .. } if path == "~guard" => {
                let (things, gone) = things(case, samples, *ruling == Ruling::Rollback);
                accepted.retain(|thing| !gone.contains(thing));
                let passes = things.is_empty() && *ruling != Ruling::Rollback;
                if passes != ruling.passes() {
                    found.push(format!("at {second} the guards said {ruling:?} to {things:?}"));
                }
                seen = Some(things);
            }
            Event::Resumed { .. } => (seen, looked_at_the_end) = (None, false),
            Event::Asked(question) if question.path == "~ask" => {
                asked = open.iter().filter(|thing| asks(thing)).copied().collect();
                if asked.is_empty() {
                    asked = open.iter().filter(|thing| may_go_on(thing)).copied().collect();
                }
                if asked.is_empty() {
                    found.push(format!("at {second} it asked, and there was only {open:?}"));
                }
            }
            Event::Answered { path, answer: Answer::Go, .. } if path == "~ask" => {
                if let Some(thing) = open.iter().find(|thing| asks(thing) && !asked.contains(thing)) {
                    found.push(format!("at {second} GO was said to {asked:?}, and nobody had asked about {thing:?}"));
                }
                accepted.append(&mut asked);
            }
            Event::StepStarted(step) if step.path == "~guard" => looked_at_the_end = true,
            Event::StepStarted(step)
                if !step.path.contains('~') && step.attempt == 1 && !(seen.is_some() && open.iter().all(may_go_on)) =>
            {
                found.push(format!("at {second} {} began although {open:?} of {seen:?}", step.path));
            }
            Event::StepFinished { path, .. } if !path.contains('~') => looked_at_the_end = false,
            // What follows is no way forward any more.
            Event::Turned { cause, .. } => {
                if cause.is_none() && !(looked_at_the_end && seen.is_some() && open.is_empty()) {
                    found.push(format!("it passed although {open:?} of {seen:?}, at the end: {looked_at_the_end}"));
                }
                break;
            }
            _ => {}
        }
    }
}

/// The first rule fires exactly when every sample of its time was high and none of them was missing for too long.
fn held_for_long(case: &Case, run: &Hours, found: &mut Vec<String>) {
    let mut streak: Option<(u64, u64)> = None;
    for (_, event) in &run.events {
        let Event::Looked { path, samples, ruling, .. } = event else { continue };
        if path != "~guard" {
            continue;
        }
        let sample = &samples["errors"];
        let mut fires = false;
        match &sample.value {
            Measured::Number { value, .. } if *value > case.limit => {
                let goes_on = |(_, last): &(u64, u64)| sample.at_us - last <= case.every_s * SECOND * 5 / 2;
                let since = streak.filter(goes_on).map_or(sample.at_us, |(since, _)| since);
                streak = Some((since, sample.at_us));
                fires = sample.at_us - since + case.every_s * SECOND / 10 >= case.held_s * SECOND;
            }
            Measured::Number { .. } => streak = None,
            _ => {}
        }
        if fires != (*ruling == Ruling::Rollback) {
            found.push(format!("at {} the table said {ruling:?}, the samples say {fires}", sample.at_us));
        }
    }
}

/// What a table ended does not begin anything more going forward.
fn nothing_after_the_end(run: &Hours, found: &mut Vec<String>) {
    let mut ended = false;
    for (_, event) in &run.events {
        match event {
            Event::Ruled { .. } | Event::Turned { .. } => ended = true,
            Event::StepStarted(step) if ended && !step.path.contains('~') => {
                found.push(format!("{} began after the end", step.path));
            }
            _ => {}
        }
    }
}

/// A stage ends when its time was watched to the end and its last look was good, or a person said so.
fn stages_are_proved(case: &Case, run: &Hours, found: &mut Vec<String>) {
    let names = ["1%", "10%", "50%"];
    for stage in &names[..case.stages - 1] {
        let look = format!("change.rollout[{stage}].end-of-stage");
        let next = names[names.iter().position(|n| n == stage).unwrap() + 1];
        let next = format!("change.rollout[{next}].weights");
        let began = |path: &str| {
            run.events.iter().position(|(_, e)| matches!(e, Event::StepStarted(s) if s.path == path && s.attempt == 1))
        };
        let Some(after) = began(&next) else { continue };
        let before = &run.events[..after];
        let let_pass =
            before.iter().any(|(_, e)| matches!(e, Event::Answered { path, answer: Answer::Go, .. } if *path == look));
        let last = before.iter().rev().find_map(|(at, e)| match e {
            Event::Looked { path, samples, .. } if *path == look => Some((at, &samples["errors"].value)),
            _ => None,
        });
        match last {
            _ if let_pass => {}
            Some((_, Measured::Number { value, evidence: Some(evidence), .. }))
                if *value < case.criterion && *evidence >= 100 => {}
            other => found.push(format!("{next} began after {other:?}")),
        }
        let weights = began(&format!("change.rollout[{stage}].weights")).expect("the stage had a begin");
        let watched = run.events[after].0.run_us - run.events[weights].0.run_us;
        if watched < case.stage_wait_s * SECOND {
            found.push(format!("{stage} was watched for {} s only", watched / SECOND));
        }
    }
}

/// Nothing begins before its mark, and what begins late is said to be.
fn marks_are_kept(case: &Case, run: &Hours, found: &mut Vec<String>) {
    let Some(began) = run.began("check") else { return };
    let due = case.due_min * 60;
    if began < due {
        found.push(format!("check began at second {began}, due was {due}"));
    }
    let said = run.missed().iter().any(|(path, _)| path == "check");
    // At the end of the minute milliseconds decide.
    if said != (began > due + 60) && began != due + 60 {
        found.push(format!("check began at second {began}, due was {due}, said to be missed: {said}"));
    }
}

#[test]
fn whatever_happens_tables_stages_and_marks_keep_their_word() {
    let seeds = std::env::var("MONITORING_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(150);
    let (mut looks, mut fired, mut turned, mut proved) = (0, 0, 0, 0);
    for seed in 0..seeds {
        let mut rng = Rng(seed);
        let case = case(&mut rng);
        let run = driven(&case, &mut rng);
        let found = wrong(&case, &run);
        assert!(found.is_empty(), "seed {seed}: {found:#?}\n{}", case.book);
        looks += run.happened(|e| matches!(e, Event::Looked { .. }));
        fired +=
            run.happened(|e| matches!(e, Event::Looked { path, ruling: Ruling::Rollback, .. } if path == "~guard"));
        turned += run.happened(|e| matches!(e, Event::Ruled { .. }));
        proved += run.happened(|e| matches!(e, Event::StepStarted(s) if s.path.ends_with("[10%].weights")));
    }
    println!(
        "{seeds} runs, {looks} looks, {fired} times rule 1, {turned} rulings, {proved} second stages: 0 violations"
    );
    assert!(fired > 5 && turned > fired && proved > 5, "the runs show what they are about");
}

/// The oracle is worth something only if it notices a machine that counts differently.
#[test]
fn the_oracle_notices_a_machine_that_counts_otherwise() {
    let (mut longer, mut sooner, mut later) = (0, 0, 0);
    for seed in 0..60 {
        let mut rng = Rng(seed);
        let case = case(&mut rng);
        let run = driven(&case, &mut rng);
        let noticed = |case: Case| usize::from(!wrong(&case, &run).is_empty());
        let book = String::new;
        longer += noticed(Case { held_s: case.held_s + case.every_s, book: book(), ..case });
        sooner += noticed(Case { stage_wait_s: case.stage_wait_s + 20, book: book(), ..case });
        later += noticed(Case { due_min: case.due_min + 1, book: book(), ..case });
    }
    assert!(longer > 0 && sooner > 0 && later > 0, "{longer} {sooner} {later}");
}

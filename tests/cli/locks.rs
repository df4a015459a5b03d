//! Locks and holds: who may change something, who is refused, and what each is told.

use crate::support::*;
use serde_json::Value;
use snapbox::str;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use std::rc::Rc;
use std::time::Instant;

const SLOW: &str = "
target: required
steps:
  - id: slow
    title: Take it out of the balancer
    shell: touch began; while [ ! -e finish ] && [ -e $PWD ]; do sleep 0.02; done
    undo: { shell: touch undone }
    repeat: safe
  - id: after
    shell: touch after
    undo: { none: fine }
";
const QUICK: &str = "target: required\nsteps: [{ id: one, shell: echo one >> quick, undo: { none: fine } }]";
const LOOKS: &str = "target: required\nsteps: [{ id: one, shell: touch looked, effect: read }]";
const ASKS_LATE: &str = "
target: required
steps:
  - { id: one, shell: touch one, undo: { shell: rm one } }
  - { id: go, checkpoint: { title: Still good? } }
  - { id: two, shell: touch two, undo: { none: fine } }
";
const ASKS_FIRST: &str = "
target: required
steps:
  - { id: go, checkpoint: { title: Begin? } }
  - { id: two, shell: touch two, undo: { none: fine } }
";

/// A sandbox with runbooks that all act on the target `prod`.
fn scene(target: &str) -> Test {
    let test = Test::new().file("targets/prod.yml", format!("target: v1\n{target}"));
    let books = [("slow", SLOW), ("quick", QUICK), ("looks", LOOKS), ("late", ASKS_LATE), ("first", ASKS_FIRST)];
    books.iter().fold(test, |test, (name, body)| test.file(&format!("{name}.yml"), book(body)))
}

fn run(sandbox: &Rc<Sandbox>, name: &str) -> Test {
    Test::again(sandbox).args(&format!("run {name}.yml --target prod"))
}

/// The same call by another person: another key, the same machine.
fn by(test: Test, person: &str) -> Test {
    let config = test.sandbox.work().join(format!("../{person}"));
    test.env("XDG_CONFIG_HOME", &config.display().to_string()).env("USER", person)
}

/// People who trust each other for runs and approvals.
fn team(sandbox: &Rc<Sandbox>, people: &[&str]) {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    for person in people {
        by(Test::again(sandbox).args("keys"), person).run();
        let key = sandbox.work().join(format!("../{person}/runbook/id_ed25519.pub"));
        sandbox.write(&format!("{person}.pub"), fs::read(key).unwrap());
    }
    for person in people {
        for other in people {
            by(Test::again(sandbox).args(&format!("keys trust {other}@{host} {other}.pub --role both")), person).run();
        }
    }
}

/// The newest log is whole and signed, as this person sees it.
fn verified(sandbox: &Rc<Sandbox>, person: &str) {
    let said = by(Test::again(sandbox).args("verify").arg(sandbox.run_id()), person).run().stdout;
    assert!(said.starts_with("COMPLETE"), "{said}");
}

fn events(ran: &Ran, kind: &str) -> Vec<Value> {
    let log = log_of(&ran.sandbox);
    let records = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    records.filter(|record| record["event"] == kind).collect()
}

#[test]
fn a_second_run_is_refused_at_once_and_told_who_has_the_lock() {
    let test = scene("");
    let mut first = run(&test.sandbox, "slow").start();
    first.until("began").until_logged("step.start");
    let since = Instant::now();
    let second = run(&test.sandbox, "quick").code(7).stderr(str![[r#"
error[RB1133]: another run has the lock `prod`
  run       [RUN]  book
  who       driven by tester@[HOST], pid [PID] on [HOST]
  since     [TIME]
  state     runs main.slow
look at it:  runbook show [RUN]
wait for it:  the same command with --wait-for-lock 30m
see: runbook explain RB1133

"#]]);
    second.run();
    assert!(since.elapsed().as_secs_f64() < 1.0, "{:?}", since.elapsed());
    assert_eq!(test.sandbox.runs().len(), 1, "a refused run leaves nothing");
    assert!(!test.sandbox.exists("quick"));
    run(&test.sandbox, "looks").run();
    assert!(test.sandbox.exists("looked"), "what only looks takes no lock");
    test.sandbox.write("finish", "");
    first.end().verified();
    run(&test.sandbox, "quick").run().verified();
}

#[test]
fn whoever_waits_is_told_for_whom_and_goes_on_when_it_is_free() {
    let test = scene("");
    let mut first = run(&test.sandbox, "slow").start();
    first.until("began");
    let refused = run(&test.sandbox, "quick").args("--wait-for-lock 300ms").code(7).run();
    assert!(refused.stderr.contains("waiting for the lock prod: run "), "{}", refused.stderr);
    let second = run(&test.sandbox, "quick").args("--wait-for-lock 20s").start();
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(!test.sandbox.exists("quick"));
    test.sandbox.write("finish", "");
    first.end();
    let second = second.end();
    assert!(second.stderr.contains("of tester@"), "{}", second.stderr);
    assert!(test.sandbox.exists("quick"));
    run(&test.sandbox, "quick").args("--wait-for-lock soon").code(2).run();
}

#[test]
fn a_killed_run_that_changed_nothing_is_taken_over_in_less_than_a_second() {
    let body = "target: required
steps:
  - { id: look, shell: touch looking; sleep 30, effect: read }
  - { id: change, shell: touch changed, undo: { none: fine } }";
    let test = scene("").file("looking.yml", book(body));
    let mut first = run(&test.sandbox, "looking").start();
    first.until("looking");
    let killed = first.kill();
    let said = killed.of_run("show").run().stdout;
    assert!(said.contains("prod, only while somebody drives the run: it has changed nothing"), "{said}");
    let report = killed.of_run("report").run().stdout;
    assert!(report.contains("| lock | prod, only while"), "{report}");
    assert!(![said, report].concat().contains("holding"));
    let since = Instant::now();
    let second = run(&test.sandbox, "quick").run();
    let took = since.elapsed();
    second.verified();
    println!("taken over after {took:?}");
    assert!(took.as_secs_f64() < 1.0, "{took:?}");
    let over = &events(&second, "locked")[0]["over"];
    assert_eq!(over["how"], "it died before it changed anything");
    assert_eq!(over["run"].as_str().unwrap().len(), 26);
    assert_eq!(events(&second, "unlocked").len(), 1);
}

#[test]
fn a_killed_run_that_changed_something_owns_the_lock_until_it_is_over() {
    let test = scene("");
    let mut first = run(&test.sandbox, "slow").start();
    first.until("began").until_logged("step.start");
    let killed = first.kill();
    let id = test.sandbox.run_id();
    let since = Instant::now();
    let refused = run(&test.sandbox, "quick").code(7).run();
    assert!(since.elapsed().as_secs_f64() < 1.0);
    for words in ["RB1134", "its driver died after it began to change something", "it runs main.slow"] {
        assert!(refused.stderr.contains(words), "{words}: {}", refused.stderr);
    }
    assert!(refused.stderr.contains(&format!("runbook resume {id}")), "{}", refused.stderr);
    let listed = killed.then("runs").run().stdout;
    assert!(listed.contains("holding lock prod since "), "{listed}");
    let said = killed.of_run("show").run().stdout;
    assert!(said.contains("  holding           lock prod since "), "{said}");
    for people in [&listed, &refused.stderr] {
        let times: Vec<&str> = people.split([' ', ',', '\n']).filter(|word| word.starts_with("20")).collect();
        assert!(!times.is_empty(), "{people}");
        assert!(times.iter().all(|time| time.len() == "2026-03-02T02:00:00Z".len()), "{times:?}");
    }
    let data: Value = serde_json::from_str(&killed.then("runs --output json").run().stdout).unwrap();
    assert_eq!(data[0]["started"].as_str().unwrap().len(), "2026-03-02T02:00:00.123456Z".len(), "{data}");
    test.sandbox.write("finish", "");
    killed.resume().run().verified();
    run(&test.sandbox, "quick").run();
}

#[test]
fn a_run_that_waits_owns_the_lock_only_if_it_changed_something() {
    let test = scene("");
    let first = run(&test.sandbox, "first").code(5).run();
    assert!(first.stderr.contains("prod given back: nothing was changed"), "{}", first.stderr);
    assert!(!first.then("runs").run().stdout.contains("holding"));
    run(&test.sandbox, "quick").run();
    let late = run(&test.sandbox, "late").code(5).run();
    let id = test.sandbox.run_id();
    assert!(late.stderr.contains("holding: lock prod since"), "{}", late.stderr);
    let listed = late.then("runs").run().stdout;
    assert!(listed.lines().next().unwrap().contains("holding lock prod since "), "{listed}");
    assert_eq!(late.show()["lock"]["lock"], "prod");
    let refused = run(&test.sandbox, "quick").code(7).run();
    for words in ["nobody drives it; it waits at main.go for an answer: Still good?", &format!("runbook release {id}")]
    {
        assert!(refused.stderr.contains(words), "{words}: {}", refused.stderr);
    }
    let waiting = test.sandbox.runs()[0].file_name().unwrap().to_string_lossy().into_owned();
    first.then("resume").args(&waiting).code(7).run();
    late.then("release").args(&id).arg("rolled back by hand").run();
    let next = run(&test.sandbox, "quick").run();
    next.verified();
    let over = events(&next, "locked")[0]["over"].clone();
    assert_eq!(over["run"], id);
    assert!(over["how"].as_str().unwrap().ends_with(": rolled back by hand"), "{over}");
}

#[test]
fn a_run_that_was_given_up_and_is_gone_on_with_owns_the_lock_again() {
    let test = scene("");
    let sandbox = &test.sandbox;
    run(sandbox, "late").code(5).run();
    let id = sandbox.run_id();
    Test::again(sandbox).args(&format!("release {id}")).arg("by hand").run();
    Test::again(sandbox).args(&format!("resume {id} --no-input")).code(5).run();
    let refused = run(sandbox, "quick").code(7).run();
    assert!(refused.stderr.contains("an unfinished run owns the lock"), "{}", refused.stderr);
}

#[test]
fn waiting_for_the_lock_is_no_time_of_a_resumed_run() {
    let test = scene("");
    let sandbox = &test.sandbox;
    run(sandbox, "first").code(5).run();
    let id = sandbox.run_id();
    let mut other = run(sandbox, "slow").start();
    other.until("began");
    let waits = Test::again(sandbox).args(&format!("resume {id} --no-input --wait-for-lock 1m")).code(5).start();
    std::thread::sleep(std::time::Duration::from_millis(1500));
    sandbox.write("finish", "");
    waits.end();
    other.end();
    let log =
        fs::read_to_string(sandbox.runs().into_iter().find(|dir| dir.ends_with(&id)).unwrap().join("run.2.jsonl"));
    let records: Vec<Value> = log.unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let at = |record: &Value| record["mono_us"].as_u64().unwrap();
    let locked = records.iter().find(|record| record["event"] == "locked").unwrap();
    assert!(at(locked) - at(&records[0]) < 1_000_000, "{locked}");
}

#[test]
fn a_question_at_the_terminal_says_what_is_held_meanwhile() {
    let test = scene("");
    let mut terminal = run(&test.sandbox, "late").at_terminal();
    terminal.sees("holding: lock prod since ").sees("[g] GO");
    let refused = run(&test.sandbox, "quick").code(7).run();
    assert!(refused.stderr.contains("waits at main.go for an answer: Still good?"), "{}", refused.stderr);
    terminal.types("g").sees("DONE");
    terminal.end();
    run(&test.sandbox, "quick").run();
}

#[test]
fn a_lock_is_never_named_by_a_secret() {
    let body = "inputs: { key: { type: secret, from: 'env:KEY' } }\nlock: \"{{ inputs.key }}\"\n";
    let test = scene("").file("secret.yml", book(&format!("{body}{QUICK}")));
    let ran = run(&test.sandbox, "secret").env("KEY", "hunter2hunter2").code(3).run();
    assert!(!ran.stderr.contains("hunter2"), "{}", ran.stderr);
    let locks = test.sandbox.state().join("locks");
    assert!(!locks.exists() || fs::read_dir(locks).unwrap().count() == 0);
}

#[test]
fn a_run_is_not_given_up_while_one_of_its_steps_still_runs() {
    let test = scene("");
    let mut first = run(&test.sandbox, "slow").start();
    first.until("began").until_logged("step.start");
    let id = test.sandbox.run_id();
    let refused = Test::again(&test.sandbox).args(&format!("release {id}")).arg("mine").code(7).run();
    assert!(refused.stderr.contains("still running"), "{}", refused.stderr);
    let killed = first.kill();
    Test::again(&test.sandbox).args(&format!("release {id}")).arg("mine").code(7).run();
    test.sandbox.write("finish", "");
    killed.resume().run();
}

#[test]
fn where_backing_out_failed_the_target_stays_locked() {
    let body = "target: required
on_failure: rollback
steps:
  - { id: one, shell: touch one, undo: { shell: exit 9 } }
  - { id: two, shell: exit 1, undo: { none: fine } }";
    let test = scene("").file("bad.yml", book(body));
    run(&test.sandbox, "bad").code(13).run();
    let refused = run(&test.sandbox, "quick").code(7).run();
    assert!(refused.stderr.contains("backing out failed; the target is as that left it"), "{}", refused.stderr);
}

#[test]
fn two_hundred_starts_at_once_let_exactly_one_run() {
    let test = scene("").file("key.yml", book("steps: [{ id: one, shell: 'true', effect: read }]"));
    // The signing key is made once before.
    let made = test.new_args("run key.yml").run();
    let mut slow: Vec<_> = (0..200)
        .map(|_| {
            let mut command = run(&made.sandbox, "slow").command();
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    wait_for("began", || made.sandbox.exists("began"));
    let (mut codes, mut told) = (Vec::new(), 0);
    let began = Instant::now();
    while codes.len() < 199 {
        assert!(began.elapsed().as_secs() < 120, "{} of 199 are refused", codes.len());
        slow.retain_mut(|child| match child.try_wait().unwrap() {
            None => true,
            Some(status) => {
                let mut said = String::new();
                std::io::Read::read_to_string(child.stderr.as_mut().unwrap(), &mut said).unwrap();
                told += u32::from(said.contains("has the lock `prod`") && said.contains("driven by tester@"));
                codes.push(status.code());
                false
            }
        });
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    made.sandbox.write("finish", "");
    let last = slow.remove(0).wait_with_output().unwrap().status.code();
    println!("200 starts: 1 ended with {last:?}, {} refused, {told} of them told the holder", codes.len());
    assert!(codes.iter().all(|code| *code == Some(7)), "{codes:?}");
    assert_eq!((last, told, made.sandbox.runs().len()), (Some(0), 199, 2));
}

#[test]
fn scenario_40_an_incident_stops_everybody_until_a_different_person_lifts_it() {
    let test = scene("");
    let sandbox = &test.sandbox;
    team(sandbox, &["ana", "bea"]);
    // Two operators start runs on the same target.
    let mut first = by(run(sandbox, "slow"), "ana").start();
    first.until("began").until_logged("step.start");
    let refused = by(run(sandbox, "quick"), "bea").code(7).run();
    assert!(refused.stderr.contains("driven by ana@"), "{}", refused.stderr);
    // A security incident: bea holds, and the run that is going stops before its next change.
    let held = by(Test::again(sandbox).args("hold prod").arg("security incident"), "bea").run();
    assert!(held.stdout.contains("it stops before its next change"), "{}", held.stdout);
    sandbox.write("finish", "");
    test_code(first, 7);
    assert!(!sandbox.exists("after"), "nothing was changed after the hold");
    let id = sandbox.run_id();
    let log = log_of(sandbox);
    assert!(log.contains("on_hold") && log.contains("security incident"), "{log}");
    // Every run that changes anything is refused, and so is going on.
    for person in ["ana", "bea"] {
        let refused = by(run(sandbox, "quick"), person).code(7).run();
        for words in ["RB1135", "held by   bea@", "why       security incident", "runbook lift 'prod'"] {
            assert!(refused.stderr.contains(words), "{words}: {}", refused.stderr);
        }
        by(Test::again(sandbox).args(&format!("resume {id}")), person).code(7).run();
    }
    // Runs that only look go on.
    by(run(sandbox, "looks"), "ana").run();
    // Whoever placed it cannot lift it; a stranger's word does not count; another person can.
    let own = by(Test::again(sandbox).args("lift prod").arg("never mind"), "bea").code(2).run();
    assert!(own.stderr.contains("another person has to lift it"), "{}", own.stderr);
    let stranger = by(Test::again(sandbox).args("lift prod").arg("let me"), "eve").code(2).run();
    assert!(stranger.stderr.contains("nobody would believe this lift"), "{}", stranger.stderr);
    by(run(sandbox, "quick"), "ana").code(7).run();
    by(Test::again(sandbox).args("lift prod").arg("cleared by ana"), "ana").run();
    by(Test::again(sandbox).args(&format!("resume {id}")), "ana").run();
    verified(sandbox, "ana");
    assert!(sandbox.exists("after"));
    by(run(sandbox, "quick"), "bea").run();
    // It can be shown afterwards.
    let history = by(Test::again(sandbox).args("holds prod"), "ana").run().stdout;
    for words in ["hold", "bea@", "security incident; lifted by ana@", "cleared by ana"] {
        assert!(history.contains(words), "{words}: {history}");
    }
}

#[test]
fn on_hold_a_run_can_be_backed_out() {
    let test = scene("");
    let sandbox = &test.sandbox;
    team(sandbox, &["ana", "bea"]);
    by(run(sandbox, "late"), "ana").code(5).run();
    by(Test::again(sandbox).args("hold prod").arg("incident"), "bea").run();
    let id = sandbox.run_id();
    by(Test::again(sandbox).args(&format!("resume {id}")), "ana").code(7).run();
    by(Test::again(sandbox).args(&format!("resume {id} --back-out")), "ana").code(11).run();
    assert!(!sandbox.exists("one") && !sandbox.exists("two"));
    by(run(sandbox, "quick"), "ana").code(7).run();
}

#[test]
fn a_hold_that_cannot_be_read_holds_and_says_how_to_mend_it() {
    let test = scene("");
    let sandbox = &test.sandbox;
    team(sandbox, &["ana", "bea"]);
    by(run(sandbox, "quick"), "ana").run();
    fs::write(sandbox.state().join("locks/prod.holds"), "nonsense\n").unwrap();
    fs::set_permissions(sandbox.state().join("locks/prod.holds"), fs::Permissions::from_mode(0o600)).unwrap();
    let refused = by(run(sandbox, "quick"), "ana").code(7).run();
    for words in ["RB1135", "the line cannot be read; it holds all the same", "runbook lift 'prod'"] {
        assert!(refused.stderr.contains(words), "{words}: {}", refused.stderr);
    }
    by(Test::again(sandbox).args("lift prod").arg("a disk fault, looked at it"), "bea").run();
    by(run(sandbox, "quick"), "ana").run();
    // Nor is one believed that anybody could have written.
    fs::set_permissions(sandbox.state().join("locks/prod.holds"), fs::Permissions::from_mode(0o666)).unwrap();
    let refused = by(run(sandbox, "quick"), "ana").code(7).run();
    assert!(refused.stderr.contains("is open to others"), "{}", refused.stderr);
}

#[test]
fn an_emergency_runbook_holds_its_target_and_goes_on_itself() {
    let body = "target: required
inputs: { incident: {} }
steps:
  - { id: isolate, shell: touch isolated, undo: { none: stays } }
  - { id: stop, hold: { reason: 'security incident {{ inputs.incident }}' } }
  - { id: tell, shell: touch told, undo: { none: stays } }";
    let test = scene("").file("emergency.yml", book(body));
    let sandbox = &test.sandbox;
    team(sandbox, &["ana", "bea"]);
    let plan = Test::again(sandbox).args("plan emergency.yml -t prod -i incident=7").run().stdout;
    assert!(plan.contains("hold prod until another person lifts it:"), "{plan}");
    assert!(plan.contains("security incident 7"), "{plan}");
    by(run(sandbox, "emergency").args("-i incident=7"), "ana").run();
    verified(sandbox, "ana");
    assert!(sandbox.exists("told"), "its own hold does not stop it");
    let refused = by(run(sandbox, "quick"), "bea").code(7).run();
    assert!(refused.stderr.contains("security incident 7"), "{}", refused.stderr);
    by(Test::again(sandbox).args("lift prod").arg("mine"), "ana").code(2).run();
    by(Test::again(sandbox).args("lift prod").arg("cleared"), "bea").run();
    by(run(sandbox, "quick"), "bea").run();
}

#[test]
fn operators_on_one_host_share_a_directory_of_locks() {
    let test = scene("");
    let shared = test.sandbox.work().join("shared");
    fs::create_dir(&shared).unwrap();
    fs::set_permissions(&shared, fs::Permissions::from_mode(0o777)).unwrap();
    test.sandbox.write("targets/prod.yml", format!("target: v1\nlock_dir: {}\n", shared.display()));
    let refused = run(&test.sandbox, "quick").code(2).run();
    assert!(refused.stderr.contains("anybody can write to the lock directory"), "{}", refused.stderr);
    fs::set_permissions(&shared, fs::Permissions::from_mode(0o3770)).unwrap();
    let mut first = run(&test.sandbox, "slow").start();
    first.until("began");
    // Another user has another state directory; the lock is the same.
    let other = test.sandbox.work().join("other-state").display().to_string();
    let refused = run(&test.sandbox, "quick").env("XDG_STATE_HOME", &other).code(7).run();
    assert!(refused.stderr.contains("another run has the lock `prod`"), "{}", refused.stderr);
    let plan = Test::again(&test.sandbox).args("plan quick.yml --target prod").run().stdout;
    assert!(plan.contains("lock      prod in "), "{plan}");
    test.sandbox.write("finish", "");
    first.end();
    run(&test.sandbox, "quick").env("XDG_STATE_HOME", &other).run();
}

#[test]
fn a_runbook_names_its_lock_or_none() {
    let test = scene("environment: production");
    let sandbox = &test.sandbox;
    let with = |name: &str, lock: &str| sandbox.write(&format!("{name}.yml"), book(&format!("lock: {lock}\n{QUICK}")));
    with("named", "\"db of {{ target.name }}\"");
    with("without", "none");
    with("wrong", "\"{{ target.missing }}\"");
    let plan = |name: &str| Test::again(sandbox).args(&format!("plan {name}.yml --target prod"));
    assert!(plan("named").run().stdout.contains("lock      db of prod"));
    assert!(plan("quick").run().stdout.contains("lock      prod"));
    assert!(!plan("looks").run().stdout.contains("lock  "));
    assert!(plan("without").run().stdout.contains("none, and the target is production (RB1131)"));
    assert!(plan("wrong").code(3).run().stderr.contains("the target prod has no `missing`"));
    let ran = run(sandbox, "without").run();
    assert!(ran.stderr.contains("warning[RB1131]: changes in production without a lock"), "{}", ran.stderr);
    assert!(events(&ran, "locked").is_empty());
    run(sandbox, "named").run();
    assert!(sandbox.state().join("locks/db%20of%20prod.lease").exists());
    sandbox.write("targets/prod.yml", "target: v1\nlock_dir: locks\n");
    assert!(plan("quick").code(3).run().stderr.contains("RB1132"));
}

#[test]
fn the_lock_of_an_included_runbook_is_not_ignored_in_silence() {
    let inner = book("lock: database\nsteps: [{ id: one, shell: 'true', effect: read }]");
    let test = Test::new().file("inner.yml", inner).file("between.yml", includes("", "inner.yml"));
    let check = |outer: &str, path: &str| {
        test.sandbox.write("outer.yml", includes(outer, path));
        test.sandbox.clone()
    };
    let sandbox = check("target: required", "inner.yml");
    Test::again(&sandbox)
        .args("check outer.yml")
        .stdout(str![[r#"
warning[RB1138]: `book` has a lock of its own, which does not count here
 --> outer.yml:5:32
  |
5 | - { id: other, run: { runbook: inner.yml } }
  |                                ^^^^^^^^^
  |
 ::: inner.yml:3:7
  |
3 | lock: database
  |       -------- not taken
  |
  = help: give this runbook a `lock` that keeps others from both, or run the other by itself
  = see: runbook explain RB1138

1 warning in outer.yml

"#]])
        .run();
    sandbox.write("targets/prod.yml", "target: v1\n");
    let plan = Test::again(&sandbox).args("plan outer.yml --target prod").run().stdout;
    assert!(plan.contains("1 warning RB1138: runbook check outer.yml"), "{plan}");
    let deeper = check("target: required", "between.yml");
    assert!(Test::again(&deeper).args("check outer.yml").run().stdout.contains("RB1138"));
    // The same lock, and none at all, lose nothing.
    for (outer, inner) in [("lock: database", "lock: database"), ("", "lock: \"{{target.name}}\""), ("", "lock: none")]
    {
        let sandbox = check(outer, "inner.yml");
        sandbox.write("inner.yml", book(&format!("{inner}\nsteps: [{{ id: one, shell: 'true', effect: read }}]")));
        let said = Test::again(&sandbox).args("check outer.yml").run().stdout;
        assert_eq!(said, "1 runbook checked, no problems\n", "{outer} {inner}");
    }
}

fn includes(rest: &str, path: &str) -> String {
    book(&format!("{rest}\nsteps:\n- {{ id: other, run: {{ runbook: {path} }} }}"))
}

#[test]
fn check_with_a_target_says_that_changes_in_production_have_no_lock() {
    let test = scene("environment: production");
    let sandbox = &test.sandbox;
    sandbox.write("targets/test.yml", "target: v1\n");
    sandbox.write("without.yml", book(&format!("lock: none\n{QUICK}")));
    sandbox.write("inside.yml", book("lock: none\nsteps:\n- { id: other, run: { runbook: quick.yml } }"));
    sandbox.write("looks.yml", book(&format!("lock: none\n{LOOKS}")));
    let check = |args: &str| {
        let said = Test::again(sandbox).args(&format!("check --short {args}")).run().stdout;
        said.lines().filter(|line| line.contains("RB1131")).map(|line| format!("{line}\n")).collect::<String>()
    };
    let said = "without.yml:3:7: warning[RB1131]: changes in production without a lock\n";
    assert_eq!(check("without.yml --target prod"), said);
    assert_eq!(check("inside.yml --target prod"), said.replace("without.yml", "inside.yml"));
    for fine in ["without.yml --target test", "without.yml", "quick.yml --target prod", "looks.yml --target prod"] {
        assert_eq!(check(fine), "", "{fine}");
    }
}

fn test_code(running: Running, code: i32) {
    let ran = running.end_any();
    assert!(ran.stderr.contains(&format!("exit code {code}")), "{}", ran.stderr);
}

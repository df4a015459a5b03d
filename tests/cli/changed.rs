//! Resuming after the runbook was edited: what is refused, what is shown, and the two ways on.

use crate::support::{Ran, Test, book, lines};

const LIB: &str = "runbook: v1\nname: lib\nsteps: [{ id: x, shell: echo lib >> trace }]\n";

/// `one` ran, a person is asked, and `two`, a copied file and an included runbook are still to come.
const BODY: &str = "
inputs: { who: { default: ann } }
steps:
  - id: one
    shell: echo one {{ inputs.who }} >> trace
    undo: { shell: echo undo one >> trace }
  - { id: ask, checkpoint: { title: Go on? } }
  - { id: two, shell: echo two >> trace }
  - { id: conf, file: { path: out.conf, copy: app.conf }, undo: previous }
  - { id: inner, run: { runbook: lib.yml } }
";

/// The run waits at its question.
fn waiting() -> Ran {
    Test::book(BODY).file("lib.yml", LIB).file("app.conf", "a\n").args("-i who=bea --no-input").code(5).run()
}

fn edited(ran: &Ran, from: &str, to: &str) {
    assert!(BODY.contains(from), "{from}");
    ran.sandbox.write("a.yml", book(&BODY.replace(from, to)));
}

/// Answers the question of the newest run.
fn goes(test: Test) -> Ran {
    let mut person = test.at_terminal();
    person.sees("g/n: ").types("g");
    person.end()
}

#[test]
fn an_untouched_runbook_goes_on_in_silence() {
    let ran = waiting();
    let ran = goes(ran.resume());
    assert_eq!(lines(&ran, "trace"), ["one bea", "two", "lib"]);
    assert!(ran.show()["takeovers"][0]["changed"].is_null());
    ran.verified();
}

#[test]
fn an_edited_runbook_is_refused_with_the_difference_and_what_has_run() {
    let ran = waiting();
    edited(&ran, "echo two", "echo 2");
    ran.resume()
        .code(6)
        .stderr(snapbox::str![[r#"
error[RB0701]: the runbook is not the one that this run follows
--- a.yml as planned
+++ a.yml now
@@ -6,6 +6,6 @@
     shell: echo one {{ inputs.who }} >> trace
     undo: { shell: echo undo one >> trace }
   - { id: ask, checkpoint: { title: Go on? } }
-  - { id: two, shell: echo two >> trace }
+  - { id: two, shell: echo 2 >> trace }
   - { id: conf, file: { path: out.conf, copy: app.conf }, undo: previous }
   - { id: inner, run: { runbook: lib.yml } }

steps that differ:
  main.two  a.yml:9  changed, not begun

follow the plan as it was:  runbook resume [RUN] --as-planned 'WHY'
follow the runbook as it is now:  runbook resume [RUN] --accept-changes 'WHY'
see: runbook explain RB0701

"#]])
        .run();
    assert_eq!(lines(&ran, "trace"), ["one bea"]);
    assert!(!ran.sandbox.runs()[0].join("run.2.jsonl").exists(), "nothing was written");
}

#[test]
fn whatever_the_plan_was_made_from_counts() {
    let cases = [
        ("lib.yml", "runbook: v1\nname: lib\nsteps: [{ id: x, shell: echo other >> trace }]\n", "changed, not begun"),
        ("app.conf", "b\n", "changed (the file it copies), not begun"),
    ];
    let ran = waiting();
    for (file, text, expected) in cases {
        let before = ran.read(file);
        ran.sandbox.write(file, text);
        let said = ran.resume().code(6).run().stderr;
        assert!(said.contains("error[RB0701]") && said.contains(expected), "{said}");
        ran.sandbox.write(file, before);
    }
    edited(&ran, "steps:", "# a comment\nsteps:");
    let said = ran.resume().code(6).run().stderr;
    assert!(said.contains("+# a comment\n") && said.contains("no step differs\n"), "{said}");
    ran.sandbox.write("a.yml", book(BODY));
    goes(ran.resume()).verified();
}

#[test]
fn a_target_is_compared_too() {
    let target = |port: u16| format!("target: v1\nname: t\nport: {port}\n");
    let body = "target: required\nsteps:\n  - { id: ask, checkpoint: { title: Go on? } }\n  - { id: a, shell: 'echo {{ target.port }} >> trace' }";
    let ran = Test::book(body).file("targets/t.yml", target(1)).args("-t t --no-input").code(5).run();
    ran.sandbox.write("targets/t.yml", target(2));
    let said = ran.resume().code(6).run().stderr;
    assert!(said.contains("-port: 1\n+port: 2\n") && said.contains("the values of the target differ"), "{said}");
    let said = ran.resume().args("--accept-changes why").code(6).run().stderr;
    assert!(said.contains("the target is different now"), "{said}");
    assert_eq!(lines(&goes(ran.resume().args("--as-planned why")), "trace"), ["1"]);
}

#[test]
fn the_stored_plan_may_be_followed_all_the_same() {
    let ran = waiting();
    edited(&ran, "echo two", "echo 2");
    ran.sandbox.write("lib.yml", "");
    let ran = goes(ran.resume().args("--as-planned").arg("the edit is for the next release"));
    assert_eq!(lines(&ran, "trace"), ["one bea", "two", "lib"]);
    let report = ran.of_run("report").run().stdout;
    assert!(report.contains("the plan is followed as it was: the edit is for the next release"), "{report}");
    let changed = &ran.show()["takeovers"][0]["changed"];
    assert_eq!((changed["follow"].as_str(), changed["plan"].is_null()), (Some("as_planned"), true));
    ran.verified();
}

#[test]
fn the_new_plan_may_be_followed_where_nothing_began() {
    let ran = waiting();
    edited(&ran, "echo two", "echo 2");
    ran.sandbox.write("lib.yml", LIB.replace("echo lib", "echo LIB"));
    ran.sandbox.write("app.conf", "b\n");
    let ran = goes(ran.resume().args("--accept-changes").arg("two was a typo"));
    assert_eq!(lines(&ran, "trace"), ["one bea", "2", "LIB"]);
    assert_eq!(ran.read("out.conf"), "b\n");
    assert_eq!(ran.steps(), ["main.one pass", "main.ask pass", "main.two pass", "main.conf pass", "main.inner/x pass"]);
    ran.verified();
    let report = ran.of_run("report").run().stdout;
    assert!(report.contains("changes of the runbook were accepted, from here on plan"), "{report}");
    let told = ran.of_run("show").run().stdout;
    assert!(told.contains("changes of the runbook were accepted: two was a typo"), "{told}");
    assert!(ran.then("runs").run().stdout.contains("done"));
}

#[test]
fn a_later_resume_follows_the_accepted_plan() {
    let ran = waiting();
    edited(&ran, "echo two", "echo 2");
    ran.resume().args("--no-input --accept-changes typo").code(5).run();
    ran.resume().args("--no-input").code(5).run();
    edited(&ran, "echo two", "echo 3");
    let said = ran.resume().code(6).run().stderr;
    assert!(
        said.contains("-  - { id: two, shell: echo 2 >> trace }\n+  - { id: two, shell: echo 3 >> trace }"),
        "{said}"
    );
    ran.resume().args("--no-input --accept-changes again").code(5).run();
    let ran = goes(ran.resume());
    assert_eq!(lines(&ran, "trace"), ["one bea", "3", "lib"]);
    let dir = &ran.sandbox.runs()[0];
    assert!(dir.join("plan.2.json").exists() && dir.join("plan.4.json").exists() && !dir.join("plan.3.json").exists());
    ran.verified();
}

#[test]
fn what_already_ran_cannot_be_changed() {
    let ran = waiting();
    edited(&ran, "echo one", "echo 1");
    ran.resume()
        .code(6)
        .stderr(snapbox::str![[r#"
error[RB0701]: the runbook is not the one that this run follows
--- a.yml as planned
+++ a.yml now
@@ -3,7 +3,7 @@
 inputs: { who: { default: ann } }
 steps:
   - id: one
-    shell: echo one {{ inputs.who }} >> trace
+    shell: echo 1 {{ inputs.who }} >> trace
     undo: { shell: echo undo one >> trace }
   - { id: ask, checkpoint: { title: Go on? } }
   - { id: two, shell: echo two >> trace }

steps that differ:
  main.one  a.yml:5  changed, already ran

follow the plan as it was:  runbook resume [RUN] --as-planned 'WHY'
it cannot be followed as it is now:
  `main.one` (a.yml:5) already began and is different now
see: runbook explain RB0701

"#]])
        .run();
    ran.resume()
        .args("--accept-changes why")
        .code(6)
        .stderr(snapbox::str![[r#"
error[RB0703]: the run cannot go on with the runbook as it is now: a step that ran cannot be changed
  `main.one` (a.yml:5) already began and is different now

undo these changes, follow the plan as it was (runbook resume [RUN] --as-planned 'WHY'), or start a new run
see: runbook explain RB0703

"#]])
        .run();
    let cases = [
        ("echo undo one", "true", "`main.one` (a.yml:5) already began and is different now"),
        ("  - id: one", "  - { id: zero, shell: 'true' }\n  - id: one", "`main.zero` (a.yml:5) would come before"),
        ("id: one", "id: first", "`main.one` (a.yml:5) already began and is not there any more"),
        ("\ninputs:", "\non_failure: rollback\ninputs:", "`on_failure` of the runbook is different now"),
    ];
    for (from, to, what) in cases {
        edited(&ran, from, to);
        let said = ran.resume().args("--accept-changes why").code(6).run().stderr;
        assert!(said.contains("error[RB0703]") && said.contains(what), "{said}");
    }
    ran.sandbox.write("a.yml", book(BODY));
    assert_eq!(lines(&goes(ran.resume()), "trace"), ["one bea", "two", "lib"]);
}

/// A default is not what the run was given; what it was given stays.
#[test]
fn inputs_stay_as_they_were_given() {
    let ran = waiting();
    edited(&ran, "default: ann } }", "default: carl }, more: { default: new } }");
    ran.sandbox.write(
        "a.yml",
        ran.read("a.yml").replace("echo two >> trace", "'echo {{ inputs.who }} {{ inputs.more }} >> trace'"),
    );
    let ran = goes(ran.resume().args("--accept-changes why"));
    assert_eq!(lines(&ran, "trace"), ["one bea", "bea new", "lib"]);
}

#[test]
fn what_runs_late_is_taken_back_with_what_ran_before() {
    let ran = waiting();
    edited(&ran, "  - { id: two, shell: echo two >> trace }", "  - { id: two, shell: 'false', on_failure: rollback }");
    let ran = goes(ran.resume().args("--accept-changes why").code(11));
    assert_eq!(lines(&ran, "trace"), ["one bea", "undo one"]);
    ran.verified();
}

#[test]
fn a_runbook_that_is_gone_or_broken_can_only_be_followed_as_planned() {
    let ran = waiting();
    std::fs::remove_file(ran.sandbox.work().join("a.yml")).unwrap();
    let said = ran
        .resume()
        .code(6)
        .stderr(snapbox::str![[r#"
error[RB0702]: the runbook that this run follows cannot be planned any more
a.yml is not used any more or cannot be read
it makes no plan now:
error: cannot read a.yml: there is no such file

follow the plan as it was:  runbook resume [RUN] --as-planned 'WHY'
see: runbook explain RB0702

"#]])
        .run()
        .stderr;
    assert!(said.contains("there is no such file") && !said.contains("--accept-changes"), "{said}");
    ran.resume().args("--accept-changes why").code(2).run();
    ran.sandbox.write("a.yml", "runbook: v1\nname: x\nsteps: [{ id: a }]\n");
    ran.resume().code(6).run();
    ran.resume().args("--accept-changes why").code(3).run();
    assert_eq!(lines(&goes(ran.resume().args("--as-planned why")), "trace"), ["one bea", "two", "lib"]);
}

#[test]
fn a_decision_needs_a_reason_and_is_one_of_two() {
    let ran = waiting();
    edited(&ran, "echo two", "echo 2");
    let said = ran.resume().arg("--as-planned").arg(" ").code(2).run().stderr;
    assert!(said.contains("needs a reason"), "{said}");
    ran.resume().args("--as-planned x --accept-changes y").code(2).run();
}

#[test]
fn a_go_for_the_old_plan_is_asked_for_again() {
    let body = "
phases:
  - id: a
    steps: [{ id: one, shell: echo one >> trace }]
    checkpoint: { title: Go on? }
  - id: b
    steps:
      - { id: two, shell: echo two >> trace }
      - { id: hands, manual: Look }
      - { id: three, shell: echo three >> trace }
";
    let mut person = Test::book(body).at_terminal();
    person.sees("g/n: ").types("g");
    person.sees("d/n: ");
    let ran = person.kill();
    assert_eq!(lines(&ran, "trace"), ["one", "two"]);
    ran.sandbox.write("a.yml", book(&body.replace("echo three", "echo 3")));
    let mut person = ran.resume().args("--accept-changes why").at_terminal();
    person.sees("g/n: ").types("g").sees("d/n: ").types("d");
    let ran = person.end();
    assert_eq!(lines(&ran, "trace"), ["one", "two", "3"]);
    ran.verified();
}

#[test]
fn a_dry_run_tells_what_would_be_done_and_does_nothing() {
    let ran = waiting();
    let before = crate::support::files_below(&ran.sandbox.state());
    ran.resume()
        .args("--dry-run")
        .stdout(snapbox::str![[r#"
run [RUN]: 1 of 5 steps done
next      ask main.ask: Go on?

"#]])
        .run();
    edited(&ran, "echo two", "echo 2");
    ran.resume().args("--dry-run").code(6).run();
    ran.resume()
        .args("--dry-run --accept-changes why")
        .stdout(snapbox::str![[r#"
run [RUN]: 1 of 5 steps done
next      ask main.ask: Go on?

--- a.yml as planned
+++ a.yml now
@@ -6,6 +6,6 @@
     shell: echo one {{ inputs.who }} >> trace
     undo: { shell: echo undo one >> trace }
   - { id: ask, checkpoint: { title: Go on? } }
-  - { id: two, shell: echo two >> trace }
+  - { id: two, shell: echo 2 >> trace }
   - { id: conf, file: { path: out.conf, copy: app.conf }, undo: previous }
   - { id: inner, run: { runbook: lib.yml } }

steps that differ:
  main.two  a.yml:9  changed, not begun

"#]])
        .run();
    let told = ran.resume().args("--dry-run --as-planned why --output json").run().stdout;
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!((told["done"].as_u64(), told["next"][0].as_str()), (Some(1), Some("ask main.ask: Go on?")));
    assert_eq!(crate::support::files_below(&ran.sandbox.state()), before);
    ran.sandbox.write("a.yml", book(BODY));
    let ran = goes(ran.resume());
    let said = ran.resume().args("--dry-run").run().stdout;
    assert!(said.contains("is over; there is nothing to resume"), "{said}");
}

#[test]
fn a_stored_plan_that_was_altered_is_tampering() {
    let ran = waiting();
    edited(&ran, "echo two", "echo 2");
    ran.resume().args("--no-input --accept-changes typo").code(5).run();
    let plan = ran.sandbox.runs()[0].join("plan.2.json");
    let text = std::fs::read_to_string(&plan).unwrap();
    std::fs::write(&plan, text.replace("echo 2", "echo X")).unwrap();
    let said = ran.of_run("verify").code(9).run().stdout;
    assert!(said.contains("TAMPERED: stored plan plan.2.json was altered"), "{said}");
    ran.resume().code(9).run();
    ran.of_run("show").code(9).run();
    std::fs::remove_file(&plan).unwrap();
    let said = ran.of_run("verify").code(9).run().stdout;
    assert!(said.contains("TAMPERED: stored plan plan.2.json is missing"), "{said}");
}

#[test]
fn the_files_of_an_accepted_plan_are_sealed_with_it() {
    let ran = waiting();
    edited(&ran, "echo two", "echo 2");
    ran.resume().args("--no-input --accept-changes typo").code(5).run();
    let kept = ran.sandbox.runs()[0].join("inputs/2.0.a.yml");
    let text = std::fs::read_to_string(&kept).unwrap();
    std::fs::write(&kept, text.replace("echo 2", "echo X")).unwrap();
    let said = ran.of_run("verify").code(9).run().stdout;
    assert!(said.contains("TAMPERED: file inputs/2.0.a.yml was altered within its first"), "{said}");
    ran.resume().args("--no-input").code(9).run();
    std::fs::write(&kept, text).unwrap();
    goes(ran.resume()).verified();
}

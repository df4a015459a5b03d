//! Plans as files: approved before the run, and run only while everything they were made from is the same.

use super::approvals::Team;
use super::reading::json;
use super::support::*;
use std::fs;
use std::rc::Rc;

const BOOK: &str = "\
target: required
inputs:
  version: { from: env:VERSION }
  region: { default: eu }
  size: { from: file:size.txt }
  team: {}
  token: { type: secret, from: env:TOKEN }
phases:
  - id: before
    steps: [{ id: look, shell: echo looked, effect: read }, { id: sub, run: { runbook: sub.yml } }]
    checkpoint: { title: Put it live?, roles: { dba: 1, lead: 1 } }
  - id: live
    steps:
      - id: conf
        file: { path: \"{{ target.dir }}/live.conf\", copy: conf.txt }
        undo: previous
      - id: work
        shell: echo {{ inputs.version }} {{ inputs.region }} {{ inputs.team }} > live.txt
        env: { TOKEN: \"{{ inputs.token }}\" }
        effect: change
        undo: { none: nothing }
";

const TARGET: &str = "\
target: v1
name: prod
dir: .
roles:
  dba: [bob@example.com]
  lead: [carol@example.com]
waivers: waivers.yml
";

const WAIVERS: &str = "- { step: before.look, person: dee@example.com, reason: moved, until: 2099-12-31 }\n";

const CANARY: &str = "canary-7f3a-secret-value";

fn team() -> Team {
    let team = Team::new(BOOK, TARGET);
    team.alice.write("sub.yml", "runbook: v1\nname: sub\nsteps: [{ id: one, shell: echo one, effect: read }]\n");
    team.alice.write("conf.txt", "listen 80\n");
    team.alice.write("targets/waivers.yml", WAIVERS);
    team.alice.write("size.txt", "3\n");
    team.alice.write("given.yml", "team: core\n");
    team
}

fn in_env(test: Test) -> Test {
    test.env("VERSION", "v1").env("TOKEN", CANARY)
}

/// Alice's plan, in `a.plan`.
fn planned() -> Team {
    let team = team();
    in_env(team.alice("plan a.yml -t prod --inputs given.yml -o a.plan")).run();
    team
}

impl Team {
    fn approve(&self, who: &Rc<Sandbox>) -> Test {
        self.by(who, "approve a.plan --yes")
    }

    fn run_plan(&self) -> Test {
        in_env(self.alice("run --plan a.plan --no-input"))
    }
}

#[test]
fn a_plan_that_was_approved_runs_without_asking_anybody() {
    let team = planned();
    let said = team.approve(&team.bob).args("--reference CHG-7").run();
    assert!(said.stderr.contains("checkpoint: before.checkpoint"), "{}", said.stderr);
    team.approve(&team.carol).run();
    let listed = team.alice("approvals a.plan").run().stdout;
    assert_eq!(
        listed.lines().filter(|line| line.starts_with("valid: GO at 'before.checkpoint' by ")).count(),
        2,
        "{listed}"
    );
    let ran = team.run_plan().run();
    assert!(
        ran.stderr.contains("approval valid: GO at 'before.checkpoint' by bob@example.com as dba for CHG-7"),
        "{}",
        ran.stderr
    );
    assert_eq!(team.alice.read("live.txt"), "v1 eu core\n");
    let verified = team.alice("verify").run().stdout;
    assert!(verified.starts_with("COMPLETE") && verified.contains(", of the plan"), "{verified}");
    // The stored plan is the file that was approved.
    let stored = fs::read(team.alice.runs().pop().unwrap().join("plan.json")).unwrap();
    assert_eq!(stored, fs::read(team.alice.work().join("a.plan")).unwrap());
    // It holds in every run of the plan until it expires.
    fs::remove_file(team.alice.work().join("live.txt")).unwrap();
    team.run_plan().run();
    assert!(team.alice.exists("live.txt"));
}

#[test]
fn one_approval_before_and_one_at_the_checkpoint() {
    let team = planned();
    team.approve(&team.bob).run();
    team.run_plan().code(5).run();
    team.go(&team.carol).run();
    in_env(team.alice("resume --no-input")).arg(team.alice.run_id()).run();
    assert!(team.alice.exists("live.txt"));
}

#[test]
fn a_plan_holds_no_secret() {
    let team = planned();
    let plan = team.alice.read("a.plan");
    assert!(plan.contains("env:TOKEN") && !plan.contains(CANARY), "{plan}");
    let shown = in_env(team.alice("plan a.yml -t prod --inputs given.yml --output json")).run().stdout;
    assert!(!shown.contains(CANARY));
}

#[test]
fn approvals_that_are_void_are_shown_as_void_and_count_for_nothing() {
    let team = planned();
    team.approve(&team.bob).args("--expires 1us").run();
    team.approve(&team.carol).run();
    // Carol's was for the plan before this change.
    team.alice.write("conf.txt", "listen 81\n");
    in_env(team.alice("plan a.yml -t prod --inputs given.yml -o a.plan")).run();
    let told = json(team.alice("approvals a.plan"));
    let void: Vec<&str> = told["approvals"].as_array().unwrap().iter().map(|a| a["void"].as_str().unwrap()).collect();
    assert!(void.iter().all(|why| why.starts_with("is for another plan, ")), "{void:?}");
    let said = team.run_plan().code(5).run().stderr;
    assert_eq!(said.matches("approval VOID: GO at 'before.checkpoint' by ").count(), 2, "{said}");
    assert!(!log_of(&team.alice).contains(r#""type":"approval""#));
    // One that has expired, of this plan.
    team.approve(&team.bob).args("--expires 1us").run();
    assert!(team.alice("approvals a.plan").run().stdout.contains("(it expired at "));
    team.run_plan().code(5).run();
    assert!(!log_of(&team.alice).contains(r#""type":"approval""#));
    assert!(!team.alice.exists("live.txt"));
}

#[test]
fn an_approval_of_a_plan_answers_no_question_and_the_other_way_round() {
    let team = planned();
    team.approve(&team.bob).args("--out bob.txt").run();
    let said = team.alice("go --deliver bob.txt").code(2).run().stderr;
    assert!(said.contains("is an approval of a plan"), "{said}");
    team.run_plan().code(5).run();
    team.go(&team.carol).args("--out carol.txt").run();
    let dir = team.alice.work().join("a.plan.approvals");
    fs::create_dir_all(&dir).unwrap();
    fs::copy(team.alice.work().join("carol.txt"), dir.join("x.approval")).unwrap();
    let listed = team.alice("approvals a.plan").run().stdout;
    assert!(listed.contains("(it answers a question of a run, not a plan)"), "{listed}");
    // Given by hand it is taken like one that lies beside the plan.
    in_env(team.alice("run --plan a.plan --no-input --approval bob.txt")).code(5).run();
    assert!(log_of(&team.alice).contains("bob@example.com"));
}

#[test]
fn who_may_not_approve_a_plan_is_told_so() {
    let team = planned();
    for (test, words) in [
        (team.approve(&team.carol).args("--role dba"), "carol@example.com is no dba in this plan"),
        (team.by(&team.alice, "approve a.plan --yes"), "holds none of the roles the plan asks for"),
        (team.approve(&team.bob).args("--checkpoint live.work"), "the plan does not ask a dba at `live.work`"),
        (team.approve(&team.bob).args("--expires soon"), "--expires soon is not a duration like 24h"),
        (team.by(&team.bob, "approve a.plan"), "there is no terminal to confirm at"),
    ] {
        let said = test.code(2).run().stderr;
        assert!(said.contains(words), "{words}: {said}");
    }
    let line = "log.v1@runbook,approval.v1@runbook";
    let path = team.alice.config().join("allowed_signers");
    let both =
        fs::read_to_string(&path).unwrap().replace("namespaces=\"log.v1@runbook\"", &format!("namespaces=\"{line}\""));
    fs::write(&path, both).unwrap();
    team.alice.write("targets/prod.yml", TARGET.replace("[carol@", "[alice@example.com, carol@"));
    in_env(team.alice("plan a.yml -t prod --inputs given.yml -o a.plan")).run();
    // Alice may approve what others run; in her own run it is refused.
    team.by(&team.alice, "approve a.plan --yes").run();
    team.run_plan().code(5).run();
    assert!(log_of(&team.alice).contains("was given by the operator (alice@example.com) himself"));
}

/// Changes something, and maybe the environment of the call.
type Meddle = Box<dyn Fn(&Team, Test) -> Test>;

/// SEC-4: whatever a plan was made from is changed between review and run, one thing after the other.
#[test]
fn a_change_between_review_and_run_is_refused_whatever_it_is() {
    let edit = |name: &'static str, from: &'static str, to: &'static str| -> Meddle {
        Box::new(move |team, test| {
            let text = team.alice.read(name);
            assert!(text.contains(from), "{name}: {text}");
            team.alice.write(name, text.replacen(from, to, 1));
            test
        })
    };
    let changes: Vec<(&str, Meddle, &str)> = vec![
        ("runbook: a step", edit("a.yml", "echo looked", "echo looked twice"), "step    before.look changed"),
        ("runbook: a comment", edit("a.yml", "target: required", "# x\ntarget: required"), "file    a.yml has changed"),
        (
            "runbook: a step more",
            edit("a.yml", "{ id: sub,", "{ id: more, shell: id }, { id: sub,"),
            "step    before.more added",
        ),
        (
            "runbook: a step less",
            edit("a.yml", ", { id: sub, run: { runbook: sub.yml } }", ""),
            "step    before.sub removed",
        ),
        ("runbook: a checkpoint", edit("a.yml", "dba: 1, lead: 1", "lead: 1"), "step    before.checkpoint changed"),
        ("runbook: a default", edit("a.yml", "default: eu", "default: us"), "input   region: \"eu\" → \"us\""),
        ("runbook: where a secret comes from", edit("a.yml", "env:TOKEN", "env:OTHER"), "file    a.yml has changed"),
        ("include: a step", edit("sub.yml", "echo one", "echo two"), "file    sub.yml has changed"),
        (
            "target: a value",
            edit("targets/prod.yml", "dir: .", "dir: ./elsewhere"),
            "file    targets/prod.yml has changed",
        ),
        (
            "target: who holds a role",
            edit("targets/prod.yml", "[bob@example.com]", "[bob@example.com, carol@example.com]"),
            "step    before.checkpoint changed",
        ),
        (
            "waiver: its reason",
            edit("targets/waivers.yml", "moved", "moved on"),
            "file    targets/waivers.yml has changed",
        ),
        ("waiver: it has expired", edit("targets/waivers.yml", "2099", "2020"), "it makes no plan now"),
        ("copied file", edit("conf.txt", "80", "81"), "now"),
        ("input: a file it is read from", edit("size.txt", "3", "4"), "input   size: \"3\" → \"4\""),
        ("input: a file of inputs", edit("given.yml", "core", "edge"), "input   team: \"core\" → \"edge\""),
        ("input: the environment", Box::new(|_, test| test.env("VERSION", "v2")), "input   version: \"v1\" → \"v2\""),
        ("input: gone from the environment", Box::new(|_, test| test.without_env("VERSION")), "it makes no plan now"),
        (
            "runbook gone",
            Box::new(|team, test| {
                fs::remove_file(team.alice.work().join("a.yml")).unwrap();
                test
            }),
            "it makes no plan now",
        ),
        (
            "include gone",
            Box::new(|team, test| {
                fs::remove_file(team.alice.work().join("sub.yml")).unwrap();
                test
            }),
            "it makes no plan now",
        ),
        (
            "target gone",
            Box::new(|team, test| {
                fs::remove_file(team.alice.work().join("targets/prod.yml")).unwrap();
                test
            }),
            "it makes no plan now",
        ),
        (
            "copied file gone",
            Box::new(|team, test| {
                fs::remove_file(team.alice.work().join("conf.txt")).unwrap();
                test
            }),
            "now",
        ),
        ("plan: another value in it", edit("a.plan", "echo looked", "echo hacked"), "step    before.look changed"),
        ("plan: white space", edit("a.plan", "\n", "\n "), "it was edited or reformatted"),
        (
            "plan: cut",
            Box::new(|team, test| {
                let text = team.alice.read("a.plan");
                team.alice.write("a.plan", &text[..text.len() / 2]);
                test
            }),
            "is not a plan",
        ),
        ("plan: another format", edit("a.plan", "runbook-plan/1", "runbook-plan/2"), "has the format runbook-plan/2"),
        (
            "plan: a field of a later version",
            edit("a.plan", "{\n", "{\n  \"later\": 1,\n"),
            "it was edited or reformatted",
        ),
    ];
    let (mut refused, count) = (0, changes.len());
    for (what, change, words) in changes {
        let team = planned();
        team.approve(&team.bob).run();
        team.approve(&team.carol).run();
        let said = change(&team, team.run_plan()).code(6).run().stderr;
        assert!(said.contains(words), "{what}: {words}\n{said}");
        assert!(!said.contains(CANARY), "{what}: {said}");
        assert!(team.alice.runs().is_empty() && !team.alice.exists("live.txt"), "{what}");
        refused += 1;
    }
    println!("SEC-4: {refused} of {count} changes between review and run were refused with exit code 6");
    assert_eq!(refused, count);
}

#[test]
fn nothing_but_the_plan_is_read_once_the_run_has_begun() {
    let team = team();
    // The first step rewrites what the plan was made from.
    let meddling =
        BOOK.replace("shell: echo looked, effect: read", "shell: \"sed -i s/v1/v9/ a.yml; echo 'target: v1' > targets/prod.yml; rm sub.yml\", effect: change, undo: { none: no }");
    team.alice.write("a.yml", book(&meddling));
    team.alice.write("targets/prod.yml", TARGET.replace("waivers: waivers.yml\n", ""));
    in_env(team.alice("plan a.yml -t prod --inputs given.yml -o a.plan")).run();
    team.approve(&team.bob).run();
    team.approve(&team.carol).run();
    team.run_plan().run();
    assert_eq!(team.alice.read("live.txt"), "v1 eu core\n");
    assert!(!team.alice.exists("sub.yml"));
}

#[test]
fn an_approval_of_the_plan_that_was_taken_before_the_run_was_left_counts_at_the_next_checkpoint_too() {
    let later = "  - id: later\n    steps: [{ id: again, shell: echo again, effect: read }]\n    checkpoint: { title: Keep it?, roles: { dba: 1 } }\n";
    let team = planned();
    team.alice.write("a.yml", book(&format!("{BOOK}{later}")));
    in_env(team.alice("plan a.yml -t prod --inputs given.yml -o a.plan")).run();
    team.approve(&team.bob).run();
    team.run_plan().code(5).run();
    team.go(&team.carol).run();
    in_env(team.alice("resume --no-input")).arg(team.alice.run_id()).run();
    let log = log_of(&team.alice);
    assert!(!log.contains("was used before"), "{log}");
    assert!(team.alice("verify").run().stdout.starts_with("COMPLETE"));
}

/// Red until the first look: the approval is not lost by that.
#[test]
fn an_approved_plan_waits_for_the_first_look_of_its_tables() {
    let book = "\
target: required
metrics: { errors: { shell: echo 0, unit: count, effect: read } }
guards:
  every: 1s
  hit: worst
  rules:
    - { symptom: None, if: { errors: \"<= 1\" }, action: ok }
    - { otherwise: abort }
    - { no_data: abort }
phases:
  - id: before
    checkpoint: { title: Put it live?, roles: { dba: 1 } }
  - id: live
    steps: [{ id: work, shell: touch live, undo: { none: nothing } }]
";
    let team = Team::new(book, "target: v1\nname: prod\nroles: { dba: [bob@example.com] }\n");
    team.alice("plan a.yml -t prod -o a.plan").run();
    team.approve(&team.bob).run();
    team.alice("run --plan a.plan --no-input").run();
    assert!(team.alice.exists("live"));
}

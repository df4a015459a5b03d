//! Guard rails: what a policy refuses is refused in the file, in the plan, and at the moment it would be started.

use crate::support::{Test, book};
use snapbox::str;

const GUARD: &str = "policy: v1
name: guard
forbid:
  - commands: [docker]
    verbs: mutating
    read_only: [ps, inspect, compose ps]
    reason: only the wrapper loads the environment
    instead: call deploy_prd.sh
";
const TARGET: &str = "target: v1\nname: prd\nenvironment: production\npolicies: [policies/guard.yml]\ntool: docker\n";

/// Scenario 4: one forbidden command inside `bash -c`, one by its path, and one that only looks.
const SPELLED: &str = "
steps:
  - id: up
    shell: bash -c \"docker compose up -d\"
    timeout: 5m
    undo: { none: test }
  - id: restart
    shell: |
      set -e
      /usr/bin/docker-compose restart
    timeout: 5m
    undo: { none: test }
  - id: look
    effect: read
    shell: docker ps
";

/// The same, built by a template from what a step yields.
const BUILT: &str = "
steps:
  - id: find
    effect: read
    shell: cat verb
    save: { verb: stdout }
  - id: act
    shell: \"{{ target.tool }} compose {{ steps.find.verb }} > out || true\"
    timeout: 5m
    undo: { none: test }
";

fn guarded(body: &str) -> Test {
    Test::new().file("a.yml", book(body)).file("targets/prd.yml", TARGET).file("policies/guard.yml", GUARD)
}

#[test]
fn a_check_shows_every_forbidden_command_where_it_stands() {
    guarded(SPELLED)
        .args("check a.yml --target prd")
        .code(3)
        .stdout(str![[r#"
error[RB1000]: policy guard line 4 forbids `docker compose up -d`: only the wrapper loads the environment
 --> a.yml:5:12
  |
5 |     shell: bash -c "docker compose up -d"
  |            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  |
  = help: call deploy_prd.sh
  = see: runbook explain RB1000

error[RB1000]: policy guard line 4 forbids `/usr/bin/docker-compose restart`: only the wrapper loads the environment
  --> a.yml:11:7
   |
11 |       /usr/bin/docker-compose restart
   |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
   |
   = help: call deploy_prd.sh
   = see: runbook explain RB1000

2 errors in a.yml

"#]])
        .run();
}

#[test]
fn without_the_target_there_is_no_policy() {
    guarded(SPELLED).args("check a.yml").run();
}

#[test]
fn what_is_refused_makes_no_plan_and_no_run_and_starts_nothing() {
    let body = format!("{SPELLED}  - id: touch\n    shell: touch ran\n    undo: {{ none: test }}\n");
    let plan = guarded(&body).args("plan a.yml -t prd").code(3).run();
    assert!(plan.stderr.contains("a.yml:"), "{}", plan.stderr);
    let run = plan.then("run a.yml -t prd --no-input").code(3).run();
    assert!(run.stderr.contains("policy guard line 4 forbids `docker compose up -d`"), "{}", run.stderr);
    assert!(!run.sandbox.exists("ran") && run.sandbox.runs().is_empty());
}

#[test]
fn a_command_built_by_a_template_is_refused_when_it_would_be_started() {
    let ran = guarded(BUILT).file("verb", "up").args("run a.yml -t prd --no-input").code(1).stderr(str![[r#"
made a signing key for tester@[HOST]; `runbook keys` shows what to give to your team
[CLOCK]       run      book → prd  run [RUN]  plan [PLAN]  by tester@[HOST]
[CLOCK]       phase    main
[CLOCK] [1/2] start    main.find
[CLOCK] [1/2] ok       main.find [TOOK]
[CLOCK] [2/2] FAILED   main.act                          policy guard line 4 forbids `docker compose up`: only the wrapper loads the environment (call deploy_prd.sh); it was not started (tried by tester@[HOST])

 ✗ main.act  policy guard line 4 forbids `docker compose up`: only the wrapper loads the environment (call deploy_prd.sh); it was not started (tried by tester@[HOST]) · a.yml:8

  changed and kept  nothing
  changed, undone   nothing
  unknown           nothing
  next              runbook show [RUN] ·
                    runbook logs [RUN] ·
                    runbook verify [RUN]
FAILED  at main.act · [TOOK] · 1 ok, 1 failed · exit code 1

"#]]).run();
    assert!(!ran.sandbox.exists("out"));
    let log = ran.log();
    assert!(
        log.contains("policy guard line 4 forbids `docker compose up`") && log.contains("tried by tester@"),
        "{log}"
    );
    ran.then("verify").run();
}

#[test]
fn the_same_command_that_only_looks_is_started() {
    let ran = guarded(BUILT).file("verb", "ps").args("run a.yml -t prd --no-input").run();
    assert!(ran.sandbox.exists("out"));
}

#[test]
fn a_policy_that_is_missing_or_broken_lets_nothing_run() {
    let body = "steps: [{ id: x, shell: touch ran, undo: { none: test } }]";
    let missing = Test::new().file("a.yml", book(body)).file("targets/prd.yml", TARGET);
    let ran = missing
        .args("run a.yml -t prd --no-input")
        .code(3)
        .stderr(str![[r#"
error[RB1030]: the policy is missing: cannot read policies/guard.yml: there is no such file
 --> targets/prd.yml:4:12
  |
4 | policies: [policies/guard.yml]
  |            ^^^^^^^^^^^^^^^^^^
  |
  = help: nothing runs at a target unless all its policies can be read
  = see: runbook explain RB1030

1 error in targets/prd.yml

"#]])
        .run();
    assert!(!ran.sandbox.exists("ran"));
    let broken = guarded(body).file("policies/guard.yml", GUARD.replace("reason:", "raeson:"));
    let ran = broken
        .args("run a.yml -t prd --no-input")
        .code(3)
        .stderr(str![[r#"
error[RB0201]: unknown key `raeson`; did you mean `reason`?
 --> policies/guard.yml:7:5
  |
7 |     raeson: only the wrapper loads the environment
  |     ^^^^^^
  |
  = see: runbook explain RB0201
help: write `reason`
  |
7 -     raeson: only the wrapper loads the environment
7 +     reason: only the wrapper loads the environment
  |

error[RB1030]: the policy policies/guard.yml has errors, so nothing may run at this target
 --> targets/prd.yml:4:12
  |
4 | policies: [policies/guard.yml]
  |            ^^^^^^^^^^^^^^^^^^
  |
  = help: nothing runs at a target unless all its policies can be read
  = see: runbook explain RB1030

2 errors in 2 files

"#]])
        .run();
    assert!(!ran.sandbox.exists("ran"));
}

#[test]
fn only_the_wrapper_with_the_hash_of_the_policy_may_be_called() {
    let body = "steps: [{ id: x, exec: [./deploy_prd.sh, up], undo: { none: test } }]";
    let script = "#!/bin/sh\ntouch ran\ndocker compose $1 -d >/dev/null 2>&1\ntrue\n";
    let allow = format!("{GUARD}allow:\n  wrappers:\n    - {{ path: deploy_prd.sh, sha256: {} }}\n", sha256(script));
    let with = |policy: &str, script: &str| {
        let test = guarded(body).file("policies/guard.yml", policy).file("deploy_prd.sh", script);
        executable(&test);
        test.args("run a.yml -t prd --no-input")
    };
    assert!(with(&allow, script).run().sandbox.exists("ran"));
    let other = with(&allow, "#!/bin/sh\ntouch ran\n").code(3).run();
    assert!(other.stderr.contains("RB1002") && !other.sandbox.exists("ran"), "{}", other.stderr);
    let unlisted = with(GUARD, script).code(3).run();
    assert!(unlisted.stderr.contains("deploy_prd.sh line 3: "), "{}", unlisted.stderr);
    assert!(!unlisted.sandbox.exists("ran"));
}

#[test]
fn a_called_script_that_changes_between_plan_and_step_is_not_started() {
    let body = "
steps:
  - id: change
    shell: printf '#!/bin/sh\\ndocker rm -f x\\n' > report.sh
    undo: { none: test }
  - id: call
    shell: ./report.sh
    undo: { none: test }
";
    let test = guarded(body).file("report.sh", "#!/bin/sh\ntouch ran\n");
    let path = test.sandbox.work().join("report.sh");
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let ran = test.args("run a.yml -t prd --no-input").code(1).run();
    assert!(ran.stderr.contains("report.sh was changed after the plan was made"), "{}", ran.stderr);
    assert!(!ran.sandbox.exists("ran"));
}

#[test]
fn a_wrapper_that_changes_between_plan_and_step_is_not_started() {
    let script = "#!/bin/sh\ntouch ran\n";
    let allow = format!("{GUARD}allow: {{ wrappers: [{{ path: deploy_prd.sh, sha256: {} }}] }}\n", sha256(script));
    let body = "
steps:
  - id: change
    shell: echo 'touch more' >> deploy_prd.sh
    undo: { none: test }
  - id: call
    exec: [./deploy_prd.sh, up]
    undo: { none: test }
";
    let test = guarded(body).file("policies/guard.yml", allow).file("deploy_prd.sh", script);
    executable(&test);
    let ran = test.args("run a.yml -t prd --no-input").code(1).run();
    assert!(ran.stderr.contains("deploy_prd.sh was changed after the plan was made"), "{}", ran.stderr);
    assert!(!ran.sandbox.exists("ran") && !ran.sandbox.exists("more"));
}

#[test]
fn the_program_of_a_list_that_is_not_all_known_is_pinned() {
    let body = "
steps:
  - id: find
    effect: read
    shell: echo ran
    save: { name: stdout }
  - id: act
    exec: \"{{ target.commands.start + [steps.find.name] }}\"
    undo: { none: test }
";
    let script = "#!/bin/sh\ntouch \"$1\"\n";
    let target = format!("{TARGET}commands: {{ start: [./deploy_prd.sh] }}\n");
    let test = guarded(body).file("targets/prd.yml", target).file("deploy_prd.sh", script);
    executable(&test);
    let ran = test.args("run a.yml -t prd --no-input").run();
    assert!(ran.sandbox.exists("ran"));
    let plan = std::fs::read_to_string(ran.sandbox.runs()[0].join("plan.json")).unwrap();
    assert!(plan.contains("\"called\"") && plan.contains(&sha256(script)), "{plan}");
}

#[test]
fn an_undo_that_would_be_refused_keeps_its_step_from_starting() {
    let body = "
steps:
  - id: find
    effect: read
    shell: cat verb
    save: { verb: stdout }
  - id: act
    shell: touch ran
    undo: { shell: \"docker {{ steps.find.verb }} x || true\" }
";
    let ran = guarded(body).file("verb", "rm").args("run a.yml -t prd --no-input").code(1).run();
    assert!(ran.stderr.contains("forbids `docker rm x`") && !ran.sandbox.exists("ran"), "{}", ran.stderr);
}

#[test]
fn what_nobody_can_know_is_refused_in_production_and_a_warning_elsewhere() {
    let body = "steps: [{ id: x, shell: 'TOOL=true; $TOOL up', timeout: 5m, undo: { none: test } }]";
    let production = guarded(body).args("run a.yml -t prd --no-input").code(3).run();
    assert!(production.stderr.contains("error[RB1001]"), "{}", production.stderr);
    let staging = guarded(body).file("targets/prd.yml", TARGET.replace("production", "staging"));
    let check = staging.args("check a.yml -t prd").run();
    assert!(check.stdout.contains("warning[RB1001]"), "{}", check.stdout);
    check.then("run a.yml -t prd --no-input").run();
}

#[test]
fn markers_are_looked_at_before_anything_is_changed() {
    let body = "steps: [{ id: x, shell: touch ran, undo: { none: test } }]";
    let policy = "policy: v1\nname: guard\nmarkers: [{ file: .env, name: DEPLOYMENT_ENV, is: prd }]\n";
    let with = |env: &str| {
        guarded(body).file("policies/guard.yml", policy).file(".env", env).args("run a.yml -t prd --no-input")
    };
    assert!(with("DEPLOYMENT_ENV=prd\n").run().sandbox.exists("ran"));
    for env in ["DEPLOYMENT_ENV=dev\n", "DEPLOYMENT_ENV=prd2\n", "X_DEPLOYMENT_ENV=prd\n", ""] {
        let ran = with(env).code(1).run();
        assert!(!ran.sandbox.exists("ran") && ran.stderr.contains("DEPLOYMENT_ENV"), "{env}: {}", ran.stderr);
    }
}

#[test]
fn a_policy_closes_days_to_everything_but_going_back() {
    let body = "steps: [{ id: x, shell: touch ran, undo: { none: test } }]";
    let policy = "policy: v1\nname: guard\nwindow: { forbid: [Mon-Sun], zone: Europe/Berlin }\n";
    let refused = guarded(body).file("policies/guard.yml", policy).args("run a.yml -t prd --no-input").code(4).run();
    assert!(refused.stderr.contains("Mon-Sun Europe/Berlin"), "{}", refused.stderr);
    let forced = refused.then("run a.yml -t prd --no-input --override-window emergency").code(5).run();
    assert!(!forced.sandbox.exists("ran"), "in production one person's word is not enough");
    let elsewhere = TARGET.replace("environment: production\n", "");
    let open = guarded(body).file("policies/guard.yml", policy).file("targets/prd.yml", &elsewhere);
    let ran = open.args("run a.yml -t prd --no-input --override-window emergency").run();
    assert!(ran.sandbox.exists("ran"));
}

#[test]
fn values_nobody_filled_in_and_passwords_everybody_knows_are_refused() {
    let body = "
inputs: { version: { default: vX.Y.Z } }
steps:
  - id: x
    shell: curl -u admin:admin http://localhost/{{ inputs.version }}
    timeout: 5m
    undo: { none: test }
";
    let policy = "policy: v1\nname: guard\nplaceholders: forbid\ndefault_passwords: forbid\nraw: forbid\n";
    let target = format!("{TARGET}contact: '[Configure in production]'\ngrafana: {{ user: admin, password: admin }}\n");
    let test = guarded(body).file("policies/guard.yml", policy).file("targets/prd.yml", target);
    test.args("check --short a.yml -t prd")
        .code(3)
        .stdout(str![[r#"
a.yml:3:11: error[RB1020]: policy guard: `version` was never filled in: `vX.Y.Z`
a.yml:6:20: error[RB1021]: policy guard: `admin:admin` is a password everybody knows
targets/prd.yml:6:10: error[RB1020]: policy guard: `contact` was never filled in: `[Configure in production]`
targets/prd.yml:7:35: error[RB1021]: policy guard: the password is the name of the user

"#]])
        .run();
}

#[test]
fn production_needs_more_than_other_environments() {
    let body = "steps: [{ id: x, shell: touch ran, undo: { none: test } }]";
    let policy =
        "policy: v1\nname: guard\nproduction: { checkpoint: before_change, backup: [backup], inputs: [ticket] }\n";
    let test = guarded(body).file("policies/guard.yml", policy);
    test.args("check --short a.yml -t prd")
        .code(3)
        .stdout(str![[r#"
a.yml:1:1: error[RB1010]: policy guard needs a backup before the first change
a.yml:1:1: error[RB1010]: policy guard needs a checkpoint before the first change
a.yml:1:1: error[RB1010]: policy guard needs the input `ticket`
a.yml:3:15: advice[RB0602]: this change has no time limit

"#]])
        .run();
    let staging =
        guarded(body).file("policies/guard.yml", policy).file("targets/prd.yml", TARGET.replace("production", "x"));
    staging.args("check a.yml -t prd").run();
}

#[test]
fn a_policy_that_changed_meanwhile_holds_up_the_resumption() {
    let body = "
steps:
  - id: ask
    manual: go on
  - id: act
    shell: touch ran
    undo: { none: test }
";
    let ran = guarded(body).args("run a.yml -t prd --no-input").code(5).run();
    let plan = std::fs::read_to_string(ran.sandbox.runs()[0].join("plan.json")).unwrap();
    assert!(plan.contains("only the wrapper loads the environment"), "the plan holds the policy");
    let id = ran.sandbox.run_id();
    ran.sandbox.write("policies/guard.yml", GUARD.replace("[ps, inspect, compose ps]", "[ps, inspect, rm]"));
    let refused = ran.then(&format!("resume {id} --no-input")).code(6).run();
    assert!(refused.stderr.contains("policies/guard.yml"), "{}", refused.stderr);
}

fn sha256(text: &str) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn executable(test: &Test) {
    let path = test.sandbox.work().join("deploy_prd.sh");
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
}

/// One step that names a secret from here.
fn with_secret(from: &str) -> String {
    format!(
        "inputs:\n  key: {{ type: secret, from: {from} }}\nsteps:\n  - id: a\n    effect: read\n    shell: test -n \"$A\"\n    env: {{ A: \"{{{{ inputs.key }}}}\" }}\n"
    )
}

#[test]
fn programs_that_print_secrets_are_held_against_the_rules() {
    let given = guarded(&with_secret("{ command: [docker, rm, x] }")).args("check a.yml -t prd").code(3).run();
    assert!(given.stdout.contains("forbids `docker rm x`"), "{}", given.stdout);
    let tools = format!("{TARGET}secret_tools: {{ pass: [docker, rm, \"{{path}}\"] }}\n");
    let test = guarded(&with_secret("pass:web/db")).file("targets/prd.yml", tools);
    let called = test.args("run a.yml -t prd --no-input").code(2).run();
    assert!(called.stderr.contains("the program for the secret `key` is not started"), "{}", called.stderr);
}

//! The shipped gates of a monorepo, on a real repository.

use crate::repo::Repo;
use crate::support::{Ran, Test, copy_dir, lines};
use std::path::Path;

const TARGET: &str = "
target: v1
name: shop
environment: prd
repo: repo
env_file: .env
compose_file: compose.yml
commands: { test: [sh, -c, 'echo \"$1\" >> tested; test ! -e \"broken-$1\"', tests] }
";

fn gates() -> (Test, Repo) {
    let test = Test::new()
        .file("shop.yml", TARGET)
        .file(".env", "DEPLOYMENT_ENV=prd\n")
        .file("compose.yml", "environment:\n  DB_PASSWORD: ${DB_PASSWORD:?needed}\n")
        .args("run runbooks/monorepo-gates.yml --target shop.yml -i base=base");
    copy_dir(&Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks"), &test.sandbox.work().join("runbooks"));
    let repo = Repo::begin(&test);
    (test, repo)
}

fn tested(ran: &Ran) -> String {
    lines(ran, "tested").join(" ")
}

#[test]
fn commits_of_one_project_have_that_project_tested_and_pass() {
    let (test, repo) = gates();
    repo.commit_of(&["argo/a.py"]);
    repo.commit_of(&["argo/b.py"]);
    let ran = test.run();
    assert_eq!(tested(&ran), "argo");
    assert_eq!(ran.reason("changes.lines/added"), "nothing in 2 lines of 2 files in 2 commits");
    assert_eq!(ran.reason("environment.marker"), "`prd` in .env:1");
    ran.verified();
}

#[test]
fn one_commit_of_two_projects_is_refused_before_anything_is_tested() {
    let (test, repo) = gates();
    let mixed = repo.commit_of(&["argo/a.py", "alpine-backend/b.ts"]);
    let ran = test.code(1).run();
    let why = format!("commit {} touches alpine-backend (alpine-backend/b.ts) and argo (argo/a.py)", &mixed[..12]);
    assert!(ran.log().contains(&why), "{}", ran.stderr);
    assert_eq!(tested(&ran), "");
}

#[test]
fn a_change_of_shared_packages_has_everything_tested_and_warns_of_the_version() {
    let (test, repo) = gates();
    repo.commit_of(&["packages/log.ts"]);
    let again =
        Test::again(&test.sandbox).args("run runbooks/monorepo-gates.yml --target shop.yml -i base=base").code(1);
    let ran = test.run();
    assert_eq!(tested(&ran), "argo alpine-backend alpine-frontend");
    assert!(ran.log().contains("expected 'packages/package.json' in files"), "{}", ran.log());
    ran.sandbox.write("broken-alpine-frontend", "");
    assert!(again.run().log().contains("exit 1"));
}

#[test]
fn an_unfinished_line_a_wrong_marker_or_a_secret_blocks() {
    let (test, repo) = gates();
    repo.write("argo/a.js", "console.log(1)\n");
    repo.commit("a");
    assert!(test.code(1).run().log().contains("argo/a.js:1: `"));
    let (test, repo) = gates();
    repo.commit_of(&["argo/a.py"]);
    let ran = test.file(".env", "DEPLOYMENT_ENV=dev\n").code(1).run();
    assert!(ran.log().contains("`DEPLOYMENT_ENV` is `dev` in .env:1, not `prd`"));
    let (test, repo) = gates();
    repo.commit_of(&["argo/a.py"]);
    let ran = test.file("compose.yml", "DB_PASSWORD: hunter2\n").code(1).run();
    assert!(ran.log().contains("compose.yml:1: DB_PASSWORD: a literal value") && !ran.log().contains("hunter2"));
}

#[test]
fn the_gates_can_be_checked_and_previewed_without_git() {
    let (test, _) = gates();
    let plan = test.new_args("plan runbooks/monorepo-gates.yml --target shop.yml -i base=base").run();
    assert!(plan.stdout.contains("0 change"), "{}", plan.stdout);
    Test::again(&plan.sandbox).args("check runbooks/monorepo-gates.yml").run();
}

//! What changed between two commits of real repositories, by project.

use crate::repo::Repo;
use crate::support::{Ran, Test};
use std::fs;

const BOOK: &str = "
inputs: { base: { default: base }, head: { default: HEAD }, repo: { default: repo }, argo: { default: argo/ } }
steps:
  - id: detect
    changes:
      repo: '{{ inputs.repo }}'
      base: '{{ inputs.base }}'
      head: '{{ inputs.head }}'
      projects: { argo: '{{ inputs.argo }}', backend: alpine-backend/, frontend: [alpine-frontend/] }
      shared: packages/
      coupled: [[backend, frontend]]
      isolated: true
  - id: legs
    for_each:
      in: '{{ steps.detect.legs }}'
      as: leg
      max: 9
      steps: [{ id: one, effect: read, shell: 'echo {{ leg.projects | join(\" \") }} of {{ steps.detect.projects | join(\" \") }}' }]
";

fn test() -> (Test, Repo) {
    let test = Test::book(BOOK);
    let repo = Repo::begin(&test);
    (test, repo)
}

fn saved(ran: &Ran, name: &str) -> serde_json::Value {
    let finished = ran
        .log()
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .find(|record| record["event"] == "step_finished" && record["path"] == "main.detect");
    finished.expect("the step finished")["saved"][name].clone()
}

fn why(ran: &Ran) -> String {
    ran.reason("main.detect")
}

#[test]
fn two_clean_commits_are_two_legs_not_a_refusal() {
    let (test, repo) = test();
    let first = repo.commit_of(&["argo/a.py", "README.md"]);
    let second = repo.commit_of(&["alpine-frontend/b.ts"]);
    let ran = test.run();
    assert_eq!(ran.logs("main.legs[argo].one"), "argo of argo backend frontend\n");
    assert_eq!(ran.logs("main.legs[backend_frontend].one"), "backend frontend of argo backend frontend\n");
    assert_eq!(saved(&ran, "commits"), serde_json::json!([first, second]));
    assert_eq!(saved(&ran, "files"), serde_json::json!(["README.md", "alpine-frontend/b.ts", "argo/a.py"]));
    assert_eq!((saved(&ran, "shared"), saved(&ran, "lost")), (false.into(), 0.into()));
    ran.verified();
}

#[test]
fn one_commit_that_touches_two_projects_is_refused_with_the_commit_and_the_files() {
    let (test, repo) = test();
    repo.commit_of(&["argo/a.py"]);
    let mixed = repo.commit_of(&["argo/b.py", "alpine-backend/c.ts"]);
    let ran = test.code(1).run();
    let short = &mixed[..12];
    assert_eq!(why(&ran), format!("commit {short} touches backend (alpine-backend/c.ts) and argo (argo/b.py)"));
    let told = ran.logs("main.detect");
    assert!(told.contains(&format!("commit {mixed}\n  alpine-backend/c.ts\n  argo/b.py\n")), "{told}");
}

#[test]
fn coupled_projects_and_shared_packages_may_share_a_commit() {
    let (test, repo) = test();
    repo.commit_of(&["alpine-backend/a", "alpine-frontend/b", "packages/c"]);
    let ran = test.run();
    assert_eq!(saved(&ran, "projects"), serde_json::json!(["argo", "backend", "frontend"]));
    assert_eq!(saved(&ran, "shared"), true);
}

#[test]
fn a_move_from_one_project_to_another_touches_both() {
    let (test, repo) = test();
    repo.git(&["mv", "argo/first", "alpine-backend/moved"]);
    repo.commit("move");
    assert!(why(&test.code(1).run()).contains("touches backend (alpine-backend/moved) and argo (argo/first)"));
}

#[test]
fn what_a_later_commit_took_back_was_touched_all_the_same() {
    let (test, repo) = test();
    repo.commit_of(&["argo/a"]);
    repo.git(&["revert", "--no-edit", "HEAD"]);
    let ran = test.run();
    assert_eq!(saved(&ran, "projects"), serde_json::json!(["argo"]));
    assert_eq!(saved(&ran, "files"), serde_json::json!([]));
}

#[test]
fn a_merge_of_two_clean_branches_is_clean_and_one_that_changes_more_is_not() {
    let (test, repo) = test();
    repo.git(&["switch", "--quiet", "-c", "side"]);
    repo.commit_of(&["alpine-backend/a"]);
    repo.git(&["switch", "--quiet", "main"]);
    repo.commit_of(&["argo/a"]);
    repo.git(&["merge", "--quiet", "--no-ff", "--no-edit", "side"]);
    let again = Test::again(&test.sandbox).args("run a.yml").code(1);
    let ran = test.run();
    assert_eq!(saved(&ran, "commits").as_array().unwrap().len(), 3);
    // Smuggled into the merge itself: neither parent has it.
    repo.write("argo/evil", "x\n");
    repo.write("alpine-backend/evil", "x\n");
    repo.git(&["add", "--all", "."]);
    repo.git(&["commit", "--quiet", "--amend", "--no-edit"]);
    assert!(why(&again.run()).contains("touches backend (alpine-backend/evil) and argo (argo/evil)"));
}

#[test]
fn hostile_file_names_neither_hide_nor_move_a_change() {
    let (test, repo) = test();
    let first = repo.commit_of(&["alpine-backend/a"]);
    // A file named like the commit before it, and names with everything in them.
    repo.write(&first, "x\n");
    repo.write(b"argo/line\nfeed \"quoted\" \\ \xff \xc3\xa9\t-n", "x\n");
    repo.write("--output=argo", "x\n");
    repo.commit("hostile");
    let ran = test.run();
    assert_eq!(saved(&ran, "projects"), serde_json::json!(["argo", "backend", "frontend"]));
    let files = saved(&ran, "files");
    assert!(
        files.as_array().unwrap().contains(&serde_json::json!("argo/line\\x0afeed \"quoted\" \\ \\xff \u{e9}\\x09-n")),
        "{files}"
    );
    ran.verified();
}

#[test]
fn the_configuration_of_a_repository_neither_runs_nor_hides_anything() {
    let (test, repo) = test();
    let script = test.sandbox.work().join("evil.sh");
    fs::write(&script, format!("#!/bin/sh\ntouch {}\n", test.sandbox.work().join("evil").display())).unwrap();
    fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let script = script.display().to_string();
    for (key, value) in [
        ("core.fsmonitor", script.as_str()),
        ("diff.external", &script),
        ("core.pager", &script),
        ("diff.renames", "copies"),
        ("diff.relative", "true"),
        ("diff.noprefix", "true"),
        ("core.quotepath", "on"),
    ] {
        repo.git(&["config", key, value]);
    }
    repo.git(&["config", "core.fsmonitor", &script]);
    let old = repo.git(&["rev-parse", "HEAD"]);
    repo.write("argo/a", "x\n");
    repo.write("alpine-backend/b", "x\n");
    repo.git(&["-c", "core.fsmonitor=false", "add", "--all", "."]);
    repo.git(&["-c", "core.fsmonitor=false", "commit", "--quiet", "-m", "mixed"]);
    // A replacement that shows another commit in its place.
    repo.git(&["-c", "core.fsmonitor=false", "replace", "HEAD", &old]);
    let _ = fs::remove_file(test.sandbox.work().join("evil"));
    let ran = test.env("GIT_DIR", "/nonexistent").code(1).run();
    assert!(why(&ran).contains("touches backend (alpine-backend/b) and argo (argo/a)"), "{}", why(&ran));
    assert!(!ran.sandbox.exists("evil"));
}

#[test]
fn no_commits_at_all_are_inconclusive() {
    let (test, repo) = test();
    let head = repo.git(&["rev-parse", "HEAD"]);
    let ran = test.code(1).run();
    assert_eq!(why(&ran), format!("`base` and `head` are the same commit {}, so nothing changed", &head[..12]));
    assert!(ran.log().contains("inconclusive"));
}

#[test]
fn a_head_behind_its_base_says_nothing() {
    let (test, repo) = test();
    repo.commit_of(&["argo/a"]);
    let ran = test.arg("-i").arg("base=main").arg("-i").arg("head=base").code(1).run();
    assert_eq!(why(&ran), "`head` is one commit behind `base` and adds none, so nothing can be said of it");
}

#[test]
fn a_revision_that_would_be_an_option_or_names_nothing_is_refused() {
    for (revision, reason) in [
        ("--output=evil", "starts with `-`, which git would take for an option"),
        ("base..main", "is a range"),
        ("nowhere", "base `nowhere` is no commit of this repository"),
    ] {
        let (test, repo) = test();
        repo.commit_of(&["argo/a"]);
        let ran = test.arg("-i").arg(format!("base={revision}")).code(1).run();
        assert!(why(&ran).contains(reason), "{}", why(&ran));
        assert!(!ran.sandbox.exists("repo/evil"));
    }
}

#[test]
fn a_misspelt_project_path_is_not_taken_for_an_untouched_project() {
    let (test, repo) = test();
    repo.commit_of(&["argo/a"]);
    let ran = test.arg("-i").arg("argo=agro/").code(1).run();
    assert_eq!(why(&ran), "there is no `agro` in `base` nor in `head`");
}

#[test]
fn what_is_no_whole_repository_is_unavailable() {
    let (test, repo) = test();
    repo.commit_of(&["argo/a"]);
    let work = test.sandbox.work();
    let url = format!("file://{}", work.join("repo").display());
    repo.git(&["clone", "--quiet", "--depth=1", &url, &work.join("shallow").display().to_string()]);
    fs::create_dir(work.join("empty")).unwrap();
    for (name, reason) in [
        ("shallow", "holds only a part of its history"),
        ("empty", "not a git repository"),
        ("none", "is no directory"),
    ] {
        let ran = Test::again(&test.sandbox).args("run a.yml -i").arg(format!("repo={name}")).code(1).run();
        assert!(why(&ran).contains(reason), "{}", why(&ran));
        assert!(ran.log().contains("unavailable"));
    }
}

#[test]
fn a_repository_of_somebody_else_is_left_for_git_to_judge() {
    let (test, repo) = test();
    repo.commit_of(&["argo/a"]);
    let path = test.sandbox.work().join("repo").display().to_string();
    let given = std::process::Command::new("chown").args(["-R", "12345", &path]).status().unwrap();
    // Only the superuser can give files away.
    if given.success() {
        let ran = test.code(1).run();
        assert!(why(&ran).contains("dubious ownership"), "{}", why(&ran));
        assert!(ran.log().contains("unavailable"));
    }
}

#[test]
fn a_dry_run_says_what_is_compared_and_starts_nothing() {
    let test = Test::new().file("a.yml", crate::support::book(BOOK)).args("plan a.yml");
    let ran = test.run();
    let on_one_line = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(on_one_line.contains("changes of repo from base to HEAD in"), "{}", ran.stdout);
}

//! Steps that look at markers, files and changes.

use crate::support::{Ran, Test, lines};

const MARKER: &str = "
steps:
  - { id: marked, marker: { file: .env, name: DEPLOYMENT_ENV, is: prd } }
  - { id: deploy, shell: echo deployed >> done.txt, timeout: 5s, undo: { none: a line } }
";

fn with_env(text: &str, code: i32) -> Ran {
    let ran = Test::book(MARKER).file(".env", text).code(code).run();
    assert_eq!(lines(&ran, "done.txt").len(), usize::from(code == 0), "nothing happens without the marker");
    ran.verified();
    ran
}

#[test]
fn a_marker_that_is_right_lets_the_run_go_on_and_stands_in_its_log() {
    let ran = with_env("# stage\nexport DEPLOYMENT_ENV=\"prd\"\r\n", 0);
    assert_eq!(ran.logs("main.marked"), ".env:2: DEPLOYMENT_ENV=prd\n");
}

#[test]
fn a_marker_that_is_not_exactly_right_blocks_the_run_and_says_what_was_found() {
    for (text, why) in [
        ("DEPLOYMENT_ENV=dev\n", "`DEPLOYMENT_ENV` is `dev` in .env:1, not `prd`"),
        ("DEPLOYMENT_ENV=prd2\n", "`DEPLOYMENT_ENV` is `prd2` in .env:1, not `prd`"),
        ("X_DEPLOYMENT_ENV=prd\n", "`DEPLOYMENT_ENV` is not set in .env"),
        ("#DEPLOYMENT_ENV=prd\n", "`DEPLOYMENT_ENV` is not set in .env"),
        ("NOTE='\nDEPLOYMENT_ENV=prd\n'\n", "`DEPLOYMENT_ENV` is not set in .env"),
        ("DEPLOYMENT_ENV=prd\nDEPLOYMENT_ENV=dev\n", "`DEPLOYMENT_ENV` is `dev` in .env:2, not `prd`"),
        (
            "DEPLOYMENT_ENV=dev\nDEPLOYMENT_ENV=prd\n",
            "`DEPLOYMENT_ENV` is set more than once: `dev` in .env:1 before .env:2; loaders that take the first one see \
             another environment",
        ),
        ("DEPLOYMENT_ENV=$STAGE\n", "`DEPLOYMENT_ENV` in .env:1 takes its value from somewhere else"),
        (
            "DEPLOYMENT_ENV=prd\nMOTD=\"hi\n",
            "`DEPLOYMENT_ENV` cannot be told from .env: the quote that begins on line 2 is never closed",
        ),
    ] {
        assert_eq!(with_env(text, 1).reason("main.marked"), why, "{text:?}");
    }
}

#[test]
fn a_marker_file_that_is_not_there_is_unavailable() {
    let ran = Test::book(MARKER).code(1).run();
    assert_eq!(ran.reason("main.marked"), ".env does not exist");
    assert!(ran.log().contains("unavailable"));
}

#[test]
fn a_live_process_with_an_old_environment_is_told_to_be_started_anew() {
    let book = "
steps:
  - { id: live, marker: { process: '{{ inputs.pid }}', name: DEPLOYMENT_ENV, is: prd } }
inputs: { pid: {} }
";
    let mut process = std::process::Command::new("/bin/sleep").arg("30").env("DEPLOYMENT_ENV", "dev").spawn().unwrap();
    let ran = Test::book(book).arg("-i").arg(format!("pid={}", process.id())).code(1).run();
    let pid = process.id();
    process.kill().unwrap();
    process.wait().unwrap();
    let why = format!(
        "`DEPLOYMENT_ENV` is `dev` in the environment of process {pid} (sleep), not `prd`; a process keeps the environment \
         it was started with, so it must be started anew"
    );
    assert_eq!(ran.reason("main.live"), why);
}

#[test]
fn a_marker_that_is_a_secret_is_compared_and_never_shown() {
    let book = "
inputs: { token: { type: secret, from: env:TOKEN } }
steps: [{ id: same, marker: { file: .env, name: API, is: '{{ inputs.token }}' } }]
";
    let test = |text| Test::book(book).file(".env", text).env("TOKEN", "correct-horse");
    test("API=correct-horse\n").run();
    let ran = test("API=yesterdays-horse\n").code(1).run();
    assert_eq!(ran.reason("main.same"), "`API` in .env:1 is not the value it must be");
    let leaked = |(_, bytes): &(_, Vec<u8>)| String::from_utf8_lossy(bytes).contains("horse");
    assert!(!ran.all_files().iter().any(leaked) && !ran.stderr.contains("horse"), "{}", ran.stderr);
}

#[test]
fn a_dry_run_says_what_the_marker_must_be() {
    let ran = Test::new().file("a.yml", crate::support::book(MARKER)).args("plan a.yml").run();
    assert!(ran.stdout.contains("marker: DEPLOYMENT_ENV is `prd` in .env"), "{}", ran.stdout);
}

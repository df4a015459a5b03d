//! Looking for what may not stand in files and in added lines.

use crate::repo::Repo;
use crate::support::{Ran, Test};
use std::fs;

fn secrets(files: &str) -> Test {
    Test::book(&format!("steps: [{{ id: scan, scan: {{ secrets: {{ files: {files}, allow: 'scan:allow' }} }} }}]"))
}

fn why(ran: &Ran) -> String {
    ran.reason("main.scan")
}

const COMPOSE: &str = "services:
  db:
    environment:
      POSTGRES_USER: app
      POSTGRES_PASSWORD: hunter2-the-second
      GRAFANA_PASSWORD: ${GRAFANA_PASSWORD:-admin-by-default}
      TOKEN: ${TOKEN:?Must set TOKEN in .env}
      URL: postgres://app:swordfish@db/app
      SAMPLE_PASSWORD: in-the-docs # scan:allow
";

#[test]
fn hard_coded_secrets_are_told_by_file_line_name_and_kind_and_never_by_value() {
    let ran = secrets("compose.yml").file("compose.yml", COMPOSE).code(1).run();
    let wanted = "compose.yml:5: POSTGRES_PASSWORD: a literal value; compose.yml:6: GRAFANA_PASSWORD: a literal default \
                  value; compose.yml:8: URL: credentials in an address";
    assert_eq!(why(&ran), wanted);
    let told = ran.logs("main.scan");
    assert!(told.contains("allowed: compose.yml:9: SAMPLE_PASSWORD: a literal value\n"), "{told}");
    assert!(told.ends_with("looked at 10 lines of 1 files; 3 found, 1 allowed, 0 files left out\n"), "{told}");
    for value in ["hunter2", "by-default", "swordfish", "in-the-docs"] {
        let leaked = ran.all_files().iter().any(|(_, bytes)| String::from_utf8_lossy(bytes).contains(value));
        assert!(!leaked && !ran.stderr.contains(value) && !ran.stdout.contains(value), "{value}");
    }
    ran.verified();
}

#[test]
fn clean_files_pass_and_what_was_allowed_is_kept() {
    let book = "
steps:
  - { id: scan, scan: { secrets: { files: [compose.yml, 'conf/**/*.yml', more], allow: 'scan:allow' } } }
  - { id: told, effect: read, shell: 'echo {{ steps.scan.files }} files; echo {{ steps.scan.allowed | join(\";\") }}' }
";
    let test = Test::book(book)
        .file("compose.yml", "PASSWORD: ${PASSWORD}\n")
        .file("conf/a/b.yml", "password: example # scan:allow\n")
        .file("conf/a/b.txt", "password: not looked at\n")
        .file("conf/.git/c.yml", "password: of git itself\n")
        .file("more/.hidden", "PASSWORD=\n");
    let ran = test.run();
    assert_eq!(ran.logs("main.told"), "3 files\nconf/a/b.yml:1: password: a literal value\n");
}

#[test]
fn a_look_at_nothing_never_passes() {
    let ran = secrets("['conf/*.yml', compose.yml]").file("compose.yml", "a: b\n").code(1).run();
    assert_eq!(why(&ran), "`conf/*.yml` matches no file, so there was nothing to look at");
    assert!(ran.log().contains("inconclusive"));
    let ran = secrets("compose.yml").code(1).run();
    assert_eq!(why(&ran), "compose.yml does not exist");
    assert!(ran.log().contains("unavailable"));
    let ran = secrets("logo.png").file("logo.png", b"\x89PNG\0\0").code(1).run();
    assert_eq!(why(&ran), "no file was looked at: all of them are left out");
}

#[test]
fn a_secret_of_the_run_is_found_wherever_it_stands() {
    let book = "
inputs: { phrase: { type: secret, from: env:PHRASE } }
steps: [{ id: scan, scan: { secrets: { files: notes.txt } } }]
";
    let ran = Test::book(book).env("PHRASE", "wrong donkey staple").file("notes.txt", "x\nthe wrong donkey staple\n");
    assert_eq!(why(&ran.code(1).run()), "notes.txt:2: a secret of this run");
}

#[test]
fn a_link_in_a_circle_does_not_keep_a_scan_from_ending() {
    let test = secrets("'**/*.yml'").file("a/b.yml", "a: b\n");
    std::os::unix::fs::symlink("..", test.sandbox.work().join("a/up")).unwrap();
    test.run();
}

/// A gate over the lines added since `base`; the runbook itself stands in the repository.
const GATE: &str = r"
inputs: { base: { default: base } }
steps:
  - id: scan
    scan:
      added:
        repo: repo
        base: '{{ inputs.base }}'
        exclude: [docs/, '*.md']
        forbid: ['console\.log\(', '\bdebugger\b', '\b(TODO|FIXME)\b']
        allow: 'gate:allow'
";

fn gate() -> (Test, Repo) {
    let test = Test::book(GATE);
    let repo = Repo::begin(&test);
    repo.write("app.js", "// TODO: old\nlet a = 1;\n// FIXME stays\n");
    repo.commit("old");
    repo.git(&["tag", "-f", "base"]);
    (test, repo)
}

#[test]
fn only_the_added_line_fails_not_the_removed_the_old_or_the_excluded_one() {
    let (test, repo) = gate();
    repo.write("app.js", "let a = 1;\nconsole.log(a);\n// FIXME stays\n");
    repo.write("docs/rules.js", "console.log( // forbidden\n");
    repo.write("RULES.md", "no FIXME\n");
    repo.commit("new");
    let ran = test.code(1).run();
    assert_eq!(why(&ran), r"app.js:2: `console\.log\(`");
    let told = ran.logs("main.scan");
    let wanted = "looked at 1 lines of 1 files in 1 commits; 1 found, 0 allowed, 2 files left out\n";
    assert!(told.ends_with(wanted), "{told}");
    ran.verified();
}

#[test]
fn a_clean_diff_passes_and_allowed_lines_are_counted_and_listed() {
    let (test, repo) = gate();
    repo.write("app.js", "let a = 1;\ndebugger; // gate:allow until friday\n");
    repo.commit("new");
    let ran = test.run();
    let told = ran.logs("main.scan");
    assert!(told.starts_with("allowed: app.js:2: `\\bdebugger\\b`\n"), "{told}");
    assert!(told.contains("0 found, 1 allowed"), "{told}");
}

#[test]
fn the_rule_itself_does_not_trip_over_its_own_words() {
    let test = Test::new();
    let repo = Repo::begin(&test);
    repo.write("gate.yml", crate::support::book(&GATE.replace("repo: repo", "repo: .")));
    repo.write("other.yml", "x: TODO\n");
    repo.commit("the rule");
    let ran = test.args("run gate.yml").dir("repo").code(1).run();
    assert_eq!(why(&ran), r"other.yml:1: `\b(TODO|FIXME)\b`");
}

#[test]
fn hostile_names_attributes_and_configuration_hide_no_line() {
    let (test, repo) = gate();
    repo.git(&["config", "diff.noprefix", "true"]);
    repo.git(&["config", "diff.external", "/bin/true"]);
    repo.git(&["config", "diff.hide.textconv", "/bin/true"]);
    repo.git(&["config", "color.ui", "always"]);
    repo.git(&["config", "diff.context", "50"]);
    repo.write(".gitattributes", "*.js -diff\n*.bin binary\n*.txt diff=hide\n");
    repo.write(b"q\"uo\nte\t\xff.js", "console.log(1)\n");
    repo.write("with space.js", "console.log(2)\r\n");
    repo.write("x.bin", b"\0\0console.log(3)\n");
    repo.write("y.txt", "console.log(4)");
    // Looks like the end of one diff and the beginning of another.
    repo.write("z.js", "++ b/docs/fake.js\n@@ -1 +1 @@\ndiff --git a/docs/x b/docs/x\nconsole.log(5)\n");
    repo.commit("hostile");
    let ran = test.code(1).run();
    let told = ran.logs("main.scan");
    for place in ["q\"uo\\x0ate\\x09\\xff.js:1:", "with space.js:1:", "x.bin:1:", "y.txt:1:", "z.js:4:"] {
        assert!(told.contains(place), "{place}: {told}");
    }
    assert!(told.contains("5 found"), "{told}");
}

#[test]
fn nothing_added_or_nothing_left_to_look_at_is_inconclusive() {
    let (test, repo) = gate();
    let ran = Test::again(&test.sandbox).args("run a.yml").code(1).run();
    assert_eq!(why(&ran), "`head` adds no commit to `base`, so there was nothing to look at");
    assert!(ran.log().contains("inconclusive"));
    repo.write("README.md", "FIXME\n");
    repo.commit("docs");
    assert_eq!(why(&test.code(1).run()), "no file was looked at: all of them are left out");
}

#[test]
fn many_places_are_counted_beyond_the_first_ones() {
    let (test, repo) = gate();
    repo.write("app.js", "debugger\n".repeat(300));
    repo.commit("many");
    let ran = test.code(1).run();
    assert!(why(&ran).ends_with("; and 295 more"), "{}", why(&ran));
    assert!(ran.logs("main.scan").contains("100 more found\n"));
}

#[test]
fn a_dry_run_says_what_is_looked_for_and_starts_nothing() {
    let test = Test::new().file("a.yml", crate::support::book(GATE)).args("plan --full a.yml");
    let ran = test.run();
    assert!(
        ran.stdout.contains("forbidden: \\bdebugger\\b")
            && ran.stdout.contains("exclude: docs/, *.md")
            && ran.stdout.contains("gate:allow"),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_file_nobody_may_read_is_unavailable_not_clean() {
    let test = secrets("locked.yml").file("locked.yml", "a: b\n");
    let path = test.sandbox.work().join("locked.yml");
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o000)).unwrap();
    // The superuser may read everything.
    if fs::read(&path).is_err() {
        assert_eq!(why(&test.code(1).run()), "locked.yml may not be read by this user");
    }
}

//! `journal:` against the real journald, in a mount namespace of its own, so that the machine's journal stays as it is.

use std::process::Command;

use crate::run::{Home, Outcome, program};
use crate::tree::script;

/// Starts journald where nobody else sees it, waits for its socket, runs what follows, and ends it.
const ALONE: &str = r#"set -eu
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/log
mkdir -p /run/systemd/journal /run/log/journal
/lib/systemd/systemd-journald &
journald=$!
trap 'kill $journald' EXIT
for _ in $(seq 100); do [ -S /run/systemd/journal/socket ] && break; sleep 0.05; done
"$@"
"#;

/// Writes a line as the unit `app.service` would have it in the journal.
const SAY: &str = r#"printf 'MESSAGE=%s\nOBJECT_SYSTEMD_UNIT=app.service\n' "$1" | logger --journald"#;

/// The service said something of its own right before it is restarted, in the same second most times.
fn book(say: &str, restart: &str) -> String {
    format!(
        "runbook: v1\nname: watched\ntarget: none\nsteps:\n  \
         - {{ id: before, shell: \"{say} 'listening on 1'\", timeout: 5s, undo: {{ none: a line }} }}\n  \
         - {{ id: restart, shell: \"sleep 0.05; {say} '{restart}'\", timeout: 5s, undo: {{ none: a line }} }}\n  \
         - id: quiet\n    watch:\n      journal: app.service\n      for: 1500ms\n      since: restart\n      \
         must: ['listening on \\d+']\n      must_not: ['(?i)panic']\n"
    )
}

fn run(restart: &str, code: i32) -> Outcome {
    let home = Home::fresh();
    let (alone, say) = (home.path().join("alone"), home.path().join("say"));
    script(&alone, ALONE);
    script(&say, SAY);
    let path = home.path().join("watched.yml");
    std::fs::write(&path, book(&say.display().to_string(), restart)).expect("a runbook");
    let run = home.command();
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private"]).arg(&alone).arg(program()).arg("run").arg(&path);
    command.arg("--no-input").current_dir(home.path());
    command.envs(run.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = command.output().expect("unshare is there");
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{text}");
    Outcome::of_last(&home, code, text.into_owned())
}

#[test]
#[ignore = "needs root and systemd-journald; tests/run runs it"]
fn a_unit_is_watched_in_the_journal_from_where_a_step_began() {
    run("listening on 8080", 0).must_end(0);
    let outcome = run("PANIC: no such table", 1).must_end(1);
    assert!(
        outcome.text.contains("a line came that must not, for `(?i)panic`: PANIC: no such table"),
        "{}",
        outcome.text
    );
    let outcome = run("starting", 1).must_end(1);
    assert!(outcome.text.contains(r"no line for `listening on \d+` came"), "an older line counts: {}", outcome.text);
}

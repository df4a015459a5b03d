//! Checkpoints that other people answer, each with a key of their own: live, parked, refused, carried by hand.

use super::reading::json;
use super::support::*;
use std::fs;
use std::path::PathBuf;
use std::rc::Rc;

const BOOK: &str = "\
target: required
phases:
  - id: before
    steps: [{ id: look, shell: echo looked, effect: read }]
    checkpoint:
      title: Put it live?
      show: { version: v1 }
      roles: { dba: 1, lead: 1 }
  - id: live
    steps: [{ id: work, shell: echo live > live.txt, effect: change, undo: { none: nothing } }]
";

const TARGET: &str = "\
target: v1
name: prod
roles:
  dba: [bob@example.com]
  lead: [carol@example.com, bob@example.com]
";

/// Three people on one machine who trust each other: one drives, two approve.
pub(crate) struct Team {
    pub(crate) alice: Rc<Sandbox>,
    pub(crate) bob: Rc<Sandbox>,
    pub(crate) carol: Rc<Sandbox>,
}

impl Team {
    pub(crate) fn new(book_body: &str, target: &str) -> Team {
        let person = || Test::new().args("keys").run().sandbox;
        let team = Team { alice: person(), bob: person(), carol: person() };
        let signers = team.signers();
        for one in [&team.alice, &team.bob, &team.carol] {
            fs::write(one.config().join("allowed_signers"), &signers).unwrap();
        }
        team.alice.write("a.yml", book(book_body));
        team.alice.write("targets/prod.yml", target);
        team
    }

    fn signers(&self) -> String {
        let people =
            [("alice", "log", &self.alice), ("bob", "approval", &self.bob), ("carol", "approval", &self.carol)];
        people.map(|(who, role, sandbox)| line(who, role, sandbox)).concat()
    }

    /// A call of alice's.
    pub(crate) fn alice(&self, args: &str) -> Test {
        Test::again(&self.alice).args(args)
    }

    /// A call of somebody else who sees alice's runs and files.
    pub(crate) fn by(&self, who: &Rc<Sandbox>, args: &str) -> Test {
        let state = self.alice.state().parent().unwrap().display().to_string();
        let config = who.config().parent().unwrap().display().to_string();
        Test::again(&self.alice).args(args).env("XDG_STATE_HOME", &state).env("XDG_CONFIG_HOME", &config)
    }

    pub(crate) fn go(&self, who: &Rc<Sandbox>) -> Test {
        self.by(who, "go --yes").arg(self.alice.run_id()).arg("before")
    }

    /// Alice's run, which waits at the checkpoint.
    fn parked() -> Team {
        let team = Team::new(BOOK, TARGET);
        let said = team.alice("run a.yml -t prod --no-input").code(5).run().stderr;
        let run = team.alice.run_id();
        for role in ["dba", "lead"] {
            let command = format!("runbook go {run} before.checkpoint --role {role}");
            assert!(said.replace('\u{a0}', " ").contains(&command), "{said}");
        }
        team
    }

    fn log(&self) -> String {
        log_of(&self.alice)
    }

    fn inbox(&self) -> PathBuf {
        self.alice.runs().pop().unwrap().join("inbox")
    }
}

fn line(who: &str, role: &str, sandbox: &Sandbox) -> String {
    let key = fs::read_to_string(sandbox.config().join("id_ed25519.pub")).unwrap();
    let key: Vec<&str> = key.split_whitespace().take(2).collect();
    format!("{who}@example.com namespaces=\"{role}.v1@runbook\" {}\n", key.join(" "))
}

#[test]
fn a_parked_run_goes_on_when_both_have_said_go() {
    let team = Team::parked();
    let shown = team.go(&team.bob).args("--role dba --reason").arg("saw the plan").run();
    assert!(shown.stderr.contains("before.checkpoint  Put it live?"), "{}", shown.stderr);
    assert!(
        shown.stderr.contains("version: v1") && shown.stderr.contains("dba needs 1: nobody yet"),
        "{}",
        shown.stderr
    );
    assert!(shown.stdout.contains("signed GO at before.checkpoint: "), "{}", shown.stdout);
    assert!(shown.stdout.contains("it is taken with: runbook resume "), "{}", shown.stdout);
    // One is not enough, and the answer is in the log now.
    team.alice("resume --no-input").arg(team.alice.run_id()).code(5).run();
    assert!(team.log().contains(r#""type":"approval","checkpoint":"before.checkpoint","decision":"go""#));
    assert!(!team.alice.exists("live.txt"));
    team.go(&team.carol).run();
    team.alice("resume --no-input").arg(team.alice.run_id()).run();
    assert!(team.alice.exists("live.txt"));
    let said = team.alice("verify").run().stdout;
    assert!(said.starts_with("COMPLETE"), "{said}");
    assert!(said.contains("valid: GO at 'before.checkpoint' by bob@example.com as dba, "), "{said}");
    assert!(said.contains(": saw the plan"), "{said}");
    let told = json(team.alice("approvals").arg(team.alice.run_id()));
    assert_eq!(told["approvals"].as_array().unwrap().len(), 2);
    assert_eq!(
        (&told["approvals"][1]["by"], &told["approvals"][1]["valid"]),
        (&"carol@example.com".into(), &true.into())
    );
    let taken = fs::read_dir(team.inbox().join("taken")).unwrap().count();
    assert_eq!(taken, 2);
}

#[test]
fn answers_reach_a_run_that_is_being_driven() {
    let team = Team::new(BOOK, TARGET);
    let mut run = team.alice("run a.yml -t prod").at_terminal();
    run.until_logged(r#""event":"asked""#);
    team.go(&team.bob).args("--role dba").run();
    run.until_logged("bob@example.com");
    let since = std::time::Instant::now();
    team.go(&team.carol).run();
    let waited = since.elapsed();
    let told = run.end();
    assert!(team.alice.exists("live.txt"), "{}", told.stdout);
    println!("the second answer was signed after {waited:?} and the run over after {:?}", since.elapsed());
}

#[test]
fn a_no_go_from_elsewhere_ends_it() {
    let team = Team::parked();
    team.by(&team.carol, "no-go --yes --reason").arg("disk is full").arg(team.alice.run_id()).arg("before").run();
    team.alice("resume --no-input").arg(team.alice.run_id()).code(4).run();
    assert!(!team.alice.exists("live.txt"));
    assert!(team.log().contains("disk is full"));
}

#[test]
fn what_would_be_refused_is_refused_before_it_is_signed() {
    let team = Team::parked();
    let refused = |test: Test, words: &str, code: i32| {
        let said = test.code(code).run().stderr;
        assert!(said.contains(words), "{words}: {said}");
    };
    refused(team.go(&team.alice).args("--role lead"), "it was given by the operator (alice@example.com) himself", 6);
    refused(team.go(&team.carol).args("--role dba"), "it is given as dba, and carol@example.com is none", 6);
    refused(team.go(&team.carol).args("--role ceo"), "is given as ceo, which is not asked for", 6);
    refused(team.go(&team.bob), "you hold several of the roles that are asked for; say which: --role", 2);
    refused(team.by(&team.bob, "go --yes").arg(team.alice.run_id()).arg("after"), "asked now: before.checkpoint", 2);
    let no_word = team.by(&team.carol, "go").arg(team.alice.run_id()).arg("before");
    refused(no_word, "there is no terminal to confirm at", 2);
    let stranger = Test::new().args("keys").run().sandbox;
    fs::write(stranger.config().join("allowed_signers"), line("alice", "log", &team.alice)).unwrap();
    refused(team.go(&stranger), "who holds none of the roles that are asked for", 6);
    refused(team.go(&stranger), "--trust FILE", 6);
    // Nobody who does not trust the log vouches for anything in it.
    fs::write(stranger.config().join("allowed_signers"), "").unwrap();
    refused(team.go(&stranger), "nobody should vouch for this log", 9);
    // Twice.
    team.go(&team.carol).run();
    team.alice("resume --no-input").arg(team.alice.run_id()).code(5).run();
    refused(team.go(&team.carol), "it is the second one of carol@example.com", 6);
    assert!(!team.alice.exists("live.txt"));
}

#[test]
fn an_answer_travels_in_a_file() {
    let team = Team::parked();
    // Bob has nothing but a copy of the run.
    let copy = team.bob.work().join(team.alice.run_id());
    copy_dir(&team.alice.runs()[0], &copy);
    let go = |args: &str| {
        let test = Test::again(&team.bob).args("go --yes --role dba").args(args);
        test.arg(copy.display().to_string()).arg("before")
    };
    let said = go("").code(2).run().stderr;
    assert!(said.contains("write the answer to a file (--out FILE)"), "{said}");
    go("--out bob.approval").run();
    let carried = team.bob.read("bob.approval");
    assert!(carried.starts_with("runbook-approval v2\nrun: "), "{carried}");
    team.alice.write("from-bob", &carried);
    team.alice("go --deliver from-bob").run();
    team.go(&team.carol).run();
    team.alice("resume --no-input").arg(team.alice.run_id()).run();
    assert!(team.alice.exists("live.txt"));
    // Once more is too late, and harms nobody.
    team.alice("go --deliver from-bob").run();
    assert!(team.alice("verify").run().stdout.starts_with("COMPLETE"));
}

#[test]
fn a_directory_that_a_group_shares_is_a_way_in() {
    let team = Team::parked();
    let shared = tempfile::tempdir().unwrap();
    let path = shared.path().display().to_string();
    let copy = team.bob.work().join(team.alice.run_id());
    copy_dir(&team.alice.runs()[0], &copy);
    let bob = Test::again(&team.bob).args("go --yes --role dba").env("RUNBOOK_INBOX", &path);
    bob.arg(copy.display().to_string()).arg("before").run();
    fs::write(shared.path().join(format!("{}.x.approval", team.alice.run_id())), [0xff, 0xfe]).unwrap();
    fs::write(shared.path().join("another.approval"), "not ours").unwrap();
    team.go(&team.carol).run();
    team.alice("resume --no-input").env("RUNBOOK_INBOX", &path).arg(team.alice.run_id()).run();
    assert!(team.alice.exists("live.txt"));
    let left: Vec<_> = fs::read_dir(shared.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["another.approval"]);
}

#[test]
fn a_bad_file_in_the_inbox_is_put_away_and_written_down_and_the_run_goes_on() {
    let team = Team::parked();
    team.go(&team.bob).args("--role dba --out bob.txt").run();
    let good = team.alice.read("bob.txt");
    let put = |name: &str, text: &str| fs::write(team.inbox().join(format!("{name}.approval")), text).unwrap();
    put("1-garbage", "hello");
    put("2-edited", &good.replace("role: dba", "role: lead"));
    put("3-long", &"x".repeat(100_000));
    put("4-other-run", &good.replace("run: 0", "run: 1"));
    fs::write(team.inbox().join("5-bytes.approval"), [0xff; 10]).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", team.inbox().join("6-link.approval")).unwrap();
    fs::create_dir(team.inbox().join("7-dir.approval")).unwrap();
    put(".8-hidden", "still being written");
    team.alice("resume --no-input").arg(team.alice.run_id()).code(5).run();
    let log = team.log();
    assert_eq!(log.matches(r#""event":"refused""#).count(), 7, "{log}");
    for words in [
        "the answer is no answer: it has no signature",
        "the answer is not signed as it stands: signature is not valid for these bytes",
        "is too long for an answer",
        "is not text",
        "is not a regular file",
    ] {
        assert!(log.contains(words), "{words}: {log}");
    }
    assert_eq!(fs::read_dir(team.inbox().join("refused")).unwrap().count(), 7);
    assert!(team.inbox().join(".8-hidden.approval").exists());
    // The good one still counts.
    team.alice("go --deliver bob.txt").run();
    team.go(&team.carol).run();
    team.alice("resume --no-input").arg(team.alice.run_id()).run();
    assert!(team.alice("verify").run().stdout.starts_with("COMPLETE"));
}

#[test]
fn an_answer_to_another_run_and_one_by_a_revoked_key_are_refused() {
    let team = Team::parked();
    team.go(&team.bob).args("--role dba --out old.txt").run();
    team.alice("run a.yml -t prod --no-input").code(5).run();
    let old = team.alice.read("old.txt");
    fs::write(team.inbox().join("replayed.approval"), &old).unwrap();
    team.alice("resume --no-input").arg(team.alice.run_id()).code(5).run();
    assert!(team.log().contains("was signed for something else: another run"), "{}", team.log());
    // Carol's key is revoked after she signed, before anybody takes her answer.
    team.go(&team.carol).run();
    let key = team.carol.config().join("id_ed25519.pub");
    team.alice("keys revoke").arg(key.display().to_string()).run();
    team.alice("resume --no-input").arg(team.alice.run_id()).code(5).run();
    assert!(team.log().contains("is revoked"), "{}", team.log());
    assert!(!team.alice.exists("live.txt"));
}

#[test]
fn who_takes_a_run_over_can_no_longer_approve_it() {
    let team = Team::parked();
    let both = fs::read_to_string(team.alice.config().join("allowed_signers")).unwrap();
    let both = both + &line("bob", "log", &team.bob);
    for one in [&team.alice, &team.bob, &team.carol] {
        fs::write(one.config().join("allowed_signers"), &both).unwrap();
    }
    team.go(&team.bob).args("--role dba --out bob.txt").run();
    team.by(&team.bob, "resume --no-input").arg(team.alice.run_id()).code(5).run();
    let said = team.go(&team.bob).args("--role dba").code(6).run().stderr;
    assert!(said.contains("was given by the operator (bob@example.com) himself"), "{said}");
    team.alice("go --deliver bob.txt").run();
    team.alice("resume --no-input").arg(team.alice.run_id()).code(5).run();
    assert!(team.log().contains("was given by the operator (bob@example.com) himself"), "{}", team.log());
}

#[test]
fn what_somebody_approved_does_not_count_once_they_drive_the_run() {
    let team = Team::parked();
    let both =
        fs::read_to_string(team.alice.config().join("allowed_signers")).unwrap() + &line("bob", "log", &team.bob);
    for one in [&team.alice, &team.bob, &team.carol] {
        fs::write(one.config().join("allowed_signers"), &both).unwrap();
    }
    team.go(&team.bob).args("--role dba").run();
    team.alice("resume --no-input").arg(team.alice.run_id()).code(5).run();
    team.by(&team.bob, "resume --no-input").arg(team.alice.run_id()).code(5).run();
    team.go(&team.carol).run();
    team.alice("resume --no-input").arg(team.alice.run_id()).code(5).run();
    assert!(!team.alice.exists("live.txt"));
    let said = team.alice("verify").code(9).run().stdout;
    assert!(said.starts_with("INCOMPLETE"), "{said}");
}

/// What somebody with the operator's key and another program could write.
fn forge(team: &Team, events: &[serde_json::Value]) {
    use runbook::log::RecordType;
    use runbook::store::{Durability, Home, ResumePoint, RunClock, RunDir, keys};
    let home = Home::at(&team.alice.state(), &team.alice.config());
    let dir = RunDir::open(&home, team.alice.run_id().parse().unwrap()).unwrap();
    let point = ResumePoint::lock(&dir, &home.trust().unwrap()).unwrap();
    let clock = RunClock::resume(point.last_mono_us());
    let key = keys::load_or_create(&team.alice.config()).unwrap().key;
    let extra = serde_json::json!({ "in_doubt": [] }).as_object().unwrap().clone();
    let (_, mut journal) = point.open(Box::new(key), "alice", "here", extra, &clock.now()).unwrap();
    let records: Vec<_> = events.iter().map(|e| (RecordType::Event, e.as_object().unwrap().clone())).collect();
    journal.commit(&records, Durability::Sync, &clock.now()).unwrap();
}

#[test]
fn whoever_holds_the_key_of_a_run_cannot_write_past_its_checkpoint() {
    let go = serde_json::json!({ "event": "answered", "path": "before.checkpoint", "answer": "go", "by": "alice" });
    let pass = serde_json::json!({ "event": "step_finished", "path": "before.checkpoint", "verdict": "pass" });
    for (events, words) in [
        (vec![go.clone()], "TAMPERED: the log tells what its plan does not allow: "),
        (vec![pass.clone()], "TAMPERED: run.2.jsonl: checkpoint 'before.checkpoint' passed with 0 of 1 GO by dba"),
        (vec![go, pass], "TAMPERED: run.2.jsonl: checkpoint 'before.checkpoint' passed with 0 of 1 GO by dba"),
    ] {
        let team = Team::parked();
        forge(&team, &events);
        let said = team.alice("verify").code(9).run().stdout;
        assert!(said.contains(words), "{words}: {said}");
        let said = team.go(&team.carol).code(9).run().stderr;
        assert!(said.contains("nobody should vouch for this log"), "{said}");
    }
}

#[test]
fn the_person_is_asked_before_signing() {
    let team = Team::parked();
    let mut terminal = team.by(&team.carol, "go").arg(team.alice.run_id()).arg("before").code(2).at_terminal();
    terminal.sees("type go to sign: ").types("yes");
    let told = terminal.end();
    assert!(told.stdout.contains("nothing was signed"), "{}", told.stdout);
    let mut terminal = team.by(&team.carol, "go").arg(team.alice.run_id()).arg("before").at_terminal();
    terminal.sees("carol@example.com as lead, with SHA256:").sees("type go to sign: ").types("go");
    assert!(terminal.end().stdout.contains("signed GO at before.checkpoint"));
}

#[test]
#[ignore = "needs ssh-keygen; tests/run runs it"]
fn openssh_keys_of_other_kinds_sign_answers_too() {
    let team = Team::parked();
    let key = team.bob.work().join("id_ecdsa");
    let made = std::process::Command::new("ssh-keygen").args(["-q", "-t", "ecdsa", "-N", "", "-f"]).arg(&key).status();
    assert!(made.unwrap().success());
    let public = fs::read_to_string(key.with_extension("pub")).unwrap();
    let line = format!("bob@example.com namespaces=\"approval.v1@runbook\" {public}");
    for one in [&team.alice, &team.bob] {
        let path = one.config().join("allowed_signers");
        fs::write(&path, fs::read_to_string(&path).unwrap() + &line).unwrap();
    }
    Test::again(&team.bob).args("keys use id_ecdsa").run();
    team.go(&team.bob).args("--role dba").run();
    team.go(&team.carol).run();
    team.alice("resume --no-input").arg(team.alice.run_id()).run();
    assert!(team.alice.exists("live.txt"));
    assert!(team.alice("verify").run().stdout.starts_with("COMPLETE"));
}

#[test]
fn a_go_to_one_reason_for_overriding_a_window_is_none_to_another() {
    let body = BOOK.replacen("phases:", "window: { forbid: Mon-Sun UTC, override: lead }\nphases:", 1);
    let team = Team::new(&body, TARGET);
    team.alice("run a.yml -t prod --no-input --override-window").arg("a typo").code(5).run();
    let run = team.alice.run_id();
    team.by(&team.bob, "go --yes").arg(&run).args("window~override --role lead").run();
    team.alice("resume --no-input --override-window").arg("everything else").arg(&run).code(5).run();
    let shown = team.alice("approvals").arg(&run).run().stdout;
    assert!(shown.contains("open: window~override"), "{shown}");
    assert!(!shown.contains("VOID"), "{shown}");
}

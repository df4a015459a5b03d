//! A checkpoint that several people must approve, and every way to get past it without them.

use super::*;
use Verdict::{Incomplete, Tampered, Untrusted};

const PATH: &str = "live.checkpoint";

fn carol() -> SecretKey {
    key(4)
}

fn line(who: &str, role: &str, key: &SecretKey) -> String {
    format!("{who}@example.com namespaces=\"{role}.v1@runbook\" {}\n", key.public_key().to_line())
}

/// Alice runs; Bob and Carol approve.
fn team() -> TrustStore {
    let lines =
        line("alice", "log", &alice()) + &line("bob", "approval", &bob()) + &line("carol", "approval", &carol());
    TrustStore::parse(&lines).unwrap()
}

/// A question for a DBA and a release lead.
fn asked() -> Map<String, Value> {
    map(json!({
        "event": "asked", "path": PATH, "question": "checkpoint", "title": "Put it live?",
        "roles": {"dba": 1, "lead": 1},
        "people": {"dba": ["bob@example.com"], "lead": ["carol@example.com", "bob@example.com"]},
    }))
}

/// A run of alice's that is being written.
struct Scene {
    writer: Writer,
    log: Vec<u8>,
    us: u64,
    head: Head,
    nonce: u8,
    trust: TrustStore,
}

impl Scene {
    fn new(asked: Map<String, Value>) -> Scene {
        let writer = Writer::start(&start(run_a()), &at(1), &[5; 32]).unwrap();
        let head = writer.head();
        let mut scene = Scene { writer, log: Vec::new(), us: 1, head, nonce: 0, trust: team() };
        scene.seal();
        scene.ask(asked);
        scene
    }

    fn ask(&mut self, asked: Map<String, Value>) {
        self.add(RecordType::Event, asked);
        self.head = self.writer.head();
    }

    fn add(&mut self, kind: RecordType, payload: Map<String, Value>) {
        self.us += 1_000_000;
        self.writer.append(kind, &at(self.us), &payload).unwrap();
        self.seal();
    }

    fn seal(&mut self) {
        self.log.extend(self.writer.seal(&alice()).unwrap());
    }

    /// What somebody signs in a role for the question that is open.
    fn go(&mut self, role: &str) -> Approval {
        self.nonce += 1;
        let approval = answer(run_a(), PATH, Decision::Go, PLAN, self.head);
        Approval { role: Some(role.to_string()), time: at(self.us).t, nonce: Nonce([self.nonce; 16]), ..approval }
    }

    fn record(signed: &SignedApproval) -> Map<String, Value> {
        let said = &signed.approval;
        map(json!({
            "checkpoint": PATH, "decision": "go", "by": "somebody", "role": said.role, "reference": said.reference,
            "reason": said.reason, "nonce": said.nonce.to_string(), "statement": said.to_text(), "sig": signed.sig.to_armor(),
        }))
    }

    fn says(&mut self, approval: Approval, key: &SecretKey) -> &mut Scene {
        let signed = approval.sign(key).unwrap();
        self.add(RecordType::Approval, Scene::record(&signed));
        self
    }

    fn passes(&mut self) -> Check {
        self.add(RecordType::Event, map(json!({"event": "step_finished", "path": PATH, "verdict": "pass"})));
        Check { trust: self.trust.clone(), ..Check::new() }.log(self.log.clone()).signature(None)
    }
}

fn good() -> Scene {
    let mut scene = Scene::new(asked());
    let (dba, lead) = (scene.go("dba"), scene.go("lead"));
    scene.says(dba, &bob()).says(lead, &carol());
    scene
}

/// The checkpoint after Bob's good answer and one more, by this key.
#[track_caller]
fn then(change: impl FnOnce(&mut Approval), key: &SecretKey, verdict: Verdict, message: &str) {
    let mut scene = Scene::new(asked());
    let dba = scene.go("dba");
    let mut other = scene.go("lead");
    change(&mut other);
    scene.says(dba, &bob()).says(other, key);
    let check = scene.passes();
    check.expect(verdict, &format!("approval 'live.checkpoint' {message}"));
    check.expect(verdict, "checkpoint 'live.checkpoint' passed with 0 of 1 GO by lead");
}

#[test]
fn enough_people_of_each_role_let_it_pass() {
    let report = good().passes().verify();
    assert_eq!(report.verdict, Incomplete, "{report}");
    assert_eq!(report.approvals.len(), 2);
    assert!(report.approvals.iter().all(|approval| approval.void.is_none()), "{report}");
    assert!(report.questions.is_empty());
    assert!(report.to_string().contains("valid: GO at 'live.checkpoint' by bob@example.com as dba, "), "{report}");
}

#[test]
fn t70_an_answer_to_another_run() {
    then(
        |a| a.of = other_question(a, |run, _, _| *run = run_b()),
        &carol(),
        Tampered,
        "was signed for something else: another run",
    );
}

fn other_question(approval: &Approval, change: impl FnOnce(&mut RunId, &mut String, &mut Decision)) -> Subject {
    let mut of = approval.of.clone();
    if let Subject::Question { run, checkpoint, decision, .. } = &mut of {
        change(run, checkpoint, decision);
    }
    of
}

#[test]
fn t71_an_answer_to_another_checkpoint() {
    let other = |a: &mut Approval| a.of = other_question(a, |_, path, _| *path = "canary.checkpoint".into());
    then(other, &carol(), Tampered, "was signed for something else: another checkpoint");
}

#[test]
fn t72_a_no_go_recorded_as_go() {
    let other = |a: &mut Approval| a.of = other_question(a, |_, _, decision| *decision = Decision::NoGo);
    then(other, &carol(), Tampered, "was signed for something else: the record says other than the statement");
}

#[test]
fn t73_an_approval_of_another_plan_and_t74_of_another_environment() {
    for plan in [&b"{\"steps\":[2]}"[..], b"{\"steps\":[],\"target\":{\"name\":\"staging\"}}"] {
        then(
            |a| a.plan_sha256 = Sha256Sum::of(plan),
            &carol(),
            Tampered,
            "was signed for something else: another plan",
        );
    }
}

#[test]
fn t75_an_approval_after_its_time() {
    let mut short = asked();
    short.insert("good_for_us".into(), json!(3_000_000));
    // Alone it is too old when it is handed in.
    let mut scene = Scene::new(short.clone());
    let old = Approval { time: at(1).t, ..scene.go("dba") };
    scene.us += 9_000_000;
    scene.says(old, &bob()).passes().expect(Tampered, "is older than the 3 s it stays good");
    // It was good when it was handed in, and too old when the rest was there.
    let mut scene = Scene::new(short.clone());
    let dba = scene.go("dba");
    scene.says(dba, &bob()).us += 9_000_000;
    let lead = scene.go("lead");
    scene.says(lead, &carol()).passes().expect(Tampered, "passed with 0 of 1 GO by dba");
    // Whoever got too old may say so again.
    let mut scene = Scene::new(short);
    let dba = scene.go("dba");
    scene.says(dba, &bob()).us += 9_000_000;
    scene.add(RecordType::Event, map(json!({"event": "lapsed", "path": PATH, "by": "bob@example.com", "role": "dba"})));
    let (dba, lead) = (scene.go("dba"), scene.go("lead"));
    scene.says(dba, &bob()).says(lead, &carol()).passes().expect(Incomplete, "the log stops without run.end");
}

#[test]
fn an_approval_of_the_future_does_not_count() {
    then(|a| a.time = "2026-11-21T01:00:00.000000Z".into(), &carol(), Tampered, "is of the future");
}

#[test]
fn t76_a_revoked_key() {
    let revoked = RevokedKeys::parse(carol().public_key().to_line().as_bytes()).unwrap();
    let check = good().passes();
    let check = Check { trust: team().with_revoked(revoked), ..check };
    check.expect(Untrusted, "approval 'live.checkpoint' is by nobody who may approve: key SHA256:");
    check.expect(Untrusted, "checkpoint 'live.checkpoint' passed with 0 of 1 GO by lead");
}

#[test]
fn t77_a_key_that_had_expired_when_it_signed_or_when_it_was_used() {
    for option in ["valid-before=\"20261120\"", "valid-after=\"20261122\"", "valid-after=\"20261121001802Z\""] {
        let mut scene = good();
        let carols = line("carol", "approval", &carol()).replace(" ssh-", &format!(",{option} ssh-"));
        let lines = line("alice", "log", &alice()) + &line("bob", "approval", &bob()) + &carols;
        scene.trust = TrustStore::parse(&lines).unwrap();
        scene.passes().expect(Untrusted, "was not valid at 2026-11-21T00:18:0");
    }
}

#[test]
fn t78_the_same_person_twice() {
    // In two roles that one person holds.
    then(|_| (), &bob(), Tampered, "is the second one of bob@example.com");
    // With a second key.
    let mut scene = Scene::new(asked());
    let (dba, lead) = (scene.go("dba"), scene.go("lead"));
    scene.says(dba, &bob()).says(lead, &key(7));
    let trust = |who: String| {
        let lines = line("alice", "log", &alice()) + &line("bob", "approval", &bob());
        TrustStore::parse(&(lines + &who)).unwrap()
    };
    scene.trust = trust(line("bob", "approval", &key(7)));
    scene.passes().expect(Tampered, "is the second one of bob@example.com");
    // With one key under two names.
    let mut scene = Scene::new(asked());
    let (dba, lead) = (scene.go("dba"), scene.go("lead"));
    scene.says(dba, &bob()).says(lead, &bob());
    scene.trust = trust(line("carol", "approval", &bob()));
    scene.passes().expect(Tampered, "is the second one of bob@example.com");
}

#[test]
fn t79_the_operator_approves_his_own_run() {
    let with = |lines: String| TrustStore::parse(&(line("alice", "*", &alice()) + &lines)).unwrap();
    for (trust, key) in [
        (with(line("bob", "approval", &bob())), alice()),
        (with(line("bob", "approval", &bob()) + &line("alice", "approval", &carol())), carol()),
        (with(line("bob", "approval", &bob()) + &line("carol", "approval", &alice())), alice()),
    ] {
        let mut scene = Scene::new(asked());
        scene.trust = trust;
        let (dba, lead) = (scene.go("dba"), scene.go("lead"));
        scene.says(dba, &bob()).says(lead, &key);
        scene.passes().expect(Tampered, "was given by the operator (alice@example.com) himself");
    }
}

#[test]
fn t80_a_name_that_only_looks_like_that_of_somebody_who_holds_the_role() {
    // The c is a Cyrillic letter.
    let mut scene = good();
    let lines =
        line("alice", "log", &alice()) + &line("bob", "approval", &bob()) + &line("\u{441}arol", "approval", &carol());
    scene.trust = TrustStore::parse(&lines).unwrap();
    scene.passes().expect(Untrusted, "is given as lead, and \u{441}arol@example.com is none");
}

#[test]
fn t81_a_signature_by_another_key_than_the_one_it_names() {
    // Mallory's signature with Carol's key put in its place.
    let mut scene = Scene::new(asked());
    let approval = scene.go("lead");
    let forged = approval.clone().sign(&mallory()).unwrap();
    let swapped = SshSig { key: carol().public_key(), ..forged.sig };
    scene.add(RecordType::Approval, Scene::record(&SignedApproval { approval, sig: swapped }));
    scene.passes().expect(Tampered, "is not signed as it stands: signature is not valid for these bytes");
    then(|_| (), &mallory(), Untrusted, "is by nobody who may approve: key SHA256:");
}

#[test]
fn t82_an_edited_statement() {
    for (from, to) in [
        ("role: dba", "role: lead"),
        ("decision: go", "decision: no-go"),
        ("reference: \n", "reference: CHG-1\n"),
        ("nonce: 01", "nonce: 02"),
        ("time: 2026", "time: 2027"),
        ("live.checkpoint", "more.checkpoint"),
    ] {
        let mut scene = Scene::new(asked());
        let signed = scene.go("dba").sign(&bob()).unwrap();
        let mut record = Scene::record(&signed);
        let text = signed.approval.to_text();
        assert!(text.contains(from), "{text}");
        record["statement"] = text.replace(from, to).into();
        scene.add(RecordType::Approval, record);
        scene.passes().expect(Tampered, "is not signed as it stands: signature is not valid for these bytes");
    }
    for text in ["", "runbook-approval v1\nrun: x\n", "runbook-approval v2\n"] {
        let mut scene = Scene::new(asked());
        let mut record = Scene::record(&scene.go("dba").sign(&bob()).unwrap());
        record["statement"] = text.into();
        scene.add(RecordType::Approval, record);
        scene.passes().expect(Tampered, "is malformed: not an approval of this version");
    }
}

#[test]
fn t83_one_approval_used_twice() {
    let mut scene = Scene::new(asked());
    let dba = scene.go("dba");
    scene.says(dba.clone(), &bob()).says(dba, &bob()).passes().expect(Tampered, "was used before");
    // Asked again, the old answer does not fit any more.
    let mut scene = Scene::new(asked());
    let dba = scene.go("dba");
    scene.says(dba.clone(), &bob()).ask(asked());
    scene.says(dba, &bob()).passes().expect(Tampered, "was signed for something else: another state of the log");
}

#[test]
fn t84_a_checkpoint_that_passed_without_its_people() {
    Scene::new(asked()).passes().expect(Tampered, "checkpoint 'live.checkpoint' passed with 0 of 1 GO by dba");
    let mut scene = Scene::new(asked());
    scene.add(
        RecordType::Event,
        map(json!({"event": "answered", "path": PATH, "answer": "go", "by": "bob@example.com"})),
    );
    scene.passes().expect(Tampered, "passed with 0 of 1 GO by dba");
    let mut two = asked();
    two["roles"] = json!({"lead": 2});
    let mut scene = Scene::new(two);
    let lead = scene.go("lead");
    scene.says(lead, &bob()).passes().expect(Tampered, "passed with 1 of 2 GO by lead");
}

/// A GO to the plan instead of the question.
fn of_plan(scene: &mut Scene, role: &str, checkpoints: &[&str], expires: &str) -> Approval {
    let checkpoints = checkpoints.iter().map(|path| path.to_string()).collect();
    let of = Subject::Plan { runbook: "deploy".into(), target: None, checkpoints, expires: expires.into() };
    Approval { of, time: "2026-11-20T00:00:00.000000Z".into(), ..scene.go(role) }
}

#[test]
fn t85_an_approval_of_a_plan_counts_for_that_plan_and_its_checkpoints_until_it_expires() {
    const LATER: &str = "2026-11-22T00:00:00.000000Z";
    let with = |checkpoints: &[&str], expires: &str, change: &dyn Fn(&mut Approval)| {
        let mut scene = Scene::new(asked());
        let (mut dba, lead) = (of_plan(&mut scene, "dba", checkpoints, expires), scene.go("lead"));
        change(&mut dba);
        scene.says(dba, &bob()).says(lead, &carol()).passes()
    };
    let check = with(&["other", PATH], LATER, &|_| ());
    check.expect(Incomplete, "by bob@example.com as dba, 2026-11-21T00:18:02.000001Z with SHA256:");
    assert!(check.verify().to_string().contains(", of the plan"));
    with(&["other"], LATER, &|_| ()).expect(Tampered, "was signed for something else: another checkpoint");
    with(&[PATH], "2026-11-21T00:00:00.000000Z", &|_| ()).expect(Tampered, "expired at 2026-11-21T00:00:00");
    let other = |a: &mut Approval| a.plan_sha256 = Sha256Sum::of(b"{}");
    with(&[PATH], LATER, &other).expect(Tampered, "was signed for something else: another plan");
    // The two kinds begin differently, so that a signature under one is none under the other.
    let mut scene = Scene::new(asked());
    let plan = of_plan(&mut scene, "dba", &[PATH], LATER).sign(&bob()).unwrap();
    let question = SignedApproval { approval: scene.go("dba"), ..plan };
    scene.add(RecordType::Approval, Scene::record(&question));
    scene.passes().expect(Tampered, "is not signed as it stands");
}

#[test]
fn t86_a_go_without_its_reference_or_in_no_role() {
    let mut ticket = asked();
    ticket.insert("reference".into(), json!(true));
    let mut scene = Scene::new(ticket);
    let dba = scene.go("dba");
    scene.says(dba, &bob()).passes().expect(Tampered, "has no reference, but one is asked for");
    then(|a| a.role = None, &carol(), Tampered, "names no role, but roles are asked for");
    then(|a| a.role = Some("ceo".into()), &carol(), Tampered, "is given as ceo, which is not asked for");
    then(|a| a.role = Some("dba".into()), &carol(), Untrusted, "is given as dba, and carol@example.com is none");
}

#[test]
fn whoever_holds_a_role_can_say_no_without_naming_it_and_nobody_else() {
    for (key, verdict) in [(carol(), Incomplete), (key(8), Untrusted)] {
        let mut scene = Scene::new(asked());
        let dee = line("dee", "approval", &super::key(8));
        let lines = line("alice", "log", &alice()) + &line("carol", "approval", &carol()) + &dee;
        scene.trust = TrustStore::parse(&lines).unwrap();
        let mut no = scene.go("lead");
        (no.of, no.role) = (other_question(&no, |_, _, decision| *decision = Decision::NoGo), None);
        let mut record = Scene::record(&no.sign(&key).unwrap());
        record["decision"] = "no-go".into();
        scene.add(RecordType::Approval, record);
        let check = Check { trust: scene.trust.clone(), ..Check::new() }.log(scene.log).signature(None);
        assert_eq!(check.verify().verdict, verdict, "{}", check.verify());
    }
}

#[test]
fn a_key_that_only_this_machine_vouches_for_approves_nothing() {
    let mut scene = good();
    let lines = line("alice", "log", &alice()) + &line("bob", "approval", &bob());
    scene.trust = TrustStore::parse(&lines).unwrap().with_own_key(carol().public_key());
    scene.passes().expect(Untrusted, "is not in the trust store");
    assert_eq!(good().passes().verify().verdict, Incomplete);
}

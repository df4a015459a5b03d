//! Interrupted runs that went on in another file.

use super::*;
use Verdict::{Complete, Incomplete, Tampered, Untrusted};

/// Segment 1 torn in the middle of a write, segment 2 resumes and ends the run.
fn resumed_by(identity: &SecretKey, torn: &[u8]) -> Check {
    resumed_after([Check::new().lines()[..6].concat(), torn.to_vec()].concat(), identity)
}

fn resumed_after(first: Vec<u8>, identity: &SecretKey) -> Check {
    resumed_with(first, identity, Map::new(), &mut |_, _| {})
}

/// The same, with more in the opening record and in between.
fn resumed_with(
    first: Vec<u8>,
    identity: &SecretKey,
    extra: Map<String, Value>,
    between: &mut dyn FnMut(&mut Writer, &mut Vec<u8>),
) -> Check {
    let sealed = read(&[&first]).unwrap();
    let resume = RunResume {
        run: sealed.run,
        segment: 2,
        operator: "alice@example.com",
        host: "build2",
        bytes: first.len() as u64,
        sha256: Sha256Sum::of(&first),
        sealed_bytes: sealed.head.bytes,
        mono_us: sealed.records.last().unwrap().mono_us,
        extra,
    };
    let mut writer = Writer::resume(&resume, &at(3), &[50; 32]).unwrap();
    let mut second = writer.seal(identity).unwrap();
    between(&mut writer, &mut second);
    writer.append(RecordType::RunEnd, &at(9_000), &Map::new()).unwrap();
    second.extend(writer.seal(identity).unwrap());
    let signature = writer.countersign(identity).unwrap();
    Check { segments: vec![(first, None), (second, Some(signature.into_bytes()))], ..Check::new() }
}

pub(super) fn resumed() -> Check {
    resumed_by(&alice(), b"{\"seq\":6,\"prev\":\"to")
}

#[test]
fn a_resumed_run_is_complete_with_its_torn_first_part() {
    let report = resumed().verify();
    assert_eq!(report.verdict, Complete, "{report}");
    assert_eq!((report.records, report.head.unwrap().segment), (5, 2));
    let check = resumed();
    let sealed = read(&[&check.segments[0].0, &check.segments[1].0]).unwrap();
    assert_eq!(sealed.records.len(), 5);
    assert!(sealed.ended && sealed.records[3].kind == RecordType::RunResume);
    assert!(sealed.records.windows(2).all(|pair| pair[0].mono_us <= pair[1].mono_us));
}

#[test]
fn the_torn_tail_of_the_first_part_is_bound_as_found() {
    let mut check = resumed();
    check.segments[0].0.pop();
    check.expect(Tampered, "run.2.jsonl resumes after");
    let mut check = resumed();
    *check.segments[0].0.last_mut().unwrap() ^= 1;
    check.expect(Tampered, "run.jsonl was altered after the run was resumed in run.2.jsonl");
}

#[test]
fn a_second_part_alone_or_in_the_wrong_place_is_tampering() {
    let check = resumed();
    let second = Segment { number: 2, bytes: Some(&check.segments[1].0), signature: None };
    let report = check.verify_segments(&[second]);
    assert!(report.to_string().contains("run.jsonl is missing, but run.2.jsonl goes on after it"), "{report}");
    assert_eq!(report.verdict, Tampered);

    let mut swapped = resumed();
    swapped.segments.swap(0, 1);
    swapped.expect(Tampered, "run.jsonl: first record is not run.start of format runbook-log/1");
    let mut moved = resumed();
    moved.segments.insert(1, (Vec::new(), None));
    moved.expect(Tampered, "run.3.jsonl says it is another segment: swapped or renamed files");
}

#[test]
fn a_part_of_another_run_is_tampering() {
    let mut check = resumed();
    check.segments[0].0 = log_of(run_b(), &alice(), 20).0;
    check.expect(Tampered, "run.2.jsonl belongs to run");
}

#[test]
fn a_finished_run_cannot_go_on() {
    let mut check = resumed();
    check.segments[0] = Check::new().segments[0].clone();
    check.expect(Tampered, "run.jsonl was finished, but run.2.jsonl goes on after it");
}

#[test]
fn cutting_the_whole_second_part_looks_like_a_crash_unless_its_signature_stays() {
    let mut check = resumed();
    let (_, signature) = check.segments.pop().unwrap();
    check.expect(Incomplete, "torn last record");
    let first = Segment { number: 1, bytes: Some(&check.segments[0].0), signature: None };
    let left = Segment { number: 2, bytes: None, signature: signature.as_deref() };
    let report = check.verify_segments(&[first, left]);
    assert_eq!(report.verdict, Tampered);
    assert!(report.to_string().contains("run.2.jsonl.sig exists, but run.2.jsonl is missing"), "{report}");
}

#[test]
fn whoever_resumes_must_be_trusted_too() {
    resumed_by(&mallory(), b"").expect(Untrusted, "is not in the trust store");
}

#[test]
fn a_second_part_that_crashed_at_once_leaves_the_run_incomplete() {
    let mut check = resumed();
    check.segments[1] = (Vec::new(), None);
    check.expect(Incomplete, "run.2.jsonl: no record is sealed: nothing to verify");
    let sealed = read(&[&check.segments[0].0, b""]).unwrap();
    assert_eq!(sealed.records.len(), 3);
}

#[test]
fn anchors_know_which_part_they_mean() {
    let whole = resumed();
    let head = whole.verify().head.unwrap();
    let mut check = Check { known_heads: vec![head], ..resumed() };
    check.expect(Complete, "");
    check.segments.pop();
    check.expect(Tampered, "the tail was cut: an anchor knows this run at");
}

#[test]
fn wherever_a_run_was_cut_it_can_go_on_and_verifies_as_a_whole() {
    let lines = Check::new().lines();
    let (unfinished, opening) = (lines[..10].concat(), lines[..2].concat().len());
    for length in (opening..unfinished.len()).step_by(61) {
        let check = resumed_after(unfinished[..length].to_vec(), &alice());
        let report = check.verify();
        assert_eq!(report.verdict, Complete, "cut at {length}: {report}");
    }
}

const PLAN_2: &[u8] = b"{\"steps\":[1]}";

/// Segment 2 turns to another plan, and asks for an approval that a second person signs for `plan`.
fn turned(plan: &[u8]) -> Check {
    let first = Check::new().lines()[..6].concat();
    let stored = json!({"file": "plan.2.json", "bytes": PLAN_2.len(), "sha256": Sha256Sum::of(PLAN_2).to_string()});
    let extra = map(json!({"changed": {"follow": "changes", "why": "a typo", "plan": stored}}));
    let mut check = resumed_with(first, &alice(), extra, &mut |writer, log| {
        writer.append(RecordType::ApprovalRequest, &at(4), &map(json!({"checkpoint": "go"}))).unwrap();
        log.extend(writer.seal(&alice()).unwrap());
        let text = answer(run_a(), "go", Decision::Go, plan, writer.head()).to_text();
        let sig = SshSig::sign(&bob(), APPROVAL_NAMESPACE, &Sha256Sum::of(text.as_bytes())).unwrap().to_armor();
        let approval = json!({"checkpoint": "go", "decision": "go", "statement": text, "sig": sig});
        writer.append(RecordType::Approval, &at(5), &map(approval)).unwrap();
        log.extend(writer.seal(&alice()).unwrap());
    });
    check.files.insert("plan.2.json".into(), PLAN_2.to_vec());
    check
}

#[test]
fn the_plan_a_resumption_turns_to_is_part_of_what_is_verified() {
    turned(PLAN_2)
        .expect(Complete, "run.2.jsonl: the runbook had changed, plan.2.json is followed from here on: a typo");
    let mut altered = turned(PLAN_2);
    altered.files.insert("plan.2.json".into(), b"{\"steps\":[2]}".to_vec());
    altered.expect(Tampered, "stored plan plan.2.json was altered");
    let mut longer = turned(PLAN_2);
    longer.files.insert("plan.2.json".into(), [PLAN_2, b" "].concat());
    longer.expect(Tampered, "stored plan plan.2.json has 1 bytes more than were sealed");
    let mut gone = turned(PLAN_2);
    gone.files.remove("plan.2.json");
    gone.expect(Tampered, "stored plan plan.2.json is missing");
}

#[test]
fn an_approval_counts_for_the_plan_that_is_followed_when_it_is_given() {
    turned(PLAN).expect(Tampered, "approval 'go' was signed for something else");
}

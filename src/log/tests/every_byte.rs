//! Exhaustive: every byte of a small log changed, every length cut.

use super::*;

/// A run of two batches, so that the whole sweep stays fast.
fn small() -> Check {
    let mut writer = Writer::start(&start(run_a()), &at(1), &[5; 32]).unwrap();
    let mut log = writer.seal(&alice()).unwrap();
    writer.append(RecordType::StepEnd, &at(2), &step_end()).unwrap();
    writer.append(RecordType::RunEnd, &at(3), &Map::new()).unwrap();
    log.extend(writer.seal(&alice()).unwrap());
    let signature = writer.countersign(&alice()).unwrap();
    Check::new().log(log).signature(Some(signature))
}

/// One of three bits, so that neighbours are hit differently.
fn flip(place: usize) -> u8 {
    [1, 0x20, 0x80][place % 3]
}

#[test]
fn every_changed_byte_of_a_complete_log_is_tampering() {
    let mut check = small();
    assert_eq!(check.verify().verdict, Verdict::Complete);
    for place in 0..check.segments[0].0.len() {
        let flip = flip(place);
        check.segments[0].0[place] ^= flip;
        let report = check.verify();
        assert_eq!(report.verdict, Verdict::Tampered, "byte {place} ^ {flip:#x}: {report}");
        check.segments[0].0[place] ^= flip;
    }
}

#[test]
fn every_changed_byte_of_the_final_signature_is_tampering() {
    let mut check = small();
    let signature = check.segments[0].1.clone().unwrap().into_bytes();
    for place in 0..signature.len() {
        let flip = [1, 0x20][place % 2];
        let mut changed = signature.clone();
        changed[place] ^= flip;
        check.segments[0].1 = Some(String::from_utf8(changed).unwrap());
        assert_eq!(check.verify().verdict, Verdict::Tampered, "byte {place} ^ {flip:#x}");
    }
}

#[test]
fn a_changed_byte_of_an_unfinished_log_never_passes_unnoticed() {
    let whole = small();
    let mut check = small().signature(None).log(whole.lines()[..2].concat());
    let head = check.verify().head;
    for place in 0..check.segments[0].0.len() {
        let flip = flip(place);
        check.segments[0].0[place] ^= flip;
        let report = check.verify();
        let noticed = report.verdict == Verdict::Tampered || report.head != head;
        assert!(noticed, "byte {place} ^ {flip:#x}: {report}");
        check.segments[0].0[place] ^= flip;
    }
}

#[test]
fn every_cut_of_a_log_is_incomplete() {
    let whole = small();
    let log = &whole.segments[0].0;
    let mut check = small().signature(None);
    for length in 0..log.len() {
        check.segments[0].0 = log[..length].to_vec();
        let report = check.verify();
        assert_eq!(report.verdict, Verdict::Incomplete, "{length} bytes: {report}");
    }
}

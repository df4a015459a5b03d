//! What an interrupted write leaves behind is never called tampering.

use super::*;
use Verdict::{Incomplete, Tampered};

/// The log up to the last batch, and the two lines of that batch.
fn live() -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let lines = Check::new().lines();
    (lines[..10].concat(), lines[10].clone(), lines[11].clone())
}

#[track_caller]
fn crash(log: Vec<u8>, message: &str) {
    Check::new().signature(None).log(log).expect(Incomplete, message);
}

const STOPS: &str = "the log stops without run.end (crash, kill, or cut tail): compare the head with an anchor";
const IGNORED: &str = "NOTE: 1 record(s) after the last seal are not authenticated and were ignored";

#[test]
fn c01_killed_between_steps() {
    crash(live().0, STOPS);
}

#[test]
fn c02_a_torn_record() {
    let (log, record, _) = live();
    let message = format!("torn last record (20 bytes at byte {}): interrupted write", log.len());
    crash([&log[..], &record[..20]].concat(), &message);
}

#[test]
fn c03_the_record_written_but_not_its_seal() {
    let (log, record, _) = live();
    crash([log.clone(), record.clone()].concat(), STOPS);
    crash([log, record].concat(), IGNORED);
}

#[test]
fn c04_a_torn_seal() {
    let (log, record, seal) = live();
    let torn = [&log[..], &record, &seal[..100]].concat();
    crash(torn.clone(), &format!("torn last record (100 bytes at byte {})", log.len() + record.len()));
    crash(torn, IGNORED);
}

#[test]
fn c05_the_size_arrived_but_not_the_data() {
    crash([live().0, vec![0; 700]].concat(), "torn last record (700 bytes at byte ");
}

#[test]
fn c06_a_lost_sector_inside_the_last_write() {
    let (log, record, seal) = live();
    let damaged = [&log[..], &record[..30], &[0; 512], &seal].concat();
    let bytes = 30 + 512 + seal.len();
    crash(
        damaged,
        &format!("{bytes} bytes after the last seal are damaged by an interrupted write (NUL-filled block)"),
    );
}

#[test]
fn c07_an_empty_file_and_c08_a_torn_first_record() {
    crash(Vec::new(), "no record is sealed: nothing to verify");
    crash(live().0[..50].to_vec(), "torn last record (50 bytes at byte 0): interrupted write");
}

#[test]
fn c09_ended_but_killed_before_the_final_signature() {
    Check::new()
        .signature(None)
        .expect(Incomplete, "run.jsonl.sig is missing: the run ended but was not countersigned");
}

#[test]
fn c10_output_beyond_the_last_recorded_length() {
    let mut writer = Writer::start(&start(run_a()), &at(1), &[9; 32]).unwrap();
    let mut output = step_end();
    output.shift_remove("exit");
    writer.append(RecordType::StepOutput, &at(2), &output).unwrap();
    let mut check = Check::new().signature(None).log(writer.seal(&alice()).unwrap());
    check.files.insert("out/0001.stdout".to_string(), [OUTPUT, b"tail not yet recorded"].concat());
    check.expect(Incomplete, STOPS);
    check
        .files
        .insert("out/0001.stdout".to_string(), b"something else, and long enough to cover the whole claim".to_vec());
    check.expect(Tampered, "was altered within its first 52 bytes");
}

#[test]
fn a_bad_seal_at_the_end_is_tampering_not_a_crash() {
    let (log, record, mut seal) = live();
    replace(&mut seal, "\"by\":\"identity\"", "\"by\":\"idempotent\"");
    Check::new().signature(None).log([log, record, seal].concat()).expect(Tampered, "seal 11 is not by the key");
}

#[test]
fn lost_blocks_before_the_last_seal_are_tampering() {
    let check = Check::new().signature(None);
    let mut lines = check.lines();
    lines[4] = vec![0; 600];
    let after = lines[6..].concat();
    let report = check.log([lines[..5].concat(), after].concat()).verify();
    // Everything after the damage is gone as well: the head moves back, and a final signature would prove the loss.
    assert_eq!((report.verdict, report.seals), (Incomplete, 2), "{report}");
    let mut ended = Check::new();
    ended.segments[0].0.splice(3000..3600, [0; 600]);
    ended.expect(Tampered, "run.jsonl.sig exists");
}

#[test]
fn only_sealed_records_are_read_back() {
    let (log, record, _) = live();
    let sealed = read(&[&[&log[..], &record, b"{\"seq\":"].concat()]).unwrap();
    assert_eq!((sealed.run, sealed.records.len(), sealed.unsealed, sealed.ended), (run_a(), 5, 1, false));
    assert_eq!(sealed.records[4].text("event"), Some("RuleFired"));
    assert_eq!(read(&[b""]).unwrap_err(), ReadError::NothingSealed);
    assert!(matches!(read(&[b"garbage\n"]), Err(ReadError::Broken(_))));
}

//! Exhaustive: every byte of a log changed in three ways, every length cut. Prints what it counted.

use super::segments::resumed;
use super::*;

/// Ways to change a byte: its lowest bit, the case of a letter, out of ASCII.
const FLIPS: [u8; 3] = [0x01, 0x20, 0x80];

/// Judges every place on all processors; each judge has its own copy of the case and may change it.
fn sweep(check: &(impl Fn() -> Check + Sync), places: usize, judge: impl Fn(&mut Check, usize) + Sync) {
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for first in 0..threads {
            let judge = &judge;
            scope.spawn(move || {
                let mut check = check();
                (first..places).step_by(threads).for_each(|place| judge(&mut check, place));
            });
        }
    });
}

/// Every byte of what `data` finds in a case, changed in each way: all of them must be convicted.
#[track_caller]
fn every_flip_is_convicted(
    what: &str,
    check: impl Fn() -> Check + Sync,
    data: impl Fn(&mut Check) -> &mut Vec<u8> + Sync,
) {
    assert_eq!(check().verify().verdict, Verdict::Complete, "{}", check().verify());
    let length = data(&mut check()).len();
    sweep(&check, length * 3, |check, place| {
        let (place, flip) = (place / 3, FLIPS[place % 3]);
        data(check)[place] ^= flip;
        let report = check.verify();
        assert_eq!(report.verdict, Verdict::Tampered, "{what}, byte {place} ^ {flip:#x}: {report}");
        data(check)[place] ^= flip;
    });
    let flips = length * 3;
    println!("{what}: {flips} flips, {flips} convicted");
}

#[test]
fn every_changed_byte_of_a_complete_log_is_convicted() {
    every_flip_is_convicted("complete log", Check::new, |check| &mut check.segments[0].0);
}

#[test]
fn every_changed_byte_of_a_resumed_log_is_convicted() {
    every_flip_is_convicted("first segment", resumed, |check| &mut check.segments[0].0);
    every_flip_is_convicted("second segment", resumed, |check| &mut check.segments[1].0);
}

#[test]
fn every_changed_byte_of_the_final_signature_is_convicted() {
    every_flip_is_convicted("final signature", Check::new, |check| check.segments[0].1.as_mut().unwrap());
    every_flip_is_convicted("final signature of a resumed run", resumed, |check| check.segments[1].1.as_mut().unwrap());
}

#[test]
fn every_changed_byte_of_an_output_an_input_or_the_plan_is_convicted() {
    every_flip_is_convicted("output file", Check::new, |check| check.files.get_mut("out/0001.stdout").unwrap());
    every_flip_is_convicted("stored runbook", Check::new, |check| check.files.get_mut("inputs/deploy.yaml").unwrap());
    every_flip_is_convicted("plan", Check::new, |check| &mut check.plan);
}

/// A change of an unfinished log is tampering, or it reads as a torn write: then less is vouched for than before.
#[test]
fn a_changed_byte_of_an_unfinished_log_never_passes_unnoticed() {
    let unfinished = || {
        let whole = Check::new().signature(None);
        let cut = whole.lines()[..10].concat();
        whole.log(cut)
    };
    let head = unfinished().verify().head;
    let length = unfinished().segments[0].0.len();
    let convicted = std::sync::atomic::AtomicUsize::new(0);
    sweep(&unfinished, length * 3, |check, place| {
        let (place, flip) = (place / 3, FLIPS[place % 3]);
        check.segments[0].0[place] ^= flip;
        let report = check.verify();
        match report.verdict {
            Verdict::Tampered => drop(convicted.fetch_add(1, std::sync::atomic::Ordering::Relaxed)),
            Verdict::Incomplete => assert!(report.head != head, "byte {place} ^ {flip:#x}: {report}"),
            other => panic!("byte {place} ^ {flip:#x}: {other}"),
        }
        check.segments[0].0[place] ^= flip;
    });
    let convicted = convicted.into_inner();
    println!("unfinished log: {} flips, {convicted} convicted, {} torn", length * 3, length * 3 - convicted);
    assert!(length * 3 - convicted <= 3, "only the last line feed can look torn");
}

/// Without its final signature a cut log is a crash; with it, or once it was resumed, the cut is proven.
#[test]
fn every_cut_is_incomplete_or_convicted_and_never_complete() {
    let cut = |what: &str, case: fn() -> Check, segment: usize, signed: bool, expected: Verdict| {
        let whole = case().segments[segment].0.clone();
        let bare = || {
            let mut check = case();
            if !signed {
                check.segments.last_mut().unwrap().1 = None;
            }
            check
        };
        sweep(&bare, whole.len(), |check, length| {
            check.segments[segment].0 = whole[..length].to_vec();
            let report = check.verify();
            assert_eq!(report.verdict, expected, "{what}, {length} bytes: {report}");
        });
        println!("{what}: {} cuts, all {expected}", whole.len());
    };
    let unfinished = || {
        let check = Check::new();
        let log = check.lines()[..10].concat();
        check.log(log)
    };
    cut("complete log", Check::new, 0, true, Verdict::Tampered);
    cut("complete log without signature", Check::new, 0, false, Verdict::Incomplete);
    cut("unfinished log", unfinished, 0, false, Verdict::Incomplete);
    cut("first segment", resumed, 0, true, Verdict::Tampered);
    cut("second segment", resumed, 1, true, Verdict::Tampered);
    cut("second segment without signature", resumed, 1, false, Verdict::Incomplete);
}

//! Thousands of random deletions, swaps, duplications and splices across two runs by the same key.

use super::*;

/// SplitMix64: the same cases every time.
struct Rng(u64);

impl Rng {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % end.max(1) as u64) as usize
    }
}

/// One to three operations on the lines of a log; some take lines of another.
fn shuffle(lines: &mut Vec<Vec<u8>>, other: &[Vec<u8>], rng: &mut Rng) {
    for _ in 0..=rng.below(3) {
        let (a, b, end) = (rng.below(lines.len()), rng.below(lines.len() + 1), other.len());
        match rng.below(6) {
            0 if !lines.is_empty() => drop(lines.remove(a)),
            1 if b < lines.len() => lines.swap(a, b),
            2 if !lines.is_empty() => lines.insert(b, lines[a].clone()),
            3 => lines.insert(b, other[rng.below(end)].clone()),
            4 if !lines.is_empty() => lines[a] = other[rng.below(end)].clone(),
            _ => drop(lines.splice(a.., other[rng.below(end)..].iter().cloned())),
        }
    }
}

/// Nothing but the log itself is complete, and nothing but a beginning of it is taken for a crash.
fn judge(honest: &Check, [splice, rival]: [&[Vec<u8>]; 2], seed: u64, counts: &mut [usize; 3]) {
    let mut rng = Rng(seed);
    let mut lines = honest.lines();
    shuffle(&mut lines, [splice, rival][rng.below(2)], &mut rng);
    if rng.below(2) == 0 {
        rechain(&mut lines, 1);
    }
    let (log, original) = (lines.concat(), &honest.segments[0].0);
    let signature = honest.segments[0].1.clone().filter(|_| rng.below(2) == 0);
    let signed = signature.is_some();
    let mut check = Check { expect_run: Some(run_a()), ..Check::new() };
    check.segments[0] = (log.clone(), signature);
    let report = check.verify();
    let (expected, counted) = match () {
        () if log == *original && signed => (Verdict::Complete, 0),
        () if signed => (Verdict::Tampered, 2),
        // The key's holder can write another history; only its final signature gives this one away.
        () if is_a_beginning(&log, original) || is_a_beginning(&log, &rival.concat()) => (Verdict::Incomplete, 1),
        () => (Verdict::Tampered, 2),
    };
    assert_eq!(report.verdict, expected, "seed {seed}: {report}");
    counts[counted] += 1;
}

/// Whether a log is a beginning of the other, as a crash leaves it, perhaps with records after its last seal. Those
/// anybody could have written, and nobody believes them: they only have to continue the chain.
fn is_a_beginning(log: &[u8], original: &[u8]) -> bool {
    let all = lines(log);
    let sealed = all.iter().rposition(|line| value(line)["type"] == "seal").map_or(0, |last| last + 1);
    let (before, rest) = all.split_at(sealed);
    let before = before.concat();
    let ended = before == original;
    original.starts_with(&before) && (rest.is_empty() || (!ended && continues(rest, &all[..sealed])))
}

fn continues(rest: &[Vec<u8>], before: &[Vec<u8>]) -> bool {
    let mut prev = before.last().map_or(Sha256Sum::ZERO, |line| Sha256Sum::of(line)).to_string();
    let mut mono_us = before.iter().filter_map(|line| value(line)["mono_us"].as_u64()).max().unwrap_or(0);
    let mut ended = false;
    (before.len()..).zip(rest).all(|(seq, line)| {
        let record = value(line);
        let us = record["mono_us"].as_u64().unwrap_or(0);
        let follows = record["prev"] == prev && record["seq"] == seq && record["run"] == run_a().to_string();
        let in_place = (record["type"] == "run.start") == (seq == 0) && us >= mono_us && !ended;
        (prev, mono_us, ended) = (Sha256Sum::of(line).to_string(), us, record["type"] == "run.end");
        follows && in_place
    })
}

#[test]
fn thousands_of_shuffled_and_spliced_logs_are_convicted() {
    const CASES: u64 = 12_000;
    let honest = Check::new();
    // Another run of the same operator, and another history of the same run.
    let splice = lines(&log_of(run_b(), &alice(), 20).0);
    let rival = lines(&log_of(run_a(), &alice(), 60).0);
    let threads = std::thread::available_parallelism().map_or(2, |n| n.get() as u64);
    let totals: Vec<[usize; 3]> = std::thread::scope(|scope| {
        let work = |first: u64| {
            let (honest, splice, rival) = (&honest, &splice, &rival);
            scope.spawn(move || {
                let mut counts = [0; 3];
                for seed in (first..CASES).step_by(threads as usize) {
                    judge(honest, [splice, rival], seed, &mut counts);
                }
                counts
            })
        };
        let running: Vec<_> = (0..threads).map(work).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let sum = |index: usize| totals.iter().map(|counts| counts[index]).sum::<usize>();
    println!("{CASES} shuffled logs: {} convicted, {} cut, {} as they were", sum(2), sum(1), sum(0));
    assert!(sum(2) > 9_000, "{} convicted", sum(2));
}

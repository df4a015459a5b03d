//! How fast the masker is. Says something in an optimized build only:
//! `cargo test --profile ci --test leaks speed -- --ignored --nocapture`

use crate::canaries::{Dice, canaries};
use crate::masking::masker;
use runbook::drive::world::MaskStream;

const SIZE: usize = 64 << 20;
const PIECE: usize = 64 * 1024;

/// What logs look like: words, times, paths, numbers, JSON, some base64 and hexadecimal digits.
pub(crate) fn ordinary_text(size: usize) -> Vec<u8> {
    const WORDS: &[&str] = &[
        "starting",
        "the",
        "service",
        "on",
        "port",
        "8080",
        "connection",
        "to",
        "database",
        "established",
        "user",
        "request",
        "GET",
        "/api/v1/orders/1234",
        "200",
        "OK",
        "in",
        "12ms",
        "INFO",
        "WARN",
        "retry",
        "2026-11-21T08:15:30Z",
        "checksum",
        "image",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "--- a/file.txt",
        "{\"level\":\"info\",\"msg\":\"done\",\"count\":42}",
        "========================================",
        "kubernetes",
        "deployment.apps/web",
        "configured",
        "-----------",
        "aGVsbG8gd29ybGQsIHRoaXMgaXMgb3JkaW5hcnk=",
        "127.0.0.1",
        "de:ad:be:ef:00:01",
        "at",
        "com.example.Main.run(Main.java:42)",
        "Prüfung",
        "日本",
        "\t",
        "100%",
        "key=value",
    ];
    let mut dice = Dice::new(42);
    let mut text = Vec::with_capacity(size + 128);
    while text.len() < size {
        text.extend_from_slice(WORDS[dice.below(WORDS.len())].as_bytes());
        text.push(if dice.below(9) == 0 { b'\n' } else { b' ' });
    }
    text.truncate(size);
    text
}

/// Best of three, in MB/s of processor time: others may be at work on this machine too.
fn rate(size: usize, mut pass: impl FnMut() -> usize) -> f64 {
    let times = (0..3).map(|_| {
        let since = processor_s();
        assert!(pass() > 0);
        processor_s() - since
    });
    size as f64 / 1e6 / times.fold(f64::MAX, f64::min).max(1e-6)
}

fn processor_s() -> f64 {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    used.tv_sec as f64 + used.tv_nsec as f64 / 1e9
}

#[test]
#[ignore = "takes seconds and means something in an optimized build only"]
fn speed_of_masking_against_a_plain_copy() {
    let text = ordinary_text(SIZE);
    let zeros = vec![0u8; SIZE];
    let dashes = vec![b'-'; SIZE];
    let base64 =
        Dice::new(3).text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", SIZE).into_bytes();
    let canaries = canaries();
    let mut out = Vec::with_capacity(SIZE + 1024);
    let copy = rate(SIZE, || {
        out.clear();
        text.chunks(PIECE).for_each(|piece| out.extend_from_slice(piece));
        out.len()
    });
    println!("plain copy {copy:.0} MB/s");
    for number in [1, 5, 40] {
        let since = processor_s();
        let masker = masker(canaries.iter().take(number));
        let built = (processor_s() - since) * 1e3;
        let kinds = [
            ("ordinary text", &text),
            ("zeros, one line", &zeros),
            ("dashes, one line", &dashes),
            ("base64, one line", &base64),
        ];
        for (what, text) in kinds {
            let masked = rate(SIZE, || {
                out.clear();
                let mut stream = MaskStream::default();
                for piece in text.chunks(PIECE) {
                    stream.push(&masker, piece, |part| out.extend_from_slice(part));
                }
                stream.finish(&masker, |part| out.extend_from_slice(part));
                out.len()
            });
            println!(
                "{number} secrets (built in {built:.1} ms), {what}: {masked:.0} MB/s, {:.1} times a plain copy",
                copy / masked
            );
        }
    }
}

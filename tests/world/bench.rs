//! What a step costs, printed once (`cargo test --test world cost -- --nocapture`); asserted only against disasters.

use std::time::{Duration, Instant};

use super::common::{Bed, exec, shell};

#[test]
fn cost_of_a_step_over_a_bare_spawn() {
    const STEPS: u32 = 200;
    let mut bed = Bed::new();
    let mut best = [Duration::MAX; 3];
    for _ in 0..5 {
        let bare = Instant::now();
        for _ in 0..STEPS {
            std::process::Command::new("/bin/true").stdin(std::process::Stdio::null()).status().unwrap();
        }
        best[0] = best[0].min(bare.elapsed() / STEPS);
        for (slot, action) in [(1, exec(&["/bin/true"])), (2, shell("echo out"))] {
            let steps = Instant::now();
            for _ in 0..STEPS {
                bed.act(&action);
            }
            best[slot] = best[slot].min(steps.elapsed() / STEPS);
        }
    }
    let [bare, silent, printing] = best;
    println!("bare spawn {bare:?}, silent step {silent:?}, printing step (stored and synced) {printing:?}");
    assert!(silent < bare + Duration::from_millis(5), "{silent:?} against {bare:?}");
}

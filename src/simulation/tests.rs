//! What the simulator promises of itself.

use super::*;

fn seed(seed: u64, mode: Mode) -> Options {
    Options { seed, steps: 300, only: None, mode, trace: true }
}

#[test]
fn a_seed_repeats_itself() {
    for n in 0..6 {
        let [one, other] = [(); 2].map(|()| run(&seed(n, Mode::Liveness)).unwrap());
        for (one, other) in one.lines.iter().zip(&other.lines) {
            assert_eq!(one, other, "seed {n}");
        }
        assert_eq!(one.hash, other.hash, "seed {n}");
    }
}

#[test]
fn seeds_hold() {
    for n in 0..20 {
        let report = run(&seed(n, Mode::Liveness)).unwrap();
        if let Some(violation) = report.violation {
            panic!("seed {n}: {violation}\n{}", report.lines.join("\n"));
        }
    }
}

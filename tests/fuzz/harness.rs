//! Mutation of real bytes, and the judge of what becomes of them.

use std::{
    fmt::Write as _,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

/// What one target may take beside what it had when it began: an input is 1 MiB at most.
const MOST_BYTES: u64 = 512 << 20;

/// The longest input.
const LONGEST: usize = 1 << 20;

/// Inputs for each target without `DOORBUSTER_FUZZ`.
const SHORT: u64 = 2_000;

static ALONE: Mutex<()> = Mutex::new(());

/// Numbers at which parsers go wrong.
const EDGES: [u64; 12] = [
    0,
    1,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0xFFFF,
    0x7FFF_FFFF,
    0xFFFF_FFFF,
    0x7FFF_FFFF_FFFF_FFFF,
    0x8000_0000_0000_0000,
    u64::MAX,
];

/// Pieces that mean something to one parser or another.
const PIECES: [&[u8]; 24] = [
    b"\0",
    b"\xff",
    b"\xc3\x28",
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\r\n",
    b"\n",
    b";",
    b"=",
    b"%",
    b"-",
    b"1e400",
    b"18446744073709551616",
    b"\\ud800",
    b"\xef\xbb\xbf",
    b"null",
    b"\xdf\xff\xff\xff\xff",
    b"\xdd\xff\xff\xff\xff",
];

/// How many inputs each target gets.
pub(crate) fn inputs() -> u64 {
    number("DOORBUSTER_FUZZ").unwrap_or(SHORT)
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is a number, not {text}")))
}

/// The same numbers from the same seed: splitmix64.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Below `end`; 0 when there is nothing below it.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.roll()).unwrap_or_default().checked_rem(end).unwrap_or_default()
    }

    pub(crate) fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    /// One of the seeds with a few things wrong.
    pub(crate) fn mutant(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = self.one_of(seeds).clone();
        for _ in 0..=self.below(4) {
            self.mutate(&mut bytes, seeds);
        }
        bytes.truncate(LONGEST);
        bytes
    }

    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let from = self.below(length + 1);
        let most = (length - from).min(1 << self.below(12));
        from..from + self.below(most + 1)
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let (range, at) = (self.range(bytes.len()), self.below(bytes.len()));
        match self.below(8) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << self.below(8),
            1 if !bytes.is_empty() => bytes[at] = u8::try_from(self.below(256)).unwrap(),
            2 => drop(bytes.drain(range)),
            3 => bytes.truncate(at),
            4 => {
                let again = bytes[range].to_vec();
                bytes.splice(at..at, again);
            }
            5 => {
                let other = self.one_of(seeds).clone();
                let part = self.range(other.len());
                bytes.splice(range, other[part].iter().copied());
            }
            6 => {
                let edge = *self.one_of(&EDGES);
                let width = 1 << self.below(4);
                let edge = match self.below(2) {
                    0 => edge.to_be_bytes()[8 - width..].to_vec(),
                    _ => edge.to_le_bytes()[..width].to_vec(),
                };
                let end = (at + width).min(bytes.len());
                bytes.splice(at..end, edge);
            }
            _ => {
                let piece = *self.one_of(&PIECES);
                bytes.splice(at..at, piece.iter().copied());
            }
        }
    }
}

/// Tries `target` on mutants of `seeds`, after the seeds themselves; a `share` of one in so many
/// for those that are slow.
pub(crate) fn attack(name: &str, share: u64, seeds: &[Vec<u8>], mut target: impl FnMut(&[u8])) {
    assert!(!seeds.is_empty(), "{name} has nothing to begin with");
    // What another one takes meanwhile would be counted here.
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let seed = number("DOORBUSTER_FUZZ_SEED").unwrap_or(1);
    let before = reserved_bytes();
    for input in 0..(inputs() / share).max(1) + seeds.len() as u64 {
        let mut dice = Dice(seed.wrapping_mul(0x1_0000_0001).wrapping_add(input));
        let of_seeds = usize::try_from(input).ok().and_then(|n| seeds.get(n)).cloned();
        let bytes = of_seeds.unwrap_or_else(|| dice.mutant(seeds));
        let told = catch_unwind(AssertUnwindSafe(|| target(&bytes)));
        assert!(told.is_ok(), "{name}: input {input} of seed {seed}: {}", shown(&bytes));
        let took = reserved_bytes().saturating_sub(before);
        assert!(took < MOST_BYTES, "{name}: input {input} of seed {seed} took {took} bytes");
    }
}

fn shown(bytes: &[u8]) -> String {
    bytes.iter().take(4_096).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The most memory that this process has ever asked for, whether or not it used it: what a parser
/// reserves for a length that it was told shows here.
fn reserved_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmPeak:"));
    let kilobytes = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or_default() << 10
}

/// A store that a released version wrote, with every kind of event in it.
pub(crate) fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v1/store")
}

#[test]
fn the_same_seed_makes_the_same_inputs_and_another_makes_others() {
    let seeds = vec![b"a seed of some length".to_vec(), vec![0; 64]];
    let made = |seed: u64| (0..50).map(|n| Dice(seed + n).mutant(&seeds)).collect::<Vec<_>>();
    assert_eq!(made(1), made(1));
    assert_ne!(made(1), made(1_000));
    let odd = made(1).iter().filter(|input| !seeds.contains(input)).count();
    assert!(odd > 40, "{odd}");
}

#[test]
fn a_parser_that_panics_or_takes_too_much_is_caught() {
    let seeds = [b"seed".to_vec()];
    let caught = |target: fn(&[u8])| catch_unwind(|| attack("a test", 1, &seeds, target)).is_err();
    assert!(caught(|bytes| assert!(bytes.len() < 8, "too long")));
    assert!(caught(|_| drop(Vec::<u8>::with_capacity(1 << 30))));
    assert!(!caught(|bytes| drop(bytes.to_vec())));
}

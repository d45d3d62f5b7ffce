//! What a keyring promises: nothing shows, nothing changes unseen, nothing comes back.

use super::*;
use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt as _};
use tempfile::TempDir;

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    (folder, path)
}

#[test]
fn what_is_sealed_opens_and_shows_nothing() {
    let (_folder, path) = folder();
    let keyring = Keyring::open(&path).unwrap();
    let key = keyring.next_key().unwrap();
    let sealed = keyring.seal(key, 1, b"ana@example.com").unwrap();
    assert!(!sealed.bytes.windows(3).any(|part| part == b"ana"));
    assert_eq!(keyring.unseal(&sealed).unwrap(), b"ana@example.com");
    assert_ne!(keyring.seal(key, 2, b"ana@example.com").unwrap().bytes, sealed.bytes);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_changed_value_is_damaged() {
    let (_folder, path) = folder();
    let keyring = Keyring::open_seeded(&path, 1).unwrap();
    let keys = [keyring.next_key().unwrap(), keyring.next_key().unwrap()];
    let sealed = keyring.seal(keys[0], 1, b"secret").unwrap();
    let mut bytes = sealed.bytes.to_vec();
    bytes[0] ^= 1;
    let flipped = Sealed { bytes: bytes.into(), ..sealed.clone() };
    let changed = [
        flipped,
        Sealed { field: 2, ..sealed.clone() },
        Sealed { key: keys[1], ..sealed.clone() },
        Sealed { bytes: [].into(), ..sealed },
    ];
    for sealed in changed {
        assert!(matches!(keyring.unseal(&sealed), Err(Error::Damaged(_))), "{sealed:?}");
    }
}

#[test]
fn an_erased_key_opens_nothing_even_after_reopening() {
    let (_folder, path) = folder();
    let keyring = Keyring::open(&path).unwrap();
    let [key, other] = [keyring.next_key().unwrap(), keyring.next_key().unwrap()];
    let sealed = keyring.seal(key, 1, b"forget me").unwrap();
    let kept = keyring.seal(other, 1, b"keep me").unwrap();
    keyring.erase(key).unwrap();
    assert!(matches!(keyring.unseal(&sealed), Err(Error::Erased(_))));
    assert!(matches!(keyring.seal(key, 2, b"again"), Err(Error::Erased(_))));
    drop(keyring);
    let keyring = Keyring::open(&path).unwrap();
    assert!(matches!(keyring.unseal(&sealed), Err(Error::Erased(_))));
    assert_eq!(keyring.unseal(&kept).unwrap(), b"keep me");
    assert!(matches!(keyring.erase(1 << 40), Err(Error::Unknown(_))));
}

#[test]
fn no_key_is_handed_out_twice_by_threads_or_reopenings() {
    let (_folder, path) = folder();
    let mut seen = BTreeSet::new();
    for _ in 0..2 {
        let keyring = Keyring::open(&path).unwrap();
        std::thread::scope(|scope| {
            let take = || {
                let keys = (0..5000).map(|_| keyring.next_key().unwrap());
                keys.inspect(|key| drop(keyring.seal(*key, 1, b"x").unwrap())).collect()
            };
            let threads: Vec<_> = (0..3).map(|_| scope.spawn(take)).collect();
            for thread in threads {
                let keys: Vec<u64> = thread.join().unwrap();
                assert!(keys.into_iter().all(|key| seen.insert(key)));
            }
        });
    }
    assert_eq!(seen.len(), 30_000);
}

#[test]
fn a_half_written_block_is_skipped() {
    let (_folder, path) = folder();
    fs::write(&path, [1; 100]).unwrap();
    let keyring = Keyring::open(&path).unwrap();
    assert_eq!(keyring.next_key().unwrap(), BLOCK_KEYS);
}

#[test]
fn a_second_process_is_refused() {
    let (_folder, path) = folder();
    let keyring = Keyring::open(&path).unwrap();
    assert!(matches!(Keyring::open(&path), Err(Error::Locked(_))));
    drop(keyring);
    Keyring::open(&path).unwrap();
}

#[test]
fn the_same_seed_makes_the_same_keys() {
    let seal = |seed| {
        let (_folder, path) = folder();
        Keyring::open_seeded(&path, seed).unwrap().seal(5, 1, b"x").unwrap().bytes
    };
    assert_eq!(seal(1), seal(1));
    assert_ne!(seal(1), seal(2));
}

#[test]
fn a_value_under_a_key_that_never_was_is_refused_whatever_its_number() {
    let (_folder, path) = folder();
    let keyring = Keyring::open(&path).unwrap();
    let key = keyring.next_key().unwrap();
    let sealed = keyring.seal(key, 1, b"secret").unwrap();
    for key in [u64::MAX, u64::MAX / KEY_BYTES + 1, 1 << 40] {
        let unsealed = keyring.unseal(&Sealed { key, ..sealed.clone() });
        assert!(matches!(unsealed, Err(Error::Unknown(unknown)) if unknown == key), "{key}");
    }
}

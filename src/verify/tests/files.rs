//! Files that are damaged, missing or in use are named.

use super::*;

#[test]
fn a_flipped_byte_is_refused_with_file_and_offset() {
    let folder = Shop::with(&sale()).stop();
    let shard = shard_of(&EntityId::from(tee()), 2);
    let segment = folder.path().join(format!("log/{shard}/{:020}.seg", 0));
    let mut bytes = fs::read(&segment).unwrap();
    bytes[200] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let why = check(folder.path(), &|_, _| ()).unwrap_err().to_string();
    assert!(why.contains("00000000.seg is corrupt at byte 68"), "{why}");
}

#[test]
fn a_missing_mark_is_found() {
    let folder = Shop::with(&sale()).stop();
    fs::remove_file(folder.path().join("log/1/mark")).unwrap();
    let report = check(folder.path(), &|_, _| ()).unwrap();
    let found = told(&report);
    assert!(found[0].contains("log/1/mark: no slot of the mark can be read"), "{found:?}");
}

#[test]
fn a_store_in_use_and_a_store_that_is_none_are_refused() {
    let shop = Shop::with(&sale());
    let why = check(shop.folder.path(), &|_, _| ()).unwrap_err().to_string();
    assert!(why.contains("is in use by another process; stop it first"), "{why}");
    let nothing = tempfile::tempdir().unwrap();
    let why = check(nothing.path(), &|_, _| ()).unwrap_err().to_string();
    assert!(why.contains("holds no store"), "{why}");
    fs::write(nothing.path().join("store.json"), "rubbish").unwrap();
    let why = check(nothing.path(), &|_, _| ()).unwrap_err().to_string();
    assert!(why.contains("store.json: is not readable"), "{why}");
}

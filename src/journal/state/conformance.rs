//! What every state store keeps, as sentences: one suite, run over disk and memory.

use super::{Order, Pair, StateStore, Tree};
use std::ops::Bound::{Excluded, Included, Unbounded};

fn keys(pairs: Vec<Pair>) -> String {
    let keys = pairs.into_iter().map(|(key, _)| String::from_utf8(key).unwrap());
    keys.collect::<Vec<_>>().join(" ")
}

fn with_keys(store: &impl StateStore) {
    for key in ["c", "a", "bb", "b", "ba"] {
        store.put(Tree::Orders, key.as_bytes(), b"value").unwrap();
    }
}

pub(super) fn the_last_value_put_is_the_one_got(store: &impl StateStore) {
    assert_eq!(store.get(Tree::Orders, b"key").unwrap(), None);
    store.put(Tree::Orders, b"key", b"one").unwrap();
    store.put(Tree::Orders, b"key", b"two").unwrap();
    assert_eq!(store.get(Tree::Orders, b"key").unwrap().unwrap(), b"two");
    store.delete(Tree::Orders, b"key").unwrap();
    store.delete(Tree::Orders, b"key").unwrap();
    assert_eq!(store.get(Tree::Orders, b"key").unwrap(), None);
}

pub(super) fn a_scan_goes_in_key_order_both_ways_up_to_its_limit(store: &impl StateStore) {
    with_keys(store);
    let scan = |range, order, limit| keys(store.scan(Tree::Orders, range, order, limit).unwrap());
    let all = (Unbounded, Unbounded);
    assert_eq!(scan(all, Order::Ascending, 10), "a b ba bb c");
    assert_eq!(scan(all, Order::Descending, 10), "c bb ba b a");
    assert_eq!(scan(all, Order::Ascending, 2), "a b");
    assert_eq!(scan(all, Order::Descending, 2), "c bb");
    assert_eq!(scan(all, Order::Ascending, 0), "");
}

pub(super) fn a_scan_keeps_to_its_bounds(store: &impl StateStore) {
    with_keys(store);
    let scan = |range| keys(store.scan(Tree::Orders, range, Order::Ascending, 10).unwrap());
    assert_eq!(scan((Included(b"b"), Excluded(b"c"))), "b ba bb");
    assert_eq!(scan((Excluded(b"b"), Included(b"c"))), "ba bb c");
    assert_eq!(scan((Included(b"b"), Included(b"b"))), "b");
    assert_eq!(scan((Excluded(b"b"), Excluded(b"b"))), "");
    assert_eq!(scan((Included(b"c"), Excluded(b"a"))), "");
    assert_eq!(scan((Unbounded, Excluded(b"b"))), "a");
}

pub(super) fn a_prefix_finds_what_begins_with_it(store: &impl StateStore) {
    with_keys(store);
    let scan =
        |prefix: &[u8], order| keys(store.scan_prefix(Tree::Orders, prefix, order, 10).unwrap());
    assert_eq!(scan(b"b", Order::Ascending), "b ba bb");
    assert_eq!(scan(b"b", Order::Descending), "bb ba b");
    assert_eq!(scan(b"", Order::Ascending), "a b ba bb c");
    store.put(Tree::Ledger, &[255, 255, 1], b"").unwrap();
    store.put(Tree::Ledger, &[1, 255, 1], b"").unwrap();
    store.put(Tree::Ledger, &[2], b"").unwrap();
    let found = |prefix| store.scan_prefix(Tree::Ledger, prefix, Order::Ascending, 9).unwrap();
    assert_eq!(found(&[255, 255]), [(vec![255, 255, 1], vec![])]);
    assert_eq!(found(&[1, 255]), [(vec![1, 255, 1], vec![])]);
}

pub(super) fn trees_are_apart_and_clearing_one_leaves_the_others(store: &impl StateStore) {
    for tree in Tree::ALL {
        store.put(tree, b"key", tree.name().as_bytes()).unwrap();
    }
    store.clear(Tree::Due).unwrap();
    for tree in Tree::ALL {
        let value = (tree != Tree::Due).then(|| tree.name().as_bytes().to_vec());
        assert_eq!(store.get(tree, b"key").unwrap(), value, "{tree:?}");
    }
    store.flush().unwrap();
    assert!(store.size_bytes().unwrap() > 0);
}

/// Makes one test of each sentence above, over `$store`.
macro_rules! suite {
    ($store:expr; $($sentence:ident)+) => {
        $(
            #[test]
            fn $sentence() {
                crate::journal::state::conformance::$sentence(&$store);
            }
        )+
    };
    ($store:expr) => {
        crate::journal::state::conformance::suite! { $store;
            the_last_value_put_is_the_one_got
            a_scan_goes_in_key_order_both_ways_up_to_its_limit
            a_scan_keeps_to_its_bounds
            a_prefix_finds_what_begins_with_it
            trees_are_apart_and_clearing_one_leaves_the_others
        }
    };
}
pub(super) use suite;

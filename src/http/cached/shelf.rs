//! Where kept answers stand, by what was asked: bounded in number and bytes.
//!
//! Invariant: whatever clients ask for, it takes no more than [`MOST_BYTES`]; what is asked for
//! again and again outlives what was asked for once.

use super::Kept;
use foldhash::fast::RandomState;
use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

/// Most answers.
const MOST: usize = 4_096;

/// Most bytes of all answers together.
const MOST_BYTES: usize = 64 << 20;

/// Most bytes of one.
const MOST_EACH: usize = 4 << 20;

/// The longest question whose answer is kept, in bytes.
const MOST_KEY: usize = 512;

/// What one takes beside its bytes.
const BESIDE: usize = 512;

struct Place {
    kept: Arc<Kept>,
    bytes: usize,
    /// Since the shelf was last tidied.
    used: AtomicBool,
}

#[derive(Default)]
struct Places {
    by_key: HashMap<Box<str>, Place, RandomState>,
    bytes: usize,
}

/// All kept answers.
#[derive(Default)]
pub struct Shelf(RwLock<Places>);

impl Shelf {
    /// What is kept under this question of this edition.
    pub(super) fn find(&self, key: &str, edition: u64) -> Option<Arc<Kept>> {
        let places = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let place = places.by_key.get(key).filter(|place| place.kept.edition == edition)?;
        // A store for each reader would make them wait for each other.
        if !place.used.load(Ordering::Relaxed) {
            place.used.store(true, Ordering::Relaxed);
        }
        Some(place.kept.clone())
    }

    /// As [`Shelf::find`]; an empty one is put there when there is none, or an older one.
    pub(super) fn place(&self, key: &str, edition: u64) -> Arc<Kept> {
        let mut places = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let found = places.by_key.get(key).filter(|place| place.kept.edition >= edition);
        if let Some(place) = found {
            return place.kept.clone();
        }
        let kept = Arc::new(Kept::new(edition));
        if key.len() <= MOST_KEY {
            places.take_out(key);
            places.put(key, kept.clone());
            places.tidy();
        }
        kept
    }

    /// Says how large it has become: one that is too large does not stay.
    pub(super) fn weigh(&self, key: &str, kept: &Arc<Kept>, bytes: usize) {
        let mut places = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if bytes > MOST_EACH {
            places.take_out_this(key, kept);
            return;
        }
        let Some(place) = places.by_key.get_mut(key) else { return };
        if Arc::ptr_eq(&place.kept, kept) {
            let before = std::mem::replace(&mut place.bytes, key.len() + bytes + BESIDE);
            let now = place.bytes;
            places.bytes = places.bytes - before + now;
            places.tidy();
        }
    }

    /// Takes it away, unless another stands there by now.
    pub(super) fn take_away(&self, key: &str, kept: &Arc<Kept>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).take_out_this(key, kept);
    }

    /// Answers and their bytes.
    pub fn size(&self) -> (usize, usize) {
        let places = self.0.read().unwrap_or_else(PoisonError::into_inner);
        (places.by_key.len(), places.bytes)
    }
}

impl Places {
    fn put(&mut self, key: &str, kept: Arc<Kept>) {
        let bytes = key.len() + BESIDE;
        self.bytes += bytes;
        self.by_key.insert(key.into(), Place { kept, bytes, used: AtomicBool::new(false) });
    }

    fn take_out(&mut self, key: &str) {
        if let Some(place) = self.by_key.remove(key) {
            self.bytes -= place.bytes;
        }
    }

    fn take_out_this(&mut self, key: &str, kept: &Arc<Kept>) {
        if self.by_key.get(key).is_some_and(|place| Arc::ptr_eq(&place.kept, kept)) {
            self.take_out(key);
        }
    }

    fn is_full(&self) -> bool {
        self.by_key.len() > MOST || self.bytes > MOST_BYTES
    }

    /// Makes room: what nobody asked for since the last time goes; all of it, if that is not enough.
    fn tidy(&mut self) {
        if !self.is_full() {
            return;
        }
        self.by_key.retain(|_, place| place.used.swap(false, Ordering::Relaxed));
        self.bytes = self.by_key.values().map(|place| place.bytes).sum();
        if self.by_key.len() > MOST / 2 || self.bytes > MOST_BYTES / 2 {
            *self = Places::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_question_has_one_answer_of_the_latest_edition() {
        let shelf = Shelf::default();
        assert!(shelf.find("/a", 1).is_none());
        let first = shelf.place("/a", 1);
        assert!(Arc::ptr_eq(&first, &shelf.place("/a", 1)));
        assert!(Arc::ptr_eq(&first, &shelf.find("/a", 1).unwrap()));
        let second = shelf.place("/a", 2);
        assert!(!Arc::ptr_eq(&first, &second));
        assert!(shelf.find("/a", 1).is_none(), "it is of another edition");
        // A reader who is late takes nothing away from the others.
        assert!(Arc::ptr_eq(&second, &shelf.place("/a", 1)));
        shelf.take_away("/a", &first);
        assert!(shelf.find("/a", 2).is_some());
        shelf.take_away("/a", &second);
        assert_eq!(shelf.size(), (0, 0));
    }

    #[test]
    fn what_is_asked_for_again_outlives_what_is_not() {
        let shelf = Shelf::default();
        shelf.place("/often", 1);
        for n in 0..10 * MOST {
            shelf.place(&format!("/once?{n}"), 1);
            assert!(shelf.find("/often", 1).is_some(), "{n}");
            let (count, bytes) = shelf.size();
            assert!(count <= MOST && bytes <= MOST_BYTES, "{count} {bytes}");
        }
    }

    #[test]
    fn bytes_are_bounded_however_large_each_is() {
        let shelf = Shelf::default();
        for n in 0..200 {
            let key = format!("/{n}");
            let kept = shelf.place(&key, 1);
            shelf.weigh(&key, &kept, 3 << 20);
            // Asked for or not.
            shelf.find(&key, 1);
            assert!(shelf.size().1 <= MOST_BYTES);
        }
        let kept = shelf.place("/huge", 1);
        shelf.weigh("/huge", &kept, MOST_EACH + 1);
        assert!(shelf.find("/huge", 1).is_none());
        shelf.place(&"x".repeat(MOST_KEY + 1), 1);
        assert!(shelf.find(&"x".repeat(MOST_KEY + 1), 1).is_none());
    }
}

//! Linearizability of one SKU: is there an order of all operations, each between its call and its
//! answer, in which a shelf that does one thing at a time gives the same answers?
//!
//! The search of Wing and Gong in the just-in-time form of Lowe: it walks through calls and
//! answers in the order of time and keeps every pair of a shelf's state and a set of open
//! operations that have taken effect by then. Linearizability is local, so SKUs are checked one by
//! one. What has no answer may have taken effect or not, until its process was gone.

use std::collections::HashSet;

/// A SKU's counts; `received` is all that ever came, so sold or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Shelf {
    pub(crate) received: u64,
    pub(crate) free: u64,
    pub(crate) sold: u64,
}

/// What was done, with what was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// So many units are a cart's now.
    Reserve(u64),
    /// They were not to be had: this many were free.
    SoldOut { units: u64, free: u64 },
    /// A cart gave so many back.
    Release(u64),
    /// So many came in.
    Receive(u64),
    /// So many were taken off the shelf.
    Lower(u64),
    /// They could not be: fewer were free.
    TooFew(u64),
    /// So many became somebody's for good.
    Sell(u64),
    /// Somebody looked.
    Read(Shelf),
}

impl Shelf {
    /// The shelf after `act`; `None` where it would have answered otherwise.
    fn after(self, act: Act) -> Option<Shelf> {
        let Shelf { received, free, sold } = self;
        match act {
            Act::Reserve(units) => Some(Shelf { free: free.checked_sub(units)?, ..self }),
            Act::SoldOut { units, free: told } => (free == told && free < units).then_some(self),
            Act::Release(units) => Some(Shelf { free: free + units, ..self }),
            Act::Receive(units) => {
                Some(Shelf { free: free + units, received: received + units, sold })
            }
            Act::Lower(units) => {
                Some(Shelf { free: free.checked_sub(units)?, received: received - units, sold })
            }
            Act::TooFew(units) => (free < units).then_some(self),
            Act::Sell(units) => Some(Shelf { sold: sold + units, ..self }),
            Act::Read(told) => (self == told).then_some(self),
        }
    }
}

/// One operation. Times are ticks of one clock that all clients share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operation {
    pub(crate) act: Act,
    pub(crate) called: u64,
    /// When it was answered; without an answer, from when on it can't take effect any more.
    pub(crate) ended: u64,
    pub(crate) answered: bool,
}

/// A state that may be, with the open operations that have taken effect in it.
type World = (Shelf, u64);

/// Open at once at most.
const MOST_OPEN: usize = 64;

/// Operations that were called and have not ended, each with its own bit.
struct Open([Option<Act>; MOST_OPEN]);

impl Open {
    fn enter(&mut self, act: Act) -> usize {
        let free = self.0.iter().position(Option::is_none).expect("fewer clients than bits");
        self.0[free] = Some(act);
        free
    }

    /// All worlds in which `bit` has taken effect, and whatever may have done so before it.
    fn with(&self, bit: usize, worlds: &HashSet<World>) -> HashSet<World> {
        let mut reached = HashSet::new();
        let mut seen = worlds.clone();
        let mut next: Vec<World> = worlds.iter().copied().collect();
        while let Some((shelf, effective)) = next.pop() {
            if effective >> bit & 1 == 1 {
                reached.insert((shelf, effective & !(1 << bit)));
                continue;
            }
            for (other, act) in self.0.iter().enumerate() {
                let Some(act) = act.filter(|_| effective >> other & 1 == 0) else { continue };
                let Some(shelf) = shelf.after(act) else { continue };
                let world = (shelf, effective | 1 << other);
                if seen.insert(world) {
                    next.push(world);
                }
            }
        }
        reached
    }
}

/// The states that the shelf may be in after all operations, when it was in one of `before`.
///
/// # Errors
/// Names the first answer that no order explains, with what else was open and what may have been.
pub(crate) fn check(
    operations: &[Operation],
    before: &HashSet<Shelf>,
) -> Result<HashSet<Shelf>, String> {
    let calls = operations.iter().enumerate().map(|(n, it)| (it.called, n, true));
    let ends = operations.iter().enumerate().map(|(n, it)| (it.ended, n, false));
    let mut moments: Vec<(u64, usize, bool)> = calls.chain(ends).collect();
    // A call comes before whatever ends at the same tick: that only allows more.
    moments.sort_unstable_by_key(|(tick, n, is_call)| (*tick, !is_call, *n));
    let mut worlds: HashSet<World> = before.iter().map(|shelf| (*shelf, 0)).collect();
    let mut open = Open([None; MOST_OPEN]);
    let mut bits = vec![0; operations.len()];
    for (tick, number, is_call) in moments {
        let Operation { act, answered, .. } = operations[number];
        if is_call {
            bits[number] = open.enter(act);
            continue;
        }
        let bit = bits[number];
        let mut after = open.with(bit, &worlds);
        if !answered {
            after.extend(worlds.iter().filter(|(_, effective)| effective >> bit & 1 == 0));
        }
        if after.is_empty() {
            let some: Vec<&World> = worlds.iter().take(5).collect();
            let open: Vec<Act> = open.0.iter().flatten().copied().collect();
            return Err(format!(
                "no order explains {act:?}, answered at {tick}, with {open:?} open; \
                 {} states were possible, such as {some:?}",
                worlds.len()
            ));
        }
        open.0[bit] = None;
        worlds = after;
    }
    Ok(worlds.into_iter().map(|(shelf, _)| shelf).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dice;

    const FULL: Shelf = Shelf { received: 10, free: 10, sold: 0 };

    fn told(act: Act, called: u64, ended: u64) -> Operation {
        Operation { act, called, ended, answered: true }
    }

    fn lost(act: Act, called: u64, ended: u64) -> Operation {
        Operation { act, called, ended, answered: false }
    }

    fn read(free: u64, sold: u64) -> Act {
        Act::Read(Shelf { received: 10, free, sold })
    }

    fn judge(operations: &[Operation]) -> Result<HashSet<Shelf>, String> {
        check(operations, &HashSet::from([FULL]))
    }

    #[test]
    fn what_one_after_the_other_explains_passes() {
        let last = judge(&[
            told(Act::Reserve(4), 0, 10),
            told(read(10, 0), 1, 2),
            told(read(6, 0), 3, 4),
            told(Act::Reserve(6), 5, 9),
            told(Act::SoldOut { units: 1, free: 0 }, 6, 11),
            told(Act::Release(6), 12, 13),
            told(Act::TooFew(7), 12, 15),
            told(Act::Sell(4), 12, 20),
            told(read(6, 4), 16, 17),
        ]);
        assert_eq!(last.unwrap(), HashSet::from([Shelf { received: 10, free: 6, sold: 4 }]));
    }

    #[test]
    fn a_stale_read_is_found() {
        let why = judge(&[told(Act::Reserve(4), 0, 1), told(read(10, 0), 2, 3)]).unwrap_err();
        assert!(why.contains("no order explains Read"), "{why}");
        judge(&[told(Act::Reserve(4), 0, 2), told(read(10, 0), 1, 3)]).unwrap();
    }

    #[test]
    fn a_read_that_goes_back_is_found() {
        let reserve = told(Act::Reserve(4), 0, 9);
        judge(&[reserve, told(read(6, 0), 1, 2), told(read(10, 0), 3, 4)]).unwrap_err();
    }

    #[test]
    fn units_sold_twice_are_found() {
        judge(&[told(Act::Reserve(6), 0, 9), told(Act::Reserve(6), 0, 9)]).unwrap_err();
        judge(&[told(Act::Reserve(6), 0, 9), told(Act::Reserve(4), 0, 9)]).unwrap();
        judge(&[told(Act::Sell(6), 0, 1), told(read(4, 12), 2, 3)]).unwrap_err();
    }

    #[test]
    fn a_lost_update_is_found() {
        let told_and_lost =
            [told(Act::Reserve(1), 0, 1), told(Act::Reserve(1), 2, 3), told(read(9, 0), 4, 5)];
        judge(&told_and_lost).unwrap_err();
    }

    #[test]
    fn sold_out_while_there_was_enough_is_found() {
        judge(&[told(Act::SoldOut { units: 3, free: 10 }, 0, 1)]).unwrap_err();
        judge(&[told(Act::SoldOut { units: 11, free: 9 }, 0, 1)]).unwrap_err();
        judge(&[told(Act::SoldOut { units: 11, free: 10 }, 0, 1)]).unwrap();
    }

    #[test]
    fn what_nobody_heard_of_may_have_been_or_not_but_not_later() {
        let lost = lost(Act::Reserve(4), 0, 5);
        judge(&[lost, told(read(10, 0), 6, 7)]).unwrap();
        judge(&[lost, told(read(6, 0), 6, 7)]).unwrap();
        judge(&[lost, told(read(10, 0), 6, 7), told(read(6, 0), 8, 9)]).unwrap_err();
        assert_eq!(judge(&[lost]).unwrap().len(), 2);
    }

    #[test]
    fn what_nobody_heard_of_may_have_made_room_for_others() {
        let freed = [told(Act::Reserve(10), 0, 1), lost(Act::Release(10), 2, 9)];
        judge(&[freed[0], freed[1], told(Act::Reserve(3), 3, 4)]).unwrap();
        judge(&[freed[0], told(Act::Reserve(3), 3, 4)]).unwrap_err();
    }

    /// Histories as a shelf makes them pass; with one answer changed, a read's, they do not.
    #[test]
    fn a_long_history_passes_and_any_wrong_count_in_it_is_found() {
        let mut dice = Dice(3);
        for _ in 0..50 {
            let (mut shelf, mut operations) = (FULL, vec![]);
            for n in 0..400 {
                let units = 1 + dice.below(3);
                let act = match dice.below(4) {
                    0 => Act::Read(shelf),
                    1 if shelf.free < units => Act::SoldOut { units, free: shelf.free },
                    1 => Act::Reserve(units),
                    2 if shelf.free + units > 10 => Act::Receive(units),
                    _ => Act::Release(units),
                };
                shelf = shelf.after(act).unwrap();
                let at = 100 + n * 10;
                operations.push(told(act, at - dice.below(40), at + 1 + dice.below(40)));
            }
            operations.push(told(Act::Read(shelf), 9_000, 9_001));
            judge(&operations).unwrap();
            let last = operations.last_mut().unwrap();
            last.act = Act::Read(Shelf { free: shelf.free + 1, ..shelf });
            judge(&operations).unwrap_err();
        }
    }
}

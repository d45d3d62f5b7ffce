//! Broken rules on demand: in test builds a named entity's next rule panics, elsewhere nothing.

use crate::domain::EntityId;

/// Where a rule breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Strike {
    /// When it decides.
    Decide,
    /// When it evolves.
    Evolve,
    /// Whenever it is replayed.
    Replay,
}

/// Which rules break.
#[derive(Debug, Default)]
pub struct Faults {
    #[cfg(test)]
    armed: std::sync::Mutex<std::collections::HashSet<(EntityId, Strike)>>,
}

#[cfg(not(test))]
impl Faults {
    #[inline]
    #[allow(clippy::unused_self, reason = "test builds look something up here")]
    pub(crate) fn strike(&self, _: &EntityId, _: Strike) {}
}

#[cfg(test)]
impl Faults {
    /// Breaks a rule: `Decide` and `Evolve` once, `Replay` until it is mended.
    pub(crate) fn arm(&self, id: EntityId, strike: Strike) {
        self.armed.lock().unwrap().insert((id, strike));
    }

    pub(crate) fn mend(&self, id: &EntityId, strike: Strike) {
        self.armed.lock().unwrap().remove(&(id.clone(), strike));
    }

    pub(crate) fn strike(&self, id: &EntityId, strike: Strike) {
        let key = (id.clone(), strike);
        let struck = {
            let mut armed = self.armed.lock().unwrap();
            if strike == Strike::Replay { armed.contains(&key) } else { armed.remove(&key) }
        };
        assert!(!struck, "{strike:?} of {id} was broken by a test");
    }
}

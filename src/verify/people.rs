//! Personal data: what the log holds sealed still opens with the store's own keys.
//!
//! A key file has no checksums, but whatever was sealed under a key tells whether it is still that
//! key. Invariant: nothing that is opened here leaves this file.

use super::store::{Error, Store};
use crate::{domain::order::Placement, journal::keyring::Opener};

/// The keys; none where a store has no key file.
#[derive(Default)]
pub(super) struct People(Option<Opener>);

impl People {
    /// The keys of `store`.
    pub(super) fn of(store: &Store) -> Result<People, Error> {
        let path = store.layout().keys();
        Ok(People(path.exists().then(|| Opener::open(&path)).transpose()?))
    }

    /// Opens what an order was placed with; `ill` hears what does not open.
    pub(super) fn check(&self, placement: &Placement, ill: &mut dyn FnMut(&'static str, String)) {
        let Placement { contact, gift, payment, .. } = placement;
        for sealed in [Some(contact), gift.as_ref(), Some(payment)].into_iter().flatten() {
            let opened = self.0.as_ref().map(|keys| keys.unseal(sealed));
            if let Some(Err(error)) = opened {
                ill("keys", format!("its personal data does not open: {error}"));
            }
        }
    }
}

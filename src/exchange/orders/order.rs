//! An order as it is exported, out of a server's answer or a stopped store's log.

use crate::{
    domain::{
        Money, OrderId, Sku, Time,
        order::{Milestone, State},
    },
    exchange::Error,
    journal::keyring::{self, Opener},
    shop::orders::{Address, Contact, Gift},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// One order.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Order {
    pub(super) id: OrderId,
    pub(super) placed_at: Time,
    pub(super) status: String,
    pub(super) payment_status: String,
    pub(super) needs_review: bool,
    /// None once the buyer is erased.
    pub(super) email: Option<String>,
    pub(super) address: Option<Address>,
    pub(super) items: Vec<Item>,
    pub(super) total: Option<Money>,
    pub(super) gift: Option<Gift>,
    pub(super) timeline: Vec<Milestone>,
}

/// A line of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Item {
    pub(super) sku: Sku,
    pub(super) title: String,
    pub(super) units: u32,
    pub(super) price: Money,
    pub(super) total: Option<Money>,
}

/// An order as a server answers it to the admin.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Served {
    id: OrderId,
    status: String,
    payment_status: String,
    needs_review: bool,
    items: Vec<Item>,
    total: Option<Money>,
    gift: Option<Gift>,
    timeline: Vec<Milestone>,
    #[serde(default)]
    contact: Option<Contact>,
}

impl From<Served> for Order {
    fn from(served: Served) -> Order {
        let Served { id, status, payment_status, needs_review, items, .. } = served;
        let Served { total, gift, timeline, contact, .. } = served;
        let placed_at = timeline.first().map_or(Time(0), |first| first.at);
        let (email, address) = contact.map(|contact| (contact.email, contact.address)).unzip();
        Order {
            id,
            placed_at,
            status,
            payment_status,
            needs_review,
            email,
            address,
            items,
            total,
            gift,
            timeline,
        }
    }
}

impl Order {
    /// `None` for one that never came to be.
    ///
    /// # Errors
    /// What is sealed can't be opened, though nobody erased it.
    pub(super) fn of(
        id: OrderId,
        placed_at: Time,
        state: &State,
        keys: &Opener,
    ) -> Result<Option<Order>, Error> {
        let Some(placement) = state.placement() else { return Ok(None) };
        let contact: Option<Contact> = opened(keys, Some(&placement.contact))?;
        let (email, address) = contact.map(|contact| (contact.email, contact.address)).unzip();
        let items = placement.items.iter().map(|item| Item {
            sku: item.sku.clone(),
            title: item.title.clone(),
            units: item.units,
            price: item.price,
            total: item.price.times(item.units),
        });
        Ok(Some(Order {
            id,
            placed_at,
            status: word(&state.status()),
            payment_status: word(&state.payment()),
            needs_review: state.needs_review(),
            email,
            address,
            items: items.collect(),
            total: Some(placement.total),
            gift: opened(keys, placement.gift.as_ref())?,
            timeline: state.timeline().to_vec(),
        }))
    }
}

/// The word that the contract has for it.
fn word(standing: &impl Serialize) -> String {
    let word = serde_json::to_value(standing).ok();
    word.and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}

fn opened<T: DeserializeOwned>(
    keys: &Opener,
    sealed: Option<&crate::domain::Sealed>,
) -> Result<Option<T>, Error> {
    let Some(sealed) = sealed else { return Ok(None) };
    match keys.unseal(sealed) {
        Ok(plain) => Ok(serde_json::from_slice(&plain).ok()),
        Err(keyring::Error::Erased(_)) => Ok(None),
        Err(error) => Err(Error(error.to_string())),
    }
}

//! Bare reservations: what services do that keep carts and orders of their own.
//!
//! One actor and one event for each step, and no cart. Whoever reserves chooses the id, so a repeat
//! needs no key: the id is one. Invariant: a reservation belongs to one SKU, and is over at its
//! deadline unless it was committed before.

use super::{Error, Shop, cart::in_range};
use crate::{
    actors::sku::{self, Bare},
    domain::{
        ReservationId, Sku,
        sku::{Command, Refusal, Reservation, ReserveBare},
    },
};
use serde::Deserialize;

/// The longest that a reservation may last: a day.
pub const MAX_TTL_MS: u64 = 24 * 3_600_000;

/// The longest name of a buyer or of a sale, in characters.
pub const MAX_TEXT: usize = 254;

/// What somebody wants to have reserved.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    /// How many, 1 to 1,000,000.
    pub units: u32,
    /// Whom a limit per buyer counts, named as the service likes; by e-mail address, what the
    /// buyer orders in the shop counts, too. Without one each reservation is a buyer of its own.
    #[serde(default)]
    pub buyer: Option<String>,
    /// For how long; without one as long as a cart's.
    #[serde(default)]
    pub ttl_ms: Option<u64>,
}

/// What the units were sold for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sale {
    /// The order or receipt of the service: the ledger names it.
    pub reference: String,
}

/// A reservation after a step.
#[derive(Clone, Debug)]
pub struct Step {
    /// As it is now.
    pub reservation: Reservation,
    /// The step had been done before.
    pub replayed: bool,
}

impl Shop {
    /// Reserves units. Told again, it changes nothing and answers as before.
    ///
    /// # Errors
    /// The SKU refused; the id names another wish, or one that was released.
    pub async fn reserve(&self, id: ReservationId, sku: &Sku, wish: &Wish) -> Result<Step, Error> {
        self.known(sku)?;
        let units = in_range(wish.units, 1)?;
        let ttl_ms = wish.ttl_ms.unwrap_or(self.system().settings.reservation_ttl_ms);
        if !(1..=MAX_TTL_MS).contains(&ttl_ms) {
            let why = format!("must be a whole number from 1 to {MAX_TTL_MS}");
            return Err(Error::invalid("/ttl_ms", why));
        }
        if let Some(buyer) = &wish.buyer {
            one_line("/buyer", buyer)?;
        }
        let buyer = wish.buyer.as_deref().map(|buyer| self.buyer_of(buyer));
        let wish = ReserveBare { reservation: id, buyer, units, ttl_ms };
        let Bare { reservation, replayed } =
            self.bare(id, sku, Some(Command::ReserveBare(wish))).await?;
        let reservation = reservation.ok_or(Error::Sku(Refusal::ReservationLapsed))?;
        Ok(Step { reservation, replayed })
    }

    /// Sells what is reserved. Told again, it changes nothing and answers as before.
    ///
    /// # Errors
    /// It holds nothing any more, or was committed under another reference.
    pub async fn commit(&self, id: ReservationId, sku: &Sku, sale: Sale) -> Result<Step, Error> {
        self.known(sku)?;
        one_line("/reference", &sale.reference)?;
        let command = Command::CommitBare { reservation: id, reference: sale.reference };
        let Bare { reservation, replayed } = self.bare(id, sku, Some(command)).await?;
        let reservation = reservation.ok_or(Error::Sku(Refusal::ReservationLapsed))?;
        Ok(Step { reservation, replayed })
    }

    /// Gives the units back, if any are held.
    ///
    /// # Errors
    /// They are sold.
    pub async fn release(&self, id: ReservationId, sku: &Sku) -> Result<(), Error> {
        self.known(sku)?;
        self.bare(id, sku, Some(Command::ReleaseBare { reservation: id })).await.map(drop)
    }

    /// A reservation that is live, or was committed within the last day.
    ///
    /// # Errors
    /// There is none.
    pub async fn reservation(&self, id: ReservationId, sku: &Sku) -> Result<Reservation, Error> {
        self.known(sku)?;
        self.bare(id, sku, None).await?.reservation.ok_or(Error::NotFound("reservation"))
    }

    async fn bare(
        &self,
        reservation: ReservationId,
        sku: &Sku,
        command: Option<Command>,
    ) -> Result<Bare, Error> {
        let message = |baton| sku::Message::Bare { reservation, command, baton };
        self.ask::<sku::Actor, _>(sku.clone(), message).await?.map_err(Error::Sku)
    }
}

fn one_line(field: &str, text: &str) -> Result<(), Error> {
    let fits = !text.trim().is_empty()
        && text.chars().nth(MAX_TEXT).is_none()
        && !text.contains(char::is_control);
    let why = || format!("must be a text of 1 to {MAX_TEXT} characters on one line");
    if fits { Ok(()) } else { Err(Error::invalid(field, why())) }
}

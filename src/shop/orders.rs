//! Checking out, and what can be done with an order.

use super::{ANSWER_WITHIN, Error, Key, Shop, wait, wait_until};
use crate::{
    actors::{
        Baton,
        cart::{self, Message},
        order::{self, Caller},
    },
    domain::{
        By, CartId, Locale, OrderId, Sealed,
        cart::Checkout,
        contact::{CONTACT, GIFT, PAYMENT},
        order::Command,
    },
    journal::keyring,
};
use serde::{Deserialize, Serialize};
use std::{future::pending, time::Duration};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout},
};

pub use crate::{
    actors::order::Order,
    domain::{
        contact::{Address, Contact, Gift},
        order::Back,
    },
};

/// How it is paid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payment {
    /// `card`.
    pub method: String,
    /// The provider's token for it.
    pub token: String,
}

/// What a checkout needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Details {
    /// Where to write to.
    pub email: String,
    /// Where to send it.
    pub address: Address,
    /// Present for a gift.
    #[serde(default)]
    pub gift: Option<Gift>,
    /// How it is paid.
    pub payment: Payment,
    /// The language to write in; from the request's head.
    #[serde(skip)]
    pub locale: Locale,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Returned {
    /// At least one.
    pub items: Vec<Back>,
    /// Why; no personal data, for it is not sealed.
    pub reason: Option<String>,
    /// Whether it can be sold again.
    pub restock: bool,
}

impl Shop {
    /// Makes an order of all lines of a cart. Answers when the order is durable; with `settle`
    /// also when it is settled, or so much time has passed.
    ///
    /// # Errors
    /// A line lapsed, a limit, an empty or closed cart, a key that came before with another body.
    pub async fn check_out(
        &self,
        cart: CartId,
        details: &Details,
        key: Key<'_>,
        settle: Option<Duration>,
    ) -> Result<Order, Error> {
        self.check_out_until(cart, details, key, settle, pending()).await
    }

    /// As [`Shop::check_out`]; what is placed by then is not waited for beyond `enough`.
    ///
    /// # Errors
    /// As [`Shop::check_out`].
    pub async fn check_out_until(
        &self,
        cart: CartId,
        details: &Details,
        key: Key<'_>,
        settle: Option<Duration>,
        enough: impl Future<Output = ()>,
    ) -> Result<Order, Error> {
        details.check()?;
        let checkout = Box::new(self.seal(details)?);
        let context = self.context(By::Cart(cart), Some(&key));
        let check_out = |caller| {
            let message = Message::CheckOut { checkout, context, caller };
            self.system().tell::<cart::Actor>(cart, message);
        };
        // Who waits for the order has a permit of another kind, and keeps it no longer than that.
        let patience = settle.and_then(|within| Some((within, self.0.waits.try_acquire().ok()?)));
        let Some((within, _permit)) = patience else {
            let (baton, placing) = self.baton()?;
            check_out(Caller::Placed(baton));
            return Ok(wait(placing, ANSWER_WITHIN).await??);
        };
        let answer_by = Instant::now() + ANSWER_WITHIN;
        let (placed, placing) = self.baton()?;
        let (settled, settling) = Baton::new();
        check_out(Caller::Settled { placed, settled });
        tokio::select! {
            biased;
            answer = timeout(within, settling) => if let Ok(Ok(Ok(order))) = answer {
                return Ok(order?);
            },
            () = enough => {}
        }
        // Not settled, or there is no order.
        let placed = wait_until(placing, answer_by).await??;
        let (baton, reading) = Baton::new();
        let read = order::Message::Read { baton, settled: false };
        self.system().tell::<order::Actor>(placed.order, read);
        let order = wait(reading, ANSWER_WITHIN).await??;
        Ok(Order { replayed: placed.replayed, ..order })
    }

    fn seal(&self, details: &Details) -> Result<Checkout, Error> {
        let Details { email, address, gift, payment, locale } = details;
        let keyring = &self.system().keyring;
        let plain = |value: Result<Vec<u8>, serde_json::Error>| {
            value.map_err(|error| Error::Store(error.to_string()))
        };
        let contact = Contact { email: email.trim().to_owned(), address: address.clone() };
        let contact = plain(serde_json::to_vec(&contact))?;
        let gift = gift.as_ref().map(|gift| plain(serde_json::to_vec(gift))).transpose()?;
        let values = [
            Some((CONTACT, contact.as_slice())),
            Some((PAYMENT, payment.token.as_bytes())),
            gift.as_ref().map(|gift| (GIFT, gift.as_slice())),
        ];
        let [Some(contact), Some(payment), gift] = keyring.seal_all(values)? else {
            unreachable!("a value is sealed where one was given")
        };
        let ttl_ms = self.system().settings.payment_ttl_ms;
        Ok(Checkout {
            email: self.buyer_of(email),
            contact,
            gift,
            payment,
            until: self.now().plus_ms(ttl_ms),
            locale: *locale,
        })
    }

    /// The gift note of an order; `None` without one, or after its buyer was erased.
    pub fn gift(&self, order: &Order) -> Option<Gift> {
        self.unseal(order.state.placement()?.gift.as_ref()?)
    }

    /// Who bought; `None` after the buyer was erased.
    pub fn contact(&self, order: &Order) -> Option<Contact> {
        self.unseal(&order.state.placement()?.contact)
    }

    fn unseal<T: serde::de::DeserializeOwned>(&self, sealed: &Sealed) -> Option<T> {
        match self.system().keyring.unseal(sealed) {
            Ok(plain) => serde_json::from_slice(&plain).ok(),
            Err(keyring::Error::Erased(_)) => None,
            Err(error) => {
                tracing::error!(%error, "sealed data can't be opened");
                None
            }
        }
    }

    /// An order as it is now.
    ///
    /// # Errors
    /// It never was.
    pub async fn order_by_id(&self, order: OrderId) -> Result<Order, Error> {
        let read = |baton| order::Message::Read { baton, settled: false };
        Ok(self.ask::<order::Actor, _>(order, read).await??)
    }

    /// The order once it is settled; `None` when it takes longer or too many wait already.
    ///
    /// # Errors
    /// It never was.
    async fn settled(&self, order: OrderId, within: Duration) -> Result<Option<Order>, Error> {
        let Ok(_permit) = self.0.waits.try_acquire() else { return Ok(None) };
        let (baton, waiting) = Baton::new();
        let read = order::Message::Read { baton, settled: true };
        self.system().tell::<order::Actor>(order, read);
        match timeout(within, waiting).await {
            Ok(Ok(Ok(answer))) => Ok(Some(answer?)),
            Ok(_) | Err(_) => Ok(None),
        }
    }

    /// Calls an order off, and waits a moment for money that is moving.
    ///
    /// # Errors
    /// It never was, or it is too late.
    pub async fn cancel_order(
        &self,
        order: OrderId,
        by: By,
        key: Option<Key<'_>>,
    ) -> Result<Order, Error> {
        self.change_order(order, Command::Cancel, by, key).await
    }

    /// Takes units of a confirmed order back and gives their money back; waits a moment for money
    /// that is moving. Units that are not to be sold again are written off.
    ///
    /// # Errors
    /// It never was, it is not confirmed, or fewer units of a line are left.
    pub async fn return_units(
        &self,
        order: OrderId,
        returned: Returned,
        key: Key<'_>,
    ) -> Result<Order, Error> {
        let Returned { items, reason, restock } = returned;
        let command = Command::TakeBack { items, reason, restock };
        self.change_order(order, command, By::Admin, Some(key)).await
    }

    async fn change_order(
        &self,
        order: OrderId,
        command: Command,
        by: By,
        key: Option<Key<'_>>,
    ) -> Result<Order, Error> {
        let context = self.context(by, key.as_ref());
        let message = |baton| order::Message::Command { command, context, baton };
        let changed = self.ask::<order::Actor, _>(order, message).await??;
        if changed.state.settled() {
            return Ok(changed);
        }
        let replayed = changed.replayed;
        let settled = self.settled(order, Duration::from_secs(1)).await?;
        Ok(settled.map_or(changed, |settled| Order { replayed, ..settled }))
    }

    /// Retries what an order owes at once.
    ///
    /// # Errors
    /// It never was.
    pub async fn retry_order(&self, order: OrderId) -> Result<Order, Error> {
        Ok(self.ask::<order::Actor, _>(order, order::Message::Retry).await??)
    }

    /// The order now and after each change.
    ///
    /// # Errors
    /// It never was.
    pub async fn follow_order(
        &self,
        order: OrderId,
    ) -> Result<mpsc::UnboundedReceiver<Order>, Error> {
        self.order_by_id(order).await?;
        let (follower, changes) = mpsc::unbounded_channel();
        self.system().tell::<order::Actor>(order, order::Message::Follow(follower));
        Ok(changes)
    }

    /// Waits for an order to settle, for tests and benches.
    ///
    /// # Errors
    /// It never was, or it did not settle in time.
    pub async fn wait_settled(&self, order: OrderId) -> Result<Order, Error> {
        let (baton, waiting) = Baton::new();
        let read = order::Message::Read { baton, settled: true };
        self.system().tell::<order::Actor>(order, read);
        Ok(wait(waiting, ANSWER_WITHIN).await??)
    }
}

impl From<keyring::Error> for Error {
    fn from(error: keyring::Error) -> Self {
        Error::Store(error.to_string())
    }
}

impl Details {
    /// The longest text in any field, in characters.
    pub const MAX_TEXT: usize = 500;

    fn check(&self) -> Result<(), Error> {
        let plausible = self.email.split_once('@').is_some_and(|(name, host)| {
            let mut inside = host.chars();
            let _ends = (inside.next(), inside.next_back());
            !name.is_empty() && inside.any(|letter| letter == '.') && !host.contains('@')
        });
        if !plausible || self.email.contains(|c: char| c.is_control() || c.is_whitespace()) {
            return Err(Error::invalid("/email", "must be an e-mail address"));
        }
        let Address { name, line1, line2, city, region, postal_code, country } = &self.address;
        let required = [
            ("/address/name", name),
            ("/address/line1", line1),
            ("/address/city", city),
            ("/address/postal_code", postal_code),
            ("/payment/token", &self.payment.token),
        ];
        if let Some((field, _)) = required.iter().find(|(_, text)| text.trim().is_empty()) {
            return Err(Error::invalid(*field, "must not be empty"));
        }
        if country.len() != 2 || !country.bytes().all(|byte| byte.is_ascii_uppercase()) {
            let why = "must be an ISO 3166 alpha-2 code such as US";
            return Err(Error::invalid("/address/country", why));
        }
        if self.payment.method != "card" {
            return Err(Error::invalid("/payment/method", "must be `card`"));
        }
        let optional = [("/address/line2", line2), ("/address/region", region)];
        let optional = optional.iter().filter_map(|(field, text)| Some((*field, text.as_ref()?)));
        let gift = self.gift.iter();
        let gift = gift.flat_map(|gift| [("/gift/to", &gift.to), ("/gift/message", &gift.message)]);
        let mut all =
            required.into_iter().chain(optional).chain(gift).chain([("/email", &self.email)]);
        match all.find(|(_, text)| text.chars().nth(Self::MAX_TEXT).is_some()) {
            Some((field, _)) => {
                let why = format!("must not be longer than {} characters", Self::MAX_TEXT);
                Err(Error::invalid(field, why))
            }
            None => Ok(()),
        }
    }
}

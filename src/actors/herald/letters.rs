//! From an order's news to a letter: whom it is for, in which language, with which words.
//!
//! The texts stand in `templates/mail`, the words in [`texts`](super::texts). Invariant: who gets
//! a gift sees no price; what a person typed is escaped where it is HTML, and never spans lines it
//! should not.

use super::{Link, figures, texts::Texts};
use crate::{
    domain::{
        Locale, Money, OrderId, Sealed, Time,
        contact::{Address, Contact, Gift},
        order::{Item, News, Placement, State},
        post::Subject,
    },
    journal::{Keyring, keyring},
    ports::mail::{self, Mailbox},
};
use askama::Template;
use serde::de::DeserializeOwned;

/// An order and what happened to it.
pub(super) struct Occasion<'a> {
    pub(super) order: OrderId,
    pub(super) state: &'a State,
    /// The event's number among the order's.
    pub(super) number: u64,
    /// As `shard/position`.
    pub(super) place: String,
    pub(super) at: Time,
}

/// Why there is no letter.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unwritten {
    /// The event is no news of this kind, or there is nobody to tell.
    Nothing,
    /// The person was erased.
    Erased,
    /// What is sealed can't be opened.
    Damaged(String),
}

/// One line of the order, as it is shown.
struct Line {
    title: String,
    units: u32,
    price: String,
    sum: String,
}

struct Confirmation {
    texts: &'static Texts,
    subject: &'static str,
    order: OrderId,
    name: String,
    items: Vec<Line>,
    total: String,
    gift: Option<Gift>,
    address: Vec<String>,
    link: Option<String>,
}

#[derive(Template)]
#[template(path = "mail/confirmation.html")]
struct ConfirmationHtml<'a> {
    it: &'a Confirmation,
}

#[derive(Template)]
#[template(path = "mail/confirmation.txt")]
struct ConfirmationText<'a> {
    it: &'a Confirmation,
}

/// What the receiver of a gift reads; there is no place for a price in it.
struct Present {
    texts: &'static Texts,
    subject: &'static str,
    order: OrderId,
    name: String,
    from: String,
    message: String,
    items: Vec<Thing>,
}

/// One line of it.
struct Thing {
    title: String,
    units: u32,
}

#[derive(Template)]
#[template(path = "mail/gift.html")]
struct GiftHtml<'a> {
    it: &'a Present,
}

#[derive(Template)]
#[template(path = "mail/gift.txt")]
struct GiftText<'a> {
    it: &'a Present,
}

struct Cancellation {
    texts: &'static Texts,
    subject: &'static str,
    order: OrderId,
    name: String,
    why: &'static str,
    money: &'static str,
    items: Vec<Thing>,
    total: String,
    link: Option<String>,
}

#[derive(Template)]
#[template(path = "mail/cancellation.html")]
struct CancellationHtml<'a> {
    it: &'a Cancellation,
}

#[derive(Template)]
#[template(path = "mail/cancellation.txt")]
struct CancellationText<'a> {
    it: &'a Cancellation,
}

/// The letter of this kind that an occasion asks for.
///
/// # Errors
/// Why there is none.
pub(super) fn write(
    keyring: &Keyring,
    link: Option<&Link>,
    occasion: &Occasion<'_>,
    subject: Subject,
) -> Result<mail::Letter, Unwritten> {
    let Occasion { order, state, number, .. } = *occasion;
    let placement = state.placement().ok_or(Unwritten::Nothing)?;
    let news = state.news_of(number).ok_or(Unwritten::Nothing)?;
    let link = || link.map(|link| link(order));
    let written = match (subject, news) {
        (Subject::Confirmation, News::Confirmed) => {
            confirmation(keyring, order, placement, link())?
        }
        (Subject::Gift, News::Confirmed) => present(keyring, order, placement)?,
        (Subject::Cancellation, News::Cancelled | News::StockLost | News::Expired) => {
            cancellation(keyring, order, state, placement, news, link())?
        }
        (Subject::Confirmation | Subject::Gift, _) | (Subject::Cancellation, News::Confirmed) => {
            return Err(Unwritten::Nothing);
        }
    };
    let Written { to, subject: title, text, html } = written;
    Ok(mail::Letter {
        id: format!("{}.{order}", subject.name()),
        event: occasion.place.clone(),
        to,
        subject: title,
        language: placement.locale.tag(),
        text: text.map_err(|error| Unwritten::Damaged(error.to_string()))?,
        html: html.map_err(|error| Unwritten::Damaged(error.to_string()))?,
        at: occasion.at,
    })
}

/// What is particular to one kind of letter.
struct Written {
    to: Mailbox,
    subject: String,
    text: askama::Result<String>,
    html: askama::Result<String>,
}

fn confirmation(
    keyring: &Keyring,
    order: OrderId,
    placement: &Placement,
    link: Option<String>,
) -> Result<Written, Unwritten> {
    let Contact { email, address } = contact(keyring, placement)?;
    let gift = gift(keyring, placement)?;
    let (texts, locale) = (Texts::of(placement.locale), placement.locale);
    let line = |item: &Item| Line {
        title: one_line(&item.title),
        units: item.units,
        price: figures::amount(item.price, locale),
        sum: shown(item.price.times(item.units), locale),
    };
    let it = Confirmation {
        texts,
        subject: texts.confirmed_subject,
        order,
        name: one_line(&address.name),
        items: placement.items.iter().map(line).collect(),
        total: figures::amount(placement.total, locale),
        gift: gift
            .map(|Gift { to, message }| Gift { to: one_line(&to), message: some_lines(&message) }),
        address: lines_of(&address),
        link,
    };
    Ok(Written {
        to: Mailbox { name: Some(it.name.clone()), address: email },
        subject: texts.confirmed_subject.to_owned(),
        text: ConfirmationText { it: &it }.render(),
        html: ConfirmationHtml { it: &it }.render(),
    })
}

fn present(keyring: &Keyring, order: OrderId, placement: &Placement) -> Result<Written, Unwritten> {
    let to = receiver(keyring, placement)?.ok_or(Unwritten::Nothing)?;
    let Gift { message, .. } = gift(keyring, placement)?.ok_or(Unwritten::Nothing)?;
    let from = contact(keyring, placement)?.address.name;
    let texts = Texts::of(placement.locale);
    let it = Present {
        texts,
        subject: texts.gift_subject,
        order,
        name: to.name.clone().unwrap_or_default(),
        from: one_line(&from),
        message: some_lines(&message),
        items: things(placement),
    };
    Ok(Written {
        to,
        subject: texts.gift_subject.to_owned(),
        text: GiftText { it: &it }.render(),
        html: GiftHtml { it: &it }.render(),
    })
}

fn cancellation(
    keyring: &Keyring,
    order: OrderId,
    state: &State,
    placement: &Placement,
    news: News,
    link: Option<String>,
) -> Result<Written, Unwritten> {
    let Contact { email, address } = contact(keyring, placement)?;
    let texts = Texts::of(placement.locale);
    let it = Cancellation {
        texts,
        subject: texts.ended_subject(news),
        order,
        name: one_line(&address.name),
        why: texts.ended(news),
        money: texts.money(state.money_back()),
        items: things(placement),
        total: figures::amount(placement.total, placement.locale),
        link,
    };
    Ok(Written {
        to: Mailbox { name: Some(it.name.clone()), address: email },
        subject: it.subject.to_owned(),
        text: CancellationText { it: &it }.render(),
        html: CancellationHtml { it: &it }.render(),
    })
}

/// Whom a letter of this kind is for; `None` for nobody.
///
/// # Errors
/// The person was erased, or what is sealed can't be opened.
pub(super) fn recipient(
    keyring: &Keyring,
    placement: &Placement,
    subject: Subject,
) -> Result<Option<Mailbox>, Unwritten> {
    match subject {
        Subject::Gift => receiver(keyring, placement),
        Subject::Confirmation | Subject::Cancellation => {
            let Contact { email, address } = contact(keyring, placement)?;
            Ok(Some(Mailbox { name: Some(one_line(&address.name)), address: email }))
        }
    }
}

fn receiver(keyring: &Keyring, placement: &Placement) -> Result<Option<Mailbox>, Unwritten> {
    Ok(gift(keyring, placement)?.and_then(|gift| Mailbox::find(&gift.to)))
}

fn contact(keyring: &Keyring, placement: &Placement) -> Result<Contact, Unwritten> {
    open(keyring, &placement.contact)
}

fn gift(keyring: &Keyring, placement: &Placement) -> Result<Option<Gift>, Unwritten> {
    placement.gift.as_ref().map(|sealed| open(keyring, sealed)).transpose()
}

fn open<T: DeserializeOwned>(keyring: &Keyring, sealed: &Sealed) -> Result<T, Unwritten> {
    match keyring.unseal(sealed) {
        Ok(plain) => serde_json::from_slice(&plain)
            .map_err(|_| Unwritten::Damaged("what is sealed is not what it should be".to_owned())),
        Err(keyring::Error::Erased(_)) => Err(Unwritten::Erased),
        Err(error) => Err(Unwritten::Damaged(error.to_string())),
    }
}

fn things(placement: &Placement) -> Vec<Thing> {
    let thing = |item: &Item| Thing { title: one_line(&item.title), units: item.units };
    placement.items.iter().map(thing).collect()
}

fn shown(money: Option<Money>, locale: Locale) -> String {
    money.map_or(String::new(), |money| figures::amount(money, locale))
}

fn lines_of(address: &Address) -> Vec<String> {
    let Address { name, line1, line2, city, region, postal_code, country } = address;
    let town = [Some(postal_code), Some(city), region.as_ref()];
    let town: Vec<&str> = town.into_iter().flatten().map(String::as_str).collect();
    let town = town.join(" ");
    let all = [Some(name), Some(line1), line2.as_ref(), Some(&town), Some(country)];
    all.into_iter().flatten().map(|line| one_line(line)).collect()
}

fn one_line(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    text.trim().to_owned()
}

fn some_lines(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let kept = text.chars().filter(|c| *c == '\n' || !c.is_control()).collect::<String>();
    kept.trim().to_owned()
}

#[cfg(test)]
mod tests;

//! What each letter says, to whom, in which language, and what it never says.

use super::*;
use crate::domain::{
    By, CartId, CommandId, Context, Currency, Machine as _, Sku,
    contact::{CONTACT, GIFT, PAYMENT},
    order::Event,
    sku::Buyer,
};
use std::path::Path;
use tempfile::TempDir;
use uuid::Uuid;

const ORDER: OrderId = OrderId(Uuid::from_u128(7));
const EVIL: &str = "<script>alert(1)</script>\r\nBcc: all@example.com";

struct Desk {
    _folder: TempDir,
    keyring: Keyring,
    locale: Locale,
    name: String,
    title: String,
    gift: Option<Gift>,
}

fn usd(amount_minor: i64) -> Money {
    Money { amount_minor, currency: Currency::parse("USD").unwrap() }
}

fn captured() -> Event {
    Event::Captured { reference: "c".to_owned() }
}

impl Desk {
    fn new(locale: Locale) -> Desk {
        let folder = tempfile::tempdir().unwrap();
        let keyring = Keyring::open_seeded(Path::new(&folder.path().join("keys")), 1).unwrap();
        let (name, title) = ("Ana Bell".to_owned(), "Tee & Co".to_owned());
        Desk { _folder: folder, keyring, locale, name, title, gift: None }
    }

    fn gift(mut self, to: &str, message: &str) -> Desk {
        self.gift = Some(Gift { to: to.to_owned(), message: message.to_owned() });
        self
    }

    fn placement(&self) -> Placement {
        let address = Address {
            name: self.name.clone(),
            line1: "1 Main St".to_owned(),
            line2: Some("attic".to_owned()),
            city: "Springfield".to_owned(),
            region: None,
            postal_code: "12345".to_owned(),
            country: "US".to_owned(),
        };
        let contact = Contact { email: "ana@example.com".to_owned(), address };
        let contact = serde_json::to_vec(&contact).unwrap();
        let gift = self.gift.as_ref().map(|gift| serde_json::to_vec(gift).unwrap());
        let values = [
            Some((CONTACT, contact.as_slice())),
            gift.as_ref().map(|gift| (GIFT, gift.as_slice())),
            Some((PAYMENT, b"tok".as_slice())),
        ];
        let [contact, gift, payment] = self.keyring.seal_all(values).unwrap();
        let item = |units, price| Item {
            sku: Sku::parse("A").unwrap(),
            title: self.title.clone(),
            units,
            price,
        };
        Placement {
            cart: CartId(Uuid::from_u128(1)),
            items: vec![item(2, usd(123_450)), item(1, usd(999))],
            total: usd(247_899),
            email: Buyer(1),
            contact: contact.unwrap(),
            gift,
            payment: payment.unwrap(),
            until: Time(1),
            locale: self.locale,
        }
    }

    /// The letter about the last of these events, which follow the placing.
    fn write(&self, events: &[Event], subject: Subject) -> Result<mail::Letter, Unwritten> {
        let placement = self.placement();
        let all = [&[Event::Placed(Box::new(placement))], events].concat();
        self.about(&all, subject)
    }

    fn about(&self, all: &[Event], subject: Subject) -> Result<mail::Letter, Unwritten> {
        let mut state = State::default();
        let command = CommandId(Uuid::nil());
        let context = Context { now: Time(5), by: By::Shop, command, fingerprint: None };
        for event in all {
            state.evolve(event, &context);
        }
        let (number, place) = (all.len() as u64, "0/40".to_owned());
        let occasion = Occasion { order: ORDER, state: &state, number, place, at: Time(5) };
        let link: Link = Box::new(|order| format!("https://shop.example.com/{order}?a=1&b=2"));
        write(&self.keyring, Some(&link), &occasion, subject)
    }

    fn confirmed(&self, subject: Subject) -> Result<mail::Letter, Unwritten> {
        self.write(&[Event::StockCommitted {}, captured()], subject)
    }
}

fn holds(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is missing in:\n{text}");
    }
}

#[test]
fn a_confirmation_says_what_was_bought_for_how_much_and_where_it_goes() {
    let letter = Desk::new(Locale::En).confirmed(Subject::Confirmation).unwrap();
    assert_eq!(letter.to.to_string(), "Ana Bell <ana@example.com>");
    assert_eq!(letter.id, format!("confirmation.{ORDER}"));
    assert_eq!((letter.event.as_str(), letter.language, letter.at), ("0/40", "en", Time(5)));
    assert_eq!(letter.subject, "Your order is confirmed");
    let address = "1 Main St\n    attic\n    12345 Springfield\n    US";
    let id = ORDER.to_string();
    let figures = ["1,234.50 USD", "2,469.00 USD", "9.99 USD", "2,478.99 USD", &id];
    holds(&letter.text, &figures);
    holds(&letter.html, &figures);
    let link = format!("https://shop.example.com/{ORDER}?a=1&b=2");
    holds(&letter.text, &["Hello Ana Bell,", "2 x Tee & Co", address, &link]);
    let link = format!("https://shop.example.com/{ORDER}?a=1&#38;b=2");
    holds(&letter.html, &["<html lang=\"en\">", "Tee &#38; Co", "12345 Springfield<br>", &link]);
}

#[test]
fn each_language_has_its_words_and_figures() {
    for (locale, subject, words) in [
        (Locale::Es, "Tu pedido está confirmado", "Hola Ana Bell,"),
        (Locale::Pt, "Seu pedido está confirmado", "Olá Ana Bell,"),
    ] {
        let letter = Desk::new(locale).confirmed(Subject::Confirmation).unwrap();
        assert_eq!((letter.subject.as_str(), letter.language), (subject, locale.tag()));
        holds(&letter.text, &[words, "1.234,50 USD", "Total: 2.478,99 USD"]);
        holds(&letter.html, &[words, &format!("lang=\"{}\"", locale.tag())]);
    }
}

#[test]
fn who_gets_a_gift_reads_the_message_and_no_price() {
    let desk = Desk::new(Locale::Es).gift("Mamá <ma@example.com>", "Feliz día\nAna");
    let letter = desk.confirmed(Subject::Gift).unwrap();
    assert_eq!(letter.to.to_string(), "Mamá <ma@example.com>");
    assert_eq!(letter.subject, "Alguien tiene un regalo para ti");
    for text in [&letter.text, &letter.html] {
        holds(text, &["Hola Mamá,", "De: Ana Bell", "Feliz día\nAna", "2 x Tee"]);
        // Nor the key to the order, which shows them.
        for never in ["USD", "1.234", "9,99", "Total", "shop.example.com", "ana@example.com"] {
            assert!(!text.contains(never), "{never} in:\n{text}");
        }
    }
    let letter = desk.confirmed(Subject::Confirmation).unwrap();
    holds(&letter.text, &["1.234,50 USD", "regalo para Mamá <ma@example.com>", "Feliz día"]);
}

#[test]
fn a_gift_for_somebody_without_an_address_is_told_to_the_buyer_only() {
    let desk = Desk::new(Locale::En).gift("Mum", "love");
    assert_eq!(desk.confirmed(Subject::Gift), Err(Unwritten::Nothing));
    holds(&desk.confirmed(Subject::Confirmation).unwrap().text, &["a gift for Mum.", "love"]);
    assert_eq!(Desk::new(Locale::En).confirmed(Subject::Gift), Err(Unwritten::Nothing));
}

#[test]
fn an_end_says_why_and_what_happens_to_the_money() {
    let desk = Desk::new(Locale::En);
    let authorised = Event::Authorised { reference: "a".to_owned() };
    let lost = Event::StockLost { sku: Sku::parse("A").unwrap() };
    for (events, subject, why, money) in [
        (
            vec![Event::Cancelled {}],
            "Your order is cancelled",
            "was cancelled",
            "No money was taken.",
        ),
        (
            vec![authorised.clone(), Event::StockCommitted {}, captured(), Event::Cancelled {}],
            "Your order is cancelled",
            "was cancelled",
            "The whole amount goes back",
        ),
        (
            vec![authorised, lost],
            "Your order could not be completed",
            "sold out",
            "what was set aside on your card is released",
        ),
        (
            vec![Event::Expired {}, Event::Voided {}],
            "Your order could not be completed",
            "not paid in time",
            "what was set aside on your card is released",
        ),
    ] {
        let letter = desk.write(&events, Subject::Cancellation).unwrap();
        assert_eq!(letter.subject, subject);
        assert_eq!(letter.id, format!("cancellation.{ORDER}"));
        holds(&letter.text, &[why, money, "2,478.99 USD"]);
        holds(&letter.html, &[why, money, "2,478.99 USD"]);
        assert_eq!(desk.write(&events, Subject::Confirmation), Err(Unwritten::Nothing));
        assert_eq!(desk.write(&events, Subject::Gift), Err(Unwritten::Nothing));
    }
    assert_eq!(desk.confirmed(Subject::Cancellation), Err(Unwritten::Nothing));
    assert_eq!(desk.write(&[Event::Expired {}], Subject::Cancellation), Err(Unwritten::Nothing));
}

#[test]
fn what_people_type_is_text_and_nothing_else() {
    let mut desk = Desk::new(Locale::En).gift("<script>\r\nBcc: all <ma@example.com>", EVIL);
    desk.name = EVIL.to_owned();
    desk.title = EVIL.to_owned();
    for subject in [Subject::Confirmation, Subject::Gift] {
        let letter = desk.confirmed(subject).unwrap();
        assert!(!letter.html.contains("<script>"), "{}", letter.html);
        holds(&letter.html, &["&#60;script&#62;"]);
        assert!(letter.to.name.iter().all(|name| !name.contains(['\r', '\n'])), "{:?}", letter.to);
        assert!(!letter.subject.contains(['\r', '\n']));
        // A message may have lines of its own, a name or a title may not.
        assert!(!letter.text.contains('\r'), "{:?}", letter.text);
        let begun = letter.text.lines().filter(|line| line.starts_with("Bcc:")).count();
        assert_eq!(begun, 1, "{}", letter.text);
    }
}

#[test]
fn who_was_erased_is_not_written_to() {
    let desk = Desk::new(Locale::En).gift("ma@example.com", "");
    let placement = desk.placement();
    desk.keyring.erase(placement.contact.key).unwrap();
    let all = [Event::Placed(Box::new(placement)), Event::StockCommitted {}, captured()];
    for subject in [Subject::Confirmation, Subject::Gift] {
        assert_eq!(desk.about(&all, subject), Err(Unwritten::Erased));
    }
}

#[test]
fn what_can_not_be_opened_is_no_letter() {
    let desk = Desk::new(Locale::En);
    let mut placement = desk.placement();
    placement.contact.bytes = vec![0; 40].into();
    let all = [Event::Placed(Box::new(placement)), Event::StockCommitted {}, captured()];
    let letter = desk.about(&all, Subject::Confirmation);
    assert!(matches!(letter, Err(Unwritten::Damaged(_))), "{letter:?}");
}

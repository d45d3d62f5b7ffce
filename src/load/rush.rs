//! The rehearsal: shoppers race for one SKU, then its books are checked.
//!
//! It passes only when every confirmed order is backed by exactly its units of stock, reads back
//! as its buyer was told, and everybody else got a clear no. What it checks it learns over HTTP
//! alone, so it can rehearse any running shop.

use super::{
    books::{self, Books, Facts},
    client::Client,
    contract::{Inventory, Line, NewProduct, NewVariant, Order},
    desk::{self, Error},
    pace::{Bounds, Pace},
    progress::Shown,
    report::Report,
    run::{Plan, run},
    scripts::{Baskets, Buy, Buyer},
    target::Target,
    unjudged::Unjudged,
};
use crate::domain::{Currency, Money, Sku};
use serde::Serialize;
use std::{fmt, sync::Arc};

/// What a shopper without an order may be told.
const CLEAR: [&str; 6] = [
    "sold-out",
    "limit-per-buyer",
    "sale-not-open",
    "sale-closed",
    "reservation-lapsed",
    "declined",
];
/// What a unit of a product made for the rush costs.
const PRICE_MINOR: i64 = 1999;

/// A race to run.
#[derive(Clone, Debug)]
pub struct Race {
    /// Where.
    pub target: Target,
    /// For what.
    pub prize: Prize,
    /// How many take part.
    pub shoppers: u64,
    /// How many units each wants.
    pub units_each: u32,
    /// Connections, the most shoppers at once.
    pub connections: usize,
    /// As fast as the connections go, or at a fixed rate.
    pub pace: Pace,
    /// The payment simulator's token that everybody pays with.
    pub payment_token: String,
}

/// What is raced for.
#[derive(Clone, Debug)]
pub enum Prize {
    /// A SKU that the shop sells.
    Existing(Sku),
    /// A product made for this race.
    Made {
        /// Its stock.
        units: u64,
        /// What makes it.
        admin_token: String,
    },
}

/// How a race went. `Display` is for people, `Serialize` the same for machines.
#[derive(Debug, Serialize)]
pub struct Verdict {
    /// What was raced for.
    pub sku: Sku,
    /// Orders that ended confirmed.
    pub confirmed_orders: usize,
    /// How the books stand.
    pub books: Books,
    /// Stock before.
    pub before: Inventory,
    /// Stock after.
    pub after: Inventory,
    /// Endings other than an order or a clear no, with their counts.
    pub unclear: Vec<(String, u64)>,
    /// Latencies, refusals by code, throughput.
    pub report: Report,
}

impl Verdict {
    /// Whether the books balance and everybody got an order or a clear no.
    pub fn holds(&self) -> bool {
        self.books.differences.is_empty() && self.unclear.is_empty()
    }
}

/// Sets the race up, runs it and checks its books.
pub async fn race(race: &Race) -> Result<Verdict, Error> {
    let run_id = run_id();
    let mut client = Client::new(&race.target);
    desk::greet(&mut client).await?;
    let (sku, price, before) = prize(race, &mut client, &run_id).await?;

    let lines = vec![Line { sku: sku.clone(), units: race.units_each }];
    let script = Buy::new(&race.target, Baskets::Same(lines), &run_id, &race.payment_token);
    let plan = Plan {
        workers: race.connections.min(usize::try_from(race.shoppers).unwrap_or(usize::MAX)),
        pace: race.pace.clone(),
        bounds: Bounds::turns(race.shoppers),
    };
    let shown = Shown::new("shoppers", race.shoppers);
    let (report, buyers) = run(&Arc::new(script), &plan, shown.progress()).await;
    drop(shown);

    let total = |units: fn(&Buyer) -> u64| buyers.iter().map(units).sum();
    let (held_units, stray_units) =
        (total(|buyer| buyer.held_units), total(|buyer| buyer.stray_units));
    let orders = confirmed_orders(buyers.into_iter().flat_map(|buyer| buyer.orders));
    let after = match desk::inventory(&mut client, &sku).await {
        Ok(after) => after,
        Err(why) => return Err(Unjudged::error(&why, orders.len(), report)),
    };
    let confirmed = desk::read_back(&race.target, race.connections, orders).await;
    let books = books::check(&Facts {
        sku: &sku,
        price,
        units_each: race.units_each,
        before: &before,
        after: &after,
        confirmed: &confirmed,
        held_units,
        stray_units,
        sold_out: report.count(Report::WHOLE, "sold-out"),
    });
    let unclear = unclear(&report);
    Ok(Verdict { sku, confirmed_orders: confirmed.len(), books, before, after, unclear, report })
}

/// The orders that their buyers were told are confirmed.
pub(super) fn confirmed_orders(placed: impl Iterator<Item = Order>) -> Vec<Order> {
    placed.filter(|order| order.status == "confirmed").collect()
}

/// The SKU, what a unit costs, and its stock before the race.
async fn prize(
    race: &Race,
    client: &mut Client,
    run_id: &str,
) -> Result<(Sku, Money, Inventory), Error> {
    match &race.prize {
        Prize::Existing(sku) => {
            let before = desk::inventory(client, sku).await?;
            let price = match &before.sale {
                Some(sale) => sale.price,
                None => desk::list_price(client, sku).await?,
            };
            Ok((sku.clone(), price, before))
        }
        Prize::Made { units, admin_token } => {
            let sku = parsed(Sku::parse(&format!("RUSH-{run_id}")));
            let price =
                Money { amount_minor: PRICE_MINOR, currency: parsed(Currency::parse("USD")) };
            let product = product(&sku, price, *units);
            desk::create_products(&race.target, 1, vec![product], admin_token, run_id).await?;
            let before = desk::inventory(client, &sku).await?;
            Ok((sku, price, before))
        }
    }
}

/// A name of this file that is known to parse.
fn parsed<T>(name: Option<T>) -> T {
    name.unwrap_or_else(|| unreachable!("a constant name of the right form"))
}

fn product(sku: &Sku, price: Money, units: u64) -> NewProduct {
    let variant =
        NewVariant { sku: sku.clone(), title: "One size".into(), price, weight_g: 200, units };
    NewProduct {
        title: format!("Rehearsal {sku}"),
        description: "Made by a rehearsal to be raced for.".into(),
        category: "rehearsal".into(),
        tags: vec!["rehearsal".into()],
        images: Vec::new(),
        variants: vec![variant],
    }
}

/// Endings of shoppers that are neither an order nor a clear no.
fn unclear(report: &Report) -> Vec<(String, u64)> {
    let whole = report.step(Report::WHOLE).map(|step| step.counts().clone());
    let is_clear = |name: &str| name == "ok" || CLEAR.contains(&name);
    whole.unwrap_or_default().into_iter().filter(|(name, _)| !is_clear(name)).collect()
}

/// A few letters and digits that set this run's names apart from any other's.
pub(super) fn run_id() -> String {
    let mut bytes = [0; 5];
    // Without entropy the process's number has to do: it differs from the last run's, too.
    if getrandom::fill(&mut bytes).is_err() {
        return format!("p{}", std::process::id());
    }
    format!("{:010x}", bytes.iter().fold(0_u64, |all, byte| (all << 8) | u64::from(*byte)))
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Verdict { sku, confirmed_orders, books, before, after, report, .. } = self;
        writeln!(f, "{report}\n")?;
        writeln!(
            f,
            "{sku}: {confirmed_orders} orders confirmed, {} units, {:.0} orders/s",
            books.confirmed_units,
            report.ok_per_second()
        )?;
        writeln!(f, "{:<8} {:>9} {:>9} {:>9} {:>9}", "", "on hand", "reserved", "sold", "free")?;
        for (when, stock) in [("before", before), ("after", after)] {
            let Inventory { on_hand, reserved, sold, free, .. } = stock;
            writeln!(f, "{when:<8} {on_hand:>9} {reserved:>9} {sold:>9} {free:>9}")?;
        }
        for note in &books.notes {
            writeln!(f, "note: {note}")?;
        }
        for (ending, count) in &self.unclear {
            writeln!(f, "wrong: {count} shoppers got no clear answer: {ending}")?;
        }
        for difference in &books.differences {
            writeln!(f, "wrong: {difference}")?;
        }
        write!(f, "{}", if self.holds() { "the books balance" } else { "it does NOT hold" })
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake::{ADMIN, Fake, Flaw, behind_a_bad_line, behind_a_line_that_ends};
    use super::*;

    async fn race_in(flaw: Flaw, shoppers: u64) -> Verdict {
        race_at(Fake::start(flaw).await.target, shoppers).await
    }

    async fn race_at(target: Target, shoppers: u64) -> Verdict {
        try_race_at(target, shoppers).await.unwrap()
    }

    async fn try_race_at(target: Target, shoppers: u64) -> Result<Verdict, Error> {
        race(&Race {
            target,
            prize: Prize::Made { units: 40, admin_token: ADMIN.into() },
            shoppers,
            units_each: 2,
            connections: 16,
            pace: Pace::Closed,
            payment_token: "tok_approve".into(),
        })
        .await
    }

    #[tokio::test]
    async fn as_many_shoppers_as_there_are_units_for_get_an_order() {
        let verdict = race_in(Flaw::None, 60).await;
        assert!(verdict.holds(), "{verdict}");
        assert_eq!((verdict.confirmed_orders, verdict.after.sold), (20, 40));
        assert_eq!(verdict.report.count(Report::WHOLE, "sold-out"), 40);
        assert!(verdict.to_string().ends_with("the books balance"));
        assert_eq!(serde_json::to_value(&verdict).unwrap()["confirmed_orders"], 20);
    }

    #[tokio::test]
    async fn a_busy_shop_is_asked_again_until_it_answers() {
        let verdict = race_in(Flaw::Busy, 60).await;
        assert!(verdict.holds(), "{verdict}");
        assert_eq!(verdict.confirmed_orders, 20);
        let json = serde_json::to_value(&verdict.report).unwrap();
        for why in ["http 503 overloaded", "http 409 in-progress"] {
            assert!(json["retries"][why].as_u64() > Some(0), "{json}");
        }
    }

    #[tokio::test]
    async fn lost_answers_are_asked_for_again_and_lost_adds_explained() {
        let fake = Fake::start(Flaw::None).await;
        let verdict = race_at(behind_a_bad_line(&fake).await, 60).await;
        assert!(verdict.holds(), "{verdict}");
        let json = serde_json::to_value(&verdict.report).unwrap();
        assert!(json["retries"]["connection lost"].as_u64() > Some(0), "{json}");
        assert_eq!(verdict.after.sold + verdict.after.reserved, 40, "{verdict}");
        assert!(verdict.books.notes.iter().any(|note| note.contains("answer was lost")));
    }

    #[tokio::test(start_paused = true)]
    async fn a_shop_that_goes_away_leaves_what_was_seen() {
        let fake = Fake::start(Flaw::None).await;
        let target = behind_a_line_that_ends(&fake, 60).await;
        let error = try_race_at(target, 60).await.unwrap_err();
        let Error::Unjudged(seen) = &error else { panic!("{error}") };
        let ok = usize::try_from(seen.report.count(Report::WHOLE, "ok")).unwrap();
        assert!(ok > 0 && ok == seen.told_confirmed, "{seen}");
        assert_eq!(seen.report.turns, 60);
        assert!(seen.report.count(Report::WHOLE, "no connection") > 0, "{seen}");
        assert!(seen.to_string().contains("the shop went away"), "{seen}");
        let json = serde_json::to_value(seen).unwrap();
        assert_eq!(json["report"]["turns"], 60, "{json}");
        assert!(error.to_string().contains("the shop went away"), "{error}");
    }

    #[tokio::test]
    async fn orders_that_settle_later_are_polled() {
        let verdict = race_in(Flaw::SettlesLate, 30).await;
        assert!(verdict.holds(), "{verdict}");
        assert_eq!(verdict.confirmed_orders, 20);
    }

    #[tokio::test]
    async fn every_broken_shop_is_found_out() {
        for (flaw, says) in [
            (Flaw::Oversells, "below zero"),
            (Flaw::SellsTwice, "the shop counts"),
            (Flaw::ForgetsOrders, "can't be read"),
            (Flaw::Overcharges, "total"),
            (Flaw::Leaks, "stay reserved"),
            (Flaw::Crashes, "no clear answer: http 500 internal"),
            (Flaw::TurnsAway, "told sold-out, yet"),
        ] {
            let verdict = race_in(flaw, 60).await;
            assert!(!verdict.holds(), "{flaw:?}\n{verdict}");
            assert!(verdict.to_string().contains(says), "{flaw:?}: no `{says}` in\n{verdict}");
        }
    }

    #[tokio::test]
    async fn an_existing_sku_is_raced_for_at_its_catalogue_price() {
        let fake = Fake::start(Flaw::None).await;
        let tee = Sku::parse("TEE").unwrap();
        let mut settings = Race {
            target: fake.target.clone(),
            prize: Prize::Existing(tee),
            shoppers: 20,
            units_each: 1,
            connections: 4,
            pace: Pace::Open(1000.try_into().unwrap()),
            payment_token: "tok_decline".into(),
        };
        let verdict = race(&settings).await.unwrap();
        assert!(verdict.holds(), "{verdict}");
        assert_eq!(verdict.report.count(Report::WHOLE, "declined"), 10);
        assert_eq!(verdict.books.notes.len(), 1, "declined orders hold the units: {verdict}");

        settings.prize = Prize::Existing(Sku::parse("HAT").unwrap());
        assert!(matches!(race(&settings).await, Err(Error::UnknownSku(_))));
        settings.prize = Prize::Made { units: 1, admin_token: "guess".into() };
        let error = race(&settings).await.unwrap_err();
        assert!(error.to_string().contains("is this the shop's admin token?"), "{error}");
    }
}

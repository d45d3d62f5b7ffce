//! The replay against a shop that is right, and against shops that are wrong in one way each.

use super::super::fake::{ADMIN, Fake, Flaw, behind_a_line_that_ends};
use super::super::trace::tests::{SALES, gzipped};
use super::super::{
    contract::{Item, Line, Order, Returned},
    desk::ReadBack,
};
use super::*;

fn settings(fake: &Fake, file: PathBuf, invoices: usize) -> Replay {
    Replay {
        target: fake.target.clone(),
        file,
        invoices,
        connections: 4,
        pace: Pace::Closed,
        times: None,
        admin_token: ADMIN.into(),
        payment_token: "tok_approve".into(),
    }
}

async fn replay_in(flaw: Flaw, times: usize) -> Verdict {
    let fake = Fake::start(flaw).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sales.csv.gz");
    std::fs::write(&file, gzipped(SALES)).unwrap();
    let settings = settings(&fake, file, 0);
    for _ in 1..times {
        replay(&settings).await.unwrap();
    }
    replay(&settings).await.unwrap()
}

#[tokio::test]
async fn units_and_money_equal_the_files_also_when_bought_again() {
    let verdict = replay_in(Flaw::None, 2).await;
    assert!(verdict.to_string().ends_with("differences: 0"), "{verdict}");
    assert_eq!((verdict.baskets, verdict.lines, verdict.skus), (3, 6, 4));
    assert_eq!((verdict.returns, verdict.return_lines), (2, 2));
    let sold = 8 * 255 + 7 * 340 + 80_995 * 210 + 1_500;
    let money = Money { captured: sold, refunded: 6 * 255 + 6 * 340 };
    assert_eq!(verdict.money, money);
}

#[tokio::test(start_paused = true)]
async fn a_shop_that_goes_away_leaves_what_was_seen() {
    let fake = Fake::start(Flaw::None).await;
    let fake = Fake { target: behind_a_line_that_ends(&fake, 9).await };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sales.csv.gz");
    std::fs::write(&file, gzipped(SALES)).unwrap();
    let error = replay(&settings(&fake, file, 0)).await.unwrap_err();
    let Error::Desk(desk::Error::Unjudged(seen)) = error else { panic!("{error}") };
    assert_eq!(seen.report.turns, 5, "{seen}");
    assert!(seen.unjudged.contains("the shop went away"), "{seen}");
}

#[tokio::test]
async fn the_files_own_time_is_kept() {
    let fake = Fake::start(Flaw::None).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sales.csv.gz");
    std::fs::write(&file, gzipped(SALES)).unwrap();
    let times = NonZeroU32::new(2_000);
    let verdict = replay(&Replay { times, ..settings(&fake, file, 0) }).await.unwrap();
    assert!(verdict.holds(), "{verdict}");
    // The last cancellation comes nine minutes after the first invoice.
    let least = Duration::from_millis(540_000 / 2_000);
    assert!(verdict.report.elapsed >= least, "{:?}", verdict.report.elapsed);
}

#[tokio::test]
async fn one_connection_waits_for_nobody() {
    let fake = Fake::start(Flaw::None).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sales.csv.gz");
    std::fs::write(&file, gzipped(SALES)).unwrap();
    let alone = Replay { connections: 1, ..settings(&fake, file, 0) };
    assert!(replay(&alone).await.unwrap().holds());
}

#[tokio::test]
async fn a_busy_shop_changes_nothing() {
    let verdict = replay_in(Flaw::Busy, 1).await;
    assert!(verdict.holds(), "{verdict}");
}

#[tokio::test]
async fn the_real_trace_is_bought_without_a_difference() {
    let Some(file) = std::env::var_os("DOORBUSTER_TRACE").map(PathBuf::from) else {
        eprintln!("skipped: set DOORBUSTER_TRACE to the online-retail file to run it");
        return;
    };
    let fake = Fake::start(Flaw::None).await;
    let verdict = replay(&settings(&fake, file, 200)).await.unwrap();
    assert!(verdict.holds(), "{verdict}");
    assert!(verdict.lines > 2_000 && verdict.returns > 0, "{verdict}");
    assert!(verdict.left_out.cancellation_lines > 0, "{verdict}");
}

#[tokio::test]
async fn every_broken_shop_differs() {
    for flaw in [
        Flaw::SellsTwice,
        Flaw::ForgetsOrders,
        Flaw::Overcharges,
        Flaw::Leaks,
        Flaw::Crashes,
        Flaw::TurnsAway,
        Flaw::Shortchanges,
        Flaw::KeepsReturns,
    ] {
        let verdict = replay_in(flaw, 1).await;
        assert!(!verdict.holds(), "{flaw:?}\n{verdict}");
    }
}

#[test]
fn what_came_back_and_is_not_refunded_differs() {
    let gbp = Currency::parse("GBP").unwrap();
    let money = |amount_minor| crate::domain::Money { amount_minor, currency: gbp };
    let sku = Sku::parse("A-5.00").unwrap();
    let sold = Sold {
        stock_code: "A".into(),
        description: String::new(),
        price: money(500),
        units: 2,
        returned: 1,
    };
    let sold = BTreeMap::from([(sku.clone(), sold)]);
    let stock = Inventory { on_hand: 1, reserved: 0, sold: 1, free: 1, sale: None };
    let stock = HashMap::from([(sku.clone(), stock)]);
    for (refunded, amount, says) in [
        (true, 500, ""),
        (false, 500, "is not refunded"),
        (true, 499, "refunded 4.99 GBP"),
        (true, 499, "the file takes 1000 and gives 500 back, the orders say 1000 and 499"),
    ] {
        let items = vec![Line { sku: sku.clone(), units: 1 }];
        let order = Order {
            id: "ord_1".into(),
            status: "confirmed".into(),
            payment_status: "captured".into(),
            items: vec![Item { sku: sku.clone(), units: 2, price: money(500) }],
            total: money(1_000),
            returns: vec![Returned { items, amount: money(amount), refunded }],
            access_token: None,
        };
        let order = ReadBack { told: order.clone(), read: Ok(order) };
        let mut differences = vec![];
        compare(&sold, &[order], &stock, &mut differences);
        let said = differences.join("\n");
        assert!(said.contains(says) && said.is_empty() == says.is_empty(), "{says}: {said}");
    }
}

#[test]
fn a_stock_code_with_many_prices_is_split_into_products() {
    let gbp = Currency::parse("GBP").unwrap();
    let sold = (1..=120).map(|minor| {
        let sold = Sold {
            stock_code: "DOT".into(),
            description: "POSTAGE".into(),
            price: crate::domain::Money { amount_minor: minor, currency: gbp },
            units: 1,
            returned: 0,
        };
        (Sku::parse(&format!("DOT-{minor}")).unwrap(), sold)
    });
    let products = products(&sold.collect());
    let sizes: Vec<_> = products.iter().map(|product| product.variants.len()).collect();
    assert_eq!(sizes, [50, 50, 20]);
    assert!(products.iter().all(|product| product.title == "POSTAGE"));
}

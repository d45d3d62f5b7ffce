//! What the simulator promises of itself: a seed repeats its run, the shop holds, and whatever the
//! shop rests on is missed as soon as it is broken.

use super::*;
use crate::domain::broken::Rule;
use std::ops::Range;

/// Seeds of a short run.
const SEEDS: u64 = 120;

/// Within so many seeds each broken rule has to be noticed.
const NOTICED_WITHIN: u64 = 60;

fn options(seed: u64) -> Options {
    let mode = if seed.is_multiple_of(2) { Mode::Liveness } else { Mode::Safety };
    Options { seed, steps: 300, only: None, mode, trace: false }
}

fn hold(seeds: Range<u64>) {
    let count = usize::try_from(seeds.end - seeds.start).unwrap();
    let (mut orders, mut stand, mut crashes) = (0, 0, 0);
    for seed in seeds {
        let report = run(&options(seed)).unwrap();
        if let Some(violation) = report.violation {
            panic!("{violation}; look: simulate --seed {seed}");
        }
        orders += report.orders.0;
        stand += report.orders.1;
        crashes += report.crashes as usize;
    }
    let happened = format!("{count} seeds: {orders} orders, {stand} stand, {crashes} crashes");
    assert!(orders > 3 * count && stand > count && crashes > 2 * count, "{happened}");
}

#[test]
fn every_invariant_holds_for_every_seed_of_the_first_half() {
    hold(0..SEEDS / 2);
}

#[test]
fn every_invariant_holds_for_every_seed_of_the_second_half() {
    hold(SEEDS / 2..SEEDS);
}

#[test]
fn a_seed_repeats_its_run_to_the_last_byte() {
    let traced = |seed| run(&Options { trace: true, ..options(seed) }).unwrap();
    let mut hashes = std::collections::BTreeSet::new();
    for seed in 0..8 {
        let (one, other) = (traced(seed), traced(seed));
        for (one, other) in one.lines.iter().zip(&other.lines) {
            assert_eq!(one, other, "seed {seed}");
        }
        assert_eq!(one.hash, other.hash, "seed {seed}");
        hashes.insert(one.hash);
    }
    assert_eq!(hashes.len(), 8, "and no other seed's");
}

#[test]
fn threads_beside_it_change_nothing() {
    let alone = run(&options(3)).unwrap().hash;
    let threads = (0..3).map(|_| std::thread::spawn(|| run(&options(3)).unwrap().hash));
    for thread in threads.collect::<Vec<_>>() {
        assert_eq!(thread.join().unwrap(), alone);
    }
}

#[test]
fn a_failing_run_is_made_short_and_fails_in_the_same_way() {
    let (seed, _) = first_noticed(Rule::OnlyWhatIsFree).unwrap();
    Rule::OnlyWhatIsFree.without(|| {
        let (steps, report) = shrink(&options(seed), |_| {}).unwrap().unwrap();
        assert!(steps.len() < 30, "{steps:?}");
        let only = Some(steps.into_iter().collect());
        let again = run(&Options { only, ..options(seed) }).unwrap();
        assert_eq!(again.hash, report.hash);
        assert_eq!(again.violation.unwrap().invariant, Invariant::NoOversell);
    });
}

/// The first seed that notices a broken rule, and what it says.
fn first_noticed(rule: Rule) -> Option<(u64, Violation)> {
    rule.without(|| {
        (0..NOTICED_WITHIN).find_map(|seed| Some((seed, run(&options(seed)).unwrap().violation?)))
    })
}

macro_rules! noticed {
    ($($name:ident: $rule:ident as $($invariant:ident)|+;)*) => { $(
        #[test]
        fn $name() {
            let (seed, found) = first_noticed(Rule::$rule).expect("nobody notices");
            println!("{:?} is noticed by seed {seed}: {found}", Rule::$rule);
            assert!(matches!(found.invariant, $(Invariant::$invariant)|+), "{found}");
        }
    )* };
}

noticed! {
    a_sku_that_sells_what_is_not_free_is_noticed: OnlyWhatIsFree as NoOversell;
    units_that_come_back_twice_are_noticed: UnitsComeBackOnce as Conservation | BoardNeverBack;
    an_answer_before_the_sync_is_noticed: SyncBeforeAnswer as Acknowledged | Conservation;
    an_outbox_before_the_sync_is_noticed: SyncBeforeOutbox as Acknowledged | BoardNeverBack | MoneyAfterStock;
    a_second_batch_in_flight_is_noticed: OneBatchInFlight as Acknowledged;
    a_cart_that_forgets_its_keys_is_noticed: KeysAreKept as OneKeyOneOrder;
    a_payment_step_under_another_key_is_noticed: StepsHaveOneKey as OneCapture | RefundsWithinCapture;
    a_capture_before_its_stock_is_noticed: StockBeforeCapture as MoneyAfterStock;
    a_call_before_its_order_is_durable_is_noticed: DurableBeforeCall as MoneyAfterStock;
    a_sale_that_is_recorded_twice_is_noticed: CommitsOnce as NoOversell | OneKeyOneOrder;
    a_return_beyond_its_order_is_noticed: ReturnsWithinOrder as RefundsWithinCapture;
    a_reservation_without_a_deadline_is_noticed: ClaimsHaveDeadlines as Deadlines | Liveness;
    a_buyer_beyond_the_limit_is_noticed: LimitPerBuyer as BuyerLimit;
    an_order_that_never_asks_again_is_noticed: AskAgain as Liveness;
    money_that_is_never_let_go_is_noticed: VoidIsOwed as Liveness;
    a_view_that_skips_a_batch_is_noticed: ViewsFoldAll as ViewsAreFolds;
    a_board_that_goes_back_is_noticed: BoardOnlyForward as BoardNeverBack;
    an_actor_that_starts_too_early_is_noticed: ReplayBehindPending as LogIsSound | Acknowledged | Conservation;
}

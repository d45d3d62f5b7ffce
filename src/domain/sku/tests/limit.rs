//! The limit per buyer: reserved and sold units over the whole sale, under both identities.

use super::*;

const LIMIT: Refusal = Refusal::LimitPerBuyer { limit: 2 };

/// Ten units on a sale of at most two per buyer.
fn on_sale() -> Run<State> {
    Run::given(State::default(), &stocked_and(10, [sale_set(Some(2))]))
}

/// Ana's account or e-mail under a cart of its own.
fn add_as(buyer: Buyer, who: u128, units: u32, count: u64) -> Command {
    Command::Reserve(Reserve { buyer, ..wish(who, Change::Add(units), count) })
}

fn take_over_as(email: Buyer, who: u128, number: u128, units: u32) -> Command {
    let (cart, order) = (cart(who), order(number));
    Command::TakeOver(TakeOver { cart, order, units, email, until: ORDER_UNTIL })
}

#[test]
fn a_buyer_may_reserve_up_to_the_limit() {
    let mut run = on_sale();
    assert_eq!(run.tell(SOON, &add(ANA, 3, 1)), Err(LIMIT));
    run.tell(SOON, &add(ANA, 1, 2)).unwrap();
    assert_eq!(run.tell(SOON, &add(ANA, 2, 3)), Err(LIMIT));
    assert_eq!(run.tell(SOON, &set(ANA, 3, 4)), Err(LIMIT));
    run.tell(SOON, &set(ANA, 2, 5)).unwrap();
    assert_eq!(run.tell(SOON, &add(ANA, 1, 6)), Err(LIMIT));
    run.tell(SOON, &add(BEN, 2, 1)).unwrap();
}

#[test]
fn several_carts_of_one_account_share_the_limit() {
    let mut run = on_sale();
    run.tell(SOON, &add_as(ANAS_ACCOUNT, 11, 1, 1)).unwrap();
    run.tell(SOON, &add_as(ANAS_ACCOUNT, 12, 1, 1)).unwrap();
    assert_eq!(run.tell(SOON, &add_as(ANAS_ACCOUNT, 13, 1, 1)), Err(LIMIT));
}

#[test]
fn the_whole_claim_counts_for_the_account_once_its_owner_signs_in() {
    let mut run = on_sale();
    run.tell(SOON, &add_as(ANAS_ACCOUNT, 11, 1, 1)).unwrap();
    run.tell(SOON, &add(ANA, 1, 1)).unwrap();
    assert_eq!(run.tell(SOON, &add_as(ANAS_ACCOUNT, ANA, 1, 2)), Err(LIMIT));
    run.tell(SOON, &set(ANA, 0, 3)).unwrap();
    run.tell(SOON, &add_as(ANAS_ACCOUNT, ANA, 1, 4)).unwrap();
}

#[test]
fn lapsed_and_released_units_do_not_count() {
    let mut run = on_sale();
    run.tell(SOON, &add(ANA, 2, 1)).unwrap();
    run.tell(SOON, &set(ANA, 1, 2)).unwrap();
    run.tell(SOON, &add(ANA, 1, 3)).unwrap();
    let again = Command::Reserve(Reserve { until: ORDER_UNTIL, ..wish(ANA, Change::Set(2), 4) });
    run.tell(UNTIL, &again).unwrap();
    assert_eq!(run.tell(UNTIL, &add(ANA, 1, 5)), Err(LIMIT));
}

#[test]
fn the_email_joins_at_the_take_over() {
    let mut run = on_sale();
    run.tell(SOON, &add(ANA, 2, 1)).unwrap();
    run.tell(SOON, &take_over_as(ANAS_EMAIL, ANA, 1, 2)).unwrap();
    // Another cart, the same e-mail.
    run.tell(SOON, &add(BEN, 1, 1)).unwrap();
    assert_eq!(run.tell(SOON, &take_over_as(ANAS_EMAIL, BEN, 2, 1)), Err(LIMIT));
    counts(&run, 10, 3, 0);
    run.tell(SOON, &take_over_as(Buyer(102), BEN, 2, 1)).unwrap();
    // And the cart itself.
    assert_eq!(run.tell(SOON, &add(ANA, 1, 9)), Err(LIMIT));
}

#[test]
fn a_buyer_who_is_known_by_email_only_counts_once() {
    let mut run = on_sale();
    run.tell(SOON, &add_as(ANAS_EMAIL, ANA, 2, 1)).unwrap();
    run.tell(SOON, &take_over_as(ANAS_EMAIL, ANA, 1, 2)).unwrap();
    run.tell(SOON, &commit(1, 2)).unwrap();
    run.tell(SOON, &give_back(1, 2)).unwrap();
    run.tell(SOON, &add_as(ANAS_EMAIL, BEN, 2, 1)).unwrap();
}

#[test]
fn sold_units_count_for_the_whole_sale() {
    let mut run = on_sale();
    run.tell(SOON, &add(ANA, 2, 1)).unwrap();
    run.tell(SOON, &take_over_as(ANAS_EMAIL, ANA, 1, 2)).unwrap();
    run.tell(SOON, &commit(1, 2)).unwrap();
    let late = Time(ORDER_UNTIL.0 - 1);
    assert_eq!(run.tell(late, &add(ANA, 1, 9)), Err(LIMIT));
    run.tell(SOON, &add(BEN, 1, 1)).unwrap();
    assert_eq!(run.tell(SOON, &take_over_as(ANAS_EMAIL, BEN, 2, 1)), Err(LIMIT));
}

#[test]
fn a_hand_back_a_release_and_an_expiry_give_both_identities_their_units_back() {
    let endings: [(&str, Time, Command); 3] = [
        ("released", SOON, give_back(1, 2)),
        ("handed back after the old deadline", UNTIL, hand_back(1)),
        ("expired", ORDER_UNTIL, forget(9)),
    ];
    for (ending, now, command) in endings {
        let mut run = on_sale();
        let terms = Sale { closes_at: Time::MAX, ..sale(Some(2)) };
        run.tell(SOON, &Command::SetSale(terms)).unwrap();
        run.tell(SOON, &add(ANA, 2, 1)).unwrap();
        run.tell(SOON, &take_over_as(ANAS_EMAIL, ANA, 1, 2)).unwrap();
        run.tell(now, &command).unwrap();
        let until = Time::MAX;
        let again = Command::Reserve(Reserve { until, ..wish(ANA, Change::Add(2), 9) });
        assert!(run.tell(now, &again).is_ok(), "{ending}: the cart");
        let email = Reserve { until, buyer: ANAS_EMAIL, ..wish(BEN, Change::Add(2), 9) };
        assert!(run.tell(now, &Command::Reserve(email)).is_ok(), "{ending}: the e-mail");
        run.check_replay();
    }
}

#[test]
fn units_handed_back_count_for_the_cart_but_not_for_the_email() {
    let mut run = on_sale();
    run.tell(SOON, &add(ANA, 2, 1)).unwrap();
    run.tell(SOON, &take_over_as(ANAS_EMAIL, ANA, 1, 2)).unwrap();
    run.tell(SOON, &hand_back(1)).unwrap();
    assert_eq!(run.tell(SOON, &add(ANA, 1, 9)), Err(LIMIT));
    run.tell(SOON, &add_as(ANAS_EMAIL, BEN, 2, 1)).unwrap();
}

#[test]
fn a_buyer_whose_units_came_back_may_buy_again() {
    let mut run = on_sale();
    run.tell(SOON, &add(ANA, 2, 1)).unwrap();
    run.tell(SOON, &take_over_as(ANAS_EMAIL, ANA, 1, 2)).unwrap();
    run.tell(SOON, &commit(1, 2)).unwrap();
    run.tell(SOON, &give_back(1, 2)).unwrap();
    run.tell(SOON, &give_back(1, 2)).unwrap();
    run.tell(SOON, &add(ANA, 2, 9)).unwrap();
    run.tell(SOON, &take_over_as(ANAS_EMAIL, ANA, 2, 2)).unwrap();
    assert_eq!(run.tell(SOON, &add_as(ANAS_EMAIL, BEN, 1, 1)), Err(LIMIT));
    run.check_replay();
}

#[test]
fn the_end_of_the_sale_forgets_the_counts() {
    let mut run = on_sale();
    run.tell(SOON, &add(ANA, 2, 1)).unwrap();
    run.tell(SOON, &take_over_as(ANAS_EMAIL, ANA, 1, 2)).unwrap();
    run.tell(SOON, &commit(1, 2)).unwrap();
    run.tell(SOON, &Command::EndSale).unwrap();
    run.tell(SOON, &add(ANA, 5, 2)).unwrap();
    run.tell(SOON, &set(ANA, 2, 3)).unwrap();
    run.tell(SOON, &Command::SetSale(sale(Some(2)))).unwrap(); // what is claimed counts
    assert_eq!(run.tell(SOON, &add(ANA, 1, 4)), Err(LIMIT));
    run.tell(SOON, &give_back(1, 2)).unwrap(); // bought in the sale before: nothing to take off
    assert_eq!(run.tell(SOON, &add(ANA, 1, 5)), Err(LIMIT));
}

#[test]
fn a_limit_that_goes_and_comes_back_counts_what_is_claimed() {
    let mut run = on_sale();
    run.tell(SOON, &add(ANA, 2, 1)).unwrap();
    run.tell(SOON, &Command::SetSale(sale(None))).unwrap();
    run.tell(SOON, &set(ANA, 0, 2)).unwrap();
    run.tell(SOON, &add(BEN, 2, 1)).unwrap();
    run.tell(SOON, &Command::SetSale(sale(Some(2)))).unwrap();
    assert_eq!(run.tell(SOON, &add(BEN, 1, 2)), Err(LIMIT));
    run.tell(SOON, &add(ANA, 2, 3)).unwrap();
}

#[test]
fn a_limit_that_comes_during_a_sale_finds_what_is_claimed_and_not_what_was_sold() {
    let mut run = Run::given(State::default(), &stocked_and(10, [sale_set(None)]));
    run.tell(SOON, &add(ANA, 2, 1)).unwrap();
    run.tell(SOON, &take_over_as(ANAS_EMAIL, ANA, 1, 2)).unwrap();
    run.tell(SOON, &commit(1, 2)).unwrap();
    run.tell(SOON, &add(BEN, 1, 1)).unwrap();
    run.tell(SOON, &Command::SetSale(sale(Some(2)))).unwrap();
    run.tell(SOON, &add(ANA, 2, 2)).unwrap();
    assert_eq!(run.tell(SOON, &add(ANA, 1, 3)), Err(LIMIT));
    assert_eq!(run.tell(SOON, &add(BEN, 2, 2)), Err(LIMIT));
    // Units bought before the limit come back: nothing to take off.
    run.tell(SOON, &give_back(1, 2)).unwrap();
    assert_eq!(run.tell(SOON, &add(ANA, 1, 4)), Err(LIMIT));
    run.check_replay();
}

#[test]
fn a_lower_limit_takes_nothing_away_and_gives_nothing_more() {
    let mut run = on_sale();
    run.tell(SOON, &add(ANA, 2, 1)).unwrap();
    run.tell(SOON, &Command::SetSale(sale(Some(1)))).unwrap();
    assert_eq!(run.tell(SOON, &add(ANA, 1, 2)), Err(Refusal::LimitPerBuyer { limit: 1 }));
    counts(&run, 10, 2, 0);
    assert_eq!(
        run.tell(SOON, &take_over_as(ANAS_EMAIL, ANA, 1, 2)),
        Err(Refusal::LimitPerBuyer { limit: 1 })
    );
    run.tell(SOON, &set(ANA, 1, 3)).unwrap();
    run.tell(SOON, &take_over_as(ANAS_EMAIL, ANA, 1, 1)).unwrap();
}

#[test]
fn a_late_payment_gets_no_more_than_the_limit() {
    let mut run = on_sale();
    let terms = Sale { closes_at: Time::MAX, ..sale(Some(2)) };
    run.tell(SOON, &Command::SetSale(terms)).unwrap();
    run.tell(SOON, &add(ANA, 2, 1)).unwrap();
    run.tell(SOON, &take_over_as(ANAS_EMAIL, ANA, 1, 2)).unwrap();
    let again = Reserve { until: Time::MAX, ..wish(ANA, Change::Add(1), 9) };
    run.tell(ORDER_UNTIL, &Command::Reserve(again)).unwrap();
    assert_eq!(run.tell(ORDER_UNTIL, &commit(1, 2)), Err(Refusal::ReservationLapsed));
    run.tell(ORDER_UNTIL, &set(ANA, 0, 10)).unwrap();
    run.tell(ORDER_UNTIL, &commit(1, 2)).unwrap();
    let again = Reserve { until: Time::MAX, ..wish(ANA, Change::Add(1), 11) };
    assert_eq!(run.tell(ORDER_UNTIL, &Command::Reserve(again)), Err(LIMIT));
}

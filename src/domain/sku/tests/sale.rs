//! The sale's opening hours.

use super::*;

fn hours(opens_at: i64, closes_at: i64) -> Event {
    let sale = Sale { opens_at: Time(opens_at), closes_at: Time(closes_at), ..sale(None) };
    Event::SaleSet { sale }
}

#[test]
fn a_sale_opens_and_closes_on_the_instant() {
    let (opens, closes) = (START.0 + 100, START.0 + 200);
    let given = stocked_and(5, [hours(opens, closes)]);
    let not_open = Err(Refusal::SaleNotOpen { opens_at: Time(opens) });
    let mut reserved = reserved(ANA, 1);
    if let Event::Reserved { price: paid, .. } = &mut reserved {
        *paid = price(SALE_PRICE);
    }
    check_at(Time(opens - 1), &given, &add(ANA, 1, 1), &not_open);
    check_at(Time(opens), &given, &add(ANA, 1, 1), &Ok(vec![reserved.clone()]));
    check_at(Time(closes - 1), &given, &add(ANA, 1, 1), &Ok(vec![reserved]));
    check_at(Time(closes), &given, &add(ANA, 1, 1), &Err(Refusal::SaleClosed));
}

#[test]
fn after_the_sale_nobody_adds_but_everybody_may_give_back_and_buy() {
    let (opens, closes) = (START.0, START.0 + 200);
    let given = stocked_and(5, [hours(opens, closes), reserved(ANA, 3)]);
    let mut run = Run::given(State::default(), &given);
    let now = Time(closes);
    assert_eq!(run.tell(now, &add(ANA, 1, 2)), Err(Refusal::SaleClosed));
    assert_eq!(run.tell(now, &set(ANA, 2, 3)), Ok(vec![released(ANA, 2, 3)]));
    assert_eq!(run.tell(now, &take_over(ANA, 1, 2)), Ok(vec![taken_over(ANA, 1, 2)]));
    assert_eq!(run.tell(now, &commit(1, 2)), Ok(vec![committed(1, 2)]));
    counts(&run, 3, 0, 2);
}

#[test]
fn the_end_of_a_sale_brings_the_list_price_back() {
    let given = stocked_and(5, [hours(START.0 + 100, START.0 + 200)]);
    let mut run = check(&given, &Command::EndSale, &Ok(vec![Event::SaleEnded {}]));
    assert_eq!(run.tell(SOON, &add(ANA, 1, 1)), Ok(vec![reserved(ANA, 1)]));
    check(&stocked(5), &Command::EndSale, &Ok(vec![]));
}

#[test]
fn a_sale_has_sound_terms() {
    let terms = |change: fn(&mut Sale)| {
        let mut sale = sale(Some(2));
        change(&mut sale);
        Command::SetSale(sale)
    };
    check(&stocked(5), &terms(|_| ()), &Ok(vec![sale_set(Some(2))]));
    let empty = terms(|sale| sale.closes_at = sale.opens_at);
    check(&stocked(5), &empty, &Err(Refusal::OutOfRange));
    let nobody = terms(|sale| sale.units_per_buyer = Some(0));
    check(&stocked(5), &nobody, &Err(Refusal::OutOfRange));
    let negative = terms(|sale| sale.price = price(-1));
    check(&stocked(5), &negative, &Err(Refusal::OutOfRange));
    let foreign = terms(|sale| sale.price = crate::domain::testing::eur(5));
    check(&stocked(5), &foreign, &Err(Refusal::MixedCurrencies));
    check(&[claimed()], &terms(|_| ()), &Err(Refusal::MixedCurrencies));
    check(&stocked_and(5, [sale_set(Some(2))]), &terms(|_| ()), &Ok(vec![]));
}

#[test]
fn newcomers_are_on_offer_from_the_opening_to_the_first_instant_that_changes_anything() {
    let offer = |given: &[Event]| {
        let offer = Run::given(State::default(), given).state.offer();
        offer.map(|Offer { from, until }| (from, until))
    };
    let always = (Time(i64::MIN), Time::MAX);
    assert_eq!(offer(&[]), None, "nobody sells it");
    assert_eq!(offer(&[claimed(), received(5)]), None, "it has no price yet");
    assert_eq!(offer(&stocked(5)), Some(always));
    let delisted = Event::Delisted { product: product(1), revision: 2 };
    assert_eq!(offer(&stocked_and(5, [delisted])), None, "it is archived");
    let (opens, closes) = (START.0 + 100, UNTIL.0 + 100);
    let given = stocked_and(5, [hours(opens, closes)]);
    assert_eq!(offer(&given), Some((Time(opens), Time(closes))));
    let given = stocked_and(5, [hours(opens, closes), reserved(ANA, 5)]);
    assert_eq!(offer(&given), Some((Time(opens), UNTIL)), "then these units are free again");
    let given = stocked_and(5, [hours(opens, UNTIL.0 - 1), reserved(ANA, 5)]);
    assert_eq!(offer(&given), Some((Time(opens), Time(UNTIL.0 - 1))));
    let offer = Offer { from: Time(5), until: Time(7) };
    assert_eq!([4, 5, 6, 7].map(|now| offer.covers(Time(now))), [false, true, true, false]);
}

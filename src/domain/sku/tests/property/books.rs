//! The books of a SKU as plain lists: every claim and every sale, summed up afresh each time.
//!
//! They check each event before they write it down, and each refusal for being true.

use super::*;
use proptest::test_runner::TestCaseResult;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Who {
    Cart(CartId),
    Order(OrderId),
    Bare(ReservationId),
}

/// Units that somebody has: claimed until an instant, or sold.
#[derive(Clone, Debug)]
struct Entry {
    who: Who,
    units: u64,
    until: Option<Time>,
    buyers: Vec<Buyer>,
    /// The cart behind an order, and its own deadline.
    from: Option<(CartId, Time)>,
}

/// How far an order's saga has come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Saga {
    TakenOver,
    Committing,
    HandedBack,
    Returned,
    Forgotten,
}

#[derive(Default)]
pub(super) struct Books {
    in_house: i64,
    arrived: i64,
    written_off: i64,
    entries: Vec<Entry>,
    lapsed: Vec<Entry>,
    pub(super) orders: Vec<(OrderId, u32, Saga)>,
    /// Orders whose units are sold.
    pub(super) sold: Vec<OrderId>,
    /// Order, number, units, whether they can be sold again and whether the order has recorded it.
    pub(super) back: Vec<(OrderId, u32, u32, bool, bool)>,
    /// Which cart made which order: a cart has one open order at a time.
    pub(super) placed: Vec<(CartId, OrderId)>,
    pub(super) sent: Vec<Reserve>,
    /// Under which names bare reservations were sold.
    references: Vec<(ReservationId, String)>,
    /// Bare reservations that were given back.
    given_back: Vec<ReservationId>,
    sold_out: bool,
}

impl Books {
    fn sum(&self, of: impl Fn(&Entry) -> bool) -> u64 {
        self.entries.iter().filter(|entry| of(entry)).map(|entry| entry.units).sum()
    }

    fn free(&self) -> u64 {
        u64::try_from(self.in_house).unwrap() - self.sum(|entry| entry.until.is_some())
    }

    fn count(&self, buyer: Buyer) -> u64 {
        self.sum(|entry| entry.buyers.contains(&buyer))
    }

    fn take(&mut self, who: Who, sold: bool) -> Option<Entry> {
        let found = |entry: &Entry| entry.who == who && entry.until.is_none() == sold;
        let at = self.entries.iter().position(found)?;
        Some(self.entries.remove(at))
    }

    fn arrive(&mut self, units: i64) {
        self.in_house += units;
        self.arrived += units;
    }

    pub(super) fn write(&mut self, event: &Event, now: Time) {
        match event {
            Event::Received { units, .. } => self.arrive(i64::try_from(*units).unwrap()),
            Event::Adjusted { delta, .. } => self.arrive(*delta),
            Event::WrittenOff { units, .. } => {
                self.in_house -= i64::try_from(*units).unwrap();
                self.written_off += i64::try_from(*units).unwrap();
            }
            Event::Reserved { cart, buyer, units, until, .. } => {
                self.take(Who::Cart(*cart), false);
                self.claim(Who::Cart(*cart), *units, *until, vec![*buyer], None);
            }
            Event::Released { cart, keep_units, .. } => {
                let mut entry = self.take(Who::Cart(*cart), false).unwrap();
                assert!(entry.units > u64::from(*keep_units));
                entry.units = u64::from(*keep_units);
                self.entries.extend(Some(entry).filter(|entry| entry.units > 0));
            }
            Event::TakenOver { cart, order, units, email, until } => {
                let entry = self.take(Who::Cart(*cart), false).unwrap();
                assert!(entry.units >= u64::from(*units));
                let mut buyers = entry.buyers;
                buyers.push(*email);
                let from = Some((*cart, entry.until.unwrap()));
                self.claim(Who::Order(*order), *units, *until, buyers, from);
            }
            Event::Expired { carts, orders } => {
                let carts = carts.iter().map(|(cart, units)| (Who::Cart(*cart), units));
                let orders = orders.iter().map(|(order, units)| (Who::Order(*order), units));
                for (who, units) in carts.chain(orders) {
                    let entry = self.take(who, false).unwrap();
                    assert!(entry.until.unwrap() <= now && entry.units == u64::from(*units));
                    self.lapsed.push(entry);
                }
            }
            _ => self.write_order(event, now),
        }
    }

    fn write_order(&mut self, event: &Event, now: Time) {
        match event {
            Event::HandedBack { order } => {
                let entry = self.take(Who::Order(*order), false).unwrap();
                let (cart, until) = entry.from.unwrap();
                if until > now {
                    self.take(Who::Cart(cart), false);
                    let units = u32::try_from(entry.units).unwrap();
                    self.claim(Who::Cart(cart), units, until, vec![entry.buyers[0]], None);
                }
            }
            Event::Committed { order, units, picks } => {
                let who = Who::Order(*order);
                let late = |books: &Books| books.lapsed.iter().find(|e| e.who == who).cloned();
                let mut entry = self.take(who, false).or_else(|| late(self)).unwrap();
                assert_eq!(entry.units, u64::from(*units));
                let picked: u64 = picks.iter().map(|(_, units)| units).sum();
                assert!(picks.is_empty() || picked == entry.units);
                entry.until = None;
                self.sold.push(*order);
                self.in_house -= i64::from(*units);
                self.entries.push(entry);
            }
            Event::OrderReleased { order, units } => {
                let entry = self.take(Who::Order(*order), false).unwrap();
                assert_eq!(entry.units, u64::from(*units));
            }
            Event::Returned { order, units } => {
                let entry = self.take(Who::Order(*order), true).unwrap();
                assert_eq!(entry.units, u64::from(*units));
                self.in_house += i64::from(*units);
            }
            Event::TakenBack { order, units, restock, .. } => {
                let mut entry = self.take(Who::Order(*order), true).unwrap();
                entry.units = entry.units.checked_sub(u64::from(*units)).unwrap();
                self.entries.push(entry);
                if *restock {
                    self.in_house += i64::from(*units);
                } else {
                    self.written_off += i64::from(*units);
                }
            }
            Event::BareReserved { reservation, buyer, units, until, .. } => {
                let who = Who::Bare(*reservation);
                assert!(self.take(who, false).is_none(), "reserved twice");
                let buyer = buyer.unwrap_or(Buyer(reservation.0.as_u128()));
                self.claim(who, *units, *until, vec![buyer], None);
            }
            Event::BareReleased { reservation, units } => {
                let entry = self.take(Who::Bare(*reservation), false).unwrap();
                assert_eq!(entry.units, u64::from(*units));
                self.given_back.push(*reservation);
            }
            Event::BareExpired { reservations } => {
                for (reservation, units) in reservations {
                    let entry = self.take(Who::Bare(*reservation), false).unwrap();
                    assert!(entry.until.unwrap() <= now && entry.units == u64::from(*units));
                }
            }
            Event::BareCommitted { reservation, units, picks, reference } => {
                let mut entry = self.take(Who::Bare(*reservation), false).unwrap();
                let picked: u64 = picks.iter().map(|(_, units)| units).sum();
                assert!(entry.until.unwrap() > now && entry.units == u64::from(*units));
                assert!(picks.is_empty() || picked == entry.units);
                entry.until = None;
                self.in_house -= i64::from(*units);
                self.entries.push(entry);
                self.references.push((*reservation, reference.clone()));
            }
            Event::SoldOut {} => {
                assert!(!self.sold_out && self.free() == 0, "sold out twice, or not at all");
                self.sold_out = true;
            }
            Event::BackInStock { free } => {
                assert!(self.sold_out && self.free() == *free, "back twice, or not at all");
                self.sold_out = false;
            }
            Event::LowStock { free } => assert_eq!(self.free(), *free),
            _ => {}
        }
    }

    fn claim(
        &mut self,
        who: Who,
        units: u32,
        until: Time,
        buyers: Vec<Buyer>,
        from: Option<(CartId, Time)>,
    ) {
        let (units, until) = (u64::from(units), Some(until));
        self.entries.push(Entry { who, units, until, buyers, from });
    }

    pub(super) fn compare(
        &self,
        run: &Run<State>,
        limit: Option<u32>,
        now: Time,
    ) -> TestCaseResult {
        let state = &run.state;
        let reserved = self.sum(|entry| entry.until.is_some());
        let sold = self.sum(|entry| entry.until.is_none());
        prop_assert_eq!(i64::try_from(state.on_hand()).unwrap(), self.in_house);
        prop_assert_eq!(state.reserved(), reserved);
        prop_assert_eq!(state.sold(), sold);
        prop_assert!(reserved <= state.on_hand(), "oversold");
        prop_assert_eq!(state.locations().values().sum::<u64>(), state.on_hand());
        let booked = self.in_house + i64::try_from(sold).unwrap() + self.written_off;
        prop_assert_eq!(self.arrived, booked, "units came or went unbooked");
        let claims = state.cart_claims().map(|(_, claim)| claim.units);
        let claims = claims.chain(state.order_claims().map(|(_, claim)| claim.units));
        let claims = claims.chain(state.bare_claims().map(|(_, units)| units));
        prop_assert_eq!(claims.map(u64::from).sum::<u64>(), reserved);
        prop_assert!(self.entries.iter().all(|e| e.until.is_none_or(|until| until > now)));
        prop_assert_eq!(self.sold_out, self.free() == 0, "a crossing went by unmarked");
        let buyers = self.entries.iter().flat_map(|entry| &entry.buyers);
        for buyer in buyers.filter(|_| limit.is_some()) {
            prop_assert!(self.count(*buyer) <= u64::from(limit.unwrap()), "limit passed");
        }
        Ok(())
    }

    /// A refusal has to be true as well.
    pub(super) fn check_refusal(&self, command: &Command, refusal: &Refusal, limit: Option<u32>) {
        match (command, refusal) {
            (Command::Reserve(wish), Refusal::SoldOut { free }) => {
                assert_eq!(*free, self.free());
                assert!(u64::from(most(wish.change, self.held(wish))) > self.free());
            }
            (Command::Reserve(wish), Refusal::LimitPerBuyer { .. }) => {
                let own = Who::Cart(wish.cart);
                let others = self.sum(|e| e.who != own && e.buyers.contains(&wish.buyer));
                let wanted = match wish.change {
                    Change::Add(units) => self.held(wish) + u64::from(units),
                    Change::Set(units) => u64::from(units),
                };
                assert!(others + wanted > u64::from(limit.unwrap()));
            }
            (Command::Reserve(wish), Refusal::OutOfRange) => {
                assert_eq!(wish.change, Change::Add(0));
            }
            (Command::TakeOver(wish), Refusal::LimitPerBuyer { .. }) => {
                assert!(self.count(wish.email) + u64::from(wish.units) > limit.unwrap().into());
            }
            (Command::TakeOver(wish), Refusal::ReservationLapsed) => {
                assert!(self.sum(|e| e.who == Who::Cart(wish.cart)) < u64::from(wish.units));
            }
            (Command::Commit { units, order }, Refusal::ReservationLapsed) => {
                let lapsed = self.lapsed.iter().find(|e| e.who == Who::Order(*order)).unwrap();
                let over = |b: &Buyer| {
                    limit.is_some_and(|limit| self.count(*b) + u64::from(*units) > limit.into())
                };
                assert!(self.free() < u64::from(*units) || lapsed.buyers.iter().any(over));
            }
            (Command::ReserveBare(wish), refusal) => self.check_bare(wish, refusal, limit),
            (Command::ReleaseBare { reservation }, Refusal::AlreadySold) => {
                assert!(self.name_of(*reservation).is_some());
            }
            (Command::CommitBare { reservation, .. }, Refusal::ReservationLapsed) => {
                let none = self.sum(|e| e.who == Who::Bare(*reservation)) == 0;
                assert!(none, "it holds units");
            }
            (Command::CommitBare { reservation, reference }, Refusal::OtherReservation) => {
                assert!(self.name_of(*reservation).is_some_and(|name| name != reference));
            }
            (Command::TakeOver(wish), Refusal::OutOfRange) => assert_eq!(wish.units, 0),
            (Command::Receive { units, .. }, Refusal::OutOfRange) => assert_eq!(*units, 0),
            (Command::Transfer { .. } | Command::WriteOff { .. } | Command::Adjust { .. }, _) => {}
            other => panic!("refused without a reason: {other:?}"),
        }
    }

    fn check_bare(&self, wish: &ReserveBare, refusal: &Refusal, limit: Option<u32>) {
        let (id, units) = (wish.reservation, u64::from(wish.units));
        let own = self.sum(|entry| entry.who == Who::Bare(id));
        match refusal {
            Refusal::SoldOut { free } => {
                assert_eq!(*free, self.free());
                assert!(own == 0 && units > *free);
            }
            Refusal::LimitPerBuyer { .. } => {
                let buyer = wish.buyer.unwrap_or(Buyer(id.0.as_u128()));
                assert!(self.count(buyer) + units > u64::from(limit.unwrap()));
            }
            Refusal::OutOfRange => assert_eq!(units, 0),
            Refusal::OtherReservation => assert!(own > 0, "there is no other one"),
            Refusal::ReservationLapsed => assert!(self.given_back.contains(&id)),
            other => panic!("refused without a reason: {other:?}"),
        }
    }

    fn name_of(&self, reservation: ReservationId) -> Option<&String> {
        let mut names = self.references.iter();
        names.find(|(known, _)| *known == reservation).map(|(_, name)| name)
    }

    pub(super) fn has_open_order(&self, cart: CartId) -> bool {
        let mut open = self.orders.iter().filter(|(.., at)| *at == Saga::TakenOver);
        open.any(|(order, ..)| self.placed.contains(&(cart, *order)))
    }

    fn held(&self, wish: &Reserve) -> u64 {
        self.sum(|entry| entry.who == Who::Cart(wish.cart))
    }
}

/// The most units that a change may ask for on top.
fn most(change: Change, held: u64) -> u32 {
    match change {
        Change::Add(units) => units,
        Change::Set(units) => units.saturating_sub(u32::try_from(held).unwrap()),
    }
}

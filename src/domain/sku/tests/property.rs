//! Any sequence of commands: no unit sold twice, no limit passed, every unit in the books.
//!
//! The books here are lists that are summed up afresh after each command, so they share neither
//! code nor shape with the machine. Orders follow their saga: a commit or a hand-back only of
//! what was taken over, one open order per cart, `Forget` only after a return, everything as often as it pleases.

use super::*;
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

const TTL_MS: u64 = 50;
const ORDER_TTL_MS: u64 = 80;

#[derive(Clone, Debug)]
enum Op {
    Reserve { who: u128, account: bool, change: Change, newer: bool },
    Repeat { which: usize },
    Release { who: u128, keep_units: u32 },
    TakeOver { who: u128, units: u32, email: u128 },
    HandBack { which: usize },
    Commit { which: usize },
    Return { which: usize },
    Forget { which: usize },
    Stock(Command),
    Wait { ms: u64 },
}

fn op() -> impl Strategy<Value = Op> {
    let change = prop_oneof![(0_u32..4).prop_map(Change::Add), (0_u32..5).prop_map(Change::Set)];
    let which = any::<prop::sample::Index>().prop_map(|index| index.index(64));
    prop_oneof![
        8 => (1_u128..5, any::<bool>(), change, prop::bool::weighted(0.1)).prop_map(
            |(who, account, change, newer)| Op::Reserve { who, account, change, newer }
        ),
        2 => which.clone().prop_map(|which| Op::Repeat { which }),
        1 => (1_u128..5, 0_u32..3).prop_map(|(who, keep_units)| Op::Release { who, keep_units }),
        4 => (1_u128..5, 0_u32..4, 0_u128..3)
            .prop_map(|(who, units, email)| Op::TakeOver { who, units, email }),
        2 => which.clone().prop_map(|which| Op::HandBack { which }),
        4 => which.clone().prop_map(|which| Op::Commit { which }),
        2 => which.clone().prop_map(|which| Op::Return { which }),
        1 => which.prop_map(|which| Op::Forget { which }),
        2 => stock().prop_map(Op::Stock),
        3 => (1_u64..40).prop_map(|ms| Op::Wait { ms }),
    ]
}

fn stock() -> impl Strategy<Value = Command> {
    let place = prop_oneof![Just("main".to_owned()), Just("east".to_owned())];
    prop_oneof![
        (0_u64..3, place.clone()).prop_map(|(units, location)| {
            Command::Receive { units, location, reference: None }
        }),
        (-3_i64..3, place.clone()).prop_map(|(delta, location)| {
            Command::Adjust { delta, location, reason: String::new() }
        }),
        (0_u64..3, place.clone()).prop_map(|(units, location)| {
            Command::WriteOff { units, location, reason: String::new() }
        }),
        (0_u64..3, place.clone(), place)
            .prop_map(|(units, from, to)| { Command::Transfer { units, from, to } }),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Who {
    Cart(CartId),
    Order(OrderId),
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
enum Saga {
    TakenOver,
    Committing,
    HandedBack,
    Returned,
    Forgotten,
}

#[derive(Default)]
struct Books {
    in_house: i64,
    arrived: i64,
    written_off: i64,
    entries: Vec<Entry>,
    lapsed: Vec<Entry>,
    orders: Vec<(OrderId, u32, Saga)>,
    /// Which cart made which order: a cart has one open order at a time.
    placed: Vec<(CartId, OrderId)>,
    sent: Vec<Reserve>,
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

    fn write(&mut self, event: &Event, now: Time) {
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

    fn compare(&self, run: &Run<State>, limit: Option<u32>, now: Time) -> TestCaseResult {
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
    fn check_refusal(&self, command: &Command, refusal: &Refusal, limit: Option<u32>) {
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
            (Command::TakeOver(wish), Refusal::OutOfRange) => assert_eq!(wish.units, 0),
            (Command::Receive { units, .. }, Refusal::OutOfRange) => assert_eq!(*units, 0),
            (Command::Transfer { .. } | Command::WriteOff { .. } | Command::Adjust { .. }, _) => {}
            other => panic!("refused without a reason: {other:?}"),
        }
    }

    fn has_open_order(&self, cart: CartId) -> bool {
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

struct Play {
    run: Run<State>,
    books: Books,
    limit: Option<u32>,
    now: Time,
    incarnation: u64,
    count: u64,
}

impl Play {
    fn new(limit: Option<u32>, units: u64) -> Play {
        let terms = Sale { closes_at: Time::MAX, ..sale(limit) };
        let given = stocked_and(units, [Event::SaleSet { sale: terms }]);
        let mut books = Books::default();
        given.iter().for_each(|event| books.write(event, START));
        let run = Run::given(State::default(), &given);
        Play { run, books, limit, now: START, incarnation: 1, count: 0 }
    }

    fn step(&mut self, op: Op) -> TestCaseResult {
        let command = match op {
            Op::Reserve { who, account, change, newer } => {
                self.incarnation += u64::from(newer);
                self.count += 1;
                let held = self.run.state.claim_of(cart(who), self.now).map_or(0, |c| c.units);
                Some(Command::Reserve(Reserve {
                    buyer: if account { Buyer(200 + who % 2) } else { Buyer(who) },
                    sequence: Sequence(1, self.incarnation, self.count),
                    recorded_units: held,
                    until: self.now.plus_ms(TTL_MS),
                    ..wish(who, change, 0)
                }))
            }
            Op::Repeat { which } => return self.repeat(which),
            Op::Release { who, keep_units } => {
                Some(Command::Release { cart: cart(who), keep_units })
            }
            Op::TakeOver { who, .. } if self.books.has_open_order(cart(who)) => None,
            Op::TakeOver { who, units, email } => {
                let order = order(1_000 + u128::try_from(self.books.orders.len()).unwrap());
                let (email, until) = (Buyer(300 + email), self.now.plus_ms(ORDER_TTL_MS));
                Some(Command::TakeOver(TakeOver { cart: cart(who), order, units, email, until }))
            }
            Op::HandBack { which } => self.saga(which, &[Saga::TakenOver], Saga::HandedBack),
            Op::Commit { which } => self.saga(which, &[Saga::TakenOver], Saga::Committing),
            Op::Return { which } => {
                self.saga(which, &[Saga::TakenOver, Saga::Committing], Saga::Returned)
            }
            Op::Forget { which } => self.saga(which, &[Saga::Returned], Saga::Forgotten),
            Op::Stock(command) => Some(command),
            Op::Wait { ms } => {
                self.now = self.now.plus_ms(ms);
                None
            }
        };
        let Some(command) = command else { return Ok(()) };
        self.tell(&command)
    }

    /// The next command of an order's saga, or the last one again.
    fn saga(&mut self, which: usize, from: &[Saga], to: Saga) -> Option<Command> {
        let count = self.books.orders.len();
        let (order, units, at) = self.books.orders.get_mut(which.checked_rem(count)?)?;
        if *at != to && !from.contains(at) {
            return None;
        }
        *at = to;
        let (order, units) = (*order, *units);
        Some(match to {
            Saga::HandedBack => Command::HandBack { order },
            Saga::TakenOver | Saga::Committing => Command::Commit { order, units },
            Saga::Returned => Command::Return { order, units },
            Saga::Forgotten => Command::Forget { order },
        })
    }

    fn lapse(&mut self) {
        for event in self.run.lapse(self.now) {
            self.books.write(&event, self.now);
        }
    }

    /// A request of long ago, again, while its cart holds something.
    fn repeat(&mut self, which: usize) -> TestCaseResult {
        self.lapse();
        let Some(which) = which.checked_rem(self.books.sent.len()) else { return Ok(()) };
        let wish = self.books.sent[which].clone();
        if self.run.state.claim_of(wish.cart, self.now).is_some() {
            prop_assert_eq!(self.run.tell(self.now, &Command::Reserve(wish)), Ok(vec![]));
        }
        Ok(())
    }

    fn tell(&mut self, command: &Command) -> TestCaseResult {
        self.lapse();
        let before = self.run.state.clone();
        match self.run.tell(self.now, command) {
            Err(refusal) => {
                prop_assert_eq!(&self.run.state, &before, "a refusal changed something");
                self.books.check_refusal(command, &refusal, self.limit);
            }
            Ok(events) => {
                events.iter().for_each(|event| self.books.write(event, self.now));
                if let Command::TakeOver(wish) = command {
                    self.books.orders.push((wish.order, wish.units, Saga::TakenOver));
                    self.books.placed.push((wish.cart, wish.order));
                }
                if let (Command::Reserve(wish), false) = (command, events.is_empty()) {
                    self.books.sent.push(wish.clone());
                }
                self.once(command)?;
            }
        }
        self.books.compare(&self.run, self.limit, self.now)
    }

    /// What is known by sequence or order is done once.
    fn once(&mut self, command: &Command) -> TestCaseResult {
        let counted = matches!(
            command,
            Command::Receive { .. }
                | Command::Adjust { .. }
                | Command::WriteOff { .. }
                | Command::Transfer { .. }
        );
        if !counted {
            let once = self.run.state.clone();
            prop_assert_eq!(self.run.tell(self.now, command), Ok(vec![]), "{:?}", command);
            prop_assert_eq!(&self.run.state, &once);
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1_000, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn the_books_balance_whatever_happens(
        limit in prop::option::of(1_u32..5),
        units in 1_u64..12,
        ops in prop::collection::vec(op(), 1..120),
    ) {
        let mut play = Play::new(limit, units);
        for op in ops {
            play.step(op)?;
        }
        play.run.check_replay();
        // In the end every claim lapses, and only what was sold is gone.
        play.now = play.now.plus_ms(1_000);
        play.lapse();
        prop_assert_eq!(play.run.state.reserved(), 0);
        prop_assert_eq!(play.run.state.due(), None);
        play.books.compare(&play.run, limit, play.now)?;
        play.run.check_replay();
    }
}

//! Any sequence of commands: no unit sold twice, no limit passed, every unit in the books.
//!
//! The books here are lists that are summed up afresh after each command, so they share neither
//! code nor shape with the machine. Orders follow their saga: a commit or a hand-back only of
//! what was taken over, one open order per cart, `Forget` only after a return, everything as often as it pleases.

mod books;

use super::*;
use books::{Books, Saga};
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
    TakeBack { which: usize, units: u32, restock: bool },
    AgainBack { which: usize, forget: bool },
    Bare { number: u128, units: u32, buyer: Option<u128> },
    ReleaseBare { number: u128 },
    CommitBare { number: u128, reference: bool },
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
        1 => which.clone().prop_map(|which| Op::Forget { which }),
        3 => (which.clone(), 1_u32..3, any::<bool>())
            .prop_map(|(which, units, restock)| Op::TakeBack { which, units, restock }),
        2 => (which, any::<bool>()).prop_map(|(which, forget)| Op::AgainBack { which, forget }),
        4 => (1_u128..6, 0_u32..4, prop::option::of(0_u128..2))
            .prop_map(|(number, units, buyer)| Op::Bare { number, units, buyer }),
        1 => (1_u128..6).prop_map(|number| Op::ReleaseBare { number }),
        2 => (1_u128..6, prop::bool::weighted(0.9))
            .prop_map(|(number, reference)| Op::CommitBare { number, reference }),
        2 => stock().prop_map(Op::Stock),
        3 => (1_u64..70).prop_map(|ms| Op::Wait { ms }),
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
        for event in &given {
            books.write(event, START);
        }
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
            Op::TakeBack { which, units, restock } => self.take_back(which, units, restock),
            Op::AgainBack { which, forget } => self.again_back(which, forget),
            Op::Bare { number, units, buyer } => {
                let (reservation, ttl_ms) = (res(number), TTL_MS);
                let buyer = buyer.map(|buyer| Buyer(200 + buyer));
                Some(Command::ReserveBare(ReserveBare { reservation, buyer, units, ttl_ms }))
            }
            Op::ReleaseBare { number } => Some(release_bare(number)),
            Op::CommitBare { number, reference } => {
                Some(commit_bare(number, if reference { "one" } else { "other" }))
            }
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

    /// Some units of an order that is sold, under its next number.
    fn take_back(&mut self, which: usize, units: u32, restock: bool) -> Option<Command> {
        let count = self.books.orders.len();
        let (order, left, at) = self.books.orders.get_mut(which.checked_rem(count)?)?;
        // One unit stays, so that the saga can still return the rest.
        if *at != Saga::Committing || units >= *left || !self.books.sold.contains(order) {
            return None;
        }
        *left -= units;
        let (order, number) = (*order, u32::try_from(self.books.back.len()).unwrap());
        self.books.back.push((order, number, units, restock, false));
        Some(Command::TakeBack { order, number, units, restock })
    }

    /// A return that was taken back, again, or the word that its order has recorded it.
    fn again_back(&mut self, which: usize, forget: bool) -> Option<Command> {
        let count = self.books.back.len();
        let back = self.books.back.get_mut(which.checked_rem(count)?)?;
        back.4 |= forget;
        let (order, number, units, restock, forgotten) = *back;
        Some(if forgotten {
            Command::ForgetReturn { order, number }
        } else {
            Command::TakeBack { order, number, units, restock }
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
                for event in &events {
                    self.books.write(event, self.now);
                }
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
        cases: 2_000, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn the_books_balance_whatever_happens(
        limit in prop::option::of(1_u32..5),
        units in 1_u64..7,
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

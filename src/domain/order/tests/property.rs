//! Whatever gets lost, comes late or comes twice: once the world answers, nothing is owed and
//! the provider's books, the stock and the order agree.
//!
//! The provider here is honest but unreliable. It keeps its own books by step: the first answer
//! to a step is its answer for ever, after a void it authorises and captures nothing more, and
//! it declines to void what it has captured.

use super::*;
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug)]
enum Op {
    /// Sees to an obligation; then the call, its answer, or neither gets lost or waits.
    Work {
        which: usize,
        fate: Fate,
    },
    /// A call or an answer that waited arrives.
    Arrive {
        which: usize,
    },
    /// Something said before is said again.
    Again {
        which: usize,
    },
    Cancel,
    TakeBack {
        units: u32,
    },
    Flag,
    Wait {
        ms: u64,
    },
}

#[derive(Clone, Copy, Debug)]
enum Fate {
    Fine,
    CallLost,
    CallLate,
    AnswerLost,
    AnswerLate,
}

fn op() -> impl Strategy<Value = Op> {
    let fate = prop_oneof![
        4 => Just(Fate::Fine),
        1 => Just(Fate::CallLost),
        2 => Just(Fate::CallLate),
        1 => Just(Fate::AnswerLost),
        2 => Just(Fate::AnswerLate),
    ];
    let which = any::<prop::sample::Index>().prop_map(|index| index.index(64));
    prop_oneof![
        8 => (which.clone(), fate).prop_map(|(which, fate)| Op::Work { which, fate }),
        3 => which.clone().prop_map(|which| Op::Arrive { which }),
        2 => which.prop_map(|which| Op::Again { which }),
        1 => Just(Op::Cancel),
        2 => (1_u32..3).prop_map(|units| Op::TakeBack { units }),
        1 => Just(Op::Flag),
        1 => (1_u64..400_000).prop_map(|ms| Op::Wait { ms }),
    ]
}

/// What this run's world is like.
#[derive(Clone, Debug)]
struct Luck {
    card_is_good: bool,
    capture_works: bool,
    stock_stays: bool,
}

fn luck() -> impl Strategy<Value = Luck> {
    let mostly = || prop::bool::weighted(0.8);
    (mostly(), mostly(), mostly()).prop_map(|(card_is_good, capture_works, stock_stays)| Luck {
        card_is_good,
        capture_works,
        stock_stays,
    })
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Units {
    Claimed,
    Lapsed,
    Sold,
    WithTheCart,
    Free,
    Forgotten,
}

struct World {
    luck: Luck,
    now: Time,
    run: Run<State>,
    answers: BTreeMap<Step, Outcome>,
    units: Units,
    /// Units by return, as the SKU took them back.
    taken_back: BTreeMap<u32, u32>,
    /// Returns that the SKU still remembers.
    remembered: BTreeSet<u32>,
    cart_is_open: bool,
    calls: Vec<Obligation>,
    waiting: Vec<Command>,
    said: Vec<Command>,
}

impl World {
    fn new(luck: Luck) -> World {
        let mut run = Run::new(State::default());
        run.tell(START, &place()).unwrap();
        World {
            luck,
            now: START,
            run,
            answers: BTreeMap::new(),
            units: Units::Claimed,
            taken_back: BTreeMap::new(),
            remembered: BTreeSet::new(),
            cart_is_open: false,
            calls: vec![],
            waiting: vec![],
            said: vec![],
        }
    }

    fn did(&self, step: Step) -> bool {
        matches!(self.answers.get(&step), Some(Outcome::Approved { .. } | Outcome::NothingToVoid))
    }

    /// What the provider has given back, whether the order knows or not.
    fn refunded(&self) -> i64 {
        let refunds = self.answers.iter().filter(|(step, outcome)| {
            step.is_refund() && matches!(outcome, Outcome::Approved { .. })
        });
        refunds.map(|(step, _)| self.run.state.amount_of(*step).unwrap().amount_minor).sum()
    }

    /// The provider's answer to a step; the first one stands.
    fn pay(&mut self, step: Step) -> Outcome {
        let voided = self.did(Step::Void);
        let works = match step {
            Step::Authorise => self.luck.card_is_good && !voided,
            Step::Capture => self.luck.capture_works && self.did(Step::Authorise) && !voided,
            Step::Void => !self.did(Step::Capture),
            Step::Refund | Step::RefundPart(_) => {
                let amount = self.run.state.amount_of(step).unwrap().amount_minor;
                self.did(Step::Capture) && self.refunded() + amount <= TOTAL
            }
        };
        let outcome = if step == Step::Void && !self.did(Step::Authorise) {
            Outcome::NothingToVoid
        } else if works {
            Outcome::Approved { reference: format!("{step:?}") }
        } else {
            Outcome::Declined { reason: reason() }
        };
        self.answers.entry(step).or_insert(outcome).clone()
    }

    /// Does what is asked and says what came of it.
    fn answer(&mut self, owed: Obligation) -> Command {
        match owed {
            Obligation::Pay(step) => Command::Record { step, outcome: self.pay(step) },
            Obligation::Ask(step) => {
                let known = self.answers.get(&step).cloned();
                Command::Record { step, outcome: known.unwrap_or(Outcome::NotSeen) }
            }
            Obligation::Commit => match self.units {
                Units::Claimed if self.luck.stock_stays => {
                    self.units = Units::Sold;
                    Command::RecordCommitted
                }
                Units::Sold => Command::RecordCommitted,
                Units::Claimed => {
                    self.units = Units::Lapsed;
                    stock_lost()
                }
                Units::Lapsed | Units::WithTheCart | Units::Free | Units::Forgotten => stock_lost(),
            },
            Obligation::HandBack => {
                assert_ne!(self.units, Units::Sold, "sold units were handed back");
                if self.units == Units::Claimed {
                    self.units = Units::WithTheCart;
                }
                Command::RecordReturned
            }
            Obligation::Return => {
                if self.units != Units::Forgotten {
                    self.units = Units::Free;
                }
                Command::RecordReturned
            }
            Obligation::Forget => {
                assert!(matches!(self.units, Units::Free | Units::Forgotten));
                self.units = Units::Forgotten;
                Command::RecordForgotten
            }
            Obligation::TakeBack(number) => {
                assert_eq!(self.units, Units::Sold, "taken back what was not sold");
                if self.remembered.insert(number) {
                    let units = self.run.state.units_of(owed)[0].1;
                    assert_eq!(self.taken_back.insert(number, units), None, "taken back twice");
                }
                Command::RecordStocked { number }
            }
            Obligation::ForgetReturn(number) => {
                self.remembered.remove(&number);
                Command::RecordReturnForgotten { number }
            }
            Obligation::Reopen => {
                let back = [Units::WithTheCart, Units::Free, Units::Forgotten, Units::Lapsed];
                assert!(back.contains(&self.units), "the cart's lines don't stand yet");
                self.cart_is_open = true;
                Command::RecordReopened
            }
        }
    }

    /// Tells the order, twice: the second time changes nothing.
    fn tell(&mut self, command: &Command) -> TestCaseResult {
        if self.run.tell(self.now, command).is_err() {
            prop_assert!(matches!(command, Command::TakeBack { .. }), "{:?}", command);
            return Ok(());
        }
        if matches!(command, Command::TakeBack { .. }) {
            return self.check(); // the same again is another return; its key sets it apart
        }
        let once = self.run.state.clone();
        prop_assert_eq!(self.run.tell(self.now, command).unwrap(), vec![], "{:?}", command);
        prop_assert_eq!(&self.run.state, &once);
        self.said.push(command.clone());
        self.check()
    }

    /// A call that may go wrong is looked at before it is made.
    fn call(&mut self, owed: Obligation) -> Command {
        let step = match owed {
            Obligation::Pay(step) => Some(step),
            _ => None,
        };
        assert!(step != Some(Step::Capture) || self.units == Units::Sold, "paid without stock");
        self.answer(owed)
    }

    fn step(&mut self, op: &Op) -> TestCaseResult {
        self.run.lapse(self.now);
        match *op {
            Op::Work { which, fate } => self.work(which, fate),
            Op::Arrive { which } => {
                let count = self.calls.len() + self.waiting.len();
                let Some(which) = which.checked_rem(count) else { return Ok(()) };
                if which < self.calls.len() {
                    let owed = self.calls.remove(which);
                    let answer = self.answer(owed);
                    self.tell(&answer)
                } else {
                    let answer = self.waiting.remove(which - self.calls.len());
                    self.tell(&answer)
                }
            }
            Op::Again { which } => {
                let Some(which) = which.checked_rem(self.said.len()) else { return Ok(()) };
                let command = self.said[which].clone();
                self.tell(&command)
            }
            Op::Cancel => self.tell(&Command::Cancel),
            Op::TakeBack { units } => self.tell(&take_back(units)),
            Op::Flag => self.tell(&flag()),
            Op::Wait { ms } => {
                self.now = self.now.plus_ms(ms);
                Ok(())
            }
        }
    }

    fn work(&mut self, which: usize, fate: Fate) -> TestCaseResult {
        let owed = self.run.state.obligations();
        let Some(which) = which.checked_rem(owed.len()) else { return Ok(()) };
        let owed = owed[which];
        // What goes to a SKU or a cart stays in order; only its answer may fail.
        let step = match owed {
            Obligation::Pay(step) | Obligation::Ask(step) => Some(step),
            _ => None,
        };
        match (fate, step) {
            (Fate::Fine, _) | (Fate::CallLate, None) => {
                let answer = self.call(owed);
                self.tell(&answer)
            }
            (Fate::CallLost, None) => Ok(()),
            (Fate::CallLost, Some(step)) => self.tell(&no_answer(step)),
            (Fate::CallLate, Some(step)) => {
                self.calls.push(owed);
                if self.now.0 % 2 == 0 { Ok(()) } else { self.tell(&no_answer(step)) }
            }
            (Fate::AnswerLost, _) => {
                self.call(owed);
                step.map_or(Ok(()), |step| self.tell(&no_answer(step)))
            }
            (Fate::AnswerLate, _) => {
                let answer = self.call(owed);
                self.waiting.push(answer);
                let silent = step.filter(|_| self.now.0 % 2 == 1);
                silent.map_or(Ok(()), |step| self.tell(&no_answer(step)))
            }
        }
    }

    /// What holds at every moment.
    fn check(&self) -> TestCaseResult {
        let state = &self.run.state;
        let captures = self.run.log.iter().filter(|(_, e)| matches!(e, Event::Captured { .. }));
        prop_assert!(captures.count() <= 1, "captured twice");
        if state.status() == Status::Confirmed {
            prop_assert!(self.did(Step::Capture) && !self.did(Step::Refund));
            prop_assert_eq!(self.units, Units::Sold, "paid without stock");
        }
        prop_assert!(self.refunded() <= TOTAL, "refunded more than was captured");
        prop_assert!(self.taken_back.values().sum::<u32>() <= 2, "units came from nowhere");
        if state.payment() == Payment::Voided {
            prop_assert!(!self.did(Step::Capture), "both voided and captured");
        }
        prop_assert!(!state.needs_review() || !state.obligations().is_empty());
        Ok(())
    }

    /// Faults stop: everything that waits arrives, everything owed is seen to.
    fn calm(&mut self) -> TestCaseResult {
        for _ in 0..40 {
            self.run.lapse(self.now);
            while !(self.calls.is_empty() && self.waiting.is_empty()) {
                self.step(&Op::Arrive { which: 0 })?;
            }
            if self.run.state.obligations().is_empty() {
                return Ok(());
            }
            self.work(0, Fate::Fine)?;
        }
        prop_assert!(false, "still owes {:?}", self.run.state.obligations());
        Ok(())
    }

    fn check_end(&self) -> TestCaseResult {
        let state = &self.run.state;
        prop_assert!(state.settled() && !state.needs_review());
        let confirmed = matches!(state.status(), Status::Confirmed | Status::Returned);
        let captured = self.did(Step::Capture);
        let kept = if captured { TOTAL - self.refunded() } else { 0 };
        let sku = sku("A");
        let back: u32 = self.taken_back.values().sum();
        prop_assert_eq!(2 - back, state.left_of(&sku), "the SKU has what the order says");
        prop_assert!(self.remembered.is_empty(), "the SKU remembers for ever");
        let keeps = if confirmed { state.rest().unwrap().amount_minor } else { 0 };
        prop_assert_eq!(kept, keeps, "to the cent");
        let all_back = state.left_of(&sku) == 0;
        prop_assert_eq!(state.status() == Status::Returned, all_back);
        let refunded = self.did(Step::Refund);
        let set_aside = self.did(Step::Authorise) && !self.did(Step::Void) && !captured;
        prop_assert!(!set_aside, "money stays set aside");
        prop_assert_eq!(confirmed, captured && !refunded, "paid without order, or the reverse");
        prop_assert_eq!(confirmed, self.units == Units::Sold, "stock is not where the order is");
        prop_assert_ne!(self.units, Units::Claimed, "stock stays claimed");
        let pays = confirmed && !all_back;
        let payment = if pays { Payment::Captured } else { Payment::Refunded };
        prop_assert_eq!(captured, state.payment() == payment);
        let let_go = matches!(self.answers.get(&Step::Void), Some(Outcome::Approved { .. }));
        let says = [history(&self.run).contains(&"voided"), payment_says(state, let_go)];
        prop_assert_eq!(says, [let_go; 2], "{:?} {:?}", history(&self.run), state.payment());
        prop_assert_eq!(self.cart_is_open, state.status() == Status::Declined);
        Ok(())
    }
}

/// Whether the money was let go by `payment_status`, which says why where a capture failed.
fn payment_says(state: &State, let_go: bool) -> bool {
    if state.payment() == Payment::Failed { let_go } else { state.payment() == Payment::Voided }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2_000, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn every_order_ends_with_clean_books(
        luck in luck(),
        ops in prop::collection::vec(op(), 0..60),
    ) {
        let mut world = World::new(luck);
        for op in ops {
            world.step(&op)?;
        }
        world.calm()?;
        world.check_end()?;
        world.run.check_replay();
    }
}

//! What the machines' tests share: running a machine the way the shell does, time first.
//!
//! Every step goes through here, so every test also holds that live state equals a replay of the
//! recorded events and that a state survives its snapshot.

use super::{By, CommandId, Context, Currency, Machine, Money, Sku, Time};
use std::fmt::Debug;
use uuid::Uuid;

/// When tests begin.
pub(crate) const START: Time = Time(1_000_000);

/// The circumstances of a command at `now`.
pub(crate) fn at(now: Time) -> Context {
    Context { now, by: By::Shop, command: CommandId(Uuid::nil()), fingerprint: None }
}

/// So many US cents.
pub(crate) fn usd(amount_minor: i64) -> Money {
    Money { amount_minor, currency: Currency::parse("USD").unwrap() }
}

/// So many euro cents.
pub(crate) fn eur(amount_minor: i64) -> Money {
    Money { amount_minor, currency: Currency::parse("EUR").unwrap() }
}

/// A SKU by its code.
pub(crate) fn sku(code: &str) -> Sku {
    Sku::parse(code).unwrap()
}

/// A machine and the log of what happened to it.
#[derive(Clone)]
pub(crate) struct Run<M: Machine> {
    first: M,
    pub(crate) state: M,
    pub(crate) log: Vec<(Context, M::Event)>,
}

impl<M: Machine + Debug + PartialEq> Run<M> {
    pub(crate) fn new(first: M) -> Self {
        Run { state: first.clone(), first, log: vec![] }
    }

    /// A machine to which `events` happened at `START`.
    pub(crate) fn given(first: M, events: &[M::Event]) -> Self {
        let mut run = Run::new(first);
        run.record(&at(START), events.to_vec());
        run
    }

    fn record(&mut self, context: &Context, events: Vec<M::Event>) {
        for event in events {
            self.state.evolve(&event, context);
            self.log.push((*context, event));
        }
    }

    /// Lets time do its part until nothing is left.
    pub(crate) fn lapse(&mut self, now: Time) -> Vec<M::Event> {
        let mut all = vec![];
        for _ in 0..100 {
            let events = self.state.lapse(now);
            if events.is_empty() {
                assert!(self.state.due().is_none_or(|due| due > now), "due, but nothing lapses");
                return all;
            }
            self.record(&at(now), events.clone());
            all.extend(events);
        }
        panic!("lapse finds no end: {:?}", all.last());
    }

    /// Time first, then the command; what it caused is applied and logged.
    pub(crate) fn tell_as(
        &mut self,
        context: &Context,
        command: &M::Command,
    ) -> Result<Vec<M::Event>, M::Refusal> {
        self.lapse(context.now);
        let events = self.state.decide(command, context)?;
        self.record(context, events.clone());
        Ok(events)
    }

    pub(crate) fn tell(
        &mut self,
        now: Time,
        command: &M::Command,
    ) -> Result<Vec<M::Event>, M::Refusal> {
        self.tell_as(&at(now), command)
    }

    /// Replay and snapshot both lead to the live state.
    pub(crate) fn check_replay(&self) {
        let mut replayed = self.first.clone();
        for (context, event) in &self.log {
            let bytes = rmp_serde::to_vec_named(event).unwrap();
            replayed.evolve(&rmp_serde::from_slice(&bytes).unwrap(), context);
        }
        assert_eq!(replayed, self.state, "replay differs from live");
        let bytes = rmp_serde::to_vec_named(&self.state).unwrap();
        let restored: M = rmp_serde::from_slice(&bytes).unwrap();
        assert_eq!(restored, self.state, "the snapshot differs from live");
    }
}

/// Given these events, when this is asked at `now`, then this is answered.
pub(crate) fn check_machine<M>(
    first: M,
    given: &[M::Event],
    context: &Context,
    command: &M::Command,
    then: &Result<Vec<M::Event>, M::Refusal>,
) -> Run<M>
where
    M: Machine + Debug + PartialEq,
    M::Event: PartialEq,
    M::Refusal: PartialEq,
{
    let mut run = Run::given(first, given);
    run.lapse(context.now);
    let before = run.state.clone();
    let answer = run.tell_as(context, command);
    assert_eq!(&answer, then);
    if answer.is_err() {
        assert_eq!(run.state, before, "a refusal changed something");
    }
    run.check_replay();
    run
}

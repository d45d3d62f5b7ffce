//! A provider behind a bad network, for tests and simulation: it fails, delays, duplicates and
//! loses answers, by script or by seed.
//!
//! Invariant: it never makes an answer up. What it says is the provider's word, `Unavailable`
//! for a call that had no effect, or `Unknown`.

use super::{Answer, Error, Payments, Request, Step};
use crate::{
    domain::OrderId,
    ports::{
        clock::pause,
        entropy::{Entropy, Seeded},
    },
};
use futures_util::future::{BoxFuture, FutureExt};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// What goes wrong with one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// The call never arrives: `Unavailable`.
    Unreached,
    /// It arrives and takes effect, but the answer is lost: `Unknown`.
    Lost,
    /// `Unknown` at once; the effect comes this much later.
    Late {
        /// How much.
        ms: u64,
    },
    /// The network delivers it twice; the second answer comes back.
    Twice,
    /// The call takes this long to arrive.
    Slow {
        /// How long.
        ms: u64,
    },
}

/// Seeded delays stay below this.
const MOST_DELAY_MS: u64 = 5_000;

enum Plan {
    Script(VecDeque<Fault>),
    Seed { entropy: Seeded, faults_in_256: u8 },
}

/// A provider that is hard to reach.
pub struct Faulty {
    payments: Arc<dyn Payments>,
    plan: Mutex<Plan>,
}

impl Faulty {
    /// One fault for each call in their order, questions included; none after the last.
    pub fn scripted(
        payments: Arc<dyn Payments>,
        faults: impl IntoIterator<Item = Fault>,
    ) -> Faulty {
        let plan = Mutex::new(Plan::Script(faults.into_iter().collect()));
        Faulty { payments, plan }
    }

    /// So many calls in 256 go wrong, each in a way that the seed chooses.
    pub fn seeded(payments: Arc<dyn Payments>, seed: u64, faults_in_256: u8) -> Faulty {
        let plan = Mutex::new(Plan::Seed { entropy: Seeded::new(seed), faults_in_256 });
        Faulty { payments, plan }
    }

    fn next(&self) -> Fault {
        match &mut *self.plan.lock().unwrap_or_else(PoisonError::into_inner) {
            Plan::Script(faults) => faults.pop_front().unwrap_or(Fault::None),
            Plan::Seed { entropy, faults_in_256 } => {
                let mut dice = [0; 4];
                entropy.fill(&mut dice);
                let [whether, which, delay @ ..] = dice;
                let ms = u64::from(u16::from_le_bytes(delay)) % MOST_DELAY_MS;
                match which % 5 {
                    _ if whether >= *faults_in_256 => Fault::None,
                    0 => Fault::Unreached,
                    1 => Fault::Lost,
                    2 => Fault::Late { ms },
                    3 => Fault::Twice,
                    _ => Fault::Slow { ms },
                }
            }
        }
    }
}

impl Payments for Faulty {
    fn execute(&self, request: Request) -> BoxFuture<'_, Answer> {
        let fault = self.next();
        async move {
            match fault {
                Fault::None => self.payments.execute(request).await,
                Fault::Unreached => Answer::Unavailable,
                Fault::Lost => {
                    self.payments.execute(request).await;
                    Answer::Unknown
                }
                Fault::Late { ms } => {
                    let payments = self.payments.clone();
                    tokio::spawn(async move {
                        pause(Duration::from_millis(ms)).await;
                        payments.execute(request).await;
                    });
                    Answer::Unknown
                }
                Fault::Twice => {
                    self.payments.execute(request.clone()).await;
                    self.payments.execute(request).await
                }
                Fault::Slow { ms } => {
                    pause(Duration::from_millis(ms)).await;
                    self.payments.execute(request).await
                }
            }
        }
        .boxed()
    }

    /// A question has no effect, so it is only delayed or fails.
    fn ask(&self, order: OrderId, step: Step) -> BoxFuture<'_, Result<Option<Answer>, Error>> {
        let fault = self.next();
        async move {
            match fault {
                Fault::None | Fault::Twice => self.payments.ask(order, step).await,
                Fault::Unreached | Fault::Lost => Err(Error::Unavailable),
                Fault::Late { ms } | Fault::Slow { ms } => {
                    pause(Duration::from_millis(ms)).await;
                    self.payments.ask(order, step).await
                }
            }
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            Simulator,
            contract::{self, Orders, approved, declined, request},
        },
        *,
    };
    use crate::{domain::Time, ports::clock::Manual};
    use tokio::time::Instant;

    struct Shop {
        _folder: tempfile::TempDir,
        provider: Arc<dyn Payments>,
        authorise: Request,
    }

    impl Shop {
        fn new() -> Shop {
            let folder = tempfile::tempdir().unwrap();
            let clock = Arc::new(Manual::at(Time(0)));
            let provider = Simulator::open(&folder.path().join("books"), clock).unwrap();
            let authorise = request(Orders::new(1).next(), Step::Authorise, 500, "tok_approve");
            Shop { _folder: folder, provider: Arc::new(provider), authorise }
        }

        /// What comes back through the fault, and what the provider then says itself.
        async fn under(&self, fault: Fault) -> (Answer, Option<Answer>) {
            let faulty = Faulty::scripted(self.provider.clone(), [fault]);
            let answer = faulty.execute(self.authorise.clone()).await;
            (answer, self.truth().await)
        }

        async fn truth(&self) -> Option<Answer> {
            self.provider.ask(self.authorise.order, Step::Authorise).await.unwrap()
        }
    }

    #[tokio::test]
    async fn without_faults_it_keeps_the_contract() {
        let tokens = contract::Tokens { approve: "tok_approve", decline: "tok_decline" };
        let faulty = Faulty::scripted(Shop::new().provider, []);
        contract::suite(&faulty, &tokens, &mut Orders::new(2)).await;
    }

    #[tokio::test]
    async fn a_call_delivered_twice_keeps_the_contract() {
        let tokens = contract::Tokens { approve: "tok_approve", decline: "tok_decline" };
        let faulty = Faulty::scripted(Shop::new().provider, [Fault::Twice; 1000]);
        contract::suite(&faulty, &tokens, &mut Orders::new(2)).await;
    }

    #[tokio::test]
    async fn an_unreached_provider_has_done_nothing() {
        assert_eq!(Shop::new().under(Fault::Unreached).await, (Answer::Unavailable, None));
    }

    #[tokio::test]
    async fn a_lost_answer_hides_an_effect() {
        let (answer, truth) = Shop::new().under(Fault::Lost).await;
        assert_eq!(answer, Answer::Unknown);
        assert!(approved(&truth.unwrap()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_effect_comes_after_its_answer() {
        let shop = Shop::new();
        assert_eq!(shop.under(Fault::Late { ms: 300 }).await, (Answer::Unknown, None));
        pause(Duration::from_millis(301)).await;
        assert!(approved(&shop.truth().await.unwrap()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_void_stops_a_late_authorisation() {
        let shop = Shop::new();
        assert_eq!(shop.under(Fault::Late { ms: 300 }).await, (Answer::Unknown, None));
        let void = request(shop.authorise.order, Step::Void, 500, "");
        assert_eq!(shop.provider.execute(void).await, Answer::NothingToVoid);
        pause(Duration::from_millis(301)).await;
        assert!(declined(&shop.truth().await.unwrap()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_call_takes_its_time() {
        let start = Instant::now();
        let (answer, _) = Shop::new().under(Fault::Slow { ms: 300 }).await;
        assert!(approved(&answer));
        assert_eq!(start.elapsed().as_millis(), 300);
    }

    #[test]
    fn a_seed_repeats_its_faults_and_knows_them_all() {
        let faults = |seed, faults_in_256| {
            let faulty = Faulty::seeded(Shop::new().provider, seed, faults_in_256);
            (0..200).map(|_| faulty.next()).collect::<Vec<_>>()
        };
        assert_eq!(faults(1, 128), faults(1, 128));
        assert_ne!(faults(1, 128), faults(2, 128));
        assert!(faults(1, 0).iter().all(|fault| *fault == Fault::None));
        for kind in [Fault::None, Fault::Unreached, Fault::Lost, Fault::Twice] {
            assert!(faults(1, 128).contains(&kind), "{kind:?} never comes");
        }
        assert!(faults(1, 128).iter().any(|fault| matches!(fault, Fault::Late { .. })));
        assert!(faults(1, 128).iter().any(|fault| matches!(fault, Fault::Slow { .. })));
    }
}

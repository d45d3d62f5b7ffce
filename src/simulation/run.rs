//! One run: processes come and go in one world, step by step, until the steps are over or
//! something is wrong.

use super::{
    admins::{sale, spec},
    dice::Dice,
    history::Fact,
    model::{Invariant, Violation},
    operator::{After, killed},
    plan::Mode,
    process::{MOST_COMMANDS, Process},
    provider,
    stage::{Record, Stage},
};
use crate::{
    domain::{Sku, sku::Command},
    ports::{Clock as _, clock::pause},
};
use std::{collections::BTreeSet, sync::Arc, time::Duration};

/// Longer than everything that waits for a while: a lost call, the pauses between retries.
const SETTLES_WITHIN_MS: u64 = 1_800_000;

/// A process that has run for so long without any fault has ended every claim that is over.
const GRACE_MS: u64 = 90_000;

/// What to run.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Decides everything.
    pub(crate) seed: u64,
    /// How many steps.
    pub(crate) steps: u64,
    /// Only these of them.
    pub(crate) only: Option<BTreeSet<u64>>,
    /// How it ends.
    pub(crate) mode: Mode,
    /// Keep the trace for people.
    pub(crate) trace: bool,
}

/// How a run went.
pub(crate) struct Report {
    /// The first invariant that did not hold.
    pub(crate) violation: Option<Violation>,
    /// The same for the same run.
    pub(crate) hash: String,
    /// What happened, if it was to be kept.
    pub(crate) lines: Vec<String>,
    /// Steps that were taken.
    pub(crate) steps: Vec<u64>,
    /// Orders that were placed, and how many of them stand.
    pub(crate) orders: (usize, usize),
    /// How often a process was killed.
    pub(crate) crashes: u32,
}

/// How a process ended.
enum End {
    /// Another one goes on.
    Again,
    /// There is nothing more to do.
    Over,
}

/// Runs a seed.
///
/// # Errors
/// There is no folder for the world, or no runtime.
pub(crate) fn run(options: &Options) -> std::io::Result<Report> {
    let stage = Stage::new(options.seed, options.trace)?;
    let mut run = Run { stage: stage.clone(), options, next: 0, taken: vec![], crashes: 0 };
    loop {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()?;
        let end = runtime.block_on(run.live());
        drop(runtime);
        stage.set_dead(false);
        if matches!(end, End::Over) {
            break;
        }
    }
    let record = stage.record();
    let stand = record.model.orders.values().filter(|book| book.stands()).count();
    Ok(Report {
        violation: record.model.found(),
        hash: record.trace.hash(),
        lines: record.trace.lines().to_vec(),
        steps: run.taken,
        orders: (record.model.orders.len(), stand),
        crashes: run.crashes,
    })
}

struct Run<'o> {
    stage: Arc<Stage>,
    options: &'o Options,
    /// The next step's number.
    next: u64,
    taken: Vec<u64>,
    crashes: u32,
}

impl Run<'_> {
    fn failed(&self) -> bool {
        self.stage.record().model.found().is_some()
    }

    /// One process, from its start to its end.
    async fn live(&mut self) -> End {
        let stage = self.stage.clone();
        stage.clock.begin();
        let mut process = match Process::open(&stage).await {
            Ok(process) => process,
            Err(what) => {
                stage.complain(Invariant::LogIsSound, format!("the store does not open: {what}"));
                stage.clock.end();
                return End::Over;
            }
        };
        stage.note(format_args!("a process begins"));
        stage.catch_up();
        if self.next == 0 {
            stock_up(&mut process).await;
        }
        stage.set_calm(false);
        let begun_ms = stage.clock.ms();
        while let Some(number) = self.next_step() {
            let mut dice = Dice::new(stage.seed, number);
            let kind = stage.plan.kind(&mut dice);
            stage.note(format_args!("#{number} {kind:?}"));
            let mut after = process.perform(kind, &mut dice, number).await;
            if after == After::Runs {
                pause(Duration::from_millis(dice.below(stage.plan.gap_ms))).await;
            }
            self.look(&process, begun_ms);
            if self.failed() || process.is_broken() && after == After::Runs {
                after = killed(&mut dice);
            }
            match after {
                After::Runs => {}
                After::Ends => {
                    process.close().await;
                    return End::Again;
                }
                After::Killed { kept_bytes } => {
                    self.crashes += 1;
                    stage.note(format_args!("  killed, {kept_bytes} bytes kept"));
                    process.crash(kept_bytes).await;
                    if dice.chance(250) {
                        stage.lose_state();
                    }
                    return if self.failed() { End::Over } else { End::Again };
                }
            }
        }
        self.settle(process).await;
        End::Over
    }

    fn next_step(&mut self) -> Option<u64> {
        while self.next < self.options.steps {
            let number = self.next;
            self.next += 1;
            if self.options.only.as_ref().is_none_or(|only| only.contains(&number)) {
                self.taken.push(number);
                return Some(number);
            }
        }
        None
    }

    /// Checks everything that can be checked without asking.
    fn look(&self, process: &Process, begun_ms: u64) {
        let stage = &self.stage;
        for request in stage.arrived() {
            provider::act(stage, &request);
        }
        stage.catch_up();
        let awake_ms = stage.clock.ms().saturating_sub(begun_ms);
        if awake_ms > GRACE_MS && !process.is_broken() {
            let late_ms = i64::try_from(GRACE_MS).unwrap_or(i64::MAX);
            let then = crate::domain::Time(process.shop.now().0 - late_ms);
            let mut record = stage.record();
            if let Some(what) = record.model.overdue(then) {
                record.model.complain(Invariant::Deadlines, what);
            }
        }
    }

    /// The steps are over. Where faults stop, everything has to come to its end.
    async fn settle(&mut self, process: Process) {
        let stage = self.stage.clone();
        if self.options.mode == Mode::Liveness && !self.failed() {
            stage.set_calm(true);
            stage.note(format_args!("faults stop"));
            let until_ms = stage.clock.ms() + SETTLES_WITHIN_MS;
            let broken = self.quiet(&process, until_ms).await;
            if broken {
                // Its log had failed before the faults stopped.
                process.crash(0).await;
                return self.settle_again().await;
            }
            stage.record().model.check_settled();
            process.audit().await;
            let permits = process.shop.free_permits();
            stage.record().model.check(permits == MOST_COMMANDS, Invariant::Liveness, || {
                format!("{permits} permits are free of {MOST_COMMANDS}")
            });
        }
        stage.note(format_args!("the end, at {}", stage.clock.wall().0));
        process.crash(0).await;
    }

    async fn settle_again(&mut self) {
        let stage = self.stage.clone();
        stage.set_dead(false);
        stage.clock.begin();
        match Process::open(&stage).await {
            Ok(process) => Box::pin(self.settle(process)).await,
            Err(what) => stage.complain(Invariant::LogIsSound, what),
        }
    }

    /// Waits until nothing is under way; `true` when the log can't be written.
    async fn quiet(&self, process: &Process, until_ms: u64) -> bool {
        let stage = &self.stage;
        while stage.clock.ms() < until_ms {
            pause(Duration::from_secs(2)).await;
            self.look(process, u64::MAX >> 1);
            if process.is_broken() {
                return true;
            }
            let settled = stage.record().model.unsettled().is_none();
            if self.failed() || settled && !stage.awaits_calls() {
                break;
            }
        }
        // Whoever still waits for an answer has waited long enough now.
        pause(Duration::from_secs(60)).await;
        self.look(process, u64::MAX >> 1);
        false
    }
}

/// Products and stock, before anything goes wrong.
async fn stock_up(process: &mut Process) {
    let stage = process.stage.clone();
    let skus: Vec<Sku> =
        (1..=stage.plan.skus).filter_map(|n| Sku::parse(&format!("TEE-{n}"))).collect();
    for (n, skus) in skus.chunks(2).enumerate() {
        let Some(spec) = spec(&format!("Tee {n}"), skus, stage.plan.units, 1_999) else { return };
        match process.shop.create_product(spec.clone(), None).await {
            Ok(product) => {
                let mut record = stage.record();
                let Record { history, .. } = &mut *record;
                history.products.push((product.id, spec));
                let (product, revision) = (product.id, product.state.revision());
                history.learn(Fact::Product { product, revision });
                history.skus.extend(skus.iter().cloned());
            }
            Err(error) => stage.complain(Invariant::LogIsSound, error.to_string()),
        }
    }
    for sku in &skus {
        process.watch_slot(sku);
    }
    let limited = sale(process.shop.now(), Some(stage.plan.limit_per_buyer));
    if let Some((sku, sale)) = skus.first().zip(limited) {
        let set = process.shop.manage_stock(sku, Command::SetSale(sale), None).await;
        if let Err(error) = set {
            stage.complain(Invariant::LogIsSound, error.to_string());
        }
    }
}

//! Writes to buyers about what has been committed: confirmations, gifts, cancellations.
//!
//! A thread of low priority with a runtime of its own reads each shard's log behind the cursor of
//! that shard's [`post`], so that nobody who sells ever waits for a mail server.
//! Invariant: a letter is behind the cursor only once it was taken, or is kept by the post as
//! waiting or dead; what a crash leaves between the two is sent again under the same Message-ID.

mod desk;
mod errand;
mod figures;
mod letters;
mod settings;
mod texts;

pub use settings::Settings;

use self::{
    desk::{Desk, Job, Key},
    errand::{Carried, Outcome},
};
use super::{Baton, Fault, System, order, post};
use crate::{
    domain::{
        OrderId,
        post::{Command, Letter, Refusal, Subject, Trouble},
    },
    journal,
    ports::{Mail, clock::pause, mail},
};
use std::{
    io,
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};
use tokio::{sync::watch, task::JoinSet, time::timeout};

/// Added to the thread's niceness: those who sell and those who read lists go first.
const NICENESS: i32 = 15;
/// How often it looks when nothing is due.
const POLL: Duration = Duration::from_millis(100);
/// How long it waits after an error of its own.
const PAUSE: Duration = Duration::from_secs(1);
/// How long an actor may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// How long letters under way may take to end when the shop closes.
const GRACE: Duration = Duration::from_secs(1);

/// Where a buyer can see an order.
pub type Link = Box<dyn Fn(OrderId) -> String + Send + Sync>;

/// What the herald works with.
pub struct Office {
    /// Who takes the letters.
    pub mail: Arc<dyn Mail>,
    /// What an operator may set.
    pub settings: Settings,
    /// Put into letters to buyers, where the shop has an address.
    pub link: Option<Link>,
}

/// The herald's thread.
pub struct Herald {
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

impl Herald {
    /// Starts the herald of a system. A shard without a post begins one at the end of its log: on
    /// a store of an older program nobody gets old letters, on a new one nothing is missed, as
    /// long as this happens before the door opens.
    ///
    /// # Errors
    /// The thread could not be started.
    pub async fn start(system: Arc<System>, office: Office) -> io::Result<Herald> {
        let shards = system.shards.len();
        let desk = |(shard, part): (usize, &super::system::Shard)| {
            Desk::new(journal::post_of(shard, shards), part.log.clone())
        };
        let mut desks: Vec<Desk> = system.shards.iter().enumerate().map(desk).collect();
        for (shard, desk) in desks.iter_mut().enumerate() {
            if let Err(fault) = begin(&system, desk).await {
                tracing::error!(shard, %fault, "letters of this shard have to wait");
            }
        }
        let (stop, stopped) = watch::channel(false);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let clerk = Clerk {
            system,
            office: Arc::new(office),
            desks,
            under_way: JoinSet::new(),
            sent: 0,
            turn: 0,
            reported: None,
        };
        let thread = std::thread::Builder::new().name("herald".to_owned()).spawn(move || {
            let _ = rustix::process::nice(NICENESS);
            runtime.block_on(clerk.run(stopped));
        })?;
        Ok(Herald { stop, thread })
    }

    /// Ends the thread: letters under way have a moment to arrive, and what was sent is recorded.
    /// While the log still takes entries.
    pub async fn close(self) {
        self.stop.send_replace(true);
        let joined = tokio::task::spawn_blocking(move || self.thread.join().is_ok()).await;
        if !joined.unwrap_or(false) {
            tracing::error!("the herald panicked");
        }
    }
}

/// Asks a post and waits.
async fn ask<T>(
    system: &Arc<System>,
    desk: &Desk,
    message: impl FnOnce(Baton<T>) -> post::Message,
) -> Result<T, Fault> {
    let (baton, waiting) = Baton::new();
    system.tell::<post::Actor>(desk.post, message(baton));
    match timeout(ANSWER_WITHIN, waiting).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) | Err(_) => Err(Fault::Unavailable),
    }
}

async fn record(
    system: &Arc<System>,
    desk: &Desk,
    command: Command,
) -> Result<Result<(), Refusal>, Fault> {
    ask(system, desk, |baton| post::Message::Record { command, baton }).await
}

async fn begin(system: &Arc<System>, desk: &mut Desk) -> Result<(), Fault> {
    let at = desk.begin_at.0;
    // A post that has begun already stays where it is.
    let _ = record(system, desk, Command::Begin { at }).await?;
    let state = ask(system, desk, post::Message::Read).await?;
    desk.begin(&state);
    Ok(())
}

/// The herald at work.
struct Clerk {
    system: Arc<System>,
    office: Arc<Office>,
    /// By shard.
    desks: Vec<Desk>,
    under_way: JoinSet<Carried>,
    /// Letters that were taken so far.
    sent: u64,
    /// Which shard is served first: each in its turn.
    turn: usize,
    /// When the gauges were last set.
    reported: Option<Instant>,
}

impl Clerk {
    async fn run(mut self, mut stopped: watch::Receiver<bool>) {
        let system = self.system.clone();
        while !*stopped.borrow_and_update() && !system.is_closing() {
            let more = self.read_ahead().await;
            self.start_due();
            self.clear_the_way().await;
            self.record(Duration::from_millis(self.office.settings.record_every_ms)).await;
            self.report();
            let rest = if more { Duration::ZERO } else { self.until_due() };
            tokio::select! {
                Some(done) = self.under_way.join_next() => self.all_ended(done.ok()).await,
                () = pause(rest) => {}
                () = system.resend.notified() => self.take_waiting().await,
                _ = stopped.changed() => {}
            }
        }
        self.finish().await;
    }

    /// Reads on in every log; `true` when there is more to read and room for it.
    async fn read_ahead(&mut self) -> bool {
        let mut more = false;
        for (shard, desk) in self.desks.iter_mut().enumerate() {
            if !desk.ready && begin(&self.system, desk).await.is_err() {
                pause(PAUSE).await;
            }
            match desk.read_ahead(self.office.settings.window) {
                Ok(rest) => more |= rest,
                Err(error) => {
                    tracing::error!(shard, %error, "letters of this shard have to wait");
                    pause(PAUSE).await;
                }
            }
        }
        more
    }

    fn start_due(&mut self) {
        let (now, shards) = (Instant::now(), self.desks.len());
        self.turn = self.turn.wrapping_add(1);
        for shard in (0..shards).map(|n| n.wrapping_add(self.turn) % shards) {
            let Some(desk) = self.desks.get_mut(shard) else { continue };
            let free = self.office.settings.at_once.saturating_sub(self.under_way.len());
            for job in desk.start(free, now) {
                let (system, office) = (self.system.clone(), self.office.clone());
                self.under_way.spawn(errand::carry_out(
                    system,
                    office,
                    shard,
                    desk.log.clone(),
                    job,
                ));
            }
        }
    }

    fn until_due(&self) -> Duration {
        if self.under_way.len() >= self.office.settings.at_once {
            return POLL;
        }
        let due = self.desks.iter().filter_map(Desk::next_due).min();
        due.map_or(POLL, |due| due.saturating_duration_since(Instant::now()).min(POLL))
    }

    /// Takes note of every attempt that has ended by now: each round looks at all that waits.
    async fn all_ended(&mut self, first: Option<Carried>) {
        self.ended(first).await;
        while let Some(done) = self.under_way.try_join_next() {
            self.ended(done.ok()).await;
        }
    }

    /// Takes note of what became of an attempt.
    async fn ended(&mut self, carried: Option<Carried>) {
        let Some(Carried { shard, key, outcomes }) = carried else { return };
        let mut failed = false;
        for (subject, outcome) in outcomes {
            failed |= matches!(outcome, Outcome::Failed(_));
            self.outcome(shard, key, subject, outcome).await;
        }
        let settings = &self.office.settings;
        if let Some(desk) = self.desks.get_mut(shard) {
            desk.ended(key, failed, settings, Instant::now());
        }
    }

    async fn outcome(&mut self, shard: usize, key: Key, subject: Subject, outcome: Outcome) {
        let Some(desk) = self.desks.get_mut(shard) else { return };
        let error = match outcome {
            Outcome::Sent => {
                metrics::counter!("doorbuster_mail_sent_total", "kind" => subject.name())
                    .increment(1);
                self.sent = self.sent.saturating_add(1);
                return desk.finish(key, subject);
            }
            Outcome::Nothing => return desk.finish(key, subject),
            Outcome::Erased => {
                metrics::counter!("doorbuster_mail_erased_total").increment(1);
                return desk.finish(key, subject);
            }
            Outcome::Failed(error) => error,
        };
        metrics::counter!("doorbuster_mail_failures_total").increment(1);
        let counts = !matches!(error, mail::Error::Unreachable(_));
        let why = error.to_string();
        let settings = &self.office.settings;
        let given_up = desk.failed(key, &why, counts, self.sent, settings);
        let refused = matches!(error, mail::Error::Refused(_));
        let trouble = if refused { desk.trouble(key) } else { given_up };
        tracing::debug!(
            shard,
            position = key.position().0,
            subject = subject.name(),
            why,
            "a letter has to wait"
        );
        if let Some(trouble) = trouble {
            self.bury(shard, key, subject, trouble).await;
        }
    }

    async fn bury(&mut self, shard: usize, key: Key, subject: Subject, trouble: Trouble) {
        let Some(desk) = self.desks.get_mut(shard) else { return };
        let letter = Letter { position: key.position().0, subject };
        let (order, why) = (trouble.order, trouble.why.clone());
        match record(&self.system, desk, Command::Bury { letter, trouble }).await {
            Ok(Ok(())) => {
                tracing::warn!(%order, subject = subject.name(), why, "a letter is dead; see GET /api/mail/dead");
                metrics::counter!("doorbuster_mail_buried_total").increment(1);
                desk.keep(key, subject);
            }
            Ok(Err(refusal)) => {
                tracing::error!(%order, ?refusal, "a letter can't be given up; it is tried again");
            }
            Err(fault) => tracing::debug!(%fault, "the post does not answer"),
        }
    }

    /// Lets the oldest letters wait beside the cursor when they hold it up and others don't.
    async fn clear_the_way(&mut self) {
        for desk in &mut self.desks {
            let Some((key, subjects)) = desk.in_the_way(self.office.settings.window) else {
                continue;
            };
            for subject in subjects {
                let Some(trouble) = desk.trouble(key) else { continue };
                let letter = Letter { position: key.position().0, subject };
                let postpone = Command::Postpone { letter, trouble };
                if let Ok(Ok(())) = record(&self.system, desk, postpone).await {
                    desk.keep(key, subject);
                }
            }
            if let Ok(state) = ask(&self.system, desk, post::Message::Read).await {
                desk.take_waiting(&state);
            }
        }
    }

    async fn take_waiting(&mut self) {
        for desk in self.desks.iter_mut().filter(|desk| desk.ready) {
            if let Ok(state) = ask(&self.system, desk, post::Message::Read).await {
                desk.take_waiting(&state);
            }
        }
    }

    async fn record(&mut self, every: Duration) {
        for desk in &mut self.desks {
            let Some(command) = desk.next_record(every, Instant::now()) else { continue };
            let Command::Advance { to, finished, delivered } = &command else { continue };
            let (to, finished, delivered) = (*to, finished.clone(), delivered.clone());
            match record(&self.system, desk, command).await {
                Ok(Ok(())) => desk.recorded(to, &finished, &delivered),
                Ok(Err(refusal)) => tracing::error!(?refusal, "the post refuses to go on"),
                Err(fault) => tracing::debug!(%fault, "the post does not answer"),
            }
        }
    }

    /// What is under way has a moment; then what is known is recorded.
    async fn finish(mut self) {
        let ended = async {
            while let Some(done) = self.under_way.join_next().await {
                self.ended(done.ok()).await;
            }
        };
        let _ = timeout(GRACE, ended).await;
        self.under_way.abort_all();
        self.record(Duration::ZERO).await;
    }

    #[expect(clippy::cast_precision_loss, reason = "gauges to look at")]
    fn report(&mut self) {
        if self.reported.is_some_and(|then| then.elapsed() < POLL) {
            return;
        }
        self.reported = Some(Instant::now());
        let (mut waiting, mut oldest, mut bytes) = (0, None, 0);
        for desk in &self.desks {
            let (letters, since) = desk.backlog();
            waiting += letters;
            oldest = [oldest, since].into_iter().flatten().min();
            bytes += desk.behind();
        }
        let late_ms = oldest.map_or(0, |since| self.system.now().ms_since(since));
        metrics::gauge!("doorbuster_mail_waiting").set(waiting as f64);
        metrics::gauge!("doorbuster_mail_lag_seconds").set(late_ms as f64 / 1_000.0);
        metrics::gauge!("doorbuster_mail_lag_bytes").set(bytes as f64);
    }
}

/// Whom a letter is for; `None` for nobody, or when the person was erased.
pub async fn recipient(
    system: &Arc<System>,
    order: OrderId,
    subject: Subject,
) -> Option<mail::Mailbox> {
    errand::recipient(system, order, subject).await
}

/// The order as it is now.
async fn order_now(system: &Arc<System>, id: OrderId) -> Result<order::Order, String> {
    let (baton, waiting) = Baton::new();
    system.tell::<order::Actor>(id, order::Message::Read { baton, settled: false });
    match timeout(ANSWER_WITHIN, waiting).await {
        Ok(Ok(Ok(Ok(order)))) => Ok(order),
        Ok(Ok(Ok(Err(_)))) => Err(format!("{id} never was")),
        Ok(Ok(Err(fault))) => Err(fault.to_string()),
        Ok(Err(_)) | Err(_) => Err(format!("{id} does not answer")),
    }
}

//! Each change of a SKU's stock, encoded once for all who watch it.
//!
//! One task for each watched SKU takes the latest value, encodes it and hands it to every socket;
//! it ends when nobody listens. Invariant: at most one frame per SKU in [`MIN_GAP`], fewer when
//! there are many listeners or the machine is busy.

use crate::{
    domain::Sku,
    journal::Position,
    views::board::{Posted, Slot},
};
use axum::extract::ws::Utf8Bytes;
use serde::Serialize;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

/// Between two frames of one SKU.
const MIN_GAP: Duration = Duration::from_millis(50);

/// The longest gap, however busy the machine is.
const MAX_GAP: Duration = Duration::from_secs(2);

/// What one frame to one listener costs, on the safe side.
const PER_LISTENER: Duration = Duration::from_micros(20);

/// The stock of one SKU, ready to be sent.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) position: Position,
    pub(super) text: Utf8Bytes,
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: &'static str,
    sku: &'a Sku,
    free: u64,
    reserved: u64,
    sold: u64,
    position: Position,
}

impl Frame {
    pub(super) fn of(slot: &Slot, posted: Posted) -> Frame {
        let Posted { level, position } = posted;
        let body = Body {
            r#type: "stock",
            sku: slot.sku(),
            free: level.free,
            reserved: level.reserved,
            sold: level.sold,
            position,
        };
        // Numbers and a string: this can't fail.
        let text = serde_json::to_string(&body).unwrap_or_default().into();
        Frame { position, text }
    }
}

/// The SKUs that somebody watches.
#[derive(Clone, Default)]
pub struct Frames(Arc<Mutex<HashMap<Sku, watch::Sender<Frame>>>>);

impl Frames {
    /// How many SKUs are watched.
    pub fn watched(&self) -> usize {
        self.lock().len()
    }

    /// The latest frame of a SKU and those to come.
    pub(super) fn watch(&self, slot: &Arc<Slot>) -> watch::Receiver<Frame> {
        let mut all = self.lock();
        if let Some(sender) = all.get(slot.sku()) {
            return sender.subscribe();
        }
        let mut posted = slot.watch();
        let frame = Frame::of(slot, *posted.borrow_and_update());
        let (sender, receiver) = watch::channel(frame);
        all.insert(slot.sku().clone(), sender.clone());
        tokio::spawn(self.clone().publish(slot.clone(), posted, sender));
        receiver
    }

    async fn publish(
        self,
        slot: Arc<Slot>,
        mut posted: watch::Receiver<Posted>,
        sender: watch::Sender<Frame>,
    ) {
        let mut lateness = Duration::ZERO;
        loop {
            tokio::select! {
                changed = posted.changed() => if changed.is_err() { return },
                () = sender.closed() => {
                    if self.forget(slot.sku(), &sender) {
                        return;
                    }
                    continue;
                }
            }
            let latest = *posted.borrow_and_update();
            sender.send_replace(Frame::of(&slot, latest));
            let due = Instant::now() + gap(sender.receiver_count(), lateness);
            // A pace, not a deadline of the shop's.
            sleep_until(due).await;
            lateness = due.elapsed();
        }
    }

    /// Ends a SKU's frames; `false` when somebody came meanwhile.
    fn forget(&self, sku: &Sku, sender: &watch::Sender<Frame>) -> bool {
        let mut all = self.lock();
        let unwatched = sender.receiver_count() == 0;
        if unwatched {
            all.remove(sku);
        }
        unwatched
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Sku, watch::Sender<Frame>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long to let a frame stand: a timer that comes late says that the machine is busy.
fn gap(listeners: usize, lateness: Duration) -> Duration {
    let listeners = u32::try_from(listeners).unwrap_or(u32::MAX);
    let fan_out = PER_LISTENER.saturating_mul(listeners);
    MIN_GAP.max(fan_out).saturating_add(lateness.saturating_mul(4)).min(MAX_GAP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_stretches_with_listeners_and_with_load_but_not_for_ever() {
        let ms = Duration::from_millis;
        assert_eq!(gap(1, ms(0)), ms(50));
        assert_eq!(gap(10_000, ms(0)), ms(200));
        assert_eq!(gap(1, ms(25)), ms(150));
        assert_eq!(gap(usize::MAX, Duration::MAX), MAX_GAP);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_listener_finds_only_the_latest_frame() {
        use crate::views::board::{Board, Level};
        let slot = Board::default().slot(&Sku::parse("TEE").unwrap());
        let frames = Frames::default();
        let mut slow = frames.watch(&slot);
        for free in 1..=5 {
            let level = Level { free, known: true, ..Level::default() };
            slot.publish(level, Position(free));
            tokio::time::advance(MIN_GAP * 2).await;
            tokio::task::yield_now().await;
        }
        slow.changed().await.unwrap();
        let shown = slow.borrow_and_update().clone();
        assert_eq!(shown.position, Position(5));
        assert!(!slow.has_changed().unwrap(), "one frame, not five");
        drop(slow);
        while frames.watched() > 0 {
            tokio::time::advance(MIN_GAP).await;
        }
    }
}

//! What happens to a process from outside: time, faults, and an operator's chores.

use super::{dice::Dice, plan::Kind, process::Process};
use crate::{domain::EntityId, journal::memory::Fault, ports::clock::pause};
use std::time::Duration;

/// What a step leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// The process runs on.
    Runs,
    /// It was killed; of what was not synced the disks keep so many bytes.
    Killed { kept_bytes: usize },
    /// It is to end in good order.
    Ends,
}

impl Process {
    /// One step of the plan.
    pub(super) async fn perform(&mut self, kind: Kind, dice: &mut Dice, number: u64) -> After {
        match kind {
            Kind::Add => self.add(dice, number),
            Kind::Set => self.set(dice),
            Kind::CheckOut => self.check_out(dice, number),
            Kind::Again => self.again(dice),
            Kind::Cancel => self.cancel(dice),
            Kind::Look => self.look(dice),
            Kind::Hold => self.hold(dice),
            Kind::Retry => self.retry(dice),
            Kind::Return => self.take_back(dice, number),
            Kind::Receive => self.receive(dice, number),
            Kind::Adjust => self.adjust(dice, number),
            Kind::Transfer => self.transfer(dice),
            Kind::WriteOff => self.write_off(dice, number),
            Kind::Sale => self.sell(dice),
            Kind::Edit => self.edit(dice, number),
            Kind::Shelve => self.shelve(dice),
            Kind::Wait => pause(Duration::from_millis(dice.below(1_500))).await,
            Kind::Long => {
                let longest = self.stage.plan.settings.reservation_ttl_ms * 2;
                pause(Duration::from_millis(dice.below(longest))).await;
            }
            Kind::Kill => self.kill_one(dice),
            Kind::Rest => self.shop.system().rest_idle(),
            Kind::Checkpoint => self.checkpoint(),
            Kind::Views => self.pass(),
            Kind::Clock => {
                let by_ms = i64::try_from(dice.below(40_000)).unwrap_or(0) - 20_000;
                self.stage.clock.set_wall_by(by_ms);
            }
            Kind::Stall => self.stall(dice),
            Kind::Crash => return self.crash_soon(dice).await,
            Kind::Restart => return After::Ends,
            Kind::Audit => self.audit().await,
        }
        After::Runs
    }

    /// Some actor dies, most likely one that has much to do.
    fn kill_one(&self, dice: &mut Dice) {
        let id: Option<EntityId> = {
            let record = self.stage.record();
            let history = &record.history;
            let carts: Vec<_> = history.carts.values().flatten().copied().collect();
            match dice.below(8) {
                0..=2 => dice.pick(&history.skus).cloned().map(EntityId::from),
                3..=4 => dice.pick(&carts).copied().map(EntityId::from),
                5..=6 => dice.pick(&history.orders).copied().map(EntityId::from),
                _ => dice.pick(&history.products).map(|(id, _)| (*id).into()),
            }
        };
        if let Some(id) = id {
            let lived = self.shop.system().kill(&id);
            self.stage.note(format_args!("  {id} is killed: {lived}"));
        }
    }

    fn checkpoint(&self) {
        match self.shop.system().take_checkpoint() {
            Ok(covered) => self.stage.note(format_args!("  a checkpoint of {covered} entries")),
            Err(error) => {
                let what = format!("no checkpoint: {error}");
                self.stage.complain(super::model::Invariant::LogIsSound, what);
            }
        }
    }

    /// A disk gives no answer for a while.
    fn stall(&self, dice: &mut Dice) {
        if let Some(disk) = dice.pick(&self.stage.disks) {
            let times = 1 + dice.place(60);
            disk.fail_next((0..times).map(|_| Fault::UnavailableBefore));
        }
    }

    /// A crash, at times with a batch half written.
    async fn crash_soon(&self, dice: &mut Dice) -> After {
        if dice.chance(600) {
            for disk in &self.stage.disks {
                disk.fail_next([Fault::Failed]);
            }
            pause(Duration::from_millis(dice.below(40))).await;
        }
        killed(dice)
    }
}

/// How much a crash leaves of what was not synced: nothing, all, or something torn.
pub(super) fn killed(dice: &mut Dice) -> After {
    let kept_bytes = match dice.below(3) {
        0 => 0,
        1 => usize::MAX,
        _ => dice.place(3_000),
    };
    After::Killed { kept_bytes }
}

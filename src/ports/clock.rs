//! Time as the machine gives it: the wall's and a monotonic count.
//!
//! The only file that asks the operating system, so a test can set every clock in the shop.
//! What the shop calls *now* is not the wall's time but [`ShopClock`]'s, which never goes back.

mod manual;
mod shop;

pub use manual::Manual;
pub use shop::{Error, Jump, ShopClock};

use crate::domain::Time;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Two ways to tell time. Only the wall's can be set, so only the other one never goes back.
pub trait Clock: Send + Sync {
    /// What a wall clock shows; it may jump either way.
    fn wall(&self) -> Time;
    /// Microseconds since some fixed instant; never less than before.
    fn monotonic_us(&self) -> u64;
}

/// The operating system's clocks.
#[derive(Clone, Copy, Debug)]
pub struct System {
    origin: Instant,
}

impl System {
    /// Counts monotonic time from here.
    #[must_use]
    pub fn new() -> System {
        System { origin: Instant::now() }
    }
}

impl Default for System {
    fn default() -> Self {
        System::new()
    }
}

impl Clock for System {
    #[expect(clippy::disallowed_methods, reason = "this is the clock port")]
    fn wall(&self) -> Time {
        // A wall before 1970 is a broken one; the log's last instant is later and wins.
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Time(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }

    fn monotonic_us(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// Waits on tokio's clock, which a test can pause. For an outside party's slowness only:
/// deadlines belong to the timekeeper.
#[expect(clippy::disallowed_methods, reason = "this is the clock port")]
pub async fn pause(duration: Duration) {
    tokio::time::sleep(duration).await;
}

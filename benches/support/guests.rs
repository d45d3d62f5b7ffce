//! Guests who fill a store through the shop: carts, and orders of every n-th of them.

use super::{count, details, sku};
use doorbuster::{
    domain::{Sku, order::Status},
    load::{Bounds, Outcome, Pace, Plan, Report, Script, Tally, Turn, run},
    shop::{Error, Key, Shop},
};
use std::{sync::Arc, time::Duration};

/// Each turn is a new guest who adds one unit to a new cart; some of them buy it.
pub struct Guests {
    /// Where.
    pub shop: Shop,
    /// Of `SKU-0` ...; neighbouring turns go far apart.
    pub skus: u64,
    /// Who checks out and waits until the order is confirmed: every one, every second ...; 0 is
    /// nobody.
    pub buyers: u64,
    /// Makes keys of their own for several runs on one store.
    pub run: String,
}

impl Guests {
    /// So many of them, as fast as so many callers can.
    pub async fn come(self, turns: u64, callers: usize) {
        let plan = Plan { workers: callers, pace: Pace::Closed, bounds: Bounds::turns(turns) };
        let (report, _) = run(&Arc::new(self), &plan, &Arc::default()).await;
        let done = report.count(Report::WHOLE, "ok");
        assert_eq!(done, turns, "{} of {} guests\n{report}", count(done as f64), turns);
    }

    fn sku(&self, n: u64) -> Sku {
        sku(&format!("SKU-{}", n.wrapping_mul(0x9E37_79B9_7F4A_7C15) % self.skus))
    }

    async fn visit(&self, shop: &Shop, n: u64) -> Result<bool, Error> {
        let cart = shop.add_to_cart(None, &self.sku(n), 1, None).await?;
        if self.buyers == 0 || !n.is_multiple_of(self.buyers) {
            return Ok(true);
        }
        let text = format!("{}-{n}", self.run);
        let key = Key { text: &text, route: "POST /api/cart/checkout", body: b"{}" };
        let order = shop.check_out(cart.id, &details(), key, Some(Duration::from_secs(10))).await?;
        Ok(order.state.status() == Status::Confirmed)
    }
}

impl Script for Guests {
    type Worker = Shop;

    async fn worker(&self) -> Shop {
        self.shop.clone()
    }

    async fn perform(&self, shop: &mut Shop, turn: Turn, _: &mut Tally) -> Outcome {
        match self.visit(shop, turn.index).await {
            Ok(true) => Outcome::Ok,
            Ok(false) => Outcome::Failed("not confirmed".into()),
            Err(error) => Outcome::Failed(error.to_string()),
        }
    }
}

//! What every client of a door asks for, and how every door that is not the shop's answers.

use bytes::Bytes;
use doorbuster::load::{Client, Outcome, Script, Tally, Target, Turn};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A reservation that somebody wants.
#[derive(Deserialize, Serialize)]
pub struct Wish {
    /// Makes a repetition the same reservation.
    pub id: Uuid,
    /// Of what.
    pub sku: String,
    /// How many.
    pub units: u32,
}

/// A reservation that somebody has.
#[derive(Serialize)]
pub struct Held {
    pub id: Uuid,
    pub sku: String,
    pub units: u32,
    /// How many more are free.
    pub free: i64,
}

/// Each turn's own. One after the other, as databases like their keys best.
pub fn reservation_id(turn: u64) -> Uuid {
    Uuid::from_u64_pair(0x0190_0000_0000_7000, 0x8000_0000_0000_0000 | turn)
}

/// Each turn reserves one unit, under an id of its own.
pub struct Reserve {
    target: Target,
    path: &'static str,
}

impl Reserve {
    /// Behind this door.
    pub fn new(target: &Target, path: &'static str) -> Reserve {
        Reserve { target: target.clone(), path }
    }
}

impl Script for Reserve {
    type Worker = Client;

    async fn worker(&self) -> Client {
        Client::connected(&self.target).await
    }

    async fn perform(&self, client: &mut Client, turn: Turn, _: &mut Tally) -> Outcome {
        let wish = Wish { id: reservation_id(turn.index), sku: super::SKU.into(), units: 1 };
        let body = Bytes::from(serde_json::to_vec(&wish).expect("JSON"));
        match client.post(self.path, &[], body).await {
            Ok(answer) if answer.is_success() => Outcome::Ok,
            Ok(answer) => Outcome::Failed(format!("{}: {:?}", answer.status, answer.body)),
            Err(error) => Outcome::Failed(error.to_string()),
        }
    }
}

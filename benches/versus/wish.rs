//! What every client asks of every door that reserves: one unit, under an id of its own, with the
//! shop's own request. The plain doors take the same and leave the admin's token unread.

use super::{SKU, support::server::ADMIN};
use bytes::Bytes;
use doorbuster::{
    domain::ReservationId,
    load::{Client, Outcome, Script, Tally, Target, Turn, client::bearer},
};
use hyper::{
    Method,
    header::{HeaderName, HeaderValue},
};
use uuid::Uuid;

/// Each turn's own, and as good as random.
pub fn reservation_id(turn: u64) -> ReservationId {
    let mix = |number: u64| {
        let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        number ^ (number >> 31)
    };
    let turn = turn.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    ReservationId(Uuid::from_u64_pair(mix(turn), mix(!turn)))
}

/// Each turn reserves one unit.
pub struct Reserve {
    target: Target,
    headers: [(HeaderName, HeaderValue); 1],
    body: Bytes,
}

impl Reserve {
    /// Behind this door.
    pub fn new(target: &Target) -> Reserve {
        let headers = [bearer(ADMIN).expect("a header")];
        Reserve { target: target.clone(), headers, body: Bytes::from_static(b"{\"units\":1}") }
    }
}

impl Script for Reserve {
    type Worker = Client;

    async fn worker(&self) -> Client {
        Client::connected(&self.target).await
    }

    async fn perform(&self, client: &mut Client, turn: Turn, _: &mut Tally) -> Outcome {
        let id = reservation_id(turn.index);
        let path = format!("/api/inventory/{SKU}/reservations/{id}");
        match client.request(Method::PUT, &path, &self.headers, self.body.clone()).await {
            Ok(answer) if answer.is_success() => Outcome::Ok,
            Ok(answer) => Outcome::Failed(format!("{}: {:?}", answer.status, answer.body)),
            Err(error) => Outcome::Failed(error.to_string()),
        }
    }
}

//! Letters that could not be sent, as an admin reads them and sends them again.

use super::{
    Door,
    extract::Call,
    reply::{Answer, Page, Wanted, json, mark_replayed},
    schemas,
};
use crate::{
    domain::{OrderId, Time},
    shop::mail::{DeadLetter, LetterId, Standing},
};
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

/// A letter that was given up.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeadLetter)]
pub(super) struct DeadBody {
    id: String,
    order: OrderId,
    kind: &'static str,
    /// None when there is nobody, or the person was erased.
    #[schema(required)]
    to: Option<String>,
    #[schema(value_type = schemas::Whole32)]
    attempts: u32,
    last_error: String,
    at: Time,
}

/// What has become of one that is wanted again.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ResentLetter)]
pub(super) struct ResendBody {
    id: String,
    status: &'static str,
}

/// `GET /api/mail/dead`
pub async fn dead(door: Door, call: Call) -> Answer {
    door.admin(call.headers())?;
    let wanted = Wanted::of(call.uri())?;
    let page = door.shop().dead_letters(wanted.cursor, wanted.limit).await?;
    let body = |letter: DeadLetter| DeadBody {
        id: letter.id.to_string(),
        order: letter.order,
        kind: letter.id.subject().name(),
        to: letter.to,
        attempts: letter.attempts,
        last_error: letter.why,
        at: letter.at,
    };
    let items = page.items.into_iter().map(body).collect();
    Ok(json(StatusCode::OK, &Page { items, next: page.next }))
}

/// `POST /api/mail/dead/{id}/resend`
pub async fn resend(door: Door, mut call: Call) -> Answer {
    let id: LetterId = call.id().await?;
    door.admin(call.headers())?;
    let (standing, replayed) = door.shop().resend(id, call.key()?).await?;
    let status = match standing {
        Standing::Resending => "resending",
        Standing::Dead => "dead",
        Standing::Done => "done",
    };
    let mut response = json(StatusCode::ACCEPTED, &ResendBody { id: id.to_string(), status });
    mark_replayed(&mut response, replayed);
    Ok(response)
}

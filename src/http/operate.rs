//! What operators ask: is it alive, is it ready, how is it doing, who is shut out.

use super::{
    Door,
    extract::Call,
    problem::{Code, Problem},
    reply::{Answer, Page, Wanted, json},
};
use crate::domain::{EntityId, Kind, Time};
use axum::{
    http::{HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::Response,
};
use metrics::gauge;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use serde::Serialize;
use std::sync::OnceLock;
use utoipa::ToSchema;

/// From a fast disk's sync to a stalled one's.
const SECONDS: &[f64] =
    &[0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];

/// Entries of one batch.
const ENTRIES: &[f64] = &[1.0, 4.0, 16.0, 64.0, 256.0, 1_024.0, 4_096.0];

/// Gathers this process's metrics, once; `None` when something else does already.
pub fn install_metrics() -> Option<PrometheusHandle> {
    static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    let install = || {
        let seconds = Matcher::Suffix("_seconds".to_owned());
        let entries = Matcher::Suffix("_entries".to_owned());
        let builder = PrometheusBuilder::new().set_buckets_for_metric(seconds, SECONDS).ok()?;
        let builder = builder.set_buckets_for_metric(entries, ENTRIES).ok()?;
        let handle = builder.install_recorder().ok()?;
        describe();
        Some(handle)
    };
    HANDLE.get_or_init(install).clone()
}

fn describe() {
    use metrics::{describe_counter as counter, describe_gauge, describe_histogram as histogram};
    counter!("doorbuster_commands_total", "Commands at the door, by kind and outcome");
    counter!("doorbuster_overloaded_total", "Commands refused for want of a permit");
    counter!("doorbuster_shed_total", "Commands put aside undecided, since nobody waited any more");
    counter!("doorbuster_events_total", "Events made durable");
    histogram!("doorbuster_sync_seconds", "Time to make one batch durable");
    histogram!("doorbuster_queue_wait_seconds", "Time the first entry of a batch waited for it");
    histogram!("doorbuster_batch_entries", "Entries of one batch");
    describe_gauge!("doorbuster_live_actors", "Actors in memory, by kind");
    describe_gauge!("doorbuster_sockets", "Open WebSockets");
    describe_gauge!("doorbuster_watched_skus", "SKUs whose stock somebody watches");
    describe_gauge!("doorbuster_free_permits", "Commands that more could be taken of");
    describe_gauge!("doorbuster_requests_under_way", "Requests not answered yet");
    describe_gauge!("doorbuster_deadlines", "Deadlines noted");
    describe_gauge!("doorbuster_tail_entries", "Entries since the last checkpoint");
    describe_gauge!("doorbuster_overdue_seconds", "How late the oldest deadline or retry is");
    describe_gauge!("doorbuster_quarantined", "Entities that are shut out");
    counter!("doorbuster_mail_sent_total", "Letters that were taken, by kind");
    counter!("doorbuster_mail_failures_total", "Attempts to send a letter that failed");
    counter!("doorbuster_mail_buried_total", "Letters that were given up");
    counter!("doorbuster_mail_erased_total", "Letters not written: the person was erased");
    counter!("doorbuster_payment_answers_total", "Answers of the payment provider, by step");
    counter!("doorbuster_actor_failures_total", "Actors that died");
    counter!("doorbuster_decide_panics_total", "Rules that panicked");
    counter!("doorbuster_clock_jumps_total", "Jumps of the machine's clock");
    describe_gauge!("doorbuster_view_lag_bytes", "Log that a view has not read yet");
    describe_gauge!("doorbuster_view_lag_seconds", "Age of the oldest entry a view has not read");
    describe_gauge!("doorbuster_mail_lag_bytes", "Log that no letter was made of yet");
    describe_gauge!("doorbuster_mail_waiting", "Letters not sent yet");
    describe_gauge!("doorbuster_mail_lag_seconds", "Age of the oldest letter not sent yet");
}

/// How it is, in one word.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Wellbeing {
    status: &'static str,
}

/// `GET /healthz`
pub async fn alive(_: Door, _: Call) -> Answer {
    Ok(is_alive())
}

pub(super) fn is_alive() -> Response {
    json(StatusCode::OK, &Wellbeing { status: "alive" })
}

/// `GET /readyz`: replayed, and the log takes entries.
pub async fn ready(door: Door, _: Call) -> Answer {
    if door.is_closing() || door.shop().system().is_closing() {
        return Err(Problem::new(Code::Unavailable, "the shop is closing"));
    }
    door.shop().writable().await?;
    Ok(json(StatusCode::OK, &Wellbeing { status: "ready" }))
}

/// `GET /metrics`
pub async fn metrics(door: Door, _: Call) -> Answer {
    let Some(handle) = &door.settings().metrics else {
        return Err(Problem::new(Code::NotFound, "nobody gathers metrics here"));
    };
    measure(&door);
    let mut response = Response::new(handle.render().into());
    let text = HeaderValue::from_static("text/plain; version=0.0.4");
    response.headers_mut().insert(CONTENT_TYPE, text);
    Ok(response)
}

/// Sets what is only looked at when somebody asks.
#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn measure(door: &Door) {
    let (shop, system) = (door.shop(), door.shop().system());
    for (kind, live) in Kind::ALL.into_iter().zip(system.live()) {
        gauge!("doorbuster_live_actors", "kind" => kind.name()).set(live as f64);
    }
    let overdue_ms = system.timekeeper.first().map_or(0, |due: Time| shop.now().ms_since(due));
    gauge!("doorbuster_overdue_seconds").set(overdue_ms as f64 / 1_000.0);
    gauge!("doorbuster_deadlines").set(system.timekeeper.noted() as f64);
    gauge!("doorbuster_tail_entries").set(system.tail_entries() as f64);
    gauge!("doorbuster_sockets").set(door.sockets() as f64);
    gauge!("doorbuster_watched_skus").set(door.frames().watched() as f64);
    gauge!("doorbuster_free_permits").set(shop.free_permits() as f64);
    gauge!("doorbuster_requests_under_way").set(door.under_way() as f64);
    gauge!("doorbuster_quarantined").set(system.quarantine.list().len() as f64);
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = QuarantinedEntity)]
pub(super) struct Quarantined {
    entity: String,
    why: String,
}

/// `GET /api/quarantine`
pub async fn quarantined(door: Door, call: Call) -> Answer {
    door.admin(call.headers())?;
    let wanted = Wanted::of(call.uri())?;
    let all = door.shop().system().quarantine.list().into_iter();
    let all = all.map(|(entity, why)| Quarantined { entity: entity.to_string(), why });
    let after = |one: &Quarantined| wanted.cursor.as_ref().is_none_or(|c| one.entity > *c);
    let mut items: Vec<Quarantined> = all.filter(after).collect();
    items.sort_by(|one, other| one.entity.cmp(&other.entity));
    let more = items.len() > wanted.limit;
    items.truncate(wanted.limit);
    let next = items.last().filter(|_| more).map(|last| last.entity.clone());
    Ok(json(StatusCode::OK, &Page { items, next }))
}

/// `POST /api/cut`: where all logs end at this instant, for a backup of their files.
pub async fn cut(door: Door, call: Call) -> Answer {
    door.admin(call.headers())?;
    Ok(json(StatusCode::OK, &door.shop().cut()))
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReleasedEntity)]
pub(super) struct Released {
    entity: String,
    released: bool,
}

/// `POST /api/quarantine/{entity}/release`
pub async fn release(door: Door, mut call: Call) -> Answer {
    let entity: EntityId = call.id().await?;
    door.admin(call.headers())?;
    if !door.shop().system().release(&entity) {
        return Err(Problem::new(Code::NotFound, "it is not quarantined"));
    }
    let body = Released { entity: entity.to_string(), released: true };
    Ok(json(StatusCode::OK, &body))
}

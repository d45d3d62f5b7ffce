//! The door: HTTP and WebSocket in front of the shop.
//!
//! A handler parses into domain types, asks the [`Shop`] and answers; it decides nothing. Reading
//! order: [`router`](mod@router) is the whole map of addresses; [`cart`], [`orders`], [`products`],
//! [`inventory`], [`reservations`], [`live`], [`mail`] and [`operate`] are what stands there; `openapi`
//! is what the document says of it, in the words of `schemas`, and `docs` a page to read that; [`problem`] says why
//! not; [`extract`], `text`, [`auth`], [`etag`] and [`reply`] are the manners of all of them,
//! [`cached`] and [`coding`] what makes catalogue reads cheap, [`middleware`] and [`cors`] what goes
//! around; [`server`] listens, says so while the shop opens, and drains, and `connection` speaks
//! HTTP/1.1 or HTTP/2. Invariants: every error that leaves is a problem with a code; whatever a client
//! can make large or slow has a limit; imports between these parts run one way.

pub mod auth;
pub mod cached;
pub mod cart;
pub mod coding;
mod connection;
pub mod cors;
mod counts;
mod docs;
pub mod etag;
pub mod extract;
pub mod inventory;
pub mod live;
pub mod mail;
pub mod middleware;
mod openapi;
mod opening;
pub mod operate;
pub mod orders;
pub mod problem;
pub mod products;
pub mod reply;
pub mod reservations;
mod route;
pub mod router;
mod schemas;
pub mod server;
mod text;

pub use middleware::current_request_id;
pub use operate::install_metrics;
pub use router::router;
pub use server::Server;

use self::{cached::Shelf, cors::Origins, live::Frames};
use crate::shop::Shop;
use axum::http::HeaderValue;
use metrics_exporter_prometheus::PrometheusHandle;
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
};
use tokio::sync::watch;

/// What an operator may set about the door.
#[derive(Clone)]
pub struct DoorSettings {
    /// Opens what only an admin may do.
    pub admin_token: String,
    /// Cookies only over TLS: for a shop behind a proxy that ends it.
    pub cookie_secure: bool,
    /// Web pages that may call from a browser.
    pub cors_origins: Origins,
    /// Where the metrics are, if anybody gathers them.
    pub metrics: Option<PrometheusHandle>,
    /// Sockets that may be open at once.
    pub most_sockets: usize,
}

impl DoorSettings {
    /// The usual ones, with this admin token.
    pub fn new(admin_token: impl Into<String>) -> DoorSettings {
        let admin_token = admin_token.into();
        DoorSettings {
            admin_token,
            cookie_secure: false,
            cors_origins: Origins::default(),
            metrics: None,
            most_sockets: 10_000,
        }
    }
}

/// What all handlers share. Cheap to clone.
#[derive(Clone)]
pub struct Door(Arc<Inner>);

struct Inner {
    shop: Shop,
    settings: DoorSettings,
    frames: Frames,
    shelf: Shelf,
    /// Requests that are not answered yet.
    under_way: AtomicUsize,
    sockets: AtomicUsize,
    closing: AtomicBool,
    closed: watch::Sender<bool>,
    /// Ids of requests without one: this run's, then a count.
    run_id: u64,
    requests: AtomicU64,
}

impl Door {
    /// A door to a shop.
    pub fn new(shop: Shop, settings: DoorSettings) -> Door {
        let (run_id, _) = shop.system().new_uuid().as_u64_pair();
        Door(Arc::new(Inner {
            shop,
            settings,
            frames: Frames::default(),
            shelf: Shelf::default(),
            under_way: AtomicUsize::new(0),
            sockets: AtomicUsize::new(0),
            closing: AtomicBool::new(false),
            closed: watch::Sender::new(false),
            run_id,
            requests: AtomicU64::new(0),
        }))
    }

    /// What is behind it.
    pub fn shop(&self) -> &Shop {
        &self.0.shop
    }

    fn settings(&self) -> &DoorSettings {
        &self.0.settings
    }

    fn frames(&self) -> &Frames {
        &self.0.frames
    }

    fn shelf(&self) -> &Shelf {
        &self.0.shelf
    }

    /// Takes no new work from now on, and ends the sockets.
    pub fn close(&self) {
        self.0.closing.store(true, Ordering::Release);
        self.0.closed.send_replace(true);
    }

    /// Whether new work is refused.
    pub fn is_closing(&self) -> bool {
        self.0.closing.load(Ordering::Acquire)
    }

    /// Comes back when the door closes.
    pub async fn closed(&self) {
        let mut closed = self.0.closed.subscribe();
        // The sender lives as long as this door.
        let _ = closed.wait_for(|closed| *closed).await;
    }

    /// Requests and sockets that are not done yet.
    pub fn under_way(&self) -> usize {
        self.0.under_way.load(Ordering::Acquire) + self.sockets()
    }

    fn sockets(&self) -> usize {
        self.0.sockets.load(Ordering::Acquire)
    }

    fn enter(&self) -> Counted {
        Counted::new(self, |inner| &inner.under_way)
    }

    fn open_socket(&self) -> Counted {
        Counted::new(self, |inner| &inner.sockets)
    }

    fn new_request_id(&self) -> HeaderValue {
        let count = self.0.requests.fetch_add(1, Ordering::Relaxed);
        let id = format!("{:016x}-{count:x}", self.0.run_id);
        HeaderValue::from_maybe_shared(bytes::Bytes::from(id))
            .unwrap_or_else(|_| HeaderValue::from_static("none"))
    }
}

/// Counts something while it lasts, also when its task is dropped.
struct Counted(Door, fn(&Inner) -> &AtomicUsize);

impl Counted {
    fn new(door: &Door, which: fn(&Inner) -> &AtomicUsize) -> Counted {
        which(&door.0).fetch_add(1, Ordering::AcqRel);
        Counted(door.clone(), which)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        (self.1)(&self.0.0).fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests;

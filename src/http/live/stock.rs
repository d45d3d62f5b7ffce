//! `/ws/stock`: the stock of the SKUs that a client names, now and after each change.

use super::{Gone, LISTENERS, MAX_SKUS, Socket, frames::Frame, upgrade};
use crate::{
    domain::Sku,
    http::{
        Door,
        extract::read,
        problem::{Code, Problem},
        reply::Answer,
    },
    journal::Position,
};
use axum::{
    extract::{
        Query, State, WebSocketUpgrade,
        ws::{Message, rejection::WebSocketUpgradeRejection},
    },
    http::Uri,
};
use futures_util::{
    StreamExt as _,
    future::BoxFuture,
    stream::{AbortHandle, Abortable, FuturesUnordered},
};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use tokio::sync::watch;

/// What a client may say; a SKU may be followed by `@` and a position that it has seen.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    r#type: String,
    sku: Vec<String>,
}

#[derive(Debug, Serialize)]
struct ErrorBody<'a> {
    r#type: &'static str,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sku: Option<&'a str>,
    detail: &'static str,
}

/// `GET /ws/stock?sku=A&sku=B@POSITION`
pub async fn stock(
    State(door): State<Door>,
    uri: Uri,
    socket: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Answer {
    let pairs = Query::<Vec<(String, String)>>::try_from_uri(&uri);
    let pairs = pairs.map(|Query(pairs)| pairs).unwrap_or_default();
    let named = pairs.into_iter().filter_map(|(name, value)| (name == "sku").then_some(value));
    let named: Vec<String> = named.collect();
    if named.len() > MAX_SKUS {
        return Err(Problem::invalid("sku", format!("may come at most {MAX_SKUS} times")));
    }
    let watcher = Watcher { door: door.clone(), watched: HashMap::new(), changes: Changes::new() };
    upgrade(&door, socket, &LISTENERS, move |socket| watcher.run(socket, named))
}

type Change = (Sku, Result<watch::Receiver<Frame>, watch::error::RecvError>);

/// The next change of each watched SKU.
type Changes = FuturesUnordered<Abortable<BoxFuture<'static, Change>>>;

/// A SKU that this socket watches.
struct Watched {
    /// Of the last frame that was sent.
    seen: Position,
    unwatch: AbortHandle,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.unwatch.abort();
    }
}

struct Watcher {
    door: Door,
    watched: HashMap<Sku, Watched>,
    changes: Changes,
}

impl Watcher {
    async fn run(mut self, mut socket: Socket, named: Vec<String>) {
        let door = self.door.clone();
        let ended = async {
            for sku in &named {
                self.watch(&mut socket, sku).await?;
            }
            loop {
                tokio::select! {
                    message = socket.receive() => self.heed(&mut socket, message?).await?,
                    Some(change) = self.changes.next() => {
                        // An unwatched SKU's wait ends as aborted.
                        if let Ok((sku, Ok(frames))) = change {
                            self.show(&mut socket, sku, frames).await?;
                        }
                    }
                    () = door.closed() => return Ok::<(), Gone>(()),
                }
            }
        };
        if ended.await.is_ok() {
            socket.close("the shop is closing").await;
        }
    }

    async fn heed(&mut self, socket: &mut Socket, message: Message) -> Result<(), Gone> {
        let asked: Option<Asked> =
            message.to_text().ok().and_then(|text| read(text.as_bytes()).ok());
        match asked.as_ref().map(|Asked { r#type, sku }| (r#type.as_str(), sku)) {
            Some(("watch", skus)) => {
                for sku in skus {
                    self.watch(socket, sku).await?;
                }
            }
            Some(("unwatch", skus)) => {
                for sku in skus {
                    self.watched.remove(sku.as_str());
                }
            }
            Some(_) | None => {
                let detail = "say {\"type\": \"watch\", \"sku\": [...]}, or unwatch";
                complain(socket, Code::Invalid, None, detail).await?;
            }
        }
        Ok(())
    }

    /// Shows a SKU's stock unless the client has it, and its changes from now on.
    async fn watch(&mut self, socket: &mut Socket, named: &str) -> Result<(), Gone> {
        // A SKU has no `@`.
        let (sku, seen) = match named.rsplit_once('@') {
            Some((sku, position)) => (sku, position.parse().ok().map(Position)),
            None => (named, Some(Position(0))),
        };
        let Some(seen) = seen else {
            let detail = "behind the @ stands the position of a frame";
            return complain(socket, Code::Invalid, Some(sku), detail).await;
        };
        let Some(slot) = self.door.shop().slot(sku) else {
            let detail = "no product has this SKU";
            return complain(socket, Code::UnknownSku, Some(sku), detail).await;
        };
        if self.watched.contains_key(sku) {
            return Ok(());
        }
        if self.watched.len() >= MAX_SKUS {
            let detail = "this socket watches as many SKUs as it may";
            return complain(socket, Code::Invalid, Some(sku), detail).await;
        }
        let frames = self.door.frames().watch(&slot);
        // Fresher than the latest frame, which may stand for a moment.
        let first = Frame::of(&slot, slot.posted());
        let newer = first.position > seen;
        let seen = seen.max(first.position);
        let unwatch = self.wait(slot.sku().clone(), frames);
        self.watched.insert(slot.sku().clone(), Watched { seen, unwatch });
        if newer { socket.send(Message::Text(first.text)).await } else { Ok(()) }
    }

    async fn show(
        &mut self,
        socket: &mut Socket,
        sku: Sku,
        mut frames: watch::Receiver<Frame>,
    ) -> Result<(), Gone> {
        let frame = frames.borrow_and_update().clone();
        let unwatch = self.wait(sku.clone(), frames);
        let Some(watched) = self.watched.get_mut(&sku) else {
            unwatch.abort();
            return Ok(());
        };
        watched.unwatch = unwatch;
        if frame.position <= watched.seen {
            return Ok(());
        }
        watched.seen = frame.position;
        socket.send(Message::Text(frame.text)).await
    }

    fn wait(&self, sku: Sku, mut frames: watch::Receiver<Frame>) -> AbortHandle {
        let (handle, registration) = AbortHandle::new_pair();
        let change: BoxFuture<'static, Change> = Box::pin(async move {
            let changed = frames.changed().await;
            (sku, changed.map(|()| frames))
        });
        self.changes.push(Abortable::new(change, registration));
        handle
    }
}

async fn complain(
    socket: &mut Socket,
    code: Code,
    sku: Option<&str>,
    detail: &'static str,
) -> Result<(), Gone> {
    let body = ErrorBody { r#type: "error", code: code.name(), sku, detail };
    // Strings only: this can't fail.
    let text = serde_json::to_string(&body).unwrap_or_default();
    socket.send(Message::Text(text.into())).await
}

//! `/ws/orders/{id}`: an order now and after each change.

use super::{Gone, LISTENERS, Socket, upgrade};
use crate::{
    domain::OrderId,
    http::{
        Door,
        extract::id_in,
        orders::{OrderBody, order_body},
        reply::Answer,
    },
    shop::orders::Order,
};
use axum::extract::{FromRequestParts as _, Query, Request, State, WebSocketUpgrade, ws::Message};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

/// Changes that wait for a slow client; of more than these only the latest is sent.
const MOST_WAITING: usize = 16;

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
}

#[derive(Serialize)]
struct Frame<'a> {
    r#type: &'static str,
    #[serde(flatten)]
    order: OrderBody<'a>,
}

/// `GET /ws/orders/{id}`
pub async fn order(State(door): State<Door>, request: Request) -> Answer {
    let (mut head, _) = request.into_parts();
    let id: OrderId = id_in(&mut head).await?;
    let token = Query::<Token>::try_from_uri(&head.uri);
    let token = token.ok().and_then(|Query(query)| query.token);
    door.order_access(id, &head.headers, token.as_deref())?;
    let changes = door.shop().follow_order(id).await?;
    let socket = WebSocketUpgrade::from_request_parts(&mut head, &()).await;
    upgrade(&door.clone(), socket, &LISTENERS, move |socket| run(door, socket, changes))
}

async fn run(door: Door, mut socket: Socket, mut changes: mpsc::UnboundedReceiver<Order>) {
    let ended = async {
        loop {
            tokio::select! {
                // Nothing that a client says here means anything.
                message = socket.receive() => drop(message?),
                change = changes.recv() => {
                    let Some(mut order) = change else { return Ok::<_, Gone>("come again") };
                    while changes.len() > MOST_WAITING {
                        order = changes.try_recv().unwrap_or(order);
                    }
                    let frame = Frame {
                        r#type: "order",
                        order: order_body(door.shop(), &order, None),
                    };
                    let text = serde_json::to_string(&frame).unwrap_or_default();
                    socket.send(Message::Text(text.into())).await?;
                }
                () = door.closed() => return Ok("the shop is closing"),
            }
        }
    };
    if let Ok(reason) = ended.await {
        socket.close(reason).await;
    }
}

//! Stock and orders as they change, over WebSocket.

use crate::app::{App, Reply, SOON, details};
use futures_util::{SinkExt as _, StreamExt as _, future::join_all};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::{
    net::TcpStream,
    time::{Instant, timeout},
};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    async fn open(app: &App, path: &str) -> Socket {
        let url = format!("ws://{}{path}", app.target().authority());
        Socket(connect_async(url).await.unwrap().0)
    }

    /// The next frame; fails the test when none comes.
    async fn next(&mut self) -> Value {
        loop {
            let message = timeout(SOON, self.0.next()).await.expect("a frame comes");
            match message.unwrap().unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Whether nothing comes for a while.
    async fn is_quiet(&mut self) -> bool {
        timeout(Duration::from_millis(250), self.0.next()).await.is_err()
    }

    /// Frames until one says that so many are free.
    async fn until_free(&mut self, free: u64) -> Vec<Value> {
        let mut frames = vec![];
        loop {
            frames.push(self.next().await);
            if frames.last().unwrap()["free"] == free {
                return frames;
            }
        }
    }

    async fn say(&mut self, message: Value) {
        self.0.send(Message::Text(message.to_string().into())).await.unwrap();
    }
}

#[tokio::test]
async fn a_socket_shows_stock_now_and_after_each_change() {
    for shards in [1, 3] {
        let app = App::sharded(shards).await;
        app.stock_up("A", 5).await;
        app.stock_up("B", 7).await;
        let mut socket = Socket::open(&app, "/ws/stock?sku=A&sku=B").await;
        let (a, b) = (socket.next().await, socket.next().await);
        let position = app.inventory("A").await.at("/position");
        let shown = json!({
            "type": "stock", "sku": "A", "free": 5, "reserved": 0, "sold": 0, "position": position,
        });
        assert_eq!((a, &b["sku"], &b["free"]), (shown, &json!("B"), &json!(7)));
        let token = app.guest("A", 2).await;
        let reserved = socket.next().await;
        let counts =
            |frame: &Value| [&frame["free"], &frame["reserved"], &frame["sold"]].map(Value::as_u64);
        assert_eq!(counts(&reserved), [Some(3), Some(2), Some(0)]);
        assert!(reserved["position"].as_u64() > position.as_u64());
        app.check_out(&token, "k", "tok_approve").await;
        let mut sold = socket.next().await;
        while sold["sold"] != 2 {
            sold = socket.next().await;
        }
        assert_eq!(counts(&sold), [Some(3), Some(0), Some(2)]);
        assert!(socket.is_quiet().await);
        app.close().await;
    }
}

#[tokio::test]
async fn a_frame_that_the_client_has_is_left_out() {
    let app = App::new().await;
    app.stock_up("A", 5).await;
    let position = app.inventory("A").await.at("/position");
    let mut socket = Socket::open(&app, &format!("/ws/stock?sku=A@{position}")).await;
    assert!(socket.is_quiet().await);
    app.guest("A", 1).await;
    assert_eq!(socket.next().await["free"], 4);
    let mut late = Socket::open(&app, &format!("/ws/stock?sku=A@{position}")).await;
    assert_eq!(late.next().await["free"], 4, "what is newer is shown at once");
    app.close().await;
}

#[tokio::test]
async fn a_client_watches_and_unwatches() {
    let app = App::new().await;
    app.stock_up("A", 5).await;
    app.stock_up("B", 7).await;
    let mut socket = Socket::open(&app, "/ws/stock").await;
    assert!(socket.is_quiet().await);
    socket.say(json!({"type": "watch", "sku": ["A", "B"]})).await;
    assert_eq!(socket.next().await["sku"], "A");
    assert_eq!(socket.next().await["sku"], "B");
    socket.say(json!({"type": "unwatch", "sku": ["A", "NOBODY"]})).await;
    assert!(socket.is_quiet().await);
    app.guest("A", 1).await;
    app.guest("B", 1).await;
    assert_eq!(socket.next().await["sku"], "B");
    assert!(socket.is_quiet().await);
    socket.say(json!({"type": "watch", "sku": ["A"]})).await;
    assert_eq!(socket.next().await["free"], 4);
    app.guest("A", 1).await;
    assert_eq!(socket.next().await["free"], 3);
    app.close().await;
}

#[tokio::test]
async fn a_socket_survives_what_it_does_not_understand() {
    let app = App::new().await;
    app.stock_up("A", 5).await;
    let mut socket = Socket::open(&app, "/ws/stock?sku=NOBODY&sku=A@x&sku=A").await;
    let unknown = socket.next().await;
    assert_eq!((&unknown["type"], &unknown["code"]), (&json!("error"), &json!("unknown-sku")));
    assert_eq!(unknown["sku"], "NOBODY");
    assert_eq!(socket.next().await["code"], "invalid");
    assert_eq!(socket.next().await["free"], 5);
    socket.say(json!({"type": "watch", "sku": ["NOBODY"]})).await;
    assert_eq!(socket.next().await["code"], "unknown-sku");
    for odd in [
        json!({"type": "sing"}),
        json!({"type": "sing", "sku": ["A"]}),
        json!({"type": "watch", "sku": "A"}),
        json!(["watch", ["A"]]),
        json!(7),
    ] {
        socket.say(odd).await;
        assert_eq!(socket.next().await["code"], "invalid");
    }
    app.guest("A", 1).await;
    assert_eq!(socket.next().await["free"], 4);
    let plain = app.get("/ws/stock?sku=A").await;
    assert_eq!(plain.is_problem(426, "upgrade-required").header("upgrade"), "websocket");
    app.close().await;
}

#[tokio::test]
async fn many_changes_come_as_few_frames_and_end_with_the_last() {
    let app = App::new().await;
    app.stock_up("A", 300).await;
    let mut socket = Socket::open(&app, "/ws/stock?sku=A").await;
    assert_eq!(socket.next().await["free"], 300);
    let begun = Instant::now();
    let token = app.guest("A", 1).await;
    for _ in 1..300 {
        app.add(Some(&token), "A", 1).await;
    }
    let frames = socket.until_free(0).await;
    let most = begun.elapsed().as_millis() / 50 + 2;
    assert!(frames.len() as u128 <= most, "{} frames, at most {most}", frames.len());
    let positions: Vec<_> = frames.iter().map(|frame| frame["position"].as_u64()).collect();
    assert!(positions.is_sorted());
    app.close().await;
}

#[tokio::test]
async fn the_last_socket_to_leave_ends_a_skus_frames() {
    let app = App::new().await;
    app.stock_up("A", 5).await;
    let mut one = Socket::open(&app, "/ws/stock?sku=A").await;
    let mut two = Socket::open(&app, "/ws/stock?sku=A").await;
    assert_eq!(
        (one.next().await["free"].clone(), two.next().await["free"].clone()),
        (json!(5), json!(5))
    );
    let slot = app.shop().slot("A").unwrap();
    assert_eq!(slot.watchers(), 1, "one task listens for both");
    drop(one);
    app.guest("A", 1).await;
    assert_eq!(two.next().await["free"], 4);
    drop(two);
    timeout(SOON, async {
        while slot.watchers() > 0 {
            tokio::time::sleep_until(Instant::now() + Duration::from_millis(10)).await;
        }
    })
    .await
    .expect("nobody listens any more");
    let mut again = Socket::open(&app, "/ws/stock?sku=A").await;
    assert_eq!(again.next().await["free"], 4);
    app.close().await;
}

async fn order(app: &App) -> Reply {
    app.stock_up("A", 5).await;
    let token = app.guest("A", 1).await;
    let headers = [("Cart-Token", token.as_str()), ("Idempotency-Key", "k")];
    app.call("POST", "/api/cart/checkout", &headers, details("tok_slow")).await
}

#[tokio::test]
async fn an_orders_socket_follows_it_to_its_end() {
    for shards in [1, 3] {
        let app = App::sharded(shards).await;
        let order = order(&app).await;
        let path =
            format!("/ws/orders/{}?token={}", order.text("/id"), order.text("/access_token"));
        let mut socket = Socket::open(&app, &path).await;
        let first = socket.next().await;
        assert_eq!((&first["type"], &first["status"]), (&json!("order"), &json!("placed")));
        let mut last = first;
        while last["status"] != "confirmed" {
            last = socket.next().await;
        }
        assert_eq!(last["payment_status"], "captured");
        assert_eq!(last["id"], order.text("/id"));
        app.close().await;
    }
}

#[tokio::test]
async fn an_orders_socket_opens_only_with_its_token() {
    let app = App::new().await;
    let order = order(&app).await;
    let path = format!("/ws/orders/{}", order.text("/id"));
    app.get(&path).await.is_problem(401, "token-required");
    app.get(&format!("{path}?token=x")).await.is_problem(403, "forbidden");
    let token = order.text("/access_token");
    app.get(&format!("{path}?token={token}")).await.is_problem(426, "upgrade-required");
    let nobodys = "/ws/orders/ord_00000000000000000000000000000000";
    app.admin("GET", nobodys, Value::Null).await.is_problem(404, "not-found");
    app.close().await;
}

#[tokio::test]
async fn a_closing_shop_says_goodbye_to_its_sockets() {
    let app = App::new().await;
    app.stock_up("A", 5).await;
    let mut socket = Socket::open(&app, "/ws/stock?sku=A").await;
    socket.next().await;
    let begun = Instant::now();
    app.close().await;
    let goodbye = timeout(SOON, socket.0.next()).await.expect("a goodbye comes");
    assert!(matches!(goodbye, Some(Ok(Message::Close(Some(_))))), "{goodbye:?}");
    assert!(begun.elapsed() < SOON, "sockets don't hold a closing shop up");
}

#[tokio::test]
async fn a_socket_is_asked_for_as_many_skus_as_it_may_watch() {
    let app = App::new().await;
    let names: Vec<String> = (0..257).map(|n| format!("sku=S{n}")).collect();
    app.get(&format!("/ws/stock?{}", names.join("&"))).await.is_invalid("sku");
    let fewer = format!("/ws/stock?{}", names[..256].join("&"));
    app.get(&fewer).await.is_problem(426, "upgrade-required");
    app.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_all_watchers_come_back_at_once_buyers_are_answered() {
    const WATCHERS: usize = 400;
    let app = App::new().await;
    app.stock_up("TEE", 10_000).await;
    let all = || join_all((0..WATCHERS).map(|_| Socket::open(&app, "/ws/stock?sku=TEE")));
    let before = all().await;
    drop(before);
    let buyers = async {
        for _ in 0..50 {
            app.guest("TEE", 1).await;
        }
    };
    let (mut watching, ()) = tokio::join!(all(), buyers);
    app.guest("TEE", 1).await;
    for socket in &mut watching {
        socket.until_free(10_000 - 51).await;
    }
    drop(watching);
    app.close().await;
}

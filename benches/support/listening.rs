//! A shop behind its door, on a port of its own, as clients meet it.

use super::House;
use doorbuster::{
    http::{self, Door, DoorSettings, Server, server},
    load::Target,
};
use tokio::{sync::oneshot, task::JoinHandle};

/// The admin token of every such shop.
pub const ADMIN: &str = "the-admin-token";

/// A shop that listens.
pub struct Open {
    /// The shop itself.
    pub house: House,
    /// Where.
    pub target: Target,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl Open {
    /// On a free port, with so many SKUs.
    pub async fn with_skus(count: usize) -> Open {
        let house = House::with_skus(count).await;
        let any = "127.0.0.1:0".parse().expect("an address");
        let listener = server::listen(any).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let target = Target::parse(&format!("http://{address}")).expect("a target");
        let metrics = http::install_metrics();
        let settings = DoorSettings { metrics, ..DoorSettings::new(ADMIN) };
        let door = Door::new(house.shop.clone(), settings);
        let server = Server::start(listener, 10_000);
        server.open(door.router_with_noop());
        let (stop, stopped) = oneshot::channel();
        let stopped = async { drop(stopped.await) };
        let serving = tokio::spawn(server.serve(door, stopped));
        Open { house, target, stop, serving }
    }

    /// Ends it.
    pub async fn close(self) {
        drop(self.stop);
        self.serving.await.expect("an orderly end");
        self.house.close().await;
    }
}

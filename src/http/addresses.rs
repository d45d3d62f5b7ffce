//! How many connections each address has open, so that none has all of them.
//!
//! Whoever holds every connection keeps everybody else out until they time out, and it takes no more
//! than one machine to do it. So one address may have all but a sixteenth of the room, or as many as
//! the operator says (behind a proxy all come from one); who wants more is told so, and the rest of
//! the room is the others'. Invariant: an address without connections takes no memory.

use crate::ports::clock::pause;
use std::{
    collections::HashMap,
    io,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// Of sixteen places, the one that is left to others.
const LEFT_TO_OTHERS: usize = 16;

/// How long whoever was refused may take to read so.
const READ_WITHIN: Duration = Duration::from_millis(200);

const REFUSAL: &str = concat!(
    r#"{"type":"/problems/overloaded","title":"The shop is overloaded","status":429,"#,
    r#""detail":"your address has as many connections open as it may; use those, or retry later","#,
    r#""code":"overloaded","retry_after_ms":1000}"#
);

/// The open connections by address.
#[derive(Debug)]
pub(super) struct Addresses {
    most: usize,
    open: Mutex<HashMap<IpAddr, usize>>,
}

/// One connection's place, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place(Arc<Addresses>, IpAddr);

impl Addresses {
    /// For so many connections in all; `None` is all but a sixteenth of them for one address.
    pub(super) fn new(connections: usize, most: Option<usize>) -> Addresses {
        let others = (connections / LEFT_TO_OTHERS).max(1);
        let most = most.unwrap_or(connections.saturating_sub(others)).max(1);
        Addresses { most, open: Mutex::default() }
    }

    /// A place for one more, unless the address has as many as it may.
    pub(super) fn place(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let address = owner(address);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(address).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Place(self.clone(), address))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.1);
            }
        }
    }
}

/// Whoever has one IPv6 address has its whole network.
fn owner(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
    }
}

/// Tells somebody who has too many connections so, whatever he asks.
pub(super) async fn refuse(mut stream: TcpStream) {
    let say = async {
        let length = REFUSAL.len();
        let head = format!(
            "HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/problem+json\r\n\
             retry-after: 1\r\ncache-control: no-store\r\nconnection: close\r\n\
             content-length: {length}\r\n\r\n"
        );
        stream.write_all([head.as_bytes(), REFUSAL.as_bytes()].concat().as_slice()).await?;
        stream.shutdown().await?;
        // A connection that is closed with bytes unread is reset, and the answer may be lost.
        let mut rest = [0; 1_024];
        while stream.read(&mut rest).await? > 0 {}
        io::Result::Ok(())
    };
    tokio::select! {
        _ = say => {}
        () = pause(READ_WITHIN) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_leaves_room_to_others_and_gives_places_back() {
        let addresses = Arc::new(Addresses::new(32, None));
        let (one, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let mut places: Vec<Place> = (0..40).filter_map(|_| addresses.place(one)).collect();
        assert_eq!(places.len(), 30);
        let others = addresses.place(other);
        assert!(others.is_some());
        places.pop();
        assert!(addresses.place(one).is_some());
        drop((places, others));
        assert!(addresses.open.lock().unwrap().is_empty());
    }

    #[test]
    fn the_operator_may_say_how_many_and_there_is_always_one() {
        let most = |connections, most| Addresses::new(connections, most).most;
        assert_eq!([most(100, Some(7)), most(100, Some(500)), most(100, None)], [7, 500, 94]);
        assert_eq!([most(1, None), most(2, None), most(1, Some(0))], [1, 1, 1]);
    }

    #[test]
    fn a_network_counts_as_one_address() {
        let owns =
            |one: &str, other: &str| owner(one.parse().unwrap()) == owner(other.parse().unwrap());
        assert!(owns("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"));
        assert!(!owns("2001:db8:1:2::1", "2001:db8:1:3::1"));
        assert!(owns("::ffff:10.0.0.1", "10.0.0.1"));
        assert!(!owns("10.0.0.1", "10.0.0.2"));
    }

    #[test]
    fn the_refusal_is_a_problem_like_all_others() {
        use super::super::problem::{Code, Problem};
        let said: serde_json::Value = serde_json::from_str(REFUSAL).unwrap();
        let mut like = Problem::example(Code::Overloaded);
        like["status"] = 429.into();
        like["detail"] = said["detail"].clone();
        assert_eq!(said, like);
    }
}

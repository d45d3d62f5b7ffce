//! Lines between a client and a fake that break: now and then, or for good.

use super::{super::target::Target, Fake};
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// The fake behind a line that breaks instead of bringing every seventh answer.
pub(in super::super) async fn behind_a_bad_line(fake: &Fake) -> Target {
    behind_a_line(fake, |answer| answer % 7 == 6, false).await
}

/// The fake behind a line that breaks for good after so many answers, as if the shop had gone.
pub(in super::super) async fn behind_a_line_that_ends(fake: &Fake, answers: u32) -> Target {
    behind_a_line(fake, move |answer| answer >= answers, true).await
}

/// Whether a line breaks instead of bringing this answer, counted from 0.
trait Breaks: Fn(u32) -> bool + Copy + Send + 'static {}
impl<F: Fn(u32) -> bool + Copy + Send + 'static> Breaks for F {}

async fn behind_a_line(fake: &Fake, breaks: impl Breaks, for_good: bool) -> Target {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = Target::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let behind = fake.target.authority().to_owned();
    tokio::spawn(async move {
        let answers = Arc::new(AtomicU32::new(0));
        let mut carried = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    let far = TcpStream::connect(&behind).await.unwrap();
                    carried.spawn(carry(accepted.unwrap().0, far, Arc::clone(&answers), breaks));
                }
                Some(_) = carried.join_next() => {
                    if for_good && breaks(answers.load(Ordering::Relaxed)) {
                        return; // nobody listens any more, and every connection is closed
                    }
                }
            }
        }
    });
    target
}

/// Carries requests there and answers back, one read at a time.
async fn carry(
    mut near: TcpStream,
    mut far: TcpStream,
    answers: Arc<AtomicU32>,
    breaks: impl Breaks,
) {
    let (mut request, mut answer) = ([0; 16 << 10], [0; 16 << 10]);
    loop {
        tokio::select! {
            read = near.read(&mut request) => match read {
                Ok(1..) => far.write_all(&request[..read.unwrap()]).await.unwrap(),
                _ => return,
            },
            read = far.read(&mut answer) => match read {
                Ok(1..) if !breaks(answers.fetch_add(1, Ordering::Relaxed)) => {
                    near.write_all(&answer[..read.unwrap()]).await.unwrap();
                }
                _ => return,
            },
        }
    }
}

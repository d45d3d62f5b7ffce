//! A stream that ends when the other side takes nothing of what it is sent.
//!
//! A client that asks for much and reads nothing costs it one socket and the server a connection
//! with an answer in memory, for as long as it likes: nothing else looks at the clock while an
//! answer is written. Invariant: between two bytes that the other side takes there are never more
//! than [`TAKEN_WITHIN`].

use crate::ports::clock::pause;
use hyper::rt::{Read, ReadBufCursor, Write};
use std::{
    future::Future,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

/// How long a client may take nothing while something waits for it.
pub(super) const TAKEN_WITHIN: Duration = Duration::from_secs(30);

/// A stream and its patience.
pub(super) struct Patient<S> {
    inner: S,
    within: Duration,
    /// Runs while a write waits.
    waiting: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl<S> Patient<S> {
    pub(super) fn new(inner: S, within: Duration) -> Patient<S> {
        Patient { inner, within, waiting: None }
    }

    fn judge<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.waiting = None;
            return written;
        }
        let within = self.within;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(pause(within)));
        match waiting.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: Read + Unpin> Read for Patient<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_read(context, buffer)
    }
}

impl<S: Write + Unpin> Write for Patient<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.inner).poll_write(context, bytes);
        this.judge(context, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.inner).poll_write_vectored(context, parts);
        this.judge(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper_util::rt::TokioIo;
    use std::future::poll_fn;
    use tokio::io::AsyncReadExt as _;

    const WITHIN: Duration = Duration::from_secs(30);

    async fn write(stream: &mut Patient<TokioIo<tokio::io::DuplexStream>>) -> io::Result<usize> {
        poll_fn(|context| Pin::new(&mut *stream).poll_write(context, &[7; 16])).await
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_is_given_up_and_who_takes_a_little_is_not() {
        let (near, mut far) = tokio::io::duplex(16);
        let mut stream = Patient::new(TokioIo::new(near), WITHIN);
        assert_eq!(write(&mut stream).await.unwrap(), 16);
        let mut few = [0; 4];
        for _ in 0..3 {
            let reading = async {
                pause(Duration::from_secs(29)).await;
                far.read_exact(&mut few).await.unwrap();
            };
            let (written, ()) = tokio::join!(write(&mut stream), reading);
            assert_eq!(written.unwrap(), 4);
        }
        let stuck = write(&mut stream).await.unwrap_err();
        assert_eq!(stuck.kind(), io::ErrorKind::TimedOut);
    }
}

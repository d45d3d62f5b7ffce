//! The operating system's random bytes, fetched a page at a time.
//!
//! A system call per id would cost more than the rest of an add-to-cart. Invariant: a byte is
//! handed out once and wiped from the buffer as it goes.

use super::Entropy;
use std::cell::RefCell;

const BUFFER_BYTES: usize = 4096;

/// The operating system's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct Os;

struct Buffer {
    bytes: [u8; BUFFER_BYTES],
    /// How many at the front are still to be handed out.
    left: usize,
}

thread_local! {
    // One per thread: no lock, and nobody shares a byte.
    static BUFFER: RefCell<Buffer> =
        const { RefCell::new(Buffer { bytes: [0; BUFFER_BYTES], left: 0 }) };
}

impl Entropy for Os {
    fn fill(&self, bytes: &mut [u8]) {
        if bytes.len() > BUFFER_BYTES {
            return fetch(bytes);
        }
        BUFFER.with_borrow_mut(|buffer| {
            if buffer.left < bytes.len() {
                fetch(&mut buffer.bytes);
                buffer.left = BUFFER_BYTES;
            }
            buffer.left -= bytes.len();
            let taken = buffer.bytes.iter_mut().skip(buffer.left);
            for (byte, random) in bytes.iter_mut().zip(taken) {
                *byte = std::mem::take(random);
            }
        });
    }
}

fn fetch(bytes: &mut [u8]) {
    if let Err(error) = getrandom::fill(bytes) {
        // Linux promises not to fail here; without randomness no id and no key is safe.
        unreachable!("the operating system gives no random bytes: {error}")
    }
}

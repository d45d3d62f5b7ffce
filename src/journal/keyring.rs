//! The keys that personal data is sealed with, and that are destroyed to erase somebody.
//!
//! The key file is a row of 32-byte keys addressed by their number. Keys are made, written and
//! synced ahead in blocks, so that no order waits for one, and an open begins a fresh block.
//! Invariants: a key is handed out only when it is durable, and never twice; an erased key is
//! zeros and stays so. No key is kept in memory, so erasing one has nothing left to forget.

#[cfg(test)]
mod tests;

use super::{
    cut,
    disk::{self, Failure, Naming as _},
};
use crate::domain::Sealed;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use std::{
    fs::File,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::{self, Receiver, SyncSender},
    },
    thread::{self, JoinHandle},
};

/// Keys made at once.
const BLOCK_KEYS: u64 = 4096;
/// More are made when fewer than this are left.
const LOW_KEYS: u64 = BLOCK_KEYS / 2;
const KEY_BYTES: u64 = 32;

/// Why there is no key, or no plaintext.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The person was erased; there is no way back.
    #[error("key {0} has been erased")]
    Erased(u64),
    /// The ciphertext, its field or the key is not what it was.
    #[error("a value sealed under key {0} is damaged, or its key is; restore the key file")]
    Damaged(u64),
    /// The key file ends before it.
    #[error("there is no key {0}; the key file is older than the log, restore it")]
    Unknown(u64),
    /// Another process has the store.
    #[error("{} is in use by another process; stop it first", .0.display())]
    Locked(PathBuf),
    /// The system gave no random bytes.
    #[error("no entropy from the system: {0}")]
    Entropy(getrandom::Error),
    /// The file can't be read or written.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// Where keys come from.
#[derive(Clone, Copy, Debug)]
enum Entropy {
    System,
    /// Known keys, for tests and simulations.
    Seed(u64),
}

/// The key file, open. A store that has a log must have its key file: whoever opens the store
/// checks that first, since a new file would number its keys from 0 again.
#[derive(Debug)]
pub struct Keyring {
    file: Arc<KeyFile>,
    /// Dropped first, which ends the thread.
    wake: Option<SyncSender<()>>,
    filling: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct KeyFile {
    file: File,
    path: PathBuf,
    entropy: Entropy,
    /// The next number to hand out.
    next: AtomicU64,
    /// Keys below this one are durable.
    ready: AtomicU64,
    /// Held by whoever makes keys.
    making: Mutex<()>,
}

impl Keyring {
    /// Opens the key file at `path`, made if it is missing, and makes the first keys.
    ///
    /// # Errors
    /// The file is out of reach or in use, or the system has no entropy.
    pub fn open(path: &Path) -> Result<Keyring, Error> {
        Self::start(path, Entropy::System)
    }

    /// Like [`Keyring::open`], with keys that anybody can know: for tests and simulations.
    ///
    /// # Errors
    /// The file is out of reach or in use.
    pub fn open_seeded(path: &Path, seed: u64) -> Result<Keyring, Error> {
        Self::start(path, Entropy::Seed(seed))
    }

    fn start(path: &Path, entropy: Entropy) -> Result<Keyring, Error> {
        let file = disk::open_private(path)?;
        if !disk::lock(&file, path, true)? {
            return Err(Error::Locked(path.to_owned()));
        }
        disk::sync_name(path)?;
        let bytes = file.metadata().naming("measuring", path)?.len();
        // Whatever is there may have been handed out.
        let fresh = bytes.div_ceil(BLOCK_KEYS * KEY_BYTES) * BLOCK_KEYS;
        let file = Arc::new(KeyFile {
            file,
            path: path.to_owned(),
            entropy,
            next: AtomicU64::new(fresh),
            ready: AtomicU64::new(fresh),
            making: Mutex::new(()),
        });
        file.make_beyond(fresh)?;
        let (wake, woken) = mpsc::sync_channel(1);
        let thread = thread::Builder::new().name("keyring".to_owned());
        let filler = Arc::clone(&file);
        let filling =
            thread.spawn(move || fill(&filler, &woken)).naming("making keys for", path)?;
        Ok(Keyring { file, wake: Some(wake), filling: Some(filling) })
    }

    /// A key that nobody had before. Waits for the disk only when keys go faster than it makes
    /// them.
    ///
    /// # Errors
    /// Keys had to be made and could not be.
    pub fn next_key(&self) -> Result<u64, Error> {
        let key = self.file.next.fetch_add(1, Ordering::Relaxed);
        let ready = self.file.ready.load(Ordering::Acquire);
        if key + LOW_KEYS == ready {
            // When it is full, the thread is awake anyway.
            let _ = self.wake.as_ref().map(|wake| wake.try_send(()));
        }
        if key >= ready {
            self.file.make_beyond(key)?;
        }
        Ok(key)
    }

    /// Seals several values under a key that nobody had before; each `field` once.
    ///
    /// # Errors
    /// Keys had to be made and could not be, or the key is out of reach.
    pub fn seal_all<const N: usize>(
        &self,
        values: [Option<(u8, &[u8])>; N],
    ) -> Result<[Option<Sealed>; N], Error> {
        let key = self.next_key()?;
        let cipher = self.file.cipher(key)?;
        let mut all = [const { None }; N];
        for (sealed, value) in all.iter_mut().zip(values) {
            *sealed = value.map(|(field, plain)| seal(&cipher, key, field, plain)).transpose()?;
        }
        Ok(all)
    }

    /// Seals `plaintext` under `key`. A `field` must never be used twice under one key: it makes
    /// the nonce.
    ///
    /// # Errors
    /// The key is erased or out of reach.
    pub fn seal(&self, key: u64, field: u8, plaintext: &[u8]) -> Result<Sealed, Error> {
        seal(&self.file.cipher(key)?, key, field, plaintext)
    }

    /// Opens what [`Keyring::seal`] sealed.
    ///
    /// # Errors
    /// `Erased` when its key was destroyed, `Damaged` when it or its key was changed.
    pub fn unseal(&self, sealed: &Sealed) -> Result<Vec<u8>, Error> {
        unseal(&self.file.cipher(sealed.key)?, sealed)
    }

    /// Destroys `key` durably: what is sealed under it stays sealed for ever. Erasing again
    /// changes nothing.
    ///
    /// # Errors
    /// There is no such key, or the disk failed.
    pub fn erase(&self, key: u64) -> Result<(), Error> {
        let file = &self.file;
        let offset = file.offset(key)?;
        file.file.write_all_at(&[0; 32], offset).naming("erasing a key in", &file.path)?;
        disk::sync(&file.file, &file.path)?;
        Ok(())
    }
}

fn unseal(cipher: &LessSafeKey, sealed: &Sealed) -> Result<Vec<u8>, Error> {
    let mut bytes = sealed.bytes.to_vec();
    let associated = Aad::from(associated(sealed.key, sealed.field));
    let plaintext = cipher.open_in_place(nonce(sealed.field), associated, &mut bytes);
    let length = plaintext.map_err(|_| Error::Damaged(sealed.key))?.len();
    bytes.truncate(length);
    Ok(bytes)
}

fn seal(cipher: &LessSafeKey, key: u64, field: u8, plaintext: &[u8]) -> Result<Sealed, Error> {
    let mut bytes = Vec::with_capacity(plaintext.len() + CHACHA20_POLY1305.tag_len());
    bytes.extend_from_slice(plaintext);
    let associated = Aad::from(associated(key, field));
    // It refuses only what is longer than the cipher can take, 256 GB.
    let sealed = cipher.seal_in_place_append_tag(nonce(field), associated, &mut bytes);
    sealed.map_err(|_| Error::Damaged(key))?;
    Ok(Sealed { key, field, bytes: bytes.into() })
}

/// The keys of a stopped store: what is sealed can be read, nothing is made or erased.
#[derive(Debug)]
pub struct Opener(KeyFile);

impl Opener {
    /// Opens the key file at `path` for reading.
    ///
    /// # Errors
    /// The file is missing, out of reach or in use.
    pub fn open(path: &Path) -> Result<Opener, Error> {
        let file = File::open(path).naming("opening", path)?;
        if !disk::lock(&file, path, false)? {
            return Err(Error::Locked(path.to_owned()));
        }
        let keys = file.metadata().naming("measuring", path)?.len() / KEY_BYTES;
        Ok(Opener(KeyFile {
            file,
            path: path.to_owned(),
            entropy: Entropy::System,
            next: AtomicU64::new(keys),
            ready: AtomicU64::new(keys),
            making: Mutex::new(()),
        }))
    }

    /// As [`Keyring::unseal`].
    ///
    /// # Errors
    /// As [`Keyring::unseal`].
    pub fn unseal(&self, sealed: &Sealed) -> Result<Vec<u8>, Error> {
        unseal(&self.0.cipher(sealed.key)?, sealed)
    }
}

impl Drop for Keyring {
    fn drop(&mut self) {
        drop(self.wake.take());
        // The file stays locked until nobody writes it.
        let _ = self.filling.take().map(JoinHandle::join);
    }
}

fn fill(file: &KeyFile, woken: &Receiver<()>) {
    while woken.recv().is_ok() {
        // A failure shows again, and to somebody who can act, when the keys run out.
        let _ = file.make_beyond(file.next.load(Ordering::Relaxed));
    }
}

impl KeyFile {
    /// Makes keys until more than `LOW_KEYS` are left behind `key`.
    fn make_beyond(&self, key: u64) -> Result<(), Error> {
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let ready = self.ready.load(Ordering::Acquire);
            if ready > key + LOW_KEYS {
                return Ok(());
            }
            let keys = self.entropy.block(ready)?;
            self.file.write_all_at(&keys, ready * KEY_BYTES).naming("writing", &self.path)?;
            disk::sync(&self.file, &self.path)?;
            self.ready.store(ready + BLOCK_KEYS, Ordering::Release);
        }
    }

    fn offset(&self, key: u64) -> Result<u64, Error> {
        let known = key < self.ready.load(Ordering::Acquire);
        known.then(|| key * KEY_BYTES).ok_or(Error::Unknown(key))
    }

    fn cipher(&self, key: u64) -> Result<LessSafeKey, Error> {
        let mut bytes = [0; 32];
        let offset = self.offset(key)?;
        self.file.read_exact_at(&mut bytes, offset).naming("reading", &self.path)?;
        if bytes == [0; 32] {
            return Err(Error::Erased(key));
        }
        let cipher = UnboundKey::new(&CHACHA20_POLY1305, &bytes);
        cipher.map(LessSafeKey::new).map_err(|_| Error::Damaged(key))
    }
}

impl Entropy {
    /// The keys from number `first` on.
    fn block(self, first: u64) -> Result<Vec<u8>, Error> {
        let bytes = usize::try_from(BLOCK_KEYS * KEY_BYTES).unwrap_or_default();
        let mut keys = vec![0; bytes];
        match self {
            Entropy::System => getrandom::fill(&mut keys).map_err(Error::Entropy)?,
            Entropy::Seed(seed) => {
                let mut hasher = blake3::Hasher::new_derive_key("doorbuster 2026 seeded keys");
                hasher.update(&seed.to_le_bytes()).update(&first.to_le_bytes());
                hasher.finalize_xof().fill(&mut keys);
            }
        }
        Ok(keys)
    }
}

/// Each key seals a field once, so the field alone makes the nonce.
fn nonce(field: u8) -> Nonce {
    Nonce::assume_unique_for_key([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, field])
}

/// Bound to the ciphertext: it opens only under its own key's number and field.
fn associated(key: u64, field: u8) -> [u8; 9] {
    let mut bytes = [field; 9];
    cut::put(&mut bytes, 0, &key.to_le_bytes());
    bytes
}

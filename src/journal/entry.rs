//! The frame of one entry: who it belongs to, under which circumstances, and its payload.
//!
//! ```text
//!  0  u32  length of the whole frame
//!  4  u8   kind: the place in `Kind::ALL`
//!  5  u8   length of the entity id
//!  6  u8   event version
//!  7  u8   flags: bits 0-2 by whom (admin, cart, order, product, shop), bit 3 fingerprint
//!  8  u64  entity sequence, the first is 1
//! 16  i64  at, milliseconds since the Unix epoch
//! 24  16B  command id
//! 40  ..   entity id: a SKU's text, otherwise 16 bytes
//!     16B  who, when it is a cart, an order or a product
//!     u64  fingerprint, when its flag is set
//!     ..   payload: a MessagePack map whose single key is the event's name
//! ```
//! Integers are little-endian. A frame has no checksum of its own: its batch's covers it. This is
//! the hot path, so writing goes straight into the batch's buffer and reading borrows from it.

use super::{Position, cut};
use crate::domain::{
    By, CartId, CommandId, Context, EntityId, Fingerprint, Kind, OrderId, ProductId, Sku, Time,
};
use uuid::Uuid;

const BY_BITS: u8 = 0b0111;
const FINGERPRINT_BIT: u8 = 0b1000;

/// All of an entry but its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Whose event it is.
    pub entity: EntityId,
    /// Which of the entity's events, counted from 1 without gaps.
    pub sequence: u64,
    /// The event's version.
    pub version: u8,
    /// What it was decided under.
    pub context: Context,
}

/// Why bytes are no entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The frame ends before its fields do.
    #[error("an entry ends before its fields do")]
    Short,
    /// Written by a newer version, or damaged.
    #[error("an entry has the unknown kind {0}; a newer version may have written it")]
    Kind(u8),
    /// Flags that no version wrote.
    #[error("an entry has the unknown flags {0:#010b}")]
    Flags(u8),
    /// The id breaks the rules of its kind.
    #[error("an entry has a malformed entity id")]
    Id,
}

/// Appends one frame to `buffer`; `payload` writes straight behind the head.
///
/// # Errors
/// What `payload` returned; the buffer is as it was.
pub fn write<E>(
    buffer: &mut Vec<u8>,
    entity: &EntityId,
    sequence: u64,
    version: u8,
    context: &Context,
    payload: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    let start = buffer.len();
    let id = entity.bytes();
    debug_assert!(id.len() <= Sku::MAX_BYTES, "ids are short by their types");
    let (by_tag, by_id) = split_by(&context.by);
    let flags = by_tag | if context.fingerprint.is_some() { FINGERPRINT_BIT } else { 0 };
    buffer.extend_from_slice(&[0; 4]);
    buffer.extend_from_slice(&[
        entity.kind() as u8,
        u8::try_from(id.len()).unwrap_or(u8::MAX),
        version,
        flags,
    ]);
    buffer.extend_from_slice(&sequence.to_le_bytes());
    buffer.extend_from_slice(&context.now.0.to_le_bytes());
    buffer.extend_from_slice(context.command.0.as_bytes());
    buffer.extend_from_slice(id);
    if let Some(id) = by_id {
        buffer.extend_from_slice(id.as_bytes());
    }
    if let Some(Fingerprint(print)) = context.fingerprint {
        buffer.extend_from_slice(&print.to_le_bytes());
    }
    if let Err(error) = payload(buffer) {
        buffer.truncate(start);
        return Err(error);
    }
    // A frame beyond 4 GB can't pass the batch limit, so the length it claims is never written.
    let length = u32::try_from(buffer.len() - start).unwrap_or(u32::MAX);
    cut::put(buffer, start, &length.to_le_bytes());
    Ok(())
}

/// One entry, borrowed from the bytes it was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryRef<'a> {
    /// Where its frame begins.
    pub position: Position,
    /// Whose kind.
    pub kind: Kind,
    /// The entity id's bytes, see [`EntityId::bytes`].
    pub id: &'a [u8],
    /// Which of the entity's events, counted from 1.
    pub sequence: u64,
    /// The event's version.
    pub version: u8,
    /// What it was decided under.
    pub context: Context,
    /// The event, encoded.
    pub payload: &'a [u8],
}

impl<'a> EntryRef<'a> {
    /// Cuts the first frame off `bytes`, which begin at `position`. Nothing is copied but numbers.
    ///
    /// # Errors
    /// The bytes are no entry.
    pub fn parse(
        bytes: &'a [u8],
        position: Position,
    ) -> Result<(EntryRef<'a>, &'a [u8]), Malformed> {
        let length = frame_bytes(bytes).ok_or(Malformed::Short)?;
        let (mut frame, rest) = bytes.split_at_checked(length).ok_or(Malformed::Short)?;
        let entry = Self::fields(&mut frame, position).ok_or(Malformed::Short)??;
        Ok((entry, rest))
    }

    /// `None` when the bytes run out.
    fn fields(frame: &mut &'a [u8], position: Position) -> Option<Result<Self, Malformed>> {
        cut::u32(frame)?;
        let [kind_number, id_bytes, version, flags] = cut::array(frame)?;
        let Some(&kind) = Kind::ALL.get(usize::from(kind_number)) else {
            return Some(Err(Malformed::Kind(kind_number)));
        };
        if (kind != Kind::Sku && id_bytes != 16) || id_bytes == 0 {
            return Some(Err(Malformed::Id));
        }
        let sequence = cut::u64(frame)?;
        let now = Time(i64::from_le_bytes(cut::array(frame)?));
        let command = CommandId(Uuid::from_bytes(cut::array(frame)?));
        let id = cut::slice(frame, usize::from(id_bytes))?;
        let by = match flags & BY_BITS {
            0 => By::Admin,
            1 => By::Cart(CartId(Uuid::from_bytes(cut::array(frame)?))),
            2 => By::Order(OrderId(Uuid::from_bytes(cut::array(frame)?))),
            3 => By::Product(ProductId(Uuid::from_bytes(cut::array(frame)?))),
            4 => By::Shop,
            _ => return Some(Err(Malformed::Flags(flags))),
        };
        let fingerprint = match flags & !BY_BITS {
            0 => None,
            FINGERPRINT_BIT => Some(Fingerprint(cut::u64(frame)?)),
            _ => return Some(Err(Malformed::Flags(flags))),
        };
        let context = Context { now, by, command, fingerprint };
        Some(Ok(EntryRef { position, kind, id, sequence, version, context, payload: frame }))
    }

    /// The entity. Allocates for a SKU.
    ///
    /// # Errors
    /// The id breaks the rules of its kind.
    pub fn entity(&self) -> Result<EntityId, Malformed> {
        EntityId::from_parts(self.kind, self.id).ok_or(Malformed::Id)
    }

    /// Everything but the payload, owned. Allocates for a SKU.
    ///
    /// # Errors
    /// The id breaks the rules of its kind.
    pub fn head(&self) -> Result<Head, Malformed> {
        let entity = self.entity()?;
        Ok(Head { entity, sequence: self.sequence, version: self.version, context: self.context })
    }
}

/// The length of the frame that `bytes` begin with; `None` when the length itself is cut off.
pub(super) fn frame_bytes(mut bytes: &[u8]) -> Option<usize> {
    cut::u32(&mut bytes).map(|length| length as usize)
}

/// The number of the kind of the frame that `bytes` begin with.
pub(super) fn kind_number(bytes: &[u8]) -> Option<u8> {
    bytes.get(4).copied()
}

fn split_by(by: &By) -> (u8, Option<&Uuid>) {
    match by {
        By::Admin => (0, None),
        By::Cart(CartId(id)) => (1, Some(id)),
        By::Order(OrderId(id)) => (2, Some(id)),
        By::Product(ProductId(id)) => (3, Some(id)),
        By::Shop => (4, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    fn frame(entity: &EntityId, context: &Context, payload: &[u8]) -> Vec<u8> {
        let mut buffer = Vec::new();
        write(&mut buffer, entity, 7, 2, context, |out| {
            out.extend_from_slice(payload);
            Ok::<(), Infallible>(())
        })
        .unwrap();
        buffer
    }

    fn context(by: By, fingerprint: Option<Fingerprint>) -> Context {
        Context { now: Time(-5), by, command: CommandId(Uuid::from_u128(3)), fingerprint }
    }

    fn sku() -> EntityId {
        EntityId::Sku(Sku::parse("TEE").unwrap())
    }

    #[test]
    fn an_entry_reads_what_it_writes() {
        let id = Uuid::from_u128(9);
        let entities = [sku(), CartId(id).into(), OrderId(id).into(), ProductId(id).into()];
        let askers = [
            By::Admin,
            By::Cart(CartId(id)),
            By::Order(OrderId(id)),
            By::Product(ProductId(id)),
            By::Shop,
        ];
        for entity in &entities {
            for by in askers {
                for fingerprint in [None, Some(Fingerprint(u64::MAX))] {
                    let context = context(by, fingerprint);
                    let bytes = frame(entity, &context, b"payload");
                    let (entry, rest) = EntryRef::parse(&bytes, Position(40)).unwrap();
                    assert_eq!(entry.position, Position(40));
                    assert_eq!((entry.kind, entry.id), (entity.kind(), entity.bytes()));
                    let head = Head { entity: entity.clone(), sequence: 7, version: 2, context };
                    assert_eq!(entry.head(), Ok(head));
                    assert_eq!(entry.payload, b"payload");
                    assert!(rest.is_empty());
                }
            }
        }
    }

    #[test]
    fn the_bytes_of_version_one_never_change() {
        let bytes = frame(&sku(), &context(By::Shop, Some(Fingerprint(1))), b"\x80");
        let mut expected = vec![52, 0, 0, 0, 0, 3, 2, 12, 7, 0, 0, 0, 0, 0, 0, 0];
        expected.extend_from_slice(&(-5i64).to_le_bytes());
        expected.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3]);
        expected.extend_from_slice(b"TEE\x01\0\0\0\0\0\0\0\x80");
        assert_eq!(bytes, expected);
    }

    #[test]
    fn kinds_keep_their_numbers() {
        for (number, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, number);
        }
    }

    #[test]
    fn a_payload_that_fails_leaves_the_buffer_as_it_was() {
        let mut buffer = b"before".to_vec();
        let result = write(&mut buffer, &sku(), 1, 1, &context(By::Admin, None), |out| {
            out.push(1);
            Err("no")
        });
        assert_eq!((result, buffer.as_slice()), (Err("no"), b"before".as_slice()));
    }

    #[test]
    fn every_cut_and_every_foreign_tag_is_refused() {
        let good = frame(&CartId(Uuid::from_u128(9)).into(), &context(By::Admin, None), b"");
        for length in 0..good.len() {
            assert!(EntryRef::parse(&good[..length], Position(0)).is_err(), "cut at {length}");
        }
        let with = |at: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[at] = byte;
            EntryRef::parse(&bytes, Position(0)).map(|_| ())
        };
        assert_eq!(with(0, 39), Err(Malformed::Short));
        assert_eq!(with(4, 5), Err(Malformed::Kind(5)));
        assert_eq!(with(5, 15), Err(Malformed::Id));
        assert_eq!(with(7, 5), Err(Malformed::Flags(5)));
        assert_eq!(with(7, 16), Err(Malformed::Flags(16)));
    }
}

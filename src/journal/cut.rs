//! Cutting fields off the front of a byte slice, so that no parser here indexes.

/// The next `N` bytes; `None` when fewer are left.
pub(super) fn array<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (field, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*field)
}

/// The next `len` bytes; `None` when fewer are left.
pub(super) fn slice<'a>(bytes: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (field, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    Some(field)
}

/// The next byte.
pub(super) fn u8(bytes: &mut &[u8]) -> Option<u8> {
    array::<1>(bytes).map(|[byte]| byte)
}

/// The next four bytes, little-endian.
pub(super) fn u32(bytes: &mut &[u8]) -> Option<u32> {
    array(bytes).map(u32::from_le_bytes)
}

/// The next eight bytes, little-endian.
pub(super) fn u64(bytes: &mut &[u8]) -> Option<u64> {
    array(bytes).map(u64::from_le_bytes)
}

/// Overwrites `bytes` from `at` with `field`; what does not fit is a bug of the caller.
pub(super) fn put(bytes: &mut [u8], at: usize, field: &[u8]) {
    let place = bytes.get_mut(at..at.saturating_add(field.len()));
    assert!(place.is_some(), "no room for {} bytes at {at}", field.len());
    if let Some(place) = place {
        place.copy_from_slice(field);
    }
}

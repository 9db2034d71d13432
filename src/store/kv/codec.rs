//! How a record becomes the bytes of an index entry: `format (1 byte) ‖ payload ‖ crc32 (4 bytes, little-endian)`.
//!
//! The payload is bincode of a frozen struct, or the raw bytes of an entry that only its owner understands. The
//! structs never change: a new shape is a new struct and a new format byte, and the old one stays readable.

use bincode::Options;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::store::error::StoreError;

/// The only format so far.
const FORMAT: u8 = 1;
/// No record is nearly as large; a damaged length must not make us allocate.
const MAX_RECORD: u64 = 64 * 1024;
/// Blobs are checked by their hash before they are decoded; the limit only bounds a mistake of our own.
const MAX_BODY: u64 = 1 << 32;

/// A record as bytes.
pub(crate) fn seal<T: Serialize>(record: &T) -> Result<Vec<u8>, StoreError> {
    let payload = bincode::DefaultOptions::new()
        .with_limit(MAX_RECORD)
        .serialize(record)
        .map_err(|_| StoreError::TooLarge { what: "a record".into() })?;
    Ok(seal_raw(&payload))
}

/// Opaque bytes with format and checksum.
pub(crate) fn seal_raw(payload: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(payload.len() + 5);
    sealed.push(FORMAT);
    sealed.extend_from_slice(payload);
    let crc = crc32fast::hash(&sealed);
    sealed.extend_from_slice(&crc.to_le_bytes());
    sealed
}

/// A record from its bytes; `what` names it in the error.
pub(crate) fn open<T: DeserializeOwned>(what: &str, sealed: &[u8]) -> Result<T, StoreError> {
    let payload = open_raw(what, sealed)?;
    bincode::DefaultOptions::new()
        .with_limit(MAX_RECORD)
        .deserialize(payload)
        .map_err(|error| StoreError::corrupt(format!("a record of `{what}` does not decode ({error})")))
}

/// Opaque bytes without format and checksum.
pub(crate) fn open_raw<'a>(what: &str, sealed: &'a [u8]) -> Result<&'a [u8], StoreError> {
    let (rest, crc) = sealed
        .split_last_chunk::<4>()
        .ok_or_else(|| StoreError::corrupt(format!("a record of `{what}` is cut short")))?;
    if crc32fast::hash(rest) != u32::from_le_bytes(*crc) {
        return Err(StoreError::corrupt(format!("a record of `{what}` fails its checksum")));
    }
    match rest.split_first() {
        Some((&FORMAT, payload)) => Ok(payload),
        Some((other, _)) => Err(StoreError::corrupt(format!("a record of `{what}` has the format {other}"))),
        None => Err(StoreError::corrupt(format!("a record of `{what}` is empty"))),
    }
}

/// A body's struct as bytes; the body carries its own checksum.
pub(crate) fn body_bytes<T: Serialize>(what: &str, value: &T) -> Result<Vec<u8>, StoreError> {
    bincode::DefaultOptions::new()
        .with_limit(MAX_BODY)
        .serialize(value)
        .map_err(|_| StoreError::TooLarge { what: what.into() })
}

/// The inverse of [`body_bytes`].
pub(crate) fn from_body_bytes<T: DeserializeOwned>(what: &str, bytes: &[u8]) -> Result<T, StoreError> {
    bincode::DefaultOptions::new()
        .with_limit(MAX_BODY)
        .deserialize(bytes)
        .map_err(|error| StoreError::corrupt(format!("{what} does not decode ({error})")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_bytes_are_frozen() {
        let sealed = seal(&(7u32, "ab".to_string(), Some([1u8, 2]))).unwrap();
        assert_eq!(hex::encode(&sealed), "01070261620101025d1b4de2");
        assert_eq!(
            open::<(u32, String, Option<[u8; 2]>)>("t", &sealed).unwrap(),
            (7, "ab".to_string(), Some([1, 2]))
        );
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let sealed = seal(&(1u64 << 40, vec![1u8, 2, 3])).unwrap();
        for bit in 0..sealed.len() * 8 {
            let mut bad = sealed.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(open::<(u64, Vec<u8>)>("t", &bad).is_err(), "bit {bit}");
        }
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_bytes_do_not_panic(bytes: Vec<u8>) {
            let _ = open::<(u64, String, Vec<Option<u32>>)>("t", &bytes);
            let _ = open::<(u64, String, Vec<Option<u32>>)>("t", &seal_raw(&bytes));
        }
    }
}

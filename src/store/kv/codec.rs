//! The bytes of a record in the kv: `format (1 byte) ‖ payload ‖ crc32 (4 bytes, little-endian)`.
//!
//! The payload is a frozen struct in bincode, or raw bytes with a meaning of their own, as in
//! `account_tree`. The structs never change: a new layout is a new struct with a new format byte,
//! and the old one stays readable.

use bincode::Options;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::store::error::StoreError;

/// The only format so far.
const FORMAT: u8 = 1;
/// Largest payload of a record, in bytes. All are far smaller; it bounds allocations for a damaged
/// length.
const MAX_RECORD: u64 = 64 * 1024;
/// Largest struct in a blob, in bytes. Blobs are checked against their hash before they are
/// decoded, so this bounds bugs only.
const MAX_BLOB: u64 = 1 << 32;

/// Encodes a record.
pub(crate) fn seal<T: Serialize>(record: &T) -> Result<Vec<u8>, StoreError> {
    let payload = bincode::DefaultOptions::new()
        .with_limit(MAX_RECORD)
        .serialize(record)
        .map_err(|_| StoreError::TooLarge { what: "a record".into() })?;
    Ok(seal_raw(&payload))
}

/// Adds format and checksum to a payload.
pub(crate) fn seal_raw(payload: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(payload.len() + 5);
    sealed.push(FORMAT);
    sealed.extend_from_slice(payload);
    let crc = crc32fast::hash(&sealed);
    sealed.extend_from_slice(&crc.to_le_bytes());
    sealed
}

/// Decodes a record; `what` names its table in the error.
pub(crate) fn open<T: DeserializeOwned>(what: &str, sealed: &[u8]) -> Result<T, StoreError> {
    open_payload(what, open_raw(what, sealed)?)
}

/// Decodes the payload of a record.
pub(crate) fn open_payload<T: DeserializeOwned>(what: &str, payload: &[u8]) -> Result<T, StoreError> {
    bincode::DefaultOptions::new()
        .with_limit(MAX_RECORD)
        .deserialize(payload)
        .map_err(|error| StoreError::corrupt(format!("a record of `{what}` does not decode ({error})")))
}

/// Checks format and checksum, and returns the payload.
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

/// Checks format and checksum, and removes them in place.
pub(crate) fn unseal(what: &str, mut sealed: Vec<u8>) -> Result<Vec<u8>, StoreError> {
    let payload = open_raw(what, &sealed)?.len();
    sealed.drain(..1);
    sealed.truncate(payload);
    Ok(sealed)
}

/// Encodes a struct for a blob, which has its own checksum.
pub(crate) fn encode<T: Serialize>(what: &str, value: &T) -> Result<Vec<u8>, StoreError> {
    bincode::DefaultOptions::new()
        .with_limit(MAX_BLOB)
        .serialize(value)
        .map_err(|_| StoreError::TooLarge { what: what.into() })
}

/// Decodes the output of [`encode`].
pub(crate) fn decode<T: DeserializeOwned>(what: &str, bytes: &[u8]) -> Result<T, StoreError> {
    bincode::DefaultOptions::new()
        .with_limit(MAX_BLOB)
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

//! Byte form of proofs and verification keys: big-endian, each vector preceded by its length
//! (docs/protocol/02-types-json.md §10).

use super::point::G1Point;
use crate::crypto::{Fr, fr};

/// The reason why bytes are not a proof or a verification key. `item` names the field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The bytes end too early.
    #[error("the bytes end within {item}")]
    Truncated {
        /// Name of the field.
        item: &'static str,
    },
    /// A vector claims more items than bytes are left.
    #[error("{item} claims {count} items, more than the remaining bytes can hold")]
    CountBeyondEnd {
        /// Name of the field.
        item: &'static str,
        /// Claimed number of items.
        count: u64,
    },
    /// An integer is not below the modulus.
    #[error("{item} is not a field element")]
    NotInField {
        /// Name of the field.
        item: &'static str,
    },
    /// The bytes are not a point of the curve.
    #[error("{item} is not on the curve")]
    NotOnCurve {
        /// Name of the field.
        item: &'static str,
    },
    /// An option is neither absent (0) nor present (1).
    #[error("{item} has the flag {flag}")]
    BadFlag {
        /// Name of the field.
        item: &'static str,
        /// Value of the flag.
        flag: u64,
    },
    /// Bytes follow the last field.
    #[error("{0} bytes follow the last field")]
    TrailingBytes(usize),
    /// A vector does not have the length that proofs and keys of the circuit have.
    #[error("{item} has {actual} items instead of {expected}")]
    WrongCount {
        /// Name of the field.
        item: &'static str,
        /// Required number of items.
        expected: usize,
        /// Actual number of items.
        actual: usize,
    },
}

/// Refuses a vector whose length is not that of the circuit's proofs and keys.
pub(super) fn check_count(item: &'static str, expected: usize, actual: usize) -> Result<(), ProofError> {
    if expected == actual { Ok(()) } else { Err(ProofError::WrongCount { item, expected, actual }) }
}

/// An item of a proof or a key.
pub(super) trait Item: Sized {
    /// Length of the byte form.
    const BYTES: usize;
    fn read(reader: &mut Reader<'_>, item: &'static str) -> Result<Self, ProofError>;
    fn write(&self, bytes: &mut Vec<u8>);
}

/// Reads items from the front of a byte slice.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl Reader<'_> {
    pub(super) fn array<const N: usize>(&mut self, item: &'static str) -> Result<[u8; N], ProofError> {
        let (head, rest) = self.0.split_first_chunk().ok_or(ProofError::Truncated { item })?;
        self.0 = rest;
        Ok(*head)
    }

    pub(super) fn item<T: Item>(&mut self, item: &'static str) -> Result<T, ProofError> {
        T::read(self, item)
    }

    /// Reads a length and as many items. The length is checked before anything is allocated.
    pub(super) fn vec<T: Item>(&mut self, item: &'static str) -> Result<Vec<T>, ProofError> {
        let count: u64 = self.item(item)?;
        let fits = usize::try_from(count).ok().filter(|count| *count <= self.0.len() / T::BYTES);
        let fits = fits.ok_or(ProofError::CountBeyondEnd { item, count })?;
        (0..fits).map(|_| self.item(item)).collect()
    }

    pub(super) fn option<T: Item>(&mut self, item: &'static str) -> Result<Option<T>, ProofError> {
        match self.item(item)? {
            0u64 => Ok(None),
            1 => self.item(item).map(Some),
            flag => Err(ProofError::BadFlag { item, flag }),
        }
    }

    pub(super) fn end(self) -> Result<(), ProofError> {
        match self.0.len() {
            0 => Ok(()),
            left => Err(ProofError::TrailingBytes(left)),
        }
    }
}

/// Appends items to a byte vector.
#[derive(Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn item<T: Item>(mut self, item: &T) -> Self {
        item.write(&mut self.0);
        self
    }

    pub(super) fn vec<T: Item>(self, items: &[T]) -> Self {
        items.iter().fold(self.item(&(items.len() as u64)), Self::item)
    }

    pub(super) fn option<T: Item>(self, option: &Option<T>) -> Self {
        self.vec(option.as_slice())
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.0
    }
}

impl Item for u64 {
    const BYTES: usize = 8;
    fn read(reader: &mut Reader<'_>, item: &'static str) -> Result<Self, ProofError> {
        reader.array(item).map(u64::from_be_bytes)
    }
    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.to_be_bytes());
    }
}

impl Item for Fr {
    const BYTES: usize = 32;
    fn read(reader: &mut Reader<'_>, item: &'static str) -> Result<Self, ProofError> {
        fr::from_bytes(&reader.array(item)?).map_err(|_| ProofError::NotInField { item })
    }
    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend(fr::to_bytes(self));
    }
}

impl Item for G1Point {
    const BYTES: usize = G1Point::BYTES;
    fn read(reader: &mut Reader<'_>, item: &'static str) -> Result<Self, ProofError> {
        G1Point::from_bytes(reader.array(item)?).ok_or(ProofError::NotOnCurve { item })
    }
    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.to_bytes());
    }
}

impl<A: Item, B: Item> Item for (A, B) {
    const BYTES: usize = A::BYTES + B::BYTES;
    fn read(reader: &mut Reader<'_>, item: &'static str) -> Result<Self, ProofError> {
        Ok((reader.item(item)?, reader.item(item)?))
    }
    fn write(&self, bytes: &mut Vec<u8>) {
        self.0.write(bytes);
        self.1.write(bytes);
    }
}

impl<A: Item, B: Item, C: Item> Item for (A, B, C) {
    const BYTES: usize = A::BYTES + B::BYTES + C::BYTES;
    fn read(reader: &mut Reader<'_>, item: &'static str) -> Result<Self, ProofError> {
        Ok((reader.item(item)?, reader.item(item)?, reader.item(item)?))
    }
    fn write(&self, bytes: &mut Vec<u8>) {
        self.0.write(bytes);
        self.1.write(bytes);
        self.2.write(bytes);
    }
}

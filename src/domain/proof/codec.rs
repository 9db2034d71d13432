//! Byte form of proofs and verification keys: big-endian, vectors with a count in front (spec 02 §10).

use super::G1Point;
use crate::crypto::{Fr, fr};

/// What is wrong with the bytes of a proof or of a verification key. `item` is the field at which it was noticed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The bytes end too early.
    #[error("the bytes end within {item}")]
    Truncated {
        /// Field.
        item: &'static str,
    },
    /// A vector claims more items than bytes are left.
    #[error("{item} claims {count} items, more than there is room for")]
    CountBeyondEnd {
        /// Field.
        item: &'static str,
        /// What it claims.
        count: u64,
    },
    /// An integer is not below the modulus.
    #[error("{item} is not a field element")]
    NotInField {
        /// Field.
        item: &'static str,
    },
    /// Bytes are no point of the curve.
    #[error("{item} is not on the curve")]
    NotOnCurve {
        /// Field.
        item: &'static str,
    },
    /// An option is neither absent (0) nor present (1).
    #[error("{item} has the flag {flag}")]
    BadFlag {
        /// Field.
        item: &'static str,
        /// Its flag.
        flag: u64,
    },
    /// Bytes are left behind the last field.
    #[error("{0} bytes follow the last field")]
    TrailingBytes(usize),
    /// A vector does not have the length that proofs and keys of the circuit have.
    #[error("{item} has {actual} items instead of {expected}")]
    WrongCount {
        /// Field.
        item: &'static str,
        /// Items it should have.
        expected: usize,
        /// Items it has.
        actual: usize,
    },
}

/// Refuses a length that is not that of the circuit's proofs and keys.
pub(super) fn check_count(item: &'static str, expected: usize, actual: usize) -> Result<(), ProofError> {
    if expected == actual { Ok(()) } else { Err(ProofError::WrongCount { item, expected, actual }) }
}

/// An item of a proof or a key.
pub(super) trait Item: Sized {
    /// Length of every item of the type.
    const BYTES: usize;
    fn read(reader: &mut Reader<'_>, item: &'static str) -> Result<Self, ProofError>;
    fn write(&self, bytes: &mut Vec<u8>);
}

/// Reads bytes front to back.
pub(super) struct Reader<'a>(pub &'a [u8]);

impl Reader<'_> {
    pub fn array<const N: usize>(&mut self, item: &'static str) -> Result<[u8; N], ProofError> {
        let (head, rest) = self.0.split_first_chunk().ok_or(ProofError::Truncated { item })?;
        self.0 = rest;
        Ok(*head)
    }

    pub fn item<T: Item>(&mut self, item: &'static str) -> Result<T, ProofError> {
        T::read(self, item)
    }

    /// A count and that many items. The count is checked before anything is allocated.
    pub fn vec<T: Item>(&mut self, item: &'static str) -> Result<Vec<T>, ProofError> {
        let count: u64 = self.item(item)?;
        let fits = usize::try_from(count).ok().filter(|count| *count <= self.0.len() / T::BYTES);
        let fits = fits.ok_or(ProofError::CountBeyondEnd { item, count })?;
        (0..fits).map(|_| self.item(item)).collect()
    }

    pub fn option<T: Item>(&mut self, item: &'static str) -> Result<Option<T>, ProofError> {
        match self.item(item)? {
            0u64 => Ok(None),
            1 => self.item(item).map(Some),
            flag => Err(ProofError::BadFlag { item, flag }),
        }
    }

    pub fn end(self) -> Result<(), ProofError> {
        match self.0.len() {
            0 => Ok(()),
            left => Err(ProofError::TrailingBytes(left)),
        }
    }
}

/// Writes bytes front to back.
#[derive(Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub fn item<T: Item>(mut self, item: &T) -> Self {
        item.write(&mut self.0);
        self
    }

    pub fn vec<T: Item>(self, items: &[T]) -> Self {
        items.iter().fold(self.item(&(items.len() as u64)), Self::item)
    }

    pub fn option<T: Item>(self, option: &Option<T>) -> Self {
        self.vec(option.as_slice())
    }

    pub fn finish(self) -> Vec<u8> {
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

//! The primitives of zkSync Lite: the field, the Rescue hash, float packing and the MuSig-Rescue
//! signature (docs/protocol/01-primitives.md). This module knows no accounts, transactions or
//! blocks.
//!
//! | module | contents |
//! | --- | --- |
//! | [`fr`] | field elements as bytes, hex and JSON |
//! | `bits` | bit order, packing of bits into field elements |
//! | [`packed_float`] | amounts and fees as mantissa and exponent |
//! | [`rescue`] | the hash, alone and in batches |
//! | [`signature`] | keys, signatures, hashes of signed messages |
//! | [`ethereum`] | Keccak-256, keys and signatures of Ethereum |
//! | `montgomery` | fast arithmetic in the field |
//! | `edwards` | the curve of the keys |

pub(crate) mod bits;
mod edwards;
pub(crate) mod ethereum;
pub(crate) mod fr;
mod montgomery;
pub(crate) mod packed_float;
pub(crate) mod rescue;
pub(crate) mod signature;
#[cfg(test)]
mod test_vectors;

/// An element of the field of all hashes and witnesses: the scalar field of BN254.
pub use franklin_crypto::bellman::pairing::bn256::Fr;

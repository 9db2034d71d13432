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

pub mod bits;
#[cfg(test)]
#[path = "../testing/dice.rs"]
#[allow(dead_code)]
mod dice;
mod edwards;
pub mod ethereum;
pub mod fr;
mod montgomery;
#[cfg(any(test, feature = "testing"))]
pub mod naive_hash;
#[cfg(any(test, feature = "testing"))]
pub mod naive_signature;
pub mod packed_float;
pub mod rescue;
pub mod signature;
#[cfg(test)]
mod test_vectors;

/// An element of the field of all hashes and witnesses: the scalar field of BN254.
pub use franklin_crypto::bellman::pairing::bn256::Fr;

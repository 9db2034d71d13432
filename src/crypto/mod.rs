//! The primitives of zkSync Lite: the field, the Rescue hash, float packing and the MuSig-Rescue signature
//! (specification part 1). Nothing here knows accounts, transactions or blocks.
//!
//! | module | what |
//! | --- | --- |
//! | [`fr`] | field elements as bytes, hex and JSON |
//! | [`bits`] | bit order conventions, packing of bits into field elements |
//! | [`packed_float`] | amounts and fees as mantissa and exponent |
//! | [`rescue`] | the hash, alone and in batches |
//! | [`signature`] | keys, signatures, hashes of signed messages |

pub mod bits;
mod edwards;
pub mod fr;
mod montgomery;
pub mod packed_float;
pub mod rescue;
pub mod signature;
#[cfg(test)]
mod test_vectors;

/// The field everything is computed in: the scalar field of BN254.
pub use franklin_crypto::bellman::pairing::bn256::Fr;

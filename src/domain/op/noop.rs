//! Noop: fills the rest of a block.

use super::OpError;
use crate::domain::{CHUNK_BYTES, LEGACY_CHUNK_BYTES};
use serde::{Deserialize, Serialize};

/// Nothing, for one chunk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoopOp {}

impl NoopOp {
    /// First byte of the public data.
    pub const OP_CODE: u8 = 0x00;
    /// Chunks of the operation.
    pub const CHUNKS: usize = 1;

    /// One chunk of zeros.
    pub fn public_data(&self) -> Vec<u8> {
        vec![0; CHUNK_BYTES]
    }

    /// Inverse of [`Self::public_data`].
    pub fn from_public_data(data: &[u8]) -> Result<Self, OpError> {
        Self::read(data, CHUNK_BYTES)
    }

    /// The form before contracts version 6.
    pub fn from_legacy_public_data(data: &[u8]) -> Result<Self, OpError> {
        Self::read(data, LEGACY_CHUNK_BYTES)
    }

    fn read(data: &[u8], expected: usize) -> Result<Self, OpError> {
        if data.len() != expected {
            return Err(OpError::Length { expected, actual: data.len() });
        }
        if data.iter().any(|byte| *byte != 0) {
            return Err(OpError::NonZeroNoop);
        }
        Ok(Self {})
    }
}

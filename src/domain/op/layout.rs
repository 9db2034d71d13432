//! Common properties of all operations: code, number of chunks, public data.

use crate::domain::ids::CHUNK_BYTES;
use crate::domain::wire::{WireError, Writer};

/// The place of an operation in the public data of its block.
pub(crate) trait Layout {
    /// First byte of the public data, `tx_type` in the circuit.
    const OP_CODE: u8;
    /// Number of chunks.
    const CHUNKS: usize;
    /// True if the contract processes the operation: its first chunk is flagged in the commitment.
    const IS_ONCHAIN: bool;

    /// Writes the fields that follow the operation code.
    fn fields(&self, data: Writer) -> Result<Writer, WireError>;

    /// Returns the public data, padded with zeros to whole chunks.
    fn public_data(&self) -> Result<Vec<u8>, WireError> {
        Ok(self.fields(Writer::new(Self::OP_CODE))?.padded(Self::CHUNKS * CHUNK_BYTES))
    }

    /// Returns the number of chunks that the operation takes in its block.
    fn chunks(&self) -> usize {
        Self::CHUNKS
    }

    /// Returns [`Self::OP_CODE`].
    fn op_code(&self) -> u8 {
        Self::OP_CODE
    }

    /// Returns [`Self::IS_ONCHAIN`].
    fn is_onchain(&self) -> bool {
        Self::IS_ONCHAIN
    }
}

//! Noop: fills the rest of a block.

use super::layout::Layout;
use crate::domain::wire::{WireError, Writer};
use serde::{Deserialize, Serialize};

/// An operation without effect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoopOp {}

impl Layout for NoopOp {
    const OP_CODE: u8 = 0x00;
    const CHUNKS: usize = 1;
    const IS_ONCHAIN: bool = false;

    fn fields(&self, data: Writer) -> Result<Writer, WireError> {
        Ok(data)
    }
}

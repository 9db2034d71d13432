//! Close, 1 chunk: disabled in the protocol, so a block that contains one is refused
//! (docs/protocol/03-operations.md §14, docs/protocol/04-witness.md §5.11).

use super::chunk::PlannedChunks;
use crate::witness::error::Cause;

pub(super) fn plan() -> Result<PlannedChunks, Cause> {
    Err(Cause::Disabled)
}

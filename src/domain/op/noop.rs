//! Noop: fills the rest of a block.

use serde::{Deserialize, Serialize};

/// Nothing, for one chunk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoopOp {}

//! Quarantine: the consequences of a wrong root or a wrong commitment of a block.
//!
//! | fault | found by | consequence |
//! | --- | --- | --- |
//! | operations or account updates do not fit the state | `import` | the import is refused |
//! | the commitment differs from the computed one | `import` | the block is stored and quarantined |
//! | the root differs, or an operation has no witness | `maintainer` | the stored block is quarantined |
//!
//! A quarantined block gets no witness, and the blocks after it wait. An operator reverts to the
//! block before it and imports it again, or retries it with [`Node::retry`](super::Node::retry).

use crate::domain::Quarantine;
use crate::witness::WitnessError;

/// Returns the quarantine of a block for an error that a retry cannot remove. The store sets its
/// time.
pub(super) fn of(error: &WitnessError) -> Quarantine {
    Quarantine {
        reason: error.cause.to_string(),
        operation: error.operation.map(|(index, _)| u32::try_from(index).unwrap_or(u32::MAX)),
        kind: error.operation.map(|(_, kind)| kind.to_string()),
        at_ms: 0,
    }
}

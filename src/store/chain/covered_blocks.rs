//! The blocks that aggregated operations cover without a gap.

use crate::domain::AggregatedAction;

/// The last block before the first gap in the operations of each action, as far as it was looked up:
/// the next look-up continues there. A reopened kv may lack operations that were not synced, so each
/// generation of the kv begins again.
#[derive(Debug, Default)]
pub(crate) struct CoveredBlocks {
    /// Generation of the kv in which the blocks were looked up.
    pub generation: u64,
    /// Last block, by action.
    pub ends: [u32; AggregatedAction::ALL.len()],
}

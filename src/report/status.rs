//! State of a data folder.

use super::heads::ProvenHeads;
use crate::{
    api::views::{
        BlockNumbers, GenesisStatus, JobTotals, OperationNumbers, QuarantinedBlock, SpaceStatus, Status,
        StorageStatus, WithheldProver, WitnessFaultView,
    },
    domain::AggregatedAction,
    domain::{H256, job::JobType},
    store::{JobCounts, ProverRecord, SpaceState, Store, StoreBytes, StoreError, WitnessFault},
};

/// Maximum number of quarantined blocks in the view; the first one is what an operator has to look
/// at.
const MAX_QUARANTINED: usize = 100;

/// Maximum number of suspended and blocked provers in the view.
const MAX_WITHHELD: usize = 20;

impl From<StoreBytes> for StorageStatus {
    fn from(StoreBytes { kv: index, blobs, journal }: StoreBytes) -> Self {
        Self { index_bytes: index, blobs_bytes: blobs, journal_bytes: journal }
    }
}

/// Returns the state of a store.
pub(crate) fn status(store: &Store) -> Result<Status, StoreError> {
    status_with_seen(store, std::iter::empty(), ProvenHeads::default())
}

/// Returns the state of a store; `seen` are names of provers that count beside those that hold
/// jobs, `before` is the result of an earlier search.
pub(crate) fn status_with_seen(
    store: &Store,
    seen: impl Iterator<Item = String>,
    before: ProvenHeads,
) -> Result<Status, StoreError> {
    // Read from the last stage to the first, so that no head is behind what follows from it.
    let verified = store.chain().last_verified_block()?;
    let ProvenHeads { proven, aggregated } = before.advanced(store, verified)?;
    let witnessed = store.tree().head()?;
    let head = store.chain().head()?;
    let mut provers = store.queue().holders();
    provers.extend(seen);
    let (suspended, blocked) = store.queue().withheld_provers();
    let genesis = store.chain().genesis()?;
    let JobCounts { idle, in_progress, done, failed } = store.queue().counts()?;
    let quarantined = store.chain().quarantined_from(0, MAX_QUARANTINED)?.into_iter();
    let quarantined = quarantined.map(|(block, quarantine)| QuarantinedBlock { block, quarantine });
    let SpaceState { free_bytes, min_free_bytes, low } = store.space();
    let last = |action| store.chain().last_block_of(action);
    Ok(Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        genesis: genesis.map(|genesis| GenesisStatus {
            block: genesis.number,
            root: H256(genesis.root).to_string(),
            accounts: genesis.accounts,
        }),
        blocks: BlockNumbers {
            head,
            witnessed,
            proven,
            aggregated,
            verified,
            quarantined: quarantined.collect(),
        },
        witness_fault: store.tree().fault.of(witnessed.saturating_add(1)).map(|fault| {
            let WitnessFault { block, cause } = fault;
            WitnessFaultView { block, cause }
        }),
        jobs: JobTotals {
            idle,
            in_progress,
            done,
            failed,
            pending: store.queue().pending_jobs()?,
            last_single_block: store.queue().last_block_in_queue(JobType::Single)?,
            last_aggregated_block: store.queue().last_block_in_queue(JobType::Aggregated)?,
            paused_at_ms: store.queue().paused_at_ms()?,
            claimable_since_ms: store.queue().claimable_since_ms()?,
        },
        aggregated_operations: OperationNumbers {
            commit_blocks: last(AggregatedAction::CommitBlocks)?,
            create_proof_blocks: last(AggregatedAction::CreateProofBlocks)?,
            publish_proof_blocks_onchain: last(AggregatedAction::PublishProofBlocksOnchain)?,
            execute_blocks: last(AggregatedAction::ExecuteBlocks)?,
        },
        space: SpaceStatus { free_bytes, min_free_bytes, low },
        storage: None,
        node: None,
        provers: provers.len() as u64,
        provers_suspended: suspended,
        provers_blocked: blocked,
        provers_withheld: withheld(store),
    })
}

fn withheld(store: &Store) -> Vec<WithheldProver> {
    let now_ms = store.queue().now_ms();
    let provers = store.queue().first_withheld(MAX_WITHHELD).into_iter();
    let view = |(name, prover): (String, ProverRecord)| WithheldProver {
        name,
        suspended_until_ms: (prover.suspended_ms(now_ms) > 0).then_some(prover.suspended_until_ms),
        blocked_at_ms: prover.blocked_at_ms,
    };
    provers.map(view).collect()
}

//! Plans blocks: executes their operations in order, then credits the fees.

use super::args::Args;
use super::chunk::{Branch, Chunk, PlannedChunks};
use super::fees::Fees;
use super::walk::Walk;
use super::{
    change_pub_key, close, deposit, forced_exit, full_exit, mint_nft, swap, transfer, transfer_to_new,
    withdraw, withdraw_nft,
};
use crate::domain::{Block, PROCESSABLE_TOKENS, ZkSyncOp};
use crate::tree::{LeafUpdate, Version};
use crate::witness::error::{Cause, WitnessError};
use crate::witness::signatures::{self, SignatureCheck, SignatureData};
use crate::witness::state::State;

/// One planned operation.
#[derive(Debug)]
pub struct PlannedOp {
    /// Operation code, `tx_type` in the circuit.
    pub code: u8,
    /// Public data, ten bytes per chunk.
    pub public_data: Vec<u8>,
    /// Chunks in order.
    pub chunks: Vec<Chunk>,
    /// Arguments common to all chunks.
    pub args: Args,
    /// Signatures to which the chunks refer; one all-false entry for an operation without a
    /// signature.
    pub signatures: Vec<SignatureData>,
}

/// The parts of a block's witness that need no hash.
#[derive(Debug)]
pub struct Plan {
    /// Block number.
    pub number: u32,
    /// Operations in block order, without padding.
    pub operations: Vec<PlannedOp>,
    /// Number of Noop chunks after the operations.
    pub padding: usize,
    /// Branch that each Noop chunk shows on both sides.
    pub noop: Branch,
    /// Leaf updates of all operations, then of the fees.
    pub updates: Vec<LeafUpdate>,
    /// Version before the block: 0 for the first block of a [`Planner`].
    pub before: Version,
    /// Version after all operations, before the fees.
    pub operated: Version,
    /// Version after the fees, the last one of the block.
    pub last: Version,
    /// Id of the fee account.
    pub fee_account: u32,
    /// Balances of the fee account in tokens `0..1024` before the fees.
    pub fee_account_balances: Vec<u128>,
}

impl Plan {
    /// Returns the (account, token) pairs whose paths the witness shows.
    pub(crate) fn reads(&self) -> Vec<(u32, u32)> {
        let chunks = self.operations.iter().flat_map(|op| &op.chunks);
        let mut reads: Vec<(u32, u32)> = chunks
            .flat_map(|chunk| [chunk.lhs, chunk.rhs])
            .chain([self.noop])
            .map(|branch| (branch.account, branch.token))
            .collect();
        reads.sort_unstable();
        reads.dedup();
        reads
    }
}

/// Plans a block on the state before it. `signatures` are the outcomes of
/// [`check_signatures`](crate::witness::check_signatures) for this block.
///
/// # Errors
/// If an operation does not match the state, or the state cannot be read.
pub fn plan(block: &Block, signatures: &[SignatureCheck], state: &dyn State) -> Result<Plan, WitnessError> {
    Planner::new(state).next(block, signatures)
}

/// Plans consecutive blocks, each on the state after the one before; versions are counted through
/// all of them.
pub struct Planner<'a>(Walk<'a>);

impl<'a> Planner<'a> {
    /// Starts with the state before the first block.
    pub fn new(state: &'a dyn State) -> Self {
        Self(Walk::new(state))
    }

    /// Plans the next block as [`plan`] does. The planner must not be used after an error.
    pub fn next(&mut self, block: &Block, signatures: &[SignatureCheck]) -> Result<Plan, WitnessError> {
        let number = block.block_number.0;
        let in_block = |cause| WitnessError { block: number, operation: None, cause };
        if signatures.len() != block.block_transactions.len() {
            return Err(in_block(Cause::SignatureOutcomes));
        }
        let walk = &mut self.0;
        let before = walk.version();
        let mut operations = Vec::new();
        let mut fees = Fees::new(block.fee_account.0);
        for (index, (executed, signature)) in block.block_transactions.iter().zip(signatures).enumerate() {
            let Some(op) = executed.op() else { continue };
            if matches!(op, ZkSyncOp::Noop(_)) {
                continue;
            }
            let planned = plan_operation(op, *signature, walk).and_then(|planned| {
                fees.add(op)?;
                Ok(planned)
            });
            let operation = Some((index, op.kind()));
            operations.push(planned.map_err(|cause| WitnessError { block: number, operation, cause })?);
        }
        finish(block, operations, &fees, before, walk).map_err(in_block)
    }
}

fn finish(
    block: &Block,
    operations: Vec<PlannedOp>,
    fees: &Fees,
    before: Version,
    walk: &mut Walk<'_>,
) -> Result<Plan, Cause> {
    let size = block.block_chunks_size;
    let needed = operations.iter().map(|op| op.chunks.len()).sum();
    if size == 0 {
        return Err(Cause::NoChunks);
    }
    let padding = size.checked_sub(needed).ok_or(Cause::TooManyChunks { needed, size })?;
    let fee_account = block.fee_account.0;
    walk.account(fee_account)?.ok_or(Cause::UnknownAccount(fee_account))?;
    let noop = walk.branch(fee_account, 0)?;
    let operated = walk.version();
    let fee_account_balances = walk.dense_balances(fee_account, PROCESSABLE_TOKENS)?;
    fees.credit(walk)?;
    Ok(Plan {
        number: block.block_number.0,
        operations,
        padding,
        noop,
        before,
        operated,
        last: walk.version(),
        updates: walk.take_updates()?,
        fee_account,
        fee_account_balances,
    })
}

fn plan_operation(op: &ZkSyncOp, signature: SignatureCheck, walk: &mut Walk<'_>) -> Result<PlannedOp, Cause> {
    let PlannedChunks { chunks, args } = match op {
        ZkSyncOp::Deposit(op) => deposit::plan(op, walk),
        ZkSyncOp::Transfer(op) => transfer::plan(op, walk),
        ZkSyncOp::TransferToNew(op) => transfer_to_new::plan(op, walk),
        ZkSyncOp::Withdraw(op) => withdraw::plan(op, walk),
        ZkSyncOp::WithdrawNFT(op) => withdraw_nft::plan(op, walk),
        ZkSyncOp::FullExit(op) => full_exit::plan(op, walk),
        ZkSyncOp::ChangePubKeyOffchain(op) => change_pub_key::plan(op, walk),
        ZkSyncOp::ForcedExit(op) => forced_exit::plan(op, walk),
        ZkSyncOp::MintNFTOp(op) => mint_nft::plan(op, walk),
        ZkSyncOp::Swap(op) => swap::plan(op, walk),
        ZkSyncOp::Close(_) => close::plan(),
        ZkSyncOp::Noop(_) => Err(Cause::Disabled),
    }?;
    let public_data = op.public_data()?;
    let signatures = signatures::of(op, signature)?;
    Ok(PlannedOp { code: op.op_code(), public_data, chunks, args, signatures })
}

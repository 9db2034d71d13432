//! The plan of a block: every leaf update, and what each chunk shows (spec 04 §2–6). No hashing.
//!
//! One file per operation, each the table of its section in spec 04 §5: `s0`, `s1`, … are versions, a [`Branch`] taken by
//! [`Walk::branch`] is `B(account, token)` in the current version, and [`Branch::with_paths`] shows it with the paths of another one.

pub mod args;
mod change_pub_key;
mod close;
mod deposit;
mod forced_exit;
mod full_exit;
mod mint_nft;
mod swap;
mod transfer;
mod walk;
mod withdraw;
mod withdraw_nft;

use std::collections::BTreeMap;

pub use args::Args;
pub use walk::{State, StateError, Walk};

use super::signatures::{SignatureCheck, SignatureData};
use super::{Cause, WitnessError};
use crate::domain::{Block, PROCESSABLE_TOKENS, ZkSyncOp, to_u128};
use crate::tree::{AccountHeader, LeafUpdate, Version};

/// One side of a chunk: an account and one of its balances, with the paths of some version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Branch {
    /// Account id.
    pub account: u32,
    /// Token id.
    pub token: u32,
    /// The account's header as shown.
    pub header: AccountHeader,
    /// The balance as shown.
    pub balance: u128,
    /// Version of both Merkle paths.
    pub paths: Version,
}

impl Branch {
    /// The same account and balance with the paths of another version.
    pub fn with_paths(self, paths: Version) -> Self {
        Self { paths, ..self }
    }
}

/// One chunk of an operation.
#[derive(Clone, Copy, Debug)]
pub struct Chunk {
    /// Left side.
    pub lhs: Branch,
    /// Right side.
    pub rhs: Branch,
    /// Version whose root is `new_root`.
    pub root: Version,
    /// Argument `a`.
    pub a: u128,
    /// Argument `b`.
    pub b: u128,
    /// Which of the operation's signatures the chunk carries.
    pub signature: usize,
}

impl Chunk {
    /// A chunk that shows these branches and the root of `root`, with `a = b = 0` and the first signature.
    fn new(lhs: Branch, rhs: Branch, root: Version) -> Self {
        Self { lhs, rhs, root, a: 0, b: 0, signature: 0 }
    }

    /// A chunk that shows the same branch on both sides.
    fn both(branch: Branch, root: Version) -> Self {
        Self::new(branch, branch, root)
    }
}

/// What an operation shows: the part that its file states.
#[derive(Debug)]
pub struct Shown {
    /// Its chunks, in order.
    pub chunks: Vec<Chunk>,
    /// Its arguments.
    pub args: Args,
}

impl Shown {
    /// Chunks that all have the same `a` and `b`.
    fn with_terms(mut chunks: Vec<Chunk>, a: u128, b: u128, args: Args) -> Self {
        for chunk in &mut chunks {
            (chunk.a, chunk.b) = (a, b);
        }
        Self { chunks, args }
    }
}

/// One planned operation.
#[derive(Debug)]
pub struct PlannedOp {
    /// Operation code, `tx_type` in the circuit.
    pub code: u8,
    /// Public data, ten bytes a chunk.
    pub public_data: Vec<u8>,
    /// Chunks and arguments.
    pub shown: Shown,
    /// Signatures the chunks refer to; one all-false entry when the operation has none.
    pub signatures: Vec<SignatureData>,
}

/// Everything about a block's witness that needs no hash.
#[derive(Debug)]
pub struct Plan {
    /// Block number.
    pub number: u32,
    /// Operations in block order, without padding.
    pub operations: Vec<PlannedOp>,
    /// Number of Noop chunks behind them.
    pub padding: usize,
    /// What each Noop chunk shows on both sides.
    pub noop: Branch,
    /// Leaf updates of all operations, then of the fees.
    pub updates: Vec<LeafUpdate>,
    /// Version before the block: 0, unless it was planned together with the blocks before it.
    pub before: Version,
    /// Version after all operations, before fees.
    pub operated: Version,
    /// Version after fees, the block's last.
    pub last: Version,
    /// Fee account.
    pub fee_account: u32,
    /// The fee account's balances in tokens `0..1024` before fees.
    pub fee_account_balances: Vec<u128>,
}

impl Plan {
    /// (account, token) pairs whose paths the witness shows.
    pub fn reads(&self) -> Vec<(u32, u32)> {
        let chunks = self.operations.iter().flat_map(|op| &op.shown.chunks);
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
/// [`check_signatures`](super::check_signatures) for this block.
///
/// # Errors
/// When an operation does not fit the state, or the state cannot be read.
pub fn plan(block: &Block, signatures: &[SignatureCheck], state: &dyn State) -> Result<Plan, WitnessError> {
    Planner::new(state).next(block, signatures)
}

/// Plans blocks in a row, each on the state that the one before leaves; versions are counted through all of them.
pub struct Planner<'a>(Walk<'a>);

impl<'a> Planner<'a> {
    /// Starts on the state before the first block.
    pub fn new(state: &'a dyn State) -> Self {
        Self(Walk::new(state))
    }

    /// As [`plan`], for the next block. After an error the planner is of no more use.
    ///
    /// # Errors
    /// As [`plan`].
    pub fn next(&mut self, block: &Block, signatures: &[SignatureCheck]) -> Result<Plan, WitnessError> {
        let number = block.block_number.0;
        let in_block = |cause| WitnessError { block: number, operation: None, cause };
        if signatures.len() != block.block_transactions.len() {
            return Err(in_block(Cause::SignatureOutcomes));
        }
        let walk = &mut self.0;
        let before = walk.version();
        let mut operations = Vec::new();
        let mut fees: BTreeMap<u32, u128> = BTreeMap::new();
        for (index, (executed, signature)) in block.block_transactions.iter().zip(signatures).enumerate() {
            let Some(op) = executed.op() else { continue };
            if matches!(op, ZkSyncOp::Noop(_)) {
                continue;
            }
            let planned = plan_operation(op, *signature, walk).and_then(|planned| {
                if let Some((token, fee)) = op.fee() {
                    let sum = fees.entry(token.0).or_default();
                    let account = block.fee_account.0;
                    *sum =
                        sum.checked_add(to_u128(fee)?).ok_or(Cause::Overflow { account, token: token.0 })?;
                }
                Ok(planned)
            });
            let operation = Some((index, op.kind()));
            operations.push(planned.map_err(|cause| WitnessError { block: number, operation, cause })?);
        }
        finish(block, operations, fees, before, walk).map_err(in_block)
    }
}

fn finish(
    block: &Block,
    operations: Vec<PlannedOp>,
    fees: BTreeMap<u32, u128>,
    before: Version,
    walk: &mut Walk<'_>,
) -> Result<Plan, Cause> {
    let size = block.block_chunks_size;
    let needed = operations.iter().map(|op| op.shown.chunks.len()).sum();
    if size == 0 {
        return Err(Cause::NoChunks);
    }
    let padding = size.checked_sub(needed).ok_or(Cause::TooManyChunks { needed, size })?;
    let fee_account = block.fee_account.0;
    walk.account(fee_account)?.ok_or(Cause::UnknownAccount(fee_account))?;
    let noop = walk.branch(fee_account, 0)?;
    let operated = walk.version();
    let fee_account_balances = walk.dense_balances(fee_account, PROCESSABLE_TOKENS)?;
    let fees: Vec<(u32, u128)> = fees.into_iter().collect();
    walk.credit_fees(fee_account, &fees)?;
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
    let shown = match op {
        ZkSyncOp::Deposit(op) => deposit::plan(op, walk),
        ZkSyncOp::Transfer(op) => transfer::plan(op, walk),
        ZkSyncOp::TransferToNew(op) => transfer::plan_to_new(op, walk),
        ZkSyncOp::Withdraw(op) => withdraw::plan(op, walk),
        ZkSyncOp::WithdrawNFT(op) => withdraw_nft::plan(op, walk),
        ZkSyncOp::FullExit(op) => full_exit::plan(op, walk),
        ZkSyncOp::ChangePubKeyOffchain(op) => change_pub_key::plan(op, walk),
        ZkSyncOp::ForcedExit(op) => forced_exit::plan(op, walk),
        ZkSyncOp::MintNFTOp(op) => mint_nft::plan(op, walk),
        ZkSyncOp::Swap(op) => swap::plan(op, walk),
        ZkSyncOp::Close(op) => close::plan(op, walk),
        ZkSyncOp::Noop(_) => Err(Cause::Disabled),
    }?;
    let public_data = op.public_data()?;
    let signatures = super::signatures::of(op, signature)?;
    Ok(PlannedOp { code: op.op_code(), public_data, shown, signatures })
}

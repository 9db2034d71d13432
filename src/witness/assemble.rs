//! Assembles the witness from a plan and a versioned tree: looks up roots and paths
//! (docs/protocol/04-witness.md §3).

use std::sync::Arc;

use super::error::{Cause, WitnessError};
use super::plan::{Args, Branch, Chunk, Plan, PlannedOp};
use super::prover_data::{
    AccountWitness, BranchWitness, Element, Operation, OperationArguments, OperationBranch, ProverData,
    SignatureBits,
};
use super::signatures::SignatureData;
use crate::crypto::{Fr, bits, fr};
use crate::domain::{Block, CHUNK_BYTES, H256, public_input};
use crate::tree::{AccountHeader, AccountTree, ChangeSet, LeafUpdate, Versions};

/// Levels of the fee account's balance tree above the subtree of the 2^10 tokens in which fees are
/// paid.
const NON_PROCESSABLE_LEVELS: std::ops::Range<usize> = 10..32;

/// A planned block with its tree versions. Its root and commitment equal those of the block.
pub struct Hashed {
    plan: Plan,
    /// Shared with the blocks that were hashed together with this one.
    versions: Arc<Versions>,
    old_root: Fr,
    commitment: Fr,
}

/// Computes all versions of the tree within a block and compares root and commitment with those of
/// the block.
///
/// # Errors
/// [`Cause::Root`] or [`Cause::Commitment`] if they differ, or if the tree cannot be read.
pub fn hash(block: &Block, plan: Plan, tree: &AccountTree<'_>) -> Result<Hashed, WitnessError> {
    let number = block.block_number.0;
    let hashed = hash_run(vec![(block, plan)], tree)?.pop();
    hashed.ok_or(WitnessError { block: number, operation: None, cause: Cause::NoChunks })
}

/// Hashes consecutive blocks of one [`Planner`](super::plan::Planner) as [`hash`] does, but in
/// common batches, so that small blocks also fill all lanes. Returns the blocks before the first
/// one whose root or commitment does not match.
///
/// # Errors
/// If the first block does not match, or the tree cannot be read.
pub fn hash_run(run: Vec<(&Block, Plan)>, tree: &AccountTree<'_>) -> Result<Vec<Hashed>, WitnessError> {
    hash_mixed_run(run.into_iter().map(|(block, plan)| (block, plan, Detail::Witness)).collect(), tree)
}

/// The versions of the tree that are computed for a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// All versions, which its witness shows.
    Witness,
    /// The version after it, which later blocks need. It costs a small part of the others.
    FinalValues,
}

/// Hashes blocks like [`hash_run`], those without a witness by their final values only.
pub(crate) fn hash_mixed_run(
    run: Vec<(&Block, Plan, Detail)>,
    tree: &AccountTree<'_>,
) -> Result<Vec<Hashed>, WitnessError> {
    let fail = |block: &Block, cause| WitnessError { block: block.block_number.0, operation: None, cause };
    let Some((first, ..)) = run.first() else { return Ok(Vec::new()) };
    let updates = run.iter().flat_map(|(_, plan, detail)| {
        plan.updates.iter().map(move |update| match detail {
            Detail::Witness => *update,
            // Of several values in one version the last one counts.
            Detail::FinalValues => LeafUpdate { version: plan.last, ..*update },
        })
    });
    let updates: Vec<LeafUpdate> = updates.collect();
    let shown = run.iter().filter(|(_, _, detail)| *detail == Detail::Witness);
    let reads: Vec<(u32, u32)> = shown.flat_map(|(_, plan, _)| plan.reads()).collect();
    let versions = tree.apply(&updates, &reads).map_err(|error| fail(first, error.into()))?;
    let versions = Arc::new(versions);
    let mut hashed: Vec<Hashed> = Vec::with_capacity(run.len());
    for (block, plan, _) in run {
        let old_root = versions.root(plan.before);
        let commitment =
            check_root(block, &versions.root(plan.last)).and_then(|()| check_commitment(block, &old_root));
        match commitment {
            Ok(commitment) => {
                hashed.push(Hashed { plan, versions: versions.clone(), old_root, commitment });
            }
            Err(cause) if hashed.is_empty() => return Err(fail(block, cause)),
            Err(_) => break,
        }
    }
    Ok(hashed)
}

fn check_root(block: &Block, computed: &Fr) -> Result<(), Cause> {
    if *computed == block.new_root_hash {
        return Ok(());
    }
    let [computed, claimed] = [computed, &block.new_root_hash].map(fr::to_hex);
    Err(Cause::Root { computed, claimed })
}

/// Compares the commitment of a block with the one computed from its data and the root before it.
/// Returns the public input of the circuit (docs/protocol/04-witness.md §7).
///
/// # Errors
/// [`Cause::Commitment`] if they differ, or if the block has no public data.
pub(crate) fn check_commitment(block: &Block, old_root: &Fr) -> Result<Fr, Cause> {
    let H256(computed) = block.compute_commitment(old_root)?;
    if computed != block.block_commitment.0 {
        let computed = hex::encode(computed);
        let claimed = hex::encode(block.block_commitment.0);
        return Err(Cause::Commitment { computed, claimed });
    }
    Ok(public_input(&block.block_commitment))
}

impl Hashed {
    /// Returns the changes that the block makes to the stored tree.
    pub fn change_set(&self) -> ChangeSet {
        self.versions.change_set(self.plan.before, self.plan.last)
    }

    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Returns the witness without its operations.
    pub(super) fn without_operations(&self, block: &Block) -> ProverData {
        let plan = &self.plan;
        let versions = &self.versions;
        let audits = |version| {
            let path = versions.balance_path(plan.fee_account, 0, version);
            elements(&path[NON_PROCESSABLE_LEVELS])
        };
        ProverData {
            block_number: number(plan.number),
            public_data_commitment: self.commitment.into(),
            old_root: self.old_root.into(),
            initial_used_subtree_root: versions.used_subtree_root(plan.before).into(),
            new_root: versions.root(plan.last).into(),
            block_timestamp: fr::from_u64(block.timestamp).into(),
            validator_address: number(plan.fee_account),
            validator_balances: plan.fee_account_balances.iter().map(|balance| amount(*balance)).collect(),
            validator_audit_path: elements(&versions.account_path(plan.fee_account, plan.last)),
            validator_account: account(&plan.noop.header),
            validator_non_processable_tokens_audit_before_fees: audits(plan.operated),
            validator_non_processable_tokens_audit_after_fees: audits(plan.last),
            operations: Vec::new(),
        }
    }

    /// Returns the chunks of an operation.
    pub(super) fn operation<'a>(&'a self, op: &'a PlannedOp) -> impl Iterator<Item = Operation> + 'a {
        let args = arguments(&op.args);
        op.chunks.iter().enumerate().map(move |(index, chunk)| {
            let mut args = args.clone();
            (args.a, args.b) = (amount(chunk.a), amount(chunk.b));
            let data = op.public_data.chunks(CHUNK_BYTES).nth(index).unwrap_or(&[]);
            let pubdata = bits::le_bits_to_fr(&bits::be_bits(data));
            let signature = op.signatures.get(chunk.signature).cloned().unwrap_or_default();
            self.chunk(op.code, index as u32, pubdata, args, chunk, &signature)
        })
    }

    /// Returns a chunk of padding.
    pub(super) fn noop(&self) -> Operation {
        let chunk = Chunk::both(self.plan.noop, self.plan.operated);
        self.chunk(0, 0, fr::from_u64(0), arguments(&Args::default()), &chunk, &SignatureData::default())
    }

    fn chunk(
        &self,
        code: u8,
        index: u32,
        pubdata: Fr,
        args: OperationArguments,
        chunk: &Chunk,
        signature: &SignatureData,
    ) -> Operation {
        let [first, second, third] = signature.message.unwrap_or([fr::from_u64(0); 3]).map(Element::from);
        let lhs = self.branch(&chunk.lhs);
        let rhs = if chunk.rhs == chunk.lhs { lhs.clone() } else { self.branch(&chunk.rhs) };
        Operation {
            new_root: self.versions.root(chunk.root).into(),
            tx_type: number(code.into()),
            chunk: number(index),
            pubdata_chunk: pubdata.into(),
            signer_pub_key_packed: packed_bits(&signature.pub_key),
            first_sig_msg: first,
            second_sig_msg: second,
            third_sig_msg: third,
            signature_data: SignatureBits {
                r_packed: packed_bits(&signature.r),
                s: packed_bits(&signature.s),
            },
            args,
            lhs,
            rhs,
        }
    }

    fn branch(&self, branch: &Branch) -> OperationBranch {
        let versions = &self.versions;
        OperationBranch {
            address: number(branch.account),
            token: number(branch.token),
            witness: BranchWitness {
                account_witness: account(&branch.header),
                account_path: elements(&versions.account_path(branch.account, branch.paths)),
                balance_value: amount(branch.balance),
                balance_subtree_path: elements(&versions.balance_path(
                    branch.account,
                    branch.token,
                    branch.paths,
                )),
            },
        }
    }
}

/// Returns all arguments except `a` and `b`, which are set chunk by chunk.
fn arguments(args: &Args) -> OperationArguments {
    let long = |value: u64| Element::from(fr::from_u64(value));
    let packed = |bytes: &[u8]| long(bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)));
    let hash_bits = bits::be_bits(&args.special_content_hash);
    OperationArguments {
        a: number(0),
        b: number(0),
        amount_packed: packed(&args.amount_packed),
        special_content_hash: hash_bits.into_iter().map(|bit| number(bit.into())).collect(),
        special_serial_id: number(args.special_serial_id),
        second_amount_packed: packed(&args.second_amount_packed),
        special_tokens: args.special_tokens.map(number).to_vec(),
        special_accounts: args.special_accounts.map(number).to_vec(),
        special_amounts: args.special_amounts.map(|bytes| packed(&bytes)).to_vec(),
        special_nonces: args.special_nonces.map(number).to_vec(),
        special_prices: args.special_prices.map(amount).to_vec(),
        special_eth_addresses: args.special_eth_addresses.map(|bytes| address(&bytes)).to_vec(),
        full_amount: amount(args.full_amount),
        fee: packed(&args.fee),
        new_pub_key_hash: address(&args.new_pub_key_hash),
        eth_address: address(&args.eth_address),
        pub_nonce: number(args.pub_nonce),
        valid_from: long(args.valid_from),
        valid_until: long(args.valid_until),
        second_valid_from: long(args.second_valid_from),
        second_valid_until: long(args.second_valid_until),
    }
}

fn account(header: &AccountHeader) -> AccountWitness {
    AccountWitness {
        nonce: number(header.nonce),
        pub_key_hash: address(&header.pub_key_hash),
        address: address(&header.address),
    }
}

fn number(value: u32) -> Element {
    fr::from_u64(value.into()).into()
}

fn amount(value: u128) -> Element {
    fr::from_u128(value).into()
}

fn address(bytes: &[u8; 20]) -> Element {
    fr::from_address(bytes).into()
}

fn elements(hashes: &[Fr]) -> Vec<Element> {
    hashes.iter().map(|hash| Element::from(*hash)).collect()
}

fn packed_bits(bytes: &[u8; 32]) -> Vec<Option<bool>> {
    bits::be_bits(bytes).into_iter().map(Some).collect()
}

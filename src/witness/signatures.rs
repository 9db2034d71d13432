//! Signature checks, and signatures as the witness shows them (docs/protocol/04-witness.md §3.3).
//!
//! For four kinds of transactions the witness depends on the form over which the signature is
//! valid. This is checked once, when a block is imported or before (a devnet checks transactions on
//! their admission), and stored with the block as one byte per transaction.

use std::collections::HashMap;

use rayon::prelude::*;

use super::error::Cause;
use crate::crypto::{Fr, bits};
use crate::domain::{Block, ExecutedOperations, SignedForms, TxHash, TxSignature, TxVersion, ZkSyncOp};

/// Size of the message in the circuit in bytes: 736 bits. Signed messages are shorter.
const MESSAGE_BYTES: usize = 92;

/// Outcome of the check of a transaction's signature. Blocks store the number of the variant, which
/// must not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum SignatureCheck {
    /// Not checked: the witness does not depend on it.
    NotNeeded = 0,
    /// Valid over the legacy form.
    Legacy = 1,
    /// Valid over the current form.
    V1 = 2,
    /// Valid over neither form: the witness shows an empty message.
    Invalid = 3,
}

impl From<Option<TxVersion>> for SignatureCheck {
    fn from(version: Option<TxVersion>) -> Self {
        match version {
            Some(TxVersion::Legacy) => Self::Legacy,
            Some(TxVersion::V1) => Self::V1,
            None => Self::Invalid,
        }
    }
}

impl TryFrom<u8> for SignatureCheck {
    type Error = Cause;

    fn try_from(byte: u8) -> Result<Self, Cause> {
        [Self::NotNeeded, Self::Legacy, Self::V1, Self::Invalid]
            .into_iter()
            .find(|check| *check as u8 == byte)
            .ok_or(Cause::SignatureOutcomes)
    }
}

/// Number of signatures that one thread checks together: enough to fill the lanes of a batch of
/// hashes, and few enough to distribute a block over all cores.
const BATCH: usize = 32;

/// Checks the signatures of a block on all cores. Returns one outcome per transaction, failed
/// transactions included.
pub fn check_signatures(block: &Block) -> Vec<SignatureCheck> {
    check_signatures_of(&[block]).pop().unwrap_or_default()
}

/// Returns [`check_signatures`] of each block. Small blocks cost less together than one by one.
pub(crate) fn check_signatures_of(blocks: &[&Block]) -> Vec<Vec<SignatureCheck>> {
    let mut outcomes = Vec::new();
    let (mut slots, mut forms) = (Vec::new(), Vec::new());
    for (block, Block { block_transactions, .. }) in blocks.iter().enumerate() {
        outcomes.push(vec![SignatureCheck::NotNeeded; block_transactions.len()]);
        for (tx, executed) in block_transactions.iter().enumerate() {
            if let Some(signed) = checked_forms(executed) {
                slots.push((block, tx));
                forms.push(signed);
            }
        }
    }
    let share = forms.len().div_ceil(rayon::current_num_threads()).clamp(1, BATCH);
    let verified = forms.par_chunks(share).flat_map_iter(SignedForms::verify_batch).collect::<Vec<_>>();
    for ((block, tx), verified) in slots.into_iter().zip(verified) {
        outcomes[block][tx] = verified.map(|(_, version)| version).into();
    }
    outcomes
}

/// Signatures that were checked already, by the hash of the transaction: the form over which each is
/// valid, `None` if it is valid over neither.
pub(crate) type CheckedSignatures = HashMap<TxHash, Option<TxVersion>>;

/// Returns what [`check_signatures`] returns for a block; `None` if a signature is not among those
/// that were checked.
pub(crate) fn known_outcomes(block: &Block, checked: &CheckedSignatures) -> Option<Vec<SignatureCheck>> {
    let outcome = |executed: &ExecutedOperations| match executed {
        ExecutedOperations::Tx(tx) if checked_forms(executed).is_some() => {
            let version = checked.get(&TxHash::of(&tx.signed_tx.tx).ok()?)?;
            Some(SignatureCheck::from(*version))
        }
        _ => Some(SignatureCheck::NotNeeded),
    };
    block.block_transactions.iter().map(outcome).collect()
}

/// Returns the signed forms of a transaction whose witness depends on the signed form; `None` for
/// other transactions.
pub fn checked_forms(executed: &ExecutedOperations) -> Option<SignedForms> {
    match executed.op()? {
        ZkSyncOp::Transfer(op) => Some(op.tx.signed_forms()),
        ZkSyncOp::TransferToNew(op) => Some(op.tx.signed_forms()),
        ZkSyncOp::Withdraw(op) => Some(op.tx.signed_forms()),
        ZkSyncOp::ChangePubKeyOffchain(op) => Some(op.tx.signed_forms()),
        ZkSyncOp::ForcedExit(op) => Some(op.tx.signed_forms()),
        _ => None,
    }
}

/// A signature in the form of the circuit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignatureData {
    /// Packed public key; the witness shows the most significant bit of each byte first.
    pub pub_key: [u8; 32],
    /// Packed point R.
    pub r: [u8; 32],
    /// Scalar S, little-endian.
    pub s: [u8; 32],
    /// The signed message, padded with zeros to 736 bits, in groups of 253; `None` for operations
    /// without a signature.
    pub message: Option<[Fr; 3]>,
}

impl SignatureData {
    fn new(signature: &TxSignature, message: &[u8]) -> Result<Self, Cause> {
        if message.len() >= MESSAGE_BYTES {
            return Err(Cause::MessageTooLong(message.len()));
        }
        let mut padded = [0; MESSAGE_BYTES];
        padded[..message.len()].copy_from_slice(message);
        let message = bits::multipack(&bits::be_bits(&padded)).try_into().ok();
        let mut r = [0; 32];
        let mut s = [0; 32];
        r.copy_from_slice(&signature.signature.0[..32]);
        s.copy_from_slice(&signature.signature.0[32..]);
        Ok(Self { pub_key: signature.pub_key.0, r, s, message })
    }
}

/// Returns the signatures that an operation shows, in the order in which its chunks refer to them.
pub(super) fn of(op: &ZkSyncOp, check: SignatureCheck) -> Result<Vec<SignatureData>, Cause> {
    macro_rules! versioned {
        ($tx:expr) => {
            match check {
                SignatureCheck::Legacy => SignatureData::new(&$tx.signature, &$tx.legacy_signed_bytes()?),
                SignatureCheck::V1 => SignatureData::new(&$tx.signature, &$tx.signed_bytes()?),
                SignatureCheck::Invalid => SignatureData::new(&$tx.signature, &[]),
                SignatureCheck::NotNeeded => Err(Cause::SignatureOutcomes),
            }
        };
    }
    let one = match op {
        ZkSyncOp::Transfer(op) => versioned!(op.tx),
        ZkSyncOp::TransferToNew(op) => versioned!(op.tx),
        ZkSyncOp::Withdraw(op) => versioned!(op.tx),
        ZkSyncOp::ChangePubKeyOffchain(op) => versioned!(op.tx),
        ZkSyncOp::ForcedExit(op) => versioned!(op.tx),
        ZkSyncOp::MintNFTOp(op) => SignatureData::new(&op.tx.signature, &op.tx.signed_bytes()?),
        ZkSyncOp::WithdrawNFT(op) => SignatureData::new(&op.tx.signature, &op.tx.signed_bytes()?),
        ZkSyncOp::Swap(op) => {
            let order0 = &op.tx.orders.0;
            let order1 = &op.tx.orders.1;
            return Ok(vec![
                SignatureData::new(&order0.signature, &order0.signed_bytes()?)?,
                SignatureData::new(&order1.signature, &order1.signed_bytes()?)?,
                SignatureData::new(&op.tx.signature, &op.tx.signed_bytes()?)?,
            ]);
        }
        ZkSyncOp::Deposit(_) | ZkSyncOp::FullExit(_) | ZkSyncOp::Close(_) | ZkSyncOp::Noop(_) => {
            Ok(SignatureData::default())
        }
    }?;
    Ok(vec![one])
}

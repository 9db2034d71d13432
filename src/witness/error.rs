//! Errors of blocks without a witness.

use thiserror::Error;

use super::state::StateError;
use crate::crypto::packed_float::PackError;
use crate::domain::{AmountError, BlockError, WireError};
use crate::tree::TreeError;

/// A block without a witness: it does not match the state, its root or its commitment, or the state
/// cannot be read.
#[derive(Debug, Error)]
#[error("block {block}{}: {cause}", .operation.map(|(index, kind)| format!(", operation {index} ({kind})")).unwrap_or_default())]
pub struct WitnessError {
    /// Number of the block.
    pub block: u32,
    /// Position among the block's transactions and kind of the operation at fault; `None` if it is
    /// the whole block.
    pub operation: Option<(usize, &'static str)>,
    /// The cause.
    #[source]
    pub cause: Cause,
}

impl WitnessError {
    /// Returns true if the block itself is at fault, so that a retry cannot succeed.
    pub(crate) fn is_permanent(&self) -> bool {
        !matches!(self.cause, Cause::State(_) | Cause::Tree(_))
    }
}

/// The reason why a block or an operation has no witness.
#[derive(Debug, Error)]
pub enum Cause {
    /// The plain state could not be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// The account tree could not be read.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A fee has no packed form.
    #[error("cannot be packed: {0}")]
    Pack(#[from] PackError),
    /// An amount exceeds 128 bits.
    #[error(transparent)]
    Amount(#[from] AmountError),
    /// The operation has no public data.
    #[error("public data: {0}")]
    PublicData(#[from] WireError),
    /// The block has no public data.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// An account id is outside of the used subtree of 2^24 accounts.
    #[error("account id {0} is above the largest account id 16777215")]
    AccountOutOfRange(u32),
    /// A required account does not exist.
    #[error("account {0} does not exist")]
    UnknownAccount(u32),
    /// The account has another address than the operation claims.
    #[error("account {0} has another address than the operation")]
    AddressMismatch(u32),
    /// The nonce of the transaction differs from that of the account.
    #[error("nonce {nonce} of the transaction differs from nonce {expected} of account {account}")]
    NonceMismatch {
        /// Id of the signing account.
        account: u32,
        /// Nonce of the transaction.
        nonce: u32,
        /// Nonce of the account.
        expected: u32,
    },
    /// A nonce would exceed 32 bits.
    #[error("the nonce of account {0} cannot be raised any further")]
    NonceOverflow(u32),
    /// A balance would become negative.
    #[error("account {account} has a balance of {balance} in token {token}, but {needed} is required")]
    NotEnough {
        /// Id of the account.
        account: u32,
        /// Id of the token.
        token: u32,
        /// Balance before.
        balance: u128,
        /// Amount to subtract.
        needed: u128,
    },
    /// A sum exceeds 128 bits.
    #[error("an amount of token {token} at account {account} exceeds 128 bits")]
    Overflow {
        /// Id of the account.
        account: u32,
        /// Id of the token.
        token: u32,
    },
    /// The account that counts NFTs does not exist.
    #[error("the NFT storage account 16777215 does not exist, so no NFT can be minted")]
    NoNftStorage,
    /// The id of the new NFT is in use, or a counter is out of range.
    #[error("the NFT counters of the state do not allow another NFT")]
    NftCounter,
    /// The operation is disabled in the protocol.
    #[error("this operation is disabled in the protocol")]
    Disabled,
    /// A signed message is too long for the circuit.
    #[error("the signed message of {0} bytes is longer than the circuit's 92")]
    MessageTooLong(usize),
    /// The operations need more chunks than the block has.
    #[error("operations need {needed} chunks, the block has {size}")]
    TooManyChunks {
        /// Number of chunks of all operations.
        needed: usize,
        /// Size of the block in chunks.
        size: usize,
    },
    /// The block has no chunks.
    #[error("the block has no chunks")]
    NoChunks,
    /// The outcomes of the signature checks do not belong to this block.
    #[error("the stored outcomes of the signature checks do not belong to this block")]
    SignatureOutcomes,
    /// The computed root differs from that of the block.
    #[error(
        "the root after all operations and fees is {computed}, which differs from that of the block, {claimed}"
    )]
    Root {
        /// Root after all operations and fees, 64 hex digits.
        computed: String,
        /// Root of the block.
        claimed: String,
    },
    /// The computed commitment differs from that of the block.
    #[error(
        "the commitment of the operations is {computed}, which differs from that of the block, {claimed}"
    )]
    Commitment {
        /// Computed commitment, 64 hex digits.
        computed: String,
        /// Commitment of the block.
        claimed: String,
    },
}

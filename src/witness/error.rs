//! Why a block has no witness.

use thiserror::Error;

use super::plan::StateError;
use crate::crypto::packed_float::PackError;
use crate::domain::{AmountError, BlockError, OpError};
use crate::tree::TreeError;

/// A block that does not fit its state, its root or its commitment; or trouble reading the state.
#[derive(Debug, Error)]
#[error("block {block}{}: {cause}", .operation.map(|(index, kind)| format!(", operation {index} ({kind})")).unwrap_or_default())]
pub struct WitnessError {
    /// Number of the block.
    pub block: u32,
    /// Position among the block's transactions, and kind, of the operation that does not fit, when it is one.
    pub operation: Option<(usize, &'static str)>,
    /// What is wrong.
    #[source]
    pub cause: Cause,
}

impl WitnessError {
    /// Whether the block itself is wrong, so that trying again cannot help.
    pub fn is_permanent(&self) -> bool {
        !matches!(self.cause, Cause::State(_) | Cause::Tree(_))
    }
}

/// What is wrong with a block or an operation.
#[derive(Debug, Error)]
pub enum Cause {
    /// The plain state could not be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// The account tree could not be read.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// An amount or fee has no packed form.
    #[error("cannot be packed: {0}")]
    Pack(#[from] PackError),
    /// An amount exceeds 128 bits.
    #[error(transparent)]
    Amount(#[from] AmountError),
    /// The operation has no public data.
    #[error("public data: {0}")]
    PublicData(#[from] OpError),
    /// The block's public data cannot be put together.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// An account id outside the used subtree of 2^24 accounts.
    #[error("account id {0} is above the largest account id 16777215")]
    AccountOutOfRange(u32),
    /// An account that must be there is not.
    #[error("account {0} does not exist")]
    UnknownAccount(u32),
    /// The account at that id has another address than the operation says.
    #[error("account {0} has another address than the operation")]
    AddressMismatch(u32),
    /// The transaction's nonce is not the account's.
    #[error("nonce {nonce} of the transaction differs from nonce {expected} of account {account}")]
    NonceMismatch {
        /// Account that signed.
        account: u32,
        /// Nonce in the transaction.
        nonce: u32,
        /// Nonce in the state.
        expected: u32,
    },
    /// A nonce that cannot grow.
    #[error("nonce of account {0} is used up")]
    NonceOverflow(u32),
    /// An account would end with less than nothing.
    #[error("account {account} holds {balance} of token {token}, {needed} are needed")]
    NotEnough {
        /// The account.
        account: u32,
        /// The token.
        token: u32,
        /// What it holds.
        balance: u128,
        /// What is taken from it.
        needed: u128,
    },
    /// A sum above 128 bits.
    #[error("an amount of token {token} at account {account} exceeds 128 bits")]
    Overflow {
        /// The account.
        account: u32,
        /// The token.
        token: u32,
    },
    /// An NFT is minted without the account that numbers NFTs.
    #[error("the NFT storage account 16777215 does not exist, so no NFT can be minted")]
    NoNftStorage,
    /// The id a new NFT would get is taken, or a counter is out of range.
    #[error("the NFT counters of the state do not allow another NFT")]
    NftCounter,
    /// The operation is disabled in the protocol.
    #[error("this operation is disabled in the protocol")]
    Disabled,
    /// Signed bytes too long for the circuit.
    #[error("the signed message of {0} bytes is longer than the circuit's 92")]
    MessageTooLong(usize),
    /// More operations than fit.
    #[error("operations need {needed} chunks, the block has {size}")]
    TooManyChunks {
        /// Chunks of all operations.
        needed: usize,
        /// Chunks of the block.
        size: usize,
    },
    /// A block of no chunks has no witness.
    #[error("the block has no chunks")]
    NoChunks,
    /// The outcomes of the signature checks do not belong to this block.
    #[error("the signature outcomes kept with the block do not fit it")]
    SignatureOutcomes,
    /// The computed root is not the block's.
    #[error(
        "Root hash in witness accumulator doesn't match block root hash: computed {computed}, block says {claimed}"
    )]
    Root {
        /// Root after all operations and fees, 64 hex digits.
        computed: String,
        /// Root in the block.
        claimed: String,
    },
    /// The computed commitment is not the block's.
    #[error(
        "Witness accumulator and server have different commitment: computed {computed}, block says {claimed}"
    )]
    Commitment {
        /// Commitment to the block's public data, 64 hex digits.
        computed: String,
        /// Commitment in the block.
        claimed: String,
    },
}

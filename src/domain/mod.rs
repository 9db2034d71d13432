//! The data of the protocol: identifiers, accounts, transactions, operations, blocks, proofs,
//! messages to provers.
//!
//! The types here are those exchanged as JSON (docs/protocol/02-types-json.md); the order of their
//! fields is the order of the keys. Reading never panics: malformed input is an error. Nothing here
//! hashes trees or accesses the disk.
//!
//! | module | content |
//! | --- | --- |
//! | `ids`, `hex_types`, `u256`, `amount` | scalars and their JSON |
//! | `account`, `account_update` | accounts and their changes |
//! | [`tx`], `eth_signature`, `priority_op` | requests of users, signed bytes |
//! | [`op`], `executed`, `wire` | effects of requests, public data |
//! | `block`, `gas` | sealed blocks, commitments, gas limits |
//! | `aggregated` | steps of ranges of blocks on Ethereum |
//! | [`proof`] | proofs and their verification |
//! | [`job`], `attempt`, `prover_api` | proving jobs and their attempts, messages to provers |

mod account;
mod account_update;
mod aggregated;
mod amount;
mod attempt;
mod block;
mod eth_signature;
mod executed;
mod gas;
mod hex_types;
mod ids;
pub(crate) mod job;
#[cfg(test)]
mod job_tests;
pub(crate) mod op;
mod priority_op;
pub(crate) mod proof;
mod prover_api;
mod quarantine;
#[cfg(test)]
mod tests;
pub(crate) mod tx;
mod u256;
mod wire;

pub use account::AccountMap;
pub(crate) use account::{Account, Nft};
pub use account_update::AccountUpdate;
pub(crate) use account_update::AccountUpdates;
pub use aggregated::{AggregatedAction, AggregatedOperation};
pub use amount::to_u128;
pub(crate) use amount::{Amount, AmountError};
pub(crate) use attempt::AttemptOutcome;
pub(crate) use block::BlockError;
pub use block::{Block, ImportedBlock, public_input};
#[cfg(test)]
pub(crate) use eth_signature::Eip1271Signature;
pub(crate) use eth_signature::{EthSignData, PackedEthSignature, TxEthSignature};
pub use executed::ExecutedOperations;
pub(crate) use executed::{ExecutedPriorityOp, ExecutedTx};
pub(crate) use gas::GasCounter;
pub use hex_types::{Address, H256, TxHash};
pub(crate) use hex_types::{PackedPublicKey, PackedSignature, PubKeyHash};
pub(crate) use ids::{AccountId, Nonce, TokenId};
pub use ids::{BlockNumber, CHUNK_BYTES};
pub(crate) use ids::{
    MAX_ACCOUNT_ID, MAX_FUNGIBLE_TOKEN_ID, MAX_TOKEN_ID, MIN_NFT_TOKEN_ID, NFT_STORAGE_ACCOUNT_ID,
    NFT_TOKEN_ID, PROCESSABLE_TOKENS,
};
pub(crate) use op::nft_content;
pub(crate) use op::{
    ChangePubKeyOp, DepositOp, ForcedExitOp, FullExitOp, MintNftOp, SwapOp, TransferOp, TransferToNewOp,
    WithdrawNftOp, WithdrawOp, ZkSyncOp,
};
pub(crate) use priority_op::{Deposit, FullExit, PriorityOp, ZkSyncPriorityOp};
pub use proof::{
    AggregatedProof, AggregatedProofParts, EncodedAggregatedProof, SingleProof, SingleProofParts,
    sample_aggregated_proof, sample_single_proof,
};
pub(crate) use proof::{G1Point, ProofError};
pub(crate) use prover_api::JobRequestData;
pub use prover_api::{
    JobResultData, ProverInputRequest, ProverInputRequestAuxData, ProverInputResponse, ProverOutputRequest,
    ProverStopped, RequiredReplicasInput, RequiredReplicasOutput, WorkingOn,
};
pub use quarantine::Quarantine;
pub(crate) use tx::{
    Order, SignedForms, SignedZkSyncTx, TimeRange, Transfer, TxSignature, TxVersion, ZkSyncTx,
};
pub(crate) use u256::U256;
pub(crate) use wire::WireError;

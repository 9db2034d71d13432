//! ForcedExit (spec 02 §2).

use super::{TimeRange, TxSignature};
use crate::domain::{AccountId, Address, Nonce, TokenId, amount};
use num_bigint::BigUint;
use serde::{Deserialize, Serialize};

/// Withdraws the whole balance of an account without key; the initiator pays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ForcedExit {
    /// Who pays.
    pub initiator_account_id: AccountId,
    /// Address of the account that is emptied; receives the funds on Ethereum.
    pub target: Address,
    /// Token of balance and fee.
    pub token: TokenId,
    /// Fee, packable.
    #[serde(with = "amount")]
    pub fee: BigUint,
    /// Nonce of the initiator.
    pub nonce: Nonce,
    /// Initiator's signature.
    pub signature: TxSignature,
    /// Validity; absent in old transactions.
    #[serde(flatten)]
    pub time_range: Option<TimeRange>,
}

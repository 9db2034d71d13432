//! MintNFT operation (spec 03 §12).

use crate::domain::{AccountId, MintNft};
use serde::{Deserialize, Serialize};

/// An executed [`MintNft`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MintNftOp {
    /// The transaction.
    pub tx: MintNft,
    /// Creator.
    pub creator_account_id: AccountId,
    /// First owner.
    pub recipient_account_id: AccountId,
}

//! MintNFT operation (docs/protocol/03-operations.md §12).

use super::layout::Layout;
use crate::crypto::{fr, rescue};
use crate::domain::hex_types::{Address, H256};
use crate::domain::ids::AccountId;
use crate::domain::tx::MintNft;
use crate::domain::wire::{WireError, Writer};
use serde::{Deserialize, Serialize};

/// An executed [`MintNft`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MintNftOp {
    /// The transaction.
    pub tx: MintNft,
    /// Id of the creator.
    pub creator_account_id: AccountId,
    /// Id of the first owner.
    pub recipient_account_id: AccountId,
}

impl Layout for MintNftOp {
    const OP_CODE: u8 = 0x09;
    const CHUNKS: usize = 5;
    const IS_ONCHAIN: bool = false;

    fn fields(&self, data: Writer) -> Result<Writer, WireError> {
        data.account(self.creator_account_id)
            .account(self.recipient_account_id)
            .bytes(&self.tx.content_hash.0)
            .token(self.tx.fee_token)
            .packed_fee(&self.tx.fee)
    }
}

/// Returns the address of an NFT and the balance that represents its content in the storage
/// account.
///
/// Both are taken from the Rescue hash of two elements, `creator ‖ serial id ‖ first half of the
/// content hash` and the second half: its low 160 and its low 128 bits.
pub(crate) fn nft_content(creator_id: AccountId, serial_id: u32, content_hash: &H256) -> (Address, u128) {
    let (front, back) = content_hash.0.split_at(16);
    let mut left = [0; 24];
    left[..4].copy_from_slice(&creator_id.0.to_be_bytes());
    left[4..8].copy_from_slice(&serial_id.to_be_bytes());
    left[8..].copy_from_slice(front);
    let mut right = [0; 16];
    right.copy_from_slice(back);
    let elements = [fr::from_short_bytes(&left), fr::from_short_bytes(&right)];
    let hash = fr::to_bytes(&rescue::hash_elements(&elements));
    let mut address = [0; 20];
    address.copy_from_slice(&hash[12..]);
    let mut data = [0; 16];
    data.copy_from_slice(&hash[16..]);
    (Address(address), u128::from_be_bytes(data))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_equals_the_specification() {
        let (address, data) = nft_content(AccountId(5), 0, &H256([0x11; 32]));
        assert_eq!(address.to_string(), "0x5e7ddcfa475d0bba1f34441e58ff276c950c3c83");
        assert_eq!(data, 0x475d0bba1f34441e58ff276c950c3c83);
    }
}

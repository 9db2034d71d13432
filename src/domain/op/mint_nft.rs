//! MintNFT operation (docs/protocol/03-operations.md §12).

use super::layout::Layout;
use crate::crypto::{Fr, bits, fr, rescue};
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
    let left = Writer::default().account(creator_id).u32(serial_id).bytes(front).finish();
    let hash = fr::to_bytes(&rescue::hash_elements(&[integer(&left), integer(back)]));
    let (mut address, mut data) = ([0; 20], [0; 16]);
    address.copy_from_slice(&hash[12..]);
    data.copy_from_slice(&hash[16..]);
    (Address(address), u128::from_be_bytes(data))
}

/// Returns the big-endian integer in fewer than 32 bytes.
fn integer(bytes: &[u8]) -> Fr {
    let mut bits = bits::be_bits(bytes);
    bits.reverse();
    bits::le_bits_to_fr(&bits)
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

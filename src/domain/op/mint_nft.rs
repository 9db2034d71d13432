//! MintNFT operation (spec 03 §12).

use super::{OpError, Reader, Writer};
use crate::crypto::{Fr, bits, fr, rescue};
use crate::domain::{
    AccountId, Address, CHUNK_BYTES, H256, MintNft, NFT_STORAGE_ACCOUNT_ID, Nonce, TxSignature,
};
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

impl MintNftOp {
    /// First byte of the public data.
    pub const OP_CODE: u8 = 0x09;
    /// Chunks of the operation.
    pub const CHUNKS: usize = 5;

    /// `09 ‖ creator ‖ recipient ‖ content hash ‖ fee token ‖ fee packed`, padded.
    pub fn public_data(&self) -> Result<Vec<u8>, OpError> {
        Ok(Writer::new(Self::OP_CODE)
            .account(self.creator_account_id)
            .account(self.recipient_account_id)
            .bytes(&self.tx.content_hash.0)
            .token(self.tx.fee_token)
            .packed_fee(&self.tx.fee)?
            .padded(Self::CHUNKS * CHUNK_BYTES))
    }

    /// Inverse of [`Self::public_data`]; addresses, nonce and signature are lost.
    pub fn from_public_data(data: &[u8]) -> Result<Self, OpError> {
        let mut data = Reader::exactly(data, Self::CHUNKS * CHUNK_BYTES, false)?;
        let creator_account_id = data.account()?;
        let recipient_account_id = data.account()?;
        let tx = MintNft {
            creator_id: creator_account_id,
            creator_address: Address::default(),
            content_hash: data.hash()?,
            recipient: Address::default(),
            fee_token: data.token()?,
            fee: data.packed_fee()?,
            nonce: Nonce(0),
            signature: TxSignature::default(),
        };
        Ok(Self { tx, creator_account_id, recipient_account_id })
    }

    /// Accounts the operation touches.
    pub fn updated_account_ids(&self) -> Vec<AccountId> {
        vec![self.recipient_account_id, self.creator_account_id, NFT_STORAGE_ACCOUNT_ID]
    }
}

/// Address of an NFT, and the balance that stands for its content in the storage account: low 160 and low 128 bits of
/// the Rescue hash over `creator ‖ serial id ‖ content hash`, split behind the first half of the content hash.
pub fn nft_content(creator_id: AccountId, serial_id: u32, content_hash: &H256) -> (Address, u128) {
    let (front, back) = content_hash.0.split_at(16);
    let left = Writer::default().account(creator_id).u32(serial_id).bytes(front).finish();
    let hash = fr::to_bytes(&rescue::hash_elements(&[integer(&left), integer(back)]));
    let (mut address, mut data) = ([0; 20], [0; 16]);
    address.copy_from_slice(&hash[12..]);
    data.copy_from_slice(&hash[16..]);
    (Address(address), u128::from_be_bytes(data))
}

/// Big-endian integer of fewer than 32 bytes.
fn integer(bytes: &[u8]) -> Fr {
    let mut bits = bits::be_bits(bytes);
    bits.reverse();
    bits::le_bits_to_fr(&bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_that_of_the_specification() {
        let (address, data) = nft_content(AccountId(5), 0, &H256([0x11; 32]));
        assert_eq!(address.to_string(), "0x5e7ddcfa475d0bba1f34441e58ff276c950c3c83");
        assert_eq!(data, 0x475d0bba1f34441e58ff276c950c3c83);
    }
}

//! FullExit operation (spec 03 §9).

use super::{OpError, Reader, Writer};
use crate::domain::{AccountId, Address, CHUNK_BYTES, FullExit, H256, LEGACY_CHUNK_BYTES, amount};
use num_bigint::BigUint;
use serde::{Deserialize, Serialize};

/// An executed [`FullExit`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FullExitOp {
    /// The request.
    pub priority_op: FullExit,
    /// What is withdrawn; `None` if the request was not the owner's.
    #[serde(default, with = "amount::option")]
    pub withdraw_amount: Option<BigUint>,
    /// Creator, if the token is a known NFT.
    pub creator_account_id: Option<AccountId>,
    /// Address of the creator.
    pub creator_address: Option<Address>,
    /// Number of the NFT among those of its creator.
    pub serial_id: Option<u32>,
    /// Hash of the content.
    pub content_hash: Option<H256>,
}

impl FullExitOp {
    /// First byte of the public data.
    pub const OP_CODE: u8 = 0x06;
    /// Chunks of the operation.
    pub const CHUNKS: usize = 11;
    /// Chunks before contracts version 6.
    pub const LEGACY_CHUNKS: usize = 6;
    /// First byte of the withdrawal data.
    const WITHDRAWAL_TYPE: u8 = 0x00;

    /// Chunks the operation counts in its block. The public data is always that of [`Self::CHUNKS`].
    pub fn chunks(&self) -> usize {
        if self.priority_op.is_legacy { Self::LEGACY_CHUNKS } else { Self::CHUNKS }
    }

    /// `06 ‖ account ‖ eth address ‖ token ‖ amount 16 ‖ creator ‖ creator address ‖ serial id ‖ content hash`, padded;
    /// what is absent is zero.
    pub fn public_data(&self) -> Result<Vec<u8>, OpError> {
        Ok(Writer::new(Self::OP_CODE)
            .account(self.priority_op.account_id)
            .address(&self.priority_op.eth_address)
            .token(self.priority_op.token)
            .amount(&self.withdraw_amount.clone().unwrap_or_default())?
            .account(self.creator_account_id.unwrap_or_default())
            .address(&self.creator_address.unwrap_or_default())
            .u32(self.serial_id.unwrap_or_default())
            .bytes(&self.content_hash.unwrap_or_default().0)
            .padded(Self::CHUNKS * CHUNK_BYTES))
    }

    /// Inverse of [`Self::public_data`]. A failed exit is not told from one of nothing, and an NFT that is all zeros
    /// is not told from none. (Upstream reads the NFT's fields from a wrong offset; here they are read where they are
    /// written.)
    pub fn from_public_data(data: &[u8]) -> Result<Self, OpError> {
        let mut data = Reader::exactly(data, Self::CHUNKS * CHUNK_BYTES, false)?;
        let mut op = Self::read(&mut data, false)?;
        let nft = (data.account()?, data.address()?, data.u32()?, data.hash()?);
        if nft != Default::default() {
            op.creator_account_id = Some(nft.0);
            op.creator_address = Some(nft.1);
            op.serial_id = Some(nft.2);
            op.content_hash = Some(nft.3);
        }
        Ok(op)
    }

    /// The form before contracts version 6.
    pub fn from_legacy_public_data(data: &[u8]) -> Result<Self, OpError> {
        Self::read(&mut Reader::exactly(data, Self::LEGACY_CHUNKS * LEGACY_CHUNK_BYTES, true)?, true)
    }

    fn read(data: &mut Reader<'_>, is_legacy: bool) -> Result<Self, OpError> {
        Ok(Self {
            priority_op: FullExit {
                account_id: data.account()?,
                eth_address: data.address()?,
                token: data.token()?,
                is_legacy,
            },
            withdraw_amount: Some(data.amount()?),
            creator_account_id: None,
            creator_address: None,
            serial_id: None,
            content_hash: None,
        })
    }

    /// `00 ‖ eth address ‖ token ‖ amount 16 ‖ creator`.
    pub fn withdrawal_data(&self) -> Result<Vec<u8>, OpError> {
        Ok(Writer::new(Self::WITHDRAWAL_TYPE)
            .address(&self.priority_op.eth_address)
            .token(self.priority_op.token)
            .amount(&self.withdraw_amount.clone().unwrap_or_default())?
            .account(self.creator_account_id.unwrap_or_default())
            .finish())
    }

    /// Accounts the operation touches.
    pub fn updated_account_ids(&self) -> Vec<AccountId> {
        vec![self.priority_op.account_id]
    }
}

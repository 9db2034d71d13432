//! NFTs.

use serde::Serialize;
use utoipa::ToSchema;

use crate::devnet::contracts;
use crate::domain::Nft;

/// An NFT.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Nft)]
pub(in crate::devnet) struct NftView {
    /// Its token id.
    pub id: u32,
    /// Hash of its content.
    content_hash: String,
    /// Id of its creator.
    creator_id: u32,
    /// Address of its creator.
    creator_address: String,
    /// Number of the NFT among those of its creator.
    serial_id: u32,
    /// Address that is derived from its content.
    address: String,
    /// Its symbol.
    symbol: String,
}

impl From<&Nft> for NftView {
    fn from(nft: &Nft) -> Self {
        Self {
            id: nft.id.0,
            content_hash: nft.content_hash.to_string(),
            creator_id: nft.creator_id.0,
            creator_address: nft.creator_address.to_string(),
            serial_id: nft.serial_id,
            address: nft.address.to_string(),
            symbol: nft.symbol.clone(),
        }
    }
}

/// An NFT with the contracts that mint it on Ethereum.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::devnet) struct NftInfo {
    #[serde(flatten)]
    nft: NftView,
    /// Contract that would mint it after a withdrawal now.
    current_factory: String,
    /// Contract that minted it after its withdrawal.
    withdrawn_factory: Option<String>,
}

impl From<&Nft> for NftInfo {
    fn from(nft: &Nft) -> Self {
        // Nothing is minted on layer 1, because a devnet has none.
        Self { nft: nft.into(), current_factory: contracts::NFT_FACTORY.to_string(), withdrawn_factory: None }
    }
}

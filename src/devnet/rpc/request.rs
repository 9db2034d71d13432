//! Calls of the methods with their arguments.

use serde::Deserialize;

use super::error::RpcError;
use super::params::Params;
use crate::devnet::fees::FeeType;
use crate::devnet::requests::Toggle2Fa;
use crate::devnet::tokens::TokenLike;
use crate::devnet::wire::{BatchSignatures, TxHashArgument, TxSignatures};
use crate::domain::{Address, H256, TokenId, ZkSyncTx};

/// A call of a method.
#[derive(Debug)]
pub(super) enum Request {
    ContractAddress,
    Version,
    Confirmations,
    Tokens,
    AccountInfo(Address),
    TxInfo(H256),
    EthOpInfo(u64),
    EthTxForWithdrawal,
    SubmitTx(Box<Member>, bool),
    SubmitBatch(Vec<Member>, BatchSignatures),
    Toggle2Fa(Box<Toggle2Fa>),
    TxFee(FeeType, Address, TokenLike),
    BatchFee(Vec<FeeType>, Vec<Address>, TokenLike),
    TokenPrice(TokenLike),
    Nft(TokenId),
    NftOwner(TokenId),
    NftOfTx(H256),
}

/// A transaction with its Ethereum signatures.
#[derive(Debug, Deserialize)]
pub(super) struct Member {
    pub tx: ZkSyncTx,
    #[serde(default)]
    pub signature: TxSignatures,
}

impl Request {
    /// Reads the arguments of a method.
    ///
    /// # Errors
    /// If the method does not exist, or an argument is missing or has the wrong form.
    pub(super) fn read(method: &str, mut params: Params) -> Result<Self, RpcError> {
        let hash = |params: &mut Params| params.next("hash").map(|hash: TxHashArgument| hash.0);
        let request = match method {
            "contract_address" => Self::ContractAddress,
            "get_zksync_version" => Self::Version,
            "get_confirmations_for_eth_op_amount" => Self::Confirmations,
            "tokens" => Self::Tokens,
            "account_info" => Self::AccountInfo(params.next("address")?),
            "tx_info" => Self::TxInfo(hash(&mut params)?),
            "ethop_info" => Self::EthOpInfo(params.next("serial_id")?),
            "get_eth_tx_for_withdrawal" => {
                hash(&mut params)?;
                Self::EthTxForWithdrawal
            }
            "tx_submit" => {
                let tx = params.next("tx")?;
                let signature: Option<TxSignatures> = params.next("signature")?;
                let fast: Option<bool> = params.next("fast_processing")?;
                let member = Member { tx, signature: signature.unwrap_or_default() };
                Self::SubmitTx(Box::new(member), fast.unwrap_or(false))
            }
            "submit_txs_batch" => {
                let members = params.next("txs")?;
                let signatures: Option<BatchSignatures> = params.next("signatures")?;
                Self::SubmitBatch(members, signatures.unwrap_or_default())
            }
            "toggle_2fa" => Self::Toggle2Fa(params.next("toggle_2fa")?),
            "get_tx_fee" => {
                Self::TxFee(params.next("tx_type")?, params.next("address")?, params.next("token")?)
            }
            "get_txs_batch_fee_in_wei" => {
                Self::BatchFee(params.next("tx_types")?, params.next("addresses")?, params.next("token")?)
            }
            "get_token_price" => Self::TokenPrice(params.next("token")?),
            "get_nft" => Self::Nft(params.next("id")?),
            "get_nft_owner" => Self::NftOwner(params.next("id")?),
            "get_nft_id_by_tx_hash" => Self::NftOfTx(hash(&mut params)?),
            _ => return Err(RpcError::unknown_method()),
        };
        params.end()?;
        Ok(request)
    }
}

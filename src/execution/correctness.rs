//! Checks of a transaction that need no state (docs/protocol/03-operations.md §3.2).

use super::verified::VerifiedTx;
use crate::crypto::packed_float::{is_packable_amount, is_packable_fee};
use crate::domain::tx::{
    ChangePubKey, Close, ForcedExit, MintNft, Order, Swap, Transfer, Withdraw, WithdrawNft,
};
use crate::domain::{
    AccountId, Address, MAX_ACCOUNT_ID, MAX_FUNGIBLE_TOKEN_ID, MAX_TOKEN_ID, TimeRange, TokenId, ZkSyncTx,
    to_u128,
};
use num_bigint::BigUint;
use num_traits::Zero;
use thiserror::Error;

/// The reason why a transaction is incorrect on every state; the texts are those of the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[allow(missing_docs)] // each variant is its text
pub(crate) enum IncorrectTx {
    #[error("Specified amount is greater than maximum supported amount")]
    AmountTooBig,
    #[error("Specified fee amount is greater than maximum supported fee")]
    FeeTooBig,
    #[error("Specified amount is not packable")]
    AmountNotPackable,
    #[error("Specified fee is not packable")]
    FeeNotPackable,
    #[error("Specified Account Id is greater than maximum supported")]
    AccountId,
    #[error("Specified token is not supported")]
    Token,
    #[error("Specified token is not supported for paying fees")]
    FeeToken,
    #[error("Specified time interval is not valid for the current time")]
    TimeRange,
    #[error("L2 signature is incorrect")]
    Signature,
    #[error("Transfer for specified address is not supported")]
    TransferToZero,
    #[error("Specified auth data is incorrect")]
    Authorisation,
    #[error("Error in {index} order: {incorrect}")]
    Order {
        /// 0 or 1.
        index: usize,
        incorrect: IncorrectOrder,
    },
}

/// The reason why an order is incorrect on every state; the texts are those of the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[allow(missing_docs)] // each variant is its text
pub(crate) enum IncorrectOrder {
    #[error("Specified price is greater than supported")]
    Price,
    #[error("Specified sender account id is greater than maximum supported")]
    AccountId,
    #[error("Specified recipient address is not supported")]
    Recipient,
    #[error("Specified buy token is not supported")]
    TokenBuy,
    #[error("Specified sell token is not supported")]
    TokenSell,
    #[error("Specified time interval is not valid for the current time")]
    TimeRange,
}

impl VerifiedTx {
    /// Checks everything that does not depend on the state, in the order of the reference.
    ///
    /// # Errors
    /// [`IncorrectTx`] for the first fault.
    pub(crate) fn check_correctness(&self) -> Result<(), IncorrectTx> {
        match self.tx() {
            ZkSyncTx::Transfer(tx) => transfer(tx)?,
            ZkSyncTx::Withdraw(tx) => withdraw(tx)?,
            ZkSyncTx::Close(tx) => return close(tx, self),
            ZkSyncTx::ChangePubKey(tx) => return change_pub_key(tx, self),
            ZkSyncTx::ForcedExit(tx) => forced_exit(tx)?,
            ZkSyncTx::MintNFT(tx) => mint_nft(tx)?,
            ZkSyncTx::Swap(tx) => swap(tx)?,
            ZkSyncTx::WithdrawNFT(tx) => withdraw_nft(tx)?,
        }
        require(self.signer().is_some(), IncorrectTx::Signature)
    }
}

fn transfer(tx: &Transfer) -> Result<(), IncorrectTx> {
    amount_in_range(&tx.amount)?;
    fee_in_range(&tx.fee)?;
    packable_amount(&tx.amount)?;
    packable_fee(&tx.fee)?;
    account_id(tx.account_id)?;
    require(tx.token <= MAX_TOKEN_ID, IncorrectTx::Token)?;
    require(tx.to != Address::default(), IncorrectTx::TransferToZero)?;
    time_range(tx.time_range.unwrap_or_default())?;
    require(tx.fee.is_zero() || tx.token <= MAX_FUNGIBLE_TOKEN_ID, IncorrectTx::FeeToken)
}

fn withdraw(tx: &Withdraw) -> Result<(), IncorrectTx> {
    amount_in_range(&tx.amount)?;
    fee_in_range(&tx.fee)?;
    packable_fee(&tx.fee)?;
    account_id(tx.account_id)?;
    require(tx.token <= MAX_FUNGIBLE_TOKEN_ID, IncorrectTx::Token)?;
    time_range(tx.time_range.unwrap_or_default())
}

fn close(tx: &Close, verified: &VerifiedTx) -> Result<(), IncorrectTx> {
    require(verified.signer().is_some(), IncorrectTx::Signature)?;
    time_range(tx.time_range)
}

fn change_pub_key(tx: &ChangePubKey, verified: &VerifiedTx) -> Result<(), IncorrectTx> {
    require(verified.is_authorised(), IncorrectTx::Authorisation)?;
    fee_in_range(&tx.fee)?;
    account_id(tx.account_id)?;
    fee_token(tx.fee_token)?;
    packable_fee(&tx.fee)?;
    time_range(tx.time_range.unwrap_or_default())?;
    require(verified.signer() == Some(tx.new_pk_hash), IncorrectTx::Signature)
}

fn forced_exit(tx: &ForcedExit) -> Result<(), IncorrectTx> {
    fee_in_range(&tx.fee)?;
    packable_fee(&tx.fee)?;
    account_id(tx.initiator_account_id)?;
    require(tx.token <= MAX_FUNGIBLE_TOKEN_ID, IncorrectTx::Token)?;
    time_range(tx.time_range.unwrap_or_default())
}

fn mint_nft(tx: &MintNft) -> Result<(), IncorrectTx> {
    fee_in_range(&tx.fee)?;
    packable_fee(&tx.fee)?;
    account_id(tx.creator_id)?;
    fee_token(tx.fee_token)
}

/// The reference does not check the range of the fee and whether the orders' amounts can be packed,
/// and stops or builds a witness that the circuit refuses (docs/protocol/07-execution.md §7).
fn swap(tx: &Swap) -> Result<(), IncorrectTx> {
    let (order0, order1) = &tx.orders;
    amount_in_range(&tx.amounts.0)?;
    amount_in_range(&tx.amounts.1)?;
    packable_amount(&tx.amounts.0)?;
    packable_amount(&tx.amounts.1)?;
    packable_amount(&order0.amount)?;
    packable_amount(&order1.amount)?;
    packable_fee(&tx.fee)?;
    account_id(tx.submitter_id)?;
    fee_token(tx.fee_token)?;
    for (index, order) in [order0, order1].into_iter().enumerate() {
        check_order(order).map_err(|incorrect| IncorrectTx::Order { index, incorrect })?;
    }
    time_range(tx.time_range())
}

fn withdraw_nft(tx: &WithdrawNft) -> Result<(), IncorrectTx> {
    fee_in_range(&tx.fee)?;
    packable_fee(&tx.fee)?;
    account_id(tx.account_id)?;
    time_range(tx.time_range)?;
    fee_token(tx.fee_token)
}

/// Checks an order by itself; its signature is not looked at.
pub(crate) fn check_order(order: &Order) -> Result<(), IncorrectOrder> {
    let price = |price: &BigUint| price.bits() <= 120;
    require(price(&order.ratio.0) && price(&order.ratio.1), IncorrectOrder::Price)?;
    require(order.account_id <= MAX_ACCOUNT_ID, IncorrectOrder::AccountId)?;
    require(order.recipient != Address::default(), IncorrectOrder::Recipient)?;
    require(order.token_buy <= MAX_TOKEN_ID, IncorrectOrder::TokenBuy)?;
    require(order.token_sell <= MAX_TOKEN_ID, IncorrectOrder::TokenSell)?;
    require(order.time_range.valid_from <= order.time_range.valid_until, IncorrectOrder::TimeRange)
}

fn require<E>(condition: bool, error: E) -> Result<(), E> {
    if condition { Ok(()) } else { Err(error) }
}

fn amount_in_range(amount: &BigUint) -> Result<(), IncorrectTx> {
    to_u128(amount).map(drop).map_err(|_| IncorrectTx::AmountTooBig)
}

fn fee_in_range(fee: &BigUint) -> Result<(), IncorrectTx> {
    to_u128(fee).map(drop).map_err(|_| IncorrectTx::FeeTooBig)
}

fn packable_amount(amount: &BigUint) -> Result<(), IncorrectTx> {
    require(to_u128(amount).is_ok_and(is_packable_amount), IncorrectTx::AmountNotPackable)
}

fn packable_fee(fee: &BigUint) -> Result<(), IncorrectTx> {
    require(to_u128(fee).is_ok_and(is_packable_fee), IncorrectTx::FeeNotPackable)
}

fn account_id(id: AccountId) -> Result<(), IncorrectTx> {
    require(id <= MAX_ACCOUNT_ID, IncorrectTx::AccountId)
}

fn fee_token(token: TokenId) -> Result<(), IncorrectTx> {
    require(token <= MAX_FUNGIBLE_TOKEN_ID, IncorrectTx::FeeToken)
}

fn time_range(range: TimeRange) -> Result<(), IncorrectTx> {
    require(range.valid_from <= range.valid_until, IncorrectTx::TimeRange)
}

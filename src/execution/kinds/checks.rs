//! Checks that several kinds share.

use crate::crypto::packed_float::pack_fee;
use crate::domain::{
    Account, AccountId, Address, MAX_FUNGIBLE_TOKEN_ID, MAX_TOKEN_ID, Nonce, PubKeyHash, TokenId, to_u128,
};
use crate::execution::failure::Failure;
use crate::execution::state::State;
use num_bigint::BigUint;

/// Returns `failure` unless the condition holds.
pub(super) fn require(condition: bool, failure: Failure) -> Result<(), Failure> {
    if condition { Ok(()) } else { Err(failure) }
}

/// Requires a token that transactions may name.
pub(super) fn any_token(token: TokenId) -> Result<(), Failure> {
    require(token <= MAX_TOKEN_ID, Failure::Token)
}

/// Requires a token in which fees may be paid.
pub(super) fn fungible(token: TokenId, failure: Failure) -> Result<(), Failure> {
    require(token <= MAX_FUNGIBLE_TOKEN_ID, failure)
}

/// Returns the account of an address that has a key.
pub(super) fn unlocked<'a>(
    state: &'a State,
    address: &Address,
    absent: Failure,
) -> Result<(AccountId, &'a Account), Failure> {
    let (id, account) = state.account_by_address(address).ok_or(absent)?;
    require(!is_locked(account), Failure::Locked)?;
    Ok((id, account))
}

/// Returns true if an account has no key.
pub(super) fn is_locked(account: &Account) -> bool {
    account.pub_key_hash == PubKeyHash::default()
}

/// Requires that the account's key signed. The reference lets a signature pass that is not valid at
/// all, because it never admits one (docs/protocol/07-execution.md §7).
pub(super) fn signed_by(
    account: &Account,
    signer: Option<PubKeyHash>,
    failure: Failure,
) -> Result<(), Failure> {
    require(signer == Some(account.pub_key_hash), failure)
}

/// Requires the nonce of an account. The last nonce of 32 bits cannot be used: the circuit has no
/// next one.
pub(super) fn nonce(state: &State, id: AccountId, nonce: Nonce) -> Result<(), Failure> {
    let expected = state.account(id).map(|account| account.nonce);
    require(expected == Some(nonce) && nonce.0 < u32::MAX, Failure::NonceMismatch)
}

/// Returns an amount; no balance has more than 128 bits.
pub(super) fn amount(amount: &BigUint) -> Result<u128, Failure> {
    to_u128(amount).map_err(|_| Failure::NotEnoughBalance)
}

/// Returns a fee. It must have a packed form, which may be rounded: the public data contains it.
pub(super) fn fee(fee: &BigUint) -> Result<u128, Failure> {
    let fee = amount(fee)?;
    pack_fee(fee).map_err(|_| Failure::FeeNotPackable)?;
    Ok(fee)
}

/// Requires a balance, and returns what is required: the sum of both amounts.
pub(super) fn balance_for(
    state: &State,
    id: AccountId,
    token: TokenId,
    amount: u128,
    fee: u128,
) -> Result<u128, Failure> {
    let sum = amount.checked_add(fee).ok_or(Failure::NotEnoughBalance)?;
    require(state.balance(id, token) >= sum, Failure::NotEnoughBalance)?;
    Ok(sum)
}

//! What the checks of admission read.

use std::sync::{PoisonError, RwLock};

use chrono::{DateTime, Utc};

use super::facts::Facts;
use super::signature_queue::SignatureQueue;
use crate::crypto::signature::pub_key_hash;
use crate::devnet::fees::Fee;
use crate::devnet::ledger::{AccountType, Ledger};
use crate::devnet::submit_error::SubmitError;
use crate::devnet::tokens::{Token, Tokens};
use crate::domain::{AccountId, Address, PubKeyHash, TokenId, TxSignature};
use crate::execution::ethereum::TokenText;

/// The state that the checks of admission read. Each check reads the ledger separately; if the
/// ledger changes in between, the execution decides.
pub(in crate::devnet) struct Admission<'a> {
    pub ledger: &'a RwLock<Ledger>,
    pub tokens: &'a Tokens,
    pub signatures: &'a SignatureQueue,
    /// Size of the largest block, in chunks.
    pub largest_block: usize,
    /// The present time of the devnet.
    pub now: DateTime<Utc>,
}

impl Admission<'_> {
    pub(super) fn read<R>(&self, read: impl FnOnce(&Ledger) -> R) -> R {
        read(&self.ledger.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns the token of a fee.
    ///
    /// # Errors
    /// [`SubmitError::UnknownToken`], or [`SubmitError::FeeToken`] if fees cannot be paid in it.
    pub(super) fn fee_token(&self, id: TokenId) -> Result<&Token, SubmitError> {
        match self.tokens.by_id(id) {
            Some(token) if token.enabled_for_fees => Ok(token),
            Some(_) => Err(SubmitError::FeeToken),
            None if self.read(|ledger| ledger.nft(id).is_some()) => Err(SubmitError::FeeToken),
            None => Err(SubmitError::UnknownToken),
        }
    }

    /// Checks that a token exists.
    pub(super) fn check_token(&self, id: TokenId) -> Result<(), SubmitError> {
        let exists = self.tokens.by_id(id).is_some() || self.read(|ledger| ledger.nft(id).is_some());
        if exists { Ok(()) } else { Err(SubmitError::UnknownToken) }
    }

    /// Returns the number of chunks that a transaction is charged for.
    pub(super) fn chunks(&self, facts: &Facts) -> u128 {
        let exists = self.read(|ledger| ledger.committed().by_address(&facts.recipient).is_some());
        facts.kind.resolved(exists).chunks()
    }

    /// Returns the fee that a transaction must pay in a token.
    pub(super) fn required_fee(&self, facts: &Facts, token: &Token) -> u128 {
        Fee::of(token, self.chunks(facts), None).total
    }

    /// Returns the address of the account that signs a transaction.
    ///
    /// # Errors
    /// [`SubmitError::UnknownAccount`] if a forced exit names an unknown account.
    pub(super) fn sender(&self, facts: &Facts) -> Result<Address, SubmitError> {
        facts.address.map_or_else(|| self.address_of(facts.account), Ok)
    }

    /// Returns the address of an account.
    ///
    /// # Errors
    /// [`SubmitError::UnknownAccount`].
    pub(super) fn address_of(&self, account: AccountId) -> Result<Address, SubmitError> {
        let address = self.read(|ledger| ledger.committed().by_id(account).map(|known| known.address));
        address.ok_or(SubmitError::UnknownAccount)
    }

    /// Returns the type of the account of an address.
    pub(super) fn account_type(&self, address: &Address) -> AccountType {
        let known = self.read(|ledger| {
            let (id, _) = ledger.committed().by_address(address)?;
            ledger.account_type(id)
        });
        known.unwrap_or(AccountType::Owned)
    }

    /// Returns true if an account of this type must sign on Ethereum what it signed with this key.
    pub(super) fn needs_eth_signature(account_type: AccountType, signature: &TxSignature) -> bool {
        match account_type {
            AccountType::Owned => true,
            AccountType::Create2 | AccountType::No2Fa(None) => false,
            AccountType::No2Fa(Some(key)) => pub_key_hash(&signature.pub_key.0).map(PubKeyHash) != Some(key),
        }
    }

    /// Checks that a nonce was not used.
    pub(super) fn check_nonce(&self, facts: &Facts) -> Result<(), SubmitError> {
        let account =
            |ledger: &Ledger| ledger.committed().by_id(facts.account).map_or(0, |known| known.nonce.0);
        if facts.nonce < self.read(account) { Err(SubmitError::NonceTooLow) } else { Ok(()) }
    }

    /// Returns a token as messages show it.
    pub(super) fn text_of(&self, id: TokenId) -> Option<TokenText> {
        match self.tokens.by_id(id) {
            Some(token) => Some(TokenText { symbol: token.symbol.clone(), decimals: token.decimals }),
            None => {
                let symbol = self.read(|ledger| ledger.nft(id).map(|nft| nft.symbol.clone()))?;
                Some(TokenText { symbol, decimals: 0 })
            }
        }
    }
}

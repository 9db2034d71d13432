//! Ethereum signatures of transactions, orders and switches of two-factor authentication.

use super::context::Admission;
use crate::devnet::ledger::AccountType;
use crate::devnet::submit_error::SubmitError;
use crate::domain::{Address, EthSignData, Order, TxEthSignature, TxSignature, ZkSyncTx};
use crate::execution::ethereum::{legacy_message, message, order_message, signer_of};

/// Returns the address that signed a message; `None` if the signature is malformed or that of a
/// contract, which only a node of layer 1 could check.
pub(super) fn signer(signature: &TxEthSignature, message: &[u8]) -> Option<Address> {
    match signature {
        TxEthSignature::EthereumSignature(signature) => signer_of(signature, message),
        TxEthSignature::Eip1271Signature(_) => None,
    }
}

impl Admission<'_> {
    /// Checks that an Ethereum signature is present if and only if the account needs one. Returns
    /// the one that must be verified.
    pub(super) fn expected<'a>(
        account_type: AccountType,
        l2_signature: &TxSignature,
        eth_signature: Option<&'a TxEthSignature>,
    ) -> Result<Option<&'a TxEthSignature>, SubmitError> {
        if account_type == AccountType::Create2 && eth_signature.is_some() {
            return Err(SubmitError::Create2Signature);
        }
        if !Self::needs_eth_signature(account_type, l2_signature) {
            return Ok(None);
        }
        eth_signature.map(Some).ok_or(SubmitError::MissingEthSignature)
    }

    /// Verifies the Ethereum signature of a transaction; returns it with the current message.
    pub(super) fn verify(
        &self,
        tx: &ZkSyncTx,
        sender: Address,
        signature: &TxEthSignature,
    ) -> Result<EthSignData, SubmitError> {
        let tokens = |id| self.text_of(id);
        let current = message(tx, &tokens).ok_or(SubmitError::UnknownToken)?;
        let legacy = legacy_message(tx, &tokens);
        let signed = |text: &str| signer(signature, text.as_bytes()) == Some(sender);
        if signed(&current) || legacy.is_some_and(|text| signed(&text)) {
            Ok(EthSignData { signature: signature.clone(), message: current.into_bytes() })
        } else {
            Err(SubmitError::WrongEthSignature)
        }
    }

    /// Checks the Ethereum signature of an order.
    pub(super) fn check_order(
        &self,
        order: &Order,
        eth_signature: Option<&TxEthSignature>,
    ) -> Result<(), SubmitError> {
        let owner = self.address_of(order.account_id)?;
        let account_type = self.account_type(&owner);
        let Some(signature) = Self::expected(account_type, &order.signature, eth_signature)? else {
            return Ok(());
        };
        let text = order_message(order, &|id| self.text_of(id)).ok_or(SubmitError::UnknownToken)?;
        match signer(signature, text.as_bytes()) == Some(owner) {
            true => Ok(()),
            false => Err(SubmitError::WrongEthSignature),
        }
    }
}

//! The checks of a single transaction (docs/protocol/07-execution.md §11.1).

use super::context::Admission;
use super::facts::{CHAIN_ID, Facts, authorisation, has_message};
use crate::devnet::fees::{ChangePubKeyKind, is_enough};
use crate::devnet::requests::{EthSignatures, FastProcessing};
use crate::devnet::submit_error::SubmitError;
use crate::domain::{EthSignData, SignedZkSyncTx, ZkSyncTx};
use crate::execution::{VerifiedTx, complete};

impl Admission<'_> {
    /// Checks a transaction; returns it as a block shows it.
    pub(in crate::devnet) fn single(
        &self,
        mut tx: ZkSyncTx,
        signatures: &EthSignatures,
        fast: FastProcessing,
    ) -> Result<VerifiedTx, SubmitError> {
        apply_fast_flag(&mut tx, fast)?;
        let facts = Facts::of(&tx).ok_or(SubmitError::CloseDisabled)?;
        if let ZkSyncTx::ForcedExit(exit) = &tx {
            // Every account of the ledger has been created; the least age is zero.
            if self.read(|ledger| ledger.committed().by_address(&exit.target).is_none()) {
                return Err(SubmitError::NoTarget);
            }
        }
        complete(&mut tx, CHAIN_ID);
        let token = self.fee_token(facts.fee_token)?;
        if !is_enough(facts.fee, self.required_fee(&facts, token)) {
            return Err(SubmitError::FeeTooLow);
        }
        let sender = self.sender(&facts)?;
        let mut eth_sign_data: Option<EthSignData> = None;
        if has_message(&tx) {
            let account_type = self.account_type(&sender);
            let expected = Self::expected(account_type, &facts.signature, signatures.sender())?;
            eth_sign_data = expected.map(|signature| self.verify(&tx, sender, signature)).transpose()?;
        }
        self.check_authorisation(&tx)?;
        let tx = self.signatures.check(SignedZkSyncTx { tx, eth_sign_data, created_at: self.now });
        Self::check_correctness(&tx)?;
        self.check_orders(tx.tx(), signatures)?;
        self.check_nonce(&facts)?;
        Ok(tx)
    }

    /// Checks that a new key without another authorisation was authorised on layer 1.
    pub(super) fn check_authorisation(&self, tx: &ZkSyncTx) -> Result<(), SubmitError> {
        let ZkSyncTx::ChangePubKey(tx) = tx else { return Ok(()) };
        if authorisation(tx) != ChangePubKeyKind::Onchain {
            return Ok(());
        }
        let authorised = self.read(|ledger| ledger.authorised_key(&tx.account, tx.nonce));
        if authorised == Some(tx.new_pk_hash) { Ok(()) } else { Err(SubmitError::NotAuthorized) }
    }

    pub(super) fn check_correctness(tx: &VerifiedTx) -> Result<(), SubmitError> {
        tx.check_correctness().map_err(|error| SubmitError::Incorrect(error.to_string()))
    }

    /// Checks the signatures of the orders of a swap.
    pub(super) fn check_orders(&self, tx: &ZkSyncTx, signatures: &EthSignatures) -> Result<(), SubmitError> {
        let ZkSyncTx::Swap(swap) = tx else { return Ok(()) };
        let EthSignatures::Swap([_, first, second]) = signatures else {
            return Err(SubmitError::MissingEthSignature);
        };
        self.check_order(&swap.orders.0, first.as_ref())?;
        self.check_order(&swap.orders.1, second.as_ref())
    }
}

/// Moves a request for fast processing into the transaction.
fn apply_fast_flag(tx: &mut ZkSyncTx, fast: FastProcessing) -> Result<(), SubmitError> {
    let FastProcessing::Argument(fast) = fast else { return Ok(()) };
    match tx {
        ZkSyncTx::Withdraw(tx) if tx.fast => return Err(SubmitError::FastInTransaction),
        ZkSyncTx::Withdraw(tx) => tx.fast = fast,
        ZkSyncTx::ForcedExit(_) | ZkSyncTx::WithdrawNFT(_) => {}
        _ if fast => return Err(SubmitError::NoFastProcessing),
        _ => {}
    }
    Ok(())
}

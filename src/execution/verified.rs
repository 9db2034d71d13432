//! Transactions with the outcome of their signature checks.

use super::ethereum::is_authorised;
use crate::domain::{PubKeyHash, SignedForms, SignedZkSyncTx, TxHash, TxVersion, ZkSyncTx};

/// Completes a transaction as the API does before it checks the signature
/// (docs/protocol/07-execution.md §10, docs/protocol/07-execution.md §11.1): sets the chain id of a
/// ChangePubKey, and the validity period of a Withdraw without one.
pub(crate) fn complete(tx: &mut ZkSyncTx, chain_id: u64) {
    match tx {
        ZkSyncTx::ChangePubKey(tx) => tx.chain_id = Some(chain_id),
        ZkSyncTx::Withdraw(tx) => {
            tx.time_range.get_or_insert_default();
        }
        _ => {}
    }
}

/// A transaction whose signatures were checked, with their signers. Signatures are expensive (a
/// good part of a millisecond each), so they are checked on admission and not again on execution or
/// when the sealed block is imported.
#[derive(Clone, Debug)]
pub(crate) struct VerifiedTx {
    signed: SignedZkSyncTx,
    hash: Option<TxHash>,
    signer: Option<(PubKeyHash, TxVersion)>,
    order_signers: [Option<PubKeyHash>; 2],
    is_authorised: bool,
}

impl VerifiedTx {
    /// Checks the signatures of a transaction, and the Ethereum authorisation of a ChangePubKey.
    pub(crate) fn new(signed: SignedZkSyncTx) -> Self {
        let forms = forms(&signed.tx);
        Self::with_signers(signed, &mut SignedForms::verify_batch(&forms).into_iter())
    }

    /// Returns a transaction whose signatures the caller vouches for, with the hashes of the keys
    /// that signed it and its orders in the current form.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn signed_by(
        signed: SignedZkSyncTx,
        signer: PubKeyHash,
        orders: [Option<PubKeyHash>; 2],
    ) -> Self {
        let signers = [Some(signer), orders[0], orders[1]].map(|key| Some((key?, TxVersion::V1)));
        Self::with_signers(signed, &mut signers.into_iter())
    }

    /// Checks the signatures of several transactions on this thread; cheaper than one by one.
    pub(crate) fn all(signed: Vec<SignedZkSyncTx>) -> Vec<Self> {
        let forms: Vec<SignedForms> = signed.iter().flat_map(|signed| forms(&signed.tx)).collect();
        let mut signers = SignedForms::verify_batch(&forms).into_iter();
        signed.into_iter().map(|signed| Self::with_signers(signed, &mut signers)).collect()
    }

    fn with_signers(
        signed: SignedZkSyncTx,
        signers: &mut impl Iterator<Item = Option<(PubKeyHash, TxVersion)>>,
    ) -> Self {
        let mut next = || signers.next().flatten();
        let signer = next();
        let order_signers = match &signed.tx {
            ZkSyncTx::Swap(_) => [next(), next()].map(|signer| signer.map(|(key, _)| key)),
            _ => [None; 2],
        };
        let is_authorised = match &signed.tx {
            ZkSyncTx::ChangePubKey(tx) => is_authorised(tx),
            _ => true,
        };
        let hash = TxHash::of(&signed.tx).ok();
        Self { signed, hash, signer, order_signers, is_authorised }
    }

    /// Returns the transaction as blocks store it.
    pub(crate) fn signed(&self) -> &SignedZkSyncTx {
        &self.signed
    }

    /// Returns the transaction.
    pub(crate) fn tx(&self) -> &ZkSyncTx {
        &self.signed.tx
    }

    /// Returns the hash of the transaction; `None` if an amount or the fee exceeds its field, which
    /// [`Self::check_correctness`] refuses.
    pub(crate) fn hash(&self) -> Option<TxHash> {
        self.hash
    }

    /// Returns the hash of the key that signed the transaction; `None` if the signature is not
    /// valid over any of its forms.
    pub(crate) fn signer(&self) -> Option<PubKeyHash> {
        self.signer.map(|(key, _)| key)
    }

    /// Returns the form over which the signature is valid; `None` if it is valid over neither.
    pub(crate) fn version(&self) -> Option<TxVersion> {
        self.signer.map(|(_, version)| version)
    }

    /// Returns the hashes of the keys that signed the two orders of a Swap.
    pub(crate) fn order_signers(&self) -> [Option<PubKeyHash>; 2] {
        self.order_signers
    }

    /// Returns true if the Ethereum authorisation of a ChangePubKey is valid as far as it can be
    /// checked without a contract (docs/protocol/07-execution.md §13). True for other kinds.
    pub(crate) fn is_authorised(&self) -> bool {
        self.is_authorised
    }
}

/// Returns the signed forms of a transaction, then those of its orders.
fn forms(tx: &ZkSyncTx) -> Vec<SignedForms> {
    let mut forms = vec![tx.signed_forms()];
    if let ZkSyncTx::Swap(tx) = tx {
        forms.extend([tx.orders.0.signed_forms(), tx.orders.1.signed_forms()]);
    }
    forms
}

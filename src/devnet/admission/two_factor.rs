//! The checks of a switch of two-factor authentication (docs/protocol/07-execution.md §14).

use super::context::Admission;
use super::signatures::signer;
use crate::devnet::ledger::AccountType;
use crate::devnet::requests::Toggle2Fa;
use crate::devnet::submit_error::SubmitError;
use crate::execution::ethereum::two_factor_message;

/// Largest distance of the time of a request from now, in milliseconds.
const MAX_DISTANCE_MS: u64 = 40 * 60 * 1000;

impl Admission<'_> {
    /// Checks a switch; returns the new type of the account.
    pub(in crate::devnet) fn two_factor(&self, request: &Toggle2Fa) -> Result<AccountType, SubmitError> {
        let Toggle2Fa { enable, timestamp, account_id, signature, pub_key_hash } = request;
        if self.read(|ledger| ledger.account_type(*account_id)) == Some(AccountType::Create2) {
            return Err(SubmitError::TwoFactorOfCreate2);
        }
        if *enable && pub_key_hash.is_some() {
            return Err(SubmitError::TwoFactorForKey);
        }
        let now = u64::try_from(self.now.timestamp_millis()).unwrap_or(0);
        if now.abs_diff(*timestamp) > MAX_DISTANCE_MS {
            return Err(SubmitError::Timestamp);
        }
        let address = self.address_of(*account_id)?;
        let text = two_factor_message(*enable, *timestamp, pub_key_hash.as_ref());
        if signer(signature, text.as_bytes()) != Some(address) {
            return Err(SubmitError::WrongEthSignature);
        }
        Ok(if *enable { AccountType::Owned } else { AccountType::No2Fa(*pub_key_hash) })
    }
}

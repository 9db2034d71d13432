//! The message that switches two-factor authentication (docs/protocol/07-execution.md §12).

use crate::domain::PubKeyHash;

/// Returns the message that switches two-factor authentication on or off, for one key or for all.
/// `timestamp` is in milliseconds.
pub(crate) fn two_factor_message(enable: bool, timestamp: u64, key: Option<&PubKeyHash>) -> String {
    let text = if enable {
        "By signing this message, you are opting into Two-factor Authentication protection by the zkSync Server.\n\
         Transactions now require signatures by both your L1 and L2 private key.\n"
    } else {
        "You are opting out of Two-factor Authentication protection by the zkSync Server.\n\
         Transactions now only require signatures by your L2 private key.\n\
         BY SIGNING THIS MESSAGE, YOU ARE TRUSTING YOUR WALLET CLIENT TO KEEP YOUR L2 PRIVATE KEY SAFE!\n"
    };
    let key = key.map(|key| format!("\nPubKeyHash: {key}")).unwrap_or_default();
    format!("{text}Timestamp: {timestamp}{key}")
}

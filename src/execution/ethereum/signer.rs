//! The signer of a personal message.

use crate::crypto::ethereum::{personal_message_hash, recover};
use crate::domain::{Address, PackedEthSignature};

/// Returns the address whose key signed a message with `personal_sign`; `None` if the signature is
/// malformed.
pub(crate) fn signer_of(signature: &PackedEthSignature, message: &[u8]) -> Option<Address> {
    recover(signature.as_bytes(), &personal_message_hash(message)).map(Address)
}

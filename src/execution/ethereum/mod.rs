//! Messages that are signed on Ethereum, and authorisations of a new key
//! (docs/protocol/07-execution.md §12, docs/protocol/07-execution.md §13).

mod authorisation;
mod message;
mod signer;
#[cfg(test)]
mod tests;
mod text;
mod two_factor;

pub(crate) use authorisation::is_authorised;
pub(crate) use message::{batch_messages, legacy_batch_message, legacy_message, message, order_message};
pub(crate) use signer::signer_of;
pub(crate) use text::TokenText;
pub(crate) use two_factor::two_factor_message;

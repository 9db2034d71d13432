//! Decoders of what clients send to a devnet, for `testing::decoders`.

use serde::de::DeserializeOwned;

use super::{control, rest, rpc};

/// A message of JSON-RPC: every error has a code of those that need no devnet.
pub(crate) fn rpc(bytes: &[u8]) {
    for code in rpc::decode(bytes) {
        assert!([-32700, -32600, -32601, -32602].contains(&code), "{code}");
    }
}

/// The body of a request to REST, or to an endpoint below `/devnet`.
pub(crate) fn rest(bytes: &[u8]) {
    fn read<T: DeserializeOwned>(bytes: &[u8]) {
        let _ = serde_json::from_slice::<T>(bytes);
    }
    read::<rest::ToSubmit>(bytes);
    read::<rest::ToSubmitBatch>(bytes);
    read::<rest::FeeRequest>(bytes);
    read::<rest::BatchFeeRequest>(bytes);
    read::<super::requests::Toggle2Fa>(bytes);
    read::<control::DepositBody>(bytes);
    read::<control::FullExitBody>(bytes);
}

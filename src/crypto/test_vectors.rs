//! The test vectors of the reference implementation for the primitives.
#![allow(clippy::unwrap_used)]

use serde_json::Value;
use std::sync::LazyLock;

pub(super) fn vectors() -> &'static Value {
    static VECTORS: LazyLock<Value> = LazyLock::new(|| {
        let packed = include_bytes!("../../tests/vectors/primitives.json.zst");
        serde_json::from_slice(&zstd::decode_all(&packed[..]).unwrap()).unwrap()
    });
    &VECTORS
}

/// Parses a list of hex strings as field elements.
pub(super) fn elements(list: &Value) -> Vec<super::Fr> {
    list.as_array().unwrap().iter().map(element).collect()
}

pub(super) fn element(text: &Value) -> super::Fr {
    super::fr::from_hex(text.as_str().unwrap()).unwrap()
}

/// Parses a hex string as bytes. An optional `sync:` is dropped.
pub(super) fn bytes(text: &Value) -> Vec<u8> {
    let text = text.as_str().unwrap();
    hex::decode(text.strip_prefix("sync:").unwrap_or(text)).unwrap()
}

//! The arguments of a call.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::RpcError;

/// The arguments of a call by position.
#[derive(Debug)]
pub(super) struct Params {
    values: std::vec::IntoIter<Value>,
}

impl Params {
    /// Reads `params`: missing and null mean no arguments.
    ///
    /// # Errors
    /// If it is not a list: no method has named arguments.
    pub(super) fn new(params: Option<Value>) -> Result<Self, RpcError> {
        let values = match params {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(values)) => values,
            Some(_) => return Err(RpcError::invalid_params("`params` must be a list")),
        };
        Ok(Self { values: values.into_iter() })
    }

    /// Reads the next argument; a missing one counts as null, which an `Option` accepts.
    pub(super) fn next<T: DeserializeOwned>(&mut self, name: &str) -> Result<T, RpcError> {
        let value = self.values.next().unwrap_or_default();
        let missing = value.is_null();
        serde_json::from_value(value).map_err(|error| {
            let cause = if missing { "is missing".to_owned() } else { error.to_string() };
            RpcError::invalid_params(&format!("`{name}`: {cause}"))
        })
    }

    /// Checks that no argument is left.
    pub(super) fn end(self) -> Result<(), RpcError> {
        match self.values.len() {
            0 => Ok(()),
            more => Err(RpcError::invalid_params(&format!("{more} arguments too many"))),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn arguments_are_read_in_order_and_trailing_ones_may_be_missing() {
        let mut params = Params::new(Some(json!([1, "a"]))).unwrap();
        assert_eq!(params.next::<u32>("number").unwrap(), 1);
        assert_eq!(params.next::<String>("text").unwrap(), "a");
        assert_eq!(params.next::<Option<bool>>("flag").unwrap(), None);
        params.end().unwrap();
        for none in [None, Some(json!(null)), Some(json!([]))] {
            Params::new(none).unwrap().end().unwrap();
        }
    }

    #[test]
    fn wrong_arguments_are_named() {
        let refused = |params, read: fn(Params) -> Result<(), RpcError>| {
            let error = Params::new(params).and_then(read).unwrap_err();
            assert_eq!(error.code, -32602);
            error.message
        };
        let number = |mut params: Params| params.next::<u32>("number").and_then(|_| params.end());
        assert!(refused(Some(json!(["x"])), number).contains("`number`"));
        assert!(refused(Some(json!([])), number).contains("`number`: is missing"));
        assert!(refused(Some(json!([1, 2])), number).contains("1 arguments too many"));
        assert!(refused(Some(json!({ "number": 1 })), number).contains("list"));
    }
}

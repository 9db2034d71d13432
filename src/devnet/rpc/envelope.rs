//! Calls, batches of calls and notifications.

use serde_json::{Value, json};

use super::error::RpcError;
use super::params::Params;

/// Longest batch of calls.
const MAX_CALLS: usize = 1000;

/// The content of a message.
#[derive(Debug)]
pub(super) enum Message {
    /// One call.
    One(Result<Call, Refusal>),
    /// Several calls, whose answers are sent together.
    Many(Vec<Result<Call, Refusal>>),
}

/// A call.
#[derive(Debug)]
pub(super) struct Call {
    /// Its id; `None` for a notification, which gets no answer.
    pub(super) id: Option<Value>,
    pub(super) method: String,
    pub(super) params: Option<Value>,
}

/// The answer to JSON that is not a call.
#[derive(Debug)]
pub(super) struct Refusal {
    id: Value,
    error: RpcError,
}

impl Refusal {
    /// Returns the answer.
    pub(super) fn to_json(&self) -> Value {
        answer(self.id.clone(), Err(self.error.clone()))
    }
}

/// Reads a message.
pub(super) fn parse(text: &[u8]) -> Message {
    let refused = |error| Message::One(Err(Refusal { id: Value::Null, error }));
    match serde_json::from_slice(text) {
        Err(error) => refused(RpcError::parse(&error.to_string())),
        Ok(Value::Array(calls)) if calls.is_empty() => {
            refused(RpcError::invalid_request("the list of calls is empty"))
        }
        Ok(Value::Array(calls)) if calls.len() > MAX_CALLS => {
            refused(RpcError::invalid_request(&format!("more than {MAX_CALLS} calls in one list")))
        }
        Ok(Value::Array(calls)) => Message::Many(calls.into_iter().map(call).collect()),
        Ok(value) => Message::One(call(value)),
    }
}

fn call(value: Value) -> Result<Call, Refusal> {
    let refusal = |id, cause| Refusal { id, error: RpcError::invalid_request(cause) };
    let Value::Object(mut object) = value else {
        return Err(refusal(Value::Null, "a call is an object"));
    };
    let id = object.remove("id");
    if matches!(&id, Some(Value::Bool(_) | Value::Array(_) | Value::Object(_))) {
        return Err(refusal(Value::Null, "`id` must be a number or text"));
    }
    let refusal = |cause| refusal(id.clone().unwrap_or_default(), cause);
    if object.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return Err(refusal("`jsonrpc` must be \"2.0\""));
    }
    let Some(Value::String(method)) = object.remove("method") else {
        return Err(refusal("`method` must be text"));
    };
    Ok(Call { id, method, params: object.remove("params") })
}

impl Call {
    /// Returns the arguments.
    pub(super) fn params(&mut self) -> Result<Params, RpcError> {
        Params::new(self.params.take())
    }
}

/// Returns the answer to a call. It has no key `result` if it has an error: the SDK looks for
/// `result` first.
pub(super) fn answer(id: Value, outcome: Result<Value, RpcError>) -> Value {
    match outcome {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
        Err(error) => json!({ "jsonrpc": "2.0", "id": id, "error": error.to_json() }),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn refused(text: &str) -> (Value, i64) {
        let Message::One(Err(refusal)) = parse(text.as_bytes()) else { panic!("accepted: {text}") };
        let answer = refusal.to_json();
        assert!(answer.get("result").is_none());
        (answer["id"].clone(), answer["error"]["code"].as_i64().unwrap())
    }

    #[test]
    fn text_that_is_no_call_is_refused_with_the_id_if_it_has_one() {
        for text in ["", "{", "nothing", "{\"id\":1", "[1,", "\u{0}"] {
            assert_eq!(refused(text), (Value::Null, -32700), "{text}");
        }
        for text in ["[]", "1", "null", "\"x\"", "true", "{}"] {
            assert_eq!(refused(text), (Value::Null, -32600), "{text}");
        }
        for text in [
            r#"{"id":7}"#,
            r#"{"id":7,"method":"tokens"}"#,
            r#"{"id":7,"jsonrpc":"1.0","method":"tokens"}"#,
            r#"{"id":7,"jsonrpc":"2.0"}"#,
            r#"{"id":7,"jsonrpc":"2.0","method":7}"#,
        ] {
            assert_eq!(refused(text), (json!(7), -32600), "{text}");
        }
        assert_eq!(refused(r#"{"id":[],"jsonrpc":"2.0","method":"tokens"}"#), (Value::Null, -32600));
        let nested = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
        assert_eq!(refused(&nested), (Value::Null, -32700));
        let many = format!("[{}]", vec!["1"; MAX_CALLS + 1].join(","));
        assert_eq!(refused(&many), (Value::Null, -32600));
    }

    #[test]
    fn calls_and_notifications_are_read() {
        let text =
            r#"[{"jsonrpc":"2.0","id":"a","method":"x","params":[1]},{"jsonrpc":"2.0","method":"y"},5]"#;
        let Message::Many(calls) = parse(text.as_bytes()) else { panic!() };
        let first = calls[0].as_ref().unwrap();
        assert_eq!((first.id.clone(), first.method.as_str()), (Some(json!("a")), "x"));
        assert_eq!(calls[1].as_ref().unwrap().id, None);
        assert!(calls[2].is_err());
        let Message::One(Ok(call)) = parse(br#"{"jsonrpc":"2.0","id":null,"method":"x"}"#) else { panic!() };
        assert_eq!(call.id, Some(Value::Null));
    }
}

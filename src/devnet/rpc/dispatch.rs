//! Answers messages, over HTTP or a WebSocket.

use serde_json::Value;

use super::envelope::{Call, Message, Refusal, answer, parse};
use super::methods;
use super::request::Request;
use super::subscriptions::Subscriptions;
use crate::devnet::devnet::Devnet;

/// Returns the answer to a message; `None` if it has notifications only. Calls of one message are
/// executed in order. Without `subscriptions`, their methods do not exist.
pub(super) async fn respond(
    devnet: &Devnet,
    mut subscriptions: Option<&mut Subscriptions>,
    text: &[u8],
) -> Option<Value> {
    match parse(text) {
        Message::One(call) => respond_one(devnet, subscriptions, call).await,
        Message::Many(calls) => {
            let mut answers = Vec::new();
            for call in calls {
                answers.extend(respond_one(devnet, subscriptions.as_deref_mut(), call).await);
            }
            (!answers.is_empty()).then_some(Value::Array(answers))
        }
    }
}

async fn respond_one(
    devnet: &Devnet,
    subscriptions: Option<&mut Subscriptions>,
    call: Result<Call, Refusal>,
) -> Option<Value> {
    let mut call = match call {
        Ok(call) => call,
        Err(refusal) => return Some(refusal.to_json()),
    };
    let method = std::mem::take(&mut call.method);
    let subscribed = subscriptions.and_then(|all| all.call(&method, || call.params()));
    let outcome = match subscribed {
        Some(outcome) => outcome,
        None => match call.params().and_then(|params| Request::read(&method, params)) {
            Ok(request) => methods::call(devnet, request).await,
            Err(error) => Err(error),
        },
    };
    call.id.map(|id| answer(id, outcome))
}

/// Reads a message with the arguments of all its calls; returns the codes of the errors.
#[cfg(any(test, feature = "testing"))]
pub(in crate::devnet) fn decode(text: &[u8]) -> Vec<i64> {
    let mut subscriptions = Subscriptions::default();
    let mut code = |call: Result<Call, Refusal>| -> Option<i64> {
        let answer = match call {
            Err(refusal) => refusal.to_json(),
            Ok(mut call) => {
                let method = std::mem::take(&mut call.method);
                let outcome = subscriptions.call(&method, || call.params()).unwrap_or_else(|| {
                    call.params().and_then(|params| Request::read(&method, params)).map(|_| Value::Null)
                });
                answer(call.id.unwrap_or_default(), outcome)
            }
        };
        answer.pointer("/error/code").and_then(Value::as_i64)
    };
    match parse(text) {
        Message::One(call) => code(call).into_iter().collect(),
        Message::Many(calls) => calls.into_iter().filter_map(code).collect(),
    }
}

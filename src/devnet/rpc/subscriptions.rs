//! Subscriptions of a WebSocket connection: a client is notified once a transaction or a priority
//! operation is executed or final, and each time an account changes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::error::RpcError;
use super::params::Params;
use crate::devnet::ledger::Ledger;
use crate::devnet::tokens::Tokens;
use crate::devnet::wire::{AccountInfo, AccountState, EthOpInfo, TxHashArgument, TxInfo};
use crate::domain::{Address, H256};

/// Largest number of subscriptions of a connection.
const MAX_SUBSCRIPTIONS: usize = 1000;

/// The stage that a client waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Action {
    /// Execution.
    Commit,
    /// Finality of the block.
    Verify,
}

/// The subject of a subscription.
#[derive(Debug)]
enum Subject {
    Tx(H256),
    EthOp(u64),
    /// With the state that was sent last.
    Account(Address, Option<Box<AccountState>>),
}

#[derive(Debug)]
struct Subscription {
    subject: Subject,
    verified: bool,
    /// True once nothing more is sent.
    done: bool,
}

/// The subscriptions of one connection by their ids.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    last_id: u64,
    open: BTreeMap<String, Subscription>,
}

impl Subscriptions {
    /// Answers a call of a method for subscriptions; `None` for other methods.
    pub(super) fn call(
        &mut self,
        method: &str,
        params: impl FnOnce() -> Result<Params, RpcError>,
    ) -> Option<Result<Value, RpcError>> {
        Some(match method {
            "tx_subscribe" => params()
                .and_then(|params| self.open(params, "hash", |hash: TxHashArgument| Subject::Tx(hash.0))),
            "ethop_subscribe" => params().and_then(|params| self.open(params, "serial_id", Subject::EthOp)),
            "account_subscribe" => params()
                .and_then(|params| self.open(params, "address", |address| Subject::Account(address, None))),
            "tx_unsubscribe" | "ethop_unsubscribe" | "account_unsubscribe" => {
                params().and_then(|params| self.close(params))
            }
            _ => return None,
        })
    }

    fn open<T: serde::de::DeserializeOwned>(
        &mut self,
        mut params: Params,
        name: &str,
        subject: impl FnOnce(T) -> Subject,
    ) -> Result<Value, RpcError> {
        let subject = subject(params.next(name)?);
        let action: Action = params.next("action")?;
        params.end()?;
        if self.open.len() >= MAX_SUBSCRIPTIONS {
            let cause = format!("a connection has at most {MAX_SUBSCRIPTIONS} subscriptions");
            return Err(RpcError::invalid_request(&cause));
        }
        self.last_id += 1;
        let id = self.last_id.to_string();
        let verified = action == Action::Verify;
        self.open.insert(id.clone(), Subscription { subject, verified, done: false });
        Ok(json!(id))
    }

    fn close(&mut self, mut params: Params) -> Result<Value, RpcError> {
        let id: String = params.next("subscription")?;
        params.end()?;
        Ok(json!(self.open.remove(&id).is_some()))
    }

    /// Returns the notifications that have become due.
    pub(super) fn due(&mut self, ledger: &Ledger, tokens: &Tokens) -> Vec<Value> {
        let mut due = Vec::new();
        for (id, subscription) in self.open.iter_mut().filter(|(_, subscription)| !subscription.done) {
            let verified = subscription.verified;
            match &mut subscription.subject {
                Subject::Tx(hash) => {
                    let info = TxInfo::of(ledger, hash);
                    subscription.done = info.reached(verified);
                    due.extend(subscription.done.then(|| notification("tx", id, &info)));
                }
                Subject::EthOp(serial_id) => {
                    let info = EthOpInfo::of(ledger, *serial_id);
                    subscription.done = info.reached(verified);
                    due.extend(subscription.done.then(|| notification("eth_op", id, &info)));
                }
                Subject::Account(address, sent) => {
                    let state = AccountInfo::of(ledger, tokens, address).state(verified);
                    if sent.as_deref() != Some(&state) {
                        due.push(notification("account", id, &state));
                        *sent = Some(Box::new(state));
                    }
                }
            }
        }
        due
    }
}

fn notification(method: &str, id: &str, result: &impl Serialize) -> Value {
    json!({ "jsonrpc": "2.0", "method": method, "params": { "subscription": id, "result": result } })
}

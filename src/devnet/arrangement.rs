//! The order in which waiting requests are executed: that of their arrival, but for each account
//! with ascending nonces (docs/protocol/07-execution.md §8.1).

use std::collections::HashMap;
use std::collections::VecDeque;

use super::ledger::WaitingRequest;
use crate::domain::AccountId;

/// Puts requests of one account into the order of their nonces, in the places that these requests
/// have together. Requests with several senders, and priority operations, keep their places.
pub(super) fn in_order(requests: Vec<WaitingRequest>) -> Vec<WaitingRequest> {
    let senders: Vec<Option<AccountId>> =
        requests.iter().map(|request| request.sender().map(|(account, _)| account)).collect();
    let mut of_account: HashMap<AccountId, Vec<WaitingRequest>> = HashMap::new();
    let mut others = VecDeque::new();
    for (request, sender) in requests.into_iter().zip(&senders) {
        match sender {
            Some(account) => of_account.entry(*account).or_default().push(request),
            None => others.push_back(request),
        }
    }
    let mut of_account: HashMap<AccountId, VecDeque<WaitingRequest>> = of_account
        .into_iter()
        .map(|(account, mut requests)| {
            requests.sort_by_key(|request| request.sender().map(|(_, nonce)| nonce));
            (account, requests.into())
        })
        .collect();
    let next = |sender: &Option<AccountId>| match sender {
        Some(account) => of_account.get_mut(account).and_then(VecDeque::pop_front),
        None => others.pop_front(),
    };
    senders.iter().map(next).collect::<Vec<_>>().into_iter().flatten().collect()
}

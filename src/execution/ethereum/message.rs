//! The messages that accompany transactions (docs/protocol/07-execution.md §12).

use super::text::{Tokens, amount, token};
use crate::crypto::ethereum::keccak256;
use crate::domain::tx::{Order, Transfer, Withdraw};
use crate::domain::{Address, Nonce, TokenId, ZkSyncTx};
use num_bigint::BigUint;
use num_traits::Zero;

/// Returns the message of a single transaction; `None` for a kind without one (ChangePubKey and
/// Close), or if it names an unknown token.
pub(crate) fn message(tx: &ZkSyncTx, tokens: Tokens<'_>) -> Option<String> {
    if matches!(tx, ZkSyncTx::ChangePubKey(_)) {
        return None;
    }
    let mut lines = part(tx, tokens)?;
    lines.push(nonce(tx.nonce()));
    Some(lines.join("\n"))
}

/// Returns the older message of a Transfer or Withdraw, which is accepted as well.
pub(crate) fn legacy_message(tx: &ZkSyncTx, tokens: Tokens<'_>) -> Option<String> {
    let (name, to, moved, fee, token, account_id) = match tx {
        ZkSyncTx::Transfer(tx) => {
            let Transfer { to, amount, fee, token, account_id, .. } = &**tx;
            ("Transfer", to, amount, fee, *token, account_id)
        }
        ZkSyncTx::Withdraw(tx) => {
            let Withdraw { to, amount, fee, token, account_id, .. } = &**tx;
            ("Withdraw", to, amount, fee, *token, account_id)
        }
        _ => return None,
    };
    let moved = amount(moved, token, tokens)?;
    let fee = amount(fee, token, tokens)?;
    let nonce = nonce(tx.nonce());
    Some(format!("{name} {moved}\nTo: {to}\n{nonce}\nFee: {fee}\nAccount Id: {account_id}"))
}

/// Returns the message of an order.
pub(crate) fn order_message(order: &Order, tokens: Tokens<'_>) -> Option<String> {
    let sell = token(order.token_sell, tokens)?.symbol;
    let buy = token(order.token_buy, tokens)?.symbol;
    let first = if order.amount.is_zero() {
        format!("Limit order for {sell} -> {buy}")
    } else {
        format!("Order for {} -> {buy}", amount(&order.amount, order.token_sell, tokens)?)
    };
    let (price_sell, price_buy) = &order.ratio;
    let recipient = order.recipient;
    let nonce = nonce(order.nonce);
    Some(format!("{first}\nRatio: {price_sell}:{price_buy}\nAddress: {recipient}\n{nonce}"))
}

/// Returns the messages of a batch that are accepted: that of the reference, then that of the SDK
/// if it differs. `txs` are the transactions with the addresses of their senders (the initiator of
/// a ForcedExit). `None` if the batch has a Close or names an unknown token.
pub(crate) fn batch_messages(txs: &[(&ZkSyncTx, Address)], tokens: Tokens<'_>) -> Option<Vec<String>> {
    let runs: Vec<&[(&ZkSyncTx, Address)]> = txs.chunk_by(|a, b| a.1 == b.1).collect();
    let has_one_run = runs.len() == 1;
    let mut of_reference = Vec::with_capacity(runs.len());
    let mut of_sdk = Vec::with_capacity(runs.len());
    for run in runs {
        let (first, sender) = run.first()?;
        let mut lines = Vec::new();
        for (tx, _) in run {
            lines.extend(part(tx, tokens)?);
        }
        let from = if has_one_run { String::new() } else { format!("From: {sender}\n") };
        let parts = lines.join("\n");
        let nonce = nonce(first.nonce());
        of_reference.push(format!("{from}{parts}\n{nonce}"));
        of_sdk.push(if parts.is_empty() { from + &nonce } else { format!("{from}{parts}\n{nonce}") });
    }
    let mut messages = vec![of_reference.join("\n\n"), of_sdk.join("\n\n")];
    messages.dedup();
    Some(messages)
}

/// Returns the 32 bytes that older clients sign for a batch; `None` if a transaction has no legacy
/// form.
pub(crate) fn legacy_batch_message(txs: &[&ZkSyncTx]) -> Option<[u8; 32]> {
    let bytes = |tx: &&ZkSyncTx| match tx {
        ZkSyncTx::Transfer(tx) if !tx.token.is_nft() => tx.legacy_signed_bytes().ok(),
        ZkSyncTx::Withdraw(tx) if !tx.token.is_nft() => tx.legacy_signed_bytes().ok(),
        ZkSyncTx::ForcedExit(tx) if !tx.token.is_nft() => tx.legacy_signed_bytes().ok(),
        ZkSyncTx::ChangePubKey(tx) if !tx.fee_token.is_nft() => tx.legacy_signed_bytes().ok(),
        _ => None,
    };
    let joined: Vec<Vec<u8>> = txs.iter().map(bytes).collect::<Option<_>>()?;
    Some(keccak256(&[&joined.concat()]))
}

/// Returns the lines of a transaction, without its nonce.
fn part(tx: &ZkSyncTx, tokens: Tokens<'_>) -> Option<Vec<String>> {
    let mut lines = Vec::new();
    let fee = match tx {
        ZkSyncTx::Transfer(tx) => {
            if !tx.amount.is_zero() {
                let moved = amount(&tx.amount, tx.token, tokens)?;
                lines.push(format!("Transfer {moved} to: {}", tx.to));
            }
            fee_line("Fee", &tx.fee, tx.token, tokens)?
        }
        ZkSyncTx::Withdraw(tx) => {
            if !tx.amount.is_zero() {
                let moved = amount(&tx.amount, tx.token, tokens)?;
                lines.push(format!("Withdraw {moved} to: {}", tx.to));
            }
            fee_line("Fee", &tx.fee, tx.token, tokens)?
        }
        ZkSyncTx::ForcedExit(tx) => {
            let symbol = token(tx.token, tokens)?.symbol;
            lines.push(format!("ForcedExit {symbol} to: {}", tx.target));
            fee_line("Fee", &tx.fee, tx.token, tokens)?
        }
        ZkSyncTx::MintNFT(tx) => {
            lines.push(format!("MintNFT {} for: {}", tx.content_hash, tx.recipient));
            fee_line("Fee", &tx.fee, tx.fee_token, tokens)?
        }
        ZkSyncTx::WithdrawNFT(tx) => {
            lines.push(format!("WithdrawNFT {} to: {}", tx.token, tx.to));
            fee_line("Fee", &tx.fee, tx.fee_token, tokens)?
        }
        ZkSyncTx::Swap(tx) => fee_line("Swap fee", &tx.fee, tx.fee_token, tokens)?,
        ZkSyncTx::ChangePubKey(tx) => {
            lines.push(format!("Set signing key: {}", hex::encode(tx.new_pk_hash.0)));
            fee_line("Fee", &tx.fee, tx.fee_token, tokens)?
        }
        ZkSyncTx::Close(_) => return None,
    };
    lines.extend(fee);
    Some(lines)
}

/// Returns the line of a fee, which is left out if it is zero; `None` for an unknown token.
fn fee_line(name: &str, fee: &BigUint, token: TokenId, tokens: Tokens<'_>) -> Option<Option<String>> {
    if fee.is_zero() {
        return Some(None);
    }
    Some(Some(format!("{name}: {}", amount(fee, token, tokens)?)))
}

fn nonce(nonce: Nonce) -> String {
    format!("Nonce: {nonce}")
}

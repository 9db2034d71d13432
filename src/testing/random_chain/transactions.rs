//! Random transactions: valid ones in which every now and then a field is wrong.

use super::chain::{RandomChain, WALLETS, WITH_ACCOUNT};
use super::choices::Choices;
use crate::domain::tx::{
    ChangePubKey, ChangePubKeyEthAuthData, ForcedExit, MintNft, Order, Swap, Withdraw, WithdrawNft,
};
use crate::domain::{
    AccountId, H256, NFT_TOKEN_ID, Nonce, TimeRange, TokenId, Transfer, TxSignature, ZkSyncTx,
};
use crate::execution::VerifiedTx;
use crate::testing::Wallet;

/// Tokens that few accounts have, or none.
const RARE_TOKENS: &[u32] = &[1_023, 1_024, 65_536, 65_537, 65_538, 65_539, NFT_TOKEN_ID.0, u32::MAX];

/// Returns a wallet, rarely one without an account.
fn wallet(choices: &mut Choices<'_>) -> &'static Wallet {
    let count = if choices.once_in(16) { WALLETS.len() } else { WITH_ACCOUNT };
    &WALLETS[choices.below(count)]
}

fn token(choices: &mut Choices<'_>) -> TokenId {
    TokenId(match choices.below(12) {
        0 | 1 => choices.pick(RARE_TOKENS),
        2..5 => 1,
        5 | 6 => 2,
        _ => 0,
    })
}

impl RandomChain {
    /// Returns an unsigned transaction and the wallet that signs it.
    pub(super) fn random_tx(
        &self,
        choices: &mut Choices<'_>,
        batch: &[VerifiedTx],
    ) -> (ZkSyncTx, &'static Wallet) {
        let sender = wallet(choices);
        let signer = if choices.once_in(24) { &WALLETS[choices.below(WALLETS.len())] } else { sender };
        let own = self.executor.state().account_by_address(&sender.address());
        let id = own.map_or(AccountId(77), |(id, _)| id);
        let id = if choices.once_in(24) { AccountId(choices.pick(&[0, 1, 9, 77, u32::MAX])) } else { id };
        let nonce = self.nonce(id, batch);
        let nonce = if choices.once_in(16) { Nonce(choices.pick(&[0, 1, u32::MAX])) } else { nonce };
        let token = token(choices);
        let fee_token = if choices.once_in(4) { self::token(choices) } else { TokenId(0) };
        let balance = self.executor.state().balance(id, token);
        let fee_balance = self.executor.state().balance(id, fee_token);
        let range = self.range(choices);
        let signature = TxSignature::default();
        let tx = match choices.below(12) {
            0 => ZkSyncTx::Withdraw(Box::new(Withdraw {
                account_id: id,
                from: sender.address(),
                to: sender.address(),
                token,
                amount: choices.amount(balance).into(),
                fee: choices.fee(balance).into(),
                nonce,
                signature,
                fast: choices.once_in(3),
                time_range: range,
            })),
            1 => ZkSyncTx::ForcedExit(Box::new(ForcedExit {
                initiator_account_id: id,
                target: self.address(choices),
                token,
                fee: choices.fee(balance).into(),
                nonce,
                signature,
                time_range: range,
            })),
            2 | 3 => ZkSyncTx::MintNFT(Box::new(MintNft {
                creator_id: id,
                creator_address: sender.address(),
                content_hash: H256([choices.below(256) as u8; 32]),
                recipient: self.address(choices),
                fee: choices.fee(fee_balance).into(),
                fee_token,
                nonce,
                signature,
            })),
            4 => ZkSyncTx::WithdrawNFT(Box::new(WithdrawNft {
                account_id: id,
                from: sender.address(),
                to: sender.address(),
                token: TokenId(65_536 + choices.below(4) as u32),
                fee_token,
                fee: choices.fee(fee_balance).into(),
                nonce,
                signature,
                fast: false,
                time_range: range.unwrap_or_default(),
            })),
            5 => ZkSyncTx::ChangePubKey(Box::new(self.change_key(choices, sender, id, nonce, fee_token))),
            6 | 7 => ZkSyncTx::Swap(Box::new(self.swap(choices, sender, id, nonce, fee_token, batch))),
            _ => ZkSyncTx::Transfer(Box::new(Transfer {
                account_id: id,
                from: sender.address(),
                to: self.address(choices),
                token,
                amount: if token.is_nft() { 1u8.into() } else { choices.amount(balance).into() },
                fee: if token.is_nft() { 0u8.into() } else { choices.fee(balance).into() },
                nonce,
                time_range: range,
                signature,
            })),
        };
        (tx, signer)
    }

    fn range(&self, choices: &mut Choices<'_>) -> Option<TimeRange> {
        let now = self.executor.pending().timestamp();
        match choices.below(64) {
            0 => None,
            1 => Some(TimeRange { valid_from: now, valid_until: now }),
            2 => Some(TimeRange { valid_from: now + 1, valid_until: u64::MAX }),
            3 => Some(TimeRange { valid_from: 0, valid_until: now - 1 }),
            _ => Some(TimeRange::default()),
        }
    }

    fn change_key(
        &self,
        choices: &mut Choices<'_>,
        sender: &Wallet,
        id: AccountId,
        nonce: Nonce,
        fee_token: TokenId,
    ) -> ChangePubKey {
        let eth_auth_data = match choices.below(8) {
            0 => Some(ChangePubKeyEthAuthData::Ecdsa {
                eth_signature: sender.sign_ethereum(b"something else"),
                batch_hash: H256::default(),
            }),
            1 => Some(ChangePubKeyEthAuthData::Onchain {}),
            _ => None,
        };
        let fee = choices.fee(self.executor.state().balance(id, fee_token)).into();
        ChangePubKey {
            account_id: id,
            account: sender.address(),
            new_pk_hash: sender.pub_key_hash(),
            fee_token,
            fee,
            nonce,
            signature: TxSignature::default(),
            eth_signature: None,
            eth_auth_data,
            time_range: self.range(choices),
            chain_id: Some(9),
        }
    }

    fn swap(
        &self,
        choices: &mut Choices<'_>,
        submitter: &Wallet,
        submitter_id: AccountId,
        nonce: Nonce,
        fee_token: TokenId,
        batch: &[VerifiedTx],
    ) -> Swap {
        let tokens = [token(choices), token(choices)];
        let owners = [wallet(choices), wallet(choices)];
        let ids = owners.map(|owner| self.executor.state().account_by_address(&owner.address()));
        let ids = ids.map(|account| account.map_or(AccountId(77), |(id, _)| id));
        let sold = [0, 1].map(|side| self.executor.state().balance(ids[side], tokens[side]));
        let amounts = sold.map(|balance| match choices.below(4) {
            0 => choices.amount(balance),
            _ => (choices.below(100) as u128).min(balance),
        });
        let order = |choices: &mut Choices<'_>, side: usize| {
            let other = 1 - side;
            let wrong = |choices: &mut Choices<'_>| u128::from(choices.once_in(24));
            let price = |amount: u128| amount >> 8;
            let limit = choices.once_in(3);
            let mut order = Order {
                account_id: ids[side],
                recipient: if choices.once_in(8) { self.address(choices) } else { owners[side].address() },
                nonce: self.nonce(ids[side], batch),
                token_buy: tokens[other],
                token_sell: tokens[side],
                ratio: if amounts[side].max(amounts[other]) >> 120 == 0 {
                    (amounts[side].into(), (amounts[other] + wrong(choices)).into())
                } else {
                    (price(amounts[side]).into(), price(amounts[other]).into())
                },
                amount: if limit { 0u8.into() } else { amounts[side].into() },
                time_range: self.range(choices).unwrap_or_default(),
                signature: TxSignature::default(),
            };
            if let Ok(bytes) = order.signed_bytes() {
                order.signature = owners[side].sign(&bytes);
            }
            order
        };
        let orders = (order(choices, 0), order(choices, 1));
        Swap {
            submitter_id,
            submitter_address: submitter.address(),
            nonce,
            orders,
            amounts: (amounts[0].into(), amounts[1].into()),
            fee: choices.fee(self.executor.state().balance(submitter_id, fee_token)).into(),
            fee_token,
            signature: TxSignature::default(),
        }
    }
}

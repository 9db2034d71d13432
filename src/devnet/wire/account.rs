//! Accounts.

use std::collections::BTreeMap;

use num_bigint::BigUint;
use num_traits::Zero;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::nft::NftView;
use crate::devnet::ledger::{AccountType, Accounts, Ledger, TxBody};
use crate::devnet::tokens::Tokens;
use crate::domain::{
    Account, AccountId, Address, NFT_STORAGE_ACCOUNT_ID, NFT_TOKEN_ID, PubKeyHash, TokenId, ZkSyncPriorityOp,
};

/// Balances of an account: fungible tokens by their symbols, NFTs by their ids.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::devnet) struct AccountState {
    /// Balances in the smallest unit, as decimal strings, by symbol; zeros are left out.
    balances: BTreeMap<String, String>,
    /// NFTs that the account holds, by token id.
    nfts: BTreeMap<String, NftView>,
    /// NFTs that the account created, by token id.
    minted_nfts: BTreeMap<String, NftView>,
    /// Nonce of its next transaction.
    nonce: u32,
    /// Hash of its signing key; zero while it is locked.
    pub_key_hash: String,
}

impl AccountState {
    /// Returns the state of an account that does not exist.
    pub(in crate::devnet) fn empty() -> Self {
        Self { pub_key_hash: PubKeyHash::default().to_string(), ..Self::default() }
    }

    /// Returns the state of an account.
    pub(in crate::devnet) fn of(ledger: &Ledger, tokens: &Tokens, id: AccountId, account: &Account) -> Self {
        let mut balances = BTreeMap::new();
        let mut nfts = BTreeMap::new();
        for (token, amount) in account.balances.iter().filter(|(_, amount)| !amount.is_zero()) {
            if *token == NFT_TOKEN_ID {
                continue;
            }
            if !token.is_nft() {
                balances.insert(symbol(tokens, *token), amount.to_string());
            } else if id != NFT_STORAGE_ACCOUNT_ID
                && let Some(nft) = ledger.nft(*token)
            {
                nfts.insert(token.to_string(), nft.into());
            }
        }
        let minted = account.minted_nfts.iter().map(|(token, nft)| (token.to_string(), nft.into()));
        Self {
            balances,
            nfts,
            minted_nfts: minted.collect(),
            nonce: account.nonce.0,
            pub_key_hash: account.pub_key_hash.to_string(),
        }
    }

    fn of_address(
        ledger: &Ledger,
        tokens: &Tokens,
        accounts: &Accounts,
        address: &Address,
    ) -> (Option<AccountId>, Self) {
        match accounts.by_address(address) {
            Some((id, account)) => (Some(id), Self::of(ledger, tokens, id, account)),
            None => (None, Self::empty()),
        }
    }
}

/// Deposits to an account that are not executed yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(in crate::devnet) struct Depositing {
    /// By the symbol of the token.
    balances: BTreeMap<String, DepositingAmount>,
}

/// The amount of the deposits of a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::devnet) struct DepositingAmount {
    /// Amount in the smallest unit, as a decimal string.
    amount: String,
    /// Number of the Ethereum block after which the last one is expected to be executed.
    expected_accept_block: u64,
}

impl Depositing {
    /// Returns the deposits to an address that are not executed yet.
    pub(in crate::devnet) fn of(ledger: &Ledger, tokens: &Tokens, address: &Address) -> Self {
        let mut sums: BTreeMap<String, (BigUint, u64)> = BTreeMap::new();
        for record in ledger.waiting_priority_ops() {
            let TxBody::Priority(op) = &record.body else { continue };
            let ZkSyncPriorityOp::Deposit(deposit) = &op.data else { continue };
            if deposit.to == *address {
                let (sum, block) = sums.entry(symbol(tokens, deposit.token)).or_default();
                *sum += &deposit.amount;
                *block = op.eth_block.max(*block);
            }
        }
        let amount = |(sum, block): (BigUint, u64)| DepositingAmount {
            amount: sum.to_string(),
            expected_accept_block: block,
        };
        Self { balances: sums.into_iter().map(|(symbol, sum)| (symbol, amount(sum))).collect() }
    }
}

/// Returns the symbol of a fungible token. Each has one, since accounts could not be shown otherwise.
fn symbol(tokens: &Tokens, id: TokenId) -> String {
    tokens.by_id(id).map_or_else(|| id.to_string(), |token| token.symbol.clone())
}

/// Returns the type of an account as JSON; null if it was never set.
fn account_type(ledger: &Ledger, id: AccountId) -> Value {
    match ledger.account_type(id) {
        None => Value::Null,
        Some(AccountType::Owned) => json!("Owned"),
        Some(AccountType::Create2) => json!("CREATE2"),
        Some(AccountType::No2Fa(key)) => json!({ "No2FA": key.map(|key| key.to_string()) }),
    }
}

/// An account in JSON-RPC.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::devnet) struct AccountInfo {
    address: String,
    /// Null if the account does not exist.
    id: Option<AccountId>,
    depositing: Depositing,
    committed: AccountState,
    verified: AccountState,
    account_type: Value,
}

impl AccountInfo {
    /// Returns the account of an address; an empty one if it does not exist.
    pub(in crate::devnet) fn of(ledger: &Ledger, tokens: &Tokens, address: &Address) -> Self {
        let (id, committed) = AccountState::of_address(ledger, tokens, ledger.committed(), address);
        let (_, verified) = AccountState::of_address(ledger, tokens, ledger.verified(), address);
        Self {
            address: address.to_string(),
            id,
            depositing: Depositing::of(ledger, tokens, address),
            committed,
            verified,
            account_type: id.map_or(Value::Null, |id| account_type(ledger, id)),
        }
    }

    /// Returns the state after everything executed, or after the last final block.
    pub(in crate::devnet) fn state(self, verified: bool) -> AccountState {
        if verified { self.verified } else { self.committed }
    }
}

/// An account.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Account)]
pub(in crate::devnet) struct RestAccount {
    /// Its id.
    account_id: u32,
    /// Address of its owner.
    address: String,
    /// The last block that changed it; 0 for genesis.
    last_update_in_block: u32,
    #[serde(flatten)]
    state: AccountState,
    /// Null, `Owned`, `CREATE2`, or an object with the key `No2FA`.
    #[schema(value_type = Option<Object>)]
    account_type: Value,
}

impl RestAccount {
    /// Returns an account by its id; `None` if it does not exist.
    pub(in crate::devnet) fn of(
        ledger: &Ledger,
        tokens: &Tokens,
        accounts: &Accounts,
        id: AccountId,
    ) -> Option<Self> {
        let account = accounts.by_id(id)?;
        Some(Self {
            account_id: id.0,
            address: account.address.to_string(),
            last_update_in_block: accounts.last_update_in_block(id),
            state: AccountState::of(ledger, tokens, id, account),
            account_type: account_type(ledger, id),
        })
    }
}

/// An account now and at the last final block.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in crate::devnet) struct RestAccounts {
    /// Deposits that are not executed yet.
    depositing: Depositing,
    /// After everything executed; null if it does not exist.
    committed: Option<RestAccount>,
    /// After the last final block; null if it did not exist then.
    finalized: Option<RestAccount>,
}

impl RestAccounts {
    /// Returns both states of the account of an address.
    pub(in crate::devnet) fn of(ledger: &Ledger, tokens: &Tokens, address: &Address) -> Self {
        let find = |accounts: &Accounts| {
            let (id, _) = accounts.by_address(address)?;
            RestAccount::of(ledger, tokens, accounts, id)
        };
        Self {
            depositing: Depositing::of(ledger, tokens, address),
            committed: find(ledger.committed()),
            finalized: find(ledger.verified()),
        }
    }
}

//! The accounts of a genesis, parsed one by one from its JSON.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::error::ImportError;
use super::json;
use crate::domain::{Account, AccountId, AccountMap, to_u128};
use crate::tree::AccountHeader;
use crate::tree::build::InitialAccount;

const WHAT: &str = "genesis: a map from account id to account";

/// The JSON of a genesis and the position of each account in it: a map from account id to account.
/// If an id occurs twice, the last one counts.
#[derive(Debug)]
pub(crate) struct GenesisAccounts<'a> {
    body: &'a [u8],
    /// Ids with the JSON of their accounts, ascending.
    accounts: Vec<(u32, &'a RawValue)>,
}

impl<'a> GenesisAccounts<'a> {
    /// Finds the accounts in the body, without parsing them.
    pub(crate) fn new(body: &'a [u8]) -> Result<Self, ImportError> {
        let map: BTreeMap<AccountId, &RawValue> = json::parse(WHAT, body)?;
        match map.last_key_value() {
            Some((last, _)) if last.0 >= 1 << 24 => Err(ImportError::GenesisAccount(last.0)),
            _ => Ok(Self { body, accounts: map.into_iter().map(|(id, raw)| (id.0, raw)).collect() }),
        }
    }

    /// Returns all ids with the JSON of their accounts, ascending.
    pub(crate) fn all(&self) -> &[(u32, &'a RawValue)] {
        &self.accounts
    }

    /// Parses an account by its id.
    pub(crate) fn get(&self, id: u32) -> Result<Option<InitialAccount>, ImportError> {
        let Ok(at) = self.accounts.binary_search_by_key(&id, |(id, _)| *id) else { return Ok(None) };
        let Some((_, raw)) = self.accounts.get(at) else { return Ok(None) };
        self.initial(id, raw).map(Some)
    }

    /// Parses the JSON of an account as a leaf of the tree.
    pub(super) fn initial(&self, id: u32, raw: &RawValue) -> Result<InitialAccount, ImportError> {
        initial(id, &self.parse(raw)?)
    }

    /// Parses the JSON of an account.
    fn parse(&self, raw: &RawValue) -> Result<Account, ImportError> {
        serde_json::from_str(raw.get()).map_err(|error| {
            // Parsed again as a whole, so that the error has the line and column within the body.
            let whole = json::parse::<AccountMap>(WHAT, self.body).err();
            whole.unwrap_or(ImportError::Json { what: WHAT, source: error })
        })
    }

    /// Writes the canonical JSON of an account, after a check that it can be a leaf.
    pub(super) fn write_canonical(
        &self,
        id: u32,
        raw: &RawValue,
        out: &mut Vec<u8>,
    ) -> Result<(), ImportError> {
        let account = self.parse(raw)?;
        initial(id, &account)?;
        out.extend_from_slice(format!("\"{id}\":").as_bytes());
        serde_json::to_writer(out, &account).map_err(|source| ImportError::Json { what: WHAT, source })
    }
}

fn initial(id: u32, account: &Account) -> Result<InitialAccount, ImportError> {
    let mut balances = Vec::with_capacity(account.balances.len());
    for (token, balance) in &account.balances {
        let balance =
            to_u128(balance).map_err(|source| ImportError::GenesisAmount { account: id, source })?;
        if balance != 0 {
            balances.push((token.0, balance));
        }
    }
    let header = AccountHeader {
        nonce: account.nonce.0,
        pub_key_hash: account.pub_key_hash.0,
        address: account.address.0,
    };
    Ok(InitialAccount { id, header, balances })
}

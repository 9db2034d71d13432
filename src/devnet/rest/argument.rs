//! Accounts and block positions in paths.

use crate::devnet::ledger::{Accounts, Ledger};
use crate::domain::{AccountId, Address};

use super::error::RestError;

/// An account as a path names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AccountArgument {
    Id(AccountId),
    Address(Address),
}

impl AccountArgument {
    /// Reads a decimal number as an id, 40 hex digits as an address, with or without `0x`.
    pub(super) fn parse(text: &str) -> Result<Self, RestError> {
        if let Ok(id) = text.parse() {
            return Ok(Self::Id(AccountId(id)));
        }
        text.parse().map(Self::Address).map_err(|_| RestError::account_argument())
    }

    /// Returns the id; `None` if the account does not exist.
    pub(super) fn id(self, accounts: &Accounts) -> Option<AccountId> {
        match self {
            Self::Id(id) => accounts.by_id(id).map(|_| id),
            Self::Address(address) => accounts.by_address(&address).map(|(id, _)| id),
        }
    }

    /// Returns the address, also of an account that does not exist.
    ///
    /// # Errors
    /// If the account is given by an id that does not exist.
    pub(super) fn address(self, ledger: &Ledger) -> Result<Address, RestError> {
        match self {
            Self::Id(id) => {
                let account = ledger.committed().by_id(id).ok_or_else(RestError::account_not_found)?;
                Ok(account.address)
            }
            Self::Address(address) => Ok(address),
        }
    }
}

/// Returns the number of a block that a path names: a number, `lastCommitted` or `lastFinalized`.
pub(super) fn block_number(ledger: &Ledger, text: &str) -> Result<u32, RestError> {
    match text {
        "lastCommitted" => Ok(ledger.last_sealed()),
        "lastFinalized" => Ok(ledger.last_final()),
        number => number.parse().map_err(|_| RestError::block_position()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_named_by_id_or_address() {
        assert_eq!(AccountArgument::parse("7").unwrap(), AccountArgument::Id(AccountId(7)));
        let address = AccountArgument::Address(Address([0x11; 20]));
        for text in ["11".repeat(20), format!("0x{}", "11".repeat(20))] {
            assert_eq!(AccountArgument::parse(&text).unwrap(), address, "{text}");
        }
        for text in ["", "x", "-1", "1.5", "0x", "4294967296", "0x1234"] {
            assert_eq!(AccountArgument::parse(text).unwrap_err().code, 203, "{text}");
        }
    }
}

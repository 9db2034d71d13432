//! The tables of the state: `accounts` and `balances`.

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement, Transaction};

use super::columns::Columns;
use super::error::LinkError;
use crate::tree::AccountHeader;
use crate::tree::build::InitialAccount;

const COUNT: &str = "SELECT count(*) AS number FROM accounts";

const FIRST_FROM: &str = "SELECT id::bigint FROM accounts WHERE id >= $1 ORDER BY id LIMIT 1";

const ACCOUNTS: &str = "
    SELECT id::bigint, nonce::bigint, address, pubkey_hash FROM accounts
    WHERE id >= $1 AND id < $2 ORDER BY id";

const BALANCES: &str = "
    SELECT account_id::bigint, coin_id::bigint, balance::text FROM balances
    WHERE account_id >= $1 AND account_id < $2 AND balance <> 0 ORDER BY account_id, coin_id";

const BLOCK_OF_ROOT: &str = "
    SELECT number::bigint FROM blocks WHERE root_hash = $1 AND number <= $2 ORDER BY number DESC LIMIT 1";

/// The prepared statements that read the state.
pub(super) struct StateStatements {
    count: Statement,
    first_from: Statement,
    accounts: Statement,
    balances: Statement,
    block_of_root: Statement,
}

impl StateStatements {
    pub(super) async fn prepare(client: &Client) -> Result<Self, LinkError> {
        Ok(Self {
            count: client.prepare(COUNT).await?,
            first_from: client.prepare(FIRST_FROM).await?,
            accounts: client.prepare(ACCOUNTS).await?,
            balances: client.prepare(BALANCES).await?,
            block_of_root: client.prepare(BLOCK_OF_ROOT).await?,
        })
    }

    /// Returns the number of accounts.
    pub(super) async fn count(&self, of: &Transaction<'_>) -> Result<usize, LinkError> {
        let row = of.query_one(&self.count, &[]).await?;
        Columns { table: "accounts", row: &row }.number("number")
    }

    /// Returns the first account with an id from this one on.
    pub(super) async fn first_from(&self, of: &Transaction<'_>, id: u32) -> Result<Option<u32>, LinkError> {
        let row = of.query_opt(&self.first_from, &[&i64::from(id)]).await?;
        row.map(|row| Columns { table: "accounts", row: &row }.number("id")).transpose()
    }

    /// Returns the newest block up to `last` with this root.
    pub(super) async fn block_of_root(
        &self,
        of: &Transaction<'_>,
        root: &[u8; 32],
        last: u32,
    ) -> Result<Option<u32>, LinkError> {
        let row = of.query_opt(&self.block_of_root, &[&root.as_slice(), &i64::from(last)]).await?;
        row.map(|row| Columns { table: "blocks", row: &row }.number("number")).transpose()
    }

    /// Reads the accounts with ids from `first` to before `end`.
    pub(super) async fn accounts(
        &self,
        of: &Transaction<'_>,
        first: u32,
        end: u32,
    ) -> Result<Vec<InitialAccount>, LinkError> {
        let (first, end) = (i64::from(first), i64::from(end));
        let range: [&(dyn ToSql + Sync); 2] = [&first, &end];
        let (accounts, balances) =
            tokio::try_join!(of.query(&self.accounts, &range), of.query(&self.balances, &range))?;
        let mut accounts = accounts.iter().map(account).collect::<Result<Vec<_>, _>>()?;
        let mut at = accounts.iter_mut().peekable();
        for row in &balances {
            let of = Columns { table: "balances", row };
            let id: u32 = of.number("account_id")?;
            while at.next_if(|account| account.id < id).is_some() {}
            // The column references `accounts`.
            if let Some(account) = at.peek_mut().filter(|account| account.id == id) {
                account.balances.push((of.number("coin_id")?, of.balance("balance")?));
            }
        }
        Ok(accounts)
    }
}

fn account(row: &Row) -> Result<InitialAccount, LinkError> {
    let of = Columns { table: "accounts", row };
    let header = AccountHeader {
        nonce: of.number("nonce")?,
        pub_key_hash: of.bytes("pubkey_hash")?,
        address: of.bytes("address")?,
    };
    Ok(InitialAccount { id: of.number("id")?, header, balances: Vec::new() })
}

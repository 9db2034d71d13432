//! The connection that reads, with its prepared statements.

use std::collections::BTreeMap;

use tokio_postgres::{Client, IsolationLevel, Row, Statement, Transaction};

use super::blocks::{BlockStatements, Header};
use super::columns::Columns;
use super::connection::{Role, connect};
use super::error::LinkError;
use super::operations::OperationStatements;
use super::options::LinkOptions;
use super::proof_rows::ProofStatements;
use super::state_rows::StateStatements;
use super::window::{Mark, Window};
use crate::domain::ImportedBlock;

/// The last block whose execution layer 1 has confirmed.
const EXECUTED: &str = "
    SELECT to_block::bigint FROM aggregate_operations
    WHERE action_type = 'ExecuteBlocks' AND confirmed ORDER BY to_block DESC LIMIT 1";

const NEWEST: &str = "SELECT number::bigint FROM blocks ORDER BY number DESC LIMIT 1";

const MARKS: &str = "
    SELECT number::bigint, root_hash, commitment FROM blocks
    WHERE number > $1 AND number <= $2 ORDER BY number";

/// The tables of the statements.
const TABLES: [&str; 12] = [
    "blocks",
    "executed_transactions",
    "executed_priority_operations",
    "account_creates",
    "account_balance_updates",
    "account_pubkey_updates",
    "mint_nft_updates",
    "aggregate_operations",
    "accounts",
    "balances",
    "proofs",
    "aggregated_proofs",
];

const UNREADABLE: &str =
    "SELECT name FROM unnest($1::text[]) AS name WHERE NOT has_table_privilege(name, 'SELECT')";

/// The number before that of the genesis.
const BEFORE_FIRST: i64 = -1;

/// Largest number of blocks that are read together.
const MAX_BLOCKS: u32 = 256;
/// Total size in chunks of the blocks that are read together; a larger block is read alone.
const MAX_CHUNKS: usize = 8_192;

/// A connection for reading.
pub(super) struct Reader {
    client: Client,
    blocks: BlockStatements,
    state: StateStatements,
    proofs: ProofStatements,
    operations: OperationStatements,
    executed: Statement,
    newest: Statement,
    marks: Statement,
}

/// The state of the node's chain, and its next blocks, at one moment.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// The last block whose execution is confirmed; the node does not revert it.
    pub executed: u32,
    /// The newest block.
    pub newest: u32,
    /// The last common block, if the node has reverted blocks that this store has. There are no
    /// next blocks then.
    pub ancestor: Option<u32>,
    /// Marks of the next blocks.
    pub marks: Vec<Mark>,
    /// The next blocks.
    pub blocks: Vec<ImportedBlock>,
    /// The proofs of these blocks that the node's tables have, as JSON.
    pub proofs: BTreeMap<u32, String>,
}

impl Reader {
    /// Connects and prepares all statements.
    ///
    /// # Errors
    /// [`LinkError::Schema`] if a table or column is missing, and the errors of a connection.
    pub(super) async fn open(options: &LinkOptions) -> Result<Self, LinkError> {
        let client = connect(options, Role::Read).await?;
        // Checked now rather than with the first row of a table.
        let unreadable = client.query(UNREADABLE, &[&TABLES.as_slice()]).await?;
        if !unreadable.is_empty() {
            let names = unreadable.iter().map(|row| row.try_get::<_, &str>(0));
            let names = names.collect::<Result<Vec<_>, _>>()?.join(", ");
            return Err(LinkError::Permission(format!("SELECT on {names}")));
        }
        Ok(Self {
            blocks: BlockStatements::prepare(&client).await?,
            state: StateStatements::prepare(&client).await?,
            proofs: ProofStatements::prepare(&client).await?,
            operations: OperationStatements::prepare(&client).await?,
            executed: client.prepare(EXECUTED).await?,
            newest: client.prepare(NEWEST).await?,
            marks: client.prepare(MARKS).await?,
            client,
        })
    }

    /// Begins a transaction that sees one moment.
    pub(super) async fn snapshot(&mut self) -> Result<Snapshot<'_>, LinkError> {
        let builder = self.client.build_transaction();
        let transaction = builder.isolation_level(IsolationLevel::RepeatableRead).read_only(true);
        Ok(Snapshot {
            transaction: transaction.start().await?,
            blocks: &self.blocks,
            state: &self.state,
            proofs: &self.proofs,
            operations: &self.operations,
            executed: &self.executed,
            newest: &self.newest,
            marks: &self.marks,
        })
    }

    /// Compares the window with the database, and reads the blocks after it, up to `until`.
    pub(super) async fn look(&mut self, window: &Window, until: u32) -> Result<Look, LinkError> {
        let snapshot = self.snapshot().await?;
        let look = snapshot.look(window, until).await?;
        snapshot.transaction.commit().await?;
        Ok(look)
    }
}

/// A transaction that sees the database at one moment.
pub(super) struct Snapshot<'a> {
    pub transaction: Transaction<'a>,
    pub blocks: &'a BlockStatements,
    pub state: &'a StateStatements,
    pub proofs: &'a ProofStatements,
    pub operations: &'a OperationStatements,
    executed: &'a Statement,
    newest: &'a Statement,
    marks: &'a Statement,
}

impl Snapshot<'_> {
    /// Returns the last block whose execution is confirmed; 0 without one.
    pub(super) async fn executed(&self) -> Result<u32, LinkError> {
        let row = self.transaction.query_opt(self.executed, &[]).await?;
        row.map_or(Ok(0), |row| Columns { table: "aggregate_operations", row: &row }.number("to_block"))
    }

    /// Returns the newest block; 0 without one.
    pub(super) async fn newest(&self) -> Result<u32, LinkError> {
        let row = self.transaction.query_opt(self.newest, &[]).await?;
        row.map_or(Ok(0), |row| Columns { table: "blocks", row: &row }.number("number"))
    }

    /// Returns number, root and commitment of the blocks above `floor` up to `last`.
    pub(super) async fn marks(&self, floor: u32, last: u32) -> Result<Vec<(u32, Mark)>, LinkError> {
        self.marks_between(i64::from(floor), i64::from(last)).await
    }

    /// Returns the root after a block, if it has a row.
    pub(super) async fn root(&self, number: u32) -> Result<Option<[u8; 32]>, LinkError> {
        let before = number.checked_sub(1).map_or(BEFORE_FIRST, i64::from);
        let marks = self.marks_between(before, i64::from(number)).await?;
        Ok(marks.first().map(|(_, (root, _))| *root))
    }

    async fn marks_between(&self, floor: i64, last: i64) -> Result<Vec<(u32, Mark)>, LinkError> {
        let rows = self.transaction.query(self.marks, &[&floor, &last]).await?;
        rows.iter().map(mark).collect()
    }

    async fn look(&self, window: &Window, until: u32) -> Result<Look, LinkError> {
        let (executed, newest) = (self.executed().await?, self.newest().await?);
        let mut look = Look { executed, newest, ..Look::default() };
        look.ancestor = window.ancestor(&self.marks(window.floor(), window.head()).await?);
        if look.ancestor.is_some() || newest <= window.head() {
            return Ok(look);
        }
        let wanted = until.saturating_sub(window.head()).min(MAX_BLOCKS);
        let mut headers = self.blocks.headers(&self.transaction, window.head(), wanted).await?;
        headers.truncate(together(&headers));
        check_run(window.head(), &headers)?;
        look.marks = headers.iter().map(|header| (header.root, header.commitment)).collect();
        look.blocks = self.blocks.blocks(&self.transaction, &headers).await?;
        let numbers: Vec<u32> = headers.iter().map(|header| header.number).collect();
        for number in self.proofs.proven(&self.transaction, &numbers).await? {
            if let Some(json) = self.proofs.proof(&self.transaction, number).await? {
                look.proofs.insert(number, json);
            }
        }
        Ok(look)
    }
}

fn mark(row: &Row) -> Result<(u32, Mark), LinkError> {
    let of = Columns { table: "blocks", row };
    Ok((of.number("number")?, (of.bytes("root_hash")?, of.bytes("commitment")?)))
}

/// Returns how many of the blocks are read together.
fn together(headers: &[Header]) -> usize {
    let mut chunks = 0_usize;
    let fit = headers.iter().take_while(|header| {
        chunks = chunks.saturating_add(header.chunks);
        chunks <= MAX_CHUNKS
    });
    fit.count().max(1)
}

/// Checks that the blocks follow `head` without a gap.
fn check_run(head: u32, headers: &[Header]) -> Result<(), LinkError> {
    for (header, before) in headers.iter().zip(head..) {
        if before.checked_add(1) != Some(header.number) {
            let cause = format!("block {} follows block {before}", header.number);
            return Err(LinkError::row("the run of blocks", cause));
        }
    }
    Ok(())
}

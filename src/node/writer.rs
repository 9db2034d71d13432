//! The connection that writes proofs into the node's tables
//! (`docs/protocol/09-node-database.md` §2).
//!
//! A row is inserted only while the node has the proven block with the same commitment, so that a
//! proof does not appear under another block with its number after a revert of the node.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use tokio_postgres::{Client, Row, Statement};

use super::columns::Columns;
use super::connection::{Role, answered, connect};
use super::error::LinkError;
use super::options::LinkOptions;
use crate::domain::job::JobType;

/// The last block whose execution is confirmed: the node needs no proofs up to it.
const EXECUTED: &str = "
    SELECT to_block::bigint FROM aggregate_operations
    WHERE action_type = 'ExecuteBlocks' AND confirmed ORDER BY to_block DESC LIMIT 1";

const ROWS: &str = "
    SELECT block_number::bigint AS first_block, block_number::bigint AS last_block
    FROM proofs WHERE block_number > $1";

const AGGREGATED_ROWS: &str = "
    SELECT first_block::bigint, last_block::bigint FROM aggregated_proofs WHERE last_block > $1";

const INSERT: &str = "
    INSERT INTO proofs (block_number, proof)
    SELECT mine.number, mine.proof::jsonb
    FROM unnest($1::bigint[], $2::bytea[], $3::text[]) AS mine (number, commitment, proof)
    JOIN blocks ON blocks.number = mine.number AND blocks.commitment = mine.commitment
    ORDER BY mine.number
    ON CONFLICT DO NOTHING RETURNING block_number::bigint";

const INSERT_AGGREGATED: &str = "
    INSERT INTO aggregated_proofs (first_block, last_block, proof)
    SELECT $1::bigint, $2::bigint, $3::text::jsonb
    WHERE $4::bytea[] = (
        SELECT array_agg(commitment ORDER BY number) FROM blocks WHERE number BETWEEN $1 AND $2)
    ON CONFLICT DO NOTHING";

const PRESENT: &str =
    "SELECT block_number::bigint, proof::text FROM proofs WHERE block_number = ANY($1::bigint[])";

const PRESENT_AGGREGATED: &str =
    "SELECT proof::text FROM aggregated_proofs WHERE first_block = $1::bigint AND last_block = $2::bigint";

/// Longest time for a statement, after which the connection counts as lost.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// The proof of a block.
#[derive(Clone, Debug)]
pub(crate) struct BlockRow {
    pub block: u32,
    /// Commitment of the block here.
    pub commitment: [u8; 32],
    /// The proof as the protocol's JSON.
    pub json: String,
}

/// The proof of a range of blocks.
#[derive(Clone, Debug)]
pub(crate) struct RangeRow {
    pub first: u32,
    pub last: u32,
    /// Commitments of the blocks here.
    pub commitments: Vec<[u8; 32]>,
    /// The proof as the protocol's JSON.
    pub json: String,
}

/// The state of a proof in the node's table after an attempt to write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// The row is new.
    New,
    /// The same proof was there before.
    Same,
    /// Another proof of these blocks was there before, and stays.
    Other,
    /// The node does not have these blocks.
    NoBlock,
}

/// A connection for writing.
pub(crate) struct Writer {
    client: Client,
    executed: Statement,
    rows: Statement,
    aggregated_rows: Statement,
    insert: Statement,
    insert_aggregated: Statement,
    present: Statement,
    present_aggregated: Statement,
}

impl Writer {
    /// Connects and prepares all statements.
    ///
    /// # Errors
    /// [`LinkError::Schema`] if a table or column is missing, and the errors of a connection.
    pub(crate) async fn open(options: &LinkOptions) -> Result<Self, LinkError> {
        let client = connect(options, Role::Write).await?;
        let prepare = async {
            Ok::<_, LinkError>(Self {
                executed: client.prepare(EXECUTED).await?,
                rows: client.prepare(ROWS).await?,
                aggregated_rows: client.prepare(AGGREGATED_ROWS).await?,
                insert: client.prepare(INSERT).await?,
                insert_aggregated: client.prepare(INSERT_AGGREGATED).await?,
                present: client.prepare(PRESENT).await?,
                present_aggregated: client.prepare(PRESENT_AGGREGATED).await?,
                client,
            })
        };
        answered(ANSWER_TIMEOUT, prepare).await
    }

    /// Returns the last block whose execution is confirmed; 0 without one.
    pub(super) async fn executed(&self) -> Result<u32, LinkError> {
        let row =
            answered(ANSWER_TIMEOUT, async { Ok(self.client.query_opt(&self.executed, &[]).await?) }).await?;
        row.map_or(Ok(0), |row| Columns { table: "aggregate_operations", row: &row }.number("to_block"))
    }

    /// Returns the first and last blocks of the proofs that the node has of blocks after `floor`.
    pub(super) async fn rows(
        &self,
        job_type: JobType,
        floor: u32,
    ) -> Result<BTreeSet<(u32, u32)>, LinkError> {
        let (table, statement) = match job_type {
            JobType::Single => ("proofs", &self.rows),
            JobType::Aggregated => ("aggregated_proofs", &self.aggregated_rows),
        };
        let floor = i64::from(floor);
        let rows =
            answered(ANSWER_TIMEOUT, async { Ok(self.client.query(statement, &[&floor]).await?) }).await?;
        let range = |row: &Row| {
            let of = Columns { table, row };
            Ok((of.number("first_block")?, of.number("last_block")?))
        };
        rows.iter().map(range).collect()
    }

    /// Writes proofs of blocks in one statement; returns the outcome of each.
    pub(crate) async fn write_blocks(&self, mine: &[BlockRow]) -> Result<Vec<Written>, LinkError> {
        let numbers: Vec<i64> = mine.iter().map(|row| i64::from(row.block)).collect();
        let commitments: Vec<&[u8]> = mine.iter().map(|row| row.commitment.as_slice()).collect();
        let proofs: Vec<&str> = mine.iter().map(|row| row.json.as_str()).collect();
        let insert = async { Ok(self.client.query(&self.insert, &[&numbers, &commitments, &proofs]).await?) };
        let number = |row: &Row| Columns { table: "proofs", row }.number::<u32>("block_number");
        let new: BTreeSet<u32> =
            answered(ANSWER_TIMEOUT, insert).await?.iter().map(number).collect::<Result<_, _>>()?;
        let left: Vec<i64> =
            mine.iter().filter(|row| !new.contains(&row.block)).map(|row| i64::from(row.block)).collect();
        let mut present = BTreeMap::new();
        if !left.is_empty() {
            let rows =
                answered(ANSWER_TIMEOUT, async { Ok(self.client.query(&self.present, &[&left]).await?) })
                    .await?;
            for row in &rows {
                present.insert(number(row)?, Columns { table: "proofs", row }.get::<String>("proof")?);
            }
        }
        let outcome = |row: &BlockRow| match present.get(&row.block) {
            _ if new.contains(&row.block) => Written::New,
            found => compared(found.map(String::as_str), &row.json),
        };
        Ok(mine.iter().map(outcome).collect())
    }

    /// Writes the proof of a range; returns the outcome.
    pub(crate) async fn write_range(&self, mine: &RangeRow) -> Result<Written, LinkError> {
        let (first, last) = (i64::from(mine.first), i64::from(mine.last));
        let commitments: Vec<&[u8]> = mine.commitments.iter().map(<[u8; 32]>::as_slice).collect();
        let insert = async {
            let values: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
                [&first, &last, &mine.json, &commitments];
            Ok(self.client.execute(&self.insert_aggregated, &values).await?)
        };
        if answered(ANSWER_TIMEOUT, insert).await? > 0 {
            return Ok(Written::New);
        }
        let present = async { Ok(self.client.query_opt(&self.present_aggregated, &[&first, &last]).await?) };
        let found = answered(ANSWER_TIMEOUT, present).await?;
        let found = found.as_ref().map(|row| Columns { table: "aggregated_proofs", row }.get("proof"));
        Ok(compared(found.transpose()?, &mine.json))
    }
}

/// Compares the proof in the node's table with the one here.
fn compared(found: Option<&str>, mine: &str) -> Written {
    let Some(found) = found else { return Written::NoBlock };
    // The database keeps no order of keys.
    match (serde_json::from_str::<Value>(found), serde_json::from_str::<Value>(mine)) {
        (Ok(found), Ok(mine)) if found == mine => Written::Same,
        _ => Written::Other,
    }
}

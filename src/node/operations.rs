//! Aggregated operations of the node (`docs/protocol/09-node-database.md` §1).

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement, Transaction};

use super::columns::Columns;
use super::error::LinkError;
use crate::domain::{AggregatedAction, AggregatedOperation, Block};

/// The operations that end after the last one of their kind here, up to a block.
const OPERATIONS: &str = "
    SELECT id::bigint, action_type, from_block::bigint, to_block::bigint FROM aggregate_operations
    WHERE to_block <= $1 AND to_block > $2 AND NOT id = ANY($3)
        AND (from_block > $2 OR action_type = 'ExecuteBlocks') AND (
        (action_type = 'CommitBlocks' AND to_block > $4)
        OR (action_type = 'CreateProofBlocks' AND to_block > $5)
        OR (action_type = 'PublishProofBlocksOnchain' AND to_block > $6)
        OR (action_type = 'ExecuteBlocks' AND to_block > $7))
    ORDER BY id LIMIT 100";

/// The operations that begin after a block. An operator can remove them.
const AFTER: &str = "
    SELECT id::bigint, action_type, from_block::bigint, to_block::bigint FROM aggregate_operations
    WHERE from_block > $1";

const ARGUMENTS: &str = "SELECT arguments::text FROM aggregate_operations WHERE id = $1";

/// A row of `aggregate_operations` without its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OperationRow {
    pub id: i64,
    pub action: AggregatedAction,
    pub from_block: u32,
    /// The last block; after a revert it may be an earlier one than in the arguments.
    pub to_block: u32,
}

impl OperationRow {
    /// Returns the first block of the stored operation in a folder that begins after block `base`.
    pub(super) fn first_here(&self, base: u32) -> u32 {
        match self.action {
            // It is stored without the blocks that are not in the folder.
            AggregatedAction::ExecuteBlocks => self.from_block.max(base.saturating_add(1)),
            _ => self.from_block,
        }
    }
}

/// The operations of the node that this server has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct OperationsHere {
    /// The last imported block.
    pub head: u32,
    /// The block before the first one.
    pub base: u32,
    /// The last block of the operations of each action.
    pub last: [u32; 4],
    /// Ids of operations that were refused.
    pub refused: Vec<i64>,
}

/// The prepared statements that read aggregated operations.
pub(super) struct OperationStatements {
    operations: Statement,
    after: Statement,
    arguments: Statement,
}

impl OperationStatements {
    pub(super) async fn prepare(client: &Client) -> Result<Self, LinkError> {
        Ok(Self {
            operations: client.prepare(OPERATIONS).await?,
            after: client.prepare(AFTER).await?,
            arguments: client.prepare(ARGUMENTS).await?,
        })
    }

    /// Reads the next operations about imported blocks, in the order of their creation.
    pub(super) async fn next(
        &self,
        of: &Transaction<'_>,
        here: &OperationsHere,
    ) -> Result<Vec<OperationRow>, LinkError> {
        let (head, base, last) = (i64::from(here.head), i64::from(here.base), here.last.map(i64::from));
        let [commit, create, publish, execute] = &last;
        let parameters: [&(dyn ToSql + Sync); 7] =
            [&head, &base, &here.refused, commit, create, publish, execute];
        let rows = of.query(&self.operations, &parameters).await?;
        rows.iter().map(operation).collect()
    }

    /// Reads the operations that begin after `floor`.
    pub(super) async fn after(
        &self,
        of: &Transaction<'_>,
        floor: u32,
    ) -> Result<Vec<OperationRow>, LinkError> {
        let rows = of.query(&self.after, &[&i64::from(floor)]).await?;
        rows.iter().map(operation).collect()
    }

    /// Reads an operation about blocks after `base`; `None` if the node has removed it.
    pub(super) async fn read(
        &self,
        of: &Transaction<'_>,
        row: &OperationRow,
        base: u32,
    ) -> Result<Option<AggregatedOperation>, LinkError> {
        let Some(found) = of.query_opt(&self.arguments, &[&row.id]).await? else { return Ok(None) };
        let columns = Columns { table: "aggregate_operations", row: &found };
        let text: &str = columns.get("arguments")?;
        let operation: AggregatedOperation =
            serde_json::from_str(text).map_err(|error| columns.unusable("arguments", error))?;
        // A revert ends the range at `to_block`, and may leave blocks after it in the arguments.
        let is_left = |block: &Block| block.block_number.0 <= row.to_block;
        Ok(Some(match operation {
            AggregatedOperation::CommitBlocks { last_committed_block, mut blocks } => {
                blocks.retain(is_left);
                AggregatedOperation::CommitBlocks { last_committed_block, blocks }
            }
            AggregatedOperation::PublishProofBlocksOnchain { mut blocks, proof } => {
                blocks.retain(is_left);
                AggregatedOperation::PublishProofBlocksOnchain { blocks, proof }
            }
            // Only the last block matters, and the first one may be before those here.
            AggregatedOperation::ExecuteBlocks { mut blocks } => {
                blocks.retain(|block| is_left(block) && block.block_number.0 > base);
                AggregatedOperation::ExecuteBlocks { blocks }
            }
            // The node waits for the proof of all blocks in the arguments.
            AggregatedOperation::CreateProofBlocks { .. } => operation,
        }))
    }
}

fn operation(row: &Row) -> Result<OperationRow, LinkError> {
    let of = Columns { table: "aggregate_operations", row };
    let name: &str = of.get("action_type")?;
    let action = AggregatedAction::ALL.into_iter().find(|action| action.to_string() == name);
    Ok(OperationRow {
        id: of.get("id")?,
        action: action.ok_or_else(|| of.unusable("action_type", name))?,
        from_block: of.number("from_block")?,
        to_block: of.number("to_block")?,
    })
}

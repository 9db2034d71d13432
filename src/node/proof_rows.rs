//! Proofs in the node's tables, from this server or another one.

use tokio_postgres::{Client, Row, Statement, Transaction};

use super::columns::Columns;
use super::error::LinkError;

const PROVEN: &str =
    "SELECT block_number::bigint FROM proofs WHERE block_number = ANY($1) ORDER BY block_number";

const PROOF: &str = "SELECT proof::text FROM proofs WHERE block_number = $1";

const AGGREGATED: &str = "
    SELECT first_block::bigint, last_block::bigint FROM aggregated_proofs
    WHERE first_block > $1 AND last_block > $2 AND last_block <= $3 ORDER BY first_block, last_block";

const AGGREGATED_PROOF: &str =
    "SELECT proof::text FROM aggregated_proofs WHERE first_block = $1 AND last_block = $2";

/// The prepared statements that read proofs.
pub(super) struct ProofStatements {
    proven: Statement,
    proof: Statement,
    aggregated: Statement,
    aggregated_proof: Statement,
}

impl ProofStatements {
    pub(super) async fn prepare(client: &Client) -> Result<Self, LinkError> {
        Ok(Self {
            proven: client.prepare(PROVEN).await?,
            proof: client.prepare(PROOF).await?,
            aggregated: client.prepare(AGGREGATED).await?,
            aggregated_proof: client.prepare(AGGREGATED_PROOF).await?,
        })
    }

    /// Returns those of the blocks that have a proof, ascending.
    pub(super) async fn proven(&self, of: &Transaction<'_>, blocks: &[u32]) -> Result<Vec<u32>, LinkError> {
        let blocks: Vec<i64> = blocks.iter().copied().map(i64::from).collect();
        let rows = of.query(&self.proven, &[&blocks]).await?;
        rows.iter().map(|row| Columns { table: "proofs", row }.number("block_number")).collect()
    }

    /// Returns the JSON of the proof of a block, if it has one.
    pub(super) async fn proof(&self, of: &Transaction<'_>, block: u32) -> Result<Option<String>, LinkError> {
        let row = of.query_opt(&self.proof, &[&i64::from(block)]).await?;
        row.map(|row| Columns { table: "proofs", row: &row }.get("proof")).transpose()
    }

    /// Returns the ranges of the aggregated proofs that begin after `base`, end after `floor`, and
    /// end up to `head`.
    pub(super) async fn aggregated(
        &self,
        of: &Transaction<'_>,
        base: u32,
        floor: u32,
        head: u32,
    ) -> Result<Vec<(u32, u32)>, LinkError> {
        let [base, floor, head] = [base, floor, head].map(i64::from);
        let rows = of.query(&self.aggregated, &[&base, &floor, &head]).await?;
        rows.iter().map(range).collect()
    }

    /// Returns the JSON of the aggregated proof of a range, if it has one.
    pub(super) async fn aggregated_proof(
        &self,
        of: &Transaction<'_>,
        (first, last): (u32, u32),
    ) -> Result<Option<String>, LinkError> {
        let row = of.query_opt(&self.aggregated_proof, &[&i64::from(first), &i64::from(last)]).await?;
        row.map(|row| Columns { table: "aggregated_proofs", row: &row }.get("proof")).transpose()
    }
}

fn range(row: &Row) -> Result<(u32, u32), LinkError> {
    let of = Columns { table: "aggregated_proofs", row };
    Ok((of.number("first_block")?, of.number("last_block")?))
}

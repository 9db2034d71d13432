//! The tables that the reference's own prover server keeps in the node's database
//! (`docs/protocol/09-node-database.md` §4), filled so that it can take over from this server.

use tokio_postgres::{Client, Statement};

use super::connection::{Role, connect};
use super::error::LinkError;
use super::options::LinkOptions;
use crate::domain::job::{JobStatus, JobType};

const INSERT_WITNESS: &str = "
    INSERT INTO block_witness (block, witness)
    SELECT number, $2::text FROM blocks WHERE number = $1::bigint AND commitment = $3::bytea
    ON CONFLICT DO NOTHING";

/// A job that the reference had before this server took over is finished if it was proven since.
const FINISH_JOB: &str = "
    UPDATE prover_job_queue
    SET job_status = 2, updated_by = 'server_finish_job', updated_at = to_timestamp($4::bigint / 1000.0)
    WHERE job_type = $1::text AND first_block = $2::bigint AND last_block = $3::bigint AND job_status <> 2";

const INSERT_JOB: &str = "
    INSERT INTO prover_job_queue
        (job_status, job_priority, job_type, created_at, updated_by, updated_at, first_block, last_block, job_data)
    SELECT $4::integer, $5::integer, $1::text, to_timestamp($6::bigint / 1000.0), $7::text,
        to_timestamp($8::bigint / 1000.0), $2::bigint, $3::bigint, $9::text::jsonb
    WHERE $10::bytea[] = (
            SELECT array_agg(commitment ORDER BY number) FROM blocks WHERE number BETWEEN $2 AND $3)
        AND NOT EXISTS (
            SELECT 1 FROM prover_job_queue
            WHERE job_type = $1::text AND first_block = $2::bigint AND last_block = $3::bigint)";

/// A job of this server.
#[derive(Clone, Debug)]
pub(crate) struct QueueRow {
    pub job_type: JobType,
    pub status: JobStatus,
    pub first: u32,
    pub last: u32,
    /// The prover that holds the job, or held it last.
    pub holder: Option<String>,
    pub created_at_ms: u64,
    pub updated_at_ms: u64,
    /// The protocol's data of the job; `None` if it was removed after the blocks were verified.
    pub data: Option<String>,
    /// Commitments of the blocks here.
    pub commitments: Vec<[u8; 32]>,
}

/// A connection that writes these tables.
pub(crate) struct ProverTables {
    client: Client,
    insert_witness: Statement,
    finish_job: Statement,
    insert_job: Statement,
}

impl ProverTables {
    /// Connects and prepares all statements.
    ///
    /// # Errors
    /// Those of a connection, and [`LinkError::Schema`] if a table is missing.
    pub(crate) async fn open(options: &LinkOptions) -> Result<Self, LinkError> {
        let client = connect(options, Role::Write).await?;
        Ok(Self {
            insert_witness: client.prepare(INSERT_WITNESS).await?,
            finish_job: client.prepare(FINISH_JOB).await?,
            insert_job: client.prepare(INSERT_JOB).await?,
            client,
        })
    }

    /// Writes the witness of a block; returns false if it was there before, or the node does not
    /// have the block.
    pub(crate) async fn write_witness(
        &self,
        block: u32,
        witness: &str,
        commitment: &[u8; 32],
    ) -> Result<bool, LinkError> {
        let (block, commitment) = (i64::from(block), commitment.as_slice());
        let written = self.client.execute(&self.insert_witness, &[&block, &witness, &commitment]).await?;
        Ok(written > 0)
    }

    /// Writes a job; returns false if it was there before with the same status, or the node does not
    /// have its blocks.
    pub(crate) async fn write_job(&self, row: &QueueRow) -> Result<bool, LinkError> {
        let job_type = row.job_type.name();
        let (first, last) = (i64::from(row.first), i64::from(row.last));
        let updated_at = milliseconds(row.updated_at_ms);
        if row.status == JobStatus::Done
            && self.client.execute(&self.finish_job, &[&job_type, &first, &last, &updated_at]).await? > 0
        {
            return Ok(true);
        }
        let (status, server): (i32, _) = match row.status {
            // The reference has no failed jobs.
            JobStatus::Idle | JobStatus::Failed => (0, "server_add_job"),
            JobStatus::InProgress => (1, "server_give_job"),
            JobStatus::Done => (2, "server_finish_job"),
        };
        let holder = row.holder.as_deref().filter(|_| row.status != JobStatus::Done);
        let commitments: Vec<&[u8]> = row.commitments.iter().map(<[u8; 32]>::as_slice).collect();
        let written = self
            .client
            .execute(
                &self.insert_job,
                &[
                    &job_type,
                    &first,
                    &last,
                    &status,
                    &i32::from(row.job_type.priority()),
                    &milliseconds(row.created_at_ms),
                    &holder.unwrap_or(server),
                    &updated_at,
                    &row.data.as_deref().unwrap_or("null"),
                    &commitments,
                ],
            )
            .await?;
        Ok(written > 0)
    }
}

fn milliseconds(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

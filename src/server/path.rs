//! Paths of the routes beyond the prover protocol; the client commands use them too.

/// Import and read back the genesis.
pub const GENESIS: &str = "/api/v1/genesis";
/// Import blocks.
pub const BLOCKS: &str = "/api/v1/blocks";
/// Import aggregated operations.
pub const AGGREGATED_OPERATIONS: &str = "/api/v1/aggregated_operations";
/// Everything that nothing else can be derived from, as one file.
pub const BACKUP: &str = "/api/v1/backup";
/// This interface, described.
pub const OPENAPI: &str = "/api/v1/openapi.json";
/// What the server is doing.
pub const STATUS: &str = "/api/v1/status";

/// An imported block.
pub fn block(number: u32) -> String {
    format!("{BLOCKS}/{number}")
}

/// The witness of a block.
pub fn witness(number: u32) -> String {
    format!("{BLOCKS}/{number}/witness")
}

/// The proof of a block.
pub fn proof(number: u32) -> String {
    format!("{BLOCKS}/{number}/proof")
}

/// The bundle of a block.
pub fn bundle(number: u32) -> String {
    format!("{BLOCKS}/{number}/bundle")
}

/// The data of a job, as a prover gets it.
pub fn job_data(id: i32) -> String {
    format!("/api/v1/jobs/{id}/data")
}

/// The aggregated proof of the blocks `first..=last`.
pub fn aggregated_proof(first: u32, last: u32) -> String {
    format!("/api/v1/aggregated_proofs/{first}/{last}")
}

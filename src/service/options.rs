//! Options of store and workers, from the configuration.

use std::path::Path;
use std::sync::Arc;

use crate::config::Config;
use crate::store::{Store, StoreError, StoreOptions};
use crate::workers::NodeOptions;

/// Returns the configured options of the workers, without verifier, clock and metrics.
pub fn node_options(config: &Config) -> NodeOptions {
    let number = |count: &usize| u32::try_from(*count).unwrap_or(u32::MAX);
    NodeOptions {
        witness_generators: number(&config.witness_generators),
        interval: config.prepare_data_interval,
        aggregate: config.aggregate.iter().flatten().map(number).collect(),
        aggregate_deadline: config.aggregate_deadline,
        keep_verified: config.keep_verified,
        share: config.node_share,
        idle_provers: config.idle_provers.into(),
        ..NodeOptions::default()
    }
}

/// Returns the configured options of the store.
pub fn store_options(config: &Config) -> StoreOptions {
    StoreOptions {
        cache_bytes: config.cache_bytes as u64,
        history: config.history,
        gone_timeout: config.gone_timeout,
        max_attempts: Some(config.max_attempts),
        retry_backoff: config.retry_backoff,
        refusal_backoff: config.refusal_backoff,
        max_jobs_per_prover: config.max_jobs_per_prover,
        min_free_bytes: config.min_free_bytes,
        hand_back: config.node.is_some(),
        ..StoreOptions::default()
    }
}

/// Opens a data folder with the configured options; creates it if it is missing.
pub fn open_store(config: &Config, folder: &Path) -> Result<Arc<Store>, StoreError> {
    Store::open(folder, store_options(config)).map(Arc::new)
}

/// Opens a data folder with the configured options for reading only. It stays unchanged.
pub fn look_at_store(config: &Config, folder: &Path) -> Result<Arc<Store>, StoreError> {
    Store::open_read_only(folder, store_options(config)).map(Arc::new)
}

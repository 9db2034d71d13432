//! The table of settings: each is declared once, with its type, its default and its help text.
//!
//! The fields of [`Config`], the keys of the file, the variables, the flags, `--print-config` and
//! `docs/configuration.md` follow from it. A row is
//!
//! ```text
//! /// Help text.
//! name: type = "default", form, parser, flag "--flag" "PLACEHOLDER", reference "VARIABLE" Unit;
//! ```
//!
//! where `form` is how the value is written in TOML, and default, flag and reference may be absent.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use super::{
    error::ConfigError,
    node_settings::{NodeFrom, Share},
    node_url::NodeUrl,
    parse::{
        address, boolean, bytes, bytes_or_zero, cpu_features, duration, duration_or_zero, log_filter,
        log_format, mebibytes, number, path, secret, sizes, url,
    },
    secret::Secret,
    setting::{Form, Setting, Unit},
    setting_texts::SettingTexts,
    shown::Shown,
};
use crate::{crypto::rescue::Engine, logging::LogFormat};

macro_rules! optional {
    () => {
        None
    };
    ($value:expr) => {
        Some($value)
    };
}

macro_rules! read {
    ($texts:ident, $name:ident, $parse:expr) => {
        $texts.optional(stringify!($name), $parse)?
    };
    ($texts:ident, $name:ident, $parse:expr, $default:literal) => {
        $texts.required(stringify!($name), $default, $parse)?
    };
}

macro_rules! settings {
    ($(
        $(#[doc = $help:literal])+
        $name:ident: $type:ty $(= $default:literal)?, $form:ident, $parse:expr
        $(, flag $flag:literal $placeholder:literal)?
        $(, reference $variable:literal $unit:ident)?;
    )+) => {
        /// All settings, in the order in which they are shown.
        pub(crate) static SETTINGS: &[Setting] = &[$(
            Setting {
                name: stringify!($name),
                default: optional!($($default)?),
                raw_help: concat!($($help),+),
                form: Form::$form,
                flag: optional!($(($flag, $placeholder))?),
                reference: optional!($(($variable, Unit::$unit))?),
            }
        ),+];

        /// The validated values of all settings.
        #[derive(Debug, Clone)]
        pub struct Config {
            $( $(#[doc = $help])+ pub $name: $type, )+
            /// The settings as `--print-config` shows them.
            pub(super) shown: Vec<Shown>,
            /// Warnings, a sentence each.
            pub(super) warnings: Vec<String>,
        }

        impl Config {
            /// Parses the texts of all settings, or takes their defaults.
            pub(super) fn parse(texts: &SettingTexts) -> Result<Self, ConfigError> {
                Ok(Self {
                    $( $name: read!(texts, $name, $parse $(, $default)?), )+
                    shown: SETTINGS.iter().map(|setting| Shown::new(setting, texts)).collect(),
                    warnings: Vec::new(),
                })
            }
        }
    };
}

settings! {
    /// Folder that holds everything the server keeps
    data_dir: Option<PathBuf>, Text, path, flag "--data-dir" "FOLDER";
    /// Address for provers, imports and operators
    listen: SocketAddr = "127.0.0.1:8088", Text, address, flag "--listen" "IP:PORT", reference "API_PROVER_PORT" Port;
    /// Address for dashboard, health checks, metrics and what operators read
    admin_listen: SocketAddr = "127.0.0.1:3312", Text, address, flag "--admin-listen" "IP:PORT",
        reference "API_PROMETHEUS_PORT" Port;
    /// Server that client commands and the sample prover talk to, `http` or `https`
    url: String = "http://127.0.0.1:8088", Text, url, flag "--url" "URL", reference "API_PROVER_URL" Plain;
    /// Longest time that client commands wait for a server that is starting; `0s`: they do not wait
    wait: Duration = "0s", Text, duration_or_zero, flag "--wait" "TIME";
    /// Shared secret that signs the bearer tokens
    secret: Option<Secret>, Secret, secret, reference "API_PROVER_SECRET_AUTH" Plain;
    /// File that contains the shared secret
    secret_file: Option<PathBuf>, Text, path;
    /// Token with which operators change something on `admin_listen`; unset: nothing can be changed
    /// there
    operator_token: Option<Secret>, Secret, secret;
    /// File that contains the `operator_token`
    operator_token_file: Option<PathBuf>, Text, path;
    /// Accept a secret or an `operator_token` of less than 32 bytes on an address that other
    /// machines reach
    allow_short_secret: bool = "false", Bare, boolean;
    /// PEM file with the certificate chain of `listen`; together with `tls_key` it enables TLS
    tls_certificate: Option<PathBuf>, Text, path;
    /// PEM file with the private key of `tls_certificate`
    tls_key: Option<PathBuf>, Text, path;
    /// PEM file with the root certificates that client commands trust; unset: the public roots
    tls_ca: Option<PathBuf>, Text, path;
    /// Database of the zkSync Lite node to follow, such as `postgres://user@host/database`; unset: none
    node: Option<NodeUrl>, Database, NodeUrl::parse, flag "--node" "URL";
    /// File that contains the password of `node`; unset: the one in `node`, or the file that
    /// `PGPASSFILE` names
    node_password_file: Option<PathBuf>, Text, path;
    /// PEM file with the root certificates that `node` is checked against; unset: the public roots
    node_tls_ca: Option<PathBuf>, Text, path;
    /// State with which an empty folder starts to follow `node`: `verified`, the number of a block, or
    /// `0` for the genesis
    node_from: NodeFrom = "verified", Text, str::parse, flag "--from" "BLOCK";
    /// Time between two looks for new blocks of `node`
    node_poll: Duration = "1s", Text, duration;
    /// Share of the blocks for which this server makes jobs, such as `1/3`; the others belong to
    /// servers that follow the same `node`
    node_share: Share = "1/1", Text, str::parse, flag "--share" "K/N";
    /// Time without a heartbeat after which a lease expires and the job can be claimed again
    gone_timeout: Duration = "60s", Text, duration, reference "PROVER_CORE_GONE_TIMEOUT" Milliseconds;
    /// Lower bound of the number of provers that the server requires
    idle_provers: u32 = "1", Bare, number::<0, 1_000_000, _>, reference "PROVER_CORE_IDLE_PROVERS" Plain;
    /// Number of claims after which a job fails
    max_attempts: u32 = "10", Bare, number::<1, 1_000_000, _>;
    /// Backoff before a job whose lease expired can be claimed again, doubled with each attempt up
    /// to `gone_timeout`; `0s`: no backoff
    retry_backoff: Duration = "1s", Text, duration_or_zero;
    /// Time for which a prover gets no job after a refused proof, doubled with each further refused
    /// proof in a row up to an hour; `0s`: it gets jobs at once
    refusal_backoff: Duration = "2s", Text, duration_or_zero;
    /// Number of jobs that one prover may hold at a time; unset: no limit
    max_jobs_per_prover: Option<u32>, Bare, number::<1, 1_000_000, _>;
    /// Fallback interval of updater, hasher and maintainers
    prepare_data_interval: Duration = "5s", Text, duration,
        reference "PROVER_WITNESS_GENERATOR_PREPARE_DATA_INTERVAL" Milliseconds;
    /// Number of maintainer threads, which write and store witnesses
    witness_generators: usize = "4", Bare, number::<1, 256, _>, flag "--witness-generators" "N",
        reference "PROVER_WITNESS_GENERATOR_WITNESS_GENERATORS" Plain;
    /// Sizes, in blocks, of the aggregated operations that the server creates, such as `1,4,8`;
    /// unset: it creates none. Not with `node`
    aggregate: Option<Vec<usize>>, List, sizes, flag "--aggregate" "SIZES";
    /// Longest time that a proven block waits for a larger aggregate
    aggregate_deadline: Duration = "10s", Text, duration;
    /// Folder of the verification keys that published proofs must satisfy; unset: proofs are not
    /// verified
    verification_keys: Option<PathBuf>, Text, path, flag "--verification-keys" "FOLDER";
    /// Number of proofs that are verified concurrently; unset: the number of cores
    verify_concurrency: Option<usize>, Bare, number::<1, 1_024, _>;
    /// Number of blocks that can be reverted
    history: u32 = "400", Bare, number::<1, 1_000_000, _>;
    /// Number of verified blocks whose witnesses and finished jobs are kept; unset: all
    keep_verified: Option<u32>, Bare, number::<0, { u32::MAX as u64 }, _>;
    /// Free disk space below which imports, claims and witnesses stop and only proofs are accepted;
    /// `0`: no limit
    min_free_bytes: u64 = "256MiB", Text, bytes_or_zero;
    /// Page cache of the store, from `1MiB` to `1024GiB`
    cache_bytes: usize = "64MiB", Text, mebibytes::<1, { 1 << 20 }>;
    /// Open connections of a listener; further ones wait
    max_connections: usize = "1024", Bare, number::<1, 65_536, _>;
    /// Concurrent small prover messages; further ones wait
    max_message_requests: usize = "256", Bare, number::<1, 65_536, _>;
    /// Concurrent requests for a job; further ones wait
    max_get_job_requests: usize = "64", Bare, number::<1, 65_536, _>;
    /// Concurrent published proofs; further ones wait
    max_publish_requests: usize = "64", Bare, number::<1, 65_536, _>;
    /// Concurrent imports; further ones wait
    max_import_requests: usize = "4", Bare, number::<1, 65_536, _>;
    /// Concurrent exports, lists and other requests of operators; further ones wait
    max_operator_requests: usize = "32", Bare, number::<1, 65_536, _>;
    // Longer than the 10 s after which the reference's prover gives a request up: it publishes a
    // proof again if it gets no answer, but discards the proof if the answer is 503.
    /// Longest time that a request waits for its turn; then it is answered with 503
    request_wait: Duration = "30s", Text, duration;
    // Longer than the 60 s to 120 s for which proxies and HTTP libraries reuse idle connections: a
    // request that is sent while the server closes the connection is lost.
    /// Time in which the head of the next request must arrive on a connection; then it is closed
    idle_timeout: Duration = "150s", Text, duration;
    /// Longest pause within a body, and longest wait for a client that does not read its answer
    stall_timeout: Duration = "60s", Text, duration;
    /// Longest time for a whole body to arrive
    body_timeout: Duration = "10m", Text, duration;
    // Below the 10 s after which `docker stop` kills.
    /// Time in which the server stops: requests in flight get three quarters of it, the workers the
    /// rest
    shutdown_timeout: Duration = "8s", Text, duration;
    /// Longest body of a small prover message
    max_message_bytes: usize = "64KiB", Text, bytes;
    /// Longest body of a published proof
    max_proof_bytes: usize = "16MiB", Text, bytes;
    /// Longest body of an imported block
    max_block_bytes: usize = "64MiB", Text, bytes;
    /// Longest body of an imported aggregated operation
    max_operation_bytes: usize = "256MiB", Text, bytes;
    /// Longest body of an imported genesis
    max_genesis_bytes: usize = "1GiB", Text, bytes;
    /// Log filter, such as `info` or `warn,zksync_witness_server=debug`
    log: String = "info", Text, log_filter, flag "--log" "FILTER", reference "RUST_LOG" Plain;
    /// Log format, `human` or `json`
    log_format: LogFormat = "human", Text, log_format, flag "--log-format" "FORMAT";
    /// Arithmetic of the hashes: `auto` (the best one for the processor), `portable`, `fma`,
    /// `avx512ifma` or `franklin`
    cpu_features: Option<Engine> = "auto", Text, cpu_features, flag "--cpu-features" "NAME";
    /// Sample prover: time between two heartbeats
    prover_heartbeat_interval: Duration = "100ms", Text, duration,
        reference "PROVER_PROVER_HEARTBEAT_INTERVAL" Milliseconds;
    /// Sample prover: pause before the next request if no job was available
    prover_cycle_wait: Duration = "50ms", Text, duration, reference "PROVER_PROVER_CYCLE_WAIT" Milliseconds;
    /// Sample prover: longest wait for an answer
    prover_request_timeout: Duration = "10s", Text, duration, reference "PROVER_PROVER_REQUEST_TIMEOUT" Seconds;
    /// Sample prover: stop after one proof
    prover_die_after_proof: bool = "false", Bare, boolean, reference "PROVER_PROVER_DIE_AFTER_PROOF" Plain;
}

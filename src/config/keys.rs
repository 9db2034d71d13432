//! Every setting there is: its key, default, environment names and meaning.
//!
//! The key is the name in the TOML file and in `--set`; in upper case behind [`ENV_PREFIX`] it is the name of its
//! environment variable. `reference_env` lists the variables of the zkSync Lite deployment (spec 06 §6) that set it too.

/// Prefix of this program's own environment variables.
pub const ENV_PREFIX: &str = "WITNESS_SERVER_";

/// Names the configuration file; not a setting itself, since it decides where settings are read from.
pub const CONFIG_ENV: &str = "WITNESS_SERVER_CONFIG";

/// A variable with one of these prefixes that is no known name is a typing error, not somebody else's variable.
pub(super) const KNOWN_PREFIXES: [&str; 6] = [
    ENV_PREFIX,
    "API_PROVER_",
    "API_PROMETHEUS_",
    "PROVER_CORE_",
    "PROVER_WITNESS_GENERATOR_",
    "PROVER_PROVER_",
];

/// How the text of a reference variable becomes the text of the setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// As it is.
    Plain,
    /// A whole number of milliseconds.
    Milliseconds,
    /// A whole number of seconds.
    Seconds,
    /// A port number: it replaces the port of the address the lower layers give.
    Port,
}

/// How the value is written in TOML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    /// A number or a boolean: no quotes.
    Bare,
    List,
    Secret,
}

/// One setting.
#[derive(Debug)]
pub(super) struct Key {
    pub name: &'static str,
    pub default: Option<&'static str>,
    pub kind: Kind,
    pub reference_env: &'static [(&'static str, Unit)],
    pub meaning: &'static str,
}

const fn key(name: &'static str, kind: Kind, default: Option<&'static str>, meaning: &'static str) -> Key {
    Key { name, default, kind, reference_env: &[], meaning }
}

impl Key {
    const fn env(self, reference_env: &'static [(&'static str, Unit)]) -> Self {
        Self { reference_env, ..self }
    }

    /// The name of this program's own variable for the setting.
    pub fn own_env(&self) -> String {
        format!("{ENV_PREFIX}{}", self.name.to_ascii_uppercase())
    }
}

/// The settings, in the order in which they are shown.
#[rustfmt::skip]
pub(super) static KEYS: &[Key] = &[
    key("data_dir", Kind::Text, None, "folder that holds everything the server keeps"),
    key("listen", Kind::Text, Some("127.0.0.1:8088"), "address for provers, imports and operators")
        .env(&[("API_PROVER_PORT", Unit::Port)]),
    key("admin_listen", Kind::Text, Some("127.0.0.1:3312"), "address for dashboard, health, metrics and what operators read")
        .env(&[("API_PROMETHEUS_PORT", Unit::Port)]),
    key("url", Kind::Text, Some("http://127.0.0.1:8088"), "server that client commands and the sample prover talk to, http or https")
        .env(&[("API_PROVER_URL", Unit::Plain)]),
    key("secret", Kind::Secret, None, "shared secret of the bearer tokens")
        .env(&[("API_PROVER_SECRET_AUTH", Unit::Plain)]),
    key("secret_file", Kind::Text, None, "file whose text is the shared secret"),
    key("operator_token", Kind::Secret, None, "token of operators on admin_listen; none: nothing can be changed there"),
    key("operator_token_file", Kind::Text, None, "file whose text is the operator_token"),
    key("allow_short_secret", Kind::Bare, Some("false"), "accept a secret below 32 bytes on an address that other machines reach"),
    key("tls_certificate", Kind::Text, None, "PEM file with the certificate chain of listen; with tls_key it speaks TLS"),
    key("tls_key", Kind::Text, None, "PEM file with the private key of tls_certificate"),
    key("tls_ca", Kind::Text, None, "PEM file with the roots that client commands trust; none: the public ones"),
    key("gone_timeout", Kind::Text, Some("60s"), "a job without a heartbeat for this long is handed out again")
        .env(&[("PROVER_CORE_GONE_TIMEOUT", Unit::Milliseconds)]),
    key("idle_provers", Kind::Bare, Some("1"), "floor of the number of provers asked for")
        .env(&[("PROVER_CORE_IDLE_PROVERS", Unit::Plain)]),
    key("max_attempts", Kind::Bare, Some("10"), "hand-outs after which a job is parked as failed")
        ,
    key("retry_backoff", Kind::Text, Some("1s"), "a job that was without a heartbeat waits for this long before it is handed out again, twice as long after each attempt, up to gone_timeout; 0s: no wait"),
    key("prepare_data_interval", Kind::Text, Some("5s"), "fallback interval of updater and maintainers")
        .env(&[("PROVER_WITNESS_GENERATOR_PREPARE_DATA_INTERVAL", Unit::Milliseconds)]),
    key("witness_generators", Kind::Bare, Some("4"), "maintainer threads")
        .env(&[("PROVER_WITNESS_GENERATOR_WITNESS_GENERATORS", Unit::Plain)]),
    key("aggregate", Kind::List, None, "sizes of aggregated operations the server makes itself; none: it makes no such operation"),
    key("aggregate_deadline", Kind::Text, Some("10s"), "a proven block waits no longer than this for a larger aggregate"),
    key("verification_keys", Kind::Text, None, "folder of verification keys that published proofs must satisfy; none: they are taken unverified"),
    key("verify_concurrency", Kind::Bare, None, "proofs verified at the same time; none: as many as there are cores"),
    key("history", Kind::Bare, Some("400"), "blocks that can be reverted"),
    key("keep_verified", Kind::Bare, None, "verified blocks whose witnesses and finished jobs are kept; none: all of them"),
    key("min_free_bytes", Kind::Text, Some("256MiB"), "with less free space no imports, hand-outs and witnesses, only proofs are taken; 0: no such floor"),
    key("cache_bytes", Kind::Text, Some("64MiB"), "page cache of the store"),
    key("max_connections", Kind::Bare, Some("1024"), "open connections; more wait"),
    key("max_message_requests", Kind::Bare, Some("256"), "small prover messages worked on at a time; more wait"),
    key("max_get_job_requests", Kind::Bare, Some("64"), "requests for a job worked on at a time"),
    key("max_publish_requests", Kind::Bare, Some("64"), "published proofs worked on at a time"),
    key("max_import_requests", Kind::Bare, Some("4"), "imports worked on at a time"),
    key("max_operator_requests", Kind::Bare, Some("32"), "exports, lists and other requests of operators worked on at a time"),
    key("request_wait", Kind::Text, Some("30s"), "longest wait of a request for its turn, then 503"),
    key("idle_timeout", Kind::Text, Some("30s"), "a connection is closed unless the head of its next request arrives in this time"),
    key("stall_timeout", Kind::Text, Some("60s"), "longest pause within a body, and longest wait for a client that does not read its answer"),
    key("body_timeout", Kind::Text, Some("10m"), "longest wait for a whole body"),
    key("shutdown_timeout", Kind::Text, Some("10s"), "time that requests under way get when the server stops"),
    key("max_message_bytes", Kind::Text, Some("64KiB"), "longest body of a small prover message"),
    key("max_proof_bytes", Kind::Text, Some("16MiB"), "longest body of a published proof"),
    key("max_block_bytes", Kind::Text, Some("64MiB"), "longest body of an imported block"),
    key("max_operation_bytes", Kind::Text, Some("256MiB"), "longest body of an imported aggregated operation"),
    key("max_genesis_bytes", Kind::Text, Some("1GiB"), "longest body of an imported genesis"),
    key("log", Kind::Text, Some("info"), "log filter, such as info or witness=debug,info")
        .env(&[("RUST_LOG", Unit::Plain)]),
    key("log_format", Kind::Text, Some("human"), "human or json"),
    key("cpu_features", Kind::Text, Some("auto"), "arithmetic of the hashes: auto (best of this processor), portable, avx512ifma, franklin"),
    key("prover_heartbeat_interval", Kind::Text, Some("100ms"), "sample prover: time between heartbeats")
        .env(&[("PROVER_PROVER_HEARTBEAT_INTERVAL", Unit::Milliseconds)]),
    key("prover_cycle_wait", Kind::Text, Some("50ms"), "sample prover: pause when there is no job")
        .env(&[("PROVER_PROVER_CYCLE_WAIT", Unit::Milliseconds)]),
    key("prover_request_timeout", Kind::Text, Some("10s"), "sample prover: longest wait for an answer")
        .env(&[("PROVER_PROVER_REQUEST_TIMEOUT", Unit::Seconds)]),
    key("prover_die_after_proof", Kind::Bare, Some("false"), "sample prover: stop after one proof")
        .env(&[("PROVER_PROVER_DIE_AFTER_PROOF", Unit::Plain)]),
];

/// The setting of that name.
pub(super) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// Of all names the one closest to `name`.
pub(super) fn nearest<S: AsRef<str>>(name: &str, names: impl IntoIterator<Item = S>) -> String {
    let mut best = (usize::MAX, String::new());
    for candidate in names {
        let distance = strsim::damerau_levenshtein(name, candidate.as_ref());
        if distance < best.0 {
            best = (distance, candidate.as_ref().to_owned());
        }
    }
    best.1
}

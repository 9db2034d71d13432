//! Log set-up: lines for people or JSON for machines, always to standard error, so that standard output stays data.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, util::SubscriberInitExt};

/// How a log line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people; coloured when standard error is a terminal and `NO_COLOR` is not set.
    Human,
    /// One JSON object a line.
    Json,
}

/// Logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter does not parse.
    #[error("the log filter {0:?} is not usable; write for example info or zksync_witness_server=debug,info")]
    Filter(String),
    /// This process logs already.
    #[error("logging was set up twice in this process")]
    Twice,
}

/// Starts logging for the whole process.
///
/// `filter` is a `tracing` filter such as `info` or `zksync_witness_server=debug,info`.
///
/// # Errors
/// A filter that does not parse; a second call.
pub fn init(filter: &str, format: LogFormat) -> Result<(), LogError> {
    let filter: EnvFilter = filter.parse().map_err(|_| LogError::Filter(filter.to_owned()))?;
    // A standard error that nobody reads is no reason to panic, which is how the failure to write would be told.
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .log_internal_errors(false);
    let done = match format {
        LogFormat::Human => {
            let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            builder.with_ansi(colour).with_target(false).finish().try_init()
        }
        LogFormat::Json => builder.json().flatten_event(true).finish().try_init(),
    };
    done.map_err(|_| LogError::Twice)
}

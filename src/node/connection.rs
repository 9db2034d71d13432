//! Connections to the database of a node.

use std::time::Duration;

use tokio_postgres::Client;

use super::error::LinkError;
use super::options::LinkOptions;
use super::{password, tls};

/// Longest time to establish a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Time without data after which the system starts to test a connection.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(10);
/// Time between two such tests.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
/// Number of such tests without an answer after which the connection is lost.
const KEEPALIVE_RETRIES: u32 = 3;

/// The use of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Reads blocks, account updates, aggregated operations and proofs.
    Read,
    /// Writes proofs.
    Write,
}

impl Role {
    /// The name that the database shows for the connection.
    fn application_name(self) -> &'static str {
        match self {
            Self::Read => "witness-server reading",
            Self::Write => "witness-server writing",
        }
    }
}

/// Connects to the database. The connection is driven by a task of the current runtime, and ends
/// when the client is dropped.
///
/// # Errors
/// Those of [`LinkError`] that concern the connection.
pub(crate) async fn connect(options: &LinkOptions, role: Role) -> Result<Client, LinkError> {
    let mut config = options.url.config().clone();
    if let Some(password) = password::find(options)? {
        config.password(password.expose());
    }
    config
        .application_name(role.application_name())
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_user_timeout(KEEPALIVE_IDLE + KEEPALIVE_INTERVAL * KEEPALIVE_RETRIES)
        .keepalives_idle(KEEPALIVE_IDLE)
        .keepalives_interval(KEEPALIVE_INTERVAL)
        .keepalives_retries(KEEPALIVE_RETRIES);
    let tls = tls::connector(options)?;
    // `connect_timeout` covers the TCP connection only, not a server that accepts and is silent.
    let connected = tokio::time::timeout(CONNECT_TIMEOUT * 2, config.connect(tls)).await;
    let (client, connection) = match connected {
        Ok(connected) => connected.map_err(|error| match LinkError::from(error) {
            // There was no connection yet, only something that accepted and closed one.
            LinkError::Lost(cause) => LinkError::Unreachable(cause),
            error => error,
        })?,
        Err(_) => return Err(LinkError::Unreachable("it does not answer".to_owned())),
    };
    // The client reports the error of its connection with the next statement.
    tokio::spawn(async move { connection.await.ok() });
    if role == Role::Read {
        let statement = "SET default_transaction_read_only = on";
        client.batch_execute(statement).await?;
    }
    Ok(client)
}

/// Waits up to `timeout` for an answer of the database: one that hangs keeps its connections open.
///
/// # Errors
/// [`LinkError::Lost`] without an answer in time, and those of `answer`.
pub(super) async fn answered<T>(
    timeout: Duration,
    answer: impl Future<Output = Result<T, LinkError>>,
) -> Result<T, LinkError> {
    match tokio::time::timeout(timeout, answer).await {
        Ok(answer) => answer,
        Err(_) => Err(LinkError::Lost(format!("it gave no answer within {} s", timeout.as_secs()))),
    }
}

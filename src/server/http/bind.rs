//! Binding of listeners.
//!
//! A listener is bound first and served later, so that before anything else starts the caller knows
//! that the address is free, and the port that the system chose for port 0.

use std::{io, net::SocketAddr};

use tokio::net::{TcpListener, TcpSocket};

/// Length of the system's queue of connections that are not accepted yet. If it is full, clients
/// retry after a second: with the usual 128, most of a few hundred provers that reconnect after a
/// restart would have to retry.
const BACKLOG: u32 = 1024;

/// Reason why an address cannot be bound.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another process listens on the address.
    #[error("{0} is taken by another process; stop that process or choose another address")]
    Taken(SocketAddr),
    /// The user is not permitted to listen on the port.
    #[error("no permission to listen on {0}; choose a port above 1023")]
    Forbidden(SocketAddr),
    /// No network interface has the address.
    #[error("this machine has no address {0}; choose one that it has, such as 127.0.0.1")]
    NoSuchAddress(SocketAddr),
    /// The system reports another error.
    #[error("cannot listen on {address}: {cause}; choose another address")]
    Other {
        /// The address.
        address: SocketAddr,
        /// The system's error.
        cause: io::Error,
    },
}

/// Binds a listener.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    listen(address).map_err(|cause| match cause.kind() {
        io::ErrorKind::AddrInUse => BindError::Taken(address),
        io::ErrorKind::PermissionDenied => BindError::Forbidden(address),
        io::ErrorKind::AddrNotAvailable => BindError::NoSuchAddress(address),
        _ => BindError::Other { address, cause },
    })
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A restart must not wait until the system has forgotten the connections of the previous
    // process.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_port_is_reported() {
        let first = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = first.local_addr().unwrap();
        let error = bind(address).await.unwrap_err();
        assert!(matches!(error, BindError::Taken(_)), "{error}");
        assert!(bind("203.0.113.1:80".parse().unwrap()).await.is_err());
    }
}

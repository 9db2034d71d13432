//! The two addresses of a devnet for clients.

use std::net::SocketAddr;

use prometheus_client::metrics::gauge::Gauge;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::devnet::Devnet;
use super::start::DevnetError;
use crate::config::Config;
use crate::server::{self, ListenLimits};
use crate::service::StartError;

/// The bound addresses, before they are served.
pub(crate) struct Bound {
    rpc: TcpListener,
    rest: TcpListener,
}

impl Bound {
    /// Binds the addresses of JSON-RPC and REST.
    ///
    /// # Errors
    /// If an address cannot be bound.
    pub(crate) async fn new(rpc: SocketAddr, rest: SocketAddr) -> Result<Self, DevnetError> {
        let bind = async |flag, address| {
            server::bind(address).await.map_err(|error| StartError::Bind { flag, error })
        };
        Ok(Self { rpc: bind("rpc-listen", rpc).await?, rest: bind("rest-listen", rest).await? })
    }

    /// Serves a devnet.
    ///
    /// # Errors
    /// If the operating system does not report the address of a listener.
    pub(crate) fn serve(self, devnet: &Devnet, config: &Config) -> Result<Listeners, DevnetError> {
        let rpc = self.rpc.local_addr().map_err(StartError::Address)?;
        let rest = self.rest.local_addr().map_err(StartError::Address)?;
        let limits = ListenLimits::from(config);
        let (stopping, stop) = watch::channel(false);
        let until_stop = |mut stop: watch::Receiver<bool>| async move {
            // A dropped sender also means the end.
            let _ = stop.wait_for(|stop| *stop).await;
        };
        let serve = |listener, router| {
            let stopped = until_stop(stop.clone());
            tokio::spawn(server::serve_counted(listener, None, router, limits, Gauge::default(), stopped))
        };
        let tasks = [
            serve(self.rpc, super::rpc::router(devnet.clone())),
            serve(self.rest, super::rest::router(devnet.clone())),
        ];
        Ok(Listeners { rpc, rest, stopping, tasks })
    }
}

/// The served addresses. They are closed on drop.
pub(crate) struct Listeners {
    rpc: SocketAddr,
    rest: SocketAddr,
    stopping: watch::Sender<bool>,
    tasks: [JoinHandle<usize>; 2],
}

impl Listeners {
    /// Returns the URL of JSON-RPC.
    pub(crate) fn rpc_url(&self) -> String {
        format!("http://{}", self.rpc)
    }

    /// Returns the URL of REST, without the path of a version.
    pub(crate) fn rest_url(&self) -> String {
        format!("http://{}", self.rest)
    }

    /// Returns the addresses that other machines can reach.
    pub(crate) fn exposed(&self) -> Vec<SocketAddr> {
        [self.rpc, self.rest].into_iter().filter(|address| !address.ip().is_loopback()).collect()
    }

    /// Accepts no more connections, and waits for the requests in progress.
    pub(crate) async fn stop(self) {
        self.stopping.send_replace(true);
        for task in self.tasks {
            // A panic of a listener was reported when it happened.
            let _ = task.await;
        }
    }
}

//! The devnet: a whole zkSync Lite network in one process, for tests of wallets, SDKs, indexers and
//! provers.
//!
//! Everything below the producer is the ordinary server: blocks enter through the import, workers
//! build witnesses and jobs, provers claim jobs over HTTP. If a block of the devnet needed
//! something that the block of a real sequencer does not have, that would be a fault.
//!
//! | module | content |
//! | --- | --- |
//! | `options`, `tokens`, `accounts` | options of a devnet, its tokens and its funded accounts |
//! | `start`, `fork`, `load` | a new chain, the fork of a chain, the state of a folder |
//! | `devnet` | the running devnet: submissions, layer 1, test controls, reads |
//! | `ledger` | accounts, transactions, blocks and NFTs, as clients see them |
//! | `requests`, `fees` | requests of clients; the price of each kind of transaction |
//! | `submit_error`, `control_error` | the reasons of refusals, with their codes |
//! | `admission` | the checks before a transaction is accepted |
//! | `intake`, `inbox` | requests become durable; their records |
//! | `producer`, `filler`, `arrangement` | the thread that executes requests and seals blocks; the pending block; the order of requests |
//! | `layer_one` | the stand-in for layer 1 |
//! | `snapshots`, `host` | returns to earlier states; the server below, which ends with it |
//! | `proving`, `time` | sample provers and the time, with their test controls |
//! | `traffic`, `wallet`, `request_signer` | random transfers; the signer of these, and that of tests |
//! | `shared` | the state that these parts share |
//! | `rpc`, `rest`, `control` | the interfaces to clients: JSON-RPC, REST v0.2, and the endpoints below `/devnet` |
//! | `wire`, `contracts` | the objects that they share |
//! | `http`, `body`, `listeners` | limits and layers of requests; the two addresses |

mod accounts;
mod admission;
mod arrangement;
mod body;
mod contracts;
mod control;
mod control_error;
#[cfg(any(test, feature = "testing"))]
pub(crate) mod decoders;
#[allow(clippy::module_inception)]
mod devnet;
mod fees;
mod filler;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod folder_tests;
mod fork;
mod host;
mod http;
mod inbox;
mod intake;
mod layer_one;
mod ledger;
mod listeners;
mod load;
mod options;
mod producer;
mod proving;
#[cfg(any(test, feature = "testing"))]
mod request_signer;
mod requests;
mod rest;
mod rpc;
mod shared;
mod snapshots;
mod start;
mod submit_error;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod testing;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;
mod time;
mod tokens;
mod traffic;
mod wallet;
mod wire;

pub(crate) use accounts::TEST_MNEMONIC;
pub(crate) use listeners::{Bound, Listeners};
pub(crate) use options::{DevnetOptions, Finality};
#[cfg(any(test, feature = "testing"))]
pub use request_signer::RequestSigner;
pub(crate) use start::{Beginning, DevnetError, Started, start};
pub(crate) use tokens::Tokens;
pub(crate) use traffic::Traffic;

//! The whole server as a value: `serve` runs it, and an embedding program starts and stops it.
//!
//! | module | content |
//! | --- | --- |
//! | `options` | options of store and workers from the configuration |
//! | `start` | opens the folder, binds both addresses, starts the workers |
//! | `running` | the running server: its addresses, its secret, its failure |
//! | `shutdown` | the end after SIGTERM or SIGINT: `serve` receives the signal and calls [`Service::stop`] |

mod options;
mod running;
mod shutdown;
mod start;

pub use options::{look_at_store, node_options, open_store, store_options};
pub use running::Service;
pub use start::StartError;

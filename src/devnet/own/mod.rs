//! The devnet's own endpoints, below `/devnet` on both addresses: what layer 1 does on the real
//! network, and what tests need.
//!
//! | module | content |
//! | --- | --- |
//! | `layer_one` | deposits, full exits, authorisations of keys |
//! | `controls` | sealing, finality, snapshots, time, proofs |
//! | `state` | funded accounts, the mempool, settings of the controls |
//! | `answer` | answers and errors |
//! | `router` | the routes |

mod answer;
mod controls;
mod layer_one;
mod router;
mod state;

#[cfg(any(test, feature = "testing"))]
pub(super) use layer_one::{DepositBody, FullExitBody};
pub(super) use router::{PREFIX, changes, reads, router};

//! The endpoints below `/devnet`, which both addresses have: requests to the stand-in for layer 1,
//! and test controls.
//!
//! | module | content |
//! | --- | --- |
//! | `layer_one` | deposits, full exits, authorisations of keys |
//! | `test_controls` | sealing, finality, snapshots, time, proofs |
//! | `state` | funded accounts, the mempool, settings of the controls |
//! | `answer` | answers and errors |
//! | `router` | the routes |

mod answer;
mod layer_one;
mod router;
mod state;
mod test_controls;

#[cfg(any(test, feature = "testing"))]
pub(super) use layer_one::{DepositBody, FullExitBody};
pub(super) use router::{PREFIX, all, reads, router};

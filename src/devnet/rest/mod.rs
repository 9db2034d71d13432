//! REST v0.2 (docs/protocol/08-devnet-api.md §7).
//!
//! | module | content |
//! | --- | --- |
//! | `envelope`, `error` | the object around every answer, errors with the codes of the reference |
//! | `asked` | the parts of a request that its answer repeats |
//! | `page` | pages of lists |
//! | `argument` | accounts, block positions and hashes in paths |
//! | `network`, `accounts`, `blocks`, `tokens`, `fees`, `transactions` | the endpoints |
//! | `router` | the routes of the REST address |
//! | `openapi` | their description |

mod accounts;
mod argument;
mod asked;
mod blocks;
mod envelope;
mod error;
mod fees;
mod network;
mod openapi;
mod page;
mod router;
mod tokens;
mod transactions;

#[cfg(any(test, feature = "testing"))]
pub(super) use fees::{BatchFeeRequest, FeeRequest};
pub(crate) use router::{explorer, router};
#[cfg(any(test, feature = "testing"))]
pub(super) use transactions::{ToSubmit, ToSubmitBatch};

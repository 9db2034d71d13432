//! The HTTP client of this server: requests, the prover protocol, and the sample prover.

mod clock_difference;
mod error;
mod http;
mod prover_protocol;
mod sample_proof;
mod sample_prover;

pub use crate::domain::JobResultData;
pub use clock_difference::ClockDifference;
pub use error::ClientError;
pub use http::{Answer, Client, Credentials, ResponseParts};
pub use prover_protocol::{ProverClient, ProverJob, Work};
pub use sample_proof::sample_proof;
pub use sample_prover::{ProveFunction, ProverOptions, Refused, SampleProver};

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;

//! The sender of a message, if it is known. The protocol's messages have a name at most, and
//! a published proof not even that.

use std::sync::{Arc, Mutex, PoisonError};

/// Number of provers that are remembered for a connection; a proxy sends those of many.
const MAX_NAMES: usize = 64;

/// A connection, and the provers that sent messages over it.
#[derive(Debug, Default)]
pub(crate) struct ProverConnection {
    names: Mutex<Vec<String>>,
}

impl ProverConnection {
    /// Remembers a prover that sent a message over this connection.
    pub(crate) fn note(&self, prover: &str) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if !names.iter().any(|name| name == prover) && names.len() < MAX_NAMES {
            names.push(prover.to_owned());
        }
    }

    /// Returns the provers that sent messages over this connection.
    pub(crate) fn provers(&self) -> Vec<String> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The sender of a proof.
#[derive(Clone, Debug, Default)]
pub struct Sender {
    /// The name in the message, which most provers leave out.
    pub name: Option<String>,
    /// The connection.
    pub(crate) connection: Option<Arc<ProverConnection>>,
}

//! The fault that keeps the next witness from being built.

use std::sync::{Mutex, PoisonError};

/// A block whose witness could not be built so far. Another attempt may succeed, unlike with a
/// quarantined block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WitnessFault {
    /// The block.
    pub block: u32,
    /// The cause, such as a damaged body of the block.
    pub cause: String,
}

/// The last such fault, in memory only: the first attempt after a start finds it again.
#[derive(Debug, Default)]
pub(crate) struct LastFault(Mutex<Option<WitnessFault>>);

impl LastFault {
    /// Records a failed attempt.
    pub(crate) fn set(&self, block: u32, cause: &str) {
        let fault = WitnessFault { block, cause: cause.to_owned() };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault);
    }

    /// Ends the fault: an attempt has succeeded.
    pub(crate) fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Returns the fault if it is about this block, the next one to get a witness.
    pub(crate) fn of(&self, next: u32) -> Option<WitnessFault> {
        let fault = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        fault.clone().filter(|fault| fault.block == next)
    }
}

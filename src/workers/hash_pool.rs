//! The threads that compute hashes: the global pool of rayon.
//!
//! rayon makes them at the first use, and if that fails, every later use panics. So they are made
//! before anything depends on them.

use std::error::Error;
use std::io;
use std::sync::OnceLock;

use rayon::ThreadPoolBuilder;

use crate::store::StoreError;

/// Makes the threads, unless they exist.
///
/// # Errors
/// [`StoreError::Io`] if the system cannot make them. It stays so until the process ends.
pub(crate) fn start() -> Result<(), StoreError> {
    static STARTED: OnceLock<Result<(), String>> = OnceLock::new();
    let started = STARTED.get_or_init(|| match ThreadPoolBuilder::new().build_global() {
        Ok(()) => Ok(()),
        // Without an error of the system, another part of the program has made them already.
        Err(error) => error.source().map_or(Ok(()), |source| Err(source.to_string())),
    });
    started
        .clone()
        .map_err(|cause| StoreError::io("starting the threads that compute hashes")(io::Error::other(cause)))
}

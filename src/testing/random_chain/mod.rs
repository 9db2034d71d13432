//! Random chains of every kind of transaction, valid and failing, with checks of every step: what
//! the execution accepts, the import and the witness accept as well.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod chain;
mod check;
mod choices;
mod transactions;

pub use chain::RandomChain;
pub use choices::Choices;

/// Executes a chain that the bytes choose; the entry point of the fuzzer.
///
/// # Panics
/// If a rule of the execution is violated.
pub fn execute(bytes: &[u8]) {
    let mut choices = Choices::from_bytes(bytes);
    let mut chain = RandomChain::unsigned();
    while !choices.is_empty() {
        chain.step(&mut choices);
    }
    chain.seal();
}

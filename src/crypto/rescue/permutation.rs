//! The permutation, computed by the engine in use.

#[cfg(any(test, feature = "testing"))]
use super::engine::{EngineUnavailable, is_available};
use super::{
    Fma, Ifma,
    engine::{Engine, engine},
    franklin,
    parameters::State,
    portable,
};
#[cfg(any(test, feature = "testing"))]
use std::sync::atomic::{AtomicU64, Ordering};

/// Number of permutations that this process has computed, by all engines. Tests compare it with the
/// expected cost of an operation.
#[cfg(any(test, feature = "testing"))]
pub static PERMUTATIONS: AtomicU64 = AtomicU64::new(0);

/// Applies the permutation to one state.
pub fn permute(state: &mut State) {
    permute_batch(std::slice::from_mut(state));
}

/// Applies the permutation to each of several independent states.
pub fn permute_batch(states: &mut [State]) {
    run(engine(), states);
}

#[cfg(any(test, feature = "testing"))]
/// Applies the permutation to each state by the given engine, even if another one is in use.
///
/// # Errors
/// [`EngineUnavailable`] if this processor cannot run the engine; the states are unmodified then.
pub fn permute_batch_by(engine: Engine, states: &mut [State]) -> Result<(), EngineUnavailable> {
    if !is_available(engine) {
        return Err(EngineUnavailable(engine));
    }
    run(engine, states);
    Ok(())
}

fn run(engine: Engine, states: &mut [State]) {
    #[cfg(any(test, feature = "testing"))]
    PERMUTATIONS.fetch_add(states.len() as u64, Ordering::Relaxed);
    match (engine, Fma::detect(), Ifma::detect()) {
        (Engine::Franklin, ..) => states.iter_mut().for_each(franklin::permute),
        (Engine::Ifma, _, Some(ifma)) => ifma.permute_batch(states),
        (Engine::Fma, Some(fma), _) => {
            let done = fma.permute_batch(states);
            run_portable(&mut states[done..]);
        }
        _ => run_portable(states),
    }
}

/// Runs the portable engine, compiled for BMI2 if this processor has it.
fn run_portable(states: &mut [State]) {
    #[cfg(target_arch = "x86_64")]
    if let Some(mulx) = super::mulx::Mulx::detect() {
        return mulx.permute_batch(states);
    }
    portable::permute_batch(states);
}

//! The Rescue hash over [`Fr`] with state width 3 and rate 2 (specification 01 §3).
//!
//! Nearly all the time of building a witness is spent here, so whoever has many independent hashes to
//! compute should hand them over together: [`compress_batch`], [`hash_batch`], [`permute_batch`]. All work
//! on the current thread; spreading a batch over cores is up to the caller.
//!
//! Several engines compute the same permutation; [`engine`] tells which one is in use.

mod chain;
mod franklin;
#[cfg(target_arch = "x86_64")]
mod ifma;
#[cfg(not(target_arch = "x86_64"))]
#[path = "no_ifma.rs"]
mod ifma;
mod portable;

use super::{Fr, bits, fr};
use franklin_crypto::bellman::pairing::ff::Field;
use std::sync::atomic::{AtomicUsize, Ordering};
use thiserror::Error;

/// The state of the sponge: two cells that absorb and give, then the capacity cell.
pub type State = [Fr; 3];

/// An implementation of the permutation, worse ones first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// franklin-crypto as the reference uses it: slow, the standard the others are tested against.
    Franklin,
    /// Plain Rust for any processor.
    Portable,
    /// Eight states at once with the 52-bit multiply-add instructions of x86-64 (AVX-512 IFMA).
    Ifma,
}

/// The engine asked for needs instructions this processor lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("this processor cannot run the Rescue engine {0:?}")]
pub struct EngineUnavailable(pub Engine);

const ENGINES: [Engine; 3] = [Engine::Franklin, Engine::Portable, Engine::Ifma];

/// The index in [`ENGINES`] of what [`force_engine`] chose; beyond the end until it did.
static FORCED: AtomicUsize = AtomicUsize::new(usize::MAX);

/// The engine in use: the one forced, else the best this processor can run.
pub fn engine() -> Engine {
    let best = if is_available(Engine::Ifma) { Engine::Ifma } else { Engine::Portable };
    ENGINES.get(FORCED.load(Ordering::Relaxed)).copied().unwrap_or(best)
}

/// Makes the whole process use this engine from now on. Results do not depend on it.
///
/// # Errors
/// [`EngineUnavailable`] if this processor cannot run it.
pub fn force_engine(engine: Engine) -> Result<(), EngineUnavailable> {
    if !is_available(engine) {
        return Err(EngineUnavailable(engine));
    }
    FORCED.store(engine as usize, Ordering::Relaxed);
    Ok(())
}

fn is_available(engine: Engine) -> bool {
    engine != Engine::Ifma || ifma::Ifma::detect().is_some()
}

/// Applies the permutation to one state.
pub fn permute(state: &mut State) {
    permute_batch(std::slice::from_mut(state));
}

/// Applies the permutation to each of many independent states.
pub fn permute_batch(states: &mut [State]) {
    permute_batch_by(engine(), states);
}

fn permute_batch_by(engine: Engine, states: &mut [State]) {
    match (engine, ifma::Ifma::detect()) {
        (Engine::Franklin, _) => states.iter_mut().for_each(franklin::permute),
        (Engine::Ifma, Some(ifma)) => ifma.permute_batch(states),
        _ => states.iter_mut().for_each(portable::permute),
    }
}

/// The hash of a sequence of field elements.
///
/// # Panics
/// If there are not 1 to 255 elements.
pub fn hash_elements(elements: &[Fr]) -> Fr {
    sponge(elements)[0]
}

/// The hash of bits packed by [`bits::multipack`].
///
/// # Panics
/// If there are no bits, or more than 255 elements of them.
pub fn hash_bits(bits: &[bool]) -> Fr {
    hash_elements(&bits::multipack(bits))
}

/// The hash of two elements: an inner node of a Merkle tree.
pub fn compress(left: &Fr, right: &Fr) -> Fr {
    hash_elements(&[*left, *right])
}

/// [`compress`] of each pair.
pub fn compress_batch(pairs: &[[Fr; 2]]) -> Vec<Fr> {
    hash_batch(pairs)
}

/// [`hash_elements`] of each input; lengths may differ.
///
/// # Panics
/// If an input does not have 1 to 255 elements.
pub fn hash_batch<I: AsRef<[Fr]>>(inputs: &[I]) -> Vec<Fr> {
    let mut states: Vec<State> = inputs.iter().map(|input| initial_state(input.as_ref().len())).collect();
    // The sponges run in lockstep; those with no pair left in this round sit it out.
    let mut active: Vec<usize> = (0..inputs.len()).collect();
    let mut batch = Vec::with_capacity(inputs.len());
    for round in 0.. {
        active.retain(|i| round < inputs[*i].as_ref().len().div_ceil(2));
        if active.is_empty() {
            break;
        }
        batch.clear();
        batch.extend(active.iter().map(|i| absorb(states[*i], inputs[*i].as_ref(), round)));
        permute_batch(&mut batch);
        for (i, state) in active.iter().zip(&batch) {
            states[*i] = *state;
        }
    }
    states.into_iter().map(|state| state[0]).collect()
}

/// The state after all elements are absorbed; its first two cells are the output.
pub(super) fn sponge(elements: &[Fr]) -> State {
    let mut state = initial_state(elements.len());
    for round in 0..elements.len().div_ceil(2) {
        state = absorb(state, elements, round);
        permute(&mut state);
    }
    state
}

/// The state before the first of so many elements is absorbed.
pub(super) fn initial_state(elements: usize) -> State {
    assert!((1..=255).contains(&elements), "Rescue hashes 1 to 255 elements");
    [Fr::zero(), Fr::zero(), fr::from_u64(elements as u64)]
}

/// Adds the pair of this round to the state, an odd last element completed by a one; the permutation is
/// still to follow.
pub(super) fn absorb(mut state: State, elements: &[Fr], round: usize) -> State {
    state[0].add_assign(&elements[2 * round]);
    state[1].add_assign(elements.get(2 * round + 1).unwrap_or(&Fr::one()));
    state
}

#[cfg(test)]
mod tests;

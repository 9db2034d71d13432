//! The Rescue hash over [`Fr`] with state width 3 and rate 2 (specification 01 §3).
//!
//! Nearly all the time of building a witness is spent here, so whoever has many independent hashes to
//! compute should hand them over together: [`compress_batch`], [`hash_batch`], [`permute_batch`]. All work
//! on the current thread; spreading a batch over cores is up to the caller.
//!
//! Several engines compute the same permutation; [`engine`] tells which one is in use.

mod chain;
mod engine;
mod franklin;
#[cfg(target_arch = "x86_64")]
mod ifma;
#[cfg(not(target_arch = "x86_64"))]
#[path = "no_ifma.rs"]
mod ifma;
#[cfg(target_arch = "x86_64")]
mod mulx;
mod portable;

use super::{Fr, bits, fr};
use franklin_crypto::bellman::pairing::ff::Field;

#[cfg(any(test, feature = "testing"))]
use std::sync::atomic::{AtomicU64, Ordering};

pub use engine::{Engine, EngineUnavailable, UnknownEngine, engine, force_engine, is_available};

/// The state of the sponge: two cells that absorb and give, then the capacity cell.
pub type State = [Fr; 3];

/// Applies the permutation to one state.
pub fn permute(state: &mut State) {
    permute_batch(std::slice::from_mut(state));
}

/// Applies the permutation to each of many independent states.
pub fn permute_batch(states: &mut [State]) {
    run(engine(), states);
}

/// [`permute_batch`] by an engine of choice, whichever one is in use.
///
/// # Errors
/// [`EngineUnavailable`] if this processor cannot run it; the states are as they were.
pub fn permute_batch_by(engine: Engine, states: &mut [State]) -> Result<(), EngineUnavailable> {
    if !is_available(engine) {
        return Err(EngineUnavailable(engine));
    }
    run(engine, states);
    Ok(())
}

/// Permutations that this process has computed, by all engines; to test how many a piece of work takes.
#[cfg(any(test, feature = "testing"))]
pub static PERMUTATIONS: AtomicU64 = AtomicU64::new(0);

fn run(engine: Engine, states: &mut [State]) {
    #[cfg(any(test, feature = "testing"))]
    PERMUTATIONS.fetch_add(states.len() as u64, Ordering::Relaxed);
    match (engine, ifma::Ifma::detect()) {
        (Engine::Franklin, _) => states.iter_mut().for_each(franklin::permute),
        (Engine::Ifma, Some(ifma)) => ifma.permute_batch(states),
        _ => portable::permute_batch(states),
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

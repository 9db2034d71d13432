//! The Rescue hash over [`Fr`] with state width 3 and rate 2 (specification 01 §3).
//!
//! Nearly all the time of building a witness is spent here, so whoever has many independent hashes to compute should
//! hand them over together: [`compress_batch`], [`hash_batch`], [`permute_batch`]. All work on the
//! current thread; spreading a batch over cores is up to the caller.
//!
//! Several engines compute the same permutation; [`engine`] tells which one is in use.

mod franklin;

use super::{Fr, bits, fr};
use franklin_crypto::bellman::pairing::ff::Field;
use std::sync::atomic::{AtomicU8, Ordering};
use thiserror::Error;

/// The state of the sponge: two cells that absorb and give, then the capacity cell.
pub type State = [Fr; 3];

/// An implementation of the permutation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
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

/// What [`force_engine`] chose plus one, or zero for the best engine of this processor.
static FORCED: AtomicU8 = AtomicU8::new(0);

/// The engine in use: the one forced, else the best this processor can run.
pub fn engine() -> Engine {
    const ALL: [Engine; 3] = [Engine::Franklin, Engine::Portable, Engine::Ifma];
    match FORCED.load(Ordering::Relaxed) {
        0 => Engine::Franklin,
        forced => ALL[usize::from(forced) - 1],
    }
}

/// Makes the whole process use this engine from now on. Results do not depend on it.
///
/// # Errors
/// [`EngineUnavailable`] if this processor cannot run it.
pub fn force_engine(engine: Engine) -> Result<(), EngineUnavailable> {
    if engine != Engine::Franklin {
        return Err(EngineUnavailable(engine));
    }
    FORCED.store(engine as u8 + 1, Ordering::Relaxed);
    Ok(())
}

/// Applies the permutation to one state.
pub fn permute(state: &mut State) {
    permute_batch(std::slice::from_mut(state));
}

/// Applies the permutation to each of many independent states.
pub fn permute_batch(states: &mut [State]) {
    states.iter_mut().for_each(franklin::permute);
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
    let mut states: Vec<State> = inputs.iter().map(|input| initial_state(input.as_ref())).collect();
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
    let mut state = initial_state(elements);
    for round in 0..elements.len().div_ceil(2) {
        state = absorb(state, elements, round);
        permute(&mut state);
    }
    state
}

fn initial_state(elements: &[Fr]) -> State {
    assert!((1..=255).contains(&elements.len()), "Rescue hashes 1 to 255 elements");
    [Fr::zero(), Fr::zero(), fr::from_u64(elements.len() as u64)]
}

/// Adds the pair of this round to the state, an odd last element completed by a one.
fn absorb(mut state: State, elements: &[Fr], round: usize) -> State {
    state[0].add_assign(&elements[2 * round]);
    state[1].add_assign(elements.get(2 * round + 1).unwrap_or(&Fr::one()));
    state
}

#[cfg(test)]
mod tests;

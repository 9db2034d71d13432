//! The hash: a sponge of fixed input length over the permutation.

use super::{
    parameters::State,
    permutation::{permute, permute_batch},
};
use crate::{Fr, bits, fr};
use franklin_crypto::bellman::pairing::ff::Field;

/// Returns the hash of a sequence of field elements.
///
/// # Panics
/// If the number of elements is not in 1..=255.
pub fn hash_elements(elements: &[Fr]) -> Fr {
    sponge(elements)[0]
}

/// Returns the hash of bits, packed by [`bits::multipack`].
///
/// # Panics
/// If the bits are packed into no or more than 255 elements.
pub fn hash_bits(bits: &[bool]) -> Fr {
    hash_elements(&bits::multipack(bits))
}

/// Returns the hash of two elements: an inner node of a Merkle tree.
pub fn compress(left: &Fr, right: &Fr) -> Fr {
    hash_elements(&[*left, *right])
}

/// Returns [`compress`] of each pair.
pub fn compress_batch(pairs: &[[Fr; 2]]) -> Vec<Fr> {
    let start = initial_state(2);
    let mut states: Vec<State> = pairs.iter().map(|pair| absorb(start, pair, 0)).collect();
    permute_batch(&mut states);
    states.into_iter().map(|state| state[0]).collect()
}

/// Returns [`hash_elements`] of each input. Lengths may differ.
///
/// # Panics
/// If the number of elements of an input is not in 1..=255.
pub fn hash_batch<I: AsRef<[Fr]>>(inputs: &[I]) -> Vec<Fr> {
    let mut states: Vec<State> = inputs.iter().map(|input| initial_state(input.as_ref().len())).collect();
    // The sponges run in lockstep; those without a pair for this round are left out of the batch.
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

/// Returns the state after all elements are absorbed. Its first two cells are the output.
pub fn sponge(elements: &[Fr]) -> State {
    let mut state = initial_state(elements.len());
    for round in 0..elements.len().div_ceil(2) {
        state = absorb(state, elements, round);
        permute(&mut state);
    }
    state
}

/// Returns the state before the first of the given number of elements is absorbed.
pub fn initial_state(elements: usize) -> State {
    assert!((1..=255).contains(&elements), "Rescue hashes 1 to 255 elements");
    [Fr::zero(), Fr::zero(), fr::from_u64(elements as u64)]
}

/// Adds the pair of the given round to the state; an odd last element is completed by a one. The
/// caller applies the permutation.
pub fn absorb(mut state: State, elements: &[Fr], round: usize) -> State {
    state[0].add_assign(&elements[2 * round]);
    state[1].add_assign(elements.get(2 * round + 1).unwrap_or(&Fr::one()));
    state
}

//! The transcript of block proofs: a Rescue sponge that absorbs field elements and returns
//! challenges.
//!
//! Block proofs are verified inside the aggregation circuit, where Rescue is cheap and Keccak is
//! not. Published releases of franklin-crypto exclude their transcript from the build, so this one
//! uses [`rescue::permute`].

use franklin_crypto::bellman::pairing::ff::{Field, PrimeField};
use franklin_crypto::bellman::plonk::commitments::transcript::{Prng, Transcript};

use crate::crypto::rescue::{self, State};
use crate::crypto::{Fr, fr};

/// Size of the lower part of a coordinate in bytes: two limbs of 68 bits.
const LOW_BYTES: usize = 17;

/// Number of cells of the state that absorb elements and return challenges.
const RATE: usize = 2;

/// A sponge with rate 2 and capacity 1 that starts from zeros. Elements are absorbed in pairs; an
/// odd last one is completed by a one. Each permutation returns at most two challenges, and the
/// next element discards the unused ones.
#[derive(Clone, Debug, Default)]
pub(crate) struct RescueTranscript {
    state: State,
    /// Elements before their permutation, at most [`RATE`].
    pending: Vec<Fr>,
    /// Number of challenges returned since the last permutation; `None` after an element was
    /// absorbed.
    returned: Option<usize>,
}

impl RescueTranscript {
    fn absorb(&mut self, element: Fr) {
        if self.pending.len() == RATE {
            self.permute();
        }
        self.returned = None;
        self.pending.push(element);
    }

    fn permute(&mut self) {
        self.pending.resize(RATE, Fr::one());
        for (cell, element) in self.state.iter_mut().zip(self.pending.drain(..)) {
            cell.add_assign(&element);
        }
        rescue::permute(&mut self.state);
    }

    fn squeeze(&mut self) -> Fr {
        let next = match self.returned {
            Some(returned) if returned < RATE => returned,
            _ => {
                self.permute();
                0
            }
        };
        self.returned = Some(next + 1);
        self.state[next]
    }
}

impl Prng<Fr> for RescueTranscript {
    type Input = Fr;
    type InitializationParameters = ();

    fn new() -> Self {
        Self::default()
    }

    fn commit_input(&mut self, input: &Fr) {
        self.absorb(*input);
    }

    fn get_challenge(&mut self) -> Fr {
        self.squeeze()
    }
}

impl Transcript<Fr> for RescueTranscript {
    /// Absorbs bytes in runs that fit an element. No part of a proof is absorbed this way.
    fn commit_bytes(&mut self, bytes: &[u8]) {
        for run in bytes.chunks(31) {
            self.absorb(element(run));
        }
    }

    fn commit_field_element(&mut self, element: &Fr) {
        self.absorb(*element);
    }

    fn get_challenge_bytes(&mut self) -> Vec<u8> {
        fr::to_bytes(&self.squeeze()).to_vec()
    }

    /// Absorbs the two halves of a coordinate, lower half first: it may exceed the modulus of the
    /// scalar field.
    fn commit_fe<F: PrimeField>(&mut self, coordinate: &F) {
        let mut bytes = [0; 32];
        for (bytes, limb) in bytes.rchunks_mut(8).zip(coordinate.into_repr().as_ref()) {
            bytes.copy_from_slice(&limb.to_be_bytes());
        }
        halves(&bytes).into_iter().for_each(|half| self.absorb(half));
    }
}

/// Returns the lower 136 bits of a big-endian integer and the rest, the form of a coordinate in
/// circuits.
pub(super) fn halves(bytes: &[u8; 32]) -> [Fr; 2] {
    let (high, low) = bytes.split_at(bytes.len() - LOW_BYTES);
    [element(low), element(high)]
}

/// Returns at most 31 bytes as a big-endian element.
fn element(bytes: &[u8]) -> Fr {
    let mut padded = [0; 31];
    padded[31 - bytes.len()..].copy_from_slice(bytes);
    fr::from_short_bytes(&padded)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use franklin_crypto::bellman::pairing::bn256::{Bn256, Fq};
    use franklin_crypto::rescue::{StatefulRescue, bn256::Bn256RescueParams};

    use super::*;

    #[test]
    fn challenges_equal_the_sponge_of_franklin_crypto() {
        let params = Bn256RescueParams::new_checked_2_into_1();
        // Pairs: number of absorbed elements, number of challenges after them.
        for steps in [vec![(0, 1)], vec![(1, 1)], vec![(2, 2), (1, 1), (4, 1), (5, 2)], vec![(3, 1), (3, 2)]]
        {
            let mut ours = RescueTranscript::new();
            let mut theirs = StatefulRescue::<Bn256>::new(&params);
            let mut next = 7;
            for (elements, challenges) in steps {
                for _ in 0..elements {
                    next += 1;
                    ours.commit_field_element(&fr::from_u64(next));
                    theirs.absorb_single_value(fr::from_u64(next));
                }
                for _ in 0..challenges {
                    theirs.pad_if_necessary();
                    assert_eq!(ours.get_challenge(), theirs.squeeze_out_single());
                }
            }
        }
    }

    #[test]
    fn a_coordinate_is_absorbed_as_its_lower_136_bits_and_the_remaining_bits() {
        let mut top = Fq::zero();
        top.sub_assign(&Fq::one());
        let mut whole = RescueTranscript::new();
        let mut parts = RescueTranscript::new();
        whole.commit_fe(&top);
        // q - 1 = 0x30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd46.
        let half = |digits: &str| fr::from_hex(&format!("{digits:0>64}")).unwrap();
        parts.commit_field_element(&half("5d97816a916871ca8d3c208c16d87cfd46"));
        parts.commit_field_element(&half("30644e72e131a029b85045b6818158"));
        assert_eq!(whole.get_challenge(), parts.get_challenge());
    }

    #[test]
    fn a_third_challenge_in_a_row_differs() {
        let mut transcript = RescueTranscript::new();
        let challenges = [(); 3].map(|()| transcript.get_challenge());
        assert!(challenges[0] != challenges[1] && challenges[1] != challenges[2]);
        assert_eq!(transcript.get_challenge_bytes().len(), 32);
    }
}

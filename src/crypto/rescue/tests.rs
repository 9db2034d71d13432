#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::parameters::PARAMETERS;
use super::*;
use crate::dice::Dice;
use crate::test_vectors::{element, elements, vectors};
use crate::{Fr, fr, montgomery};
use franklin_crypto::{bellman::pairing::ff::Field, rescue::RescueHashParams};
use rayon::prelude::*;
use serde_json::Value;

fn hex_element(text: &str) -> Fr {
    fr::from_hex(text).unwrap()
}

fn bit_string(text: &Value) -> Vec<bool> {
    text.as_str().unwrap().bytes().map(|bit| bit == b'1').collect()
}

#[test]
fn parameters_are_those_of_the_protocol() {
    let parameters = &*PARAMETERS;
    assert_eq!(
        fr::to_hex(&parameters.round_constants(0)[0]),
        "2e827c42545887ff44c8e94bc429a6b9fba992c691596d3e97216a720f7b48ac"
    );
    let row: Vec<String> = parameters.mds_matrix_row(0).iter().map(fr::to_hex).collect();
    assert_eq!(
        row,
        [
            "2bec9c48301bdaaad9c72a3d8c4d363ac8be8189ccea49a4c0bd8c37d1c6b3e3",
            "1f069c8a0ff22a1e62469e5f812fe7aca34de4c88515d84c9a1af9e21f5121a8",
            "0d5365c702a1d156ecb069c1a5b6f3fefa94d552d01f19e0cea4ba91e4537c0b",
        ]
    );
}

#[test]
fn hashes_of_elements_match_the_reference() {
    let cases = vectors()["rescue_hash_elements"].as_array().unwrap();
    let inputs: Vec<Vec<Fr>> = cases.iter().map(|case| elements(&case["in"])).collect();
    let outputs: Vec<Fr> = cases.iter().map(|case| element(&case["out"])).collect();
    assert_eq!(hash_batch(&inputs), outputs);
    assert_eq!(inputs.iter().map(|input| hash_elements(input)).collect::<Vec<_>>(), outputs);
}

#[test]
fn hashes_of_bits_match_the_reference() {
    for case in vectors()["rescue_hash_bits"].as_array().unwrap() {
        assert_eq!(hash_bits(&bit_string(&case["bits"])), element(&case["out"]));
    }
    for case in vectors()["account_leaves"].as_array().unwrap() {
        assert_eq!(hash_bits(&bit_string(&case["leaf_bits_le"])), element(&case["leaf_hash"]));
    }
}

#[test]
fn compressions_match_the_reference() {
    let cases = vectors()["rescue_compress"].as_array().unwrap();
    let pairs: Vec<[Fr; 2]> = cases.iter().map(|case| [element(&case["l"]), element(&case["r"])]).collect();
    let outputs: Vec<Fr> = cases.iter().map(|case| element(&case["out"])).collect();
    assert_eq!(compress_batch(&pairs), outputs);
    assert_eq!(pairs.iter().map(|[l, r]| compress(l, r)).collect::<Vec<_>>(), outputs);
}

#[test]
fn default_hashes_match_the_reference() {
    for tree in ["balance_tree_default_hashes_leaf_to_root", "account_tree_default_hashes_leaf_to_root"] {
        let hashes = elements(&vectors()[tree]);
        assert_eq!(hashes.len(), 33);
        for pair in hashes.windows(2) {
            assert_eq!(compress(&pair[0], &pair[0]), pair[1]);
        }
    }
}

#[test]
fn documented_hashes_match() {
    let inputs = [
        "27014c0bd27dddc8514b53831287e0ba02b26875bdcb34f0d4699681f487cf7b",
        "238ba289e8783d31585aa75bba8ddc2269c0c2d8c45d0769943b16f009ff5510",
        "069fd7f225dd46f03e4e0059d187419eb51b5ab5a33368e4ac05e62353dda0c3",
    ]
    .map(hex_element);
    let outputs = [
        "14fe2ec68f4ec50f147bf418e3c8a579ba8042d84eec1507deb166c88570701f",
        "244931e00dccfbed3581b7ef5e96cfe09fc0081d4b85db6da392d466c0c56971",
        "05d41ea18856af3ab9b5aaf941f0e3ae2919bc9784d66277b0dce68537134ed7",
    ];
    for (n, output) in outputs.into_iter().enumerate() {
        assert_eq!(fr::to_hex(&hash_elements(&inputs[..=n])), output);
    }
    // A tree of three levels over the leaves 2 to 9, each as 16 bits.
    let mut level: Vec<Fr> = (2..10u64)
        .map(|value| {
            let bits: Vec<bool> = (0..16).map(|i| value >> i & 1 == 1).collect();
            hash_bits(&bits)
        })
        .collect();
    while level.len() > 1 {
        let pairs: Vec<[Fr; 2]> = level.chunks(2).map(|pair| [pair[0], pair[1]]).collect();
        level = compress_batch(&pairs);
    }
    assert_eq!(fr::to_hex(&level[0]), "1ed2242a760f91b8c3215f7fcce49f77362021a054c94d421b3859691e19e0af");
}

#[test]
fn batches_of_mixed_lengths_keep_their_order() {
    let inputs: Vec<Vec<Fr>> =
        (0..40u64).map(|i| (0..=i * 7 % 11).map(|j| fr::from_u64(i + j)).collect()).collect();
    let alone: Vec<Fr> = inputs.iter().map(|input| hash_elements(input)).collect();
    assert_eq!(hash_batch(&inputs), alone);
    assert!(hash_batch::<[Fr; 2]>(&[]).is_empty());
    assert!(compress_batch(&[]).is_empty());
}

#[test]
#[should_panic(expected = "1 to 255")]
fn hash_of_an_empty_input_panics() {
    hash_elements(&[]);
}

#[test]
#[should_panic(expected = "1 to 255")]
fn hash_of_more_than_255_elements_panics() {
    hash_batch(&[vec![Fr::one(); 256]]);
}

struct Random(Dice);

impl Random {
    fn new(seed: u64) -> Self {
        Self(Dice::new(seed))
    }

    /// Returns a field element. Some limbs of its Montgomery form are all zeros or all ones, to
    /// provoke carries.
    fn element(&mut self) -> Fr {
        let limbs = std::array::from_fn(|_| match self.0.below(16) {
            0 => 0,
            1 => u64::MAX,
            _ => self.0.roll(),
        });
        montgomery::fr_from_montgomery(limbs)
    }

    fn state(&mut self) -> State {
        std::array::from_fn(|_| self.element())
    }
}

/// Returns every state of cells at the limits of the field, of its limbs or of the Montgomery form.
fn edge_states() -> Vec<State> {
    let mut cells = vec![fr::from_u64(0), fr::from_u64(1), fr::from_u64(u64::MAX), fr::from_u128(u128::MAX)];
    for raw in [[1, 0, 0, 0], [u64::MAX; 4], [u64::MAX, u64::MAX, u64::MAX, 0x3064_4e72_e131_a028]] {
        cells.push(montgomery::fr_from_montgomery(raw));
    }
    for cell in cells.clone() {
        let mut negated = cell;
        negated.negate();
        cells.push(negated);
    }
    let n = cells.len();
    (0..n * n * n).map(|i| [cells[i % n], cells[i / n % n], cells[i / n / n]]).collect()
}

/// Compares every engine that this processor can run with franklin-crypto.
fn assert_engines_agree(states: &[State]) {
    let mut expected = states.to_vec();
    expected.par_iter_mut().for_each(franklin::permute);
    let mut permuted = states.to_vec();
    portable::permute_batch(&mut permuted);
    assert!(permuted == expected, "portable without BMI2");
    for engine in [Engine::Portable, Engine::Fma, Engine::Ifma] {
        let mut permuted = states.to_vec();
        match permute_batch_by(engine, &mut permuted) {
            Ok(()) => assert!(permuted == expected, "{engine}"),
            Err(error) => {
                assert_eq!(error, EngineUnavailable(engine));
                assert!(permuted == states);
            }
        }
    }
}

#[test]
fn engines_agree_on_edge_states() {
    assert_engines_agree(&edge_states());
}

#[test]
fn engines_agree_on_random_states() {
    let mut random = Random::new(1);
    assert_engines_agree(&(0..2_500).map(|_| random.state()).collect::<Vec<_>>());
}

#[test]
#[ignore = "long: minutes"]
fn engines_agree_on_a_million_states() {
    (0..1000).into_par_iter().for_each(|batch| {
        let mut random = Random::new(1000 + batch);
        assert_engines_agree(&(0..1000).map(|_| random.state()).collect::<Vec<_>>());
    });
}

#[test]
fn engines_agree_on_batches_of_any_size() {
    let mut random = Random::new(3);
    for size in 0..26 {
        assert_engines_agree(&(0..size).map(|_| random.state()).collect::<Vec<_>>());
    }
}

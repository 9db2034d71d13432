//! True proofs verify and false ones do not; keys are read or refused. The circuits are real and
//! small.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::sync::LazyLock;
use std::time::Instant;

use franklin_crypto::bellman::pairing::ff::Field;
use proptest::prelude::*;

use super::*;
use crate::crypto::{Fr, fr};
use crate::domain::{
    AggregatedProof, AggregatedProofParts, G1Point, ProofError, SingleProof, sample_aggregated_proof,
    sample_single_proof,
};
use crate::testing::plonk::{AggregateProver, BlockProver, altered};

static PROVERS: LazyLock<[BlockProver; 2]> = LazyLock::new(|| [1, 2].map(BlockProver::new));
static AGGREGATOR: LazyLock<AggregateProver> = LazyLock::new(AggregateProver::default);

fn keys() -> [BlockKey; 2] {
    [PROVERS[0].key(), PROVERS[1].key()]
}

#[test]
fn a_true_block_proof_verifies_against_its_own_key_only() {
    let input = fr::from_u64(77);
    let proof = PROVERS[0].prove(&input);
    assert_eq!(proof.public_inputs().unwrap(), [input]);
    assert_eq!(keys()[0].verify(&proof), Ok(()));
    assert_eq!(keys()[1].verify(&proof), Err(NotVerified::False));
    assert_eq!(keys()[0].verify(&sample_single_proof(&input, 1)), Err(NotVerified::False));
}

#[test]
fn a_block_proof_with_any_item_altered_is_false() {
    let proof = PROVERS[0].prove(&fr::from_u64(77));
    let key = &keys()[0];
    let altered = altered(&proof);
    // Each of 11 points is replaced by another and by infinity, each of 12 elements by the next,
    // and the size twice.
    assert!((2 * 11 + 12..=2 * 11 + 12 + 2).contains(&altered.len()), "{}", altered.len());
    for (item, proof) in altered {
        assert_eq!(key.verify(&proof), Err(NotVerified::False), "{item}");
    }
    let cut = SingleProof(proof.0[..1143].to_vec());
    assert!(matches!(key.verify(&cut), Err(NotVerified::Malformed(_))));
}

#[test]
fn a_true_aggregate_verifies_against_its_own_keys_only() {
    let proofs = [(0, PROVERS[0].prove(&fr::from_u64(77))), (1, PROVERS[1].prove(&fr::from_u64(78)))];
    let proof = AGGREGATOR.prove(&*PROVERS, &proofs);
    let key = AggregationKey::read(&AGGREGATOR.key_bytes()).unwrap();
    let [first, second] = keys();
    let tree = KeyTree::new([&first, &second]).unwrap();
    assert_eq!(key.verify(&tree, &proof), Ok(()));
    let swapped = KeyTree::new([&second, &first]).unwrap();
    assert_eq!(key.verify(&swapped, &proof), Err(NotVerified::OtherInput));
    let alone = KeyTree::new([&first]).unwrap();
    assert_eq!(key.verify(&alone, &proof), Err(NotVerified::UnknownKey { index: 1, keys: 1 }));
}

#[test]
fn an_aggregate_with_any_item_altered_is_refused() {
    let proofs = [(0, PROVERS[0].prove(&fr::from_u64(77))), (1, PROVERS[1].prove(&fr::from_u64(78)))];
    let proof = AGGREGATOR.prove(&*PROVERS, &proofs);
    let key = AggregationKey::read(&AGGREGATOR.key_bytes()).unwrap();
    let tree = KeyTree::new(&keys()).unwrap();
    let with = |change: &dyn Fn(&mut AggregatedProof)| {
        let mut proof = proof.clone();
        change(&mut proof);
        key.verify(&tree, &proof)
    };
    let next = |element: &mut Fr| element.add_assign(&Fr::one());
    assert_eq!(with(&|proof| next(&mut proof.individual_vk_inputs[1])), Err(NotVerified::OtherInput));
    assert_eq!(with(&|proof| proof.individual_vk_inputs.swap(0, 1)), Err(NotVerified::OtherInput));
    assert_eq!(with(&|proof| proof.individual_vk_idxs[1] = 0), Err(NotVerified::OtherInput));
    for index in [2, 257, usize::MAX] {
        let unknown = Err(NotVerified::UnknownKey { index, keys: 2 });
        assert_eq!(with(&|proof| proof.individual_vk_idxs[0] = index), unknown);
    }
    for limb in 0..16 {
        assert_eq!(with(&|proof| next(&mut proof.aggr_limbs[limb])), Err(NotVerified::OtherInput));
    }

    let parts = proof.parse().unwrap();
    let with = |change: &dyn Fn(&mut AggregatedProofParts)| {
        let mut parts = parts.clone();
        change(&mut parts);
        key.verify(&tree, &AggregatedProof { proof: parts.to_bytes(), ..proof.clone() })
    };
    assert_eq!(with(&|_| ()), Ok(()));
    assert_eq!(with(&|parts| next(&mut parts.inputs[0])), Err(NotVerified::OtherInput));
    let points: [fn(&mut AggregatedProofParts) -> &mut G1Point; 5] = [
        |parts| &mut parts.state_polys_commitments[3],
        |parts| &mut parts.copy_permutation_grand_product_commitment,
        |parts| &mut parts.quotient_poly_parts_commitments[0],
        |parts| &mut parts.opening_proof_at_z,
        |parts| &mut parts.opening_proof_at_z_omega,
    ];
    for point in points {
        assert_eq!(with(&|parts| *point(parts) = G1Point::default()), Err(NotVerified::False));
    }
    let elements: [fn(&mut AggregatedProofParts) -> &mut Fr; 7] = [
        |parts| &mut parts.state_polys_openings_at_z[0],
        |parts| &mut parts.state_polys_openings_at_dilations[0].2,
        |parts| &mut parts.gate_selectors_openings_at_z[0].1,
        |parts| &mut parts.copy_permutation_polys_openings_at_z[0],
        |parts| &mut parts.copy_permutation_grand_product_opening_at_z_omega,
        |parts| &mut parts.quotient_poly_opening_at_z,
        |parts| &mut parts.linearization_poly_opening_at_z,
    ];
    for element in elements {
        assert_eq!(with(&|parts| next(element(parts))), Err(NotVerified::False));
    }
    let indices: [fn(&mut AggregatedProofParts) -> &mut u64; 3] = [
        |parts| &mut parts.state_polys_openings_at_dilations[0].0,
        |parts| &mut parts.state_polys_openings_at_dilations[0].1,
        |parts| &mut parts.gate_selectors_openings_at_z[0].0,
    ];
    for index in indices {
        assert_eq!(with(&|parts| *index(parts) = u64::MAX), Err(NotVerified::False));
    }
    assert!(matches!(with(&|parts| parts.inputs.clear()), Err(NotVerified::Malformed(_))));
}

#[test]
fn an_aggregate_of_a_false_block_proof_is_false_even_if_its_own_proof_holds() {
    use franklin_crypto::bellman::pairing::{CurveAffine, bn256::G1Affine};
    let proofs = [(0, sample_single_proof(&fr::from_u64(77), 1))];
    let key = AggregationKey::read(&AGGREGATOR.key_bytes()).unwrap();
    let tree = KeyTree::new(&keys()).unwrap();
    let one = G1Affine::one();
    let unpaired = AGGREGATOR.prove_pairs(&*PROVERS, &proofs, &[[one, one]]);
    assert_eq!(key.verify(&tree, &unpaired), Err(NotVerified::FalseBlockProof));
    // With points at infinity the pairing would be one.
    let nothing = AGGREGATOR.prove_pairs(&*PROVERS, &proofs, &[[G1Affine::zero(); 2]]);
    assert_eq!(key.verify(&tree, &nothing), Err(NotVerified::BadLimbs));
    let sample = sample_aggregated_proof(&[fr::from_u64(77)], 1);
    assert_eq!(key.verify(&tree, &sample), Err(NotVerified::OtherInput));
}

#[test]
fn a_tree_holds_one_to_eight_keys_and_repeats_the_last() {
    let [first, second] = keys();
    assert_eq!(KeyTree::new([]), None);
    assert_eq!(KeyTree::new([&first; 9]), None);
    let root = |keys: &[&BlockKey]| KeyTree::new(keys.iter().copied()).unwrap().root();
    assert_eq!(root(&[&first]), root(&[&first; 8]));
    assert_eq!(root(&[&first, &second]), root(&[&first, &second, &second]));
    assert_ne!(root(&[&first, &second]), root(&[&second, &first]));
}

#[test]
fn a_key_is_read_whole_or_refused() {
    let (block, aggregation) = (PROVERS[0].key_bytes(), AGGREGATOR.key_bytes());
    assert_eq!((block.len(), aggregation.len()), (1104, 1280));
    for length in 0..block.len() {
        assert!(BlockKey::read(&block[..length]).is_err(), "{length}");
    }
    for length in 0..aggregation.len() {
        assert!(AggregationKey::read(&aggregation[..length]).is_err(), "{length}");
    }
    let trailing = Some(KeyError::Bytes(ProofError::TrailingBytes(1)));
    assert_eq!(BlockKey::read(&[&block[..], &[0]].concat()).err(), trailing);
    assert_eq!(AggregationKey::read(&[&aggregation[..], &[0]].concat()).err(), trailing);
    assert!(BlockKey::read(&aggregation).is_err() && AggregationKey::read(&block).is_err());
}

/// Reads the key with the bytes from `at` on overwritten.
fn block_key_with(at: usize, bytes: &[u8]) -> Option<KeyError> {
    let mut key = PROVERS[0].key_bytes();
    key[at..at + bytes.len()].copy_from_slice(bytes);
    BlockKey::read(&key).err()
}

#[test]
fn the_fault_of_a_key_is_named() {
    let domain = |n: u64| (block_key_with(0, &n.to_be_bytes()), Some(KeyError::Domain(n)));
    for n in [0, 2, 8, (1 << 29) - 1, u64::MAX >> 1, u64::MAX] {
        let (refused, expected) = domain(n);
        assert_eq!(refused, expected);
    }
    for n in [7, (1 << 28) - 1] {
        assert_eq!(domain(n).0, None);
    }
    assert_eq!(
        block_key_with(8, &2u64.to_be_bytes()),
        Some(KeyError::OtherCircuit { item: "num_inputs", expected: 1, actual: 2 })
    );
    let count = u64::MAX;
    let item = "selector_commitments";
    assert_eq!(
        block_key_with(16, &count.to_be_bytes()),
        Some(KeyError::Bytes(ProofError::CountBeyondEnd { item, count }))
    );
    assert_eq!(block_key_with(24, &[0; 64]), Some(KeyError::Bytes(ProofError::NotOnCurve { item })));
    // The first non-residue follows the numbers and three vectors.
    let non_residues = 16 + 392 + 72 + 264 + 8;
    assert_eq!(block_key_with(non_residues, &fr::to_bytes(&fr::from_u64(4))), Some(KeyError::NonResidues));
    let infinity = [&[0x40][..], &[0; 127]].concat();
    for at in [1104 - 256, 1104 - 128] {
        assert_eq!(
            block_key_with(at, &infinity),
            Some(KeyError::Bytes(ProofError::NotOnCurve { item: "g2_elements" }))
        );
    }
    let mut key = AGGREGATOR.key_bytes();
    key[16 + 7] = 3;
    assert_eq!(
        AggregationKey::read(&key).err(),
        Some(KeyError::OtherCircuit { item: "state_width", expected: 4, actual: 3 })
    );
}

#[test]
fn a_flipped_byte_of_a_key_is_refused_or_changes_the_domain() {
    let (block, aggregation) = (PROVERS[0].key_bytes(), AGGREGATOR.key_bytes());
    for at in 0..block.len() {
        for flip in [1, 0x80] {
            let mut key = block.clone();
            key[at] ^= flip;
            assert!(BlockKey::read(&key).is_err() || at < 8, "{at} {flip}");
        }
    }
    for at in 0..aggregation.len() {
        let mut key = aggregation.clone();
        key[at] ^= 1 << (at % 8);
        assert!(AggregationKey::read(&key).is_err() || at < 8, "{at}");
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_not_a_key(bytes in proptest::collection::vec(any::<u8>(), 0..1500)) {
        prop_assert!(BlockKey::read(&bytes).is_err());
        prop_assert!(AggregationKey::read(&bytes).is_err());
    }
}

/// Precomputed proofs of the reference: single proofs, each with the size of its block in chunks,
/// and an aggregate.
#[derive(serde::Deserialize)]
struct PrecomputedProofs {
    single_proofs: Vec<(SingleProof, usize)>,
    aggregated_proof: AggregatedProof,
}

/// Reads `keys/packed/verify-keys-contracts-*.tar.gz` of the reference's repository, unpacked.
#[test]
#[ignore = "keys: the reference's own, in the folder VERIFICATION_KEYS"]
fn the_references_own_proofs_verify_against_its_own_keys() {
    let folder = std::env::var("VERIFICATION_KEYS").expect("VERIFICATION_KEYS names a folder");
    let folder = Path::new(&folder);
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let block_key =
        |chunks: usize| BlockKey::read(&read(&format!("verification_block_{chunks}.key"))).unwrap();
    let keys = [26, 78, 182, 390].map(block_key);
    let tree = KeyTree::new(&keys).unwrap();
    let contract = String::from_utf8(read("KeysWithPlonkVerifier.sol")).unwrap();
    let root = format!("VK_TREE_ROOT = 0x{};", fr::to_hex(&tree.root()));
    assert!(contract.contains(&root), "the contract does not contain {root}");

    let proofs: PrecomputedProofs = serde_json::from_slice(&read("precomputed_proofs.json")).unwrap();
    for (proof, chunks) in &proofs.single_proofs {
        let key = block_key(*chunks);
        let start = Instant::now();
        assert_eq!(key.verify(proof), Ok(()));
        println!("a block proof verified in {:?}", start.elapsed());
    }
    let (proof, chunks) = &proofs.single_proofs[0];
    for (item, proof) in altered(proof) {
        assert_eq!(block_key(*chunks).verify(&proof), Err(NotVerified::False), "{item}");
    }
    let aggregated = &proofs.aggregated_proof;
    let number = aggregated.individual_vk_inputs.len();
    let key = AggregationKey::read(&read(&format!("recursive_{number}.key"))).unwrap();
    let start = Instant::now();
    assert_eq!(key.verify(&tree, aggregated), Ok(()));
    println!("an aggregate of {number} verified in {:?}", start.elapsed());
}

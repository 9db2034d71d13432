//! Damaged proofs are refused with the right reason and without a panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::crypto::fr;
use crate::domain::U256;
use proptest::prelude::*;

fn single() -> SingleProof {
    sample_single_proof(&fr::from_u64(5), 9)
}

fn aggregated() -> AggregatedProof {
    sample_aggregated_proof(&[fr::from_u64(5)], 9)
}

/// Validates the proof with the bytes from `at` on overwritten.
fn patched(at: usize, bytes: &[u8]) -> Result<SingleProofParts, ProofError> {
    let mut proof = single();
    proof.0[at..at + bytes.len()].copy_from_slice(bytes);
    proof.validate()
}

#[test]
fn a_proof_that_is_read_and_written_has_the_same_bytes() {
    assert_eq!(SingleProof::from(&single().parse().unwrap()), single());
    assert_eq!(aggregated().parse().unwrap().to_bytes(), aggregated().proof);
}

#[test]
fn the_damaged_item_is_named() {
    assert_eq!(patched(16, &[0xff; 32]), Err(ProofError::NotInField { item: "inputs" }));
    assert_eq!(patched(56, &[0; 64]), Err(ProofError::NotOnCurve { item: "wire_commitments" }));
    let count = u64::MAX;
    assert_eq!(patched(8, &count.to_be_bytes()), Err(ProofError::CountBeyondEnd { item: "inputs", count }));
    assert_eq!(
        patched(8, &36u64.to_be_bytes()),
        Err(ProofError::CountBeyondEnd { item: "inputs", count: 36 })
    );
    let mut longer = single();
    longer.0.push(0);
    assert_eq!(longer.parse(), Err(ProofError::TrailingBytes(1)));
    let mut parts = single().parse().unwrap();
    parts.inputs.push(fr::from_u64(1));
    let two_inputs = SingleProof::from(&parts);
    assert_eq!(two_inputs.public_inputs().unwrap().len(), 2);
    assert_eq!(two_inputs.validate(), Err(ProofError::WrongCount { item: "inputs", expected: 1, actual: 2 }));
    let mut flagged = aggregated();
    // The first flag follows n, inputs, state and witness commitments, and the grand product.
    flagged.proof[8 + 40 + 264 + 8 + 64 + 7] = 2;
    assert_eq!(flagged.parse(), Err(ProofError::BadFlag { item: "lookup_s_poly_commitment", flag: 2 }));
    let mut unpaired = aggregated();
    unpaired.individual_vk_idxs.clear();
    assert_eq!(
        unpaired.validate(),
        Err(ProofError::WrongCount { item: "individual_vk_idxs", expected: 1, actual: 0 })
    );
}

#[test]
fn a_leading_key_index_is_only_accepted_without_keys() {
    let with = |indices: &[usize]| {
        let proof = AggregatedProof { individual_vk_idxs: indices.to_vec(), ..aggregated() };
        (proof.validate().is_ok(), proof.validate_without_keys().is_ok())
    };
    assert_eq!(with(&[0]), (true, true));
    assert_eq!(with(&[0, 3]), (false, true));
    for indices in [&[][..], &[1, 0], &[0, 0, 0]] {
        assert_eq!(with(indices), (false, false), "{indices:?}");
    }
}

#[test]
fn every_truncation_is_refused() {
    for length in 0..single().0.len() {
        assert!(SingleProof(single().0[..length].to_vec()).parse().is_err(), "{length}");
    }
    let whole = aggregated();
    for length in 0..whole.proof.len() {
        let cut = AggregatedProof { proof: whole.proof[..length].to_vec(), ..whole.clone() };
        assert!(cut.parse().is_err(), "{length}");
    }
}

#[test]
fn the_empty_aggregated_proof_parses_but_does_not_validate() {
    let bytes = AggregatedProofParts::default().to_bytes();
    assert_eq!(bytes.len(), 448);
    let empty = AggregatedProof {
        proof: bytes,
        individual_vk_inputs: vec![],
        individual_vk_idxs: vec![],
        aggr_limbs: vec![],
    };
    assert_eq!(empty.parse(), Ok(AggregatedProofParts::default()));
    assert!(empty.validate().is_err());
    assert_eq!(empty.encode().unwrap().aggregated_input, U256::default());
}

#[test]
fn json_is_padded_base64() {
    assert_eq!(serde_json::to_string(&SingleProof(vec![1])).unwrap(), r#""AQ==""#);
    assert_eq!(serde_json::from_str::<SingleProof>(r#""AQ==""#).unwrap(), SingleProof(vec![1]));
    for bad in [r#""AQ""#, r#""A-Q=""#, "null", "[1]"] {
        assert!(serde_json::from_str::<SingleProof>(bad).is_err(), "{bad}");
    }
    let text = serde_json::to_string(&aggregated()).unwrap();
    assert_eq!(serde_json::from_str::<AggregatedProof>(&text).unwrap(), aggregated());
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_parsed_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let _ = SingleProof(bytes.clone()).validate();
        let _ = AggregatedProof { proof: bytes, ..aggregated() }.validate();
    }

    #[test]
    fn flipped_bytes_are_parsed_or_refused(at in 0usize..1144, value: u8) {
        let mut proof = single();
        proof.0[at] = value;
        let parsed = proof.parse();
        if let Ok(parts) = parsed {
            prop_assert_eq!(SingleProof::from(&parts), proof);
        }
        let mut proof = aggregated();
        proof.proof[at] = value;
        if let Ok(parts) = proof.parse() {
            prop_assert_eq!(parts.to_bytes(), proof.proof);
        }
    }
}

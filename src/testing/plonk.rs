//! PLONK circuits of the smallest size, with keys and proofs.
//!
//! They have the form of the reference's circuits (columns, gates, number of public inputs,
//! transcripts), so that their keys and proofs are read and verified in the same way. Their
//! statements are meaningless, and the secret of their setup is 42.

use franklin_crypto::bellman::kate_commitment::{Crs, CrsForMonomialForm};
use franklin_crypto::bellman::pairing::bn256::{Bn256, G1, G1Affine, G1Uncompressed};
use franklin_crypto::bellman::pairing::ff::Field;
use franklin_crypto::bellman::pairing::{CurveAffine, CurveProjective, EncodedPoint};
use franklin_crypto::bellman::plonk::better_better_cs::cs as custom;
use franklin_crypto::bellman::plonk::better_better_cs::cs::{Gate, GateInternal};
use franklin_crypto::bellman::plonk::better_better_cs::setup as custom_setup;
use franklin_crypto::bellman::plonk::better_cs::cs::{
    Circuit, ConstraintSystem, PlonkCsWidth4WithNextStepParams,
};
use franklin_crypto::bellman::plonk::better_cs::generator::GeneratorAssembly;
use franklin_crypto::bellman::plonk::better_cs::keys::{Proof, SetupPolynomials, VerificationKey};
use franklin_crypto::bellman::plonk::better_cs::verifier::verify_and_aggregate;
use franklin_crypto::bellman::plonk::commitments::transcript::keccak_transcript::RollingKeccakTranscript;
use franklin_crypto::bellman::plonk::prove_native_by_steps;
use franklin_crypto::bellman::worker::Worker;
use franklin_crypto::bellman::{SynthesisError, pairing::ff::PrimeField};
use franklin_crypto::plonk::circuit::Width4WithCustomGates;
use franklin_crypto::plonk::circuit::allocated_num::AllocatedNum;
use franklin_crypto::plonk::circuit::bigint::create_range_constraint_chain;
use franklin_crypto::plonk::circuit::bigint::range_constraint_gate::TwoBitDecompositionRangecheckCustomGate;
use num_bigint::BigUint;
use sha2::{Digest, Sha256};

use crate::crypto::{Fr, fr};
use crate::domain::proof::verification::{BlockKey, KeyTree, RescueTranscript};
use crate::domain::{AggregatedProof, G1Point, SingleProof, SingleProofParts};

type Params = PlonkCsWidth4WithNextStepParams;

fn crs(rows: usize) -> Crs<Bn256, CrsForMonomialForm> {
    Crs::<Bn256, CrsForMonomialForm>::crs_42((rows + 1).next_power_of_two(), &Worker::new())
}

/// "I know `x` and `rest` such that `x` squared `times` times, plus `x`, plus `rest`, is the
/// input."
struct Squares {
    times: usize,
    input: Fr,
    x: Fr,
}

impl Circuit<Bn256, Params> for Squares {
    fn synthesize<CS: ConstraintSystem<Bn256, Params>>(&self, cs: &mut CS) -> Result<(), SynthesisError> {
        let (zero, one) = (Fr::zero(), Fr::one());
        let mut minus_one = one;
        minus_one.negate();
        let input = cs.alloc_input(|| Ok(self.input))?;
        let dummy = cs.get_dummy_variable();
        let mut value = self.x;
        let x = cs.alloc(|| Ok(value))?;
        let mut variable = x;
        for _ in 0..self.times {
            value.square();
            let square = cs.alloc(|| Ok(value))?;
            cs.new_gate(
                [variable, variable, dummy, square],
                [zero, zero, zero, minus_one, one, zero],
                [zero],
            )?;
            variable = square;
        }
        let mut rest = self.input;
        rest.sub_assign(&value);
        rest.sub_assign(&self.x);
        let rest = cs.alloc(|| Ok(rest))?;
        cs.new_gate([variable, rest, x, input], [one, one, one, minus_one, zero, zero], [zero])
    }
}

/// A prover of blocks with one public input and the Rescue transcript.
pub struct BlockProver {
    times: usize,
    setup: SetupPolynomials<Bn256, Params>,
    crs: Crs<Bn256, CrsForMonomialForm>,
    key: VerificationKey<Bn256, Params>,
}

impl BlockProver {
    /// Returns a prover; those of different `times`, from 1 on, have different circuits.
    pub fn new(times: usize) -> Self {
        let mut assembly = GeneratorAssembly::<Bn256, Params>::new();
        Squares { times, input: Fr::one(), x: Fr::one() }.synthesize(&mut assembly).unwrap();
        assembly.finalize();
        let setup = assembly.setup(&Worker::new()).unwrap();
        let crs = crs(setup.n);
        let key = VerificationKey::from_setup(&setup, &Worker::new(), &crs).unwrap();
        Self { times, setup, crs, key }
    }

    /// Returns the verification key in the format of a file.
    pub fn key_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.key.write(&mut bytes).unwrap();
        bytes
    }

    /// Returns the verification key.
    pub fn key(&self) -> BlockKey {
        BlockKey::read(&self.key_bytes()).unwrap()
    }

    /// Returns a valid proof with the given public input.
    pub fn prove(&self, input: &Fr) -> SingleProof {
        let circuit = Squares { times: self.times, input: *input, x: fr::from_u64(3) };
        let proof =
            prove_native_by_steps::<Bn256, _, RescueTranscript>(&circuit, &self.setup, None, &self.crs, None);
        let mut bytes = Vec::new();
        proof.unwrap().write(&mut bytes).unwrap();
        SingleProof(bytes)
    }

    /// Returns the points that the verifier of a proof pairs with the generator and with the secret
    /// of the setup.
    fn pairs(&self, proof: &SingleProof) -> [G1Affine; 2] {
        let proof = Proof::<Bn256, Params>::read(&proof.0[..]).unwrap();
        let (valid, pairs) =
            verify_and_aggregate::<Bn256, Params, RescueTranscript>(&proof, &self.key, None).unwrap();
        assert!(valid);
        pairs
    }
}

/// Returns copies of the proof, each with another item replaced by a different one of its kind:
/// well-formed but invalid.
pub fn altered(proof: &SingleProof) -> Vec<(String, SingleProof)> {
    let parts = proof.validate().unwrap();
    let mut all = Vec::new();
    let mut with = |name: String, change: &dyn Fn(&mut SingleProofParts)| {
        let mut parts = parts.clone();
        change(&mut parts);
        let altered = SingleProof::from(&parts);
        // In a small circuit a polynomial may be zero, and its commitment at infinity.
        if altered != *proof {
            all.push((name, altered));
        }
    };
    let next = |element: &mut Fr| element.add_assign(&Fr::one());
    let points: [(&str, usize, PointOf); 5] = [
        ("wire_commitments", 4, |parts, i| &mut parts.wire_commitments[i]),
        ("grand_product_commitment", 1, |parts, _| &mut parts.grand_product_commitment),
        ("quotient_poly_commitments", 4, |parts, i| &mut parts.quotient_poly_commitments[i]),
        ("opening_at_z_proof", 1, |parts, _| &mut parts.opening_at_z_proof),
        ("opening_at_z_omega_proof", 1, |parts, _| &mut parts.opening_at_z_omega_proof),
    ];
    for (name, count, of) in points {
        for i in 0..count {
            with(format!("{name} {i}"), &|parts| *of(parts, i) = G1Affine::one().into());
            with(format!("{name} {i} at infinity"), &|parts| *of(parts, i) = G1Affine::zero().into());
        }
    }
    let elements: [(&str, usize, ElementOf); 7] = [
        ("inputs", 1, |parts, i| &mut parts.inputs[i]),
        ("wire_values_at_z", 4, |parts, i| &mut parts.wire_values_at_z[i]),
        ("wire_values_at_z_omega", 1, |parts, i| &mut parts.wire_values_at_z_omega[i]),
        ("grand_product_at_z_omega", 1, |parts, _| &mut parts.grand_product_at_z_omega),
        ("quotient_polynomial_at_z", 1, |parts, _| &mut parts.quotient_polynomial_at_z),
        ("linearization_polynomial_at_z", 1, |parts, _| &mut parts.linearization_polynomial_at_z),
        ("permutation_polynomials_at_z", 3, |parts, i| &mut parts.permutation_polynomials_at_z[i]),
    ];
    for (name, count, of) in elements {
        for i in 0..count {
            with(format!("{name} {i}"), &|parts| next(of(parts, i)));
        }
    }
    with("n".to_owned(), &|parts| parts.n = 2 * parts.n + 1);
    with("n".to_owned(), &|parts| parts.n = u64::MAX);
    all
}

type PointOf = fn(&mut SingleProofParts, usize) -> &mut G1Point;
type ElementOf = fn(&mut SingleProofParts, usize) -> &mut Fr;

/// "I know the input", and that 40000 has at most 18 bits.
struct Anything {
    input: Fr,
}

impl custom::Circuit<Bn256> for Anything {
    type MainGate = custom::Width4MainGateWithDNext;

    fn synthesize<CS: custom::ConstraintSystem<Bn256>>(&self, cs: &mut CS) -> Result<(), SynthesisError> {
        let small = AllocatedNum::alloc(cs, || Ok(fr::from_u64(40_000)))?;
        create_range_constraint_chain(cs, &small, 18)?;
        AllocatedNum::alloc(cs, || Ok(self.input))?.inputize(cs)
    }

    fn declare_used_gates() -> Result<Vec<Box<dyn GateInternal<Bn256>>>, SynthesisError> {
        Ok(vec![
            custom::Width4MainGateWithDNext.into_internal(),
            TwoBitDecompositionRangecheckCustomGate.into_internal(),
        ])
    }
}

/// A prover of aggregates with one public input, both gates and the Keccak transcript.
pub struct AggregateProver {
    setup: custom_setup::Setup<Bn256, Anything>,
    crs: Crs<Bn256, CrsForMonomialForm>,
    key: custom_setup::VerificationKey<Bn256, Anything>,
}

impl Default for AggregateProver {
    fn default() -> Self {
        use custom::Circuit as _;
        let mut assembly =
            custom::SetupAssembly::<Bn256, Width4WithCustomGates, custom::Width4MainGateWithDNext>::new();
        Anything { input: Fr::one() }.synthesize(&mut assembly).unwrap();
        assembly.finalize();
        let setup = assembly.create_setup(&Worker::new()).unwrap();
        let crs = crs(setup.n);
        let key = custom_setup::VerificationKey::from_setup(&setup, &Worker::new(), &crs).unwrap();
        Self { setup, crs, key }
    }
}

impl AggregateProver {
    /// Returns the verification key in the format of a file.
    pub fn key_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.key.write(&mut bytes).unwrap();
        bytes
    }

    /// Returns a valid aggregate of valid proofs, each by the prover of the given index.
    pub fn prove(&self, provers: &[BlockProver], proofs: &[(usize, SingleProof)]) -> AggregatedProof {
        let pairs: Vec<_> = proofs.iter().map(|(index, proof)| provers[*index].pairs(proof)).collect();
        self.prove_pairs(provers, proofs, &pairs)
    }

    /// Returns an aggregate like [`Self::prove`] from the points that the verifiers of the block
    /// proofs pair.
    pub fn prove_pairs(
        &self,
        provers: &[BlockProver],
        proofs: &[(usize, SingleProof)],
        pairs: &[[G1Affine; 2]],
    ) -> AggregatedProof {
        let keys: Vec<BlockKey> = provers.iter().map(BlockProver::key).collect();
        let root = KeyTree::new(&keys).unwrap().root();
        let inputs: Vec<Fr> = proofs.iter().flat_map(|(_, proof)| proof.public_inputs().unwrap()).collect();
        let mut sums = [G1::zero(); 2];
        for (power, pair) in pairs.iter().enumerate() {
            for (sum, point) in sums.iter_mut().zip(pair) {
                // In the reference the factor is a challenge.
                sum.add_assign(&point.mul(fr::from_u64(1 << power)));
            }
        }
        let limbs: Vec<Fr> = sums.iter().flat_map(|sum| limbs(&sum.into_affine())).collect();

        let mut hash = Sha256::new().chain_update(fr::to_bytes(&root));
        proofs.iter().for_each(|(index, _)| hash.update([*index as u8]));
        inputs.iter().chain(&limbs).for_each(|element| hash.update(fr::to_bytes(element)));
        let mut hash: [u8; 32] = hash.finalize().into();
        hash[0] = 0;
        AggregatedProof {
            proof: self.prove_input(&fr::from_bytes(&hash).unwrap()),
            individual_vk_inputs: inputs,
            individual_vk_idxs: proofs.iter().map(|(index, _)| *index).collect(),
            aggr_limbs: limbs,
        }
    }

    fn prove_input(&self, input: &Fr) -> Vec<u8> {
        use custom::Circuit as _;
        let mut assembly =
            custom::ProvingAssembly::<Bn256, Width4WithCustomGates, custom::Width4MainGateWithDNext>::new();
        Anything { input: *input }.synthesize(&mut assembly).unwrap();
        assembly.finalize();
        let proof = assembly.create_proof::<Anything, RollingKeccakTranscript<Fr>>(
            &Worker::new(),
            &self.setup,
            &self.crs,
            None,
        );
        let mut bytes = Vec::new();
        proof.unwrap().write(&mut bytes).unwrap();
        bytes
    }
}

/// Returns both coordinates in limbs of 68 bits, lowest first.
fn limbs(point: &G1Affine) -> Vec<Fr> {
    let bytes = G1Uncompressed::from_affine(*point);
    let limb = |number: BigUint| Fr::from_str(&number.to_string()).unwrap();
    let mask = (BigUint::from(1u8) << 68) - 1u8;
    let coordinates = bytes.as_ref().chunks(32).map(BigUint::from_bytes_be);
    coordinates
        .flat_map(|number| (0..4).map(move |i| number.clone() >> (68 * i)))
        .map(|n| limb(n & &mask))
        .collect()
}

//! Proofs: their JSON, their bytes, their form in contract calls (spec 02 §9, §10).
//!
//! Whether a proof is true is for [`verification`] to say; everything else here is about structure.

mod aggregated;
mod codec;
mod encoded;
mod point;
mod precomputed;
mod sample;
mod single;
pub mod verification;

pub use aggregated::{AggregatedProof, AggregatedProofParts};
pub use codec::ProofError;
pub use encoded::{EncodedAggregatedProof, EncodedSingleProof};
pub use point::G1Point;
pub use precomputed::PrecomputedSampleProofs;
pub use sample::{sample_aggregated_proof, sample_single_proof};
pub use single::{SingleProof, SingleProofParts};

use super::U256;
use crate::crypto::{Fr, fr};

/// Field elements as words of a contract call.
fn words(elements: &[Fr]) -> Vec<U256> {
    elements.iter().map(|element| U256(fr::to_bytes(element))).collect()
}

/// Points as words of a contract call: x and y of each.
fn words_of_points(points: &[G1Point]) -> Vec<U256> {
    points.iter().flat_map(|point| point.coordinates()).collect()
}

/// For `#[serde(with = "…")]`: bytes as standard base64 with padding.
mod base64_bytes {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        STANDARD.decode(String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// For `#[serde(with = "…")]`: list of field elements.
mod fr_list {
    use crate::crypto::{Fr, fr};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Element(#[serde(with = "fr::serde_fr")] Fr);

    pub fn serialize<S: Serializer>(list: &[Fr], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(list.iter().copied().map(Element))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Fr>, D::Error> {
        Ok(Vec::<Element>::deserialize(deserializer)?.into_iter().map(|element| element.0).collect())
    }
}

#[cfg(test)]
mod tests;

//! Messages between server and provers (spec 02 §12, 06 §5).

use super::{AggregatedProof, BlockNumber, SingleProof};
use serde::de::{self, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use std::fmt;

/// A prover asks for a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProverInputRequest {
    /// Name under which the prover works.
    pub prover_name: String,
    /// What it would like to get; the key is required, its content is not.
    pub aux_data: ProverInputRequestAuxData,
}

/// Wishes of a prover; they choose among jobs of equal standing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProverInputRequestAuxData {
    /// Whether aggregated jobs are preferred.
    pub prefer_aggregated_proof: Option<bool>,
    /// Preferred block size, in chunks.
    pub preferred_block_size: Option<usize>,
}

/// The job a prover gets.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProverInputResponse {
    /// Id of the job; 0 without a job.
    pub job_id: i32,
    /// First block of the job.
    pub first_block: BlockNumber,
    /// Last block of the job.
    pub last_block: BlockNumber,
    /// What is to be proven; `None` without a job.
    pub data: Option<JobRequestData>,
}

impl ProverInputResponse {
    /// The answer when there is no job.
    pub fn no_job() -> Self {
        Self { job_id: 0, first_block: BlockNumber(0), last_block: BlockNumber(0), data: None }
    }
}

/// What is to be proven.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum JobRequestData {
    /// A block: its `ProverData` as unparsed JSON, and the number of its operations.
    BlockProof(Box<RawValue>, usize),
    /// The single proofs of a range of blocks, each with its block's size in chunks.
    AggregatedBlockProof(Vec<(SingleProof, usize)>),
}

/// A prover hands in its proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProverOutputRequest {
    /// Id of the job.
    pub job_id: i32,
    /// First block of the job.
    pub first_block: BlockNumber,
    /// Last block of the job.
    pub last_block: BlockNumber,
    /// The proof.
    pub data: JobResultData,
}

/// A proof, by the kind of its job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum JobResultData {
    /// Of a block.
    BlockProof(SingleProof),
    /// Of a range of blocks.
    AggregatedBlockProof(AggregatedProof),
}

/// Heartbeat of a prover.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkingOn {
    /// Name of the prover.
    pub prover_name: String,
    /// Job it is working on.
    pub job_id: i32,
}

/// A prover stops. Read from either form in use: a bare JSON string or an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProverStopped {
    /// Name of the prover.
    pub prover_name: String,
}

impl<'de> Deserialize<'de> for ProverStopped {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NameVisitor).map(|prover_name| Self { prover_name })
    }
}

/// Takes either form as it is read: an untagged enum would lose line and column of an error.
struct NameVisitor;

impl<'de> Visitor<'de> for NameVisitor {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a prover's name, or an object with prover_name")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<String, E> {
        Ok(name.to_owned())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<String, A::Error> {
        #[derive(Deserialize)]
        struct Object {
            prover_name: String,
        }
        let object = Object::deserialize(MapAccessDeserializer::new(map))?;
        Ok(object.prover_name)
    }
}

/// An autoscaler asks how many provers are needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequiredReplicasInput {
    /// Provers now.
    pub current_count: u32,
}

/// How many provers are needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequiredReplicasOutput {
    /// Provers needed.
    pub needed_count: u32,
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::domain::tests::round_trip;

    #[test]
    fn messages_are_those_of_the_reference() {
        round_trip::<ProverInputRequest>(
            r#"{"prover_name":"prover-1","aux_data":{"prefer_aggregated_proof":true,"preferred_block_size":72}}"#,
        );
        let text = r#"{"job_id":0,"first_block":0,"last_block":0,"data":null}"#;
        round_trip::<ProverInputResponse>(text);
        assert_eq!(serde_json::to_string(&ProverInputResponse::no_job()).unwrap(), text);
        let job = round_trip::<ProverInputResponse>(
            r#"{"job_id":1,"first_block":2,"last_block":2,"data":{"BlockProof":[{"b":1,"a":[ 2]},10]}}"#,
        );
        assert!(matches!(job.data, Some(JobRequestData::BlockProof(_, 10))));
        round_trip::<ProverOutputRequest>(
            r#"{"job_id":1,"first_block":2,"last_block":2,"data":{"BlockProof":"AAEC"}}"#,
        );
        round_trip::<ProverOutputRequest>(
            r#"{"job_id":1,"first_block":2,"last_block":3,"data":{"AggregatedBlockProof":{"proof":"AAEC","individual_vk_inputs":[],"individual_vk_idxs":[1],"aggr_limbs":[]}}}"#,
        );
        round_trip::<WorkingOn>(r#"{"prover_name":"prover-1","job_id":1}"#);
        round_trip::<RequiredReplicasInput>(r#"{"current_count":0}"#);
        round_trip::<RequiredReplicasOutput>(r#"{"needed_count":1}"#);
    }

    #[test]
    fn wishes_may_be_empty_but_not_missing() {
        let empty = r#"{"prover_name":"p","aux_data":{}}"#;
        let request: ProverInputRequest = serde_json::from_str(empty).unwrap();
        assert_eq!(request.aux_data, ProverInputRequestAuxData::default());
        for bad in [r#"{"prover_name":"p"}"#, r#"{"prover_name":"p","aux_data":null}"#] {
            assert!(serde_json::from_str::<ProverInputRequest>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn stop_has_two_forms() {
        for text in [r#""prover-1""#, r#"{"prover_name":"prover-1"}"#] {
            let stopped: ProverStopped = serde_json::from_str(text).unwrap();
            assert_eq!(stopped.prover_name, "prover-1");
        }
        assert!(serde_json::from_str::<ProverStopped>("1").is_err());
    }
}

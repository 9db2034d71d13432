//! Messages between server and provers (docs/protocol/02-types-json.md §12,
//! docs/protocol/06-server.md §5).

use crate::domain::ids::BlockNumber;
use crate::domain::proof::{AggregatedProof, SingleProof};
use serde::de::{self, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use std::fmt;

/// A prover's request for a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProverInputRequest {
    /// Name of the prover.
    pub prover_name: String,
    /// Preferences; the key is required, its fields are optional.
    pub aux_data: ProverInputRequestAuxData,
}

/// Preferences of a prover; they select among jobs of equal priority.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProverInputRequestAuxData {
    /// True if aggregated jobs are preferred.
    pub prefer_aggregated_proof: Option<bool>,
    /// Preferred block size, in chunks.
    pub preferred_block_size: Option<usize>,
}

/// The answer to a request for a job.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProverInputResponse {
    /// Id of the job; 0 if no job is available.
    pub job_id: i32,
    /// First block of the job.
    pub first_block: BlockNumber,
    /// Last block of the job.
    pub last_block: BlockNumber,
    /// Input of the proof; `None` if no job is available.
    pub data: Option<JobRequestData>,
}

impl ProverInputResponse {
    /// Returns the answer if no job is available.
    pub(crate) fn no_job() -> Self {
        Self { job_id: 0, first_block: BlockNumber(0), last_block: BlockNumber(0), data: None }
    }
}

/// Input of a proof.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum JobRequestData {
    /// The `ProverData` of a block as unparsed JSON, and the number of its operations.
    BlockProof(Box<RawValue>, usize),
    /// The single proofs of a range of blocks, each with the size of its block in chunks.
    AggregatedBlockProof(Vec<(SingleProof, usize)>),
}

/// A proof published by a prover.
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

/// A proof of either kind of job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum JobResultData {
    /// The proof of a block.
    BlockProof(SingleProof),
    /// The proof of a range of blocks.
    AggregatedBlockProof(AggregatedProof),
}

/// A heartbeat of a prover.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkingOn {
    /// Name of the prover.
    pub prover_name: String,
    /// Id of the job in progress.
    pub job_id: i32,
}

/// A notice that a prover stops. Two forms are in use and both are read: a JSON string and an
/// object.
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

/// Reads either form directly: an untagged enum would lose line and column of an error.
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

/// An autoscaler's request for the number of needed provers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequiredReplicasInput {
    /// Current number of provers.
    pub current_count: u32,
}

/// The answer to an autoscaler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequiredReplicasOutput {
    /// Number of needed provers.
    pub needed_count: u32,
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::domain::tests::round_trip;

    #[test]
    fn messages_equal_the_reference() {
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
    fn preferences_may_be_empty_but_not_missing() {
        let empty = r#"{"prover_name":"p","aux_data":{}}"#;
        let request: ProverInputRequest = serde_json::from_str(empty).unwrap();
        assert_eq!(request.aux_data, ProverInputRequestAuxData::default());
        for bad in [r#"{"prover_name":"p"}"#, r#"{"prover_name":"p","aux_data":null}"#] {
            assert!(serde_json::from_str::<ProverInputRequest>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_stop_notice_has_two_forms() {
        for text in [r#""prover-1""#, r#"{"prover_name":"prover-1"}"#] {
            let stopped: ProverStopped = serde_json::from_str(text).unwrap();
            assert_eq!(stopped.prover_name, "prover-1");
        }
        assert!(serde_json::from_str::<ProverStopped>("1").is_err());
    }
}

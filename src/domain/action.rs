//! Actions from before aggregated operations (spec 02 §8).

use super::EncodedSingleProof;
use serde::{Deserialize, Serialize};

/// What was sent to Ethereum for one block; JSON is tagged by `type`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum Action {
    /// Its public data.
    Commit,
    /// Its proof.
    Verify {
        /// The proof.
        proof: Box<EncodedSingleProof>,
    },
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::domain::tests::round_trip;

    #[test]
    fn json_is_tagged() {
        assert_eq!(round_trip::<Action>(r#"{"type":"Commit"}"#), Action::Commit);
        let verify =
            round_trip::<Action>(r#"{"type":"Verify","proof":{"inputs":["0x5"],"proof":["0x0","0x1f"]}}"#);
        let Action::Verify { proof } = verify else { panic!() };
        assert_eq!((proof.inputs.len(), proof.proof.len()), (1, 2));
        for bad in [r#"{"type":"Verify"}"#, r#"{"type":"commit"}"#, r#"{}"#, r#""Commit""#] {
            assert!(serde_json::from_str::<Action>(bad).is_err(), "{bad}");
        }
    }
}

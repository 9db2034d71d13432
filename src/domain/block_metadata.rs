//! What is known of a block besides its content (spec 02 §6).

use serde::{Deserialize, Serialize};

/// What is known of a block besides its content.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockMetadata {
    /// Whether a fast withdrawal asks for the block to be processed without delay.
    pub fast_processing: bool,
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::domain::tests::round_trip;

    #[test]
    fn metadata_is_one_flag() {
        for flag in [true, false] {
            let metadata = round_trip::<BlockMetadata>(&format!(r#"{{"fast_processing":{flag}}}"#));
            assert_eq!(metadata.fast_processing, flag);
        }
        assert!(serde_json::from_str::<BlockMetadata>("{}").is_err());
    }
}

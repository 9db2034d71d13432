//! Kinds of payouts (spec 02 §8).

use serde::{Deserialize, Serialize};

/// What made funds leave the rollup; JSON is the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum WithdrawalType {
    /// A transaction of the owner.
    Withdrawal,
    /// A request of the owner on Ethereum.
    FullExit,
    /// A transaction of somebody else.
    ForcedExit,
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::domain::tests::round_trip;

    #[test]
    fn json_is_the_name() {
        assert_eq!(round_trip::<WithdrawalType>(r#""Withdrawal""#), WithdrawalType::Withdrawal);
        assert_eq!(round_trip::<WithdrawalType>(r#""FullExit""#), WithdrawalType::FullExit);
        assert_eq!(round_trip::<WithdrawalType>(r#""ForcedExit""#), WithdrawalType::ForcedExit);
        for bad in [r#""Withdraw""#, r#""full_exit""#, "0", "null"] {
            assert!(serde_json::from_str::<WithdrawalType>(bad).is_err(), "{bad}");
        }
    }
}

//! Fees: a fixed price for each chunk (docs/protocol/08-devnet-api.md §6).

use serde::{Deserialize, Serialize};

use super::tokens::Token;
use crate::crypto::packed_float::pack_fee;

/// A kind of transaction, as requests for fees name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)] // the kinds of transactions
pub(crate) enum FeeType {
    Transfer,
    /// A transfer to an address without an account.
    TransferToNew,
    Withdraw,
    FastWithdraw,
    ForcedExit,
    MintNFT,
    WithdrawNFT,
    FastWithdrawNFT,
    Swap,
    ChangePubKey(ChangePubKeyFee),
}

/// The authorisation of a ChangePubKey; the fee does not depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum ChangePubKeyFee {
    /// By name.
    Kind(ChangePubKeyKind),
    /// The older form.
    #[serde(rename_all = "camelCase")]
    Flag {
        /// True if it is authorised on layer 1.
        onchain_pubkey_auth: bool,
    },
}

/// A kind of authorisation of a ChangePubKey.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, clippy::upper_case_acronyms)] // the names of the protocol
pub(crate) enum ChangePubKeyKind {
    Onchain,
    ECDSA,
    CREATE2,
    EIP712,
}

impl FeeType {
    /// Returns the number of chunks of the operation.
    pub(crate) fn chunks(self) -> u128 {
        match self {
            Self::Transfer => 2,
            Self::MintNFT | Self::Swap => 5,
            Self::TransferToNew
            | Self::Withdraw
            | Self::FastWithdraw
            | Self::ForcedExit
            | Self::ChangePubKey(_) => 6,
            Self::WithdrawNFT | Self::FastWithdrawNFT => 10,
        }
    }

    /// Returns the kind for a recipient with or without an account, as answers show it.
    pub(crate) fn resolved(self, recipient_exists: bool) -> Self {
        match self {
            Self::Transfer if !recipient_exists => Self::TransferToNew,
            Self::ForcedExit => Self::Withdraw,
            other => other,
        }
    }
}

/// A fee in the smallest unit of its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fee {
    /// The kind that was priced: `TransferToNew` for a transfer to a new account, `Withdraw` for a
    /// forced exit. `None` for a batch.
    pub fee_type: Option<FeeType>,
    /// The whole fee, packable. The gas fee is always 0, and the proof fee is the whole fee.
    pub total: u128,
}

impl Fee {
    /// Returns the fee of these chunks.
    pub(crate) fn of(token: &Token, chunks: u128, fee_type: Option<FeeType>) -> Self {
        Self { fee_type, total: packable(token.fee_per_chunk.saturating_mul(chunks)) }
    }
}

/// Returns the packable fee that is closest below.
fn packable(fee: u128) -> u128 {
    // A fee above the largest packable one is configured by mistake; no client could pay more.
    let packed = pack_fee(fee).unwrap_or([0xff; 2]);
    let float = u16::from_be_bytes(packed);
    u128::from(float >> 5).saturating_mul(10u128.saturating_pow(u32::from(float & 31)))
}

/// Returns true if an offered fee is enough for a required one: up to a twentieth may be missing.
pub(crate) fn is_enough(offered: u128, required: u128) -> bool {
    required.saturating_mul(20) <= offered.saturating_mul(21)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::devnet::tokens::Tokens;
    use crate::domain::TokenId;

    #[test]
    fn default_fees_are_packable_multiples() {
        for token in Tokens::default().all() {
            for chunks in [2, 5, 6, 10, 400] {
                let fee = Fee::of(token, chunks, None);
                assert_eq!(fee.total, chunks * token.fee_per_chunk, "{}", token.symbol);
            }
        }
        let eth = Tokens::default().by_id(TokenId(0)).unwrap().clone();
        assert_eq!(Fee::of(&eth, 2, None).total, 2_000_000_000_000);
    }

    #[test]
    fn other_fees_are_rounded_down_to_packable_ones() {
        assert_eq!([0, 2047, 2048, 20_479, 123_456].map(packable), [0, 2047, 2047, 20_470, 123_400]);
        assert_eq!(packable(u128::MAX), 2047 * 10u128.pow(31));
    }

    #[test]
    fn a_twentieth_may_be_missing() {
        assert!(is_enough(0, 0) && is_enough(100, 105) && is_enough(u128::MAX, u128::MAX));
        assert!(!is_enough(100, 106) && !is_enough(0, 1));
    }

    #[test]
    fn types_are_read_in_every_form_and_written_as_they_were_read() {
        for text in [
            r#""Transfer""#,
            r#""FastWithdrawNFT""#,
            r#"{"ChangePubKey":"Onchain"}"#,
            r#"{"ChangePubKey":"ECDSA"}"#,
            r#"{"ChangePubKey":{"onchainPubkeyAuth":true}}"#,
        ] {
            let kind: FeeType = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&kind).unwrap(), text);
        }
        assert!(serde_json::from_str::<FeeType>(r#""Close""#).is_err());
        assert_eq!(FeeType::Transfer.resolved(false), FeeType::TransferToNew);
        assert_eq!(FeeType::ForcedExit.resolved(true), FeeType::Withdraw);
    }
}

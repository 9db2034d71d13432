//! Quoted fees.

use serde::Serialize;
use utoipa::ToSchema;

use crate::devnet::fees::{Fee, FeeType};

/// A fee in JSON-RPC.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::devnet) struct RpcFee {
    fee_type: Option<FeeType>,
    gas_tx_amount: &'static str,
    gas_price_wei: &'static str,
    gas_fee: &'static str,
    zkp_fee: String,
    total_fee: String,
}

impl From<&Fee> for RpcFee {
    fn from(fee: &Fee) -> Self {
        Self {
            fee_type: fee.fee_type,
            gas_tx_amount: "0",
            gas_price_wei: "0",
            gas_fee: "0",
            zkp_fee: fee.total.to_string(),
            total_fee: fee.total.to_string(),
        }
    }
}

/// A fee in the smallest unit of its token, as decimal strings.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Fee)]
pub(in crate::devnet) struct RestFee {
    /// The part for gas; a devnet has none.
    gas_fee: &'static str,
    /// The part for the proof.
    zkp_fee: String,
    /// The fee to pay, which is packable.
    total_fee: String,
}

impl From<&Fee> for RestFee {
    fn from(fee: &Fee) -> Self {
        Self { gas_fee: "0", zkp_fee: fee.total.to_string(), total_fee: fee.total.to_string() }
    }
}

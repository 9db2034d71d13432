//! Stand-in for `crypto::packed_float`.
#![allow(missing_docs)]

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Input integer is too big for packing. Actual: {0}")]
pub struct PackError(u128);

fn pack(value: u128, mantissa_bits: u32) -> Result<u64, PackError> {
    let max = (1u128 << mantissa_bits) - 1;
    let (mut e, mut limit) = (0u32, max);
    while value > limit {
        limit = limit.checked_mul(10).unwrap_or(u128::MAX);
        e += 1;
        if e > 31 {
            return Err(PackError(value));
        }
    }
    if e == 0 {
        return Ok((value as u64) << 5);
    }
    let a = value / 10u128.pow(e);
    let b = max * 10u128.pow(e - 1);
    let (m, e) = if value % 10u128.pow(e) < value - b { (a, e) } else { (max, e - 1) };
    Ok((m as u64) << 5 | u64::from(e))
}
pub fn pack_amount(value: u128) -> Result<[u8; 5], PackError> {
    let b = pack(value, 35)?.to_be_bytes();
    Ok([b[3], b[4], b[5], b[6], b[7]])
}
pub fn pack_fee(value: u128) -> Result<[u8; 2], PackError> {
    let b = pack(value, 11)?.to_be_bytes();
    Ok([b[6], b[7]])
}
fn unpack(bytes: &[u8]) -> Option<u128> {
    let v = bytes.iter().fold(0u128, |a, b| a << 8 | u128::from(*b));
    10u128.checked_pow((v & 31) as u32)?.checked_mul(v >> 5)
}
pub fn unpack_amount(bytes: &[u8]) -> Option<u128> {
    (bytes.len() == 5).then(|| unpack(bytes))?
}
pub fn unpack_fee(bytes: &[u8]) -> Option<u128> {
    (bytes.len() == 2).then(|| unpack(bytes))?
}

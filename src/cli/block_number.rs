//! The number of a block on the command line.

/// Parses the number of a block; 0 is the genesis.
///
/// # Errors
/// Describes what is expected.
pub(crate) fn block_number(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| "expected the number of a block, such as 7".to_owned())
}

/// Parses the number of a block, from 1 on.
///
/// # Errors
/// Describes what is expected.
pub(crate) fn block_after_genesis(text: &str) -> Result<u32, String> {
    match block_number(text)? {
        0 => Err("expected the number of a block, from 1 on".to_owned()),
        number => Ok(number),
    }
}

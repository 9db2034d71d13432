//! Every key of every table. Integers are big-endian, so that the order of the keys is the order of the numbers.

/// Parameters of the folder, heads and counters.
pub(super) mod meta {
    /// Format and tree depths.
    pub const PARAMETERS: &[u8] = b"parameters";
    /// The genesis record; absent before genesis.
    pub const GENESIS: &[u8] = b"genesis";
    /// Present while genesis is being loaded.
    pub const GENESIS_LOADING: &[u8] = b"genesis_loading";
    /// The last imported block.
    pub const HEAD: &[u8] = b"head";
    /// The last block whose account changes are in `accounts`.
    pub const ACCOUNTS_APPLIED: &[u8] = b"accounts_applied";
    /// The last block whose tree change is recorded.
    pub const TREE_HEAD: &[u8] = b"tree_head";
    /// The last block whose tree change is in `account_tree`.
    pub const TREE_APPLIED: &[u8] = b"tree_applied";
    /// Present while a revert is under way: the block it goes to.
    pub const REVERT_TO: &[u8] = b"revert_to";
    /// The id of the next job.
    pub const NEXT_JOB: &[u8] = b"next_job";
    /// Jobs by status.
    pub const JOB_COUNTS: &[u8] = b"job_counts";
    /// The number of the next rejected proof.
    pub const NEXT_REJECTED: &[u8] = b"next_rejected";
}

/// Block number, account id, job id: four bytes.
pub(super) fn number(n: u32) -> [u8; 4] {
    n.to_be_bytes()
}

/// Body file id: eight bytes.
pub(super) fn body(id: u64) -> [u8; 8] {
    id.to_be_bytes()
}

/// A balance: account id, token id. It follows the account's own four-byte key.
pub(super) fn balance(account: u32, token: u32) -> [u8; 8] {
    pair(account, token)
}

/// A range of blocks: first, last.
pub(super) fn range(first: u32, last: u32) -> [u8; 8] {
    pair(first, last)
}

/// The last four bytes of a key.
pub(super) fn tail_number(key: &[u8]) -> Option<u32> {
    key.last_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes))
}

/// The first four bytes of a key.
pub(super) fn head_number(key: &[u8]) -> Option<u32> {
    key.first_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes))
}

fn pair(a: u32, b: u32) -> [u8; 8] {
    ((u64::from(a) << 32) | u64::from(b)).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_frozen() {
        assert_eq!(number(1), [0, 0, 0, 1]);
        assert_eq!(balance(0x0102_0304, 0x0506_0708), [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(tail_number(&range(3, 9)), Some(9));
        assert_eq!(head_number(&range(3, 9)), Some(3));
        assert_eq!(tail_number(&[1, 2, 3]), None);
    }
}

//! Every key of every table. Integers are big-endian, so that the order of the keys is the order of the numbers.

/// Parameters of the folder, heads and counters.
pub(crate) mod meta {
    /// Format and tree depths.
    pub const PARAMETERS: &[u8] = b"parameters";
    /// The genesis record; absent before genesis.
    pub const GENESIS: &[u8] = b"genesis";
    /// Present while genesis is being loaded.
    pub const GENESIS_LOADING: &[u8] = b"genesis_loading";
    /// Present with the one above: which genesis, and how far it is loaded.
    pub const GENESIS_PROGRESS: &[u8] = b"genesis_progress";
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
    /// Where the journal ended at the last transaction about an entry of it: segment and offset.
    pub const JOURNAL_END: &[u8] = b"journal_end";
    /// The number of the next rejected proof.
    pub const NEXT_REJECTED: &[u8] = b"next_rejected";
}

/// Table `job_index`: one letter for each index, then what it is ordered by, then the job's id.
pub(crate) mod index {
    use crate::domain::job::{JobStatus, JobType};

    /// Idle jobs of a type, by id.
    pub fn idle(job_type: JobType, id: u32) -> Vec<u8> {
        key(b'i', job_type.priority(), &[id])
    }

    /// Idle jobs of a type and block size, by id.
    pub fn idle_of_size(job_type: JobType, chunks: u32, id: u32) -> Vec<u8> {
        key(b'z', job_type.priority(), &[chunks, id])
    }

    /// Jobs that wait after a lease of theirs ended, by id.
    pub fn waiting(id: u32) -> Vec<u8> {
        key(b'w', 0, &[id])
    }

    /// The end of the jobs that wait.
    pub fn after_waiting() -> Vec<u8> {
        key(b'w', 1, &[])
    }

    /// Jobs of a status, by id.
    pub fn status(status: JobStatus, id: u32) -> Vec<u8> {
        key(b's', status as u8, &[id])
    }

    /// The end of the jobs of a status.
    pub fn after_status(status: JobStatus) -> Vec<u8> {
        key(b's', status as u8 + 1, &[])
    }

    /// Jobs of a type, by last block, then first.
    pub fn range(job_type: JobType, first: u32, last: u32, id: u32) -> Vec<u8> {
        key(b'r', job_type.priority(), &[last, first, id])
    }

    /// The start of the jobs of a type by last block.
    pub fn ranges(job_type: JobType) -> Vec<u8> {
        key(b'r', job_type.priority(), &[])
    }

    /// The start of the jobs of a type that end after a block.
    pub fn ranges_after(job_type: JobType, block: u32) -> Vec<u8> {
        key(b'r', job_type.priority(), &[block, u32::MAX, u32::MAX])
    }

    /// The end of the jobs of a type by last block.
    pub fn after_ranges(job_type: JobType) -> Vec<u8> {
        key(b'r', job_type.priority() + 1, &[])
    }

    /// The last block in a key of [`range`].
    pub fn range_last(key: &[u8]) -> Option<u32> {
        key.get(2..6)?.first_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes))
    }

    fn key(letter: u8, group: u8, numbers: &[u32]) -> Vec<u8> {
        let numbers = numbers.iter().flat_map(|n| n.to_be_bytes());
        [letter, group].into_iter().chain(numbers).collect()
    }
}

/// Aggregated operations of an action, by last block.
pub(crate) fn operation(action: u8, last: u32) -> [u8; 5] {
    let [a, b, c, d] = last.to_be_bytes();
    [action, a, b, c, d]
}

/// Block number, account id, job id: four bytes.
pub(crate) fn number(n: u32) -> [u8; 4] {
    n.to_be_bytes()
}

/// Body file id: eight bytes.
pub(crate) fn body(id: u64) -> [u8; 8] {
    id.to_be_bytes()
}

/// A balance: account id, token id. It follows the account's own four-byte key.
pub(crate) fn balance(account: u32, token: u32) -> [u8; 8] {
    pair(account, token)
}

/// An aggregated proof: the last block, then the first, so that a revert finds what it touches.
pub(crate) fn range(first: u32, last: u32) -> [u8; 8] {
    pair(last, first)
}

/// The last four bytes of a key.
pub(crate) fn tail_number(key: &[u8]) -> Option<u32> {
    key.last_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes))
}

/// The first four bytes of a key.
pub(crate) fn head_number(key: &[u8]) -> Option<u32> {
    key.first_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes))
}

fn pair(a: u32, b: u32) -> [u8; 8] {
    ((u64::from(a) << 32) | u64::from(b)).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::job::{JobStatus, JobType};

    #[test]
    fn keys_are_frozen() {
        assert_eq!(number(1), [0, 0, 0, 1]);
        assert_eq!(balance(0x0102_0304, 0x0506_0708), [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(tail_number(&range(3, 9)), Some(3));
        assert_eq!(head_number(&range(3, 9)), Some(9));
        assert_eq!(operation(3, 258), [3, 0, 0, 1, 2]);
        assert_eq!(hex::encode(index::idle(JobType::Single, 5)), "690100000005");
        assert_eq!(hex::encode(index::idle_of_size(JobType::Aggregated, 72, 5)), "7a000000004800000005");
        assert_eq!(hex::encode(index::waiting(5)), "770000000005");
        assert_eq!(hex::encode(index::status(JobStatus::Failed, 5)), "730300000005");
        let range = index::range(JobType::Single, 3, 9, 5);
        assert_eq!(hex::encode(&range), "7201000000090000000300000005");
        assert_eq!(index::range_last(&range), Some(9));
        assert!(
            index::ranges_after(JobType::Single, 8) < range
                && range < index::ranges_after(JobType::Single, 9)
        );
        assert_eq!(tail_number(&[1, 2, 3]), None);
    }
}

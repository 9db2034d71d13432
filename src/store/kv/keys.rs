//! The keys of all tables. Integers are big-endian, so that keys are ordered as their numbers.

/// Parameters of the folder, heads and counters.
pub(crate) mod meta {
    /// Format and tree depths.
    pub(crate) const PARAMETERS: &[u8] = b"parameters";
    /// The genesis record; absent before genesis.
    pub(crate) const GENESIS: &[u8] = b"genesis";
    /// Present while genesis is being loaded.
    pub(crate) const GENESIS_LOADING: &[u8] = b"genesis_loading";
    /// Present while genesis is being loaded: which genesis it is, and its progress.
    pub(crate) const GENESIS_PROGRESS: &[u8] = b"genesis_progress";
    /// Present if the folder has followed a node.
    pub(crate) const FOLLOWED: &[u8] = b"followed";
    /// The last imported block.
    pub(crate) const HEAD: &[u8] = b"head";
    /// The last block whose account changes are in `accounts`.
    pub(crate) const ACCOUNTS_APPLIED: &[u8] = b"accounts_applied";
    /// The last block whose change of the tree is recorded.
    pub(crate) const TREE_HEAD: &[u8] = b"tree_head";
    /// The last block whose change of the tree is in `account_tree`.
    pub(crate) const TREE_APPLIED: &[u8] = b"tree_applied";
    /// Present while a revert is in progress: the last block that stays.
    pub(crate) const REVERT_TO: &[u8] = b"revert_to";
    /// Present while a revert is in progress that takes the account tree back further: its last
    /// block.
    pub(crate) const REVERT_TREE_TO: &[u8] = b"revert_tree_to";
    /// The id of the next job.
    pub(crate) const NEXT_JOB: &[u8] = b"next_job";
    /// Number of jobs by status.
    pub(crate) const JOB_COUNTS: &[u8] = b"job_counts";
    /// Segment and offset at which the journal ended when the last journalled transaction was
    /// applied.
    pub(crate) const JOURNAL_END: &[u8] = b"journal_end";
    /// The number of the next rejected proof.
    pub(crate) const NEXT_REJECTED: &[u8] = b"next_rejected";
    /// The number of the next attempt that ends.
    pub(crate) const NEXT_ATTEMPT: &[u8] = b"next_attempt";
    /// Time since which claims are paused; absent if they are not.
    pub(crate) const PAUSED_AT: &[u8] = b"paused_at";
    /// Present while many jobs are requeued together: their ids.
    pub(crate) const REQUEUE: &[u8] = b"requeue";
}

/// Keys of `job_index`: the letter of an index, then the fields that order it, then the job's id.
pub(crate) mod index {
    use crate::domain::job::{JobStatus, JobType};

    /// Returns the key of an idle job in the index by type and first block.
    pub(crate) fn idle(job_type: JobType, first: u32, id: u32) -> Vec<u8> {
        key(b'f', job_type.priority(), &[first, id])
    }

    /// Returns the key of an idle job in the index by type, block size and first block.
    pub(crate) fn idle_of_size(job_type: JobType, chunks: u32, first: u32, id: u32) -> Vec<u8> {
        key(b'g', job_type.priority(), &[chunks, first, id])
    }

    /// Returns the key of an idle job in the index by the time since which it is idle, in
    /// milliseconds since 1970.
    pub(crate) fn idle_since(since_ms: u64, id: u32) -> Vec<u8> {
        let [a, b, c, d, e, f, g, h] = since_ms.to_be_bytes();
        key(b'a', 0, &[u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]), id])
    }

    /// Returns the bounds of the jobs in the index of [`idle_since`].
    pub(crate) fn all_idle() -> (Vec<u8>, Vec<u8>) {
        (key(b'a', 0, &[]), key(b'a', 1, &[]))
    }

    /// Returns the time in a key of [`idle_since`].
    pub(crate) fn since_ms(key: &[u8]) -> Option<u64> {
        key.get(2..)?.first_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes))
    }

    /// Returns the bounds of the indexes of idle jobs by id, which folders of earlier versions have.
    pub(crate) fn idle_by_id() -> [(Vec<u8>, Vec<u8>); 2] {
        [(key(b'i', 0, &[]), key(b'i', 2, &[])), (key(b'z', 0, &[]), key(b'z', 2, &[]))]
    }

    /// Returns the key of an idle job that is in backoff after its lease expired.
    pub(crate) fn waiting(id: u32) -> Vec<u8> {
        key(b'w', 0, &[id])
    }

    /// Returns the end of the jobs in backoff.
    pub(crate) fn after_waiting() -> Vec<u8> {
        key(b'w', 1, &[])
    }

    /// Returns the key of a job in the index by status.
    pub(crate) fn status(status: JobStatus, id: u32) -> Vec<u8> {
        key(b's', status as u8, &[id])
    }

    /// Returns the end of the jobs of a status.
    pub(crate) fn after_status(status: JobStatus) -> Vec<u8> {
        key(b's', status as u8 + 1, &[])
    }

    /// Returns the key of a job in the index by type, last block and first block.
    pub(crate) fn range(job_type: JobType, first: u32, last: u32, id: u32) -> Vec<u8> {
        key(b'r', job_type.priority(), &[last, first, id])
    }

    /// Returns the start of the jobs of a type in the index by last block.
    pub(crate) fn ranges(job_type: JobType) -> Vec<u8> {
        key(b'r', job_type.priority(), &[])
    }

    /// Returns the start of the jobs of a type that end after a block.
    pub(crate) fn ranges_after(job_type: JobType, block: u32) -> Vec<u8> {
        key(b'r', job_type.priority(), &[block, u32::MAX, u32::MAX])
    }

    /// Returns the end of the jobs of a type in the index by last block.
    pub(crate) fn after_ranges(job_type: JobType) -> Vec<u8> {
        key(b'r', job_type.priority() + 1, &[])
    }

    /// Returns the last block in a key of [`range`].
    pub(crate) fn range_last(key: &[u8]) -> Option<u32> {
        key.get(2..6)?.first_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes))
    }

    fn key(letter: u8, group: u8, numbers: &[u32]) -> Vec<u8> {
        let numbers = numbers.iter().flat_map(|n| n.to_be_bytes());
        [letter, group].into_iter().chain(numbers).collect()
    }
}

/// Keys of `attempts`: a letter, then the job of an attempt in progress or of refused proofs, the
/// number of an ended attempt, or both for the index by job.
pub(crate) mod attempts {
    /// Returns the key of the attempt in progress of a job.
    pub(crate) fn open(job: u32) -> [u8; 5] {
        let [a, b, c, d] = job.to_be_bytes();
        [b'o', a, b, c, d]
    }

    /// Returns the bounds of the attempts in progress.
    pub(crate) fn all_open() -> ([u8; 1], [u8; 1]) {
        ([b'o'], [b'o' + 1])
    }

    /// Returns the key of an ended attempt.
    pub(crate) fn ended(number: u64) -> [u8; 9] {
        let [a, b, c, d, e, f, g, h] = number.to_be_bytes();
        [b'e', a, b, c, d, e, f, g, h]
    }

    /// Returns the key of an ended attempt in the index by job.
    pub(crate) fn of_job(job: u32, number: u64) -> [u8; 13] {
        let mut key = [0; 13];
        key[0] = b'j';
        key[1..5].copy_from_slice(&job.to_be_bytes());
        key[5..].copy_from_slice(&number.to_be_bytes());
        key
    }

    /// Returns the key of the refused proofs of a job.
    pub(crate) fn refusals(job: u32) -> [u8; 5] {
        let [a, b, c, d] = job.to_be_bytes();
        [b'r', a, b, c, d]
    }

    /// Returns the bounds of the refused proofs.
    pub(crate) fn all_refusals() -> ([u8; 1], [u8; 1]) {
        ([b'r'], [b'r' + 1])
    }

    /// Returns the number in a key of [`ended`] or [`of_job`].
    pub(crate) fn number(key: &[u8]) -> Option<u64> {
        key.last_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes))
    }
}

/// Keys of `hand_back`: the type of a proof, then its last block, then its first, so that the proofs
/// of a type are ordered by their blocks.
pub(crate) mod hand_back {
    use crate::domain::job::JobType;

    /// Returns the key of a proof.
    pub(crate) fn proof(job_type: JobType, first: u32, last: u32) -> [u8; 9] {
        let [a, b, c, d] = last.to_be_bytes();
        let [e, f, g, h] = first.to_be_bytes();
        [job_type.priority(), a, b, c, d, e, f, g, h]
    }

    /// Returns the start of the proofs of a type that end at a block or later.
    pub(crate) fn from_block(job_type: JobType, block: u32) -> [u8; 5] {
        let [a, b, c, d] = block.to_be_bytes();
        [job_type.priority(), a, b, c, d]
    }

    /// Returns the end of the proofs of a type.
    pub(crate) fn end(job_type: JobType) -> [u8; 1] {
        [job_type.priority() + 1]
    }

    /// Returns the first and the last block in a key of [`proof`].
    pub(crate) fn range(key: &[u8]) -> Option<(u32, u32)> {
        let (last, first) = (super::head_number(key.get(1..)?)?, super::tail_number(key)?);
        (key.len() == 9).then_some((first, last))
    }
}

/// Returns the key of an aggregated operation: its action, then its last block.
pub(crate) fn operation(action: u8, last: u32) -> [u8; 5] {
    let [a, b, c, d] = last.to_be_bytes();
    [action, a, b, c, d]
}

/// Returns the key of a block, account, job or rejected proof: its number in four bytes.
pub(crate) fn number(n: u32) -> [u8; 4] {
    n.to_be_bytes()
}

/// Returns the key of a blob: the id of its file in eight bytes.
pub(crate) fn blob(id: u64) -> [u8; 8] {
    id.to_be_bytes()
}

/// Returns the key of a balance: account id, then token id. It follows the key of the account
/// itself.
pub(crate) fn balance(account: u32, token: u32) -> [u8; 8] {
    pair(account, token)
}

/// Returns the key of an aggregated proof: its last block, then its first, so that a revert removes
/// one range.
pub(crate) fn range(first: u32, last: u32) -> [u8; 8] {
    pair(last, first)
}

/// Returns the number in the last four bytes of a key.
pub(crate) fn tail_number(key: &[u8]) -> Option<u32> {
    key.last_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes))
}

/// Returns the number in the first four bytes of a key.
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
        assert_eq!(hex::encode(index::idle(JobType::Single, 3, 5)), "66010000000300000005");
        let sized = index::idle_of_size(JobType::Aggregated, 72, 3, 5);
        assert_eq!(hex::encode(sized), "6700000000480000000300000005");
        let since = index::idle_since(0x0102_0304_0506_0708, 5);
        assert_eq!(hex::encode(&since), "6100010203040506070800000005");
        assert_eq!(index::since_ms(&since), Some(0x0102_0304_0506_0708));
        let [by_id, sized] = index::idle_by_id();
        let old = |text: &str| hex::decode(text).unwrap();
        assert!((by_id.0..by_id.1).contains(&old("690100000005")));
        assert!((sized.0..sized.1).contains(&old("7a000000004800000005")));
        assert_eq!(hex::encode(attempts::open(5)), "6f00000005");
        assert_eq!(hex::encode(attempts::refusals(5)), "7200000005");
        assert_eq!(hex::encode(attempts::ended(258)), "650000000000000102");
        let indexed = attempts::of_job(5, 258);
        assert_eq!(hex::encode(indexed), "6a000000050000000000000102");
        assert_eq!(attempts::number(&indexed), Some(258));
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
        assert_eq!(hex::encode(hand_back::proof(JobType::Single, 3, 9)), "010000000900000003");
        let waiting = hand_back::proof(JobType::Aggregated, 3, 9);
        assert_eq!(hex::encode(waiting), "000000000900000003");
        assert_eq!(hand_back::range(&waiting), Some((3, 9)));
        assert_eq!(hand_back::range(&waiting[..8]), None);
        assert!(hand_back::from_block(JobType::Aggregated, 9)[..] < waiting[..]);
        assert!(hand_back::from_block(JobType::Aggregated, 10)[..] > waiting[..]);
        assert!(waiting[..] < hand_back::end(JobType::Aggregated)[..]);
    }
}

use std::collections::BTreeMap;

use super::*;
use crate::testing::{Memory, NaiveAccountTree};

const LEVEL: usize = 2;

fn account(id: u32, balances: &[(u32, u128)]) -> InitialAccount {
    let header = AccountHeader { nonce: id, pub_key_hash: [id as u8; 20], address: [7; 20] };
    InitialAccount { id, header, balances: balances.to_vec() }
}

/// Returns accounts in several parts, some of them alone in their part. One is the default leaf.
fn accounts() -> Vec<InitialAccount> {
    let set: &[&[(u32, u128)]] = &[&[(0, 5)], &[], &[(0, 5), (3, 9), (1 << 20, 1)], &[(2, 0)]];
    let ids = (0..11).chain([37, 38, 60, 61, 63, 1 << 10, (1 << 24) - 1]);
    let mut accounts: Vec<_> = ids.map(|id| account(id, set[id as usize % 4])).collect();
    accounts[5].header = AccountHeader::default();
    accounts[5].balances.clear();
    accounts
}

fn naive_root(accounts: &[InitialAccount]) -> Fr {
    let mut naive = NaiveAccountTree::default();
    for account in accounts {
        naive.set(account.id, 0, account.header, 0);
        for &(token, balance) in &account.balances {
            naive.set(account.id, token, account.header, balance);
        }
    }
    naive.root()
}

fn built(accounts: &[InitialAccount], level: usize, least: usize) -> (BTreeMap<Vec<u8>, Vec<u8>>, Fr) {
    let mut builder = TreeBuilder::with_part_level(level);
    let mut records = BTreeMap::new();
    builder.add_all(accounts, least, |part| records.extend(part)).unwrap();
    let finished = builder.finish();
    records.extend(finished.records);
    records.extend([finished.roots]);
    (records, finished.root)
}

#[test]
fn parts_of_any_size_give_the_same_tree() {
    let accounts = accounts();
    let expected = built(&accounts, 0, 1);
    assert_eq!(expected.1, naive_root(&accounts));
    for level in [LEVEL, PART_LEVEL, 24] {
        for least in [1, 3, 1000] {
            assert!(built(&accounts, level, least) == expected, "level {level}, {least} accounts");
        }
    }
    assert_eq!(built(&[], LEVEL, 1).1, EMPTY_ACCOUNT[32]);
}

#[test]
fn an_interrupted_build_resumes_from_its_records() {
    let accounts = accounts();
    let mut builder = TreeBuilder::with_part_level(LEVEL);
    let mut records = BTreeMap::new();
    let mut rest = accounts.as_slice();
    while !rest.is_empty() {
        let len = builder.whole_parts(rest.iter().map(|account| account.id), 3);
        let (parts, after) = rest.split_at(len);
        records.extend(builder.add(parts).unwrap());
        // A record of an unfinished part must not matter.
        let junk = record::account_key(builder.done());
        let value = records[&record::account_key(0)].clone();
        let stored = records.iter().map(|(key, value)| (key.clone(), value.clone())).chain([(junk, value)]);
        let memory = Memory::new(stored.collect());
        builder = TreeBuilder::with_part_level(LEVEL).resume(&memory, builder.done()).unwrap();
        rest = after;
    }
    let finished = builder.finish();
    records.extend(finished.records);
    records.extend([finished.roots]);
    assert!((records, finished.root) == built(&accounts, LEVEL, 3));
}

#[test]
fn equal_sets_of_balances_are_hashed_once_even_across_parts() {
    let accounts: Vec<_> = (0..40).map(|id| account(id, &[(0, u128::from(id % 3))])).collect();
    let mut builder = TreeBuilder::with_part_level(LEVEL);
    for part in accounts.chunks(4) {
        builder.add(part).unwrap();
    }
    assert_eq!(builder.hashed_sets(), 3);
    assert_eq!(builder.finish().root, naive_root(&accounts));
}

#[test]
fn remembered_balance_trees_are_bounded() {
    let mut remembered = Remembered::default();
    let tree = Arc::new(hash_sets(&[&vec![(0, 1), (1, 1)]]).remove(0));
    for balance in 0..REMEMBERED as u128 {
        remembered.insert(vec![(0, balance), (1, 1)], tree.clone());
        assert!(remembered.trees.len() * 4 == remembered.records && remembered.records <= REMEMBERED);
    }
    remembered.insert((0..REMEMBERED as u32).map(|token| (token, 1)).collect(), tree);
    assert_eq!((remembered.trees.len(), remembered.records), (0, 0));
}

#[test]
fn accounts_out_of_order_are_rejected() {
    let mut builder = TreeBuilder::with_part_level(LEVEL);
    builder.add(&[account(2, &[])]).unwrap();
    for id in [2, 3, 1 << 24] {
        assert!(
            matches!(builder.add(&[account(id, &[])]), Err(TreeError::Order { account }) if account == id)
        );
    }
    assert!(builder.add(&[account(9, &[]), account(8, &[])]).is_err());
}

#[test]
fn whole_parts_end_at_the_end_of_a_part() {
    let builder = TreeBuilder::with_part_level(LEVEL);
    let ids = [0, 1, 2, 3, 4, 9, 10, 12];
    let whole = |least| builder.whole_parts(ids, least);
    assert_eq!([whole(0), whole(1), whole(4), whole(5), whole(6), whole(8), whole(9)], [4, 4, 4, 5, 7, 8, 8]);
    assert_eq!(builder.whole_parts([], 5), 0);
}

//! Check of the stored account tree: its leaves against the expected accounts, its nodes against a
//! tree built from these leaves.

use std::collections::BTreeMap;

use super::expected_accounts::{AccountWithBalances, ExpectedAccounts};
use crate::crypto::fr;
use crate::store::{Finding, Store};
use crate::tree::build::{InitialAccount, Records, TreeBuilder};
use crate::tree::{AccountHeader, SourceError, TreeError, TreeId, TreeSource, record};

/// Number of leaves read at a time.
const PAGE: usize = 1_000;
/// Number of accounts hashed together, for each core: they fill its lanes.
const ACCOUNTS_PER_CORE: usize = 1024;

/// Compares the leaves with the expected accounts, every node with the one built from the leaves,
/// and the root with that of the block.
pub(super) fn check(
    store: &Store,
    expected: &ExpectedAccounts<'_>,
    root: [u8; 32],
    progress: &dyn Fn(u64, u64),
) -> Vec<Finding> {
    let source = store.tree().source();
    let total = expected.ids().len() as u64;
    let mut check = TreeCheck {
        source: &*source,
        expected,
        findings: Vec::new(),
        records: 0,
        leaves: 0,
        total,
        progress,
    };
    if let Err(error) = check.run(store, root) {
        // The unreadable records are among the findings of the store already.
        check.found("account tree", format!("it cannot be hashed: {error}"));
    }
    check.findings
}

struct TreeCheck<'a> {
    source: &'a dyn TreeSource,
    expected: &'a ExpectedAccounts<'a>,
    findings: Vec<Finding>,
    /// Number of records that belong to the leaves.
    records: u64,
    leaves: u64,
    total: u64,
    progress: &'a dyn Fn(u64, u64),
}

impl TreeCheck<'_> {
    fn run(&mut self, store: &Store, root: [u8; 32]) -> Result<(), TreeError> {
        let mut builder = TreeBuilder::default();
        let least = ACCOUNTS_PER_CORE * rayon::current_num_threads();
        let mut accounts: Vec<InitialAccount> = Vec::new();
        let (mut from, to) = record::leaf_range(TreeId::Accounts, 32, 0);
        loop {
            let page = self.source.range(&from, &to, PAGE)?;
            let end = page.is_empty();
            for (key, value) in page {
                accounts.push(self.account(record::leaf_index(&key)?, &value)?);
                from = [key.as_slice(), &[0]].concat();
            }
            while accounts.len() >= least || (end && !accounts.is_empty()) {
                let whole = builder.whole_parts(accounts.iter().map(|account| account.id), least);
                if whole == accounts.len() && !end {
                    break;
                }
                let rest = accounts.split_off(whole);
                let built = builder.add(&accounts)?;
                self.compare(built)?;
                accounts = rest;
                (self.progress)(self.leaves, self.total);
            }
            if end {
                break;
            }
        }
        let finished = builder.finish();
        self.compare(finished.records)?;
        self.compare(vec![finished.roots])?;
        if fr::to_bytes(&finished.root) != root {
            self.found(
                "account tree",
                "its leaves do not lead to the root of the last witnessed block".into(),
            );
        }
        let expected = self.expected_leaves();
        if self.leaves != expected {
            self.found(
                "account tree",
                format!("it has {} leaves, genesis and blocks lead to {expected}", self.leaves),
            );
        }
        if store.tree().count_records().is_ok_and(|stored| stored > self.records) {
            self.found("table `account_tree`", "it holds records that belong to no leaf".into());
        }
        Ok(())
    }

    /// Reads an account of the tree and compares it with the expected one.
    fn account(&mut self, id: u32, leaf: &[u8]) -> Result<InitialAccount, SourceError> {
        self.leaves += 1;
        let header = record::decode_account(leaf)?.header;
        let (from, to) = record::leaf_range(TreeId::Balances(id), 32, 0);
        let mut balances = Vec::new();
        for (key, value) in self.source.range(&from, &to, usize::MAX)? {
            balances.push((record::leaf_index(&key)?, record::decode_balance(&value)?));
        }
        let found: BTreeMap<u32, u128> = balances.iter().copied().collect();
        let same =
            |expected: AccountWithBalances| expected.balances == found && header_of(&expected) == header;
        // An account that cannot be parsed is a finding of the genesis.
        if !self.expected.account(id).map_or(true, same) {
            self.found(
                &format!("account {id} of the tree"),
                "it differs from the result of genesis and blocks".into(),
            );
        }
        Ok(InitialAccount { id, header, balances })
    }

    fn compare(&mut self, records: Records) -> Result<(), SourceError> {
        for (key, value) in records {
            self.records += 1;
            if self.source.get(&key)?.as_ref() != Some(&value) {
                let place = format!("table `account_tree`, key {}", hex::encode(&key));
                self.found(&place, "it differs from the hash of its children".into());
            }
        }
        Ok(())
    }

    fn expected_leaves(&self) -> u64 {
        let is_leaf = |id: &u32| {
            let account = self.expected.account(*id).unwrap_or_default();
            !account.balances.is_empty() || header_of(&account) != AccountHeader::default()
        };
        self.expected.ids().iter().filter(|id| is_leaf(id)).count() as u64
    }

    fn found(&mut self, place: &str, what: String) {
        self.findings.push(Finding::inconsistency(place, what));
    }
}

fn header_of(account: &AccountWithBalances) -> AccountHeader {
    account.state.as_ref().map(AccountHeader::from).unwrap_or_default()
}

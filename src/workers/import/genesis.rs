//! Import of the state before block 1. It takes minutes for a million accounts, and may be
//! interrupted at any moment.
//!
//! The accounts are processed in *chunks* of whole [parts](crate::tree::build), by ascending id.
//! Each chunk is hashed while the previous one is written, and the progress is marked from time to
//! time. If the process is killed, an import of the same genesis continues after the last mark.
//!
//! It keeps in memory: the body, the position of each account in it, two chunks, and the
//! compressed canonical form until it is in its file.

use std::io::Write;

use rayon::prelude::*;
use serde_json::value::RawValue;
use tracing::info;

use super::chunks::{Chunk, ChunkWriter, PACE, Pace};
use super::error::ImportError;
use super::genesis_accounts::GenesisAccounts;
use crate::crypto::fr;
use crate::store::{BlobKind, BlobLabel, BlobWriter, GenesisEnd, Imported, Store, StoreError};
use crate::tree::build::{Finished, TreeBuilder};

/// Number of accounts that one task parses.
const PARSED_TOGETHER: usize = 256;

/// Imports the state before block 1: a map from account id to account. `progress` receives the
/// number of completed accounts and their total. If another genesis is stored, the error is
/// [`StoreError::Different`].
pub fn import(store: &Store, body: &[u8], progress: &dyn Fn(usize, usize)) -> Result<Imported, ImportError> {
    import_at(store, 0, body, progress)
}

/// Imports the state after block `number` in the same way: the folder begins with the next block.
pub(crate) fn import_at(
    store: &Store,
    number: u32,
    body: &[u8],
    progress: &dyn Fn(usize, usize),
) -> Result<Imported, ImportError> {
    at_pace(&PACE, store, number, body, progress)
}

fn at_pace(
    pace: &Pace,
    store: &Store,
    number: u32,
    body: &[u8],
    progress: &dyn Fn(usize, usize),
) -> Result<Imported, ImportError> {
    let genesis = GenesisAccounts::new(body)?;
    let accounts = genesis.all();
    let (content_hash, form) = canonical(store, &genesis)?;
    let mut builder = TreeBuilder::default();
    let Some(mut load) = store.load_genesis(content_hash, builder.part_size())? else {
        return Ok(Imported::AlreadyThere);
    };
    let form = store.finish_blob(BlobLabel::block(BlobKind::Genesis, number), form)?;
    let done = accounts.partition_point(|(id, _)| *id < load.done());
    if done > 0 {
        info!(accounts = done, of = accounts.len(), "an interrupted import of the genesis continues");
        builder = builder.resume(&*store.tree().source(), load.done())?;
    }
    progress(done, accounts.len());
    let least = pace.accounts_per_core * rayon::current_num_threads();
    let mut chunks = divided(&builder, &accounts[done..], least).into_iter();
    let hash = |chunk: &[(u32, &RawValue)]| {
        let parse = |(id, raw): &(u32, &RawValue)| genesis.initial(*id, raw);
        let accounts = chunk.par_iter().with_min_len(PARSED_TOGETHER).map(parse);
        let accounts = accounts.collect::<Result<Vec<_>, ImportError>>()?;
        let tree = builder.add(&accounts)?;
        Ok(Some(Chunk { accounts, tree, done: builder.done() }))
    };
    let writer = ChunkWriter::new(pace, &mut load, done);
    writer.write_all(|| Ok(chunks.next()), hash, &|done| progress(done, accounts.len()))?;
    info!(sets = builder.hashed_sets(), "accounts of the genesis hashed");
    let Finished { records, roots, root } = builder.finish();
    let root = fr::to_bytes(&root);
    let count = accounts.len() as u64;
    let end = GenesisEnd { blob: form, root, accounts: count, tree: records, roots };
    load.finish_at(number, content_hash, end)?;
    Ok(Imported::Stored)
}

/// Divides accounts into chunks of whole parts.
fn divided<'a, 'b>(
    builder: &TreeBuilder,
    mut rest: &'b [(u32, &'a RawValue)],
    least: usize,
) -> Vec<&'b [(u32, &'a RawValue)]> {
    let mut chunks = Vec::new();
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(builder.whole_parts(rest.iter().map(|(id, _)| *id), least));
        chunks.push(chunk);
        rest = after;
    }
    chunks
}

/// Checks every account; returns the canonical form of the genesis and its hash.
fn canonical(store: &Store, genesis: &GenesisAccounts<'_>) -> Result<([u8; 32], BlobWriter), ImportError> {
    let mut hasher = blake3::Hasher::new();
    let mut form = store.begin_blob(BlobKind::Genesis)?;
    let mut put = |bytes: &[u8]| {
        hasher.update(bytes);
        let written = form.write_all(bytes);
        written.map_err(|source| StoreError::Io { what: "compressing the genesis".into(), source })
    };
    put(b"{")?;
    for (at, accounts) in genesis.all().chunks(PARSED_TOGETHER * 64).enumerate() {
        let pieces: Vec<Vec<u8>> = accounts
            .par_chunks(PARSED_TOGETHER)
            .map(|accounts| {
                let mut piece = Vec::new();
                for (id, raw) in accounts {
                    piece.push(b',');
                    genesis.write_canonical(*id, raw, &mut piece)?;
                }
                Ok(piece)
            })
            .collect::<Result<_, ImportError>>()?;
        for (index, piece) in pieces.iter().enumerate() {
            // The first account has no comma before it.
            put(if (at, index) == (0, 0) { &piece[1..] } else { piece })?;
        }
    }
    put(b"}")?;
    Ok((*hasher.finalize().as_bytes(), form))
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::sync::Barrier;
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::domain::AccountMap;
    use crate::store::StoreOptions;
    use crate::testing::NaiveAccountTree;
    use crate::tree::record;

    /// Chunks of a few accounts, with a mark after each.
    const SMALL: Pace = Pace { accounts_per_core: 1, mark_interval: Duration::ZERO };

    fn json(balance: u64, count: u32) -> Vec<u8> {
        let account = |n: u32| {
            let address = format!("0x{n:040x}");
            let account = json!({
                "address": address, "pub_key_hash": "sync:0000000000000000000000000000000000000000", "nonce": n,
                "balances": {"0": (balance + u64::from(n % 3)).to_string(), "7": "0"}, "minted_nfts": {},
            });
            ((n * 700).to_string(), account)
        };
        serde_json::to_vec(&(0..count).map(account).collect::<serde_json::Map<_, _>>()).unwrap()
    }

    fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
        (dir, store)
    }

    type Entries = Vec<(Vec<u8>, Vec<u8>)>;

    fn tree(store: &Store) -> Entries {
        store.tree().source().range(&[0], &[0xff], usize::MAX).unwrap()
    }

    #[test]
    fn an_import_with_failing_writes_continues_after_the_last_mark() {
        let body = json(5, 24);
        let (_dir, whole) = store();
        assert_eq!(import(&whole, &body, &|_, _| {}).unwrap(), Imported::Stored);
        let mut naive = NaiveAccountTree::default();
        let genesis = GenesisAccounts::new(&body).unwrap();
        for (id, _) in genesis.all() {
            let account = genesis.get(*id).unwrap().unwrap();
            naive.set(*id, 0, account.header, account.balances[0].1);
        }
        let root = whole.chain().genesis().unwrap().unwrap().root;
        assert_eq!(root, fr::to_bytes(&naive.root()));
        assert_eq!(tree(&whole)[0].0, record::ROOTS);

        let mut resumed = 0;
        for fault in 1.. {
            let (_dir, store) = store();
            store.fail_write(fault);
            let begun = RefCell::new(Vec::new());
            let run = || at_pace(&SMALL, &store, 0, &body, &|done, _| begun.borrow_mut().push(done));
            if run().is_err() {
                let before = begun.take();
                run().unwrap();
                let after = begun.take();
                // The reported progress was at most one chunk ahead of the last mark.
                if let (Some(before), Some(after)) = (before.iter().rev().nth(1), after.first()) {
                    assert!(before <= after, "write {fault}: {before} were done, then {after}");
                    resumed += 1;
                }
            }
            let left = store.fail_write(0);
            assert_eq!(store.chain().genesis().unwrap(), whole.chain().genesis().unwrap(), "write {fault}");
            assert!(tree(&store) == tree(&whole), "write {fault}");
            assert_eq!(store.chain().genesis_json().unwrap(), whole.chain().genesis_json().unwrap());
            assert_eq!(at_pace(&SMALL, &store, 0, &body, &|_, _| panic!()).unwrap(), Imported::AlreadyThere);
            if left > 0 {
                assert!(resumed > 10, "{resumed} of {fault}");
                return;
            }
        }
    }

    #[test]
    fn imports_that_cannot_write_leave_the_pool_to_others() {
        let barrier = || Barrier::new(rayon::current_num_threads() + 1);
        let (blocked, release) = (barrier(), barrier());
        let (send, receive) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            for _ in 0..rayon::current_num_threads() {
                scope.spawn(|| {
                    let (_dir, store) = store();
                    let written = Cell::new(0);
                    let wait = |_, _| {
                        written.set(written.get() + 1);
                        if written.get() == 3 {
                            blocked.wait();
                            release.wait();
                        }
                    };
                    at_pace(&SMALL, &store, 0, &json(5, 24), &wait).unwrap();
                });
            }
            blocked.wait();
            // Each import hashes as far ahead as it may.
            std::thread::sleep(Duration::from_millis(200));
            std::thread::spawn(move || rayon::join(|| (), move || send.send(())));
            let hashed = receive.recv_timeout(Duration::from_secs(60));
            release.wait();
            assert!(hashed.is_ok(), "every thread of the pool waits for an import");
        });
    }

    #[test]
    fn another_genesis_replaces_an_interrupted_one() {
        let (_dir, store) = store();
        store.fail_write(12);
        assert!(at_pace(&SMALL, &store, 0, &json(5, 24), &|_, _| {}).is_err());
        let other = json(9, 5);
        assert_eq!(import(&store, &other, &|_, _| {}).unwrap(), Imported::Stored);
        let (_dir, fresh) = self::store();
        import(&fresh, &other, &|_, _| {}).unwrap();
        assert!(tree(&store) == tree(&fresh));
        assert!(store.chain().account(23 * 700).unwrap().is_none());
        let different = import(&store, &json(5, 24), &|_, _| {});
        assert!(matches!(different, Err(ImportError::Store(StoreError::Different { .. }))));
    }

    #[test]
    fn the_canonical_form_equals_that_of_the_whole_map() {
        for count in [0, 1, 700] {
            let (_dir, store) = store();
            let body = json(5, count);
            let map: AccountMap = serde_json::from_slice(&body).unwrap();
            let expected = serde_json::to_vec(&map).unwrap();
            import(&store, &body, &|_, _| {}).unwrap();
            assert_eq!(store.chain().genesis_json().unwrap().unwrap(), expected);
            let hash = store.chain().genesis().unwrap().unwrap().content_hash;
            assert_eq!(hash, *blake3::hash(&expected).as_bytes());
        }
    }

    #[test]
    fn an_error_has_its_position_and_nothing_is_stored() {
        let (_dir, store) = store();
        let text = String::from_utf8(json(5, 3)).unwrap();
        let broken = text.replacen(r#""nonce":2"#, "\n\"nonce\":true", 1);
        let error = import(&store, broken.as_bytes(), &|_, _| {}).unwrap_err();
        let whole = serde_json::from_str::<AccountMap>(&broken).unwrap_err();
        assert!(error.to_string().ends_with(&whole.to_string()), "{error}");
        assert!(error.to_string().contains("line 2"), "{error}");
        let large = text.replacen("\"5\"", &format!("\"{}\"", "9".repeat(40)), 1);
        let error = import(&store, large.as_bytes(), &|_, _| {}).unwrap_err();
        assert!(matches!(error, ImportError::GenesisAmount { account: 0, .. }), "{error}");
        let outside = text.replacen("\"1400\"", "\"16777216\"", 1);
        let error = import(&store, outside.as_bytes(), &|_, _| {}).unwrap_err();
        assert!(matches!(error, ImportError::GenesisAccount(16_777_216)), "{error}");
        assert_eq!(tree(&store), vec![]);
    }
}

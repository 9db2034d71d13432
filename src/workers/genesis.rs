//! Import of the state before block 1: a matter of minutes for a million accounts, so it can be interrupted at any moment.
//!
//! The accounts go through in *chunks* of whole [parts](crate::tree::build) by ascending id. One thread hashes a chunk, over all cores,
//! while another writes the one before it and now and then marks how far it is. Killed and begun again with the same genesis, the
//! import goes on behind the last mark.
//!
//! What is in memory: the body, where each account begins in it, two chunks, and the compressed canonical form until that is
//! in its file.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use rayon::prelude::*;
use serde_json::value::RawValue;
use tracing::{debug, info};

use super::import::{ImportError, Imported};
use crate::crypto::fr;
use crate::domain::{Account, AccountId, AccountMap, to_u128};
use crate::store::{
    AccountState, BlobKind, BlobLabel, BlobWriter, GenesisEnd, GenesisLoad, Store, StoreError,
};
use crate::tree::AccountHeader;
use crate::tree::build::{Finished, InitialAccount, Records, TreeBuilder};

/// How an import of a genesis divides its work; the result is the same.
struct Pace {
    /// The least number of accounts in a chunk, for each core.
    accounts_per_core: usize,
    /// Time between two marks: what an interruption costs at most, a chunk more or less.
    mark_interval: Duration,
}

/// A thousand accounts fill every lane of a core on each level, and are done in a second or so.
const PACE: Pace = Pace { accounts_per_core: 1024, mark_interval: Duration::from_millis(200) };

/// Accounts that are parsed together.
const TOGETHER: usize = 256;

/// Where each account is in the body, by ascending id.
pub(super) type Accounts<'a> = Vec<(u32, &'a RawValue)>;

/// Some accounts, hashed.
struct Chunk {
    accounts: Vec<InitialAccount>,
    tree: Records,
    /// All accounts below this id are in this chunk or an earlier one.
    done: u32,
}

/// Imports the state before block 1: a map from account id to account. `progress` is told how many accounts are done, and of how many.
///
/// # Errors
/// See [`ImportError`]; another genesis than the stored one is [`StoreError::Different`].
pub fn import(store: &Store, body: &[u8], progress: &dyn Fn(usize, usize)) -> Result<Imported, ImportError> {
    at_pace(&PACE, store, body, progress)
}

fn at_pace(
    pace: &Pace,
    store: &Store,
    body: &[u8],
    progress: &dyn Fn(usize, usize),
) -> Result<Imported, ImportError> {
    let accounts = accounts(body)?;
    let (content_hash, form) = canonical(store, body, &accounts)?;
    let mut builder = TreeBuilder::default();
    let Some(mut load) = store.load_genesis(content_hash, builder.part_size())? else {
        return Ok(Imported::AlreadyThere);
    };
    let form = store.keep_blob(BlobLabel::block(BlobKind::Genesis, 0), form)?;
    let done = accounts.partition_point(|(id, _)| *id < load.done());
    if done > 0 {
        info!(accounts = done, of = accounts.len(), "going on with an interrupted import of the genesis");
        builder = builder.resume(&*store.tree().source(), load.done())?;
    }
    progress(done, accounts.len());
    let least = pace.accounts_per_core * rayon::current_num_threads();
    let (send, receive) = sync_channel(1);
    let built = std::thread::scope(|scope| {
        let rest = &accounts[done..];
        let hasher = scope.spawn(move || hash(body, builder, rest, least, &send));
        let written = write(pace, &mut load, receive, done, &|done| progress(done, accounts.len()));
        let hashed = hasher.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        // An error of the hasher ends the writer early, but well; one of the writer the hasher.
        written.and(hashed)
    })?;
    let Finished { records, roots, root } = built.finish();
    let root = fr::to_bytes(&root);
    let count = accounts.len() as u64;
    load.finish(GenesisEnd { body: form, root, accounts: count, tree: records, roots })?;
    Ok(Imported::Stored)
}

/// Hashes chunk by chunk until all are sent, or nobody takes them any more.
fn hash(
    body: &[u8],
    mut builder: TreeBuilder,
    mut rest: &[(u32, &RawValue)],
    least: usize,
    send: &SyncSender<Chunk>,
) -> Result<TreeBuilder, ImportError> {
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(builder.whole_parts(rest.iter().map(|(id, _)| *id), least));
        rest = after;
        let parse = |(id, raw): &(u32, &RawValue)| initial(*id, &account(body, raw)?);
        let accounts =
            chunk.par_iter().with_min_len(TOGETHER).map(parse).collect::<Result<Vec<_>, ImportError>>()?;
        let tree = builder.add(&accounts)?;
        if send.send(Chunk { accounts, tree, done: builder.done() }).is_err() {
            break;
        }
    }
    info!(sets = builder.hashed_sets(), "accounts of the genesis hashed");
    Ok(builder)
}

/// Writes chunks until no more come.
fn write(
    pace: &Pace,
    load: &mut GenesisLoad<'_>,
    chunks: Receiver<Chunk>,
    mut done: usize,
    progress: &dyn Fn(usize),
) -> Result<(), ImportError> {
    let mut marked: Option<Instant> = None;
    for chunk in chunks {
        done += chunk.accounts.len();
        let accounts = chunk.accounts.into_iter().map(|account| {
            let AccountHeader { nonce, pub_key_hash, address } = account.header;
            (account.id, AccountState { nonce, pub_key_hash, address }, account.balances)
        });
        load.add(accounts, chunk.tree)?;
        // The first chunk is always marked: every run gets on, however short it is.
        if marked.is_none_or(|marked| marked.elapsed() >= pace.mark_interval) {
            load.mark(chunk.done)?;
            debug!(accounts = done, "part of the genesis is on disk");
            marked = Some(Instant::now());
        }
        progress(done);
    }
    Ok(())
}

/// Finds the accounts in the body. Of two with the same id the last counts.
pub(super) fn accounts(body: &[u8]) -> Result<Accounts<'_>, ImportError> {
    let map: BTreeMap<AccountId, &RawValue> = serde_json::from_slice(body).map_err(not_a_genesis)?;
    match map.last_key_value() {
        Some((last, _)) if last.0 >= 1 << 24 => Err(ImportError::GenesisAccount(last.0)),
        _ => Ok(map.into_iter().map(|(id, raw)| (id.0, raw)).collect()),
    }
}

/// Checks every account; gives the canonical form, which is the map as this program writes it, and its hash.
fn canonical(
    store: &Store,
    body: &[u8],
    accounts: &Accounts<'_>,
) -> Result<([u8; 32], BlobWriter), ImportError> {
    let mut hasher = blake3::Hasher::new();
    let mut form = store.begin_blob(BlobKind::Genesis)?;
    let mut put = |bytes: &[u8]| {
        hasher.update(bytes);
        let written = form.write_all(bytes);
        written.map_err(|source| StoreError::Io { what: "compressing the genesis".into(), source })
    };
    put(b"{")?;
    for (at, accounts) in accounts.chunks(TOGETHER * 64).enumerate() {
        let pieces: Vec<Vec<u8>> = accounts
            .par_chunks(TOGETHER)
            .map(|accounts| {
                let mut piece = Vec::new();
                for (id, raw) in accounts {
                    let account = account(body, raw)?;
                    initial(*id, &account)?;
                    piece.extend_from_slice(format!(",\"{id}\":").as_bytes());
                    serde_json::to_writer(&mut piece, &account).map_err(not_a_genesis)?;
                }
                Ok(piece)
            })
            .collect::<Result<_, ImportError>>()?;
        for (index, piece) in pieces.iter().enumerate() {
            put(if (at, index) == (0, 0) { &piece[1..] } else { piece })?;
        }
    }
    put(b"}")?;
    Ok((*hasher.finalize().as_bytes(), form))
}

/// Parses an account of the body.
pub(super) fn account(body: &[u8], raw: &RawValue) -> Result<Account, ImportError> {
    serde_json::from_str(raw.get()).map_err(|error| {
        // Parsed as a whole it says the line and column within the body.
        not_a_genesis(serde_json::from_slice::<AccountMap>(body).err().unwrap_or(error))
    })
}

pub(super) fn initial(id: u32, account: &Account) -> Result<InitialAccount, ImportError> {
    let mut balances = Vec::with_capacity(account.balances.len());
    for (token, balance) in &account.balances {
        let balance =
            to_u128(balance).map_err(|source| ImportError::GenesisAmount { account: id, source })?;
        if balance != 0 {
            balances.push((token.0, balance));
        }
    }
    let header = AccountHeader {
        nonce: account.nonce.0,
        pub_key_hash: account.pub_key_hash.0,
        address: account.address.0,
    };
    Ok(InitialAccount { id, header, balances })
}

fn not_a_genesis(source: serde_json::Error) -> ImportError {
    ImportError::Json { what: "genesis: a map from account id to account", source }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use serde_json::json;

    use super::*;
    use crate::store::StoreOptions;
    use crate::testing::NaiveAccountTree;
    use crate::tree::record;

    /// Chunks of a few accounts, each marked.
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
    fn an_import_whose_writes_fail_goes_on_where_it_was() {
        let body = json(5, 24);
        let (_dir, whole) = store();
        assert_eq!(import(&whole, &body, &|_, _| {}).unwrap(), Imported::Stored);
        let mut naive = NaiveAccountTree::default();
        for (id, raw) in accounts(&body).unwrap() {
            let account = initial(id, &account(&body, raw).unwrap()).unwrap();
            naive.set(id, 0, account.header, account.balances[0].1);
        }
        let root = whole.chain().genesis().unwrap().unwrap().root;
        assert_eq!(root, fr::to_bytes(&naive.root()));
        assert_eq!(tree(&whole)[0].0, record::ROOTS);

        let mut taken_up = 0;
        for fault in 1.. {
            let (_dir, store) = store();
            store.fail_write(fault);
            let begun = RefCell::new(Vec::new());
            let run = || at_pace(&SMALL, &store, &body, &|done, _| begun.borrow_mut().push(done));
            if run().is_err() {
                let before = begun.take();
                run().unwrap();
                let after = begun.take();
                // What was told as done before the failure is a chunk ahead of what is marked, at most.
                if let (Some(before), Some(after)) = (before.iter().rev().nth(1), after.first()) {
                    assert!(before <= after, "write {fault}: {before} were done, then {after}");
                    taken_up += 1;
                }
            }
            let left = store.fail_write(0);
            assert_eq!(store.chain().genesis().unwrap(), whole.chain().genesis().unwrap(), "write {fault}");
            assert!(tree(&store) == tree(&whole), "write {fault}");
            assert_eq!(store.chain().genesis_body().unwrap(), whole.chain().genesis_body().unwrap());
            assert_eq!(at_pace(&SMALL, &store, &body, &|_, _| panic!()).unwrap(), Imported::AlreadyThere);
            if left > 0 {
                assert!(taken_up > 10, "{taken_up} of {fault}");
                return;
            }
        }
    }

    #[test]
    fn an_interrupted_genesis_gives_way_to_another_one() {
        let (_dir, store) = store();
        store.fail_write(12);
        assert!(at_pace(&SMALL, &store, &json(5, 24), &|_, _| {}).is_err());
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
    fn the_canonical_form_is_that_of_the_whole_map() {
        for count in [0, 1, 700] {
            let (_dir, store) = store();
            let body = json(5, count);
            let map: AccountMap = serde_json::from_slice(&body).unwrap();
            let expected = serde_json::to_vec(&map).unwrap();
            import(&store, &body, &|_, _| {}).unwrap();
            assert_eq!(store.chain().genesis_body().unwrap().unwrap(), expected);
            let hash = store.chain().genesis().unwrap().unwrap().content_hash;
            assert_eq!(hash, *blake3::hash(&expected).as_bytes());
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place_and_nothing_is_stored() {
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

//! Import of the state after a block from a stream of accounts, with which a folder begins.
//!
//! The accounts arrive in pages of whole [parts](crate::tree::build), by ascending id. Each page is
//! hashed while the previous one is written; a few pages are in memory at a time. If the process is
//! killed, an import of the same state hashes only what is missing, but the stream is read from its
//! start, because its canonical form is stored as one blob.

use std::io::Write;

use rayon::prelude::*;
use tracing::info;

use super::chunks::{Chunk, ChunkWriter, PACE};
use super::error::ImportError;
use crate::crypto::fr;
use crate::domain::{Account, AccountId, Address, Nonce, PubKeyHash, TokenId};
use crate::store::{BlobKind, BlobLabel, BlobWriter, GenesisEnd, Store, StoreError};
use crate::tree::build::{Finished, InitialAccount, TreeBuilder};

/// Number of accounts that one task writes as JSON.
const WRITTEN_TOGETHER: usize = 256;

/// The state after a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StateStart {
    /// The block; 0 for the genesis.
    pub number: u32,
    /// The root after it; `None` if it is unknown.
    pub root: Option<[u8; 32]>,
    /// Estimated number of accounts, for the progress.
    pub accounts: usize,
}

impl StateStart {
    /// Returns the number of account ids in a part; pages begin and end with parts.
    pub(crate) fn part_size() -> u32 {
        TreeBuilder::default().part_size()
    }

    /// Returns the hash that identifies this state.
    pub(crate) fn identity(number: u32, root: Option<[u8; 32]>) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key("witness-server: state after a block");
        hasher.update(&number.to_be_bytes()).update(&root.unwrap_or_default());
        *hasher.finalize().as_bytes()
    }
}

/// The next page of accounts by ascending id, in whole parts; `None` after the last one.
pub(crate) type NextPage<'a> = dyn FnMut() -> Result<Option<Vec<InitialAccount>>, ImportError> + Send + 'a;

/// Imports a state into an empty store. `progress` receives the number of completed accounts and
/// their total.
///
/// # Errors
/// [`ImportError::OtherRoot`] if the accounts are not those of the block.
pub(crate) fn import(
    store: &Store,
    start: &StateStart,
    pages: &mut NextPage<'_>,
    progress: &dyn Fn(usize, usize),
) -> Result<(), ImportError> {
    let mut builder = TreeBuilder::default();
    let identity = StateStart::identity(start.number, start.root);
    let load = store.load_genesis(identity, builder.part_size())?;
    let mut load = load.ok_or(StoreError::Different { what: "genesis".into() })?;
    let mut form = Form::begin(store)?;
    let done = load.done();
    if done > 0 {
        info!(below = done, "an interrupted import of the state resumes after the accounts with these ids");
        builder = builder.resume(&*store.tree().source(), done)?;
    }
    // Those before `done` are on disk, from before an interruption.
    let hash = |mut accounts: Vec<InitialAccount>| {
        form.add(&accounts)?;
        accounts.retain(|account| account.id >= builder.done());
        if accounts.is_empty() {
            return Ok(None);
        }
        let tree = builder.add(&accounts)?;
        Ok(Some(Chunk { accounts, tree, done: builder.done() }))
    };
    let count = |done: usize| progress(done, start.accounts.max(done));
    ChunkWriter::new(&PACE, &mut load, 0).write_all(pages, hash, &count)?;
    let Finished { records, roots, root } = builder.finish();
    let root = fr::to_bytes(&root);
    if let Some(expected) = start.root.filter(|expected| *expected != root) {
        load.discard()?;
        return Err(ImportError::OtherRoot { number: start.number, expected, found: root });
    }
    let Form { writer, hasher, accounts } = form.end()?;
    let blob = store.finish_blob(BlobLabel::block(BlobKind::Genesis, start.number), writer)?;
    let end = GenesisEnd { blob, root, accounts, tree: records, roots };
    Ok(load.finish_at(start.number, *hasher.finalize().as_bytes(), end)?)
}

/// The canonical JSON of the accounts while it is written, with its hash.
struct Form {
    writer: BlobWriter,
    hasher: blake3::Hasher,
    accounts: u64,
}

impl Form {
    fn begin(store: &Store) -> Result<Self, StoreError> {
        let mut form =
            Self { writer: store.begin_blob(BlobKind::Genesis)?, hasher: blake3::Hasher::new(), accounts: 0 };
        form.put(b"{")?;
        Ok(form)
    }

    fn add(&mut self, accounts: &[InitialAccount]) -> Result<(), StoreError> {
        let pieces: Vec<Vec<u8>> =
            accounts.par_chunks(WRITTEN_TOGETHER).map(json).collect::<Result<_, _>>()?;
        // The first account has no comma before it.
        let mut comma = usize::from(self.accounts == 0);
        for piece in pieces {
            self.put(piece.get(comma..).unwrap_or_default())?;
            comma = 0;
        }
        self.accounts += accounts.len() as u64;
        Ok(())
    }

    fn end(mut self) -> Result<Self, StoreError> {
        self.put(b"}")?;
        Ok(self)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.hasher.update(bytes);
        let written = self.writer.write_all(bytes);
        written.map_err(|source| StoreError::Io { what: "compressing the state".into(), source })
    }
}

/// Returns the canonical JSON of accounts, each after a comma.
fn json(accounts: &[InitialAccount]) -> Result<Vec<u8>, StoreError> {
    let mut out = Vec::new();
    for InitialAccount { id, header, balances } in accounts {
        let balances = balances.iter().map(|(token, balance)| (TokenId(*token), (*balance).into()));
        let account = Account {
            pub_key_hash: PubKeyHash(header.pub_key_hash),
            address: Address(header.address),
            balances: balances.collect(),
            nonce: Nonce(header.nonce),
            minted_nfts: Default::default(),
        };
        out.extend_from_slice(format!(",\"{}\":", AccountId(*id)).as_bytes());
        serde_json::to_writer(&mut out, &account).map_err(|error| StoreError::Kv(error.to_string()))?;
    }
    Ok(out)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::store::StoreOptions;
    use crate::tree::AccountHeader;
    use crate::workers::import::genesis;

    const PAGE: usize = 3;

    fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
        (dir, store)
    }

    /// Accounts in many parts.
    fn accounts() -> Vec<InitialAccount> {
        let account = |n: u32| {
            let header = AccountHeader { nonce: n, pub_key_hash: [n as u8; 20], address: [7; 20] };
            InitialAccount { id: n * 2_048, header, balances: vec![(0, u128::from(n) + 1), (9, u128::MAX)] }
        };
        (0..10).map(account).collect()
    }

    /// Imports the state in pages; the page of this number fails.
    fn run(store: &Store, start: &StateStart, fails: Option<usize>) -> Result<(), ImportError> {
        let accounts = accounts();
        let mut pages = accounts.chunks(PAGE).enumerate();
        let mut next = move || match pages.next() {
            Some((number, _)) if Some(number) == fails => Err(ImportError::Accounts("away".to_owned())),
            page => Ok(page.map(|(_, page)| page.to_vec())),
        };
        import(store, start, &mut next, &|_, _| {})
    }

    /// Imports the same state from its JSON.
    fn from_json(store: &Store, number: u32) -> [u8; 32] {
        let json = json(&accounts()).unwrap();
        let body = [b"{".as_slice(), &json[1..], b"}"].concat();
        super::super::genesis_at(store, number, &body, &|_, _| {}).unwrap();
        store.chain().genesis().unwrap().unwrap().root
    }

    #[test]
    fn a_stream_leads_to_the_same_folder_as_its_json() {
        let ((_one, expected), (_other, store)) = (self::store(), self::store());
        let root = from_json(&expected, 4);
        let start = StateStart { number: 4, root: Some(root), accounts: 10 };
        run(&store, &start, None).unwrap();
        assert_eq!(store.chain().genesis().unwrap(), expected.chain().genesis().unwrap());
        assert_eq!(store.chain().genesis_json().unwrap(), expected.chain().genesis_json().unwrap());
        let tree = |store: &Store| store.tree().source().range(&[0], &[0xff], usize::MAX).unwrap();
        assert!(tree(&store) == tree(&expected));
        assert_eq!(store.chain().balances(2_048, 0, 9).unwrap(), [(0, 2), (9, u128::MAX)]);
        assert_eq!((store.chain().head().unwrap(), store.tree().head().unwrap()), (4, 4));
        assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
        let again = run(&store, &start, None);
        assert!(matches!(again, Err(ImportError::Store(StoreError::Different { .. }))));
    }

    #[test]
    fn an_interrupted_stream_resumes_and_one_with_another_root_leaves_nothing() {
        let ((_one, expected), (_other, store)) = (self::store(), self::store());
        let root = from_json(&expected, 4);
        let wrong = StateStart { number: 4, root: Some([1; 32]), accounts: 10 };
        let refused = run(&store, &wrong, None);
        assert!(matches!(refused, Err(ImportError::OtherRoot { found, .. }) if found == root));
        assert_eq!(store.chain().count_accounts().unwrap(), 0);
        let start = StateStart { root: Some(root), ..wrong };
        assert!(matches!(run(&store, &start, Some(2)), Err(ImportError::Accounts(_))));
        let identity = StateStart::identity(4, Some(root));
        assert_eq!(store.chain().interrupted_load().unwrap(), Some(identity));
        assert_eq!(store.chain().genesis().unwrap(), None);
        run(&store, &start, None).unwrap();
        assert_eq!(store.chain().genesis_json().unwrap(), expected.chain().genesis_json().unwrap());
        assert_eq!(store.check_everything().unwrap(), Vec::<String>::new());
        let missing = genesis(&store, b"{}", &|_, _| {});
        assert!(matches!(missing, Err(ImportError::Store(StoreError::Different { .. }))));
    }
}

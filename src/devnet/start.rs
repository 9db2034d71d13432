//! Starts a devnet: in an empty folder with a new genesis or the chain that it forks, else with the
//! state that the folder has.

use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, RwLock, mpsc};
use std::time::Duration;

use num_bigint::BigUint;
use tokio::sync::watch;

use super::accounts::{DevAccount, MnemonicError, derive};
use super::admission::SignatureQueue;
use super::control_error::ControlError;
use super::devnet::Devnet;
use super::fork::{self, ForkError};
use super::host::Host;
use super::inbox;
use super::load::{FEE_ACCOUNT, LoadError, Loaded, load};
use super::options::{DevnetOptions, Finality};
use super::producer::Producer;
use super::proving::{Provers, Proving};
use super::requests::DepositRequest;
use super::rest;
use super::shared::Shared;
use super::time::DevnetTime;
use super::tokens::{Token, TokenLike, Tokens};
use crate::client::{Client, ClientError};
use crate::clock::SystemClock;
use crate::config::{Config, Origin};
use crate::domain::{Account, AccountId, AccountMap, Address, NFT_STORAGE_ACCOUNT_ID, NFT_TOKEN_ID, to_u128};
use crate::server::Explorer;
use crate::service::{Service, StartError, store_options};
use crate::store::{Store, StoreError};
use crate::workers::{ImportError, Node};

/// Address of the account that receives the fees.
const FEE_ADDRESS: Address = Address([0xfe; 20]);
/// Id of the first NFT: the first balance of the account that counts them.
const FIRST_NFT: u32 = 1 << 16;
/// Bound of each request of a sample prover.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// Sizes of aggregates: with 1 among them every block is aggregated.
const AGGREGATE: [usize; 2] = [1, 4];
const AGGREGATE_DEADLINE: Duration = Duration::from_millis(200);
/// A job whose prover failed is claimed again after this time.
const GONE_TIMEOUT: Duration = Duration::from_secs(5);
/// Every block can be reverted.
const HISTORY: u32 = 1_000_000;

/// The reason why a devnet does not start. Each message says what to do about it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DevnetError {
    /// The mnemonic is wrong.
    #[error(transparent)]
    Mnemonic(#[from] MnemonicError),
    /// The server does not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The genesis cannot be imported.
    #[error("the genesis cannot be created: {0}")]
    Genesis(#[from] ImportError),
    /// The chain to fork cannot be imported.
    #[error(transparent)]
    Fork(#[from] ForkError),
    /// The state cannot be rebuilt.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The folder belongs to another server.
    #[error(
        "the data folder holds a chain that no devnet has begun, or its creation was interrupted; use an empty folder, with --fork-from to continue a chain"
    )]
    OtherChain,
    /// A fork of a folder that has a chain.
    #[error(
        "--fork-from needs an empty data folder, and this one has a devnet; leave the flag out to continue it"
    )]
    NotEmpty,
    /// The balance of the funded accounts exceeds 128 bits.
    #[error("a balance of {balance} {symbol} exceeds 128 bits; choose a smaller --balance")]
    Balance { balance: u64, symbol: String },
    /// A deposit for a funded account was refused.
    #[error("a funded account cannot receive its deposit: {0}")]
    Deposit(#[from] ControlError),
    /// The sample provers cannot reach the server.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The operating system refuses a thread.
    #[error("the thread of the producer does not start: {0}; check the limits of this user")]
    Thread(std::io::Error),
}

/// A started devnet with what is printed about it.
pub(crate) struct Started {
    /// The devnet.
    pub devnet: Devnet,
    /// URL for provers and imports.
    pub server_url: String,
    /// URL of the dashboard.
    pub dashboard_url: String,
    /// How its chain began.
    pub beginning: Beginning,
}

/// How the chain of a devnet began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beginning {
    /// At this start, with a new genesis.
    New,
    /// At this start, with another chain.
    Forked,
    /// At an earlier start.
    Continued,
}

/// Starts a devnet in a data folder.
///
/// # Errors
/// [`DevnetError`].
pub(crate) async fn start(
    config: &Config,
    folder: &Path,
    options: DevnetOptions,
) -> Result<Started, DevnetError> {
    let accounts = derive(&options.mnemonic, options.accounts)?;
    let config = settings(config, options.finality);
    if let Some(source) = &options.fork_from {
        fork::prepare(source, folder, &config)?;
    }
    let explorer = Explorer::default();
    let options_of_store = store_options(&config);
    let service = Service::start_explored(&config, folder, options_of_store, Some(explorer.clone())).await?;
    let node = service.node().clone();
    let (server_url, dashboard_url) = (service.url(), format!("http://{}", service.admin_address()));
    let client = Client::new(&server_url, service.secret(), REQUEST_TIMEOUT)?;
    let prepared = {
        let (options, accounts) = (options.clone(), accounts.clone());
        tokio::task::spawn_blocking(move || prepare(&node, &options, &accounts).map(|loaded| (node, loaded)))
    };
    let prepared = prepared.await.map_err(|error| DevnetError::Thread(std::io::Error::other(error)))?;
    let (node, (loaded, beginning)) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => {
            service.stop().await;
            return Err(error);
        }
    };
    let proving = Arc::new(Proving::default());
    let stopping = Arc::new(AtomicBool::new(false));
    let host = Host::new(service, stopping.clone());
    let accounts = if beginning == Beginning::Continued { held(accounts, &loaded) } else { accounts };
    let tokens = named_tokens(&options.tokens, &loaded);
    let shared = run(node, loaded, options.clone(), (tokens, accounts.clone()), proving.clone(), host)?;
    let provers = Provers::start(&config, &client, options.provers, options.prove_time, &proving);
    let devnet = Devnet { shared, stopping, provers: Arc::new(Mutex::new(Some(provers))) };
    explorer.set(rest::explorer(devnet.clone()));
    if beginning == Beginning::Forked {
        fund(&devnet, &accounts, &options).await?;
    }
    Ok(Started { devnet, server_url, dashboard_url, beginning })
}

/// Returns the settings of the server below a devnet.
fn settings(config: &Config, finality: Finality) -> Config {
    let mut config = config.clone();
    let is_default = |name: &str| *config.origin(name) == Origin::Default;
    let (aggregate, deadline) = (is_default("aggregate"), is_default("aggregate_deadline"));
    let (gone_timeout, history) = (is_default("gone_timeout"), is_default("history"));
    if finality == Finality::Proof && aggregate {
        config.aggregate = Some(AGGREGATE.to_vec());
    }
    if deadline {
        config.aggregate_deadline = AGGREGATE_DEADLINE;
    }
    if gone_timeout {
        config.gone_timeout = GONE_TIMEOUT;
    }
    if history {
        config.history = HISTORY;
    }
    config
}

/// Creates the chain of an empty folder, and rebuilds the state.
fn prepare(
    node: &Node,
    options: &DevnetOptions,
    accounts: &[DevAccount],
) -> Result<(Loaded, Beginning), DevnetError> {
    let store = node.store();
    let base = inbox::Inbox::read(store)?.base;
    let has_genesis = store.chain().genesis()?.is_some();
    if base.is_some() && options.fork_from.is_some() {
        return Err(DevnetError::NotEmpty);
    }
    let beginning = match (base, &options.fork_from) {
        (Some(_), _) if has_genesis => Beginning::Continued,
        (None, Some(source)) => {
            fork::import(source, node)?;
            Beginning::Forked
        }
        (None, None) if has_genesis => return Err(DevnetError::OtherChain),
        (Some(_) | None, _) => {
            put_base(store, 0)?;
            let genesis = serde_json::to_vec(&genesis(options, accounts)?)
                .map_err(|error| ImportError::Json { what: "genesis", source: error })?;
            node.import_genesis(&genesis, &|_, _| {})?;
            Beginning::New
        }
    };
    Ok((load(store, options)?, beginning))
}

/// Returns those of the accounts that the chain has: it may have begun with another mnemonic, or with
/// fewer accounts.
fn held(accounts: Vec<DevAccount>, loaded: &Loaded) -> Vec<DevAccount> {
    let addresses: HashSet<Address> =
        loaded.ledger.committed().iter().map(|(_, account)| account.address).collect();
    accounts.into_iter().filter(|account| addresses.contains(&account.address)).collect()
}

/// Remembers the block that a reset returns to, by which the folder is known as that of a devnet.
fn put_base(store: &Store, block: u32) -> Result<(), StoreError> {
    store.put_in_inbox_durably(&inbox::record(inbox::base_key(), &block)?)
}

/// Returns the accounts before block 1 (docs/protocol/05-blocks.md §6), with the funded ones.
fn genesis(options: &DevnetOptions, accounts: &[DevAccount]) -> Result<AccountMap, DevnetError> {
    let mut map = AccountMap::new();
    map.insert(FEE_ACCOUNT, Account { address: FEE_ADDRESS, ..Account::default() });
    let balances = options.tokens.all().iter().map(|token| Ok((token.id, balance(options, token)?)));
    let balances: std::collections::BTreeMap<_, _> = balances.collect::<Result<_, DevnetError>>()?;
    for (id, account) in (1..).zip(accounts) {
        let account = Account { address: account.address, balances: balances.clone(), ..Account::default() };
        map.insert(AccountId(id), account);
    }
    let counter = [(NFT_TOKEN_ID, BigUint::from(FIRST_NFT))].into();
    let storage = Account { address: Address([0xff; 20]), balances: counter, ..Account::default() };
    map.insert(NFT_STORAGE_ACCOUNT_ID, storage);
    Ok(map)
}

/// Returns the balance of a funded account, in the smallest unit of the token.
fn balance(options: &DevnetOptions, token: &Token) -> Result<BigUint, DevnetError> {
    let balance = BigUint::from(options.balance) * BigUint::from(10u8).pow(u32::from(token.decimals));
    let all = &balance * options.accounts;
    match to_u128(&all) {
        Ok(_) => Ok(balance),
        Err(_) => Err(DevnetError::Balance { balance: options.balance, symbol: token.symbol.clone() }),
    }
}

/// Returns the tokens, with names for all that an account holds.
fn named_tokens(tokens: &Tokens, loaded: &Loaded) -> Tokens {
    let mut tokens = tokens.clone();
    let accounts = loaded.ledger.committed().iter();
    let held: HashSet<_> = accounts.flat_map(|(_, account)| account.balances.keys().copied()).collect();
    tokens.name_unknown(held);
    tokens
}

/// Starts the thread of the producer.
fn run(
    node: Arc<Node>,
    loaded: Loaded,
    options: DevnetOptions,
    (tokens, accounts): (Tokens, Vec<DevAccount>),
    proving: Arc<Proving>,
    host: Host,
) -> Result<Arc<Shared>, DevnetError> {
    let (commands, received) = mpsc::channel();
    let time = DevnetTime::new(Arc::new(SystemClock::new()));
    time.set_offset_ms(loaded.offset_ms);
    let shared = Arc::new(Shared {
        options,
        tokens,
        signatures: SignatureQueue::default(),
        accounts,
        time,
        node: RwLock::new(Some(node)),
        intake: Mutex::new(loaded.intake),
        ledger: RwLock::new(loaded.ledger),
        commands,
        work_pending: AtomicBool::new(false),
        changes: watch::Sender::new(0),
        automine: AtomicBool::new(false),
        proving,
        failure: watch::Sender::new(None),
    });
    let producer = Producer {
        shared: shared.clone(),
        filler: loaded.filler,
        host,
        base: loaded.base.unwrap_or(0),
        snapshots: Vec::new(),
        next_snapshot: 0,
        waits_for_proofs: true,
    };
    let thread = std::thread::Builder::new().name("producer".to_owned());
    thread.spawn(move || producer.run(&received)).map_err(DevnetError::Thread)?;
    shared.wake();
    Ok(shared)
}

/// Funds the accounts of a forked chain by deposits. A reset returns to the block after them.
async fn fund(devnet: &Devnet, accounts: &[DevAccount], options: &DevnetOptions) -> Result<(), DevnetError> {
    for account in accounts {
        for token in options.tokens.all() {
            let request = DepositRequest {
                to: account.address,
                token: TokenLike::Id(token.id),
                amount: balance(options, token)?,
                from: None,
            };
            devnet.deposit(request).await?;
        }
    }
    Ok(devnet.begin_here().await?)
}

//! `devnet`: a whole network in this process, for tests of wallets, SDKs, indexers and provers.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Parser};

use super::error::CliError;
use super::flags;
use super::in_process::DataFolder;
use super::output::{announced, show, show_lines};
use super::runtime::runtime;
use super::signals::Signals;
use crate::config::{Config, parse_duration, parse_duration_or_zero};
use crate::devnet::{
    self, Beginning, Bound, DevnetError, DevnetOptions, Finality, Listeners, Started, TEST_MNEMONIC, Tokens,
    Traffic,
};

/// Settings that `devnet` has flags for.
const FLAGS: [&str; 3] = ["data_dir", "listen", "admin_listen"];

/// Arguments of `devnet`.
#[derive(Debug, Args)]
#[command(args = flags::of_settings(&FLAGS), after_help = flags::TEMPORARY_FOLDER)]
pub(crate) struct DevnetArgs {
    /// Address for JSON-RPC
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:3030")]
    pub rpc_listen: SocketAddr,
    /// Address for REST
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:3001")]
    pub rest_listen: SocketAddr,
    /// What the chain is made of
    #[command(flatten)]
    pub chain: ChainArgs,
    /// Send this number of random transfers a second, from accounts of their own
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub traffic: u32,
}

/// Arguments of the chain of a devnet.
#[derive(Debug, Clone, Args)]
pub(crate) struct ChainArgs {
    /// Longest time from the first operation of a block to its sealing
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = parse_duration)]
    pub block_time: Duration,
    /// Sizes of blocks in chunks, ascending
    #[arg(long, value_name = "SIZES", default_value = "26,78,182", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..))]
    pub block_sizes: Vec<u16>,
    /// Number of funded accounts
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub accounts: u32,
    /// Balance of each funded account in each token, in whole tokens
    #[arg(long, value_name = "AMOUNT", default_value_t = 10_000)]
    pub balance: u64,
    /// File with the tokens [default: ETH, DAI, USDC and WBTC]
    #[arg(long, value_name = "FILE")]
    pub tokens: Option<PathBuf>,
    /// Number of sample provers; their proofs are not cryptographic
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub provers: u32,
    /// Time that a sample prover takes for a proof
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = parse_duration_or_zero)]
    pub prove_time: Duration,
    /// What makes a block final: its proof, its sealing, or a request
    #[arg(long, value_name = "EVENT", value_enum, default_value = "proof")]
    pub finality: Finality,
    /// Largest number of transactions that wait for their execution
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub mempool_limit: u32,
    /// Words that the keys of the funded accounts are derived from
    #[arg(long, value_name = "WORDS", default_value = TEST_MNEMONIC)]
    pub mnemonic: String,
    /// Chain folder or backup to continue, in an empty data folder
    #[arg(long, value_name = "PATH")]
    pub fork_from: Option<PathBuf>,
}

impl ChainArgs {
    /// Returns the options of the devnet.
    ///
    /// # Errors
    /// [`CliError::Usage`] if the tokens or the block sizes are not usable.
    pub(crate) fn options(&self) -> Result<DevnetOptions, CliError> {
        if !self.block_sizes.is_sorted_by(|a, b| a < b) {
            return Err(CliError::Usage("--block-sizes must ascend, such as 26,78,182".to_owned()));
        }
        // A full exit takes 11 chunks.
        if self.block_sizes.last().is_none_or(|size| *size < 11) {
            return Err(CliError::Usage("the largest of --block-sizes must be at least 11".to_owned()));
        }
        Ok(DevnetOptions {
            block_time: self.block_time,
            block_sizes: self.block_sizes.iter().map(|size| usize::from(*size)).collect(),
            accounts: self.accounts,
            balance: self.balance,
            mnemonic: self.mnemonic.clone(),
            tokens: self.tokens.as_deref().map_or_else(|| Ok(Tokens::default()), read_tokens)?,
            provers: self.provers,
            prove_time: self.prove_time,
            finality: self.finality,
            mempool_limit: self.mempool_limit as usize,
            fork_from: self.fork_from.clone(),
        })
    }
}

/// Returns the options of a devnet without any flag.
pub(crate) fn default_options() -> Result<DevnetOptions, CliError> {
    /// A command line of these arguments only.
    #[derive(Parser)]
    struct Defaults {
        #[command(flatten)]
        chain: ChainArgs,
    }
    let defaults =
        Defaults::try_parse_from(["devnet"]).map_err(|error| CliError::Usage(error.to_string()))?;
    defaults.chain.options()
}

fn read_tokens(file: &Path) -> Result<Tokens, CliError> {
    let unusable = |cause: &dyn std::fmt::Display| {
        CliError::Usage(format!("--tokens {} is not usable: {cause}", file.display()))
    };
    let text = fs::read_to_string(file).map_err(|error| unusable(&error))?;
    Tokens::from_toml(&text).map_err(|error| unusable(&error))
}

impl From<DevnetError> for CliError {
    fn from(error: DevnetError) -> Self {
        match error {
            DevnetError::Start(error) => error.into(),
            DevnetError::Store(error) => error.into(),
            DevnetError::Mnemonic(_) | DevnetError::Balance { .. } => Self::Usage(error.to_string()),
            DevnetError::OtherChain | DevnetError::NotEmpty => Self::DataFolder(error.to_string()),
            error => Self::Failed(error.to_string()),
        }
    }
}

/// Runs a devnet until a signal.
///
/// # Errors
/// Fails if it cannot start, or if a part of it fails.
pub(crate) fn run(args: &DevnetArgs, config: &Config) -> Result<(), CliError> {
    let options = args.chain.options()?;
    let mut config = config.clone();
    let data = DataFolder::choose(&mut config, "devnet")?;
    let runtime = runtime()?;
    let outcome = runtime.block_on(serve(args, &config, &data, options));
    runtime.shutdown_background();
    outcome
}

async fn serve(
    args: &DevnetArgs,
    config: &Config,
    data: &DataFolder,
    options: DevnetOptions,
) -> Result<(), CliError> {
    let mut signals = Signals::new()?;
    let bound = Bound::new(args.rpc_listen, args.rest_listen).await?;
    let funded: Vec<String> = options.tokens.all().iter().map(|token| token.symbol.clone()).collect();
    let started = devnet::start(config, &data.path, options).await?;
    let listeners = bound.serve(&started.devnet, config)?;
    let traffic = Traffic::start(&started.devnet, &args.chain.mnemonic, args.traffic);
    let outcome = async {
        announced(show_lines(&description(&started, &funded, &listeners, &args.chain, data)));
        announced(show("ready"));
        tokio::select! {
            () = signals.any() => Ok(()),
            reason = started.devnet.failed() => Err(CliError::Failed(reason)),
        }
    }
    .await;
    traffic.stop().await;
    listeners.stop().await;
    started.devnet.stop().await;
    outcome
}

/// Describes a started devnet; `funded` are the symbols of the tokens that its accounts hold. The
/// chain of a fork may have others.
fn description(
    started: &Started,
    funded: &[String],
    listeners: &Listeners,
    chain: &ChainArgs,
    data: &DataFolder,
) -> String {
    let tokens = started.devnet.tokens();
    let mut text = String::new();
    // Writing to a String cannot fail.
    let accounts = started.devnet.accounts();
    let _ = match started.beginning {
        Beginning::Continued => writeln!(text, "Accounts of the chain in this folder"),
        _ => writeln!(text, "Accounts, each with {} {}", chain.balance, funded.join(", ")),
    };
    for (index, account) in accounts.iter().enumerate() {
        let _ = writeln!(text, "  ({index}) {}", account.address);
    }
    let _ = writeln!(text, "Private keys");
    for (index, account) in accounts.iter().enumerate() {
        let _ = writeln!(text, "  ({index}) 0x{}", hex::encode(account.private_key));
    }
    let _ = writeln!(
        text,
        "WARNING: these keys are public. On a real network, funds of these accounts are stolen."
    );
    if accounts.len() < chain.accounts as usize {
        let _ = writeln!(
            text,
            "WARNING: this chain has {} of {} accounts of this mnemonic; --mnemonic and --accounts count at the first start.",
            accounts.len(),
            chain.accounts
        );
    }
    let _ = writeln!(text, "Tokens");
    for token in tokens.all() {
        let _ = writeln!(
            text,
            "  {:>4} {:<6} {} decimals, {}",
            token.id.0, token.symbol, token.decimals, token.address
        );
    }
    let exposed: Vec<String> = listeners.exposed().iter().map(ToString::to_string).collect();
    if !exposed.is_empty() {
        let _ = writeln!(
            text,
            "WARNING: other machines can reach {}, and use these keys.",
            exposed.join(" and ")
        );
    }
    let _ = writeln!(text, "JSON-RPC  {}", listeners.rpc_url());
    let _ = writeln!(text, "REST      {}/api/v0.2", listeners.rest_url());
    let _ = writeln!(text, "Provers   {}", started.server_url);
    let _ = writeln!(text, "Dashboard {0}/ and {0}/explorer", started.dashboard_url);
    let kept = if data.temporary.is_some() { ", removed at the end; keep one with --data-dir" } else { "" };
    let _ = writeln!(text, "Data      {}{kept}", data.path.display());
    text
}

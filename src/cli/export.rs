//! `export`: one stored item, byte for byte as it is served, or a bundle of a block.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::{CliError, Target, TargetArgs, client, folder, runtime, source::now_ms, write_output};
use crate::{
    api::paths,
    bundle::{self, ExportError},
    config::Config,
    store::{JobData, StoreError},
};

/// Arguments of `export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Where to read from
    #[command(flatten)]
    pub target: TargetArgs,
    /// File to write; it appears whole or not at all; - is standard output [default: standard output]
    #[arg(long, global = true, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// What to write
    #[command(subcommand)]
    pub item: Item,
}

/// What can be exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub enum Item {
    /// The witness (ProverData) of a block
    Witness {
        /// Block number
        block: u32,
    },
    /// The data of a job, as a prover gets it
    Job {
        /// Job id
        id: i32,
    },
    /// The proof of a block
    Proof {
        /// Block number
        block: u32,
    },
    /// The aggregated proof of a range of blocks
    AggregatedProof {
        /// First block number
        first: u32,
        /// Last block number
        last: u32,
    },
    /// A block and its account updates, as imported
    Block {
        /// Block number
        block: u32,
    },
    /// A block with all that its witness follows from, to attach to a bug report; `check bundle` replays it
    Bundle {
        /// Block number
        #[arg(long)]
        block: u32,
    },
}

impl Item {
    /// The route that serves the item.
    fn route(self) -> String {
        match self {
            Self::Witness { block } => paths::witness(block),
            Self::Job { id } => paths::job_data(id),
            Self::Proof { block } => paths::proof(block),
            Self::AggregatedProof { first, last } => paths::aggregated_proof(first, last),
            Self::Block { block } => paths::block(block),
            Self::Bundle { block } => paths::bundle(block),
        }
    }
}

impl Item {
    fn name(self) -> String {
        match self {
            Self::Witness { block } => format!("the witness of block {block}"),
            Self::Job { id } => format!("job {id}"),
            Self::Proof { block } => format!("the proof of block {block}"),
            Self::AggregatedProof { first, last } => {
                format!("the aggregated proof of blocks {first} to {last}")
            }
            Self::Block { block } => format!("block {block}"),
            Self::Bundle { block } => format!("the bundle of block {block}"),
        }
    }
}

/// Writes the item.
///
/// # Errors
/// See [`CliError`]; an item that is not there (yet) has an exit code of its own.
pub fn run(args: &ExportArgs, config: &Config) -> Result<(), CliError> {
    let bytes = match args.target.resolve(config)? {
        Target::Folder(folder) => from_folder(args.item, &folder, config)?,
        Target::Server(url) => {
            let client = client(config, &url)?;
            let answer = runtime()?.block_on(client.get(&args.item.route()))?;
            answer.success()?.to_vec()
        }
    };
    write_output(args.out.as_deref(), &bytes)
}

fn from_folder(item: Item, folder: &Path, config: &Config) -> Result<Vec<u8>, CliError> {
    let store = folder::open_existing(config, folder)?;
    let found = match item {
        Item::Witness { block } => {
            store.tree().witness(block)?.map(|witness| store.read_blob(&witness.body)).transpose()?
        }
        Item::Job { id } => {
            let data = u32::try_from(id).ok().map(|id| store.queue().job_data(id)).transpose()?.flatten();
            let whole = |data: JobData| {
                let body = store.read_blob(&data.body)?;
                Ok::<_, StoreError>([data.prefix, body, data.suffix].concat())
            };
            data.map(whole).transpose()?
        }
        Item::Proof { block } => store.queue().single_proof(block)?,
        Item::AggregatedProof { first, last } => store.queue().aggregated_proof(first, last)?,
        Item::Block { block } => store.chain().block_body(block)?,
        Item::Bundle { block } => {
            let bundle = bundle::export(&store, block, now_ms())?;
            Some(bundle.to_file().map_err(ExportError::from)?)
        }
    };
    found.ok_or_else(|| CliError::NotFound(format!("{} does not exist", item.name())))
}

impl From<ExportError> for CliError {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Store(error) => error.into(),
            ExportError::Tree(_) | ExportError::Witness(_) => Self::DataFolder(error.to_string()),
            ExportError::File(_) => Self::Failed(error.to_string()),
        }
    }
}

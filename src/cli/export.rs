//! `export`: writes one stored item with the same bytes as the server sends, or a bundle of a
//! block; or hands back to the node's database what it does not have.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::block_number::block_number;
use super::error::CliError;
use super::export_node::{self, BlockRange};
use super::output::{is_stream, occupied, write_output};
use super::view_source::{ViewSource, now_ms};
use super::{flags, node};
use crate::{
    api::paths,
    bundle::{self, ExportError},
    config::Config,
    store::{JobData, Store, StoreError},
};

/// Arguments of `export`.
#[derive(Debug, Args)]
#[command(args = flags::of_target().chain(flags::of_settings(&node::FLAGS).map(|flag| flag.global(true))))]
pub(crate) struct ExportArgs {
    /// File to write; it appears whole or not at all; - is standard output [default: standard
    /// output]
    #[arg(short, long, global = true, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Replace an existing file
    #[arg(short, long, global = true)]
    pub force: bool,
    /// What to write
    #[command(subcommand)]
    pub item: ExportItem,
}

/// What can be exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub(crate) enum ExportItem {
    /// One stored item, to a file or standard output.
    #[command(flatten)]
    Stored(StoredItem),
    /// The proofs that the database of --node does not have yet, written there
    Proofs {
        /// Only those of a block, or of a range such as 3-7
        #[arg(long, value_name = "A-B")]
        blocks: Option<BlockRange>,
    },
    /// Proofs, witnesses and jobs, written into the database of --node, so that the reference's
    /// prover server can take over; needs the --data-dir of a stopped server
    Everything,
}

/// A stored item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub(crate) enum StoredItem {
    /// The witness (ProverData) of a block
    Witness {
        /// Block number
        #[arg(value_parser = block_number)]
        block: u32,
    },
    /// The data of a job, as a prover receives it
    Job {
        /// Job id
        id: i32,
    },
    /// The proof of a block
    Proof {
        /// Block number
        #[arg(value_parser = block_number)]
        block: u32,
    },
    /// The aggregated proof of a range of blocks
    AggregatedProof {
        /// First block number
        #[arg(value_parser = block_number)]
        first: u32,
        /// Last block number
        #[arg(value_parser = block_number)]
        last: u32,
    },
    /// A block and its account updates, as imported
    Block {
        /// Block number
        #[arg(value_parser = block_number)]
        block: u32,
    },
    /// A block with everything that its witness depends on, to attach to a bug report; `check
    /// bundle` replays it
    Bundle(BundleArgs),
}

/// The block of a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct BundleArgs {
    /// Block number
    #[arg(value_name = "BLOCK", value_parser = block_number)]
    number: Option<u32>,
    /// Block number
    #[arg(long, hide = true, value_parser = block_number)]
    block: Option<u32>,
}

impl BundleArgs {
    fn block(self) -> u32 {
        self.number.or(self.block).unwrap_or_default()
    }
}

impl StoredItem {
    /// Returns the route that sends the item.
    fn route(self) -> String {
        match self {
            Self::Witness { block } => paths::witness(block),
            Self::Job { id } => paths::job_data(id),
            Self::Proof { block } => paths::proof(block),
            Self::AggregatedProof { first, last } => paths::aggregated_proof(first, last),
            Self::Block { block } => paths::block(block),
            Self::Bundle(bundle) => paths::bundle(bundle.block()),
        }
    }

    fn name(self) -> String {
        match self {
            Self::Witness { block } => format!("the witness of block {block}"),
            Self::Job { id } => format!("job {id}"),
            Self::Proof { block } => format!("the proof of block {block}"),
            Self::AggregatedProof { first, last } => {
                format!("the aggregated proof of blocks {first} to {last}")
            }
            Self::Block { block } => format!("block {block}"),
            Self::Bundle(bundle) => format!("the bundle of block {}", bundle.block()),
        }
    }
}

/// Writes the item.
///
/// # Errors
/// Fails if the target cannot be read, and with [`CliError::NotFound`] if the item does not exist
/// (yet).
pub(crate) fn run(args: &ExportArgs, config: &Config) -> Result<(), CliError> {
    let item = match args.item {
        ExportItem::Stored(item) => item,
        ExportItem::Proofs { blocks } => return export_node::proofs(blocks, config),
        ExportItem::Everything => return export_node::everything(config),
    };
    if let Some(path) = args.out.as_deref().filter(|path| !args.force && !is_stream(path) && path.exists()) {
        return Err(occupied(path));
    }
    let bytes = match ViewSource::open_to_export(config)? {
        ViewSource::Folder(store) => stored(item, &store)?,
        ViewSource::Server(server) => server.bytes(&item.route())?.into(),
    };
    write_output(args.out.as_deref(), args.force, &bytes)
}

fn stored(item: StoredItem, store: &Store) -> Result<Vec<u8>, CliError> {
    let found = match item {
        StoredItem::Witness { block } => {
            store.tree().witness(block)?.map(|witness| store.read_blob(&witness.blob)).transpose()?
        }
        StoredItem::Job { id } => {
            let data = u32::try_from(id).ok().map(|id| store.queue().job_data(id)).transpose()?.flatten();
            let whole = |data: JobData| {
                let body = store.read_blob(&data.blob)?;
                Ok::<_, StoreError>([data.prefix, body, data.suffix].concat())
            };
            data.map(whole).transpose()?
        }
        StoredItem::Proof { block } => store.queue().single_proof(block)?,
        StoredItem::AggregatedProof { first, last } => store.queue().aggregated_proof(first, last)?,
        StoredItem::Block { block } => store.chain().block_json(block)?,
        StoredItem::Bundle(args) => {
            let bundle = bundle::export(store, args.block(), now_ms())?;
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

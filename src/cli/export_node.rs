//! `export --node`: hands proofs back to the node's database, or everything that the reference's
//! prover server needs to take over.

use std::str::FromStr;

use super::error::CliError;
use super::node::link_options;
use super::output::show_lines;
use super::runtime::runtime;
use super::view_source::ViewSource;
use crate::{
    api::paths,
    api::views::{AggregateStatus, BlockPage, BlockView, Order},
    config::Config,
    domain::H256,
    node::{BlockRow, LinkError, ProverTables, QueueRow, RangeRow, Writer, Written},
    report,
    store::{Store, StoreError},
};

/// Blocks that are listed at a time, and proofs that are written together.
const PAGE: usize = 100;

/// A range of blocks: a number, or the first and the last one, as `3-7`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockRange {
    pub first: u32,
    pub last: u32,
}

impl FromStr for BlockRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        match (first.parse(), last.parse()) {
            (Ok(first @ 1..), Ok(last)) if first <= last => Ok(Self { first, last }),
            _ => Err("expected a block, such as 7, or a range, such as 3-7".to_owned()),
        }
    }
}

/// Hands back the proofs that the node's tables do not have yet.
///
/// # Errors
/// Fails if the target or the database cannot be read or written.
pub(crate) fn proofs(blocks: Option<BlockRange>, config: &Config) -> Result<(), CliError> {
    let options = link_options(config)?;
    let source = ViewSource::open_to_export(config)?;
    let runtime = runtime()?;
    let writer = runtime.block_on(Writer::open(&options))?;
    let outcomes = hand_back(&source, &runtime, &writer, blocks)?;
    show_lines(&outcomes.text())
}

/// Writes proofs, witnesses and jobs, so that the reference's prover server can take over.
///
/// # Errors
/// Fails if the folder or the database cannot be read or written.
pub(crate) fn everything(config: &Config) -> Result<(), CliError> {
    let options = link_options(config)?;
    let source = ViewSource::open_to_export(config)?;
    let ViewSource::Folder(store) = &source else {
        return Err(CliError::Usage(
            "a running server would continue its jobs: stop it, and give its folder with --data-dir"
                .to_owned(),
        ));
    };
    let runtime = runtime()?;
    let writer = runtime.block_on(Writer::open(&options))?;
    let tables = runtime.block_on(ProverTables::open(&options))?;
    let outcomes = hand_back(&source, &runtime, &writer, None)?;
    let witnesses = runtime.block_on(write_witnesses(store, &tables))?;
    let jobs = runtime.block_on(write_jobs(store, &tables))?;
    show_lines(&format!("{}\nwitnesses: {witnesses} written\njobs: {jobs} written", outcomes.text()))
}

/// Numbers of proofs by outcome.
#[derive(Debug, Default)]
struct Outcomes {
    new: u32,
    same: u32,
    other: u32,
    no_block: u32,
}

impl Outcomes {
    fn add(&mut self, written: Written) {
        *match written {
            Written::New => &mut self.new,
            Written::Same => &mut self.same,
            Written::Other => &mut self.other,
            Written::NoBlock => &mut self.no_block,
        } += 1;
    }

    fn text(&self) -> String {
        let Self { new, same, other, no_block } = self;
        format!(
            "proofs: {new} written, {same} were there, {other} of other servers stand, {no_block} of blocks that the node does not have"
        )
    }
}

fn hand_back(
    source: &ViewSource,
    runtime: &tokio::runtime::Runtime,
    writer: &Writer,
    blocks: Option<BlockRange>,
) -> Result<Outcomes, CliError> {
    let BlockRange { first, last } = blocks.unwrap_or(BlockRange { first: 1, last: u32::MAX });
    let mut outcomes = Outcomes::default();
    let mut after = first.saturating_sub(1);
    let mut commitments: Vec<(u32, [u8; 32])> = Vec::new();
    loop {
        let before = last.checked_add(1);
        let bound = before.map(|before| format!("&before={before}")).unwrap_or_default();
        let route = format!("{}?order=asc&limit={PAGE}&after={after}{bound}", paths::BLOCKS);
        let BlockPage { blocks, next } =
            source.read(&route, |store| report::blocks(store, Some(after), before, Order::Asc, PAGE))?;
        let mut rows = Vec::new();
        let mut ranges = Vec::new();
        for block in &blocks {
            let number = block.number;
            let commitment = commitment(block)?;
            commitments.push((number, commitment));
            if block.proof.is_some()
                && let Some(json) = source.proof(number)?
            {
                rows.push(BlockRow { block: number, commitment, json });
            }
            if let Some(range) = &block.aggregate
                && range.last == number
                && range.first >= first
                && range.status == AggregateStatus::Done
                && let Some(json) = source.aggregated_proof(range.first, number)?
            {
                commitments.retain(|(block, _)| *block >= range.first);
                let commitments = commitments.iter().map(|(_, commitment)| *commitment).collect();
                ranges.push(RangeRow { first: range.first, last: number, commitments, json });
            }
        }
        runtime.block_on(writer.write_blocks(&rows))?.into_iter().for_each(|written| outcomes.add(written));
        for range in &ranges {
            outcomes.add(runtime.block_on(writer.write_range(range))?);
        }
        match next {
            Some(next) => after = next,
            None => return Ok(outcomes),
        }
    }
}

fn commitment(block: &BlockView) -> Result<[u8; 32], CliError> {
    let parsed = serde_json::from_value::<H256>(block.commitment.as_str().into());
    parsed.map(|H256(commitment)| commitment).map_err(|error| {
        CliError::Failed(format!("the commitment of block {} is not usable: {error}", block.number))
    })
}

async fn write_witnesses(store: &Store, tables: &ProverTables) -> Result<u32, CliError> {
    let mut written = 0;
    for number in store.chain().base()?.saturating_add(1)..=store.tree().head()? {
        if let (Some(witness), Some(block)) = (store.tree().witness(number)?, store.chain().block(number)?) {
            let json = text(store.read_blob(&witness.blob)?)?;
            written += u32::from(tables.write_witness(number, &json, &block.commitment).await?);
        }
    }
    Ok(written)
}

async fn write_jobs(store: &Store, tables: &ProverTables) -> Result<u32, CliError> {
    let (mut written, mut after) = (0, Some(0));
    while let Some(from) = after {
        let (jobs, next) = store.queue().jobs(None, from, PAGE)?;
        after = next;
        for job in jobs {
            let commitment = |block| Ok(store.chain().block(block)?.map(|block| block.commitment));
            let commitments = (job.first..=job.last).map(commitment).collect::<Result<_, StoreError>>()?;
            // Blocks before the first one of the folder are unknown.
            let Some(commitments) = commitments else { continue };
            let data = store.queue().job_data(job.id)?;
            let whole =
                data.map(|data| text([data.prefix, store.read_blob(&data.blob)?, data.suffix].concat()));
            let row = QueueRow {
                job_type: job.job_type,
                status: job.status,
                first: job.first,
                last: job.last,
                holder: job.holder,
                created_at_ms: job.created_at_ms,
                updated_at_ms: job.updated_at_ms,
                data: whole.transpose()?,
                commitments,
            };
            written += u32::from(tables.write_job(&row).await?);
        }
    }
    Ok(written)
}

fn text(json: Vec<u8>) -> Result<String, StoreError> {
    String::from_utf8(json).map_err(|_| StoreError::corrupt("a stored JSON is not UTF-8"))
}

impl From<LinkError> for CliError {
    fn from(error: LinkError) -> Self {
        Self::Node(Box::new(error))
    }
}

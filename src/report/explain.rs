//! Explains in one paragraph why a block is not proven yet.

use super::{block::block, rejected::last_rejections};
use crate::{
    api::views::{Aggregate, AggregateStatus, BlockView, Explanation, Rejection, Stage},
    domain::{
        AggregatedAction, Quarantine,
        job::{JobStatus, JobType},
    },
    store::{JobRecord, Store, StoreError, WitnessFault},
};

/// Jobs ahead of a job are counted up to this number; beyond it the text says "more than".
const MAX_COUNTED: usize = 1_000;
/// What to do about a witness that cannot be built.
const FAULT_REMEDY: &str = "It is tried again at least every 10 s. If that does not help, stop the server: `witness-server doctor` names what is \
     damaged, and `doctor --repair` mends it or tells what to import again.";
/// Maximum number of blocks of a range that are searched for one without a proof.
const MAX_SEARCHED: usize = 1_000;

/// Explains what a block waits for at a time in milliseconds since 1970, imported or not.
pub(crate) fn explain(store: &Store, number: u32, now_ms: u64) -> Result<Explanation, StoreError> {
    let block = block(store, number)?;
    let text = match &block {
        None => not_imported(store, number)?,
        Some(block) => waits(store, block, now_ms)?,
    };
    Ok(Explanation { block: number, stage: block.map(|block| block.stage), text })
}

fn not_imported(store: &Store, number: u32) -> Result<String, StoreError> {
    let genesis = store.chain().genesis()?;
    if number == 0 && genesis.as_ref().is_none_or(|genesis| genesis.number == 0) {
        return Ok("Block 0 is the genesis, which needs no proof; the first block is block 1.".to_owned());
    }
    let Some(genesis) = genesis else {
        return Ok(format!(
            "Block {number} is not imported, and neither is a genesis: import the genesis first."
        ));
    };
    let base = genesis.number;
    if number <= base {
        return Ok(format!(
            "Block {number} is not in this folder, which began with the state after block {base}; its first block is block {}.",
            base.saturating_add(1)
        ));
    }
    let next = store.chain().head()?.saturating_add(1);
    let space = space(store, "Imports are refused");
    if next == number {
        return Ok(format!("Block {number} is not imported yet; it is the next one to be imported.{space}"));
    }
    Ok(format!("Block {number} is not imported yet; the next block to be imported is block {next}.{space}"))
}

fn waits(store: &Store, block: &BlockView, now_ms: u64) -> Result<String, StoreError> {
    let number = block.number;
    match block.stage {
        Stage::Quarantined => Ok(quarantined(number, block.quarantine.as_ref(), now_ms)),
        Stage::Imported => waits_for_witness(store, number),
        Stage::Witnessed => waits_for_job(store, number),
        Stage::Queued | Stage::Proving => {
            let subject = format!("The job of block {number}");
            match store.queue().job_about(JobType::Single, number, number)? {
                Some(job) => waits_for_proof(store, &subject, &job, now_ms),
                // The job was dropped meanwhile.
                None => waits_for_job(store, number),
            }
        }
        Stage::Proven => waits_for_aggregate(store, block, now_ms),
        Stage::Aggregated => waits_for_execution(store, block),
        Stage::Verified => Ok(format!(
            "Block {number} is verified: an ExecuteBlocks operation covers it. Nothing remains to be done."
        )),
    }
}

fn quarantined(number: u32, quarantine: Option<&Quarantine>, now_ms: u64) -> String {
    let (mut reason, mut since) = (String::new(), String::new());
    if let Some(Quarantine { reason: cause, operation, kind, at_ms }) = quarantine {
        let place = match (operation, kind) {
            (Some(index), Some(kind)) => format!(" (operation {index}, {kind})"),
            (Some(index), None) => format!(" (operation {index})"),
            _ => String::new(),
        };
        reason = format!(": {}{place}", cause.trim_end_matches('.'));
        since = format!(" for {}", span(now_ms.saturating_sub(*at_ms)));
    }
    format!(
        "Block {number} has been quarantined{since}{reason}. It gets no witness, and the blocks after it wait. Revert to block {} and import \
         the right block, or, once the cause is fixed, retry it with `witness-server blocks retry {number}` or a POST to /api/v1/blocks/{number}/retry.",
        number.saturating_sub(1)
    )
}

fn waits_for_witness(store: &Store, number: u32) -> Result<String, StoreError> {
    let witnessed = store.tree().head()?;
    let next = witnessed.saturating_add(1);
    if let Some(text) = published_elsewhere(store, number)? {
        return Ok(text);
    }
    if number <= witnessed {
        return Ok(format!(
            "Block {number} is imported and the account tree is past it, but its witness is not stored, so that it gets no job. Stop the server and \
             run `witness-server revert --to {}`, which keeps every block and takes the tree back to where the witness is built.",
            store.chain().head()?
        ));
    }
    if let Some((blocking, _)) =
        store.chain().quarantined_from(next, 1)?.into_iter().find(|(block, _)| *block < number)
    {
        return Ok(format!(
            "Block {number} is imported and waits behind block {blocking}, which is quarantined: the witness of a block needs the tree after all \
             blocks before it. `witness-server explain block {blocking}` tells the reason and what to do."
        ));
    }
    let space = space(store, "No witness is built");
    let fault = store.tree().fault.of(next);
    if number == next {
        if let Some(WitnessFault { cause, .. }) = fault {
            return Ok(format!(
                "Block {number} is imported, and its witness cannot be built: {}. {FAULT_REMEDY}",
                cause.trim_end_matches('.')
            ));
        }
        return Ok(format!("Block {number} is imported and its witness is the next one to be built.{space}"));
    }
    if fault.is_some() {
        return Ok(format!(
            "Block {number} is imported and waits behind block {next}, whose witness cannot be built. `witness-server explain block {next}` tells the \
             reason and what to do."
        ));
    }
    Ok(format!(
        "Block {number} is imported and waits for the witness of block {}; witnesses are stored up to block {witnessed}, so {} come before it.{space}",
        number.saturating_sub(1),
        counted(number.saturating_sub(next) as usize, "block")
    ))
}

fn waits_for_job(store: &Store, number: u32) -> Result<String, StoreError> {
    if let Some(text) = published_elsewhere(store, number)? {
        return Ok(text);
    }
    let last = store.queue().last_block_in_queue(JobType::Single)?;
    let space = space(store, "No job is created");
    if number > last {
        return Ok(format!(
            "Block {number} has its witness and gets its job as soon as the updater processes the new witnesses; the last block with a job is block \
             {last}.{space}"
        ));
    }
    Ok(format!(
        "Block {number} has its witness and no job: the job was dropped. {} creates it again, and so does a CreateProofBlocks operation that covers the block.{space}",
        retry(number)
    ))
}

/// Explains a block without a proof here whose proof is published.
fn published_elsewhere(store: &Store, number: u32) -> Result<Option<String>, StoreError> {
    let published = store.chain().last_block_of(AggregatedAction::PublishProofBlocksOnchain)?;
    Ok((number <= published).then(|| {
        format!(
            "The proof of block {number} is published on layer 1, so this server does not need to provide one. The block waits for an ExecuteBlocks \
             operation that covers it."
        )
    }))
}

fn retry(number: u32) -> String {
    format!("`witness-server blocks retry {number}` (POST /api/v1/blocks/{number}/retry)")
}

/// Explains what a job that is not done waits for.
fn waits_for_proof(store: &Store, subject: &str, job: &JobRecord, now_ms: u64) -> Result<String, StoreError> {
    let JobRecord { id, attempts, .. } = *job;
    let holder = holder_of(job);
    let text = match job.status {
        JobStatus::InProgress => {
            let since = match job.leased_since_ms {
                Some(since) => format!("for {}", span(now_ms.saturating_sub(since))),
                None => "since before the server started".to_owned(),
            };
            let heard = job.last_heartbeat_ms.unwrap_or(job.updated_at_ms);
            let ago = span(now_ms.saturating_sub(heard));
            format!(
                "{subject} (job {id}) has been leased to {holder} {since}, at attempt {attempts}; the last heartbeat was {ago} ago."
            )
        }
        JobStatus::Failed if store.queue().job_data(id)?.is_none() => {
            format!(
                "{subject} (job {id}) failed because its data is missing; `witness-server doctor` tells more."
            )
        }
        JobStatus::Failed => {
            let refused: u32 = job.refusals.iter().map(|(_, attempts)| attempts).sum();
            let attempts = attempts.saturating_add(refused);
            format!(
                "{subject} (job {id}) failed after {}, the last one by {holder}. It can be claimed again once it is requeued with \
                 `witness-server jobs requeue {id}` or a POST to /api/v1/jobs/{id}/requeue.",
                counted(attempts as usize, "attempt")
            )
        }
        JobStatus::Idle => waits_for_claim(store, subject, job, now_ms)?,
        JobStatus::Done => format!("{subject} (job {id}) is done."),
    };
    let text = format!("{text}{}", refusals(job));
    Ok(match last_rejections(store)?.get(&id) {
        Some(Rejection { reason, at_ms, .. }) => {
            let ago = span(now_ms.saturating_sub(*at_ms));
            format!("{text} A proof for it was rejected {ago} ago: {}.", reason.trim_end_matches('.'))
        }
        None => text,
    })
}

/// Explains why an idle job is not claimed.
fn waits_for_claim(store: &Store, subject: &str, job: &JobRecord, now_ms: u64) -> Result<String, StoreError> {
    let JobRecord { id, attempts, .. } = *job;
    let holder = holder_of(job);
    Ok(match job.waits_ms {
        Some(left) if let Some(error) = unreadable(store, id)? => format!(
            "{subject} (job {id}) cannot be claimed because its data cannot be read: {error}; the next attempt is in {}.",
            span(left)
        ),
        Some(left) => format!(
            "{subject} (job {id}) lost its lease at attempt {attempts}, held by {holder}, and can be claimed again in {}.",
            span(left)
        ),
        None => {
            let before = store.queue().idle_before(job, MAX_COUNTED)?;
            let place = match before {
                0 => "is the next one to be claimed".to_owned(),
                MAX_COUNTED.. => format!("is queued behind at least {MAX_COUNTED} jobs"),
                _ => format!("is queued behind {}", counted(before, "job")),
            };
            let again = match attempts {
                0 => String::new(),
                _ => format!(
                    " It was claimed {} before, last by {holder}.",
                    counted(attempts as usize, "time")
                ),
            };
            let space = space(store, "Jobs cannot be claimed");
            let withheld = withheld(store, now_ms)?;
            format!("{subject} (job {id}) {place}; it waits for a prover.{again}{withheld}{space}")
        }
    })
}

/// Returns the name of the current or last holder.
fn holder_of(job: &JobRecord) -> &str {
    job.holder.as_deref().unwrap_or("a prover without a name")
}

/// Returns a further sentence about the provers whose proofs were refused.
fn refusals(job: &JobRecord) -> String {
    if job.refusals.is_empty() || job.status == JobStatus::Done {
        return String::new();
    }
    let of = |(prover, attempts): &(String, u32)| match attempts {
        1 => prover.clone(),
        _ => format!("{prover} ({attempts} times)"),
    };
    let provers: Vec<String> = job.refusals.iter().map(of).collect();
    format!(" Proofs of these provers for it were refused: {}.", provers.join(", "))
}

/// Returns a further sentence about paused claims, and about suspended and blocked provers.
fn withheld(store: &Store, now_ms: u64) -> Result<String, StoreError> {
    if let Some(since_ms) = store.queue().paused_at_ms()? {
        let ago = span(now_ms.saturating_sub(since_ms));
        return Ok(format!(
            " Claims have been paused for {ago}: no prover gets a job until `witness-server jobs resume` (POST /api/v1/jobs/resume)."
        ));
    }
    let (suspended, blocked) = store.queue().withheld_provers();
    let mut text = String::new();
    for (number, what) in [(suspended, "suspended after refused proofs"), (blocked, "blocked by an operator")]
    {
        if number > 0 {
            let provers = counted(usize::try_from(number).unwrap_or(usize::MAX), "prover");
            let verb = if number == 1 { "is" } else { "are" };
            text.push_str(&format!(
                " {provers} {verb} {what} and {} no job.",
                if number == 1 { "gets" } else { "get" }
            ));
        }
    }
    Ok(text)
}

/// Returns the reason why the data of a job cannot be read, if it cannot.
fn unreadable(store: &Store, job: u32) -> Result<Option<String>, StoreError> {
    let Some(data) = store.queue().job_data(job)? else { return Ok(None) };
    let error = store.open_blob(&data.blob).err();
    Ok(error.map(|error| error.to_string().trim_end_matches('.').to_owned()))
}

fn waits_for_aggregate(store: &Store, block: &BlockView, now_ms: u64) -> Result<String, StoreError> {
    let number = block.number;
    let prover = block.proof.as_ref().and_then(|proof| proof.prover.as_deref());
    let proven = match prover {
        Some(prover) => format!("Block {number} is proven, by {prover}."),
        None => format!("Block {number} is proven."),
    };
    let Some(Aggregate { first, last, status, .. }) = &block.aggregate else {
        return Ok(format!(
            "{proven} It waits for a CreateProofBlocks operation that covers it, which is imported, or created by the server if it runs with `aggregate`.{}",
            unproven_before(store, number)?
        ));
    };
    if *status != AggregateStatus::Waiting
        && let Some(job) = store.queue().job_about(JobType::Aggregated, *first, *last)?
    {
        let subject = format!("The aggregate of the blocks {first} to {last}");
        return Ok(format!(
            "{proven} It waits for its aggregate. {}",
            waits_for_proof(store, &subject, &job, now_ms)?
        ));
    }
    let before = store.queue().last_block_in_queue(JobType::Aggregated)?;
    let waits = format!("{proven} It waits for the aggregate of the blocks {first} to {last}");
    let create = AggregatedAction::CreateProofBlocks;
    let (missing, missing_last) = store.chain().missing_range(create)?;
    if *first > missing {
        let missing_last = missing_last.unwrap_or(first.saturating_sub(1));
        return Ok(format!(
            "{waits}, which comes after the blocks {missing} to {missing_last}: no CreateProofBlocks operation covers those. Aggregation continues \
             once one is imported."
        ));
    }
    // Aggregates get their jobs in order.
    let from = if *last <= before { *first } else { before.saturating_add(1).min(*first) };
    for other in (from..=*last).take(MAX_SEARCHED) {
        if store.queue().has_single_proof(other)? {
            continue;
        }
        let earlier = match store.chain().aggregated_operation_covering(create, other)? {
            Some(range) if other < *first => {
                format!(", which comes after that of the blocks {} to {}", range.first, range.last)
            }
            _ => String::new(),
        };
        return Ok(format!(
            "{waits}{earlier}, which waits for the proof of block {other}. `witness-server explain block {other}` tells the reason."
        ));
    }
    if *last <= before {
        return Ok(format!(
            "{proven} It waits for the aggregate of the blocks {first} to {last}, whose job was dropped. {} creates it again.",
            retry(number)
        ));
    }
    Ok(format!(
        "{proven} It waits for the aggregate of the blocks {first} to {last}, which gets its job as soon as the updater processes the new proofs; the \
         last block of an aggregated job is block {before}.{}",
        space(store, "No job is created")
    ))
}

/// Returns a further sentence if a block that is to be aggregated before this one is not proven.
fn unproven_before(store: &Store, number: u32) -> Result<String, StoreError> {
    let created = store.chain().last_block_of(AggregatedAction::CreateProofBlocks)?;
    let first = created.max(store.chain().base()?).saturating_add(1);
    for other in (first..number).take(MAX_SEARCHED) {
        if store.queue().has_single_proof(other)? {
            continue;
        }
        let dropped = store.tree().witness(other)?.is_some()
            && store.queue().job_about(JobType::Single, other, other)?.is_none();
        let why = match dropped {
            true => format!(": its job was dropped, {} creates it again", retry(other)),
            false => String::new(),
        };
        return Ok(format!(" Block {other} is to be aggregated before it, and is not proven{why}."));
    }
    Ok(String::new())
}

fn waits_for_execution(store: &Store, block: &BlockView) -> Result<String, StoreError> {
    let number = block.number;
    let range = match &block.aggregate {
        Some(Aggregate { first, last, .. }) => {
            format!("The aggregated proof of the blocks {first} to {last} is stored.")
        }
        None => "Its aggregated proof is stored.".to_owned(),
    };
    let published = store
        .chain()
        .aggregated_operation_covering(AggregatedAction::PublishProofBlocksOnchain, number)?
        .is_some();
    let left = if published {
        "it is published, and waits for an ExecuteBlocks operation, which is imported once layer 1 has it"
    } else {
        "it waits for its PublishProofBlocksOnchain and ExecuteBlocks operations, which are imported once layer 1 has them"
    };
    Ok(format!("Block {number} is proven and aggregated: {left}. {range}"))
}

/// Returns a further sentence if free space is below the floor.
fn space(store: &Store, what: &str) -> String {
    match store.check_space() {
        Ok(()) => String::new(),
        Err(error) => format!(" {what}, because {}.", error.to_string().trim_end_matches('.')),
    }
}

/// Formats a number with its noun: `1 job`, `2 jobs`.
fn counted(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// Formats a span of time for people.
fn span(ms: u64) -> String {
    match ms {
        0..10_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        10_000..120_000 => format!("{} s", ms / 1_000),
        120_000..7_200_000 => format!("{} min", ms / 60_000),
        7_200_000..172_800_000 => format!("{} h", ms / 3_600_000),
        _ => format!("{} days", ms / 86_400_000),
    }
}

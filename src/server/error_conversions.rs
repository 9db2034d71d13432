//! Errors of the store and the workers as error responses.

use super::error::ApiError;
use crate::{
    api::views::wire_id,
    bundle::ExportError,
    store::{PublishError, StoreError},
    workers::{ImportError, PublishRefused, TooManyWaiting, UpdateError},
};

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::OutOfOrder { expected, got } => Self::BlockOutOfOrder { expected, got },
            StoreError::Different { what } => Self::Conflict { what },
            StoreError::Conflict { .. } => Self::Overlap(error.to_string()),
            StoreError::NotFound { what } => Self::NotFound { what },
            StoreError::TooLarge { .. } => Self::BadParameter(error.to_string()),
            StoreError::DiskFull => Self::DiskFull,
            StoreError::InsufficientStorage { free, floor } => Self::InsufficientStorage { free, floor },
            StoreError::Interrupted
            | StoreError::Closed { .. }
            | StoreError::ReadViewEnded
            | StoreError::Moved { .. } => Self::Unavailable { reason: error.to_string() },
            StoreError::Locked { .. }
            | StoreError::Format { .. }
            | StoreError::Folder { .. }
            | StoreError::Corrupt { .. }
            | StoreError::UnfinishedRestore { .. }
            | StoreError::Unsteady { .. }
            | StoreError::Io { .. }
            | StoreError::Kv(_)
            | StoreError::MissingProof { .. }
            | StoreError::History { .. }
            | StoreError::WitnessHistory { .. } => Self::storage(error),
        }
    }
}

impl From<ExportError> for ApiError {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Store(error) => error.into(),
            ExportError::File(error) => Self::BadParameter(error.to_string()),
            ExportError::Tree(_) | ExportError::Witness(_) => Self::storage(error),
        }
    }
}

impl From<ImportError> for ApiError {
    fn from(error: ImportError) -> Self {
        let refused = |what: String, reason: String| Self::ImportRefused { what, reason };
        match error {
            ImportError::Json { source, .. } => Self::bad_json(&source),
            ImportError::GitLfsPointer => Self::BadJson { cause: error.to_string() },
            ImportError::NoGenesis => Self::NoGenesis,
            ImportError::Store(error) | ImportError::Updates { source: UpdateError::Store(error), .. } => {
                error.into()
            }
            ImportError::Block(error) if error.is_permanent() => {
                let operation = error.operation.map(|(index, kind)| format!("operation {index} ({kind}): "));
                refused(
                    format!("block {}", error.block),
                    format!("{}{}", operation.unwrap_or_default(), error.cause),
                )
            }
            ImportError::Block(error) => Self::storage(error),
            ImportError::Updates { block, source } => refused(format!("block {block}"), source.to_string()),
            ImportError::GenesisAmount { .. }
            | ImportError::GenesisAccount(_)
            | ImportError::OtherRoot { .. }
            | ImportError::Accounts(_) => refused("the genesis".to_owned(), error.to_string()),
            ImportError::Gap { .. } => Self::OperationOutOfOrder(error.to_string()),
            ImportError::NotARun | ImportError::OtherBlock(_) | ImportError::OtherContent(_) => {
                refused("the aggregated operation".to_owned(), error.to_string())
            }
            ImportError::Tree(error) => Self::storage(error),
        }
    }
}

impl From<PublishRefused> for ApiError {
    fn from(refused: PublishRefused) -> Self {
        let reason = refused.to_string();
        match refused {
            PublishRefused::Queue(PublishError::UnknownJob(id)) => Self::UnknownJob { job_id: wire_id(id) },
            PublishRefused::Queue(PublishError::Duplicate { first, last }) => {
                Self::DuplicateKey { what: format!("the proof of blocks {first} to {last}") }
            }
            PublishRefused::Queue(PublishError::WrongType { .. } | PublishError::WrongRange { .. })
            | PublishRefused::Malformed(_)
            | PublishRefused::NotJson(_)
            | PublishRefused::PublicInput { .. } => Self::ProofRefused { reason },
            PublishRefused::NotVerified(_) => Self::ProofInvalid { reason },
            PublishRefused::Queue(PublishError::Store(error)) | PublishRefused::Store(error) => error.into(),
        }
    }
}

impl From<TooManyWaiting> for ApiError {
    fn from(refused: TooManyWaiting) -> Self {
        Self::Unavailable { reason: refused.to_string() }
    }
}

//! The private items that tests, benchmarks and fuzz targets of this repository use. Not stable.

#![allow(missing_docs)]

pub mod bundle {
    pub use crate::bundle::Check;
    pub use crate::bundle::Outcome;
    pub use crate::bundle::check;
    pub use crate::bundle::export;
}
pub mod cli {
    pub use crate::cli::Cli;
}
pub mod clock {
    pub use crate::clock::ManualClock;
}
pub mod crypto {
    pub use crate::crypto::Fr;
    pub mod ethereum {
        pub use crate::crypto::ethereum::EthereumKey;
    }
    pub mod fr {
        pub use crate::crypto::fr::from_hex;
        pub use crate::crypto::fr::from_u64;
        pub use crate::crypto::fr::to_bytes;
    }
    pub mod rescue {
        pub use crate::crypto::rescue::Engine;
        pub use crate::crypto::rescue::PERMUTATIONS;
        pub use crate::crypto::rescue::State;
        pub use crate::crypto::rescue::engine;
        pub use crate::crypto::rescue::force_engine;
        pub use crate::crypto::rescue::is_available;
        pub use crate::crypto::rescue::permute_batch_by;
    }
    pub mod signature {
        pub use crate::crypto::signature::Claim;
        pub use crate::crypto::signature::PrivateKey;
        pub use crate::crypto::signature::forget_keys;
        pub use crate::crypto::signature::verify_batch;
    }
}
pub mod devnet {
    pub use crate::devnet::RequestSigner;
}
pub mod domain {
    pub use crate::domain::AccountMap;
    pub use crate::domain::AccountUpdate;
    pub use crate::domain::AggregatedAction;
    pub use crate::domain::AggregatedOperation;
    pub use crate::domain::AggregatedProof;
    pub use crate::domain::AggregatedProofParts;
    pub use crate::domain::Block;
    pub use crate::domain::BlockNumber;
    pub use crate::domain::CHUNK_BYTES;
    pub use crate::domain::EncodedAggregatedProof;
    pub use crate::domain::ExecutedOperations;
    pub use crate::domain::H256;
    pub use crate::domain::ImportedBlock;
    pub use crate::domain::JobResultData;
    pub use crate::domain::ProverInputRequest;
    pub use crate::domain::ProverInputRequestAuxData;
    pub use crate::domain::ProverInputResponse;
    pub use crate::domain::ProverOutputRequest;
    pub use crate::domain::ProverStopped;
    pub use crate::domain::Quarantine;
    pub use crate::domain::RequiredReplicasInput;
    pub use crate::domain::RequiredReplicasOutput;
    pub use crate::domain::SingleProof;
    pub use crate::domain::SingleProofParts;
    pub use crate::domain::TxHash;
    pub use crate::domain::WorkingOn;
    pub use crate::domain::public_input;
    pub use crate::domain::sample_aggregated_proof;
    pub use crate::domain::sample_single_proof;
    pub use crate::domain::to_u128;
    pub mod job {
        pub use crate::domain::job::JobStatus;
        pub use crate::domain::job::JobType;
    }
}
pub mod metrics {
    pub use crate::metrics::Metrics;
}
pub mod server {
    pub use crate::server::ApiError;
    pub use crate::server::Explorer;
    pub use crate::server::Limits;
    pub use crate::server::ListenLimits;
    pub use crate::server::Monitor;
    pub use crate::server::admin_router;
    pub use crate::server::bind;
    pub use crate::server::main_router;
    pub use crate::server::require_token;
    pub use crate::server::serve;
}
pub mod store {
    pub use crate::store::AccountChange;
    pub use crate::store::AccountState;
    pub use crate::store::AddOutcome;
    pub use crate::store::BlobKind;
    pub use crate::store::BlobLabel;
    pub use crate::store::BlobRef;
    pub use crate::store::ClaimedJob;
    pub use crate::store::Finding;
    pub use crate::store::GenesisEnd;
    pub use crate::store::Inspection;
    pub use crate::store::JobRecord;
    pub use crate::store::ManualSpace;
    pub use crate::store::NewBlock;
    pub use crate::store::NewProof;
    pub use crate::store::Preference;
    pub use crate::store::Sender;
    pub use crate::store::Severity;
    pub use crate::store::Store;
    pub use crate::store::StoreBytes;
    pub use crate::store::StoreError;
    pub use crate::store::StoreOptions;
    pub use crate::store::WitnessCommit;
    pub use crate::store::wait_until_closed;
}
pub mod tree {
    pub use crate::tree::AccountHeader;
    pub use crate::tree::AccountTree;
    pub use crate::tree::ChangeSet;
    pub use crate::tree::LeafUpdate;
    pub use crate::tree::MemoryTree;
    pub use crate::tree::TreeId;
    pub use crate::tree::TreeView;
    pub mod build {
        pub use crate::tree::build::InitialAccount;
        pub use crate::tree::build::TreeBuilder;
    }
    pub mod record {
        pub use crate::tree::record::ROOTS;
        pub use crate::tree::record::decode_account;
        pub use crate::tree::record::decode_balance;
        pub use crate::tree::record::leaf_index;
        pub use crate::tree::record::leaf_range;
    }
    pub mod source {
        pub use crate::tree::source::Change;
        pub use crate::tree::source::ChangeSet;
        pub use crate::tree::source::Entry;
    }
}
pub mod witness {
    pub use crate::witness::Cause;
    pub use crate::witness::Plan;
    pub use crate::witness::Planner;
    pub use crate::witness::ProverData;
    pub use crate::witness::WitnessError;
    pub use crate::witness::check_signatures;
    pub use crate::witness::checked_forms;
    pub use crate::witness::hash;
    pub use crate::witness::hash_run;
    pub use crate::witness::plan;
    pub mod prover_data {
        pub use crate::witness::prover_data::Element;
        pub use crate::witness::prover_data::OperationBranch;
    }
}
pub mod workers {
    pub use crate::workers::CheckedProof;
    pub use crate::workers::Imported;
    pub use crate::workers::MAX_WAITING;
    pub use crate::workers::Node;
    pub use crate::workers::NodeOptions;
    pub use crate::workers::PublishRefused;
    pub use crate::workers::TreeState;
    pub mod doctor {
        pub use crate::workers::doctor::RepairError;
        pub use crate::workers::doctor::check;
        pub use crate::workers::doctor::repair;
    }
    pub mod import {
        pub use crate::workers::import::block;
        pub use crate::workers::import::genesis;
    }
}

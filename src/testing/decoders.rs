//! Every decoder of bytes from outside or from disk, each as a function that panics if the decoder
//! is wrong.
//!
//! The same functions run under the fuzzer (`fuzz/`) and under proptest
//! (`tests/it/decoders_do_not_panic.rs`). Each also checks a round trip: a value that is written
//! and read again is the same, and if only one encoding is allowed, writing it returns the bytes
//! that were read.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::LazyLock;

use axum::http::{HeaderMap, HeaderValue, header};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::api::problems::Problem;
use crate::api::tokens::Authenticator;
use crate::chain_folder;
use crate::config::{Config, Secret};
use crate::crypto::fr;
use crate::devnet::decoders as devnet;
use crate::domain::{
    AccountMap, AccountUpdates, AggregatedOperation, AggregatedProof, CHUNK_BYTES, ImportedBlock,
    ProverInputRequest, ProverInputResponse, ProverOutputRequest, ProverStopped, RequiredReplicasInput,
    RequiredReplicasOutput, SingleProof, WorkingOn, to_u128,
};
use crate::server::http::content_encoding::Coding;
use crate::store::decoders as stored;
use crate::tree::{AccountHeader, record};
use crate::witness::{State, StateError, assemble, check_signatures, checked_forms, plan};

/// Reads bytes; panics if the decoder is wrong, not if the bytes are.
pub type Decoder = fn(&[u8]);

/// All decoders, by the name of their fuzz target.
pub const DECODERS: &[(&str, Decoder)] = &[
    ("account_updates", account_updates),
    ("aggregated_operation", aggregated_operation),
    ("backup", backup),
    ("block", block),
    ("body", stored::body),
    ("bundle", bundle),
    ("chain_file", chain_file),
    ("config", config),
    ("devnet_rest", devnet::rest),
    ("devnet_rpc", devnet::rpc),
    ("headers", headers),
    ("journal", stored::journal),
    ("plan", plan_of_a_block),
    ("proof", proof),
    ("prover_messages", prover_messages),
    ("store_records", store_records),
    ("token", token),
];

/// The secret with which tokens are signed.
pub const SECRET: &str = "the secret of the tests of decoders";

/// Longest chain file, in bytes: short enough that reaching it is cheap.
const CHAIN_FILE_LIMIT: u64 = 1 << 20;

/// Checks that JSON of a type is the same after it was written, read and written again.
fn json<T: DeserializeOwned + Serialize + PartialEq + Debug>(bytes: &[u8]) -> Option<T> {
    let read: T = serde_json::from_slice(bytes).ok()?;
    let written = serde_json::to_vec(&read).expect("what was read can be written");
    let again: T = serde_json::from_slice(&written).expect("what was written can be read");
    assert_eq!(again, read);
    // The hash of this form identifies a block.
    assert_eq!(serde_json::to_vec(&again).expect("as before"), written);
    Some(read)
}

/// `{"block":…,"accounts_updated":…}`, with everything that can be computed from the block alone.
fn block(bytes: &[u8]) {
    let Some(ImportedBlock { block, .. }) = json::<ImportedBlock>(bytes) else { return };
    block.compute_gas_limits();
    let data = block.public_data();
    if let Ok(data) = data {
        assert!(block.onchain_op_commitment().is_ok());
        assert_eq!(data.len(), block.block_chunks_size * CHUNK_BYTES);
        assert!(block.compute_commitment(&fr::from_u64(1)).is_ok());
    }
    for executed in &block.block_transactions {
        checked_forms(executed);
        let Some(op) = executed.op() else { continue };
        op.fee();
        if let Ok(data) = op.public_data() {
            assert!(data.len().is_multiple_of(CHUNK_BYTES));
        }
    }
}

/// `{"genesis":…,"imported":…}`: the accounts before a block, and the block. Runs all checks of an
/// import, including signatures.
fn plan_of_a_block(bytes: &[u8]) {
    #[derive(Deserialize)]
    struct Input {
        genesis: AccountMap,
        imported: ImportedBlock,
    }
    let Ok(Input { genesis, imported: ImportedBlock { block, .. } }) = serde_json::from_slice(bytes) else {
        return;
    };
    let signatures = check_signatures(&block);
    let _ = assemble::check_commitment(&block, &fr::from_u64(1));
    let Ok(plan) = plan(&block, &signatures, &Accounts::of(&genesis)) else { return };
    let mut chunks = plan.padding;
    for op in &plan.operations {
        chunks += op.chunks.len();
        assert_eq!(op.public_data.len(), op.chunks.len() * CHUNK_BYTES);
        assert!(op.chunks.iter().all(|chunk| chunk.signature < op.signatures.len()));
        assert!(op.chunks.iter().all(|chunk| chunk.root <= plan.operated));
    }
    assert_eq!(chunks, block.block_chunks_size);
    assert!(plan.updates.is_sorted_by_key(|update| update.version));
    assert!(plan.updates.iter().all(|update| (1..=plan.last).contains(&update.version)));
    assert!(plan.operated < plan.last && !plan.reads().is_empty());
}

/// Accounts of a genesis as the state before a plan.
struct Accounts(BTreeMap<u32, (AccountHeader, BTreeMap<u32, u128>)>);

impl Accounts {
    fn of(genesis: &AccountMap) -> Self {
        let account = |account: &crate::domain::Account| {
            let header = AccountHeader {
                nonce: account.nonce.0,
                pub_key_hash: account.pub_key_hash.0,
                address: account.address.0,
            };
            let balances = account.balances.iter().filter_map(|(t, b)| Some((t.0, to_u128(b).ok()?)));
            (header, balances.filter(|(_, balance)| *balance != 0).collect())
        };
        Self(genesis.iter().map(|(id, initial)| (id.0, account(initial))).collect())
    }
}

impl State for Accounts {
    fn account(&self, account: u32) -> Result<Option<AccountHeader>, StateError> {
        Ok(self
            .0
            .get(&account)
            .map(|(header, _)| *header)
            .filter(|header| *header != AccountHeader::default()))
    }
    fn balance(&self, account: u32, token: u32) -> Result<u128, StateError> {
        Ok(self.0.get(&account).and_then(|(_, balances)| balances.get(&token)).copied().unwrap_or(0))
    }
    fn balances(&self, account: u32, tokens: u32) -> Result<Vec<(u32, u128)>, StateError> {
        let balances = self.0.get(&account).map(|(_, balances)| balances.range(..tokens));
        Ok(balances.into_iter().flatten().map(|(token, balance)| (*token, *balance)).collect())
    }
}

/// Account updates, and the accounts of a genesis.
fn account_updates(bytes: &[u8]) {
    json::<AccountMap>(bytes);
    json::<AccountUpdates>(bytes);
}

fn aggregated_operation(bytes: &[u8]) {
    let Some(operation) = json::<AggregatedOperation>(bytes) else { return };
    let (first, last) = operation.block_range();
    assert_eq!(operation.blocks().first().map_or(0, |block| block.block_number.0), first.0);
    assert_eq!(operation.blocks().last().map_or(0, |block| block.block_number.0), last.0);
}

/// Messages of provers, and answers that clients read.
fn prover_messages(bytes: &[u8]) {
    json::<ProverInputRequest>(bytes);
    json::<WorkingOn>(bytes);
    json::<ProverStopped>(bytes);
    json::<RequiredReplicasInput>(bytes);
    json::<RequiredReplicasOutput>(bytes);
    json::<Problem>(bytes);
    json::<ProverOutputRequest>(bytes);
    if let Ok(job) = serde_json::from_slice::<ProverInputResponse>(bytes) {
        let written = serde_json::to_vec(&job).expect("what was read can be written");
        let again: ProverInputResponse = serde_json::from_slice(&written).expect("and read");
        assert_eq!(serde_json::to_vec(&again).expect("as before"), written);
    }
}

/// A single proof after an even first byte, an aggregated one after an odd byte. Each proof has one
/// encoding.
fn proof(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    if kind % 2 == 0 {
        let proof = SingleProof(bytes.to_vec());
        let Ok(parts) = proof.parse() else {
            assert!(proof.validate().is_err());
            return;
        };
        assert_eq!(SingleProof::from(&parts), proof);
        if proof.validate().is_ok() {
            assert_eq!(bytes.len(), 1144);
        }
    } else {
        let proof = AggregatedProof {
            proof: bytes.to_vec(),
            individual_vk_inputs: Vec::new(),
            individual_vk_idxs: Vec::new(),
            aggr_limbs: vec![fr::from_u64(0); 16],
        };
        let Ok(parts) = proof.parse() else {
            assert!(proof.validate().is_err() && proof.encode().is_err());
            return;
        };
        assert_eq!(parts.to_bytes(), bytes);
        let words = proof.encode().expect("a proof that was read");
        if proof.validate().is_ok() {
            assert_eq!(words.proof.len(), 34);
        }
    }
}

/// Records of the kv and of the account tree, each of which has one encoding.
fn store_records(bytes: &[u8]) {
    stored::records(bytes);
    if let Ok(leaf) = record::decode_account(bytes) {
        assert_eq!(record::encode_account(&leaf), bytes);
    }
    if let Ok(pair) = record::decode_pair(bytes) {
        assert_eq!(record::encode_pair(&pair), bytes);
    }
    let _ = (record::decode_balance(bytes), record::leaf_index(bytes));
}

/// Headers that the server parses, one a line: a credential, then accepted encodings.
fn headers(bytes: &[u8]) {
    let mut headers = HeaderMap::new();
    for (name, line) in [header::AUTHORIZATION, header::ACCEPT_ENCODING, header::ACCEPT_ENCODING]
        .into_iter()
        .zip(bytes.split(|byte| *byte == b'\n'))
    {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(name, value);
        }
    }
    let _ = AUTHENTICATOR.verify_headers(&headers);
    let chosen = Coding::choose(&headers, 1 << 20);
    assert!(headers.contains_key(header::ACCEPT_ENCODING) || chosen == Coding::Identity);
}

static AUTHENTICATOR: LazyLock<Authenticator> =
    LazyLock::new(|| Authenticator::new(&Secret::new(SECRET).expect("not empty")));

/// A header and claims as JSON with a line feed between, which are signed with the right secret:
/// accepted ones have HS256 and a subject, and have not expired. Without a line feed, a raw token.
fn token(bytes: &[u8]) {
    let now = DateTime::from_timestamp(1_700_000_000, 0).expect("a time");
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = AUTHENTICATOR.verify_at(text, now);
    }
    let Some(at) = bytes.iter().position(|byte| *byte == b'\n') else { return };
    let (head, claims) = (&bytes[..at], &bytes[at + 1..]);
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(head), URL_SAFE_NO_PAD.encode(claims));
    let signature = hmac(SECRET.as_bytes(), message.as_bytes());
    let accepted = |signature: &[u8], now: DateTime<Utc>| {
        AUTHENTICATOR.verify_at(&format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)), now)
    };
    let Ok(subject) = accepted(&signature, now) else { return };
    let parsed = |bytes| serde_json::from_slice::<Value>(bytes).expect("an accepted token is JSON");
    assert_eq!(parsed(head)["alg"], "HS256");
    let claims = parsed(claims);
    assert_eq!(claims["sub"], subject.as_str());
    assert!(claims["exp"].as_f64().is_some_and(|expires| expires >= now.timestamp() as f64 - 120.0));
    assert!(claims["nbf"].as_f64().is_none_or(|begins| begins <= now.timestamp() as f64 + 120.0));
    // Any other signature is refused.
    for bit in [0, 100, 255] {
        let mut other = signature;
        other[bit / 8] ^= 1 << (bit % 8);
        assert!(accepted(&other, now).is_err());
    }
    assert!(accepted(&signature[..31], now).is_err() && accepted(&[], now).is_err());
}

/// Returns HMAC-SHA-256 (RFC 2104) with a key of at most one block.
pub(super) fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut padded = [0; 64];
    padded[..key.len()].copy_from_slice(key);
    let inner = Sha256::new().chain_update(padded.map(|byte| byte ^ 0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(padded.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize().into()
}

/// The first byte selects the compression, the rest is the file.
fn chain_file(bytes: &[u8]) {
    let Some((kind, content)) = bytes.split_first() else { return };
    let name = ["1.json", "1.json.gz", "1.json.zst"][usize::from(*kind) % 3];
    if let Ok(json) = chain_folder::read_as(name, content, CHAIN_FILE_LIMIT) {
        assert!(json.len() as u64 <= CHAIN_FILE_LIMIT);
        serde_json::from_slice::<serde::de::IgnoredAny>(&json).expect("only JSON is accepted");
    }
}

/// A backup: verbatim after an even first byte; after an odd byte every checksum is corrected
/// first, so that the code behind the checksums is reached.
fn backup(bytes: &[u8]) {
    let Some((kind, file)) = bytes.split_first() else { return };
    let mended = (kind % 2 == 1).then(|| crate::backup::with_right_checksums(file));
    let mut entries = 0;
    let seen = |_: &_, entry: &crate::backup::Entry| {
        entries += 1;
        assert!(entry.kind != crate::backup::Kind::End);
    };
    if let Ok((_, counts)) = crate::backup::verify(mended.as_deref().unwrap_or(file), seen) {
        assert!(counts.entries > entries, "the description is counted but not shown");
    }
}

/// A bundle: the file after an even first byte, its JSON after an odd one, so that the code behind
/// the checksums is reached. The check always ends and reports each item once.
fn bundle(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    let file = match kind % 2 {
        0 => bytes.to_vec(),
        _ => crate::bundle::file_of(bytes).expect("a short bundle"),
    };
    let Ok(report) = crate::bundle::check(&file) else { return };
    assert_eq!(report.lines.len(), 11);
    assert_eq!(report.holds, report.finding().is_none());
    if let Ok(bundle) = crate::bundle::Bundle::of_file(&file) {
        let written = bundle.to_file().expect("what was read can be written");
        assert_eq!(crate::bundle::check(&written).expect("and read").holds, report.holds);
    }
}

/// A configuration file: it prints as a file that prints the same.
fn config(bytes: &[u8]) {
    // The text must not name a file of this machine.
    let names_files = |line: &str| !line.starts_with('#') && (line.contains("file") || line.contains("tls"));
    let Some(text) = std::str::from_utf8(bytes).ok().filter(|text| !text.lines().any(names_files)) else {
        return;
    };
    let Ok(read) = Config::of_toml(text) else { return };
    // The second time, every value is from the file.
    let printed = Config::of_toml(&read.print()).expect("what is printed can be read").print();
    let again = Config::of_toml(&printed).expect("and again").print();
    assert_eq!(again, printed);
}

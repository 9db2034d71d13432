//! Seeds of fuzzer and property tests: valid input of every decoder, from the vectors and the
//! sample chain.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::decoders::{DECODERS, SECRET, hmac};
use crate::crypto::fr;
use crate::domain::{ExecutedOperations, ImportedBlock, sample_aggregated_proof, sample_single_proof};
use crate::store::decoders as stored;
use crate::tree::{AccountLeaf, record};

/// Returns inputs by the name of their decoder, at least one for each. `repository` is the root of
/// a clone.
pub fn seeds(repository: &Path) -> BTreeMap<&'static str, Vec<Vec<u8>>> {
    let blocks = blocks(repository);
    let parsed: Vec<ImportedBlock> =
        blocks.iter().map(|(_, block)| serde_json::from_slice(block).unwrap()).collect();
    let mut seeds: BTreeMap<_, Vec<Vec<u8>>> = DECODERS.iter().map(|(name, _)| (*name, Vec::new())).collect();
    let mut add = |name: &str, seed: Vec<u8>| seeds.get_mut(name).unwrap().push(seed);

    for (genesis, block) in &blocks {
        add("block", block.clone());
        if let Some(genesis) = genesis {
            let plan = [&br#"{"genesis":"#[..], genesis, br#","imported":"#, block, b"}"].concat();
            add("plan", plan);
            add("account_updates", genesis.clone());
        }
    }
    for ImportedBlock { accounts_updated, .. } in &parsed {
        add("account_updates", serde_json::to_vec(accounts_updated).unwrap());
    }
    for operation in operations(&parsed) {
        add("aggregated_operation", serde_json::to_vec(&operation).unwrap());
    }
    for message in messages() {
        add("prover_messages", serde_json::to_vec(&message).unwrap());
    }
    let input = fr::from_u64(7);
    add("proof", [&[0][..], &sample_single_proof(&input, 1).0].concat());
    add("proof", [&[1][..], &sample_aggregated_proof(&[input, input], 1).proof].concat());
    for seed in stored::record_seeds() {
        add("store_records", seed);
    }
    add("store_records", record::encode_pair(&[input, input]));
    let header = crate::tree::AccountHeader { nonce: 7, pub_key_hash: [1; 20], address: [2; 20] };
    add("store_records", record::encode_account(&AccountLeaf { header, balance_root: input }));

    for seed in stored::journal_seeds() {
        add("journal", seed);
    }
    let backup = fs::read(repository.join("tests/vectors/backups/format-1.backup")).unwrap();
    for cut in [16, 16 + 36 + 100, backup.len() / 2, backup.len()] {
        add("backup", [&[0][..], &backup[..cut]].concat());
        add("backup", [&[1][..], &backup[..cut]].concat());
    }

    for file in bundles(repository) {
        add("bundle", [&[0][..], &file].concat());
        let json = zstd::decode_all(&file[..]).unwrap();
        add("bundle", [&[1][..], &json].concat());
    }

    let small = blocks.iter().map(|(_, block)| block).min_by_key(|block| block.len()).unwrap();
    for seed in stored::body_seeds(&[small.clone(), Vec::new(), vec![b'x'; 100_000]]) {
        add("body", seed);
    }
    add("chain_file", [&[0][..], small].concat());
    add("chain_file", [&[1][..], &gzip(small)].concat());
    add("chain_file", [&[2][..], &zstd::encode_all(&small[..], 3).unwrap()].concat());
    let long = format!("[{}1]", "1,".repeat(1 << 20));
    add("chain_file", [&[1][..], &gzip(long.as_bytes())].concat());
    add("chain_file", [&[2][..], &zstd::encode_all(long.as_bytes(), 3).unwrap()].concat());

    for (head, claims) in tokens() {
        add("token", format!("{head}\n{claims}").into_bytes());
        let whole = signed(&head.to_string(), &claims.to_string());
        add("headers", format!("Bearer {whole}\ngzip;q=0.5, zstd, *;q=0.1\nidentity;q=0").into_bytes());
        add("token", whole.into_bytes());
    }
    add("config", crate::config::Config::of_toml("").unwrap().print().into_bytes());
    add(
        "config",
        b"listen = \"[::1]:1\"\naggregate = [1, 4]\nsecret = \"s\"\ngone_timeout = \"1h 30m\"".to_vec(),
    );
    for (rpc, rest) in devnet_requests(&parsed) {
        add("devnet_rpc", serde_json::to_vec(&rpc).unwrap());
        add("devnet_rest", serde_json::to_vec(&rest).unwrap());
    }
    assert!(seeds.values().all(|inputs| !inputs.is_empty()));
    seeds
}

/// Returns blocks of the vectors and of the sample chain, the first of each chain with its genesis.
fn blocks(repository: &Path) -> Vec<(Option<Vec<u8>>, Vec<u8>)> {
    let unpacked = |path: &Path| zstd::decode_all(&fs::read(path).unwrap()[..]).unwrap();
    let mut blocks = Vec::new();
    for chain in sorted(&repository.join("tests/vectors/chains")) {
        // One folder has only the expected witnesses of the sample chain.
        let genesis = chain.join("genesis.json.zst");
        if genesis.exists() {
            blocks.push((Some(unpacked(&genesis)), unpacked(&chain.join("blocks/000001.json.zst"))));
            let second = chain.join("blocks/000002.json.zst");
            blocks.extend(second.exists().then(|| (None, unpacked(&second))));
        }
    }
    let sample = repository.join("data/sample-chain");
    blocks.push((
        Some(fs::read(sample.join("genesis.json")).unwrap()),
        fs::read(sample.join("blocks/000001.json")).unwrap(),
    ));
    blocks
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// Returns every kind of aggregated operation, over short blocks.
fn operations(blocks: &[ImportedBlock]) -> Vec<Value> {
    let short: Vec<_> = blocks.iter().filter(|block| block.block.block_transactions.len() <= 1).collect();
    let blocks: Vec<_> = short.iter().take(2).map(|imported| &imported.block).collect();
    let proof = sample_aggregated_proof(&[fr::from_u64(7)], 1).encode().unwrap();
    vec![
        json!({"CommitBlocks": {"last_committed_block": blocks[0], "blocks": blocks}}),
        json!({"CreateProofBlocks": {"blocks": blocks, "proofs_to_pad": 3}}),
        json!({"PublishProofBlocksOnchain": {"blocks": blocks, "proof": proof}}),
        json!({"ExecuteBlocks": {"blocks": blocks}}),
    ]
}

/// Returns requests to a devnet, each as a message of JSON-RPC and as the body of a similar REST
/// request: every transaction of the blocks, and one of every other kind.
fn devnet_requests(blocks: &[ImportedBlock]) -> Vec<(Value, Value)> {
    let call =
        |method: &str, params: Value| json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let signature = json!({"type": "EthereumSignature", "signature": format!("0x{}1b", "11".repeat(64))});
    let address = format!("0x{}", "Ab".repeat(20));
    let hash = format!("sync-tx:{}", "11".repeat(32));
    let mut requests = Vec::new();
    let executed = blocks.iter().flat_map(|imported| &imported.block.block_transactions);
    for tx in executed.filter_map(|executed| match executed {
        ExecutedOperations::Tx(tx) => Some(serde_json::to_value(&tx.signed_tx.tx).unwrap()),
        ExecutedOperations::PriorityOp(_) => None,
    }) {
        let three = json!([signature, null, signature]);
        let signatures = if tx["type"] == "Swap" { three } else { signature.clone() };
        let member = json!({"tx": tx, "signature": signatures});
        requests.push((call("tx_submit", json!([tx, signatures, false])), member.clone()));
        requests.push((
            call("submit_txs_batch", json!([[member, {"tx": tx}], [signature]])),
            json!({"txs": [member, {"tx": tx, "signature": null}], "signature": signature}),
        ));
    }
    let toggle =
        json!({"enable": false, "timestamp": 1, "accountId": 1, "signature": signature, "pubKeyHash": null});
    requests.push((call("toggle_2fa", json!([toggle])), toggle));
    let kind = json!({"ChangePubKey": {"onchainPubkeyAuth": true}});
    requests.push((
        call("get_tx_fee", json!([kind, address, "ETH"])),
        json!({"txType": kind, "address": address, "tokenLike": 0}),
    ));
    requests.push((
        call("get_txs_batch_fee_in_wei", json!([["Transfer", kind], [address, address], address])),
        json!({"transactions": [{"txType": "Swap", "address": address}], "tokenLike": "DAI"}),
    ));
    requests.push((
        call("account_info", json!([address])),
        json!({"to": address, "token": "ETH", "amount": "1", "from": address}),
    ));
    requests.push((
        json!([call("tx_info", json!([hash])), call("ethop_info", json!([7])), {"jsonrpc": "2.0", "method": "tokens"}]),
        json!({"accountId": 1, "token": 65536, "ethAddress": null}),
    ));
    requests.push((call("tx_subscribe", json!([hash, "VERIFY"])), json!({})));
    requests
}

fn messages() -> Vec<Value> {
    let single = sample_single_proof(&fr::from_u64(7), 1);
    let aggregated = sample_aggregated_proof(&[fr::from_u64(7)], 1);
    vec![
        json!({"prover_name": "p", "aux_data": {"prefer_aggregated_proof": true, "preferred_block_size": 72}}),
        json!({"prover_name": "p", "aux_data": {}}),
        json!({"prover_name": "p", "job_id": 1}),
        json!("p"),
        json!({"prover_name": "p"}),
        json!({"current_count": 1}),
        json!({"needed_count": 1}),
        json!({"code": "c", "message": "m"}),
        json!({"job_id": 1, "first_block": 2, "last_block": 2, "data": {"BlockProof": single}}),
        json!({"job_id": 1, "first_block": 2, "last_block": 3, "data": {"AggregatedBlockProof": aggregated}}),
        json!({"job_id": 0, "first_block": 0, "last_block": 0, "data": null}),
        json!({"job_id": 1, "first_block": 2, "last_block": 2, "data": {"BlockProof": [{"b": 1}, 26]}}),
        json!({"job_id": 1, "first_block": 2, "last_block": 2, "data": {"AggregatedBlockProof": [[single, 26]]}}),
    ]
}

/// Returns headers and claims of tokens, valid ones first.
fn tokens() -> Vec<(Value, Value)> {
    let head = json!({"typ": "JWT", "alg": "HS256"});
    vec![
        (head.clone(), json!({"sub": "Authorization", "exp": 4_102_444_800u64})),
        (
            json!({"alg": "HS256", "kid": "1", "cty": "a"}),
            json!({"exp": 4_102_444_800u64, "nbf": 1, "iat": 1, "sub": ""}),
        ),
        (head.clone(), json!({"sub": "Authorization", "exp": 1})),
        (head.clone(), json!({"sub": "Authorization"})),
        (head, json!({"sub": 1, "exp": "x"})),
        (json!({"alg": "none"}), json!({"sub": "Authorization", "exp": 4_102_444_800u64})),
        (json!({"alg": "HS512"}), json!({"sub": "Authorization", "exp": 4_102_444_800u64})),
    ]
}

fn signed(head: &str, claims: &str) -> String {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as CODE};
    let message = format!("{}.{}", CODE.encode(head), CODE.encode(claims));
    let signature = CODE.encode(hmac(SECRET.as_bytes(), message.as_bytes()));
    format!("{message}.{signature}")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Returns bundles of the first blocks of two short chains, without witnesses.
fn bundles(repository: &Path) -> Vec<Vec<u8>> {
    use crate::store::{Store, StoreOptions};
    use crate::workers::import;
    let unpacked = |path: PathBuf| zstd::decode_all(&fs::read(path).unwrap()[..]).unwrap();
    let bundle = |name: &str| {
        let chain = repository.join("tests/vectors/chains").join(name);
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
        import::genesis(&store, &unpacked(chain.join("genesis.json.zst")), &|_, _| {}).unwrap();
        import::block(&store, &unpacked(chain.join("blocks/000001.json.zst"))).unwrap();
        crate::bundle::export(&store, 1, 1_767_225_600_000).unwrap().to_file().unwrap()
    };
    ["noop_empty_block", "deposit"].map(bundle).into()
}

//! The JSON Schemas of `docs/schemas` accept what the import reads, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use zksync_witness_server::testing::internals::domain::{
    AccountMap, AggregatedOperation, EncodedAggregatedProof, ImportedBlock,
};

use crate::support::json_references::references;
use crate::support::{self, run_badly, unpacked};

const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the files of a folder in the order of their names; none if it does not exist.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn json_of(file: &Path) -> Value {
    let packed = file.extension().is_some_and(|extension| extension == "zst");
    let text = if packed { unpacked(file) } else { fs::read(file).unwrap() };
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Returns every schema by the name of its file.
fn schemas() -> BTreeMap<String, Value> {
    let named = |file: &PathBuf| (file.file_name().unwrap().to_str().unwrap().to_owned(), json_of(file));
    files(&root().join("docs/schemas")).iter().map(named).collect()
}

#[test]
fn each_schema_is_named_and_linked_and_its_references_exist() {
    let formats = fs::read_to_string(root().join("docs/formats.md")).unwrap();
    let schemas = schemas();
    for (name, schema) in &schemas {
        assert_eq!(schema["$schema"], DRAFT, "{name}");
        assert_eq!(schema["$id"], **name);
        assert!(schema["title"].as_str().is_some_and(|title| !title.is_empty()), "{name}");
        assert!(formats.contains(&format!("(schemas/{name})")), "{name}");
        let mut found = BTreeSet::new();
        references(schema, &mut found);
        for reference in found {
            let (file, pointer) = reference.split_once('#').unwrap_or((reference, ""));
            let target = if file.is_empty() { Some(schema) } else { schemas.get(file) };
            assert!(target.and_then(|target| target.pointer(pointer)).is_some(), "{name}: {reference}");
        }
    }
    for name in ["genesis", "block", "account-updates", "aggregated-operation"] {
        assert!(schemas.contains_key(&format!("{name}.schema.json")), "{name}");
    }
}

/// A document as text with the name of its schema.
type Case = (&'static str, String);

/// Returns for each case the first error of its schema; `None` for a valid document.
fn verdicts(cases: &[Case]) -> Vec<Option<String>> {
    let path = env::var_os("PATH").unwrap();
    let program =
        env::split_paths(&path).map(|folder| folder.join("schemathesis")).find(|file| file.exists());
    // Its environment has the package that the script needs, and its own interpreter.
    let python = fs::canonicalize(program.expect("schemathesis")).unwrap().with_file_name("python");
    let mut input = tempfile::tempfile().unwrap();
    for (schema, document) in cases {
        writeln!(input, r#"{{"schema":"{schema}","document":{document}}}"#).unwrap();
    }
    input.rewind().unwrap();
    let mut command = Command::new(python);
    command.arg(root().join("tests/schemas/check.py")).arg(root().join("docs/schemas"));
    let output = command.stdin(Stdio::from(input)).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    let verdicts: Vec<_> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(verdicts.len(), cases.len());
    verdicts
}

/// Returns the genesis, if the folder has one, and the blocks of each chain folder.
fn chains() -> Vec<(Option<Value>, Vec<Value>)> {
    let mut folders = vec![root().join("data/sample-chain")];
    folders.extend(files(&root().join("tests/vectors/chains")));
    folders.extend(files(&root().join("tests/vectors/node_database")));
    let read = |folder: PathBuf| {
        let genesis = ["genesis.json", "genesis.json.zst"].map(|name| folder.join(name));
        let genesis = genesis.iter().find(|file| file.exists()).map(|file| json_of(file));
        (genesis, files(&folder.join("blocks")).iter().map(|file| json_of(file)).collect())
    };
    folders.into_iter().map(read).collect()
}

/// Returns an aggregated operation of each name.
fn operations(blocks: &[Value]) -> [Value; 4] {
    let proof = EncodedAggregatedProof::default();
    [
        json!({"CommitBlocks": {"last_committed_block": blocks[0], "blocks": blocks}}),
        json!({"CreateProofBlocks": {"blocks": blocks, "proofs_to_pad": 0}}),
        json!({"PublishProofBlocksOnchain": {"blocks": blocks, "proof": proof}}),
        json!({"ExecuteBlocks": {"blocks": blocks}}),
    ]
}

#[test]
#[ignore = "needs schemathesis"]
fn the_schemas_accept_every_chain() {
    let mut cases: Vec<Case> = Vec::new();
    for (genesis, blocks) in chains() {
        cases.extend(genesis.map(|genesis| ("genesis", genesis.to_string())));
        for block in &blocks {
            cases.push(("block", block.to_string()));
            cases.push(("account-updates", block["accounts_updated"].to_string()));
        }
        let bare: Vec<_> = blocks.iter().map(|imported| imported["block"].clone()).collect();
        if !bare.is_empty() {
            cases.extend(operations(&bare).map(|operation| ("aggregated-operation", operation.to_string())));
        }
    }
    assert!(cases.len() > 600, "{}", cases.len());
    for ((schema, document), verdict) in cases.iter().zip(verdicts(&cases)) {
        assert_eq!(verdict, None, "{schema}: {document}");
    }
}

/// Returns a block for each kind of operation and of account update in the chains, with only that
/// one in it, and for kinds that no chain has.
fn small_blocks() -> Vec<Value> {
    let mut kinds = BTreeMap::new();
    for block in chains().into_iter().flat_map(|(_, blocks)| blocks) {
        let empty = || {
            let mut empty = block.clone();
            empty["block"]["block_transactions"] = json!([]);
            empty["accounts_updated"] = json!([]);
            empty
        };
        for executed in block["block"]["block_transactions"].as_array().unwrap() {
            let signed = &executed["signed_tx"];
            let tags = [
                &executed["op"]["type"],
                &signed["tx"]["type"],
                &signed["tx"]["ethAuthData"]["type"],
                &signed["eth_sign_data"]["signature"]["type"],
            ];
            let mut small = empty();
            small["block"]["block_transactions"] = json!([executed]);
            kinds.entry(format!("{tags:?}")).or_insert(small);
        }
        for update in block["accounts_updated"].as_array().unwrap() {
            let kind = update[1].as_object().unwrap().keys().next().unwrap();
            let opposite = match kind.as_str() {
                "Create" => "Delete",
                "MintNFT" => "RemoveNFT",
                kind => kind,
            };
            for kind in [kind.as_str(), opposite] {
                let mut small = empty();
                small["accounts_updated"] =
                    json!([[update[0], {kind: update[1].as_object().unwrap().values().next()}]]);
                kinds.entry(kind.to_owned()).or_insert(small);
            }
        }
    }
    let mut blocks: Vec<_> = kinds.into_values().collect();
    let key_change = |block: &&Value| {
        block["block"]["block_transactions"][0]["signed_tx"]["tx"]["ethAuthData"]["type"] == "ECDSA"
    };
    let mut block = blocks.iter().find(key_change).unwrap().clone();
    let executed = &mut block["block"]["block_transactions"][0];
    let tx = executed["signed_tx"]["tx"].clone();
    executed["signed_tx"]["tx"]["ethSignature"] = tx["ethAuthData"]["ethSignature"].clone();
    executed["signed_tx"]["eth_sign_data"] =
        json!({"signature": {"type": "EIP1271Signature", "signature": "0x1234"}, "message": [1, 2]});
    executed["op"] = json!({"type": "Noop"});
    blocks.push(block.clone());
    let mut close = json!({"account": tx["account"], "nonce": 1, "signature": tx["signature"]});
    close["timeRange"] = json!({"validFrom": 0, "validUntil": u64::MAX});
    let executed = &mut block["block"]["block_transactions"][0];
    executed["op"] = json!({"type": "Close", "tx": close, "account_id": 1});
    close["type"] = json!("Close");
    executed["signed_tx"]["tx"] = close;
    blocks.push(block);
    blocks
}

/// Adds the pointers of all values within the value; of a long array, those of its first item.
fn pointers(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, field)| pointers(field, format!("{at}/{name}"), found));
        }
        Value::Array(items) => {
            let some = if items.len() > 3 { 1 } else { items.len() };
            (0..some).for_each(|index| pointers(&items[index], format!("{at}/{index}"), found));
        }
        _ => {}
    }
    found.push(at);
}

/// Returns copies of the document that differ in the value at the pointer.
fn mutants(document: &Value, pointer: &str) -> Vec<Value> {
    let mut values = vec![json!(null), json!(true), json!(-1), json!(1.5), json!(1_u64 << 32)];
    values.extend([
        json!(2e19),
        json!(""),
        json!("x"),
        json!("-1"),
        json!("7"),
        json!("0x"),
        json!([]),
        json!({}),
    ]);
    match document.pointer(pointer).unwrap() {
        Value::String(text) => {
            values.extend([json!(format!("{text}0")), json!(text.get(1..)), json!(text.to_uppercase())]);
            values.push(json!(text.get(..text.len().saturating_sub(1))));
        }
        Value::Array(items) => {
            let mut more = items.clone();
            more.push(json!(300));
            values.push(Value::Array(more));
            values.push(json!(items.get(1..)));
        }
        Value::Object(fields) => {
            for key in ["unknown", "01", "-1", "4294967296", "4294967295"] {
                let mut more = fields.clone();
                more.insert(key.to_owned(), fields.values().next().cloned().unwrap_or_default());
                values.push(Value::Object(more));
            }
            values.extend(fields.keys().map(|key| {
                let mut fewer = fields.clone();
                fewer.remove(key);
                Value::Object(fewer)
            }));
        }
        _ => {}
    }
    let mutant = |value| {
        let mut mutant = document.clone();
        *mutant.pointer_mut(pointer).unwrap() = value;
        mutant
    };
    values.into_iter().map(mutant).collect()
}

fn is_read<T: DeserializeOwned>(document: &str) -> bool {
    serde_json::from_str::<T>(document).is_ok()
}

#[test]
#[ignore = "needs schemathesis"]
fn the_schemas_refuse_what_the_import_refuses() {
    let blocks = small_blocks();
    assert!(blocks.len() > 25, "{}", blocks.len());
    let nft =
        blocks.iter().find_map(|block| block["accounts_updated"][0][1]["MintNFT"].get("token")).unwrap();
    let mut genesis = json!({"7": json_of(&root().join("data/sample-chain/genesis.json"))["0"]});
    genesis["7"]["minted_nfts"] = json!({"65536": nft});
    let mut empty = blocks[0]["block"].clone();
    empty["block_transactions"] = json!([]);
    let mut documents = vec![("genesis", genesis)];
    documents.extend(operations(&[empty]).map(|operation| ("aggregated-operation", operation)));
    documents.extend(blocks.into_iter().map(|block| ("block", block)));

    let (mut headers, mut cases, mut places) = (BTreeSet::new(), Vec::new(), Vec::new());
    for (schema, document) in documents {
        let mut all = Vec::new();
        pointers(&document, String::new(), &mut all);
        // The fields that all blocks have are changed in the first one only.
        all.retain(|pointer| pointer.matches('/').count() > 2 || headers.insert((schema, pointer.clone())));
        for pointer in all {
            for mutant in mutants(&document, &pointer) {
                cases.push((schema, mutant.to_string()));
                places.push(pointer.clone());
            }
        }
    }
    let (mut accepted, mut refused, mut wrong) = (0, 0, BTreeSet::new());
    for (((schema, text), place), verdict) in cases.iter().zip(places).zip(verdicts(&cases)) {
        let read = match *schema {
            "genesis" => serde_json::from_str::<AccountMap>(text)
                .is_ok_and(|accounts| accounts.keys().all(|id| id.0 < 1 << 24)),
            "block" => is_read::<ImportedBlock>(text),
            _ => is_read::<AggregatedOperation>(text),
        };
        // The places that docs/formats.md names: here a schema refuses values that the import
        // reads.
        let stricter = ["new_root_hash", "validFrom", "validUntil", "created_at"];
        match (read, verdict) {
            (true, None) => accepted += 1,
            (false, Some(_)) => refused += 1,
            (true, Some(_)) if stricter.iter().any(|name| place.ends_with(name)) => {}
            (read, verdict) => {
                wrong.insert(format!("{schema}{place}: read: {read}, schema: {verdict:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(accepted > 1000 && refused > 10_000, "{accepted} accepted, {refused} refused");
}

#[test]
#[ignore = "needs schemathesis"]
fn the_command_refuses_a_file_that_its_schema_refuses() {
    let name = "deposit_to_nft_storage_address";
    let genesis: Value = serde_json::from_slice(&support::genesis(name)).unwrap();
    let block = support::block(name);
    let operation = json!({"CreateProofBlocks": {"blocks": [], "proofs_to_pad": 0}});
    let paths = ["genesis.json", "blocks/000001.json", "aggregated_operations/000001.json"];
    let short = json!("0x1234");
    for (index, schema, pointer, value) in [
        (0, "genesis", "/0/nonce", None),
        (0, "genesis", "/0/address", Some(&short)),
        (0, "genesis", "/0/balances", Some(&short)),
        (1, "block", "/block/new_root_hash", None),
        (1, "block", "/block/block_number", Some(&short)),
        (1, "block", "/block/block_commitment", Some(&short)),
        (1, "block", "/accounts_updated/0/1", Some(&short)),
        (2, "aggregated-operation", "/CreateProofBlocks/proofs_to_pad", None),
        (2, "aggregated-operation", "/CreateProofBlocks/blocks", Some(&short)),
    ] {
        let mut documents = [genesis.clone(), block.clone(), operation.clone()];
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = documents[index].pointer_mut(parent).unwrap();
        match (value, parent) {
            (Some(value), Value::Object(fields)) => drop(fields.insert(name.to_owned(), value.clone())),
            (Some(value), Value::Array(items)) => items[name.parse::<usize>().unwrap()] = value.clone(),
            (_, parent) => drop(parent.as_object_mut().unwrap().remove(name).unwrap()),
        }
        let verdict = verdicts(&[(schema, documents[index].to_string())]).remove(0);
        assert!(verdict.is_some(), "{pointer}");
        let folder = tempfile::tempdir().unwrap();
        for (path, document) in paths.iter().zip(&documents) {
            let file = folder.path().join("chain").join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, document.to_string()).unwrap();
        }
        let (data, chain) = (folder.path().join("data"), folder.path().join("chain"));
        let error = run_badly(&["import", "--data-dir", data.to_str().unwrap(), chain.to_str().unwrap()], 1);
        assert!(error.contains(paths[index]) && error.contains("not a valid"), "{pointer}: {error}");
    }
}

//! No decoder panics, and what it accepts has the required properties: on random bytes, on damaged
//! valid input, and on well-formed JSON with wrong values.
//!
//! `fuzz/` runs the same functions for any length of time. Inputs that it found are kept here.

use std::path::Path;
use std::sync::LazyLock;
use std::{collections::BTreeMap, fs};

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use zksync_witness_server::testing::decoders::{DECODERS, Decoder};
use zksync_witness_server::testing::seeds::seeds;

/// Cases of each decoder and kind of input; `PROPTEST_CASES` overrides it.
const CASES: u32 = 1_500;
/// Longest input that is damaged, in bytes: longer ones would take most of the time.
const LONGEST: usize = 5_000;

static SEEDS: LazyLock<BTreeMap<&str, Vec<Vec<u8>>>> =
    LazyLock::new(|| seeds(Path::new(env!("CARGO_MANIFEST_DIR"))));

fn each(check: impl Fn(&mut TestRunner, &'static str, Decoder, &[Vec<u8>])) {
    let asked_for = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok());
    let cases = asked_for.unwrap_or(CASES);
    for (name, decoder) in DECODERS {
        let config = Config { cases, failure_persistence: None, ..Config::default() };
        let short: Vec<_> = SEEDS[name].iter().filter(|seed| seed.len() <= LONGEST).cloned().collect();
        check(&mut TestRunner::new(config), name, *decoder, &short);
    }
}

#[test]
fn valid_input_has_the_properties() {
    for (name, decoder) in DECODERS {
        for seed in &SEEDS[name] {
            decoder(seed);
        }
    }
}

#[test]
fn random_bytes_cause_no_panic() {
    each(|runner, name, decoder, _| {
        let result = runner.run(&prop::collection::vec(any::<u8>(), 0..300), |bytes| {
            decoder(&bytes);
            Ok(())
        });
        result.unwrap_or_else(|error| panic!("{name}: {error}"));
    });
}

/// A damage of an input.
#[derive(Clone, Debug)]
enum Damage {
    Flip(Index, u8),
    Set(Index, u8),
    Remove(Index, usize),
    Insert(Index, Vec<u8>),
    Repeat(Index, usize),
    Cut(Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = any::<Index>;
    prop_oneof![
        (at(), 0..8u8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        (at(), prop::sample::select(vec![0, 1, 0x7f, 0x80, 0xfb, 0xff, b'"', b'9']))
            .prop_map(|(at, byte)| Damage::Set(at, byte)),
        (at(), 1..40usize).prop_map(|(at, length)| Damage::Remove(at, length)),
        (at(), prop::collection::vec(any::<u8>(), 1..9)).prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        (at(), 1..40usize).prop_map(|(at, length)| Damage::Repeat(at, length)),
        at().prop_map(Damage::Cut),
    ]
}

impl Damage {
    fn apply(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let of = bytes.len();
        let range = |at: &Index, length: usize| at.index(of)..(at.index(of) + length).min(of);
        match self {
            Self::Flip(at, bit) => bytes[at.index(of)] ^= 1 << bit,
            Self::Set(at, byte) => bytes[at.index(of)] = *byte,
            Self::Remove(at, length) => drop(bytes.drain(range(at, *length))),
            Self::Insert(at, more) => {
                bytes.splice(at.index(of)..at.index(of), more.iter().copied());
            }
            Self::Repeat(at, length) => {
                let range = range(at, *length);
                let again = bytes[range.clone()].to_vec();
                bytes.splice(range.end..range.end, again);
            }
            Self::Cut(at) => bytes.truncate(at.index(of)),
        }
    }
}

#[test]
fn damaged_input_causes_no_panic() {
    each(|runner, name, decoder, seeds| {
        let input = (any::<Index>(), prop::collection::vec(damage(), 1..4));
        let result = runner.run(&input, |(seed, damages)| {
            let mut bytes = seed.get(seeds).clone();
            damages.iter().for_each(|damage| damage.apply(&mut bytes));
            decoder(&bytes);
            Ok(())
        });
        result.unwrap_or_else(|error| panic!("{name}: {error}"));
    });
}

/// Returns values that are wrong for most fields.
fn wrong_values() -> Vec<Value> {
    let deep = (0..200).fold(json!(1), |inner, _| json!([inner]));
    vec![
        json!(null),
        json!(true),
        json!(0),
        json!(1),
        json!(-1),
        json!(1.5),
        json!(1e300),
        json!(255),
        json!(65_536),
        json!(u32::MAX),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(""),
        json!("0"),
        json!("-1"),
        json!("1e400"),
        json!("340282366920938463463374607431768211456"),
        json!("0x"),
        json!("sync:"),
        json!("0x0000000000000000000000000000000000000000"),
        json!("ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"),
        json!("+262142-12-31T23:59:60Z"),
        json!("ü\u{0}"),
        json!("9".repeat(3_000)),
        json!([]),
        json!({}),
        json!([0, 0]),
        json!([u32::MAX, u32::MAX, u32::MAX, u32::MAX, u32::MAX]),
        deep,
    ]
}

/// Collects the paths of all values of a document, including the document itself.
fn paths(value: &Value, prefix: String, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                paths(inner, format!("{prefix}/{}", key.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        Value::Array(list) => {
            for (index, inner) in list.iter().enumerate() {
                paths(inner, format!("{prefix}/{index}"), found);
            }
        }
        _ => {}
    }
    found.push(prefix);
}

/// One or two values of valid JSON are replaced by wrong ones, replaced by other values of it, or
/// removed.
#[test]
fn wrong_json_causes_no_panic() {
    let wrong = wrong_values();
    each(|runner, name, decoder, seeds| {
        let documents: Vec<(Value, Vec<String>)> = seeds
            .iter()
            .filter_map(|seed| serde_json::from_slice(seed).ok())
            .map(|document: Value| {
                let mut found = Vec::new();
                paths(&document, String::new(), &mut found);
                (document, found)
            })
            .collect();
        if documents.is_empty() {
            return;
        }
        let step = (any::<Index>(), 0..3u8, any::<Index>());
        let result = runner.run(&(any::<Index>(), prop::collection::vec(step, 1..3)), |(seed, steps)| {
            let (document, paths) = seed.get(&documents);
            let mut changed = document.clone();
            for (at, kind, by) in steps {
                let path = at.get(paths.as_slice());
                let new = match kind {
                    0 => Some(by.get(&wrong).clone()),
                    1 => document.pointer(by.get::<String>(paths)).cloned(),
                    _ => None,
                };
                match (new, path.rsplit_once('/')) {
                    (Some(new), _) => {
                        changed.pointer_mut(path).into_iter().for_each(|slot| *slot = new.clone())
                    }
                    (None, Some((parent, key))) => match changed.pointer_mut(parent) {
                        Some(Value::Object(map)) => drop(map.remove(key)),
                        Some(Value::Array(list)) if !list.is_empty() => {
                            drop(list.remove(by.index(list.len())))
                        }
                        _ => {}
                    },
                    (None, None) => {}
                }
            }
            decoder(&serde_json::to_vec(&changed).unwrap());
            Ok(())
        });
        result.unwrap_or_else(|error| panic!("{name}: {error}"));
    });
}

#[test]
fn every_decoder_has_its_fuzz_target() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    // The published package has no fuzz targets.
    let Ok(manifest) = fs::read_to_string(fuzz.join("Cargo.toml")) else { return };
    let mut files: Vec<String> = fs::read_dir(fuzz.join("fuzz_targets"))
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    files.sort();
    // Random chains are not decoded; `execution::tests` runs them.
    files.retain(|name| name != "execution");
    assert_eq!(files, DECODERS.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    for name in files {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
        let source = fs::read_to_string(fuzz.join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(source.contains(&format!("\"{name}\"")), "{name}");
    }
}

/// `FUZZ_CORPUS=fuzz/corpus cargo test --test it decoders_do_not_panic -- --ignored`
#[test]
#[ignore = "fuzzing: writes the seeds into FUZZ_CORPUS"]
fn seeds_are_written_for_the_fuzzer() {
    let folder = std::env::var_os("FUZZ_CORPUS").expect("FUZZ_CORPUS names a folder");
    for (name, inputs) in SEEDS.iter() {
        let folder = Path::new(&folder).join(name);
        fs::create_dir_all(&folder).unwrap();
        for (number, input) in inputs.iter().enumerate() {
            fs::write(folder.join(format!("seed-{number:03}")), input).unwrap();
        }
    }
}

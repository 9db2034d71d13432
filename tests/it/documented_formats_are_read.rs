//! The examples of docs/formats.md are what the import reads.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use zksync_witness_server::testing::internals::domain::{AccountMap, AggregatedOperation, ImportedBlock};

/// Returns the example of the given name.
fn example(name: &str) -> Value {
    let text = include_str!("../../docs/formats.md");
    let start = format!("```json {name}\n");
    let (_, example) = text.split_once(&start).unwrap_or_else(|| panic!("no example {name}"));
    serde_json::from_str(example.split_once("\n```").unwrap().0).unwrap()
}

/// Asserts that the type has the fields of the example and no others.
fn assert_round_trip<T: Serialize + DeserializeOwned>(name: &str) {
    let example = example(name);
    let typed: T = serde_json::from_value(example.clone()).unwrap();
    assert_eq!(serde_json::to_value(&typed).unwrap(), example);
}

#[test]
fn each_example_has_the_fields_of_its_type() {
    assert_round_trip::<AccountMap>("genesis");
    assert_round_trip::<ImportedBlock>("block");
    assert_round_trip::<AggregatedOperation>("aggregated_operation");
}

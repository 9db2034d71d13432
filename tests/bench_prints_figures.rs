//! `bench` prints figures that hold what they say: the quickest part, with the real binary.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::Value;

#[test]
fn figures_come_as_json_and_as_a_table() {
    let json: Value = serde_json::from_slice(&support::run_well(&["bench", "engines", "--json"])).unwrap();
    let figures = json["figures"].as_array().unwrap();
    let names: Vec<&str> = figures.iter().map(|figure| figure["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"permutation_portable") && names.contains(&"signature"), "{names:?}");
    for figure in figures {
        let (value, least) =
            (figure["value"].as_f64().unwrap(), figure["bound"]["at_least"].as_f64().unwrap());
        assert!(value > 0.0, "{figure}");
        assert_eq!(figure["reached"], value >= least, "{figure}");
    }
    let table = String::from_utf8(support::run_well(&["bench", "engines"])).unwrap();
    assert!(
        table.contains("signature check") && table.contains(&format!("{} figures", names.len())),
        "{table}"
    );
}

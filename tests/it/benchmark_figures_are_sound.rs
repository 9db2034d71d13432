//! The figures of the benchmark have a value and a bound: the quickest part, at small size.

#[path = "../../benches/figures/mod.rs"]
#[allow(dead_code, reason = "the benchmark uses the rest")]
mod figures;

use figures::figure::Figure;
use figures::options::{Options, Part, Scale};

#[test]
fn figures_have_a_value_and_a_bound() {
    let options = Options {
        parts: vec![Part::Engines],
        // Their values do not matter here.
        scale: Scale { repetitions: 1, ..Scale::QUICK },
        scratch: std::env::temp_dir(),
        server: env!("CARGO_BIN_EXE_witness-server").into(),
        plots: None,
    };
    let mut measured = Vec::new();
    figures::run(&options, &mut |figure| measured.push(figure)).unwrap();
    let json: Vec<_> = measured.iter().map(Figure::json).collect();
    let names: Vec<&str> = json.iter().map(|figure| figure["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"permutation_portable") && names.contains(&"signature"), "{names:?}");
    for figure in &json {
        let (value, least) =
            (figure["value"].as_f64().unwrap(), figure["bound"]["at_least"].as_f64().unwrap());
        assert!(value > 0.0, "{figure}");
        assert_eq!(figure["reached"], value >= least, "{figure}");
    }
    assert!(measured.iter().any(|figure| figure.to_string().contains("signature check")));
}

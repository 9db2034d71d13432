//! `docs/metrics.md` lists exactly the metrics that `/metrics` exports, and the dashboard and the
//! alert rules query no other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::json;
use zksync_witness_server::testing::internals::domain::sample_single_proof;

use crate::support::{Server, block, genesis, http, input_of, until};

/// Type and labels by name.
type Table = BTreeMap<String, (String, BTreeSet<String>)>;

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn documented() -> Table {
    let text = fs::read_to_string(repository("docs/metrics.md")).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 4, "{line}");
        let labels = cells[2].split(", ").filter(|label| !label.is_empty());
        let labels = labels.map(|label| label.trim_matches('`').to_owned()).collect();
        (cells[0].trim_matches('`').to_owned(), (cells[1].to_owned(), labels))
    };
    rows.map(row).collect()
}

/// Returns the name of the histogram that a series belongs to, or the name of the series.
fn base(name: &str, histograms: impl Fn(&str) -> bool) -> &str {
    let mut stems = ["_bucket", "_sum", "_count"].into_iter().filter_map(|end| name.strip_suffix(end));
    stems.find(|stem| histograms(stem)).unwrap_or(name)
}

/// Returns the names of the labels of a series, whose values contain no quotes.
fn label_names(labels: &str) -> BTreeSet<String> {
    let pairs = labels.trim_end_matches('}').split_terminator("\",");
    pairs
        .map(|pair| pair.split_once('=').unwrap().0)
        .filter(|name| *name != "le")
        .map(str::to_owned)
        .collect()
}

fn exported(text: &str) -> Table {
    let types: BTreeMap<&str, &str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect();
    let is_histogram = |name: &str| types.get(name) == Some(&"histogram");
    let mut table = Table::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let series = line.rsplit_once(' ').unwrap().0;
        let (series, labels) = series.split_once('{').unwrap_or((series, ""));
        let name = base(series, is_histogram);
        let row = (types[name].to_owned(), label_names(labels));
        assert_eq!(table.entry(name.to_owned()).or_insert(row.clone()), &row, "{line}");
    }
    table
}

/// Returns the metrics of a server after requests of every kind.
fn after_work() -> String {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--set", "refusal_backoff=1h"]);
    let imported = block("deposit");
    server.post("/api/v1/genesis", &String::from_utf8(genesis("deposit")).unwrap()).accepted();
    server.post("/api/v1/blocks", &imported.to_string()).accepted();
    server.post("/api/v1/blocks", &imported.to_string()).accepted();
    server.post("/api/v1/blocks", "no JSON");
    let job = server.next_job("one");
    server
        .post("/working_on", &json!({"prover_name": "one", "job_id": job["job_id"]}).to_string())
        .accepted();
    server.post("/working_on", &json!({"prover_name": "two", "job_id": job["job_id"]}).to_string());
    let proof = |input| {
        let data = json!({"BlockProof": sample_single_proof(&input, 1)});
        json!({"job_id": job["job_id"], "first_block": 1, "last_block": 1, "data": data}).to_string()
    };
    server.post("/publish", &proof(zksync_witness_server::testing::internals::crypto::fr::from_u64(7)));
    server.get_job("one");
    server.next_job("two");
    server.post("/stopped", r#""two""#).accepted();
    server.next_job("two");
    server.post("/publish", &proof(input_of(&imported))).accepted();
    server.post("/publish", &proof(input_of(&imported)));
    for path in ["/api/v1/blocks/1", "/api/v1/blocks/2", "/no/such/path", "/api/v1/jobs/1"] {
        server.get(path);
    }
    until(|| (server.get("/api/v1/status").json()["blocks"]["witnessed"] == 1).then_some(()));
    let answer = http(&server.admin, "GET", "/metrics", None, "").accepted();
    assert!(answer.head.contains("content-type: text/plain; version=0.0.4"), "{}", answer.head);
    answer.text()
}

#[test]
fn the_exported_metrics_are_those_of_the_table_and_count_each_event() {
    let text = after_work();
    let (documented, exported) = (documented(), exported(&text));
    for (name, row) in &documented {
        assert_eq!(exported.get(name), Some(row), "{name} is documented\n{text}");
    }
    for name in exported.keys() {
        assert!(documented.contains_key(name), "{name} is exported and not documented");
    }
    let value = |name: &str| -> f64 {
        let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        found.unwrap_or_else(|| panic!("{name} is missing")).parse().unwrap()
    };
    for line in [
        "last_processed_block{stage=\"witness_generator\"} 1",
        "witness_generator_count{stage=\"build_witness\"} 1",
        "process_block_count{stage=\"witnessed\"} 1",
        "process_block_count{stage=\"proven\"} 1",
        "tree_cache_size 0",
        "stale_jobs 0",
        "witness_server_last_block{stage=\"queued\"} 1",
        "witness_server_jobs{status=\"done\"} 1",
        "witness_server_attempts_total{type=\"single\"} 3",
        "witness_server_heartbeats_total{outcome=\"renewed\"} 1",
        "witness_server_heartbeats_total{outcome=\"not_holder\"} 1",
        "witness_server_leases_ended_total{outcome=\"released\"} 1",
        "witness_server_leases_ended_total{outcome=\"refused\"} 1",
        "witness_server_claims_withheld_total{reason=\"suspended\"} 1",
        "witness_server_provers_withheld{reason=\"suspended\"} 1",
        "witness_server_claims_paused 0",
        "witness_server_claimable_seconds 0",
        "witness_server_publishes_total{outcome=\"stored\"} 1",
        "witness_server_publishes_total{outcome=\"rejected\"} 1",
        "witness_server_publishes_total{outcome=\"duplicate\"} 1",
        "witness_server_rejected_proofs_total{reason=\"public_input\"} 1",
        "witness_server_imports_total{outcome=\"stored\"} 2",
        "witness_server_imports_total{outcome=\"already_there\"} 1",
        "witness_server_imports_total{outcome=\"refused\"} 1",
        "witness_server_import_seconds_count{kind=\"genesis\"} 1",
        "witness_server_requests_total{method=\"POST\",route=\"/publish\",status=\"2xx\"} 1",
        "witness_server_requests_total{method=\"GET\",route=\"/api/v1/blocks/{number}\",status=\"2xx\"} 1",
        "witness_server_requests_total{method=\"GET\",route=\"/api/v1/blocks/{number}\",status=\"4xx\"} 1",
        "witness_server_requests_total{method=\"GET\",route=\"other\",status=\"4xx\"} 1",
        "witness_server_connections{listener=\"admin\"} 1",
    ] {
        let (name, expected) = line.rsplit_once(' ').unwrap();
        assert_eq!(value(name), expected.parse::<f64>().unwrap(), "{name}\n{text}");
    }
    assert!(!text.contains("/no/such/path"), "a path is a label\n{text}");
    for name in [
        "witness_server_sync_seconds_count",
        "witness_server_store_bytes{part=\"index\"}",
        "witness_server_store_bytes{part=\"journal\"}",
        "witness_server_free_bytes",
        "process_resident_memory_bytes",
        "process_open_fds",
    ] {
        assert!(value(name) > 0.0, "{name}\n{text}");
    }
}

#[test]
#[ignore = "needs promtool"]
fn promtool_accepts_the_exported_metrics() {
    let mut check =
        Command::new("promtool").args(["check", "metrics"]).stdin(Stdio::piped()).spawn().expect("promtool");
    check.stdin.take().unwrap().write_all(after_work().as_bytes()).unwrap();
    assert!(check.wait().unwrap().success());
}

/// Returns the expressions of the alert rules: after `expr:`, on that line or folded below it.
fn rules() -> Vec<String> {
    let text = fs::read_to_string(repository("deploy/prometheus/alerts.yml")).unwrap();
    let mut found = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(expression) = line.trim_start().strip_prefix("expr: ") else { continue };
        let mut expression = expression.trim_start_matches(">-").to_owned();
        while let Some(more) = lines.next_if(|line| line.starts_with("          ")) {
            expression += more;
        }
        found.push(expression);
    }
    found
}

fn panels() -> Vec<String> {
    let text = fs::read_to_string(repository("deploy/grafana/witness-server.json")).unwrap();
    let dashboard: serde_json::Value = serde_json::from_str(&text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().unwrap());
    targets.map(|target| target["expr"].as_str().unwrap().to_owned()).collect()
}

/// Removes the parts between two characters, such as matchers; returns the rest and the parts.
fn cut(text: &str, open: char, close: char) -> (String, Vec<String>) {
    let (mut rest, mut taken) = (String::new(), Vec::new());
    let mut text = text;
    while let Some((before, after)) = text.split_once(open) {
        let (inside, behind) = after.split_once(close).unwrap_or_else(|| panic!("{text}"));
        rest += before;
        rest.push(' ');
        taken.push(inside.to_owned());
        text = behind;
    }
    (rest + text, taken)
}

/// Returns names of metrics, and values that labels are compared with.
fn names_and_values(expression: &str) -> (Vec<String>, Vec<String>) {
    let (rest, matchers) = cut(expression, '{', '}');
    let values = matchers.iter().flat_map(|matcher| cut(matcher, '"', '"').1).collect();
    let (rest, _) = cut(&rest, '[', ']');
    // Parentheses become words.
    let rest = rest.replace('(', " ( ").replace(')', " ) ").replace(',', " ");
    let mut names = Vec::new();
    let words: Vec<&str> = rest.split_whitespace().collect();
    let mut at = 0;
    while let Some(word) = words.get(at) {
        at += 1;
        match *word {
            // The words in parentheses after these are labels.
            "by" | "on" | "ignoring" => at += words[at..].iter().position(|word| *word == ")").unwrap() + 1,
            "and" | "or" => {}
            word if !word.starts_with(|c: char| c.is_ascii_alphabetic()) => {}
            // Functions.
            _ if [Some(&"("), Some(&"by")].contains(&words.get(at)) => {}
            word => names.push(word.to_owned()),
        }
    }
    (names, values)
}

#[test]
fn dashboard_and_alerts_query_only_metrics_of_the_table() {
    let table = documented();
    let docs = fs::read_to_string(repository("docs/metrics.md")).unwrap();
    let (rules, panels) = (rules(), panels());
    assert!(rules.len() > 8 && panels.len() > 20, "{} {}", rules.len(), panels.len());
    let mut used = BTreeSet::new();
    for expression in rules.iter().chain(&panels) {
        let (names, values) = names_and_values(expression);
        assert!(!names.is_empty(), "{expression}");
        for name in names {
            let is_histogram = |name: &str| table.get(name).is_some_and(|(kind, _)| kind == "histogram");
            let known = base(&name, is_histogram).to_owned();
            // Prometheus' own.
            assert!(known == "up" || table.contains_key(&known), "{name} in {expression}");
            used.insert(known);
        }
        for value in values.iter().filter(|value| !["$instance", "witness-server"].contains(&value.as_str()))
        {
            assert!(
                docs.contains(&format!("`{value}`")),
                "{value:?} in {expression} is not a value of the table"
            );
        }
    }
    let unused: Vec<_> = table.keys().filter(|name| !used.contains(*name)).collect();
    assert_eq!(unused, Vec::<&String>::new(), "neither on the dashboard nor in an alert");
}

#[test]
#[ignore = "needs promtool"]
fn promtool_accepts_the_rules_and_their_tests_pass() {
    for args in [
        ["check", "rules", "alerts.yml"],
        ["test", "rules", "alerts_test.yml"],
        ["check", "config", "scrape.yml"],
    ] {
        let mut promtool = Command::new("promtool");
        let output =
            promtool.args(args).current_dir(repository("deploy/prometheus")).output().expect("promtool");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "{args:?}: {}{}", text(&output.stdout), text(&output.stderr));
    }
}

//! `run`: exit code, JUnit report and summary of a successful run, of a damaged chain, and of a
//! timeout.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::{run_badly, run_well, sample_chain};

/// The files of a run.
struct Written {
    folder: tempfile::TempDir,
}

impl Written {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn report(&self) -> String {
        fs::read_to_string(self.path("junit.xml")).unwrap()
    }

    fn summary(&self) -> Value {
        serde_json::from_slice(&fs::read(self.path("summary.json")).unwrap()).unwrap()
    }

    fn args<'a>(&'a self, chain: &'a str, more: &[&'a str], files: &'a [String; 2]) -> Vec<&'a str> {
        let [report, summary] = files;
        let mut args = vec!["run", "--import", chain, "--report", report, "--summary", summary];
        args.extend(more);
        args
    }

    fn files(&self) -> [String; 2] {
        [self.path("junit.xml"), self.path("summary.json")]
    }
}

#[test]
fn a_green_run_has_a_case_for_each_block_and_stage() {
    let (written, chain) = (Written::new(), sample_chain());
    let (files, data) = (written.files(), written.path("data"));
    let args = ["--until", "verified", "--provers", "3", "--data-dir", &data];
    let out = String::from_utf8(run_well(&written.args(&chain, &args, &files))).unwrap();
    assert!(out.contains("verified         8/8"), "{out}");
    let report = written.report();
    assert!(report.lines().nth(1).unwrap().contains("tests=\"40\""), "{report}");
    assert!(!report.contains("<failure") && !report.contains("<skipped"), "{report}");
    let summary = written.summary();
    assert_eq!(summary["reached"], true);
    assert_eq!((&summary["block"], &summary["reason"]), (&json!(8), &Value::Null));
    assert!(summary["blocks"][7]["verified_after_ms"].is_u64(), "{summary}");
    // The kept folder holds what the report says.
    let status: Value =
        serde_json::from_slice(&run_well(&["status", "--json", "--data-dir", &data])).unwrap();
    assert_eq!(status["blocks"]["verified"], 8);
    run_well(&["doctor", "--data-dir", &data]);
}

#[test]
fn the_export_of_a_verified_chain_is_proven_and_verified_again() {
    let (written, first) = (Written::new(), Written::new());
    let (chain, data, files) = (first_blocks(&first, 2), written.path("data"), written.files());
    run_well(&["run", &chain, "--until", "verified", "--data-dir", &data]);
    let exported = written.path("exported");
    run_well(&["chain", "export", "--data-dir", &data, "--out", &exported]);
    let operations = fs::read_dir(Path::new(&exported).join("aggregated_operations")).unwrap();
    assert!(operations.count() > 2, "the export has no operation of layer 1");
    run_well(&written.args(&exported, &["--until", "verified"], &files));
    assert!(written.summary()["blocks"][1]["proven_after_ms"].is_u64());
    run_well(&["run", &exported, "--until", "witnessed"]);
}

/// Writes the first three blocks of the sample chain, the second one with a wrong root; returns the
/// folder.
fn damaged_chain(written: &Written) -> String {
    let sample = sample_chain();
    let chain = written.path("chain");
    fs::create_dir_all(Path::new(&chain).join("blocks")).unwrap();
    fs::copy(Path::new(&sample).join("genesis.json"), Path::new(&chain).join("genesis.json")).unwrap();
    for number in 1..=3 {
        let name = format!("blocks/{number:06}.json");
        let mut block: Value =
            serde_json::from_slice(&fs::read(Path::new(&sample).join(&name)).unwrap()).unwrap();
        if number == 2 {
            block["block"]["new_root_hash"] = json!("0".repeat(64));
        }
        fs::write(Path::new(&chain).join(name), block.to_string()).unwrap();
    }
    chain
}

#[test]
fn artifacts_are_all_that_a_pipeline_keeps_of_a_failed_run() {
    let written = Written::new();
    let chain = damaged_chain(&written);
    let folder = written.path("kept/artifacts");
    let path = |name: &str| Path::new(&folder).join(name);
    let run = |chain: &str, until: &str| {
        let args = ["run", "--import", chain, "--until", until, "--artifacts", &folder];
        run_badly(&args, 1)
    };
    let names = || {
        let mut names: Vec<String> = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    let error = run(&chain, "proven");
    // The run ends before block 1 is proven, or after it.
    let (first, others): (Vec<_>, Vec<_>) = names().into_iter().partition(|name| name == "block-1.bundle");
    assert!(first.len() <= 1);
    assert_eq!(others, ["block-2.bundle", "block-3.txt", "junit.xml", "server.log", "summary.json"]);
    assert!(fs::read_to_string(path("junit.xml")).unwrap().contains("block 2 is quarantined"));
    let summary: Value = serde_json::from_slice(&fs::read(path("summary.json")).unwrap()).unwrap();
    assert!(error.ends_with(summary["reason"].as_str().unwrap()), "{error}");
    let log = fs::read_to_string(path("server.log")).unwrap();
    // The run may end before the server has logged the import of the quarantined block.
    assert!(log.contains(" INFO ") && log.contains("genesis imported"), "{log}");
    // The bundle replays to the same fault. The text says what block 3 needs, or that the run ended
    // before its import.
    let bundle = path("block-2.bundle");
    let replayed = run_badly(&["check", "bundle", bundle.to_str().unwrap()], 6);
    assert!(replayed.contains("block 2 does not hold"), "{replayed}");
    let text = fs::read_to_string(path("block-3.txt")).unwrap();
    let needs_tree = text.contains("witness --until 2");
    let ended = "block 2 is quarantined, and the run ended before block 3 was imported";
    assert!(needs_tree || text.trim_end().ends_with(ended), "{text}");

    // A run that cannot begin leaves its own files only, and those of others.
    fs::write(path("notes.txt"), "kept").unwrap();
    run("/nowhere/chain", "proven");
    assert_eq!(names(), ["junit.xml", "notes.txt", "server.log", "summary.json"]);
    assert!(fs::read_to_string(path("junit.xml")).unwrap().contains("/nowhere/chain"));
}

#[test]
fn a_damaged_chain_fails_with_the_reason_at_the_faulty_block() {
    let written = Written::new();
    let chain = damaged_chain(&written);
    let files = written.files();
    let error = run_badly(&written.args(&chain, &["--until", "proven"], &files), 1);
    assert!(error.contains("block 2 is quarantined"), "{error}");
    let report = written.report();
    assert_eq!(report.matches("<failure ").count(), 1, "{report}");
    let at_fault = report.find("name=\"block 2 witnessed\"").unwrap();
    assert!(report[at_fault..].find("<failure ").unwrap() < 200, "{report}");
    let summary = written.summary();
    assert_eq!((&summary["failed_block"], &summary["failed_stage"]), (&json!(2), &json!("witnessed")));
    assert!(error.ends_with(summary["reason"].as_str().unwrap()), "{error}\n{summary}");
}

#[test]
fn a_refused_import_fails_with_the_file() {
    let (written, sample) = (Written::new(), sample_chain());
    let chain = written.path("chain");
    fs::create_dir_all(Path::new(&chain).join("blocks")).unwrap();
    fs::copy(Path::new(&sample).join("genesis.json"), Path::new(&chain).join("genesis.json")).unwrap();
    fs::write(Path::new(&chain).join("blocks/000001.json"), "{}").unwrap();
    let (files, artifacts) = (written.files(), written.path("artifacts"));
    let more = ["--until", "imported", "--artifacts", &artifacts];
    let error = run_badly(&written.args(&chain, &more, &files), 1);
    assert!(error.contains("000001.json"), "{error}");
    let text = fs::read_to_string(Path::new(&artifacts).join("block-1.txt")).unwrap();
    assert!(text.ends_with("the run ended before block 1 was imported\n"), "{text}");
    assert!(written.report().contains("000001.json"), "{}", written.report());
    assert_eq!(written.summary()["failed_stage"], "imported");
}

#[test]
fn a_timeout_ends_the_run_and_names_the_pending_stage() {
    let (written, chain) = (Written::new(), sample_chain());
    let files = written.files();
    let more = ["--until", "proven", "--block", "2", "--provers", "0", "--timeout", "1s"];
    let error = run_badly(&written.args(&chain, &more, &files), 1);
    assert!(error.contains("not all blocks are proven after 1s"), "{error}");
    let report = written.report();
    assert_eq!(report.matches("<failure ").count(), 1, "{report}");
    assert!(report.contains("tests=\"6\""), "{report}");
    assert_eq!(written.summary()["reached"], false);
}

#[test]
fn a_run_that_cannot_begin_is_reported_as_one_failed_case_and_an_old_report_does_not_stay() {
    let chain = sample_chain();
    let missing = "/nowhere/chain";
    for (chain, more, variable, code, word) in [
        (missing, &[][..], ("A", "b"), 1, "/nowhere/chain"),
        (&*chain, &["--block", "9"], ("A", "b"), 2, "last block is 8"),
        (&*chain, &[], ("TMPDIR", "/nowhere/tmp"), 4, "--data-dir"),
        (&*chain, &[], ("WITNESS_SERVER_GONE_TIMEOUT", "soon"), 2, "gone_timeout"),
        (&*chain, &["--set", "verification_keys=keys"], ("A", "b"), 2, "verification_keys"),
        (&*chain, &["--data-dir", "/dev/null"], ("A", "b"), 4, "/dev/null"),
    ] {
        let written = Written::new();
        let files = written.files();
        files.iter().for_each(|file| fs::write(file, "of an earlier run").unwrap());
        let args = [&["--until", "proven"], more].concat();
        let step = written.path("step.md");
        let mut command = Command::new(env!("CARGO_BIN_EXE_witness-server"));
        command.args(written.args(chain, &args, &files)).env_clear().env(variable.0, variable.1);
        command.env("GITHUB_STEP_SUMMARY", &step);
        let output = command.output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{error}");
        assert!(error.lines().count() == 1 && error.contains(word), "{error}");
        let report = written.report();
        let head = report.lines().nth(1).unwrap();
        assert!(head.contains("tests=\"1\"") && head.contains("failures=\"1\""), "{report}");
        assert!(report.contains("the chain") && report.contains(word), "{report}");
        let summary = written.summary();
        assert_eq!((&summary["reached"], &summary["until"]), (&json!(false), &json!("proven")));
        assert!(summary["reason"].as_str().unwrap().contains(word), "{summary}");
        let step = fs::read_to_string(step).unwrap();
        assert!(step.contains("| proven | 0/0 |") && step.contains(word), "{step}");
    }
    // Standard output gets it as well.
    let args = ["run", "--import", missing, "--until", "proven", "--summary", "-"];
    let output = Command::new(env!("CARGO_BIN_EXE_witness-server")).args(args).env_clear().output().unwrap();
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary["reached"], false);
}

/// Writes a chain folder with the first blocks of the sample chain.
fn first_blocks(written: &Written, count: u32) -> String {
    let (chain, sample) = (written.path("chain"), sample_chain());
    fs::create_dir_all(Path::new(&chain).join("blocks")).unwrap();
    fs::copy(Path::new(&sample).join("genesis.json"), Path::new(&chain).join("genesis.json")).unwrap();
    for number in 1..=count {
        let name = format!("blocks/{number:06}.json");
        fs::copy(Path::new(&sample).join(&name), Path::new(&chain).join(&name)).unwrap();
    }
    chain
}

#[test]
fn leftover_blocks_do_not_wait_for_further_ones() {
    let written = Written::new();
    let (chain, files) = (first_blocks(&written, 7), written.files());
    // With the default deadline, three of the blocks would wait longer than the timeout.
    run_well(&written.args(&chain, &["--until", "verified", "--timeout", "25s"], &files));
    assert_eq!(written.summary()["reached"], true);
}

#[test]
fn the_folder_of_another_server_stays_unmodified() {
    let written = Written::new();
    let chain = first_blocks(&written, 1);
    let theirs = written.path("theirs");
    let temporary = written.path("temporary");
    fs::create_dir(&temporary).unwrap();
    let config = written.path("theirs.toml");
    fs::write(&config, format!("data_dir = {theirs:?}")).unwrap();
    for (command, more) in [("demo", vec![]), ("run", vec!["--import", &chain, "--until", "proven"])] {
        for by_file in [false, true] {
            let mut program = Command::new(env!("CARGO_BIN_EXE_witness-server"));
            program.arg(command).args(&more).env_clear().env("TMPDIR", &temporary);
            match by_file {
                true => program.args(["--config", &config]),
                false => program.env("WITNESS_SERVER_DATA_DIR", &theirs),
            };
            let output = program.output().unwrap();
            assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
            assert!(!Path::new(&theirs).exists(), "{command}, by file: {by_file}");
        }
    }
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0);
}

#[test]
fn a_closed_standard_error_changes_no_exit_code() {
    let written = Written::new();
    let (chain, data) = (sample_chain(), written.path("data"));
    for (args, code) in [
        (vec!["import", "--data-dir", &data, &chain], 0),
        (vec!["jobs", "list", "--data-dir", "nowhere"], 4),
        (vec!["run", "--import", &chain, "--until", "imported"], 0),
    ] {
        // The reading end is closed before anything is written.
        let (_, closed) = std::io::pipe().unwrap();
        let status = Command::new(env!("CARGO_BIN_EXE_witness-server"))
            .args(&args)
            .args(["--log", "info"])
            .env_clear()
            .stdout(Stdio::null())
            .stderr(closed)
            .status()
            .unwrap();
        assert_eq!(status.code(), Some(code), "{args:?}");
    }
}

#[test]
fn a_report_that_cannot_be_written_fails_early_and_a_failure_is_reported_once() {
    let written = Written::new();
    let (sample, nowhere) = (sample_chain(), written.path("no/where.xml"));
    let error = run_badly(&["run", "--import", &sample, "--until", "imported", "--report", &nowhere], 1);
    assert!(error.contains("where.xml"), "{error}");
    // The other file says so; it has nothing of an earlier run.
    for [unwritable, other] in [["--summary", "--report"], ["--report", "--summary"]] {
        let file = written.path("other");
        fs::write(&file, "of an earlier run").unwrap();
        let args = ["run", &sample, "--until", "imported", unwritable, &nowhere, other, &file];
        assert!(run_badly(&args, 1).contains("where.xml"));
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains("where.xml") && !text.contains("earlier"), "{text}");
    }
    // A quarantined block is imported as well.
    let (chain, files) = (first_blocks(&written, 2), written.files());
    let second = Path::new(&chain).join("blocks/000002.json");
    let mut block: Value = serde_json::from_slice(&fs::read(&second).unwrap()).unwrap();
    block["block"]["block_commitment"] = json!(format!("0x{}", "0".repeat(64)));
    fs::write(&second, block.to_string()).unwrap();
    run_well(&written.args(&chain, &["--until", "imported"], &files));
    run_badly(&written.args(&chain, &["--until", "witnessed"], &files), 1);
    assert_eq!(written.report().matches("<failure ").count(), 1, "{}", written.report());
}

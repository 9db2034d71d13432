//! `snapshot save` and `load` over the real binary: the folder comes back sound, without its secret; damage loads nothing.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{Server, run_badly, run_well};

#[test]
fn a_loaded_snapshot_is_sound_and_goes_on() {
    let root = tempfile::tempdir().unwrap();
    let path = |name: &str| root.path().join(name).to_str().unwrap().to_owned();
    let (data, image, new) = (path("data"), path("image.tar.zst"), path("new"));
    let chain = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/sample-chain");
    let chain = chain.to_str().unwrap();
    run_well(&["run", "--import", chain, "--until", "verified", "--block", "8", "--data-dir", &data]);
    fs::write(Path::new(&data).join("secret"), "not for others").unwrap();

    run_well(&["snapshot", "save", "--data-dir", &data, &image]);
    let error = run_badly(&["snapshot", "save", "--data-dir", &data, &image], 1);
    assert!(error.contains("exists already"), "{error}");
    run_well(&["snapshot", "save", "--force", "--data-dir", &data, &image]);

    run_well(&["snapshot", "load", &image, "--data-dir", &new]);
    assert!(!Path::new(&new).join("secret").exists());
    let sound = String::from_utf8(run_well(&["doctor", "--data-dir", &new])).unwrap();
    assert!(sound.contains("is sound"), "{sound}");
    let status = |folder: &str| -> Value {
        let mut status: Value =
            serde_json::from_slice(&run_well(&["status", "--json", "--data-dir", folder])).unwrap();
        status["space"] = Value::Null;
        status["storage"] = Value::Null;
        status
    };
    assert_eq!(status(&new), status(&data));
    let witness = |folder: &str| run_well(&["export", "--data-dir", folder, "witness", "8"]);
    assert_eq!(witness(&new), witness(&data));

    let server = Server::start(Path::new(&new), &[]);
    let error = run_badly(&["snapshot", "save", "--data-dir", &new, &path("other")], 4);
    assert!(error.contains("another witness-server"), "{error}");
    assert!(!Path::new(&path("other")).exists());
    drop(server);
    let error = run_badly(&["snapshot", "load", &image, "--data-dir", &data], 4);
    assert!(error.contains("not empty"), "{error}");
}

#[test]
fn a_snapshot_goes_through_a_pipe_and_a_pipe_stays_one() {
    let root = tempfile::tempdir().unwrap();
    let path = |name: &str| root.path().join(name).to_str().unwrap().to_owned();
    let (data, pipe) = (path("data"), path("pipe"));
    let chain = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/sample-chain");
    run_well(&["import", "--data-dir", &data, chain.to_str().unwrap()]);
    let witness_server = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_witness-server"));
        command.args(args).env_clear();
        command
    };
    let exported = |folder: &str| run_well(&["export", "--data-dir", folder, "block", "8"]);

    let mut save = witness_server(&["snapshot", "save", "--data-dir", &data, "-"]);
    let mut save = save.stdout(Stdio::piped()).spawn().unwrap();
    let mut load = witness_server(&["snapshot", "load", "-", "--data-dir", &path("by-dash")]);
    assert!(load.stdin(save.stdout.take().unwrap()).status().unwrap().success());
    assert!(save.wait().unwrap().success());
    assert_eq!(exported(&path("by-dash")), exported(&data));

    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut load =
        witness_server(&["snapshot", "load", &pipe, "--data-dir", &path("by-pipe")]).spawn().unwrap();
    run_well(&["snapshot", "save", "--force", "--data-dir", &data, &pipe]);
    assert!(load.wait().unwrap().success());
    assert_eq!(exported(&path("by-pipe")), exported(&data));
    assert!(!fs::metadata(&pipe).unwrap().is_file());
}

#[test]
fn a_damaged_snapshot_loads_nothing() {
    let root = tempfile::tempdir().unwrap();
    let path = |name: &str| root.path().join(name).to_str().unwrap().to_owned();
    let (data, image, new) = (path("data"), path("image.tar.zst"), path("new"));
    let chain = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/sample-chain");
    run_well(&["import", "--data-dir", &data, chain.to_str().unwrap()]);
    run_well(&["snapshot", "save", "--data-dir", &data, &image]);
    let good = fs::read(&image).unwrap();
    let mut bad = good.clone();
    bad[good.len() / 2] ^= 1;
    for damaged in [&bad[..], &good[..good.len() - 10], b"", b"something else"] {
        fs::write(&image, damaged).unwrap();
        let error = run_badly(&["snapshot", "load", &image, "--data-dir", &new], 1);
        assert!(error.contains("damaged"), "{error}");
        assert!(!Path::new(&new).exists());
    }
    run_badly(&["snapshot", "load", &path("nothing"), "--data-dir", &new], 3);
    let left: Vec<_> = fs::read_dir(root.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

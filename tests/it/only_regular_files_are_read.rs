//! A named pipe in the place of any file that the program reads is refused: opening it would wait
//! for its writer without end.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::support::real_folder::grow;
use crate::support::{SECRET, chain, ended, run_well};

/// Runs the binary, which must end, with the given exit code and one sentence that names `path`.
fn refused(args: &[&str], variable: (&str, &str), code: i32, path: &Path) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_witness-server"));
    command.args(args).env_clear().env(variable.0, variable.1);
    let Output { status, stdout, stderr } = ended(&mut command);
    let (out, error) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert_eq!(status.code(), Some(code), "{args:?}: {error}{out}");
    let name = path.file_name().unwrap().to_str().unwrap();
    assert!(error.contains(name) || out.contains(name), "{name:?} is not in {error}{out}");
}

fn pipe(path: &Path) {
    let _ = fs::remove_file(path);
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn a_pipe_in_a_chain_folder_stops_the_import() {
    let parent = tempfile::tempdir().unwrap();
    let source = parent.path().join("chain");
    for place in ["genesis.json", "blocks/000001.json", "aggregated_operations/1.json"] {
        let _ = fs::remove_dir_all(&source);
        for folder in ["blocks", "aggregated_operations"] {
            fs::create_dir_all(source.join(folder)).unwrap();
        }
        fs::copy(chain("deposit").join("genesis.json.zst"), source.join("genesis.json.zst")).unwrap();
        let block = "blocks/000001.json.zst";
        fs::copy(chain("deposit").join(block), source.join(block)).unwrap();
        let regular = source.join(place).with_extension("json.zst");
        let _ = fs::remove_file(regular);
        pipe(&source.join(place));
        let data = parent.path().join("data");
        let args = ["import", "--data-dir", data.to_str().unwrap(), source.to_str().unwrap()];
        refused(&args, ("API_PROVER_SECRET_AUTH", SECRET), 1, Path::new(place));
    }
}

#[test]
fn a_pipe_is_not_a_backup_a_bundle_or_a_setting() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("the-pipe");
    pipe(&path);
    let (pipe, data) = (path.to_str().unwrap(), parent.path().join("data"));
    let data = data.to_str().unwrap();
    let secret = ("API_PROVER_SECRET_AUTH", SECRET);
    refused(&["restore", "--check", pipe], secret, 1, &path);
    refused(&["restore", "--data-dir", data, pipe], secret, 1, &path);
    refused(&["check", "bundle", pipe], secret, 1, &path);
    let serve = ["serve", "--data-dir", data, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
    let serve_with = |setting: &str, more: &str, variable| {
        let set = format!("{setting}={pipe}");
        let args = [&serve[..], &["--set", &set], if more.is_empty() { &[] } else { &["--set", more] }];
        refused(&args.concat(), variable, 2, &path);
    };
    refused(&[&serve[..], &["--config", pipe]].concat(), secret, 2, &path);
    serve_with("secret_file", "", ("HOME", "/"));
    serve_with("operator_token_file", "", secret);
    serve_with("tls_certificate", &format!("tls_key={pipe}"), secret);
    let status = ["status", "--url", "https://127.0.0.1:1", "--set"];
    refused(&[&status[..], &[&format!("tls_ca={pipe}")]].concat(), secret, 2, &path);
    let keys = parent.path().join("keys");
    fs::create_dir(&keys).unwrap();
    self::pipe(&keys.join("verification_block_26.key"));
    let set = format!("verification_keys={}", keys.display());
    let key = Path::new("verification_block_26.key");
    refused(&[&serve[..], &["--set", &set]].concat(), secret, 2, key);
    assert!(!Path::new(data).exists());
}

#[test]
fn a_pipe_in_a_data_folder_blocks_no_command() {
    let parent = tempfile::tempdir().unwrap();
    let data = parent.path().join("data");
    grow(&data);
    let args = |command: &'static str| [command, "--data-dir", data.to_str().unwrap()];
    let secret = ("API_PROVER_SECRET_AUTH", SECRET);
    let part_of = |folder: &str| fs::read_dir(data.join(folder)).unwrap().next().unwrap().unwrap().path();
    let db = data.join("index/db");
    let places =
        [(data.join("LOCK"), 4), (db, 6), (data.join("journal/000001.log"), 6), (part_of("blobs"), 6)];
    for (place, code) in places {
        let aside = parent.path().join("aside");
        fs::rename(&place, &aside).unwrap();
        pipe(&place);
        refused(&args("doctor"), secret, code, if code == 4 { &data } else { &place });
        fs::rename(&aside, &place).unwrap();
    }
    for place in [data.join("index/conf"), data.join("index/db"), data.join("journal/000001.log")] {
        let aside = parent.path().join("aside");
        fs::rename(&place, &aside).unwrap();
        pipe(&place);
        refused(&args("status"), secret, 4, Path::new("a regular file"));
        fs::rename(&aside, &place).unwrap();
    }
    for (name, code) in [("witness-server.toml", 2), ("secret", 2)] {
        pipe(&data.join(name));
        let serve =
            [&args("serve")[..], &["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]].concat();
        refused(&serve, ("HOME", "/"), code, Path::new(name));
        fs::remove_file(data.join(name)).unwrap();
    }
    run_well(&args("doctor"));
}

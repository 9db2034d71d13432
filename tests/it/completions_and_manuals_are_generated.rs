//! Completions of every shell and the manual pages have the subcommands and flags of the program.

use std::fs;

use clap::{CommandFactory, ValueEnum};
use zksync_witness_server::testing::internals::cli::Cli;

use crate::support::run_well;

#[test]
fn every_shell_gets_completions_of_every_subcommand() {
    for shell in clap_complete::Shell::value_variants() {
        let name = shell.to_string();
        let script = String::from_utf8(run_well(&["completions", &name])).unwrap();
        for subcommand in Cli::command().get_subcommands() {
            assert!(script.contains(subcommand.get_name()), "{name}: {}", subcommand.get_name());
        }
        assert!(script.contains("data-dir"), "{name}");
    }
}

#[test]
fn the_program_and_each_subcommand_have_a_manual_page() {
    let page = String::from_utf8(run_well(&["man"])).unwrap();
    assert!(page.contains(".TH") && page.contains("Exit codes"), "{page}");
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("man");
    run_well(&["man", "--out", folder.to_str().unwrap()]);
    assert!(folder.join("witness-server.1").exists());
    for subcommand in Cli::command().get_subcommands() {
        let page = folder.join(format!("witness-server-{}.1", subcommand.get_name()));
        assert!(fs::read_to_string(page).unwrap().contains(".SH SYNOPSIS"), "{}", subcommand.get_name());
    }
}

#[test]
fn the_version_names_the_engine_and_the_formats() {
    let short = run_well(&["-V"]);
    let version = concat!("witness-server ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(String::from_utf8_lossy(&short), version);
    let long = String::from_utf8(run_well(&["--version"])).unwrap();
    assert!(long.starts_with(version), "{long}");
    let engine = zksync_witness_server::testing::internals::crypto::rescue::engine();
    assert!(long.contains(&format!("\nhash engine {engine}\n")), "{long}");
    assert!(long.ends_with("formats: data folder 1, backup 1, bundle 1\n"), "{long}");
    // A manual page does not tell of the machine that made it.
    let page = String::from_utf8(run_well(&["man"])).unwrap();
    assert!(!page.contains("hash engine"), "{page}");
}

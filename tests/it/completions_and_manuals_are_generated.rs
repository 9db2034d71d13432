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

//! Completions of every shell and the manual pages have the subcommands and flags of the program.

use std::fs;
use std::path::Path;
use std::process::Command;

use clap::{CommandFactory, ValueEnum};
use zksync_witness_server::testing::internals::cli::Cli;

use crate::support::{run_badly, run_well};

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

/// Returns the words that bash offers for the last one of a command line.
fn offered_by_bash(script: &Path, line: &[&str]) -> Vec<String> {
    let program = "source \"$1\"; shift\n\
        function=$(complete -p witness-server | sed 's/.*-F \\([^ ]*\\).*/\\1/')\n\
        COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); COMP_LINE=\"$*\"; COMP_POINT=${#COMP_LINE}\n\
        $function witness-server \"${COMP_WORDS[COMP_CWORD]}\" \"${COMP_WORDS[COMP_CWORD - 1]}\"\n\
        printf '%s\\n' \"${COMPREPLY[@]}\"";
    let mut bash = Command::new("bash");
    let output = bash.args(["--norc", "-c", program, "bash"]).arg(script).args(line).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Returns the words that fish offers for the last one of a command line.
fn offered_by_fish(script: &Path, line: &[&str]) -> Vec<String> {
    let program = format!("source {}; complete -C '{}'", script.display(), line.join(" "));
    let home = tempfile::tempdir().unwrap();
    let mut fish = Command::new("fish");
    let output = fish.args(["-c", &program]).env("HOME", home.path()).output().expect("fish");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line.split('\t').next().unwrap().to_owned()).collect()
}

/// Returns the last word of a command line once an interactive zsh has completed it.
fn offered_by_zsh(script: &Path, line: &[&str]) -> Vec<String> {
    // Control-B prints the line as the tab key left it.
    let program = r#"
        zmodload zsh/zpty
        zpty -b shell zsh -f -i
        zpty -w shell "PROMPT= fpath=(${1:h} \$fpath); autoload -Uz compinit; compinit -u -D"
        zpty -w shell 'shown() { print -r -- "<$BUFFER>" }; zle -N shown; bindkey "^B" shown'
        zpty -w shell 'print -r -- rea""dy'
        zpty -r shell out '*ready*'
        zpty -w -n shell "$2"$'\t'$'\x02'
        zpty -r shell out '*<*>*' && print -r -- "$out"
        zpty -d shell"#;
    let home = tempfile::tempdir().unwrap();
    let mut zsh = Command::new("timeout");
    zsh.args(["30", "zsh", "-f", "-c", program, "zsh"]).arg(script).arg(line.join(" "));
    let output = zsh.env("HOME", home.path()).env("TERM", "xterm").output().expect("zsh");
    let text = String::from_utf8(output.stdout).unwrap();
    let line = text.rsplit_once('<').and_then(|(_, line)| line.split_once('>'));
    let (line, _) = line.unwrap_or_else(|| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)));
    // An option that takes a value is completed with its `=`.
    line.split_whitespace().last().map(|word| word.trim_end_matches('=').to_owned()).into_iter().collect()
}

fn real_words_are_completed(shell: &str, offered: impl Fn(&Path, &[&str]) -> Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    // zsh finds a completion by this name.
    let script = folder.path().join("_witness-server");
    fs::write(&script, run_well(&["completions", shell])).unwrap();
    for (line, expected) in [
        (&["witness-server", "bac"][..], "backup"),
        (&["witness-server", "jobs", "req"], "requeue"),
        (&["witness-server", "export", "wit"], "witness"),
        (&["witness-server", "serve", "--witness-g"], "--witness-generators"),
        (&["witness-server", "jobs", "list", "--sta"], "--status"),
        (&["witness-server", "run", "--until", "ver"], "verified"),
    ] {
        let words = offered(&script, line);
        assert!(words.iter().any(|word| word == expected), "{line:?}: {words:?}");
    }
}

#[test]
fn bash_completes_words_behind_the_first_one() {
    real_words_are_completed("bash", offered_by_bash);
}

#[test]
#[ignore = "needs fish"]
fn fish_completes_words_behind_the_first_one() {
    real_words_are_completed("fish", offered_by_fish);
}

#[test]
#[ignore = "needs zsh"]
fn zsh_completes_words_behind_the_first_one() {
    real_words_are_completed("zsh", offered_by_zsh);
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
    // One page that exists keeps all of them from being written, unless they may be replaced.
    let edited = folder.join("witness-server-jobs.1");
    let removed = folder.join("witness-server.1");
    fs::write(&edited, "edited").unwrap();
    fs::remove_file(&removed).unwrap();
    let error = run_badly(&["man", "--out", folder.to_str().unwrap()], 1);
    assert!(error.contains("exists already") && error.contains("--force"), "{error}");
    assert_eq!(fs::read_to_string(&edited).unwrap(), "edited");
    assert!(!removed.exists());
    run_well(&["man", "--out", folder.to_str().unwrap(), "--force"]);
    assert!(fs::read_to_string(&edited).unwrap().contains(".SH SYNOPSIS") && removed.exists());
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

//! The commands of README and docs parse, CI runs the two main commands and the tests that need a
//! tool, and the tests that SECURITY.md names exist.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Parser;
use zksync_witness_server::config::{Config, Environment};
use zksync_witness_server::testing::internals::cli::Cli;

fn read(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

/// Returns the lines of the blocks of commands.
fn commands(markdown: &str) -> Vec<String> {
    let mut inside = false;
    let mut commands = Vec::new();
    for line in markdown.lines() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if inside && !line.is_empty() {
            commands.push(line.to_owned());
        }
    }
    commands
}

/// Splits a command at its spaces, but not inside single quotes.
fn words(command: &str) -> Vec<&str> {
    let mut words = Vec::new();
    for (index, part) in command.split('\'').enumerate() {
        if index % 2 == 0 {
            words.extend(part.split_whitespace());
        } else {
            words.push(part);
        }
    }
    words
}

/// Parses a command as the program would.
fn check(command: &str) {
    // A command substitution: `$(…)`.
    if let Some((_, rest)) = command.split_once("$(") {
        check(rest.split_once(')').unwrap().0);
    }
    let words = words(command);
    match words.as_slice() {
        ["export", assignment, ..] => assert!(assignment.contains('='), "{command}"),
        ["openssl", "rand", "-hex", "32", ..]
        | ["(umask", "077;", "openssl", "rand", "-hex", "32", ">", _]
        | ["(umask", "077;", "echo", "'the", "password'", ">", _] => {}
        ["ssh", "-N", "-L", ..] | ["cat", _] => {}
        ["curl", ..] | ["cargo", "test"] | ["cargo", "bench"] => {}
        ["npm", "install", ..] | ["node", "examples/devnet.mjs"] => {}
        [assignment, ..] if is_assignment(assignment) => {}
        ["cargo", "bench", "--bench", "load", "--", ..] => {}
        ["cargo", "bench", "--", parts @ ..] => {
            for part in parts.iter().filter(|part| **part != "--quick") {
                let file = format!("benches/figures/{}.rs", part.replace('-', "_"));
                assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(&file).exists(), "{command}: no {file}");
            }
        }
        ["cargo", "install", "--locked", "--path", "."] => {}
        ["cargo", "build", "--locked", "--release", rest @ ..] => {
            assert!(matches!(rest, [] | ["--target", "x86_64-unknown-linux-musl"]), "{command}");
        }
        ["cargo", "publish", "--dry-run"] => {}
        ["rustup", "target", "add", "x86_64-unknown-linux-musl"] => {}
        ["sudo", "apt-get", "install", "musl-tools"] | ["sudo", "systemctl", ..] => {}
        ["sudo", "install", rest @ ..] => {
            let files = rest.iter().filter(|word| !word.starts_with(['-', '/']) && word.contains('/'));
            for file in files.filter(|file| !file.starts_with("target/")) {
                assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(file).exists(), "{command}: no {file}");
            }
        }
        ["docker", "build", "-t", "witness-server", "."] => {}
        ["docker", "run", .., "witness-server"] => {}
        ["docker", "exec", "witness-server", program, rest @ ..] => {
            assert_eq!(*program, "/usr/local/bin/witness-server");
            parse(&[&["witness-server"], rest].concat(), command);
        }
        ["cd", _] | ["sha256sum", "--check", ..] => {}
        ["du" | "ls" | "mkdir" | "strip" | "tar" | "zstd", ..] => {}
        ["witness-server", ..] => {
            let redirection = words.iter().position(|word| *word == ">").unwrap_or(words.len());
            parse(&words[..redirection], command);
        }
        ["cargo", "run", rest @ ..] => {
            let split = rest.iter().position(|word| *word == "--").unwrap_or(rest.len());
            let (options, arguments) = rest.split_at(split);
            let options: Vec<&str> =
                options.iter().copied().filter(|option| *option != "--release").collect();
            match options.as_slice() {
                [] => parse(&[&["witness-server"], &arguments[1..]].concat(), command),
                ["--example", name] => {
                    let file = format!("examples/{name}.rs");
                    assert!(
                        Path::new(env!("CARGO_MANIFEST_DIR")).join(&file).exists(),
                        "{command}: no {file}"
                    );
                }
                _ => panic!("{command}: unexpected options of cargo"),
            }
        }
        ["(umask", "077;", "echo", ..] => {}
        _ => panic!("{command}: not checked by this test"),
    }
}

/// Returns true for a word that sets a variable of the shell.
fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| name.chars().all(|c| c.is_ascii_lowercase()))
}

fn parse(words: &[&str], command: &str) {
    let cli = Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{command}: {error}"));
    let flags = cli.flags().unwrap_or_else(|error| panic!("{command}: {error}"));
    // A command before creates that file.
    let created = ["operator_token_file=operator-token", "node_password_file=node.password"];
    if !created.iter().any(|file| command.contains(file)) {
        Config::load(None, &Environment::default(), &flags)
            .unwrap_or_else(|error| panic!("{command}: {error}"));
    }
}

#[test]
fn every_command_parses() {
    for file in ["README.md", "docs/operation.md", "docs/ci.md", "docs/node.md"] {
        let commands = commands(&read(file));
        assert!(!commands.is_empty(), "{file}");
        commands.iter().for_each(|command| check(command));
    }
    // In these files, indented lines are commands.
    for file in ["data/README.md", "docs/verification.md"] {
        let text = read(file);
        let indented = text.lines().filter_map(|line| line.strip_prefix("    "));
        let commands: Vec<&str> = indented
            .filter(|line| line.starts_with("witness-server ") || line.starts_with("cargo "))
            .collect();
        assert!(!commands.is_empty(), "{file}");
        commands.iter().for_each(|command| check(command));
    }
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        // The commands of `provers.md` are all run, by a shell.
        let parsed = name.ends_with(".md") && name != "provers.md";
        let commands = if parsed { commands(&read(&format!("docs/{name}"))) } else { Vec::new() };
        commands.iter().for_each(|command| check(command));
    }
}

#[test]
fn the_steps_of_the_pipeline_parse() {
    // A step that runs it in a container has the same words after the name of the image.
    let text = read("docs/ci.md");
    let steps = text.lines().filter_map(|line| line.trim_start().strip_prefix("- run: "));
    let mut parsed = 0;
    for step in steps {
        let Some((_, words)) = step.rsplit_once("witness-server run ") else { continue };
        parse(&["witness-server", "run"].into_iter().chain(words.split(' ')).collect::<Vec<_>>(), step);
        parsed += 1;
    }
    assert!(parsed >= 2, "{parsed}");
}

#[test]
fn the_two_main_commands_come_first_and_ci_runs_both() {
    let readme = commands(&read("README.md"));
    assert_eq!(readme[..2], ["cargo run --release -- demo", "cargo test"]);
    let ci = read(".ci/run").replace(" --locked", "");
    // The demo is run with the binary that the tests built.
    for step in ["witness-server demo\n", "cargo test "] {
        assert!(ci.contains(step), "{step}");
    }
    assert!(read(".github/workflows/ci.yml").contains("bash .ci/run"));
}

#[test]
fn the_table_of_settings_is_complete() {
    let table = read("docs/configuration.md");
    let config = Config::load(None, &Environment::default(), &zksync_witness_server::config::Flags::new());
    let mut settings = 0;
    for line in config.unwrap().print().lines() {
        let row = if let Some((name, value)) = line.split_once(" = ") {
            let value = value.strip_suffix("  # default").unwrap().trim_matches('"');
            format!("| `{name}` | `{value}` |")
        } else if let Some(name) = line.strip_prefix("# ").and_then(|line| line.strip_suffix(" is not set")) {
            format!("| `{name}` | – |")
        } else {
            continue;
        };
        assert!(table.contains(&row), "no row {row}");
        settings += 1;
    }
    let rows = table.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(rows, settings, "rows of unknown settings");
}

/// Returns all Rust files of a folder: the path below it, and the text.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut texts = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                texts.push((path.strip_prefix(&root).unwrap().to_owned(), text));
            }
        }
    }
    texts
}

#[test]
fn the_pipeline_runs_every_test_that_needs_a_tool() {
    let mut needed = Vec::new();
    for (file, text) in [sources("tests/it"), sources("src")].concat() {
        let module = file.with_extension("").to_str().unwrap().replace('/', "::");
        for rest in text.split("\n#[ignore = \"needs ").skip(1) {
            let name = rest.split_once("fn ").unwrap().1.split_once('(').unwrap().0;
            needed.push(format!("{module}::{name}"));
        }
    }
    needed.sort();
    let ci = read(".ci/run");
    let named = ci.split_once("\ntool_tests=(\n").unwrap().1.split_once("\n)\n").unwrap().0;
    assert_eq!(named.lines().map(str::trim).collect::<Vec<_>>(), needed);
    // By name, because other ignored tests run for hours.
    assert!(ci.contains("-- --ignored --exact \"${tool_tests[@]}\""));
    assert!(needed.len() > 5, "{needed:?}");
}

#[test]
fn the_tests_that_the_table_of_faults_names_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let texts = [sources("tests"), sources("src")].concat();
    let is_function = |name: &str| {
        // An ellipsis replaces some words of the name.
        let (start, end) = name.split_once('…').unwrap_or((name, ""));
        let fits = |function: &str| match name.contains('…') {
            true => function.starts_with(start) && function.ends_with(end),
            false => function == name,
        };
        let functions = |text: &str| {
            text.split("fn ").skip(1).any(|rest| rest.split_once('(').is_some_and(|(name, _)| fits(name)))
        };
        texts.iter().any(|(_, text)| functions(text))
    };
    let is_module = |name: &str| {
        ["it", "alone"].iter().any(|program| root.join(format!("tests/{program}/{name}.rs")).exists())
    };
    let security = read("SECURITY.md");
    let faults = security.split_once("## Faults").unwrap().1.split_once("\n## ").unwrap().0;
    let mut named = 0;
    for row in faults.lines().filter(|line| line.starts_with("| ")) {
        let tests = row.trim_end_matches(" |").rsplit_once(" | ").unwrap().1;
        for name in tests.split('`').skip(1).step_by(2) {
            named += 1;
            let there = match name.contains('/') || name.ends_with(".rs") {
                true => root.join("src").join(name).exists(),
                false => is_module(name) || is_function(name),
            };
            assert!(there, "{name}, in {row}");
        }
    }
    assert!(named > 40, "{named}");
}

/// Cargo takes one filter; all others belong behind `--`. A filter that finds nothing runs nothing,
/// and the command succeeds.
#[test]
fn filters_of_cargo_test_find_tests() {
    let listed = Command::new(env::current_exe().unwrap()).arg("--list").output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let mut filters = 0;
    for command in lines_of_cargo_test() {
        let (before, behind) = command.split_once(" -- ").unwrap_or((&command, ""));
        let before: Vec<&str> = before.split(' ').collect();
        // Programs other than this one cannot be asked.
        if !before.contains(&"--test") || before.contains(&"--lib") {
            continue;
        }
        let words = before.iter().skip_while(|word| **word != "--test").skip(2);
        assert!(words.clone().count() <= 1, "more than one filter before `--`: {command}");
        let options = ["--ignored", "--nocapture", "--test-threads", "1"];
        for filter in words.copied().chain(behind.split(' ')) {
            if !filter.is_empty() && !options.contains(&filter) {
                filters += 1;
                assert!(listed.contains(filter), "{filter:?} finds no test: {command}");
            }
        }
    }
    assert!(filters >= 20, "{filters} filters");
}

/// Returns the commands of CONTRIBUTING that run tests, without variables.
fn lines_of_cargo_test() -> Vec<String> {
    let text = read("CONTRIBUTING.md");
    let commands = text.lines().flat_map(|line| line.split('`'));
    commands.filter_map(|text| Some(text[text.find("cargo test ")?..].trim().to_owned())).collect()
}

//! The modules of the library form layers, and dependencies between them point one way.
//!
//! This reads the sources rather than the compiler's graph: every `crate::module` outside comments and tests, whether in
//! a `use` (nested groups and line breaks included) or in the middle of a line. A path through `super` out of a layer is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each layer and what it may use, itself left out. `cli`, `app`, `bench` and `testing` stand above all and may use anything.
const LAYERS: &[(&str, &[&str])] = &[
    ("backoff", &[]),
    ("crypto", &[]),
    ("clock", &[]),
    ("fsync", &[]),
    ("input", &[]),
    ("logging", &[]),
    ("metrics", &[]),
    ("tls", &[]),
    ("config", &["crypto", "fsync", "logging", "tls"]),
    ("domain", &["backoff", "crypto"]),
    ("tree", &["crypto", "domain"]),
    ("witness", &["crypto", "domain", "tree"]),
    ("store", &["crypto", "domain", "tree", "clock", "fsync", "metrics"]),
    ("api", &["config", "domain"]),
    (
        "workers",
        &["backoff", "crypto", "domain", "tree", "witness", "store", "clock", "config", "input", "metrics"],
    ),
    ("backup", &["domain", "fsync", "store", "workers"]),
    ("bundle", &["crypto", "domain", "tree", "witness", "store", "workers"]),
    ("report", &["api", "domain", "store", "workers"]),
    (
        "server",
        &[
            "api", "crypto", "domain", "store", "workers", "backup", "bundle", "report", "clock", "config",
            "metrics",
        ],
    ),
    ("client", &["api", "backoff", "config", "crypto", "domain", "tls"]),
    ("chain_folder", &["domain", "input"]),
    ("service", &["api", "store", "workers", "server", "config", "tls"]),
];
const TOP: &[&str] = &["app", "bench", "cli", "main", "lib", "testing"];

/// `(line, module)` for each reference to a module of the crate.
fn references(source: &str) -> Vec<(usize, String)> {
    let source = without_tests(&without_comments(source));
    let mut found = Vec::new();
    for (at, path) in source.match_indices("crate::") {
        let before = source[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let line = source[..at].matches('\n').count() + 1;
        found.extend(first_segments(&source[at + path.len()..]).into_iter().map(|module| (line, module)));
    }
    found
}

/// First segments of a path, or of each member of a group `{a::b, c::{d, e}}`.
fn first_segments(path: &str) -> Vec<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let Some(group) = path.strip_prefix('{') else { return vec![word(path)] };
    let (mut depth, mut member, mut members) = (1, String::new(), Vec::new());
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 || (depth == 1 && c == ',') {
            members.push(word(member.trim_start()));
            member.clear();
        } else {
            member.push(c);
        }
        if depth == 0 {
            break;
        }
    }
    members.retain(|member| !member.is_empty());
    members
}

fn without_comments(source: &str) -> String {
    let code = |line: &str| {
        let comment = line.match_indices("//").find(|(at, _)| !line[..*at].ends_with(':'));
        comment.map_or(line, |(at, _)| &line[..at]).to_owned() + "\n"
    };
    source.lines().map(code).collect()
}

/// Blanks every item under `#[cfg(test)]`, braces matched; formatted code closes them at the item's own indentation.
fn without_tests(source: &str) -> String {
    let mut kept = String::new();
    let mut lines = source.lines();
    while let Some(line) = lines.next() {
        if !line.trim_start().starts_with("#[cfg(test)]") {
            kept.push_str(line);
            kept.push('\n');
            continue;
        }
        kept.push('\n');
        let close = format!("{}}}", &line[..line.len() - line.trim_start().len()]);
        let mut opened = false;
        for item in lines.by_ref() {
            kept.push('\n');
            opened |= item.ends_with('{');
            if item == close || item == format!("{close};") || (!opened && item.ends_with(';')) {
                break;
            }
        }
    }
    kept
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The first folder or file name below `src`.
fn layer(relative: &Path) -> String {
    let first = relative.components().next().unwrap().as_os_str();
    Path::new(first).file_stem().unwrap().to_str().unwrap().to_owned()
}

/// Files that hold tests only: `tests.rs`, `…_tests.rs`, `testing.rs`, `test_vectors.rs`, and whatever is below `tests/`.
fn is_test_file(relative: &Path) -> bool {
    relative.components().skip(1).any(|part| {
        let name = Path::new(part.as_os_str()).file_stem().unwrap().to_str().unwrap();
        name.ends_with("_tests") || ["tests", "testing", "test_vectors"].contains(&name)
    })
}

/// How many `super::` in a row lead out of the top-level module that `relative` belongs to.
fn levels_below_layer(relative: &Path) -> usize {
    let depth = relative.components().count();
    let is_mod = relative.file_name().is_some_and(|name| name == "mod.rs");
    if is_mod { depth - 1 } else { depth }
}

fn violations(relative: &Path, source: &str) -> Vec<String> {
    let own = layer(relative);
    if TOP.contains(&own.as_str()) || is_test_file(relative) {
        return Vec::new();
    }
    let allowed: BTreeMap<&str, &[&str]> = LAYERS.iter().copied().collect();
    let Some(allowed) = allowed.get(own.as_str()) else {
        return vec![format!("{}: `{own}` has no row in the table of layers", relative.display())];
    };
    let mut found: Vec<String> = references(source)
        .into_iter()
        .filter(|(_, module)| *module != own && !allowed.contains(&module.as_str()))
        .map(|(line, module)| format!("{}:{line}: `{own}` must not use `{module}`", relative.display()))
        .collect();
    let out = "super::".repeat(levels_below_layer(relative));
    if without_tests(&without_comments(source)).contains(&out) {
        found.push(format!("{}: `{out}` leaves the layer; write `crate::`", relative.display()));
    }
    found
}

#[test]
fn every_source_keeps_to_its_layer() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 50);
    let mut found = Vec::new();
    let mut used = BTreeSet::new();
    for file in files {
        let relative = file.strip_prefix(&root).unwrap();
        let source = fs::read_to_string(&file).unwrap();
        found.extend(violations(relative, &source));
        used.insert(layer(relative));
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
    for (layer, _) in LAYERS {
        assert!(used.contains(*layer), "the table has a row for `{layer}`, which is not there");
    }
}

#[test]
fn the_table_has_no_circle_and_keeps_witness_and_store_apart() {
    let rows: BTreeMap<&str, &[&str]> = LAYERS.iter().copied().collect();
    // Each row may only use rows above it, once sorted: repeatedly remove those whose uses are all removed.
    let mut left: BTreeSet<&str> = rows.keys().copied().collect();
    while let Some(free) =
        left.iter().copied().find(|layer| rows[layer].iter().all(|used| !left.contains(used)))
    {
        left.remove(free);
    }
    assert!(left.is_empty(), "a circle among {left:?}");
    assert!(!rows["witness"].contains(&"store") && !rows["store"].contains(&"witness"));
    assert!(!rows["server"].contains(&"witness"));
}

#[test]
fn forbidden_lines_are_found_wherever_they_hide() {
    let found = |file: &str, source: &str| violations(Path::new(file), source).len();
    assert_eq!(found("witness/plan/mod.rs", "use crate::store::Store;"), 1);
    assert_eq!(
        found("store/jobs.rs", "use crate::{\n    domain::{Job, Block},\n    witness::ProverData,\n};"),
        1
    );
    assert_eq!(found("server/routes.rs", "fn f() -> crate::witness::ProverData { todo!() }"), 1);
    assert_eq!(found("crypto/fr.rs", "pub(in crate::domain) fn f() {}"), 1);
    assert_eq!(found("tree/leaf.rs", "use super::super::store::Store;"), 1);
    assert_eq!(found("domain/mod.rs", "use super::tree::AccountTree;"), 1);
    assert_eq!(found("unheard_of.rs", "fn f() {}"), 1);
    let after_tests = "#[cfg(test)]\nmod tests {\n    use crate::app;\n}\n\nuse crate::app;\n";
    assert_eq!(found("domain/block.rs", after_tests), 1);
    assert_eq!(found("domain/block.rs", "#[cfg(test)]\nmod tests;\nuse crate::app;\n"), 1);

    assert_eq!(found("witness/tests.rs", "use crate::workers::TreeState;"), 0);
    assert_eq!(
        found("tree/leaf.rs", "//! See crate::store.\nuse crate::crypto::Fr; // not crate::store\n"),
        0
    );
    assert_eq!(found("tree/leaf.rs", "use super::record;\nuse crate::tree::view;"), 0);
    assert_eq!(found("cli/serve.rs", "use crate::{store::Store, witness::plan};"), 0);
}

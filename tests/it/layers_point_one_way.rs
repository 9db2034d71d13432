//! The modules of the library form layers, and dependencies between them point one way; no two
//! files use each other, directly or through others.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::support::sources::{Reference, Sources, references};

/// Each layer and the others it may use. `app`, the root of the composition, and `testing` may use
/// anything.
const LAYERS: &[(&str, &[&str])] = &[
    ("access", &["input"]),
    ("allocator", &[]),
    ("backoff", &[]),
    ("crypto", &[]),
    ("clock", &[]),
    ("fsync", &["access"]),
    ("input", &[]),
    ("logging", &["printable"]),
    ("metrics", &[]),
    ("printable", &[]),
    ("tls", &["input"]),
    ("config", &["crypto", "fsync", "input", "logging", "tls"]),
    ("domain", &["backoff", "crypto"]),
    ("tree", &["crypto", "domain"]),
    ("execution", &["crypto", "domain", "tree"]),
    ("witness", &["crypto", "domain", "tree"]),
    ("store", &["access", "backoff", "crypto", "domain", "tree", "clock", "fsync", "input", "metrics"]),
    ("api", &["config", "domain"]),
    (
        "workers",
        &[
            "allocator",
            "backoff",
            "crypto",
            "domain",
            "tree",
            "witness",
            "store",
            "clock",
            "config",
            "input",
            "metrics",
        ],
    ),
    ("backup", &["domain", "fsync", "input", "store", "workers"]),
    ("bundle", &["crypto", "domain", "input", "tree", "witness", "store", "workers"]),
    ("report", &["api", "domain", "store", "workers"]),
    (
        "server",
        &[
            "api", "crypto", "domain", "store", "workers", "backup", "bundle", "report", "clock", "config",
            "input", "metrics",
        ],
    ),
    ("client", &["api", "backoff", "config", "crypto", "domain", "tls"]),
    ("chain_folder", &["access", "domain", "input"]),
    ("node", &["backoff", "clock", "config", "crypto", "domain", "input", "store", "tls", "tree", "workers"]),
    ("service", &["allocator", "api", "store", "workers", "node", "server", "config", "tls"]),
    (
        "devnet",
        &[
            "backoff",
            "backup",
            "chain_folder",
            "client",
            "clock",
            "config",
            "crypto",
            "domain",
            "execution",
            "server",
            "service",
            "store",
            "workers",
        ],
    ),
    (
        "cli",
        &[
            "access",
            "api",
            "backoff",
            "backup",
            "bundle",
            "chain_folder",
            "client",
            "clock",
            "config",
            "crypto",
            "devnet",
            "domain",
            "fsync",
            "input",
            "logging",
            "node",
            "printable",
            "report",
            "service",
            "store",
            "tls",
            "workers",
        ],
    ),
];
const TOP: &[&str] = &["app", "lib", "testing"];

fn sources() -> Sources {
    Sources::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
}

/// The first folder or file name below `src`.
fn layer(file: &str) -> &str {
    file.split('/').next().unwrap().trim_end_matches(".rs")
}

fn violations(file: &str, references: &[Reference]) -> Vec<String> {
    let own = layer(file);
    if TOP.contains(&own) || file.ends_with("/testing.rs") {
        return Vec::new();
    }
    let Some((_, allowed)) = LAYERS.iter().find(|(layer, _)| *layer == own) else {
        return vec![format!("{file}: `{own}` has no row in the table of layers")];
    };
    let mut found = Vec::new();
    for Reference { line, path, by_super, .. } in references {
        let Some(other) = path.first().filter(|other| *other != own) else { continue };
        if !allowed.contains(&other.as_str()) {
            found.push(format!("{file}:{line}: `{own}` must not use `{other}`"));
        } else if *by_super {
            found.push(format!("{file}:{line}: `super` leaves the layer; write `crate::{other}`"));
        }
    }
    found
}

#[test]
fn every_source_keeps_to_its_layer() {
    let sources = sources();
    let found: Vec<String> = sources.files().flat_map(|(file, paths)| violations(file, paths)).collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
    let layers: BTreeSet<&str> = sources.files().map(|(file, _)| layer(file)).collect();
    assert!(sources.files().count() > 50);
    // `crypto` is a package of its own: the compiler keeps it from using anything else.
    for (layer, _) in LAYERS.iter().filter(|(layer, _)| *layer != "crypto") {
        assert!(layers.contains(layer), "the table has a row for `{layer}`, which does not exist");
    }
}

#[test]
fn no_files_use_each_other_in_a_circle() {
    let sources = sources();
    assert!(sources.files().map(|(_, paths)| paths.len()).sum::<usize>() > 1_000);
    let crypto = Sources::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/crypto"));
    assert!(crypto.files().count() > 10);
    let circles = [sources.circles(), crypto.circles()].concat();
    assert!(
        circles.is_empty(),
        "{} circles, each import with its line:\n{}",
        circles.len(),
        circles.join("\n")
    );
}

#[test]
fn files_are_synced_and_renamed_by_one_module() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let calls = |file: &str| {
        let text = fs::read_to_string(src.join(file)).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        [".sync_all(", ".sync_data(", "fs::rename("]
            .iter()
            .map(|call| code.matches(call).count())
            .sum::<usize>()
    };
    assert_eq!(calls("fsync.rs"), 3);
    for (file, _) in sources().files().filter(|(file, _)| *file != "fsync.rs") {
        assert_eq!(calls(file), 0, "{file} calls fsync or rename itself; `fsync` has functions for that");
    }
}

#[test]
fn the_table_has_no_circle_and_keeps_witness_and_store_apart() {
    let rows: BTreeMap<&str, &[&str]> = LAYERS.iter().copied().collect();
    // Each row may only use rows above it, once sorted: repeatedly remove those whose uses are all
    // removed.
    let mut left: BTreeSet<&str> = rows.keys().copied().collect();
    while let Some(free) =
        left.iter().copied().find(|layer| rows[layer].iter().all(|used| !left.contains(used)))
    {
        left.remove(free);
    }
    assert!(left.is_empty(), "a circle among {left:?}");
    assert!(!rows["witness"].contains(&"store") && !rows["store"].contains(&"witness"));
    assert!(!rows["server"].contains(&"witness"));
    // The command line starts a server only through `service`, and `api` is what the three share.
    assert!(!rows["client"].contains(&"server") && !rows["cli"].contains(&"server"));
    assert!(["server", "client", "cli"].iter().all(|layer| !rows["api"].contains(layer)));
}

#[test]
fn forbidden_lines_are_found_wherever_they_hide() {
    let found = |file: &str, source: &str| violations(file, &references(file, source)).len();
    assert_eq!(found("witness/plan/mod.rs", "use crate::store::Store;"), 1);
    assert_eq!(
        found("store/jobs.rs", "use crate::{\n    domain::{Job, Block},\n    witness::ProverData,\n};"),
        1
    );
    assert_eq!(found("server/routes.rs", "fn f() -> crate::witness::ProverData { todo!() }"), 1);
    assert_eq!(found("server/routes.rs", "#[serde(with = \"crate::witness::json\")]\nfn f() {}"), 1);
    assert_eq!(found("crypto/fr.rs", "pub(in crate::domain) fn f() {}"), 1);
    assert_eq!(found("tree/leaf.rs", "use super::super::store::Store;"), 1);
    assert_eq!(found("tree/leaf.rs", "use super::super::crypto::Fr;"), 1);
    assert_eq!(found("domain/mod.rs", "use super::tree::AccountTree;"), 1);
    assert_eq!(found("cli/serve.rs", "use crate::server::Server;"), 1);
    assert_eq!(found("unheard_of.rs", "fn f() {}"), 1);
    let after_tests = "#[cfg(test)]\nmod tests {\n    use crate::app;\n}\n\nuse crate::app;\n";
    assert_eq!(found("domain/block.rs", after_tests), 1);
    assert_eq!(found("domain/block.rs", "#[cfg(test)]\nmod tests;\nuse crate::app;\n"), 1);
    assert_eq!(
        found("domain/block.rs", "#[cfg(test)]\nconst fn f() { (';', '\\'', \"}\") }\nuse crate::app;\n"),
        1
    );
    let field = "struct A<'a> {\n    #[cfg(test)]\n    of: crate::app::A,\n    a: &'a crate::app::B,\n}\n";
    assert_eq!(found("domain/block.rs", field), 1);

    assert_eq!(found("witness/mod.rs", "#[cfg(test)]\nuse crate::workers::TreeState;"), 0);
    assert_eq!(
        found("tree/leaf.rs", "//! See crate::store.\nuse crate::crypto::Fr; // not crate::store\n"),
        0
    );
    assert_eq!(found("tree/leaf.rs", "use super::record;\nuse crate::tree::view;"), 0);
    assert_eq!(found("cli/serve.rs", "use crate::{store::Store, service::Service};"), 0);
    assert_eq!(found("app.rs", "use crate::{cli::Cli, server::Server};"), 0);
}

#[test]
fn a_circle_of_files_is_named_with_the_line_of_each_import() {
    let circles = |files: &[(&str, &str)]| {
        let text =
            |file: &str| files.iter().find(|(name, _)| *name == file).map(|(_, text)| (*text).to_owned());
        Sources::from_files(&text).circles()
    };
    let lib = ("lib.rs", "mod a;\nmod b;\nmod c;\n");
    let b = ("b.rs", "\nfn f() { crate::c::g() }\npub struct B;");
    let c = ("c.rs", "use crate::{\n    b::B,\n    a::A,\n};\npub fn g() {}");
    assert_eq!(circles(&[lib, ("a.rs", "use super::b;\npub struct A;"), b, c]), ["b.rs:2 -> c.rs:2 -> b.rs"]);
    let c = ("c.rs", "use crate::{\n    a::A,\n};\npub fn g() {}");
    assert_eq!(
        circles(&[lib, ("a.rs", "use super::b;\npub struct A;"), b, c]),
        ["a.rs:1 -> b.rs:2 -> c.rs:2 -> a.rs"]
    );
    assert_eq!(circles(&[lib, ("a.rs", "pub struct A;"), b, c]), [""; 0]);

    // A facade is no dependency, and what it re-exports is that of the file that defines it.
    let lib = ("lib.rs", "mod a;");
    let facade = "mod b;\nmod c;\npub use b::*;\npub(crate) use c::{C as D, self as e};";
    let b = ("a/b.rs", "use super::D;\npub struct B;");
    assert_eq!(circles(&[lib, ("a/mod.rs", facade), b, ("a/c.rs", "pub struct C;")]), [""; 0]);
    assert_eq!(
        circles(&[lib, ("a/mod.rs", facade), b, ("a/c.rs", "pub struct C(super::B);")]),
        ["a/b.rs:1 -> a/c.rs:1 -> a/b.rs"]
    );
    // One that has types of its own and uses its children is in a circle with those that use them.
    let parent = format!("{facade}\npub struct A(B);");
    let b = ("a/b.rs", "pub struct B;\nimpl From<super::A> for B {}");
    assert_eq!(
        circles(&[lib, ("a/mod.rs", &parent), b, ("a/c.rs", "pub struct C;")]),
        ["a/b.rs:2 -> a/mod.rs:5 -> a/b.rs"]
    );
    // Tests may use what they like.
    let b = ("a/b.rs", "pub struct B;\n#[cfg(test)]\nmod tests { use super::super::A; }");
    assert_eq!(circles(&[lib, ("a/mod.rs", &parent), b, ("a/c.rs", "pub struct C;")]), [""; 0]);
}

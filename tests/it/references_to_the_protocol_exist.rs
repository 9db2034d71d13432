//! Every reference to `docs/protocol` in the code names a page and a section that exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const PREFIX: &str = "docs/protocol/";

/// The numbers of the headings of a page, such as `5` and `5.10`.
fn sections(markdown: &str) -> BTreeSet<String> {
    let headings = markdown.lines().filter(|line| line.starts_with('#'));
    let numbers = headings.filter_map(|line| line.trim_start_matches('#').split_whitespace().next());
    numbers.map(|number| number.trim_end_matches('.').to_owned()).collect()
}

/// The page of a reference, and the section if it names one.
fn reference(rest: &str) -> (String, Option<String>) {
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "-./".contains(c))).unwrap_or(rest.len());
    let page = rest[..end].trim_end_matches('.').to_owned();
    let section = rest[end..].trim_start_matches(['`', ')']).trim_start().strip_prefix('§');
    let number = section.map(|text| {
        let number: String = text.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
        number.trim_end_matches('.').to_owned()
    });
    (page, number)
}

fn sources(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_referenced_section_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["src", "tests", "benches", "examples"] {
        sources(&root.join(folder), &mut files);
    }
    let mut count = 0;
    for file in files.iter().filter(|file| !file.ends_with("references_to_the_protocol_exist.rs")) {
        // A line break inside a comment may separate page and section.
        let text = fs::read_to_string(file).unwrap();
        let text: String = text
            .lines()
            .map(|line| line.trim_start().trim_start_matches(['/', '!']).to_owned() + " ")
            .collect();
        for (at, _) in text.match_indices(PREFIX) {
            let (page, section) = reference(&text[at + PREFIX.len()..]);
            if page.is_empty() {
                continue;
            }
            let markdown = fs::read_to_string(root.join(PREFIX).join(&page))
                .unwrap_or_else(|error| panic!("{}: {PREFIX}{page}: {error}", file.display()));
            if let Some(section) = section {
                assert!(
                    sections(&markdown).contains(&section),
                    "{}: {page} has no §{section}",
                    file.display()
                );
                count += 1;
            }
        }
        assert!(!text.contains("spec 0"), "{}: a reference without a file", file.display());
    }
    assert!(count > 80, "only {count} references were found");
}

#[test]
fn pages_and_sections_are_read_from_text() {
    assert_eq!(reference("04-witness.md §5.10, and"), ("04-witness.md".into(), Some("5.10".into())));
    assert_eq!(reference("04-witness.md §7."), ("04-witness.md".into(), Some("7".into())));
    assert_eq!(reference("06-server.md)."), ("06-server.md".into(), None));
    assert_eq!(sections("# 04 — X\n## 5. A\n### 5.10 B\ntext"), ["04", "5", "5.10"].map(String::from).into());
}

//! Which source file of the crate uses which.
//!
//! This reads tokens rather than the compiler's graph: every `use`, and every path that starts with
//! `crate`, `self`, `super`, a child module or an imported name. A path through re-exports counts
//! for the file that defines the item. Items under `#[cfg(test)]`, and the files of modules under
//! it, are left out.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::path::Path;

/// A word, a `::` or another character outside comments and literals.
#[derive(Clone, Debug)]
struct Token {
    text: String,
    line: usize,
}

/// A module that has a file of its own.
#[derive(Debug, Default)]
struct Module {
    /// Path below `src`.
    file: String,
    /// Names of its child modules.
    children: BTreeSet<String>,
    /// Names of the items that it defines.
    items: BTreeSet<String>,
    /// Imported name (or `*` with a number) to absolute path, with true for a re-export.
    imports: BTreeMap<String, (Vec<String>, bool)>,
    /// Paths into the crate that it mentions, each with its line.
    paths: Vec<Reference>,
}

/// A path into the crate.
#[derive(Clone, Debug)]
pub struct Reference {
    pub line: usize,
    /// Absolute, without the leading `crate`.
    pub path: Vec<String>,
    /// True for a path that starts with `super`.
    pub by_super: bool,
    /// False for a re-export and for the scope of `pub(in …)`.
    is_use: bool,
}

/// The modules of a crate by absolute path.
#[derive(Debug, Default)]
pub struct Sources(BTreeMap<Vec<String>, Module>);

impl Sources {
    /// Reads every module that is reachable from `lib.rs` outside tests.
    pub fn read(src: &Path) -> Self {
        let read = |file: &str| fs::read_to_string(src.join(file)).ok();
        Self::from_files(&read)
    }

    /// Reads the modules below `lib.rs` with a function that returns the text of a file.
    pub fn from_files(read: &dyn Fn(&str) -> Option<String>) -> Self {
        let mut sources = Self::default();
        let mut waiting = vec![Vec::new()];
        while let Some(path) = waiting.pop() {
            let joined = path.join("/");
            let candidates = match path.is_empty() {
                true => vec!["lib.rs".to_owned()],
                false => vec![format!("{joined}.rs"), format!("{joined}/mod.rs")],
            };
            let found = candidates.into_iter().find_map(|file| Some((read(&file)?, file)));
            let (text, file) = found.unwrap_or_else(|| panic!("module {joined} has no file"));
            let module = parse(file, &path, &without_tests(tokens(&text)));
            waiting.extend(
                module.children.iter().map(|child| [&path[..], std::slice::from_ref(child)].concat()),
            );
            sources.0.insert(path, module);
        }
        sources
    }

    /// Returns every file with the paths that it mentions.
    pub fn files(&self) -> impl Iterator<Item = (&str, &[Reference])> {
        self.0.values().map(|module| (module.file.as_str(), &module.paths[..]))
    }

    /// Returns the file that defines what an absolute path names; the nearest module if the name is
    /// not found.
    fn definer(&self, path: &[String], depth: usize) -> Option<&str> {
        let known = (0..=path.len()).rev().find(|length| self.0.contains_key(&path[..*length]))?;
        let module = &self.0[&path[..known]];
        let Some(name) = path.get(known) else { return Some(&module.file) };
        if depth == 0 || module.items.contains(name) {
            return Some(&module.file);
        }
        let rest = &path[known + 1..];
        if let Some((target, _)) = module.imports.get(name) {
            return self.definer(&[target, rest].concat(), depth - 1);
        }
        let globs = module.imports.iter().filter(|(name, _)| name.starts_with('*'));
        for (_, (target, _)) in globs {
            if self.defines(target, name, depth - 1) {
                return self.definer(&[&target[..], &path[known..]].concat(), depth - 1);
            }
        }
        Some(&module.file)
    }

    /// Returns true if a module defines or re-exports the name.
    fn defines(&self, path: &[String], name: &str, depth: usize) -> bool {
        let Some(module) = self.0.get(path) else { return false };
        let globs = module.imports.iter().filter(|(name, _)| name.starts_with('*'));
        module.items.contains(name)
            || module.children.contains(name)
            || module.imports.contains_key(name)
            || depth > 0 && globs.into_iter().any(|(_, (target, _))| self.defines(target, name, depth - 1))
    }

    /// Returns for each file the files that it uses, each with the line of a use.
    fn uses(&self) -> BTreeMap<&str, BTreeMap<&str, usize>> {
        let mut uses: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
        for module in self.0.values() {
            for Reference { line, path, .. } in module.paths.iter().filter(|reference| reference.is_use) {
                let Some(file) = self.definer(path, 8).filter(|file| *file != module.file) else { continue };
                uses.entry(&module.file).or_default().entry(file).or_insert(*line);
            }
        }
        uses
    }

    /// Returns circles of files that use each other, such as `a.rs:3 -> b.rs:1 -> a.rs`: the shortest
    /// ones, without a file in common.
    pub fn circles(&self) -> Vec<String> {
        let mut uses = self.uses();
        let mut found = Vec::new();
        while let Some(circle) = uses.keys().filter_map(|file| circle(&uses, file)).min_by_key(Vec::len) {
            let next = circle.iter().skip(1).chain(&circle[..1]);
            let steps: Vec<String> =
                circle.iter().zip(next).map(|(from, to)| format!("{from}:{}", uses[from][to])).collect();
            found.push(format!("{} -> {}", steps.join(" -> "), circle[0]));
            uses.retain(|file, _| !circle.contains(file));
        }
        found
    }
}

/// Returns the shortest way from a file back to itself.
fn circle<'a>(uses: &BTreeMap<&'a str, BTreeMap<&'a str, usize>>, start: &'a str) -> Option<Vec<&'a str>> {
    let mut before: BTreeMap<&str, &str> = BTreeMap::new();
    let mut waiting = VecDeque::from([start]);
    while let Some(file) = waiting.pop_front() {
        for next in uses.get(file).into_iter().flat_map(BTreeMap::keys).copied() {
            if next == start {
                let mut way = vec![file];
                while let Some(earlier) = before.get(way[way.len() - 1]) {
                    way.push(earlier);
                }
                way.reverse();
                return Some(way);
            }
            if !before.contains_key(next) {
                before.insert(next, file);
                waiting.push_back(next);
            }
        }
    }
    None
}

/// Splits a source; a literal that holds a path of the crate, as in attributes of serde, counts as
/// that path.
fn tokens(source: &str) -> Vec<Token> {
    let (mut rest, mut line, mut found) = (source, 1, Vec::new());
    while let Some(first) = rest.chars().next() {
        let mut text = "";
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(length) = string(rest) {
            let inside = rest[..length].trim_matches(['r', '#', '"']);
            if inside.starts_with("crate::") || inside.starts_with("super::") {
                found.extend(tokens(inside).into_iter().map(|token| Token { line, ..token }));
            }
            length
        } else if first == '\'' {
            character(rest)
        } else {
            text = match word(rest) {
                0 if rest.starts_with("::") => "::",
                0 => &rest[..first.len_utf8()],
                word => &rest[..word],
            };
            text.len()
        };
        if !text.trim().is_empty() {
            found.push(Token { text: text.to_owned(), line });
        }
        line += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    found
}

/// Returns the length of the word that the text starts with.
fn word(text: &str) -> usize {
    text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len())
}

/// Returns the length of the string literal that the text starts with.
fn string(text: &str) -> Option<usize> {
    let plain = text.trim_start_matches(['b', 'c']);
    let raw = plain.strip_prefix('r');
    let body = raw.unwrap_or(plain);
    let hashes = raw.map_or(0, |raw| raw.len() - raw.trim_start_matches('#').len());
    let inside = body[hashes..].strip_prefix('"')?;
    let close = format!("\"{}", &body[..hashes]);
    let mut end = 0;
    loop {
        end += inside[end..].find(&close)?;
        let escapes = inside[..end].len() - inside[..end].trim_end_matches('\\').len();
        if raw.is_some() || escapes % 2 == 0 {
            return Some(text.len() - inside.len() + end + close.len());
        }
        end += 1;
    }
}

/// Returns the length of the character literal or lifetime that the text starts with.
fn character(text: &str) -> usize {
    let mut inside = text[1..].char_indices();
    let first = inside.next().map_or(' ', |(_, first)| first);
    match inside.next() {
        _ if first == '\\' => 3 + text[3..].find('\'').map_or(0, |end| end + 1),
        Some((at, '\'')) => at + 2,
        _ => 1 + word(&text[1..]),
    }
}

fn starts_with(tokens: &[Token], words: &[&str]) -> bool {
    tokens.len() >= words.len() && words.iter().zip(tokens).all(|(word, token)| token.text == *word)
}

/// Removes each item, field or statement under `#[cfg(test)]`.
fn without_tests(tokens: Vec<Token>) -> Vec<Token> {
    let mut kept = Vec::new();
    let mut rest = &tokens[..];
    while let [first, ..] = rest {
        let all = starts_with(rest, &["#", "[", "cfg", "(", "all", "(", "test"]);
        if all || starts_with(rest, &["#", "[", "cfg", "(", "test", ")", "]"]) {
            rest = &rest[item(rest)..];
        } else {
            kept.push(first.clone());
            rest = &rest[1..];
        }
    }
    kept
}

/// Returns the number of tokens of an item or a field with its attributes.
fn item(tokens: &[Token]) -> usize {
    const VALUES: [&str; 5] = ["const", "static", "let", "use", "type"];
    const ITEMS: [&str; 9] =
        ["fn", "mod", "struct", "enum", "impl", "trait", "unsafe", "async", "macro_rules"];
    let (mut depth, mut kind) = (0, "");
    for (at, Token { text, .. }) in tokens.iter().enumerate() {
        match text.as_str() {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" if depth == 0 => return at,
            "}" | ")" | "]" => {
                depth -= 1;
                if depth == 0 && text == "}" && !VALUES.contains(&kind) {
                    return at + 1;
                }
            }
            ";" if depth == 0 => return at + 1,
            "," if depth == 0 && !ITEMS.contains(&kind) => return at + 1,
            "fn" if depth == 0 && kind == "const" => kind = "fn",
            word if depth == 0 && kind.is_empty() && [&VALUES[..], &ITEMS].concat().contains(&word) => {
                kind = word
            }
            _ => {}
        }
    }
    tokens.len()
}

fn is_word(token: &Token) -> bool {
    token.text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

fn parse(file: String, path: &[String], tokens: &[Token]) -> Module {
    let mut module = Module { file, ..Module::default() };
    let (mut imported, mut mentioned) = (Vec::new(), Vec::new());
    // Inline modules around the current token, each with the depth of its braces.
    let (mut inside, mut depth): (Vec<(String, usize)>, usize) = (Vec::new(), 0);
    let mut at = 0;
    while at < tokens.len() {
        let base = || [path, &inside.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>()].concat();
        let Token { text, line } = &tokens[at];
        let next = tokens.get(at + 1).map_or("", |next| next.text.as_str());
        let before = |at: usize| at.checked_sub(1).map_or("", |before| tokens[before].text.as_str());
        match text.as_str() {
            "{" => depth += 1,
            "}" => {
                depth -= 1;
                inside.pop_if(|(_, outer)| *outer == depth);
            }
            "mod" if starts_with(&tokens[at + 2..], &["{"]) => inside.push((next.to_owned(), depth)),
            "mod" if depth == 0 => drop(module.children.insert(next.to_owned())),
            "use" if next != "<" => {
                let reexport = ["pub", ")"].contains(&before(at));
                let mut leaves = Vec::new();
                at += 1 + use_tree(&tokens[at + 1..], &[], &mut leaves);
                imported.extend(leaves.into_iter().map(|leaf| (base(), reexport, leaf)));
                continue;
            }
            _ if is_word(&tokens[at]) => {
                if ["struct", "enum", "union", "trait", "type", "fn", "const", "static", "macro_rules"]
                    .contains(&text.as_str())
                    && depth == inside.len()
                {
                    let skip = usize::from(["!", "mut", "fn", "unsafe"].contains(&next));
                    module.items.insert(tokens[at + 1 + skip].text.clone());
                }
                let (first, mut segments) = (at, vec![text.clone()]);
                while starts_with(&tokens[at + 1..], &["::"]) && tokens.get(at + 2).is_some_and(is_word) {
                    segments.push(tokens[at + 2].text.clone());
                    at += 2;
                }
                if ![".", "::"].contains(&before(first)) {
                    mentioned.push((base(), *line, segments, before(first) == "in"));
                }
            }
            _ => {}
        }
        at += 1;
    }
    for (base, reexport, (line, leaf, name)) in imported {
        let Some(path) = absolute(&base, &leaf, &module) else { continue };
        let name = if name == "*" { format!("*{}", module.imports.len()) } else { name };
        module.imports.insert(name, (path.clone(), reexport));
        module.paths.push(Reference { line, path, by_super: leaf[0] == "super", is_use: !reexport });
    }
    let globs = module.imports.iter().any(|(name, (_, reexport))| name.starts_with('*') && *reexport);
    for (base, line, segments, scope) in mentioned {
        // An import counts where it is made, a re-export where it is used.
        if let [name] = &segments[..]
            && (["crate", "self", "super"].contains(&name.as_str())
                || module.children.contains(name)
                || module.imports.get(name).is_some_and(|(_, reexport)| !reexport))
        {
            continue;
        }
        let by_glob = || globs.then(|| [&base[..], &segments].concat());
        let path = absolute(&base, &segments, &module).or_else(by_glob);
        if let Some(path) = path {
            module.paths.push(Reference { line, path, by_super: segments[0] == "super", is_use: !scope });
        }
    }
    module
}

/// Returns the paths into the crate that a single file mentions.
pub fn references(file: &str, source: &str) -> Vec<Reference> {
    let mut path: Vec<String> = file.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    path.pop_if(|last| last == "mod");
    parse(file.to_owned(), &path, &without_tests(tokens(source))).paths
}

/// Returns the path from the root of the crate; `None` if it leads elsewhere.
fn absolute(base: &[String], path: &[String], module: &Module) -> Option<Vec<String>> {
    let (first, rest) = path.split_first()?;
    let ups = |path: &[String]| path.iter().take_while(|segment| *segment == "super").count();
    match first.as_str() {
        "crate" => Some(rest.to_vec()),
        "self" => Some([&base[..base.len() - ups(rest)], &rest[ups(rest)..]].concat()),
        "super" => Some([&base[..base.len() - ups(path)], &path[ups(path)..]].concat()),
        _ if module.children.contains(first) => Some([base, path].concat()),
        _ => module.imports.get(first).map(|(target, _)| [target, rest].concat()),
    }
}

/// Reads the tree behind `use` up to its end; collects line, path and name of each leaf. Returns
/// the number of tokens.
fn use_tree(tokens: &[Token], prefix: &[String], leaves: &mut Vec<(usize, Vec<String>, String)>) -> usize {
    let mut path = prefix.to_vec();
    let mut at = 0;
    while let Some(Token { text, line }) = tokens.get(at) {
        match text.as_str() {
            "::" => {}
            "{" => {
                at += 1;
                while tokens[at].text != "}" {
                    at += use_tree(&tokens[at..], &path, leaves);
                    at += usize::from(tokens[at].text == ",");
                }
                return at + 1;
            }
            "as" => {
                leaves.push((*line, path, tokens[at + 1].text.clone()));
                return at + 2;
            }
            "," | "}" | ";" => break,
            "self" if !path.is_empty() => {}
            "*" => {
                leaves.push((*line, path, "*".to_owned()));
                return at + 1;
            }
            _ => path.push(text.clone()),
        }
        at += 1;
    }
    let line = tokens[at.saturating_sub(1)].line;
    let name = path.last().cloned().unwrap_or_default();
    leaves.push((line, path, name));
    at
}

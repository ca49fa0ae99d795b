//! No two files of a member import each other, directly or in a round. A module and those inside it are one house, so
//! what a folder's `mod.rs` shares with its own files does not count.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{SourceFile, files_with_extension};

/// A module's path inside its crate.
type Module = Vec<String>;

/// What each module imports of its own crate.
type Imports = BTreeMap<Module, BTreeSet<Module>>;

const MEMBERS: [&str; 8] = ["protocol", "host", "chain", "keys", "tracker", "node", "peer", "demo"];

#[test]
fn no_files_import_each_other_in_a_round() {
    let files = files_with_extension("rs");
    for member in MEMBERS {
        let imports = imports_of(member, &files);
        assert!(!imports.is_empty(), "{member} was read");
        if let Some(round) = find_round(&imports) {
            let round: Vec<_> = round.iter().map(|module| module.join("::")).collect();
            panic!("{member}: {}", round.join(" -> "));
        }
    }
}

#[test]
fn rounds_are_found() {
    let of = |files: &[(&str, &str)]| {
        let modules = files.iter().map(|(path, _)| module_of(Path::new(path))).collect();
        let imports = files.iter().map(|(path, text)| {
            let module = module_of(Path::new(path));
            (module.clone(), imported(&module, text, &modules))
        });
        find_round(&imports.collect()).is_some()
    };
    assert!(of(&[("a.rs", "use crate::b::B;"), ("b.rs", "fn f() { super::a::g() }")]));
    assert!(of(&[
        ("a.rs", "use crate::{c::C, d};"),
        ("c.rs", "pub(crate) use crate::d::{\n    e::E,\n};"),
        ("d/e.rs", "use super::super::a::A;"),
    ]));
    assert!(!of(&[("a.rs", "use crate::b::B;"), ("b.rs", "use crate::c::C;")]));
    assert!(!of(&[("a/mod.rs", "use b::B;"), ("a/b.rs", "use super::A;")]), "one house");
    assert!(!of(&[
        ("a.rs", "use crate::b::B;"),
        ("b.rs", "//! See crate::a.\n#[cfg(test)]\nmod tests {\n    use crate::a::A;\n}"),
    ]));
}

fn imports_of(member: &str, files: &[SourceFile]) -> Imports {
    let source = format!("{member}/src/");
    let files: Vec<_> = files
        .iter()
        .filter_map(|file| Some((file.name.strip_prefix(&source)?, &file.text)))
        .filter(|(path, _)| !is_test(Path::new(path)))
        .map(|(path, text)| (module_of(Path::new(path)), text))
        .collect();
    let modules = files.iter().map(|(module, _)| module.clone()).collect();
    let imports = files.iter().map(|(module, text)| {
        let imported = imported(module, text, &modules);
        (module.clone(), imported)
    });
    imports.collect()
}

/// Whether it is `tests.rs`, or lies in a folder `tests`.
fn is_test(file: &Path) -> bool {
    file.with_extension("").iter().any(|part| part == "tests")
}

fn module_of(file: &Path) -> Module {
    let path = file.with_extension("");
    let mut module: Module = path.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if module.last().is_some_and(|name| ["mod", "lib", "main"].contains(&name.as_str())) {
        module.pop();
    }
    module
}

/// The modules, other than itself and those around and inside it, whose names a file uses.
fn imported(module: &Module, text: &str, modules: &BTreeSet<Module>) -> BTreeSet<Module> {
    let text = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    let text: String = text.lines().filter(is_code).flat_map(|line| [line, "\n"]).collect();
    let mut paths = Vec::new();
    for root in ["crate::", "super::"] {
        for (start, _) in text.match_indices(root) {
            let before = text[..start].chars().next_back();
            if !before.is_some_and(|c| c == ':' || c == '_' || c.is_alphanumeric()) {
                expand(&text[start..], &mut Vec::new(), &mut paths);
            }
        }
    }
    let targets = paths.iter().filter_map(|path| resolve(module, path, modules));
    targets.filter(|other| !module.starts_with(other) && !other.starts_with(module)).collect()
}

/// Reads one path, or a tree of paths in braces; gives what follows it.
fn expand<'t>(text: &'t str, prefix: &mut Module, paths: &mut Vec<Module>) -> &'t str {
    let depth = prefix.len();
    let mut rest = text.trim_start();
    loop {
        let end = rest.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(rest.len());
        if end > 0 {
            prefix.push(rest[..end].to_owned());
            rest = &rest[end..];
        }
        let Some(after) = rest.strip_prefix("::") else { break };
        rest = after;
        if let Some(mut inside) = rest.strip_prefix('{') {
            loop {
                inside = expand(inside, prefix, paths).trim_start();
                match inside.chars().next() {
                    Some('}') | None => break,
                    // A comma, or the `as NAME` of an import.
                    Some(other) => inside = &inside[other.len_utf8()..],
                }
            }
            prefix.truncate(depth);
            return inside.strip_prefix('}').unwrap_or(inside);
        }
    }
    paths.push(prefix.clone());
    prefix.truncate(depth);
    rest
}

/// The module that a path leads into: the longest part of it that is one.
fn resolve(from: &Module, path: &Module, modules: &BTreeSet<Module>) -> Option<Module> {
    let mut target = if path[0] == "crate" { Vec::new() } else { from.clone() };
    for part in path.iter().skip_while(|part| *part == "crate") {
        match part.as_str() {
            "super" => target.truncate(target.len().saturating_sub(1)),
            name => target.push(name.to_owned()),
        }
    }
    while !modules.contains(&target) {
        target.pop()?;
    }
    Some(target)
}

fn find_round(imports: &Imports) -> Option<Vec<Module>> {
    let mut done = BTreeSet::new();
    imports.keys().find_map(|module| walk(module, imports, &mut Vec::new(), &mut done))
}

fn walk(
    module: &Module,
    imports: &Imports,
    way: &mut Vec<Module>,
    done: &mut BTreeSet<Module>,
) -> Option<Vec<Module>> {
    if let Some(start) = way.iter().position(|passed| passed == module) {
        way.push(module.clone());
        return Some(way.split_off(start));
    }
    if done.contains(module) {
        return None;
    }
    way.push(module.clone());
    let round = imports.get(module)?.iter().find_map(|next| walk(next, imports, way, done));
    if round.is_none() {
        way.pop();
        done.insert(module.clone());
    }
    round
}

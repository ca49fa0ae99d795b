//! The page of bounds says what the code says.

use std::fs;

use super::workspace_directory;

const PAGE: &str = "docs/BOUNDS.md";

/// A row of the page.
#[derive(Debug)]
struct Row<'t> {
    name: &'t str,
    file: &'t str,
    value: &'t str,
}

/// Takes a row such as ``| [`NAME`](../FILE) | `VALUE` | … |`` apart.
fn row(line: &str) -> Option<Row<'_>> {
    let (name, rest) = line.strip_prefix("| [`")?.split_once("`](../")?;
    let (file, rest) = rest.split_once(") | `")?;
    let (value, _) = rest.split_once("` | ")?;
    Some(Row { name, file, value })
}

/// The value of a constant, or of a field that a default sets, as the source has it.
fn value_in(source: &str, name: &str) -> Option<String> {
    let constant = source.split_once(&format!("const {name}: ")).and_then(|(_, rest)| {
        let (declared, _) = rest.split_once(';')?;
        Some(declared.split_once('=')?.1)
    });
    let field = || {
        let (_, defaults) = source.split_once("fn default() -> Self")?;
        let (_, rest) = defaults.split_once(&format!(" {name}: "))?;
        Some(rest.split_once(",\n")?.0)
    };
    let value = constant.or_else(field)?;
    Some(value.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[test]
fn bounds_in_the_page_are_those_of_the_code() {
    let root = workspace_directory();
    let page = fs::read_to_string(root.join(PAGE)).expect("the page can be read");
    let rows: Vec<_> = page.lines().filter_map(row).collect();
    assert!(rows.len() > 60, "only {} bounds", rows.len());
    let wrong = rows.iter().filter_map(|row| {
        let found = match fs::read_to_string(root.join(row.file)) {
            Ok(source) => value_in(&source, row.name),
            Err(error) => return Some(format!("{}: {error}", row.file)),
        };
        (found.as_deref() != Some(row.value))
            .then(|| format!("{}: {} is {found:?}, not {}", row.file, row.name, row.value))
    });
    let wrong: Vec<_> = wrong.collect();
    assert!(wrong.is_empty(), "{PAGE} differs from the code:\n{}", wrong.join("\n"));
}

#[test]
fn values_are_found_in_constants_and_defaults() {
    let source = "pub const A_MAX: usize =\n    4 * 1024;\nimpl Default {\nfn default() -> Self {\n Self {\n  b_max: Rate { x: 1, y: 2 },\n }}}";
    assert_eq!(value_in(source, "A_MAX").as_deref(), Some("4 * 1024"));
    assert_eq!(value_in(source, "b_max").as_deref(), Some("Rate { x: 1, y: 2 }"));
    assert_eq!(value_in(source, "C_MAX"), None);
}

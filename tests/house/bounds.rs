//! The page of bounds says what the code says: each bound of the code has a row, and each row a reason and a test that
//! is there.

mod exceptions;
mod source;

use std::fs;

use super::{SourceFile, files_with_extension, workspace_directory};
use exceptions::{NO_BOUNDS, UNTESTED, reason};
use source::{Constant, constants, fields};

const PAGE: &str = "docs/BOUNDS.md";

/// The programs and what they consist of: whatever bounds there have rows.
const WATCHED: [&str; 7] = [
    "chain/src/",
    "host/src/",
    "keys/src/",
    "node/src/",
    "peer/src/",
    "protocol/src/",
    "tracker/src/",
];

/// Where each default is a bound, whatever it is called.
const FIELDS: &str = "host/src/http/limits.rs";

/// A row of the page.
#[derive(Debug)]
struct Row<'t> {
    name: &'t str,
    file: &'t str,
    value: &'t str,
    reason: &'t str,
    test: &'t str,
}

/// Takes a row such as ``| [`NAME`](../FILE) | `VALUE` | … | REASON | [`TEST`](../FILE) |`` apart.
fn row(line: &str) -> Option<Row<'_>> {
    let (name, rest) = line.strip_prefix("| [`")?.split_once("`](../")?;
    let (file, rest) = rest.split_once(") | `")?;
    let (value, rest) = rest.split_once("` | ")?;
    let mut cells = rest.strip_suffix(" |")?.split(" | ").skip(3);
    let (reason, test) = (cells.next().unwrap_or_default(), cells.next().unwrap_or_default());
    Some(Row { name, file, value, reason, test })
}

/// What is wrong with the last two columns of a row.
fn fault_of_columns(row: &Row<'_>) -> Option<String> {
    if row.reason.trim().is_empty() {
        return Some("it has no reason".to_owned());
    }
    if let Some(untested) = reason(UNTESTED, row.file, row.name) {
        let told = format!("none: {untested}");
        return (row.test != told).then(|| format!("instead of a test it has to say {told:?}"));
    }
    let link = row.test.strip_prefix("[`").and_then(|rest| rest.strip_suffix(')'));
    let Some((test, file)) = link.and_then(|link| link.split_once("`](../")) else {
        return Some(format!("{:?} is no test", row.test));
    };
    let source = fs::read_to_string(workspace_directory().join(file));
    let is_there = source.is_ok_and(|source| source.contains(&format!("fn {test}()")));
    (!is_there).then(|| format!("{file} has no test {test}"))
}

/// The value of a constant, or of a field that a default sets, as the source has it.
fn value_in(source: &str, name: &str) -> Option<String> {
    let constant = constants(source).into_iter().find(|constant| constant.name == name);
    let field = || fields(source).into_iter().find(|(field, _)| *field == name);
    constant.map(|constant| constant.value).or_else(|| Some(field()?.1.to_owned()))
}

/// Whether a file is part of a program. Tests and what they start from are not.
fn is_watched(name: &str) -> bool {
    let is_of_tests = name.contains("/tests/")
        || ["/tests.rs", "/fixtures.rs"].iter().any(|end| name.ends_with(end));
    WATCHED.iter().any(|watched| name.starts_with(watched)) && !is_of_tests
}

/// The names of all bounds in a file.
fn bounds(file: &SourceFile) -> Vec<&str> {
    let named =
        constants(&file.text).into_iter().filter(Constant::is_bound).map(|found| found.name);
    let fields =
        fields(&file.text).into_iter().filter(|_| file.name == FIELDS).map(|(name, _)| name);
    named.chain(fields).collect()
}

/// The bounds of a file that have no row and are no exception.
fn missing(file: &SourceFile, rows: &[Row<'_>]) -> Vec<String> {
    let is_missing = |name: &&str| {
        let has_row = rows.iter().any(|row| row.name == *name && row.file == file.name);
        !has_row && reason(NO_BOUNDS, &file.name, name).is_none()
    };
    let missing = bounds(file).into_iter().filter(is_missing);
    missing.map(|name| format!("{}: {name}", file.name)).collect()
}

#[test]
fn every_row_has_a_reason_and_a_test() {
    let page = fs::read_to_string(workspace_directory().join(PAGE)).expect("the page can be read");
    let rows: Vec<_> = page.lines().filter_map(row).collect();
    assert!(rows.len() > 60, "only {} bounds", rows.len());
    let wrong = rows.iter().filter_map(|row| {
        fault_of_columns(row).map(|fault| format!("{} ({}): {fault}", row.name, row.file))
    });
    let wrong: Vec<_> = wrong.collect();
    assert!(wrong.is_empty(), "{PAGE}:\n{}", wrong.join("\n"));
}

#[test]
fn every_bound_of_the_code_has_a_row() {
    let page = fs::read_to_string(workspace_directory().join(PAGE)).expect("the page can be read");
    let rows: Vec<_> = page.lines().filter_map(row).collect();
    let files = files_with_extension("rs");
    let watched = files.iter().filter(|file| is_watched(&file.name));
    let missing: Vec<_> = watched.flat_map(|file| missing(file, &rows)).collect();
    assert!(missing.is_empty(), "{PAGE} has no row for\n{}", missing.join("\n"));
}

#[test]
fn every_exception_is_a_bound_of_the_code_with_one_place() {
    let page = fs::read_to_string(workspace_directory().join(PAGE)).expect("the page can be read");
    let rows: Vec<_> = page.lines().filter_map(row).collect();
    let files = files_with_extension("rs");
    let row_of =
        |file: &str, name: &str| rows.iter().find(|row| row.name == name && row.file == file);
    let members = |groups: &[exceptions::Group]| -> Vec<_> {
        groups.iter().flat_map(|(_, members)| members.iter().copied()).collect()
    };
    for (file, name) in members(NO_BOUNDS) {
        let found = files.iter().find(|found| found.name == file).map(bounds);
        assert!(found.is_some_and(|found| found.contains(&name)), "{file} has no {name}");
        assert!(row_of(file, name).is_none(), "{file}: {name} has a row after all");
    }
    for (file, name) in members(UNTESTED) {
        let is_none = row_of(file, name).is_some_and(|row| row.test.starts_with("none: "));
        assert!(is_none, "{file}: {name} has a test");
    }
    let mut all = [members(NO_BOUNDS), members(UNTESTED)].concat();
    all.sort_unstable();
    assert!(all.windows(2).all(|pair| pair[0] != pair[1]), "an exception stands there twice");
}

#[test]
fn a_bound_is_known_by_its_file_and_its_name() {
    let file = |name: &str, text: &str| SourceFile { name: name.into(), text: text.into() };
    let text = "const WAIT_MAX: Duration = A;\nconst HELD_MAX: u16 = 1;\n";
    let rows =
        [row("| [`HELD_MAX`](../node/src/a.rs) | `1` | a | b | c | d | – |").expect("a row")];
    // Times of this name are an exception of one file, and the row is that of another.
    assert_eq!(missing(&file("node/src/a.rs", text), &rows), ["node/src/a.rs: WAIT_MAX"]);
    assert_eq!(
        missing(&file("node/src/join/asked.rs", text), &rows),
        ["node/src/join/asked.rs: HELD_MAX"]
    );
    let text = "fn default() -> Self {\n    Self {\n        places: 5,\n    }\n}\n";
    assert_eq!(missing(&file(FIELDS, text), &rows), [format!("{FIELDS}: places")]);
    assert_eq!(missing(&file("host/src/http/mod.rs", text), &rows), [""; 0]);

    let why = "none: the system keeps it, and may grant less";
    let untested = |file, test| {
        fault_of_columns(&Row { name: "BACKLOG", file, value: "1", reason: "some", test })
    };
    assert_eq!(untested("host/src/http/bind.rs", why), None);
    assert!(untested("host/src/http/bind.rs", "none: nobody wrote one").is_some());
    assert!(untested("host/src/udp.rs", why).is_some());
}

#[test]
fn rows_without_a_reason_or_a_test_are_found() {
    let fault = |reason, test| {
        let (name, file, value) = ("A_MAX", "node/src/a.rs", "1");
        fault_of_columns(&Row { name, file, value, reason, test })
    };
    let here = "[`rows_without_a_reason_or_a_test_are_found`](../tests/house/bounds.rs)";
    assert_eq!(fault("some", here), None);
    assert!(
        fault(" ", here).is_some() && fault("some", "").is_some() && fault("some", "–").is_some()
    );
    assert!(fault("some", "[`nothing_at_all`](../tests/house/bounds.rs)").is_some());
    assert!(fault("some", "[`rows_without`](../tests/house/bounds.rs)").is_some());
    assert!(fault("some", &here.replace("bounds.rs", "absent.rs")).is_some());
}

#[test]
fn every_program_is_watched_and_no_test() {
    for name in
        ["protocol/src/a.rs", "host/src/udp.rs", "peer/src/store/a.rs", "peer/src/run/mod.rs"]
    {
        assert!(is_watched(name), "{name}");
    }
    for name in
        ["node/src/tests/a.rs", "node/src/a/tests.rs", "chain/src/fixtures.rs", "tests/src/a.rs"]
    {
        assert!(!is_watched(name), "{name}");
    }
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

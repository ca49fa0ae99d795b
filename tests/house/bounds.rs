//! The page of bounds says what the code says: each bound of the code has a row, and each row a reason and a test that
//! is there.

use std::fs;

use super::{files_with_extension, workspace_directory};

const PAGE: &str = "docs/BOUNDS.md";

/// Rows whose bound no test pushes to its limit.
const UNTESTED: [(&str, &str); 6] = [
    ("BURST_MAX", "a matter of turns, not of memory"),
    ("BUFFER_BYTES", "the system keeps it"),
    ("REQUESTS_MAX", "the channel keeps it"),
    ("POOL_LIMIT_MAX", "the length of a page"),
    ("UNLOCKS_MAX", "the semaphore keeps it"),
    ("CACHE_BYTES", "the database keeps it"),
];

/// Where strangers' input arrives: every bound that stands there has a row.
const WATCHED: [&str; 7] = [
    "chain/src/",
    "node/src/",
    "tracker/src/",
    "host/src/http/",
    "peer/src/http/",
    "peer/src/auditor/",
    "peer/src/handle.rs",
];

/// Constants whose names are those of bounds, and that bound nothing a stranger can make grow.
const NO_BOUNDS: [(&str, &str); 19] = [
    ("CHECKED_SIZE_MAX", "up to which size checks of our own are made"),
    ("FRUITLESS_ROUNDS_MAX", "rounds of a peer that joins"),
    ("MISSED_MAX", "heartbeats"),
    ("CLOCK_DIFFERENCE_MAX_MS", "a time"),
    ("POOL_DATAGRAMS_PER_BATCH", "what this peer sends by itself"),
    ("TRANSACTIONS_PER_DATAGRAM", "what this peer sends by itself"),
    ("OWN_AT_LEAVE_MAX", "what this peer sends by itself"),
    ("PIECES_PER_REQUEST", "what this peer asks for at a time"),
    ("PASSED_OVER_MAX", "what this peer looks at in a step"),
    ("LOST_AT_A_TIME_MAX", "what this peer looks at in a step"),
    ("POKES_UNANSWERED_MAX", "heartbeats"),
    ("SMALL_NETWORK_MAX", "where another way of telling begins"),
    ("CHANGES_SCANNED_MAX", "what the tracker looks at in a step"),
    ("RECEIVE_ERRORS_MAX", "failures of the system"),
    ("PEERS_PER_PAGE", "what is given if nothing was asked"),
    ("TRANSACTIONS_MAX", "what a record of our own disk may name"),
    ("NAME_BYTES_MAX", "the length of a name of the standard"),
    ("LINGER_BYTES_MAX", "what is read of a refused body before its end"),
    ("AHEAD_BLOCKS_MAX", "beside the bytes that are read ahead"),
];

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
    if row.test == "–" {
        let is_known = UNTESTED.iter().any(|(name, _)| *name == row.name);
        return (!is_known).then(|| "it has no test".to_owned());
    }
    let link = row.test.strip_prefix("[`").and_then(|rest| rest.strip_suffix(')'));
    let Some((test, file)) = link.and_then(|link| link.split_once("`](../")) else {
        return Some(format!("{:?} is no test", row.test));
    };
    let source = fs::read_to_string(workspace_directory().join(file));
    let is_there = source.is_ok_and(|source| source.contains(&format!("fn {test}()")));
    (!is_there).then(|| format!("{file} has no test {test}"))
}

/// The names of a source's constants that are numbers and, by their names, bounds.
fn bounds_in(source: &str) -> Vec<&str> {
    let ours = source.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let declared = ours.lines().filter_map(|line| {
        let (_, rest) = line.split_once("const ")?;
        let (name, rest) = rest.split_once(": ")?;
        let is_number = ["u8 ", "u32 ", "u64 ", "usize ", "NonZeroUsize "]
            .iter()
            .any(|kind| rest.starts_with(kind));
        let is_bound =
            name.ends_with("_MAX") || name.contains("_PER_") || name.ends_with("_CACHED");
        (is_number && is_bound && !line.trim_start().starts_with("//")).then_some(name)
    });
    declared.collect()
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
    let is_watched = |name: &str| {
        WATCHED.iter().any(|watched| name.starts_with(watched))
            && !name.contains("/tests")
            && !name.ends_with("fixtures.rs")
    };
    let mut missing = vec![];
    for file in files.iter().filter(|file| is_watched(&file.name)) {
        for name in bounds_in(&file.text) {
            let has_row = rows.iter().any(|row| row.name == name && row.file == file.name);
            if !has_row && !NO_BOUNDS.iter().any(|(known, _)| *known == name) {
                missing.push(format!("{}: {name}", file.name));
            }
        }
    }
    assert!(missing.is_empty(), "{PAGE} has no row for\n{}", missing.join("\n"));
}

#[test]
fn bounds_are_found_by_their_names() {
    let source = "/// const A_MAX: usize = 1;\npub(super) const B_MAX: usize = 2;\nconst C_PER_D: u32 = 3;\n\
        const E_MAX: Duration = x;\n#[cfg(test)]\nmod tests {\nconst F_MAX: usize = 4;";
    assert_eq!(bounds_in(source), ["B_MAX", "C_PER_D"]);
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

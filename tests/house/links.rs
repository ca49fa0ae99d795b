//! Every place that a document names is there.

use std::collections::BTreeSet;
use std::path::Path;

use super::{SourceFile, files_with_extension, lines, workspace_directory};

/// Files that a program writes, not the repository.
const MADE_BY_PROGRAMS: [&str; 1] = ["target/"];

/// The names by which headings are linked to, as the web page of a repository makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = lines(text).filter(|line| !line.is_fenced).filter_map(|line| {
        let title = line.text.trim_start_matches('#');
        (title.len() < line.text.len()).then(|| title.trim())
    });
    headings.map(anchor).collect()
}

fn anchor(title: &str) -> String {
    let kept = title.chars().filter_map(|character| match character {
        ' ' => Some('-'),
        '-' | '_' => Some(character),
        other if other.is_alphanumeric() => Some(other),
        _ => None,
    });
    kept.flat_map(char::to_lowercase).collect()
}

/// What stands between `](` and `)` in a document's prose.
fn link_targets(file: &SourceFile) -> Vec<(usize, &str)> {
    let prose = lines(&file.text).filter(|line| !line.is_fenced);
    let targets = prose.flat_map(|line| {
        let rests = line.text.split("](").skip(1);
        rests.filter_map(move |rest| Some((line.number, rest.split_once(')')?.0)))
    });
    targets.collect()
}

/// The paths of the repository that stand in a document between backticks.
fn named_paths(file: &SourceFile) -> Vec<(usize, &str)> {
    let prose = lines(&file.text).filter(|line| !line.is_fenced);
    let spans = prose.flat_map(|line| {
        let spans = line.text.split('`').skip(1).step_by(2);
        spans.map(move |span| (line.number, span))
    });
    spans.filter(|(_, span)| is_path(span)).collect()
}

/// Whether this is meant as a path from the workspace's directory: a source file, or something below a folder of it.
fn is_path(span: &str) -> bool {
    let is_word = |character: char| character.is_ascii_alphanumeric() || "_-./".contains(character);
    if !span.chars().all(is_word) || MADE_BY_PROGRAMS.iter().any(|made| span.starts_with(made)) {
        return false;
    }
    let is_source = Path::new(span).extension().is_some_and(|extension| extension == "rs");
    let is_below_folder = span.split_once('/').is_some_and(|(folder, _)| {
        !folder.is_empty() && workspace_directory().join(folder).is_dir()
    });
    is_source || is_below_folder
}

#[test]
fn links_lead_to_files_and_headings() {
    let files = files_with_extension("md");
    let mut broken = Vec::new();
    let mut checked = 0;
    for file in &files {
        let path = workspace_directory().join(&file.name);
        let folder = path.parent().expect("a file is in a directory");
        for (number, target) in link_targets(file) {
            if target.contains("://") {
                continue;
            }
            checked += 1;
            let (name, heading) = target.split_once('#').unwrap_or((target, ""));
            let linked = if name.is_empty() { path.clone() } else { folder.join(name) };
            let is_there = linked.exists()
                && (heading.is_empty()
                    || std::fs::read_to_string(&linked)
                        .is_ok_and(|text| anchors(&text).contains(heading)));
            if !is_there {
                broken.push(format!("{}:{number}: {target}", file.name));
            }
        }
    }
    assert!(checked > 50, "only {checked} links were found");
    assert!(broken.is_empty(), "these lead nowhere:\n{}", broken.join("\n"));
}

#[test]
fn paths_that_documents_name_are_there() {
    let files = files_with_extension("md");
    let mut missing = Vec::new();
    let mut checked = 0;
    for file in &files {
        for (number, path) in named_paths(file) {
            checked += 1;
            if !workspace_directory().join(path).exists() {
                missing.push(format!("{}:{number}: {path}", file.name));
            }
        }
    }
    assert!(checked > 30, "only {checked} paths were found");
    assert!(missing.is_empty(), "these are not there:\n{}", missing.join("\n"));
}

#[test]
fn anchors_are_made_as_the_web_makes_them() {
    assert_eq!(anchor("Keys and signatures"), "keys-and-signatures");
    assert_eq!(anchor("1. A ballot, a tracker (5 minutes)"), "1-a-ballot-a-tracker-5-minutes");
    assert_eq!(anchor("`vote`: a vote's way"), "vote-a-votes-way");
}

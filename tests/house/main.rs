//! Checks of the source tree itself: its members, its documents and its comments. They start no process but cargo, so
//! they take a moment.

mod bounds;
mod circles;
mod links;
mod members;
mod pictures;
mod prose;

use std::fs;
use std::path::{Path, PathBuf};

/// A text file of the repository.
pub(crate) struct SourceFile {
    /// Its path from the workspace's directory, with `/` between the parts.
    pub(crate) name: String,
    pub(crate) text: String,
}

pub(crate) fn workspace_directory() -> PathBuf {
    let member = Path::new(env!("CARGO_MANIFEST_DIR"));
    member.parent().expect("a member's directory is in the workspace's").to_owned()
}

/// All files of the workspace with this extension, in the order of their names.
pub(crate) fn files_with_extension(extension: &str) -> Vec<SourceFile> {
    let root = workspace_directory();
    let mut files = Vec::new();
    let mut directories = vec![root.clone()];
    while let Some(directory) = directories.pop() {
        let entries = fs::read_dir(&directory).expect("the directory can be read");
        for entry in entries.map(|entry| entry.expect("the entry can be read")) {
            let name = entry.file_name();
            let name = name.to_str().expect("names are UTF-8");
            let path = entry.path();
            if path.is_dir() {
                // What cargo, git and editors keep is not part of the source.
                if name != "target" && !name.starts_with('.') {
                    directories.push(path);
                }
            } else if path.extension().is_some_and(|found| found == extension) {
                let name = path.strip_prefix(&root).expect("it is below the root");
                let name = name.to_str().expect("names are UTF-8").replace('\\', "/");
                let text = fs::read_to_string(&path).expect("the file is text");
                files.push(SourceFile { name, text });
            }
        }
    }
    files.sort_by(|left, right| left.name.cmp(&right.name));
    assert!(files.len() > 5, "only {} files end with .{extension}", files.len());
    files
}

/// A line of a document, and whether it stands in a fenced block.
pub(crate) struct Line<'t> {
    pub(crate) number: usize,
    pub(crate) text: &'t str,
    pub(crate) is_fenced: bool,
}

/// The lines of a document; a fence counts as part of its block.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    let mut is_inside = false;
    text.lines().zip(1..).map(move |(text, number)| {
        let is_fence = text.trim_start().starts_with("```");
        let is_fenced = is_inside || is_fence;
        is_inside ^= is_fence;
        Line { number, text, is_fenced }
    })
}

//! Headings and columns, which all texts for people share.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use owo_colors::OwoColorize;

pub(super) fn heading(text: &str, color: bool) -> String {
    if color { text.bold().to_string() } else { text.to_owned() }
}

/// Columns side by side; `right` are those whose text stands at the right.
pub(super) fn table(
    header: Option<&[&str]>,
    rows: impl Iterator<Item = Vec<String>>,
    right: &[usize],
) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    if let Some(header) = header {
        table.set_header(header.iter().copied());
    }
    table.add_rows(rows);
    for column in right {
        if let Some(column) = table.column_mut(*column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let lines: Vec<_> = table.lines().map(|line| format!(" {}", line.trim_end())).collect();
    lines.join("\n")
}

//! Cuts and pads text by the columns that it takes on a terminal, where some characters take two
//! columns and some take none.

use unicode_truncate::{Alignment, UnicodeTruncateStr};
use unicode_width::UnicodeWidthStr;

/// The characters for the last cell of a bar, filled from one eighth to seven eighths.
const EIGHTHS: [&str; 7] = ["▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// The fewest and the most columns between those of a table; the width available decides.
const GAP_MIN: usize = 1;
const GAP_MAX: usize = 4;

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    pub(super) heading: &'static str,
    pub(super) alignment: Alignment,
}

/// Cuts a text to at most `width` columns. An ellipsis replaces the end that is cut off.
pub(super) fn fit(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    match width.checked_sub(1) {
        Some(room) => format!("{}…", text.unicode_truncate(room).0),
        None => String::new(),
    }
}

/// Does the same, but keeps the end of the text, for texts that differ at their ends.
pub(super) fn fit_end(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    match width.checked_sub(1) {
        Some(room) => format!("…{}", text.unicode_truncate_start(room).0),
        None => String::new(),
    }
}

/// Does the same, but keeps both ends, for sentences: the beginning says what it is about, and the end what of it.
pub(super) fn fit_middle(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let Some(room) = width.checked_sub(1) else { return String::new() };
    let end = room * 2 / 5;
    let (begin, end) = (text.unicode_truncate(room - end).0, text.unicode_truncate_start(end).0);
    format!("{begin}…{end}")
}

/// Cuts or pads a text to exactly `width` columns.
pub(super) fn cell(text: &str, width: usize, alignment: Alignment) -> String {
    fit(text, width).unicode_pad(width, alignment, false).into_owned()
}

/// Puts one text at the left and one at the right of exactly `width` columns. If there is not
/// enough room, the right one is left out first.
pub(super) fn sides(left: &str, right: &str, width: usize) -> String {
    let right = fit(right, width);
    let gap = if right.is_empty() { 0 } else { 2 };
    let room = width.saturating_sub(right.width());
    cell(&fit(left, room.saturating_sub(gap)), room, Alignment::Left) + &right
}

/// A bar of exactly `width` columns, of which `share` (0 to 1) is filled, to an eighth of a column.
pub(super) fn bar(share: f64, width: usize) -> String {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a terminal is not that wide, and a share is not negative"
    )]
    let eighths = (share.clamp(0.0, 1.0) * (width * 8) as f64).round() as usize;
    let part = (eighths % 8).checked_sub(1).map_or("", |part| EIGHTHS[part]);
    cell(&("█".repeat(eighths / 8) + part), width, Alignment::Left)
}

/// The share of a part in the whole; 0 if the whole is 0.
#[expect(clippy::cast_precision_loss, reason = "a share for people")]
pub(super) fn share(part: u64, all: u64) -> f64 {
    part as f64 / all.max(1) as f64
}

/// `58.3 %`
pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// `4s`, `3m 12s`, `2h 5m`, `3d 4h`
pub(super) fn span(milliseconds: u64) -> String {
    let seconds = milliseconds / 1_000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m {}s", seconds % 60),
        (0, ..) => format!("{hours}h {}m", minutes % 60),
        _ => format!("{days}d {}h", hours % 24),
    }
}

/// The time of day, or the month and day if it was on another day.
pub(super) fn moment(at_ms: u64, now_ms: u64) -> String {
    let text = crate::render::time(at_ms);
    let range = if at_ms / DAY_MS == now_ms / DAY_MS { 11..19 } else { 5..10 };
    text.get(range).unwrap_or(&text).to_owned()
}

/// Makes lines of exactly `width` columns: the headings and the rows. The first column gets the
/// width that the others leave, and its texts are cut at the beginning, since their ends matter.
pub(super) fn table(columns: &[Column], rows: &[Vec<String>], width: usize) -> Vec<String> {
    let mut widths: Vec<_> = columns.iter().map(|column| column.heading.width()).collect();
    for row in rows {
        for (widest, text) in widths.iter_mut().zip(row) {
            *widest = text.width().max(*widest);
        }
    }
    let gaps = columns.len().saturating_sub(1);
    let spare = width.saturating_sub(widths.iter().sum());
    let gap = (spare / gaps.max(1)).clamp(GAP_MIN, GAP_MAX);
    if let Some((first, others)) = widths.split_first_mut() {
        *first = width.saturating_sub(others.iter().sum::<usize>() + gaps * gap);
    }
    let line = |row: Vec<&str>| {
        let cells = row.iter().zip(columns).zip(&widths);
        let cells = cells
            .map(|((text, column), width)| cell(&fit_end(text, *width), *width, column.alignment));
        cell(&cells.collect::<Vec<_>>().join(&" ".repeat(gap)), width, Alignment::Left)
    };
    let headings = line(columns.iter().map(|column| column.heading).collect());
    let rows = rows.iter().map(|row| line(row.iter().map(String::as_str).collect()));
    std::iter::once(headings).chain(rows).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_fill_their_columns_exactly() {
        assert_eq!(fit("投票所", 6), "投票所");
        assert_eq!(fit("投票所", 5), "投票…");
        assert_eq!(fit("投票所", 4), "投…");
        assert_eq!(cell("投票所", 4, Alignment::Right), " 投…");
        assert_eq!(fit("e\u{301}te\u{301}", 3), "e\u{301}te\u{301}");
        assert_eq!((fit("long", 1).as_str(), fit("long", 0).as_str()), ("…", ""));
        assert_eq!(fit_end("192.168.1.20:6001", 10), "…1.20:6001");
        let text = "vote 0123456789 waits for a block";
        assert_eq!(fit_middle(text, 33), text);
        assert_eq!(fit_middle(text, 22), "vote 01234567… a block");
        assert_eq!((fit_middle(text, 1).as_str(), fit_middle(text, 0).as_str()), ("…", ""));
        assert_eq!(sides("block 12", "4s ago", 18), "block 12    4s ago");
        assert_eq!(sides("a long title", "right", 12), "a lo…  right");
        assert_eq!(sides("left", "right", 3), "ri…");
    }

    #[test]
    fn bars_grow_by_eighths_of_a_column() {
        for (share, expected) in [
            (0.0, "    "),
            (0.1, "▍   "),
            (0.5, "██  "),
            (0.97, "███▉"),
            (1.0, "████"),
            (7.0, "████"),
        ] {
            assert_eq!(bar(share, 4), expected, "{share}");
        }
        assert_eq!(bar(1.0, 0), "");
        assert_eq!(percent(share(7, 12)), "58.3 %");
        assert_eq!(percent(share(0, 0)), "0.0 %");
    }

    #[test]
    fn times_are_short() {
        let spans = [0, 59_999, 192_000, 7_500_000, 273_600_000].map(span);
        assert_eq!(spans, ["0s", "59s", "3m 12s", "2h 5m", "3d 4h"]);
        let now_ms = 1_795_233_117_040;
        assert_eq!(moment(now_ms - 5_000, now_ms), "03:51:52");
        assert_eq!(moment(now_ms - DAY_MS, now_ms).len(), 5);
        assert!(moment(u64::MAX, now_ms).len() < 40);
    }
}

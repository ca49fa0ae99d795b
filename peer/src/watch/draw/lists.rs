//! Draws the panels that are lists: blocks, neighbours and events, each with the newest first.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use unicode_truncate::Alignment;
use unicode_width::UnicodeWidthStr;

use super::text::{Column, fit, fit_middle, moment, table};
use super::{Viewport, panel};
use crate::render::neighbour_text;
use crate::schema::Neighbour;
use crate::watch::state::{Heard, State};

/// The places of the columns that are left out where names need the room, in turn: missed heartbeats, round trips.
const GIVE_WAY_TO_NAMES: [usize; 2] = [3, 2];

pub(super) fn blocks(state: &State, viewport: Viewport, frame: &mut Frame<'_>, area: Rect) {
    let inside = panel(frame, area, viewport.panel("Blocks"));
    let columns =
        [right("height"), left("time UTC"), right("voters"), right("votes"), left("here")];
    let rows = state.blocks.iter().take(room(inside)).map(|block| {
        let here = if state.is_mined_here(&block.hash) { "mined" } else { "" };
        vec![
            block.height.to_string(),
            moment(block.time_ms, state.now_ms),
            block.registrations.to_string(),
            block.votes.to_string(),
            here.to_owned(),
        ]
    });
    show(&columns, &rows.collect::<Vec<_>>(), viewport, frame, inside);
}

pub(super) fn neighbours(state: &State, viewport: Viewport, frame: &mut Frame<'_>, area: Rect) {
    let all = state.neighbours.len();
    let room_needed = usize::from(area.height).saturating_sub(3);
    let title = match all {
        0 => "Neighbours".to_owned(),
        all if all > room_needed => format!("Neighbours, {room_needed} of {all}"),
        all => format!("Neighbours, {all}"),
    };
    let inside = panel(frame, area, viewport.panel(&title));
    if all == 0 {
        frame.render_widget(Line::styled("none", viewport.faint()), inside);
        return;
    }
    let mut columns =
        vec![left("address"), right("tip"), right("trip"), right("missed"), right("clock")];
    let shown: Vec<_> = state.neighbours.iter().take(room(inside)).collect();
    let mut rows: Vec<_> = shown.iter().map(|each| neighbour(each)).collect();
    let full = |each: &Neighbour| neighbour_text(each.address, each.name.as_deref());
    let wanted = shown.iter().map(|each| full(each).width()).max().unwrap_or_default();
    let width = usize::from(inside.width);
    if shown.iter().any(|each| each.name.is_some()) {
        for place in GIVE_WAY_TO_NAMES {
            if first_width(&columns, &rows, width) < wanted {
                columns.remove(place);
                rows.iter_mut().for_each(|row| drop(row.remove(place)));
            }
        }
        let room = first_width(&columns, &rows, width);
        for (row, each) in rows.iter_mut().zip(&shown) {
            // Of what is too long the name is cut, since the address says who it is.
            if each.address.to_string().width() < room {
                row[0] = fit(&full(each), room);
            }
        }
    }
    show(&columns, &rows, viewport, frame, inside);
}

pub(super) fn events(state: &State, viewport: Viewport, frame: &mut Frame<'_>, area: Rect) {
    let inside = panel(frame, area, viewport.panel("Events"));
    let shown = state.events.iter().take(usize::from(inside.height));
    for (heard, row) in shown.zip(inside.rows()) {
        let Heard { at_ms, text, tone, more, .. } = heard;
        let time = moment(*at_ms, state.now_ms);
        let more = match more {
            0 => String::new(),
            more => format!(" (and {more} more)"),
        };
        let used = time.len() + 2 + more.len();
        let text = fit_middle(text, usize::from(row.width).saturating_sub(used));
        let text = Span::styled(format!("  {text}{more}"), viewport.toned(*tone));
        let spans = vec![Span::styled(time, viewport.faint()), text];
        frame.render_widget(Line::from(spans), row);
    }
}

fn neighbour(neighbour: &Neighbour) -> Vec<String> {
    let unknown = || "–".to_owned();
    vec![
        neighbour.address.to_string(),
        neighbour.tip.map_or_else(unknown, |tip| tip.height.to_string()),
        neighbour.round_trip_ms.map_or_else(unknown, trip),
        neighbour.missed.to_string(),
        neighbour.clock_offset_ms.map_or_else(unknown, offset),
    ]
}

/// The width that the other columns leave to the first one, with one column between them.
fn first_width(columns: &[Column], rows: &[Vec<String>], width: usize) -> usize {
    let others = columns.iter().enumerate().skip(1).map(|(place, column)| {
        let widest = rows.iter().map(|row| row[place].width()).max().unwrap_or_default();
        widest.max(column.heading.width()) + 1
    });
    width.saturating_sub(others.sum())
}

fn trip(milliseconds: f64) -> String {
    match milliseconds {
        short if short < 10.0 => format!("{short:.1} ms"),
        long if long < 1_000.0 => format!("{long:.0} ms"),
        longer => format!("{:.1} s", longer / 1_000.0),
    }
}

fn offset(milliseconds: i64) -> String {
    match milliseconds {
        0 => "0 ms".to_owned(),
        -999..=999 => format!("{milliseconds:+} ms"),
        _ => format!("{:+} s", milliseconds / 1_000),
    }
}

/// The number of rows that fit below the headings.
fn room(inside: Rect) -> usize {
    usize::from(inside.height).saturating_sub(1)
}

fn show(
    columns: &[Column],
    rows: &[Vec<String>],
    viewport: Viewport,
    frame: &mut Frame<'_>,
    inside: Rect,
) {
    let lines = table(columns, rows, usize::from(inside.width));
    for (number, (line, row)) in lines.into_iter().zip(inside.rows()).enumerate() {
        let line = if number == 0 { Line::styled(line, viewport.faint()) } else { Line::raw(line) };
        frame.render_widget(line, row);
    }
}

fn left(heading: &'static str) -> Column {
    Column { heading, alignment: Alignment::Left }
}

fn right(heading: &'static str) -> Column {
    Column { heading, alignment: Alignment::Right }
}

//! Draws the count: the turnout, and below it every question with a bar for each option. Only as
//! many rows are drawn as fit.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use unicode_truncate::Alignment;
use unicode_width::UnicodeWidthStr;

use super::finality::lines;
use super::text::{bar, cell, fit, percent, share};
use super::{BORDER_ROWS, Viewport, panel};
use crate::schema::{QuestionTally, Results};
use crate::watch::state::State;

/// The rows for the turnout and for the empty row below it, which are always shown.
const FIXED_ROWS: u16 = 2;

/// The number of columns of `100.0 %`.
const PERCENT_COLUMNS: usize = 7;

/// How many columns options are indented below their question.
const INDENT: usize = 2;

/// One row below the turnout.
enum Row<'a> {
    Question(&'a str),
    Choice { name: &'a str, votes: u64 },
    Empty,
}

pub(super) fn draw(state: &State, viewport: Viewport, frame: &mut Frame<'_>, area: Rect) {
    let (visible, all) = rows_visible_and_all(state, area);
    let first = viewport.first_row.min(all.saturating_sub(visible));
    let mut block = viewport.panel("Count");
    if all > visible {
        let text = format!(" rows {} to {} of {all} ", first + 1, first + visible);
        block = block.title_bottom(Line::styled(text, viewport.faint()).right_aligned());
    }
    let inside = panel(frame, area, block);
    let Some(results) = &state.results else { return };
    let width = usize::from(inside.width);
    let digits = results.votes.to_string().len().max(3);
    let numbers = 2 + digits + 2 + PERCENT_COLUMNS;
    let longest = longest_name(results);
    let names = longest.min((width.saturating_sub(numbers + INDENT) * 3).div_ceil(5));
    let bars = width.saturating_sub(numbers + INDENT + names + 2);
    let number = |votes: u64, part: f64| {
        let votes = cell(&votes.to_string(), digits, Alignment::Right);
        format!("  {votes}  {}", cell(&percent(part), PERCENT_COLUMNS, Alignment::Right))
    };
    let shown = rows(results).skip(first).take(visible);
    let mut places = inside.rows();
    if let Some(place) = places.next() {
        frame.render_widget(turnout(results, viewport, width), place);
    }
    let extra = usize::from(extra_rows(state, area));
    if let Some(finality) = &results.finality {
        for (text, place) in lines(finality, state.now_ms).iter().take(extra).zip(&mut places) {
            frame.render_widget(Line::raw(fit(text, width)), place);
        }
    }
    for (row, place) in shown.zip(places.skip(1)) {
        let line = match row {
            Row::Empty => continue,
            Row::Question(title) => Line::styled(fit(title, width), viewport.strong()),
            Row::Choice { name, votes } => {
                let part = share(votes, results.votes);
                let name = cell(name, names, Alignment::Left);
                Line::from(vec![
                    Span::raw(format!("{}{name}  ", " ".repeat(INDENT))),
                    Span::styled(bar(part, bars), viewport.bar()),
                    Span::raw(number(votes, part)),
                ])
            }
        };
        frame.render_widget(line, place);
    }
}

pub(super) fn rows_visible_and_all(state: &State, area: Rect) -> (usize, usize) {
    let fixed = BORDER_ROWS + FIXED_ROWS + extra_rows(state, area);
    let visible = usize::from(area.height.saturating_sub(fixed));
    (visible, state.results.as_ref().map_or(0, |results| rows(results).count()))
}

/// How many rows tell how final the count is; they leave at least half of the panel to the count itself.
fn extra_rows(state: &State, area: Rect) -> u16 {
    let finality = state.results.as_ref().and_then(|results| results.finality.as_ref());
    let wanted = finality.map_or(0, |finality| lines(finality, state.now_ms).len());
    let room = area.height.saturating_sub(BORDER_ROWS + FIXED_ROWS) / 2;
    u16::try_from(wanted).unwrap_or(u16::MAX).min(room)
}

/// `turnout ██████▌    7 of 12   58.3 %`
fn turnout(results: &Results, viewport: Viewport, width: usize) -> Line<'static> {
    let Results { votes, registered_voters, .. } = *results;
    let part = share(votes, registered_voters);
    let percent = cell(&percent(part), PERCENT_COLUMNS, Alignment::Right);
    let word = "turnout  ";
    let mut numbers = format!("  {votes} of {registered_voters}");
    let room = width.saturating_sub(word.width() + numbers.width());
    // The numbers are shown without the share if both do not fit.
    if room >= 2 + PERCENT_COLUMNS {
        numbers += &format!("  {percent}");
    }
    let room = width.saturating_sub(word.width() + numbers.width());
    Line::from(vec![
        Span::styled(word, viewport.strong()),
        Span::styled(bar(part, room), viewport.good()),
        Span::raw(numbers),
    ])
}

fn rows(results: &Results) -> impl Iterator<Item = Row<'_>> {
    results.questions.iter().enumerate().flat_map(|(number, question)| {
        let gap = (number > 0).then_some(Row::Empty);
        let title = Row::Question(&question.title);
        let choices = choices(question).map(|(name, votes)| Row::Choice { name, votes });
        gap.into_iter().chain([title]).chain(choices)
    })
}

fn choices(question: &QuestionTally) -> impl Iterator<Item = (&str, u64)> {
    let options = question.options.iter().map(|option| (option.name.as_str(), option.votes));
    options.chain((question.blank > 0).then_some(("(blank)", question.blank)))
}

fn longest_name(results: &Results) -> usize {
    let names = results.questions.iter().flat_map(choices).map(|(name, _)| name.width());
    names.max().unwrap_or_default()
}

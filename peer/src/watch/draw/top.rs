//! Draws the panels of the first row: the end of the chain, the pool, and the search for a block.

use std::collections::VecDeque;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{RenderDirection, Sparkline};

use super::text::{bar, share, sides, span};
use super::{Viewport, panel};
use crate::render::{idle_in_short, rate, short};
use crate::schema::{Mining, Status};
use crate::watch::state::State;

pub(super) fn chain(state: &State, viewport: Viewport, frame: &mut Frame<'_>, area: Rect) {
    let [first, second, third] = lines(panel(frame, area, viewport.panel("Chain")));
    let width = usize::from(first.width);
    let Some(status) = &state.status else {
        frame.render_widget(Line::styled("waiting for the peer", viewport.faint()), first);
        return;
    };
    let tip = status.tip;
    let age = state
        .blocks
        .first()
        .filter(|block| block.hash == tip.hash)
        .map_or_else(String::new, |block| {
            format!("{} ago", span(state.now_ms.saturating_sub(block.time_ms)))
        });
    let height = format!("block {}", tip.height);
    frame.render_widget(Line::styled(sides(&height, &age, width), viewport.strong()), first);
    if status.sync_target > tip.height {
        let room = width.saturating_sub(5);
        let done = bar(share(tip.height, status.sync_target), room);
        let fetched = Line::from(vec![Span::raw("sync "), Span::styled(done, viewport.bar())]);
        frame.render_widget(fetched, second);
        let goal = format!("up to {}", status.sync_target);
        frame.render_widget(Line::raw(sides("fetching", &goal, width)), third);
    } else {
        frame.render_widget(
            Line::styled(sides(&short(tip.hash), "", width), viewport.faint()),
            second,
        );
        let held_by = status.tip_held_by;
        let agreement = match status.unready.first() {
            Some(unready) => unready.kind().replace('_', " ").to_uppercase(),
            None if held_by.neighbours == 0 => "nobody else".to_owned(),
            None => format!("held {}/{}", held_by.neighbours, held_by.of),
        };
        frame.render_widget(Line::raw(sides(&work(status), &agreement, width)), third);
    }
}

pub(super) fn pool(state: &State, viewport: Viewport, frame: &mut Frame<'_>, area: Rect) {
    let [first, second, third] = lines(panel(frame, area, viewport.panel("Pool")));
    let Some(status) = &state.status else { return };
    let held = match status.held {
        0 => String::new(),
        held => format!("{held} held"),
    };
    let waiting = format!("{} waiting", status.pool);
    let text = sides(&waiting, &held, usize::from(first.width));
    frame.render_widget(Line::styled(text, viewport.strong()), first);
    curve(&state.pool_samples, viewport, frame, second.union(third));
}

pub(super) fn mining(state: &State, viewport: Viewport, frame: &mut Frame<'_>, area: Rect) {
    let [first, second, third] = lines(panel(frame, area, viewport.panel("Mining")));
    let width = usize::from(first.width);
    let Some(status) = &state.status else { return };
    let Some(mining) = &status.mining else {
        frame.render_widget(Line::styled(idle_in_short(status), viewport.faint()), first);
        curve(&state.rate_samples, viewport, frame, second.union(third));
        return;
    };
    let found = format!("block {}", mining.height);
    let text = sides(&found, &rate(mining.hashes_per_second), width);
    frame.render_widget(Line::styled(text, viewport.strong()), first);
    let (times, done) = progress(mining);
    let room = width.saturating_sub(times.chars().count() + 1);
    let spans = vec![Span::styled(bar(done, room), viewport.bar()), Span::raw(format!(" {times}"))];
    frame.render_widget(Line::from(spans), second);
    curve(&state.rate_samples, viewport, frame, third);
}

/// `4.1s of ~2.0s`, and the share of the expected time that has passed.
fn progress(mining: &Mining) -> (String, f64) {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "seconds for people; what is out of range becomes the end of the range"
    )]
    let milliseconds = |seconds: f64| (seconds * 1_000.0) as u64;
    let span = |seconds: f64| match seconds {
        short if short < 10.0 => format!("{short:.1}s"),
        long => span(milliseconds(long)),
    };
    let running = span(mining.running_seconds);
    match mining.expected_seconds {
        Some(expected) if expected > 0.0 => {
            let text = format!("{running} of ~{}", span(expected));
            (text, (mining.running_seconds / expected).min(1.0))
        }
        _ => (running, 0.0),
    }
}

/// The numbers of attempts are too long to read, so their size is shown as a power of two.
fn work(status: &Status) -> String {
    match status.work.parse::<f64>() {
        Ok(attempts) if attempts >= 1.0 => format!("work 2^{:.1}", attempts.log2()),
        Ok(_) | Err(_) => "work 0".to_owned(),
    }
}

/// Draws the newest samples, with the last one at the right.
fn curve(samples: &VecDeque<u64>, viewport: Viewport, frame: &mut Frame<'_>, area: Rect) {
    let newest = samples.iter().copied().take(usize::from(area.width));
    let newest: Vec<u64> = newest.collect();
    // Without this minimum, a single transaction would fill the whole height.
    let highest = newest.iter().copied().max().unwrap_or_default().max(4);
    let curve = Sparkline::default()
        .data(newest)
        .max(highest)
        .direction(RenderDirection::RightToLeft)
        .style(viewport.bar());
    frame.render_widget(curve, area);
}

fn lines(area: Rect) -> [Rect; 3] {
    Layout::vertical([Constraint::Length(1); 3]).areas(area)
}

//! Renders the count as text, and how final it is.

use super::bars::bars;
use super::finality;
use super::layout::heading;
use super::text::{self, short};
use crate::schema::Results;

pub(super) fn tally(results: &Results, color: bool) -> String {
    let mut lines: Vec<_> = results.finality.iter().flat_map(finality::lines).collect();
    lines.push(format!(
        "{}, counted up to block {} ({})",
        text::turnout(results.votes, results.registered_voters),
        results.tip.height,
        short(results.tip.hash),
    ));
    lines.push(text::admitted(&results.admitted));
    lines.push(match results.blocks_deep {
        0 => "no block holds a vote yet".to_owned(),
        deep => format!("the newest vote is {} deep", text::count(deep, "block")),
    });
    if let Some(held_by) = results.tip_held_by {
        lines.push(format!("the newest block: {}", text::held_by(held_by)));
    }
    lines.extend(results.unready.iter().map(|why| format!("NOT READY: {}", text::unready(why))));
    lines.extend(text::waiting(results.waiting));
    for question in &results.questions {
        lines.push(String::new());
        lines.push(heading(&question.title, color));
        lines.push(bars(question, results.votes, color));
    }
    lines.extend(results.finality.iter().flat_map(|each| finality::disputed(each, color)));
    lines.join("\n") + "\n"
}

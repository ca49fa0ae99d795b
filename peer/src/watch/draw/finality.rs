//! Says beside the count how long the election takes votes, how final the count is, and how far the validators are.

use super::text::span;
use crate::render::Tone;
use crate::schema::{ElectionState, Finality, ValidatorShown};

/// How much a state matters.
pub(super) fn tone(state: ElectionState) -> Tone {
    match state {
        ElectionState::Upcoming => Tone::Plain,
        ElectionState::Open | ElectionState::Final => Tone::Good,
        ElectionState::Sealing => Tone::Doubtful,
        ElectionState::Disputed => Tone::Bad,
    }
}

/// The most important line first.
pub(super) fn lines(finality: &Finality, now_ms: u64) -> Vec<String> {
    let mut lines = vec![counted(finality)];
    lines.extend(hours(finality, now_ms));
    lines.extend(validators(&finality.validators));
    lines
}

/// `final up to 41: 179 votes; 8 above`
fn counted(finality: &Finality) -> String {
    let Finality { votes_final, votes_above, .. } = *finality;
    match (finality.state, finality.final_block) {
        (ElectionState::Disputed, _) => "DISPUTED: nothing is final".to_owned(),
        (_, None) => format!("nothing final; {votes_above} in blocks"),
        (_, Some(block)) => {
            format!("final up to {}: {votes_final} votes; {votes_above} above", block.height)
        }
    }
}

/// What happens next, and when.
fn hours(finality: &Finality, now_ms: u64) -> Option<String> {
    let until = |time_ms: u64| span(time_ms.saturating_sub(now_ms));
    match finality.state {
        ElectionState::Upcoming if now_ms < finality.opens_ms => {
            Some(format!("opens in {}", until(finality.opens_ms)))
        }
        ElectionState::Upcoming => Some("opens with the next blocks".to_owned()),
        ElectionState::Open if now_ms < finality.vote_by_ms => {
            let (vote_by, closes) = (until(finality.vote_by_ms), until(finality.closes_ms));
            Some(format!("vote within {vote_by}; closes in {closes}"))
        }
        ElectionState::Open if now_ms < finality.closes_ms => {
            Some(format!("open, but late: closes in {}", until(finality.closes_ms)))
        }
        ElectionState::Open => Some("closes with the next blocks".to_owned()),
        ElectionState::Sealing => {
            let since = span(now_ms.saturating_sub(finality.closes_ms));
            Some(format!("closed {since} ago, not final yet"))
        }
        ElectionState::Final | ElectionState::Disputed => None,
    }
}

/// What each validator committed last: `North 41  East 41  South –`
fn validators(all: &[ValidatorShown]) -> Option<String> {
    let each = all.iter().map(|each| {
        let committed = each.committed.map_or_else(|| "–".to_owned(), |height| height.to_string());
        format!("{} {committed}", each.name)
    });
    let told = each.collect::<Vec<_>>().join("  ");
    (!told.is_empty()).then_some(told)
}

//! What a picture tells of a timed election.

use super::*;
use crate::schema::{ElectionState, Finality, ValidatorShown};

const NAMES: [&str; 4] = ["North", "East", "South", "West"];

fn finality(state: ElectionState) -> Finality {
    let validators = NAMES.map(|name| ValidatorShown {
        name: name.to_owned(),
        prepared: None,
        committed: Some(5).filter(|_| name != "West"),
        present_ms: None,
    });
    Finality {
        state,
        opens_ms: NOW_MS - 1_200_000,
        vote_by_ms: NOW_MS + 1_080_000,
        closes_ms: NOW_MS + 1_200_000,
        median_time_ms: NOW_MS - 50_000,
        late: false,
        final_block: Some(tip(5)),
        justified_block: Some(tip(6)),
        closing_block: None,
        votes_final: 6,
        votes_above: 1,
        votes_waiting: 4,
        final_since_ms: None,
        certificate: None,
        closing_certificate: None,
        tally: None,
        depth: None,
        validators: validators.to_vec(),
        own_validator: None,
        evidence: Vec::new(),
        conflict: None,
    }
}

/// The picture at a time, of an election that is so far.
fn drawn(finality: &Finality, now_ms: u64, (width, height): (u16, u16)) -> String {
    let mut state = state("Computing club 2026");
    let mut answers = answers(6, 7, chair_and_evenings());
    answers.status.finality = Some(finality.clone());
    if let Some((results, _)) = &mut answers.chain {
        results.finality = Some(finality.clone());
    }
    state.apply(Update::Asked(Box::new(answers)), now_ms);
    text(&picture(&state, LOOK, width, height))
}

#[test]
fn the_state_stands_before_the_title_and_what_is_final_beside_the_count() {
    let found = drawn(&finality(ElectionState::Open), NOW_MS, (80, 24));
    assert!(found.starts_with(" OPEN  FOR ANYBODY  Computing club 2026"), "{found}");
    for line in [
        "│ turnout  ███▌    7 of 12   58.3 % │",
        "│ final up to 5: 6 votes; 1 above   │",
        "│ vote within 18m 0s; closes in 20… │",
        "│ North 5  East 5  South 5  West –  │",
        "│   Ada        ███▍      4   57.1 % │",
    ] {
        assert!(found.contains(line), "no {line}:\n{found}");
    }
    // On the smallest terminal the count keeps its room.
    let small = drawn(&finality(ElectionState::Open), NOW_MS, (80, 20));
    assert!(small.contains("final up to 5") && small.contains("Who takes the chair?"), "{small}");
}

#[test]
fn the_clock_runs_down_to_the_next_thing_that_happens() {
    use ElectionState::{Disputed, Final, Open, Sealing, Upcoming};
    let closes = finality(Open).closes_ms;
    for (state, now_ms, words) in [
        (Upcoming, NOW_MS - 1_290_000, "opens in 1m 30s"),
        (Upcoming, NOW_MS, "opens with the next blocks"),
        (Open, closes - 60_000, "open, but late: closes in 1m 0s"),
        (Open, closes, "closes with the next blocks"),
        (Sealing, closes + 5_000, "closed 5s ago, not final yet"),
        (Final, closes, "final up to 5: 6 votes"),
        (Disputed, closes, "DISPUTED: nothing is final"),
    ] {
        let found = drawn(&finality(state), now_ms, (120, 40));
        let badge = format!(" {}  ", state.word().to_uppercase());
        assert!(found.starts_with(&badge) && found.contains(words), "{state:?}:\n{found}");
    }
    let nothing = Finality { final_block: None, votes_above: 7, ..finality(Open) };
    assert!(drawn(&nothing, NOW_MS, (80, 24)).contains("nothing final; 7 in blocks"));
}

//! Samples of timed elections: each state that one can be in, as a peer tells it.

use chain::Tally;
use node::{
    Abstention, DepthView, DisputedEnd, ElectionState, EvidenceView, Fate, FinalityView,
    OwnValidatorView, SeenCertificate, ValidatorView, VoterView,
};
use protocol::election::Election;
use protocol::finality::{BlockReference, Certificate, Offence};
use protocol::units::{Height, UnixMillis};

use super::events::{block_of, certificate, evidence as two_commits};
use super::{AT, Reply, in_block, in_pool, results, schema, status_of, tip, vote_id, voter};
use protocol::transaction::Choices;

/// 20 minutes before the close.
const NOW_MS: u64 = AT.0;
const VOTE_BY: UnixMillis = UnixMillis(NOW_MS + 1_080_000);
const CLOSES: UnixMillis = UnixMillis(NOW_MS + 1_200_000);
const NAMES: [&str; 4] = ["North", "East", "South", "West"];

fn seen(height: u64) -> SeenCertificate {
    SeenCertificate { certificate: certificate(tip(height)), seen_at: at(1_300_000) }
}

fn at(after_ms: u64) -> UnixMillis {
    UnixMillis(NOW_MS + after_ms)
}

fn tally(votes: u64) -> Tally {
    Tally { votes, options: vec![vec![votes, 0, 0], vec![0, votes, 0]], blank: vec![0, 0] }
}

fn genesis() -> BlockReference {
    BlockReference { height: Height(0), hash: tip(0).hash }
}

/// In the middle of an election with four validators.
fn open() -> FinalityView {
    let validators = NAMES.map(|name| ValidatorView {
        name: name.to_owned(),
        prepared: Some(Height(2)).filter(|_| name != "West"),
        committed: Some(Height(1)).filter(|_| name != "West"),
        present_at: Some(AT).filter(|_| name != "West"),
    });
    FinalityView {
        state: ElectionState::Open,
        opens: UnixMillis(NOW_MS - 1_200_000),
        vote_by: VOTE_BY,
        closes: CLOSES,
        median_time: UnixMillis(NOW_MS - 50_000),
        is_late: false,
        final_block: block_of(tip(1)),
        justified_block: block_of(tip(2)),
        closing_block: None,
        final_tally: Some(tally(2)),
        votes_final: 2,
        votes_above: 1,
        votes_waiting: 4,
        final_since: None,
        certificate: Some(seen(1)),
        closing_certificate: None,
        depth: None,
        validators: validators.to_vec(),
        own_validator: None,
        evidence: Vec::new(),
        conflict: None,
    }
}

fn upcoming() -> FinalityView {
    FinalityView {
        state: ElectionState::Upcoming,
        opens: at(60_000),
        final_block: genesis(),
        justified_block: genesis(),
        final_tally: None,
        votes_final: 0,
        votes_above: 0,
        votes_waiting: 0,
        certificate: None,
        ..open()
    }
}

fn ended(state: ElectionState) -> FinalityView {
    let closing_block = Some(block_of(tip(2)));
    FinalityView { state, is_late: true, closing_block, votes_waiting: 0, ..open() }
}

fn finished() -> FinalityView {
    FinalityView {
        final_block: block_of(tip(2)),
        final_tally: Some(tally(3)),
        votes_final: 3,
        votes_above: 0,
        final_since: Some(at(1_300_000)),
        certificate: Some(seen(2)),
        closing_certificate: Some(seen(2)),
        ..ended(ElectionState::Final)
    }
}

fn contradicted() -> FinalityView {
    let second = Certificate { block: block_of(tip(3)), ..certificate(tip(3)) };
    let conflict = Some(Box::new((certificate(tip(2)), second)));
    let evidence = vec![accused()];
    FinalityView { conflict, evidence, ..ended(ElectionState::Disputed) }
}

fn accused() -> EvidenceView {
    EvidenceView { name: "North".into(), offence: Offence::TwoCommits, evidence: two_commits() }
}

/// An election without validators.
fn by_depth(state: ElectionState, is_witnessed: Option<bool>) -> FinalityView {
    let depth = DepthView { confirmations: 6, blocks: 2, is_witnessed, disputed: Vec::new() };
    let is_final = state == ElectionState::Final;
    FinalityView {
        final_block: if is_final { block_of(tip(2)) } else { genesis() },
        final_tally: is_final.then(|| tally(3)),
        votes_final: if is_final { 3 } else { 0 },
        votes_above: if is_final { 0 } else { 3 },
        final_since: is_final.then(|| at(1_300_000)),
        certificate: None,
        validators: Vec::new(),
        depth: Some(depth),
        ..ended(state)
    }
}

fn disputed_by_depth() -> FinalityView {
    let end = |height, votes, seen_at| DisputedEnd {
        closing: block_of(tip(height)),
        tally: Some(tally(votes)),
        seen_at,
    };
    let view = by_depth(ElectionState::Disputed, Some(true));
    let disputed = vec![end(2, 3, at(1_300_000)), end(3, 1, at(1_900_000))];
    FinalityView { depth: view.depth.map(|depth| DepthView { disputed, ..depth }), ..view }
}

/// Every state of an election, and what it is called on the page.
pub(in crate::render::documented) fn states(election: &Election) -> Vec<(&'static str, Reply)> {
    let views = [
        ("upcoming", upcoming()),
        ("open", open()),
        ("late", FinalityView { is_late: true, ..open() }),
        ("sealing", ended(ElectionState::Sealing)),
        ("final", finished()),
        ("contradicted", contradicted()),
        ("sealing by depth", by_depth(ElectionState::Sealing, None)),
        ("final by depth", by_depth(ElectionState::Final, Some(true))),
        ("not witnessed", by_depth(ElectionState::Final, Some(false))),
        ("disputed by depth", disputed_by_depth()),
    ];
    let told = views.map(|(name, view)| {
        let results = node::Results { finality: Some(Box::new(view)), ..results(election) };
        (name, Reply::Results(Box::new((&results).into())))
    });
    told.into()
}

pub(in crate::render::documented) fn final_results(election: &Election) -> Reply {
    let results = node::Results { finality: Some(Box::new(finished())), ..results(election) };
    let results = schema::FinalResults::of(&(&results).into()).expect("it is final");
    Reply::FinalResults(Box::new(results))
}

/// The status of a validator that lost what it remembered, and knows of another that signed twice.
pub(in crate::render::documented) fn status(election: &Election) -> Reply {
    let own = OwnValidatorView {
        place: 1,
        name: "East".into(),
        abstains: Some(Abstention::NoRecord),
        prepared: None,
        committed: None,
    };
    let view = FinalityView { own_validator: Some(own), evidence: vec![accused()], ..open() };
    Reply::Status(Box::new(status_of(Some(view), election)))
}

pub(in crate::render::documented) fn evidence(election: &Election) -> Reply {
    Reply::Evidence(schema::EvidenceList::of(&[accused()], election.election_id()))
}

/// A voter's own vote in a timed election, with each of its fates.
pub(in crate::render::documented) fn fates(
    choices: &Choices,
    election: &Election,
) -> Vec<(&'static str, Reply)> {
    let since = Some(at(1_300_000));
    let fates = [
        ("final", in_block(), Fate::Final { since }),
        ("not final yet", in_block(), Fate::Pending),
        ("not counted", in_pool(), Fate::NotCounted),
    ];
    let told = fates.map(|(name, standing, fate)| {
        let vote = node::VoteView {
            transaction: vote_id(),
            choices: choices.clone(),
            cast_at: AT,
            standing,
            held_by: node::HeldBy { neighbours: 2, of: 3 },
            fate: Some(fate),
        };
        let view = VoterView {
            voter: voter(),
            registration: Some(in_block()),
            registration_fate: Some(Fate::Final { since }),
            withdrawal: None,
            vote: Some(vote),
        };
        (name, Reply::MyVote(schema::Voter::of(&view, election)))
    });
    told.into()
}

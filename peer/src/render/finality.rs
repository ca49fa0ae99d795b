//! Says how far a timed election has come, and how final its count is.
//!
//! The word FINAL is said of nothing but what a certificate covers, or what lies as deep as the ballot demands, and
//! then with "as this peer saw it".

use super::bars::bars;
use super::layout::heading;
use super::text::{self, count, short};
use crate::schema::{
    ElectionState, EvidenceList, Fate, FinalResults, FinalTally, Finality, OwnValidator, ShownVote,
    ValidatorShown,
};

/// A state as people read it.
pub(crate) fn state_word(state: ElectionState) -> String {
    state.word().to_uppercase()
}

/// How far the election has come, and when it goes on: `OPEN until …; vote by …`.
fn state(finality: &Finality) -> String {
    let (opens, closes) = (text::time(finality.opens_ms), text::time(finality.closes_ms));
    let vote_by = text::time(finality.vote_by_ms);
    match finality.state {
        ElectionState::Upcoming => format!("UPCOMING: opens {opens}; vote by {vote_by}"),
        ElectionState::Open if finality.late => {
            format!("OPEN, BUT LATE: closes {closes}; a vote now may not be counted")
        }
        ElectionState::Open => format!("OPEN until {closes}; vote by {vote_by}"),
        ElectionState::Sealing => {
            format!("SEALING: closed {closes}; takes no more votes, not final yet")
        }
        ElectionState::Final => {
            let since =
                finality.final_since_ms.map(|since| format!(" since {}", text::time(since)));
            format!("FINAL{}, {}", since.unwrap_or_default(), grounds(finality))
        }
        ElectionState::Disputed if finality.conflict.is_some() => {
            "DISPUTED: two certificates contradict each other, so nothing is final".to_owned()
        }
        ElectionState::Disputed => {
            "DISPUTED: this election has ended in two ways, and nothing is final".to_owned()
        }
    }
}

/// Says until when a vote is sure to be counted.
pub(crate) fn vote_by(vote_by_ms: u64) -> String {
    format!("vote by {}: later votes may not be counted", text::time(vote_by_ms))
}

/// Says that votes are taken, and may come too late.
pub(crate) fn late(closes_ms: u64) -> String {
    let closes = text::time(closes_ms);
    format!("open, but late: closes {closes}; a vote now may not be counted")
}

/// By what the result is final.
fn grounds(finality: &Finality) -> String {
    match (&finality.depth, finality.deciding_certificate()) {
        (Some(depth), _) => witnessed(depth.witnessed).to_owned(),
        (None, Some(certificate)) => by(&finality.signers(certificate), finality.validators.len()),
        (None, None) => "by a certificate that is not here".to_owned(),
    }
}

fn witnessed(witnessed: Option<bool>) -> &'static str {
    match witnessed {
        Some(true) => "as this peer saw it",
        Some(false) | None => "not witnessed: this peer was not there",
    }
}

/// `by 3 of 4 validators: North, East, South`
fn by(signers: &[impl AsRef<str>], validators: usize) -> String {
    let names: Vec<_> = signers.iter().map(AsRef::as_ref).collect();
    format!("by {} of {}: {}", names.len(), count(validators, "validator"), names.join(", "))
}

/// `final up to block 41: 179 votes; 8 above it; 4 waiting`
fn progress(finality: &Finality) -> String {
    let Finality { votes_final, votes_above, votes_waiting, .. } = *finality;
    match finality.final_block.filter(|_| finality.state != ElectionState::Disputed) {
        Some(block) => format!(
            "final up to block {}: {}; {votes_above} above it; {votes_waiting} waiting",
            block.height,
            count(votes_final, "vote"),
        ),
        None => format!(
            "nothing is final: {} in blocks; {votes_waiting} waiting",
            count(votes_final.saturating_add(votes_above), "vote"),
        ),
    }
}

/// What stands above a count: the state, what is final, and everything that speaks against it.
pub(super) fn lines(finality: &Finality) -> Vec<String> {
    let mut lines = vec![state(finality), progress(finality)];
    lines.extend(depth(finality));
    lines.extend(conflict(finality));
    lines.extend(accused(finality).map(|text| format!("EVIDENCE: {text}; `evidence` shows it")));
    lines
}

/// How deep the end lies, while that is not deep enough, and what that depth is worth.
fn depth(finality: &Finality) -> Vec<String> {
    let Some(depth) = &finality.depth else { return Vec::new() };
    let is_awaited = finality.state == ElectionState::Sealing && finality.closing_block.is_some();
    let awaited = is_awaited.then(|| {
        format!(
            "its end is {} deep of the {} that it takes",
            count(depth.blocks, "block"),
            depth.confirmations
        )
    });
    awaited.into_iter().chain([odds(depth.confirmations)]).collect()
}

/// What a depth is worth, in an election that has no validators.
pub(super) fn odds(confirmations: u32) -> String {
    format!(
        "who has {:.1} % of the hash rate undoes {} in 1 of 1000 tries",
        100.0 * chain::attacker_share(confirmations),
        count(confirmations, "block")
    )
}

/// Both certificates, if two contradict each other.
fn conflict(finality: &Finality) -> Vec<String> {
    let both = finality.conflict.iter().flat_map(|both| [&both.first, &both.second]);
    both.map(|certificate| {
        format!(
            "block {} ({}) {}",
            certificate.height,
            short(certificate.hash),
            by(&finality.signers(certificate), finality.validators.len())
        )
    })
    .collect()
}

/// What the validators did that broke the rules.
fn accused(finality: &Finality) -> impl Iterator<Item = String> {
    finality.evidence.iter().map(|each| format!("{} {}", each.validator, offence(&each.offence)))
}

/// What a validator did.
pub(super) fn offence(word: &str) -> &str {
    match word {
        "two_prepares" => "prepared two blocks of one height",
        "two_commits" => "committed two blocks of one height",
        "surrounded_commit" => "prepared past its own commit",
        other => other,
    }
}

/// The counts of all ends of a disputed election, one below the other.
pub(super) fn disputed(finality: &Finality, color: bool) -> Vec<String> {
    let ends = finality.depth.iter().flat_map(|depth| &depth.disputed);
    let told = ends.flat_map(|end| {
        let block = end.closing_block;
        let title = format!(
            "An end in block {} ({}), first seen {}",
            block.height,
            short(block.hash),
            text::time(end.seen_ms)
        );
        let counted = match &end.tally {
            Some(tally) => tallied(tally, color),
            None => vec!["its count is not known here".to_owned()],
        };
        [String::new(), heading(&title, color)].into_iter().chain(counted)
    });
    told.collect()
}

fn tallied(tally: &FinalTally, color: bool) -> Vec<String> {
    let mut lines = vec![count(tally.votes, "vote")];
    for question in &tally.questions {
        lines.push(question.title.clone());
        lines.push(bars(question, tally.votes, color));
    }
    lines
}

/// The count at the final block alone.
pub(super) fn final_results(results: &FinalResults, color: bool) -> String {
    let block = results.counted_at;
    let since = results.final_since_ms.map(|since| format!(" since {}", text::time(since)));
    let what = match results.complete {
        true => format!("FINAL{}", since.unwrap_or_default()),
        false => format!("{}: more may be added", state_word(results.state)),
    };
    let mut lines = vec![
        what,
        format!(
            "{}, final up to block {} ({})",
            count(results.votes, "vote"),
            block.height,
            short(block.hash)
        ),
    ];
    match &results.certificate {
        Some(certificate) if certificate.hash == block.hash => {
            lines.push(by(&results.signed_by, results.validators));
        }
        Some(certificate) => lines.push(format!(
            "by the certificate of block {} ({}), {}",
            certificate.height,
            short(certificate.hash),
            by(&results.signed_by, results.validators)
        )),
        None => lines.push(witnessed(results.witnessed).to_owned()),
    }
    for question in &results.questions {
        lines.push(String::new());
        lines.push(heading(&question.title, color));
        lines.push(bars(question, results.votes, color));
    }
    lines.join("\n") + "\n"
}

/// How final it is that a transaction stands in a block, or in none.
pub(super) fn fate(fate: Fate, is_in_block: bool) -> String {
    match fate {
        Fate::Pending if is_in_block => "not final yet".to_owned(),
        Fate::Pending => "nothing of it is final".to_owned(),
        Fate::Final { since_ms: None } => "final".to_owned(),
        Fate::Final { since_ms: Some(since_ms) } => format!("final since {}", text::time(since_ms)),
        Fate::NotCounted => "NOT COUNTED: the election closed without it".to_owned(),
    }
}

/// What is final, beside the word.
fn final_row(facts: &Finality) -> String {
    let told = progress(facts);
    told.strip_prefix("final ").unwrap_or(&told).to_owned()
}

/// How far a timed election has come, and what its validators do.
pub(super) fn rows(facts: &Finality) -> Vec<(&'static str, Option<String>)> {
    let mut rows = vec![("state", Some(state(facts))), ("final", Some(final_row(facts)))];
    rows.extend(conflict(facts).into_iter().map(|each| ("DISPUTED", Some(each))));
    let validators = facts.validators.iter().map(validator);
    rows.extend(validators.map(|each| ("validator", Some(each))));
    rows.extend(facts.own_validator.iter().map(|own| ("signing", Some(own_validator(own)))));
    rows.extend(accused(facts).map(|each| ("EVIDENCE", Some(each))));
    rows
}

/// `North: prepared 12, committed 11, said at … that it runs`
fn validator(validator: &ValidatorShown) -> String {
    let mut facts = Vec::new();
    facts.extend(validator.prepared.map(|height| format!("prepared {height}")));
    facts.extend(validator.committed.map(|height| format!("committed {height}")));
    facts.extend(validator.present_ms.map(|time| format!("seen {}", text::time(time))));
    let facts = if facts.is_empty() { "not heard of".to_owned() } else { facts.join(", ") };
    format!("{}: {facts}", validator.name)
}

/// What the validator does that this peer is.
fn own_validator(own: &OwnValidator) -> String {
    match &own.abstains {
        Some(why) => format!("{} does not sign: {}", own.name, why.reason),
        None => format!("{} signs", own.name),
    }
}

/// All evidence, with both votes of each piece.
pub(super) fn evidence(list: &EvidenceList) -> String {
    if list.evidence.is_empty() {
        return "no validator is known to have broken the rules\n".to_owned();
    }
    let told = list.evidence.iter().map(|each| {
        let (first, second) = (signed(&each.first), signed(&each.second));
        format!("{} {}\n{first}{second}", each.validator, offence(&each.offence))
    });
    told.collect::<Vec<_>>().join("\n")
}

fn signed(vote: &ShownVote) -> String {
    let (what, signature) = match vote {
        ShownVote::Prepare { target, source, signature, .. } => {
            let (height, hash, from) = (target.height, target.hash, source.height);
            (format!("PREPARE of block {height} from block {from}\n    {hash}"), signature)
        }
        ShownVote::Commit { block, signature, .. } => {
            (format!("COMMIT of block {}\n    {}", block.height, block.hash), signature)
        }
    };
    // Two lines, so that a signature can be read on 80 columns.
    let (begin, end) = signature.split_at(signature.len() / 2);
    format!("  {what}\n    signature {begin}\n              {end}\n")
}

//! The report of an audit.

use owo_colors::OwoColorize;
use protocol::admission::AdmissionRule;
use serde_json::{Value, json};

use super::human;
use crate::auditor::AuditReport;
use crate::schema::{Admitted, Results, Tip};
use chain::AuditFailure;

/// What was checked and how much of it, the count, and whether all holds or what does not.
pub(super) fn human(report: &AuditReport, color: bool) -> String {
    let AuditReport { election, results, work, transactions, signatures, failure } = report;
    let rule = &election.admission;
    let (signers, right) = match rule {
        AdmissionRule::Open { .. } => {
            ("by the voters' keys", "with a stamp, one per key".to_owned())
        }
        AdmissionRule::Registrars { registrars, threshold } => {
            let of = registrars.len();
            let right = format!("each signed by {threshold} of {of} registrars, one per key");
            ("by the voters' and the registrars' keys", right)
        }
    };
    let mut text = format!("election {} ({})\n", election.election_id(), election.title);
    let proofs = format!("one per block; {work} attempts expected in all");
    for (thing, number, checked) in [
        ("blocks", results.tip.height.0, "each on the one before it, from the genesis; times"),
        ("proofs of work", results.tip.height.0, proofs.as_str()),
        ("transactions", *transactions, "in the merkle root of their block; sizes"),
        ("signatures", *signatures, signers),
        ("registrations", results.registered_voters, right.as_str()),
        ("votes", results.votes, "as the ballot allows, by registered voters, one each"),
    ] {
        text += &format!("{thing:<14}{number:>9}  {checked}\n");
    }
    text += &format!("\n{}\n", human::tally(&Results::from(results), color));
    text + &match failure {
        None => format!("{}\n", verdict("all holds", true, color)),
        Some(failure) => broken(failure, color),
    }
}

fn broken(failure: &AuditFailure, color: bool) -> String {
    let AuditFailure { height, hash, error } = failure;
    let verdict =
        verdict("IT DOES NOT HOLD: only what comes before this block is counted", false, color);
    format!("{verdict}\nblock {height} {hash}\nrule {}\nreason {error}\n", error.rule())
}

fn verdict(text: &str, is_good: bool, color: bool) -> String {
    match (color, is_good) {
        (false, _) => text.to_owned(),
        (true, true) => text.green().to_string(),
        (true, false) => text.red().to_string(),
    }
}

pub(super) fn json(report: &AuditReport) -> Value {
    let AuditReport { election, results, work, transactions, signatures, failure } = report;
    let failure = failure.as_ref().map(|AuditFailure { height, hash, error }| {
        json!({
            "height": height.0,
            "hash": hash.to_string(),
            "rule": error.rule().name(),
            "reason": error.to_string(),
        })
    });
    json!({
        "answer": "audit",
        "passed": failure.is_none(),
        "election": election.election_id().to_string(),
        "title": election.title,
        "blocks": results.tip.height.0,
        "registrations": results.registered_voters,
        "votes": results.votes,
        "admitted": Admitted::from(&results.admitted),
        "transactions": transactions,
        "signatures": signatures,
        // More than 64 bits may be needed, which many readers of JSON do not take as a number.
        "work": work.to_string(),
        "tip": Tip::from(results.tip),
        "tally": Results::from(results).questions,
        "failure": failure,
    })
}

#[cfg(test)]
pub(super) mod samples {
    //! Reports for the examples of docs/CLI.md.

    use std::sync::Arc;

    use protocol::election::Election;
    use protocol::units::{VoterId, Work};

    use super::{AuditFailure, AuditReport};
    use chain::{BlockError, BodyError, TransactionError};
    use node::{Results, Tip};

    /// A report of a chain that holds, or of one whose next block does not.
    pub(in crate::render) fn report(
        election: &Election,
        results: Results,
        bad: Option<(Tip, VoterId)>,
    ) -> AuditReport {
        let failure = bad.map(|(block, voter)| {
            let error = TransactionError::AlreadyVoted { voter };
            let error = BodyError::Invalid(BlockError::Transaction { index: 1, error });
            AuditFailure { height: block.height, hash: block.hash, error: error.into() }
        });
        AuditReport {
            election: Arc::new(election.clone()),
            transactions: results.registered_voters + results.votes,
            signatures: results.registered_voters + results.votes,
            results,
            work: Work(33_554_432),
            failure,
        }
    }
}
